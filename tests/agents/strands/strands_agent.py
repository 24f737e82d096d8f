"""An agent with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from strands import Agent, tool
from strands.models.model import Model
from strands.session.file_session_manager import FileSessionManager

from signoff import Gate
from signoff_agents.strands import ApprovalHooks, resume_interrupts_blocking, run_with_approvals_blocking

Turn = str | list[tuple[str, dict[str, Any]]]


class Scripted(Model):
    """Says what it was given, whatever it is told; then "done"."""

    def __init__(self, *turns: Turn, prefix: str = "c") -> None:
        self._turns = list(turns)
        self._prefix = prefix
        self._said = 0

    def update_config(self, **_: Any) -> None: ...

    def get_config(self) -> dict[str, Any]:
        return {"model_id": "scripted"}

    async def structured_output(self, *_: Any, **__: Any) -> AsyncGenerator[Any]:
        raise NotImplementedError
        yield

    async def stream(self, *_: Any, **__: Any) -> AsyncGenerator[Any]:
        turn = self._turns.pop(0) if self._turns else "done"
        yield {"messageStart": {"role": "assistant"}}
        if isinstance(turn, str):
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": turn}}}
            yield {"contentBlockStop": {}}
            yield {"messageStop": {"stopReason": "end_turn"}}
            return
        self._said += 1
        for index, (name, given) in enumerate(turn, 1):
            use = {"name": name, "toolUseId": f"{self._prefix}{self._said}-{index}"}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": json.dumps(given)}}}}
            yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use"}}


def pays(*amounts: object) -> Turn:
    return [("pay", {"to": f"p{index}", "amount": amount}) for index, amount in enumerate(amounts)]


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

    def tools(self) -> list[Any]:
        bank = self

        @tool
        def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            return bank.note(f"{to} {amount:g}")

        @tool
        async def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        @tool
        def fails(why: str) -> str:
            """Fail."""
            raise LookupError(why)

        @tool
        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        return [pay, look, fails, ask_user]


def agent(bank: Bank, *turns: Turn, tools: Any = (), **options: Any) -> Agent:
    model = options.pop("model", None) or Scripted(*turns)
    return Agent(model=model, tools=[*bank.tools(), *tools], callback_handler=None, **options)


def results(made: Agent) -> list[Any]:
    return [one["toolResult"] for message in made.messages for one in message["content"] if "toolResult" in one]


def said(made: Agent) -> list[str]:
    """Every tool result, as its texts."""
    return ["\n\n".join(block.get("text", "") for block in one["content"]) for one in results(made)]


def asked_of(made: Agent) -> list[Any]:
    """The calls as the model's own messages keep them."""
    return [one["toolUse"]["input"] for message in made.messages for one in message["content"] if "toolUse" in one]


def main() -> None:
    """`strands_agent.py block|run|resume FOLDER SESSION`: one process's part of a run; prints what tools said."""
    part, folder, session = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    gate = Gate(agent=os.environ["AGENT"])
    bank = Bank(folder / "paid")
    hooks = ApprovalHooks(gate, ["pay"], mode="block" if part == "block" else "interrupt")
    begun = (folder / f"session_{session}").exists()
    manager = FileSessionManager(session, storage_dir=str(folder))
    made = agent(bank, *([] if begun else [pays(1, 2)]), hooks=[hooks], session_manager=manager)
    if part == "run":
        run_with_approvals_blocking(made, "pay them", gate)
    elif part == "resume":
        resume_interrupts_blocking(made, gate)
    else:
        made(None if begun else "pay them")
    print(json.dumps(said(made)))


if __name__ == "__main__":
    main()
