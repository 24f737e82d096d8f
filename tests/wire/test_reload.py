"""The policy file of a running server: changes are taken up, bad ones are told and change nothing."""

from __future__ import annotations

import os
import pty
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from harness_cli import POLICY, TRACEBACK, Home, Server, eventually, home

from signoff import config
from signoff.app import rules as app_rules
from signoff.app.rules import Rules, modes
from signoff.errors import BadPolicy
from signoff.policy import Policy

TAKEN = "was read again and holds from now on"
REFUSED = "The policy file is refused, and the policy from before still holds"
OTHER = POLICY.replace("Open a change ticket.", "Ask the database team.")
BAD = POLICY.replace("decide: reject", "decide: sometimes")


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path / "home") as made:
        yield made


def replace(file: Path, text: str) -> None:
    """As editors do: a whole new file in place of the old one."""
    aside = file.with_suffix(".new")
    aside.write_text(text)
    aside.replace(file)


def verdict(server: Server, agent: str) -> str:
    """What the rule against dropping tables says now."""
    _, request = server.http("/v1/requests", agent, {"tool": "drop_table", "arguments": {"table": "a"}})
    return str(request["decision"]["message"])


def notes(server: Server) -> Mapping[str, Any]:
    status, body = server.http("/healthz")
    assert (status, body["status"]) == (200, "ok")
    return dict(body["parts"])


# ── a running server ─────────────────────────────────────────────────────────────────────────────


def test_a_changed_file_is_taken_up(made: Home) -> None:
    """By itself, within seconds; new requests are judged by it."""
    with made.serving() as server:
        agent = made.key("agent")
        assert verdict(server, agent) == "Open a change ticket."
        replace(made.folder / "policy.yaml", OTHER)
        server.said(TAKEN)
        assert verdict(server, agent) == "Ask the database team."
        assert TRACEBACK not in server.text


def test_sighup_reads_the_file_again(made: Home) -> None:
    """At once, and also when nothing has changed: whoever sends it is told that it arrived."""
    with made.serving() as server:
        agent = made.key("agent")
        for round in (1, 2):
            replace(made.folder / "policy.yaml", OTHER)
            server.process.send_signal(signal.SIGHUP)
            eventually(lambda count=round: server.text.count(TAKEN) >= count)
        assert verdict(server, agent) == "Ask the database team."


def test_links_that_are_swapped_count_as_a_change(made: Home) -> None:
    """As Kubernetes does with a ConfigMap: the file's own link stays as it is, a folder behind it is exchanged."""
    folder = made.folder
    for name, text in (("one", POLICY), ("two", OTHER)):
        (folder / name).mkdir()
        (folder / name / "policy.yaml").write_text(text)
    (folder / "..data").symlink_to("one")
    (folder / "policy.yaml").unlink()
    (folder / "policy.yaml").symlink_to("..data/policy.yaml")
    with made.serving() as server:
        agent = made.key("agent")
        (folder / "..data_tmp").symlink_to("two")
        (folder / "..data_tmp").rename(folder / "..data")
        server.said(TAKEN)
        assert verdict(server, agent) == "Ask the database team."


def test_a_bad_file_keeps_the_old_policy_and_is_told_until_it_is_mended(made: Home) -> None:
    """In the log and by /healthz, with line, fault and mend; the server stays ready. A file that is gone is bad too."""
    file = made.folder / "policy.yaml"
    with made.serving() as server:
        agent = made.key("agent")
        assert notes(server) == {}
        file.write_text(BAD)
        server.said(REFUSED)
        assert "policy.yaml, line 18" in notes(server)["policy"]
        assert notes(server)["policy"] in server.text.replace('\\"', '"')
        assert server.http("/readyz")[0] == 200
        assert verdict(server, agent) == "Open a change ticket."
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: server.text.count(REFUSED) == 2)
        file.unlink()
        eventually(lambda: "cannot be read" in notes(server)["policy"])
        assert verdict(server, agent) == "Open a change ticket."
        file.write_text(OTHER)
        eventually(lambda: not notes(server))
        assert verdict(server, agent) == "Ask the database team."
        assert TRACEBACK not in server.text


def test_what_was_asked_before_stays_asked_as_it_was(made: Home) -> None:
    """A new file changes who is asked from now on, not of whom a pending request was asked."""
    with made.serving() as server:
        agent, ada = made.key("agent"), made.key("approver", "--person", "ada")
        body = {"tool": "issue_refund", "arguments": {"amount": 1}}
        before = server.http("/v1/requests", agent, body)[1]["id"]
        replace(made.folder / "policy.yaml", POLICY.replace("risk: high", "risk: high\n    approvers: [rita]"))
        server.said(TAKEN)
        after = server.http("/v1/requests", agent, body)[1]["id"]
        decide = {"kind": "approve", "version": 1}
        assert server.http(f"/v1/requests/{before}/decisions", ada, decide)[0] == 200
        assert server.http(f"/v1/requests/{after}/decisions", ada, decide)[0] == 403


def test_a_policy_whose_approvers_are_looked_up_names_approvers(made: Home) -> None:
    """The warning that nobody can approve is for those whom nobody can approve for (I15)."""
    for group, warned in (("{calendar: oncall.ics}", False), ("{members: []}", True)):
        replace(made.folder / "policy.yaml", f"version: 1\ngroups:\n  a: {group}\ndefaults: {{approvers: [a]}}\n")
        with made.serving() as server:
            assert notes(server) == {}  # by now it has said everything that it says at start
            assert ("nobody can approve anything yet" in server.text) is warned


def test_without_a_file_sighup_is_harmless(made: Home) -> None:
    """It says that there is nothing to read, and goes on."""
    with made.serving({"SIGNOFF_POLICY": ""}) as server:
        server.process.send_signal(signal.SIGHUP)
        server.said("There is no policy file to read again")
        assert notes(server) == {}


def test_a_server_ends_with_the_terminal_it_ran_in(made: Home) -> None:
    """There SIGHUP means that the terminal is gone, and nobody could end the server any more."""
    ours, theirs = pty.openpty()
    process = made.start("serve", stdout=theirs, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"listens on" not in said:
        said += os.read(ours, 4096)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    process.wait(10)
    assert not (made.folder / "data" / "redis" / "redis.sock").exists(), "it did not end in order"


# ── modes ────────────────────────────────────────────────────────────────────────────────────────


def test_anything_but_enforce_is_said_at_start(made: Home) -> None:
    """By a warning and where the server says its address; the server's mode wins over the file's."""
    replace(made.folder / "policy.yaml", POLICY + "mode: shadow\n")
    for environ, mode in (({}, "shadow"), ({"SIGNOFF_MODE": "off"}, "off"), ({"SIGNOFF_MODE": "enforce"}, "")):
        with made.serving(environ) as server:
            assert notes(server) == {}  # by now it has said everything that it says at start
            assert (f" in mode {mode} and keeps" in server.text) is bool(mode)
            assert (f"Mode {mode}: " in server.text) is bool(mode)
            assert ("Mode " in server.text) is bool(mode)


def test_a_mode_that_comes_with_a_change_is_said_then(made: Home) -> None:
    """Whoever reads the log learns that calls are let through."""
    with made.serving() as server:
        assert "Mode " not in server.text
        replace(made.folder / "policy.yaml", POLICY + "mode: shadow\n")
        server.said("Mode shadow: ")


# ── in this process ──────────────────────────────────────────────────────────────────────────────


def rules_of(folder: Path, text: str, **environ: str) -> Rules:
    (folder / "policy.yaml").write_text(text)
    settings = {"SIGNOFF_DATA_DIR": str(folder / "data"), "SIGNOFF_POLICY": str(folder / "policy.yaml"), **environ}
    return Rules(config.load(settings))


def write(file: Path, text: str | None) -> bytes | None:
    """What a look at the file then sees."""
    file.unlink(missing_ok=True)
    if text is None:
        return None
    file.write_text(text)
    return text.encode()


async def test_a_file_that_is_still_being_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first half of a policy can be a policy too, without the rules that forbid."""
    half, whole = OTHER[: OTHER.index("  - name: nothing drops tables")], OTHER
    looks = iter([POLICY, half, whole, whole, whole])
    monkeypatch.setattr(app_rules, "LOOK", 0.0)
    monkeypatch.setattr(app_rules, "SETTLE", 0.0)
    rules = rules_of(tmp_path, POLICY)
    rules.load()
    adopted: list[Policy] = []

    class WrittenError(Exception):
        """The file is whole and has been looked at often enough."""

    async def look(file: Path) -> bytes | None:
        text = next(looks, None)
        if text is None:
            raise WrittenError
        return write(file, text)

    monkeypatch.setattr(rules, "_look", look)
    with pytest.raises(WrittenError):
        await rules.watch(adopted.append)
    assert [len(policy.spec.rules) for policy in adopted] == [2]


async def test_a_fault_is_told_once_and_not_at_every_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log that repeats itself every two seconds hides what else happens."""
    monkeypatch.setattr(app_rules, "LOOK", 0.0)
    monkeypatch.setattr(app_rules, "SETTLE", 0.0)
    rules = rules_of(tmp_path, POLICY)
    rules.load()
    file = tmp_path / "policy.yaml"
    told: list[str | None] = []
    looks = iter([BAD, BAD, BAD, BAD, None, None, None, None])
    reload = rules.reload

    async def telling(adopt: Any) -> None:
        await reload(adopt)
        told.append(rules.fault)

    class SeenError(Exception):
        """It was looked at often enough."""

    async def look(_: Path) -> bytes | None:
        text = next(looks, "end")
        if text == "end":
            raise SeenError
        return write(file, text)

    monkeypatch.setattr(rules, "reload", telling)
    monkeypatch.setattr(rules, "_look", look)
    with pytest.raises(SeenError):
        await rules.watch(lambda _: pytest.fail("a bad policy was adopted"))
    assert [fault is not None and ("line 18" in fault, "cannot be read" in fault) for fault in told] == [
        (True, False),
        (False, True),
    ]


async def test_the_servers_mode_outlives_the_files_changes(tmp_path: Path) -> None:
    """Whatever the new file says."""
    rules = rules_of(tmp_path, POLICY, SIGNOFF_MODE="shadow")
    assert rules.load().mode == "shadow"
    adopted: list[Policy] = []
    write(tmp_path / "policy.yaml", OTHER + "mode: off\n")
    await rules.reload(adopted.append)
    assert [policy.mode for policy in adopted] == ["shadow"]


def test_i28_a_bad_file_stops_the_boot(tmp_path: Path) -> None:
    """Only a running server has an older policy to keep."""
    with pytest.raises(BadPolicy, match="line 18"):
        rules_of(tmp_path, BAD).load()


def test_rules_that_have_a_mode_of_their_own_are_named(tmp_path: Path) -> None:
    """Those that are in another mode than the rest."""
    text = POLICY.replace("    risk: high\n", "    risk: high\n    mode: shadow\n")
    assert modes(rules_of(tmp_path, POLICY).load()) == ()
    assert modes(rules_of(tmp_path, text).load()) == ('Mode shadow, as the file says, for calls under "refunds".',)
    assert len(modes(rules_of(tmp_path, text, SIGNOFF_MODE="shadow").load())) == 1
