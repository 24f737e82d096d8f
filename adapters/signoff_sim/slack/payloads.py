"""The JSON objects Slack speaks in: users, channels, messages, views and what an interaction carries. Pure."""

from __future__ import annotations

from typing import Any

from signoff_sim import world
from signoff_sim.slack.fields import initial_values, state_values
from signoff_sim.slack.records import APP, BOT, TEAM_DOMAIN, VERIFICATION_TOKEN, Channel, Message, User, UserGroup, View
from signoff_sim.slack.shape import Json
from signoff_sim.slack.workspace import Workspace

MONDAY_MORNING = 1_700_000_000  # when everything in this company was created


def user_json(user: User, with_email: bool = True) -> Json:
    handle = user.person
    profile: Json = {
        "title": user.title,
        "real_name": user.name,
        "real_name_normalized": user.name,
        "display_name": handle,
        "display_name_normalized": handle,
        "team": user.team,
    }
    if with_email and user.email:
        profile["email"] = user.email
    whole: Json = {
        "id": user.id,
        "team_id": user.team,
        "name": handle,
        "real_name": user.name,
        "deleted": user.deleted,
        "tz": user.zone,
        "profile": profile,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_email_confirmed": not user.is_bot,
        "updated": MONDAY_MORNING,
    }
    if not user.deleted:
        whole |= {
            "is_admin": False,
            "is_owner": False,
            "is_primary_owner": False,
            "is_restricted": user.is_restricted,
            "is_ultra_restricted": user.is_ultra_restricted,
        }
    if user.is_stranger:
        whole["is_stranger"] = True
    return whole


def usergroup_json(group: UserGroup, with_users: bool = True) -> Json:
    whole: Json = {
        "id": group.id,
        "team_id": world.SLACK_TEAM,
        "is_usergroup": True,
        "is_subteam": True,
        "name": group.name,
        "description": "",
        "handle": group.handle,
        "is_external": False,
        "date_create": MONDAY_MORNING,
        "date_update": MONDAY_MORNING,
        "date_delete": MONDAY_MORNING if group.disabled else 0,
        "auto_type": None,
        "created_by": "U0RITA",
        "updated_by": "U0RITA",
        "deleted_by": "U0RITA" if group.disabled else None,
        "prefs": {"channels": [], "groups": []},
        "user_count": len(group.users),
    }
    return {**whole, "users": group.users} if with_users else whole


def channel_json(channel: Channel) -> Json:
    if channel.with_user is not None:
        return {
            "id": channel.id,
            "created": MONDAY_MORNING,
            "is_archived": channel.is_archived,
            "is_im": True,
            "user": channel.with_user,
            "context_team_id": world.SLACK_TEAM,
        }
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "created": MONDAY_MORNING,
        "creator": "U0RITA",
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_general": False,
        "is_shared": False,
        "is_ext_shared": False,
        "is_member": world.SLACK_BOT in channel.members,
        "context_team_id": world.SLACK_TEAM,
        "num_members": len(channel.members),
        "topic": {"value": "", "creator": "", "last_set": 0},
        "purpose": {"value": "", "creator": "", "last_set": 0},
    }


def message_json(message: Message, with_metadata: bool = True) -> Json:
    whole: Json = {
        "type": "message",
        "user": message.user,
        "ts": message.ts,
        "text": message.text,
        "team": world.SLACK_TEAM,
    }
    if message.by_bot:
        whole |= {"bot_id": BOT, "app_id": APP}
    if message.blocks:
        whole["blocks"] = message.blocks
    if message.thread_ts is not None:
        whole["thread_ts"] = message.thread_ts
        if message.thread_ts != message.ts:
            whole["parent_user_id"] = message.user
    if message.edited is not None:
        whole["edited"] = {"user": message.user, "ts": message.edited}
    if message.metadata is not None and with_metadata:
        whole["metadata"] = message.metadata
    return whole


def view_json(view: View) -> Json:
    kept = ("type", "title", "submit", "close", "blocks", "submit_disabled")
    whole: Json = {key: view.definition[key] for key in kept if key in view.definition}
    whole.setdefault("submit", None)
    whole.setdefault("close", None)
    return {
        **whole,
        "clear_on_close": view.definition.get("clear_on_close") is True,
        "notify_on_close": view.definition.get("notify_on_close") is True,
        "id": view.id,
        "team_id": world.SLACK_TEAM,
        "private_metadata": view.definition.get("private_metadata", ""),
        "callback_id": view.definition.get("callback_id", ""),
        "external_id": view.definition.get("external_id", ""),
        "state": {"values": state_values(view.blocks, view.values)},
        "hash": view.hash,
        "previous_view_id": view.previous,
        "root_view_id": view.root,
        "app_id": APP,
        "app_installed_team_id": world.SLACK_TEAM,
        "bot_id": BOT,
    }


def interaction(user: User, kind: str, trigger_id: str | None = None) -> Json:
    """What every interaction payload begins with; only a closed view brings no trigger."""
    whole: Json = {
        "type": kind,
        "team": {"id": user.team, "domain": TEAM_DOMAIN},
        "user": {"id": user.id, "username": user.person, "name": user.person, "team_id": user.team},
        "api_app_id": APP,
        "token": VERIFICATION_TOKEN,
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if trigger_id is not None:
        whole["trigger_id"] = trigger_id
    return whole


def shortcut(user: User, callback_id: str, trigger_id: str, at: str) -> Json:
    """A global shortcut: no conversation, no message, no response_url."""
    return {
        "type": "shortcut",
        "token": VERIFICATION_TOKEN,
        "action_ts": at,
        "team": {"id": user.team, "domain": TEAM_DOMAIN},
        "user": {"id": user.id, "username": user.person, "team_id": user.team},
        "is_enterprise_install": False,
        "enterprise": None,
        "callback_id": callback_id,
        "trigger_id": trigger_id,
    }


def from_message(workspace: Workspace, user: User, message: Message, response_url: str) -> Json:
    """The part of a block_actions payload that says which message it came from."""
    channel = workspace.channels[message.channel]
    values = initial_values(message.blocks) | workspace.chosen.get((user.id, message.channel, message.ts), {})
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": message.channel,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    whole: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": "directmessage" if channel.with_user else channel.name},
        "state": {"values": state_values(message.blocks, values)},
        "response_url": response_url,
    }
    if message.only_for is None:
        whole["message"] = message_json(message)
    return whole


def action(block: Json, element: Json, state: Json, at: str) -> Json:
    """One entry of `actions`."""
    sent: Json = {"block_id": block.get("block_id", ""), "action_ts": at, **state}
    for key in ("action_id", "type", "text", "value", "style", "url", "placeholder", "confirm"):
        if key in element and key not in sent:
            sent[key] = element[key]
    return sent


def event_callback(event: Json, user: User | None, event_id: str, at: float) -> Json:
    authorization: Json = {
        "enterprise_id": None,
        "team_id": world.SLACK_TEAM,
        "user_id": world.SLACK_BOT,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    whole: dict[str, Any] = {
        "token": VERIFICATION_TOKEN,
        "team_id": user.team if user else world.SLACK_TEAM,
        "api_app_id": APP,
        "event": event,
        "type": "event_callback",
        "event_id": event_id,
        "event_time": int(at),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
    }
    return whole


def command_fields(user: User, channel: Channel, command: str, text: str, response_url: str, trigger_id: str) -> Json:
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": user.team,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": "directmessage" if channel.with_user else channel.name,
        "user_id": user.id,
        "user_name": user.person,
        "command": command,
        "text": text,
        "api_app_id": APP,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }
