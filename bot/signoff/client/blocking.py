"""The gate's verbs for code that is not async."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack, overload

from pydantic import BaseModel

from signoff.client.asking import (
    NOTICE_TOOL,
    QUESTION_TOOL,
    Asking,
    notice_fields,
    question_fields,
    review_fields,
    review_tool,
)
from signoff.client.background import Background
from signoff.client.batch import Batch
from signoff.client.decision import Decision
from signoff.client.fields import BatchFields, Fields, ReviewFields, Titled, Told
from signoff.client.hitl import Response, answered, asked
from signoff.client.requests import Requests

M = TypeVar("M", bound=BaseModel)


class BlockingBatch:
    """See `Batch`; for code that is not async."""

    def __init__(self, batch: Batch, background: Background) -> None:
        self._batch = batch
        self._run = background.run

    def __len__(self) -> int:
        return len(self._batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._run(self._batch.send())

    def add(self, tool: str, arguments: Mapping[str, object], **fields: Unpack[Fields]) -> int:
        """See `Batch.add`. The call's place in the batch, from 0."""
        return self._batch.add(tool, arguments, **fields).index

    def decision(self, index: int) -> Decision:
        """See `Batch.decision`."""
        return self._run(self._batch.decision(index))

    def decisions(self) -> list[Decision]:
        """See `Batch.decisions`."""
        return self._run(self._batch.decisions())

    def __iter__(self) -> Iterator[Decision]:
        """Decisions as they come."""
        coming = self._batch.coming()
        for _ in range(len(self)):
            yield self._run(anext(coming))


class Blocking:
    """The gate's verbs for code that is not async: the network runs on one background thread."""

    def __init__(self, asking: Asking, requests: Requests, background: Background) -> None:
        self._asking = asking
        self._requests = requests
        self._background = background
        self._run = background.run

    def ask(self, tool: str, arguments: Mapping[str, object], **fields: Unpack[Fields]) -> Decision:
        """See `Gate.ask`."""
        identity, said = self._asking.said(tool, fields)
        return self._run(self._asking.ask(tool, arguments, identity, said))

    @overload
    def question(
        self, text: str, choices: Sequence[str] | None = None, response_schema: None = None, **fields: Unpack[Titled]
    ) -> str: ...

    @overload
    def question(
        self,
        text: str,
        choices: None = None,
        response_schema: dict[str, object] | None = None,
        **fields: Unpack[Titled],
    ) -> object: ...

    def question(
        self,
        text: str,
        choices: Sequence[str] | None = None,
        response_schema: dict[str, object] | None = None,
        **fields: Unpack[Titled],
    ) -> object:
        """See `Gate.question`."""
        wanted = question_fields(text, choices, response_schema, fields)
        identity, said = self._asking.said(QUESTION_TOOL, wanted)
        return self._run(self._asking.question(text, identity, said, choices))

    def review(self, draft: M, **fields: Unpack[Fields]) -> M:
        """See `Gate.review`."""
        identity, said = self._asking.said(review_tool(draft), review_fields(draft, fields))
        return self._run(self._asking.review(draft, identity, said))

    def notify(self, title: str, details: Mapping[str, object] | None = None, **fields: Unpack[Told]) -> str:
        """See `Gate.notify`."""
        identity, said = self._asking.said(NOTICE_TOOL, notice_fields(title, fields))
        return self._run(self._asking.notify(details or {}, identity, said))

    def batch(self, title: str | None = None, **fields: Unpack[BatchFields]) -> BlockingBatch:
        """See `Gate.batch`."""
        return BlockingBatch(Batch(self._asking, title, fields), self._background)

    def hitl(self, request: Mapping[str, object], **fields: Unpack[ReviewFields]) -> Response:
        """See `Gate.hitl`."""
        return self._run(answered(self._requests, asked(self._asking, request, fields)))

    def consume(self, decision: Decision) -> None:
        """See `Gate.consume`."""
        self._run(self._requests.consume(decision))

    def report(self, decision: Decision, status: Literal["succeeded", "failed"], detail: str | None = None) -> bool:
        """See `Gate.report`."""
        return self._run(self._requests.report(decision, status, detail))

    def cancel(self, request_id: str) -> bool:
        """See `Gate.cancel`."""
        return self._run(self._requests.cancel(request_id))

    def close(self) -> None:
        """Stop the background thread; it starts again when needed."""
        self._background.close()
