"""Functions of any kind behind the gate: decorated, or wrapped one by one or by the dozen.

For frameworks whose tools are functions: Symbolica's Agentica takes them in `scope`, XuMing's agentica as `tools`.
Beside `Gate.tool` it takes whatever can be called, tells the model about edits, and says nothing of the service's
troubles but one sentence.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, Unpack, cast, overload

from signoff_agents.gating import Call, Misfit, Verdict, blocking, decide, fault_of, refused, running, running_blocking

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields, ToolFields

P = ParamSpec("P")
R = TypeVar("R")
OnReject = Literal["raise", "return"]
Describe = Callable[[object], str | None]


@overload
def requires_approval(
    gate: Gate,
    function: None = None,
    /,
    *,
    name: str | None = None,
    on_reject: OnReject = "raise",
    unseen: Sequence[str] = (),
    secret: Sequence[str] = (),
    in_thread: bool = False,
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


@overload
def requires_approval(
    gate: Gate,
    function: Callable[P, R],
    /,
    *,
    name: str | None = None,
    on_reject: OnReject = "raise",
    unseen: Sequence[str] = (),
    secret: Sequence[str] = (),
    in_thread: bool = False,
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> Callable[P, R]: ...


def requires_approval(
    gate: Gate,
    function: Callable[..., object] | None = None,
    /,
    *,
    name: str | None = None,
    on_reject: OnReject = "raise",
    unseen: Sequence[str] = (),
    secret: Sequence[str] = (),
    in_thread: bool = False,
    outcome: Describe | None = None,
    **fields: Unpack[ToolFields],
) -> object:
    """`@requires_approval(gate)` on a function, or `requires_approval(gate, function)` around anything callable.

    What is called looks like the original: name, signature, docstring, and async where that is async. It runs with the
    approved arguments, once, after its approval was burnt. `on_reject="raise"`: what keeps it from running is raised,
    a `signoff.NotRun` whose text a model may read; for code that a model has written, where results have types.
    `"return"`: that text is the result; for tools whose results a model reads. Text that is returned then says when a
    person changed the arguments.

    A person's answer (`allowed_decisions` with `respond`) is the result. `unseen`: parameters that are passed on and
    not part of the request. `secret`: shown as `••••••`. `in_thread`: a function that is not async becomes async; it is
    waited for on the event loop, where a run can be cancelled, and runs in a thread. `outcome`: from the result to what
    the card shows of it.
    Raises TypeError for functions whose signature cannot be shown.
    """

    # Annotations kept as text may name classes of the function that the decorator stands in.
    frame = inspect.currentframe()
    local = frame.f_back.f_locals if frame is not None and frame.f_back is not None else {}

    def decorate(original: Callable[..., object]) -> Callable[..., object]:
        gated = _Function(gate, original, name, on_reject, unseen, secret, in_thread, outcome, local, dict(fields))
        return gated.wrapped()

    return decorate if function is None else decorate(function)


def scope(
    gate: Gate, functions: Mapping[str, object] | Iterable[Callable[..., object]], **options: Any
) -> dict[str, Any]:
    """Several at once, by name: for Symbolica's `scope=`. `options` are those of `requires_approval`.

    What cannot be called, and classes, are passed on as they are.
    """
    named = functions if isinstance(functions, Mapping) else {_name(one): one for one in functions}
    return {
        name: requires_approval(gate, one, name=name, **options) if callable(one) and not inspect.isclass(one) else one
        for name, one in cast("Mapping[str, object]", named).items()
    }


class _Function:
    def __init__(
        self,
        gate: Gate,
        function: Callable[..., object],
        name: str | None,
        on_reject: OnReject,
        unseen: Sequence[str],
        secret: Sequence[str],
        in_thread: bool,
        outcome: Describe | None,
        local: Mapping[str, object],
        fields: Mapping[str, object],
    ) -> None:
        from signoff.client.signature import Parameters, docstring

        if inspect.isclass(function) or _generates(function):
            raise TypeError(f"{_name(function)}: a class or generator cannot wait for an approval; wrap a function")
        self._gate = gate
        self._function = function
        self._name = name or _name(function)
        self._on_reject = on_reject
        self._in_thread = in_thread and not _is_async(function)
        self._outcome = outcome
        self._shown = shown = _routine(function)
        self._local = local
        self._parameters = Parameters(shown, unseen=unseen, secret=secret, local=local)
        description, of_parameters = docstring(shown)
        self._fields: dict[str, object] = {
            "title": self._name.replace("_", " ").strip().capitalize() or None,
            "description": description,
            "schema": self._parameters.schema(of_parameters),
            **{key: value for key, value in fields.items() if value is not None},
        }

    def wrapped(self) -> Callable[..., object]:
        if self._in_thread or _is_async(self._function):

            async def gated(*args: object, **kwargs: object) -> object:
                return await self._run(args, kwargs)

            return self._disguised(gated)

        def blocked(*args: object, **kwargs: object) -> object:
            return self._run_blocking(args, kwargs)

        return self._disguised(blocked)

    def _disguised(self, wrapper: Any) -> Callable[..., object]:
        """Looking like the original, with no way from it to the original: a framework that unwraps would not ask."""
        functools.update_wrapper(wrapper, self._shown)
        del wrapper.__wrapped__
        # Annotations kept as text would be looked up in this module.
        hints = typing.get_type_hints(self._shown, localns=dict(self._local), include_extras=True)
        signature = inspect.signature(self._shown)
        parameters = [
            one.replace(annotation=hints.get(one.name, one.annotation)) for one in signature.parameters.values()
        ]
        wrapper.__annotations__ = hints
        wrapper.__signature__ = signature.replace(
            parameters=parameters, return_annotation=hints.get("return", signature.return_annotation)
        )
        return cast("Callable[..., object]", wrapper)

    async def _run(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        try:
            call, bound = self._call(args, kwargs)
        except (TypeError, ValueError) as error:
            return self._misfit(error)
        verdict = await decide(self._gate, call) if isinstance(call, Call) else call
        if verdict.run is None:
            return self._not_run(verdict)
        ready = self._parameters.bind(bound, verdict.run)
        async with running(self._gate, verdict) as ran:
            if self._in_thread:
                result: object = await asyncio.to_thread(self._function, *ready.args, **ready.kwargs)
            else:
                result = await cast("Any", self._function(*ready.args, **ready.kwargs))
            ran.detail = self._told(result)
        return self._result(verdict, result)

    def _run_blocking(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        try:
            call, bound = self._call(args, kwargs)
        except (TypeError, ValueError) as error:
            return self._misfit(error)
        verdict = blocking(decide(self._gate, call)) if isinstance(call, Call) else call
        if verdict.run is None:
            return self._not_run(verdict)
        ready = self._parameters.bind(bound, verdict.run)
        with running_blocking(self._gate, verdict) as ran:
            result = self._function(*ready.args, **ready.kwargs)
            ran.detail = self._told(result)
        return self._result(verdict, result)

    def _call(
        self, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> tuple[Call | Verdict, inspect.BoundArguments]:
        """The call; the verdict when what is said about it cannot be made out.

        Raises TypeError, ValueError for what the function does not take.
        """
        from signoff.client.fields import told

        arguments, bound = self._parameters.arguments(args, kwargs)
        try:
            fields = cast("Fields", told(self._fields, arguments))
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=self._name, arguments={}), error), bound
        call = Call(
            tool=self._name, arguments=arguments, fields=fields, fits=lambda given: self._parameters.bind(bound, given)
        )
        return call, bound

    def _misfit(self, error: TypeError | ValueError) -> str:
        """Nobody is asked about what the function does not take. Raises what it would raise itself."""
        if self._on_reject == "raise":
            raise error
        return Misfit(tool=self._name, fault=fault_of(error)).sentence

    def _not_run(self, verdict: Verdict) -> object:
        if verdict.kind == "answer":
            return verdict.answer
        if verdict.error is not None and self._on_reject == "raise":
            raise verdict.error
        return verdict.said

    def _result(self, verdict: Verdict, result: object) -> object:
        return verdict.noted(result) if self._on_reject == "return" and isinstance(result, str) else result

    def _told(self, result: object) -> str | None:
        if self._outcome is None:
            return None
        try:
            return self._outcome(result)
        except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the caller
            return f"(no description: {type(error).__name__})"


def _name(function: object) -> str:
    if isinstance(function, functools.partial):
        return _name(cast("functools.partial[object]", function).func)
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _is_async(function: object) -> bool:
    if isinstance(function, functools.partial):
        return _is_async(cast("functools.partial[object]", function).func)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def _generates(function: object) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)


def _routine(function: Callable[..., object]) -> Callable[..., object]:
    """A function that looks like it: partials and objects with `__call__` have no annotations of their own."""
    if inspect.isroutine(function):
        return function
    inner = function.func if isinstance(function, functools.partial) else type(function).__call__
    inner = cast("Callable[..., object]", inner)

    def shown() -> None: ...

    shown.__name__ = shown.__qualname__ = _name(function)
    shown.__doc__ = inspect.getdoc(inner) if isinstance(function, functools.partial) else inspect.getdoc(function)
    shown.__module__ = getattr(function, "__module__", None) or inner.__module__
    shown.__annotations__ = dict(getattr(inner, "__annotations__", {}))
    shown.__wrapped__ = inner  # type: ignore[attr-defined]  # whose module its annotations are looked up in
    shown.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return shown
