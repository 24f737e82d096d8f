"""Policy files that do not fit together: each is refused with its line, its key, what is wrong and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from signoff import policy
from signoff.errors import BadPolicy

KEYS = {
    "chat_group": policy.GroupKey("slack", r"T\w+/S\w+", "T0/S0MGR"),
    "calendar": policy.GroupKey("calendar", r"\S+\.ics", "oncall.ics"),
}
HEAD = """\
version: 1
people: {ada: {slack: T0/U0ADA}, bob: {slack: T0/U0BOB}, mia: {}}
groups: {finance: {members: [ada, bob]}, live: {chat_group: T0/S0MGR}, support: {members: [mia]}, none: {members: []}}
defaults: {show: ["slack:#all"], approvers: [finance], secret: [token]}
"""
"""Four lines; what a case adds begins in line 5."""


def refusal(text: str) -> str:
    with pytest.raises(BadPolicy) as caught:
        policy.load(text, file="p.yaml", chats=("slack", "teams"), groups=KEYS)
    return caught.value.sentence


@dataclass(frozen=True)
class Bad:
    """`text` stands behind HEAD; `line` and a part of the sentence are expected."""

    name: str
    text: str
    line: int
    said: str


def rule(name: str, said: str, *clauses: str, line: int = 7) -> Bad:
    """A rule `r` in line 6, with one clause a line from line 7 on."""
    body = "".join(f"    {clause}\n" for clause in clauses)
    return Bad(name, f"rules:\n  - name: r\n{body}", line, said)


def stages(name: str, said: str, *rows: str, line: int = 8) -> Bad:
    return rule(name, said, "stages:", *(f"  - {row}" for row in rows), line=line)


def budget(name: str, said: str, text: str) -> Bad:
    return rule(name, said, "decide: approve", f"budget: {text}", line=8)


TABLE = [
    # keys
    Bad("unknown key at the top", "operator: [ada]\n", 5, "did you mean `operators`?"),
    rule("unknown key of a rule", "did you mean `escalate`?", "escalation: []"),
    rule("quorum on the rule itself", "write it in `stages`", "quorum: 2"),
    rule("unknown key of reminders", "`remind.aftr` of", "remind: {aftr: [1h]}"),
    rule("unknown key of a rung", "did you mean `after`?", "escalate: [{aftr: 1h, to: [mia]}]"),
    budget("unknown key of a budget", "did you mean `calls`?", "{call: 1, per: 1h}"),
    budget("unknown key of a sum", "`budget.sum.off` of", "{sum: {off: args.a, limit: 1}, per: 1h}"),
    rule("unknown key of hours", "did you mean `days`?", "hours: {zone: UTC, day: mon}"),
    rule("unknown key outside of hours", "hours.outside.approver", "hours: {zone: UTC, outside: {approver: [ada]}}"),
    rule("unknown key of grants", "did you mean `max_uses`?", "grants: {match: [args.a], max_ttl: 1h, max_use: 1}"),
    rule("unknown key of the loop breaker", "did you mean `within`?", "loop_breaker: {withn: 5m}"),
    rule("unknown key of a reason", "`reasons[1].retri` of", "reasons: [{text: wrong, retri: ask}]"),
    rule("a hidden field", "`off` of", "off: [confirm]"),
    Bad("a hidden field of a group", "", 3, "`groups.support.live`: is not a known key"),
    # wrong types and values
    rule("a retry that is none", "must be `never`, `with_changes` or `ask`", "reasons: [{text: wrong, retry: later}]"),
    rule("a reason that is a number", "must be a mapping", "reasons: [5]"),
    rule("a mode that is none", "must be `enforce`, `shadow` or `off`", "mode: dry"),
    Bad("a mode of the file that is none", "mode: audit\n", 5, "`mode`: must be `enforce`, `shadow` or `off`"),
    rule("reminders by something else", "must be `thread` or `direct`", "remind: {after: [1h], by: mail}"),
    rule("a reminder that is no duration", "is not a duration", "remind: [soon]"),
    rule("reminders without a unit", "is 10, without a unit; write 10s or 10m", "remind: [10, 20]"),
    rule("a first reminder without a unit", "write 15s or 15m", "remind: {first: 15}"),
    rule("a rung without a unit", "write 30s or 30m", "escalate: [{after: 30, to: [mia]}]"),
    budget("a window without a unit", "write 24s or 24m", "{calls: 1, per: 24}"),
    rule("growing without a beginning", "has no `first`", "remind: {factor: 2}"),
    rule("both ways to remind", "has both `after` and `first`", "remind: {after: [1h], first: 5m}"),
    rule("a factor that does not grow", "must be above 1", "remind: {first: 5m, factor: 1}"),
    rule("too many reminders", "must be at most 20", "remind: {first: 1s, times: 21}"),
    rule("on_expire with another word", "must be `expire` or `reject`", "on_expire: approve"),
    rule(
        "a zone that is none",
        "did you mean `Europe/Berlin`?",
        "hours: {zone: Europe/Berln, outside: {approvers: [ada]}}",
    ),
    rule("a zone that is a path", "is not a time zone", "hours: {zone: ../../etc/passwd}"),
    rule("days that are none", "are not days", "hours: {zone: UTC, days: mon-friday}"),
    rule("a time that is none", "is not a time of day", 'hours: {zone: UTC, from: "25:00"}'),
    rule("hours that are empty", "begins and ends at the same time", 'hours: {zone: UTC, from: "9:00", to: "09:00"}'),
    rule(
        "outside with neither",
        "must have `approvers` or `decide: reject`",
        "hours: {zone: UTC, outside: {message: Not now.}}",
    ),
    rule("outside that approves", "`hours.outside.decide` of", "hours: {zone: UTC, outside: {decide: approve}}"),
    rule("a confirmation that is not closed", "is not closed", 'confirm: "${args.order"'),
    rule("a confirmation without CEL", "has an empty `${}`", 'confirm: "${ }"'),
    rule("a confirmation of unknown names", "speaks of `order`", 'confirm: "${order}"'),
    rule("a confirmation that shows a secret", 'shows "token", which is secret', 'confirm: "pay ${args.token}"'),
    rule("a grant that keeps a secret", 'keeps "token"', "grants: {match: [args.token], max_ttl: 1h, max_uses: 1}"),
    rule("a grant of an unknown form", "is not an argument", "grants: {match: [order], max_ttl: 1h, max_uses: 1}"),
    rule("a grant of everything", "would allow every call", "grants: {match: [], max_ttl: 1h, max_uses: 1}"),
    rule("a grant without uses", "must be at least 1", "grants: {match: [args.a], max_ttl: 1h, max_uses: 0}"),
    # budgets
    budget("a budget of nothing", "limits nothing", "{per: 1h}"),
    budget("a budget without a window", "`budget.per` of rule", "{calls: 3}"),
    budget("a limit below zero", "is not an amount", "{sum: {of: args.a, limit: -5}, per: 1h}"),
    budget("a limit of zero", "must be above zero", "{sum: {of: args.a, limit: 0}, per: 1h}"),
    budget("a limit that is too exact", "at most six decimal places", "{sum: {of: args.a, limit: 0.1234567}, per: 1h}"),
    budget(
        "a limit that is too large", "below nine thousand million", "{sum: {of: args.a, limit: 9999999999}, per: 1h}"
    ),
    budget("an amount that is not CEL", "is not a CEL expression", "{sum: {of: 'args.', limit: 5}, per: 1h}"),
    budget("counted apart for unknown things", "`agent`, `tool` or `on_behalf_of`", "{calls: 1, per: 1h, by: [user]}"),
    rule("a budget where people are asked", "only read with `decide: approve`", "budget: {calls: 1, per: 1h}"),
    # names
    Bad("an unknown operator", "operators: [eve]\n", 5, '`operators[1]`: names "eve"'),
    Bad("no operators", "operators: []\n", 5, "nothing could be thawed"),
    rule("unknown people who break the glass", "`break_glass[1]` of", "break_glass: [eve]"),
    rule("an unknown rung", "`escalate[1].to[1]` of", "escalate: [{after: 1h, to: [eve]}]"),
    rule("unknown people outside of hours", 'names "eve"', "hours: {zone: UTC, outside: {approvers: [eve]}}"),
    Bad("a live id of the wrong form", "", 3, 'is "MGR", which is none; write it like T0/S0MGR'),
    Bad("a group that says nothing", "", 3, "`groups.support`: holds nobody"),
    # places
    rule("a group without identities", 'in which "mia" has no identity there', 'show: ["slack:@support"]'),
    rule("a fallback that is shown anyway", "where the card is shown anyway", 'fallback: "slack:#all"'),
    # stages
    rule("no stages", "is empty", "stages: []"),
    stages("a quorum of zero", "must be at least 1", "{approvers: [ada], quorum: 0}"),
    stages("a quorum larger than the group", "is 3, but there are only 2 people", "{approvers: [finance], quorum: 3}"),
    stages(
        "a stage of an empty group",
        '`groups.none`: is empty, but the stage "none" of the rule "r" asks this group; list its people',
        "{approvers: [none]}",
        line=3,
    ),
    stages("a stage of nobody", '`stages[1].approvers` of rule "r": names nobody', "{approvers: []}"),
    stages(
        "two stages of one person",
        'need 2 different people in "one", "two" together, but only 1 person may decide there',
        "{name: one, approvers: [ada]}",
        "{name: two, approvers: [ada]}",
        line=9,
    ),
    stages(
        "three stages of two people",
        "need 3 different people",
        "{approvers: [finance]}",
        "{approvers: [ada]}",
        "{approvers: [bob]}",
        line=10,
    ),
    stages("stages that may all fall away", "would ask nobody", "{approvers: [ada], when: args.a > 1}", line=7),
    stages(
        "a stage's condition", "speaks of `arg`", "{approvers: [ada]}", "{approvers: [bob], when: arg.a > 1}", line=9
    ),
    stages(
        "stages of one name", "another stage too", "{name: a, approvers: [ada]}", "{name: a, approvers: [bob]}", line=9
    ),
    # times
    rule("a reminder after the end", "the request expires after 1h", "remind: [2h]", "expires_in: 1h"),
    rule("a reminder after the default end", "the request expires after 4h", "remind: [5h]"),
    rule("reminders that fall", "does not rise", "remind: [1h, 15m]"),
    rule("an escalation after the end", "the request expires after 4h", "escalate: [{after: 4h, to: [mia]}]"),
    rule("rungs that fall", "is not later than", "escalate: [{after: 1h, to: [mia]}, {after: 1h, to: [live]}]"),
    # circles
    rule("escalating to those who are asked", "who is asked already", "escalate: [{after: 1h, to: [finance]}]"),
    rule("escalating to one of those asked", "who is asked already", "escalate: [{after: 1h, to: [bob]}]"),
    rule("the same step twice", "asked already", "escalate: [{after: 1h, to: [mia]}, {after: 2h, to: [support]}]"),
    rule("a place where it is shown", "shown already", 'escalate: [{after: 1h, show: ["slack:#all"]}]'),
    rule("a rung that does nothing", "does nothing", "escalate: [{after: 1h}]"),
    # what cannot be reached
    Bad("a rule behind one without condition", "rules:\n  - {name: a}\n  - {name: b}\n", 7, "is never reached"),
    Bad("a rule behind a true one", "rules:\n  - {name: a, when: true}\n  - {name: b}\n", 7, "is never reached"),
    Bad(
        "two rules with one condition",
        "rules:\n  - {name: a, when: agent == 'x'}\n  - {name: b, when: agent == 'x'}\n",
        7,
        'is the condition of the rule "a" too',
    ),
    # CEL
    rule("CEL that does not compile", "is not a CEL expression", "when: tool = 'x'"),
    rule("one equals sign", "write `==` for `=`", "when: tool = 'x'"),
    rule("a word for and", "write `&&` for `and`", "when: tool == 'x' and args.a == '='"),
    rule("a word for or", "write `||` for `or`", "when: tool == 'x' OR tool == 'y'"),
    rule("a word for not", "write `!` for `not`", "when: not has(args.a)"),
    rule("a function for not", "calls `not`, which CEL does not have here; write `!` for it", "when: not(has(args.a))"),
    rule("a misspelt function", "did you mean `startsWith`?", "when: tool.startswith('x')"),
    rule("a misspelt macro", "did you mean `exists`?", "when: args.a.exist(one, one == 1)"),
    rule("words in a text", "(mismatched input '<EOF>'); correct the expression", "when: \"tool == 'a and = b' ==\""),
    rule("CEL of unknown names", "speaks of `argz`", "when: argz.a == 1"),
    rule("a pattern out of the call", "takes a pattern from elsewhere", "when: args.a.matches(args.b)"),
    rule(
        "a pattern that is too large", "regular expressions that are too large", "when: args.a.matches('(a{100}){100}')"
    ),
]


@pytest.mark.parametrize("bad", TABLE, ids=[bad.name for bad in TABLE])
def test_i28_a_file_that_cannot_be_meant_is_refused(bad: Bad) -> None:
    """One sentence with the file, the line, the fault and the mend."""
    head = HEAD
    if bad.name == "a hidden field of a group":
        head = HEAD.replace("support: {members: [mia]}", "support: {live: {chat_group: T0/S1}}")
    elif bad.name == "a live id of the wrong form":
        head = HEAD.replace("T0/S0MGR", "MGR")
    elif bad.name == "a group that says nothing":
        head = HEAD.replace("support: {members: [mia]}", "support: {}")
    said = refusal(head + bad.text)
    assert said.startswith(f"p.yaml, line {bad.line}: "), said
    assert bad.said in said
    assert "; " in said
    assert said[-1] in ".?"
    assert "\n" not in said


def test_i28_defaults_hold_what_rules_hold_to() -> None:
    """The same sentences at the defaults; hours there have to say what holds outside of them."""
    for clause, said in {
        "remind: [9h]": "`defaults.remind`",
        "escalate: [{after: 1h, to: [finance]}]": "`defaults.escalate[1].to`",
        "confirm: '${args.token}'": "`defaults.confirm`",
        "fallback: ['slack:#all']": "`defaults.fallback`",
        "hours: {zone: UTC}": "`defaults.hours`: do not say what holds outside of them",
        "budget: {calls: 1, per: 1h}": "`defaults.budget`: is not a known key",
    }.items():
        assert said in refusal(HEAD.replace("secret: [token]", f"secret: [token], {clause}"))


@pytest.mark.parametrize(
    "rules",
    [
        "[{name: a, decide: approve, budget: {calls: 1, per: 1h}}, {name: b}]",
        "[{name: a, hours: {zone: UTC, days: mon}}, {name: b}]",
        "[{name: a, mode: off}, {name: b}]",
        "[{name: a, when: agent == 'x', decide: approve, budget: {calls: 1, per: 1h}}, {name: b, when: agent == 'x'}]",
        "[{name: a, when: agent == 'x', hours: {zone: UTC, days: mon}}, {name: b, when: agent == 'x'}]",
        "[{name: a, stages: [{approvers: [ada]}, {approvers: [finance], when: args.a > 1}, "
        "{approvers: [finance], when: args.a <= 1}]}]",
        "[{name: a, stages: [{approvers: [finance]}, {approvers: [live], quorum: 9}]}]",
        "[{name: a, stages: [{approvers: [finance]}, {approvers: [live]}], escalate: [{after: 1h, to: [live]}]}]",
        "[{name: a, remind: [], escalate: [], fallback: [], confirm: off, hours: off, grants: off, loop_breaker: off}]",
    ],
)
def test_what_may_well_be_meant_is_taken(rules: str) -> None:
    """Rules that let calls through, conditions that exclude each other, people whom nobody can count yet."""
    assert policy.load(f"{HEAD}rules: {rules}\n", file="p.yaml", chats=("slack",), groups=KEYS).rule_names


def test_the_table_is_long() -> None:
    """Every kind of fault has its file, and no two cases have one name."""
    assert len({bad.name for bad in TABLE}) == len(TABLE) >= 40
