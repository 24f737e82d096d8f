"""A Monday morning's queue: many small calls that people may decide together, and five that they must not.

`cases` is the same list for the same number. `seed` lets the sample agent ask about all of them, over HTTP like any
agent, and says which request is which.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import aiohttp

if TYPE_CHECKING:
    from signoff_sim.demo.stage import Agent, Stage

Json = dict[str, Any]
Trap = Literal["own", "high", "edited", "hostile", "expiring"]
Chat = Literal["slack", "teams"]

APPROVER = "ada"
"""Who clears the queue."""
PLAIN = 95
EXPIRES_IN = 60
"""Seconds that the call which ends by itself waits."""
PATIENCE = 60.0
"""Seconds that all requests may take to be recorded."""
LOOK = 0.1
"""Seconds between looks at what is recorded."""
PAGE = 100
PLACES = ("slack:#refunds", "slack:#approvals", "teams:Finance/General", "teams:Finance/Payouts", None)
"""None: where the rule shows it, which is in both chats."""
WEIGHTS = {"credit_account": 35, "send_reply": 20, "restock": 15, "change_address": 15, "extend_trial": 10}
AGENTS = {
    "credit_account": "billing-agent",
    "send_reply": "support-agent",
    "restock": "warehouse-agent",
    "change_address": "support-agent",
    "extend_trial": "billing-agent",
}
MEDIUM = frozenset({"change_address", "extend_trial"})
HOSTILE = (
    "Close ticket \u202efdp.exe\u202c\u200b <!channel> <@U0ADA> *approved* "
    "[ok](https://evil.example) <at>Ada Okafor</at> & </b>"
)
"""Text that turns round, hides a character, and is markup in one chat or the other."""


@dataclass(frozen=True, slots=True)
class Case:
    """One call the agent asks about."""

    name: str
    """Its own within the queue; travels in the request's metadata."""
    tool: str
    arguments: Json
    agent: str
    risk: Literal["low", "medium", "high"]
    channel: str | None = None
    trap: Trap | None = None
    fields: Json = field(default_factory=dict[str, Any])
    """What else is said about it, as in the body of `POST /v1/requests`."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """The requests of one queue, by id."""

    agent: Agent
    plain: tuple[str, ...]
    """What can be approved together, in the order it was asked."""
    traps: Mapping[Trap, str]
    """own: on behalf of the approver. high: high risk. edited: small as any, to be edited after it was listed.
    hostile: text that is not what it looks like. expiring: ends by itself soon.
    """
    cases: Mapping[str, Case]
    """Request id → what was asked."""


def cases(number: int = 1, plain: int = PLAIN, expires_in: int = EXPIRES_IN, chat: Chat | None = None) -> list[Case]:
    """So many harmless calls with the five traps among them, always the same for the same number.

    `chat`: all of them are shown in this one, if perhaps in the other too; None: some in one, some in the other.
    """
    chance = random.Random(number)
    places = [place for place in PLACES if place is None or chat is None or place.startswith(f"{chat}:")]
    found = [_plain(chance, index, places) for index in range(plain)] + _traps(expires_in, places)
    chance.shuffle(found)
    return found


def _plain(chance: random.Random, index: int, places: list[str | None]) -> Case:
    tool = chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    # The number in every call keeps any two from being the same one.
    arguments: Mapping[str, Json] = {
        "credit_account": {"customer": f"C-{2000 + index}", "amount": chance.randrange(5, 46)},
        "send_reply": {"ticket": 7000 + index, "template": chance.choice(("delayed", "thanks", "resolved"))},
        "restock": {"sku": f"LAMP-{100 + index}", "count": chance.randrange(1, 25)},
        "change_address": {"order": f"A-{5000 + index}", "city": chance.choice(("Berlin", "Porto", "Utrecht"))},
        "extend_trial": {"customer": f"C-{3000 + index}", "days": chance.choice((7, 14))},
    }
    risk: Literal["low", "medium"] = "medium" if tool in MEDIUM else "low"
    return Case(f"plain-{index:03}", tool, arguments[tool], AGENTS[tool], risk, chance.choice(places))


def _traps(expires_in: int, places: list[str | None]) -> list[Case]:
    tool, agent = "credit_account", "billing-agent"
    own = {"customer": "C-1001", "amount": 20}
    large = {"customer": "C-1002", "amount": 940}
    edited = {"customer": "C-1003", "amount": 25}
    hostile = {"ticket": 6001, "note": HOSTILE}
    last = {"sku": "LAMP-001", "count": 3}
    return [
        Case("own", tool, own, agent, "low", None, "own", {"on_behalf_of": f"{APPROVER}@example.com"}),
        Case("high", tool, large, agent, "high", places[0], "high"),
        Case("edited", tool, edited, agent, "low", places[-2], "edited"),
        Case("hostile", "send_reply", hostile, "support-agent", "low", None, "hostile", {"title": HOSTILE}),
        Case("expiring", "restock", last, "warehouse-agent", "low", None, "expiring", {"expires_in": expires_in}),
    ]


async def seed(
    stage: Stage, number: int = 1, *, plain: int = PLAIN, expires_in: int = EXPIRES_IN, chat: Chat | None = None
) -> Seeded:
    """Let an agent of this stage ask about all cases; return once each is recorded, while the agent waits for answers.

    `expires_in`: seconds that the expiring one waits. `chat`: where all of them are shown, as for `cases`. Raises
    TimeoutError, with what the agent said, when not all were taken.
    """
    asked = {case.name: case for case in cases(number, plain, expires_in, chat)}
    known = await _recorded(stage)
    words = ["--plain", str(plain), "--expires-in", str(expires_in), *(("--chat", chat) if chat else ())]
    agent = await stage.agent("queue", str(number), *words)
    found: dict[str, str] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            while len(found) < len(asked):
                await asyncio.sleep(LOOK)
                now = await _recorded(stage)
                found = {name: one for one, name in now.items() if one not in known and name in asked}
    except TimeoutError:
        raise TimeoutError(f"{len(found)} of {len(asked)} were recorded: {' / '.join(agent.lines[-5:])}") from None
    traps: dict[Trap, str] = {case.trap: found[name] for name, case in asked.items() if case.trap is not None}
    return Seeded(
        agent,
        tuple(found[name] for name, case in asked.items() if case.trap is None),
        traps,
        {found[name]: case for name, case in asked.items()},
    )


async def _recorded(stage: Stage) -> dict[str, str]:
    """Request id → the case it is, of all that this stage's agents have asked."""
    found: dict[str, str] = {}
    query = {"limit": str(PAGE)}
    async with aiohttp.ClientSession(stage.bot_address, headers={"Authorization": f"Bearer {stage.key}"}) as http:
        while True:
            async with http.get("/v1/requests", params=query) as answer:
                answer.raise_for_status()
                page: Json = await answer.json()
            for one in page["requests"]:
                if "case" in one["metadata"]:
                    found[one["id"]] = one["metadata"]["case"]
            if page["cursor"] is None:
                return found
            query["cursor"] = page["cursor"]
