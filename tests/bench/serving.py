"""The demo's stage with a Redis and a policy of the benchmark's, and cards clicked over one kept connection."""

from __future__ import annotations

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.typedefs import Handler

from signoff_sim.demo.stage import LOOK, SIGNING_SECRET, Stage
from signoff_sim.slack import payloads
from signoff_sim.slack.courier import EVENTS_PATH, signature
from signoff_sim.teams import pressing, typed
from signoff_sim.teams.sender import Sender

POLICY = """
version: 1
people:
  ada: {{name: Ada Okafor, slack: T0DEMO/U0ADA, teams: {tenant}/{ada}}}
  mia: {{name: Mia Tanaka}}
defaults: {{show: {show}, approvers: [ada], expires_in: 4h, any_channel: true}}
"""
SLACK = "slack:#refunds"
TEAMS = "teams:Finance/General"
SLACK_CHANNEL = "C0REFUNDS"
LISTEN = 0.001
"""Seconds between looks at what the bot has said."""


@dataclass(frozen=True, slots=True)
class Click:
    """A signed request, ready to be sent."""

    request: str
    """The id of the request that it approves."""
    raw: bytes
    """Of Slack's clicks, the body alone."""
    sent: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """What the bot has said to a chat."""

    method: str
    path: str
    raw: bytes
    at: int
    """When all of it was there, on the machine's monotonic clock (ns)."""


class Serving(Stage):
    """Everything up, with `signoff serve` in a process of its own and the simulators in this one."""

    def __init__(self, redis_url: str, *, show: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._redis_url = redis_url
        self._policy = self.folder / "policy.yaml"
        ada = self.teams.directory.people["ada"]
        text = POLICY.format(tenant=self.teams.directory.tenant, ada=ada.teams, show=json.dumps(show))
        self._policy.write_text(text, "utf-8")
        self.teams.set_faults({"rate_limits": False})
        self._seen: set[str] = set()
        self.heard: list[Heard] | None = None
        """A list, while what the bot says to the chats is to be kept."""
        self._app.middlewares.append(self._hear)

    def environment(self) -> dict[str, str]:
        return super().environment() | {
            "SIGNOFF_REDIS_URL": self._redis_url,
            "SIGNOFF_SIGNING_KEY": b64encode(b"k" * 32).decode(),
            "SIGNOFF_POLICY": str(self._policy),
            "SIGNOFF_MAX_OPEN": "1000000",
            "SIGNOFF_RATE": "1000000",
            "SIGNOFF_FLOOD": "off",
        }

    def agent_environment(self) -> dict[str, str]:
        return self.environment() | {"SIGNOFF_URL": self.bot_address, "SIGNOFF_API_KEY": self.key}

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        return self

    @property
    def pid(self) -> int:
        assert self.bot is not None
        assert self.bot.process is not None
        return self.bot.process.pid

    @web.middleware
    async def _hear(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if self.heard is not None:
            self.heard.append(Heard(request.method, request.path, await request.read(), time.monotonic_ns()))
        return await handler(request)

    async def hears(self, wanted: Callable[[Heard], bool]) -> Heard:
        """Wait until the bot has said something of the kind."""
        async with asyncio.timeout(60):
            while self.heard is not None:
                for one in self.heard:
                    if wanted(one):
                        return one
                await asyncio.sleep(LISTEN)
        raise RuntimeError("nobody listens")

    # ── words ────────────────────────────────────────────────────────────────────────────────────

    def slack_command(self, command: str, text: str = "") -> bytes:
        """A command that Ada types in Slack, signed and ready to be sent."""
        workspace = self.slack.workspace
        while workspace.close_top("U0ADA"):
            pass
        ada, channel = workspace.users["U0ADA"], workspace.channels[SLACK_CHANNEL]
        answers = f"{self.address}/slack/response/none"
        fields = payloads.command_fields(ada, channel, command, text, answers, workspace.new_trigger(ada.id))
        return slack_request(urlencode(fields).encode())

    def teams_message(self, text: str) -> bytes:
        """What Ada says to the bot in their chat in Teams, signed and ready to be sent."""
        teams = self.teams
        ada = teams.directory.people["ada"]
        thread = teams.threads.all[teams.directory.chat_id(ada)]
        words = typed.read(text, teams.directory, None)
        activity = self._sender().message(ada, thread, teams.threads.next_id(), words.fields)
        headers = {"Authorization": f"Bearer {teams.sign()}", "Content-Type": "application/json"}
        return post("/api/messages", headers, json.dumps(activity).encode())

    def _sender(self) -> Sender:
        teams = self.teams
        sender = Sender(teams.directory, teams.threads, teams.traffic, teams.sign, bot_url=self.bot_address)
        sender.service_url = teams.service_url
        return sender

    # ── clicks ───────────────────────────────────────────────────────────────────────────────────

    def slack_clicks(self) -> list[Click]:
        """Approve on every Slack card that was not clicked yet."""
        workspace = self.slack.workspace
        ada, clicks = workspace.users["U0ADA"], list[Click]()
        for message in workspace.channels[SLACK_CHANNEL].messages.values():
            for block in message.blocks:
                for element in block.get("elements", ()) if block["type"] == "actions" else ():
                    if element["action_id"] == "signoff.approve" and message.ts not in self._seen:
                        self._seen.add(message.ts)
                        payload = (
                            payloads.interaction(ada, "block_actions", workspace.new_trigger(ada.id))
                            | payloads.from_message(workspace, ada, message, f"{self.address}/slack/response/none")
                            | {"actions": [payloads.action(block, element, {}, workspace.next_ts())]}
                        )
                        raw = urlencode({"payload": json.dumps(payload)}).encode()
                        clicks.append(Click(json.loads(element["value"])["r"], raw, slack_request(raw)))
        return clicks

    def teams_clicks(self) -> list[Click]:
        """Approve on every Teams card that was not clicked yet."""
        teams = self.teams
        sender = self._sender()
        ada, clicks = teams.directory.people["ada"], list[Click]()
        for thread in teams.threads.all.values():
            # In people's own chats there are other cards too.
            for message in thread.messages if thread.channel is not None else ():
                if message.card is None or message.id in self._seen:
                    continue
                action = pressing.find_action(message.card, {"verb": "approve"})
                self._seen.add(message.id)
                value = {"action": {**action}, "trigger": "manual"}
                activity = sender.invoke("adaptiveCard/action", ada, thread, value, message.id)
                data = cast("dict[str, Any]", action["data"])
                headers = {"Authorization": f"Bearer {teams.sign()}", "Content-Type": "application/json"}
                raw = json.dumps(activity).encode()
                clicks.append(Click(data["request"], raw, post("/api/messages", headers, raw)))
        return clicks

    async def clicks(self, chat: str, count: int) -> list[Click]:
        """Wait until that many new cards stand in the chat."""
        found: list[Click] = []
        async with asyncio.timeout(60):
            while len(found) < count:
                await asyncio.sleep(LOOK)
                found += self.slack_clicks() if chat == "slack" else self.teams_clicks()
        return found


def slack_request(raw: bytes) -> bytes:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": timestamp,
        "X-Slack-Signature": signature(SIGNING_SECRET, timestamp, raw),
    }
    return post(EVENTS_PATH, headers, raw)


def post(path: str, headers: dict[str, str], raw: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(raw)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + raw


class Kept:
    """One kept HTTP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def to(cls, port: int) -> Kept:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, request: bytes) -> tuple[int, int]:
        """When the first byte was sent and when the whole answer was there, on the machine's monotonic clock (ns)."""
        began = time.monotonic_ns()
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await self._reader.readexactly(int(length.partition(b":")[2]))
        ended = time.monotonic_ns()
        if b" 200 " not in head.partition(b"\r\n")[0]:
            raise RuntimeError(f"a click was answered with {head!r}")
        return began, ended

    async def close(self) -> None:
        self._writer.close()
        await self._writer.wait_closed()
