"""Around the run of a tool: what came of it is reported, whatever it is. And all of this without async."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterable
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeVar

from signoff.errors import where
from signoff_agents.gating.calls import Verdict

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.background import Background

T = TypeVar("T")

LOOK = 1.0
"""Seconds between looks at whether a run goes on."""

log = logging.getLogger("signoff")


@dataclass(slots=True)
class Ran:
    """What came of a run, where the framework says so by other means than an exception."""

    status: Literal["succeeded", "failed"] = "succeeded"
    detail: str | None = None
    """Results are sent nowhere unless an adapter was told what of them may be shown."""

    def failed(self, detail: str | None = None) -> None:
        self.status, self.detail = "failed", detail


@asynccontextmanager
async def running(gate: Gate, verdict: Verdict) -> AsyncGenerator[Ran]:
    """Around the run of a tool: reports what came of it. Raises only what the tool raises."""
    ran = Ran()
    try:
        yield ran
    except BaseException as error:
        await broken(gate, [verdict], error)
        raise
    await report(gate, verdict, ran)


@contextmanager
def running_blocking(gate: Gate, verdict: Verdict) -> Generator[Ran]:
    """The same for code that is not async."""
    ran = Ran()
    try:
        yield ran
    except BaseException as error:
        blocking(broken(gate, [verdict], error))
        raise
    blocking(report(gate, verdict, ran))


async def unless(
    gate: Gate, over: Callable[[], Awaitable[bool]], deciding: Coroutine[object, object, Verdict], look: float = LOOK
) -> Verdict | None:
    """The verdict, unless the run is over by then; for frameworks that cancel a run without a word to its tools.

    None then: nothing may run, and an approval that was burnt just before says so.
    """
    task = asyncio.ensure_future(deciding)
    try:
        while not (await asyncio.wait({task}, timeout=look))[0]:
            if await over():
                return None
        verdict = task.result()
    finally:
        task.cancel()
    if verdict.run is not None and await over():
        await report(gate, verdict, Ran("failed", "Not run: the run was cancelled."))
        return None
    return verdict


async def report(gate: Gate, verdict: Verdict, ran: Ran) -> None:
    """Say what came of the run. A service that is away, or anything else, is a warning in the log."""
    if verdict.kind != "run" or verdict.decision is None:
        return
    try:
        await gate.report(verdict.decision, ran.status, ran.detail)
    except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the caller
        log.warning("the outcome of %s could not be reported: %s", verdict.decision.id, where(error))


class Reports:
    """What came of runs, told while the framework goes on: for those that have a hook before the model reads a result.

    The time that the service takes is then not the run's.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}

    def send(self, run: str, verdict: Verdict, ran: Ran) -> None:
        """`run`: what `arrived` asks by."""
        task = asyncio.create_task(self._told(verdict, ran))
        tasks = self._under_way.setdefault(run, set())
        tasks.add(task)

        def end(task: asyncio.Task[None]) -> None:
            tasks.discard(task)
            if not tasks:
                self._under_way.pop(run, None)

        task.add_done_callback(end)

    async def arrived(self, run: str) -> None:
        """Wait for all that were sent about it."""
        loop = asyncio.get_running_loop()
        # A run may be resumed on another event loop, and those that the first one left behind never end.
        if tasks := [task for task in list(self._under_way.get(run, ())) if task.get_loop() is loop]:
            await asyncio.wait(tasks)

    async def _told(self, verdict: Verdict, ran: Ran) -> None:
        try:
            await report(self._gate, verdict, ran)
        except asyncio.CancelledError:
            # The event loop ends: whoever ran the framework has left it before its end. Said twice is said once.
            from signoff.client.parting import last_words

            await last_words(report(self._gate, verdict, ran))
            raise


async def broken(gate: Gate, verdicts: Iterable[Verdict], error: BaseException) -> None:
    """Report that these ended in an error, or were cancelled."""
    ran = Ran("failed", _detail(error))

    async def tell() -> None:
        for verdict in verdicts:
            await report(gate, verdict, ran)

    if isinstance(error, Exception):
        await tell()
    else:
        from signoff.client.parting import last_words

        await last_words(tell())


def _detail(error: BaseException) -> str:
    if not isinstance(error, Exception):
        return "The run was cancelled."
    return f"{type(error).__name__}: {error}".removesuffix(": ")


_lock = threading.Lock()
_background: Background | None = None


def blocking(work: Coroutine[object, object, T]) -> T:
    """Run it on one background thread, in this thread's context, and wait. Ctrl-C cancels it."""
    from signoff.client.background import Background

    global _background
    with _lock:
        if _background is None:
            _background = Background()
    return _background.run(work)


def apart(work: Coroutine[object, object, T]) -> T:
    """The same on a thread of its own, for what may itself call tools that wait with `blocking`."""
    from signoff.client.background import Background

    own = Background()
    try:
        return own.run(work)
    finally:
        own.close()
