"""A crew with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, cast

from crewai import Agent, Crew, Task
from crewai.llms.base_llm import BaseLLM
from crewai.tools import BaseTool, tool
from pydantic import BaseModel, Field

from signoff import Gate
from signoff_agents.crewai import gated, run

DONE = "Thought: I now know the final answer\nFinal Answer: done"
Turn = list[tuple[str, dict[str, Any]]]
"""What the model calls in one turn."""


class Scripted(BaseLLM):
    """Calls what it was given, turn by turn, and keeps what it read."""

    turns: list[Any]
    native: bool = True
    read: list[str]

    def supports_function_calling(self) -> bool:
        return self.native

    def call(self, messages: Any, *_: Any, **__: Any) -> Any:
        self.read = [_text(one) for one in messages]
        if not self.turns:
            return DONE
        turn: Turn = self.turns.pop(0)
        if self.native:
            return [
                {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for index, (name, given) in enumerate(turn, 1)
            ]
        [(name, given)] = turn
        return f"Thought: I pay\nAction: {name}\nAction Input: {json.dumps(given)}"

    async def acall(self, messages: Any, *_: Any, **__: Any) -> Any:
        return self.call(messages)


def _text(message: Any) -> str:
    return str(message.get("content") or "")


def scripted(*turns: Turn, native: bool = True) -> Scripted:
    return Scripted(model="scripted", turns=list(turns), native=native, read=[])


def pays(*amounts: float) -> Turn:
    return [("pay", {"to": f"p{index}", "amount": amount}) for index, amount in enumerate(amounts)]


class Person(BaseModel):
    name: str
    born: date | None = None


class Greeting(BaseModel):
    person: Person = Field(alias="toWhom")
    how: str = "hello"


class Greet(BaseTool):
    """A tool of the other kind: a class, with a schema of its own."""

    name: str = "Greet Somebody"
    description: str = "Greet."
    args_schema: type[BaseModel] = Greeting
    bank: Any

    def _run(self, person: dict[str, Any], how: str) -> str:
        return cast("Bank", self.bank).note(f"{how} {person['name']} {person['born']!r}")


class Bank:
    """Tools, and what ran. With a file, what ran in whatever process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._paid: list[str] = []
        self._lock = threading.Lock()

    @property
    def paid(self) -> list[str]:
        if self._file is None:
            return self._paid
        return self._file.read_text().splitlines() if self._file.exists() else []

    def note(self, text: str) -> str:
        with self._lock:
            self._paid.append(text)
            if self._file is not None:
                with self._file.open("a") as out:
                    out.write(text + "\n")
        return f"paid {text}"

    def tools(self) -> list[BaseTool]:
        bank = self

        @tool
        def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            return bank.note(f"{to} {amount:g}")

        @tool
        async def pay_later(to: str, amount: float) -> str:
            """Pay somebody, without hurry."""
            await asyncio.sleep(0)
            return bank.note(f"{to} {amount:g}")

        @tool
        def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        @tool
        def fails(why: str) -> str:
            """Fail."""
            bank.note(why)
            raise ValueError(why)

        @tool
        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        return [pay, pay_later, look, fails, ask_user, Greet(bank=bank)]

    def gated(self, gate: Gate, *names: str, **options: Any) -> list[BaseTool]:
        """The named ones gated, the rest as they are."""
        made = {one.name: one for one in gated(gate, *(one for one in self.tools() if one.name in names), **options)}
        return [made.get(one.name, one) for one in self.tools()]


def crew(model: Scripted, tools: list[BaseTool], *, cache: bool = False, **options: Any) -> Crew:
    agent = Agent(role="payer", goal="pay", backstory="You pay.", llm=model, tools=tools, **options)
    task = Task(description="pay them", expected_output="done", agent=agent)
    return Crew(agents=[agent], tasks=[task], cache=cache)


def kickoff(made: Crew, way: str = "kickoff") -> Any:
    """`kickoff`, `akickoff` or `kickoff_async`, from code that is not async."""
    if way == "kickoff":
        return made.kickoff()
    start: Callable[[], Any] = getattr(made, way)

    async def started() -> Any:
        return await start()

    return asyncio.run(started())


def said(model: Scripted) -> list[str]:
    """What the model has read of its calls, whichever way it was told: all that came after the task."""
    return [text for text in model.read if text][2:]


def main() -> None:
    """`crewai_agent.py FOLDER RUN`: a crew that pays twice; prints what the model read."""
    folder, run_id = Path(sys.argv[1]), sys.argv[2]
    model = scripted(pays(1, 2))
    bank = Bank(folder / "paid")
    with run(run_id):
        crew(model, bank.gated(Gate(agent=os.environ["AGENT"]), "pay")).kickoff()
    print(json.dumps(model.read))


if __name__ == "__main__":
    main()
