"""Telling an address of the agent how a request ended, as Standard Webhooks describes it.

What is said and how it is signed, the way out, and how far each delivery has come. When it is tried is the relay's.
"""

from signoff.webhooks.deliveries import Deliveries as Deliveries
from signoff.webhooks.messages import Message as Message
from signoff.webhooks.messages import message as message
from signoff.webhooks.sending import Sender as Sender
from signoff.webhooks.sending import Sent as Sent
from signoff.webhooks.sending import Way as Way
