"""Requests with identity and fields settled on the caller's thread: what `Gate` and its blocking façade share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from pydantic import BaseModel

from signoff.client.context import Identity, identify
from signoff.client.decision import Decision, doubtful, refusal, unusable
from signoff.client.fields import Fields, OnReject, Titled, Told, body
from signoff.client.requests import Requests
from signoff.client.signature import model_arguments, model_rebuilt, model_schema, plain, written
from signoff.client.together import Member, Together, together
from signoff.client.wire import Document

M = TypeVar("M", bound=BaseModel)

QUESTION_TOOL = "ask_human"
NOTICE_TOOL = "notify"
TEXT: dict[str, object] = {"type": "string"}
"""What answers a question that says nothing more."""
TITLE = 300
"""Characters of a title."""


class Asking:
    """The verbs in two steps: `said` on the caller's thread, where its context is; the rest on any event loop."""

    def __init__(self, requests: Requests, agent: str | None, run_id: str | None, on_reject: OnReject) -> None:
        self._requests = requests
        self._agent = agent
        self._run_id = run_id
        self._on_reject = on_reject

    def said(self, tool: str, fields: Fields) -> tuple[Identity, dict[str, object]]:
        """Who asks, and the fields with that in them."""
        identity = identify(tool, fields.get("run_id"), fields.get("tool_call_id"), self._run_id)
        said: dict[str, object] = {"agent": self._agent, **identity.fields, **fields}
        return identity, said | {"run_id": identity.run_id, "tool_call_id": identity.tool_call_id}

    def member(self, tool: str, arguments: Mapping[str, object], fields: Fields) -> Member:
        """One call of a batch. Raises ValueError for arguments that have no JSON form."""
        identity, said = self.said(tool, fields)
        return Member(tool, cast("Document", plain(body(tool, written(arguments), said))), identity)

    def batch(self, title: str | None, members: Sequence[Member]) -> Together:
        return together(self._requests, title, members)

    def together(self, sent: Mapping[str, object], members: Sequence[Member]) -> Together:
        return Together(self._requests, sent, members)

    def checked(self, decision: Decision) -> Decision:
        """The decision, or its refusal raised where the gate raises."""
        error = refusal(decision)
        if error is not None and self._on_reject == "raise":
            raise error
        return decision

    async def ask(
        self,
        tool: str,
        arguments: Mapping[str, object],
        identity: Identity,
        said: Mapping[str, object],
        *,
        at_once: bool = False,
    ) -> Decision:
        sent = cast("Document", plain(body(tool, written(arguments), said)))
        return self.checked(await self._requests.decided(tool, sent, identity.idempotency_key, at_once=at_once))

    async def question(
        self, text: str, identity: Identity, said: Mapping[str, object], choices: Sequence[str] | None
    ) -> object:
        decision = await self.ask(QUESTION_TOOL, {"question": text}, identity, said)
        if (error := refusal(decision)) is not None:
            return error.sentence
        answer = decision.response
        if decision.kind != "respond" or (choices is not None and answer not in choices):
            raise doubtful(QUESTION_TOOL, "it is not one of the choices")
        if said["response_schema"] == TEXT and not isinstance(answer, str):
            raise doubtful(QUESTION_TOOL, "it is not text")
        return answer

    async def review(self, draft: M, identity: Identity, said: Mapping[str, object]) -> M:
        tool = review_tool(draft)
        decision = await self.ask(tool, model_arguments(draft), identity, said)
        if (error := refusal(decision)) is not None:
            raise error  # there is no reviewed draft to return
        try:
            return model_rebuilt(type(draft), decision.arguments or {})
        except ValueError as misfit:
            unfit = unusable(tool, misfit)
            await self._requests.unusable(decision, unfit)
            raise unfit from misfit

    async def notify(self, details: Mapping[str, object], identity: Identity, said: Mapping[str, object]) -> str:
        sent = cast("Document", plain(body(NOTICE_TOOL, written(details), said)))
        recorded = await self._requests.create(NOTICE_TOOL, sent, identity.idempotency_key)
        return str(recorded.body["id"])


def question_fields(
    text: str, choices: Sequence[str] | None, response_schema: dict[str, object] | None, fields: Titled
) -> Fields:
    """The fields of a question."""
    if choices is not None and response_schema is not None:
        raise TypeError("give choices or a response_schema, not both")
    if not text.strip():
        raise ValueError("the question is empty; say what is asked")
    if choices is not None and (isinstance(choices, str) or not choices):
        raise ValueError('choices is a list of at least one text, like ["eu", "us"]; leave it out for any text')
    wanted = response_schema or ({"type": "string", "enum": list(choices)} if choices else TEXT)
    asked: Fields = {"title": text[:TITLE], "allowed_decisions": ("respond", "reject"), "response_schema": wanted}
    return {**asked, **fields}


def review_tool(draft: object) -> str:
    """Raises TypeError for what is no pydantic model's instance."""
    if not isinstance(draft, BaseModel):
        raise TypeError(
            f"review takes an instance of a pydantic model, not {type(draft).__name__}; "
            "ask about plain arguments with `ask`"
        )
    return f"review_{type(draft).__name__}"


def review_fields(draft: BaseModel, fields: Fields) -> Fields:
    """The fields of a review."""
    asked: Fields = {"title": f"Review {type(draft).__name__}", "schema": model_schema(type(draft))}
    return {**asked, **fields}


def notice_fields(title: str, fields: Told) -> Fields:
    """The fields of a notice: nothing to decide."""
    told: Fields = {"title": title[:TITLE], "allowed_decisions": ()}
    return {**told, **fields}
