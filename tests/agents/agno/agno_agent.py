"""Agents, teams and workflows with a scripted model and tools that write down what ran."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from agno.agent import Agent
from agno.db.sqlite import AsyncSqliteDb, SqliteDb
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.run.agent import RunOutput
from agno.team import Team
from agno.tools import Function, tool

Turn = str | list[tuple[str, dict[str, Any]]]
"""What the model says: text, or calls."""


class Scripted(Model):
    """Says what it was given, whatever it is told, and then `done`."""

    def __init__(self, *turns: Turn, prefix: str = "c") -> None:
        super().__init__(id="scripted", name="scripted", provider="test")
        self.turns: Iterator[Turn] = iter(turns)
        self.prefix = prefix
        self.said = 0
        self.seen: list[list[Message]] = []
        """The messages of each call."""

    def invoke(self, *_: Any, messages: list[Message], **__: Any) -> ModelResponse:
        self.seen.append(list(messages))
        turn = next(self.turns, "done")
        if isinstance(turn, str):
            return ModelResponse(role="assistant", content=turn)
        self.said += 1
        calls = [
            {
                "id": f"{self.prefix}{self.said}-{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for index, (name, arguments) in enumerate(turn, 1)
        ]
        return ModelResponse(role="assistant", content="", tool_calls=calls)

    async def ainvoke(self, *args: Any, **options: Any) -> ModelResponse:
        return self.invoke(*args, **options)

    def invoke_stream(self, *args: Any, **options: Any) -> Iterator[ModelResponse]:
        yield self.invoke(*args, **options)

    async def ainvoke_stream(self, *args: Any, **options: Any) -> Any:
        yield self.invoke(*args, **options)

    def _parse_provider_response(self, response: Any, **_: Any) -> ModelResponse:
        return response  # type: ignore[no-any-return]

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return response  # type: ignore[no-any-return]


def pays(*amounts: float, name: str = "pay") -> Turn:
    return [(name, {"to": f"p{index}", "amount": amount}) for index, amount in enumerate(amounts)]


class Bank:
    """Tools, and what ran. With a file, what ran in whatever process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._paid: list[str] = []

    @property
    def paid(self) -> list[str]:
        if self._file is None:
            return self._paid
        return self._file.read_text().splitlines() if self._file.exists() else []

    def note(self, text: str) -> str:
        self._paid.append(text)
        if self._file is not None:
            with self._file.open("a") as out:
                out.write(text + "\n")
        return f"paid {text}"

    def tool(self, name: str = "pay", **options: Any) -> Function:
        """`pay(to, amount)` under any name; `options` are those of agno's `tool`."""
        bank = self

        @tool(name=name, **options)
        def pay(to: str, amount: float) -> str:
            """Pay somebody.

            Args:
                to: The account.
                amount: In US dollars.
            """
            return bank.note(f"{to} {amount:g}")

        return pay

    def async_tool(self, name: str = "pay", **options: Any) -> Function:
        bank = self

        @tool(name=name, **options)
        async def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            return bank.note(f"{to} {amount:g}")

        return pay

    def fails(self, **options: Any) -> Function:
        @tool(**options)
        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        return fails


def sqlite(folder: Path) -> SqliteDb:
    return SqliteDb(db_file=str(folder / "agno.db"))


def async_sqlite(folder: Path) -> AsyncSqliteDb:
    return AsyncSqliteDb(db_file=str(folder / "agno.db"))


def agent(*turns: Turn, tools: list[Any], prefix: str = "c", **options: Any) -> Agent:
    return Agent(model=Scripted(*turns, prefix=prefix), tools=tools, telemetry=False, **options)


def team(*turns: Turn, members: list[Any], **options: Any) -> Team:
    return Team(members=members, model=Scripted(*turns, prefix="t"), telemetry=False, **options)


def delegate(member: str) -> Turn:
    return [("delegate_task_to_member", {"member_id": member, "task": "pay"})]


def said(run: Any) -> list[str]:
    """What the model read in the place of results."""
    return [str(one.content) for one in run.messages or [] if one.role == "tool"]


def errors(run: Any) -> list[bool | None]:
    return [one.tool_call_error for one in run.messages or [] if one.role == "tool"]


def paused(make: Callable[[], Agent], session: str) -> RunOutput:
    run = make().run("pay", session_id=session)
    assert isinstance(run, RunOutput)
    assert run.is_paused
    return run


def main() -> None:
    """`agno_agent.py FOLDER RUN`: one process's part of a run; prints what tools said."""
    from signoff import Gate
    from signoff_agents.agno import run_with_approvals_blocking

    folder, run_id = Path(sys.argv[1]), sys.argv[2]
    tool = Bank(folder / "paid").tool(requires_confirmation=True)
    begun = (folder / "agno.db").exists()
    made = agent(*(() if begun else (pays(1, 2),)), tools=[tool], db=sqlite(folder))
    gate = Gate(agent=os.environ["AGENT"])
    run = run_with_approvals_blocking(made, "pay", gate=gate, session_id="s", run_id=run_id)
    print(json.dumps(said(run)))


if __name__ == "__main__":
    main()
