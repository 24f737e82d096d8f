"""Replaying an audit trail against a policy: what it would have made of the same calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signoff import audit, policy
from signoff.cli.policy import past, table
from signoff.model import MASK, dumps
from signoff.policy import Past, Replayed

BEGIN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
HEAD = "version: 1\npeople: {ada: {}}\ndefaults: {approvers: [ada]}\nrules:\n"
BUDGET = (
    "  - {name: small, when: args.amount <= 50.0, decide: approve, "
    "budget: {calls: 2, sum: {of: args.amount, limit: 60}, per: 1h}}\n"
)


def load(rules: str) -> policy.Policy:
    return policy.load(HEAD + rules, file="p.yaml", chats=("slack",))


def line(seq: int, minutes: float = 0, **entry: object) -> Past:
    given = {"type": "asked", "tool": "pay", "arguments": {}, "rule": "defaults", "asked_by": "k", "risk": None}
    return Past(seq, BEGIN + timedelta(minutes=minutes), given | entry)


def only(rules: str, **entry: object) -> Replayed:
    (call,) = policy.simulate(load(rules), [line(1, **entry)]).calls  # type: ignore[arg-type]
    return call


@pytest.mark.parametrize(
    ("rule", "now"),
    [
        ("{name: r}", "asked"),
        ("{name: r, decide: approve}", "approved"),
        ("{name: r, decide: notify}", "approved"),
        ("{name: r, decide: reject}", "rejected"),
        ("{name: r, mode: shadow}", "approved"),
    ],
)
def test_then_and_now_stand_side_by_side(rule: str, now: str) -> None:
    """The rule and what it made of the call, before and under the new file."""
    call = only(f"  - {rule}\n", rule="old")
    assert (call.rule_then, call.then, call.rule_now, call.now, call.changed) == ("old", "asked", "r", now, True)


@pytest.mark.parametrize(
    ("entry", "then"),
    [
        ({"decision": {"kind": "approve"}}, "approved"),
        ({"decision": {"kind": "reject"}}, "rejected"),
        ({"decision": {"kind": "respond"}, "allowed_decisions": []}, "told"),
        ({}, "asked"),
    ],
)
def test_what_came_of_a_call_at_once_is_in_its_line(entry: dict[str, object], then: str) -> None:
    """A line without a decision was asked."""
    assert only("  []\n", **entry).then == then


def test_budgets_are_counted_in_the_order_of_time() -> None:
    """By calls, by sum, and in a window that slides."""
    amounts = [(1, 0, 20), (2, 10, 45), (3, 20, 20), (4, 30, 1), (6, 61, 40), (5, 60.5, 5)]
    lines = [line(seq, minutes, arguments={"amount": amount}) for seq, minutes, amount in amounts]
    calls = policy.simulate(load(BUDGET), lines).calls
    assert [(call.seq, call.now) for call in calls] == [
        (1, "approved"),
        (2, "asked"),  # 65 in all
        (3, "approved"),
        (4, "asked"),  # the third call
        (5, "approved"),  # the first has left the window
        (6, "asked"),  # 20 + 5 + 40
    ]


def test_what_the_audit_hides_is_not_known() -> None:
    """A rule that would have to read a masked value, metadata or the agent's own risk; not one that need not."""
    masked: dict[str, object] = {
        "arguments": {"token": MASK, "amount": 5, "deep": [{"pin": MASK}], "list": [MASK]},
        "risk": "high",
    }
    for when in (
        "args.token == 'x'",
        "has(args.token) && args.token.startsWith('x')",
        'args["to" + "ken"] == "x"',
        "args.deep[0].pin == '1'",
        "args.deep.exists(one, one.exists(k, one[k] == '1'))",
        "args.list[0] == '1'",
        "args.exists(k, args[k] == 'x')",
        "metadata.team == 'eu'",
        "risk == 'high'",
    ):
        call = only(f"  - name: r\n    when: {dumps(when)}\n", **masked)
        assert (call.now, call.rule_now, call.changed) == ("not known", None, False), when
        assert '"r"' in call.why
    for when in ("args.amount == 5", "tool == 'pay' || args.token == 'x'"):
        assert only(f"  - name: r\n    when: {dumps(when)}\n", **masked).rule_now == "r"
    assert only("  - {name: r, when: tool == 'x' && args.token == 'x'}\n", **masked).rule_now == "defaults"


def test_an_amount_that_the_audit_hides_is_not_known() -> None:
    """The budget cannot be counted then."""
    rules = "  - {name: r, decide: approve, budget: {sum: {of: args.amount, limit: 5}, per: 1h}}\n"
    assert only(rules, arguments={"amount": MASK}).now == "not known"


def test_a_condition_that_fails_now_asks_people() -> None:
    """As it would at the door."""
    assert only(BUDGET, arguments={"amount": "5"}).now == "asked"


def test_other_lines_are_left_out_and_odd_ones_are_not_known() -> None:
    """Decisions and votes are no calls; a line without a tool is none either."""
    found = policy.simulate(load("  []\n"), [line(1, type="decided"), line(2, tool=None), line(3)])
    assert [(call.seq, call.now) for call in found.calls] == [(2, "not known"), (3, "asked")]
    assert (found.now, found.changed) == ({"not known": 1, "asked": 1}, 0)


def test_hours_go_by_the_time_of_the_line() -> None:
    """Not by the present one."""
    rules = "  - {name: r, decide: approve, hours: {zone: UTC, from: '08:00', to: '09:00'}}\n"
    lines = [line(1, 30), line(2, 90)]
    assert [call.now for call in policy.simulate(load(rules), lines).calls] == ["approved", "asked"]


# ── the export's form ────────────────────────────────────────────────────────────────────────────


def exported(*entries: dict[str, object]) -> str:
    texts: list[str] = []
    previous = audit.GENESIS
    for seq, entry in enumerate(entries, 1):
        made = audit.Entry.of(entry)
        at = int(BEGIN.timestamp() * 1000) + seq
        previous = audit.link(previous, seq, at, made.body_hash)
        texts.append(dumps(audit.exported(audit.Line(seq, at, made.body, previous))))
    return "\n".join([*texts, dumps({"seal": "e30.e30.e30"})]) + "\n"


def test_an_export_is_read_line_by_line() -> None:
    """With its times and numbers; the seal is no line."""
    (first, second) = past(exported({"type": "asked", "tool": "pay", "arguments": {}}, {"type": "decided"}))
    assert (first.seq, first.at, first.entry["tool"]) == (1, BEGIN + timedelta(milliseconds=1), "pay")
    assert second.entry == {"type": "decided"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "holds no audit lines"),
        ("nonsense\n", "line 1 is no audit line"),
        ('{"seq": 1}\n', "line 1 is no audit line"),
    ],
)
def test_what_is_no_export_is_said_so(text: str, why: str) -> None:
    """With the line's number."""
    with pytest.raises(ValueError, match=why):
        past(text)


def test_the_table_marks_what_is_different_and_adds_up() -> None:
    """A line a call, then the totals; text of agents cannot break the table."""
    lines = [line(1), line(2, arguments={"a": MASK}), line(3, tool="p\n\u202ey")]
    found = policy.simulate(load("  - {name: r, when: tool == 'pay' && args.a == 1, decide: reject}\n"), lines)
    said = list(table(found))
    assert said[0].startswith("  1  2026-11-20T08:00:00.000Z  pay  asked (defaults) -> asked (defaults)")
    assert said[1].startswith("? 2")
    assert "\n" not in said[2]
    assert "3 calls, 0 different now." in said
    assert "  not known: 0 then, 1 now" in said
    assert "  defaults: 2 now" in said
