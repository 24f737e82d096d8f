"""What somebody may decide now, as a list of groups."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Literal, Protocol

from signoff.cards.head import risk
from signoff.cards.line import arguments_line
from signoff.cards.queue.groups import Alike
from signoff.cards.queue.marks import Code, words
from signoff.cards.queue.said import by_risk, digest, heading, many, short
from signoff.cards.screens import Choice, Entry, Group, Listing, MoveButton
from signoff.model import RISKS, Clean, Request, Sieve, one_line

GROUPS = 20
"""Groups of a page."""
ENTRIES = 40
"""Entries of an open group that are shown at once."""
OPTIONS = 99
LABEL = 60
"""Characters of an option without its count."""
UNSURE = "more may wait: who is in one of your company's groups cannot be looked up now"
NAMELESS = '""'
VALUE = 75
"""Characters of an option's value; longer ones go by a short one."""


class Counts(Protocol):
    """How many wait, of what the sieve lets through. By risk "" stands for none."""

    @property
    def total(self) -> int: ...

    @property
    def risk(self) -> Mapping[str, int]: ...

    @property
    def tool(self) -> Mapping[str, int]: ...

    @property
    def agent(self) -> Mapping[str, int]: ...

    @property
    def channel(self) -> Mapping[str, int]: ...

    @property
    def elsewhere(self) -> int:
        """How many wait besides, that are shown in other chats alone."""
        ...

    @property
    def unsure(self) -> bool:
        """More may wait, for groups whose members cannot be looked up now."""
        ...


def listing(
    *,
    review: str,
    window: Sequence[Request | None],
    marks: Mapping[int, Code],
    chosen: Collection[int],
    groups: Sequence[Alike],
    page: int,
    opened: str,
    first: int,
    more: bool,
    sieve: Sieve,
    counts: Counts,
    offered: Counts,
    elsewhere: int = 0,
    notice: str | None = None,
    names: Mapping[str, str],
) -> Listing:
    """The list.

    `window`: the requests that are looked at, in their order; None where one has gone. `groups`: `group(window)`.
    `marks`: place in the window → why it cannot be decided along with others. `chosen`: places that are selected; such
    as cannot be decided along with others are not. `page`: which twenty of the groups, from 0 (see `group_pages`).
    `opened`: the key of the last `open` move, "" for none. `first`: how many requests come before the window. `more`:
    there are requests behind it. `offered`: how many there are of what the list can be narrowed to. `elsewhere`: how
    many are selected besides, before or behind the window. `names`: display names by person id.
    """
    page = max(0, min(page, group_pages(groups) - 1))
    selected = frozenset(
        place
        for place in chosen
        if 0 <= place < len(window) and window[place] is not None and marks.get(place, "ok") == "ok"
    )
    shown = groups[page * GROUPS : (page + 1) * GROUPS]
    before = first + sum(len(one.members) for one in groups[: page * GROUPS])
    here = sum(len(one.members) for one in shown)
    key, start = opened_key(opened)
    drawn = tuple(_group(one, window, marks, selected, names, start if one.key == key else None) for one in shown)
    narrowed = sieve.narrowed and offered.total != counts.total
    return Listing(
        review=review,
        heading=waits(counts.total, sieve),
        counts=" · ".join(filter(None, (counts_text(counts), f"{offered.total:,} in all" if narrowed else ""))),
        sieve=sieve,
        choices=_choices(sieve, offered),
        groups=drawn,
        selected=len(selected) + elsewhere,
        notice=notice,
        pages=_pages(before, here, counts.total),
        buttons=(
            *_buttons(drawn, bool(selected) or elsewhere > 0, page, before, more or page < group_pages(groups) - 1),
            *((MoveButton("narrow", "all", "Show all"),) if sieve.narrowed else ()),
        ),
    )


def group_pages(groups: Sequence[Alike]) -> int:
    """How many pages of twenty groups there are; at least one."""
    return max(1, -(-len(groups) // GROUPS))


def entry_place(key: str) -> int | None:
    """`r12` → 12, the place in the window; None for any other key."""
    return int(key[1:]) if key[:1] == "r" and _counts(key[1:]) else None


def opened_key(key: str) -> tuple[str, int]:
    """The key of an `open` move: whose entries are shown, from which on. `g3` → `g3`, 0; `g3:40` → `g3`, 40."""
    group, _, start = key.partition(":")
    return (group, int(start)) if _counts(start) else (group, 0)


def _counts(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 7


def waits(total: int, sieve: Sieve | None = None) -> str:
    """`87 requests wait for you`."""
    narrowed = sieve is not None and (sieve.narrowed or sieve.card)
    if not total:
        return "Nothing that waits for you fits" if narrowed else "Nothing waits for you"
    return f"{many(total, 'request')} {'waits' if total == 1 else 'wait'} for you"


def counts_text(counts: Counts) -> str:
    """`1 critical · 4 high · 82 low · 3 more are shown in another chat`; and whether more may wait."""
    more = counts.elsewhere
    verb = "is" if more == 1 else "are"
    return " · ".join(
        text
        for text in (
            by_risk(counts.risk),
            f"{more:,} {'more ' if counts.total else ''}{verb} shown in another chat" if more > 0 else "",
            UNSURE if counts.unsure else "",
        )
        if text
    )


def _pages(before: int, here: int, total: int) -> str:
    if not here:
        return f"0 of {total:,}"
    place = f"{before + 1:,}–{before + here:,}" if here > 1 else f"{before + 1:,}"
    return f"{place} of {max(total, before + here):,}"


def _group(
    alike: Alike,
    window: Sequence[Request | None],
    marks: Mapping[int, Code],
    selected: Collection[int],
    names: Mapping[str, str],
    start: int | None,
) -> Group:
    """`start`: from which entry on they are shown; None: the group is closed."""
    members = [(n, window[n], text) for n, text in zip(alike.members, alike.shorts, strict=True)]
    there = [(n, request, text) for n, request, text in members if request is not None]
    if start is not None and start >= len(there):
        start = 0
    entries = (
        ()
        if start is None
        else tuple(
            _entry(n, request, text, marks.get(n, "ok"), n in selected, names)
            for n, request, text in there[start : start + ENTRIES]
        )
    )
    after = (start or 0) + ENTRIES
    return Group(
        key=alike.key,
        title=alike.title,
        detail=alike.detail,
        risk=risk(there[0][1]) if there else None,
        count=len(there),
        selectable=sum(marks.get(n, "ok") == "ok" for n, _, _ in there),
        selected=sum(n in selected for n, _, _ in there),
        soonest=min(request.expires_at for _, request, _ in there),
        entries=entries,
        more=f"{alike.key}:{after}" if start is not None and after < len(there) else "",
    )


def _entry(place: int, request: Request, differs: str, code: Code, selected: bool, names: Mapping[str, str]) -> Entry:
    text, hidden = arguments_line(request)
    return Entry(
        key=f"r{place}",
        request_id=request.id,
        title=heading(request, Clean(request)),
        text=text,
        hidden=hidden,
        short=differs,
        digest=digest(request),
        risk=risk(request),
        expires=request.expires_at,
        mark=words(code, request, names) or None,
        selected=selected,
    )


# ── narrowing it down ────────────────────────────────────────────────────────────────────────────


def sieve_value(value: str, counts: Mapping[str, int]) -> str | None:
    """What an option of a Choice stands for; None when nothing by that value waits any more."""
    if not value.startswith("#"):
        return value
    return next((one for one in counts if _value(one) == value), None)


def _value(text: str) -> str:
    """A chat's options have short values, and not all characters come back as they were sent."""
    if text and len(text) <= VALUE and not text.startswith("#") and one_line(text).strip() == text:
        return text
    return f"#{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _choices(sieve: Sieve, counts: Counts) -> tuple[Choice, ...]:
    risks = tuple(
        (level, f"{level} ({counts.risk[level]:,})") for level in RISKS if level and counts.risk.get(level, 0) > 0
    )
    return (
        Choice("risk", "Risk", sieve.risk or "", risks),
        _choice("tool", "Tool", sieve.tool, counts.tool),
        _choice("agent", "Agent", sieve.agent, counts.agent),
        _choice("channel", "Channel", sieve.channel, counts.channel),
    )


def _choice(
    name: Literal["tool", "agent", "channel"], label: str, chosen: str | None, counts: Mapping[str, int]
) -> Choice:
    """The most frequent ones; what is chosen is among them, also when none of it waits."""
    ordered = sorted(counts, key=lambda one: (-counts[one], one))[:OPTIONS]
    if chosen is not None and chosen not in ordered:
        ordered = [*ordered[: OPTIONS - 1], chosen]
    options = tuple(
        (_value(one), f"{short(one_line(one) or NAMELESS, LABEL)} ({counts.get(one, 0):,})") for one in ordered
    )
    return Choice(name, label, "" if chosen is None else _value(chosen), options)


# ── what can be done ─────────────────────────────────────────────────────────────────────────────


def _buttons(groups: Sequence[Group], selected: bool, page: int, before: int, more: bool) -> tuple[MoveButton, ...]:
    found: list[MoveButton] = []
    if any(one.selectable for one in groups):
        found += [
            MoveButton("approve", "", "Approve selected…", "primary"),
            MoveButton("reject", "", "Reject selected…", "danger"),
            MoveButton("select", "all", "Select all"),
        ]
    if selected:
        found.append(MoveButton("select", "none", "Select none"))
    if groups:
        found.append(MoveButton("walk", "", "One at a time"))
    if more:
        found.append(MoveButton("page", "next", "Next page"))
    if before or page:
        found.append(MoveButton("page", "first", "First page"))
    return tuple(found)
