"""The simulated Teams, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from aiohttp import web

from signoff_sim.simulated import Refused, Traffic
from signoff_sim.teams import keys
from signoff_sim.teams.company import Company
from signoff_sim.teams.connector import Connector
from signoff_sim.teams.coverage import TABLE
from signoff_sim.teams.directory import Directory, Team
from signoff_sim.teams.graph import ROOT, Graph
from signoff_sim.teams.hands import Hands
from signoff_sim.teams.rules import Rules, changed
from signoff_sim.teams.sender import Sender
from signoff_sim.teams.threads import Threads
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT, Person

Json = dict[str, Any]
Verb = Callable[[Person, Mapping[str, Any]], Awaitable[Json]]

INSTALL_RETRY = (0.2, 2.0)
"""First and longest pause between attempts to tell the bot that it was installed, seconds."""


class TeamsSim:
    """A Teams tenant on loopback that the real botbuilder talks to. Everything it refuses is in `coverage.TABLE`."""

    name = "teams"

    def __init__(
        self,
        *,
        bot_url: str,
        app_id: str = TEAMS_APP_ID,
        password: str,
        tenant: str = TEAMS_TENANT,
        install: bool = True,
    ) -> None:
        """`install`: tell the bot at start, and again until it listens, that every team and person has the app."""
        self.on_change: Callable[[], None] = _nothing
        self.traffic = Traffic(self.name)
        self.coverage = [asdict(row) for row in TABLE]
        self.directory = Directory(app_id, tenant)
        self.threads = Threads(self.directory)
        self._keys = [keys.SigningKey()]
        self._address = ""
        self._install_at_start = install
        self._installing: asyncio.Task[None] | None = None
        self._tokens = keys.Tokens(app_id, password)
        self._connector = Connector(self.directory, self.threads, self._tokens, self.traffic, self._changed)
        self._graph = Graph(
            self.directory, self._tokens, self.traffic, lambda: self._connector.rules, self._connector.take_failure
        )
        self._sender = Sender(self.directory, self.threads, self.traffic, self.sign, bot_url=bot_url)
        self._hands = Hands(self.directory, self.threads, self._connector, self._sender, self._changed)
        self._company = Company(self.directory, self._tell_member, self._changed)
        self._changes = {"user": self._company.user, "group": self._company.group, "team": self._company.team}
        self._verbs: Mapping[str, Verb] = {
            "click": self._hands.click,
            "submit": self._hands.submit,
            "close": self._hands.close,
            "say": self._hands.say,
            "view": self._hands.view,
        }

    # ── life ─────────────────────────────────────────────────────────────────────────────────────

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/teams/openid", self._openid),
            web.get("/teams/jwks", self._jwks),
            *self._connector.routes(),
            *self._graph.routes(),
        ]

    async def start(self, address: str) -> None:
        self._address = address
        self._tokens.graph_scope = f"{self.graph_url}/.default"
        self._sender.open(self.service_url)
        if self._install_at_start:
            self._installing = asyncio.create_task(self._install_everywhere())

    async def installed(self) -> None:
        """Return once the bot has been told of every team and person that has the app."""
        if self._installing is not None:
            await asyncio.shield(self._installing)

    async def close(self) -> None:
        if self._installing is not None:
            self._installing.cancel()
            with suppress(asyncio.CancelledError):
                await self._installing
        await self._sender.close()

    @property
    def service_url(self) -> str:
        """What activities carry as `serviceUrl`, and what the bot answers to."""
        return f"{self._address}/teams/"

    @property
    def graph_url(self) -> str:
        """What stands for https://graph.microsoft.com."""
        return f"{self._address}{ROOT}"

    @property
    def bot_url(self) -> str:
        return self._sender.bot_url

    @bot_url.setter
    def bot_url(self, url: str) -> None:
        self._sender.bot_url = url

    def _changed(self) -> None:
        self.on_change()

    # ── keys ─────────────────────────────────────────────────────────────────────────────────────

    def claims(self, **changes: Any) -> Json:
        """The claims of an honest activity, with changes; a change to None leaves the claim out."""
        merged = {**keys.claims(self.directory.app_id, self.service_url), **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def sign(self, claims: Mapping[str, Any] | None = None, headers: Mapping[str, Any] | None = None) -> str:
        """A JWT by the platform's newest key."""
        return self._keys[-1].sign(self.claims() if claims is None else claims, headers)

    def rotate(self) -> None:
        """Sign with a new key from now on; the old one stays published."""
        self._keys.append(keys.SigningKey())

    async def _openid(self, request: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": keys.ISSUER,
                "authorization_endpoint": "https://invalid.botframework.com",
                "jwks_uri": f"{self._address or f'{request.scheme}://{request.host}'}/teams/jwks",
                "id_token_signing_alg_values_supported": ["RS256"],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            }
        )

    async def _jwks(self, request: web.Request) -> web.Response:
        return web.json_response({"keys": [key.jwk() for key in self._keys]})

    # ── installation ─────────────────────────────────────────────────────────────────────────────

    async def _install_everywhere(self) -> None:
        places: list[Team | Person] = [*self.directory.teams, *self.directory.people.values()]
        for place in places:
            pause = INSTALL_RETRY[0]
            while not await self._install(place, "add"):
                await asyncio.sleep(pause)
                pause = min(pause * 2, INSTALL_RETRY[1])

    async def _install(self, place: Team | Person, action: str) -> bool:
        for activity in self._sender.installed(place, action=action):
            if not (await self._sender.deliver(activity)).good:
                return False
        return True

    async def _tell_member(self, person: Person, name: str, action: str) -> bool:
        team = next(team for team in self.directory.teams if team.name == name)
        return (await self._sender.deliver(self._sender.membership(person, team, action=action))).good

    def _place(self, name: object) -> Team | Person:
        team = next((team for team in self.directory.teams if team.name == name), None)
        return team or self.directory.person(name)

    async def _set_installed(self, body: Mapping[str, Any], action: str) -> Json:
        """`to`: a team's name or a person's id."""
        place = self._place(body.get("to"))
        name = place.name if isinstance(place, Team) else place.id
        missing = set(self._connector.rules.not_installed) - {name} | ({name} if action == "remove" else set[str]())
        self.set_faults({"not_installed": sorted(missing)})
        return {"delivered": await self._install(place, action)}

    # ── control ──────────────────────────────────────────────────────────────────────────────────

    def state(self, as_person: str) -> Json:
        person = self.directory.person(as_person)
        archived = set(self._connector.rules.archived)
        teams = [
            {
                "id": team.id,
                "name": team.name,
                "channels": [
                    {
                        "id": channel.id,
                        "name": channel.name,
                        "archived": bool({team.name, f"{team.name}/{channel.name}", channel.id} & archived),
                        "threads": [
                            self.threads.thread_view(thread, person)
                            for thread in self.threads.all.values()
                            if thread.channel is not None and thread.channel.id == channel.id
                        ],
                    }
                    for channel in team.channels
                ],
            }
            for team in self.directory.teams
        ]
        chat = self.threads.all[self.directory.chat_id(person)]
        return {
            "me": person.id,
            "app": {"id": self.directory.app_id, "name": self.directory.app_name},
            "teams": teams,
            "chats": [{"name": self.directory.app_name, **self.threads.thread_view(chat, person)}],
            "dialog": self._hands.dialog_view(person),
        }

    async def act(self, verb: str, body: Mapping[str, Any]) -> Json:
        """click · submit · close · say · view (as a person), install · uninstall (`to`), rotate; user · group · team
        change the company. Raises Refused.
        """
        if verb == "install":
            return await self._set_installed(body, "add")
        if verb == "uninstall":
            return await self._set_installed(body, "remove")
        if verb == "rotate":
            self.rotate()
            return {}
        if change := self._changes.get(verb):
            return await change(body)
        if verb not in self._verbs:
            known = ", ".join([*self._verbs, *self._changes, "install", "uninstall", "rotate"])
            raise Refused(f"Teams has no verb {verb!r}; it has {known}.")
        return await self._verbs[verb](self.directory.person(body.get("as")), body)

    @property
    def rules(self) -> Rules:
        return self._connector.rules

    def set_faults(self, changes: Mapping[str, Any] | None) -> Json:
        self._connector.rules = changed(self._connector.rules, changes)
        self._changed()
        return asdict(self._connector.rules)


def _nothing() -> None:
    pass
