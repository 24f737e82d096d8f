"""Rows of `@approval` whose runs nobody drives here: people decide them in Signoff, too.

agno's own way on from a row is not safe for all of them: a rejected call that asked for user input runs (with whatever
the model had filled in), a rejected one that is executed elsewhere breaks the run, and no reason reaches the model. So
what people said is written into the paused run first, and the row second: whoever goes on with the run, and in
whichever moment, goes on with that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

from agno.run.base import RunStatus
from agno.run.requirement import RunRequirement

from signoff.errors import where
from signoff_agents.agno.gated import is_gated
from signoff_agents.agno.pauses import AskedTool, amend, asked_tools
from signoff_agents.agno.rows import POLL, Row, Table, ask_beside, elsewhere, ours
from signoff_agents.agno.tools import function
from signoff_agents.gating import Tools, Verdict, blocking, checked, settle

if TYPE_CHECKING:
    from agno.agent import Agent
    from agno.run.agent import RunOutput
    from agno.run.team import TeamRunOutput
    from agno.team import Team
    from agno.workflow import Workflow

    from signoff.client import Decision, Gate

PATIENCE = 10
"""Looks at the table that a row is left out of after a failure."""
ENDED = ("rejected", "expired", "cancelled")
"""What a row says whose calls do not run."""

log = logging.getLogger("signoff")


class ApprovalsBridge:
    """`await ApprovalsBridge(db, gate).run()`: every pending row is asked about here, and decided by whoever is first.

    A decision made here resolves the row; a row that is decided in AgentOS takes the request back. Nothing goes on with
    the run: that is done by whoever waits for the row, such as AgentOS, with `continue_run(run_id=…, session_id=…)`.
    Whoever passes requirements of their own there, or `tools` over AgentOS' HTTP without its authorization, passes by
    every row. A user input that is rejected in AgentOS is held to that from the next look on; until then agno runs it,
    and a warning says so, once for each tool. `gated` around the tool closes both, and asks once more.

    Runs that `run_with_approvals` or `resume` drives decide their rows by themselves: for those no bridge is needed,
    and both would ask about the same calls.

    `db`: of either kind, with approvals. `runners`: agents, teams and workflows whose tools say what their arguments
    may be, and whether they are `gated`; without them people see the arguments alone. `tools`: name → what `Gate.ask`
    takes. `poll`: seconds between looks at the table.
    """

    def __init__(
        self,
        db: object,
        gate: Gate,
        *,
        runners: Iterable[Agent | Team | Workflow] = (),
        tools: Tools = "all",
        poll: float = POLL,
    ) -> None:
        self._table = Table(db)
        self._gate = gate
        self._runners = list(runners)
        self._tools = checked(tools)
        self._poll = poll
        self._warned: set[str] = set()

    async def run(self) -> None:
        """Until it is cancelled. What people have been asked by then stays asked, and is found again."""
        asking: dict[str, asyncio.Task[None]] = {}
        first = True
        try:
            while True:
                try:
                    rows = await self._table.of("pending")
                    if first:
                        await self._catch_up()
                        first = False
                except Exception as error:  # noqa: BLE001  # the database may come back
                    log.warning("the approvals of agno could not be read: %s", where(error))
                    rows = []
                asking = {row_id: task for row_id, task in asking.items() if not task.done()}
                for row in rows:
                    if row["id"] not in asking:
                        asking[row["id"]] = asyncio.create_task(self._safely(row))
                await asyncio.sleep(self._poll)
        finally:
            for task in asking.values():
                task.cancel()
            await asyncio.gather(*asking.values(), return_exceptions=True)

    def run_blocking(self) -> None:
        """The same for code that is not async, until Ctrl-C."""
        blocking(self.run())

    async def _safely(self, row: Row) -> None:
        try:
            await self.decide(row)
        except Exception as error:  # noqa: BLE001  # the row stays pending, and is looked at again
            log.warning("the approval %s of agno could not be decided here: %s", row["id"], where(error))
            await asyncio.sleep(self._poll * PATIENCE)

    async def decide(self, row: Row) -> bool:
        """Ask about one row until it is decided, here or in AgentOS; was it here?

        Raises Unavailable, and whatever the database raises; the row is pending then.
        """
        runners = self._runners_of(row)
        asked = self._asked(row, runners)
        self._warn(asked, runners)
        if not asked:
            log.warning("the approval %s of agno names no call that waits; decide it in AgentOS", row["id"])
            return False
        calls = [one.call for one in asked]
        told = await ask_beside(self._gate, calls, [(self._table, row["id"])] * len(calls))
        now = await self._table.get(row["id"])
        if now is None or now["status"] != "pending":
            return now is not None and (ours(now) or await self._follow(now, asked))
        verdicts = [await self._settled(*one) for one in zip(asked, told, strict=True)]
        held = await self._held(row)
        before = deepcopy(held)
        written = {requirement for run in held for requirement in _write(run, asked, verdicts)}
        for one, verdict in zip(asked, verdicts, strict=True):
            if _unsafe(one, verdict) and one.requirement.id not in written:
                log.warning("the run of the approval %s cannot be written, so its row is left pending", row["id"])
                return False
        await self._save(held, row)
        now = await self._table.decide(row["id"], verdicts)
        if now is None or ours(now):
            return True
        await self._save(before, row)
        return await self._follow(now, asked)

    async def _catch_up(self) -> None:
        """Rows that ended without an approval in AgentOS while no bridge looked, and whose calls still wait."""
        for row in [one for status in ENDED for one in await self._table.of(status)]:
            if ours(row) or row.get("run_status") != RunStatus.paused.value:
                continue
            try:
                runs = await self._held(row)
                open_ones = {one.id for run in runs for one in run.requirements or () if not one.is_resolved()}
                asked = [one for one in self._asked(row, self._runners_of(row)) if one.requirement.id in open_ones]
                if asked:
                    await self._follow(row, asked)
            except Exception as error:  # noqa: BLE001  # the others are looked at all the same
                log.warning("the approval %s of agno could not be followed: %s", row["id"], where(error))

    async def _follow(self, row: Row, asked: Sequence[AskedTool]) -> Literal[False]:
        """AgentOS was first. Its "no" is written into the run as well, for whoever goes on with that later."""
        verdicts = [elsewhere(one.call, row) for one in asked]
        if all(verdict.kind == "refused" for verdict in verdicts):
            held = await self._held(row)
            for run in held:
                _write(run, asked, verdicts)
            await self._save(held, row)
        return False

    def _runners_of(self, row: Row) -> list[Agent | Team | Workflow]:
        ids = {row.get("agent_id"), row.get("team_id"), row.get("workflow_id")}
        return [one for one in self._runners if one.id in ids]

    def _asked(self, row: Row, runners: object) -> list[AskedTool]:
        found = [RunRequirement.from_dict(one) for one in row.get("requirements") or ()]
        required = [
            one for one in found if one.tool_execution is not None and one.tool_execution.approval_type == "required"
        ]
        return asked_tools(required, runners, row["run_id"], self._tools, {})

    def _warn(self, asked: Sequence[AskedTool], runners: object) -> None:
        """Of what nothing in the row or the run can keep agno from, until the "no" of AgentOS is written into the run.

        In a user input's own lane agno tells a rejected call from an approved one nowhere, and in every other lane it
        loses the values that are given with an approval.
        """
        for one in asked:
            name = one.call.tool
            if one.requirement.pause_type != "user_input" or name in self._warned:
                continue
            tool = function(runners, name, one.requirement.member_agent_id)
            if not is_gated(tool):
                self._warned.add(name)
                log.warning(
                    "%s waits for user input in AgentOS. Rejected there, agno runs it all the same if its run goes on "
                    "at once. gated(gate, %s) keeps it from that%s.",
                    *(name, name, "" if tool is not None else "; if it is gated, say so with `runners`"),
                )

    async def _settled(self, asked: AskedTool, told: Decision | Verdict) -> Verdict:
        """Raises the error of a verdict that is none."""
        verdict = told if isinstance(told, Verdict) else await settle(self._gate, asked.call, told)
        made = verdict.decision
        if verdict.kind == "done" and made is not None and made.approved and made.outcome is None:
            # Burnt by an earlier attempt of ours that did not come to the row: the row is pending, so nothing has run.
            return replace(verdict, kind="run", run=cast("dict[str, object]", made.arguments), said=None, error=None)
        if verdict.kind in {"away", "done"} and verdict.error is not None:
            raise verdict.error
        return verdict

    async def _held(self, row: Row) -> list[RunOutput | TeamRunOutput]:
        """The paused runs that hold the row's calls: the member's, the team's. None where a database keeps no runs."""
        runs = await self._table.call("get_runs", session_id=row["session_id"], status=RunStatus.paused)
        return [
            run
            for run in cast("list[Any]", runs)
            if any(_belongs(one, row["id"]) for one in getattr(run, "requirements", None) or ())
        ]

    async def _save(self, runs: Iterable[RunOutput | TeamRunOutput], row: Row) -> None:
        """Those of them that still wait."""
        for run in runs:
            stored = await self._table.call("get_run", run.run_id)
            if stored is not None and stored.status == RunStatus.paused:
                await self._table.call("upsert_run", run, session_id=row["session_id"], user_id=run.user_id)


def _belongs(requirement: RunRequirement, row_id: str) -> bool:
    execution = requirement.tool_execution
    return execution is not None and execution.approval_id == row_id


def _unsafe(asked: AskedTool, verdict: Verdict) -> bool:
    """What agno's own way on from the row would get wrong."""
    confirmation = asked.requirement.pause_type == "confirmation"
    return bool(verdict.edited) or not (confirmation if verdict.kind == "refused" else verdict.kind == "run")


def _write(run: RunOutput | TeamRunOutput, asked: Sequence[AskedTool], verdicts: Sequence[Verdict]) -> list[str]:
    """Approved calls keep waiting for the row, with the approved arguments; the others wait for nothing any more.

    The requirements that were found in this run.
    """
    written: list[str] = []
    by_id = {one.requirement.id: (one, verdict) for one, verdict in zip(asked, verdicts, strict=True)}
    for requirement in run.requirements or ():
        if requirement.id not in by_id or requirement.tool_execution is None:
            continue
        one, verdict = by_id[requirement.id]
        written.append(requirement.id)
        mine = AskedTool(requirement, requirement.tool_execution, one.call)
        if verdict.run is not None:
            amend(mine, verdict.run)
        else:
            mine.answer(verdict)
        run.tools = [
            mine.execution if tool.tool_call_id == mine.execution.tool_call_id and tool.result is None else tool
            for tool in run.tools or ()
        ]
    return written
