"""`gate.batch`: one card with a row for each of several calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping
from types import TracebackType
from typing import Self, Unpack

from signoff.client.asking import Asking
from signoff.client.decision import Decision
from signoff.client.fields import BatchFields, Fields
from signoff.client.together import Member, Together


class Asked:
    """One call of a batch: `await` it for its decision. Raises like `Gate.ask`."""

    def __init__(self, batch: Batch, index: int) -> None:
        self._batch = batch
        self.index = index
        """Its place in the batch, from 0."""

    def __await__(self) -> Generator[object, None, Decision]:
        return self._batch.decision(self.index).__await__()


class Batch:
    """Several calls that people see on one card, a row each, and decide each or all.

    They are asked about when the block ends, or when something of them is first waited for; an error in the block asks
    for nothing. `decisions()` and `async for` give refusals as decisions too; a single call that is awaited raises
    them. Whatever is run is consumed before, each call by itself: `await gate.consume(decision)`.
    """

    def __init__(self, asking: Asking, title: str | None, fields: BatchFields) -> None:
        self._asking = asking
        self._title = title
        self._fields = fields
        self._members: list[Member] = []
        self._together: Together | None = None

    def __len__(self) -> int:
        return len(self._members)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            await self.send()

    def add(self, tool: str, arguments: Mapping[str, object], **fields: Unpack[Fields]) -> Asked:
        """One more call; `fields` are those of `Gate.ask`, over those of the batch.

        Raises RuntimeError when the batch has been sent, ValueError for arguments that have no JSON form.
        """
        if self._together is not None:
            raise RuntimeError("this batch has been sent; add every call before waiting, or make another batch")
        self._members.append(self._asking.member(tool, arguments, {**self._fields, **fields}))
        return Asked(self, len(self._members) - 1)

    async def send(self) -> None:
        """Ask now. Raises Unavailable; then it can be sent again, and nobody is asked twice."""
        await self._sent.send()

    @property
    def request_ids(self) -> list[str]:
        """Of each call, in their order, for `Gate.cancel`; empty until the batch has been sent."""
        return list(self._sent.ids) if self._together is not None else []

    async def decisions(self) -> list[Decision]:
        """All decisions, in the order of the calls, refusals among them. Raises Unavailable."""
        return await self._sent.all()

    async def decision(self, index: int) -> Decision:
        """The decision about one call. Raises like `Gate.ask`."""
        return self._asking.checked(await self._sent.one(index))

    def __aiter__(self) -> AsyncIterator[Decision]:
        return self.coming()

    async def coming(self) -> AsyncGenerator[Decision]:
        """Decisions as they come, refusals among them; `decision.index` says of which call. Raises Unavailable."""
        together, seen = self._sent, 0
        while seen < len(together.members):
            await together.more(seen)
            for decision in together.ended[seen:]:
                seen += 1
                yield decision

    @property
    def _sent(self) -> Together:
        if self._together is None:
            self._together = self._asking.batch(self._title, self._members)
        return self._together
