"""Every error Signoff raises.

One root. The docstring of a class is its sentence, a template filled from the data the error carries;
`code` is stable and ends the problem `type` at the HTTP door. A sentence says what to do.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal

FRAMES = 6
"""Innermost calls that `where` names."""


class SignoffError(Exception):
    """Something went wrong in Signoff."""

    code: ClassVar[str] = "error"

    def __init__(self, **data: object) -> None:
        self.data = data
        super().__init__(self.sentence)

    @property
    def sentence(self) -> str:
        """The one sentence a person reads."""
        return " ".join((type(self).__doc__ or self.code).format(**self.data).split())

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.data)


def where(error: BaseException) -> str:
    """What a log may say about a fault of ours: its kind and where it arose. Not its text, which may quote what was
    asked, secrets too (I13).
    """
    calls = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return f"{type(error).__name__} at " + " > ".join(f"{Path(call.filename).name}:{call.lineno}" for call in calls)


def _rebuild(kind: type[SignoffError], data: dict[str, object]) -> SignoffError:
    return kind(**data)


# ── what was sent ────────────────────────────────────────────────────────────────────────────────


class Invalid(SignoffError):
    """{summary}"""

    code = "invalid"

    def __init__(self, fields: Mapping[str, str], summary: str | None = None) -> None:
        """`fields`: JSON pointer (or form field key) → the sentence that stands at that field."""
        self.fields = dict(fields)
        first = next(iter(self.fields.items()), ("", "The input is not valid."))
        super().__init__(summary=summary or (f"{first[0]}: {first[1]}" if first[0] else first[1]))

    def __reduce__(self) -> tuple[object, ...]:
        return Invalid, (self.fields, self.data["summary"])


class NotOffered(SignoffError):
    """This request does not offer "{kind}"; it offers {offered}."""

    code = "not_offered"


class ChannelNotAllowed(SignoffError):
    """The rule "{rule}" does not post to {channel}; {instead}add the channel to the rule's `show`."""

    code = "channel_not_allowed"


class TooLarge(SignoffError):
    """The body is larger than {limit} bytes; send less."""

    code = "too_large"


class RateLimited(SignoffError):
    """Too many requests with this key; try again in {retry_after} s."""

    code = "rate_limited"


class TooManyOpen(SignoffError):
    """This key already has {limit} open requests; wait for decisions or cancel some."""

    code = "too_many_open"


class TooManyWaits(SignoffError):
    """This key already holds {limit} open waits; close some before opening more."""

    code = "too_many_waits"


class IdempotencyConflict(SignoffError):
    """This Idempotency-Key was used with another body; use a new key for a new request."""

    code = "idempotency_conflict"


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


class Unauthorized(SignoffError):
    """The API key is missing, wrong or revoked; use one that `signoff keys create` made (SIGNOFF_API_KEY, or the header
    `Authorization: Bearer so_…`)."""

    code = "unauthorized"


class WrongRole(SignoffError):
    """This needs an {needed} key; yours is an {role} key."""

    code = "wrong_role"


class NotAnApprover(SignoffError):
    """You cannot decide this; {who} can."""

    code = "not_an_approver"


class NobodyMayApprove(SignoffError):
    """Nobody can decide this, because no approvers are configured; an operator must name them in the policy."""

    code = "nobody_may_approve"


class SelfApproval(SignoffError):
    """{why}, so somebody else must decide it: {who}."""

    code = "self_approval"


class AlreadyVoted(SignoffError):
    """Your approval already counts, since {when}; now {who} has to decide."""

    code = "already_voted"


class CannotDecide(SignoffError):
    """You cannot decide here, because you {why}; a full member of the workspace has to."""

    code = "cannot_decide"


class DirectoryAway(SignoffError):
    """Who may decide cannot be looked up right now ({what}), so this did not count; try again in a minute."""

    code = "directory_away"


class NotSeen(SignoffError):
    """The card shows only a part of this {risk}-risk call; open Details, look at all of it, and approve there."""

    code = "not_seen"


class NotAnOperator(SignoffError):
    """You may not do this; {who} can."""

    code = "not_an_operator"


class NotAllowed(SignoffError):
    """{why}"""

    code = "not_allowed"


class WrongPlace(SignoffError):
    """This card does not belong to this conversation, so the click did not count; use the original card."""

    code = "wrong_place"


class StillPosting(WrongPlace):
    """This card is still being set up, so the click did not count; try again in a minute."""


class DuplicateCard(SignoffError):
    """This is an old copy of the card, so the click did not count; use the live card."""

    code = "duplicate_card"


# ── the state of a request ───────────────────────────────────────────────────────────────────────


class NotFound(SignoffError):
    """There is no such request, or it does not concern you."""

    code = "not_found"


class ReviewGone(SignoffError):
    """This list is no longer there; open it again, nothing of it was decided."""

    code = "review_gone"


class MovedOn(SignoffError):
    """That button was on an earlier picture of this list, so it did not count; this is where you are now."""

    code = "moved_on"


class Counted(SignoffError):
    """Your decision counts; what comes next cannot be shown right now, so open the list again in a moment."""

    code = "counted"


class StaleVersion(SignoffError):
    """The arguments were changed since you saw them (you saw version {seen}, now it is {current});
    look again and decide on the new ones."""

    code = "stale_version"


class AlreadyDecided(SignoffError):
    """{what}; this came too late and did not count."""

    code = "already_decided"


class AlreadyConsumed(SignoffError):
    """This approval was already used at {when}; ask again to run the tool again."""

    code = "already_consumed"


class DigestMismatch(SignoffError):
    """These are not the arguments that were approved; run exactly the approved ones or ask again."""

    code = "digest_mismatch"


class NotApproved(SignoffError):
    """This request is {status}, not approved; nothing may run."""

    code = "not_approved"


class ReceiptExpired(NotApproved):
    """This approval was valid until {when}; ask again."""


class CallFrozen(SignoffError):
    """{what} is frozen by {by}{reason}, so nothing is decided or run until it is thawed."""

    code = "frozen"


class PolicyRefused(SignoffError):
    """The rule "{rule}" does not allow these arguments: {message}"""

    code = "policy_refused"


# ── the outside ──────────────────────────────────────────────────────────────────────────────────


class StoreUnavailable(SignoffError):
    """Redis cannot be reached, so nothing was recorded; try again in a moment."""

    code = "store_unavailable"


class ChatError(SignoffError):
    """The chat did not take the message: {reason}"""

    code = "chat_error"


class ChatBusy(ChatError):
    """The chat asks us to wait {retry_after} s: {reason}"""

    code = "chat_busy"

    @property
    def retry_after(self) -> float:
        """Seconds."""
        return float(str(self.data["retry_after"]))


class Undeliverable(ChatError):
    """The card cannot be delivered to {place}: {reason}"""

    code = "undeliverable"


class NoWebhook(SignoffError):
    """There is no webhook of {request}: {why}."""

    code = "not_found"


class BudgetSpent(SignoffError):
    """The budget of this rule is used up; the next rule is tried."""

    code = "budget_spent"


class Overtaken(SignoffError):
    """Somebody else changed this at the same moment; try again."""

    code = "overtaken"


class Remembered(SignoffError):
    """Something is known about this call that has to be looked at first; try again."""

    code = "remembered"


class BadCommand(SignoffError):
    """{fault} {mend}"""

    code = "bad_command"


class BadConfig(SignoffError):
    """{key}: {fault} {mend}"""

    code = "bad_config"


class BadPolicy(SignoffError):
    """{file}, line {line}: {key}: {fault} {mend}"""

    code = "bad_policy"


# ── the agent's side ─────────────────────────────────────────────────────────────────────────────


class NotRun(SignoffError):
    """The tool was not run."""

    code = "not_run"


class Rejected(NotRun):
    """{who} rejected this call of {tool}{said}"""

    code = "rejected"

    @property
    def retry(self) -> Literal["never", "with_changes", "ask"] | None:
        """Whether to leave it, to ask again with other arguments, or to ask the same again later; None: not said."""
        retry = self.data.get("retry")
        return retry if retry in ("never", "with_changes", "ask") else None


class Expired(NotRun):
    """Nobody decided about {tool} before it expired at {when}, so it was not run; ask again if it is still needed."""

    code = "expired"


class Cancelled(NotRun):
    """This call of {tool} was cancelled before anybody decided, so it was not run."""

    code = "cancelled"


class Unavailable(NotRun):
    """The approval service cannot be reached, so {tool} was not run: {reason}"""

    code = "unavailable"


class Refused(Unavailable):
    """The approval service did not take up this call of {tool}, so it was not run: {reason}"""

    code = "refused"


class IdsReused(Refused):
    """{tool} was not run: the same run id and tool call id were used with other arguments or options; give another call
    another tool_call_id."""

    code = "ids_reused"


class NotSetUp(Unavailable):
    """The gate is not set up, so {tool} was not run: {reason}"""

    code = "not_set_up"


class OnHold(Unavailable):
    """Calls of {tool} are on hold, so it was not run: {reason}"""

    code = "on_hold"


class Doubtful(Unavailable):
    """The approval service's answer cannot be relied on, so {tool} was not run: {reason}"""

    code = "doubtful"


class Unusable(Unavailable):
    """The approved arguments do not fit {tool}, so it was not run: {fault}"""

    code = "unusable"


class AlreadyStarted(NotRun):
    """An earlier attempt of {tool} with the same ids was started at {when}{ending}, so it was not run again:
    check before asking anew."""

    code = "already_started"


class Repeated(AlreadyStarted):
    """The same call of {tool} was asked already in this run and was started there at {when}{ending}, so it was not run
    a second time: go by what came of that call."""

    code = "repeated"
