"""What must hold before anybody's word counts, and what an edit comes to. Pure."""

from __future__ import annotations

from datetime import datetime

from signoff import digest, forms
from signoff.desk.asking import again
from signoff.desk.verdict import standing
from signoff.errors import AlreadyDecided, NotOffered, PolicyRefused, StaleVersion
from signoff.model import Kind, Request, Version
from signoff.policy import Policy


def check_open(policy: Policy, request: Request) -> None:
    """Raises AlreadyDecided."""
    if not request.open:
        raise AlreadyDecided(what=standing(request, policy.names), request=request)


def check_offered(request: Request, kind: Kind, version: int) -> None:
    """Raises NotOffered (I20), StaleVersion (I07)."""
    if kind not in request.allowed_decisions:
        offered = ", ".join(request.allowed_decisions) or "no decision"
        raise NotOffered(kind=kind, offered=offered)
    check_version(request, version)


def check_version(request: Request, version: int) -> None:
    """Raises StaleVersion."""
    if version != request.version:
        raise StaleVersion(seen=version, current=request.version)


def edited(policy: Policy, request: Request, arguments: dict[str, object], person: str, now: datetime) -> Request:
    """The record with a new version: under the policy's terms for the new arguments, no votes, the first stage (I08).

    The same revision as before: a vote or a write follows. Raises PolicyRefused.
    """
    # What was secret under the earlier rule stays so: this version still holds it, and so do the ones before (I13).
    hidden = request.terms.secret
    terms = policy.terms(again(request, arguments), arguments, now, secret=hidden, asked_by=request.asked_by)
    secret = tuple(dict.fromkeys((*hidden, *terms.secret)))
    if terms.decide == "reject" and terms.mode == "enforce":
        raise PolicyRefused(rule=terms.rule, message=terms.message)
    if terms.decide != "ask" or terms.mode != "enforce":
        # A rule would run these without asking; a person who may decide has looked at them, which is more.
        kept, first = request.terms, request.terms.ladder[0]
        confirm = kept.confirm
        if confirm is not None:  # it may quote the arguments
            confirm = policy.confirm_for(kept.rule, again(request, arguments), arguments, now, secret) or confirm
        update = {"rule": terms.rule, "approvers": first.approvers, "spend": None, "confirm": confirm}
        terms = kept.model_copy(update=update)
    show = tuple(dict.fromkeys((*request.terms.show, *terms.show)))
    new = digest.digest(request.tool, arguments, request.agent, request.on_behalf_of)
    version = Version(number=request.version + 1, arguments=arguments, digest=new, by=person, at=now)
    after = request.model_copy(
        update={
            "arguments": arguments,
            "version": version.number,
            "digest": new,
            "versions": (*request.versions, version),
            "terms": terms.model_copy(update={"show": show, "secret": secret}),
            "votes": (),
            "stage": 0,
            "reminded": 0,
            "escalated": 0,
            "snoozed_until": None,
        }
    )
    return after.model_copy(update={"piled": ()}) if after.risky else after


def changed(request: Request, arguments: dict[str, object]) -> bool:
    return bool(forms.changes(request.arguments, arguments))
