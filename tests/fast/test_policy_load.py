"""Reading the policy file: what is taken, and the one sentence that everything else gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import policy
from signoff.errors import BadPolicy
from signoff.model import Principal

CHATS = ("slack", "teams")
EXAMPLE = Path(__file__).parents[2] / "deploy" / "policy.example.yaml"

GOOD = """\
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T0/U0ADA}
  bob:
    slack: T0/U0BOB
groups:
  finance: {members: [ada, bob]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
rules:
  - name: refunds
    when: tool == "issue_refund"
    risk: high
    expires_in: 8h
  - name: drops
    when: tool == "run_sql"
    decide: reject
"""


def load(text: str | bytes) -> policy.Policy:
    return policy.load(text, file="p.yaml", chats=CHATS)


def refusal(text: str | bytes) -> str:
    with pytest.raises(BadPolicy) as caught:
        load(text)
    return caught.value.sentence


def test_the_example_in_deploy_loads_and_has_no_findings() -> None:
    """The example that users copy is valid and raises no finding."""
    assert policy.lint(load(EXAMPLE.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("old", "new", "line", "parts"),
    [
        ("version: 1", "version: 2", 1, ["`version`", "write `version: 1`"]),
        ("version: 1\n", "", 1, ["has no `version`"]),
        ("slack: T0/U0BOB", "slack: T0/U0ADA", 5, ["`people.bob.slack`", 'also belongs to "ada"']),
        ("slack: T0/U0BOB", "slack: U0BOB", 5, ["`people.bob.slack`", "is not an identity"]),
        ("slack: T0/U0BOB", "slak: T0/U0BOB", 5, ["`people.bob.slak`", "did you mean `slack`?"]),
        ("slack: T0/U0BOB", "identities: {slack: T0/U0BOB}", 5, ["`people.bob.identities`", "not a known key"]),
        ("slack: T0/U0BOB", "email: Ada@Example.com", 5, ["`people.bob.email`", 'also belongs to "ada"']),
        ("  bob:\n    slack: T0/U0BOB", "  bob:", 4, ["`people.bob`", "has no value"]),
        ("  bob:\n", "  Ada:\n", 4, ["`people.Ada`", 'also belongs to "ada"']),
        ("members: [ada, bob]", "members: [ada, bobb]", 7, ["members[2]", 'names "bobb"', 'did you mean "bob"?']),
        ("members: [ada, bob]", "memebrs: [ada, bob]", 7, ["`groups.finance.memebrs`", "did you mean `members`?"]),
        ("finance: {", "ada: {", 7, ["`groups.ada`", "also the name of a person"]),
        ("approvers: [finance]", "approvers: [finances]", 10, ['"finances"', 'did you mean "finance"?']),
        ("approvers: [finance]", "approvers: finance", 10, ["`defaults.approvers`", "must be a list"]),
        ("show: [slack:#approvals]", "show: [irc:#approvals]", 9, ["`defaults.show[1]`", '"irc"', "slack:, teams:"]),
        ("show: [slack:#approvals]", "show: ['#approvals']", 9, ["is not a place"]),
        ("show: [slack:#approvals]", "show: [teams:@ada]", 9, ['names "ada"', "no identity there"]),
        ("risk: high", "risk: huge", 14, ["`risk`", '"refunds"', "`critical`"]),
        ("risk: high", "rusk: high", 14, ["`rusk`", "did you mean `risk`?"]),
        ("risk: high", "approvers: [eve]", 14, ["`approvers[1]`", '"eve"', "neither a person nor a group"]),
        ("risk: high", "self_approval: maybe", 14, ["must be true or false"]),
        ("risk: high", "risk: high\n    risk: low", 15, ["stands twice", "line 14"]),
        ("risk: high", "message: Never.", 14, ["only read with `decide: reject`"]),
        ("expires_in: 8h", "expires_in: 8 hours", 15, ["`expires_in`", "4h"]),
        ("expires_in: 8h", "expires_in: 0", 15, ["between 1s and 30d"]),
        ("expires_in: 8h", "expires_in: 31d", 15, ["between 1s and 30d"]),
        ("expires_in: 8h", "expires_in: 1:30", 15, ["is not a duration"]),
        ("name: drops", "name: refunds", 16, ["rule in line 12"]),
        ("name: drops", "name: defaults", 16, ["reserved"]),
        ("decide: reject", "decide: deny", 18, ["`decide`", "leave it out to ask people"]),
        ('"issue_refund"', '"issue_refund" &&', 13, ["`when`", '"refunds"', "is not a CEL expression"]),
        ('"issue_refund"', '"issue_refund" && arg.amount > 1', 13, ["speaks of `arg`", "did you mean `args`?"]),
        ('"issue_refund"', '"x" && args.a.lower() == "b"', 13, ["calls `lower`"]),
        ('"issue_refund"', '"x" && args.a.matches("(")', 13, ["is not a regular expression"]),
        ('when: tool == "issue_refund"', "when:", 13, ["has no value"]),
        ('when: tool == "issue_refund"', "when: 1 + 1", 13, ["gives no yes or no"]),
        ('when: tool == "issue_refund"', "when: [tool]", 13, ["must be a CEL expression"]),
        ("risk: high", "show: !!python/object:os.system [x]", 14, ["YAML tag"]),
        ("risk: high", "show: &a [slack:#x]\n    reasons: *a", 15, ["alias"]),
        ("risk: high", "? [a]\n    : b", 14, ["a key that is not a word"]),
        ("risk: high", "approvers: [ada]\n    stages: [{approvers: [ada]}]", 15, ["`stages`", "keep one"]),
    ],
)
def test_i28_a_bad_file_gets_one_sentence_with_line_key_fault_and_mend(
    old: str, new: str, line: int, parts: list[str]
) -> None:
    """The sentence names the file, the right line, the key, what is wrong with it and what to do."""
    assert old in GOOD
    said = refusal(GOOD.replace(old, new, 1))
    assert said.startswith(f"p.yaml, line {line}: ")
    assert all(part in said for part in parts), said
    assert "\n" not in said
    assert said[-1] in ".?"


def test_i28_the_first_fault_in_the_file_is_told_first() -> None:
    """With several faults the sentence is about the topmost, so that mending goes from top to bottom."""
    said = refusal(GOOD.replace("risk: high", "rusk: high").replace("approvers: [finance]", "approvers: finance"))
    assert "line 10" in said


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment",
        "[1",
        "- a",
        "just words",
        "version: 1\n---\nversion: 1",
        "\x00",
        'a: "\\UFFFFFFFF"',
        'a: "\\ud800"',
        "[" * 5000,
        "{a: " * 3000,
        "%YAML 9.9\n---\na: 1",
        "version: 1\n\x85: 2",
        "!!binary x",
        "a: !!set {b, c}",
    ],
)
def test_i28_text_that_is_no_policy_at_all_gets_its_sentence(text: str) -> None:
    """Emptiness, broken YAML, odd escapes and bottomless nesting are BadPolicy like any other fault."""
    assert refusal(text)


def test_i28_a_file_of_more_than_one_mebibyte_is_refused_unread() -> None:
    """The size is bounded before the text is parsed."""
    assert "larger than 1048576 bytes" in refusal("#" * (1024 * 1024 + 1))


def test_i28_bytes_that_are_not_utf8_are_refused_with_their_line() -> None:
    """A file in another encoding is told so, in the line of the first wrong byte."""
    assert refusal(b"version: 1\nname: \xff\xfe").startswith("p.yaml, line 2: ")
    assert load(b"\xef\xbb\xbf" + GOOD.encode()).people.keys() == {"ada", "bob"}


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_i28_load_raises_nothing_but_bad_policy_on_any_text(text: str | bytes) -> None:
    """Whatever the bytes, the answer is a policy or a BadPolicy."""
    error = _fault(text)
    assert error is None or error.sentence


_LINES = GOOD.splitlines()
_BITS = st.sampled_from(
    ["{", "}", "[", "]", "null", "- a", "&x", "*x", "!!int", "<<: {}", "? ", "1e999", "0o7", "\t", "'", '"', "|", ": :"]
)
_KEYS = st.sampled_from(
    ["when: 1", "stages: [{}]", "people: 1", "rules: {a: b}", "groups: []", "\ufeff", "2026-01-01", "ada: {slack: [1]}"]
)


def _fault(text: str | bytes) -> BadPolicy | None:
    """None when the text is a policy. Anything but BadPolicy goes through and fails the test."""
    try:
        load(text)
    except BadPolicy as error:
        return error
    return None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, len(_LINES) - 1), st.integers(0, 30), st.one_of(_BITS, _KEYS)), min_size=1, max_size=3
    )
)
def test_i28_load_raises_nothing_but_bad_policy_on_a_damaged_file(damage: list[tuple[int, int, str]]) -> None:
    """A good file with pieces thrown in is still a policy or a BadPolicy with a line inside the file."""
    lines = list(_LINES)
    for line, column, bit in damage:
        lines[line] = lines[line][:column] + bit + lines[line][column:]
    error = _fault("\n".join(lines))
    assert error is None or int(str(error.data["line"])) in range(1, len(lines) + 2)


def test_one_stage_with_quorum_one_is_the_same_as_approvers() -> None:
    """The longer way to write approvers means the same."""
    loaded = load(GOOD.replace("risk: high", "stages: [{name: finance, approvers: [bob], quorum: 1}]"))
    assert loaded.spec.rules[0].named == ("bob",)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("4h", 14400), ("1d", 86400), ("45", 45), ("30d", 2592000)]
)
def test_durations_are_read_in_seconds_minutes_hours_and_days(text: str, seconds: int) -> None:
    """A number alone is seconds."""
    assert load(GOOD.replace("expires_in: 8h", f"expires_in: {text}")).spec.rules[0].expires_in == seconds


def test_yaml_words_that_look_like_booleans_are_keys_and_names_as_written() -> None:
    """`on` and `yes` as ids stay words; YAML 1.1's idea of them does not leak in."""
    loaded = load("version: 1\npeople:\n  on: {slack: T/U}\ngroups:\n  yes: {members: ['on']}\n")
    assert loaded.members(["yes"]) == {"on"}


def test_one_person_may_have_identities_in_two_workspaces() -> None:
    """A list of identities belongs to one human, who counts once."""
    loaded = load("version: 1\npeople:\n  ada: {slack: [T1/U1, T2/U2]}\n")
    assert {loaded.person_of(Principal(chat="slack", tenant=t, user=u)) for t, u in [("T1", "U1"), ("T2", "U2")]} == {
        "ada"
    }
