"""The Slack app manifest: exactly the scopes, events and commands that the code uses."""

from __future__ import annotations

import json
from pathlib import Path

EVENTS_PATH = "/slack/events"

CALLS: dict[str, tuple[str, ...]] = {
    "auth.test": (),
    "chat.postMessage": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.update": ("chat:write",),
    "conversations.history": ("channels:history", "groups:history", "im:history"),
    "conversations.list": ("channels:read", "groups:read"),
    "conversations.open": ("im:write",),
    "conversations.replies": ("channels:history", "groups:history", "im:history"),
    "views.open": (),
    "views.push": (),
    "views.update": (),
}
"""Web API method → the bot scopes it needs in the conversations we use it on (each method's reference page)."""
EVENTS: tuple[str, ...] = ()
COMMANDS: tuple[str, ...] = ()
SCOPES: tuple[str, ...] = tuple(sorted({scope for scopes in CALLS.values() for scope in scopes}))


def manifest(url: str | None) -> dict[str, object]:
    """`url`: where Slack reaches this installation; None: Socket Mode."""
    interactivity: dict[str, object] = {"is_enabled": True}
    if url is not None:
        interactivity["request_url"] = url.rstrip("/") + EVENTS_PATH
    return {
        "display_information": {
            "name": "Signoff",
            "description": "Approve, edit, answer or reject what an AI agent is about to do",
            "background_color": "#1f2937",
        },
        "features": {
            # Direct messages to a person arrive in the app's Messages tab; it has to exist.
            "app_home": {
                "home_tab_enabled": False,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "Signoff", "always_online": True},
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "interactivity": interactivity,
            "org_deploy_enabled": False,
            "socket_mode_enabled": url is None,
            "token_rotation_enabled": False,
        },
    }


def write(url: str | None, folder: Path) -> Path:
    """`slack-manifest.json`, to be pasted at api.slack.com/apps → Create New App → From a manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "slack-manifest.json"
    file.write_text(json.dumps(manifest(url), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return file
