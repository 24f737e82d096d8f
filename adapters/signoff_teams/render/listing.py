"""What somebody may decide now, as a card with ticks and filters. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from signoff.cards import Choice, Entry, Group, Listing
from signoff.model import Risk
from signoff_teams.render.card import LIMIT, RISKS, banner, document, note
from signoff_teams.render.moves import ANY, FILTER, PICK, TICKS, Buttons, Place, row
from signoff_teams.render.text import Json, brief, label, line, runs, size, tick

DECIDING = frozenset({"approve", "reject"})
"""Moves that stand at the foot of the card."""


@dataclass(frozen=True, slots=True)
class _Room:
    label: int
    """Bytes of JSON that the words at one tick may take."""
    choices: int
    """Bytes of JSON of the choices of one filter."""
    entries: int
    """Most requests of an open group."""
    whole: bool
    """Arguments in full, not only those in which requests differ."""


_ROOMS = (
    _Room(1200, 3000, 100, whole=True),
    _Room(600, 2000, 60, whole=True),
    _Room(300, 1200, 40, whole=False),
    _Room(180, 800, 30, whole=False),
    _Room(110, 500, 20, whole=False),
    _Room(70, 300, 10, whole=False),
)


def listing(shown: Listing, place: Place) -> Json:
    """At most LIMIT bytes. What is shortened here is whole on the page before deciding."""
    built: Json = {}
    for room in _ROOMS:
        built = _listing(shown, place, room)
        if size(built) <= LIMIT:
            break
    return built


def _listing(shown: Listing, place: Place, room: _Room) -> Json:
    groups = [replace(group, entries=group.entries[: room.entries]) for group in shown.groups]
    cut = {
        whole.key: len(whole.entries) - len(group.entries) for whole, group in zip(shown.groups, groups, strict=True)
    }
    buttons = Buttons(shown.review, place.mode, shown=list(_tickable(groups)))
    body = banner(" ".join(filter(None, [place.notice, shown.notice])))
    body.append(line(brief(shown.heading, 1000, size="Large", weight="Bolder")))
    counts = " · ".join(filter(None, [shown.counts, shown.pages]))
    body.append(line(brief(counts, 1500, isSubtle=True) or runs(" "), spacing="Small"))
    body += _filters(shown, buttons, room)
    body += row(buttons.made(one, inputs=True) for one in shown.buttons if one.move == "select")
    closed: list[Group] = []
    for group in groups:
        if group.entries or not group.selectable:
            body += _ticks_of_groups(closed, room)
            closed = []
            body += _open(group, buttons, room, cut[group.key]) if group.entries else [_bare(group, room)]
        else:
            closed.append(group)
    body += _ticks_of_groups(closed, room)
    body += _picking(groups, buttons, room)
    kept = [one for one in shown.buttons if one.move not in DECIDING | {"select", "narrow"}]
    body += row([*(buttons.made(one, inputs=True) for one in kept), *buttons.leaving(place, ticks=True)])
    return document(body, [buttons.made(one, inputs=True) for one in shown.buttons if one.move in DECIDING])


def _tickable(groups: list[Group]) -> Iterator[str]:
    """What stands on the card with a tick. Of an open group its requests do, and not the group itself."""
    for group in groups:
        if group.entries:
            yield from (entry.key for entry in group.entries if entry.mark is None)
        elif group.selectable:
            yield group.key


def _filters(shown: Listing, buttons: Buttons, room: _Room) -> list[Json]:
    """Folded away until somebody wants them, or while one of them is at work."""
    if not shown.choices and shown.sieve.text is None:
        return []
    active = shown.sieve.text is not None or any(choice.value for choice in shown.choices)
    items = [_choice(choice, room) for choice in shown.choices]
    text: Json = {"type": "Input.Text", "id": f"{FILTER}text", "label": "Text", "maxLength": 200}
    if shown.sieve.text:
        text["value"] = shown.sieve.text[:200]
    items += [text, *row([buttons.move("narrow", "", "Apply", inputs=True)])]
    fold: Json = {"type": "Action.ToggleVisibility", "title": "Filter", "targetElements": ["filters"]}
    folded: Json = {"type": "Container", "id": "filters", "style": "emphasis", "isVisible": active, "items": items}
    return [*row([fold]), folded]


def _choice(choice: Choice, room: _Room) -> Json:
    anything: Json = {"title": f"Any {choice.name}", "value": ANY}
    # What is chosen is there, whatever has to be cut.
    options = sorted(choice.options, key=lambda option: option[0] != choice.value)
    left = room.choices
    kept: set[str] = set()
    for value, title in options:
        left -= size(value) + size(label(title, 200)) + 24
        if left >= 0 or value == choice.value:
            kept.add(value)
    offered: list[Json] = [
        {"title": label(title, 200) or "(empty)", "value": value} for value, title in choice.options if value in kept
    ]
    value = choice.value if choice.value in kept else ANY
    return {
        "type": "Input.ChoiceSet", "id": f"{FILTER}{choice.name}", "label": label(choice.label, 100),
        "style": "compact", "choices": [anything, *offered], "value": value,
    }  # fmt: skip


def _ticks(name: str, title: str, choices: list[Json], ticked: list[str]) -> Json:
    made: Json = {
        "type": "Input.ChoiceSet", "id": f"{TICKS}{name}", "isMultiSelect": True, "style": "expanded", "wrap": True,
        "choices": choices,
    }  # fmt: skip
    if title:
        made["label"] = title
    return made | ({"value": ",".join(ticked)} if ticked else {})


def _ticks_of_groups(groups: list[Group], room: _Room) -> list[Json]:
    if not groups:
        return []
    choices: list[Json] = [{"title": tick(_group(group), room.label), "value": group.key} for group in groups]
    ticked = [group.key for group in groups if group.selected == group.selectable]
    return [_ticks(groups[0].key, "", choices, ticked)]


def _open(group: Group, buttons: Buttons, room: _Room, cut: int) -> list[Json]:
    """A group's requests, each with its tick, or with why there is none."""
    items: list[Json] = [_bare(group, room)]
    free = [entry for entry in group.entries if entry.mark is None]
    if free:
        choices: list[Json] = [{"title": tick(_entry(entry, room), room.label), "value": entry.key} for entry in free]
        items.append(_ticks(group.key, "", choices, [entry.key for entry in free if entry.selected]))
    for entry in group.entries:
        if entry.mark is not None:
            said = runs(f" · {entry.mark}", color="Warning")
            items.append(line(brief(_entry(entry, room), room.label), said, spacing="Small"))
    if cut:
        items += note(f"… and {cut} more of these do not fit here; look at them one by one.")
    turn = "Select none" if group.selected == group.selectable else "Select all"
    actions = [buttons.move("open", group.key, "Close", inputs=True)]
    if group.more:
        actions.insert(0, buttons.move("open", group.more, "Show more", inputs=True))
    if group.selectable:
        actions.insert(0, buttons.move("select", group.key, f"{turn} {group.selectable}", inputs=True))
    return [{"type": "Container", "style": "emphasis", "items": [*items, *row(actions)]}]


def _picking(groups: list[Group], buttons: Buttons, room: _Room) -> list[Json]:
    """One list of everything that can be opened: groups, and the requests of an open one by themselves."""
    most = max(60, room.label // 2)
    choices: list[Json] = []
    for group in groups:
        if not group.entries:
            choices.append({"title": label(group.title, most) or "(no name)", "value": f"open:{group.key}"})
        for entry in group.entries:
            words = f"{entry.title} · {entry.short}" if entry.short else entry.title
            choices.append({"title": label(words, most) or "(no name)", "value": f"walk:{entry.key}"})
    if not choices:
        return []
    pick: Json = {
        "type": "Input.ChoiceSet", "id": PICK, "label": "Look at", "style": "compact", "choices": choices,
        "placeholder": "a group or a request",
    }  # fmt: skip
    return [pick, *row([buttons.move("open", PICK, "Open", inputs=True)])]


def _bare(group: Group, room: _Room) -> Json:
    colour = "Default" if group.risk is None else RISKS[group.risk][1]
    return line(brief(_group(group), room.label + 100, weight="Bolder", color=colour), spacing="Small")


def _group(group: Group) -> str:
    parts = [_risk(group.risk), group.title, group.detail]
    if not group.selectable:
        parts.append("one at a time only")
    elif group.selectable < group.count:
        parts.append(f"{group.selectable} of {group.count} can go together")
    if 0 < group.selected < group.selectable:
        parts.append(f"{group.selected} selected")
    parts.append(f"until {_when(group.soonest)}")
    return " · ".join(filter(None, parts)).strip() or "(no name)"


def _entry(entry: Entry, room: _Room) -> str:
    text = entry.text if room.whole or not entry.short else entry.short
    if room.whole and entry.hidden:
        text += f" (+{entry.hidden} characters)"
    return f"{entry.title} · {text}"


def _risk(risk: Risk | None) -> str:
    return "" if risk is None else f"▲ {RISKS[risk][0]}" if risk in ("high", "critical") else RISKS[risk][0]


def _when(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b, %H:%M} UTC"
