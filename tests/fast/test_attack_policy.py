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


PEOPLE = """
version: 1
people:
  ada: {name: Ada Okafor, email: ada@example.com, slack: T0DEMO/U0ADA, teams: 1e0f/a0b1}
  bob: {name: Bob, slack: [T0DEMO/U0BOB, T0OTHER/U0ADA]}
"""


@pytest.mark.parametrize(
    "text",
    [
        "ADA", " ada\t", "a\u200bda", "ａｄａ", "@ada", "ada@EXAMPLE.com", "mailto:ada@example.com",
        "ａｄａ@example.com",
        "Ada Okafor <ada@example.com>", "<Ada@Example.com>", "<mailto:ada@example.com|ada@example.com>",
        "ada@example.com\u202e", "slack:T0DEMO/U0ADA", "Slack:t0demo/u0ada", "slack: T0DEMO / U0ADA", "T0DEMO/U0ADA",
        "slack:@ada", "U0ADA", "<@U0ADA>", "<@u0ada|Ada>", "teams:1E0F/A0B1", "1e0f/a0b1", "a0b1",
    ],
)  # fmt: skip
def test_i17_the_person_acted_for_is_known_however_the_agent_spells_it(text: str) -> None:
    """Other case, blanks, invisible characters, look-alike letters, mentions, and ids with or without their chat."""
    assert policy.load(PEOPLE, file="rules.yaml", chats=("slack", "teams")).match(text) == "ada"


@pytest.mark.parametrize("text", ["", " ", "<>", "Ada Okafor", "mallory@example.com", "T0DEMO", "T0OTHER/U0EVE", "<@>"])
def test_i14_nobody_is_known_by_a_name(text: str) -> None:
    """Display names and strangers stand for nobody."""
    assert policy.load(PEOPLE, file="rules.yaml", chats=("slack", "teams")).match(text) is None
