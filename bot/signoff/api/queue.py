"""`/v1/queue` and `/v1/decisions`: what waits for an approver key's person, and deciding many of it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from aiohttp import web
from pydantic import Field

from signoff.api import answers, body, parameters
from signoff.api.door import caller
from signoff.api.requests import RISKS as LEVELS
from signoff.cards.queue import group
from signoff.desk import Desk
from signoff.errors import Invalid
from signoff.model import RISKS, Actor, Pin, Sieve
from signoff.ports import Limits, Store

PAGE = 50
MAX_PAGE = 200
AT_ONCE = 200
"""Requests in one decision."""
TEXT = 200
"""Characters looked for."""
BATCH_ID = 100
"""Characters of a batch's id."""
CURSOR = re.compile(r"[A-Za-z0-9_.-]{1,100}", re.ASCII)

Document = dict[str, object]


class PinBody(body.Body):
    """One request exactly as it was listed."""

    id: str = Field(min_length=1, max_length=100)
    version: int = Field(ge=1)
    digest: str = Field(min_length=1, max_length=100)


class BulkBody(body.Body):
    """One word on several requests. What was edited since it was listed, and what cannot go along with others, is left
    alone and named.
    """

    kind: Literal["approve", "reject"]
    requests: tuple[PinBody, ...] = Field(min_length=1, max_length=AT_ONCE)
    message: str | None = Field(None, max_length=10_000)
    dry_run: bool = False
    """Only say what would be decided."""
    batch: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,100}$")
    """Names this review in the audit, also over several calls; sent again with the same name, a call answers what it
    did the first time. Left out, one is made.
    """


class Queue:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, limits: Limits) -> None:
        self._desk = desk
        self._store = store
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/queue", self.page, allow_head=False),
            web.post("/v1/decisions", self.decide),
        ]

    async def page(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver")
        risk = parameters.one_of(http, "risk", LEVELS)
        sieve = Sieve(
            risk=next(known for known in RISKS if known == risk),
            tool=parameters.plain(http, "tool"),
            agent=parameters.plain(http, "agent"),
            channel=parameters.plain(http, "channel"),
            text=parameters.plain(http, "text", TEXT),
            batch=parameters.plain(http, "batch", BATCH_ID),
        )
        cursor = parameters.cursor(http, CURSOR)
        limit = parameters.whole(http, "limit", PAGE, 1, MAX_PAGE)
        try:
            found = await self._desk.queue.page(Actor(via="api", person=key.person), sieve, cursor, limit)
        except Invalid as error:  # what else could be wrong has been looked at
            raise Invalid({"?cursor": error.sentence}, f"cursor: {error.sentence}") from None
        shown = [one for one, _ in found.requests]
        counts = found.counts
        document: Document = {
            "total": counts.total,
            "counts": {
                "risk": {level: counts.risk.get(level, 0) for level in (*LEVELS, "")},
                "tool": _most(counts.tool),
                "agent": _most(counts.agent),
                "channel": _most(counts.channel),
            },
            "groups": [
                {
                    "title": alike.title,
                    "detail": alike.detail,
                    "requests": [shown[place].id for place in alike.members],
                }
                for alike in group(shown)
            ],
            "requests": [
                answers.shown(one, key) | {"mark": None if verdict.code == "ok" else verdict.code}
                for one, verdict in found.requests
            ],
            "cursor": found.cursor,
        }
        return answers.answer(document)

    async def decide(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver")
        sent = await body.read(http, BulkBody, self._limits)
        pins = _pins(sent)
        actor = Actor(via="api", person=key.person)
        if sent.dry_run:
            judged = await self._desk.bulk.preflight(pins, sent.kind, actor)
            return _results(sent.batch, [(one.pin.id, one.code, one.sentence) for one in judged])
        decided = await self._desk.bulk.decide(pins, sent.kind, sent.message, actor, sent.batch)
        return _results(decided.batch, [(one.pin.id, one.result, one.sentence) for one in decided.results])


def _most(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first."""
    return dict(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def _pins(sent: BulkBody) -> list[Pin]:
    """Raises Invalid for a request that is named twice: of two versions one at most was meant."""
    places: dict[str, int] = {}
    faults = {
        f"/requests/{index}/id": "This request stands in the list already."
        for index, one in enumerate(sent.requests)
        if places.setdefault(one.id, index) != index
    }
    if faults:
        raise Invalid(faults)
    return [Pin(id=one.id, version=one.version, digest=one.digest) for one in sent.requests]


def _results(batch: str | None, results: list[tuple[str, str, str]]) -> web.Response:
    listed = [{"id": one, "result": result, "sentence": sentence} for one, result, sentence in results]
    return answers.answer({"batch": batch, "results": listed})
