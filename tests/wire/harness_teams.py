"""The Teams chat as users run it, against the simulated Teams: one aiohttp server for the bot, one for Microsoft."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web

from signoff.cards import Home
from signoff.errors import NotAllowed
from signoff.model import Actor, MessageRef
from signoff.ports import Memory
from signoff_sim import server
from signoff_sim.teams import TeamsSim
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT
from signoff_teams import plugin
from signoff_teams.chat import TeamsChat

PASSWORD = "correct horse"
PLACE = "teams:Finance/General"
GENERAL = "19:general.finance@thread.tacv2"

Json = dict[str, Any]


class NoReview:
    """Of a desk that knows nobody: whoever adds the app has no page of their own."""

    async def home(self, actor: Actor) -> Home:
        raise NotAllowed(why="The policy lists nobody with your identity.")


@dataclass
class TeamsWorld:
    """Both ends and a person's hands between them."""

    sim: TeamsSim
    chat: TeamsChat
    address: str
    """The simulator's."""
    bot: str
    """The bot's."""

    async def click(
        self,
        person: str,
        card: MessageRef,
        *,
        verb: str | None = None,
        text: str | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> Json:
        """Press a button of a card as that person sees it."""
        body = {
            "as": person,
            "conversation": card.conversation,
            "activity": card.message,
            "verb": verb,
            "text": text,
            "inputs": dict(inputs or {}),
        }
        return await self.sim.act("click", body)

    def seen(self, person: str, card: MessageRef) -> Json:
        """A posted card as that person sees it now."""
        who = self.sim.directory.person(person)
        thread, message = self.sim.threads.seen_by(who, card.conversation, card.message)
        return cast("Json", self.sim.threads.message_view(thread, message, who)["card"])

    def cards(self, person: str = "ada") -> list[MessageRef]:
        """Every card that stands anywhere that person can see."""
        return [
            MessageRef(chat="teams", tenant=TEAMS_TENANT, conversation=thread.id.partition(";")[0], message=message.id)
            for thread in self.sim.threads.all.values()
            for message in thread.messages
            if message.card is not None and not message.deleted
            if thread.person is None or thread.person.id == person
        ]


@asynccontextmanager
async def teams_world(
    desk: object,
    memory: Memory,
    *,
    install: bool = True,
    password: str = PASSWORD,
    environ: Mapping[str, str] | None = None,
) -> AsyncIterator[TeamsWorld]:
    """A running bot with this desk, installed everywhere (or nowhere yet) in the simulated tenant."""
    sim = TeamsSim(bot_url="http://127.0.0.1:9", password=PASSWORD, install=False)
    simulated = server.build(teams=sim)
    address = await server.serve(simulated)
    settings = plugin.settings(
        {
            "TEAMS_APP_ID": TEAMS_APP_ID,
            "TEAMS_APP_PASSWORD": password,
            "TEAMS_TENANT_ID": TEAMS_TENANT,
            "TEAMS_OPENID_METADATA_URL": f"{address}/teams/openid",
            "TEAMS_LOGIN_URL": f"{address}/teams/token",
            "TEAMS_SERVICE_URLS": f"{address}/teams/",
            "TEAMS_GRAPH_URL": sim.graph_url,
            **(environ or {}),
        }
    )
    assert settings is not None
    chat = plugin.build(settings, cast("Any", desk), memory)
    assert isinstance(chat, TeamsChat)
    application = web.Application()
    for route in chat.routes():
        application.router.add_route(route.method, route.path, cast("Any", route.handler))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    bot = f"http://127.0.0.1:{runner.addresses[0][1]}"
    sim.bot_url = bot
    try:
        if install:
            for place in ("Finance", *sim.directory.people):
                assert (await sim.act("install", {"to": place}))["delivered"]
        yield TeamsWorld(sim, chat, address, bot)
    finally:
        await chat.close()
        await runner.cleanup()
        await server.stop(simulated)


async def eventually(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for an effect."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - an effect of somebody else has no event
            await asyncio.sleep(0.005)


def nodes(value: object) -> list[Json]:
    """Every JSON object inside a card."""
    if isinstance(value, dict):
        return [cast("Json", value), *(node for item in value.values() for node in nodes(item))]
    return [node for item in value for node in nodes(item)] if isinstance(value, list) else []


def words(card: object) -> str:
    """Everything a card says."""
    return "\n".join(str(node["text"]) for node in nodes(card) if "text" in node)


def verbs(card: Json) -> list[str]:
    """The verbs of a card's buttons."""
    return [action.get("verb") or action["data"].get("verb", "") for action in card["actions"]]
