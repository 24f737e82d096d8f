"""A tool of CrewAI that waits for people before it runs."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, cast

from crewai.hooks.dispatch import HookAborted
from crewai.tools import BaseTool
from crewai.tools.base_tool import Tool
from crewai.tools.tool_failure import (
    ToolExecutionFailedError,
    ToolFailure,
    detect_tool_failure,
    failure_from_exception,
)
from crewai.utilities.string_utils import sanitize_tool_name
from pydantic import Field
from typing_extensions import override

from signoff.errors import where
from signoff_agents.crewai.turns import placed, remaining, watched
from signoff_agents.gating import (
    Call,
    Ran,
    Turns,
    Verdict,
    blocking,
    refused,
    retry,
    running,
    running_blocking,
    unless,
)

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

Describe = Callable[[object], str | None]

log = logging.getLogger("signoff")


@dataclass(eq=False)
class Asking:
    gate: Gate
    turns: Turns
    fields: Mapping[str, object]
    """Those of `Gate.ask`, or functions of the arguments."""
    outcome: Describe | None


class Gated(BaseTool):
    """A tool of CrewAI that runs what people have approved."""

    # Left out of what is written down: read back from a checkpoint it lacks them, and is refused.
    inner: Any = Field(exclude=True, repr=False)
    asking: Any = Field(exclude=True, repr=False)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return self  # the same tool at the same gate

    @override
    def _run(self, *args: Any, **kwargs: Any) -> Any:
        asked = self._unclear(args, kwargs)
        verdict = asked if isinstance(asked, Verdict) else blocking(self._decided(*asked, remaining(), watched()))
        if verdict.run is None:
            return self._told(verdict)
        try:
            with running_blocking(self._asking.gate, verdict) as ran:
                result = _finished(self._inner._run(**self._read(verdict.run)))
                self._judge(ran, result)
        except (HookAborted, ToolExecutionFailedError):
            raise
        except Exception as error:  # noqa: BLE001  # raised, ReAct would run it again
            return failure_from_exception(error)
        return self._noted(verdict, result)

    @override
    async def _arun(self, *args: Any, **kwargs: Any) -> Any:
        asked = self._unclear(args, kwargs)
        verdict = asked if isinstance(asked, Verdict) else await self._decided(*asked, remaining(), watched())
        if verdict.run is None:
            return self._told(verdict)
        try:
            async with running(self._asking.gate, verdict) as ran:
                arguments = self._read(verdict.run)
                if _is_async(self._inner):
                    result = await self._inner._arun(**arguments)
                else:
                    result = await asyncio.to_thread(lambda: _finished(self._inner._run(**arguments)))
                self._judge(ran, result)
        except (HookAborted, ToolExecutionFailedError):
            raise
        except Exception as error:  # noqa: BLE001  # raised, CrewAI may run it again
            return failure_from_exception(error)
        return self._noted(verdict, result)

    @override
    def format_output_for_agent(self, raw_result: Any) -> str:
        return str(raw_result) if isinstance(raw_result, _Said) else self._inner.format_output_for_agent(raw_result)

    @property
    def _asking(self) -> Asking:
        return cast("Asking", self.asking)

    @property
    def _inner(self) -> BaseTool:
        return cast("BaseTool", self.inner)

    def _unclear(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Call, list[Call]] | Verdict:
        """The call and those of its turn; the verdict when they cannot be made out."""
        try:
            call = self._call(dict(zip(self.args_schema.model_fields, args, strict=False)) | dict(kwargs))
            return placed(call, self._asking.turns, self._of_turn)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=self.name, arguments={}), error)

    def _of_turn(self, one: object, arguments: Mapping[str, Any]) -> Call | None:
        """Another call of the turn, as that tool will make it; None where it is not asked about together with this."""
        if not isinstance(one, Gated) or one._asking.turns is not self._asking.turns:
            return None
        try:
            return one._call(one._read(arguments))
        except (TypeError, ValueError):
            return None  # CrewAI tells the model so, and does not get as far as asking

    def _call(self, arguments: Mapping[str, Any]) -> Call:
        from signoff.client.fields import told

        name = sanitize_tool_name(self.name)
        said = {
            "title": self.name.replace("_", " ").strip().capitalize() or None,
            "description": self.description.strip() or None,
            "schema": self.args_schema.model_json_schema(by_alias=False) if self.args_schema.model_fields else None,
            **{key: value for key, value in told(self._asking.fields, arguments).items() if value is not None},
        }
        return Call(tool=name, arguments=arguments, fields=cast("Fields", said), fits=self._read)

    def _read(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments as the tool takes them. Raises pydantic's ValidationError."""
        if not self.args_schema.model_fields:
            return dict(arguments)
        return self.args_schema.model_validate(dict(arguments), by_alias=True, by_name=True).model_dump()

    async def _decided(
        self, call: Call, turn: Sequence[Call], limit: float | None, over: Callable[[], Awaitable[bool]]
    ) -> Verdict:
        asking = self._asking
        try:
            async with asyncio.timeout(limit):
                verdict = await unless(asking.gate, over, asking.turns.decide(call, turn))
        except TimeoutError as error:
            return refused(call, error)
        return verdict or Verdict(kind="away", call=call, said=f"{call.tool} was not run: the run was cancelled.")

    def _judge(self, ran: Ran, result: object) -> None:
        if (failure := detect_tool_failure(result)) is not None:
            ran.failed(failure.message)
        elif self._asking.outcome is not None:
            try:
                ran.detail = self._asking.outcome(result)
            except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
                log.warning("the outcome could not be described: %s", where(error))

    def _told(self, verdict: Verdict) -> object:
        """What the model reads in the place of a result."""
        if verdict.kind == "answer":
            return _Said(verdict.said or "") if self.result_schema is None else verdict.answer
        return ToolFailure(message=verdict.said or "", retryable=retry(verdict) in {"with_changes", "ask"})

    def _noted(self, verdict: Verdict, result: object) -> object:
        """With the note about an edit behind the text: the model's own message keeps the arguments it wrote."""
        if verdict.note is None:
            return result
        if (failure := detect_tool_failure(result)) is not None:
            return failure.model_copy(update={"message": verdict.noted(failure.message)})
        return _Said(verdict.noted(self._inner.format_output_for_agent(result)))


class _Said(str):
    """What the model reads as it is, whatever form the tool's own results have."""

    __slots__ = ()


def _is_async(inner: BaseTool) -> bool:
    if isinstance(inner, Tool):
        return inspect.iscoroutinefunction(cast("Tool[..., object]", inner).func)
    return getattr(type(inner), "_arun") is not getattr(BaseTool, "_arun")  # noqa: B009  # its own name for it is private


def _finished(result: object) -> object:
    """As CrewAI does it: what an async tool gives to sync code is run to its end, on a loop of its own."""
    if not asyncio.iscoroutine(result):
        return result
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, result).result()
