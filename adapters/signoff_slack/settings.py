"""What Slack needs to be told, read from the environment that configuration passes in."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from signoff.errors import BadConfig

DEFAULT_API_URL = "https://slack.com/api/"

VARIABLES: dict[str, str] = {
    "SLACK_BOT_TOKEN": "Bot token (xoxb-…) from the app's page, OAuth & Permissions.",
    "SLACK_SIGNING_SECRET": "Signing secret from Basic Information; for HTTP: Slack calls POST /slack/events.",
    "SLACK_APP_TOKEN": "App-level token (xapp-…) with connections:write; for Socket Mode: no public URL needed.",
    "SLACK_API_URL": f"Another base URL of the Web API, for a simulator or a proxy; default {DEFAULT_API_URL}",
}


class Settings(BaseModel):
    """A bot token and a signing secret (HTTP), an app-level token (Socket Mode), or both."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bot_token: SecretStr
    signing_secret: SecretStr | None = None
    app_token: SecretStr | None = None
    api_url: str = DEFAULT_API_URL


def read(environ: Mapping[str, str]) -> Settings | None:
    """None: Slack is not configured. Raises BadConfig; no sentence holds a value."""
    given = {key: value.strip() for key in VARIABLES if (value := environ.get(key, "")).strip()}
    token, secret, app = (given.get(key) for key in ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN"))
    if token is None:
        if secret is None and app is None:
            return None
        other = "SLACK_SIGNING_SECRET" if secret is not None else "SLACK_APP_TOKEN"
        raise BadConfig(
            key="SLACK_BOT_TOKEN",
            fault=f"is not set, although {other} is.",
            mend="Set it to the bot token (xoxb-…) of the app, or remove the other variable.",
        )
    if secret is None and app is None:
        raise BadConfig(
            key="SLACK_SIGNING_SECRET",
            fault="is not set, and neither is SLACK_APP_TOKEN, so no click could reach the bot.",
            mend="Set the signing secret (HTTP) or an app-level token (Socket Mode).",
        )
    _check("SLACK_BOT_TOKEN", token, "xoxb-")
    _check("SLACK_APP_TOKEN", app, "xapp-")
    _check("SLACK_SIGNING_SECRET", secret, "")
    return Settings(
        bot_token=SecretStr(token),
        signing_secret=SecretStr(secret) if secret else None,
        app_token=SecretStr(app) if app else None,
        api_url=_url(given.get("SLACK_API_URL", DEFAULT_API_URL)),
    )


_PREFIXES = {"xoxb-": "a bot token", "xapp-": "an app-level token", "xoxp-": "a user token"}


def _check(key: str, value: str | None, prefix: str) -> None:
    """The usual mix-ups, by the prefixes that Slack gives its tokens (docs.slack.dev, tokens)."""
    if value is None:
        return
    if not value.isascii() or not value.isprintable() or " " in value:
        raise BadConfig(key=key, fault="holds characters that no token has.", mend="Copy it again from the app's page.")
    kind = _PREFIXES.get(value[:5])
    if kind is not None and value[:5] != prefix:
        wanted = f"a token that begins with {prefix}" if prefix else "the signing secret of the app"
        raise BadConfig(key=key, fault=f"is {kind}.", mend=f"Set it to {wanted}.")


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and not parts.query and not parts.fragment
        _ = parts.port  # raises ValueError when it is no number
    except ValueError:
        sound = False
    if not sound:
        raise BadConfig(
            key="SLACK_API_URL",
            fault="is not an http(s) base URL.",
            mend=f"Set it to something like {DEFAULT_API_URL}, or remove it.",
        )
    return text if text.endswith("/") else text + "/"
