"""Behind `signoff policy simulate`: an export read for it, and what came of it as a table or as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import cast

from signoff import audit
from signoff.model import dumps, iso, loads, one_line, shorten
from signoff.policy import Past, Simulation

ARGUMENT = 40
ARGUMENTS = 100
"""Characters of one argument, and of all of them, in a line of `simulate`."""


def past(text: str) -> list[Past]:
    """The lines of an export, its seal left out. Raises ValueError with the number of a line that is none."""
    found: list[Past] = []
    for number, line in _lines(text):
        try:
            body = loads(line.body)
        except ValueError as error:
            raise ValueError(f"line {number} is no audit line ({error})") from error
        if isinstance(body, dict):
            moment = datetime.fromtimestamp(line.at / 1000, UTC)
            found.append(Past(line.seq, moment, cast("dict[str, object]", body)))
    if not found:
        raise ValueError("the file holds no audit lines")
    return found


def broken(text: str) -> list[str]:
    """Why the chain of an export's lines does not hold; the seal is not looked at. Raises like `past`."""
    lines = [line for _, line in _lines(text)]
    if not lines or lines[0].seq == 1:
        faults = audit.verify(lines, audit.GENESIS, 1)
    else:  # what the first line hangs on is not in the file
        faults = audit.verify(lines[1:], lines[0].link, lines[0].seq + 1)
    return [fault.sentence for fault in faults]


def sealed(text: str) -> bool:
    return any(_is_seal(loads(raw)) for raw in text.split("\n")[-2:] if raw.strip())


def _lines(text: str) -> Iterator[tuple[int, audit.Line]]:
    for number, raw in enumerate(text.split("\n"), 1):  # splitlines also breaks at characters inside of text
        if not raw.strip():
            continue
        try:
            document = loads(raw)
            if not _is_seal(document):
                yield number, audit.imported(document)
        except ValueError as error:
            raise ValueError(f"line {number} is no audit line ({error})") from error


def _is_seal(document: object) -> bool:
    return isinstance(document, dict) and set(cast("dict[str, object]", document)) == {"seal"}


def table(found: Simulation) -> Iterator[str]:
    """One line a call, marked where something is different now; then the totals."""
    for call in found.calls:
        mark = "?" if call.now == "not known" else "~" if call.beside else "*" if call.changed else " "
        now = call.now if call.rule_now is None else f"{call.now} ({one_line(call.rule_now)})"
        why = "; ".join(one for one in (call.beside, call.why) if one)
        then = f"{call.then} ({one_line(call.rule_then)})"
        which = f"{one_line(call.request) or '-'}  {one_line(call.agent or '-')}  {one_line(call.tool)}"
        yield (
            f"{mark} {call.seq}  {iso(call.at)}  {which}({short(call.arguments)})  {then} -> {now}"
            f"{': ' + why if why else ''}"
        )
    calls = len(found.calls)
    apart = f", {found.incomparable} not comparable" if found.incomparable else ""
    yield f"{calls} call{'' if calls == 1 else 's'}, {found.changed} different now{apart}."
    for made in sorted({*found.then, *found.now}):
        yield f"  {made}: {found.then.get(made, 0)} then, {found.now.get(made, 0)} now"
    for rule, count in sorted(found.rules.items(), key=lambda item: (-item[1], item[0])):
        yield f"  {one_line(rule)}: {count} now"


def short(arguments: Mapping[str, object]) -> str:
    """Arguments on one line, each and all of them cut off where they are long."""
    said = (f"{name}={_cut(dumps(value), ARGUMENT)}" for name, value in arguments.items())
    return _cut(one_line(", ".join(said)), ARGUMENTS)


def _cut(text: str, most: int) -> str:
    kept, cut = shorten(text, most)
    return f"{kept}…" if cut else kept


def document(found: Simulation) -> dict[str, object]:
    """As data."""
    calls = [
        {
            "seq": call.seq,
            "at": iso(call.at),
            "request": call.request or None,
            "agent": call.agent,
            "tool": call.tool,
            "arguments": call.arguments,
            "then": {"rule": call.rule_then, "decision": call.then},
            "now": {"rule": call.rule_now, "decision": call.now},
            "changed": call.changed,
            "not_comparable": call.beside or None,
            "why": call.why or None,
        }
        for call in found.calls
    ]
    totals = {
        "calls": len(calls),
        "changed": found.changed,
        "not_comparable": found.incomparable,
        "then": dict(found.then),
        "now": dict(found.now),
        "rules": dict(found.rules),
    }
    return {"calls": calls, "totals": totals}
