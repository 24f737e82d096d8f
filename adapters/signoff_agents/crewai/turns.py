"""Which run and which turn of the model a tool's call stands in: CrewAI tells its tools neither.

A hook notes which agent is about to call a tool, nothing else. Without it, as where somebody has cleared all hooks,
calls are asked about one by one; whether they are asked about does not depend on it.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, cast
from uuid import uuid4
from weakref import WeakKeyDictionary

from crewai.hooks import get_before_tool_call_hooks, register_before_tool_call_hook
from crewai.hooks.tool_hooks import ToolCallHookContext
from crewai.utilities.string_utils import sanitize_tool_name

from signoff_agents.gating import Call

Made = Callable[[object, Mapping[str, Any]], Call | None]
"""From a tool and the model's arguments to the call; None where it is not asked about together with the one at hand."""


@dataclass(eq=False)
class _Run:
    """Numbers the calls of the same content, so that a run made again finds each one's own request."""

    run_id: str
    _counted: Counter[str] = field(default_factory=Counter[str])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def named(self, call: Call) -> Call:
        from signoff.client.signature import written

        content = json.dumps([call.tool, written(call.arguments)], sort_keys=True, default=str)
        key = hashlib.sha256(content.encode()).hexdigest()[:32]
        with self._lock:
            self._counted[key] += 1
            return replace(call, run_id=self.run_id, call_id=f"{key}-{self._counted[key]}")


@dataclass(eq=False)
class _Turn:
    """The calls of one message of the model."""

    message: object
    calls: list[Call]
    taken: set[int] = field(default_factory=set[int])

    def take(self, call: Call) -> Call | None:
        for index, one in enumerate(self.calls):
            if index not in self.taken and one.tool == call.tool and one.arguments == call.arguments:
                self.taken.add(index)
                return one
        return None


_run: ContextVar[_Run | None] = ContextVar("signoff_crewai_run", default=None)
_asking: ContextVar[tuple[Any, Any]] = ContextVar("signoff_crewai_asking", default=(None, None))
_turns: WeakKeyDictionary[object, dict[object, _Turn]] = WeakKeyDictionary()
_lock = threading.Lock()


@contextmanager
def run(run_id: str) -> Generator[None]:
    """`with run("invoice-4711"): crew.kickoff()`: the same run started again, in whatever process, asks nobody twice.

    It finds what it asked by what is called, and how often: CrewAI gives its tools no ids. What was started runs no
    second time.
    """
    token = _run.set(_Run(run_id))
    try:
        yield
    finally:
        _run.reset(token)


def listen() -> None:
    """Note from now on which agent calls a tool."""
    with _lock:
        if _note not in get_before_tool_call_hooks():
            register_before_tool_call_hook(_note)


def _note(context: ToolCallHookContext) -> None:
    _asking.set((context.agent, context.task))


def remaining() -> float | None:
    """Seconds until CrewAI gives up what the agent is doing; None where it does not.

    After that it would not stop a tool that goes on: it waits for its thread.
    """
    agent, task = _asking.get()
    limit: float | None = getattr(agent, "max_execution_time", None)
    started: datetime | None = getattr(task, "start_time", None)
    if limit is None or started is None:
        return None
    return max(0.0, limit - (time.time() - started.timestamp()))


def watched() -> Callable[[], Awaitable[bool]]:
    """Whether what the agent is doing has ended without this call: a cancelled `akickoff` leaves its threads behind."""
    executor: Any = getattr(_asking.get()[0], "agent_executor", None)
    # CrewAI keeps no public way to it.
    began = getattr(executor, "_is_executing", False)

    async def over() -> bool:
        return bool(began) and not executor._is_executing

    return over


def placed(call: Call, key: object, made: Made) -> tuple[Call, list[Call]]:
    """The call with its ids, and all calls of its turn. `key`: whose turn, such as the gate's."""
    current = _run.get()
    executor: Any = getattr(_asking.get()[0], "agent_executor", None)
    message, asked = _message(executor)
    if len(asked) > 1:
        with _lock:
            kept = _turns.setdefault(executor, {})
            turn = kept.get(key)
            if turn is None or turn.message is not message:
                numbered = current or _Run(f"crewai-{uuid4()}")
                tools = {sanitize_tool_name(one.name): one for one in executor.original_tools}
                calls = [one for one in (made(tools.get(name), given) for name, given in asked) if one is not None]
                turn = kept[key] = _Turn(message, [numbered.named(one) for one in calls])
            if (found := turn.take(call)) is not None:
                return found, turn.calls
    own = call if current is None else current.named(call)
    return own, [own]


def _message(executor: object) -> tuple[object, list[tuple[str, Mapping[str, Any]]]]:
    """The model's message that is being worked on, and what it calls."""
    messages: Any = getattr(getattr(executor, "state", None), "messages", None) or []
    for message in reversed(messages):
        if message.get("role") != "tool":
            return message, [one for one in map(_called, message.get("tool_calls") or []) if one is not None]
    return None, []


def _called(given: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    function = given["function"]
    try:
        arguments: object = json.loads(function["arguments"])
    except ValueError:
        return None  # CrewAI tells the model so itself
    if not isinstance(arguments, dict):
        return None
    return sanitize_tool_name(function["name"]), cast("dict[str, Any]", arguments)
