"""LangChain's human-in-the-loop shapes: its HITLRequest as a batch of asks, decisions as it wants them back. Pure.

As in langchain 1.5.0, `langchain/agents/middleware/human_in_the_loop.py`. There a reject's message is told to the model
as a user's own words; so one that no person made has to say so itself (I05).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from pydantic import Field

from signoff.api.body import Body, build, within
from signoff.api.problem import pointer
from signoff.errors import Invalid
from signoff.model import Ask, Decision, Kind, Request, Retry, Risk, dumps, iso

Document = dict[str, object]
DESCRIPTION = 10_000
"""Characters that a request's description holds at most."""
LEFT_OUT = "The description was too long to be kept; the arguments are complete."


class ActionBody(Body):
    """LangChain's `ActionRequest`: one call."""

    name: str = Field(min_length=1, max_length=200)
    args: dict[str, object]
    description: str | None = None


class ReviewBody(Body):
    """LangChain's `ReviewConfig`: what may be decided about calls of one name."""

    action_name: str = Field(min_length=1, max_length=200)
    allowed_decisions: tuple[Kind, ...] = Field(min_length=1)
    args_schema: dict[str, object] | None = None
    """JSON Schema 2020-12 of the arguments."""
    description: str | None = None


class HITLBody(Body):
    """LangChain's `HITLRequest` as it is; what stands beside its two lists holds for every call in it."""

    action_requests: list[dict[str, object]] = Field(min_length=1)
    review_configs: list[dict[str, object]]
    title: str | None = Field(None, max_length=300)
    """Of the batch."""
    reason: str | None = Field(None, max_length=10_000)
    impact: str | None = Field(None, max_length=10_000)
    rollback: str | None = Field(None, max_length=10_000)
    risk: Risk | None = None
    agent: str | None = Field(None, max_length=200)
    run_id: str | None = Field(None, max_length=500)
    thread_url: str | None = Field(None, max_length=2000)
    on_behalf_of: str | None = Field(None, max_length=500)
    channel: str | None = Field(None, max_length=500)
    expires_in: int | None = Field(None, ge=1, le=30 * 24 * 3600)
    """Seconds; None: the rule's."""
    metadata: dict[str, object] = Field(default_factory=dict)


OWN = ("action_requests", "review_configs", "title")
"""Fields of the body that are not simply each call's."""


def asks(body: HITLBody) -> tuple[list[Ask], list[int]]:
    """One ask for each call, and the index of the review config that each goes by. Raises Invalid with a pointer for
    each fault.
    """
    faults: dict[str, str] = {}
    actions = within(body.action_requests, ActionBody, "action_requests", faults)
    configs = within(body.review_configs, ReviewBody, "review_configs", faults)
    if faults:
        raise Invalid(faults)
    shared = {name: value for name, value in dict(body).items() if name not in OWN}
    found: list[Ask] = []
    by: list[int] = []
    for index, action in enumerate(actions):
        chosen = _config(action.name, index, configs)
        if isinstance(chosen, str):
            faults[pointer("action_requests", index, "name")] = chosen
            continue
        config = configs[chosen]
        by.append(chosen)
        ask = {
            "tool": action.name,
            "arguments": action.args,
            "description": _description(action.description or config.description, action.name),
            "schema": config.args_schema,
            "allowed_decisions": list(config.allowed_decisions),
        }
        found.append(build(shared | ask, Ask))
    if faults:
        raise Invalid(faults)
    return found, by


def _config(name: str, index: int, configs: Sequence[ReviewBody]) -> int | str:
    """Which config a call goes by, or why there is none. LangChain sends one for each call, in their order."""
    named = [at for at, config in enumerate(configs) if config.action_name == name]
    if not named:
        return "There is no review config with this action_name."
    if index in named:
        return index
    first = configs[named[0]]
    for other in named[1:]:
        one = configs[other]
        if (one.allowed_decisions, one.args_schema) != (first.allowed_decisions, first.args_schema):
            return "The review configs with this action_name differ, and none stands at the place of this action."
    return named[0]


def _description(text: str | None, tool: str) -> str | None:
    """What an agent says of a call. LangChain's own text repeats tool and arguments, which are shown anyway; written as
    Python it could tell a secret one in a form that nobody recognizes (I13).
    """
    if text is None:
        return None
    kept = text.partition(f"\n\nTool: {tool}\nArgs: ")[0].strip()
    if len(kept) > DESCRIPTION:
        return LEFT_OUT
    return kept or None


def placed(fields: Mapping[str, str], by: Sequence[int]) -> dict[str, str]:
    """Faults of asks, pointed at where a HITLRequest holds what is at fault. `by`: as `asks` gives it."""
    return {_placed(where, by): text for where, text in fields.items()}


def _placed(where: str, by: Sequence[int]) -> str:
    _, *steps = where.split("/", 3)
    if steps == ["requests"]:
        return "/action_requests"
    if len(steps) < 2 or steps[0] != "requests" or not steps[1].isdecimal() or int(steps[1]) >= len(by):
        return where
    index, inside = int(steps[1]), "".join(steps[2:])
    name, slash, deeper = inside.partition("/")
    if name in {"schema", "allowed_decisions"}:
        renamed = {"schema": "args_schema"}.get(name, name)
        return pointer("review_configs", by[index], renamed) + slash + deeper
    if name in HITLBody.model_fields:
        return "/" + inside
    renamed = {"tool": "name", "arguments": "args"}.get(name, name)
    return pointer("action_requests", index, *filter(None, [renamed])) + slash + deeper


# ── what is decided ──────────────────────────────────────────────────────────────────────────────


def decisions(requests: Sequence[Request]) -> list[Document] | None:
    """LangChain's `HITLResponse.decisions`, by position; None until all have ended."""
    found: list[Document] = []
    for request in requests:
        if request.decision is None:
            return None
        found.append(decision(request, request.decision))
    return found


def decision(request: Request, made: Decision) -> Document:
    """One decision as LangChain wants it."""
    match made.kind:
        case "approve" | "edit":
            assert made.arguments is not None
            if made.kind == "approve" and made.arguments == request.versions[0].arguments:
                return {"type": "approve"}
            return {"type": "edit", "edited_action": {"name": request.tool, "args": made.arguments}}
        case "respond":
            return {"type": "respond", "message": _answer(made)}
        case "reject":
            return {"type": "reject", "message": _rejection(request, made)}
        case "expire":
            when = iso(request.expires_at)
            return _nobody(f"Nobody decided about this call of {request.tool} before it expired at {when}")
        case "cancel":
            return _nobody(f"This call of {request.tool} was withdrawn before anybody decided about it")


def _nobody(what: str) -> Document:
    return {"type": "reject", "message": f"{what}: no person has rejected it, and it was not run."}


def _answer(made: Decision) -> str:
    if made.response is None:
        return made.message or "People were told about this call; nobody was asked for an answer."
    return made.response if isinstance(made.response, str) else dumps(made.response)


ADVICE: Mapping[Retry, str] = {
    "with_changes": "You may try again with changes.",
    "ask": "You may ask again later.",
}
"""What a person allows the agent explicitly; `never` is what a rejection means anyway."""


def _rejection(request: Request, made: Decision) -> str:
    """The person's own words; a rule's with whose they are."""
    people = [who for who in made.decided_by if who.person is not None]
    said = made.message or "no reason was given."
    if not people:
        rules = " and ".join(f"“{who.rule}”" for who in made.decided_by if who.rule) or f"“{request.terms.rule}”"
        text = f"The rule {rules} rejected this call of {request.tool}, no person did: {said}"
    elif made.message:
        text = said
    else:
        names = " and ".join(who.name or cast("str", who.person) for who in people)
        text = f"{names} rejected this call of {request.tool}; {said}"
    advice = ADVICE.get(made.retry) if made.retry else None
    return f"{text} {advice}" if advice else text
