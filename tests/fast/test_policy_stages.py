"""Stages, ladders and what else a rule asks of people: what the terms of a call come to."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import policy
from signoff.model import Ask, Escalation, GrantTerms, Mode, Stage, Terms
from signoff.policy.checks.staff import short_of
from signoff.policy.spec import Group, Person, Spec
from signoff.policy.spec import Stage as Step

NOW = datetime(2026, 11, 20, 8, 9, tzinfo=UTC)
KEYS = {"roster": policy.GroupKey("slack", r"\w+", "all")}
HEAD = """\
version: 1
people: {ada: {slack: T/A}, bob: {slack: T/B}, mia: {slack: T/M, teams: t/m}}
groups: {finance: {members: [ada, bob]}, managers: {roster: m1}}
defaults: {show: [slack:#all], approvers: [finance], secret: [token], expires_in: 8h}
rules:
"""
STAGED = """\
  - name: r
    stages:
      - {name: finance, approvers: [finance]}
      - {name: managers, approvers: [managers], quorum: 2, when: args.amount > 1000.0}
"""


def load(rules: str, head: str = HEAD) -> policy.Policy:
    return policy.load(head + rules, file="p.yaml", chats=("slack", "teams"), groups=KEYS)


def terms(rules: str, arguments: dict[str, object] | None = None, *, head: str = HEAD, **fields: object) -> Terms:
    ask = Ask.model_validate({"tool": "pay", "arguments": arguments or {}, **fields})
    return load(rules, head).terms(ask, ask.arguments, NOW, asked_by="key_1")


def test_stages_are_kept_in_order_with_their_people_and_counts() -> None:
    """Those of the first stage are asked now."""
    got = terms(STAGED, {"amount": 5000})
    assert got.stages == (
        Stage(name="finance", approvers=("finance",)),
        Stage(name="managers", approvers=("managers",), quorum=2),
    )
    assert got.approvers == ("finance",)


def test_a_stage_whose_condition_does_not_hold_is_left_out() -> None:
    """What remains is one stage of one vote, which needs no plan."""
    got = terms(STAGED, {"amount": 1000})
    assert (got.stages, got.approvers, got.note) == ((), ("finance",), None)


def test_i08_new_arguments_bring_the_stages_that_are_theirs() -> None:
    """The same call edited from 500 to 5000 has to pass the managers too."""
    loaded, ask = load(STAGED), Ask(tool="pay", arguments={"amount": 500})
    assert len(loaded.terms(ask, ask.arguments, NOW).ladder) == 1
    assert len(loaded.terms(ask, {"amount": 5000}, NOW).ladder) == 2


@pytest.mark.parametrize("arguments", [{}, {"amount": "5"}, {"amount": 10**30}])
def test_a_stage_whose_condition_cannot_be_evaluated_is_asked(arguments: dict[str, object]) -> None:
    """The strict way, and the note says why."""
    got = terms(STAGED, arguments)
    assert len(got.stages) == 2
    assert 'The condition of the stage "managers" could not be evaluated' in (got.note or "")


def test_one_stage_with_a_quorum_is_kept() -> None:
    """Only one vote of one stage goes without a plan."""
    got = terms("  - {name: r, stages: [{approvers: [finance], quorum: 2}]}\n")
    assert got.ladder == (Stage(name="finance", approvers=("finance",), quorum=2),)


_PEOPLE = ("a", "b", "c", "d")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sets(st.sampled_from(_PEOPLE)), st.integers(1, 3)), min_size=1, max_size=4))
def test_i17_stages_are_refused_exactly_when_no_distinct_people_can_pass_them(
    stages: list[tuple[set[str], int]],
) -> None:
    """Checked against trying every way to give each vote to somebody else."""
    groups = {f"g{n}": Group(members=tuple(sorted(who))) for n, (who, _) in enumerate(stages)}
    spec = Spec(people={name: Person() for name in _PEOPLE}, groups=groups)
    steps = [Step(approvers=(f"g{n}",), quorum=quorum) for n, (_, quorum) in enumerate(stages)]
    votes = [who for who, quorum in stages for _ in range(quorum)]
    assert (short_of(spec, steps) is None) == _possible(votes, frozenset())


def _possible(votes: list[set[str]], used: frozenset[str]) -> bool:
    return not votes or any(_possible(votes[1:], used | {who}) for who in votes[0] - used)


# ── what is asked of people ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("confirm", "arguments", "typed"),
    [
        ("${args.order}", {"order": "A-1001"}, "A-1001"),
        ("refund ${args.order}, ${args.amount}", {"order": "A-1", "amount": 500.0}, "refund A-1, 500"),
        ("${args.ids[0]} of ${tool}", {"ids": [7]}, "7 of pay"),
        ('${{"a": "}"}["a"]}', {}, "}"),
        ("delete", {}, "delete"),
        ("costs $5", {}, "costs $5"),
    ],
)
def test_the_text_to_confirm_with_is_made_from_the_call(confirm: str, arguments: dict[str, object], typed: str) -> None:
    """Plain words, CEL, several places; numbers as people write them."""
    got = terms(f"  - {{name: r, confirm: '{confirm}'}}\n", arguments)
    assert (got.confirm, got.note) == (typed, None)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"order": None},
        {"order": ""},
        {"order": ["A"]},
        {"order": "A\nB"},
        {"order": "A\u202eB"},
        {"order": "x" * 201},
    ],
)
def test_a_text_that_cannot_be_made_or_typed_becomes_the_tools_name(arguments: dict[str, object]) -> None:
    """Something has to be typed in any case, and the note says what and why."""
    got = terms("  - {name: r, confirm: '${args.order}'}\n", arguments)
    assert got.confirm == "pay"
    assert "So the tool's name has to be typed" in (got.note or "")


def test_the_text_to_confirm_with_follows_an_edit() -> None:
    """Made anew from the rule that holds, for other arguments; a rule that is gone, or wants nothing, says nothing."""
    loaded = load("  - {name: r, confirm: 'refund ${args.order}', secret: [pin]}\n")
    ask = Ask(tool="pay", arguments={"order": "A-1"})
    assert loaded.confirm_for("r", ask, {"order": "A-2"}, NOW) == "refund A-2"
    assert loaded.confirm_for("r", ask, {"order": "A-2"}, NOW, ("order",)) == "pay"
    assert loaded.confirm_for("r", ask, {}, NOW) == "pay"
    assert loaded.confirm_for("gone", ask, {"order": "A-2"}, NOW) is None
    assert loaded.confirm_for("defaults", ask, {"order": "A-2"}, NOW) is None


def test_i13_a_secret_is_never_the_text_to_confirm_with() -> None:
    """Not by way of the schema, of a computed name, nor of the whole arguments."""
    secret: dict[str, object] = {"token": "hunter2!", "pin": "4711", "order": "A"}
    schema = {"type": "object", "properties": {"pin": {"type": "string", "writeOnly": True}}}
    for confirm in ('${args["to" + "ken"]}', "${args.pin}", "${args.exists(k, args[k] == 'hunter2!') ? 'yes' : 'no'}"):
        got = terms(
            f'  - {{name: r, confirm: "{confirm.replace(chr(34), chr(92) + chr(34))}"}}\n', secret, schema=schema
        )
        assert got.confirm in {"pay", "no"}


def test_reasons_carry_what_the_agent_may_do() -> None:
    """As text, or with a retry."""
    got = terms("  - {name: r, reasons: [not ours, {text: wrong amount, retry: with_changes}]}\n")
    assert (got.reasons, got.retries) == (("not ours", "wrong amount"), {"wrong amount": "with_changes"})


@pytest.mark.parametrize(
    ("remind", "moments", "by"),
    [
        ("[15m, 1h]", (900, 3600), "thread"),
        ("15m", (900,), "thread"),
        ("{after: [30m], by: direct}", (1800,), "direct"),
        ("{first: 15m, factor: 2, times: 4, by: direct}", (900, 1800, 3600, 7200), "direct"),
        ("{first: 10m, factor: 1.5, times: 3}", (600, 900, 1350), "thread"),
        ("[]", (), "thread"),
    ],
)
def test_reminders_are_moments_since_the_asking(remind: str, moments: tuple[int, ...], by: str) -> None:
    """A list, or each so many times as late as the one before."""
    got = terms(f"  - {{name: r, remind: {remind}}}\n")
    assert (got.remind, got.remind_by) == (moments, by)


LADDER = "  - {name: r, escalate: [{after: 1h, to: [mia]}, {after: 2h, to: [managers], show: ['slack:@finance']}]}\n"


def test_a_ladder_adds_people_and_places() -> None:
    """A group's place is a message to each of its people."""
    assert terms(LADDER).escalate == (
        Escalation(after=3600, to=("mia",)),
        Escalation(after=7200, to=("managers",), show=("slack:@ada", "slack:@bob")),
    )


def test_what_would_come_after_the_end_falls_away() -> None:
    """A request that expires sooner than its rule has no reminder or rung behind its end."""
    got = terms(LADDER.replace("escalate", "remind: [5m, 1h], escalate"), expires_in=5000)
    assert (got.remind, [rung.after for rung in got.escalate]) == ((300, 3600), [3600])


def test_grants_name_what_has_to_be_the_same() -> None:
    """As pointers, with the rule's fingerprint, which changes with the rule and with the defaults."""
    rule = "  - {name: r, grants: {match: [args.order, 'args.lines[0].id', args], max_ttl: 8h, max_uses: 5}}\n"
    got = terms(rule)
    assert got.grants == GrantTerms(match=("/order", "/lines/0/id", ""), max_ttl=28800, max_uses=5)
    assert got.fingerprint == load(rule).fingerprint("r")
    assert load(rule).fingerprint("gone") is None
    assert load(rule).fingerprint("defaults")
    changed = {load(rule.replace("5}", "6}")).fingerprint("r"), load(rule, HEAD.replace("8h", "7h")).fingerprint("r")}
    assert len({got.fingerprint, *changed}) == 3


def test_a_fingerprint_is_the_same_however_the_file_is_laid_out() -> None:
    """Other rules, comments, the order of keys and spellings of a duration are no change."""
    one = load("  - {name: r, when: args.a == 1, risk: high, expires_in: 1h}\n")
    other = load(
        "  # b\n  - {name: s, when: args.b == 1}\n  - {expires_in: 60m, risk: high, when: args.a == 1, name: r}\n"
    )
    assert one.fingerprint("r") == other.fingerprint("r")


def test_i13_no_grant_is_offered_over_a_secret() -> None:
    """The grant would keep the value in the open."""
    rule = "  - {name: r, grants: {match: [args.pin], max_ttl: 8h, max_uses: 5}}\n"
    schema = {"type": "object", "properties": {"pin": {"type": "string", "format": "password"}}}
    assert terms(rule, {"pin": "4711"}, schema=schema).grants is None
    assert terms(rule, {"pin": "4711"}).grants is not None


def test_defaults_are_taken_over_and_may_be_switched_off() -> None:
    """What a rule says itself holds; `off` and empty lists take away."""
    clauses = (
        "confirm: yes please, remind: [1h], escalate: [{after: 2h, to: [mia]}], on_expire: reject, "
        "fallback: 'slack:#x', "
        "grants: {match: [args.a], max_ttl: 1h, max_uses: 1}, break_glass: [mia], loop_breaker: {across_runs: true}"
    )
    head = HEAD.replace("expires_in: 8h", f"expires_in: 8h, {clauses}")
    got = terms("  - {name: r}\n", head=head)
    assert (got.confirm, got.remind, got.on_expire, got.fallback) == ("yes please", (3600,), "reject", ("slack:#x",))
    assert (got.break_glass, got.loop, got.loop_across) == (("mia",), 300, True)
    assert got.grants
    assert got.escalate
    off = "confirm: off, remind: [], escalate: [], fallback: [], grants: off, break_glass: [], loop_breaker: off"
    bare = terms(f"  - {{name: r, {off}, on_expire: expire}}\n", head=head)
    assert bare.loop == 0
    kept = {"rule", "approvers", "show", "secret", "expires_in", "loop"}
    assert bare.model_dump(exclude_defaults=True).keys() == kept


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("5m", (300, False)),
        ("off", (0, False)),
        ("{within: 1h, across_runs: true}", (3600, True)),
        ("'off'", (0, False)),
    ],
)
def test_the_loop_breaker_has_a_length(text: str, loop: tuple[int, bool]) -> None:
    """Five minutes within one run, unless the file says otherwise."""
    got = terms(f"  - {{name: r, loop_breaker: {text}}}\n")
    assert (got.loop, got.loop_across) == loop
    assert terms("  - {name: r}\n").loop == 300


def test_operators_are_those_named_or_everybody_who_is_ever_asked() -> None:
    """Stages, ladders and hours count as well; nobody else does."""
    rules = STAGED.replace("stages:", "escalate: [{after: 1h, to: [mia]}]\n    stages:")
    assert load(rules).operators == ("finance", "managers", "mia")
    assert load(rules, HEAD.replace("rules:", "operators: [bob]\nrules:")).operators == ("bob",)


# ── live groups ──────────────────────────────────────────────────────────────────────────────────


def test_i19_a_live_group_is_whoever_was_just_looked_up() -> None:
    """Nobody without a lookup, nobody while the directory is away, and only people with an entry."""
    loaded = load("  - {name: r}\n")
    assert loaded.live(["finance", "managers", "ada"]) == {"managers": (("roster", "m1"),)}
    assert loaded.members(["managers"]) == loaded.members(["managers"], {"managers": None}) == frozenset()
    assert loaded.members(["managers", "finance"], {"managers": frozenset({"mia", "eve"})}) == {"mia", "ada", "bob"}
    assert loaded.queue_terms("mia", {"managers": frozenset({"mia"})}) == ("mia", "managers")
    assert loaded.who(["managers", "ada"]) == "the group managers or ada"


def test_who_has_spoken_is_not_said_to_be_asked() -> None:
    """Neither as a member of a group nor by name; when all have spoken nobody is left."""
    loaded = load("  - {name: r}\n")
    assert loaded.who(["finance"], {"ada"}) == "bob (finance)"
    assert loaded.who(["ada", "mia"], {"ada"}) == "mia"
    assert loaded.who(["finance"], {"ada", "bob"}) == "nobody"


# ── modes ────────────────────────────────────────────────────────────────────────────────────────

TRIED = """\
  - {name: big, when: args.amount > 1000.0}
  - {name: tried, when: args.amount > 100.0, mode: shadow, approvers: [mia]}
  - {name: gone, when: args.amount > 10.0, mode: off, secret: [pin]}
"""


@pytest.mark.parametrize(
    ("amount", "rule", "mode"), [(5000, "big", "enforce"), (500, "tried", "shadow"), (50, "defaults", "enforce")]
)
def test_a_rule_has_its_own_mode(amount: int, rule: str, mode: Mode) -> None:
    """One in shadow matches and says so; one that is off is not looked at, but its secrets stay secret."""
    got = terms(TRIED, {"amount": amount})
    assert (got.rule, got.mode, got.decide) == (rule, mode, "ask")
    assert "pin" in got.secret


def test_the_server_sets_the_mode_of_the_file() -> None:
    """Rules without a mode of their own follow; None leaves the file's."""
    loaded, ask = load(TRIED), Ask(tool="pay", arguments={"amount": 5000})
    assert loaded.under(None) is loaded
    assert loaded.under("shadow").terms(ask, ask.arguments, NOW).mode == "shadow"
    assert (loaded.mode, loaded.under("shadow").mode, loaded.under("shadow").under("enforce").mode) == (
        "enforce",
        "shadow",
        "enforce",
    )


def test_i13_off_looks_at_no_rule_but_keeps_every_secret() -> None:
    """Everything is approved, and what any rule calls secret is masked in the record."""
    got = terms(TRIED, {"amount": 5000}, head=HEAD.replace("rules:", "mode: off\nrules:"))
    assert (got.rule, got.decide, got.mode, got.show, got.secret) == (
        "defaults",
        "approve",
        "off",
        (),
        ("token", "pin"),
    )


@pytest.mark.parametrize("decide", ["", ", decide: reject", ", decide: approve"])
def test_a_failure_never_ends_at_a_rule_that_is_only_tried(decide: str) -> None:
    """What a rule in shadow matches is let through, so after a failure it is not the one that holds."""
    rules = f"  - {{name: odd, when: args.x == 1, decide: approve}}\n  - {{name: tried, mode: shadow{decide}}}\n"
    got = terms(rules, {})
    assert (got.rule, got.mode, got.decide) == ("defaults", "enforce", "ask")
