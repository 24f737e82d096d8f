"""Agents with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from pydantic_ai import Agent, DeferredToolRequests, Tool
from pydantic_ai.exceptions import CallDeferred
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

from signoff import Gate
from signoff_agents.pydantic_ai import approvals


def turn(*calls: tuple[str, dict[str, Any]], prefix: str = "c") -> ModelResponse:
    """One turn of the model with these calls."""
    return ModelResponse(
        [ToolCallPart(name, args, tool_call_id=f"{prefix}{index}") for index, (name, args) in enumerate(calls, 1)]
    )


def pays(*amounts: float, prefix: str = "c") -> ModelResponse:
    return turn(
        *(("pay", {"to": f"p{index}", "amount": amount}) for index, amount in enumerate(amounts)), prefix=prefix
    )


def model(*turns: ModelResponse) -> FunctionModel:
    """Says what it was given, whatever it is told."""
    said = iter([*turns, ModelResponse([TextPart("done")])])
    return FunctionModel(lambda messages, info: next(said))


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

    def tools(self, *, requires_approval: bool = False) -> list[Tool[None]]:
        bank = self

        def pay(to: str, amount: float) -> str:
            """Pay somebody.

            Args:
                to: Who.
                amount: In dollars.
            """
            return bank.note(f"{to} {amount:g}")

        def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        def count(what: str) -> list[str]:
            """Count something."""
            return [what]

        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        def ask_user(question: str) -> str:
            """Ask the user."""
            raise CallDeferred

        return [
            Tool(pay, requires_approval=requires_approval),
            Tool(look),
            Tool(count, requires_approval=requires_approval),
            Tool(fails),
            Tool(ask_user),
        ]


def agent(bank: Bank, *turns: ModelResponse, needs: bool = False, **options: Any) -> Agent[None, Any]:
    return Agent(model(*turns), tools=bank.tools(requires_approval=needs), **options)


def pausing(bank: Bank, *turns: ModelResponse, **options: Any) -> Agent[None, Any]:
    return agent(bank, *turns, needs=True, output_type=[str, DeferredToolRequests], **options)


def results(result: Any) -> list[ToolReturnPart]:
    parts = [part for message in result.all_messages() for part in message.parts]
    calls = [part.tool_call_id for part in parts if isinstance(part, ToolCallPart)]
    found = [part for part in parts if isinstance(part, ToolReturnPart)]
    return sorted(found, key=lambda part: calls.index(part.tool_call_id))


def said(result: Any) -> list[Any]:
    """What the model read of its calls, in their order."""
    return [part.content for part in results(result)]


async def work(part: str, folder: Path, conversation: str) -> list[Any]:
    """One process's part: a run that waits, one that pauses and keeps its messages, or one that goes on from them."""
    gate = Gate(agent=os.environ["AGENT"])
    bank, kept = Bank(folder / "paid"), folder / "messages.json"
    if part == "block":
        made = agent(bank, pays(1, 2), capabilities=[approvals(gate)])
        return said(await made.run("pay", conversation_id=conversation))
    asking = approvals(gate, pause=True)
    if part == "run":
        made = pausing(bank, pays(1, 2), capabilities=[asking])
        result = await made.run("pay", conversation_id=conversation)
        kept.write_bytes(result.all_messages_json())
    else:
        made = pausing(bank, capabilities=[asking])
    messages = ModelMessagesTypeAdapter.validate_json(kept.read_bytes())
    calls = [one for one in messages[-1].parts if isinstance(one, ToolCallPart)]
    waits = DeferredToolRequests(approvals=calls)
    return said(await asking.resume(made, waits, message_history=messages, run_id=conversation))


def main() -> None:
    """`pydantic_ai_agent.py block|run|resume FOLDER CONVERSATION`: prints what tools said."""
    print(json.dumps(asyncio.run(work(sys.argv[1], Path(sys.argv[2]), sys.argv[3]))))


if __name__ == "__main__":
    main()
