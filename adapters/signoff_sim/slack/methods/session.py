"""api.test, auth.test, apps.connections.open."""

from __future__ import annotations

from signoff_sim import world
from signoff_sim.slack.methods.office import Method, Office
from signoff_sim.slack.records import BOT, TEAM_DOMAIN
from signoff_sim.slack.shape import Json, SlackError, as_text


def api_test(office: Office, args: Json) -> Json:
    if as_text(args.get("error")):
        raise SlackError(as_text(args["error"]), args=args)
    return {"args": args} if args else {}


def auth_test(office: Office, args: Json) -> Json:
    return {
        "url": f"https://{TEAM_DOMAIN}.slack.com/",
        "team": "Demo",
        "user": "signoff",
        "team_id": world.SLACK_TEAM,
        "user_id": world.SLACK_BOT,
        "bot_id": BOT,
        "is_enterprise_install": False,
    }


def connections_open(office: Office, args: Json) -> Json:
    return {"url": office.sockets.invite()}


METHODS = {
    "api.test": Method(api_test),
    "auth.test": Method(auth_test),
    "apps.connections.open": Method(connections_open, ("connections:write",), app_token=True),
}
