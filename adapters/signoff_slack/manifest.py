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
    "usergroups.users.list": ("usergroups:read",),
    "users.info": ("users:read",),
    "views.open": (),
    "views.publish": (),
    "views.push": (),
    "views.update": (),
}
"""Web API method → the bot scopes it needs in the conversations we use it on (each method's reference page)."""
EVENTS: dict[str, tuple[str, ...]] = {
    "app_home_opened": (),
    "subteam_members_changed": ("usergroups:read",),
    "subteam_updated": ("usergroups:read",),
    "user_change": ("users:read",),
}
"""Event → the bot scopes it needs (each event's reference page). A disabled user group arrives as `subteam_updated`."""
COMMAND = "/signoff"
PENDING = "/pending"
SHORTCUT = "signoff.pending"
"""The callback_id of the global shortcut."""
SCOPES: tuple[str, ...] = tuple(
    sorted({"commands", *(scope for needed in (CALLS, EVENTS) for scopes in needed.values() for scope in scopes)})
)


def manifest(url: str | None) -> dict[str, object]:
    """`url`: where Slack reaches this installation; None: Socket Mode."""
    where = None if url is None else url.rstrip("/") + EVENTS_PATH
    interactivity: dict[str, object] = {"is_enabled": True}
    subscriptions: dict[str, object] = {"bot_events": sorted(EVENTS)}
    # People arrive as <@U…>, not as names that somebody else could have.
    orders: dict[str, object] = {
        "command": COMMAND,
        "description": "Freeze calls, delegate your decisions, see what you have allowed",
        "usage_hint": "help",
        "should_escape": True,
    }
    pending: dict[str, object] = {
        "command": PENDING,
        "description": "Review what waits for your decision",
        "usage_hint": "[high | tool | @agent | #channel | words]",
        "should_escape": True,
    }
    if where is not None:
        interactivity["request_url"] = subscriptions["request_url"] = where
        orders["url"] = pending["url"] = where
    return {
        "display_information": {
            "name": "Signoff",
            "description": "Approve, edit, answer or reject what an AI agent is about to do",
            "background_color": "#1f2937",
        },
        "features": {
            # Direct messages to a person arrive in the app's Messages tab; it has to exist.
            "app_home": {
                "home_tab_enabled": True,
                "messages_tab_enabled": True,
                "messages_tab_read_only_enabled": True,
            },
            "bot_user": {"display_name": "Signoff", "always_online": True},
            "shortcuts": [
                {
                    "name": "Review pending approvals",
                    "type": "global",
                    "callback_id": SHORTCUT,
                    "description": "Approve or reject what waits for your decision, many at once",
                }
            ],
            "slash_commands": [orders, pending],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": subscriptions,
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
