"""What comes in: an agent's ask, who acts and where, what a person answers. Unknown fields are refused."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from signoff.model.words import Frozen, Kind, Retry, Risk


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
    batch: Annotated[str | None, Field(max_length=100)] = None
    """The review in which several were decided at once."""
