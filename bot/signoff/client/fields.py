"""What may be said about a request beside the tool and its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypedDict

from signoff.model import Kind, Risk

OnReject = Literal["raise", "return"]


class CallFields(TypedDict, total=False):
    """What `signoff.call` may say about the requests made inside."""

    reason: str | None
    on_behalf_of: str | None
    thread_url: str | None
    channel: str | None
    expires_in: int | None
    """Seconds."""


class Told(TypedDict, total=False):
    """What every request may say; as in the body of `POST /v1/requests`."""

    description: str | None
    reason: str | None
    impact: str | None
    rollback: str | None
    risk: Risk | None
    schema: dict[str, object] | None
    editable: Sequence[str] | None
    allowed_decisions: Sequence[Kind]
    agent: str | None
    run_id: str | None
    tool_call_id: str | None
    thread_url: str | None
    on_behalf_of: str | None
    channel: str | None
    expires_in: int | None
    """Seconds."""
    callback_url: str | None
    """Where the service says how it ended, for agents that do not stay to wait."""
    metadata: dict[str, object]


class Titled(Told, total=False):
    """The same with a title."""

    title: str | None


class Fields(Titled, total=False):
    """Everything."""

    response_schema: dict[str, object] | None


class BatchFields(Told, total=False):
    """What holds for every call of a batch that does not say otherwise."""

    response_schema: dict[str, object] | None


class ReviewFields(CallFields, total=False):
    """What LangChain's HITLRequest does not say, for all its calls."""

    title: str | None
    """Of the batch."""
    impact: str | None
    rollback: str | None
    risk: Risk | None
    agent: str | None
    run_id: str | None
    tool_call_id: str | None
    metadata: dict[str, object]


Text = str | Callable[[Mapping[str, object]], str | None] | None
"""A text, or a function from the arguments to it."""


class ToolFields(TypedDict, total=False):
    """Options of `gate.tool`. Texts may be functions of the arguments: `title=lambda a: f"Refund {a['order']}"`."""

    title: Text
    description: Text
    reason: Text
    impact: Text
    rollback: Text
    risk: Risk | None
    schema: dict[str, object] | None
    editable: Sequence[str] | None
    allowed_decisions: Sequence[Kind]
    response_schema: dict[str, object] | None
    agent: str | None
    thread_url: Text
    on_behalf_of: Text
    channel: Text
    expires_in: int | None
    """Seconds."""
    callback_url: Text
    metadata: dict[str, object]


def body(tool: str, arguments: Mapping[str, object], fields: Mapping[str, object]) -> dict[str, object]:
    """The body of a request: what is None is left out, so that the service's defaults apply."""
    said: dict[str, object] = {
        name: list(value) if isinstance(value, tuple | set | frozenset) else value
        for name, value in fields.items()
        if value is not None
    }
    return {"tool": tool, "arguments": dict(arguments)} | said


def told(fields: Mapping[str, object], arguments: Mapping[str, object]) -> dict[str, object]:
    """The same with functions of the arguments called."""
    return {name: value(arguments) if callable(value) else value for name, value in fields.items()}
