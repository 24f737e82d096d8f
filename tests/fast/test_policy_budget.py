"""Budgets and hours: when a rule that decides by itself does, and what it takes."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff import policy
from signoff.model import Ask, Spend, Terms
from signoff.policy.amount import MOST, millionths, written

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""A Friday."""
HEAD = """\
version: 1
people: {ada: {email: ada@example.com}, bob: {}}
defaults: {approvers: [ada]}
rules:
"""
SMALL = """\
  - name: small
    when: args.amount <= 50.0
    decide: approve
    budget: {calls: 20, sum: {of: args.amount, limit: 500.5}, per: 24h}
"""


def load(rules: str, head: str = HEAD) -> policy.Policy:
    return policy.load(head + rules, file="p.yaml", chats=("slack",))


def terms(rules: str, arguments: dict[str, object], **fields: object) -> Terms:
    ask = Ask.model_validate({"tool": "pay", "arguments": arguments, **fields})
    return load(rules).terms(ask, ask.arguments, NOON, asked_by="key_1")


def test_an_automatic_decision_says_what_it_takes() -> None:
    """Whole millionths, within the rule's window."""
    got = terms(SMALL, {"amount": 19.99})
    assert got.decide == "approve"
    assert got.spend == Spend(budget='["small"]', calls=20, amount=19_990_000, limit=500_500_000, per=86400)


def test_calls_alone_are_counted_without_an_amount() -> None:
    """Nothing is read from the arguments then."""
    rules = "  - {name: r, decide: notify, budget: {calls: 3, per: 1h}}\n"
    assert terms(rules, {}).spend == Spend(budget='["r"]', calls=3, per=3600)


@pytest.mark.parametrize(
    "amount", [-1, -0.01, "20", None, True, [5], 0.0000001, 1e-300, Decimal("0.10000000000000000000001"), {}]
)
def test_an_amount_that_cannot_be_counted_exactly_asks_people(amount: object) -> None:
    """Negative, no number, finer than a millionth: never approved, and the note says why."""
    rules = SMALL.replace("args.amount <= 50.0", "tool == 'pay'")
    got = terms(rules, {"amount": amount})
    assert (got.decide, got.rule, got.spend) == ("ask", "defaults", None)
    assert "could not be evaluated" in (got.note or "")


@pytest.mark.parametrize("amount", [2**53, 1e18, 10**400])
def test_an_amount_beyond_what_is_counted_exactly_asks_people(amount: float) -> None:
    """However large the number that an agent sends."""
    got = terms(SMALL.replace("args.amount <= 50.0", "tool == 'pay'"), {"amount": amount})
    assert got.decide == "ask"


@given(st.one_of(st.integers(-10, 10**17), st.floats(), st.decimals(allow_nan=True, places=8)))
def test_an_amount_is_counted_exactly_or_not_at_all(value: float | Decimal) -> None:
    """As exact arithmetic on the written number does it."""
    try:
        got = millionths(value)
    except ValueError:
        return
    assert Fraction(got, 1_000_000) == Fraction(str(value))
    assert 0 <= got <= MOST


@pytest.mark.parametrize(("amount", "text"), [(500_000_000, "500"), (500_000, "0.5"), (1, "0.000001"), (0, "0")])
def test_an_amount_is_written_as_people_write_it(amount: int, text: str) -> None:
    """Without an exponent and without idle zeros."""
    assert written(amount) == text


def test_a_spent_budget_lets_the_next_rule_try() -> None:
    """As if the rule were not there."""
    rules, ask = SMALL + "  - {name: next, approvers: [bob]}\n", Ask(tool="pay", arguments={"amount": 20})
    assert load(rules).terms(ask, ask.arguments, NOON).rule == "small"
    got = load(rules).terms(ask, ask.arguments, NOON, spent={"small"})
    assert (got.rule, got.decide, got.note, got.spend) == ("next", "ask", None, None)


def test_a_failure_is_none_where_the_budget_is_spent() -> None:
    """A rule that would not match anyway raises no doubt."""
    ask = Ask(tool="pay", arguments={})
    assert load(SMALL).terms(ask, ask.arguments, NOON, spent={"small"}).note is None


def budget_of(by: str, **fields: object) -> str:
    rules = f"  - {{name: r, decide: approve, budget: {{calls: 1, per: 1h, by: [{by}]}}}}\n"
    spend = terms(rules, {}, **fields).spend
    assert spend
    return spend.budget


def test_budgets_count_apart_for_each() -> None:
    """By the key that asks, which an agent cannot choose, by tool, by the person acted for."""
    assert budget_of("agent", agent="x") == budget_of("agent", agent="y") == '["r",["agent","key_1"]]'
    assert budget_of("tool") == '["r",["tool","pay"]]'
    assert budget_of("on_behalf_of", on_behalf_of="Ada <ADA@example.com>") == '["r",["on_behalf_of","ada"]]'
    assert budget_of("tool, agent") == budget_of("agent, tool")


def test_i17_whom_nobody_knows_shares_one_budget() -> None:
    """An agent gets no new budget by making up people."""
    assert budget_of("on_behalf_of", on_behalf_of="eve") == budget_of("on_behalf_of", on_behalf_of="mallory")
    assert budget_of("on_behalf_of", on_behalf_of="eve") == budget_of("on_behalf_of")


def test_names_cannot_be_made_to_share_a_budget() -> None:
    """A tool's name that looks like another budget's stays itself."""
    assert budget_of("tool", tool='pay"],["agent","k') != budget_of("tool, agent", tool="pay")


def test_nothing_is_taken_where_nothing_is_decided() -> None:
    """A call that does not offer to be approved is asked, and one that offers nothing is told."""
    for offered in ((), ("reject", "respond")):
        assert terms(SMALL, {"amount": 5}, allowed_decisions=offered).spend is None


# ── hours ────────────────────────────────────────────────────────────────────────────────────────

OFFICE = "{zone: Europe/Berlin, days: mon-fri, from: '09:00', to: '18:00'"


def at(rule: str, moment: str) -> Terms:
    ask = Ask(tool="pay", arguments={"amount": 5})
    return load(f"  - {{name: r, {rule}}}\n").terms(ask, ask.arguments, datetime.fromisoformat(moment))


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-11-20T08:00Z", True),  # 09:00 in winter
        ("2026-11-20T07:59Z", False),
        ("2026-11-20T16:59Z", True),
        ("2026-11-20T17:00Z", False),
        ("2026-07-17T07:00Z", True),  # 09:00 in summer
        ("2026-07-17T16:00Z", False),
        ("2026-11-21T12:00Z", False),  # Saturday
        ("2026-11-23T12:00+05:00", False),  # 08:00 on Monday
        ("2026-03-30T07:00Z", True),  # the Monday after the clocks went forward
        ("2026-10-26T07:59Z", False),  # the Monday after they went back
    ],
)
def test_hours_go_by_the_clock_on_the_wall(moment: str, within: bool) -> None:
    """In their own zone, in summer and in winter, from the first minute up to the last."""
    got = at(f"hours: {OFFICE}, outside: {{approvers: [bob]}}}}", moment)
    assert got.approvers == (("ada",) if within else ("bob",))


@pytest.mark.parametrize(
    ("moment", "within"),
    [
        ("2026-11-20T22:00Z", True),  # Friday evening
        ("2026-11-21T05:59Z", True),  # the morning after, still Friday's
        ("2026-11-21T06:00Z", False),
        ("2026-11-21T22:00Z", False),  # Saturday evening
        ("2026-11-23T05:00Z", False),  # Monday morning belongs to Sunday
        ("2026-11-23T21:59Z", False),
    ],
)
def test_hours_may_span_midnight(moment: str, within: bool) -> None:
    """What begins in the evening belongs to that day."""
    hours = "{zone: UTC, days: [mon, fri], from: '22:00', to: '06:00', outside: {decide: reject}}"
    assert (at(f"hours: {hours}", moment).decide == "ask") is within


@pytest.mark.parametrize(
    ("days", "moment", "within"),
    [
        ("sat-mon", "2026-11-22T12:00Z", True),
        ("sat-mon", "2026-11-24T12:00Z", False),
        ("wed", "2026-11-25T23:59Z", True),
    ],
)
def test_days_may_pass_the_end_of_the_week(days: str, moment: str, within: bool) -> None:
    """And without clock times a day is whole."""
    assert (at(f"hours: {{zone: UTC, days: {days}, outside: {{decide: reject}}}}", moment).decide == "ask") is within


def test_an_approving_rule_does_not_match_outside_of_its_hours() -> None:
    """The next one is tried."""
    rule = f"decide: approve, hours: {OFFICE}}}"
    assert at(rule, "2026-11-20T12:00Z").decide == "approve"
    assert (at(rule, "2026-11-20T20:00Z").rule, at(rule, "2026-11-20T20:00Z").decide) == ("defaults", "ask")


def test_outside_of_the_hours_others_are_asked_or_the_call_is_rejected() -> None:
    """In the place of stages, of a budget, and of an automatic approval."""
    late = "2026-11-20T20:00Z"
    staged = at(
        f"stages: [{{approvers: [ada]}}, {{approvers: [bob]}}], hours: {OFFICE}, outside: {{approvers: [bob]}}}}", late
    )
    assert (staged.approvers, staged.stages) == (("bob",), ())
    paid = at(f"decide: approve, budget: {{calls: 1, per: 1h}}, hours: {OFFICE}, outside: {{approvers: [bob]}}}}", late)
    assert (paid.decide, paid.approvers, paid.spend) == ("ask", ("bob",), None)
    shut = at(f"hours: {OFFICE}, outside: {{decide: reject, message: Come back.}}}}", late)
    assert (shut.decide, shut.message) == ("reject", "Come back.")
    assert "mon, tue, wed, thu, fri 09:00-18:00 Europe/Berlin" in (
        at(f"hours: {OFFICE}, outside: {{decide: reject}}}}", late).message or ""
    )


def test_the_defaults_hours_hold_for_what_is_asked() -> None:
    """Not for rules that decide, nor for those that say otherwise."""
    head = HEAD.replace("approvers: [ada]", f"approvers: [ada], hours: {OFFICE}, outside: {{approvers: [bob]}}}}")
    late, ask = datetime(2026, 11, 20, 20, tzinfo=UTC), Ask(tool="pay", arguments={"amount": 5})
    for rule, approvers in (("{name: r}", ("bob",)), ("{name: r, hours: off}", ("ada",))):
        assert load(f"  - {rule}\n", head).terms(ask, ask.arguments, late).approvers == approvers
    assert load("  - {name: r, decide: approve}\n", head).terms(ask, ask.arguments, late).decide == "approve"
    assert load("  []\n", head).terms(ask, ask.arguments, late).approvers == ("bob",)


def test_a_failure_is_none_outside_of_the_hours() -> None:
    """A rule that does not hold now raises no doubt."""
    late, ask = datetime(2026, 11, 20, 20, tzinfo=UTC), Ask(tool="pay", arguments={})
    rule = f"  - {{name: r, when: args.a == 1, decide: approve, hours: {OFFICE}}}}}\n"
    assert load(rule).terms(ask, ask.arguments, late).note is None
    assert load(rule).terms(ask, ask.arguments, NOON).note


# ── what an agent can send ───────────────────────────────────────────────────────────────────────


def test_no_pattern_is_catastrophic() -> None:
    """What takes other engines for ever is over at once, on the largest text that the door lets in."""
    for pattern in ("^(a+)+$", "^(a|aa)+$", "(.*a){20}$", "(x+x+)+y"):
        rules = f"  - {{name: r, when: \"args.s.matches('{pattern}')\", decide: approve}}\n"
        loaded, ask = load(rules), Ask(tool="t", arguments={"s": "a" * 250_000 + "!"})
        began = time.perf_counter()
        assert loaded.terms(ask, ask.arguments, NOON).decide in {"ask", "approve"}
        assert time.perf_counter() - began < 5.0


LOOPING = "".join(f"  - {{name: r{n}, when: 'args.l.all(a, args.l.size() > {n + 3000})'}}\n" for n in range(200))


def test_many_looping_rules_cost_no_more_than_their_bound() -> None:
    """Each alone would be let through; together they are cut off, and people are asked."""
    ask = Ask(tool="pay", arguments={"l": list(range(1900))})
    began = time.perf_counter()
    got = load(LOOPING + "  - {name: last, decide: approve}\n").terms(ask, ask.arguments, NOON)
    assert time.perf_counter() - began < 10.0
    assert got.decide == "ask"
    assert "the arguments are too large for it" in (got.note or "")


def test_rules_of_other_tools_cost_nothing() -> None:
    """However many loop over the arguments, what ends at the tool's name leaves the bound to the rule that counts."""
    rules = LOOPING.replace("'args.l", '\'tool == "other" && args.l')
    last = "  - {name: last, when: 'args.l.exists(a, a == 7)', decide: approve}\n"
    ask = Ask(tool="pay", arguments={"l": list(range(1900))})
    assert load(rules + last).terms(ask, ask.arguments, NOON).rule == "last"
