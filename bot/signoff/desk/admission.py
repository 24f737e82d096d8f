"""Who may decide, and what an edit comes to. Pure."""

from __future__ import annotations

from datetime import datetime

from signoff import digest, forms
from signoff.desk.asking import again
from signoff.desk.verdict import settle, standing
from signoff.errors import (
    AlreadyDecided,
    NobodyMayApprove,
    NotAnApprover,
    NotOffered,
    PolicyRefused,
    SelfApproval,
    StaleVersion,
)
from signoff.model import DecidedBy, Kind, Request, Version
from signoff.policy import Policy


def admit(policy: Policy, request: Request, kind: Kind, version: int, person: str | None) -> str:
    """The person who may decide this, or the reason why not."""
    names = policy.names
    if not request.open:
        raise AlreadyDecided(what=standing(request, names), request=request)
    members = policy.members(request.terms.approvers)
    if not members:
        raise NobodyMayApprove
    who = policy.who(request.terms.approvers)
    if person is None or person not in members:
        raise NotAnApprover(who=who)
    if why := policy.barred(request, person, kind):
        others = [names.get(other, other) for other in sorted(members - {person})]
        raise SelfApproval(why=why, who=" or ".join(others) or "an operator must name another approver")
    if kind not in request.allowed_decisions:
        offered = ", ".join(request.allowed_decisions) or "no decision"
        raise NotOffered(kind=kind, offered=offered)
    if version != request.version:
        raise StaleVersion(seen=version, current=request.version)
    return person


def edited(
    policy: Policy,
    signer: digest.Signer,
    request: Request,
    arguments: dict[str, object],
    by: tuple[DecidedBy, ...],
    now: datetime,
    message: str | None,
) -> tuple[Request, str]:
    """A new version: decided if the policy lets this person decide the new arguments, else asked again (I08)."""
    changes = forms.changes(request.arguments, arguments)
    if not changes:
        kind: Kind = "approve" if "approve" in request.allowed_decisions else "edit"
        return settle(request, kind, by, now, signer, message=message), "request.decided"
    person = by[0].person or ""
    terms = policy.terms(again(request, arguments), arguments, now)
    if terms.decide == "reject":
        raise PolicyRefused(rule=terms.rule, message=terms.message)
    if terms.decide != "ask":
        # A rule would run these without asking; a person who may decide has looked at them, which is more.
        terms = request.terms.model_copy(update={"rule": terms.rule})
    show = tuple(dict.fromkeys((*request.terms.show, *terms.show)))
    # What was secret under the earlier rule stays so: this version still holds it, and so do the ones before (I13).
    secret = tuple(dict.fromkeys((*request.terms.secret, *terms.secret)))
    new = digest.digest(request.tool, arguments, request.agent, request.on_behalf_of)
    version = Version(number=request.version + 1, arguments=arguments, digest=new, by=person, at=now)
    new_record = request.model_copy(
        update={
            "arguments": arguments,
            "version": version.number,
            "digest": new,
            "versions": (*request.versions, version),
            "terms": terms.model_copy(update={"show": show, "secret": secret}),
        }
    )
    if person in policy.members(terms.approvers) and not policy.barred(new_record, person, "edit"):
        all_changes = forms.changes(new_record.versions[0].arguments, arguments)
        after = settle(new_record, "edit", by, now, signer, message=message, changes=all_changes)
        return after, "request.decided"
    return new_record.model_copy(update={"rev": request.rev + 1}), "request.revised"
