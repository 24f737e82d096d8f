"""Attacks on what a card says: agents whose text would pass for ours, or make ours disappear."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from signoff import cards, policy
from signoff.cards import Card, Fact
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.model import Actor, Answer, Ask, Escalation, Key, Outcome, Request, Stage, Terms, Version, Vote
from signoff.store.memory import MemoryStore
from signoff_slack import check
from signoff_slack import render as slack
from signoff_teams import render as teams

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


@pytest.mark.parametrize("letter", ["&", "😀", '"', "n"])
def test_a_long_plan_leaves_room_for_what_is_decided_about(letter: str) -> None:
    """Forty stages of many people with long names: both chats take the card, with its arguments, expiry and buttons."""
    long = letter * 300
    crowd = tuple(f"{number}{long}" for number in range(30))
    plan = tuple(Stage(name=f"{number} {long}", approvers=crowd, quorum=9) for number in range(40))
    at, arguments = AGENT.created_at, {"order": "A-1001", "amount": 5}
    request = Request(
        id="req_1",
        tool="refund",
        arguments=arguments,
        risk="critical",
        digest="sha256:0",
        created_at=at,
        expires_at=at,
        terms=Terms(rule="r", expires_in=60, stages=plan, approvers=crowd, escalate=(Escalation(after=1, to=crowd),)),
        versions=(Version(number=1, arguments=arguments, digest="sha256:0", at=at),),
        asked_by="agent",
        stage=1,
        escalated=1,
        votes=tuple(Vote(person=one, acting_for=long, at=at, stage=0) for one in crowd),
    )
    card = cards.card(request, who=long * 30, names={})
    assert [row.name for row in card.arguments] == ["order", "amount"]
    assert "Expires" in facts(card)
    assert facts(card)["Stages"].hidden > 0
    message = slack.message(card)
    assert check.message(message) == []
    drawn = teams.card(card)
    assert len(json.dumps(drawn, ensure_ascii=False).encode()) <= teams.LIMIT
    assert [action["verb"] for action in drawn["actions"]] == ["approve", "edit", "reject", "details", "more"]
    for text in (json.dumps(message), json.dumps(drawn)):
        assert "A-1001" in text
