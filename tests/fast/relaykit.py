"""What the relay's tests share: a chat that can be told to fail, a life that can end at any call, and a house."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar, cast

from signoff import digest, policy
from signoff.cards import Card
from signoff.desk import Desk
from signoff.errors import Undeliverable
from signoff.model import Actor, Answer, Ask, Key, MessageRef, Placement, Principal, Request, loads
from signoff.ports import Chat, Flood, Limits, Route, Store
from signoff.relay import Relay
from signoff.relay.pace import LEASE
from signoff.store import MemoryStore

T = TypeVar("T")

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T1/UADA, teams: tenant/ada}
  bob: {name: Bob, email: bob@example.com, slack: T1/UBOB}
  cfo: {name: Cleo, email: cleo@example.com, slack: T1/UCFO}
groups:
  finance: {members: [ada, bob]}
  board: {members: [cfo]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
rules:
  - name: large refunds
    when: tool == "refund" && args.amount > 1000.0
    approvers: [board]
    show: [slack:#board]
  - name: tiny refunds
    when: tool == "refund" && args.amount < 10.0
    decide: approve
    show: [slack:#log]
  - name: refunds
    when: tool == "refund"
    approvers: [finance]
    show: [slack:#refunds, "teams:Finance/General", "slack:@ada"]
  - name: nowhere
    when: tool == "quiet"
    decide: approve
    show: []
  - name: one place
    when: tool == "one"
    show: [slack:#one]
  - name: any place
    when: tool == "any"
    any_channel: true
    show: []
"""
PLACES = ("slack:#refunds", "teams:Finance/General", "slack:@ada")
BOARD = "slack:#board"
AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class Clock:
    """The time of the store and of the relay, which stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def seconds(self) -> float:
        return self.now.timestamp()

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Call:
    what: Literal["post", "update", "find"]
    place: str
    request: str
    at: float


@dataclass
class ScriptedChat:
    """A chat in memory. `script` may raise, wait or do anything else, before and after each call's effect."""

    name: str
    searchable: bool = True
    clock: Callable[[], float] = lambda: 0.0
    script: Callable[[Call, Literal["before", "after"]], Awaitable[None]] | None = None
    calls: list[Call] = field(default_factory=list)
    messages: dict[MessageRef, Card] = field(default_factory=dict)
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def routes(self) -> Sequence[Route]:
        return ()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def health(self) -> str | None:
        return None

    async def post(self, place: str, card: Card) -> MessageRef:
        call = await self._before("post", place, card.request_id)
        message = MessageRef(chat=self.name, tenant="T1", conversation=place, message=str(next(self._count)))
        self.messages[message] = card
        await self._after(call)
        return message

    async def update(self, message: MessageRef, card: Card) -> None:
        call = await self._before("update", message.conversation, card.request_id)
        if message not in self.messages:
            raise Undeliverable(place=message.conversation, reason="the message was deleted.")
        self.messages[message] = card
        await self._after(call)

    async def find(self, place: str, request_id: str) -> MessageRef | None:
        call = await self._before("find", place, request_id)
        found = self.copies(place, request_id) if self.searchable else []
        await self._after(call)
        return found[-1] if found else None

    async def _before(self, what: Literal["post", "update", "find"], place: str, request_id: str) -> Call:
        call = Call(what, place, request_id, self.clock())
        self.calls.append(call)
        if self.script is not None:
            await self.script(call, "before")
        return call

    async def _after(self, call: Call) -> None:
        if self.script is not None:
            await self.script(call, "after")

    def copies(self, place: str, request_id: str) -> list[MessageRef]:
        """Cards of a request at a place that are no pointers."""
        return [
            message
            for message, card in self.messages.items()
            if message.conversation == place and card.request_id == request_id and card.purpose != "pointer"
        ]

    def made(self, what: str, place: str) -> list[Call]:
        return [call for call in self.calls if call.what == what and call.place == place]


class CrashError(BaseException):
    """kill -9: nothing catches it."""


class Life:
    """Counts calls and ends at one of them, before or after its effect; afterwards nothing has an effect any more."""

    def __init__(self, last: int | None = None, when: Literal["before", "after"] = "after") -> None:
        self.last, self.when = last, when
        self.count = 0
        self.over = False

    def of(self, thing: T) -> T:
        """The same thing, whose calls are steps of this life."""
        return cast("T", _Mortal(thing, self))


class _Mortal:
    def __init__(self, thing: object, life: Life) -> None:
        self._thing, self._life = thing, life

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(self._thing, name)
        if not callable(attribute) or name == "events":
            return attribute
        life, call = self._life, cast("Callable[..., Awaitable[object]]", attribute)

        async def step(*args: object, **kwargs: object) -> object:
            if not life.over:
                life.count += 1
                life.over = life.count == life.last
                if not (life.over and life.when == "before"):
                    answer = await call(*args, **kwargs)
                    if not life.over:
                        return answer
            raise CrashError

        return step


class House:
    """One store, one policy, two chats; as many relays as a test wants."""

    def __init__(
        self, store: Store, clock: Clock | None = None, *, searchable: bool = True, flood: Flood | None = None
    ) -> None:
        """`flood`: None: every request has a card of its own."""
        self.clock = clock
        self.limits = Limits(flood=flood)
        self.store = store
        self.signer = digest.Signer.generate()
        self.use(RULES)
        seconds = clock.seconds if clock else lambda: 0.0
        self.slack = ScriptedChat("slack", searchable, seconds)
        self.teams = ScriptedChat("teams", searchable, seconds)
        self.chats = {"slack": self.slack, "teams": self.teams}

    def use(self, rules: str) -> None:
        """Go by these rules from now on."""
        self.rules = policy.load(rules, file="rules.yaml", chats=("slack", "teams"))
        self.desk = self.desk_on(self.store)

    def desk_on(self, store: Store) -> Desk:
        return Desk(store, self.rules, self.signer, self.limits)

    def relay(self, life: Life | None = None, store: Store | None = None) -> Relay:
        """A relay of a process of its own; `life` is that process's."""
        store = store or self.store
        chats: dict[str, Chat] = dict(self.chats)
        if life is not None:
            store = life.of(store)
            chats = {name: life.of(chat) for name, chat in chats.items()}
        if self.clock is None:
            return Relay(store, self.desk_on(store), chats)
        return Relay(store, self.desk_on(store), chats, clock=self.clock.seconds)

    # ── a story ──────────────────────────────────────────────────────────────────────────────────

    async def ask(self, amount: float = 500, tool: str = "refund", **fields: object) -> Request:
        body = {"tool": tool, "arguments": {"order": "A-1", "amount": amount}, **fields}
        return (await self.desk.ask(Ask.model_validate(body), AGENT)).request

    async def approve(self, request: Request, person: str = "ada") -> Request:
        return await self.desk.answer(request.id, Answer(kind="approve", version=request.version), who(person))

    async def revise(self, request: Request, amount: float = 5000) -> Request:
        """Ada changes the arguments so that others must be asked, elsewhere too."""
        arguments = {"order": "A-1", "amount": amount}
        answer = Answer(kind="edit", version=request.version, arguments=dict(arguments))
        return await self.desk.answer(request.id, answer, who("ada"))

    # ── a relay's days, in no time ───────────────────────────────────────────────────────────────

    async def settle(self, relay: Relay, hours: float = 3) -> None:
        """Let the relay do everything that falls due within so many hours. Only with a clock of our own."""
        assert self.clock is not None
        assert isinstance(self.store, MemoryStore)
        end = self.clock.seconds() + hours * 3600
        while True:
            await self.now(relay)
            due = min(self.store._due.values(), default=end * 1000) / 1000
            self.clock.forward(min(due, end) - self.clock.seconds())
            if due >= end:
                return

    async def now(self, relay: Relay) -> None:
        """Let the relay do what is due at this moment."""
        while (work := await self.store.claim(LEASE)) is not None:
            await relay.converge(work)

    # ── what must hold ───────────────────────────────────────────────────────────────────────────

    async def placements(self, request: Request) -> dict[str, Placement]:
        return {placement.place: placement for placement in await self.store.placements(request.id)}

    def chat(self, place: str) -> ScriptedChat:
        return self.chats[place.partition(":")[0]]

    def shown(self, place: str, request: Request) -> Card:
        """The one card at a place."""
        (message,) = self.chat(place).copies(place, request.id)
        return self.chat(place).messages[message]

    async def faults(self, request: Request) -> list[str]:
        """What is not as it has to be once everything has settled; empty when all is well."""
        record = (await self.store.load(request.id))[0]
        placements = await self.placements(request)
        found: list[str] = []
        for place in record.terms.show:
            placement = placements.get(place)
            if placement is None:
                found.append(f"{place}: no placement")
            elif placement.state == "undeliverable":
                if place not in record.undelivered:
                    found.append(f"{place}: undeliverable, but not on the record")
            elif placement.state != "live" or placement.message is None:
                found.append(f"{place}: {placement.state}")
            else:
                chat = self.chat(place)
                card = chat.messages.get(placement.message)
                if card is None or card.rev != record.rev or placement.shown != record.rev or card.purpose == "pointer":
                    found.append(f"{place}: shows {card and card.rev}, the record is at {record.rev}")
                copies = [other for other in chat.copies(place, request.id) if other != placement.message]
                if copies and chat.searchable:
                    found.append(f"{place}: {len(copies)} copies")
        return found

    async def lines(self, request: Request, kind: str) -> int:
        """Audit lines of a kind about a request."""
        found = 0
        for line in await self.store.audit(0, 10_000):
            body = loads(line.body)
            assert isinstance(body, dict)
            found += body["type"] == kind and body["request"] == request.id
        return found


def who(person: str, origin: MessageRef | None = None) -> Actor:
    principal = Principal(chat="slack", tenant="T1", user=f"U{person.upper()}")
    return Actor(via="slack", principal=principal, origin=origin)


Script = Callable[[Call, Literal["before", "after"]], Awaitable[None]]


def failing(
    *errors: BaseException | None, place: str | None = None, what: str | None = None, when: str = "before"
) -> Script:
    """A script: the calls to a place (None: any) raise these, one after the other; None: goes well."""
    left = deque(errors)

    async def script(call: Call, moment: Literal["before", "after"]) -> None:
        fits = place in (None, call.place) and what in (None, call.what) and moment == when
        if fits and left and (error := left.popleft()) is not None:
            raise error

    return script
