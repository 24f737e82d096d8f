"""The company changes: people come, go and become guests, user groups and channels change; the app hears of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Protocol

from signoff_sim import world
from signoff_sim.simulated import Refused
from signoff_sim.slack.finding import Body, the_channel
from signoff_sim.slack.payloads import user_json, usergroup_json
from signoff_sim.slack.records import User, UserGroup
from signoff_sim.slack.shape import Json, as_list, as_text
from signoff_sim.slack.workspace import Workspace

TEXTS = ("name", "email", "title", "team", "zone")
FLAGS = ("deleted", "is_bot", "is_restricted", "is_ultra_restricted", "is_stranger")


class Announce(Protocol):
    async def __call__(self, event: Json, /) -> Json:
        """Bring one event to the app if it is subscribed; what became of it."""
        ...


class Company:
    def __init__(self, workspace: Workspace, announce: Announce) -> None:
        self._workspace = workspace
        self._announce = announce

    async def user(self, body: Body) -> Json:
        """`{"id": "U0EVE", "name": "Eve", "team": "T0OTHER", "is_restricted": true, "deleted": false}`.

        Sends `user_change`, and for somebody new `team_join`.
        """
        user_id = as_text(body.get("id"))
        user = self._workspace.user(user_id)
        kind = "team_join" if user is None else "user_change"
        if user is None:
            if not user_id.startswith("U"):
                raise Refused("A new user's `id` begins with U.")
            user = User(user_id, as_text(body.get("person")) or user_id, as_text(body.get("name")) or user_id, "")
            self._workspace.users[user.id] = user
            for channel in self._workspace.channels.values():
                if channel.with_user is None:
                    channel.members.add(user.id)
        before = asdict(user)
        for key in TEXTS:
            if key in body:
                setattr(user, key, as_text(body[key]))
        for key in FLAGS:
            if key in body:
                setattr(user, key, body[key] is True)
        told: Json = {"ok": True, "user": asdict(user)}
        if kind == "user_change" and asdict(user) == before:
            return told
        event = {"type": kind, "user": user_json(user), "cache_ts": int(self._workspace.clock())}
        return told | await self._announce(event)

    async def usergroup(self, body: Body) -> Json:
        """`{"id": "S0MGR", "users": ["U0ADA"], "disabled": false}`; one that is not there is made.

        Sends `subteam_created`, or `subteam_members_changed` and `subteam_updated`, as a change of members does.
        """
        group_id = as_text(body.get("id"))
        if not group_id.startswith("S"):
            raise Refused("A user group's `id` begins with S.")
        members = [as_text(one) for one in as_list(body.get("users"))]
        if strangers := [one for one in members if one not in self._workspace.users]:
            raise Refused(f"Nobody here has the id {strangers[0]}.")
        group = self._workspace.usergroups.get(group_id)
        if group is None:
            group = UserGroup(group_id, as_text(body.get("name")) or group_id, group_id.lower(), members)
            self._workspace.usergroups[group_id] = group
            return await self._announce({"type": "subteam_created", "subteam": usergroup_json(group)})
        told: Json = {"ok": True}
        if "users" in body:
            added = [one for one in members if one not in group.users]
            removed = [one for one in group.users if one not in members]
            group.users = members
            if added or removed:
                told = await self._announce(self._members_changed(group, added, removed))
        disabled = body.get("disabled") is True if "disabled" in body else group.disabled
        if disabled is not group.disabled or told.get("deliveries"):
            group.disabled = disabled
            told = await self._announce({"type": "subteam_updated", "subteam": usergroup_json(group)})
        return told

    def _members_changed(self, group: UserGroup, added: list[str], removed: list[str]) -> Json:
        now = int(self._workspace.clock())
        return {
            "type": "subteam_members_changed",
            "subteam_id": group.id,
            "team_id": world.SLACK_TEAM,
            "date_previous_update": now,
            "date_update": now,
            "added_users": added,
            "added_users_count": len(added),
            "removed_users": removed,
            "removed_users_count": len(removed),
        }

    async def channel(self, body: Body) -> Json:
        """`{"channel": "C0REFUNDS", "archived": true, "private": false, "members": ["U0ADA"]}`."""
        channel = the_channel(self._workspace, User("U0", "", "", ""), body)
        if "archived" in body:
            channel.is_archived = body["archived"] is True
        if "private" in body:
            channel.is_private = body["private"] is True
        if "members" in body:
            channel.members = {as_text(one) for one in as_list(body["members"])}
        return {"ok": True}
