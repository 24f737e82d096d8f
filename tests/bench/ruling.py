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
CONDITIONS = (
    'tool == "tool_{n}" && args.amount > {n}.0',
    'tool.startsWith("crm_{n}_") && args.customer.country in ["DE", "FR", "NL"]',
    'risk == "critical" && args.amount > {n}00.0 && agent == "agent-{n}"',
    'args.lines.exists(line, line.sku == "missing-{n}")',
    r'tool == "run_sql" && args.sql.matches("(?i)\\bdrop\\s+table\\s+t{n}\\b")',
)
"""As people write them: most look at the tool first, some at the arguments of every call."""
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
    found: list[Row] = []
    for what, conditions in (
        ("rules that look at the tool first", CONDITIONS[:1]),
        ("rules of five kinds, a loop among them", CONDITIONS),
    ):
        rules = policy.load(_file(conditions), file="bench.yaml", chats=("slack",))
        ask, now = Ask(tool="issue_refund", arguments=ARGUMENTS, agent="bench"), datetime.now(UTC)
        assert rules.terms(ask, ARGUMENTS, now).rule == "last"
        samples: list[float] = []
        for _ in range(ground.some(1000)):
            began = time.perf_counter()
            rules.terms(ask, ARGUMENTS, now)
            samples.append(time.perf_counter() - began)
        found.append(bounded("P13", f"{RULES} {what}, 4 KB of arguments, p50", p50(samples), BOUND, duration))
    return found


def _file(conditions: tuple[str, ...]) -> str:
    """None matches but the last: every condition is looked at."""
    lines = [
        f"  - {{name: rule-{n}, when: '{conditions[n % len(conditions)].replace('{n}', str(n))}', approvers: [ada]}}"
        for n in range(RULES - 1)
    ]
    return HEAD + "\n".join([*lines, "  - {name: last, when: 'tool == \"issue_refund\"', approvers: [ada]}"])
