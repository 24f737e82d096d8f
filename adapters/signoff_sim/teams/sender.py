"""Activities to the bot: built, signed and posted to its messaging endpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp

from signoff_sim.simulated import Traffic
from signoff_sim.teams.directory import Channel, Directory, Team
from signoff_sim.teams.threads import Thread, Threads
from signoff_sim.world import Person

Json = dict[str, Any]

DELIVERY_SECONDS = 15.0
"""How long the service waits for an answer to what is not an invoke ("Basics of the Bot Framework Service")."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    """0: none came in time, or the bot could not be reached."""
    body: object = None

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300


class Sender:
    def __init__(
        self,
        directory: Directory,
        threads: Threads,
        traffic: Traffic,
        sign: Callable[[], str],
        *,
        bot_url: str,
    ) -> None:
        self.bot_url = bot_url
        self.service_url = ""
        self._directory = directory
        self._threads = threads
        self._traffic = traffic
        self._sign = sign
        self._session: aiohttp.ClientSession | None = None

    def open(self, service_url: str) -> None:
        self.service_url = service_url
        self._session = aiohttp.ClientSession()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    # ── activities ───────────────────────────────────────────────────────────────────────────────

    def message(self, person: Person, thread: Thread, activity_id: str, fields: Mapping[str, Any]) -> Json:
        return {**self._envelope("message", person, thread), "id": activity_id, **fields}

    def invoke(self, name: str, person: Person, thread: Thread, value: Json, reply_to: str | None) -> Json:
        activity: Json = {**self._envelope("invoke", person, thread), "name": name, "value": value}
        activity["id"] = f"f:{self._threads.next_id()}"
        activity["channelData"] = {**activity["channelData"], "source": {"name": "message"}}
        if reply_to is not None:
            activity["replyToId"] = reply_to
        return activity

    def installed(self, place: Team | Person, *, action: str = "add") -> list[Json]:
        """What the bot gets when the app is added to a team or by a person: conversationUpdate, installationUpdate."""
        added = {"add": "membersAdded", "remove": "membersRemoved"}[action]
        if isinstance(place, Team):
            thread = Thread(place.id, channel=Channel(place.id, "General", place.name))
            person = next(iter(self._directory.people.values()))
        else:
            thread = Thread(self._directory.chat_id(place), person=place)
            person = place
        update: Json = {**self._envelope("conversationUpdate", person, thread), added: [self._directory.bot()]}
        event: Json = {**self._envelope("installationUpdate", person, thread), "action": action}
        if isinstance(place, Team):
            details = {"id": place.id, "name": place.name, "aadGroupId": place.group}
            kind = {"add": "teamMemberAdded", "remove": "teamMemberRemoved"}[action]
            update["channelData"] = {**update["channelData"], "team": details, "eventType": kind}
            event["channelData"] = {**event["channelData"], "team": details}
        for activity in (update, event):
            activity["id"] = f"f:{self._threads.next_id()}"
        return [update, event]

    def membership(self, person: Person, team: Team, *, action: str) -> Json:
        """What the bot gets when somebody joins a team (`add`) or leaves it (`remove`): a conversationUpdate."""
        thread = Thread(team.id, channel=Channel(team.id, "General", team.name))
        changed = {"add": "membersAdded", "remove": "membersRemoved"}[action]
        kind = {"add": "teamMemberAdded", "remove": "teamMemberRemoved"}[action]
        account = {"id": self._directory.user_id(person), "aadObjectId": person.teams}
        update: Json = {**self._envelope("conversationUpdate", person, thread), changed: [account]}
        details = {"id": team.id, "name": team.name, "aadGroupId": team.group}
        update["channelData"] = {**update["channelData"], "team": details, "eventType": kind}
        update["id"] = f"f:{self._threads.next_id()}"
        return update

    def _envelope(self, kind: str, person: Person, thread: Thread) -> Json:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        conversation: Json = {"id": thread.id, "tenantId": self._directory.tenant}
        if thread.channel is not None:
            conversation |= {"conversationType": "channel", "isGroup": True}
        else:
            conversation |= {"conversationType": "personal"}
        return {
            "type": kind,
            "timestamp": now,
            "localTimestamp": now,
            "serviceUrl": self.service_url,
            "channelId": "msteams",
            "from": self._directory.account(person),
            "conversation": conversation,
            "recipient": self._directory.bot(),
            "channelData": self._directory.channel_data(thread.channel),
            "entities": [{"type": "clientInfo", "locale": "en-US", "country": "US", "platform": "Web"}],
            "locale": "en-US",
        }

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────

    async def deliver(self, activity: Json, seconds: float = DELIVERY_SECONDS, copies: int = 1) -> Answer:
        """Post an activity; the first answer. More `copies` go out at the same time."""
        answers = await asyncio.gather(*(self._deliver_once(activity, seconds) for _ in range(copies)))
        return answers[0]

    async def _deliver_once(self, activity: Json, seconds: float) -> Answer:
        assert self._session is not None, "start() comes first"
        headers = {"Authorization": f"Bearer {self._sign()}"}
        path = f"/api/messages {activity.get('name') or activity['type']}"
        try:
            async with self._session.post(
                f"{self.bot_url}/api/messages",
                json=activity,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=seconds),
                allow_redirects=False,
            ) as response:
                answer = Answer(response.status, _parsed(await response.text()))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            answer = Answer(0)
            note: Json = {"sent": _short(activity), "error": type(error).__name__}
        else:
            note = {"sent": _short(activity), "answer": answer.body}
        self._traffic.record("to_bot", "POST", path, answer.status, note)
        return answer


def _short(activity: Json) -> Json:
    kept = ("type", "action", "text", "value", "replyToId")
    return {"from": activity["from"]["name"], **{key: activity[key] for key in kept if key in activity}}


def _parsed(text: str) -> object:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
