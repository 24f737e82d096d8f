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
            "offers grants, but",
        ),
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
