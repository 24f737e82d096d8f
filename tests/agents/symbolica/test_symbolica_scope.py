"""Symbolica's Agentica: functions of a `scope`, called from the other side of its own wire, as a model's code does.

Both sides are its SDK's; the server with the model in it is left out.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from agentica_internal.warpc.flags import with_flags
from agentica_internal.warpc.worlds.debug_world import DebugWorld, is_virtual
from agents_harness import Desk, approve, edit, reject, respond

from signoff_agents.plain import scope


class Bank:
    def __init__(self) -> None:
        self.paid: list[tuple[str, float]] = []

    def functions(self) -> list[Any]:
        async def pay(to: str, amount: float) -> float:
            """Pay somebody."""
            self.paid.append((to, amount))
            return amount

        async def ask_human(question: str) -> str:
            """Ask."""
            raise AssertionError

        return [pay, ask_human]


@asynccontextmanager
async def there(functions: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """What the model's code finds under these names."""
    with with_flags(DEFAULT_ASYNC_MODE="coro"):
        pair = DebugWorld.connected_pair(logging=False)
        async with pair:
            _, across = pair.pipes
            found = {name: await across(one) for name, one in functions.items()}
            assert all(map(is_virtual, found.values()))
            yield found


async def test_the_model_sees_the_original(desk: Desk) -> None:
    """Signature and docstring are those of the function, and it is async on the other side too."""
    functions = scope(desk.gate(), Bank().functions())
    async with there(functions) as found:
        assert list(inspect.signature(found["pay"]).parameters) == ["to", "amount"]
        assert inspect.getdoc(found["pay"]) == "Pay somebody."
        assert inspect.iscoroutinefunction(found["pay"])


async def test_edited_and_several_at_once(desk: Desk) -> None:
    """A gather of the model's own waits for each; typed results come back as they are, edits in them."""
    bank = Bank()
    desk.people(lambda asked: edit(amount=5)(asked) if asked["arguments"]["amount"] == 20 else approve)
    async with there(scope(desk.gate(), bank.functions())) as found:
        assert await asyncio.gather(found["pay"]("ada", 20), found["pay"]("bob", 3)) == [5, 3]
    assert sorted(bank.paid) == [("ada", 5), ("bob", 3)]
    assert len(desk.requests()) == 2


async def test_rejection_is_raised_in_the_models_code(desk: Desk) -> None:
    """Verbatim, with its retry word: a typed result has no room for text."""
    bank = Bank()
    desk.people(reject("wrong person", "never"))
    async with there(scope(desk.gate(), bank.functions())) as found:
        with pytest.raises(
            Exception, match=r"Ada Okafor rejected this call of pay: wrong person\. Do not try this again\."
        ):
            await found["pay"]("ada", 20)
    assert not bank.paid


async def test_answer_is_the_result(desk: Desk) -> None:
    """What a person answers comes back as the function's result."""
    desk.people(respond("blue"))
    fields: Any = {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}
    async with there(scope(desk.gate(), Bank().functions(), **fields)) as found:
        assert await found["ask_human"]("Which?") == "blue"


async def test_service_away(desk: Desk) -> None:
    """Nothing runs, and the model's code reads one fixed sentence."""
    bank = Bank()
    async with there(scope(desk.away(), bank.functions())) as found:
        with pytest.raises(Exception, match="pay was not run: it needs a person's approval") as away:
            await found["pay"]("ada", 20)
    assert "127.0.0.1" not in str(away.value)
    assert not bank.paid
