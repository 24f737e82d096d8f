"""The larger clauses of a rule as typed, frozen models: reminders, ladder, budget, hours, grants, loop breaker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, cast
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, model_validator

from signoff.model import Retry
from signoff.policy.values import (
    DAYS,
    AmountOf,
    Argument,
    Clock,
    Days,
    Factor,
    Frozen,
    Line,
    Millionths,
    Places,
    Span,
    Text,
    Zone,
    wrong,
)

DEFAULT_LOOP = 5 * 60
"""Seconds for which a rejection answers the same call again."""
MIDNIGHT = 24 * 60
"""Minutes."""


class Reason(Frozen):
    text: Text
    retry: Retry | None = None
    """What it tells the agent."""


def _reason(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class Remind(Frozen):
    """When those who are asked are reminded: a list of moments, or growing distances."""

    after: tuple[Span, ...] = ()
    first: Span | None = None
    factor: Factor = 2.0
    """Each reminder comes so many times as late as the one before."""
    times: Annotated[int, Field(ge=1, le=20)] = 4
    by: Literal["thread", "direct"] = "thread"

    @model_validator(mode="after")
    def _one_way(self) -> Remind:
        if self.first is not None and self.after:
            raise wrong("has both `after` and `first`", "keep one of the two")
        if self.first is None and {"factor", "times"} & self.model_fields_set:
            raise wrong("has no `first`", "say when the first reminder is due, such as `first: 15m`")
        if len(self.after) > 20:
            raise wrong("has more than 20 reminders", "keep fewer")
        return self

    @property
    def moments(self) -> tuple[int, ...]:
        """Seconds since the version was asked."""
        if self.first is None:
            return self.after
        return tuple(round(self.first * self.factor**number) for number in range(self.times))


def _remind(value: object) -> object:
    if isinstance(value, tuple):
        return {"after": cast("tuple[object, ...]", value)}
    return value if isinstance(value, dict) else {"after": (value,)}


class Rung(Frozen):
    """One step of the ladder."""

    after: Span
    to: tuple[str, ...] = ()
    show: Places = ()


class Sum(Frozen):
    of: AmountOf
    limit: Millionths


class Budget(Frozen):
    """How much a rule may decide by itself in a sliding window. Used up, it does not match."""

    calls: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    sum: Sum | None = None
    per: Span
    by: tuple[Literal["agent", "tool", "on_behalf_of"], ...] = ()
    """Counted apart for each."""

    @model_validator(mode="after")
    def _something(self) -> Budget:
        if self.calls is None and self.sum is None:
            raise wrong("limits nothing", "give it `calls`, `sum` or both")
        return self


class Grants(Frozen):
    """What "allow similar" may come to."""

    match: tuple[Argument, ...]
    max_ttl: Span
    max_uses: Annotated[int, Field(ge=1, le=10_000)]

    @model_validator(mode="after")
    def _something(self) -> Grants:
        if not self.match:
            raise wrong("would allow every call", "name in `match` what has to be the same, such as [args.order]")
        return self


class Outside(Frozen):
    """What holds outside of the hours instead."""

    approvers: tuple[str, ...] | None = None
    decide: Literal["reject"] | None = None
    message: Line | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Outside:
        if (self.approvers is None) == (self.decide is None):
            raise wrong("must have `approvers` or `decide: reject`", "write one of the two")
        if self.message is not None and self.decide is None:
            raise wrong("has a `message`, which is only read with `decide: reject`", "remove it")
        return self


class Hours(Frozen):
    """When a rule holds, by the wall clock of a zone."""

    zone: Zone
    days: Days = tuple(range(7))
    from_: Clock = Field(0, alias="from")
    to: Clock = MIDNIGHT
    outside: Outside | None = None
    """None: outside of the hours the rule does not match."""

    @model_validator(mode="after")
    def _some_time(self) -> Hours:
        if self.from_ == self.to:
            raise wrong("begins and ends at the same time", "write `from` and `to` apart, or leave both out")
        return self

    def open(self, now: datetime) -> bool:
        """Whether the rule holds now. What begins in the evening and ends in the morning belongs to the evening."""
        local = now.astimezone(ZoneInfo(self.zone))
        minutes, today = local.hour * 60 + local.minute, local.weekday()
        if self.from_ < self.to:
            return today in self.days and self.from_ <= minutes < self.to
        yesterday = (local.date() - timedelta(days=1)).weekday()
        return (today in self.days and minutes >= self.from_) or (yesterday in self.days and minutes < self.to)

    @property
    def words(self) -> str:
        """`mon, tue 09:00-18:00 Europe/Berlin`."""
        days = "every day" if len(self.days) == 7 else ", ".join(DAYS[day] for day in self.days)
        clock = "-".join(f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (self.from_, self.to))
        return f"{days} {clock} {self.zone}"


class LoopBreaker(Frozen):
    """How long a rejection answers the same call again."""

    within: Span | None = DEFAULT_LOOP
    """None: never."""
    across_runs: bool = False


def _loop(value: object) -> object:
    if value is False or value == "off":
        return {"within": None}
    return value if isinstance(value, dict) else {"within": value}


Reminders = Annotated[Remind, BeforeValidator(_remind)]
Breaker = Annotated[LoopBreaker, BeforeValidator(_loop)]
Reasons = tuple[Annotated[Reason, BeforeValidator(_reason)], ...]
