"""`/v1/batches`: an agent asks for several calls at once, and hears what became of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web
from pydantic import Field

from signoff.api import answers, body, hitl, parameters
from signoff.api.door import Waits, caller, idempotency_key
from signoff.api.problem import NoSuchBatch
from signoff.api.reading import ID
from signoff.api.requests import MAX_WAIT, RECHECK
from signoff.desk import Desk
from signoff.errors import Invalid, NotFound
from signoff.model import Ask, Key, Request
from signoff.ports import Limits, Store

HITL = frozenset({"action_requests", "review_configs"})
"""A body with any of these fields is LangChain's."""


class BatchBody(body.Body):
    """Several tool calls that wait for people together; each is decided by itself."""

    title: str | None = Field(None, max_length=300)
    """What all of it is for."""
    requests: list[dict[str, object]] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a body asks for."""

    asks: Sequence[Ask]
    title: str | None
    configs: Sequence[int] | None = None
    """Of a HITLRequest: the index of the review config that each goes by."""


class Batches:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, limits: Limits, waits: Waits) -> None:
        self._desk = desk
        self._store = store
        self._limits = limits
        self._waits = waits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/batches", self.ask),
            web.get("/v1/batches/{id}", self.show, allow_head=False),
        ]

    async def ask(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent")
        token = idempotency_key(http)
        raw = await body.received(http, self._limits.batch_bytes)
        if len(raw) > self._limits.body_bytes:
            # Hundreds of thousands of values take a while to look at, and nobody else has to wait meanwhile.
            sent = await asyncio.to_thread(asked, raw, self._limits)
        else:
            sent = asked(raw, self._limits)
        try:
            batch_id, opened = await self._desk.batches.ask(sent.asks, sent.title, key, token)
        except Invalid as error:
            if sent.configs is None:
                raise
            raise Invalid(hitl.placed(error.fields, sent.configs)) from None
        headers = {"Location": f"/v1/batches/{batch_id}"}
        replayed = all(one.replayed for one in opened)
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        return _answer([one.request for one in opened], key, 200 if replayed else 201, headers)

    async def show(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "agent")
        wait = parameters.whole(http, "wait", 0, 0, MAX_WAIT)
        ended = parameters.whole(http, "ended", -1, 0, self._limits.batch)
        batch_id = http.match_info["id"]
        if not ID.fullmatch(batch_id):
            raise NoSuchBatch
        found = await self._own(batch_id, key)
        waiting = sum(one.open for one in found)
        if wait and waiting:
            seen = ended if ended >= 0 else len(found) - 1
            del found  # hundreds of records, of which many waits may stand at once
            began = time.monotonic()
            self._waits.take(key.id, http, waiting)  # each of them is waited for
            try:
                found = await self._desk.batches.wait(batch_id, key, wait, seen)
            except asyncio.CancelledError:
                if not self._waits.stopped():
                    raise
                found = await self._own(batch_id, key)  # as things stand; the agent asks the next replica
            finally:
                self._waits.leave(key.id, waiting)
            if time.monotonic() - began >= RECHECK:
                await caller(http, self._store, "agent")
        return _answer(found, key)

    async def _own(self, batch_id: str, key: Key) -> Sequence[Request]:
        try:
            return await self._desk.batches.get(batch_id, key)
        except NotFound:
            raise NoSuchBatch from None


def asked(raw: bytes, limits: Limits) -> Asked:
    """The body of a batch in either form. Raises BadJson, Invalid."""
    fields = body.members(body.decoded(raw))
    name = "action_requests" if HITL & fields.keys() else "requests"
    several = fields.get(name)
    if isinstance(several, list) and len(several) > limits.batch:
        raise Invalid({f"/{name}": f"This must have at most {limits.batch} items."})
    body.check_each(fields, HITL if name in HITL else {name}, limits)
    if name in HITL:
        sent = body.build(fields, hitl.HITLBody)
        asks, configs = hitl.asks(sent)
        return Asked(asks, sent.title, configs)
    batch = body.build(fields, BatchBody)
    faults: dict[str, str] = {}
    members = body.within(batch.requests, Ask, "requests", faults)
    if faults:
        raise Invalid(faults)
    return Asked(members, batch.title)


def _answer(
    requests: Sequence[Request], key: Key, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """The batch, in the order in which it was asked."""
    of = requests[0].batch
    assert of is not None
    document = {
        "id": of.id,
        "title": of.title,
        "status": "pending" if any(one.open for one in requests) else "done",
        "requests": [answers.shown(one, key) for one in requests],
        "decisions": hitl.decisions(requests),
    }
    return answers.answer(document, status, headers)
