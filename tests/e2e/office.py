"""The records behind the chats, and how the cards in the chats stand to them."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import PIPE
from typing import Any

import aiohttp

from signoff_sim.demo.queue import Seeded
from signoff_sim.demo.stage import Stage

Json = dict[str, Any]


async def signoff(stage: Stage, *words: str) -> str:
    """What a command says beside the bot that is running. It has to end well."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "signoff", *words, cwd=stage.folder, env=stage.environment(), stdout=PIPE, stderr=PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


class Office:
    """The records behind the chats: what every request is, and what Bob does to one of them at his terminal."""

    def __init__(self, stage: Stage, bob: str) -> None:
        self._stage = stage
        self._bob = bob

    @classmethod
    async def at(cls, stage: Stage) -> Office:
        words = ("keys", "create", "--role", "approver", "--name", "bobs-terminal", "--person", "bob")
        return cls(stage, (await signoff(stage, *words)).strip())

    async def get(self, request_id: str) -> Json:
        return await self._call("GET", f"/v1/requests/{request_id}", self._stage.key)

    async def several(self, *ids: str) -> list[Json]:
        return await asyncio.gather(*map(self.get, ids))

    async def ended(self, request_id: str) -> Json:
        """As soon as it has."""
        found = await self.get(request_id)
        while found["status"] == "pending":
            found = await self._call("GET", f"/v1/requests/{request_id}?wait=20", self._stage.key)
        return found

    async def bob_edits(self, request_id: str, **arguments: object) -> None:
        now = await self.get(request_id)
        edit = {"kind": "edit", "version": now["version"], "arguments": now["arguments"] | arguments}
        await self._call("POST", f"/v1/requests/{request_id}/decisions", self._bob, edit)

    async def _call(self, method: str, path: str, key: str, body: Json | None = None) -> Json:
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(self._stage.bot_address, headers=headers) as http,
            http.request(method, path, json=body) as answer,
        ):
            found: Json = await answer.json()
            assert answer.status == 200, found
            return found

    async def trail(self) -> list[Json]:
        """Every line of the audit trail, verified."""
        file = self._stage.folder / "trail.jsonl"
        await signoff(self._stage, "audit", "export", "--out", str(file))
        await signoff(self._stage, "audit", "verify", str(file))
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        return [line["entry"] for line in lines if "entry" in line]


def messages(stage: Stage) -> list[str]:
    """Everything that stands in the channels of both chats, as JSON, a string for each message."""
    rooms = stage.slack.state("ada")["channels"]
    found = [one["blocks"] for room in rooms for one in room["messages"] if not one["ephemeral"]]
    for team in stage.teams.state("ada")["teams"]:
        for channel in team["channels"]:
            found += [one.get("card") for thread in channel["threads"] for one in thread["messages"]]
    return [json.dumps(one) for one in found]


def stale(stage: Stage, queue: Seeded) -> list[str]:
    """Cards that still ask for something that is decided, and cards of several that count too many."""
    # What a call is told apart by: a customer, a ticket, an order, a thing in stock.
    names = [str(next(iter(queue.cases[one].arguments.values()))) for one in queue.plain]
    return [text for text in messages(stage) if _asks_too_much(text, names, len(queue.traps))]


def _asks_too_much(text: str, names: list[str], most: int) -> bool:
    if waits := re.search(r"(\d+) waits?\b", text):
        return int(waits.group(1)) > most
    asks = "Approve" in text and "Approved" not in text
    return asks and any(f'"{name}' in text for name in names)


async def converged(stage: Stage, queue: Seeded) -> None:
    """Wait until all cards say how things stand."""
    try:
        async with asyncio.timeout(60):
            while stale(stage, queue):  # noqa: ASYNC110 - the chats' own records
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"not repainted: {stale(stage, queue)[:3]}") from None
