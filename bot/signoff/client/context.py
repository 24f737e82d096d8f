"""Which run and which tool call the code is in, so that a restarted agent finds its request again."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Unpack

from signoff.client.fields import CallFields


@dataclass(slots=True)
class Call:
    """One tool call of a run."""

    run_id: str | None
    tool_call_id: str | None
    asked: Counter[str] = field(default_factory=Counter[str])
    """Tool → requests made so far inside this call; the second of a kind is another request."""
    fields: dict[str, object] = field(default_factory=dict[str, object])
    """What is said about every request made inside."""


_current: ContextVar[Call | None] = ContextVar("signoff_call", default=None)


@contextmanager
def call(
    *, run_id: str | None = None, tool_call_id: str | None = None, **fields: Unpack[CallFields]
) -> Generator[None]:
    """Name the run and the tool call for every request made inside, and say why it is made.

    With both known, asking again after a crash finds the first request instead of bothering people twice. What is not
    given is taken from the surrounding `call`. `fields` are what only the moment knows and no decorator can: the
    reason, whom it is for, a link to the run.
    """
    outer = _current.get()
    inner = Call(run_id or (outer.run_id if outer else None), tool_call_id or (outer.tool_call_id if outer else None))
    said = {name: value for name, value in fields.items() if value is not None}
    inner.fields = {**(outer.fields if outer else {}), **said}
    token = _current.set(inner)
    try:
        yield
    finally:
        _current.reset(token)


@dataclass(frozen=True, slots=True)
class Identity:
    run_id: str | None
    tool_call_id: str | None
    idempotency_key: str
    fields: Mapping[str, object]
    """What the surrounding `call` says about the request."""


def identify(tool: str, run_id: str | None, tool_call_id: str | None, gate_run_id: str | None) -> Identity:
    """Who is asking, and the Idempotency-Key that belongs to it: random unless run and tool call are both known."""
    current = _current.get()
    number = 0
    if tool_call_id is None and current is not None and current.tool_call_id is not None:
        tool_call_id = current.tool_call_id
        number = current.asked[tool]
        current.asked[tool] += 1
    fields = current.fields if current else {}
    run_id = run_id or (current.run_id if current else None) or gate_run_id
    if run_id is None or tool_call_id is None:
        return Identity(run_id, tool_call_id, secrets.token_urlsafe(18), fields)
    name = json.dumps([run_id, tool_call_id, tool, number])
    return Identity(run_id, tool_call_id, hashlib.sha256(name.encode()).hexdigest(), fields)
