"""`signoff doctor` for Slack: one call to auth.test, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from signoff.ports import Check
from signoff_slack import faults
from signoff_slack.manifest import SCOPES
from signoff_slack.settings import Settings
from signoff_slack.web import web_client, web_session


async def check(settings: Settings) -> Sequence[Check]:
    """Never raises for what is wrong with the set-up; says it."""
    client = web_client(settings)
    found: list[Check] = []
    async with web_session() as session:
        client.session = session
        try:
            answer = await client.auth_test()
        except faults.FAILURES as error:
            return (Check("error", f"Slack: {faults.translated(error, 'the workspace').data['reason']}"),)
        team, user = answer.get("team") or answer.get("team_id"), answer.get("user") or answer.get("user_id")
        found.append(Check("ok", f"Slack: the bot token works in the workspace {team} as {user}."))
        found.append(_scopes(cast("str | None", answer.headers.get("x-oauth-scopes"))))
        if settings.app_token is not None:
            try:
                await client.apps_connections_open(app_token=settings.app_token.get_secret_value())
                found.append(Check("ok", "Slack: the app-level token opens Socket Mode connections."))
            except faults.FAILURES as error:
                code = faults.code(error)
                mend = "Give it the scope connections:write and turn Socket Mode on."
                found.append(Check("error", f"Slack: SLACK_APP_TOKEN opens no Socket Mode connection ({code}). {mend}"))
    if settings.signing_secret is not None:
        found.append(Check("ok", "Slack: clicks are taken over HTTP at POST /slack/events; its URL must be public."))
    return found


def _scopes(header: str | None) -> Check:
    if header is None:
        return Check("warning", "Slack: the token's scopes could not be read.")
    granted = {scope.strip() for scope in header.split(",")}
    missing = [scope for scope in SCOPES if scope not in granted]
    if missing:
        mend = "Run `signoff manifest slack`, update the app with it and install it again."
        return Check("error", f"Slack: the bot token lacks {', '.join(missing)}. {mend}")
    return Check("ok", "Slack: the bot token has every scope that is used.")
