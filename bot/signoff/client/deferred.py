"""`gate.deferred`: gated functions return placeholders at once, and run when they have been approved."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from signoff.client.decision import Decision, unavailable
from signoff.client.fields import OnReject
from signoff.client.requests import Requests
from signoff.client.together import Member, Together, together
from signoff.errors import AlreadyStarted, Cancelled, Expired, NotRun, Rejected, SignoffError, Unavailable, where

log = logging.getLogger("signoff")

Perform = Callable[[Decision], Coroutine[object, object, object]]
"""Runs one call under its decision, or answers why not; raises no Exception."""

_WORDS: tuple[tuple[type[NotRun], str], ...] = (
    (Rejected, "REJECTED"),
    (Expired, "EXPIRED"),
    (Cancelled, "CANCELLED"),
    (AlreadyStarted, "ALREADY STARTED"),
    (Unavailable, "UNAVAILABLE"),
)


class Pending(str):
    """What a gated function returns inside the block: `PENDING_APPROVAL_1`, numbered in the order of the calls."""

    __slots__ = ("number",)

    number: int

    def __new__(cls, number: int) -> Self:
        made = super().__new__(cls, f"PENDING_APPROVAL_{number}")
        made.number = number
        return made


class Failure(str):
    """What stands in the place of a result: `REJECTED: …`, `EXPIRED: …`, `FAILED: …`, for a model to read."""

    __slots__ = ("error",)

    error: Exception
    """What the function would have raised outside of the block."""

    def __new__(cls, word: str, error: Exception) -> Self:
        text = error.sentence if isinstance(error, SignoffError) else f"{type(error).__name__}: {error}"
        made = super().__new__(cls, f"{word}: {text}".removesuffix(": "))
        made.error = error
        return made


def not_run(error: NotRun) -> Failure:
    """The answer for a call that did not run."""
    return Failure(next((word for kind, word in _WORDS if isinstance(error, kind)), "NOT RUN"), error)


def failed(error: Exception) -> Failure:
    """The answer for a call that ran and raised."""
    return Failure("FAILED", error)


@dataclass(frozen=True, slots=True)
class _Call:
    number: int
    member: Member
    perform: Perform
    context: contextvars.Context
    """The caller's, in which the function runs."""


class Deferred:
    """The calls of one block, and what comes of them."""

    def __init__(
        self, requests: Requests, title: str | None, on_reject: OnReject, running: set[asyncio.Task[None]]
    ) -> None:
        """`running`: holds what runs in the background, as long as it does."""
        self._requests = requests
        self._title = title
        self._on_reject = on_reject
        self._running = running
        self._mine: set[asyncio.Task[None]] = set()
        self._lock = threading.Lock()  # sync functions may be called from a framework's threads
        self._entered = self._open = False
        self._count = 0
        self._unasked: list[_Call] = []
        self._results: dict[int, object] = {}
        self._waiting = 0

    async def __aenter__(self) -> Self:
        outer = _current.get()
        if outer is not None and outer._open:
            raise RuntimeError("this block is inside another deferred block; end that one first")
        if self._entered:
            raise RuntimeError("a deferred block is entered once; make another with gate.deferred()")
        self._entered = self._open = True
        _current.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._open = False
        _current.set(None)
        if kind is not None:
            for call in self._taken():
                self._results[call.number] = not_run(Cancelled(tool=call.member.tool))
        elif (unasked := await self._ask()) is not None and self._on_reject == "raise":
            raise unasked

    async def wait_for_approvals(self) -> dict[int, object]:
        """Number → result, once every call so far is decided and those approved have run; see `Failure` for the rest.

        Inside the block it asks about the calls so far; those that follow are asked about later.
        """
        await self._ask()
        self._waiting += 1
        try:
            while self._mine:
                await asyncio.wait(self._mine)  # to cancel the waiting does not cancel what runs
                await asyncio.sleep(0)  # what is called when a task is done is called
        finally:
            self._waiting -= 1
        return dict(sorted(self._results.items()))

    def owned(self, requests: Requests) -> bool:
        return self._open and self._requests is requests

    def take(self, member: Member, perform: Perform) -> Pending:
        """Note a call down instead of asking about it now."""
        context = contextvars.copy_context()
        context.run(_current.set, None)  # what the function calls in turn is asked about when it does
        with self._lock:
            if not self._open:
                raise Cancelled(tool=member.tool)  # the block ended in another thread at this very moment
            self._count += 1
            call = _Call(self._count, member, perform, context)
            self._unasked.append(call)
        return Pending(call.number)

    def _taken(self) -> list[_Call]:
        with self._lock:
            calls, self._unasked = self._unasked, []
        return calls

    async def _ask(self) -> NotRun | None:
        """Ask about what was called since; the error when that was not possible."""
        calls = self._taken()
        if not calls:
            return None
        batch = together(self._requests, self._title, [call.member for call in calls])
        try:
            await batch.send()
        except NotRun as error:
            self._give_up(calls, error)
            return error
        except BaseException:
            self._give_up(calls, _left(batch.name))
            raise
        empty = contextvars.copy_context()
        empty.run(_current.set, None)
        task = asyncio.get_running_loop().create_task(self._run(batch, calls), context=empty)
        for held in (self._mine, self._running):
            held.add(task)
            task.add_done_callback(held.discard)
        # Not in the task itself: one that is cancelled before it has begun runs no line of its own.
        task.add_done_callback(lambda _: self._give_up(calls, _left(batch.name)))
        return None

    async def _run(self, batch: Together, calls: list[_Call]) -> None:
        """One at a time, as they are decided: the code of the block called them one after the other too."""
        seen = 0
        try:
            while seen < len(calls):
                await batch.more(seen)
                for decision in batch.ended[seen:]:
                    seen += 1
                    assert decision.index is not None
                    await self._one(calls[decision.index], decision)
        except NotRun as error:
            self._give_up(calls, error)

    async def _one(self, call: _Call, decision: Decision) -> None:
        work = asyncio.get_running_loop().create_task(call.perform(decision), context=call.context)
        result = await work
        self._results[call.number] = result
        if isinstance(result, Failure) and not isinstance(result.error, Rejected) and not self._waiting:
            log.warning("%s, a call of %s: %s", Pending(call.number), call.member.tool, where(result.error))

    def _give_up(self, calls: list[_Call], error: NotRun) -> None:
        """What has no result will have none."""
        for call in calls:
            if call.number not in self._results:
                self._results[call.number] = not_run(error)
                if not self._waiting:
                    log.warning("%s, a call of %s, will not run: %s", Pending(call.number), call.member.tool, error)


def _left(name: str) -> Unavailable:
    return unavailable(name, "the program stopped waiting for it")


_current: ContextVar[Deferred | None] = ContextVar("signoff_deferred", default=None)


def deferring(requests: Requests) -> Deferred | None:
    """The block that the code is in, if it is one of this gate."""
    current = _current.get()
    return current if current is not None and current.owned(requests) else None
