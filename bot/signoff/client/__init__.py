"""The agent's side: aiohttp, pydantic, and nothing of the server."""

from signoff.client.blocking import Blocking as Blocking
from signoff.client.context import call as call
from signoff.client.decision import Decision as Decision
from signoff.client.gate import Gate as Gate
