"""What `signoff policy explain` and `signoff policy check` have to say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signoff import policy
from signoff.model import Ask

NOW = datetime(2026, 11, 20, 8, 9, tzinfo=UTC)
HEAD = """\
version: 1
people: {ada: {slack: T/A}}
groups: {finance: {members: [ada]}}
defaults: {show: [slack:#all], approvers: [finance]}
"""


def load(text: str) -> policy.Policy:
    return policy.load(text, file="p.yaml", chats=("slack",))


RULES = HEAD + (
    "rules:\n"
    "  - {name: other, when: tool == 'x'}\n"
    "  - {name: small, when: args.amount <= 50.0, decide: approve, budget: {calls: 9, per: 1d}}\n"
    "  - {name: refunds, when: tool == 'refund', risk: high}\n"
)


def test_an_explanation_begins_with_the_rule_and_goes_through_the_file() -> None:
    """The first line is the rule's name alone; every rule up to the match follows with what became of it."""
    ask = Ask(tool="refund", arguments={"amount": "9"})
    explained = policy.explain(load(RULES), ask, NOW)
    assert explained.lines[0] == "refunds"
    assert [(step.rule, step.result) for step in explained.steps] == [
        ("other", "no match"),
        ("small", "failed"),
        ("refunds", "match"),
    ]
    assert explained.who == "ada (finance)"
    assert "2. small: failed, because it compares or combines values of different types" in explained.lines


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("{name: r, decide: approve, when: args.a == 1}", "decision: approved by the rule"),
        ("{name: r, decide: reject, message: No.}", "decision: rejected by the rule: No."),
        ("{name: r, decide: notify}", "decision: none, people are only told"),
        ("{name: r, editable: []}", "may be edited: nothing"),
    ],
)
def test_an_explanation_says_what_is_decided(rule: str, said: str) -> None:
    """Each verdict has its words."""
    ask = Ask(tool="t", arguments={"a": 1})
    assert said in policy.explain(load(f"{HEAD}rules:\n  - {rule}\n"), ask, NOW).lines


def test_a_call_that_is_refused_for_its_channel_is_explained() -> None:
    """No rule stands first, and the refusal is the sentence that the agent would read."""
    explained = policy.explain(load(RULES), Ask(tool="x", arguments={}, channel="slack:#x"), NOW)
    assert explained.lines[0] == "refused"
    assert 'The rule "other" does not post to slack:#x' in explained.lines[1]


@pytest.mark.parametrize(
    ("extra", "line", "said"),
    [
        ("rules:\n  - {name: a, when: 1 > 2}\n", 6, "never matches"),
        ("rules:\n  - {name: a, when: tool == 'x', decide: approve}\n", 6, "approves whatever the arguments are"),
        ("rules:\n  - {name: a, decide: approve}\n", 6, "approves every call"),
        ("rules:\n  - {name: a, when: tool == 'x', approvers: []}\n", 6, "nobody may approve"),
        ("rules:\n  - {name: a, when: tool == 'x', show: []}\n", 6, "shown nowhere"),
        ("rules:\n  - {name: a, when: args.a == 1, decide: approve, approvers: [ada]}\n", 6, "asks nobody"),
        (
            "rules:\n  - {name: a, decide: reject, grants: {match: [args.a], max_ttl: 1h, max_uses: 1}}\n",
            6,
            "has `grants`, but",
        ),
        (
            "rules:\n  - {name: a, when: args.a == 1, decide: approve, confirm: x, remind: [1h], break_glass: [ada]}\n",
            6,
            "has `confirm`, `remind`, `break_glass`, but `decide: approve` asks nobody; remove them",
        ),
        (
            "rules:\n  - {name: a, when: args.a == 1, decide: reject, stages: [{approvers: [ada]}]}\n",
            6,
            "has `stages`, but `decide: reject` asks nobody; remove it",
        ),
        (
            "rules:\n  - {name: a, confirm: 'pay $args.order'}\n",
            6,
            "wants `$args.order` typed letter by letter; `${args.order}` was probably meant",
        ),
        ("rules:\n  - {name: a, confirm: 'pay {args.a.b}'}\n", 6, "`${args.a.b}` was probably meant"),
        ("rules:\n  - {name: a, confirm: '$(tool)'}\n", 6, "`${tool}` was probably meant"),
        ("rules:\n  - {name: a, when: tool == 'x', mode: shadow}\n", 6, "is in shadow mode"),
        ("rules:\n  - {name: a, when: tool == 'x', mode: off}\n", 6, "is off: it is not looked at"),
        ("rules:\n  - {name: a, hours: {zone: UTC, days: sun, outside: {approvers: []}}}\n", 6, "outside of its hours"),
    ],
)
def test_lint_points_at_what_is_probably_not_meant(extra: str, line: int, said: str) -> None:
    """Each finding is one sentence with its line."""
    (finding,) = [one for one in policy.lint(load(HEAD + extra)) if one.level == "warning"]
    assert finding.sentence.startswith(f"Line {line}: the rule ")
    assert said in finding.sentence


@pytest.mark.parametrize(
    "rule",
    [
        "confirm: 'pay ${args.order} in $ to args'",
        "decide: approve, when: args.a == 1, remind: [], grants: off",
        "decide: approve, when: args.a == 1, confirm: x, hours: {zone: UTC, days: sun, outside: {approvers: [ada]}}",
    ],
)
def test_lint_leaves_alone_what_may_be_meant(rule: str) -> None:
    """A dollar, keys that switch something off, and keys for those who are asked outside of the hours."""
    assert not [one for one in policy.lint(load(f"{HEAD}rules:\n  - {{name: a, {rule}}}\n")) if one.level == "warning"]


def test_lint_says_once_that_nothing_is_shown() -> None:
    """Not at every rule that leaves `show` to the defaults."""
    rules = "".join(f"  - {{name: r{one}, when: tool == 't{one}'}}\n" for one in range(5))
    found = policy.lint(load(f"{HEAD.replace('show: [slack:#all], ', '')}rules:\n{rules}"))
    (said,) = [one.sentence for one in found]
    assert said == (
        'Line 4: the defaults have no `show`, nor has "r0", "r1", "r2" and 2 more: '
        "such a request is shown nowhere unless it names a place."
    )


PEOPLE = """\
version: 1
people: {ada: {slack: T/A}, bob: {slack: T/B}, mia: {slack: T/M}, eve: {slack: T/E}}
groups: {finance: {members: [ada, bob]}, managers: {members: [bob, mia]}}
operators: [finance, managers]
defaults: {show: [slack:#all], approvers: [finance]}
"""
FINANCE, MANAGERS = "{name: finance, approvers: [finance]}", "{name: managers, approvers: [managers], quorum: 2}"


@pytest.mark.parametrize(
    ("stages", "more", "stuck"),
    [
        ([FINANCE, MANAGERS], "", True),
        ([FINANCE, FINANCE.replace("finance,", "two,")], "", False),
        ([MANAGERS, FINANCE], "", False),  # after both managers there is ada
        ([FINANCE, "{name: m, approvers: [managers]}"], "", False),
        ([FINANCE, "{name: m, approvers: [managers, eve], quorum: 2}"], "", False),
        (["{name: f, approvers: [ada]}", MANAGERS], "", False),
        ([FINANCE[:-1] + ", when: args.a > 1}", MANAGERS], "", True),
        (
            [FINANCE[:-1] + ", when: args.a > 1}", MANAGERS[:-1] + ", when: args.a < 1}", "{approvers: [eve]}"],
            "",
            False,
        ),
        ([FINANCE, MANAGERS], ", escalate: [{after: 1h, to: [eve]}]", False),
    ],
)
def test_lint_warns_of_stages_that_may_run_out_of_people(stages: list[str], more: str, stuck: bool) -> None:
    """Where it depends on who is first; with the order that does it, and the mend."""
    found = policy.lint(load(f"{PEOPLE}rules:\n  - {{name: r, stages: [{', '.join(stages)}]{more}}}\n"))
    said = [one.sentence for one in found if one.level == "warning"]
    assert bool(said) is stuck, said
    if stuck:
        assert said[0].startswith('Line 7: the rule "r" may get stuck: the stage "managers" needs 2 of bob, mia')
        assert 'once bob has approved in "finance", only 1 is left; name more approvers there' in said[0]


def test_lint_blames_the_file_for_its_own_mode_only() -> None:
    """Not for the one that the server is set to."""
    silent, loud = load(RULES), load(RULES.replace("rules:", "mode: shadow\nrules:"))
    said = "Line 5: the file says `mode: shadow`"
    assert any(one.sentence.startswith(said) for one in policy.lint(loud))
    assert policy.lint(silent.under("shadow")) == policy.lint(silent)
    assert not any("mode" in one.sentence for one in policy.lint(loud.under("off")))


def test_lint_looks_at_people_groups_and_defaults() -> None:
    """Empty and unused groups, people without identity, and defaults that nobody may approve under."""
    found = {
        (one.level, one.subject)
        for one in policy.lint(load("version: 1\npeople: {ada: {}}\ngroups: {g: {members: []}}\n"))
    }
    assert found == {
        ("warning", "the defaults"),
        ("note", 'the person "ada"'),
        ("warning", 'the group "g"'),
        ("note", 'the group "g"'),
    }


def test_lint_has_nothing_to_say_about_a_sound_file() -> None:
    """A good policy has no findings."""
    assert policy.lint(load(RULES)) == []


def test_places_and_approvers_of_the_whole_file_are_listed() -> None:
    """For the set-up check: every place shown in, every set of approvers that is ever asked."""
    rules = (
        "rules:\n  - {name: a, when: agent == 'x', show: [slack:#a], approvers: [ada]}\n  - {name: b, decide: reject}\n"
    )
    loaded = load(HEAD + rules)
    assert loaded.places() == ("slack:#all", "slack:#a")
    assert loaded.all_approvers() == (("finance",), ("ada",))


FULL = HEAD + (
    "rules:\n"
    "  - name: r\n"
    "    stages: [{name: money, approvers: [finance]}, {name: boss, approvers: [bosses], quorum: 2}]\n"
    "    remind: {first: 15m, times: 2, by: direct}\n"
    "    escalate: [{after: 2h, to: [bosses], show: ['slack:#boss']}]\n"
    "    on_expire: reject\n"
    "    fallback: 'slack:#lost'\n"
    "    confirm: 'yes ${tool}'\n"
    "    grants: {match: [args.a], max_ttl: 8h, max_uses: 5}\n"
    "    break_glass: [ada]\n"
    "    hours: {zone: Europe/Berlin, days: mon-fri, from: '09:00', to: '18:00', outside: {approvers: [ada]}}\n"
)


def full(now: datetime) -> tuple[str, ...]:
    keys = {"roster": policy.GroupKey("x", ".+", "y")}
    text = FULL.replace("{finance: {members: [ada]}}", "{finance: {members: [ada]}, bosses: {roster: b}}")
    loaded = policy.load(text, file="p.yaml", chats=("slack",), groups=keys)
    return policy.explain(loaded, Ask(tool="t", arguments={"a": 1}), now).lines


def test_an_explanation_says_all_that_the_rule_says() -> None:
    """Stages with their counts and people, times, places, what is typed, what may be granted, who may force."""
    assert full(NOW) == (
        "r",
        "decision: asked, ada (finance) may decide",
        "stage 1, money: ada (finance)",
        "stage 2, boss: 2 of the group bosses",
        "shown in: slack:#all",
        "risk: not given",
        "may be edited: everything",
        "expires in: 4h, and is then rejected",
        "reminders: after 15m, 30m, by direct message",
        "escalation after 2h: the group bosses may decide too; shown in slack:#boss",
        "if a place cannot be reached: slack:#lost",
        "to be typed: yes t",
        "grants: the same /a, for up to 8h and 5 uses",
        "break glass: ada",
        "hours: mon, tue, wed, thu, fri 09:00-18:00 Europe/Berlin; within them now",
        "outside of its hours: asked, ada may decide",
        "1. r: match",
    )


def test_an_explanation_is_of_a_moment() -> None:
    """Outside of the hours it says who is asked then."""
    late = full(datetime(2026, 11, 21, 8, 9, tzinfo=UTC))
    assert late[1] == "decision: asked, ada may decide"
    assert not any(said.startswith("stage") for said in late)
    assert any(said.endswith("outside of them now") for said in late)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            "  - {name: r, decide: approve, budget: {calls: 3, sum: {of: args.a, limit: 9.5}, per: 1d, by: [agent]}}\n",
            "budget: 3 calls and 9.5 of args.a per 24h, counted apart for each agent; used up, the rule does not match",
        ),
        ("  - {name: r, mode: shadow}\n", "mode: shadow, so nobody is asked"),
        ("  - {name: r, mode: off}\n", "1. r: no match, because it is off"),
        (
            "  - {name: r, decide: approve, hours: {zone: UTC, days: sun}}\n",
            "1. r: no match, because it holds at sun 00:00-24:00 UTC only",
        ),
    ],
)
def test_an_explanation_says_what_keeps_a_rule_from_deciding(rules: str, said: str) -> None:
    """Budgets, modes and hours."""
    lines = policy.explain(load(f"{HEAD}rules:\n{rules}"), Ask(tool="t", arguments={"a": 1}), NOW).lines
    assert any(said in one for one in lines), lines


def test_a_file_that_is_off_is_explained_as_such() -> None:
    """No rule is looked at."""
    loaded = load(RULES.replace("rules:", "mode: off\nrules:"))
    lines = policy.explain(loaded, Ask(tool="refund", arguments={}), NOW).lines
    assert lines[:2] == ("defaults", "mode: off, every call is approved without looking at the rules")
    assert ("warning", "the file") in {(one.level, one.subject) for one in policy.lint(loaded)}


def test_lint_notes_an_approval_without_a_budget() -> None:
    """A note, no warning: it may be meant."""
    (finding,) = policy.lint(load(RULES.replace(", budget: {calls: 9, per: 1d}", "")))
    assert (finding.level, "without a budget" in finding.fault) == ("note", True)
