"""`python -m signoff_sim --port 4000 --bot-url http://127.0.0.1:8080`: both chats for a bot that runs elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import secrets
from collections.abc import Sequence

from aiohttp import web

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_sim.teams import TeamsSim
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m signoff_sim", description="Slack and Teams on loopback.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--bot-url", default="http://127.0.0.1:8080", help="where the bot listens")
    parser.add_argument("--teams-password", default=None, help="the bot's TEAMS_APP_PASSWORD; a new one when left out")
    parser.add_argument("--slack-secret", default=None, help="the bot's SLACK_SIGNING_SECRET; a new one when left out")
    given = parser.parse_args(arguments)
    password = given.teams_password or secrets.token_urlsafe(18)
    secret = given.slack_secret or secrets.token_hex(16)
    app = server.build(
        slack=SlackSim(bot_url=given.bot_url, signing_secret=secret),
        teams=TeamsSim(bot_url=given.bot_url, password=password),
    )
    try:
        asyncio.run(_serve(app, given.port, password, secret))
    except KeyboardInterrupt:
        print("Stopped.")


async def _serve(app: web.Application, port: int, password: str, secret: str) -> None:
    address = await server.serve(app, port=port)
    print(f"Open {address} in a browser. The bot's environment:", flush=True)
    for line in environment(address, password, secret):
        print(f"  {line}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await server.stop(app)


def environment(address: str, password: str, secret: str) -> list[str]:
    """What a bot needs to talk to the simulator, as lines of an `.env` file."""
    return [
        f"SLACK_API_URL={address}/slack/api/",
        "SLACK_BOT_TOKEN=xoxb-simulated",
        f"SLACK_SIGNING_SECRET={secret}",
        f"TEAMS_APP_ID={TEAMS_APP_ID}",
        f"TEAMS_APP_PASSWORD={password}",
        f"TEAMS_TENANT_ID={TEAMS_TENANT}",
        f"TEAMS_OPENID_METADATA_URL={address}/teams/openid",
        f"TEAMS_LOGIN_URL={address}/teams/token",
        f"TEAMS_SERVICE_URLS={address}/teams/",
        f"TEAMS_GRAPH_URL={address}/teams/graph",
    ]


if __name__ == "__main__":
    main()
