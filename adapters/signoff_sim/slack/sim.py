"""The simulated Slack, put together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from signoff_sim.simulated import Refused, Traffic
from signoff_sim.slack import faults as faults_of
from signoff_sim.slack.company import Company
from signoff_sim.slack.courier import Courier
from signoff_sim.slack.coverage import TABLE
from signoff_sim.slack.events import Events
from signoff_sim.slack.faults import Checks, Faults
from signoff_sim.slack.finding import Body, the_user
from signoff_sim.slack.hands import Hands
from signoff_sim.slack.installed import SHORTCUTS, Shortcut
from signoff_sim.slack.methods import Office
from signoff_sim.slack.seen import what_is_seen
from signoff_sim.slack.shape import Json, as_text
from signoff_sim.slack.sockets import WARNING_SECONDS, SocketHub
from signoff_sim.slack.web_api import WebApi
from signoff_sim.slack.windows import Windows
from signoff_sim.slack.workspace import Workspace

MOST_WAIT = 30.0  # seconds a verb may wait for what comes next


class SlackSim:
    """A Slack workspace on loopback that the real slack_sdk and Bolt talk to. `coverage.TABLE` says what is modelled.

    `clock` gives Unix seconds: triggers, response URLs and rates go by it, time stamps of signatures do not.
    """

    name = "slack"

    def __init__(
        self,
        *,
        bot_url: str | None = None,
        signing_secret: str = "simulated-signing-secret",  # noqa: S107 - opens nothing but this simulator
        bot_token: str = "xoxb-simulated",  # noqa: S107
        app_token: str = "xapp-simulated",  # noqa: S107
        shortcuts: tuple[Shortcut, ...] = SHORTCUTS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`bot_url`: where deliveries go by HTTP (`/slack/events` below it); None with Socket Mode only.

        `shortcuts`: the app's global ones; `installed.shortcuts_of` reads them out of a manifest.
        """
        self.on_change: Callable[[], None] = _nothing
        self.traffic = Traffic(self.name)
        self.coverage = [asdict(row) for row in TABLE]
        self.workspace = Workspace(clock)
        self.checks = Checks()
        self.faults = Faults()
        self.sockets = SocketHub(self._changed)
        self.courier = Courier(bot_url, signing_secret, self.sockets, self.faults, self.traffic)
        self.api = WebApi(
            Office(self.workspace, self.checks, self.faults, self.sockets),
            bot_token,
            app_token,
            self.traffic,
            self._changed,
        )
        self.events = Events(self.workspace, self.courier)
        self.hands = Hands(self.workspace, self.checks, self.courier, self.events, self._response_url, self._changed)
        self.hands.shortcuts = shortcuts
        windows = Windows(self.workspace, self.checks, self.courier, self.events, self._changed)
        company = Company(self.workspace, self.events.announce)
        self._address = ""
        self._pulse = asyncio.Event()
        self._refreshing: set[asyncio.Task[None]] = set()
        self._verbs: dict[str, Callable[[Body], Awaitable[Json]]] = {
            "click": self.hands.click,
            "fill": windows.fill,
            "tick": windows.tick,
            "press": windows.press,
            "submit": windows.submit,
            "close": windows.close,
            "home": windows.home,
            "command": self.hands.command,
            "shortcut": self.hands.shortcut,
            "say": self.hands.say,
            "event": self.events.event,
            "deliver": self.events.deliver,
            "user": company.user,
            "usergroup": company.usergroup,
            "channel": company.channel,
            "refresh": self._refresh,
            "disconnect": self._disconnect,
        }

    # ── life ──

    def routes(self) -> Iterable[web.RouteDef]:
        return [
            web.get("/slack/api/{method}", self.api.handle),
            web.post("/slack/api/{method}", self.api.handle),
            web.post("/slack/response/{token}", self.api.handle_response_url),
            web.get("/slack/ws", self.sockets.handle),
        ]

    async def start(self, address: str) -> None:
        self._address = self.sockets.address = address

    async def close(self) -> None:
        self.api.closing.set()
        for task in self._refreshing:
            task.cancel()
        await asyncio.gather(*self._refreshing, return_exceptions=True)
        await self.sockets.drop()
        await self.courier.close()

    @property
    def bot_url(self) -> str | None:
        return self.courier.bot_url

    @bot_url.setter
    def bot_url(self, url: str | None) -> None:
        self.courier.bot_url = url

    @property
    def log(self) -> list[dict[str, Any]]:
        return self.traffic.entries()

    def _changed(self) -> None:
        self._pulse.set()
        self._pulse = asyncio.Event()
        self.on_change()

    def _response_url(self, token: str) -> str:
        return f"{self._address}/slack/response/{token}"

    # ── seeing and doing ──

    def state(self, as_person: str) -> dict[str, Any]:
        """What that person sees. Raises Refused for nobody we know."""
        user = the_user(self.workspace, {"as": as_person})
        transport = "socket" if self.sockets.connected else "http" if self.bot_url else "none"
        shortcuts = [asdict(one) for one in self.hands.shortcuts]
        seen = what_is_seen(self.workspace, user, self.faults.archived)
        return seen | {"transport": transport, "shortcuts": shortcuts}

    async def act(self, verb: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Do it, and answer once the app has acknowledged (or failed to).

        `wait`: seconds to wait on for what the person sees to change. Answers `ok`, `deliveries` (transport, status,
        error, milliseconds), and what the person sees next: `modal` and `home` (with `values`, and `errors` at block
        ids), new `notices`, new `ephemerals`. Raises Refused.
        """
        do = self._verbs.get(verb)
        if do is None:
            raise Refused(f'Nobody can "{verb}" here; there are: {", ".join(self._verbs)}.')
        person = as_text(body.get("as"))
        before = self.state(person) if person else {}
        told = await do(body)
        self._changed()
        if not person:
            return told
        try:
            wait = min(MOST_WAIT, float(as_text(body.get("wait")) or 0))
        except ValueError as error:
            raise Refused("`wait` is a number of seconds.") from error
        after = await self._until_changed(person, before, wait)
        return told | _news(before, after)

    async def _until_changed(self, person: str, before: Json, seconds: float) -> Json:
        ends = asyncio.get_running_loop().time() + seconds
        while True:
            pulse, after = self._pulse, self.state(person)
            left = ends - asyncio.get_running_loop().time()
            if after != before or left <= 0:
                return after
            try:
                await asyncio.wait_for(pulse.wait(), left)
            except TimeoutError:
                continue

    def set_faults(self, changes: Mapping[str, Any] | None) -> dict[str, Any]:
        """See faults.change; None puts checks and faults back to normal."""
        if changes is None:
            faults_of.reset(self.faults, self.checks)
        else:
            faults_of.change(self.faults, self.checks, changes)
        self._changed()
        return faults_of.as_json(self.faults, self.checks)

    # ── the connection changes ──

    async def _refresh(self, body: Body) -> Json:
        """Slack's routine renewal of sockets; `warning`: seconds between the warning and the end."""
        warning = float(as_text(body.get("warning")) or WARNING_SECONDS)
        task = asyncio.create_task(self.sockets.refresh(warning))
        self._refreshing.add(task)
        task.add_done_callback(self._refreshing.discard)
        return {"ok": True}

    async def _disconnect(self, body: Body) -> Json:
        """All sockets break."""
        await self.sockets.drop()
        return {"ok": True}


def _news(before: Json, after: Json) -> Json:
    known_notices = {notice["id"] for notice in before["notices"]}
    known = {message["ts"] for channel in before["channels"] for message in channel["messages"]}
    return {
        "modal": after["modal"],
        "home": after["home"],
        "errors": after["modal"]["errors"] if after["modal"] else {},
        "notices": [notice for notice in after["notices"] if notice["id"] not in known_notices],
        "ephemerals": [
            message | {"channel": channel["id"]}
            for channel in after["channels"]
            for message in channel["messages"]
            if message["ephemeral"] and message["ts"] not in known
        ],
    }


def _nothing() -> None:
    """Nobody is listening."""
