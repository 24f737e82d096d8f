"""One paused run on its way to its end: what waits is collected, claimed, written into the run, and gone on with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from agno.run.base import RunStatus
from agno.run.workflow import WorkflowRunOutput

from signoff.errors import AlreadyStarted
from signoff_agents.agno.notes import Key, telling
from signoff_agents.agno.pauses import Asked, AskedTool, External, asked_tools
from signoff_agents.agno.rows import Rows
from signoff_agents.agno.steps import asked_steps
from signoff_agents.agno.tools import databases, models, ready
from signoff_agents.gating import (
    Tools,
    Verdict,
    apart,
    blocking,
    broken,
    checked,
    claim_all,
    report,
    running,
    running_blocking,
    text,
)

if TYPE_CHECKING:
    from agno.agent import Agent
    from agno.run.agent import RunOutput
    from agno.run.team import TeamRunOutput
    from agno.team import Team
    from agno.workflow import Workflow

    from signoff.client import Gate

    Runner = Agent | Team | Workflow
    Run = RunOutput | TeamRunOutput | WorkflowRunOutput

Started = Literal["raise", "tell"]
CONTINUED = ("user_id", "dependencies", "metadata", "knowledge_filters", "debug_mode")
"""What of a run's options holds when it goes on."""


class Drive:
    """A runner and how its pauses are answered."""

    def __init__(
        self,
        runner: Runner,
        gate: Gate,
        tools: Tools,
        external: External | None,
        started: Started,
        options: Mapping[str, Any],
    ) -> None:
        for name in ("stream", "background"):
            if options.get(name):
                raise TypeError(f"a run with `{name}` cannot be waited for here; leave it out")
        self._runner = cast("Any", runner)
        self._gate = gate
        self._tools = checked(tools)
        self._external: External = external or {}
        self._started: Started = started
        self._options = {name: options[name] for name in CONTINUED if name in options}

    # ── finding a run ────────────────────────────────────────────────────────────────────────────

    async def load(self, run_id: str, session_id: str) -> Run | None:
        return _of(await self._runner.aget_session(session_id=session_id), run_id)

    def load_blocking(self, run_id: str, session_id: str) -> Run | None:
        return _of(self._runner.get_session(session_id=session_id), run_id)

    async def waiting(self, session_id: str) -> Run | None:
        """The latest of the session that waits."""
        return _of(await self._runner.aget_session(session_id=session_id))

    def waiting_blocking(self, session_id: str) -> Run | None:
        return _of(self._runner.get_session(session_id=session_id))

    # ── going on ─────────────────────────────────────────────────────────────────────────────────

    async def on(self, run: Run) -> Run:
        """Until it does not wait any more. Raises AlreadyStarted, Unavailable."""
        while run.is_paused and (asked := self._asked(run)):
            try:
                verdicts = await self._claim(asked)
            except AlreadyStarted:
                now = await self.load(str(run.run_id), str(run.session_id)) if databases(self._runner) else None
                if now is None or now.is_paused or now.status == RunStatus.running:
                    raise
                return now  # another attempt has brought it to its end
            try:
                results = [await self._executed(*one) for one in zip(asked, verdicts, strict=True)]
                with self._ready(run, asked, verdicts, results):
                    run = await self._runner.acontinue_run(run_response=run, **self._told(run))
            except BaseException as error:
                await broken(self._gate, _let_run(asked, verdicts), error)
                raise
            for one, verdict in zip(asked, verdicts, strict=True):
                if one.execute is None:
                    await report(self._gate, verdict, one.outcome())
        return run

    def on_blocking(self, run: Run) -> Run:
        while run.is_paused and (asked := self._asked(run)):
            try:
                verdicts = blocking(self._claim(asked))
            except AlreadyStarted:
                now = self.load_blocking(str(run.run_id), str(run.session_id)) if databases(self._runner) else None
                if now is None or now.is_paused or now.status == RunStatus.running:
                    raise
                return now
            try:
                results = [self._executed_blocking(*one) for one in zip(asked, verdicts, strict=True)]
                with self._ready(run, asked, verdicts, results):
                    run = self._runner.continue_run(run_response=run, **self._told(run))
            except BaseException as error:
                blocking(broken(self._gate, _let_run(asked, verdicts), error))
                raise
            for one, verdict in zip(asked, verdicts, strict=True):
                if one.execute is None:
                    blocking(report(self._gate, verdict, one.outcome()))
        return run

    def _told(self, run: Run) -> dict[str, Any]:
        """A workflow keeps its own options."""
        return {"stream": False} | ({} if isinstance(run, WorkflowRunOutput) else self._options)

    def _asked(self, run: Run) -> Sequence[Asked]:
        if isinstance(run, WorkflowRunOutput):
            return asked_steps(run, self._runner, self._tools, self._external)
        return asked_tools(run.requirements or (), self._runner, run.run_id, self._tools, self._external)

    async def _claim(self, asked: Sequence[Asked]) -> list[Verdict]:
        rows = Rows.of(databases(self._runner), [one.execution for one in asked])
        calls = [one.call for one in asked]
        if rows is None:
            return await claim_all(self._gate, calls, started=self._started)
        return await rows.claim_all(self._gate, calls, started=self._started)

    async def _executed(self, one: Asked, verdict: Verdict) -> str | None:
        """What the call gave that is executed outside of agno; None where agno is to run it, or nothing is."""
        if one.execute is None or verdict.run is None:
            return None
        async with running(self._gate, verdict):
            given = one.execute(**ready(verdict.run))
            return verdict.noted(text(await given if inspect.isawaitable(given) else given))

    def _executed_blocking(self, one: Asked, verdict: Verdict) -> str | None:
        if one.execute is None or verdict.run is None:
            return None
        with running_blocking(self._gate, verdict):
            given = one.execute(**ready(verdict.run))
            if inspect.isawaitable(given):
                given = apart(_awaited(given))
            return verdict.noted(text(given))

    def _ready(
        self, run: Run, asked: Sequence[Asked], verdicts: Sequence[Verdict], results: Sequence[str | None]
    ) -> Any:
        """Write all answers into the run; around going on with it."""
        notes: dict[Key, str] = {}
        for one, verdict, result in zip(asked, verdicts, results, strict=True):
            one.answer(verdict, result)
            if one.execution is not None and verdict.note is not None and result is None:
                notes[one.execution.tool_call_id, one.execution.tool_name] = verdict.note
        if not isinstance(run, WorkflowRunOutput):
            _agree(run, asked)
        return telling(notes, models(self._runner))


def _of(session: Any, run_id: str | None = None) -> Run | None:
    """That run of a session; without an id, the latest that waits and belongs to no other one."""
    runs: list[Any] = [] if session is None else session.runs or []
    for run in reversed(runs):
        if run.run_id == run_id or (run_id is None and run.is_paused and getattr(run, "parent_run_id", None) is None):
            return cast("Run", run)
    return None


def _agree(run: RunOutput | TeamRunOutput, asked: Sequence[Asked]) -> None:
    """A run that was read from a database has each call twice; agno runs those in `tools`."""
    own = {
        one.execution.tool_call_id: one.execution
        for one in asked
        if isinstance(one, AskedTool) and one.requirement.member_run_id in {None, run.run_id}
    }
    run.tools = [own.get(tool.tool_call_id, tool) if tool.result is None else tool for tool in run.tools or ()]


def _let_run(asked: Sequence[Asked], verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for one, verdict in zip(asked, verdicts, strict=True) if one.execute is None]


async def _awaited(given: Any) -> object:
    return cast("object", await given)
