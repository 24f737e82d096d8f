"""An agent with a scripted model and tools that write down what ran: in the tests and in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from uuid import uuid4

from google.adk.agents import LlmAgent
from google.adk.apps import App, ResumabilityConfig
from google.adk.models.base_llm import BaseLlm
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.adk.sessions.sqlite_session_service import SqliteSessionService
from google.adk.tools.tool_context import ToolContext
from google.genai import types
from pydantic import Field

from signoff import Gate
from signoff_agents.google_adk import ApprovalPlugin

USER = "u"
CONFIRMATION = "adk_request_confirmation"

Call = tuple[str, dict[str, Any]]


class Scripted(BaseLlm):
    """Says its turns one after the other: told by how many of its calls have been answered."""

    model: str = "scripted"
    turns: list[list[Call]]
    seen: list[Any] = Field(default_factory=list)
    """What it was given, each time."""

    async def generate_content_async(
        self, llm_request: LlmRequest, stream: bool = False
    ) -> AsyncGenerator[LlmResponse, None]:
        self.seen.append(llm_request.contents)
        turn = sum(1 for one in llm_request.contents if any(part.function_response for part in one.parts or ()))
        if turn >= len(self.turns):
            parts = [types.Part(text="done")]
        else:
            parts = [
                types.Part(function_call=types.FunctionCall(id=f"c{turn}-{index}", name=name, args=args))
                for index, (name, args) in enumerate(self.turns[turn])
            ]
        yield LlmResponse(content=types.Content(role="model", parts=parts))


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

    def tools(self) -> list[Any]:
        bank = self

        def pay(to: str, amount: float, tool_context: ToolContext) -> str:
            """Pay somebody.

            Args:
                amount: In US dollars.
            """
            return bank.note(f"{to} {amount:g}")

        async def look(what: str) -> dict[str, Any]:
            """Look something up."""
            bank.note(f"look {what}")
            return {"colour": "blue"}

        def fails(why: str) -> str:
            """Fail."""
            raise ValueError(why)

        def ask_user(question: str) -> str:
            """Ask the user."""
            raise AssertionError(question)

        return [pay, look, fails, ask_user]


def app(
    bank: Bank,
    turns: list[list[Call]],
    *plugins: Any,
    tools: list[Any] | None = None,
    name: str = "bank",
    **options: Any,
) -> App:
    model = Scripted(turns=turns)
    made = LlmAgent(name="agent", model=model, tools=bank.tools() if tools is None else tools, **options)
    resumable = ResumabilityConfig(is_resumable=True)
    return App(name=name, root_agent=made, plugins=list(plugins), resumability_config=resumable)


class Run:
    """One session of an app, in one process."""

    def __init__(self, made: App, session: str, sessions: Any = None) -> None:
        self.app = made
        self.session = session
        self.sessions = sessions or InMemorySessionService()
        self.runner = Runner(app=made, session_service=self.sessions, auto_create_session=True)
        self.events: list[Any] = []

    async def say(self, message: types.Content | None = None, invocation_id: str | None = None) -> Run:
        if message is None and invocation_id is None:
            message = types.Content(role="user", parts=[types.Part(text="pay them")])
        async for event in self.runner.run_async(
            user_id=USER, session_id=self.session, new_message=message, invocation_id=invocation_id
        ):
            self.events.append(event)
        return self

    async def invocation(self) -> str | None:
        """The id of what was begun in this session, by this process or another one."""
        found = await self.sessions.get_session(app_name=self.app.name, user_id=USER, session_id=self.session)
        return found.events[-1].invocation_id if found and found.events else None

    @property
    def results(self) -> dict[str, Any]:
        """Call id → what the model reads."""
        return {one.id: one.response for event in self.events for one in event.get_function_responses()}

    @property
    def said(self) -> list[Any]:
        return [self.results[key] for key in sorted(self.results)]

    def confirmations(self) -> list[Any]:
        return [one for event in self.events for one in event.get_function_calls() if one.name == CONFIRMATION]


def confirmed(call_id: str, payload: Any = None, *, yes: bool = True) -> types.Content:
    """A person's answer in ADK's own way."""
    response = types.FunctionResponse(id=call_id, name=CONFIRMATION, response={"confirmed": yes, "payload": payload})
    return types.Content(role="user", parts=[types.Part(function_response=response)])


async def run(bank: Bank, turn: list[Call], *plugins: Any, session: str | None = None, **options: Any) -> Run:
    return await Run(app(bank, [turn], *plugins, **options), session or uuid4().hex).say()


async def main() -> None:
    """`google_adk_agent.py FOLDER SESSION`: begin a session's run, or go on with it; prints what tools said."""
    folder, session = Path(sys.argv[1]), sys.argv[2]
    made = app(Bank(folder / "paid"), [pays(1, 2)], ApprovalPlugin(Gate(agent=os.environ["AGENT"])))
    one = Run(made, session, SqliteSessionService(str(folder / "sessions.db")))
    begun = await one.invocation()
    await one.say(invocation_id=begun)
    print(json.dumps(one.said))


if __name__ == "__main__":
    asyncio.run(main())
