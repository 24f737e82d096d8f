"""`/v1/requests`: ask, look, wait, cancel, consume, report. What approvers do stands in `decisions`."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from aiohttp import web

from signoff.api import answers, body, parameters
from signoff.api.door import Waits, caller, caller_and, claim, idempotency_key
from signoff.api.reading import ID, readable, standing, the_id
from signoff.desk import Desk, claims
from signoff.errors import AlreadyDecided
from signoff.model import STATUS_OF, Ask, Key, Outcome, Request, Status
from signoff.ports import Filter, Limits, Store

MAX_WAIT = 60
"""Seconds."""
PAGE = 20
MAX_PAGE = 100
RECHECK = 1.0
"""Seconds of waiting after which the key is looked up again: a revoked one is not told the decision (I29)."""
FRESH = 0.05
"""Seconds that the store's clock and a record are taken as they were read."""
RISKS = ("low", "medium", "high", "critical")
STATUSES: tuple[Status, ...] = ("pending", *dict.fromkeys(STATUS_OF.values()))


class Requests:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, limits: Limits, waits: Waits) -> None:
        self._desk = desk
        self._store = store
        self._limits = limits
        self._waits = waits

    def routes(self) -> list[web.RouteDef]:
        one = "/v1/requests/{id}"
        return [
            web.post("/v1/requests", self.ask),
            web.get("/v1/requests", self.page, allow_head=False),
            web.get(one, self.show, allow_head=False),
            web.post(one + "/cancel", self.cancel),
            web.post(one + "/consume", self.consume),
            web.post(one + "/outcome", self.outcome),
        ]

    async def ask(self, http: web.Request) -> web.Response:
        began = time.monotonic()
        key, _, now = await caller_and(http, self._store, "agent")
        token, mine = idempotency_key(http), claim(http)
        ask = await body.read(http, Ask, self._limits)
        opened = await self._desk.ask(ask, key, token, claim=mine, now=now if _fresh(began) else None)
        headers = {"Location": f"/v1/requests/{opened.request.id}"}
        if opened.replayed:
            headers["Idempotent-Replayed"] = "true"
        if opened.folded:
            headers["Signoff-Folded"] = "true"
        if claims.holds(opened.request, mine):
            headers["Signoff-Claimed"] = "true"
        known = opened.replayed or opened.folded
        return answers.answer(answers.shown(opened.request, key), 200 if known else 201, headers)

    async def show(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent", "approver", "admin")
        wait = parameters.whole(http, "wait", 0, 0, MAX_WAIT)
        request_id = the_id(http)
        record = await readable(self._desk, request_id, key)
        masked = record.asked_by != key.id
        if wait and record.open:
            key_id = key.id
            del record, key  # ten thousand of these wait at once: hold nothing meanwhile
            began = time.monotonic()
            self._waits.take(key_id, http)
            try:
                record = await self._desk.wait(request_id, wait)
            except asyncio.CancelledError:
                if not self._waits.stopped():
                    raise
                record = await self._desk.get(request_id)  # the agent hears "pending" now and asks the next replica
            finally:
                self._waits.leave(key_id)
            if time.monotonic() - began >= RECHECK:
                await caller(http, self._store, "agent", "approver", "admin")
        return answers.answer(answers.record(record, masked=masked))

    async def page(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent", "approver", "admin")
        status = parameters.one_of(http, "status", STATUSES)
        cursor = parameters.cursor(http)
        which = Filter(
            status=next((known for known in STATUSES if known == status), None),
            agent=parameters.plain(http, "agent"),
            channel=parameters.plain(http, "channel"),
            risk=parameters.one_of(http, "risk", RISKS),
            asked_by=key.id if key.role == "agent" else None,
            approvers=await self._desk.queue_terms(key.person or "") if key.role == "approver" else None,
        )
        limit = parameters.whole(http, "limit", PAGE, 1, MAX_PAGE)
        found = await self._desk.page(which, cursor, limit)
        document: dict[str, object] = {
            "requests": [answers.shown(record, key) for record in found.requests],
            "cursor": found.cursor,
        }
        if key.role != "approver":  # nobody counts what each person may decide, and the rest is not theirs to know
            counts = await self._desk.counts(key.id if key.role == "agent" else None)
            document["counts"] = {name: counts.get(name, 0) for name in STATUSES}
        return answers.answer(document)

    async def cancel(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent")
        await body.read(http, body.Nothing, self._limits, optional=True)
        request_id = the_id(http)
        try:
            return answers.answer(answers.shown(await self._desk.withdraw(request_id, key), key))
        except AlreadyDecided as error:
            return await standing(self._desk, error, request_id, key)

    async def consume(self, http: web.Request) -> web.Response:
        began = time.monotonic()
        key, seen = await self._seen(http)
        sent = await body.read(http, body.ConsumeBody, self._limits)
        known = seen if _fresh(began) else None
        consumed = await self._desk.consume(the_id(http), sent.arguments, key, claim(http), known)
        return answers.answer(answers.shown(consumed, key))

    async def outcome(self, http: web.Request) -> web.Response:
        began = time.monotonic()
        key, seen = await self._seen(http)
        sent = await body.read(http, body.OutcomeBody, self._limits)
        outcome = Outcome(status=sent.status, detail=sent.detail)
        known = seen if _fresh(began) else None
        return answers.answer(answers.shown(await self._desk.report(the_id(http), outcome, key, known), key))

    async def _seen(self, http: web.Request) -> tuple[Key, tuple[Request, datetime]]:
        """The agent's key that is calling, and the request it speaks of. Raises what `caller` does; then NotFound."""
        text = http.match_info["id"]
        key, found, now = await caller_and(http, self._store, "agent", text if ID.fullmatch(text) else None)
        return key, (found, now) if found is not None else await self._store.load(the_id(http))


def _fresh(began: float) -> bool:
    """What was read so shortly before the body was there holds still; behind a slow body it is read again."""
    return time.monotonic() - began < FRESH
