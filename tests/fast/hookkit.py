"""What the tests of webhooks share: a receiver in memory, a house whose relay sends webhooks, and days in no time."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from relaykit import AGENT, Clock, House, Life
from standardwebhooks import Webhook

from signoff.api import as_asked
from signoff.model import Delivery, Request, loads
from signoff.ports import Store
from signoff.relay import Hooks, Relay
from signoff.relay.pace import LEASE
from signoff.store import MemoryStore
from signoff.webhooks import Deliveries, Sender, Sent

URL = "https://agent.example.com/hooks/7?token=tell-nobody"
TARGET = "https://agent.example.com"
DAY = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Post:
    """One attempt as its receiver sees it."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def said(self) -> dict[str, Any]:
        found = loads(self.body.decode())
        assert isinstance(found, dict)
        return found


@dataclass
class Receiver:
    """Takes webhooks. `answers`: what the next ones are answered with, one after the other; then all are taken."""

    clock: Callable[[], float] = lambda: 0.0
    answers: deque[Sent] = field(default_factory=lambda: deque[Sent]())
    usual: Sent = field(default_factory=lambda: Sent(200))
    posts: list[Post] = field(default_factory=lambda: list[Post]())
    during: Callable[[], Awaitable[None]] | None = None
    """Happens while it has the call."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        self.posts.append(Post(url, headers, body, self.clock()))
        if self.during is not None:
            await self.during()
        return self.answers.popleft() if self.answers else self.usual

    def fails(self, *answers: Sent) -> None:
        self.answers.extend(answers)

    @property
    def ids(self) -> set[str]:
        return {post.id for post in self.posts}


def refusing(status: int = 503, retry_after: float | None = None) -> Sent:
    return Sent(status, f"the receiver answered {status}", retry_after)


class HookHouse(House):
    """A house with the agent's key in its store, and a receiver."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self.receiver = Receiver(clock.seconds)
        self.deliveries = Deliveries(store)

    @classmethod
    async def made(cls) -> HookHouse:
        clock = Clock()
        house = cls(MemoryStore(clock=clock), clock)
        await house.store.add_key(AGENT)
        return house

    def hooks(self, life: Life | None = None) -> Hooks:
        """What sends webhooks in a process of its own; `life` is that process's."""
        assert self.clock is not None
        store = self.store
        sender: Sender = self.receiver
        if life is not None:
            store, sender = life.of(store), _mortal(life, sender)
        return Hooks(store, self.desk_on(store), sender, as_asked, clock=self.clock.seconds)

    async def told(self, relay: Relay | None = None, hooks: Hooks | None = None) -> None:
        """Let the relay do what is due at this moment, webhooks too."""
        await self.now(relay or self.relay())
        await self.called(hooks or self.hooks())

    async def called(self, hooks: Hooks) -> None:
        while (work := await self.store.claim(LEASE, hooks=True)) is not None:
            await hooks.deliver(work)

    async def pass_(self, seconds: float, hooks: Hooks | None = None) -> None:
        """Let so much time pass, sending whatever falls due in it when it does."""
        assert self.clock is not None
        hooks, end = hooks or self.hooks(), self.clock.seconds() + seconds
        while True:
            await self.called(hooks)
            due = min((at.timestamp() for _, at in await self.store.hooks(100)), default=end)
            self.clock.forward(max(min(due, end) - self.clock.seconds(), 0))
            if due >= end:
                return

    async def delivery(self, request: Request) -> Delivery:
        return await self.deliveries.show(request.id)

    async def waits(self, request: Request) -> bool:
        """Whether its webhook stands in the line."""
        return request.id in [one for one, _ in await self.store.hooks(1000)]

    def secret(self) -> Webhook:
        return Webhook(self.desk.webhook_secret(AGENT.id))


def _mortal(life: Life, send: Sender) -> Sender:
    class Once:
        async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
            return await send(url, headers, body)

    mortal = life.of(Once())

    async def call(url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        return await mortal.send(url, headers, body)

    return call
