"""The Slack chat as users run it, against the simulated Slack: one aiohttp server for the bot, one for Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from signoff.model import MessageRef
from signoff.ports import Memory
from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_slack import plugin
from signoff_slack.chat import SlackChat

SECRET = "simulated-signing-secret"
PLACE = "slack:#refunds"

Json = dict[str, Any]


@dataclass
class SlackWorld:
    """Both ends and a person's hands between them."""

    sim: SlackSim
    chat: SlackChat
    api: str
    """Base URL of the simulated Web API."""
    bot: str
    """The bot's address."""

    async def click(self, person: str, card: MessageRef, action: str, *, wait: float = 0) -> Json:
        """Press a button of a card; `wait`: seconds until something has to change for that person."""
        body = {"as": person, "channel": card.conversation, "ts": card.message, "action_id": f"signoff.{action}"}
        return await self.sim.act("click", {**body, "wait": str(wait)})

    async def press(self, person: str, action: str, values: Mapping[str, str] | None = None) -> Json:
        """Press a button in the open modal, after typing these values."""
        body = {"as": person, "action_id": f"signoff.{action}", "wait": "5", "values": dict(values or {})}
        return await self.sim.act("press", body)

    async def submit(self, person: str, values: Mapping[str, str]) -> Json:
        """Send the open modal with these values, by block_id or label."""
        return await self.sim.act("submit", {"as": person, "values": dict(values)})

    async def command(self, person: str, text: str, channel: str = "#refunds") -> Json:
        """Type `/signoff …` into the message box."""
        body = {"as": person, "command": "/signoff", "text": text, "channel": channel}
        return await self.sim.act("command", body)

    def below(self, person: str, card: MessageRef) -> list[Json]:
        """The replies in a card's thread."""
        seen = self.messages(person, card.conversation)
        return [one for one in seen if one["thread_ts"] == card.message and one["ts"] != card.message]

    def state(self, person: str) -> Json:
        return self.sim.state(person)

    def modal(self, person: str) -> Json | None:
        return cast("Json | None", self.state(person)["modal"])

    def messages(self, person: str, conversation: str) -> list[Json]:
        """What that person sees in a conversation, ephemeral messages included."""
        channels = self.state(person)["channels"]
        return next(cast("list[Json]", one["messages"]) for one in channels if one["id"] == conversation)

    def message(self, person: str, card: MessageRef) -> Json:
        return next(one for one in self.messages(person, card.conversation) if one["ts"] == card.message)


@asynccontextmanager
async def slack_world(
    desk: object, memory: Memory, *, environ: Mapping[str, str] | None = None, start: bool = True
) -> AsyncIterator[SlackWorld]:
    """A running bot with this desk in the simulated workspace. `environ`: other variables; an empty one is unset."""
    sim = SlackSim()
    simulated = server.build(slack=sim)
    api = f"{await server.serve(simulated)}/slack/api/"
    told = {
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_SIGNING_SECRET": SECRET,
        "SLACK_API_URL": api,
        **(environ or {}),
    }
    settings = plugin.settings(told)
    assert settings is not None
    chat = plugin.build(settings, cast("Any", desk), memory)
    assert isinstance(chat, SlackChat)
    application = web.Application()
    for route in chat.routes():
        application.router.add_route(route.method, route.path, cast("Any", route.handler))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot = f"http://127.0.0.1:{runner.addresses[0][1]}"
    if told["SLACK_SIGNING_SECRET"]:
        sim.bot_url = bot
    try:
        if start:
            await chat.start()
        yield SlackWorld(sim, chat, api, bot)
    finally:
        await chat.close()
        await runner.cleanup()
        await server.stop(simulated)


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for an effect."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - an effect of somebody else has no event
            await asyncio.sleep(0.005)


def words(value: object) -> str:
    """Everything that blocks say."""
    if isinstance(value, dict):
        entries = cast("Json", value)
        own = [entries["text"]] if isinstance(entries.get("text"), str) else []
        return "\n".join([*own, *(words(item) for item in entries.values() if isinstance(item, dict | list))])
    return "\n".join(words(item) for item in value) if isinstance(value, list) else ""


def actions(message: Json) -> list[str]:
    """The actions of a card's buttons."""
    buttons = [one for block in message["blocks"] if block["type"] == "actions" for one in block["elements"]]
    return [button["action_id"].removeprefix("signoff.") for button in buttons]
