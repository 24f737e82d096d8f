"""Request, Answer, Decision and what they are made of. Frozen pydantic models; unknown fields are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Kind = Literal["approve", "edit", "reject", "respond"]
"""What a person may decide. `edit` approves with replaced arguments; `respond` answers in the tool's place."""
End = Literal["approve", "edit", "reject", "respond", "expire", "cancel"]
Status = Literal["pending", "approved", "rejected", "responded", "expired", "cancelled"]
Risk = Literal["low", "medium", "high", "critical"]
Retry = Literal["never", "with_changes", "ask"]
"""What a rejection tells the agent: leave it, ask again with other arguments, or ask the same again later."""
Mode = Literal["enforce", "shadow", "off"]
"""`shadow` records what would have happened and asks nobody; `off` does not look at the rules at all."""

STATUS_OF: dict[End, Status] = {
    "approve": "approved",
    "edit": "approved",
    "reject": "rejected",
    "respond": "responded",
    "expire": "expired",
    "cancel": "cancelled",
}


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-20T08:09:10.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]


class Frozen(BaseModel):
    """Records are stored without what is at its default: a default, once released, never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)


class Ask(Frozen):
    """The body of `POST /v1/requests`: a tool call that waits for a person. Only tool and arguments are required."""

    tool: str = Field(min_length=1, max_length=200)
    arguments: dict[str, object]
    title: str | None = Field(None, max_length=300)
    description: str | None = Field(None, max_length=10_000)
    reason: str | None = Field(None, max_length=10_000)
    impact: str | None = Field(None, max_length=10_000)
    rollback: str | None = Field(None, max_length=10_000)
    risk: Risk | None = None
    schema_: dict[str, object] | None = Field(None, alias="schema")
    """JSON Schema 2020-12 of `arguments`."""
    editable: tuple[str, ...] | None = None
    """Top-level arguments a person may change; None: all of them."""
    allowed_decisions: tuple[Kind, ...] = ("approve", "edit", "reject")
    response_schema: dict[str, object] | None = None
    agent: str | None = Field(None, max_length=200)
    run_id: str | None = Field(None, max_length=500)
    tool_call_id: str | None = Field(None, max_length=500)
    thread_url: str | None = Field(None, max_length=2000)
    on_behalf_of: str | None = Field(None, max_length=500)
    channel: str | None = Field(None, max_length=500)
    expires_in: int | None = Field(None, ge=1, le=30 * 24 * 3600)
    """Seconds; None: the rule's."""
    callback_url: str | None = Field(None, max_length=2000)
    metadata: dict[str, object] = Field(default_factory=dict)


class MessageRef(Frozen):
    """One message in one chat: where a card stands, or where a click came from."""

    chat: str
    tenant: str
    """Slack team id or Teams tenant id."""
    conversation: str
    message: str
    """Slack `ts` or Teams activity id."""


class Principal(Frozen):
    """A verified identity on one platform, taken from the signed envelope only (I14)."""

    chat: str
    tenant: str
    user: str

    @property
    def key(self) -> str:
        """As the policy file writes it: `T0DEMO/U0ADA`."""
        return f"{self.tenant}/{self.user}"


class Actor(Frozen):
    """Who acts: a person named by an approver key, or a principal that the policy maps to a person."""

    via: str
    person: str | None = None
    principal: Principal | None = None
    origin: MessageRef | None = None
    """The message that was clicked; checked against where the card was really posted (I16)."""


class GrantWish(Frozen):
    """With an approval: allow similar calls, within what the rule allows."""

    ttl: int = Field(ge=1)
    """Seconds."""
    uses: int = Field(ge=1)
    all_arguments: bool = False
    """All arguments have to be the same, not only those that the rule names."""


class Answer(Frozen):
    """What a person says: `arguments` (typed) or `entries` (strings from a form, by field key)."""

    kind: Kind
    version: int
    arguments: dict[str, object] | None = None
    entries: dict[str, str] | None = None
    message: str | None = Field(None, max_length=10_000)
    response: object = None
    confirm: Annotated[str | None, Field(max_length=10_000)] = None
    """What was typed to confirm."""
    retry: Retry | None = None
    """With a rejection; None: what the preset reason says, else `never`."""
    force: bool = False
    """Break glass."""
    grant: GrantWish | None = None


class DecidedBy(Frozen):
    person: str | None = None
    name: str | None = None
    """The person's display name, for people and models to read."""
    acting_for: str | None = None
    """The person in whose place this one decided, by a delegation."""
    rule: str | None = None
    via: str | None = None
    at: Moment


class Change(Frozen):
    path: str
    from_: object = Field(None, alias="from")
    to: object = None


class Decision(Frozen):
    kind: End
    arguments: dict[str, object] | None = None
    """The arguments that may run: set for approve and edit."""
    changes: tuple[Change, ...] = ()
    message: str | None = None
    retry: Retry | None = None
    """Set for every rejection."""
    forced: bool = False
    """Break glass: one person decided against the rule."""
    grant: str | None = None
    """The id of the grant under which nobody was asked."""
    response: object = None
    decided_by: tuple[DecidedBy, ...] = ()
    decided_at: Moment
    digest: str
    receipt: str | None = None


class Version(Frozen):
    """One version of the arguments; an edit makes the next."""

    number: int
    arguments: dict[str, object]
    digest: str
    by: str | None = None
    at: Moment


class Outcome(Frozen):
    status: Literal["succeeded", "failed"]
    detail: str | None = Field(None, max_length=10_000)
    at: Moment | None = None


class Stage(Frozen):
    """One step: so many of these people have to agree before the next is asked."""

    name: str
    approvers: tuple[str, ...]
    quorum: int = 1


class Escalation(Frozen):
    """One rung of the ladder: who is asked besides, and where, when nobody has decided by then."""

    after: int
    """Seconds since the version was asked."""
    to: tuple[str, ...] = ()
    show: tuple[str, ...] = ()


class GrantTerms(Frozen):
    """What "allow similar" may come to."""

    match: tuple[str, ...]
    """JSON pointers into the arguments: what has to be the same."""
    max_ttl: int
    """Seconds."""
    max_uses: int


class Spend(Frozen):
    """What one call takes out of a budget. Amounts are whole millionths, which Redis' numbers hold exactly."""

    budget: str
    """Its name in the store: the rule's and, if it counts apart for each, the key's, the tool's…"""
    calls: int | None = None
    """At most so many calls within the window."""
    amount: int = 0
    limit: int | None = None
    """At most so much within the window."""
    per: int
    """The window's length in seconds; it slides."""


class Terms(Frozen):
    """The policy's verdict on one version, kept with the request: later changes of the file do not touch it."""

    rule: str
    """The rule's name; `defaults` if none matched."""
    decide: Literal["ask", "approve", "reject", "notify"] = "ask"
    message: str | None = None
    """With `decide: reject`: what the agent reads."""
    risk: Risk | None = None
    approvers: tuple[str, ...] = ()
    """Who is asked now: people and groups by name; who belongs to a group is looked up when somebody decides (I19)."""
    stages: tuple[Stage, ...] = ()
    """All of them, in order. Empty: one stage of `approvers` with a quorum of 1."""
    show: tuple[str, ...] = ()
    editable: tuple[str, ...] | None = None
    secret: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    self_approval: bool = False
    expires_in: int
    """Seconds."""
    note: str | None = None
    """Why people are asked under this rule, when a condition could not be evaluated."""
    mode: Mode = "enforce"
    confirm: str | None = None
    """What has to be typed to approve."""
    retries: dict[str, Retry] = Field(default_factory=dict)
    """What a preset reason tells the agent."""
    remind: tuple[int, ...] = ()
    """Seconds since the version was asked, rising."""
    remind_by: Literal["thread", "direct"] = "thread"
    escalate: tuple[Escalation, ...] = ()
    """By rising time."""
    on_expire: Literal["expire", "reject"] = "expire"
    fallback: tuple[str, ...] = ()
    """Shown here when a place cannot be reached."""
    grants: GrantTerms | None = None
    fingerprint: str | None = None
    """Of the rule, where it offers grants."""
    spend: Spend | None = None
    """What an automatic decision takes out of its budget."""
    break_glass: tuple[str, ...] = ()
    """People and groups who may force a decision."""
    loop: int = 0
    """Seconds for which a rejection answers the same call again; 0: never."""
    loop_across: bool = False
    """Also when asked in another run."""

    @property
    def ladder(self) -> tuple[Stage, ...]:
        """The stages, also where the rule names none."""
        return self.stages or (Stage(name="", approvers=self.approvers),)


class Vote(Frozen):
    """One person's verdict on the current version; a rejection needs no vote, it decides."""

    person: str
    name: str | None = None
    acting_for: str | None = None
    via: str | None = None
    principal: Principal | None = None
    origin: MessageRef | None = None
    """Where it was clicked, to be asked once more when the decision is made."""
    at: Moment
    stage: int = 0
    kind: Literal["approve", "respond"] = "approve"
    response: object = None
    """Of `respond`: those who answer a question have to agree."""


class Notice(Frozen):
    """Something said once below the card, wherever it stands: a reminder, an escalation, a forced decision…"""

    kind: Literal["reminded", "escalated", "extended", "snoozed", "forced", "granted"]
    at: Moment
    person: str | None = None
    """Whose doing it is."""
    text: str | None = None
    to: tuple[str, ...] = ()
    """People and groups who are called by name."""


class Request(Ask):
    """The record: what was asked, where it stands, what was decided."""

    id: str
    status: Status = "pending"
    version: int = 1
    digest: str
    created_at: Moment
    expires_at: Moment
    decision: Decision | None = None
    terms: Terms
    versions: tuple[Version, ...]
    asked_by: str
    """The id of the key that asked."""
    owner: str | None = None
    """The person behind that key."""
    consumed_at: Moment | None = None
    outcome: Outcome | None = None
    undelivered: dict[str, str] = Field(default_factory=dict)
    """Place → why its card could not be delivered there."""
    stage: int = 0
    """Index of the stage that is asked now."""
    votes: tuple[Vote, ...] = ()
    """On the current version."""
    reminded: int = 0
    """How many of the version's reminders have been sent."""
    escalated: int = 0
    """How many rungs of the version's ladder have been taken."""
    snoozed_until: Moment | None = None
    """No reminders until then."""
    notices: tuple[Notice, ...] = ()
    rev: int = 1
    """Counts every change of the record; a card shows one revision, a transition names the one it saw."""

    @property
    def open(self) -> bool:
        return self.status == "pending"

    @property
    def wakes_at(self) -> datetime:
        """When something is to be done about it by itself: remind, escalate or expire."""
        asked, moments = self.versions[-1].at, [self.expires_at]
        if self.escalated < len(self.terms.escalate):
            moments.append(asked + timedelta(seconds=self.terms.escalate[self.escalated].after))
        if self.reminded < len(self.terms.remind):
            due = asked + timedelta(seconds=self.terms.remind[self.reminded])
            moments.append(max(due, self.snoozed_until or due))
        return min(moments)

    @property
    def heading(self) -> str:
        return self.title or self.tool


INTERNAL = frozenset(
    {
        "terms",
        "versions",
        "asked_by",
        "owner",
        "rev",
        "stage",
        "votes",
        "reminded",
        "escalated",
        "snoozed_until",
        "notices",
    }
)
"""Fields of the record that the HTTP answer leaves out."""


class Placement(Frozen):
    """One place where a card is, or should be."""

    place: str
    state: Literal["posting", "live", "undeliverable"]
    message: MessageRef | None = None
    shown: int = 0
    """The revision the message shows."""
    told: int = 0
    """How many of the request's notices stand below it."""
    detail: str | None = None


class Event(Frozen):
    """What happened, appended in the same atomic step as the change itself."""

    id: str
    """Position in the stream; resumable."""
    type: str
    """`request.created`, `.voted`, `.revised`, `.decided`, `.consumed`, `.reported`, `.undeliverable`, `.reminded`,
    `.escalated`, `.extended`, `.snoozed`."""
    request: str
    status: Status
    rev: int
    asked_by: str
    at: Moment


class Key(Frozen):
    """An API key as stored: only the SHA-256 of its secret (I29)."""

    id: str
    role: Literal["agent", "approver", "admin"]
    name: str
    person: str | None = None
    owner: str | None = None
    secret_hash: str = Field(repr=False)
    created_at: Moment
    revoked_at: Moment | None = None
