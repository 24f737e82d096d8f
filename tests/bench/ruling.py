"""P13: what two hundred rules make of one call."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from figures import Row, bounded, duration, p50
from ground import Ground

from signoff import policy
from signoff.model import Ask

RULES = 200
BOUND = 0.001
"""Seconds."""
FIRST = (
    'tool == "tool_{n}" && args.amount > {n}.0',
    'tool.startsWith("crm_{n}_") && args.customer.country in ["DE", "FR", "NL"]',
    r'tool == "run_sql" && args.sql.matches("(?i)\\bdrop\\s+table\\s+t{n}\\b")',
    'tool == "ship_{n}" && args.lines.exists(line, line.sku == "missing-{n}")',
)
"""As people write them: the tool first, then its arguments."""
EVERY = (
    "args.amount > {n}999.0",
    'args.customer.country in ["X{n}", "Y{n}"] && agent == "bench"',
    'tool == "issue_refund" && args.order == "B-{n}"',
)
"""They look at the arguments of this very call."""
LOOPING = ('args.lines.exists(line, line.sku == "missing-{n}")',)
"""They look at each of its lines."""
HEAD = """
version: 1
people: {ada: {name: Ada Okafor, slack: T0DEMO/U0ADA}}
defaults: {approvers: [ada], expires_in: 4h}
rules:
"""
LINES: list[object] = [
    {"sku": f"SKU-{number:05}", "count": number, "price": 9.5, "text": "x" * 40} for number in range(38)
]
ARGUMENTS: dict[str, object] = {
    "order": "A-1001",
    "amount": 500,
    "customer": {"id": "C-77", "country": "SE", "name": "Åsa Lindqvist"},
    "lines": LINES,
}
"""4 KB as JSON."""


async def rows(ground: Ground) -> list[Row]:
    count = ground.some(1000)
    found = [
        bounded("P13", f"{RULES} rules {what}, 4 KB of arguments, p50", _evaluated(conditions, count), BOUND, duration)
        for what, conditions in (("about the tool first", FIRST), ("about the arguments", EVERY))
    ]
    looping = _evaluated(LOOPING, count // 10)
    what = f"{RULES} rules that each loop over {len(LINES)} lines, no tool first"
    return [*found, Row("P13", what, "", duration(looping), "–", None, {"ours": looping})]


def _evaluated(conditions: tuple[str, ...], count: int) -> float:
    rules = policy.load(_file(conditions), file="bench.yaml", chats=("slack",))
    ask, now = Ask(tool="issue_refund", arguments=ARGUMENTS, agent="bench"), datetime.now(UTC)
    if rules.terms(ask, ARGUMENTS, now).rule != "last":
        raise RuntimeError("a rule matched that should not")
    samples: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        rules.terms(ask, ARGUMENTS, now)
        samples.append(time.perf_counter() - began)
    return p50(samples)


def _file(conditions: tuple[str, ...]) -> str:
    """None matches but the last: every condition is looked at."""
    lines = [
        f"  - {{name: rule-{n}, when: '{conditions[n % len(conditions)].replace('{n}', str(n))}', approvers: [ada]}}"
        for n in range(RULES - 1)
    ]
    return HEAD + "\n".join([*lines, "  - {name: last, when: 'tool == \"issue_refund\"', approvers: [ada]}"])
