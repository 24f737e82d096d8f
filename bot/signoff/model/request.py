"""Request, Answer, Decision and what they are made of. Frozen pydantic models; unknown fields are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

Kind = Literal["approve", "edit", "reject", "respond"]
"""What a person may decide. `edit` approves with replaced arguments; `respond` answers in the tool's place."""
End = Literal["approve", "edit", "reject", "respond", "expire", "cancel"]
Status = Literal["pending", "approved", "rejected", "responded", "expired", "cancelled"]
Risk = Literal["low", "medium", "high", "critical"]

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


class Answer(Frozen):
    """What a person says: `arguments` (typed) or `entries` (strings from a form, by field key)."""

    kind: Kind
    version: int
    arguments: dict[str, object] | None = None
    entries: dict[str, str] | None = None
    message: str | None = Field(None, max_length=10_000)
    response: object = None


class DecidedBy(Frozen):
    person: str | None = None
    name: str | None = None
    """The person's display name, for people and models to read."""
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


class Terms(Frozen):
    """The policy's verdict on one version, kept with the request: later changes of the file do not touch it."""

    rule: str
    """The rule's name; `defaults` if none matched."""
    decide: Literal["ask", "approve", "reject", "notify"] = "ask"
    message: str | None = None
    """With `decide: reject`: what the agent reads."""
    risk: Risk | None = None
    approvers: tuple[str, ...] = ()
    """Names of people and groups; who belongs to a group is looked up when somebody decides (I19)."""
    show: tuple[str, ...] = ()
    editable: tuple[str, ...] | None = None
    secret: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    self_approval: bool = False
    expires_in: int
    """Seconds."""
    note: str | None = None
    """Why people are asked under this rule, when a condition could not be evaluated."""


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
    rev: int = 1
    """Counts every change of the record; a card shows one revision, a transition names the one it saw."""

    @property
    def open(self) -> bool:
        return self.status == "pending"

    @property
    def heading(self) -> str:
        return self.title or self.tool


INTERNAL = frozenset({"terms", "versions", "asked_by", "owner", "rev"})
"""Fields of the record that the HTTP answer leaves out."""


class Placement(Frozen):
    """One place where a card is, or should be."""

    place: str
    state: Literal["posting", "live", "undeliverable"]
    message: MessageRef | None = None
    shown: int = 0
    """The revision the message shows."""
    detail: str | None = None


class Event(Frozen):
    """What happened, appended in the same atomic step as the change itself."""

    id: str
    """Position in the stream; resumable."""
    type: str
    """`request.created`, `.revised`, `.decided`, `.consumed`, `.reported`, `.undeliverable`."""
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
