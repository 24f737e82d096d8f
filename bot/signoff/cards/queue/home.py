"""Somebody's own page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from signoff.cards.head import risk
from signoff.cards.line import arguments_line
from signoff.cards.queue.listing import Counts, counts_text, waits
from signoff.cards.queue.said import heading, many, short
from signoff.cards.screens import Home, Section
from signoff.cards.words import called, moment
from signoff.model import Clean, Delegation, Grant, Request, one_line

LINES = 10
"""Lines of one section."""
TEXT = 300
"""Characters of one line."""
ARGUMENTS = 120
"""Characters of a request's arguments."""
VERBS = {"approve": "Approved", "edit": "Approved with changes", "reject": "Rejected", "respond": "Answered"}


def home(
    *,
    counts: Counts,
    waiting: Sequence[Request],
    decided: Sequence[Request],
    more_decided: int = 0,
    grants: Sequence[Grant],
    delegations: Sequence[Delegation],
    person: str,
    names: Mapping[str, str],
) -> Home:
    """The queue, what they decided today, grants, delegations.

    `waiting`: the most urgent ones; how many there are `counts` says. `decided`: the latest first; `more_decided`: how
    many more there are that were not handed in. `grants`: theirs. `delegations`: given and taken. `person`: their id.
    """
    found = (
        _section("Waiting for you", [_waiting(one) for one in waiting[:LINES]], counts.total),
        _section(
            "Decided today", [_decided(one, person, names) for one in decided[:LINES]], len(decided) + more_decided
        ),
        _section("Similar calls you allow", [_grant(one) for one in grants[:LINES]], len(grants)),
        _section("Delegations", [_delegation(one, person, names) for one in delegations[:LINES]], len(delegations)),
    )
    return Home(
        heading=waits(counts.total),
        counts=counts_text(counts),
        sections=tuple(section for section in found if section.lines),
        waiting=counts.total,
    )


def _section(title: str, lines: Sequence[str], total: int) -> Section:
    return Section(title, tuple(short(line, TEXT) for line in lines), max(0, total - len(lines)))


def _waiting(request: Request) -> str:
    level = risk(request)
    text, _ = arguments_line(request, ARGUMENTS)
    tool = one_line(request.tool)
    title = heading(request, Clean(request))
    parts = [f"{level} risk" if level else "", title, short(tool, 60) if title != tool else "", text]
    return " · ".join(part for part in (*parts, f"until {_clock(request.expires_at)}") if part)


def _decided(request: Request, person: str, names: Mapping[str, str]) -> str:
    decision = request.decision
    title = heading(request, Clean(request))
    text, _ = arguments_line(request, ARGUMENTS)
    vote = next((vote for vote in request.votes if vote.person == person), None)
    mine = decision and next((by for by in decision.decided_by if by.person == person), None)
    if decision is None:
        verb, at = "Voted", vote.at if vote else request.created_at
    else:
        verb, at = (
            VERBS.get(decision.kind, "Expired" if decision.kind == "expire" else "Withdrawn"),
            decision.decided_at,
        )
    said = f" for {called(mine.acting_for, names)}" if mine and mine.acting_for else ""
    return f"{verb}{said}: {title} · {text} · {_clock(at)}"


def _grant(grant: Grant) -> str:
    left = max(0, grant.max_uses - grant.uses)
    uses = f"{left:,} of {many(grant.max_uses, 'use')} left"
    return f"{short(one_line(grant.tool), 80)} · {uses} · until {moment(grant.expires_at)}"


def _delegation(one: Delegation, person: str, names: Mapping[str, str]) -> str:
    scope = f" for {called(one.scope, names)}" if one.scope else ""
    if one.giver == person:
        return f"{called(one.to, names)} decides in your place{scope} until {moment(one.until)}"
    return f"You decide in {called(one.giver, names)}'s place{scope} until {moment(one.until)}"


def _clock(at: datetime) -> str:
    """`20 Nov, 09:00 UTC`"""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b}, {at:%H:%M} UTC"
