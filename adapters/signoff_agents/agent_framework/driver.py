"""Runs that pause: asked about, waited for, and gone on with, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from agent_framework import AgentSession, Content, FunctionTool, Message

from signoff.errors import Rejected
from signoff_agents.agent_framework.calls import call_of
from signoff_agents.gating import Call, Ran, Tools, Verdict, broken, checked, claim_all, fields_of, report

if TYPE_CHECKING:
    from agent_framework import AgentResponse, AgentRunInputs, SupportsAgentRun

    from signoff.client import Gate

Started = Literal["raise", "tell"]

YES_OR_NO = ("approve", "reject")
"""All that a pause takes. The framework would run the original arguments of an edited call."""


@dataclass(frozen=True)
class Pause:
    """A run that waits for people: all that another process needs to go on with it."""

    session: AgentSession
    requests: Sequence[Content]

    def to_dict(self) -> dict[str, Any]:
        """As JSON data. Whoever can change it changes what runs, as with the framework's own sessions."""
        return {"session": self.session.to_dict(), "requests": [one.to_dict() for one in self.requests]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Pause:
        return cls(AgentSession.from_dict(data["session"]), [Content.from_dict(one) for one in data["requests"]])


Save = Callable[[Pause], Awaitable[None] | None]


async def run_with_approvals(
    agent: SupportsAgentRun,
    messages: AgentRunInputs,
    *,
    session: AgentSession,
    gate: Gate,
    tools: Tools = "all",
    save: Save | None = None,
    started: Started = "raise",
    **options: Any,
) -> AgentResponse[Any]:
    """`agent.run(messages, session=session)`, with every pause answered until the run has ended.

    See `resume_with_approvals`. `options` go to `run`. `save` keeps each pause, before anybody is asked.
    """
    response: AgentResponse[Any] = await agent.run(messages, session=session, **options)
    pause = _pause(response, session)
    if pause is None:
        return response
    await _keep(pause, save)
    return await resume_with_approvals(agent, pause, gate=gate, tools=tools, save=save, started=started, **options)


async def resume_with_approvals(
    agent: SupportsAgentRun,
    pause: Pause,
    *,
    gate: Gate,
    tools: Tools = "all",
    save: Save | None = None,
    started: Started = "raise",
    **options: Any,
) -> AgentResponse[Any]:
    """Answer a pause, in this process or from what `save` kept of it, and go on until the run has ended.

    `tools`: name → what `Gate.ask` takes, such as risk; which calls pause is the business of `approval_mode`. All calls
    of a pause are asked about as one batch, for yes or no; each approval is burnt before the run goes on. Why one was
    refused is told to the model as a text of the user: the framework's own says nothing but that it was.

    Raises AlreadyStarted when another attempt has the approvals: it runs, has ended, or has crashed; with
    `started="tell"` the model is told so and the run goes on. Raises Unavailable when nobody can be asked; the pause
    stands, and this can be called again.
    """
    wanted = checked(tools)
    known = _known(agent)
    while True:
        verdicts = await claim_all(gate, _calls(pause, known, wanted), started=started)
        try:
            response: AgentResponse[Any] = await agent.run(_answer(pause, verdicts), session=pause.session, **options)
        except BaseException as error:
            await broken(gate, verdicts, error)
            raise
        for verdict, ran in _outcomes(pause, verdicts, response):
            await report(gate, verdict, ran)
        following = _pause(response, pause.session)
        if following is None:
            return response
        pause = following
        await _keep(pause, save)


async def _keep(pause: Pause, save: Save | None) -> None:
    kept = save(pause) if save is not None else None
    if kept is not None:
        await kept


def _pause(response: AgentResponse[Any], session: AgentSession) -> Pause | None:
    """None when the run waits for no decision; what else it waits for is its caller's business."""
    requests = [one for one in response.user_input_requests if one.type == "function_approval_request"]
    return Pause(session, requests) if requests else None


def _known(agent: object) -> dict[str, FunctionTool]:
    """The tools of an agent by name; none where they cannot be found."""
    options: Any = getattr(agent, "default_options", {})
    groups: list[Any] = [options.get("tools") or []]
    groups += [one.functions for one in getattr(agent, "mcp_tools", [])]
    return {one.name: one for group in groups for one in group if isinstance(one, FunctionTool)}


def _calls(pause: Pause, known: Mapping[str, FunctionTool], tools: Tools) -> list[Call]:
    calls: list[Call] = []
    for request in pause.requests:
        given = _function_call(request)
        name = given.name or ""
        calls.append(
            call_of(
                name,
                given.parse_arguments() or {},
                tool=known.get(name),
                call_id=request.id,
                run_id=pause.session.session_id,
                fields=fields_of(tools, name) or {},
                allowed=YES_OR_NO,
            )
        )
    return calls


def _answer(pause: Pause, verdicts: Sequence[Verdict]) -> Message:
    contents: list[Content] = []
    texts: list[Content] = []
    for request, verdict in zip(pause.requests, verdicts, strict=True):
        contents.append(request.to_function_approval_response(verdict.run is not None))
        if verdict.run is None:
            texts.append(Content.from_text(_why(verdict)))
    return Message(role="user", contents=[*contents, *texts])


def _why(verdict: Verdict) -> str:
    """The framework tells the model that the user rejected it, whatever it was (I05)."""
    by_person = isinstance(verdict.error, Rejected) and not str(verdict.error.data["who"]).startswith("The rule ")
    said = verdict.said or ""
    return said if by_person else f"No person has rejected it. {said}"


def _outcomes(pause: Pause, verdicts: Sequence[Verdict], response: AgentResponse[Any]) -> list[tuple[Verdict, Ran]]:
    """What came of each call, by the results that the run left behind; of some a provider keeps them to itself."""
    results = {
        content.call_id: content
        for message in response.messages
        for content in message.contents
        if content.type == "function_result"
    }
    told: list[tuple[Verdict, Ran]] = []
    for request, verdict in zip(pause.requests, verdicts, strict=True):
        result = results.get(_function_call(request).call_id)
        if result is None:
            continue
        ran = Ran()
        if result.exception is not None:
            ran.failed(result.exception)
        told.append((verdict, ran))
    return told


def _function_call(request: Content) -> Content:
    """Raises ValueError for a request that names no call."""
    call = request.function_call
    if call is None:
        raise ValueError("an approval request names no call; it cannot be answered")
    return call
