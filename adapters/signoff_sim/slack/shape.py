"""JSON shapes and the one refusal every part of the simulated Slack raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

Json = dict[str, Any]


class SlackError(Exception):
    """An answer `{"ok": false, "error": code}` in Slack's own words."""

    def __init__(self, code: str, messages: Sequence[str] = (), **extra: Any) -> None:
        """`messages` go into `response_metadata.messages`, as Slack writes them: `[ERROR] … [json-pointer:/…]`."""
        self.code = code
        self.messages = tuple(messages)
        self.extra = extra
        super().__init__(code)

    def body(self) -> Json:
        answer: Json = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer


def as_dict(value: object) -> Json:
    """The value when it is an object, else an empty one."""
    return cast(Json, value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """The value when it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """The value as a string; empty for None, `true`/`false` for booleans."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def is_true(value: object) -> bool:
    """Slack's reading of a boolean argument, which may arrive as JSON or as form text."""
    return value is True or as_text(value).lower() in ("1", "true")
