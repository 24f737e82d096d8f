"""Standing orders: what people have laid down beside single requests. Freezes, grants, delegations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import Field

from signoff.errors import CallFrozen
from signoff.model.request import Request
from signoff.model.text import one_line
from signoff.model.words import Frozen, Moment

EVERYTHING = "*"
"""The id of the freeze that holds for every call."""
UNREADABLE = "an order that this version of Signoff cannot read"
"""Who froze, as far as that can be told."""


def freeze_id(agent: str | None, tool: str | None) -> str:
    """One freeze for each pair, so that freezing twice is freezing once."""
    if agent is None and tool is None:
        return EVERYTHING
    if agent is None or tool is None:
        return f"tool:{tool}" if agent is None else f"agent:{agent}"
    return f"both:{len(agent)}:{agent}:{tool}"


def freezing(tool: str, agent: str | None, asked_by: str) -> Iterator[str]:
    """The ids of all freezes that would hold for a call. An agent is known by the name it gives itself and by the key
    it asks with; the key it cannot choose.
    """
    yield EVERYTHING
    yield freeze_id(None, tool)
    for name in dict.fromkeys(filter(None, (agent, asked_by))):
        yield freeze_id(name, None)
        yield freeze_id(name, tool)


def freezes_of(request: Request) -> tuple[str, ...]:
    """As `freezing`, for a record."""
    return tuple(freezing(request.tool, request.agent, request.asked_by))


class Freeze(Frozen):
    """The kill switch: while it stands, nothing that matches is decided, approved by a rule or started."""

    id: str
    agent: str | None = None
    """The agent's own name or the id of its key; None: every agent."""
    tool: str | None = None
    by: str
    """The person or key that froze."""
    reason: str | None = None
    at: Moment

    @property
    def refusal(self) -> CallFrozen:
        """What those are told whom it stops."""
        match self.agent, self.tool:
            case None, None:
                what = "Everything"
            case None, tool:
                what = f'The tool "{tool}"'
            case agent, None:
                what = f'The agent "{agent}"'
            case agent, tool:
                what = f'The tool "{tool}" for the agent "{agent}"'
        reason = f" ({one_line(self.reason)})" if self.reason else ""
        return CallFrozen(what=one_line(what), by=one_line(self.by), reason=reason)


class Grant(Frozen):
    """ "Allow similar": calls like the one that was approved need nobody, for a while and so many times."""

    id: str
    request: str
    """The approved request that it was given with."""
    rule: str
    fingerprint: str
    """Of the rule as it was; a changed rule voids the grant."""
    tool: str
    asked_by: str
    """Only calls of the same key are similar."""
    agent: str | None = None
    on_behalf_of: str | None = None
    match: dict[str, str]
    """JSON pointer into the arguments → canonical JSON of the value that has to be the same. "" → the digest of the
    whole call."""
    giver: str
    at: Moment
    expires_at: Moment
    max_uses: int
    uses: int = 0

    def live(self, now: datetime) -> bool:
        return now < self.expires_at and self.uses < self.max_uses


class Delegation(Frozen):
    """One person decides in another's place, until a moment, and never more than the giver could."""

    id: str
    giver: str
    to: str
    scope: str | None = Field(None, max_length=200)
    """The name of a rule or of a group of approvers; None: everything the giver may decide."""
    at: Moment
    until: Moment

    def live(self, now: datetime) -> bool:
        return now < self.until


Order = TypeVar("Order", Grant, Delegation)


def readable(kind: type[Order], texts: Iterable[str]) -> Iterator[Order]:
    """Orders from their stored texts. What cannot be read, of a later version perhaps, allows nothing."""
    for text in texts:
        try:
            yield kind.model_validate_json(text)
        except ValueError:
            continue


def read_freeze(id_: str, text: str) -> Freeze:
    """A freeze from its stored text. One that cannot be read holds all the same, so it has to be seen and thawed."""
    try:
        return Freeze.model_validate_json(text)
    except ValueError:
        agent, tool = _meant(id_)
        return Freeze(id=id_, agent=agent, tool=tool, by=UNREADABLE, at=datetime.fromtimestamp(0, UTC))


def _meant(id_: str) -> tuple[str | None, str | None]:
    """Agent and tool of a freeze's id; an id of another kind passes for a tool's name."""
    kind, _, rest = id_.partition(":")
    length, _, pair = rest.partition(":")
    if kind == "both" and length.isdecimal():
        return pair[: int(length)], pair[int(length) + 1 :]
    if kind == "agent":
        return rest, None
    return None, None if id_ == EVERYTHING else rest if kind == "tool" else id_
