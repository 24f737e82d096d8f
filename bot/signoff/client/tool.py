"""`gate.tool`: a function that runs only after a person approved exactly what it is called with."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Literal, cast, get_args

from signoff.client.background import Background
from signoff.client.context import Identity, identify
from signoff.client.decision import Decision, doubtful, refusal, same, started, unusable
from signoff.client.deferred import Deferred, Pending, deferring, failed, not_run
from signoff.client.disguise import disguised
from signoff.client.fields import OnReject, body, told
from signoff.client.parting import last_words
from signoff.client.requests import DETAIL, Requests
from signoff.client.signature import Document, Parameters, docstring
from signoff.client.together import Member
from signoff.errors import NotRun, Unusable
from signoff.model import Risk

Describe = Callable[[object], str | None]


class Gated:
    """One function behind the gate."""

    def __init__(
        self,
        function: Callable[..., object],
        requests: Requests,
        background: Background,
        *,
        name: str | None,
        fields: Mapping[str, object],
        gate_run_id: str | None,
        on_reject: OnReject,
        secret: Sequence[str],
        unseen: Sequence[str],
        outcome: Describe | None,
        local: Mapping[str, object],
    ) -> None:
        if (
            not inspect.isroutine(function)
            or inspect.isasyncgenfunction(function)
            or inspect.isgeneratorfunction(function)
        ):
            raise TypeError("gate.tool takes a plain or async function; put @staticmethod, @classmethod above it")
        self.function = function
        self.name = name or function.__name__
        self._requests = requests
        self._background = background
        self._run_id = gate_run_id
        self._on_reject = on_reject
        self._outcome = outcome
        self._parameters = Parameters(function, secret=secret, unseen=unseen, local=local)
        self._check(fields)
        description, of_parameters = docstring(function)
        self._fields: dict[str, object] = {
            "title": self.name.replace("_", " ").strip().capitalize() or None,
            "description": description,
            "schema": self._parameters.schema(of_parameters),
            **{key: value for key, value in fields.items() if value is not None},
        }

    def _check(self, fields: Mapping[str, object]) -> None:
        """What the service would refuse at every call is refused once, where it is written. Raises ValueError."""
        risk, editable = fields.get("risk"), fields.get("editable")
        if risk is not None and risk not in get_args(Risk):
            raise ValueError(f"{self.name}: there is no risk {risk!r}; use one of {', '.join(get_args(Risk))}")
        if isinstance(editable, str):
            raise ValueError(f"{self.name}: editable is a list of parameters, like [{editable!r}]")
        shown = self._parameters.shown
        if wrong := [name for name in cast("Sequence[str]", editable or ()) if name not in shown]:
            raise ValueError(
                f"{self.name}: editable names {', '.join(map(repr, wrong))}; "
                f"the parameters that people see are {', '.join(shown) or 'none'}"
            )

    def wrapped(self) -> Callable[..., object]:
        """The function to call instead; looks like the original, see `disguised`."""
        run = self._run if inspect.iscoroutinefunction(self.function) else self._run_blocking
        return disguised(self.function, run)

    async def _run(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        if (deferred := deferring(self._requests)) is not None:
            return self._defer(deferred, args, kwargs)
        arguments, bound = self._parameters.arguments(args, kwargs)
        try:
            decision = await self._decided(arguments, self._identity())
            if decision.kind == "respond":
                return decision.response
            call = await self._consumed(bound, decision)
        except NotRun as error:
            return self._refused(error)
        return await self._ran(call, decision)

    def _defer(self, deferred: Deferred, args: tuple[object, ...], kwargs: Mapping[str, object]) -> Pending:
        arguments, bound = self._parameters.arguments(args, kwargs)
        identity = self._identity()
        member = Member(self.name, self._sent(arguments, identity), identity)
        return deferred.take(member, functools.partial(self._later, arguments, bound))

    async def _later(self, arguments: Document, bound: inspect.BoundArguments, decision: Decision) -> object:
        """A deferred call under the decision that was made meanwhile."""
        try:
            self._check_decided(decision, arguments)
            if decision.kind == "respond":
                return decision.response
            call = await self._consumed(bound, decision)
        except NotRun as error:
            return not_run(error)
        try:
            return await self._ran(call, decision)
        except Exception as error:  # noqa: BLE001  # what the function raises is told to whoever asks for its result
            return failed(error)

    async def _consumed(self, bound: inspect.BoundArguments, decision: Decision) -> inspect.BoundArguments:
        """The call as approved, its approval burnt. Raises Unavailable, AlreadyStarted: then it must not run."""
        try:
            call = self._call(bound, decision)
        except Unusable as error:
            await self._requests.unusable(decision, error)
            raise
        await self._requests.consume(decision)
        return call

    async def _ran(self, call: inspect.BoundArguments, decision: Decision) -> object:
        """Run it and report what came of it."""
        try:
            result = self.function(*call.args, **call.kwargs)
            if inspect.iscoroutinefunction(self.function):
                result = await cast("Coroutine[object, object, object]", result)
        except BaseException as error:
            await self._failed(decision, error)
            raise
        await self._requests.report(decision, "succeeded", self._detail(result))
        return result

    def _run_blocking(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        """The same on the caller's thread, with only the network on the background loop."""
        if (deferred := deferring(self._requests)) is not None:
            return self._defer(deferred, args, kwargs)
        arguments, bound = self._parameters.arguments(args, kwargs)
        run = self._background.run
        try:
            decision = run(self._decided(arguments, self._identity()))
            if decision.kind == "respond":
                return decision.response
            try:
                call = self._call(bound, decision)
            except Unusable as error:
                run(self._requests.unusable(decision, error))
                raise
            run(self._requests.consume(decision))
        except NotRun as error:
            return self._refused(error)
        try:
            result = self.function(*call.args, **call.kwargs)
        except BaseException as error:
            run(self._failed(decision, error))
            raise
        run(self._requests.report(decision, "succeeded", self._detail(result)))
        return result

    def _identity(self) -> Identity:
        # On the caller's thread: the background loop does not see the caller's context.
        return identify(self.name, None, None, self._run_id)

    async def _decided(self, arguments: Document, identity: Identity) -> Decision:
        """Raises Rejected, Expired, Cancelled, Unavailable."""
        sent = self._sent(arguments, identity)
        decision = await self._requests.decided(self.name, sent, identity.idempotency_key, at_once=True)
        self._check_decided(decision, arguments)
        return decision

    def _sent(self, arguments: Document, identity: Identity) -> Document:
        """The body of its request."""
        said = {**told(self._fields, arguments), **identity.fields}
        said |= {"run_id": identity.run_id, "tool_call_id": identity.tool_call_id}
        return body(self.name, arguments, said)

    def _check_decided(self, decision: Decision, arguments: Document) -> None:
        """That something may run. Raises Rejected, Expired, Cancelled, Unavailable."""
        error = refusal(decision)
        if error is not None:
            raise error
        if decision.kind == "approve" and decision.version == 1 and not same(decision.arguments, arguments):
            raise doubtful(self.name, "other arguments were approved than those that were asked about")
        if decision.consumed_at is not None:
            raise started(decision, decision.consumed_at)  # before a misfit could be reported over its outcome

    def _call(self, bound: inspect.BoundArguments, decision: Decision) -> inspect.BoundArguments:
        """The call as approved: rebuilt from the decision, never the caller's objects, which may have changed."""
        try:
            return self._parameters.bind(bound, decision.arguments or {})
        except ValueError as error:
            raise unusable(self.name, error) from error

    def _refused(self, error: NotRun) -> object:
        if self._on_reject == "return":
            return error.sentence
        raise error

    async def _failed(self, decision: Decision, error: BaseException) -> None:
        status: Literal["failed"] = "failed"
        detail = f"{type(error).__name__}: {error}".removesuffix(": ")
        if isinstance(error, Exception):
            await self._requests.report(decision, status, detail)
            return
        await last_words(self._requests.report(decision, status, "The run was cancelled."))

    def _detail(self, result: object) -> str | None:
        """Results are not sent anywhere unless `outcome` says what of them may be shown."""
        if self._outcome is None:
            return None
        try:
            text = self._outcome(result)
        except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the caller
            text = f"(no description: {type(error).__name__})"
        return text[:DETAIL] if text else None
