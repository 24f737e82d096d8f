"""The ports: Protocols that stores and chats implement, and the small shapes that cross them."""

from signoff.ports.chat import Chat as Chat
from signoff.ports.chat import Check as Check
from signoff.ports.chat import Directory as Directory
from signoff.ports.chat import Route as Route
from signoff.ports.limits import Flood as Flood
from signoff.ports.limits import Limits as Limits
from signoff.ports.store import NOTHING as NOTHING
from signoff.ports.store import Caps as Caps
from signoff.ports.store import Conditions as Conditions
from signoff.ports.store import Filter as Filter
from signoff.ports.store import Idempotency as Idempotency
from signoff.ports.store import Keys as Keys
from signoff.ports.store import Memory as Memory
from signoff.ports.store import Opened as Opened
from signoff.ports.store import Orders as Orders
from signoff.ports.store import Outbox as Outbox
from signoff.ports.store import Page as Page
from signoff.ports.store import Records as Records
from signoff.ports.store import Space as Space
from signoff.ports.store import Store as Store
from signoff.ports.store import Swap as Swap
from signoff.ports.store import Work as Work
from signoff.ports.targets import Targets as Targets
