"""Whether Claude may use a tool: one question, however it comes in (SDK callback, hook, permission prompt). No SDK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from signoff_agents import gating

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

QUESTION_TOOL = "AskUserQuestion"
"""Claude's own tool for asking its user; its answers go into its input."""
TITLE = 300
"""Characters of a title."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """It may run now, once, with exactly these arguments; the approval is burnt."""

    arguments: dict[str, object]
    verdict: gating.Verdict
    changed: bool = False
    """They differ from those that were asked about."""


@dataclass(frozen=True, slots=True)
class Denied:
    """It must not run."""

    message: str
    """What the model reads."""


async def permission(
    gate: Gate,
    name: str,
    arguments: Mapping[str, object],
    *,
    run_id: str | None,
    call_id: str | None,
    fields: Fields | None = None,
) -> Allowed | Denied:
    """Ask people. Raises nothing; cancelled, nothing may run."""
    if name == QUESTION_TOOL and (questions := _questions(arguments)):
        return await _answered(gate, arguments, questions, run_id, call_id, fields)
    call = gating.Call(
        tool=name, arguments=arguments, run_id=run_id, call_id=call_id, fields=fields or cast("Fields", {})
    )
    verdict = await gating.decide(gate, call)
    if verdict.run is not None:
        return Allowed(verdict.run, verdict, changed=bool(verdict.edited))
    if verdict.kind == "answer":  # there is no other way to give a result in the tool's place
        return Denied(f"{name} was not run: a person answered in its place. The answer: {verdict.said}")
    return Denied(verdict.said or gating.Away(tool=name, reason="").sentence)


# ── AskUserQuestion ──────────────────────────────────────────────────────────────────────────────


def _questions(arguments: Mapping[str, object]) -> dict[str, dict[str, object]]:
    """Question → the schema of its answer; empty when this is not the tool's input as it is known."""
    asked = arguments.get("questions")
    found: dict[str, dict[str, object]] = {}
    for one in cast("list[object]", asked) if isinstance(asked, list) else []:
        question = cast("dict[str, object]", one) if isinstance(one, dict) else {}
        text, options = question.get("question"), question.get("options")
        if not isinstance(text, str) or not isinstance(options, list):
            return {}
        given = [cast("dict[str, object]", option).get("label") for option in options if isinstance(option, dict)]
        labels = [label for label in given if isinstance(label, str)]
        if not labels:
            return {}
        one_of: dict[str, object] = {"type": "string", "enum": labels}
        many: dict[str, object] = {"type": "array", "items": one_of, "uniqueItems": True}
        found[text] = {**(many if question.get("multiSelect") is True else one_of), "title": text}
    return found


async def _answered(
    gate: Gate,
    arguments: Mapping[str, object],
    questions: Mapping[str, dict[str, object]],
    run_id: str | None,
    call_id: str | None,
    fields: Fields | None,
) -> Allowed | Denied:
    """People answer Claude's questions; their answers are the input that the tool goes on with."""
    names = [f"answer_{number}" for number, _ in enumerate(questions, 1)]
    schema: dict[str, object] = {
        "type": "object",
        "properties": dict(zip(names, questions.values(), strict=True)),
        "required": names,
        "additionalProperties": False,
    }
    said: dict[str, object] = {
        "title": " ".join(questions)[:TITLE],
        "allowed_decisions": ("respond", "reject"),
        "response_schema": schema,
    }
    call = gating.Call(
        tool=QUESTION_TOOL,
        arguments=arguments,
        run_id=run_id,
        call_id=call_id,
        fields=cast("Fields", {**(fields or {}), **said}),
    )
    verdict = await gating.decide(gate, call)
    if verdict.kind != "answer" or not isinstance(verdict.answer, dict):
        return Denied(verdict.said or gating.Away(tool=QUESTION_TOOL, reason="").sentence)
    given = cast("dict[str, object]", verdict.answer)
    answers = {text: _joined(given.get(name)) for name, text in zip(names, questions, strict=True)}
    return Allowed({**arguments, "answers": answers}, verdict, changed=True)


def _joined(answer: object) -> str:
    return ", ".join(map(str, cast("list[object]", answer))) if isinstance(answer, list) else str(answer)
