"""Agents with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from agents import Agent, FunctionTool, ModelResponse, RunConfig, Runner, function_tool
from agents.testing import ModelStep, ScriptedModel, assistant_message, function_call
from agents.usage import Usage

from signoff import Gate
from signoff_agents.openai_agents import gate_agent, resume, run_with_approvals

CONFIG: Any = {"tracing_disabled": True}


def turn(*calls: tuple[str, dict[str, Any]], prefix: str = "c") -> list[Any]:
    """One turn of the model with these calls."""
    return [function_call(name, args, call_id=f"{prefix}{index}") for index, (name, args) in enumerate(calls, 1)]


def pays(*amounts: float, prefix: str = "c") -> list[Any]:
    return turn(
        *(("pay", {"to": f"p{index}", "amount": amount}) for index, amount in enumerate(amounts)), prefix=prefix
    )


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

    def tools(self, **options: Any) -> list[FunctionTool]:
        bank = self

        @function_tool(**options)
        def pay(to: str, amount: float) -> str:
            """Pay somebody.

            Args:
                to: Who.
                amount: In dollars.
            """
            return bank.note(f"{to} {amount:g}")

        @function_tool
        def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        @function_tool
        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        @function_tool(**options)
        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        return [pay, look, fails, ask_user]


def model(*turns: list[Any]) -> ScriptedModel:
    return ScriptedModel([*turns, [assistant_message("done")]])


def agent(bank: Bank, *turns: list[Any], **options: Any) -> Agent[Any]:
    return Agent(name="Bank", model=model(*turns), tools=[*bank.tools()], **options)


def pausing(bank: Bank, *turns: list[Any], needs: Any = True) -> Agent[Any]:
    return Agent(name="Bank", model=model(*turns), tools=[*bank.tools(needs_approval=needs)])


async def run(made: Agent[Any], group: str | None = None) -> Any:
    return await Runner.run(made, "pay them", run_config=RunConfig(tracing_disabled=True, group_id=group))


def said(result: Any) -> list[str]:
    """What the model read of its calls, in their order."""
    outputs = [one for one in result.to_input_list() if one.get("type") == "function_call_output"]
    calls = [one["call_id"] for one in result.to_input_list() if one.get("type") == "function_call"]
    return [one["output"] for one in sorted(outputs, key=lambda one: calls.index(one["call_id"]))]


async def work(part: str, folder: Path, group: str) -> list[str]:
    gate = Gate(agent=os.environ["AGENT"])
    bank, kept = Bank(folder / "paid"), folder / "run.json"
    if part == "block":
        return said(await run(gate_agent(agent(bank, pays(1, 2)), gate), group))

    def keep(text: str) -> None:
        kept.write_text(text)

    if part == "run":
        made = pausing(bank, pays(1, 2))
        return said(await run_with_approvals(made, "pay", gate=gate, run_config=CONFIG, on_pause=keep))
    return said(await resume(pausing(bank), kept.read_text(), gate=gate, run_config=CONFIG))


def main() -> None:
    """`openai_agents_agent.py block|run|resume FOLDER GROUP`: one process's part of a run; prints what tools said."""
    print(json.dumps(asyncio.run(work(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))))


def response(*calls: Any, response_id: str | None = None) -> ModelStep:
    return ModelStep(response=ModelResponse(output=list(calls), usage=Usage(), response_id=response_id))


if __name__ == "__main__":
    main()
