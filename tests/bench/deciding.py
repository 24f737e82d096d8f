"""P17: deciding 200 requests at once, from the confirmation to the page that says what came of each."""

from __future__ import annotations

import asyncio
import json
import time

from figures import Round, Row, bounded, compared, duration, p50
from ground import Ground, redis_up
from made import CAPS, approved, small

from signoff import digest, policy
from signoff.cards import Move, Preflight, Results, Screen, Working
from signoff.desk import Desk
from signoff.desk.bulk import MOST
from signoff.model import Actor, MessageRef, Principal
from signoff.ports import Limits
from signoff.store import RedisStore

GROUPS = {"slack_usergroup": policy.GroupKey("slack", r"T\w+/S\w+", "T0DEMO/S0FIN")}
POLICY = """
version: 1
people:
  ada: {name: Ada Okafor, slack: T0DEMO/U0ADA}
  bob: {name: Bob Lindqvist, slack: T0DEMO/U0BOB}
groups:
  finance: {slack_usergroup: T0DEMO/S0FIN}
defaults: {approvers: [finance], expires_in: 4h}
"""
ADA, BOB = (Principal(chat="slack", tenant="T0DEMO", user=user) for user in ("U0ADA", "U0BOB"))
LONGEST = 1.0
"""Seconds for all of them."""
LOOK = 0.005
"""Seconds between looks at what takes longer than a chat waits."""
LINES = 10_000
"""Audit lines that are read together."""


class _Directory:
    """Who is in finance; looked up once and then remembered, as any directory is."""

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        return frozenset({ADA, BOB})

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        return None


async def rows(ground: Ground) -> list[Row]:
    async with redis_up() as server:
        store = RedisStore.from_url(server.url)
        await store.start()
        rules = policy.load(POLICY, file="bench.yaml", chats=("slack",), groups=GROUPS)
        desk = Desk(store, rules, digest.Signer.generate(), Limits(caps=CAPS))
        desk.people.add("slack", _Directory())
        await _decided(desk, store)  # people looked up, scripts loaded, paths warm
        rounds: list[Round] = []
        for _ in range(ground.some(20)):
            settled = await _settled(store)
            rounds.append((await _decided(desk, store), settled))
        await store.close()
    what = f"{MOST} selected: confirmed → results, p50"
    return [
        bounded("P17", what, p50([ours for ours, _ in rounds]), LONGEST, duration),
        compared("P17", f"the same against {MOST} × settling, one after the other", rounds, most=4),
    ]


async def _decided(desk: Desk, store: RedisStore) -> float:
    """Open so many, look through what is to be decided and confirm it: seconds from there to the results."""
    await _opened(store)
    actor = Actor(via="slack", principal=ADA)
    screen: Screen = await desk.review.open(actor, every=True)
    while (key := _button(screen, "confirm")) is None:
        assert isinstance(screen, Preflight)
        screen = await desk.review.act(screen.review, Move("turn", str(screen.page + 1)), actor)
    began = time.perf_counter()
    screen = await desk.review.act(screen.review, Move("confirm", key), actor)
    while isinstance(screen, Working):
        await asyncio.sleep(LOOK)
        screen = await desk.review.act(screen.review, Move("look"), actor)
    seconds = time.perf_counter() - began
    assert isinstance(screen, Results)
    if screen.heading != f"{MOST} approved" or await _lines(store, screen.batch) != MOST:
        raise RuntimeError(f"not all were decided and told to the audit: {screen.heading}")
    return seconds


def _button(screen: Screen, move: str) -> str | None:
    return next((one.key for one in getattr(screen, "buttons", ()) if one.move == move), None)


async def _lines(store: RedisStore, batch: str) -> int:
    """Audit lines of decisions that name this review."""
    found, after = 0, 0
    while lines := await store.audit(after, LINES):
        found += sum(json.loads(line.body).get("batch") == batch for line in lines)
        after = lines[-1].seq
    return found


async def _opened(store: RedisStore) -> None:
    made = [small(number, approver="finance") for number in range(MOST)]
    await asyncio.gather(*(store.open(request, entry, None, CAPS) for request, entry in made))


async def _settled(store: RedisStore) -> float:
    """The settling script alone, as often."""
    made = [small(number, approver="finance") for number in range(MOST)]
    for request, entry in made:
        await store.open(request, entry, None, CAPS)
    ends = [(request, *approved(request)) for request, _ in made]
    began = time.perf_counter()
    for request, after, entry in ends:
        assert await store.move(request, after, "request.decided", entry)
    return time.perf_counter() - began
