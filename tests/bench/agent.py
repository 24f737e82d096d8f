"""An agent in a process of its own: many `gate.ask()` at once, each telling when it returned."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from ground import commands, say
from made import ARGUMENTS

from signoff import Gate


async def main() -> None:
    asking: set[asyncio.Task[None]] = set()

    async def ask(gate: Gate, channel: str) -> None:
        decision = await gate.ask("issue_refund", ARGUMENTS, channel=channel)
        say(id=decision.id, at=time.monotonic_ns(), approved=decision.approved)

    inbox = commands()
    async with Gate() as gate:
        while (command := await inbox.get()) is not None:
            for _ in range(cast("int", command["count"])):
                task = asyncio.create_task(ask(gate, cast("str", command["channel"])))
                asking.add(task)
                task.add_done_callback(asking.discard)


asyncio.run(main())
