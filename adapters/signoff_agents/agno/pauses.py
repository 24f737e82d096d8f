"""What a paused run of an agent or team waits for, as calls at the gate, and the answers it goes on with.

agno asks in four ways. People are asked in one: about a call of a tool. What they say is written into the run in one of
three lanes, whichever way agno asked: the call runs with these arguments, it is refused with this text, or this is its
result. agno's own lane for user input is not used: it knows no refusal (a rejected call of that kind runs), and calls
of one tool in one turn share its fields, so that all run with the last one's values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from agno.models.response import ToolExecution
from agno.run.requirement import RunRequirement
from agno.tools.function import UserFeedbackQuestion

from signoff_agents.agno.tools import Shape, function, ready
from signoff_agents.gating import Call, Ran, Tools, Verdict, fields_of

if TYPE_CHECKING:
    from signoff.client.fields import Fields

External = Mapping[str, Callable[..., object]]
"""By tool: what runs a call that is executed outside of agno, once it is approved. Sync or async."""

KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
"""Python's types of fields → JSON Schema's."""
ANSWERS: tuple[Any, ...] = ("respond", "reject")


class Asked(Protocol):
    """One thing that a paused run waits for."""

    @property
    def call(self) -> Call: ...
    @property
    def execution(self) -> ToolExecution | None:
        """agno's record of the call; a workflow's step has none."""
        ...

    @property
    def execute(self) -> Callable[..., object] | None:
        """Runs the call outside of agno."""
        ...

    def answer(self, verdict: Verdict, result: str | None = None) -> None:
        """Write it into the paused run. `result`: what `execute` gave."""
        ...

    def outcome(self) -> Ran:
        """What came of a call that was let run, once the run has gone on."""
        ...


@dataclass(frozen=True)
class AskedTool:
    """A tool call."""

    requirement: RunRequirement
    execution: ToolExecution
    call: Call
    execute: Callable[..., object] | None = None

    def answer(self, verdict: Verdict, result: str | None = None) -> None:
        if verdict.run is not None:
            self.execution.tool_args = ready(verdict.run)
        if result is not None:
            _result(self.requirement, self.execution, result)
        elif verdict.run is not None:
            _run(self.requirement, self.execution)
        elif verdict.kind != "answer":
            _refuse(self.requirement, self.execution, verdict.said or "")
        elif self.requirement.pause_type == "user_feedback":
            _feedback(self.requirement, self.execution, cast("dict[str, Any]", verdict.answer))
        elif _is_form(self.execution):
            _values(self.requirement, self.execution, cast("dict[str, Any]", verdict.answer))
        else:
            _result(self.requirement, self.execution, verdict.said or "")

    def outcome(self) -> Ran:
        ran = Ran()
        if self.execution.tool_call_error:
            ran.failed(None if self.execution.result is None else str(self.execution.result))
        return ran


# ── what is asked ────────────────────────────────────────────────────────────────────────────────


def asked_tools(
    requirements: Iterable[RunRequirement], runner: object, run_id: str | None, tools: Tools, external: External
) -> list[AskedTool]:
    """Those that are not answered yet."""
    return [
        _asked(one, one.tool_execution, runner, run_id, tools, external)
        for one in requirements
        if one.tool_execution is not None and not one.is_resolved()
    ]


def _asked(
    requirement: RunRequirement,
    execution: ToolExecution,
    runner: object,
    run_id: str | None,
    tools: Tools,
    external: External,
) -> AskedTool:
    name = execution.tool_name or ""
    found = function(runner, name, requirement.member_agent_id)
    shape = Shape(found)
    arguments: Mapping[str, Any] = shape.typed(execution.tool_args or {})
    fits: Callable[[Mapping[str, object]], object] = shape.fits
    said: dict[str, Any] = {
        "title": name.replace("_", " ").strip().capitalize() or None,
        "description": shape.description,
        "schema": shape.schema,
    }
    kind = requirement.pause_type
    if kind == "user_feedback":
        questions = requirement.user_feedback_schema or execution.user_feedback_schema or []
        said |= {"title": _title(questions), "schema": None, "description": None}
        said |= {"allowed_decisions": ANSWERS, "response_schema": _questions(questions)}
        arguments, fits = execution.tool_args or {}, _anything
    elif kind == "external_execution" and name not in external:
        said |= {"allowed_decisions": ANSWERS, "response_schema": {"type": "string"}}
        said["description"] = shape.description or "Done by people: the answer is the result that the agent reads."
    elif kind == "user_input" and _is_form(execution):
        said |= {"schema": None, "allowed_decisions": ANSWERS, "response_schema": _form(execution)}
        arguments, fits = execution.tool_args or {}, _anything
    elif kind == "user_input":
        filled, fits = _to_fill_in(shape, execution, arguments)
        said |= filled
        if found is not None and found.user_input_fields:
            said["editable"] = tuple(found.user_input_fields)
    own = {key: value for key, value in (fields_of(tools, name) or {}).items() if value is not None}
    call = Call(
        tool=name,
        arguments=arguments,
        # Some models number their calls anew each turn, and members of a team number theirs alike.
        call_id=f"{execution.tool_call_id}/{requirement.id[:8]}",
        run_id=run_id,
        fields=cast("Fields", {key: value for key, value in said.items() if value is not None} | own),
        fits=fits,
    )
    return AskedTool(requirement, execution, call, external.get(name) if kind == "external_execution" else None)


def _anything(_: Mapping[str, object]) -> None:
    """What a person answers is held to the response's schema; the call itself does not run."""


def _is_form(execution: ToolExecution) -> bool:
    """agno's own tool with which a model asks for values of fields that it names."""
    return execution.tool_name == "get_user_input" and bool(execution.user_input_schema)


def _to_fill_in(
    shape: Shape, execution: ToolExecution, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], Callable[[Mapping[str, object]], object]]:
    """What is said of a call some of whose arguments a person gives; and what its arguments are held to."""
    schema = shape.schema or {
        "type": "object",
        "properties": {one.name: _field(one) for one in execution.user_input_schema or ()},
        "required": [one.name for one in execution.user_input_schema or ()],
    }
    needed = [name for name in schema.get("required", ()) if name not in arguments]
    if not needed:
        return {"schema": schema}, shape.fits
    relaxed = {
        **schema,
        "required": [name for name in schema["required"] if name not in needed],
        # Whoever fills in one of them fills in all.
        "dependentRequired": {name: [one for one in needed if one != name] for name in needed},
    }

    def fits(given: Mapping[str, object]) -> None:
        if given is arguments:
            shape.fits_so_far(given)
            return
        shape.fits(given)
        if missing := [name for name in needed if name not in given]:
            raise ValueError(f"{missing[0]}: it is missing")

    return {"schema": relaxed, "allowed_decisions": ("edit", "reject")}, fits


def _field(field: Any) -> dict[str, Any]:
    kind = KINDS.get(field.field_type, field.field_type if field.field_type in KINDS.values() else None)
    described = {"description": field.description} if field.description else {}
    return ({"type": kind} if kind else {}) | described


def _form(execution: ToolExecution) -> dict[str, Any]:
    fields = execution.user_input_schema or []
    return {
        "type": "object",
        "properties": {one.name: _field(one) for one in fields},
        "required": [one.name for one in fields],
        "additionalProperties": False,
    }


def _title(questions: Sequence[UserFeedbackQuestion]) -> str:
    return questions[0].question if len(questions) == 1 else f"{len(questions)} questions"


def _questions(questions: Sequence[UserFeedbackQuestion]) -> dict[str, Any]:
    """One property for each, by its number: the question itself is no name."""
    properties: dict[str, Any] = {}
    for number, one in enumerate(questions, 1):
        labels = [option.label for option in one.options or ()]
        choice: dict[str, Any] = {"type": "string"} | ({"enum": labels} if labels else {"minLength": 1})
        if one.multi_select:
            choice = {"type": "array", "items": choice, "minItems": 1, "uniqueItems": True}
        told = [f"{option.label}: {option.description}" for option in one.options or () if option.description]
        properties[str(number)] = {"title": one.question, **choice} | ({"description": "\n".join(told)} if told else {})
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


# ── how it is answered ───────────────────────────────────────────────────────────────────────────


def _lane(execution: ToolExecution, *, confirmation: bool = False, external: bool = False) -> None:
    execution.requires_confirmation = confirmation
    execution.requires_user_input = False
    execution.external_execution_required = external
    execution.answered = True


def _run(requirement: RunRequirement, execution: ToolExecution) -> None:
    _lane(execution, confirmation=True)
    requirement.confirmation = execution.confirmed = True


def _refuse(requirement: RunRequirement, execution: ToolExecution, said: str) -> None:
    requirement.confirmation = execution.confirmed = False
    requirement.confirmation_note = execution.confirmation_note = said
    if execution.approval_type == "required":
        # A row of AgentOS stands for all calls of a pause: one that says yes must not wake this one.
        _result(requirement, execution, said)
    else:
        _lane(execution, confirmation=True)
    execution.tool_call_error = True


def _result(requirement: RunRequirement, execution: ToolExecution, result: str) -> None:
    _lane(execution, external=True)
    requirement.external_execution_result = execution.result = result
    execution.tool_call_error = False


def _feedback(requirement: RunRequirement, execution: ToolExecution, answers: Mapping[str, Any]) -> None:
    questions = deepcopy(requirement.user_feedback_schema or execution.user_feedback_schema or [])
    for number, one in enumerate(questions, 1):
        answer: Any = answers[str(number)]
        one.selected_options = [str(each) for each in cast("list[Any]", answer)] if one.multi_select else [str(answer)]
        for option in one.options or ():
            option.selected = option.label in one.selected_options
    requirement.user_feedback_schema = execution.user_feedback_schema = questions
    execution.answered = True


def _values(requirement: RunRequirement, execution: ToolExecution, answers: Mapping[str, Any]) -> None:
    fields = deepcopy(execution.user_input_schema or [])
    values = ready(answers)
    for one in fields:
        one.value = values.get(one.name)
    requirement.user_input_schema = execution.user_input_schema = fields
    execution.answered = True


def amend(asked: AskedTool, arguments: Mapping[str, object]) -> None:
    """The approved arguments, for a call that goes on waiting: for agno's own word that it may run."""
    execution = asked.execution
    execution.tool_args = ready(arguments)
    if execution.user_input_schema is not None:
        fields = deepcopy([one for one in execution.user_input_schema if one.name in execution.tool_args])
        for one in fields:
            one.value = execution.tool_args[one.name]
        asked.requirement.user_input_schema = execution.user_input_schema = fields
