"""The record → the card. One function for every state a request can be in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from signoff.cards.buttons import approval, buttons, withholds
from signoff.cards.facts import changed, facts, first_arguments
from signoff.cards.footer import footer
from signoff.cards.head import asks, purpose, risk, status, summary, title, tone
from signoff.cards.plain import fit, weight
from signoff.cards.rows import Table, table
from signoff.cards.types import Card, Details, Fact
from signoff.model import Clean, Request, mask, pretty

STATUS = 300
"""Characters."""
FACT = 600
"""Characters of one labelled text."""
FACTS_ROOM = 3500
"""Weight (see `plain.weight`) of the facts before the arguments, all together."""
FOOTER_ROOM = 3000
"""Weight of the facts after them."""

OLD_COPY = "This is an old copy; the live card is elsewhere in this conversation."


def card(request: Request, *, who: str, names: Mapping[str, str]) -> Card:
    """What one message shows about a request.

    `who`: the people who are asked now, as a person reads it; "" when nobody is configured. `names`: display names by
    person id. Never raises, whatever the agent sent; secrets are masked, invisible characters made visible.
    """
    clean = Clean(request)
    heading, _ = title(request, clean)
    made = _table(request, clean)
    state = status(request, who, names)
    withheld = withholds(request, whole=made.whole)
    return Card(
        purpose=purpose(request),
        request_id=request.id,
        version=request.version,
        rev=request.rev,
        title=heading,
        status=fit(state, STATUS, 6 * STATUS)[0],
        tone=tone(request, who),
        risk=risk(request),
        summary=summary(request, heading, state),
        facts=_within(facts(request, clean), FACTS_ROOM),
        arguments=made.rows,
        arguments_hidden=made.hidden,
        footer=_within(footer(request, who, names, clean, withheld=withheld), FOOTER_ROOM),
        buttons=buttons(request, withheld=withheld),
    )


def shortened(request: Request) -> bool:
    """Whether the card hides an argument, or a part of one: what it was before an edit counts too (I11)."""
    return not _table(request, Clean(request)).whole


def pointer(request: Request) -> Card:
    """What a second copy of a card becomes: where to look instead, nothing to click (I21)."""
    heading, _ = title(request, Clean(request))
    return Card(
        purpose="pointer",
        request_id=request.id,
        version=request.version,
        rev=request.rev,
        title=heading,
        status=OLD_COPY,
        tone="neutral",
        risk=None,
        summary=f"Old copy: {heading}",
    )


def details(request: Request, *, who: str, names: Mapping[str, str]) -> Details:
    """Everything in full, for one person, and the approval of it (I11). Secrets stay masked."""
    clean = Clean(request)
    shown = mask(request.arguments, clean.hidden(request.arguments))
    heading, whole = title(request, clean)
    full = [Fact("Title", clean.line(request.title))] if request.title and not whole else []
    full.append(Fact("Status", status(request, who, names)))
    if level := risk(request):
        full.append(Fact("Risk", level.capitalize()))
    full += [*facts(request, clean), *changed(request, clean)]
    after = [fact for fact in footer(request, who, names, clean, withheld=False) if fact.label != "Digest"]
    after += [Fact("Version", str(request.version)), Fact("Digest", request.digest), Fact("Request", request.id)]
    return Details(
        request.id, request.version, heading, tuple(full), pretty(shown), approval(request), footer=tuple(after)
    )


def _table(request: Request, clean: Clean) -> Table:
    # A question that is the title is not said once more, below itself.
    said = asks(request) and request.arguments.get("question") == title(request, clean)[0]
    first, last = (
        {name: item for name, item in arguments.items() if not (said and name == "question")}
        for arguments in (first_arguments(request), request.arguments)
    )
    return table(first, last, clean)


def _within(found: list[Fact], room: int) -> tuple[Fact, ...]:
    """The facts, shortened to what a card holds; short ones first, so that no long one pushes them out."""
    kept: dict[int, Fact] = {}
    for index in sorted(range(len(found)), key=lambda index: len(found[index].text)):
        fact = found[index]
        text, hidden = fit(fact.text, FACT, max(0, room))
        room -= weight(fact.label) + weight(text) + weight(fact.url or "")
        kept[index] = replace(fact, text=text, hidden=hidden)
    return tuple(kept[index] for index in range(len(found)))
