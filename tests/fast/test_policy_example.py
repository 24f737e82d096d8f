"""The shape of a whole policy file, and how quickly a large one is evaluated."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import policy
from signoff.errors import BadPolicy
from signoff.model import Ask, Escalation, GrantTerms, Spend, Stage

KEYS = {
    "slack_usergroup": policy.GroupKey("slack", r"T\w+/S\w+", "T0DEMO/S0MGR"),
    "calendar": policy.GroupKey("calendar", r"\S+", "oncall.ics"),
    "entra_group": policy.GroupKey("teams", r"[0-9a-f-]{36}", "02bd9fd6-8f93-4758-87c3-1fb73740a315"),
}
WHOLE = r"""
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T0DEMO/U0ADA, teams: t0/a0}
  bob: {name: Bob, slack: T0DEMO/U0BOB}
groups:
  finance:  {members: [ada, bob]}
  managers: {slack_usergroup: T0DEMO/S0MGR}
  oncall:   {calendar: oncall.ics}
  dbas:     {entra_group: 02bd9fd6-8f93-4758-87c3-1fb73740a315}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 4h
  self_approval: false
  any_channel: false
rules:
  - name: small refunds run by themselves
    when: tool == "issue_refund" && args.amount <= 50.0
    decide: approve
    budget: {calls: 20, sum: {of: args.amount, limit: 500}, per: 24h}
    show: [slack:#refunds-log]
  - name: refunds
    when: tool == "issue_refund"
    risk: high
    show: [slack:#refunds, "teams:Finance/General"]
    stages:
      - {name: finance, approvers: [finance], quorum: 1}
      - {name: managers, approvers: [managers], quorum: 2, when: args.amount > 1000.0}
    editable: [amount]
    secret: [card_token]
    confirm: "${args.order}"
    reasons: [wrong amount, not our customer, needs a ticket]
    remind: [15m, 1h]
    escalate: [{after: 2h, to: [managers], show: ["slack:@finance"]}]
    expires_in: 8h
    hours: {zone: Europe/Berlin, days: mon-fri, from: "09:00", to: "18:00", outside: {approvers: [oncall]}}
    grants: {match: [args.order], max_ttl: 8h, max_uses: 5}
  - name: nothing drops production tables
    when: tool == "run_sql" && args.sql.matches("(?i)\\bdrop\\s+table\\b")
    decide: reject
    message: Dropping tables is not allowed from an agent. Open a change ticket.
"""
FRIDAY = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def loaded() -> policy.Policy:
    return policy.load(WHOLE, file="p.yaml", chats=("slack", "teams"), groups=KEYS)


def refund(amount: float) -> Ask:
    return Ask(tool="issue_refund", arguments={"order": "A-1001", "amount": amount, "card_token": "tok_1"})


def test_a_small_refund_runs_by_itself_within_its_budget() -> None:
    """Twenty calls and 500 a day, told in the log's channel."""
    got = loaded().terms(refund(20), refund(20).arguments, FRIDAY)
    assert (got.decide, got.show) == ("approve", ("slack:#refunds-log",))
    assert got.spend == Spend(
        budget='["small refunds run by themselves"]', calls=20, amount=20_000_000, limit=500_000_000, per=86400
    )


def test_a_large_refund_passes_finance_and_two_managers() -> None:
    """With everything that its rule says."""
    got = loaded().terms(refund(5000), refund(5000).arguments, FRIDAY)
    assert got.ladder == (
        Stage(name="finance", approvers=("finance",)),
        Stage(name="managers", approvers=("managers",), quorum=2),
    )
    assert (got.risk, got.editable, got.secret, got.confirm) == ("high", ("amount",), ("card_token",), "A-1001")
    assert got.reasons == ("wrong amount", "not our customer", "needs a ticket")
    assert (got.remind, got.expires_in) == ((900, 3600), 28800)
    assert got.escalate == (Escalation(after=7200, to=("managers",), show=("slack:@ada", "slack:@bob")),)
    assert got.grants == GrantTerms(match=("/order",), max_ttl=28800, max_uses=5)


def test_in_the_evening_whoever_is_on_call_is_asked() -> None:
    """Instead of the stages."""
    got = loaded().terms(refund(5000), refund(5000).arguments, FRIDAY.replace(hour=20))
    assert (got.approvers, got.stages) == (("oncall",), ())
    assert loaded().live(got.approvers) == {"oncall": (("calendar", "oncall.ics"),)}


def test_a_dropped_table_is_rejected() -> None:
    """However it is written."""
    ask = Ask(tool="run_sql", arguments={"sql": "select 1; DROP  TABLE users"})
    assert loaded().terms(ask, ask.arguments, FRIDAY).decide == "reject"


def test_all_of_it_is_sound() -> None:
    """Only the group that no rule uses is noted."""
    assert [finding.sentence for finding in policy.lint(loaded())] == ['Line 10: the group "dbas" is used by no rule.']


_ODD = """
1 | -1 | true | off | [] | {} | [1] | {a: b} | '' | [[]] | [{}] | 1.5 | 1e9 | {within: 1} | {first: 1s} | {after: []}
{text: x} | {outside: {}} | '${' | [args.x] | {zone: Europe} | 00:00 | 9999999999999999999 | "\\u202e"
"""
_VALUES = st.sampled_from([value.strip() for line in _ODD.strip().splitlines() for value in line.split("|")])
_LINES = WHOLE.splitlines()


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(_LINES) - 1), st.integers(0, 9), _VALUES)
def test_i28_any_value_is_taken_or_refused_in_words(number: int, which: int, value: str) -> None:
    """A value of the whole file replaced by another kind: a policy that works, or BadPolicy with a line of it."""
    keys = list(re.finditer(r"\w+: ", _LINES[number]))
    if not keys:
        return
    begin = keys[which % len(keys)].end()
    rest = re.sub(r"^(\[[^\]]*\]|\{[^}]*\}|[^,}\]]*)", "", _LINES[number][begin:])
    text = "\n".join([*_LINES[:number], _LINES[number][:begin] + value + rest, *_LINES[number + 1 :]])
    read, error = _read(text)
    if error is not None:
        assert int(str(error.data["line"])) in range(1, len(_LINES) + 1)
    if read is not None:
        assert policy.explain(read, refund(5000), FRIDAY).lines


def _read(text: str) -> tuple[policy.Policy | None, BadPolicy | None]:
    """Anything but BadPolicy goes through and fails the test."""
    try:
        return policy.load(text, file="p.yaml", chats=("slack", "teams"), groups=KEYS), None
    except BadPolicy as error:
        return None, error


def test_two_hundred_rules_are_evaluated_quickly() -> None:
    """On a call of 4 KB; measured 0.3 ms, and held here to what a busy machine still keeps."""
    rules = "".join(
        f'  - {{name: r{n}, when: \'tool == "pay" && args.amount > {n + 1000}.0 && args.order.startsWith("B")\'}}\n'
        for n in range(200)
    )
    many = policy.load(f"version: 1\nrules:\n{rules}", file="p.yaml", chats=())
    filling: dict[str, object] = {f"field{n}": "x" * 40 for n in range(80)}
    ask = Ask(tool="pay", arguments=filling | {"amount": 5000, "order": "A-1"})
    spent: list[float] = []
    for _ in range(50):
        began = time.perf_counter()
        assert many.terms(ask, ask.arguments, FRIDAY).rule == "defaults"
        spent.append(time.perf_counter() - began)
    assert min(spent) < 0.005
