"""The policy file as typed, frozen models. What a single value may look like is in `values`; what must fit together
across the file is checked in `checks`."""

from __future__ import annotations

from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field

from signoff.model import Risk
from signoff.policy.clauses import Breaker, Budget, Grants, Hours, LoopBreaker, Reasons, Remind, Reminders, Rung
from signoff.policy.values import (
    Email,
    Frozen,
    Id,
    Identities,
    Line,
    Names,
    Places,
    Seconds,
    Switch,
    Text,
    Typed,
    When,
    wrong,
)

DEFAULT_EXPIRY = 4 * 3600
"""Seconds."""
DEFAULTS = "defaults"
"""What a request that no rule matched names as its rule."""
OFF = ("confirm", "hours", "grants")
"""What a rule may switch `off` that the defaults have."""


class Person(Frozen):
    """One human and their verified identities."""

    name: Text | None = None
    """For display only: nobody is recognised by it (I14)."""
    email: Email | None = None
    """Only to recognise `on_behalf_of` and the owner of a key, never the person who clicks (I14)."""
    identities: dict[str, Identities] = Field(default_factory=dict)
    """Chat → `tenant/user`. In the file each chat is a key of its own."""


def _live(value: object) -> object:
    given = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    if not given or not all(isinstance(one, str) for one in given):
        raise wrong("must be text", "write the group's id in quotes, or a list of them")
    return given


class Group(Frozen):
    members: tuple[str, ...] = ()
    live: dict[str, Annotated[tuple[str, ...], BeforeValidator(_live)]] = Field(default_factory=dict)
    """Key (`calendar`…) → what is looked up when somebody decides. In the file each is a key of its own."""


class Defaults(Frozen):
    show: Places = ()
    approvers: tuple[str, ...] = ()
    """Empty: nobody can approve (I15)."""
    expires_in: Seconds = DEFAULT_EXPIRY
    self_approval: bool = False
    any_channel: bool = False
    """May a request name a place that `show` does not list?"""
    editable: Names | None = None
    secret: Names = ()
    confirm: Typed | None = None
    reasons: Reasons = ()
    remind: Reminders = Remind()
    escalate: tuple[Rung, ...] = ()
    on_expire: Literal["expire", "reject"] = "expire"
    fallback: Places = ()
    hours: Hours | None = None
    """Of rules that ask, and of calls that no rule matches."""
    grants: Grants | None = None
    break_glass: tuple[str, ...] = ()
    loop_breaker: Breaker = LoopBreaker()


class Stage(Frozen):
    name: Text | None = None
    approvers: tuple[str, ...]
    quorum: Annotated[int, Field(ge=1)] = 1
    when: When | None = None
    """None: always. A stage whose condition cannot be evaluated stays in."""

    @property
    def called(self) -> str:
        return self.name or ", ".join(self.approvers)


class Rule(Frozen):
    """What is left out (None) comes from `defaults`."""

    name: Text
    when: When | None = None
    """None: always."""
    risk: Risk | None = None
    mode: Switch | None = None
    """None: the file's. `off`: the rule is not looked at."""
    show: Places | None = None
    approvers: tuple[str, ...] | None = None
    stages: tuple[Stage, ...] | None = None
    """Instead of `approvers`."""
    editable: Names | None = None
    secret: Names = ()
    """In addition to the defaults'."""
    expires_in: Seconds | None = None
    decide: Literal["approve", "reject", "notify"] | None = None
    """None: people are asked."""
    message: Line | None = None
    budget: Budget | None = None
    confirm: Typed | None = None
    reasons: Reasons | None = None
    remind: Reminders | None = None
    escalate: tuple[Rung, ...] | None = None
    on_expire: Literal["expire", "reject"] | None = None
    fallback: Places | None = None
    hours: Hours | None = None
    grants: Grants | None = None
    break_glass: tuple[str, ...] | None = None
    loop_breaker: Breaker | None = None
    any_channel: bool | None = None
    self_approval: bool | None = None
    off: tuple[str, ...] = ()
    """What this rule does without though the defaults have it; in the file `confirm: off` and so on."""

    @property
    def named(self) -> tuple[str, ...] | None:
        """The approvers this rule names itself, in either way."""
        if self.stages is None:
            return self.approvers
        return tuple(dict.fromkeys(name for stage in self.stages for name in stage.approvers))

    @property
    def unconditional(self) -> bool:
        return self.when is None or self.when.constant is True

    @property
    def certain(self) -> bool:
        """Whether it holds whenever its condition does."""
        return self.budget is None and self.hours is None and self.mode != "off"


class Spec(Frozen):
    """The whole file."""

    version: Literal[1] = 1
    mode: Switch = "enforce"
    people: dict[Id, Person] = Field(default_factory=dict)
    groups: dict[Id, Group] = Field(default_factory=dict)
    operators: tuple[str, ...] | None = None
    """Who may freeze, thaw and the like; None: everybody whom the file names as an approver."""
    defaults: Defaults = Field(default_factory=Defaults)
    rules: tuple[Rule, ...] = ()

    @property
    def asked(self) -> tuple[str, ...]:
        """Every person and group that is named as an approver anywhere."""
        names = [*self.defaults.approvers, *_ladder(self.defaults)]
        for rule in self.rules:
            names += [*(rule.named or ()), *_ladder(rule)]
        return tuple(dict.fromkeys(names))


def _ladder(of: Defaults | Rule) -> tuple[str, ...]:
    outside = of.hours.outside if of.hours else None
    return (*(outside.approvers or () if outside else ()), *(name for rung in of.escalate or () for name in rung.to))
