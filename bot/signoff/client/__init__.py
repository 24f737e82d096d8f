"""The agent's side: aiohttp, pydantic, and nothing of the server."""

from signoff.client.batch import Batch as Batch
from signoff.client.blocking import Blocking as Blocking
from signoff.client.context import call as call
from signoff.client.decision import Decision as Decision
from signoff.client.deferred import Deferred as Deferred
from signoff.client.deferred import Failure as Failure
from signoff.client.deferred import Pending as Pending
from signoff.client.gate import Gate as Gate
