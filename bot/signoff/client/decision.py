"""What came back: a decision, and the error that each refusal is."""

from __future__ import annotations

import functools
from typing import cast

from pydantic import BaseModel, ConfigDict, ValidationError

from signoff.client.wire import Document
from signoff.errors import (
    AlreadyStarted,
    Cancelled,
    Doubtful,
    Expired,
    NotRun,
    OnHold,
    Rejected,
    Repeated,
    Unavailable,
    Unusable,
)
from signoff.model import STATUS_OF, Change, DecidedBy, Outcome, Status
from signoff.model import Decision as Decided

NO_REASON = "no reason was given."


class Decision(Decided):
    """How a request ended. `arguments` are those that may run; `response` is what a person answered.

    `retry` says of a rejection what may be done next, `forced` that one person decided against the rule, `grant` under
    which earlier permission nobody was asked.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    """The request."""
    tool: str
    status: Status
    version: int
    """Of the arguments; above 1 when somebody edited them."""
    expires_at: str
    """RFC 3339."""
    consumed_at: str | None = None
    """RFC 3339; set when an earlier attempt was started under this approval."""
    outcome: Outcome | None = None
    """What that attempt reported."""
    index: int | None = None
    """Its place in the batch that it was asked in, from 0."""
    folded: bool = False
    """The same call of the same run had been asked already: this is that one's decision, and that one runs it."""

    @property
    def approved(self) -> bool:
        return self.status == "approved"


def read(document: Document, request_id: str) -> Decision | None:
    """The decision in an answer; None while it is pending. Raises ValueError when the answer does not make sense."""
    if document.get("id") != request_id:
        raise ValueError("the answer is about another request")
    status, made = document.get("status"), document.get("decision")
    if status == "pending" and made is None:
        return None
    if not isinstance(made, dict):
        raise ValueError("the answer holds no decision")
    fields = cast("Document", made)
    try:
        decision = Decision.model_validate(
            {
                **fields,
                "changes": [_known(change, Change) for change in _list(fields.get("changes"))],
                "decided_by": [_known(who, DecidedBy) for who in _list(fields.get("decided_by"))],
                "id": request_id,
                "tool": document.get("tool"),
                "status": status,
                "version": document.get("version"),
                "expires_at": document.get("expires_at"),
                "consumed_at": document.get("consumed_at"),
                "outcome": _known(document.get("outcome"), Outcome),
            }
        )
    except ValidationError as error:
        raise ValueError("the decision is malformed") from error
    if STATUS_OF[decision.kind] != decision.status:
        raise ValueError("kind and status of the decision do not fit")
    if decision.approved and (decision.arguments is None or decision.digest != document.get("digest")):
        raise ValueError("the approval does not say what was approved")
    return decision


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _known(value: object, model: type[BaseModel]) -> object:
    """Without fields that a newer service may have added."""
    if not isinstance(value, dict):
        return value
    names = _names(model)
    return {name: item for name, item in cast("Document", value).items() if name in names}


@functools.cache
def _names(model: type[BaseModel]) -> frozenset[str]:
    return frozenset(field.alias or name for name, field in model.model_fields.items())


def refusal(decision: Decision) -> NotRun | None:
    """The error for a decision under which nothing runs; its text is what a model should read."""
    if decision.kind == "reject":
        return _rejected(decision)
    if decision.kind == "expire":
        return Expired(tool=decision.tool, when=decision.expires_at)
    if decision.kind == "cancel":
        return Cancelled(tool=decision.tool)
    return None


def _rejected(decision: Decision) -> Rejected:
    reason, retry = decision.message or NO_REASON, decision.retry
    said = f": {reason}"
    if retry == "with_changes" and decision.message:
        said = f". You may try again with changes: {reason}"
    elif retry is not None:
        advice = {
            "never": "Do not try this again.",
            "with_changes": "You may try again with changes.",
            "ask": "You may ask again later.",
        }[retry]
        said = f": {sentence(reason)} {advice}"
    return Rejected(who=_who(decision), tool=decision.tool, message=reason, retry=retry, said=said)


def _who(decision: Decision) -> str:
    names = [who.name or who.person or f'The rule "{who.rule}"' for who in decision.decided_by]
    return " and ".join(names) or "Somebody"


def same(one: object, other: object) -> bool:
    """The same JSON: 1 and 1.0 are one number, `true` is none, the order of names does not count."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        left, right = cast("Document", one), cast("Document", other)
        return left.keys() == right.keys() and all(same(left[name], right[name]) for name in left)
    if isinstance(one, list) and isinstance(other, list):
        ones, others = cast("list[object]", one), cast("list[object]", other)
        return len(ones) == len(others) and all(map(same, ones, others))
    return one == other


def started(decision: Decision, when: str) -> AlreadyStarted:
    """Under this approval something ran, or began to, and nobody may take that for granted or do it twice."""
    ending = "; whether it finished is not known"
    if decision.outcome is not None:
        ending = f" and {decision.outcome.status}"
    kind = Repeated if decision.folded else AlreadyStarted
    return kind(tool=decision.tool, when=when, ending=ending)


def unavailable(tool: str, reason: str) -> Unavailable:
    return Unavailable(tool=tool, reason=sentence(reason))


def on_hold(tool: str, reason: str) -> OnHold:
    return OnHold(tool=tool, reason=sentence(reason))


def doubtful(tool: str, reason: str) -> Doubtful:
    return Doubtful(tool=tool, reason=sentence(reason))


def unusable(tool: str, error: Exception) -> Unusable:
    return Unusable(tool=tool, fault=sentence(" ".join(str(error).split())))


def sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?", ")")) else text + "."
