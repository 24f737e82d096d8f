"""The consent prompts of strands-agents-tools, sent to people through Signoff in the place of the terminal."""

from __future__ import annotations

import asyncio
import html
import importlib
import inspect
import os
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self, Unpack, cast

from signoff_agents.gating import Call, Verdict, blocking, decide
from signoff_agents.strands.calls import APPROVED, Document
from signoff_agents.strands.pauses import question

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields, Titled

BYPASSES = ("BYPASS_TOOL_CONSENT", "STRANDS_NON_INTERACTIVE")
"""Set to `true`, each lets tools run without a prompt: the first all of them, the second some."""
MISSING = "route_consent needs strands-agents-tools; install it with: pip install strands-agents-tools"
SHOWN = 10_000
"""Characters of a description."""
TAG = re.compile(r"<[^<>]*>")

Ask = Callable[..., Awaitable[str]]

_installing = threading.Lock()


def route_consent(gate: Gate, **fields: Unpack[Titled]) -> Consent:
    """From now on the consent prompts of strands-agents-tools are requests: shell, file_write, python_repl, editor, …

    All of them ask through one function, which this replaces in the whole process, until `close()` or the end of
    `with route_consent(gate):`. People see the tool, what it was called with, and the prompt. A yes, burnt, is `y` to
    the tool; everything else, also a service that is away, is a sentence that the tool takes as the reason for not
    running. What `ApprovalHooks` have had approved, with the same arguments, is not asked about again. The free
    question of strands-agents-tools' own `handoff_to_user` is a question here.

    `fields`: what `Gate.ask` takes, such as `risk` and `channel`, for all of them. Tools do not say afterwards how they
    ended; for that, and for edits, use `ApprovalHooks`.

    Raises RuntimeError while BYPASS_TOOL_CONSENT or STRANDS_NON_INTERACTIVE lets tools run without asking, or while
    another `route_consent` is open, and ImportError without strands-agents-tools.
    """
    return Consent(gate, fields)


class Consent:
    """What `route_consent` returns: open until it is closed."""

    def __init__(self, gate: Gate, fields: Titled) -> None:
        try:
            module: Any = importlib.import_module("strands_tools.utils.user_input")
        except ImportError as error:
            raise ImportError(MISSING, name=error.name) from error
        for name in BYPASSES:
            if os.environ.get(name, "").lower() == "true":
                raise RuntimeError(f"{name} is set: tools would run without asking; unset it to ask people")
        self._gate = gate
        self._fields = {name: value for name, value in fields.items() if value is not None}
        self._module = module
        with _installing:
            self._before: Ask = self._module.get_user_input_async
            if isinstance(getattr(self._before, "__self__", None), Consent):
                raise RuntimeError("consent is routed already; close the other route_consent first")
            self._module.get_user_input_async = self._answer

    def close(self) -> None:
        """The terminal is asked again."""
        with _installing:
            if self._module.get_user_input_async == self._answer:
                self._module.get_user_input_async = self._before

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _answer(self, prompt: str, default: str = "", keyboard_interrupt_return_default: bool = True) -> str:
        """In the place of `get_user_input_async`, with its parameters. Raises NotRun for a question nobody answered."""
        text = " ".join(html.unescape(TAG.sub("", prompt)).split()) or "Do you want to proceed?"
        tool, arguments = _asker(inspect.currentframe())
        if tool == "handoff_to_user":
            return await self._question(str(arguments.get("message") or text))
        if _approved(tool, arguments):
            return "y"
        call = Call(tool=tool, arguments=arguments, fields=self._said(tool, text))
        verdict = await self._decided(call)
        if verdict.run is not None and not verdict.edited:
            return "y"
        # Tools print it as markup, in which a closing tag that closes nothing is an error.
        return (verdict.said or f"{tool} was not run.").replace("[/", "[ /")

    async def _question(self, text: str) -> str:
        asked = question(text, None, None)
        fields = cast("Fields", {**asked.fields, **self._fields})
        verdict = await self._decided(Call(tool=asked.tool, arguments=asked.arguments, fields=fields))
        if verdict.error is not None:
            raise verdict.error
        return verdict.said or ""

    async def _decided(self, call: Call) -> Verdict:
        # Tools ask from a thread of theirs, on an event loop that they made for one prompt.
        return await asyncio.to_thread(blocking, decide(self._gate, call))

    def _said(self, tool: str, text: str) -> Fields:
        said = {
            "title": f"{tool.replace('_', ' ').capitalize()} asks for consent",
            "description": text[:SHOWN],
            "allowed_decisions": ("approve", "reject"),
        }
        return cast("Fields", {**said, **self._fields})


def _asker(frame: FrameType | None) -> tuple[str, Document]:
    """The tool that prompts, and what it was called with: from the outermost function of its module on the way here."""
    found: FrameType | None = None
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if found is not None and module != found.f_globals["__name__"]:
            break
        if found is not None or (module.startswith("strands_tools.") and not module.startswith("strands_tools.utils.")):
            found = frame
        frame = frame.f_back
    if found is None:
        return "consent", {}
    said: Any = found.f_locals.get("tool")
    if isinstance(said, Mapping) and isinstance(said.get("input"), Mapping):
        return str(said.get("name") or _last(found)), dict(said["input"])
    code = found.f_code
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = {name: found.f_locals.get(name) for name in names}
    return code.co_name, {name: value for name, value in given.items() if _json(value) and value is not None}


def _last(frame: FrameType) -> str:
    return str(frame.f_globals["__name__"]).rpartition(".")[2]


def _json(value: object) -> bool:
    """Left out are the agent and whatever else Strands puts in by itself."""
    if isinstance(value, list | tuple):
        return all(map(_json, cast("list[object]", value)))
    if isinstance(value, dict):
        return all(map(_json, cast("Document", value).values()))
    return value is None or isinstance(value, str | int | float | bool)


def _approved(tool: str, arguments: Mapping[str, object]) -> bool:
    """Whether this very call was approved a moment ago, and its tool is what prompts."""
    call = APPROVED.get()
    if call is None or call.tool != tool:
        return False
    return all(name in arguments and arguments[name] == value for name, value in call.arguments.items())
