"""The gate's verbs for code that is not async."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeVar, Unpack, overload

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
from signoff.client.decision import Decision
from signoff.client.fields import Fields, Titled, Told
from signoff.client.requests import Requests

M = TypeVar("M", bound=BaseModel)


class Blocking:
    """The gate's verbs for code that is not async: the network runs on one background thread."""

    def __init__(self, asking: Asking, requests: Requests, background: Background) -> None:
        self._asking = asking
        self._requests = requests
        self._run = background.run
        self._stop = background.close

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
        self._stop()
