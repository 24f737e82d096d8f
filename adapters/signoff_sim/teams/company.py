"""The company changes: people become guests, lose their accounts, leave teams; groups get other members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any, cast

from signoff_sim.simulated import Refused
from signoff_sim.teams.directory import ROLES, Directory, EntraGroup
from signoff_sim.world import Person

Json = dict[str, Any]
Announce = Callable[[Person, str, str], Awaitable[bool]]
"""Tell the bot that somebody is in a team (its name) from now on (`add`), or no more (`remove`); whether it took it."""


class Company:
    def __init__(self, directory: Directory, announce: Announce, on_change: Callable[[], None]) -> None:
        self._directory = directory
        self._announce = announce
        self._on_change = on_change

    async def user(self, body: Mapping[str, Any]) -> Json:
        """`{"id": "bob", "role": "guest", "tenant": "…", "enabled": false, "gone": true}`: what is named changes.

        `gone`: the account is deleted. Teams tells bots of none of this.
        """
        person = self._directory.person(body.get("id"))
        standing = self._directory.standings[person.id]
        if (role := body.get("role", standing.role)) not in ROLES:
            raise Refused(f"A role is one of {', '.join(ROLES)}.")
        standing.role = role
        standing.tenant = str(body.get("tenant") or standing.tenant)
        for name in ("enabled", "gone"):
            if name in body:
                if not isinstance(body[name], bool):
                    raise Refused(f"`{name}` is true or false.")
                setattr(standing, name, body[name])
        self._on_change()
        return {"user": asdict(standing)}

    async def group(self, body: Mapping[str, Any]) -> Json:
        """`{"id": "<group id>", "members": ["ada"], "name": "…"}`; one that is not there is made. Nobody is told."""
        group_id = str(body.get("id") or "").lower()
        if len(group_id) != 36:
            raise Refused("A group's `id` is a GUID.")
        if any(team.group == group_id for team in self._directory.teams):
            raise Refused("This group belongs to a team; change the team.")
        members = self._people(body)
        known = self._directory.groups.get(group_id)
        name = str(body.get("name") or (known.name if known else group_id))
        self._directory.groups[group_id] = EntraGroup(group_id, name, members)
        return {"group": group_id, "members": sorted(members)}

    async def team(self, body: Mapping[str, Any]) -> Json:
        """`{"team": "Finance", "members": ["ada"]}`. Sends a conversationUpdate for everybody who comes or goes."""
        name = str(body.get("team") or "")
        if name not in self._directory.rosters:
            raise Refused(f"There is no team {name!r}; there are {', '.join(self._directory.rosters)}.")
        before, after = self._directory.rosters[name], self._people(body)
        self._directory.rosters[name] = after
        self._on_change()
        told = [await self._announce(self._directory.people[one], name, "add") for one in sorted(after - before)]
        told += [await self._announce(self._directory.people[one], name, "remove") for one in sorted(before - after)]
        return {"team": name, "members": sorted(after), "delivered": all(told)}

    def _people(self, body: Mapping[str, Any]) -> set[str]:
        members = body.get("members")
        if not isinstance(members, list):
            raise Refused('`members` is a list of people such as "ada".')
        return {self._directory.person(one).id for one in cast("list[object]", members)}
