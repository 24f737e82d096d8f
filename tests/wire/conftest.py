"""The house for the contract suite: the real desk, relay, policy and memory store in front of one simulated chat."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from signoff import cards, forms, policy
from signoff.audit import Entry
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.errors import StoreUnavailable
from signoff.model import Ask, Key, MessageRef, Request
from signoff.ports import Chat
from signoff.relay import Relay
from signoff.store.memory import MemoryStore
from signoff_sim import world

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import harness_slack
import harness_teams

LEASE = 60.0


class Side(Protocol):
    """One simulated chat as the contract suite drives it. `action`: approve, edit, reject, respond, details, json."""

    name: str
    place: str
    elsewhere: str
    """Another place than `place`."""
    direct: str
    """Ada's direct messages."""
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
        """What posting meets next: `busy` (wait 7 s), `down`, `gone`; None: all is well again."""
        ...


class SlackSide:
    name, place, elsewhere, direct = "slack", "slack:#refunds", "slack:#approvals", "slack:@ada"

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
        return {f"{form.purpose}/{index[key]}/0": value for key, value in values.items()}

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
            "busy": {"rate_limit": 1, "retry_after": 7},
            "down": {"http_500": 1},
            "gone": {"archived": ["C0REFUNDS"]},
        }
        if kind:
            self._world.sim.set_faults(changes[kind])


class TeamsSide:
    name, place, elsewhere, direct = "teams", "teams:Finance/General", "teams:Finance/Payouts", "teams:@ada"

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
            "busy": {"fail": [{"status": 429, "on": "create", "retry_after": 7}]},
            "down": {"fail": [{"status": 500, "on": "create"}]},
            "gone": {"archived": ["Finance"]},
        }
        if kind:
            self._world.sim.set_faults(changes[kind])


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


@dataclass
class House:
    """Everything but Redis, the agent and the real platform."""

    side: Side
    desk: Desk
    store: Fallible
    relay: Relay
    key: Key

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

    async def converge(self) -> None:
        """Let the relay do everything that is due."""
        while (work := await self.store.claim(LEASE)) is not None:
            await self.relay.converge(work)

    async def card(self, request: Request) -> MessageRef:
        placements = await self.store.placements(request.id)
        return next(placement.message for placement in placements if placement.message is not None)

    async def sees(self, person: str, card: MessageRef, *words: str) -> None:
        """Wait until all of these words are in front of that person."""

        def holds() -> bool:
            shown = self.side.seen(person, card)
            return all(word in shown for word in words)

        try:
            await harness_slack.eventually(holds)
        except TimeoutError:
            pytest.fail(f"{person} sees none of {words} in:\n{self.side.seen(person, card)}")

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


@pytest.fixture(params=sorted(SIDES))
async def house(request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """The same house behind each chat."""
    text = f"""
version: 1
people:
{people()}
groups:
  finance: {{members: [ada, bob]}}
defaults:
  show: [{request.param}:@rita]
  approvers: [finance]
  any_channel: true
rules:
  - name: refunds
    when: tool == "issue_refund"
    any_channel: true
    approvers: [finance]
    show: ["{request.param}:@rita"]
    reasons: [wrong amount, not our customer]
"""
    store = Fallible()
    rules = policy.load(text, file="policy.yaml", chats=("slack", "teams"))
    desk = Desk(store, rules, Signer.generate())
    async with SIDES[request.param](desk, store) as side:
        relay = Relay(store, desk, {side.name: side.chat})
        now = await store.now()
        key = Key(id="key_1", role="agent", name="agent", secret_hash="x", created_at=now, revoked_at=None)
        yield House(side, desk, store, relay, key)
