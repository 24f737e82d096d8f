"""`calls.py FRAMEWORK`, under that framework's own Python: one tool call without the gate, and one behind it.

The service is in SIGNOFF_URL and SIGNOFF_API_KEY, and approves "pay" and "transfer" by a rule. Each line that comes in
is a round, answered with a line of JSON: the medians of both in seconds, and before them that of the least that two
calls over HTTP take (SIGNOFF_BENCH_LEAST), each after a run without the gate. The first answer comes unasked: all is
warm.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp

from signoff import Gate

TESTS = Path(__file__).parents[2] / "agents"
CALLS = 20
"""In a round, of each kind, one after the other."""
WARM = 10
SENT = {"to": "p0", "amount": 3}

Call = Callable[[], Awaitable[object]]
"""One run that calls one tool once; what it answers is true when the tool has run."""
Made = Callable[[], Call]
"""Makes ready what one run needs, which is not measured."""


async def bare(to: str, amount: float) -> str:
    """Pay somebody."""
    return f"paid {to} {amount:g}"


async def gate_tool(gate: Gate | None, stack: AsyncExitStack) -> Made:
    """No adapter: `gate.tool` itself."""
    pay = bare if gate is None else gate.tool(name="pay")(bare)
    return lambda: lambda: pay("p0", 3)


async def plain(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from signoff_agents.plain import requires_approval

    pay = bare if gate is None else requires_approval(gate, bare, name="pay")
    return lambda: lambda: pay("p0", 3)


async def agentica(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from agentica.tools.base import Function, FunctionCall

    from signoff_agents.agentica import gated

    pay = Function.from_callable(bare) if gate is None else gated(gate, bare, name="pay")[0]
    pay.process_entrypoint()
    return lambda: FunctionCall(function=pay, arguments=dict(SENT)).execute


async def langchain(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from langchain_agent import SAY, Bank, agent, pays

    from signoff_agents.langchain import ApprovalMiddleware

    around = [] if gate is None else [ApprovalMiddleware(gate)]
    return banking(Bank(), lambda bank: agent(bank, pays(3), middleware=around).ainvoke, SAY)


async def strands(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from strands_agent import Bank, agent, pays

    from signoff_agents.strands import ApprovalHooks

    hooks = [] if gate is None else [ApprovalHooks(gate)]
    return banking(Bank(), lambda bank: agent(bank, pays(3), hooks=hooks).invoke_async, "pay them")


async def openai_agents(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from openai_agents_agent import Bank, agent, pays, run

    from signoff_agents.openai_agents import gate_agent

    def starts(bank: Any) -> Any:
        made = agent(bank, pays(3))
        gated = made if gate is None else gate_agent(made, gate)
        return lambda: run(gated)

    return banking(Bank(), starts)


async def pydantic_ai(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from pydantic_ai_agent import Bank, agent, pays

    from signoff_agents.pydantic_ai import approvals

    around = [] if gate is None else [approvals(gate)]
    return banking(Bank(), lambda bank: agent(bank, pays(3), capabilities=around).run, "pay")


async def google_adk(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from google_adk_agent import Bank, Run, app, pays

    from signoff_agents.google_adk import ApprovalPlugin

    plugins = [] if gate is None else [ApprovalPlugin(gate)]
    return banking(Bank(), lambda bank: Run(app(bank, [pays(3)], *plugins), uuid.uuid4().hex).say)


async def agent_framework(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from agent_framework_agent import Bank, agent, pays

    from signoff_agents.agent_framework import ApprovalMiddleware

    around = [] if gate is None else [ApprovalMiddleware(gate)]
    return banking(Bank(), lambda bank: agent(bank, pays(3), middleware=around).run, "pay")


async def agno(gate: Gate | None, stack: AsyncExitStack) -> Made:
    from agno_agent import Bank, agent, pays

    from signoff_agents.agno import gated

    bank = Bank()
    pay = bank.async_tool() if gate is None else gated(gate, bank.async_tool())
    return banking(bank, lambda _: agent(pays(3), tools=[pay]).arun, "pay")


async def crewai(gate: Gate | None, stack: AsyncExitStack) -> Made:
    """The tool alone: what CrewAI does around it takes many times as long and varies more than what is measured."""
    from crewai_agent import Bank

    bank = Bank()
    tools = bank.tools() if gate is None else bank.gated(gate, "pay")
    pay = next(one for one in tools if one.name == "pay")
    return banking(bank, lambda _: lambda: asyncio.to_thread(pay.run, **SENT))


async def ag_ui(gate: Gate | None, stack: AsyncExitStack) -> Made:
    """Nothing is run here: what an answered interrupt costs, beside one that is answered in place."""
    from ag_ui.core import Interrupt, ResumeEntry

    from signoff_agents.ag_ui import resume

    async def answered() -> object:
        return [ResumeEntry(interrupt_id="i", status="resolved", payload={"approved": True})]

    def made() -> Call:
        waiting = [Interrupt(id="i", reason="pay", message="Pay?")]
        return answered if gate is None else lambda: resume(gate, waiting, thread_id=uuid.uuid4().hex)

    return made


async def claude(gate: Gate | None, stack: AsyncExitStack) -> Made:
    """The SDK's two callbacks around a tool, as it calls them; beside them a hook that says nothing."""
    from signoff_agents.claude import hooks

    context: Any = {"signal": None}

    async def silent(given: Any, tool_use_id: str, _: Any) -> object:
        return {"given": given}

    asked = None if gate is None else hooks(gate)
    before = silent if asked is None else asked["PreToolUse"][0].hooks[0]
    after = silent if asked is None else asked["PostToolUse"][0].hooks[0]

    def made() -> Call:
        used = f"toolu_{uuid.uuid4().hex}"
        given = {"session_id": "s", "tool_name": "pay", "tool_input": SENT, "tool_use_id": used}

        async def call() -> object:
            said: Any = await before({**given, "hook_event_name": "PreToolUse"}, used, context)
            await after({**given, "hook_event_name": "PostToolUse", "tool_response": "ok"}, used, context)
            return asked is None or said.get("hookSpecificOutput", {}).get("permissionDecision") == "allow"

        return call

    return made


async def mcp(gate: Gate | None, stack: AsyncExitStack) -> Made:
    """Over stdio to a server; and to one behind the gateway, which is a process more on the way."""
    from mcp import Client, StdioServerParameters

    log = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ran"
    server = [sys.executable, str(TESTS / "mcp" / "bank.py"), "stdio", str(log)]
    words = server if gate is None else [sys.executable, "-m", "signoff_agents.mcp", "gateway", "--", *server]
    to = StdioServerParameters(command=words[0], args=words[1:], env=dict(os.environ))
    client = await stack.enter_async_context(Client(to))

    async def call() -> object:
        result = await client.call_tool("transfer", SENT)
        return not result.is_error

    return lambda: call


def banking(bank: Any, starts: Callable[[Any], Callable[..., Awaitable[object]]], *said: Any) -> Made:
    """Runs of an agent over one bank, which knows what was paid. Its tools last, as a program's do."""
    tools = getattr(bank, "tools", list)()
    bank.tools = lambda *_, **__: tools

    def made() -> Call:
        start, before = starts(bank), len(bank.paid)

        async def call() -> object:
            await start(*said)
            return len(bank.paid) > before

        return call

    return made


FRAMEWORKS = {
    "gate.tool": gate_tool,
    "plain": plain,
    "agentica": agentica,
    "langchain": langchain,
    "strands": strands,
    "openai_agents": openai_agents,
    "pydantic_ai": pydantic_ai,
    "google_adk": google_adk,
    "agent_framework": agent_framework,
    "agno": agno,
    "crewai": crewai,
    "ag_ui": ag_ui,
    "claude": claude,
    "mcp": mcp,
}


async def sample(made: Made, count: int, between: Made | None = None) -> float:
    """`between`: what runs before each call and is not measured."""
    samples: list[float] = []
    for _ in range(count):
        if between is not None:
            await between()()
        call = made()
        began = time.perf_counter()
        ran = await call()
        samples.append(time.perf_counter() - began)
        if not ran:
            raise RuntimeError("the tool did not run")
    return statistics.median(samples)


async def least(stack: AsyncExitStack) -> Made:
    """What any gate over HTTP pays, bare: asked and approved, and its outcome told."""
    address = os.environ["SIGNOFF_BENCH_LEAST"]
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def call() -> object:
        async with session.post(f"{address}/ask", json={"tool": "pay", "arguments": SENT}) as answer:
            approved = await answer.json()
        ran = await bare(**approved["arguments"])
        async with session.post(f"{address}/outcome", json={"id": approved["id"], "status": "succeeded"}) as answer:
            await answer.json()
        return ran

    return lambda: call


async def main(name: str) -> None:
    async with AsyncExitStack() as stack:
        floor = await least(stack)
        free = await FRAMEWORKS[name](None, stack)
        gated = await FRAMEWORKS[name](Gate(agent="bench"), stack)
        # Whoever has had nothing to do for some milliseconds is slower then: here the framework makes it wait as long.
        sides = ((floor, free), (free, None), (gated, None))
        print(json.dumps([await sample(made, WARM, between) for made, between in sides]), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps([await sample(made, CALLS, between) for made, between in sides]), flush=True)


if __name__ == "__main__":
    sys.path.append(str(TESTS / sys.argv[1]))
    asyncio.run(main(sys.argv[1]))
