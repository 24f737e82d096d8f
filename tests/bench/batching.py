"""P18: an agent's batch of 500, from `POST /v1/batches` to its one card in each chat, and until all are decided."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiohttp import ClientSession
from figures import Row, duration, p50
from ground import Ground, redis_up
from redis.asyncio import Redis
from serving import SLACK, TEAMS, Heard, Serving

from signoff.api import keys
from signoff.store import RedisStore
from signoff.store.redis.names import Names
from signoff.store.redis.store import PREFIX

SIZE = 500
REVIEWS = 5
"""In so many goes all of it is decided…"""
PAUSE = 1.0
"""…with so many seconds between them."""
EVERY = 1.0
"""Seconds at least between repaints of a card that goes on changing; a chat takes about one a second in a place."""
LONGEST = 28_000
"""Bytes of a card: the least that a chat takes, which is Teams."""
LOOK = 0.02
"""Seconds between looks whether cards are up to date."""
CHATS = ("Slack", "Teams")

Json = dict[str, Any]


async def rows(ground: Ground) -> list[Row]:
    async with redis_up() as server, Serving(server.url, show=(SLACK, TEAMS)) as bot:
        store = RedisStore.from_url(server.url)
        approves, key = keys.make("approver", "bench", datetime.now(UTC), person="ada")
        await store.add_key(key)
        await store.close()
        async with (
            Redis.from_url(server.url) as redis,
            ClientSession(bot.bot_address, headers={"Authorization": f"Bearer {bot.key}"}) as agent,
            ClientSession(bot.bot_address, headers={"Authorization": f"Bearer {approves}"}) as person,
        ):
            rounds = [await _Round(bot, redis).run(agent, person) for _ in range(ground.some(5))]
    return [row for chat in CHATS for row in _told(chat, rounds)]


class _Round:
    """One batch, and what the chats heard of it."""

    def __init__(self, bot: Serving, redis: Redis) -> None:
        self._bot = bot
        self._redis = redis
        self.posts: dict[str, list[Heard]] = {}
        self.repaints: dict[str, list[Heard]] = {}
        self.began = self.answered = 0
        self.deciding = self.lasted = 0.0
        """Seconds of deciding alone, and until the last card was up to date."""

    async def run(self, agent: ClientSession, person: ClientSession) -> _Round:
        self._bot.heard = []
        self.began = time.monotonic_ns()
        asked = await _post(agent, "/v1/batches", {"title": "Refunds of the weekend", "requests": _calls()}, 201)
        self.answered = time.monotonic_ns()
        await self._quiet()
        pins = [{name: one[name] for name in ("id", "version", "digest")} for one in asked["requests"]]
        first = time.monotonic()
        for place in range(REVIEWS):
            began = time.monotonic()
            decided = await _post(person, "/v1/decisions", {"kind": "approve", "requests": pins[place::REVIEWS]}, 200)
            self.deciding += time.monotonic() - began
            if any(one["result"] != "approved" for one in decided["results"]):
                raise RuntimeError(f"not all were decided: {decided['results']}")
            await asyncio.sleep(PAUSE)
        await self._quiet()
        self.lasted = time.monotonic() - first
        for chat in CHATS:
            self.posts[chat] = [one for one in self._bot.heard if _kind(one) == (chat, "post")]
            self.repaints[chat] = [one for one in self._bot.heard if _kind(one) == (chat, "repaint")]
        return self

    async def _quiet(self) -> None:
        """Wait until every card shows its record."""
        async with asyncio.timeout(60):
            while await self._redis.zcard(Names(PREFIX).due):  # noqa: ASYNC110 - another process's work
                await asyncio.sleep(LOOK)

    def size(self, chat: str) -> int:
        return max(len(one.raw) for one in (*self.posts[chat], *self.repaints[chat]))

    def sound(self, chat: str) -> bool:
        """One card, repainted now and then, at last to say that all is decided; never too large."""
        repaints = self.repaints[chat]
        return (
            len(self.posts[chat]) == 1
            and 1 <= len(repaints) <= self.lasted / EVERY + 1
            and b"All decided" in repaints[-1].raw
            and self.size(chat) <= LONGEST
        )


def _kind(one: Heard) -> tuple[str, str]:
    """Chat, and what it was told."""
    if one.path.startswith("/slack/"):
        method = one.path.rpartition("/")[2]
        return "Slack", {"chat.postMessage": "post", "chat.update": "repaint"}.get(method, "")
    if b"attachments" not in one.raw:
        return "Teams", ""
    return "Teams", "repaint" if one.method == "PUT" else "post"


def _calls() -> list[Json]:
    return [
        {
            "tool": "issue_refund",
            "arguments": {"order": f"A-{number}", "amount": 20 + number % 79, "currency": "eur"},
            "title": f"Refund order A-{number}",
            "reason": "The parcel arrived broken; the customer has sent a picture.",
            "risk": "low",
        }
        for number in range(SIZE)
    ]


async def _post(http: ClientSession, path: str, body: Json, status: int) -> Json:
    async with http.post(path, json=body) as answer:
        told: Json = await answer.json()
        if answer.status != status:
            raise RuntimeError(f"{path} was answered with {told}")
        return told


def _told(chat: str, rounds: Sequence[_Round]) -> list[Row]:
    posted = p50([(one.posts[chat][0].at - one.began) / 1e9 for one in rounds])
    answered = p50([(one.answered - one.began) / 1e9 for one in rounds])
    posts = max(len(one.posts[chat]) for one in rounds)
    repaints = max(len(one.repaints[chat]) for one in rounds)
    size = max(one.size(chat) for one in rounds)
    figures = {
        "posted": posted,
        "answered": answered,
        "posts": posts,
        "repaints": repaints,
        "bytes": size,
        "deciding": p50([one.deciding for one in rounds]),
    }
    what = f"a batch of {SIZE} in {chat}, all decided in {REVIEWS} goes"
    wants = f"1 card, ≤ 1 repaint in {EVERY:g} s, ≤ {LONGEST / 1000:g} kB"
    measured = f"{posts} card, {repaints} in {max(one.lasted for one in rounds):.1f} s, {size / 1000:.1f} kB"
    return [
        Row("P18", what, wants, measured, "–", all(one.sound(chat) for one in rounds), figures),
        Row("P18", "the same: asked → the card, p50", "", duration(posted), f"answered {duration(answered)}", None),
    ]
