"""`signoff policy`: what a file says is checked and explained before a server reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_cli import ROOT, TRACEBACK, Home, home

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
    assert (found.code, found.json[0]["line"], found.json[0]["level"]) == (1, 3, "warning")


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
    told = made.call("policy", "explain", EXAMPLE, *call, "--json").json
    assert (told["rule"], told["decide"], told["risk"], told["approvers"]) == ("refunds", "ask", "high", ["finance"])
    assert [step["result"] for step in told["steps"]] == ["no match", "match"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
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
