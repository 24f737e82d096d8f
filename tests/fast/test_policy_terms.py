"""The terms of a call: which rule holds, and what it says about it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import policy
from signoff.errors import BadConfig, ChannelNotAllowed
from signoff.model import Ask, Terms

NOW = datetime(2026, 11, 20, 8, 9, tzinfo=UTC)
HEAD = """\
version: 1
people: {ada: {slack: T/A}, bob: {slack: T/B}, mia: {}}
groups: {finance: {members: [ada, bob]}}
defaults: {show: [slack:#all], approvers: [finance], secret: [token], reasons: [wrong], expires_in: 1h}
rules:
"""


def load(rules: str, head: str = HEAD) -> policy.Policy:
    return policy.load(head + rules, file="p.yaml", chats=("slack", "teams"))


def terms(rules: str, arguments: dict[str, object] | None = None, *, head: str = HEAD, **fields: object) -> Terms:
    ask = Ask.model_validate({"tool": "t", "arguments": arguments or {}, **fields})
    return load(rules, head).terms(ask, ask.arguments, NOW)


def test_the_first_rule_that_matches_wins() -> None:
    """Later rules are not looked at."""
    rules = (
        "  - {name: one, when: args.a == 2}\n  - {name: two, when: args.a == 1}\n  - {name: three, when: args.a >= 1}\n"
    )
    assert terms(rules, {"a": 1}).rule == "two"


def test_no_match_gives_the_defaults() -> None:
    """What no rule speaks of is asked under the defaults."""
    got = terms('  - {name: one, when: tool == "other"}\n')
    assert (got.rule, got.decide, got.approvers, got.show) == ("defaults", "ask", ("finance",), ("slack:#all",))
    assert (got.secret, got.reasons, got.expires_in, got.self_approval) == (("token",), ("wrong",), 3600, False)


def test_a_rule_overrides_the_defaults_and_adds_its_secrets() -> None:
    """What a rule names holds; what it leaves out comes from the defaults; secrets of both are masked."""
    places = "show: [slack:#r], approvers: [mia], secret: [pin, token]"
    got = terms(f"  - {{name: r, {places}, reasons: [], expires_in: 2h, risk: low}}\n")
    assert (got.show, got.approvers, got.secret, got.reasons) == (("slack:#r",), ("mia",), ("token", "pin"), ())
    assert (got.expires_in, got.risk) == (7200, "low")


def test_i15_without_approvers_anywhere_nobody_is_an_approver() -> None:
    """No approvers configured: the terms name nobody, and nobody stands for nobody."""
    got = terms("  - {name: r}\n", head="version: 1\npeople: {ada: {}}\nrules:\n")
    loaded = load("  - {name: r}\n", "version: 1\npeople: {ada: {}}\nrules:\n")
    assert got.approvers == ()
    assert loaded.members(got.approvers) == frozenset()
    assert loaded.who(got.approvers) == "nobody"


def test_i15_without_a_policy_file_nobody_is_an_approver() -> None:
    """The built-in default shows requests in the configured channels and lets nobody approve."""
    built_in = policy.default(["slack:#approvals"])
    ask = Ask(tool="t", arguments={})
    got = built_in.terms(ask, {}, NOW)
    assert (got.rule, got.show, got.approvers, got.decide) == ("defaults", ("slack:#approvals",), (), "ask")
    elsewhere = ask.model_copy(update={"channel": "slack:#x"})
    assert built_in.terms(elsewhere, {}, NOW).show == ("slack:#x",)
    with pytest.raises(ChannelNotAllowed):
        built_in.terms(ask.model_copy(update={"channel": "irc:#x"}), {}, NOW)


def test_i28_a_default_channel_that_is_no_place_stops_the_boot() -> None:
    """Without a policy file the configured channels are checked as `show` would be."""
    with pytest.raises(BadConfig, match='"irc:#x" is not a place in slack or teams'):
        policy.default(["irc:#x"], chats=("slack", "teams"))
    assert policy.default([], chats=("slack",)).terms(Ask(tool="t", arguments={}, channel="slack:#a"), {}, NOW).show


@pytest.mark.parametrize(
    ("of_rule", "of_request", "higher"),
    [
        ("high", "low", "high"),
        ("low", "critical", "critical"),
        (None, "medium", "medium"),
        ("low", None, "low"),
        (None, None, None),
    ],
)
def test_the_higher_risk_of_rule_and_request_holds(
    of_rule: str | None, of_request: str | None, higher: str | None
) -> None:
    """A request can raise the risk, never lower it."""
    rule = "  - {name: r" + (f", risk: {of_rule}" if of_rule else "") + "}\n"
    assert terms(rule, risk=of_request).risk == higher


@pytest.mark.parametrize(
    ("of_rule", "of_request", "both"),
    [
        ("[a, b]", ["b", "c"], ("b",)),
        ("[a]", None, ("a",)),
        (None, ["c"], ("c",)),
        ("[]", ["a"], ()),
        (None, None, None),
    ],
)
def test_only_what_rule_and_request_both_allow_can_be_edited(
    of_rule: str | None, of_request: list[str] | None, both: tuple[str, ...] | None
) -> None:
    """`editable` intersects; leaving it out allows everything."""
    rule = "  - {name: r" + (f", editable: {of_rule}" if of_rule else "") + "}\n"
    assert terms(rule, editable=of_request).editable == both


@pytest.mark.parametrize(("asked", "given_"), [(60, 60), (99999, 7200), (None, 7200)])
def test_a_request_may_expire_sooner_than_its_rule_but_not_later(asked: int | None, given_: int) -> None:
    """The rule's expires_in is the maximum."""
    assert terms("  - {name: r, expires_in: 2h}\n", expires_in=asked).expires_in == given_


@pytest.mark.parametrize(
    ("rule", "channel", "show"),
    [
        ("{name: r, show: [slack:#a, slack:#b]}", "slack:#b", ("slack:#b",)),
        ("{name: r, any_channel: true}", "teams:Finance/General", ("teams:Finance/General",)),
        ("{name: r, any_channel: true}", None, ("slack:#all",)),
        ("{name: r, decide: notify}", "slack:#all", ("slack:#all",)),
        ("{name: r, decide: approve}", "slack:#x", ()),
        ("{name: r, decide: approve, show: [slack:#log]}", None, ("slack:#log",)),
        ("{name: r, decide: reject}", None, ()),
    ],
)
def test_where_a_request_is_shown(rule: str, channel: str | None, show: tuple[str, ...]) -> None:
    """A request's channel holds where the rule lists it or allows any; a deciding rule tells only where it says."""
    assert terms(f"  - {rule}\n", channel=channel).show == show


@pytest.mark.parametrize(
    ("rule", "channel"),
    [
        ("{name: r}", "slack:#x"),
        ("{name: r, any_channel: true}", "irc:#x"),
        ("{name: r, any_channel: true}", "slack:"),
        ("{name: r, any_channel: true}", "#x"),
        ("{name: r, any_channel: true}", "slack:#x\nslack:#y"),
        ("{name: r, decide: notify}", "slack:#x"),
    ],
)
def test_a_place_that_the_rule_does_not_allow_is_refused(rule: str, channel: str) -> None:
    """The error names rule, channel and what is allowed."""
    with pytest.raises(ChannelNotAllowed, match='The rule "r" does not post to'):
        terms(f"  - {rule}\n", channel=channel)


@pytest.mark.parametrize(
    ("rule", "mend"),
    [
        ("{name: r, show: [slack:#a]}", "slack:#x; use one of slack:#a, or add the channel"),
        ("{name: r, show: []}", "slack:#x; add the channel"),
    ],
)
def test_a_refused_place_says_what_to_do(rule: str, mend: str) -> None:
    """Another place of the rule's, where it has any."""
    with pytest.raises(ChannelNotAllowed, match=mend):
        terms(f"  - {rule}\n", channel="slack:#x")


def test_a_rule_that_rejects_says_why() -> None:
    """With its own message, or a default one that names the rule."""
    assert terms("  - {name: r, decide: reject, message: Open a ticket.}\n").message == "Open a ticket."
    assert terms("  - {name: r, decide: reject}\n").message == 'The rule "r" does not allow this call.'


APPROVES = "  - {name: small, when: args.amount <= 50.0, decide: approve}\n"


def test_a_failed_condition_before_an_approving_rule_asks_people() -> None:
    """An approving match behind a failure does not approve: people are asked under the defaults, and told why."""
    got = terms('  - {name: odd, when: args.x == "1", decide: reject}\n  - {name: all, decide: approve}\n')
    assert (got.decide, got.rule, got.approvers) == ("ask", "defaults", ("finance",))
    assert got.note == (
        'The condition of the rule "odd" could not be evaluated, because the call has no "x". '
        "So people are asked, under the defaults."
    )


def test_a_failed_approving_condition_asks_under_the_rule_that_matches() -> None:
    """A failed approving rule asks nobody itself, so the match behind it does."""
    got = terms(APPROVES + "  - {name: refunds, risk: high}\n", {"amount": "50"})
    assert (got.decide, got.rule, got.risk) == ("ask", "refunds", "high")
    assert got.note
    assert 'under the rule "refunds"' in got.note


def test_only_rules_that_ask_are_candidates() -> None:
    """However strict a failed approving rule looks, people are asked under a rule that was written for asking."""
    small = "  - {name: small, when: args.amount <= 50.0, decide: approve, risk: critical, approvers: []}\n"
    assert terms(small + "  - {name: refunds}\n", {}).rule == "refunds"


def test_a_match_that_rejects_still_rejects_behind_a_failure() -> None:
    """A failure never turns a rejection into a question."""
    got = terms(APPROVES + "  - {name: never, decide: reject}\n", {})
    assert (got.decide, got.rule) == ("reject", "never")


def test_a_notifying_match_behind_a_failure_asks_people() -> None:
    """What people should decide is not downgraded to a notice because a condition failed."""
    assert terms(APPROVES + "  - {name: told, decide: notify}\n", {}).decide == "ask"


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        (["a, when: args.x > 1, risk: low", "b, when: args.x > 2, risk: critical", "c, risk: high"], "b"),
        (["a, when: args.x > 1, approvers: [finance]", "b, when: args.x > 2, approvers: [ada]"], "b"),
        (["a, when: args.x > 1, approvers: [ada]", "b, approvers: [bob]"], "a"),
        (["a, when: args.x > 1, approvers: [finance], risk: low"], "a"),
        (["a, when: args.x > 1, approvers: [ada]", "b, when: args.x > 2, approvers: []"], "b"),
    ],
)
def test_the_strictest_candidate_asks(rules: list[str], chosen: str) -> None:
    """Highest risk, then fewest people who may approve, then the order of the file."""
    assert terms("".join(f"  - {{name: {rule}}}\n" for rule in rules), {}).rule == chosen


def test_rules_behind_the_match_are_not_evaluated() -> None:
    """A failure behind the first match changes nothing."""
    got = terms("  - {name: a, when: args.x == 1}\n  - {name: b, when: args.y == 1}\n", {"x": 1})
    assert (got.rule, got.note) == ("a", None)


def test_many_failures_are_summed_up() -> None:
    """The note stays short: three reasons, then a count."""
    rules = "".join(f"  - {{name: r{n}, when: args.x{n} == 1}}\n" for n in range(9))
    note = terms(rules).note
    assert note is not None
    assert "So it went with 6 more." in note
    assert "r3" not in note


_VALUES = st.one_of(
    st.none(),
    st.text(max_size=4),
    st.integers(-(2**65), 2**65),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=100, places=30),
    st.lists(st.integers(), max_size=2),
    st.booleans(),
)
_CONDITIONS = st.sampled_from(
    [
        "args.amount <= 50.0",
        "args.amount > 10",
        'args.who == "ada"',
        "size(args.who) < 3",
        "args.amount / 2 < 9",
        "true",
        "false",
        "has(args.amount) && args.amount < 50.0",
        "!(args.amount > 50.0)",
        "args.who in args.list",
        "metadata.x == 1",
    ]
)
_DECIDE = st.sampled_from(["approve", "reject", "notify", None])


@settings(max_examples=300, deadline=None)
@given(
    # Once each, and nothing behind one that always holds: the reader refuses rules that cannot be reached.
    st.lists(st.tuples(_CONDITIONS, _DECIDE), max_size=5, unique_by=lambda rule: rule[0]).map(
        lambda rules: sorted(rules, key=lambda rule: rule[0] == "true")
    ),
    st.dictionaries(st.sampled_from(["amount", "who", "list"]), _VALUES, max_size=3),
)
def test_nothing_is_approved_by_a_rule_when_a_condition_failed(
    rules: list[tuple[str, str | None]], arguments: dict[str, object]
) -> None:
    """Approved or only told: every condition up to the match was evaluated, and the match holds exactly."""
    text = "".join(
        f"  - {{name: r{n}, when: '{when}'" + (f", decide: {decide}" if decide else "") + "}\n"
        for n, (when, decide) in enumerate(rules)
    )
    loaded = load(text or "  []\n")
    ask = Ask.model_construct(tool="t", arguments=arguments, metadata={})
    got = loaded.terms(ask, arguments, NOW)
    considered = loaded.consider(ask, arguments, NOW)
    failed = any(not isinstance(one.result, bool) for one in considered)
    if got.decide in {"approve", "notify"}:
        assert not failed
        assert considered[-1].result is True
        assert considered[-1].rule.name == got.rule
    if failed:
        assert got.note
        assert got.decide in {"ask", "reject"}
    if got.decide == "approve" and "args.amount <= 50.0" in rules[int(got.rule[1:])][0]:
        assert Decimal(str(arguments["amount"])) <= 50
