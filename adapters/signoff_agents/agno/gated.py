"""A tool that waits inside its own call, whoever calls it and however the run was started or continued."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import logging
import time
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import TYPE_CHECKING, Any, Unpack, cast
from weakref import WeakKeyDictionary

from agno.exceptions import RunCancelledException
from agno.run.cancel import get_cancellation_manager, is_cancelled
from agno.run.cancellation_management import InMemoryRunCancellationManager
from agno.tools import Function

from signoff.errors import where
from signoff_agents.agno.tools import Shape, ready
from signoff_agents.agno.turns import turn, turns_of
from signoff_agents.gating import Call, Ran, Turns, Verdict, blocking, refused, running, running_blocking, unless

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

Describe = Callable[[object], str | None]
CALL, CONTEXT, AGENT, TEAM = FILLED = ("fc", "_agno_run_context", "_agno_agent", "_agno_team")
"""Parameters that agno fills in by their names: its record of the call, the run, and who makes it."""
LOOK = 2.0
"""Seconds between looks at whether the run goes on; agno sends no event."""

log = logging.getLogger("signoff")
_known: WeakKeyDictionary[FunctionType, _Gated] = WeakKeyDictionary()
"""By what agno calls: its copies of a tool have the same one."""


def gated(
    gate: Gate, tool: Function | Callable[..., object], *, outcome: Describe | None = None, **fields: Unpack[Fields]
) -> Function:
    """`tools=[gated(gate, pay, risk="high")]`: the same tool, which runs when a person has approved its arguments.

    What is called by agno asks, so nothing around it can pass it by: not hooks (agno leaves async ones out of a sync
    run, and runs what it likes after theirs), not requirements that somebody confirms, not AgentOS without its
    authorization. Sync tools wait on the thread that agno runs them in, async ones on its event loop. The model reads
    refusals and answers as the result. With the same run and call id, a run that is taken up again finds its request. A
    run that is cancelled while people think runs nothing.

    The calls of one turn whose tools have the same `gate` are asked about as one batch, and each goes on as soon as it
    is decided; in a sync run, when its turn comes. Calls that agno pauses for as well, and those of tools with hooks,
    which may change or stop them, are asked about by themselves.

    For a toolkit: `[gated(gate, one) for one in toolkit.get_functions().values()]`. `outcome`: from a result to what
    the card shows of it; without it only that it succeeded. Raises TypeError for generators, and for what agno does not
    run by itself.
    """
    function = tool.model_copy() if isinstance(tool, Function) else Function.from_callable(tool)
    entry = function.entrypoint
    inner = None if entry is None else inspect.unwrap(entry)
    if entry is None or inspect.isgeneratorfunction(inner) or inspect.isasyncgenfunction(inner):
        raise TypeError(f"{function.name}: only a function that returns its result can wait for an approval")
    if isinstance(tool, Function) and not function.skip_entrypoint_processing:
        function.process_entrypoint()
        entry = function.entrypoint or entry
    gate_of = _Gated(gate, turns_of(gate), function.name, entry, Shape(function), outcome, fields)
    function.entrypoint = gate_of.wrapped()
    function.cache_results = False  # an approval is for one run, and a refusal for one call
    function.skip_entrypoint_processing = True  # what it says of itself stays as it was
    return function


def is_gated(tool: Function | None) -> bool:
    """Does it wait inside its own call? Not known of a tool that cannot be found."""
    return tool is not None and _gate_of(tool) is not None


def _gate_of(tool: Function) -> _Gated | None:
    return _known.get(tool.entrypoint) if isinstance(tool.entrypoint, FunctionType) else None


@dataclass(frozen=True)
class _Gated:
    gate: Gate
    turns: Turns
    name: str
    entry: Callable[..., Any]
    shape: Shape
    outcome: Describe | None
    fields: Mapping[str, Any]

    def wrapped(self) -> Callable[..., object]:
        """Looking like the original to agno, which fills in parameters by their names and types."""
        if inspect.iscoroutinefunction(self.entry):

            async def waiting(**given: Any) -> object:
                return await self._run(given)

            wrapper: Any = waiting
        else:

            def blocked(**given: Any) -> object:
                return self._run_blocking(given)

            wrapper = blocked
        functools.update_wrapper(wrapper, self.entry)
        del wrapper.__wrapped__
        with contextlib.suppress(NameError):  # agno then knows them by their names alone, as it does without us
            # Annotations kept as text would be looked up in this module.
            wrapper.__annotations__ = typing.get_type_hints(self.entry, include_extras=True)
        signature = inspect.signature(self.entry)
        own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
        rest = [one for one in signature.parameters.values() if one not in own]
        added = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None)
            for name in FILLED
            if name not in signature.parameters
        ]
        wrapper.__signature__ = signature.replace(parameters=[*own, *added, *rest])
        _known[wrapper] = self
        return cast("Callable[..., object]", wrapper)

    async def _run(self, given: dict[str, Any]) -> object:
        calls, passed = self._calls(given)
        verdict = calls if isinstance(calls, Verdict) else await self._decided(*calls)
        if verdict.run is None:
            return verdict.said
        async with running(self.gate, verdict) as ran:
            result = await self.entry(**passed, **ready(verdict.run))
            self._told(ran, result)
        return _noted(result, verdict)

    def _run_blocking(self, given: dict[str, Any]) -> object:
        calls, passed = self._calls(given)
        verdict = calls if isinstance(calls, Verdict) else blocking(self._decided(*calls))
        if verdict.run is None:
            return verdict.said
        with running_blocking(self.gate, verdict) as ran:
            result = self.entry(**passed, **ready(verdict.run))
            self._told(ran, result)
        return _noted(result, verdict)

    def _calls(self, given: dict[str, Any]) -> tuple[tuple[Call, Sequence[Call]] | Verdict, dict[str, Any]]:
        """The call and those of its turn, and what is passed on beside its arguments; the verdict when they cannot be
        made out.
        """
        try:
            made, context = given.get(CALL), given.get(CONTEXT)
            owner = given.get(AGENT) or given.get(TEAM)
            passed = {name: value for name, value in given.items() if name in self.shape.unseen}
            run_id = getattr(context, "run_id", None)
            own = self.call(given, getattr(made, "call_id", None), run_id)
            others = [
                one.call(each.arguments or {}, each.call_id, run_id)
                for each in turn(owner, context)
                if (one := _gate_of(each.function)) is not None and one.turns is self.turns
            ]
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=self.name, arguments={}), error), {}
        return (own, others if own in others else [own]), passed

    def call(self, given: Mapping[str, Any], call_id: str | None, run_id: str | None) -> Call:
        """`given`: what agno calls the tool with, or the model's arguments."""
        said = {
            "title": self.name.replace("_", " ").strip().capitalize() or None,
            "description": self.shape.description,
            "schema": self.shape.schema,
            **{key: value for key, value in self.fields.items() if value is not None},
        }
        arguments = {name: value for name, value in given.items() if name not in {*FILLED, *self.shape.unseen}}
        return Call(
            tool=self.name,
            arguments=self.shape.typed(arguments),
            call_id=call_id,
            run_id=run_id,
            fields=cast("Fields", {key: value for key, value in said.items() if value is not None}),
            fits=self.shape.fits,
        )

    async def _decided(self, call: Call, calls: Sequence[Call]) -> Verdict:
        """As long as the run goes on. Raises RunCancelledException when it was cancelled, or is over.

        agno looks whether a run is cancelled between calls alone, and leaves a thread that waits to itself.
        """
        if call.run_id is None:
            return await self.turns.decide(call, [call])
        run_id, listed = call.run_id, _listed(call.run_id)
        verdict = None
        if not await _over(run_id, listed):  # by an earlier call of the turn, which may have been asked about with it
            verdict = await unless(self.gate, lambda: _over(run_id, listed), self.turns.decide(call, calls), LOOK)
        if verdict is None:
            raise RunCancelledException(f"Run {run_id} was cancelled")
        return verdict

    def _told(self, ran: Ran, result: object) -> None:
        if self.outcome is not None:
            try:
                ran.detail = self.outcome(result)
            except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
                log.warning("the outcome could not be described: %s", where(error))


async def _over(run_id: str, listed: float | None) -> bool:
    """`listed`: what `_listed` said when it began to wait."""
    try:
        if type(get_cancellation_manager()) is InMemoryRunCancellationManager:
            cancelled = is_cancelled(run_id)  # it has the answer at hand, where others ask a database
        else:
            cancelled = await asyncio.to_thread(is_cancelled, run_id)
    except Exception as error:  # noqa: BLE001  # agno's own list may be away, and then agno goes on too
        log.warning("whether the run %s is cancelled could not be read: %s", run_id, where(error))
        return False
    return cancelled or (listed is not None and time.monotonic() < listed and _listed(run_id) is None)


def _listed(run_id: str) -> float | None:
    """Until when agno lists the run unless it ends before, by `time.monotonic()`; None where it is not listed here.

    After that a run that still waits is as little listed as one that is over. agno keeps no public way to the time.
    """
    runs: object = getattr(get_cancellation_manager(), "_cancelled_runs", None)
    entry = cast("dict[str, tuple[bool, float]]", runs).get(run_id) if isinstance(runs, dict) else None
    return None if entry is None else entry[1]


def _noted(result: object, verdict: Verdict) -> object:
    """agno makes text of whatever is no result with media in it."""
    if verdict.note is None:
        return result
    content = getattr(result, "content", None)
    if isinstance(content, str) and hasattr(result, "images"):
        cast("Any", result).content = verdict.noted(content)
        return result
    return verdict.noted(str(result))
