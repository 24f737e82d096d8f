"""Runs that pause: asked about, waited for, and gone on with, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage, ToolMessage
from langgraph.types import Command, StateSnapshot

from signoff.errors import AlreadyStarted
from signoff_agents.gating import Ran, Tools, Verdict, blocking, broken, checked, claim_all, report
from signoff_agents.langchain.pauses import Pause, answer, pauses

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.pregel import Pregel

    from signoff.client import Gate

Started = Literal["raise", "tell"]


async def run_with_approvals(
    agent: Pregel[Any, Any, Any, Any],
    input: object,  # LangGraph's own word
    config: RunnableConfig,
    *,
    gate: Gate,
    tools: Tools = "all",
    started: Started = "raise",
    **options: Any,
) -> Any:
    """`agent.ainvoke(input, config)`, with every pause answered until the run has ended.

    See `resolve_interrupts`. `options` go to `ainvoke`. What waits already on this thread is answered first: a new
    message must not leave a paused call behind.
    """
    await resolve_interrupts(agent, config, gate=gate, tools=tools, started=started, **options)
    result = await agent.ainvoke(input, config, **options)
    went = await resolve_interrupts(agent, config, gate=gate, tools=tools, started=started, **options)
    return result if went is None else went


async def resolve_interrupts(
    agent: Pregel[Any, Any, Any, Any],
    config: RunnableConfig,
    *,
    gate: Gate,
    tools: Tools = "all",
    started: Started = "raise",
    **options: Any,
) -> Any:
    """Answer what the thread of `config` waits for, in this process or after a restart, and go on until it has ended.

    None when nothing waits. `tools`: name → what `Gate.ask` takes, such as risk; which calls pause is the business of
    `HumanInTheLoopMiddleware`. All calls of a pause are asked about as one batch; each approval is burnt before the run
    goes on.

    Raises AlreadyStarted when another attempt has the approvals and has not ended: it runs, or it has crashed; with
    `started="tell"` the model is told so and the run goes on. Raises Unavailable when nobody can be asked; the pause
    stands, and this can be called again.

    A run that broke inside a tool does not wait for anybody: LangGraph's own `invoke(None, config)` would run that tool
    again, without asking. Where that must not be, use `ApprovalMiddleware`, which knows what has been started.
    """
    result: Any = None
    while True:
        state = await agent.aget_state(config)
        waiting = _waiting(state, agent, config, tools)
        if not waiting:
            return result
        try:
            verdicts = await claim_all(gate, _calls(waiting), started=started)
        except AlreadyStarted:
            now = await agent.aget_state(config)
            if now.next:
                raise
            return now.values  # another attempt has brought it to its end
        try:
            result = await agent.ainvoke(_resume(waiting, verdicts), config, **options)
        except BaseException as error:
            await broken(gate, verdicts, error)
            raise
        for verdict, ran in _outcomes(waiting, verdicts, await agent.aget_state(config)):
            await report(gate, verdict, ran)


def run_with_approvals_blocking(
    agent: Pregel[Any, Any, Any, Any],
    input: object,
    config: RunnableConfig,
    *,
    gate: Gate,
    tools: Tools = "all",
    started: Started = "raise",
    **options: Any,
) -> Any:
    """See `run_with_approvals`; for code and checkpointers that are not async."""
    resolve_interrupts_blocking(agent, config, gate=gate, tools=tools, started=started, **options)
    result = agent.invoke(input, config, **options)
    went = resolve_interrupts_blocking(agent, config, gate=gate, tools=tools, started=started, **options)
    return result if went is None else went


def resolve_interrupts_blocking(
    agent: Pregel[Any, Any, Any, Any],
    config: RunnableConfig,
    *,
    gate: Gate,
    tools: Tools = "all",
    started: Started = "raise",
    **options: Any,
) -> Any:
    """See `resolve_interrupts`; for code and checkpointers that are not async."""
    result: Any = None
    while True:
        state = agent.get_state(config)
        waiting = _waiting(state, agent, config, tools)
        if not waiting:
            return result
        try:
            verdicts = blocking(claim_all(gate, _calls(waiting), started=started))
        except AlreadyStarted:
            now = agent.get_state(config)
            if now.next:
                raise
            return now.values
        try:
            result = agent.invoke(_resume(waiting, verdicts), config, **options)
        except BaseException as error:
            blocking(broken(gate, verdicts, error))
            raise
        for verdict, ran in _outcomes(waiting, verdicts, agent.get_state(config)):
            blocking(report(gate, verdict, ran))


def _waiting(
    state: StateSnapshot, agent: Pregel[Any, Any, Any, Any], config: RunnableConfig, tools: Tools
) -> list[Pause]:
    thread = config.get("configurable", {}).get("thread_id")
    return pauses(state, agent, None if thread is None else str(thread), checked(tools))


def _calls(waiting: Sequence[Pause]) -> list[Any]:
    return [one.call for pause in waiting for one in pause.asked]


def _resume(waiting: Sequence[Pause], verdicts: Sequence[Verdict]) -> Command[Any]:
    """By the interrupts' ids: what is somebody else's goes on waiting."""
    coming = iter(verdicts)
    return Command(
        resume={pause.id: pause.shape([answer(one, next(coming)) for one in pause.asked]) for pause in waiting}
    )


def _outcomes(waiting: Sequence[Pause], verdicts: Sequence[Verdict], state: StateSnapshot) -> list[tuple[Verdict, Ran]]:
    """What came of each call, by the messages that the run left behind."""
    values: Any = state.values
    messages: Any = values.get("messages") if isinstance(values, dict) else None
    results = {one.tool_call_id: one for one in messages or () if isinstance(one, ToolMessage)}
    called = {call["id"] for one in messages or () if isinstance(one, AIMessage) for call in one.tool_calls}
    asked = [one for pause in waiting for one in pause.asked]
    told: list[tuple[Verdict, Ran]] = []
    for one, verdict in zip(asked, verdicts, strict=True):
        message = results.get(one.tool_call_id or "")
        ran = Ran()
        if message is not None and message.status == "error":
            ran.failed(message.text)
        elif message is None and one.tool_call_id in called:  # what is called in another graph is not in this state
            ran.failed("Not run: the run went on without this call.")
        told.append((verdict, ran))
    return told
