"""The list of what somebody may decide → a modal. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from signoff.cards import Choice, Entry, Group, Listing, MoveButton
from signoff_slack import ids
from signoff_slack.check import VIEW_BLOCKS, VIEW_BYTES, size
from signoff_slack.render.screen.parts import (
    RISKS,
    buttons,
    header,
    label,
    line,
    lines,
    modal,
    option,
    said,
    select,
    small,
)
from signoff_slack.text import Json, head, plain, units

TICKS = 10
"""Options of one block of checkboxes."""
OPTIONS = 100
"""Options of one select."""
VALUE = 150
"""Code units of an option's value."""
SEARCH = 200
"""Characters that can be looked for."""
SPARE = 30_000
"""Bytes of a view left free."""
ANY = {"risk": "Any risk", "tool": "Any tool", "agent": "Any agent", "channel": "Any channel"}


@dataclass(frozen=True, slots=True)
class _Room:
    """How much one attempt shows."""

    entries: int
    """Of an open group."""
    options: int
    """Of each way to narrow the list."""


_ROOMS = (_Room(200, 99), _Room(80, 50), _Room(40, 20), _Room(20, 10), _Room(10, 5), _Room(0, 0))
"""Tried in this order until everything fits; the last one always does."""


def listing(shown: Listing, stamp: str) -> Json:
    """The submit button approves what is ticked, or, where nothing can be, looks for the text."""
    drawn: Json = {}
    for room in _ROOMS:
        drawn = _listing(shown, stamp, room)
        if len(_of(drawn)) <= VIEW_BLOCKS and size(drawn) <= VIEW_BYTES - SPARE:
            break
    return drawn


def _of(drawn: Json) -> Sequence[object]:
    blocks = drawn["blocks"]
    return blocks if isinstance(blocks, list) else ()


def _listing(shown: Listing, stamp: str, room: _Room) -> Json:
    blocks = [header(shown.heading)]
    under = " · ".join(text for text in (shown.counts, shown.pages) if text.strip())
    if under:
        blocks.append(small(under))
    if shown.notice:
        blocks.append(said(f"ℹ️ {shown.notice}"))
    blocks += _sieve(shown, stamp, room)
    if shown.groups:
        blocks.append({"type": "divider"})
        blocks += _groups(shown.groups, stamp, room)
        blocks += _picks(shown.groups, stamp, room)
        blocks.append(small(f"{shown.selected:,} selected so far; what you tick counts with the next button."))
    approve = next((one for one in shown.buttons if one.move == "approve"), None)
    blocks += buttons([one for one in shown.buttons if one is not approve])
    submit = approve or MoveButton("narrow", "", "Search")
    asks = any(block["type"] == "input" for block in blocks)
    label_ = submit.label if approve or asks else ""
    return modal("Pending approvals", ids.Stay(shown.review, submit.move, submit.key), blocks, label_)


# ── narrowing down ───────────────────────────────────────────────────────────────────────────────


def _sieve(shown: Listing, stamp: str, room: _Room) -> Iterator[Json]:
    text = shown.sieve.text or ""
    selects = [_choice(choice, room) for choice in shown.choices if choice.options or choice.value]
    if selects:
        yield {"type": "actions", "block_id": f"sift/{stamp}", "elements": selects}
    if not (shown.groups or selects or text):
        return
    typed: Json = {
        "type": "plain_text_input",
        "action_id": f"{ids.SIFT}text",
        "max_length": SEARCH,
        "placeholder": plain("Any word on the cards"),
        "dispatch_action_config": {"trigger_actions_on": ["on_enter_pressed"]},
    }
    if text:
        typed["initial_value"] = head(text, SEARCH)
    # The same while the text is the same: what is being typed outlives a button.
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:12]
    yield {
        "type": "input",
        "block_id": f"text/{mark}",
        "label": plain("Search"),
        "optional": True,
        "dispatch_action": True,
        "element": typed,
    }


def _choice(choice: Choice, room: _Room) -> Json:
    """An option's value begins with `=`: Slack takes no empty ones."""
    options = [option("=", ANY[choice.name])]
    offered = dict(choice.options[: room.options])
    if choice.value:
        known = dict(choice.options)
        offered = {choice.value: known.get(choice.value, choice.value), **offered}
    options += [option(f"={value}", text) for value, text in offered.items() if units(value) < VALUE]
    chosen = next((one for one in options if choice.value and one["value"] == f"={choice.value}"), options[0])
    return select(f"{ids.SIFT}{choice.name}", choice.label, options[:OPTIONS], chosen)


# ── groups ───────────────────────────────────────────────────────────────────────────────────────


def _groups(groups: Sequence[Group], stamp: str, room: _Room) -> Iterator[Json]:
    """Checkboxes for what can be selected, lines for what cannot, in the order of the list."""
    ticks = _Ticks(stamp)
    closed: list[str] = []
    for group in groups:
        if group.selectable:
            if closed:
                yield from lines(closed)
                closed = []
            ticks.add(_group(group), ticked=group.selected >= group.selectable)
        else:
            yield from ticks.take()
            closed.append(f"{RISKS[group.risk]} {line(group.title)}\n{line(group.detail)} · one at a time only")
        if group.entries:
            yield from ticks.take()
            yield from lines(closed)
            closed = []
            yield from _entries(group, stamp, room)
    yield from ticks.take()
    yield from lines(closed)


def _group(group: Group) -> Json:
    counted: list[str] = []
    if 0 < group.selected < group.selectable:
        counted.append(f"{group.selected:,} selected")
    if group.selectable < group.count:
        counted.append(f"{group.selectable:,} of {group.count:,} together")
    return option(group.key, f"{RISKS[group.risk]} {group.title}", " · ".join([*counted, group.detail]))


def _entries(group: Group, stamp: str, room: _Room) -> Iterator[Json]:
    """What an open group holds: checkboxes, then what has to be opened by itself."""
    shown = group.entries[: room.entries]
    yield small(f"▾ {line(group.title)}")
    ticks = _Ticks(f"{group.key}/{stamp}")
    for entry in shown:
        if entry.mark is None:
            ticks.add(option(entry.key, entry.title, _brief(entry)), ticked=entry.selected)
    yield from ticks.take()
    marked = [entry for entry in shown if entry.mark is not None]
    yield from lines(
        f"{RISKS[entry.risk]} {line(entry.title)}\n{line(_brief(entry))} · {entry.mark}" for entry in marked
    )
    if left := len(group.entries) - len(shown):
        yield small(f"{left:,} more do not fit here: narrow the list down")
    moves = [MoveButton("open", group.more, "More of these")] if group.more else []
    yield from buttons([*moves, MoveButton("open", group.key, "Close this group")])


def _brief(entry: Entry) -> str:
    """What tells it from the others of its group, and its digest, which is never cut."""
    if not entry.short.strip():
        return entry.digest
    return f"{label(entry.short, 75 - len(entry.digest) - 3)} · {entry.digest}"


class _Ticks:
    """Checkboxes, ten to a block. New block ids at each drawing: Slack keeps what was ticked under an old one."""

    def __init__(self, stamp: str) -> None:
        self._stamp = stamp
        self._blocks = 0
        self._options: list[Json] = []
        self._ticked: list[Json] = []
        self._full: list[Json] = []

    def add(self, one: Json, *, ticked: bool) -> None:
        if len(self._options) == TICKS:
            self._full.append(self._block())
        self._options.append(one)
        if ticked:
            self._ticked.append(one)

    def take(self) -> list[Json]:
        if self._options:
            self._full.append(self._block())
        full, self._full = self._full, []
        return full

    def _block(self) -> Json:
        boxes: Json = {
            "type": "checkboxes",
            "action_id": f"{ids.TICK}{self._blocks}",
            "options": self._options,
            **({"initial_options": self._ticked} if self._ticked else {}),
        }
        block: Json = {"type": "actions", "block_id": f"tick/{self._blocks}/{self._stamp}", "elements": [boxes]}
        self._blocks += 1
        self._options, self._ticked = [], []
        return block


def _picks(groups: Sequence[Group], stamp: str, room: _Room) -> Iterator[Json]:
    """Open a group, or look at one request: selects, since every line with a button would be a block."""
    opens = [option(group.key, f"{RISKS[group.risk]} {group.title}", group.detail) for group in groups]
    elements = [select(f"{ids.MOVE}open.pick", "Open a group…", opens[:OPTIONS])]
    entries = [entry for group in groups for entry in group.entries[: room.entries]][:OPTIONS]
    if entries:
        looks = [option(one.key, f"{RISKS[one.risk]} {one.title}", _brief(one)) for one in entries]
        elements.append(select(f"{ids.MOVE}walk.pick", "Look at one request…", looks))
    yield {"type": "actions", "block_id": f"pick/{stamp}", "elements": elements}
