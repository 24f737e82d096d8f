"""A model is told what people changed: agno's history keeps the arguments that the model wrote.

agno has no place where a result can be added to on its way from the tool to the model, in sync and async runs alike,
but the model object that turns results into messages. So that one is taught, once, to put a note behind the result
of a call for which this context has one.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

METHOD = "create_function_call_result"
"""`agno.models.base.Model`'s, for every result of a tool."""

Key = tuple[str | None, str | None]
"""The model's id of a call, and the tool's name."""

_notes: ContextVar[Mapping[Key, str]] = ContextVar("notes", default={})  # noqa: B039  # it is never written to


@contextmanager
def telling(notes: Mapping[Key, str], models: list[Any]) -> Generator[None]:
    """Inside, results of these calls are followed by their notes."""
    if notes:
        for model in models:
            _teach(model)
    token = _notes.set(notes)
    try:
        yield
    finally:
        _notes.reset(token)


def _teach(model: Any) -> None:
    if METHOD in vars(model):
        return
    original = getattr(model, METHOD)

    def noted(*args: Any, **options: Any) -> Any:
        message = original(*args, **options)
        note = _notes.get().get((message.tool_call_id, message.tool_name))
        if note is not None and isinstance(message.content, str):
            message.content = f"{message.content}\n\n{note}"
        return message

    setattr(model, METHOD, noted)
