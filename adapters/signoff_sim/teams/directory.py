"""The simulated tenant: teams, channels, people and the ids that a bot sees for them. Laid out from world."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signoff_sim.simulated import Refused
from signoff_sim.world import CHANNELS, PEOPLE, Person

FINANCE_GROUP = "f1a00000-0000-4000-8000-000000000001"
MANAGERS_GROUP = "f1a00000-0000-4000-8000-000000000002"
ROLES = ("user", "guest", "anonymous", "bot")
"""What a roster calls people (`userRole`)."""
GENERAL = "General"
"""Every team's first channel; its id is also the team's id, and the channel list gives its name as null."""


@dataclass(frozen=True, slots=True)
class Channel:
    id: str
    name: str
    team: str
    """The team's name."""


@dataclass(frozen=True, slots=True)
class Team:
    id: str
    name: str
    channels: tuple[Channel, ...]

    @property
    def group(self) -> str:
        """The Entra group behind the team (`aadGroupId`)."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, self.id))


@dataclass(slots=True)
class Standing:
    """What may become of an account."""

    tenant: str
    role: str = "user"
    enabled: bool = True
    gone: bool = False
    """Deleted."""


@dataclass(slots=True)
class EntraGroup:
    id: str
    name: str
    members: set[str]
    """World ids; those of the groups within it too."""


class Directory:
    def __init__(self, app_id: str, tenant: str, app_name: str = "Signoff") -> None:
        self.app_id = app_id
        self.tenant = tenant
        self.app_name = app_name
        self.people: Mapping[str, Person] = {person.id: person for person in PEOPLE}
        names = dict.fromkeys(place.team for place in CHANNELS if place.team)
        self.teams = tuple(self._team(name) for name in names)
        self.channels: Mapping[str, Channel] = {c.id: c for team in self.teams for c in team.channels}
        self.standings: dict[str, Standing] = {one: Standing(tenant) for one in self.people}
        """World id → how that account stands."""
        self.rosters: dict[str, set[str]] = {team.name: set(self.people) for team in self.teams}
        """A team's name → the world ids of its members."""
        self.groups: dict[str, EntraGroup] = {
            FINANCE_GROUP: EntraGroup(FINANCE_GROUP, "Finance", {"ada", "bob"}),
            MANAGERS_GROUP: EntraGroup(MANAGERS_GROUP, "Managers", {"ada", "rita"}),
        }

    @staticmethod
    def _team(name: str) -> Team:
        channels = tuple(
            Channel(place.teams, place.name, name) for place in CHANNELS if place.team == name and place.teams
        )
        general = next((channel for channel in channels if channel.name == GENERAL), channels[0])
        return Team(general.id, name, channels)

    def person(self, text: object) -> Person:
        """By world id. Raises Refused."""
        person = self.people.get(str(text))
        if person is None:
            raise Refused(f"Nobody is called {text!r}; there are {', '.join(self.people)}.")
        return person

    def entra_group(self, group: str) -> EntraGroup | None:
        """A group by its id; a team has one, too."""
        for team in self.teams:
            if team.group == group.lower():
                return EntraGroup(team.group, team.name, self.rosters[team.name])
        return self.groups.get(group.lower())

    def team_of(self, channel: Channel) -> Team:
        return next(team for team in self.teams if team.name == channel.team)

    # Ids differ per bot in the real service: a user has another `29:` id for every bot that sees them.
    def user_id(self, person: Person) -> str:
        return "29:1" + _pairwise(self.app_id, person.teams)

    def chat_id(self, person: Person) -> str:
        return "a:1" + _pairwise(self.app_id, person.teams, "personal")

    @property
    def bot_id(self) -> str:
        return f"28:{self.app_id}"

    def find_member(self, member_id: str) -> Person | None:
        """By `29:` id or Entra object id."""
        for person in self.people.values():
            if member_id in (self.user_id(person), person.teams):
                return person
        return None

    # ── JSON pieces ──────────────────────────────────────────────────────────────────────────────

    def account(self, person: Person) -> dict[str, Any]:
        """`from` of an activity."""
        account = {"id": self.user_id(person), "name": person.name, "aadObjectId": person.teams}
        home = self.standings[person.id].tenant
        return account if home == self.tenant else {**account, "tenantId": home}

    def bot(self) -> dict[str, Any]:
        return {"id": self.bot_id, "name": self.app_name}

    def member(self, person: Person, *, guest: bool) -> dict[str, Any]:
        """One TeamsChannelAccount ("Get members of your team or user profile")."""
        standing = self.standings[person.id]
        guest = guest or standing.role == "guest"
        given, _, surname = person.name.partition(" ")
        local, _, domain = person.email.partition("@")
        return {
            "id": self.user_id(person),
            "name": person.name,
            "givenName": given,
            "surname": surname,
            "aadObjectId": person.teams,
            "objectId": person.teams,
            "email": person.email,
            "userPrincipalName": f"{local}_{domain}#EXT#@demo.example.com" if guest else person.email,
            "tenantId": standing.tenant,
            "userRole": "guest" if guest else standing.role,
        }

    def team_details(self, team: Team) -> dict[str, Any]:
        return {
            "id": team.id,
            "name": team.name,
            "aadGroupId": team.group,
            "channelCount": len(team.channels),
            "memberCount": len(self.rosters[team.name]),
        }

    def channel_list(self, team: Team) -> dict[str, Any]:
        return {
            "conversations": [
                {"id": channel.id, "name": None if channel.name == GENERAL else channel.name}
                for channel in team.channels
            ]
        }

    def channel_data(self, channel: Channel | None) -> dict[str, Any]:
        """`channelData` of an activity from a channel (None: from a personal chat)."""
        data: dict[str, Any] = {"tenant": {"id": self.tenant}}
        if channel is not None:
            team = self.team_of(channel)
            data |= {"team": {"id": team.id}, "channel": {"id": channel.id}}
            data |= {"teamsTeamId": team.id, "teamsChannelId": channel.id}
        return data


def _pairwise(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:40]
