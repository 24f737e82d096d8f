"""An agent with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, tool

from signoff import Gate
from signoff_agents.langchain import ApprovalMiddleware, resolve_interrupts_blocking, run_with_approvals_blocking


class Scripted(GenericFakeChatModel):
    """Says what it was given, whatever it is told."""

    def bind_tools(self, tools: Any, **_: Any) -> Any:
        return self


def turn(*calls: tuple[str, dict[str, Any]], prefix: str = "c") -> AIMessage:
    """One turn of the model with these calls."""
    made = [{"name": name, "args": args, "id": f"{prefix}{index}"} for index, (name, args) in enumerate(calls, 1)]
    return AIMessage("", tool_calls=made)


def pays(*amounts: float, prefix: str = "c") -> AIMessage:
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

    def tools(self) -> list[BaseTool]:
        bank = self

        @tool
        def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            return bank.note(f"{to} {amount:g}")

        @tool
        def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        @tool
        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        @tool
        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        @tool
        def breaks(to: str) -> str:
            """Pay, and break at the first attempt."""
            bank.note(to)
            if len(bank.paid) == 1:
                raise ConnectionError("lost")
            return "paid"

        return [pay, look, fails, ask_user, breaks]


def agent(bank: Bank, *said: AIMessage, **options: Any) -> Any:
    model = Scripted(messages=iter([*said, AIMessage("done")]))
    return create_agent(model, bank.tools(), **options)


def paused(bank: Bank, mode: str, saver: Any, *said: AIMessage, tools: Any = ("pay",)) -> Any:
    on = tools if isinstance(tools, dict) else dict.fromkeys(tools, True)
    hitl = HumanInTheLoopMiddleware(on, interrupt_mode=mode)  # type: ignore[arg-type]
    return agent(bank, *said, middleware=[hitl], checkpointer=saver)


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


SAY: Any = {"messages": [("user", "pay them")]}


def results(out: Any) -> list[ToolMessage]:
    return [one for one in out["messages"] if isinstance(one, ToolMessage)]


def said(out: Any) -> list[str]:
    return [one.text for one in results(out)]


def main() -> None:
    """`langchain_agent.py block|run|resume MODE FOLDER THREAD`: one process's part of a run; prints what tools said."""
    from langgraph.checkpoint.sqlite import SqliteSaver

    part, mode, folder, thread = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4]
    gate = Gate(agent=os.environ["AGENT"])
    bank = Bank(folder / "paid")
    with SqliteSaver.from_conn_string(str(folder / "state.db")) as saver:
        if part == "block":
            middleware: list[Any] = [ApprovalMiddleware(gate)]
            begun = saver.get_tuple(config(thread)) is not None
            made = agent(bank, *([] if begun else [pays(1, 2)]), middleware=middleware, checkpointer=saver)
            out = made.invoke(None if begun else SAY, config(thread))
        else:
            made = paused(bank, mode, saver, *([pays(1, 2)] if part == "run" else []))
            drive = run_with_approvals_blocking if part == "run" else resolve_interrupts_blocking
            words = (made, SAY, config(thread)) if part == "run" else (made, config(thread))
            out = drive(*words, gate=gate)  # type: ignore[arg-type]
    print(json.dumps(said(out)))


if __name__ == "__main__":
    main()
