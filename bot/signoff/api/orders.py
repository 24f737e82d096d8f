"""Standing orders at the HTTP door: freezes (admin keys), grants and delegations (the approver's own)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web

from signoff.api import answers, body
from signoff.api.door import caller
from signoff.api.problem import NoSuch
from signoff.api.reading import ID
from signoff.desk import Desk
from signoff.errors import Invalid, NotFound
from signoff.model import Delegation, Freeze, Grant, Key, iso, loads
from signoff.ports import Limits, Store

Document = dict[str, object]
VIA = "api"


class Orders:
    """The handlers, with what they stand on."""

    def __init__(self, desk: Desk, store: Store, limits: Limits) -> None:
        self._desk = desk
        self._store = store
        self._limits = limits

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/v1/freezes", self.freezes, allow_head=False),
            web.post("/v1/freezes", self.freeze),
            web.post("/v1/freezes/thaw", self.thaw),
            web.get("/v1/grants", self.grants, allow_head=False),
            web.post("/v1/grants/{id}/revoke", self.revoke),
            web.get("/v1/delegations", self.delegations, allow_head=False),
            web.post("/v1/delegations", self.delegate),
            web.post("/v1/delegations/{id}/end", self.end),
        ]

    # ── the kill switch ──────────────────────────────────────────────────────────────────────────

    async def freezes(self, http: web.Request) -> web.Response:
        await caller(http, self._store, "admin")
        return _frozen(await self._desk.orders.freezes())

    async def freeze(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "admin")
        sent = await body.read(http, body.FreezeBody, self._limits)
        froze = await self._desk.orders.freeze(sent.agent, sent.tool, sent.reason, by=_signed(key), via=VIA)
        made = [freeze(one) for one in froze.freezes]
        return answers.answer({"freezes": made, "covers": froze.covers, "reach": froze.reach}, 201)

    async def thaw(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "admin")
        sent = await body.read(http, body.ThawBody, self._limits, optional=True)
        try:
            lifted = await self._desk.orders.thaw(sent.agent, sent.tool, by=_signed(key), via=VIA)
        except NotFound:
            lifted = ()
        if not lifted:
            raise NoSuch(what="freeze", where="/v1/freezes")
        return _frozen(lifted)

    # ── grants ───────────────────────────────────────────────────────────────────────────────────

    async def grants(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver", "admin")
        found = [one for one in await self._desk.orders.grants() if key.role == "admin" or one.giver == key.person]
        return answers.answer({"grants": [grant(one) for one in found]})

    async def revoke(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver", "admin")
        await body.read(http, body.Nothing, self._limits, optional=True)
        order = _order_id(http, "grant", "/v1/grants")
        try:
            gone = await self._desk.orders.revoke(order, by=_signed(key), via=VIA, person=key.person)
        except NotFound:
            raise NoSuch(what="grant", where="/v1/grants") from None
        return answers.answer(grant(gone))

    # ── delegations ──────────────────────────────────────────────────────────────────────────────

    async def delegations(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver", "admin")
        found = await self._desk.orders.delegations()
        own = [one for one in found if key.role == "admin" or key.person in (one.giver, one.to)]
        return answers.answer({"delegations": [delegation(one) for one in own]})

    async def delegate(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver")
        sent = await body.read(http, body.DelegationBody, self._limits)
        until = _until(sent, await self._store.now())
        made = await self._desk.orders.delegate(key.person or "", sent.to, until, sent.scope, via=VIA)
        return answers.answer(delegation(made), 201)

    async def end(self, http: web.Request) -> web.Response:
        key = await caller(http, self._store, "approver", "admin")
        await body.read(http, body.Nothing, self._limits, optional=True)
        order = _order_id(http, "delegation", "/v1/delegations")
        try:
            gone = await self._desk.orders.undelegate(order, by=_signed(key), via=VIA, person=key.person)
        except NotFound:
            raise NoSuch(what="delegation", where="/v1/delegations") from None
        return answers.answer(delegation(gone))


def freeze(one: Freeze) -> Document:
    """A freeze as data."""
    return {
        "id": one.id,
        "agent": one.agent,
        "tool": one.tool,
        "by": one.by,
        "reason": one.reason,
        "at": iso(one.at),
    }


def grant(one: Grant) -> Document:
    """A grant as data. There are no secrets in it: the desk gives none that would have to match one (I13)."""
    return {
        "id": one.id,
        "request": one.request,
        "rule": one.rule,
        "tool": one.tool,
        "agent": one.agent,
        "on_behalf_of": one.on_behalf_of,
        "match": {path: loads(str(text)) if path else text for path, text in one.match.items()},
        "giver": one.giver,
        "at": iso(one.at),
        "expires_at": iso(one.expires_at),
        "max_uses": one.max_uses,
        "uses": one.uses,
    }


def delegation(one: Delegation) -> Document:
    """A delegation as data."""
    return {
        "id": one.id,
        "giver": one.giver,
        "to": one.to,
        "scope": one.scope,
        "at": iso(one.at),
        "until": iso(one.until),
    }


def _frozen(freezes: Sequence[Freeze]) -> web.Response:
    return answers.answer({"freezes": [freeze(one) for one in freezes]})


def _signed(key: Key) -> str:
    """Whose doing it is: the person of an approver key, else the key, so that it cannot be taken for a person."""
    return key.person or f"{key.name} (key {key.id})"


def _order_id(http: web.Request, what: str, where: str) -> str:
    text = http.match_info["id"]
    if not ID.fullmatch(text):
        raise NoSuch(what=what, where=where)
    return text


def _until(sent: body.DelegationBody, now: datetime) -> datetime:
    """Raises Invalid."""
    if (sent.until is None) == (sent.seconds is None):
        raise Invalid({"/until": "Say either until when, or for how many seconds."})
    if sent.until is None:
        return now + timedelta(seconds=sent.seconds or 0)
    try:
        until = datetime.fromisoformat(sent.until)
        if until.tzinfo is None:
            raise ValueError("no offset")
        until = until.astimezone(UTC)
    except (ValueError, OverflowError):
        sentence = "This must be a moment with its offset from UTC, like 2026-12-01T18:00:00Z."
        raise Invalid({"/until": sentence}) from None
    if not now < until <= now + timedelta(seconds=body.MAX_SECONDS):
        raise Invalid({"/until": "This must be in the future, and within a year."})
    return until
