"""Replaying an audit trail against a policy: what it would have made of the same calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from signoff import audit, policy
from signoff.cli.replay import broken, past, sealed, table
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
        ("{name: r, mode: shadow}", "shadowed"),
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
        ({"decision": {"kind": "approve"}, "mode": "shadow"}, "shadowed"),
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


SMALL = "  - {name: r, when: args.a < 9.0, decide: approve, budget: {calls: 1, per: 1h}}\n"
REJECTED_AGAIN = {"kind": "reject", "decided_by": ["rule:loop breaker"]}


@pytest.mark.parametrize(
    ("entry", "beside"),
    [
        ({"decision": {"kind": "approve", "under_grant": "grant_1"}}, "under a grant"),
        ({"decision": REJECTED_AGAIN}, "loop breaker"),
        ({"agent": "bot"}, "under a freeze"),
    ],
)
def test_what_was_decided_beside_the_rules_is_not_compared(entry: dict[str, object], beside: str) -> None:
    """A grant, an earlier rejection, a freeze: apart from what is different; the rest is compared as ever."""
    freeze = line(1, type="froze", freeze={"id": "agent:bot"})
    thaw = line(3, 5, type="thawed", freeze={"id": "agent:bot"})
    found = policy.simulate(load(SMALL), [freeze, line(2, 1, rule="old", **entry), thaw, line(4, 6, **entry)])
    call = found.calls[0]
    assert (call.now, call.changed, found.changed) == ("asked", False, 0)
    assert beside in call.beside
    assert found.incomparable == (2 if "decision" in entry else 1)
    assert found.calls[1].beside == (call.beside if "decision" in entry else "")


def test_the_same_policy_makes_no_difference() -> None:
    """What the loop breaker answered, or ran in shadow, took nothing out of a budget."""
    approved: dict[str, object] = {"decision": {"kind": "approve", "decided_by": ["rule:r"]}, "decide": "approve"}
    small: dict[str, object] = {"arguments": {"a": 1}, "rule": "r"}
    lines = [
        line(1, 0, **small, decision=REJECTED_AGAIN, decide="approve"),
        line(2, 1, **small, **approved),
        line(3, 2, arguments={"a": 1}),
    ]
    assert policy.simulate(load(SMALL), lines).changed == 0
    shadow = [line(seq, seq, **small, **approved, mode="shadow") for seq in (1, 2, 3)]
    found = policy.simulate(load(SMALL).under("shadow"), shadow)
    assert (found.changed, found.now) == (0, {"shadowed": 3})


def test_a_shadowed_call_that_would_be_asked_is_different() -> None:
    """What it comes to when the rule is switched on."""
    call = only("  - {name: r}\n", rule="r", decision={"kind": "approve"}, mode="shadow")
    assert (call.then, call.now, call.changed) == ("shadowed", "asked", True)


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
    assert said[0].startswith("  1  2026-11-20T08:00:00.000Z  -  -  pay()  asked (defaults) -> asked (defaults)")
    assert said[1].startswith("? 2")
    assert "\n" not in said[2]
    assert "3 calls, 0 different now, 1 not comparable." in said
    assert "  not known: 0 then, 1 now" in said
    assert "  defaults: 2 now" in said


def test_each_line_says_which_call_it_is() -> None:
    """Request, agent and a short form of the arguments; a mark of its own for what is not compared."""
    arguments = {"order": "A-1\u202e", "note": "x" * 99, "many": list(range(99)), "last": "y" * 99}
    given: dict[str, object] = {"request": "req_1", "agent": "re\nfund", "arguments": arguments}
    found = policy.simulate(load("  []\n"), [line(1, **given, decision={"kind": "approve", "under_grant": "g"})])
    (said, *_) = table(found)
    assert said.startswith("~ 1  2026-11-20T08:00:00.000Z  req_1  re‹U+000A›fund  pay(order=")
    assert said.endswith("asked (defaults): it was let through under a grant")
    assert len(said) < 300
    assert "\u202e" not in said


def test_a_chain_that_does_not_hold_is_found() -> None:
    """A changed line, a missing one; an export that begins later is none."""
    entries: list[dict[str, object]] = [{"type": "asked", "tool": f"t{seq}"} for seq in range(4)]
    text = exported(*entries)
    lines = text.splitlines(keepends=True)
    assert broken(text) == broken("".join(lines[2:])) == []
    assert broken(text.replace("t1", "t9"))
    assert broken("".join((*lines[:1], *lines[2:])))
    assert (sealed(text), sealed("".join(lines[:-1]))) == (True, False)
