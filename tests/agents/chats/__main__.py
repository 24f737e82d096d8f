"""Slack and Teams on loopback with the people who decide in them, for tests that run without the server's packages.

`python tests/agents/chats` prints one JSON line (`address`, `environment`: the service's variables) and runs until its
standard input ends. Beside the simulator's control API it has `POST /people/app` {"url"}: where the service listens,
answered with {} once Teams has installed it, else with {"refused": what the service answered}; and `POST
/people/decide` {"chat", "person", "asked", "answer"}: the body of a decision, clicked and typed. That is answered with
{} when the click was taken, {"said"} with what the chat said when it was not, and {"no_way"} with what the chat lacks.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from typing import cast

from aiohttp import web
from on_screen import Eyes, Json, NoWay, Said, Unseen
from on_slack import OnSlack
from on_teams import OnTeams

from signoff_sim import server
from signoff_sim.__main__ import environment
from signoff_sim.simulated import Refused
from signoff_sim.slack import SlackSim
from signoff_sim.teams import TeamsSim
from signoff_sim.world import PEOPLE

NOWHERE = "http://127.0.0.1:9"
INSTALLING = 30.0
"""Seconds. A service may answer the first events with 503: its Redis can be slow on a disk that is busy."""


async def main() -> None:
    password, secret = secrets.token_urlsafe(18), secrets.token_hex(16)
    slack = SlackSim(bot_url=NOWHERE, signing_secret=secret)
    teams = TeamsSim(bot_url=NOWHERE, password=password, install=False)
    teams.set_faults({"rate_limits": False})  # many tests share one channel
    app = server.build(slack=slack, teams=teams)
    eyes = Eyes(slack, teams)
    people: dict[str, OnSlack | OnTeams] = {"slack": OnSlack(slack, eyes), "teams": OnTeams(teams, eyes)}

    async def listens(request: web.Request) -> web.Response:
        body = cast("Json", await request.json())
        slack.bot_url = teams.bot_url = body["url"]
        until = asyncio.get_running_loop().time() + INSTALLING
        for place in ("Finance", *(one.id for one in PEOPLE)):
            while not (await teams.act("install", {"to": place}))["delivered"]:
                if asyncio.get_running_loop().time() > until:
                    seen = [one for one in teams.traffic.entries() if one["direction"] == "to_bot"]
                    return web.json_response({"refused": seen[-20:]})
                await asyncio.sleep(0.2)
        return web.json_response({})

    async def decide(request: web.Request) -> web.Response:
        body = cast("Json", await request.json())
        try:
            await people[body["chat"]].decide(body["person"], body["asked"], body["answer"])
        except NoWay as missing:
            return web.json_response({"no_way": str(missing)})
        except (Said, Unseen, Refused) as error:
            return web.json_response({"said": f"{type(error).__name__}: {error}"})
        return web.json_response({})

    app.router.add_post("/people/app", listens)
    app.router.add_post("/people/decide", decide)
    address = await server.serve(app)
    variables = dict(line.split("=", 1) for line in environment(address, password, secret))
    print(json.dumps({"address": address, "environment": variables}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(app)


asyncio.run(main())
