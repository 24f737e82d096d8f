"""How calls that come together are sent, where no service can be made to show it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from signoff.client import Gate
from signoff.errors import Unavailable
from signoff_agents.gating import Call, Verdict
from signoff_agents.mcp import asking
from signoff_agents.mcp.asking import Together


class Batch:
    """Of a service that is away."""

    def __init__(self) -> None:
        self.request_ids: list[str] = []
        self.rows: list[object] = []
        self.sent = 0
        self.left = asyncio.Event()

    def add(self, tool: str, arguments: Mapping[str, object], **fields: object) -> None:
        self.rows.append(arguments["n"])

    async def send(self) -> None:
        self.sent += 1
        await self.left.wait()
        raise Unavailable(tool="pay", reason="away")


class Away:
    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.alone: list[str] = []

    def batch(self, title: str | None) -> Batch:
        self.batches.append(Batch())
        return self.batches[-1]

    async def ask_to_run(self, tool: str, arguments: Mapping[str, object], **fields: object) -> object:
        self.alone.append(str(fields["tool_call_id"]))
        raise Unavailable(tool=tool, reason="away")


def call(number: int, run: str = "r", **fields: Any) -> Call:
    return Call(tool="pay", arguments={"n": number}, call_id=str(number), run_id=run, fields=cast("Any", fields))


async def started(together: Together, calls: Sequence[Call], *, named: bool = False) -> list[asyncio.Task[Verdict]]:
    tasks = [asyncio.create_task(together.decide(one, named=named)) for one in calls]
    for _ in range(2 * asking.TURNS):
        await asyncio.sleep(0)
    return tasks


async def test_an_outage_is_waited_out_once_for_all_of_them() -> None:
    """One attempt stands for the whole card: the third does not wait three times as long as the first."""
    gate = Away()
    tasks = await started(Together(cast("Gate", gate), lasting=False), [call(1), call(2), call(3)])
    (batch,) = gate.batches
    batch.left.set()
    verdicts = await asyncio.gather(*tasks)
    assert [verdict.kind for verdict in verdicts] == ["away"] * 3
    assert batch.sent == 1
    assert gate.alone == []


async def test_one_that_is_cancelled_while_they_are_sent_takes_nothing_from_the_others() -> None:
    """Whoever came first may go: the others are asked about in the same attempt."""
    gate = Away()
    tasks = await started(Together(cast("Gate", gate), lasting=False), [call(1), call(2), call(3)])
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    (batch,) = gate.batches
    assert not any(task.done() for task in tasks[1:])
    batch.left.set()
    assert [(await task).kind for task in tasks[1:]] == ["away"] * 2
    assert batch.sent == 1


async def test_one_that_is_cancelled_before_they_are_sent_is_no_row() -> None:
    """People do not see what was taken back while the others were still coming in."""
    gate = Away()
    together = Together(cast("Gate", gate), lasting=False)
    tasks = [asyncio.create_task(together.decide(call(number), named=False)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.wait({tasks[0]})
    for _ in range(2 * asking.TURNS):
        await asyncio.sleep(0)
    (batch,) = gate.batches
    assert batch.rows == [2, 3]
    batch.left.set()
    await asyncio.gather(*tasks[1:])


async def test_runs_and_hosts_are_never_mixed() -> None:
    """Calls of two runs, or of two hosts in one run, at the same moment: each by itself."""
    gate = Away()
    calls = [call(1, "r"), call(2, "s"), call(3, "r", agent="other")]
    tasks = await started(Together(cast("Gate", gate), lasting=False), calls)
    await asyncio.gather(*tasks)
    assert gate.batches == []
    assert sorted(gate.alone) == ["1", "2", "3"]


async def test_a_card_that_was_never_sent_is_not_sent_again_for_one_of_them() -> None:
    """A call that is made again after an outage is asked about by itself, not with those that nobody waits for."""
    gate = Away()
    together = Together(cast("Gate", gate), lasting=False)
    tasks = await started(together, [call(1), call(2)])
    gate.batches[0].left.set()
    await asyncio.gather(*tasks)
    (again,) = await started(together, [call(1)])
    await again
    assert [batch.sent for batch in gate.batches] == [1]
    assert gate.alone == ["1"]


async def test_a_named_call_that_no_card_was_sent_for_can_be_asked_about_later() -> None:
    """Its host makes it again under the same name when the outage is over: it is not refused for good."""
    gate = Away()
    together = Together(cast("Gate", gate), lasting=False)
    tasks = await started(together, [call(1), call(2)], named=True)
    gate.batches[0].left.set()
    assert [(await task).kind for task in tasks] == ["away"] * 2
    (again,) = await started(together, [call(1)], named=True)
    await again
    assert gate.alone == ["1"]


async def test_one_that_is_cancelled_at_the_moment_of_sending_is_found_again() -> None:
    """It is a row by then: made again, people are not asked twice."""

    class Cancelling(Away):
        def batch(self, title: str | None) -> Batch:
            tasks[0].cancel()
            return super().batch(title)

    gate = Cancelling()
    together = Together(cast("Gate", gate), lasting=False)
    tasks = [asyncio.create_task(together.decide(call(number), named=False)) for number in (1, 2)]
    for _ in range(2 * asking.TURNS):
        await asyncio.sleep(0)
    again = await started(together, [call(1)])
    assert tasks[0].cancelled()
    assert [batch.rows for batch in gate.batches] == [[1, 2]]
    assert gate.alone == []
    gate.batches[0].left.set()
    await asyncio.gather(tasks[1], *again)
