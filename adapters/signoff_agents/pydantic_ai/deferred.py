"""From `DeferredToolRequests` to `DeferredToolResults`: what a run waits for, and what it goes on with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic_ai.agent import AbstractAgent
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ToolCallPart, ToolReturn
from pydantic_ai.tools import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDefinition, ToolDenied
from pydantic_ai.toolsets import AbstractToolset, FunctionToolset

from signoff_agents.gating import Call, Tools, Verdict, checked, claim_all, fields_of
from signoff_agents.pydantic_ai.calls import Arguments, Validate, call_of, given

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

Started = Literal["raise", "tell"]
Known = Callable[[str], tuple[ToolDefinition | None, Validate | None]]
"""From a tool's name to what it says of itself."""


@dataclass
class Waiting:
    """The calls of a request that are asked about, as calls at the gate."""

    calls: list[Call] = field(default_factory=list)
    approvals: list[ToolCallPart] = field(default_factory=list)
    written: list[Arguments] = field(default_factory=list)
    """Of the approvals, as they were when people were asked."""
    external: list[ToolCallPart] = field(default_factory=list)


async def resolve(
    requests: DeferredToolRequests,
    gate: Gate,
    *,
    run_id: str,
    tools: Tools = "all",
    agent: AbstractAgent[Any, Any] | None = None,
    title: str | None = None,
    started: Started = "raise",
) -> DeferredToolResults:
    """What a paused run goes on with, where something else than `Approvals.resume` goes on with it.

    The results say what runs and have no place for a word to the model: it is told nothing of an edit, and no outcome
    is reported. `approvals(gate, None).resume` does both, for the same agents. (An agent that has `approvals` goes on
    with its own `resolve` or `resume` alone; it takes results of this one for a second attempt.)

    Asks about all of them as one batch, waits for all, and burns each approval: give the results to one run, at once.
    `run_id`: the conversation's, `result.conversation_id`, the same in every process. `tools`: which are asked about,
    and with which fields of `Gate.ask`; the rest is left out, and somebody else's. `agent`: its function tools' schemas
    are shown, and checked before and after an edit.

    An edit becomes `override_args`, a refusal `ToolDenied` with its text; so does a person's answer to an approval,
    because nothing else is a result in the tool's place. An external call's result is what a person answers.

    Raises AlreadyStarted when another attempt has the approvals: it runs, or it has crashed; with `started="tell"` the
    model is told so. Raises Unavailable when nobody can be asked; nothing is burnt, and this can be called again.
    """
    waiting = waiting_of(requests, checked(tools), run_id, known_by(agent))
    if not waiting.calls:
        return DeferredToolResults()
    return results_of(waiting, await claim_all(gate, waiting.calls, title, started=started))


def waiting_of(requests: DeferredToolRequests, tools: Tools | None, run_id: str | None, known: Known) -> Waiting:
    """Raises ValueError for arguments that are no object."""
    made = Waiting()

    def add(part: ToolCallPart, parts: list[ToolCallPart]) -> None:
        fields: Any = {} if tools is None else fields_of(tools, part.tool_name)
        if fields is None:
            return
        definition, validate = known(part.tool_name)
        question = parts is made.external or "response_schema" in fields
        said = {"allowed_decisions": ("respond", "reject"), **fields} if question else fields
        made.calls.append(
            call_of(
                part.tool_name,
                given(part),
                definition=definition,
                validate=validate,
                call_id=part.tool_call_id,
                run_id=run_id,
                fields=cast("Fields", said),
            )
        )
        parts.append(part)

    for part in requests.approvals:
        add(part, made.approvals)
    made.written += [deepcopy(given(part)) for part in made.approvals]
    for part in requests.calls:
        add(part, made.external)
    return made


def results_of(waiting: Waiting, verdicts: Sequence[Verdict]) -> DeferredToolResults:
    results = DeferredToolResults()
    first = len(waiting.approvals)
    for part, verdict in zip(waiting.approvals, verdicts[:first], strict=True):
        results.approvals[part.tool_call_id] = _approval(verdict)
    for part, verdict in zip(waiting.external, verdicts[first:], strict=True):
        results.calls[part.tool_call_id] = _result(verdict)
    return results


def _approval(verdict: Verdict) -> ToolApproved | ToolDenied:
    if verdict.run is None:
        return ToolDenied(verdict.said or "")
    return ToolApproved(override_args=verdict.run if verdict.edited else None)


def _result(verdict: Verdict) -> object:
    """Of an external call. An approval of one is no result of it."""
    if verdict.kind == "answer":
        return ToolReturn[Any](return_value=verdict.answer)
    return ToolFailed(verdict.said or "It was approved, but nothing has run it, and there is no result.")


def known_by(agent: AbstractAgent[Any, Any] | None) -> Known:
    """What an agent's function tools say of themselves, outside of a run."""
    found: dict[str, tuple[ToolDefinition | None, Validate | None]] = {}

    def see(toolset: AbstractToolset[Any]) -> None:
        if isinstance(toolset, FunctionToolset):
            for name, tool in toolset.tools.items():
                found[name] = (tool.tool_def, tool.function_schema.validator.validate_python)

    for toolset in agent.toolsets if agent is not None else ():
        toolset.apply(see)
    return lambda name: found.get(name, (None, None))
