"""Runs that pause: asked about, waited for, and gone on with, once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from signoff_agents.gating import Ran, Verdict, blocking, broken, claim_all, report
from signoff_agents.strands.pauses import Pause, handed, pauses

if TYPE_CHECKING:
    from strands import Agent
    from strands.multiagent.base import MultiAgentBase

    from signoff.client import Gate

Started = Literal["raise", "tell"]


async def run_with_approvals(
    agent: Agent | MultiAgentBase, prompt: Any, gate: Gate, *, started: Started = "raise", **options: Any
) -> Any:
    """`agent.invoke_async(prompt)`, with every pause answered until the run has ended.

    See `resume_interrupts`. `options` go to `invoke_async`. What the agent waits for already is answered first:
    Strands takes no new prompt before.
    """
    await resume_interrupts(agent, gate, started=started, **options)
    result = await agent.invoke_async(prompt, **options)
    went = await resume_interrupts(agent, gate, started=started, **options)
    return result if went is None else went


async def resume_interrupts(
    agent: Agent | MultiAgentBase, gate: Gate, *, started: Started = "raise", **options: Any
) -> Any:
    """Answer what the agent, graph or swarm waits for, in this process or after a restart, and go on until it ends.

    None when nothing waits. After a restart: the agent made anew with the same session and agent id. Answered are the
    pauses of `ApprovalHooks(mode="interrupt")` and the questions of Strands' own `handoff_to_user`; those of others
    go on waiting, and are in the result. All calls of a pause are asked about as one batch; each approval is burnt
    before the run goes on.

    Raises AlreadyStarted when another attempt has the approvals: it runs, has ended, or has crashed; with
    `started="tell"` the model is told so and the run goes on. Raises Unavailable when nobody can be asked; the pause
    stands, and this can be called again.
    """
    result: Any = None
    while waiting := pauses(agent):
        verdicts = await claim_all(gate, [one.call for one in waiting], started=started)
        with handed(waiting, verdicts) as left:
            try:
                result = await agent.invoke_async(_responses(waiting, verdicts), **options)
            except BaseException as error:
                await broken(gate, left.values(), error)
                raise
            await _unused(gate, left)
    return result


def run_with_approvals_blocking(
    agent: Agent | MultiAgentBase, prompt: Any, gate: Gate, *, started: Started = "raise", **options: Any
) -> Any:
    """See `run_with_approvals`; for code that is not async."""
    resume_interrupts_blocking(agent, gate, started=started, **options)
    result = agent(prompt, **options)
    went = resume_interrupts_blocking(agent, gate, started=started, **options)
    return result if went is None else went


def resume_interrupts_blocking(
    agent: Agent | MultiAgentBase, gate: Gate, *, started: Started = "raise", **options: Any
) -> Any:
    """See `resume_interrupts`; for code that is not async."""
    result: Any = None
    while waiting := pauses(agent):
        verdicts = blocking(claim_all(gate, [one.call for one in waiting], started=started))
        with handed(waiting, verdicts) as left:
            try:
                result = agent(_responses(waiting, verdicts), **options)
            except BaseException as error:
                blocking(broken(gate, left.values(), error))
                raise
            blocking(_unused(gate, left))
    return result


def _responses(waiting: Sequence[Pause], verdicts: Sequence[Verdict]) -> list[Any]:
    return [
        {"interruptResponse": {"interruptId": one.id, "response": one.response(verdict)}}
        for one, verdict in zip(waiting, verdicts, strict=True)
    ]


async def _unused(gate: Gate, left: Mapping[str, Verdict]) -> None:
    """Their approvals are burnt, and no tool came for them: another hook has cancelled the call."""
    for verdict in left.values():
        await report(gate, verdict, Ran("failed", "Not run: the agent did not make this call any more."))
