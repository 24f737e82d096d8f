"""Who is asked, where, and who may decide: the first rule that matches a call."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from signoff.errors import BadConfig
from signoff.model import Ask, Kind, Mode, Request, Terms
from signoff.policy.facts import Facts, Failure
from signoff.policy.plan import Plan, planned, rank, shown
from signoff.policy.roll import GroupKey, Roll, either
from signoff.policy.spec import DEFAULTS, Defaults, Rule, Spec
from signoff.policy.terms import amount, made, typed
from signoff.policy.values import split_place

_SHOWN_FAILURES = 3
"""How many failed conditions a note explains."""
_CROWD = 1000
"""How many people a group counts as that is looked up only when somebody decides."""

SPENT = "its budget is used up"


@dataclass(frozen=True, slots=True)
class Considered:
    """What became of one rule on one call."""

    rule: Rule
    index: int
    result: bool | Failure
    why: str = ""
    """Why it does not match though its condition holds."""


class Policy(Roll):
    """A checked policy. Pure: nothing here reads a clock, a file or the network; the same call gets the same terms."""

    def __init__(
        self,
        spec: Spec,
        *,
        chats: Collection[str],
        lines: Mapping[str, int] | None = None,
        groups: Mapping[str, GroupKey] | None = None,
    ) -> None:
        """`lines`: rule or group name (`rule:refunds`, `group:finance`, `person:ada`) → line in the file;
        `mode` where the file itself says it."""
        super().__init__(spec, chats=chats, groups=groups)
        self.lines: Mapping[str, int] = dict(lines or {})
        # A rule that is off still knows what is secret about its calls, which other rules take up now (I13).
        off = [rule for rule in spec.rules if "off" in (rule.mode, spec.mode)]
        secret = tuple(dict.fromkeys((*spec.defaults.secret, *(name for rule in off for name in rule.secret))))
        self.default = planned(None, spec.defaults, spec.mode, secret)
        """What holds when no rule matches."""
        self.plans = tuple(planned(rule, spec.defaults, spec.mode, secret) for rule in spec.rules)
        """Of each rule, in the order of the file."""
        self._by_name = {plan.name: plan for plan in (self.default, *self.plans)}
        rows = zip(spec.rules, self.plans, strict=True)
        # Unpacked for the search, which goes through hundreds of them for every call.
        self._rows = [
            (plan, rule.when, plan.hours is None and plan.budget is None) for rule, plan in rows if plan.mode != "off"
        ]
        self._names = frozenset(name for plan in self.plans for name in _spoken(plan)) | frozenset(
            name for rule in spec.rules if rule.when for name in rule.when.names
        )
        self._names |= _spoken(self.default)

    # ── the whole file ───────────────────────────────────────────────────────────────────────────

    @property
    def mode(self) -> Mode:
        """Of the whole file; a rule may have its own."""
        return self.spec.mode

    def under(self, mode: Mode | None) -> Policy:
        """The same policy in the mode that the server is set to; None: the file's own. What a rule says for itself
        stays."""
        if mode is None or mode == self.mode:
            return self
        spec = self.spec.model_copy(update={"mode": mode})
        lines = {what: line for what, line in self.lines.items() if what != "mode"}  # it is not the file's any more
        return Policy(spec, chats=self.chats, lines=lines, groups=self.group_keys)

    @property
    def rule_names(self) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.spec.rules)

    def fingerprint(self, rule: str) -> str | None:
        """SHA-256 (hex) of all that a rule and the defaults say; None when there is no such rule (any more)."""
        plan = self._by_name.get(rule)
        return plan.fingerprint if plan else None

    def plan(self, rule: str) -> Plan:
        """What a rule, or the defaults, says. Raises KeyError."""
        return self._by_name[rule]

    def named_places(self) -> tuple[str, ...]:
        """Every place that the file names, as it is written."""
        found: list[str] = []
        parts: list[Defaults | Rule] = [self.spec.defaults, *self.spec.rules]
        for part in parts:
            found += part.show or ()
            found += part.fallback or ()
            found += [place for rung in part.escalate or () for place in rung.show]
        return tuple(dict.fromkeys(found))

    def places(self) -> tuple[str, ...]:
        """Every place that the defaults or a rule shows cards in."""
        return self.spread(self.named_places())

    def all_approvers(self) -> tuple[tuple[str, ...], ...]:
        """The approvers of the defaults and of every rule that asks."""
        asking = [plan for plan in (self.default, *self.plans) if plan.decide == "ask"]
        outside = [plan.outside for plan in (self.default, *self.plans) if plan.outside]
        return tuple(dict.fromkeys(plan.approvers for plan in (*asking, *outside) if plan.decide == "ask"))

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────

    def terms(
        self,
        ask: Ask,
        arguments: Mapping[str, object],
        now: datetime,
        *,
        spent: Collection[str] = (),
        secret: Collection[str] = (),
        asked_by: str = "",
    ) -> Terms:
        """What holds for this call with these arguments (which after an edit are not `ask.arguments`).

        The first rule that matches wins; if none does, the defaults. A condition that cannot be evaluated never leads
        to an automatic approval: see `_strictest`. `spent`: rules whose budgets turned out to be used up; they do not
        match. `secret`: patterns of what is secret besides, whichever rule holds. `asked_by`: the id of the asking key,
        for budgets that count apart for each agent. Raises ChannelNotAllowed.
        """
        if self.mode == "off" and ("approve" in ask.allowed_decisions or not ask.allowed_decisions):
            return Terms(
                rule=DEFAULTS,
                decide="approve",
                mode="off",
                risk=ask.risk,
                secret=self.default.secret,
                expires_in=self.default.expires_in,
            )
        facts = Facts.of(ask, arguments, now, names=self._names)
        failed: list[tuple[Plan, str]] = []
        match: Plan | None = None
        for plan, when, free in self._rows:
            result = True if when is None else when.holds(facts)
            if result is False:
                continue
            if spent or not free:
                result, _ = _limited(plan, result, facts, now, spent)
            if isinstance(result, Failure):
                failed.append((plan, result.why))
            elif result:
                match = plan
                break
        plan, note = self._chosen(match, failed, now)
        if secret:
            plan = replace(plan, secret=tuple(dict.fromkeys((*secret, *plan.secret))))
        return made(self, plan, ask, arguments, facts, note=note, asked_by=asked_by)

    def consider(
        self,
        ask: Ask,
        arguments: Mapping[str, object],
        now: datetime,
        *,
        spent: Collection[str] = (),
        facts_for: Callable[[Rule], Facts] | None = None,
    ) -> tuple[Considered, ...]:
        """Every rule up to the first match, in the order of the file. `facts_for`: what a rule may see of the call,
        where that is not all of it."""
        facts = Facts.of(ask, arguments, now)
        out: list[Considered] = []
        for index, (rule, plan) in enumerate(zip(self.spec.rules, self.plans, strict=True)):
            if "off" in (plan.mode, self.mode):
                out.append(Considered(rule, index, False, "it is off"))
                continue
            seen = facts_for(rule) if facts_for else facts
            result = True if rule.when is None else rule.when.holds(seen)
            why = ""
            if result is not False:
                result, why = _limited(plan, result, seen, now, spent)
            out.append(Considered(rule, index, result, why))
            if result is True:
                break
        return tuple(out)

    def decision(self, considered: Sequence[Considered], now: datetime) -> Plan:
        """The plan that holds after all that."""
        match = next((self.plans[one.index] for one in considered if one.result is True), None)
        failed = [(self.plans[one.index], one.result.why) for one in considered if isinstance(one.result, Failure)]
        return self._chosen(match, failed, now)[0]

    def _chosen(self, match: Plan | None, failed: Sequence[tuple[Plan, str]], now: datetime) -> tuple[Plan, str | None]:
        """What holds, and a note for people when a condition failed."""
        found = _holding(match or self.default, now)
        return self._strictest(found, failed, now) if failed else (found, None)

    def _strictest(self, found: Plan, failed: Sequence[tuple[Plan, str]], now: datetime) -> tuple[Plan, str]:
        """After failures a match that rejects still rejects; else people are asked, under the strictest among the
        failed rules and the match, of those that ask, or under the defaults. A rule that is only being tried out asks
        nobody, so it does not count, unless the whole file is."""
        note = _note(failed)
        if found.decide == "reject" and self._enforced(found):
            return found, note
        # The match, if any, stands behind every failed rule in the file, and the defaults behind every rule: this
        # order decides between equals.
        candidates = [*(_holding(plan, now) for plan, _ in failed), found]
        asking = [plan for plan in candidates if plan.decide == "ask" and self._enforced(plan)]
        chosen = min(asking, key=self._leniency) if asking else _holding(self.default, now)
        if chosen.decide == "reject":  # the defaults may, outside of their hours
            return chosen, note
        under = "the defaults" if chosen.name == DEFAULTS else f'the rule "{shown(chosen.name)}"'
        return chosen, f"{note} So people are asked, under {under}."

    def _enforced(self, plan: Plan) -> bool:
        return plan.mode == "enforce" or self.mode != "enforce"

    def _leniency(self, plan: Plan) -> tuple[int, int, int]:
        """Sorts the strictest first: the highest risk, then the most votes, then the fewest people who may approve."""
        crowd = _CROWD * len(self.live(plan.approvers))
        return -rank(plan.risk), -plan.votes, len(self.members(plan.approvers)) + crowd

    def confirm_for(
        self, rule: str, ask: Ask, arguments: Mapping[str, object], now: datetime, secret: Collection[str] = ()
    ) -> str | None:
        """What a rule wants typed for other arguments than it was asked about. `secret`: as for `terms`. None: nothing,
        or the file has no such rule any more."""
        if (plan := self._by_name.get(rule)) is None:
            return None
        plan = replace(plan, secret=tuple(dict.fromkeys((*secret, *plan.secret))))
        return typed(plan, ask, arguments, Facts.of(ask, arguments, now, names=self._names), [])

    # ── who may not ──────────────────────────────────────────────────────────────────────────────

    def barred(self, request: Request, person: str, kind: Kind = "approve") -> str | None:
        """Why this person may not decide so, though an approver (I17); None when they may.

        The one who asks, the owner of the asking key and the person the call acts for cannot let it run. `respond`
        counts as letting it run where `approve` is offered as well. Rejecting is always allowed. A text that may mean
        several people bars them all.
        """
        runs = kind in {"approve", "edit"} or (kind == "respond" and "approve" in request.allowed_decisions)
        if not runs or request.terms.self_approval:
            return None
        if request.on_behalf_of and person in self.meant(request.on_behalf_of):
            return "This call acts for you"
        if request.owner and (request.owner == person or person in self.meant(request.owner)):
            return "The agent that asks is yours"
        if request.agent and person in self.meant(request.agent):
            return "You asked for this"
        return None


def default(
    channels: Sequence[str], *, chats: Collection[str] | None = None, groups: Mapping[str, GroupKey] | None = None
) -> Policy:
    """The policy when there is no file: shown in the configured channels, and nobody can approve (I15).

    `chats`: the chats there are; None: those of `channels`. Raises BadConfig when a channel is not a place in them.
    """
    known = {channel.partition(":")[0] for channel in channels} if chats is None else set(chats)
    for channel in channels:
        if split_place(channel, known) is None:
            fault = (
                f'"{shown(channel)}" is not a place in {either(sorted(known)) or "a chat, because none is installed"};'
            )
            raise BadConfig(key="SIGNOFF_CHANNEL", fault=fault, mend="write the chat, a colon and the channel.")
    # Built without validation: a model of the file validates places against the chats it is loaded with.
    defaults = Defaults.model_construct(show=tuple(channels), any_channel=True)
    return Policy(Spec(defaults=defaults), chats=known, groups=groups)


def _limited(
    plan: Plan, result: bool | Failure, facts: Facts, now: datetime, spent: Collection[str]
) -> tuple[bool | Failure, str]:
    """What is left of a match, or of a failure, when hours and budget are looked at; and why not."""
    holding = plan.at(now)
    if holding is None and plan.hours:
        return False, f"it holds at {plan.hours.words} only"
    if plan.name in spent:
        return False, SPENT
    if result is True and holding is not None and holding.budget is not None:
        taken = amount(holding.budget, facts)
        return (taken, "") if isinstance(taken, Failure) else (True, "")
    return result, ""


def _holding(plan: Plan, now: datetime) -> Plan:
    return plan.at(now) or plan


def _spoken(plan: Plan) -> frozenset[str]:
    """What its expressions beside `when` speak of."""
    expressions = [stage.when for stage in plan.stages if stage.when]
    named = [one.names for one in expressions]
    if plan.confirm:
        named.append(plan.confirm.names)
    if plan.budget and plan.budget.sum:
        named.append(plan.budget.sum.of.names)
    return frozenset().union(*named)


def _note(failed: Sequence[tuple[Plan, str]]) -> str:
    parts = [
        f'The condition of the rule "{shown(plan.name)}" could not be evaluated, because {why}.'
        for plan, why in failed[:_SHOWN_FAILURES]
    ]
    if (rest := len(failed) - _SHOWN_FAILURES) > 0:
        parts.append(f"So it went with {rest} more.")
    return " ".join(parts)
