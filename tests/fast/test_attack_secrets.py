"""Attacks on secrets: every way by which one was found to leave the request."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signoff import policy
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.model import Actor, Answer, Ask, Key, Outcome, Request
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada}
  cfo: {name: Cleo}
defaults:
  approvers: [ada]
rules:
  - name: large refunds
    when: tool == "refund" && args.amount > 1000.0
    approvers: [cfo]
  - name: refunds
    when: tool == "refund"
    secret: [card_token]
  - name: tokens
    when: tool == "ask"
    secret: ["*token*"]
"""
SECRET = "tok_4242_secret"
AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
ADA = Actor(via="api", person="ada")


class House:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.desk = Desk(self.store, policy.load(RULES, file="rules.yaml", chats=()), Signer.generate())

    async def ask(self, **body: object) -> Request:
        return (await self.desk.ask(Ask.model_validate(body), AGENT)).request

    async def refund(self, **body: object) -> Request:
        arguments = {"order": "A-1", "amount": 500, "card_token": SECRET}
        return await self.ask(tool="refund", arguments=arguments, **body)

    async def told(self, request: Request) -> str:
        """Everything that is shown or written about a request."""
        now = await self.desk.get(request.id)
        shown = (self.desk.card(now), await self.desk.details(request.id, ADA))
        return "\n".join([str(shown), *(line.body for line in await self.store.audit(0, 100))])


@pytest.fixture
def house() -> House:
    return House()


async def test_i13_an_edit_into_another_rule_keeps_the_secrets_of_the_first(house: House) -> None:
    """A rule that calls nothing secret does not uncover what the rule before it hid."""
    request = await house.refund()
    arguments = {**request.arguments, "amount": 5000}
    after = await house.desk.answer(request.id, Answer(kind="edit", version=1, arguments=arguments, message=None), ADA)
    assert (after.status, after.terms.rule) == ("pending", "large refunds")
    assert SECRET not in await house.told(request)


async def test_i13_secrets_quoted_in_texts_stay_out_of_the_audit(house: House) -> None:
    """Title, message and outcome are running text in the audit too: a secret that they quote is taken out."""
    request = await house.refund(title=f"Refund with {SECRET}")
    answer = Answer(kind="approve", version=1, message=f"fine, {SECRET}")
    await house.desk.answer(request.id, answer, ADA)
    await house.desk.report(request.id, Outcome(status="failed", detail=f"bad token {SECRET}"), AGENT)
    assert SECRET not in await house.told(request)


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"pin": {"$ref": "#/definitions/pin"}},
            "definitions": {"pin": {"type": "string", "writeOnly": True}},
        },
        {"type": "object", "properties": {"old": {"writeOnly": True}, "pin": {"$ref": "#/properties/old"}}},
        {
            "type": "object",
            "properties": {"token": {"type": "string"}, "pin": {"$ref": "#p"}},
            "$defs": {"p": {"$anchor": "p", "format": "password"}},
        },
    ],
)
async def test_i13_a_secret_answer_stays_out_of_the_audit_however_its_schema_refers(
    house: House, schema: dict[str, object]
) -> None:
    """References count from the root of the response's own schema."""
    request = await house.ask(tool="ask", arguments={}, allowed_decisions=["respond", "reject"], response_schema=schema)
    await house.desk.answer(request.id, Answer(kind="respond", version=1, response={"pin": SECRET}, message=None), ADA)
    assert SECRET not in await house.told(request)


async def test_i13_an_answer_without_a_schema_is_masked_by_the_rule(house: House) -> None:
    """The rule's patterns hold for an answer whose shape the agent left open."""
    request = await house.ask(tool="ask", arguments={}, allowed_decisions=["respond"])
    await house.desk.answer(
        request.id, Answer(kind="respond", version=1, response={"api_token": SECRET}, message=None), ADA
    )
    assert SECRET not in await house.told(request)
