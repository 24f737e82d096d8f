"""What a paused workflow waits for: the calls of a step's agent or team, or a step itself.

A step is asked about as a call of it. agno knows no rejection of user input and of a choice of routes; those are
rejected as a confirmation is, by the step's own `on_reject`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from agno.models.response import ToolExecution
from agno.run.requirement import RunRequirement

from signoff_agents.agno.pauses import ANSWERS, KINDS, Asked, External, asked_tools
from signoff_agents.agno.tools import ready
from signoff_agents.gating import Call, Ran, Tools, Verdict, fields_of, text

if TYPE_CHECKING:
    from agno.run.workflow import WorkflowRunOutput
    from agno.workflow.types import ErrorRequirement, StepRequirement

    from signoff.client.fields import Fields

Document = dict[str, Any]


@dataclass(frozen=True)
class AskedStep:
    """A step of a workflow."""

    call: Call
    write: Callable[[Verdict], None]
    execution: ToolExecution | None = None
    execute: Callable[..., object] | None = None

    def answer(self, verdict: Verdict, result: str | None = None) -> None:
        self.write(verdict)

    def outcome(self) -> Ran:
        return Ran()


def asked_steps(run: WorkflowRunOutput, workflow: object, tools: Tools, external: External) -> list[Asked]:
    """What waits in this pause; agno asks for one step at a time."""
    out: list[Asked] = []
    for error in run.active_error_requirements:
        out.append(_step(error, _choice(["retry", "skip"]), _retry_or_skip(error), run, tools, error.error_message))
    for step in (run.step_requirements or [])[-1:]:
        out += _asked(step, run, workflow, tools, external)
    return out


def _asked(
    step: StepRequirement, run: WorkflowRunOutput, workflow: object, tools: Tools, external: External
) -> Sequence[Asked]:
    if step.requires_executor_input:
        requirements = [
            RunRequirement.from_dict(cast("Document", one)) if isinstance(one, dict) else cast("RunRequirement", one)
            for one in step.executor_requirements or ()
        ]
        step.executor_requirements = list(requirements)  # what is answered here is what the run goes on with
        return asked_tools(requirements, workflow, run.run_id, tools, external)
    if step.is_resolved:
        return ()
    form: Document
    message: str | None
    if step.requires_user_input and step.needs_user_input:
        form, message = _form(step), step.user_input_message
        write = _fill(step)
    elif step.requires_route_selection:
        form, message = _choice(step.available_choices or [], several=step.allow_multiple_selections), None
        write = _route(step)
    else:
        editing = step.requires_output_review
        kinds: tuple[Any, ...] = ("approve", "edit", "reject") if editing else ("approve", "reject")
        form = {"allowed_decisions": kinds} | ({"editable": ("output",)} if editing else {})
        message = step.output_review_message or step.confirmation_message
        write = _confirm(step)
    output = {"output": _content(step)} if step.requires_output_review and step.step_output is not None else {}
    return [_step(step, form, write, run, tools, message, output)]


def _step(
    step: StepRequirement | ErrorRequirement,
    form: Document,
    write: Callable[[Verdict], None],
    run: WorkflowRunOutput,
    tools: Tools,
    message: str | None,
    output: Mapping[str, object] | None = None,
) -> AskedStep:
    name = step.step_name or "step"
    arguments: Document = dict(output or {})
    if step.step_input is not None and step.step_input.input is not None:
        arguments["input"] = text(step.step_input.input)
    said: Document = {"title": name, "description": message, **form}
    own = {key: value for key, value in (fields_of(tools, name) or {}).items() if value is not None}
    call = Call(
        tool=name,
        arguments=arguments,
        # A step may come up again: after a retry, in a loop, or when it has failed.
        call_id=f"{step.step_id}/{len(run.step_requirements or ())}/{step.retry_count}/{type(step).__name__}",
        run_id=run.run_id,
        fields=cast("Fields", {key: value for key, value in said.items() if value is not None} | own),
    )
    return AskedStep(call, write)


def _content(step: StepRequirement) -> object:
    content: object = None if step.step_output is None else step.step_output.content
    return content if isinstance(content, dict | list) else text(content)


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


def _form(step: StepRequirement) -> Document:
    properties: Document = {}
    for one in step.user_input_schema or ():
        kind = KINDS.get(cast("type", one.field_type), None) or BY_NAME.get(one.field_type)
        properties[one.name] = ({"type": kind} if kind else {}) | (
            {"enum": one.allowed_values} if one.allowed_values else {}
        )
        if one.description:
            properties[one.name]["description"] = one.description
    needed = [one.name for one in step.user_input_schema or () if one.required]
    schema: Document = {"type": "object", "properties": properties, "required": needed}
    if not properties:
        schema = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
    return {"allowed_decisions": ANSWERS, "response_schema": {**schema, "additionalProperties": False}}


BY_NAME = {kind.__name__: name for kind, name in KINDS.items()}


def _choice(names: Sequence[str], *, several: bool = False) -> Document:
    one: Document = {"type": "string", "enum": list(names)}
    schema = {"type": "array", "items": one, "minItems": 1, "uniqueItems": True} if several else one
    return {"allowed_decisions": ANSWERS, "response_schema": schema}


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def _confirm(step: StepRequirement) -> Callable[[Verdict], None]:
    def write(verdict: Verdict) -> None:
        if verdict.run is None:
            _reject(step, verdict)
            return
        _decided(step)
        if verdict.edited:
            step.edit(ready(verdict.run).get("output"))
        else:
            step.confirm()

    return write


def _fill(step: StepRequirement) -> Callable[[Verdict], None]:
    def write(verdict: Verdict) -> None:
        if verdict.kind != "answer":
            _reject(step, verdict)
            return
        _decided(step)
        step.set_user_input(**ready(cast("Mapping[str, object]", verdict.answer)))
        if step.requires_confirmation:
            step.confirm()

    return write


def _route(step: StepRequirement) -> Callable[[Verdict], None]:
    def write(verdict: Verdict) -> None:
        if verdict.kind != "answer":
            _reject(step, verdict)
            return
        _decided(step)
        chosen = cast("list[str]", verdict.answer) if isinstance(verdict.answer, list) else [str(verdict.answer)]
        step.select(*chosen)

    return write


def _retry_or_skip(error: ErrorRequirement) -> Callable[[Verdict], None]:
    def write(verdict: Verdict) -> None:
        error.decision = "retry" if verdict.answer == "retry" else "skip"

    return write


def _reject(step: StepRequirement, verdict: Verdict) -> None:
    """By the step's `on_reject`: cancel the workflow, skip the step, try it again with what was said, …"""
    _decided(step)
    step.requires_user_input = step.requires_route_selection = False
    step.requires_confirmation = True
    step.reject(verdict.said)


def _decided(step: StepRequirement) -> None:
    """A time-out of agno's that has passed would undo what people said, up to approving what they rejected."""
    step.timeout_at = None
