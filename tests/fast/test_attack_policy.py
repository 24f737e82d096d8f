"""Attacks on the policy: calls made so that its rules are not what they seem."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from signoff import policy
from signoff.model import Ask

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
RULES = """
version: 1
people:
  ada: {name: Ada Okafor}
rules:
  - name: small refunds run by themselves
    when: tool == "refund" && args.amount <= 50.0
    decide: approve
  - name: deployments
    when: tool == "deploy"
    approvers: [ada]
  - name: anything with a ticket
    when: has(metadata.ticket)
    approvers: [ada]
"""


@pytest.mark.parametrize("number", [2**70, 10**400, Decimal("1e400"), Decimal("0.10000000000000000000001")])
@pytest.mark.parametrize(("tool", "rule"), [("deploy", "deployments"), ("other", "defaults")])
def test_i08_a_number_that_rules_cannot_compare_breaks_no_rule_that_does_not(
    number: object, tool: str, rule: str
) -> None:
    """A condition that does not speak of the arguments holds whatever numbers are in them."""
    rules = policy.load(RULES, file="rules.yaml", chats=())
    ask = Ask.model_validate({"tool": tool, "arguments": {"amount": number}})
    assert rules.terms(ask, ask.arguments, NOW).rule == rule


def test_i08_a_number_that_cannot_be_compared_is_asked_about() -> None:
    """The rule that would approve by itself does not, and the note says why."""
    rules = policy.load(RULES, file="rules.yaml", chats=())
    ask = Ask.model_validate({"tool": "refund", "arguments": {"amount": -(2**70)}})
    terms = rules.terms(ask, ask.arguments, NOW)
    assert (terms.decide, terms.rule) == ("ask", "defaults")
    assert "cannot be compared exactly" in (terms.note or "")
