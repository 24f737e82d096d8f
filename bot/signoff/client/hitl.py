"""LangChain's human-in-the-loop: a HITLRequest as it is, the HITLResponse to resume with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TypedDict, cast

from signoff.client.asking import Asking
from signoff.client.decision import Decision, doubtful, refusal, same
from signoff.client.fields import Fields, ReviewFields
from signoff.client.requests import Requests
from signoff.client.signature import plain, written
from signoff.client.together import Member, Together
from signoff.client.wire import Document
from signoff.errors import NotRun

TOOL = "HITLRequest"
"""Stands for the whole of it where one tool call has its name."""


class Response(TypedDict):
    """LangChain's HITLResponse."""

    decisions: list[Document]


def asked(asking: Asking, request: Mapping[str, object], fields: ReviewFields) -> Together:
    """The batch that this request makes. Raises ValueError for what is no HITLRequest."""
    identity, said = asking.said(TOOL, cast("Fields", fields))
    actions = request.get("action_requests")
    if not isinstance(actions, list) or not actions or "review_configs" not in request:
        raise ValueError("this is no HITLRequest: it needs action_requests and review_configs")
    members = [Member(*_call(action), identity) for action in cast("list[object]", actions)]
    beside = {name: value for name, value in said.items() if value is not None and name != "tool_call_id"}
    body = cast("Document", plain({**beside, **request}))
    return asking.together(body, members)


def _call(action: object) -> tuple[str, Document]:
    found = cast("Document", action) if isinstance(action, dict) else {}
    name, arguments = found.get("name"), found.get("args")
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError("this is no HITLRequest: each of its action_requests needs a name and args")
    return name, {"tool": name, "arguments": written(cast("Document", arguments))}


async def answered(requests: Requests, together: Together) -> Response:
    """The HITLResponse when all are decided, each approval in it consumed: whoever resumes with it runs them.

    What cannot be consumed is a rejection in it that says why. Raises Unavailable.
    """
    decisions = await together.all()
    found = together.body.get("decisions")
    theirs = cast("list[object]", found) if isinstance(found, list) else []
    if len(theirs) != len(decisions):
        raise doubtful(together.name, "it does not say what was decided")
    answers = [_checked(*one) for one in zip(together.members, decisions, theirs, strict=True)]
    consumed = await asyncio.gather(*(_consumed(requests, *one) for one in zip(decisions, answers, strict=True)))
    return {"decisions": consumed}


def _checked(member: Member, decision: Decision, answer: object) -> Document:
    """The service's answer for LangChain, held to the decision. Raises Doubtful."""
    found = cast("Document", answer) if isinstance(answer, dict) else {}
    kind, runs = found.get("type"), found.get("edited_action")
    fits = False
    if kind == "approve":
        fits = decision.approved and same(decision.arguments, member.sent["arguments"])
    elif kind == "edit":
        fits = decision.approved and same(runs, {"name": member.tool, "args": decision.arguments})
    elif kind == "respond":
        fits = decision.kind == "respond"
    elif kind == "reject":
        fits = refusal(decision) is not None
    if not fits:
        raise doubtful(member.tool, "what it tells LangChain is not what was decided")
    return found


async def _consumed(requests: Requests, decision: Decision, answer: Document) -> Document:
    if not decision.approved:
        return answer
    try:
        await requests.consume(decision)
    except NotRun as error:
        return {"type": "reject", "message": error.sentence}
    return answer
