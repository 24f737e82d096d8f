"""An agent with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_framework import (
    Agent,
    AgentSession,
    BaseChatClient,
    ChatResponse,
    ChatResponseUpdate,
    Content,
    FunctionInvocationLayer,
    FunctionTool,
    Message,
    ResponseStream,
    tool,
)

from signoff import Gate
from signoff_agents.agent_framework import ApprovalMiddleware, Pause, resume_with_approvals, run_with_approvals

Call = tuple[str, dict[str, Any]]


class Scripted(FunctionInvocationLayer[Any], BaseChatClient[Any]):
    """Says its turns one after the other: told by how many of its messages with calls have been answered."""

    def __init__(self, turns: list[list[Call]], **options: Any) -> None:
        super().__init__(**options)
        self.turns = turns
        self.seen: list[list[Message]] = []
        """What it was given, each time."""

    def _inner_get_response(
        self, *, messages: Sequence[Message], stream: bool, options: Mapping[str, Any], **_: Any
    ) -> Any:
        self.seen.append(list(messages))
        turn = sum(1 for one in messages if any(content.type == "function_result" for content in one.contents))
        contents = [Content.from_text("done")]
        if turn < len(self.turns):
            contents = [
                Content.from_function_call(call_id=f"c{turn}-{index}", name=name, arguments=arguments)
                for index, (name, arguments) in enumerate(self.turns[turn])
            ]

        async def whole() -> ChatResponse[Any]:
            return ChatResponse(messages=[Message(role="assistant", contents=contents)])

        async def parts() -> AsyncIterator[ChatResponseUpdate]:
            yield ChatResponseUpdate(role="assistant", contents=contents)

        return ResponseStream(parts(), finalizer=ChatResponse.from_updates) if stream else whole()


def pays(*amounts: float) -> list[Call]:
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

    def tools(self, pausing: Sequence[str] = ()) -> list[FunctionTool]:
        """`pausing`: the names of those that the framework itself has approved."""
        bank = self

        async def pay(to: str, amount: float) -> str:
            """Pay somebody."""
            return bank.note(f"{to} {amount:g}")

        def look(what: str) -> str:
            """Look something up."""
            bank.note(f"look {what}")
            return f"{what} is blue"

        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        return [
            tool(one, approval_mode="always_require" if one.__name__ in pausing else "never_require")
            for one in (pay, look, fails, ask_user)
        ]


def agent(
    bank: Bank, *turns: list[Call], pausing: Sequence[str] = (), tools: list[Any] | None = None, **options: Any
) -> Agent[Any]:
    made = bank.tools(pausing) if tools is None else tools
    return Agent(client=Scripted(list(turns)), name="bank", tools=made, **options)


def results(response: Any) -> list[Content]:
    return [one for message in response.messages for one in message.contents if one.type == "function_result"]


def said(response: Any) -> list[str]:
    """What the model reads of each call."""
    return [str(one.result) for one in results(response)]


def read(made: Agent[Any]) -> str:
    """All texts that the model was given at last."""
    return "\n".join(one.text or "" for message in made.client.seen[-1] for one in message.contents)  # type: ignore[attr-defined]


async def main() -> None:
    """`agent_framework_agent.py block|pause FOLDER SESSION`: begin a session's run, or go on with it."""
    how, folder, name = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    gate, bank, file = Gate(agent=os.environ["AGENT"]), Bank(folder / "paid"), folder / "paused.json"
    session = AgentSession(session_id=name)

    async def save(pause: Pause) -> None:
        file.write_text(json.dumps(pause.to_dict()))

    if how == "block":
        made = agent(bank, pays(1, 2), middleware=[ApprovalMiddleware(gate)])
        response = await made.run("pay them", session=session)
    else:
        made = agent(bank, pays(1, 2), pausing=["pay"])
        if file.exists():
            pause = Pause.from_dict(json.loads(file.read_text()))
            response = await resume_with_approvals(made, pause, gate=gate)
        else:
            response = await run_with_approvals(made, "pay them", session=session, gate=gate, save=save)
    print(json.dumps(said(response)))


if __name__ == "__main__":
    asyncio.run(main())
