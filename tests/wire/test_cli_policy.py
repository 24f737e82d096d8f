"""`signoff policy`: what a file says is checked and explained before a server reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_cli import ROOT, TRACEBACK, Home, home

from signoff import audit
from signoff.model import dumps

EXAMPLE = str(ROOT / "deploy" / "policy.example.yaml")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("policy")) as made:
        yield made


def test_the_example_has_no_findings(made: Home) -> None:
    """Exit code 0; as JSON an empty list. No Redis, no configuration is needed for it."""
    done = made.call("policy", "check", EXAMPLE, env={"SIGNOFF_PORT": "nonsense"})
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("no findings.\n")
    assert made.call("policy", "check", EXAMPLE, "--json").json == []
    assert not (made.folder / "data").exists()


def test_what_is_probably_not_meant_is_a_warning(made: Home) -> None:
    """With its line, and exit code 1."""
    file = made.folder / "warned.yaml"
    file.write_text("version: 1\nrules:\n  - name: never\n    when: 'false'\n  - name: all\n    decide: approve\n")
    done = made.call("policy", "check", "warned.yaml")
    assert done.code == 1
    assert 'Line 3: the rule "never" never matches' in done.out
    assert 'Line 5: the rule "all" approves every call; give it a condition.' in done.out
    found = made.call("policy", "check", "warned.yaml", "--json")
    assert found.code == 1
    assert [(one["line"], one["level"]) for one in found.json] == [
        (1, "warning"),
        (3, "warning"),
        (3, "warning"),
        (5, "warning"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("version: 1\nrulez: []\n", "line 2: `rulez`: is not a known key; did you mean `rules`?"),
        ("version: 1\nrules:\n  - name: x\n    when: tool ==\n", "line 4: `when` of rule"),
        ("version: 1\nrules:\n  - name: x\n    quorum: 2\n", "`quorum` of rule"),
        ("version: 1\n  bad: [\n", "is not YAML"),
        ("", "the file is empty"),
    ],
)
def test_i28_a_wrong_file_is_one_sentence(made: Home, text: str, why: str) -> None:
    """With file, line, key, fault and mend; exit code 2, from check and explain alike."""
    file = made.folder / "wrong.yaml"
    file.write_text(text)
    for words in (("check", "wrong.yaml"), ("explain", "wrong.yaml", "--tool", "x")):
        done = made.call("policy", *words)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert done.err.startswith("signoff: wrong.yaml, line ")
        assert why.replace("the file is empty", "is empty") in done.err


@pytest.mark.parametrize(
    ("words", "first", "later"),
    [
        (
            ("issue_refund", "--arg", "order=A-1", "--arg", "amount=20"),
            "small refunds run by themselves",
            "approved by",
        ),
        (("issue_refund", "--arg", "order=A-1", "--arg", "amount=500"), "refunds", "may decide"),
        (("issue_refund", "--arg", "order=A-1"), "refunds", "failed"),
        (("run_sql", "--arg", "sql=DROP  TABLE users"), "nothing drops production tables", "Open a change ticket"),
        (("something",), "defaults", "no match"),
        (("deploy", "--channel", "slack:#elsewhere"), "refused", "does not post to slack:#elsewhere"),
    ],
)
def test_explain_says_the_rules_name_first(made: Home, words: tuple[str, ...], first: str, later: str) -> None:
    """Then why."""
    done = made.call("policy", "explain", EXAMPLE, "--tool", *words)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[0] == first
    assert later in done.out


def test_explain_is_for_programs_too(made: Home) -> None:
    """The same as data."""
    call = ("--tool", "issue_refund", "--arg", "amount=500", "--agent", "bot", "--risk", "low")
    told = made.call("policy", "explain", EXAMPLE, *call, "--at", "2026-11-20T10:00Z", "--json").json
    assert (told["rule"], told["decide"], told["risk"], told["approvers"]) == ("refunds", "ask", "high", ["finance"])
    assert [step["result"] for step in told["steps"]] == ["no match", "match"]


def test_explain_is_of_a_moment(made: Home) -> None:
    """In the evening others are asked; a moment without its zone is none."""
    call = ("policy", "explain", EXAMPLE, "--tool", "issue_refund", "--arg", "amount=5000", "--json")
    day, night = (made.call(*call, "--at", f"2026-11-20T{hour}:00Z").json for hour in (10, 22))
    assert [stage["approvers"] for stage in day["stages"]] == [["finance"], ["managers"]]
    assert night["approvers"] == ["managers"]
    slip = made.call(*call, "--at", "2026-11-20T10:00")
    assert (slip.code, slip.out) == (2, "")
    assert "say which zone is meant" in slip.err


CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//signoff//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20200101T000000Z
DTSTART:20200101T000000Z
DTEND:20991231T000000Z
SUMMARY:ada, eve@example.com
END:VEVENT
END:VCALENDAR
""".replace("\n", "\r\n")
ONCALL = """\
version: 1
people: {ada: {name: Ada Okafor, slack: T0/U0ADA}}
groups:
  oncall: {calendar: rota.ics}
  far: {calendar: "https://127.0.0.1:9/s3cret.ics"}
  chat: {slack_usergroup: T0DEMO/S0MGR}
defaults: {show: ["slack:#all"], approvers: [oncall, far, chat]}
"""


def test_check_reads_the_calendars_beside_the_file(made: Home) -> None:
    """Missing, unreadable or none at all: a warning at its group. Addresses and chats are not asked."""
    (made.folder / "oncall.yaml").write_text(ONCALL)
    (made.folder / "rota.ics").unlink(missing_ok=True)
    for text, why in (
        (None, "there is no calendar rota.ics"),
        ("nonsense", "the calendar rota.ics: it cannot be read"),
    ):
        if text is not None:
            (made.folder / "rota.ics").write_text(text)
        done = made.call("policy", "check", "oncall.yaml")
        assert done.code == 1
        assert f'Line 4: the group "oncall" cannot be looked up, so nobody of it can decide: {why}' in done.out
        assert "1 finding." in done.out
    (made.folder / "rota.ics").write_text(CALENDAR)
    assert made.call("policy", "check", "oncall.yaml").code == 0


def test_explain_says_who_is_in_a_calendar_now(made: Home) -> None:
    """Those whom the policy lists, and those whom it does not; of another moment nothing is said."""
    (made.folder / "oncall.yaml").write_text(ONCALL)
    (made.folder / "rota.ics").write_text(CALENDAR)
    call = ("policy", "explain", "oncall.yaml", "--tool", "x")
    said = "the group oncall (calendar: rota.ics) is now: Ada Okafor, and eve@example.com, not listed under people"
    assert said in made.call(*call).out.splitlines()
    assert "is now" not in made.call(*call, "--at", "2026-11-20T10:00Z").out
    (made.folder / "rota.ics").unlink()
    assert "the group oncall cannot be looked up: there is no calendar rota.ics" in made.call(*call).out


def trail(*entries: dict[str, object]) -> str:
    texts: list[str] = []
    link = audit.GENESIS
    for seq, entry in enumerate(entries, 1):
        at = 1763625600000 + seq
        link = audit.link(link, seq, at, audit.Entry.of(entry).body_hash)
        texts.append(dumps(audit.exported(audit.Line(seq, at, dumps(entry), link))))
    return "\n".join([*texts, dumps({"seal": "a.b.c"})]) + "\n"


CALL: dict[str, object] = {
    "type": "asked",
    "request": "req_1",
    "agent": "desk-bot",
    "tool": "issue_refund",
    "arguments": {"amount": 20},
    "rule": "old",
}


def test_simulate_replays_an_export(made: Home) -> None:
    """As a table and as data: which call, and rule and decision, then and now."""
    granted = {**CALL, "decision": {"kind": "approve", "under_grant": "grant_1"}}
    (made.folder / "audit.jsonl").write_text(trail(CALL, granted))
    done = made.call("policy", "simulate", EXAMPLE, "--from", "audit.jsonl")
    assert (done.code, done.err) == (0, "")
    assert "req_1  desk-bot  issue_refund(amount=20)  asked (old) -> approved (small refunds run by" in done.out
    assert "2 calls, 1 different now, 1 not comparable." in done.out
    told = made.call("policy", "simulate", EXAMPLE, "--from", "audit.jsonl", "--json").json
    first, second = told["calls"]
    assert first["now"] == {"rule": "small refunds run by themselves", "decision": "approved"}
    assert (first["request"], first["agent"], first["arguments"]) == ("req_1", "desk-bot", {"amount": 20})
    assert (second["changed"], second["not_comparable"]) == (False, "it was let through under a grant")
    assert (told["totals"]["then"], told["totals"]["not_comparable"]) == ({"asked": 1, "approved": 1}, 1)


def test_simulate_refuses_a_trail_that_was_changed(made: Home) -> None:
    """Exit code 1, and nothing else is said; a missing seal is said beside the answer."""
    text = trail(CALL, CALL)
    (made.folder / "changed.jsonl").write_text(text.replace("desk-bot", "desk-cat", 1))
    done = made.call("policy", "simulate", EXAMPLE, "--from", "changed.jsonl")
    assert (done.code, done.out) == (1, "")
    assert "line 1" in done.err
    (made.folder / "cut.jsonl").write_text("".join(text.splitlines(keepends=True)[:-1]))
    done = made.call("policy", "simulate", EXAMPLE, "--from", "cut.jsonl")
    assert (done.code, "2 calls" in done.out) == (0, True)
    assert "cut.jsonl has no seal" in done.err


def test_simulate_wants_an_export(made: Home) -> None:
    """Anything else is a slip, with the number of the line."""
    (made.folder / "other.jsonl").write_text('\n{"a": 1}\n')
    done = made.call("policy", "simulate", EXAMPLE, "--from", "other.jsonl")
    assert (done.code, done.out) == (2, "")
    assert "line 2 is no audit line" in done.err
    assert "signoff audit export" in done.err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("simulate", EXAMPLE, "--from", "missing.jsonl"), "missing.jsonl"),
        (("simulate", EXAMPLE), "--from"),
        (("explain", EXAMPLE, "--tool", "x", "--at", "noon"), "write a time like"),
        (("explain", EXAMPLE, "--tool", "x", "--risk", "huge"), "use one of low, medium, high, critical"),
        (("explain", EXAMPLE, "--tool", ""), "--tool"),
        (("explain", EXAMPLE, "--tool", "x", "--arg", "novalue"), "name=value"),
        (("explain", EXAMPLE), "--tool"),
        (("check", "missing.yaml"), "missing.yaml"),
        (("check", "."), "directory"),
    ],
)
def test_a_slip_exits_2(made: Home, words: tuple[str, ...], why: str) -> None:
    """And says what is wrong."""
    done = made.call("policy", *words)
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert TRACEBACK not in done.err


def test_example_stands_where_help_says() -> None:
    """The examples in the help name it."""
    assert Path(EXAMPLE).is_file()
