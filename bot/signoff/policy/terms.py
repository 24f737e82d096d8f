"""A plan and a call → the terms that are kept with the request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from signoff.errors import ChannelNotAllowed
from signoff.model import (
    Ask,
    Escalation,
    GrantTerms,
    Risk,
    Spend,
    Stage,
    Terms,
    dumps,
    one_line,
    secret_pointers,
    within,
)
from signoff.policy.amount import millionths
from signoff.policy.clauses import Budget
from signoff.policy.facts import Facts, Failure
from signoff.policy.plan import Plan, rank, shown
from signoff.policy.roll import Roll
from signoff.policy.values import split_place


def made(
    roll: Roll, plan: Plan, ask: Ask, arguments: Mapping[str, object], facts: Facts, *, note: str | None, asked_by: str
) -> Terms:
    """Raises ChannelNotAllowed."""
    notes = [note] if note else []
    show, expires_in = _show(roll, plan, ask), min(plan.expires_in, ask.expires_in or plan.expires_in)
    offered = "approve" in ask.allowed_decisions
    if plan.decide == "reject" or (plan.decide in {"approve", "notify"} and (offered or not ask.allowed_decisions)):
        return Terms(
            rule=plan.name,
            decide=plan.decide,
            mode=plan.mode,
            message=plan.message,
            risk=_higher(plan.risk, ask.risk),
            approvers=plan.approvers,
            show=show,
            editable=_both(plan.editable, ask.editable),
            secret=plan.secret,
            reasons=tuple(reason.text for reason in plan.reasons),
            self_approval=plan.self_approval,
            expires_in=expires_in,
            note=note,
            spend=_spend(roll, plan, ask, facts, asked_by) if plan.budget and offered else None,
            loop=plan.loop.within or 0,
            loop_across=plan.loop.across_runs,
        )
    stages = tuple(_stages(plan, facts, notes))
    approvers = stages[0].approvers if stages else plan.approvers
    if len(stages) == 1 and stages[0].quorum == 1:
        stages = ()
    confirm = typed(plan, ask, arguments, facts, notes)
    grants = _grants(plan, ask, arguments)
    return Terms(
        rule=plan.name,
        decide=plan.decide,
        mode=plan.mode,
        risk=_higher(plan.risk, ask.risk),
        approvers=approvers,
        stages=stages,
        show=show,
        editable=_both(plan.editable, ask.editable),
        secret=plan.secret,
        reasons=tuple(reason.text for reason in plan.reasons),
        retries={reason.text: reason.retry for reason in plan.reasons if reason.retry is not None},
        self_approval=plan.self_approval,
        expires_in=expires_in,
        note=" ".join(notes) or None,
        confirm=confirm,
        remind=tuple(after for after in plan.remind.moments if after < expires_in),
        remind_by=plan.remind.by,
        escalate=tuple(
            Escalation(after=rung.after, to=rung.to, show=roll.spread(rung.show))
            for rung in plan.escalate
            if rung.after < expires_in
        ),
        on_expire=plan.on_expire,
        fallback=roll.spread(plan.fallback),
        grants=grants,
        fingerprint=plan.fingerprint if grants else None,
        break_glass=plan.break_glass,
        loop=plan.loop.within or 0,
        loop_across=plan.loop.across_runs,
    )


def amount(budget: Budget, facts: Facts) -> int | Failure:
    """What a call takes out of a budget's sum, in millionths."""
    if budget.sum is None:
        return 0
    value = budget.sum.of.value(facts)
    if isinstance(value, Failure):
        return value
    try:
        return millionths(value)
    except ValueError as error:
        return Failure(str(error))


def _spend(roll: Roll, plan: Plan, ask: Ask, facts: Facts, asked_by: str) -> Spend | None:
    budget = plan.budget
    taken = amount(budget, facts) if budget else None
    if budget is None or taken is None or isinstance(taken, Failure):
        return None
    # Whom the agent acts for is its own word: those whom the policy does not know share one budget.
    apart = {
        "agent": asked_by,
        "tool": ask.tool,
        "on_behalf_of": (roll.match(ask.on_behalf_of) if ask.on_behalf_of else None) or "",
    }
    name = dumps([plan.name, *([key, apart[key]] for key in sorted(budget.by))])
    limit = budget.sum.limit if budget.sum else None
    return Spend(budget=name, calls=budget.calls, amount=taken, limit=limit, per=budget.per)


def _stages(plan: Plan, facts: Facts, notes: list[str]) -> Iterator[Stage]:
    for stage in plan.stages:
        holds = True if stage.when is None else stage.when.holds(facts)
        if isinstance(holds, Failure):
            notes.append(
                f'The condition of the stage "{shown(stage.called)}" could not be evaluated, because {holds.why}. '
                "So it is asked too."
            )
        if holds is not False:
            yield Stage(name=stage.called, approvers=stage.approvers, quorum=stage.quorum)


def typed(plan: Plan, ask: Ask, arguments: Mapping[str, object], facts: Facts, notes: list[str]) -> str | None:
    """What has to be typed. It is read off the card, so it is made without the secrets. Adds to `notes` why it is the
    tool's name, where it is."""
    if plan.confirm is None:
        return None
    hidden = secret_pointers(arguments, ask.schema_, plan.secret)
    seen = facts.without(hidden) if hidden and "args" in plan.confirm.names else facts
    text = plan.confirm.render(seen)
    if isinstance(text, str):
        return text
    notes.append(f"The text to confirm with could not be made, because {text.why}. So the tool's name has to be typed.")
    return one_line(ask.tool).strip() or "approve"


def _grants(plan: Plan, ask: Ask, arguments: Mapping[str, object]) -> GrantTerms | None:
    """None also where a value that would have to be the same is secret: the grant would keep it."""
    grants = plan.grants
    if grants is None:
        return None
    hidden = secret_pointers(arguments, ask.schema_, plan.secret)
    if any(within(secret, match) or within(match, secret) for match in grants.match for secret in hidden):
        return None
    return GrantTerms(match=grants.match, max_ttl=grants.max_ttl, max_uses=grants.max_uses)


def _show(roll: Roll, plan: Plan, ask: Ask) -> tuple[str, ...]:
    if plan.decide in {"approve", "reject"}:
        # Nobody is asked; people are told only where the rule itself says so.
        return roll.spread(plan.own_show)
    return roll.spread(plan.show if ask.channel is None else (_honoured(roll, plan, ask.channel),))


def _honoured(roll: Roll, plan: Plan, channel: str) -> str:
    """The place a request names, if it may."""
    listed = channel in plan.show or channel in roll.spread(plan.show)
    if listed or (plan.any_channel and split_place(channel, roll.chats) is not None):
        return channel
    places = ", ".join(plan.show)
    if plan.any_channel:
        places = " or ".join(f"any place that begins with {chat}:" for chat in roll.chats)
    instead = f"use one of {places}, or " if places else ""
    raise ChannelNotAllowed(rule=shown(plan.name), channel=shown(channel), instead=instead)


def _higher(one: Risk | None, other: Risk | None) -> Risk | None:
    return max(one, other, key=rank)


def _both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What both allow to edit; None allows everything."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(name for name in one if name in other)
