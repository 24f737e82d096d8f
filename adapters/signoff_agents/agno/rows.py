"""The rows that agno's `@approval` makes: one for each pause, decided in AgentOS or here, by whoever is first.

A row is decided by compare-and-set (`update_approval(expected_status="pending")`), so what it says stands. A row that
is decided in AgentOS takes our request back; what is decided here is written into the row before anything runs.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from agno.db.base import AsyncBaseDb
from agno.models.response import ToolExecution

from signoff.errors import AlreadyStarted, Unavailable, Unusable, where
from signoff_agents.gating import Call, Ran, Verdict, batch_of, fault_of, misfit, refused, report, settle, text

if TYPE_CHECKING:
    from signoff.client import Decision, Gate

Row = dict[str, Any]
POLL = 1.0
"""Seconds between looks at rows, of which agno sends no event."""
OURS = "signoff"
"""What the name in `resolved_by` begins with in rows that were decided here."""

log = logging.getLogger("signoff")


class Table:
    """agno's table of approvals, in a database of either kind."""

    def __init__(self, db: Any) -> None:
        self._db = db

    async def call(self, name: str, *args: Any, **options: Any) -> Any:
        method = getattr(self._db, name)
        if isinstance(self._db, AsyncBaseDb):
            return await method(*args, **options)
        return await asyncio.to_thread(method, *args, **options)

    async def get(self, row_id: str) -> Row | None:
        return cast("Row | None", await self.call("get_approval", row_id))

    async def of(self, status: str) -> list[Row]:
        rows: list[Row] = []
        page = 1
        while True:
            found, total = await self.call("get_approvals", status=status, approval_type="required", page=page)
            rows += found
            if not found or len(rows) >= total:
                return rows
            page += 1

    async def decide(self, row_id: str, verdicts: Sequence[Verdict]) -> Row | None:
        """The row as it stands when somebody else was first. Raises RuntimeError when it cannot be written."""
        yes = [one for one in verdicts if one.kind in {"run", "answer"}]
        who = dict.fromkeys(by.name or by.person or by.rule for one in verdicts for by in _made_by(one))
        # Named even when empty: without `values` agno would take everything here for values of arguments.
        data: Row = {"values": {}, "requests": [one.decision.id for one in verdicts if one.decision is not None]}
        if len(verdicts) == 1:
            data |= {"result": yes[0].said} if yes and yes[0].kind == "answer" else {}
        data |= {"note": "\n".join(one.said for one in verdicts if one.said and one not in yes)}
        told = await self.call(
            "update_approval",
            row_id,
            expected_status="pending",
            status="approved" if yes else "rejected",
            resolved_by=f"{OURS}: {', '.join(str(one) for one in who)}" if who else OURS,
            resolved_at=int(time.time()),
            resolution_data=data,
        )
        if told is not None:
            return None
        row = await self.get(row_id)
        if row is None or row["status"] == "pending":
            raise RuntimeError(f"the approval {row_id} of agno could not be written")
        return row


def ours(row: Row) -> bool:
    """Was it decided here?"""
    return str(row.get("resolved_by") or "").startswith(OURS)


def _theirs(row: Row) -> bool:
    return row["status"] != "pending" and not ours(row)


def _made_by(verdict: Verdict) -> Sequence[Any]:
    return () if verdict.decision is None else verdict.decision.decided_by


Place = tuple[Table, str]
"""Of a row."""


class Rows:
    """The rows of one pause, by the places of its calls."""

    def __init__(self, databases: Sequence[Any], ids: Sequence[str | None]) -> None:
        self._tables = [Table(one) for one in databases]
        self._ids = ids

    @classmethod
    def of(cls, databases: Sequence[Any], executions: Sequence[ToolExecution | None]) -> Rows | None:
        """None where no call has one."""
        ids = [one.approval_id if one is not None and one.approval_type == "required" else None for one in executions]
        return cls(databases, ids) if any(ids) else None

    async def claim_all(self, gate: Gate, calls: Sequence[Call], *, started: Literal["raise", "tell"]) -> list[Verdict]:
        """As `gating.claim_all`, and the rows say the same afterwards; where AgentOS was first, the verdicts do."""
        try:
            places = [None if one is None else await self._place(one) for one in self._ids]
            told = await self._told(gate, calls, places)
            verdicts = await _settled(gate, calls, told, started)
            for place in dict.fromkeys(place for place in places if place is not None):
                mine = [index for index, one in enumerate(places) if one == place]
                row = await place[0].decide(place[1], [verdicts[index] for index in mine])
                if row is not None and not ours(row):
                    for index in mine:
                        await _overruled(gate, verdicts[index])
                        verdicts[index] = elsewhere(calls[index], row)
        except (AlreadyStarted, Unavailable):
            raise
        except Exception as error:  # whatever went wrong, the answer is no
            no = refused(calls[0], error).error
            assert no is not None
            raise no from error
        return verdicts

    async def _told(
        self, gate: Gate, calls: Sequence[Call], places: Sequence[Place | None]
    ) -> list[Decision | Verdict]:
        """Nobody is asked about what AgentOS has decided."""
        told: list[Decision | Verdict | None] = []
        for call, place in zip(calls, places, strict=True):
            row = None if place is None else await place[0].get(place[1])
            told.append(elsewhere(call, row) if row is not None and _theirs(row) else None)
        rest = [index for index, one in enumerate(told) if one is None]
        asked = await ask_beside(gate, [calls[index] for index in rest], [places[index] for index in rest])
        for index, one in zip(rest, asked, strict=True):
            told[index] = one
        return [one for one in told if one is not None]

    async def _place(self, row_id: str) -> Place | None:
        for table in self._tables:
            try:
                if await table.get(row_id) is not None:
                    return table, row_id
            except NotImplementedError:
                continue  # a database without approvals
        return None


async def ask_beside(gate: Gate, calls: Sequence[Call], places: Sequence[Place | None]) -> list[Decision | Verdict]:
    """Ask and wait, and burn nothing; what is decided in AgentOS meanwhile comes back cancelled. Raises Unavailable."""
    told: list[Decision | Verdict | None] = [misfit(call) for call in calls]
    rest = [index for index, verdict in enumerate(told) if verdict is None]
    if rest:
        batch = batch_of(gate, [calls[index] for index in rest])
        await batch.send()
        requests: dict[Place, list[str]] = {}
        for index, request in zip(rest, batch.request_ids, strict=True):
            if (place := places[index]) is not None:
                requests.setdefault(place, []).append(request)
        watching = asyncio.create_task(_watch(gate, requests))
        try:
            for index, decision in zip(rest, await batch.decisions(), strict=True):
                told[index] = decision
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    return [one for one in told if one is not None]


async def _watch(gate: Gate, requests: dict[Place, list[str]]) -> None:
    """Take requests back whose rows are decided."""
    while requests:
        for place in list(requests):
            try:
                row = await place[0].get(place[1])
                if row is None or _theirs(row):
                    for request in requests[place]:
                        await gate.cancel(request)
                    del requests[place]
            except Exception as error:  # noqa: BLE001  # looked at again; people may decide here meanwhile
                log.warning("the approval %s of agno could not be looked at: %s", place[1], where(error))
        await asyncio.sleep(POLL)


async def _settled(
    gate: Gate, calls: Sequence[Call], told: Sequence[Decision | Verdict], started: Literal["raise", "tell"]
) -> list[Verdict]:
    """Burnt one after the other, as `gating.claim_all` does: whoever burns the first one has them all."""
    verdicts: list[Verdict] = []
    burnt = False
    for call, one in zip(calls, told, strict=True):
        verdict = one if isinstance(one, Verdict) else await settle(gate, call, one)
        stops = verdict.kind == "away" or (verdict.kind == "done" and started == "raise")
        if stops and not burnt and verdict.error is not None:
            raise verdict.error
        burnt = burnt or verdict.kind == "run"
        verdicts.append(verdict)
    return verdicts


async def _overruled(gate: Gate, verdict: Verdict) -> None:
    if verdict.kind == "run":
        await report(gate, verdict, Ran("failed", "Not run: AgentOS had decided before."))


def elsewhere(call: Call, row: Row) -> Verdict:
    """What was decided in AgentOS."""
    data = cast("Row", row.get("resolution_data") or {})
    who = row.get("resolved_by") or "Somebody"
    if row["status"] != "approved":
        said = f"This call of {call.tool} ended as {row['status']} in AgentOS."
        if row["status"] == "rejected":
            said = f"{who} rejected this call of {call.tool} in AgentOS: {data.get('note') or 'no reason was given.'}"
        return Verdict(kind="refused", call=call, said=said)
    if data.get("result") is not None:
        return Verdict(kind="answer", call=call, said=text(data["result"]), answer=data["result"])
    values = cast("Mapping[str, object]", data.get("values") or {})
    run = {**call.arguments, **values}
    try:
        if call.fits is not None:
            call.fits(run)
    except ValueError as error:
        return refused(call, Unusable(tool=call.tool, fault=fault_of(error)))
    return Verdict(kind="run", call=call, run=run)
