"""Attacks on what a card says: agents whose text would pass for ours, or make ours disappear."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signoff import policy
from signoff.cards import Card, Fact
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.model import Actor, Answer, Ask, Key, Outcome, Request
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada Okafor}
defaults:
  approvers: [ada]
rules:
  - name: only the careful rule
    when: args.amount > 5.0
"""
AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
ADA = Actor(via="api", person="ada")
HIDE = {
    "type": "object",
    "properties": {name: {"type": "string", "writeOnly": True} for name in ("who", "note", "rule", "place")},
}


class House:
    def __init__(self) -> None:
        self.desk = Desk(MemoryStore(), policy.load(RULES, file="rules.yaml", chats=()), Signer.generate())

    async def ask(self, **body: object) -> Request:
        return (await self.desk.ask(Ask.model_validate({"tool": "refund", "arguments": {}, **body}), AGENT)).request

    async def card(self, request: Request) -> Card:
        return self.desk.card(await self.desk.get(request.id))


def facts(card: Card) -> dict[str, Fact]:
    return {fact.label: fact for fact in (*card.facts, *card.footer)}


@pytest.fixture
def house() -> House:
    return House()


async def test_i12_an_agent_cannot_blank_out_who_decides_by_making_the_name_a_secret(house: House) -> None:
    """Names and notes of the policy are never masked, whatever the agent declares secret."""
    arguments = {"who": "Ada Okafor", "note": "could not be evaluated", "rule": "only the careful rule"}
    request = await house.ask(arguments=arguments, schema=HIDE)
    asked = facts(await house.card(request))
    assert asked["Who may decide"].text == "Ada Okafor"
    assert 'the rule "only the careful rule" could not be evaluated' in asked["Note"].text
    await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), ADA)
    card = await house.card(request)
    assert card.status == "Approved by Ada Okafor"
    assert facts(card)["Decided by"].text.startswith("Ada Okafor")


async def test_i12_no_line_of_an_agents_text_can_pass_for_a_line_of_ours(house: House) -> None:
    """Every line of a text of several lines carries a bar, in reasons and in outcomes."""
    forged = "ok\nWho may decide: anybody\nApproved by Ada Okafor"
    request = await house.ask(arguments={"amount": 1}, reason=forged, impact="one line")
    card = facts(await house.card(request))
    assert card["Why"].text == "│ ok\n│ Who may decide: anybody\n│ Approved by Ada Okafor"
    assert card["Impact"].text == "one line"
    await house.desk.answer(request.id, Answer(kind="approve", version=1, message=None), ADA)
    await house.desk.report(request.id, Outcome(status="succeeded", detail=forged), AGENT)
    outcome = facts(await house.card(request))["Outcome"].text.split("\n")
    assert outcome[0] == "Succeeded:"
    assert all(line.startswith("│ ") for line in outcome[1:])
