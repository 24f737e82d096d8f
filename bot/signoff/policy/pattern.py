"""How large a regular expression is, so that matching it has a bounded cost."""

from __future__ import annotations

import re

MAX_PATTERN = 1000
"""Size of all patterns of one expression. At 1000, a text of 256 KiB takes some 0.1 s at worst."""
RANGE = 2
"""What a class such as `.` or `[a-z]` weighs."""
UNICODE = 40
"""What `\\w` or `\\p{L}` weighs: hundreds of ranges of Unicode (measured: `\\w{100}` is as slow as `a{5000}`)."""

_PART = re.compile(r"\\[pP]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?[^):]*:?)?|\)|\{(\d*),?(\d*)\}|.", re.DOTALL)
_MANY = re.compile(r"\\[wWpP]")


def pattern_size(pattern: str) -> int:
    """Its parts, counted as often as they are repeated: `(a{10}b){10}` has 110."""
    totals, last = [0], 0
    for found in _PART.finditer(pattern):
        part = found[0]
        if part.startswith("("):
            totals.append(0)
            last = 0
        elif part == ")" and len(totals) > 1:
            last = totals.pop()
            totals[-1] += last
        elif len(part) > 2 and part.startswith("{"):
            times = max(int(digits or 0) for digits in found.groups())
            totals[-1] += last * max(times - 1, 0)
            last *= max(times, 1)
        elif part not in "*+?|^$":
            last = UNICODE if _MANY.search(part) else RANGE if part[0] in "[\\." else 1
            totals[-1] += last
    return sum(totals)
