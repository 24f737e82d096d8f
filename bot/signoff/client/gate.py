"""`Gate`: ask people before something happens."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Literal, ParamSpec, Self, TypeVar, Unpack, overload

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
from signoff.client.blocking import Blocking
from signoff.client.decision import Decision
from signoff.client.deferred import Deferred
from signoff.client.fields import BatchFields, Fields, OnReject, ReviewFields, Titled, Told, ToolFields
from signoff.client.hitl import Response, answered, asked
from signoff.client.requests import PATIENCE, POLL, Requests
from signoff.client.tool import Describe, Gated
from signoff.client.wire import TIMEOUT

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)


class Gate:
    """The agent's side of the approval service.

    `url` and `api_key` default to the environment's SIGNOFF_URL (else http://127.0.0.1:8080) and SIGNOFF_API_KEY, read
    when first needed; beside the server's configuration this is the only reader of the environment. Works on any event
    loop, and without one through `blocking` and through sync functions under `tool`.

    `agent`: the name people read. `run_id`: together with a tool call id (see `signoff.call`) it lets a restarted agent
    find its request again. `on_reject`: what `tool` and `ask` do about a refusal. `patience`: seconds to go on trying
    while the service is away and nothing says how long the request lives; `poll`: seconds of one long poll (at most
    60); `timeout`: seconds that any other call may take.

    Cancelling a waiting call leaves the request open, so that the same call made again finds it.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        agent: str | None = None,
        run_id: str | None = None,
        on_reject: OnReject = "raise",
        patience: float = PATIENCE,
        poll: float = POLL,
        timeout: float = TIMEOUT,
    ) -> None:
        self._requests = Requests(url, api_key, patience=patience, poll=min(max(poll, 1.0), 60.0), timeout=timeout)
        self._asking = Asking(self._requests, agent, run_id, on_reject)
        self._agent = agent
        self._run_id = run_id
        self._on_reject: OnReject = on_reject
        self._background = Background()
        self._running: set[asyncio.Task[None]] = set()
        self.blocking = Blocking(self._asking, self._requests, self._background)
        """The same verbs for code that is not async."""

    async def __aenter__(self) -> Self:
        """Keep connections open between calls; optional."""
        await self._requests.hold()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close what is held open. The gate can be used again.

        Deferred calls that have not run by now do not run: their waiting ends, their requests stay open.
        """
        loop = asyncio.get_running_loop()
        if mine := [task for task in self._running if task.get_loop() is loop]:
            for task in mine:
                task.cancel()
            await asyncio.wait(mine)
        await self._requests.release()
        self._background.close()

    # ── tools ────────────────────────────────────────────────────────────────────────────────────

    @overload
    def tool(self, function: Callable[P, R], /) -> Callable[P, R]: ...

    @overload
    def tool(
        self,
        function: None = None,
        /,
        *,
        name: str | None = None,
        secret: Sequence[str] = (),
        unseen: Sequence[str] = (),
        outcome: Describe | None = None,
        on_reject: OnReject | None = None,
        **fields: Unpack[ToolFields],
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...

    def tool(
        self,
        function: Callable[..., object] | None = None,
        /,
        *,
        name: str | None = None,
        secret: Sequence[str] = (),
        unseen: Sequence[str] = (),
        outcome: Describe | None = None,
        on_reject: OnReject | None = None,
        **fields: Unpack[ToolFields],
    ) -> object:
        """Let a function, sync or async, run only after a person approved its arguments.

        Signature, annotations and docstring stay; the JSON Schema that people edit by comes from them. What runs is
        what was approved, edits included, once. A person's answer (`allowed_decisions` with `respond`) is returned in
        the function's place. The outcome is reported back.

        `name`: the tool's name, if not the function's. `secret`: parameters that nobody is shown. `unseen`: parameters
        that are passed on and not part of the request at all. `outcome`: from the result to the text that is reported;
        without it only success is. `on_reject="return"`: return the refusal's text instead of raising.

        Raises Rejected, Expired, Cancelled, or Unavailable on any doubt; then the function was not run. AlreadyStarted:
        an earlier attempt with the same ids began to run it, and this one did not.
        """
        # Annotations kept as text may name classes of the function that the decorator stands in.
        frame = inspect.currentframe()
        local = frame.f_back.f_locals if frame is not None and frame.f_back is not None else {}

        def decorate(original: Callable[..., object]) -> Callable[..., object]:
            return Gated(
                original,
                self._requests,
                self._background,
                name=name,
                fields={"agent": self._agent, **fields},
                gate_run_id=self._run_id,
                on_reject=on_reject or self._on_reject,
                secret=secret,
                unseen=unseen,
                outcome=outcome,
                local=local,
            ).wrapped()

        return decorate if function is None else decorate(function)

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def ask(self, tool: str, arguments: Mapping[str, object], **fields: Unpack[Fields]) -> Decision:
        """Ask about a call that this process, or another, makes later. Returns an approval, edit or answer.

        Before running anything, `consume` the decision; run `decision.arguments`. Raises Rejected, Expired, Cancelled
        (or, with `on_reject="return"`, returns those decisions too) and Unavailable.
        """
        identity, said = self._asking.said(tool, fields)
        return await self._asking.ask(tool, arguments, identity, said)

    async def ask_to_run(self, tool: str, arguments: Mapping[str, object], **fields: Unpack[Fields]) -> Decision:
        """As `ask`, for a call that its caller consumes and runs right here as soon as it is approved.

        Where a rule approves it at once, its approval is consumed in the same step, and `consume` has nothing to send.
        So whatever keeps the call from running has to be looked at before.
        """
        identity, said = self._asking.said(tool, fields)
        return await self._asking.ask(tool, arguments, identity, said, at_once=True)

    @overload
    async def question(
        self, text: str, choices: Sequence[str] | None = None, response_schema: None = None, **fields: Unpack[Titled]
    ) -> str: ...

    @overload
    async def question(
        self,
        text: str,
        choices: None = None,
        response_schema: dict[str, object] | None = None,
        **fields: Unpack[Titled],
    ) -> object: ...

    async def question(
        self,
        text: str,
        choices: Sequence[str] | None = None,
        response_schema: dict[str, object] | None = None,
        **fields: Unpack[Titled],
    ) -> object:
        """A person's answer: text, one of `choices`, or a value of `response_schema`. Raises like `ask`."""
        identity, said = self._asking.said(QUESTION_TOOL, question_fields(text, choices, response_schema, fields))
        return await self._asking.question(text, identity, said, choices)

    async def review(self, draft: M, **fields: Unpack[Fields]) -> M:
        """Send a pydantic instance out as a form; the approved, possibly edited and validated one comes back.

        Raises like `ask`, and Unusable when the edited values do not fit the model.
        """
        identity, said = self._asking.said(review_tool(draft), review_fields(draft, fields))
        return await self._asking.review(draft, identity, said)

    async def notify(self, title: str, details: Mapping[str, object] | None = None, **fields: Unpack[Told]) -> str:
        """Tell people something; nobody is waited for. The request's id. Raises Unavailable."""
        identity, said = self._asking.said(NOTICE_TOOL, notice_fields(title, fields))
        return await self._asking.notify(details or {}, identity, said)

    # ── several at once ──────────────────────────────────────────────────────────────────────────

    def batch(self, title: str | None = None, **fields: Unpack[BatchFields]) -> Batch:
        """Ask about several calls at once: people see one card with a row each, and decide each or all.

        `fields` hold for every call that does not say otherwise.
        """
        return Batch(self._asking, title, fields)

    def deferred(self, title: str | None = None) -> Deferred:
        """`async with gate.deferred() as batch:` lets functions under `tool` return placeholders at once.

        Their calls are asked about as one batch when the block ends; an error in it asks for nothing. Each runs when it
        is approved, in the background; `await batch.wait_for_approvals()` gives their results by number.

        Blocks do not nest (RuntimeError). When nobody can be asked the end of the block raises Unavailable, unless the
        gate returns refusals; nothing runs either way.
        """
        return Deferred(self._requests, title, self._on_reject, self._running)

    async def hitl(self, request: Mapping[str, object], **fields: Unpack[ReviewFields]) -> Response:
        """LangChain's HITLRequest in, its HITLResponse out, when every call in it is decided.

        Approvals in it are consumed: resume with it at once, and once. What cannot be consumed is a rejection in it
        that says why. Raises Unavailable, and ValueError for what is no HITLRequest.
        """
        return await answered(self._requests, asked(self._asking, request, fields))

    # ── afterwards ───────────────────────────────────────────────────────────────────────────────

    async def consume(self, decision: Decision) -> None:
        """Burn an approval right before running its arguments. Raises Unavailable, AlreadyStarted: then do not run."""
        await self._requests.consume(decision)

    async def report(
        self, decision: Decision, status: Literal["succeeded", "failed"], detail: str | None = None
    ) -> bool:
        """Say what came of the run; False when it could not be reported."""
        return await self._requests.report(decision, status, detail)

    async def cancel(self, request_id: str) -> bool:
        """Take a pending request back; False when it had ended already. Raises Unavailable."""
        return await self._requests.cancel(request_id)
