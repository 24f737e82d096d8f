"""The card of several requests: an agent's batch, or what a flood has left without cards of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signoff.cards.head import WAITS, risk, status, tone
from signoff.cards.line import arguments_line
from signoff.cards.plain import weight
from signoff.cards.queue.said import short
from signoff.cards.types import Button, Card, Fact, Item, Tone
from signoff.model import Clean, Request, Status, one_line

ITEMS = 20
TITLE = 150
"""Characters."""
ITEM_TITLE = 80
ITEM_TEXT = 150
ITEM_STATUS = 80
ROOM = 6000
"""Weight (see `plain.weight`) of all items: what a chat draws around twenty of them takes much of a message."""
LEAST = 20
"""Characters of a text below which items are left out rather than shortened further."""
OVER: tuple[Status, ...] = ("approved", "rejected", "responded", "expired", "cancelled")
WORDS: dict[Status, str] = {"responded": "answered", "cancelled": "withdrawn"}


def pile(
    requests: Sequence[Request],
    *,
    card_id: str,
    title: str | None,
    total: int,
    counts: Mapping[Status, int],
    rev: int,
    names: Mapping[str, str],
    who: str = "",
    most: int = ITEMS,
) -> Card:
    """What one message shows of several requests.

    `requests`: some of them, in their order; those that wait come first. `title`: the batch's own; None: what they are.
    `total` and `counts` are of all of them. `rev`: the card's. `names`: display names by person id. `who`: as for
    `card`, for the state of those that wait. `most`: how many are shown. Never raises, whatever the agent sent.
    """
    waiting = counts.get("pending", 0)
    heading = _title(requests, title, total)
    state = _status(waiting, total, counts)
    items = _items(sorted(requests, key=lambda one: not one.open)[:most], names, who)
    return Card(
        purpose="pile",
        request_id=card_id,
        version=1,
        rev=rev,
        title=heading,
        status=state,
        tone=_tone(requests, waiting, counts),
        risk=None,
        summary=f"{'Approvals needed' if waiting else 'All decided'}: {heading} ({state})",
        footer=_footer([one for one in requests if one.open], who),
        buttons=_buttons(waiting),
        items=items,
        items_hidden=max(0, total - len(items)),
    )


def _footer(waiting: Sequence[Request], who: str) -> tuple[Fact, ...]:
    if not waiting:
        return ()
    soonest = Fact("First deadline", moment=min(one.expires_at for one in waiting))
    return (*((Fact("Who may decide", short(who, TITLE)),) if who else ()), soonest)


def _buttons(waiting: int) -> tuple[Button, ...]:
    if not waiting:
        return ()
    found = (Button("review", "Review…", "primary"), Button("approve_all", "Approve all…"))
    return (*found, Button("reject_all", "Reject all…", "danger"))


def _title(requests: Sequence[Request], title: str | None, total: int) -> str:
    if title and (said := one_line(title).strip()):
        text = said
    else:
        agents = {request.agent for request in requests}
        agent = agents.pop() if len(agents) == 1 and len(requests) == total else None
        text = f"{total:,} {'call' if total == 1 else 'calls'}" + (f" of {one_line(agent)}" if agent else "")
    return short(text, TITLE)


def _status(waiting: int, total: int, counts: Mapping[Status, int]) -> str:
    over = [f"{counts[one]:,} {WORDS.get(one, one)}" for one in OVER if counts.get(one, 0)]
    if waiting:
        of = f" of {total:,}" if waiting < total else ""
        over.insert(0, f"{waiting:,}{of} {'waits' if waiting == 1 else 'wait'}")
    return " · ".join(over) or "Nothing waits"


def _tone(requests: Sequence[Request], waiting: int, counts: Mapping[Status, int]) -> Tone:
    if waiting:
        return "warning" if any(one.open and one.risky for one in requests) else "neutral"
    ended = {one for one in OVER if counts.get(one, 0)}
    if ended and ended <= {"approved", "responded"}:
        return "good"
    return "bad" if ended == {"rejected"} else "neutral"


def _items(requests: Sequence[Request], names: Mapping[str, str], who: str) -> tuple[Item, ...]:
    shown = [(one, Clean(one)) for one in requests]
    share = 1
    while True:
        items = [_item(one, clean, names, who, share) for one, clean in shown]
        if sum(map(_weight, items)) <= ROOM or ITEM_TEXT // share <= LEAST:
            break
        share *= 2
    room, kept = ROOM, list[Item]()
    for item in items:
        room -= _weight(item)
        if room < 0:
            break
        kept.append(item)
    return tuple(kept)


def _item(request: Request, clean: Clean, names: Mapping[str, str], who: str, share: int) -> Item:
    state = status(request, who, names)
    level = risk(request)
    if request.open and state == WAITS:
        state = ""  # as the card itself says of all
    if request.open and level in {"high", "critical"}:
        state = f"{level.capitalize()} risk. {state}".strip()
    return Item(
        request_id=request.id,
        title=short(clean.line(request.heading) or request.id, max(LEAST, ITEM_TITLE // share)),
        text=short(arguments_line(request, max(LEAST * 3, ITEM_TEXT // share))[0], ITEM_TEXT),
        status=short(state, max(LEAST, ITEM_STATUS // share)),
        tone=tone(request, who),
        open=request.open,
        risk=level,
    )


def _weight(item: Item) -> int:
    return weight(item.title) + weight(item.text) + weight(item.status)
