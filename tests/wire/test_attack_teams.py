"""Attacks on the Teams chat with activities that carry a good token: clients may change what a card carries, and
anybody may add the app to a team.
"""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from signoff import policy
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.model import Ask, Key, MessageRef, Request
from signoff.relay import Relay
from signoff.store.memory import MemoryStore
from signoff_sim.world import TEAMS_TENANT
from signoff_teams.places import Places

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_teams import GENERAL, PLACE, TeamsWorld, eventually, teams_world, verbs, words

AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
RULES = f"""
version: 1
people:
  ada: {{name: Ada Okafor, teams: {TEAMS_TENANT}/a0000000-0000-4000-8000-0000000000a1}}
defaults:
  approvers: [ada]
  show: ["{PLACE}"]
"""


class House:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.desk = Desk(self.store, policy.load(RULES, file="rules.yaml", chats=("teams",)), Signer.generate())
        self.world: TeamsWorld

    async def ask(self, order: str) -> tuple[Request, MessageRef]:
        """A request and its card."""
        body = Ask.model_validate({"tool": "refund", "arguments": {"order": order}})
        request = (await self.desk.ask(body, AGENT)).request
        relay = Relay(self.store, self.desk, {"teams": self.world.chat})
        while (work := await self.store.claim(60)) is not None:
            await relay.converge(work)
        [placement] = await self.store.placements(request.id)
        assert placement.message is not None
        return request, placement.message

    async def click(self, person: str, card: MessageRef, verb: str, data: dict[str, Any]) -> None:
        """A click on this card whose data says something else than the card did."""
        sim = self.world.sim
        who = sim.directory.person(person)
        thread, _ = sim.threads.seen_by(who, card.conversation, card.message)
        value = {"action": {"type": "Action.Execute", "verb": verb, "data": data}, "trigger": "manual"}
        sender = sim._sender  # pyright: ignore[reportPrivateUsage]
        answer = await sender.deliver(sender.invoke("adaptiveCard/action", who, thread, value, card.message))
        assert answer.status == 200


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    async with teams_world(house.desk, house.store) as world:
        house.world = world
        yield house


async def test_i16_a_click_that_names_another_request_cannot_paint_over_the_card_it_stands_on(house: House) -> None:
    """A copy is repainted for everybody only where it is a copy: the live card of another request keeps its buttons."""
    first, card = await house.ask("A-1")
    second, _ = await house.ask("A-2")
    await house.click("mia", card, "approve", {"request": second.id, "version": 1})
    copy = await house.world.chat.post(PLACE, house.desk.card(second))
    await house.click("mia", copy, "approve", {"request": second.id, "version": 1})
    await eventually(lambda: "old copy" in words(house.world.seen("ada", copy)))
    assert "approve" in verbs(house.world.seen("ada", card))
    assert [(await house.desk.get(one.id)).status for one in (first, second)] == ["pending", "pending"]


FORMS = [
    ("submit", {"purpose": "confirm", "confirm": ""}),
    ("submit", {"purpose": "more", "what": "force_approve", "reason": "because"}),
    ("submit", {"purpose": "more", "what": "grant", "time": "60", "uses": "1"}),
    ("submit", {"purpose": "more", "what": "extend", "time": "1"}),
    ("submit", {"purpose": "more", "what": "extend", "time": "-3600"}),
]


@pytest.mark.parametrize(("verb", "data"), FORMS[1:])
async def test_i20_a_form_that_was_not_offered_does_nothing(house: House, verb: str, data: dict[str, Any]) -> None:
    """Breaking the glass, a grant or a deadline that the rule does not offer is refused, also when crafted."""
    request, card = await house.ask("A-1")
    await house.click("ada", card, verb, {"request": request.id, "version": 1, **data})
    after = await house.desk.get(request.id)
    assert (after.open, after.rev, after.expires_at) == (True, request.rev, request.expires_at)
    assert not await house.desk.orders.grants()


@pytest.mark.parametrize(("verb", "data"), [*FORMS, ("approve", {}), ("confirm", {}), ("more", {})])
async def test_i16_a_form_that_names_another_request_does_nothing(
    house: House, verb: str, data: dict[str, Any]
) -> None:
    """The card of one request decides and shows nothing of another one."""
    _, card = await house.ask("A-1")
    other, _ = await house.ask("SECRET-2")
    await house.click("ada", card, verb, {"request": other.id, "version": 1, **data})
    assert (await house.desk.get(other.id)).rev == other.rev
    assert "SECRET-2" not in words(house.world.seen("ada", card))


@pytest.mark.parametrize(
    "text", ["<at>Ada</at>", "<teams:x/y>", "&lt;at&gt;", "@ada \0 0\0", "freeze " * 2000, "\u202e"]
)
async def test_what_people_type_never_breaks_the_door(house: House, text: str) -> None:
    """Whatever stands in a message, it is answered once, and nobody gains a right by it."""
    sim = house.world.sim
    mia = sim.directory.person("mia")
    chat = sim.directory.chat_id(mia)
    entity = {"type": "mention", "text": "<at>Ada</at>", "mentioned": {"id": "29:nobody", "name": "Ada"}}
    fields = {"text": f"freeze {text}", "entities": [entity, {"type": "mention"}, None]}
    sender = sim._sender  # pyright: ignore[reportPrivateUsage]
    assert (await sender.deliver(sender.message(mia, sim.threads.all[chat], "1", fields))).status == 200
    assert len(sim.threads.all[chat].messages) == 1
    assert not await house.desk.orders.freezes()


async def test_i27_a_second_team_of_the_same_name_gets_no_cards(house: House) -> None:
    """The first team keeps its name, also when the app is taken out of the second one again."""
    places: Places = house.world.chat._places  # pyright: ignore[reportPrivateUsage]
    fake = "19:fake@thread.tacv2"
    added: dict[str, Any] = {
        "type": "conversationUpdate",
        "serviceUrl": house.world.sim.service_url,
        "conversation": {"id": fake, "tenantId": TEAMS_TENANT, "conversationType": "channel"},
        "recipient": {"id": "28:bot"},
        "channelData": {
            "tenant": {"id": TEAMS_TENANT},
            "team": {"id": fake, "name": "finance"},
            "channel": {"id": fake, "name": "Payouts"},
        },
    }
    await places.learn(added)
    assert (await places.find("teams:Finance/General")).conversation == GENERAL
    assert (await places.find("teams:Finance/Payouts")).conversation != fake
    await places.learn({**added, "membersRemoved": [{"id": "28:bot"}]})
    assert (await places.find("teams:Finance/General")).conversation == GENERAL


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain;charset=UTF-8"},
        {"Content-Type": "application/json", "Origin": "https://page.example"},
        {"Content-Type": "application/json", "Host": "rebound.example:8080"},
    ],
)
async def test_i26_a_web_page_cannot_decide_while_anonymous_traffic_is_taken(headers: dict[str, str]) -> None:
    """What a browser can send to this machine unasked is refused; what an emulator sends is taken."""
    house = House()
    async with teams_world(house.desk, house.store, environ={"SIGNOFF_TEAMS_ANONYMOUS": "1"}) as world:
        house.world = world
        request, card = await house.ask("A-1")
        who = world.sim.directory.person("ada")
        thread, _ = world.sim.threads.seen_by(who, card.conversation, card.message)
        data = {"request": request.id, "version": 1}
        value = {"action": {"type": "Action.Execute", "verb": "approve", "data": data}, "trigger": "manual"}
        sender = world.sim._sender  # pyright: ignore[reportPrivateUsage]
        body = json.dumps(sender.invoke("adaptiveCard/action", who, thread, value, card.message))
        async with aiohttp.ClientSession(f"{world.bot}/") as http:
            async with http.post("api/messages", data=body, headers=headers) as response:
                assert response.status == 401
            assert (await house.desk.get(request.id)).status == "pending"
            async with http.post("api/messages", data=body, headers={"Content-Type": "application/json"}) as response:
                assert response.status == 200
        assert (await house.desk.get(request.id)).status == "approved"
