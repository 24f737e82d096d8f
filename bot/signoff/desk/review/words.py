"""What is typed behind `pending`: risks, @agents, #channels, tools, or any text. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signoff.desk import typed
from signoff.errors import BadCommand
from signoff.model import BATCH, PILE, RISKS, Facet, Risk, Sieve

LONGEST = 200
"""Characters that are looked for."""
WRITE = "Write: pending, pending high, pending @agent, pending #channel or pending refunds"


def read(text: str, facets: Sequence[Facet]) -> Sieve:
    """The part of the queue that is meant; `facets` are what there is to mean. Raises BadCommand."""
    found: dict[str, str] = {}
    rest: list[str] = []
    for word in typed.words(text):
        name, value = _read(word, facets)
        if name == "text":
            rest.append(value)
        elif name in found:
            raise BadCommand(fault=f"One {name} at a time.", mend=WRITE)
        else:
            found[name] = value
    return Sieve.model_validate({**found, **({"text": " ".join(rest)[:LONGEST]} if rest else {})})


def _read(word: str, facets: Sequence[Facet]) -> tuple[str, str]:
    if word.startswith("<") and word.endswith(">"):
        raise BadCommand(fault="A person has no queue for others to see.", mend=WRITE)
    lower = word.casefold()
    if risk := risk_named(lower):
        return "risk", risk
    if word.startswith("@") and len(word) > 1:
        return "agent", _known(word[1:], (facet.agent or "" for facet in facets)) or word[1:]
    if word.startswith("#") and len(word) > 1:
        places = dict.fromkeys(place for facet in facets for place in facet.places)
        return "channel", next((place for place in places if place.casefold().endswith(lower)), word)
    for name, values in (
        ("tool", [facet.tool for facet in facets]),
        ("agent", [facet.agent or "" for facet in facets]),
        ("channel", [place for facet in facets for place in facet.places]),
    ):
        if known := _known(word, values):
            return name, known
    if word.startswith(BATCH):
        return "batch", word
    # A channel's name without its sign, where it cannot be meant for what is asked about there.
    places = dict.fromkeys(place for facet in facets for place in facet.places)
    named = next((one for one in places if one.casefold().endswith((f"#{lower}", f"/{lower}"))), None)
    if named is not None and not any(lower.removesuffix("s") in facet.tool.casefold() for facet in facets):
        return "channel", named
    return "text", word


def _known(word: str, values: Iterable[str]) -> str | None:
    """The value that is meant, whatever its case; exactly as written where there is one."""
    alike = dict.fromkeys(value for value in values if value and value.casefold() == word.casefold())
    return word if word in alike else next(iter(alike), None)


def risk_named(word: str) -> Risk | None:
    return next((risk for risk in RISKS if risk is not None and risk == word), None)


def sieve_of(card: str) -> Sieve:
    """What the card of several requests stands for."""
    return Sieve(piled=card.removeprefix(PILE)) if card.startswith(PILE) else Sieve(batch=card)
