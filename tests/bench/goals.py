"""The goals of the waiting path and of the rules. Each is a ratio to something measured in the same run, so that it
holds on any machine, or a bound that every machine should keep.
"""

from __future__ import annotations

GOALS: dict[str, str] = {
    "P1": "store level, decision → resume: p50 ≤ 1.5 × reference (stretch 0.7)",
    "P2": "p50 with 10 000 waiting ≤ 1.25 × p50 with 1",
    "P3": "signed click over HTTP → gate.ask() returns in another process: p50 ≤ 8 × reference (Teams 10)",
    "P4": "full cycles/s at 32 in flight ≥ 0.6 × reference (stretch 2)",
    "P5": "appendfsync always: p50 ≤ 2.5 × everysec, cycles/s ≥ 0.75 ×",
    "P6": "a waiting call: ≤ 3 kB in the client, ≤ 5 kB in Redis, connections constant",
    "P7": "10 000 remote long polls in one server: ≤ 16 kB each",
    "P8": "pending page of 20: ≤ 3 × a bare Lua page; 100k pending / 10k ≤ 1.2",
    "P9": "signed Slack click → HTTP response ≤ 3 × hand-written verify and parse, plus settling",
    "P10": "import signoff ≤ 1.25 × (pydantic and aiohttp); no chat SDK, no redis",
    "P11": "10 000 racing decisions: none lost, one winner each; readers killed: none unresumed",
    "P12": "firing one timer: 100k pending / 1k ≤ 1.2",
    "P13": "200 rules on a 4 KB request: p50 ≤ 1 ms",
    "P14": "1 000 asks at once against a budget of 20: exactly 20",
    "P15": "first 200 of the queue and its counts, by any filter: 100k pending / 1.2k ≤ 3",
    "P16": "signed /pending → the first page at the chat: 100k pending / 1k ≤ 3, p50 ≤ 0.3 s",
    "P17": "deciding 200 selected, confirmed → results: ≤ 1 s, ≤ 4 × settling 200",
    "P18": "an agent's batch of 500: one card in each chat, a handful of repaints while all are decided",
    "P19": "each agent framework: a gated call that a rule approves, over the same call without the gate: p50 ≤ 3 ms",
    "P20": "importing each adapter: ≤ 20 ms over importing its framework",
}
FAMILIES: dict[str, tuple[str, ...]] = {
    "settling": ("P1", "P4", "P5"),
    "holding": ("P2", "P6"),
    "racing": ("P11",),
    "paging": ("P8",),
    "importing": ("P10",),
    "clicking": ("P3", "P9"),
    "polling": ("P7",),
    "firing": ("P12",),
    "ruling": ("P13",),
    "spending": ("P14",),
    "queueing": ("P15",),
    "listing": ("P16",),
    "deciding": ("P17",),
    "batching": ("P18",),
    "adapting": ("P19", "P20"),
}
"""Module → the goals its `rows` measures."""
