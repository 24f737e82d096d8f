"""Attacks with small bodies that are meant to keep a server busy: an event loop that computes answers no click."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signoff import forms, policy
from signoff.desk import Desk
from signoff.digest import Signer
from signoff.errors import Invalid
from signoff.model import MASK, Ask, Key
from signoff.store.memory import MemoryStore

AGENT = Key(id="agent", role="agent", name="agent", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
RULES = """
version: 1
defaults:
  secret: ["*token*"]
"""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.perf_counter()
    yield
    assert time.perf_counter() - began < seconds


def desk() -> Desk:
    return Desk(MemoryStore(), policy.load(RULES, file="rules.yaml", chats=()), Signer.generate())


@pytest.mark.parametrize("limit", [Decimal("1e-999"), 1e-300, 10**101])
def test_i30_a_bound_of_a_thousand_digits_is_refused_at_the_door(limit: object) -> None:
    """A remainder by such a number takes a tenth of a millisecond, thirty seconds for a body of 23 kB."""
    schema = {"properties": {"s": {"items": {"allOf": [{"multipleOf": limit}] * 100}}}}
    assert forms.check_schema(schema)["/properties/s/items/allOf/0/multipleOf"] == "At most 100 digits."
    assert forms.check_schema({"multipleOf": 0.01, "maximum": Decimal("12345678901234567890.12")}) == {}


@pytest.mark.parametrize(
    "value", [["abcd" * 5] * 5000, ["abcd" * 40_000], [Decimal("1e999")] * 300, {"abcd" * 25_000: 1, "ab" * 25_000: 2}]
)
def test_i30_a_value_that_is_too_much_for_its_schema_is_refused_unseen(value: object) -> None:
    """Weight of the schema times size of the value is bounded; long texts and numbers count as several values."""
    part = {"pattern": "^(a|b|c|d)*x?y?$", "multipleOf": 1e-90, "propertyNames": {"pattern": "^(a|b)*$"}}
    schema = {"$defs": {"p": part}, "items": {"allOf": [{"$ref": "#/$defs/p"}] * 1200}}
    assert forms.check_schema(schema) == {}
    with within(1):
        assert forms.validate(schema, value)[""].startswith("This is too much for its schema")


def test_i30_faults_that_quote_a_long_list_are_not_collected() -> None:
    """Four thousand faults that name four thousand choices each are one sentence."""
    choices = {"items": {"enum": [f"{'x' * 20}{number}" for number in range(4000)]}}
    with within(1):
        assert forms.validate(choices, ["x" * 20] * 4000) == {"": "This does not fit the schema."}


async def test_i30_texts_are_not_searched_for_thousands_of_secrets() -> None:
    """With more secrets than can be looked for, the agent's texts are hidden altogether (I13)."""
    house = desk()
    arguments: dict[str, object] = {"token": [f"secret{number}" for number in range(9000)]}
    texts = dict.fromkeys(("reason", "impact", "rollback", "description"), "x" * 9990 + " secret7")
    ask = Ask.model_validate({"tool": "deploy", "arguments": arguments, **texts})
    request = (await house.ask(ask, AGENT)).request
    with within(1):
        card = house.card(request)
    assert {fact.text for fact in card.facts if fact.label in {"Why", "Impact"}} == {MASK}


async def test_i30_a_request_that_is_too_much_for_its_schema_is_invalid() -> None:
    """The agent is told what to do about it."""
    schema = {"type": "object", "properties": {"l": {"items": {"allOf": [{"type": "string"}] * 1000}}}}
    ask = Ask.model_validate({"tool": "deploy", "arguments": {"l": ["a"] * 5000}, "schema": schema})
    with pytest.raises(Invalid, match="send less, or a smaller schema"):
        await desk().ask(ask, AGENT)
