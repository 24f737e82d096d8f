"""Runs that pause: asked about, waited for, and gone on with, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from agno.run.base import RunStatus

from signoff_agents.agno.drive import Drive, Started
from signoff_agents.agno.pauses import External
from signoff_agents.gating import Tools

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff_agents.agno.drive import Runner


async def run_with_approvals(
    runner: Runner,
    input: Any,  # agno's own word
    *,
    gate: Gate,
    session_id: str | None = None,
    run_id: str | None = None,
    tools: Tools = "all",
    external: External | None = None,
    started: Started = "raise",
    **options: Any,
) -> Any:
    """`runner.arun(input)` of an agent, team or workflow, with every pause answered until the run has ended.

    See `resume`. With a `run_id` of your own (and a `session_id`, and a database), the same call made after a restart
    finds the run: it goes on with it where it waits, and returns it where it has ended. `options` go to `arun`.
    """
    drive = Drive(runner, gate, tools, external, started, options)
    if run_id is not None and session_id is not None:
        found = await drive.load(run_id, session_id)
        if found is not None and found.status in {RunStatus.paused, RunStatus.completed}:
            return await drive.on(found)
    begin = cast("Any", runner)
    return await drive.on(await begin.arun(input, session_id=session_id, run_id=run_id, **{"stream": False, **options}))


async def resume(
    runner: Runner,
    *,
    gate: Gate,
    session_id: str,
    run_id: str | None = None,
    tools: Tools = "all",
    external: External | None = None,
    started: Started = "raise",
    **options: Any,
) -> Any:
    """Answer what a run waits for, in this process or after a restart, and go on until it has ended. The run.

    None when there is no such run. Without a `run_id`: the latest of the session that waits. The runner needs the
    database that it had.

    `tools`: name of a tool, or of a workflow's step → what `Gate.ask` takes, such as risk; which calls pause is agno's
    business. All calls of a pause are asked about as one batch, and answered together: agno takes calls without an
    answer for rejected. Approved calls run with the approved arguments; a person's answer is the result of a call that
    was to be executed elsewhere, unless `external` has a function for it, which then runs when the call is approved.

    A pause that `@approval` has made a row for is decided by whoever is first, Signoff or AgentOS, and both know of it.

    Raises AlreadyStarted when another attempt has the approvals and has not ended: it runs, or it has crashed; with
    `started="tell"` the model is told so and the run goes on. Raises Unavailable when nobody can be asked; the pause
    stands, and this can be called again.
    """
    drive = Drive(runner, gate, tools, external, started, options)
    found = await (drive.waiting(session_id) if run_id is None else drive.load(run_id, session_id))
    return None if found is None else await drive.on(found)


def run_with_approvals_blocking(
    runner: Runner,
    input: Any,
    *,
    gate: Gate,
    session_id: str | None = None,
    run_id: str | None = None,
    tools: Tools = "all",
    external: External | None = None,
    started: Started = "raise",
    **options: Any,
) -> Any:
    """See `run_with_approvals`; for code and databases that are not async. Tools run on the caller's own thread."""
    drive = Drive(runner, gate, tools, external, started, options)
    if run_id is not None and session_id is not None:
        found = drive.load_blocking(run_id, session_id)
        if found is not None and found.status in {RunStatus.paused, RunStatus.completed}:
            return drive.on_blocking(found)
    begin = cast("Any", runner)
    return drive.on_blocking(begin.run(input, session_id=session_id, run_id=run_id, **{"stream": False, **options}))


def resume_blocking(
    runner: Runner,
    *,
    gate: Gate,
    session_id: str,
    run_id: str | None = None,
    tools: Tools = "all",
    external: External | None = None,
    started: Started = "raise",
    **options: Any,
) -> Any:
    """See `resume`; for code and databases that are not async. Tools run on the caller's own thread."""
    drive = Drive(runner, gate, tools, external, started, options)
    found = drive.waiting_blocking(session_id) if run_id is None else drive.load_blocking(run_id, session_id)
    return None if found is None else drive.on_blocking(found)
