"""The house for the contract suite: the real desk, relay, policy and memory store in front of one simulated chat."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import pytest

from signoff import cards, forms, policy
from signoff.audit import Entry
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.errors import StoreUnavailable
from signoff.model import Actor, Ask, Key, MessageRef, Request
from signoff.ports import Chat, Swap
from signoff.relay import Relay
from signoff.store.memory import MemoryStore
from signoff_sim import world
from signoff_sim.teams.directory import MANAGERS_GROUP

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import harness_review
import harness_slack
import harness_teams

from signoff_calendar import plugin as calendar_plugin
from signoff_slack import plugin as slack_plugin
from signoff_teams import plugin as teams_plugin

LEASE = 60.0
PEOPLE = {one.id: one for one in world.PEOPLE}


class Side(Protocol):
    """One simulated chat as the contract suite drives it. `action`: approve, confirm, edit, reject, respond, details,
    more, json.
    """

    name: str
    place: str
    elsewhere: str
    """Another place than `place`."""
    direct: str
    """Ada's direct messages."""
    managers: str
    """The policy's entry for a group that this chat knows the members of: Ada and Rita."""
    chat: Chat

    async def click(self, person: str, card: MessageRef, action: str) -> bool:
        """Press a button; true when the platform was told that the click was taken."""
        ...

    async def submit(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        """Change these fields (by Field.key) of the open form and send it."""
        ...

    async def as_json(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        """Change these fields of the open form, and go on in its JSON view."""
        ...

    async def abandon(self, person: str, card: MessageRef) -> None:
        """Close the open form."""
        ...

    def seen(self, person: str, card: MessageRef) -> str:
        """Every word in front of that person: the card, an open form or view, private sentences."""
        ...

    def buttons(self, person: str, card: MessageRef) -> list[str]: ...

    def fault(self, kind: str | None) -> None:
        """What posting meets next: `busy` (wait 7 s), `down`, `gone`; `away`: the directory; None: all is well."""
        ...

    def refused(self, person: str, card: MessageRef) -> bool:
        """That person was told privately that their last click did not count."""
        ...

    async def approve_in_details(self, person: str, card: MessageRef) -> None:
        """Press Approve in the open full view."""
        ...

    def mention(self, person: str) -> str:
        """How somebody who is called by name stands in what is said below a card."""
        ...

    def below(self, person: str, card: MessageRef) -> list[str]:
        """What was said below a card, in its thread."""
        ...

    async def say(self, person: str, text: str) -> str:
        """Say a command to the bot, `@bob` being a mention; what it answers."""
        ...

    async def becomes(self, person: str, kind: str) -> None:
        """`guest`, `external`, `bot`, `deactivated` or `gone`."""
        ...

    async def group(self, *people: str) -> None:
        """Who is in the group of managers from now on."""
        ...

    def hands(self, person: str) -> harness_review.Hands:
        """That person in front of what waits for them."""
        ...


class SlackSide:
    name, place, elsewhere, direct = "slack", "slack:#refunds", "slack:#approvals", "slack:@ada"
    managers = f"{{slack_usergroup: {world.SLACK_TEAM}/S0MGR}}"

    def __init__(self, running: harness_slack.SlackWorld) -> None:
        self._world = running
        self.chat: Chat = running.chat

    async def click(self, person: str, card: MessageRef, action: str) -> bool:
        if action == "json":
            return bool((await self._world.press(person, action))["ok"])
        waits = 0 if action == "approve" else 5
        return bool((await self._world.click(person, card, action, wait=waits))["ok"])

    async def submit(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        await self._world.submit(person, self._typed(form, values))

    async def as_json(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        await self._world.press(person, "json", self._typed(form, values))

    @staticmethod
    def _typed(form: forms.Form, values: Mapping[str, str]) -> dict[str, str]:
        index = {field.key: number for number, field in enumerate(form.fields)}
        labels = {(field.key, option.value): option.label for field in form.fields for option in field.options}
        return {f"{form.purpose}/{index[key]}/0": labels.get((key, value), value) for key, value in values.items()}

    async def abandon(self, person: str, card: MessageRef) -> None:
        await self._world.sim.act("close", {"as": person})

    def seen(self, person: str, card: MessageRef) -> str:
        modal = self._world.modal(person)
        private = [one for one in self._world.messages(person, card.conversation) if one["ephemeral"]]
        errors = list(modal["errors"].values()) if modal else []
        shown = [self._world.message(person, card)["blocks"], modal["blocks"] if modal else []]
        values = [str(modal["values"])] if modal else []
        return "\n".join([harness_slack.words([shown, *(one["blocks"] for one in private)]), *errors, *values])

    def buttons(self, person: str, card: MessageRef) -> list[str]:
        return harness_slack.actions(self._world.message(person, card))

    def fault(self, kind: str | None) -> None:
        self._world.sim.set_faults(None)
        changes: dict[str, Any] = {
            "away": {"error": {"users.info": "internal_error", "usergroups.users.list": "internal_error"}},
            "busy": {"rate_limit": 1, "retry_after": 7},
            "down": {"http_500": 1},
            "gone": {"archived": ["C0REFUNDS"]},
        }
        if kind:
            self._world.sim.set_faults(changes[kind])

    def below(self, person: str, card: MessageRef) -> list[str]:
        return [f"{one['text']}\n{harness_slack.words(one['blocks'])}" for one in self._world.below(person, card)]

    async def say(self, person: str, text: str) -> str:
        told = await self._world.command(person, text)
        assert told["ok"]
        return "\n".join(f"{one['text']}\n{harness_slack.words(one['blocks'])}" for one in told["ephemerals"])

    def mention(self, person: str) -> str:
        return f"<@{PEOPLE[person].slack}>"

    def refused(self, person: str, card: MessageRef) -> bool:
        return any(one["ephemeral"] for one in self._world.messages(person, card.conversation))

    async def approve_in_details(self, person: str, card: MessageRef) -> None:
        await self._world.press(person, "approve")

    async def becomes(self, person: str, kind: str) -> None:
        flags = {"guest": "is_restricted", "external": "is_stranger", "bot": "is_bot"}
        body = {"id": PEOPLE[person].slack, flags.get(kind, "deleted"): True}
        await self._world.sim.act("user", body)

    async def group(self, *people: str) -> None:
        body = {"id": "S0MGR", "users": [PEOPLE[one].slack for one in people]}
        await self._world.sim.act("usergroup", body)

    def hands(self, person: str) -> harness_review.Hands:
        return harness_review.SlackHands(self._world, person)


class TeamsSide:
    name, place, elsewhere, direct = "teams", "teams:Finance/General", "teams:Finance/Payouts", "teams:@ada"
    managers = f"{{entra_group: {MANAGERS_GROUP}}}"

    def __init__(self, running: harness_teams.TeamsWorld) -> None:
        self._world = running
        self._said: dict[str, str] = {}
        """Person → what the platform itself told them last."""
        self.chat: Chat = running.chat

    async def _press(self, person: str, card: MessageRef, verb: str, inputs: Mapping[str, str] | None = None) -> bool:
        told = await self._world.click(person, card, verb=verb, inputs=inputs)
        self._said[person] = str(told.get("notice") or "")
        return not self._said[person]

    async def click(self, person: str, card: MessageRef, action: str) -> bool:
        return await self._press(person, card, "edit_json" if action == "json" else action)

    async def submit(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        verb = "submit" if "submit" in self.buttons(person, card) else "next"
        await self._press(person, card, verb, {key or "#": value for key, value in values.items()})

    async def as_json(self, person: str, card: MessageRef, form: forms.Form, values: Mapping[str, str]) -> None:
        await self._press(person, card, "edit_json", {key or "#": value for key, value in values.items()})

    async def abandon(self, person: str, card: MessageRef) -> None:
        await self._press(person, card, "show", {})

    def seen(self, person: str, card: MessageRef) -> str:
        shown = self._world.seen(person, card)
        typed = [str(node["value"]) for node in harness_teams.nodes(shown) if "id" in node and "value" in node]
        return "\n".join([harness_teams.words(shown), *typed, self._said.get(person, "")])

    def buttons(self, person: str, card: MessageRef) -> list[str]:
        return harness_teams.verbs(self._world.seen(person, card))

    def fault(self, kind: str | None) -> None:
        self._world.sim.set_faults(None)
        changes: dict[str, Any] = {
            "away": {"fail": [{"status": 503, "on": on, "times": 99} for on in ("members", "graph")]},
            "busy": {"fail": [{"status": 429, "on": "create", "retry_after": 7}]},
            "down": {"fail": [{"status": 500, "on": "create"}]},
            "gone": {"archived": ["Finance"]},
        }
        if kind:
            self._world.sim.set_faults(changes[kind])

    def below(self, person: str, card: MessageRef) -> list[str]:
        threads = self._world.sim.threads
        thread = next(one for one in threads.all.values() if one.find(card.message) is not None)
        return [message.text for message in thread.messages if message.id > card.message]

    async def say(self, person: str, text: str) -> str:
        body = {"as": person, "conversation": harness_teams.GENERAL, "text": f"@Signoff {text}"}
        said = (await self._world.sim.act("say", body))["message"]
        return "\n".join(one.text for one in self._world.sim.threads.all[said["conversation"]].messages[1:])

    def mention(self, person: str) -> str:
        return f"@{PEOPLE[person].name}"

    def refused(self, person: str, card: MessageRef) -> bool:
        body = self._world.seen(person, card)["body"]
        return body[0].get("style") == "attention" or bool(self._said.get(person))

    async def approve_in_details(self, person: str, card: MessageRef) -> None:
        await self._press(person, card, "approve")

    async def becomes(self, person: str, kind: str) -> None:
        changes: dict[str, dict[str, Any]] = {
            "guest": {"role": "guest"},
            "external": {"tenant": "99999999-9999-4999-8999-999999999999"},
            "bot": {"role": "bot"},
            "deactivated": {"enabled": False},
            "gone": {"gone": True},
        }
        await self._world.sim.act("user", {"id": person, **changes[kind]})

    async def group(self, *people: str) -> None:
        await self._world.sim.act("group", {"id": MANAGERS_GROUP, "members": list(people)})

    def hands(self, person: str) -> harness_review.Hands:
        return harness_review.TeamsHands(self._world, person)


@asynccontextmanager
async def slack_side(desk: Desk, store: MemoryStore) -> AsyncIterator[Side]:
    async with harness_slack.slack_world(desk, store) as running:
        yield SlackSide(running)


@asynccontextmanager
async def teams_side(desk: Desk, store: MemoryStore) -> AsyncIterator[Side]:
    async with harness_teams.teams_world(desk, store) as running:
        yield TeamsSide(running)


SIDES = {"slack": slack_side, "teams": teams_side}


class Fallible(MemoryStore):
    """A store that can be away."""

    away = False

    async def load(self, request_id: str) -> Any:
        if self.away:
            raise StoreUnavailable
        return await super().load(request_id)

    async def placements(self, request_id: str) -> Any:
        if self.away:
            raise StoreUnavailable
        return await super().placements(request_id)

    async def change(self, swap: Swap, entry: Entry) -> bool:
        if self.away:
            raise StoreUnavailable
        return await super().change(swap, entry)


@dataclass
class Clock:
    """The store's clock, which can be put forward."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@dataclass
class House:
    """Everything but Redis, the agent and the real platform."""

    side: Side
    other: Side
    """The other chat, where the same people are."""
    desk: Desk
    store: Fallible
    relay: Relay
    key: Key
    clock: Clock

    async def ask(self, **changes: Any) -> tuple[Request, MessageRef]:
        """An agent asks about a refund; the request and its card in `side.place`."""
        body: dict[str, Any] = {
            "tool": "issue_refund",
            "arguments": {"order": "A-1001", "amount": 500},
            "title": "Refund order A-1001",
            "reason": "Customer reports a broken item",
            "risk": "high",
            "schema": {
                "type": "object",
                "properties": {
                    "order": {"type": "string"},
                    "amount": {"type": "number", "minimum": 0, "maximum": 1000},
                },
                "required": ["order", "amount"],
            },
            "channel": self.side.place,
            **changes,
        }
        request = (await self.desk.ask(Ask.model_validate(body), self.key)).request
        await self.converge()
        return request, await self.card(request)

    async def form(self, request: Request, purpose: forms.Purpose, person: str) -> forms.Form:
        """The form that person gets for this request."""
        return await self.desk.form(request.id, purpose, Actor(via="api", person=person), request.version)

    async def later(self, request: Request, passed: timedelta) -> None:
        """Time passes, and what is due is done."""
        self.clock.ahead += passed
        await self.desk.tick(request.id)
        await self.converge()

    async def becomes(self, person: str, kind: str) -> None:
        """Somebody changes, and what was known of them has become too old."""
        await self.side.becomes(person, kind)
        self.desk.people.forget(self.side.name)

    async def group(self, *people: str) -> None:
        """The group of managers changes, and what was known of it has become too old."""
        await self.side.group(*people)
        self.desk.people.forget(self.side.name)

    def away(self) -> None:
        """The directory does not answer, and what was known has become too old."""
        self.side.fault("away")
        self.desk.people.forget(self.side.name)

    async def ask_to_deploy(self) -> tuple[Request, MessageRef]:
        """An agent asks for what a live group or Bob approves, by typing the service's name: `api`."""
        return await self.ask(tool="deploy", arguments={"service": "api"}, schema=None, title=None, reason=None)

    async def copy(self, request: Request) -> MessageRef:
        """The request's card in the other chat."""
        placements = await self.store.placements(request.id)
        return next(one.message for one in placements if one.message and one.message.chat == self.other.name)

    async def converge(self) -> None:
        """Let the relay do everything that is due."""
        while (work := await self.store.claim(LEASE)) is not None:
            await self.relay.converge(work)

    async def card(self, request: Request) -> MessageRef:
        placements = await self.store.placements(request.id)
        return next(one.message for one in placements if one.message and one.message.chat == self.side.name)

    async def sees(self, person: str, card: MessageRef, *words: str) -> None:
        """Wait until all of these words are in front of that person."""

        def holds() -> bool:
            shown = self.side.seen(person, card)
            return all(word in shown for word in words)

        try:
            await harness_slack.eventually(holds)
        except TimeoutError:
            pytest.fail(f"{person} sees none of {words} in:\n{self.side.seen(person, card)}")

    async def refuses(self, person: str, card: MessageRef) -> None:
        """Wait until that person has been told privately that a click did not count."""
        side = self.side if card.chat == self.side.name else self.other
        await harness_slack.eventually(lambda: side.refused(person, card))

    async def now(self, request: Request) -> Request:
        """The record, after every card has followed it."""
        await self.converge()
        return await self.desk.get(request.id)

    def entry(self, request: Request) -> Entry:
        """An audit entry for a change that a test makes by itself."""
        return Entry.of({"type": "revised", "request": request.id})

    def neutral(self, request: Request) -> cards.Card:
        return self.desk.card(request)


def people() -> str:
    lines = [
        f"  {one.id}: {{name: {one.name}, email: {one.email}, slack: {world.SLACK_TEAM}/{one.slack}, "
        f"teams: {world.TEAMS_TENANT}/{one.teams}}}"
        for one in world.PEOPLE
    ]
    return "\n".join(lines)


def rules(side: type[SlackSide | TeamsSide], other: type[SlackSide | TeamsSide]) -> str:
    return f"""
version: 1
people:
{people()}
groups:
  finance: {{members: [ada, bob]}}
  managers: {side.managers}
operators: [rita]
defaults:
  show: [{side.name}:@rita]
  approvers: [finance]
  any_channel: true
rules:
  - name: refunds
    when: tool == "issue_refund"
    any_channel: true
    approvers: [finance]
    show: ["{side.name}:@rita"]
    reasons: [wrong amount, not our customer]
  - name: payouts
    when: tool == "pay_out"
    risk: high
    any_channel: true
    show: ["{side.place}", "{other.place}"]
    stages:
      - {{name: finance, approvers: [finance]}}
      - {{name: managers, approvers: [managers, bob]}}
  - name: deployments
    when: tool == "deploy"
    risk: high
    any_channel: true
    show: ["{side.place}"]
    approvers: [managers, bob]
    confirm: "${{args.service}}"
    remind: [15m]
    break_glass: [rita]
    expires_in: 8h
  - name: restarts
    when: tool == "restart"
    any_channel: true
    show: ["{side.place}"]
    approvers: [finance]
    grants: {{match: [args.service], max_ttl: 8h, max_uses: 5}}
"""


@asynccontextmanager
async def housed(name: str, text: str, clock: Clock) -> AsyncIterator[House]:
    """The house behind both chats with this policy, seen from the chat called `name`."""
    (other,) = (one for one in SIDES if one != name)
    store = Fallible(clock=clock)
    keys = {**slack_plugin.groups, **teams_plugin.groups, **calendar_plugin.groups}
    read = policy.load(text, file="policy.yaml", chats=("slack", "teams"), groups=keys)
    desk = Desk(store, read, Signer.generate())
    async with SIDES[name](desk, store) as here, SIDES[other](desk, store) as there:
        for side in (here, there):
            desk.people.add(side.name, side.chat.directory)
        relay = Relay(store, desk, {side.name: side.chat for side in (here, there)})
        now = await store.now()
        key = Key(id="key_1", role="agent", name="agent", secret_hash="x", created_at=now, revoked_at=None)
        yield House(here, there, desk, store, relay, key, clock)
        await desk.people.close()


@pytest.fixture(params=sorted(SIDES))
def chat(request: pytest.FixtureRequest) -> str:
    """Each chat in turn."""
    return str(request.param)


@pytest.fixture
def policed() -> Callable[[str, str, timedelta], AbstractAsyncContextManager[House]]:
    """The house with another policy: which chat it is seen from, the file's text, how far its clock is ahead."""
    return lambda name, text, ahead: housed(name, text, Clock(ahead))


@pytest.fixture
async def house(chat: str) -> AsyncIterator[House]:
    """The same house behind both chats, seen from each."""
    sides = {"slack": SlackSide, "teams": TeamsSide}
    (other,) = (one for one in SIDES if one != chat)
    async with housed(chat, rules(sides[chat], sides[other]), Clock()) as made:
        yield made
