"""The middleware that asks where a tool is about to run, and waits there."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from agent_framework import Content, FunctionInvocationContext, FunctionMiddleware, FunctionTool
from pydantic import BaseModel

from signoff.errors import where
from signoff_agents.agent_framework.calls import call_of
from signoff_agents.gating import Call, Ran, Tools, Turns, Verdict, checked, fields_of, refused, running

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

Describe = Callable[[str], str | None]

NO_EDIT = ("approve", "reject", "respond")
"""Of a call that the framework has had approved already: it would have other arguments approved anew."""

log = logging.getLogger("signoff")


@dataclass(eq=False)
class _Turn:
    """Calls that the framework makes at the same moment."""

    tools: object
    """The list that is this run's own: kept, so that no other one can have its identity."""
    session_id: str
    calls: list[Call] = field(default_factory=list)


class ApprovalMiddleware(FunctionMiddleware):
    """`Agent(..., middleware=[ApprovalMiddleware(gate)])`: tools run when a person has approved their arguments.

    `tools`: `"all"`, names, or name → what `Gate.ask` takes (`{"pay": {"risk": "high"}, "look": None, "*": {}}`; None:
    not asked about, "*": the rest). Calls of one turn are asked about as one batch, unless the client makes them one
    after the other, and each goes on when it is decided. `outcome`: from the text of a result to what the card shows of
    it; without it only that it succeeded.

    With a session, the same call made again finds what it asked, and runs nothing twice. Put it last, nearest to the
    tools: what middleware behind it changes nobody has seen. It sees what runs in this process: neither tools that the
    model's provider runs nor those that are only declared, and of an agent used as a tool the call alone, not what that
    agent calls. A tool that asks for input by itself should not be asked about: it would have to run again, and it runs
    once.
    """

    def __init__(
        self, gate: Gate, tools: Tools = "all", *, title: str | None = None, outcome: Describe | None = None
    ) -> None:
        self._gate = gate
        self._tools = checked(tools)
        self._turns = Turns(gate, title)
        self._outcome = outcome
        self._gathering: dict[int, _Turn] = {}

    async def process(self, context: FunctionInvocationContext, call_next: Callable[[], Awaitable[None]]) -> None:
        fields = fields_of(self._tools, context.function.name)
        if fields is None:
            await call_next()
            return
        verdict = await self._verdict(context, fields)
        if verdict.run is None:
            context.result = verdict.said or ""
            return
        if (
            verdict.edited
        ):  # else they stay as they are, typed: JSON would count as a change of what the framework asked
            context.arguments = verdict.run
        async with running(self._gate, verdict) as ran:
            await call_next()
            self._describe(ran, context.result)
        if verdict.note is not None:
            context.result = _noted(context.result, verdict.note)

    async def _verdict(self, context: FunctionInvocationContext, fields: Fields) -> Verdict:
        try:
            calls = await self._calls(context, fields)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(Call(tool=context.function.name, arguments={}), error)
        return await self._turns.decide(*calls)

    async def _calls(self, context: FunctionInvocationContext, fields: Fields) -> tuple[Call, list[Call]]:
        """The call and those of its turn."""
        key = id(context.tools)
        turn = None if context.tools is None else self._gathering.get(key)
        if turn is None:
            # Without a session nothing is kept that could make the same call again.
            session_id = uuid4().hex if context.session is None else context.session.session_id
            turn = _Turn(context.tools, session_id)
        call = call_of(
            context.function.name,
            _arguments(context),
            tool=context.function,
            call_id=context.metadata.get("call_id"),
            run_id=turn.session_id,
            fields=fields,
            allowed=NO_EDIT if "approval_response" in context.metadata else None,
        )
        turn.calls.append(call)
        if context.tools is not None:
            self._gathering[key] = turn
            await asyncio.sleep(0)  # the other calls of the turn are started before this one goes on
            if self._gathering.get(key) is turn:
                del self._gathering[key]
        return call, turn.calls

    def _describe(self, ran: Ran, result: object) -> None:
        if self._outcome is None:
            return
        try:
            ran.detail = self._outcome("\n".join(item.text for item in _items(result) if item.text))
        except Exception as error:  # noqa: BLE001  # the tool has run: its result must reach the model
            log.warning("the outcome could not be described: %s", where(error))


def _arguments(context: FunctionInvocationContext) -> dict[str, Any]:
    given = context.arguments
    return given.model_dump(exclude_unset=True) if isinstance(given, BaseModel) else dict(given)


def _noted(result: object, note: str) -> object:
    """With the note about an edit behind it: the model's own message keeps the arguments it wrote."""
    if isinstance(result, Content) and result.type == "function_approval_request":
        return result  # the framework's own, and no result
    return [*_items(result), Content.from_text(note)]


def _items(result: object) -> list[Content]:
    """A result as the framework makes one; a tool may skip that."""
    given = cast("list[object]", result) if isinstance(result, list) else None
    if given is not None and all(isinstance(one, Content) for one in given):
        return cast("list[Content]", given)
    return FunctionTool.parse_result(result)
