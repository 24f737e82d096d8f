"""`/v1/webhooks/secret`: what an agent's webhooks are signed with."""

from __future__ import annotations

from aiohttp import hdrs, web

from signoff.api import answers
from signoff.api.door import caller
from signoff.desk import Desk
from signoff.ports import Store


class Webhooks:
    """The handler, with what it stands on."""

    def __init__(self, desk: Desk, store: Store) -> None:
        self._store = store
        self._desk = desk

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/v1/webhooks/secret", self.secret, allow_head=False)]

    async def secret(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent")
        return answers.answer({"secret": self._desk.webhook_secret(key.id)}, headers={hdrs.CACHE_CONTROL: "no-store"})
