"""What the tests of rules share: a company, a directory that can be changed, a store whose clock stands still, and a
desk on every replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from signoff import digest, policy
from signoff.desk import Desk
from signoff.errors import DirectoryAway
from signoff.model import Actor, Answer, Ask, Key, MessageRef, Placement, Principal, Request, loads
from signoff.policy import Policy
from signoff.ports import Caps, Limits
from signoff.store import MemoryStore

COMPANY = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T1/UADA, teams: tenant/ada}
  bob: {name: Bob, email: bob@example.com, slack: T1/UBOB, teams: tenant/bob}
  cleo: {name: Cleo, email: cleo@example.com, slack: T1/UCLEO, teams: tenant/cleo}
  dan: {name: Dan, email: dan@example.com, slack: T1/UDAN}
  eve: {name: Eve, email: eve@example.com, slack: T1/UEVE}
  mia: {name: Mia, email: mia@example.com, slack: T1/UMIA}
groups:
  finance: {members: [ada, bob]}
  managers: {members: [cleo, dan]}
  oncall: {roster: oncall}
"""
DEFAULTS = "defaults: {show: ['slack:#approvals'], approvers: [finance], expires_in: 4h}\n"
KEYS = {"roster": policy.GroupKey("slack", "[a-z]+", "oncall")}
LIMITS = Limits(caps=Caps(open_requests=10**6, per_minute=10**6))
START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
"""A Friday."""


def rules(text: str, *, defaults: str = DEFAULTS, top: str = "", company: str = COMPANY) -> Policy:
    return policy.load(company + top + defaults + text, file="rules.yaml", chats=("slack", "teams"), groups=KEYS)


def key(name: str = "agent", owner: str | None = None) -> Key:
    return Key(id=name, role="agent", name=name, owner=owner, secret_hash="-", created_at=START)


AGENT = key()


class Directory:
    """Who is in which group and who is a guest, as long as it is not away."""

    def __init__(self) -> None:
        self.groups: dict[str, set[str]] = {"oncall": {"eve"}}
        self.faults: dict[str, str] = {}
        """Person → why they may not decide."""
        self.away = False

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        if self.away:
            raise DirectoryAway(what="the directory is away")
        return frozenset(self.groups[group])

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        if self.away:
            raise DirectoryAway(what="the directory is away")
        return self.faults.get(who.user.removeprefix("U").lower())


class House:
    """One store, one directory; as many desks as a test wants."""

    def __init__(self, policy: Policy) -> None:
        self.now = START
        self.store = MemoryStore(clock=lambda: self.now)
        self.directory = Directory()
        self.signer = digest.Signer.generate()
        self.policy = policy
        self.desk = self.replica()

    def replica(self) -> Desk:
        """The desk of another process on the same store."""
        desk = Desk(self.store, self.policy, self.signer, LIMITS)
        desk.people.add("slack", self.directory)
        return desk

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)

    def changed(self) -> None:
        """The platform tells that its directory has changed."""
        self.desk.people.forget("slack")

    def gone(self, person: str, why: str = "are deactivated") -> None:
        self.directory.faults[person] = why
        self.changed()

    def away(self, away: bool = True) -> None:
        self.directory.away = away
        self.changed()

    # ── what happens ─────────────────────────────────────────────────────────────────────────────

    async def ask(
        self, amount: float = 500, *, order: str = "A-1", tool: str = "refund", by: Key = AGENT, **fields: Any
    ) -> Request:
        body = {"tool": tool, "arguments": {"order": order, "amount": amount}, **fields}
        return (await self.desk.ask(Ask.model_validate(body), by)).request

    async def say(
        self, request: Request, person: str, kind: str = "approve", *, chat: str = "slack", **said: Any
    ) -> Request:
        """Somebody answers what they see of the request, which is `request`."""
        answer = Answer.model_validate({"kind": kind, "version": request.version, **said})
        return await self.desk.answer(request.id, answer, who(person, chat))

    async def edit(self, request: Request, person: str, amount: float, **said: Any) -> Request:
        arguments = {**request.arguments, "amount": amount}
        return await self.say(request, person, "edit", arguments=arguments, **said)

    async def sweep(self, *desks: Desk) -> list[str]:
        """Let everything that is due happen, one thing after the other; the types of the events."""
        before = len(self.store._events)
        while due := await self.store.overdue(100):
            for request_id in due:
                assert await (desks[0] if desks else self.desk).tick(request_id)
        return self.events()[before:]

    async def card_at(self, request: Request, place: str = "slack:#approvals") -> MessageRef:
        """The request's card is at this place now."""
        chat = place.partition(":")[0]
        message = MessageRef(chat=chat, tenant="T1", conversation=place, message=f"m-{request.id}")
        while True:
            work = await self.store.claim(60)
            assert work is not None
            if work.request == request.id:
                break
            await self.store.done(work, 0)
        await self.store.place(work, Placement(place=place, state="live", message=message, shown=request.rev))
        await self.store.done(work, request.rev)
        return message

    # ── what is seen ─────────────────────────────────────────────────────────────────────────────

    def events(self, request: Request | None = None) -> list[str]:
        """The types of all events, without their prefix."""
        found = [one for one in self.store._events if request is None or one.request == request.id]
        return [one.type.removeprefix("request.") for one in found]

    async def lines(self, kind: str | None = None) -> Sequence[Mapping[str, Any]]:
        """The audit trail, or its lines of one kind."""
        found = [cast("dict[str, Any]", loads(line.body)) for line in await self.store.audit(0, 10**6)]
        return [line for line in found if kind in (None, line["type"])]


def who(person: str, chat: str = "slack", origin: MessageRef | None = None) -> Actor:
    """A person who clicks in a chat, or decides by their key (`api`)."""
    if chat == "api":
        return Actor(via="api", person=person)
    tenant, user = ("T1", f"U{person.upper()}") if chat == "slack" else ("tenant", person)
    return Actor(via=chat, principal=Principal(chat=chat, tenant=tenant, user=user), origin=origin)


def people(request: Request) -> list[str | None]:
    """Who decided."""
    assert request.decision is not None
    return [by.person for by in request.decision.decided_by]


def voters(request: Request) -> list[str]:
    return [vote.person for vote in request.votes]
