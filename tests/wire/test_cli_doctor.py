"""`signoff doctor` and `signoff manifest`: what is wrong with a set-up, and what the platforms are given."""

from __future__ import annotations

import asyncio
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness_cli import TRACEBACK, Done, Home, home

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_sim.teams import TeamsSim
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT

SEED = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
SECRETS = ("s3cret", "xoxb-", "xapp-", SEED)


@dataclass
class Clinic:
    made: Home
    slack: dict[str, str]
    """What reaches the simulated Slack; the same for Teams."""
    teams: dict[str, str]

    def doctor(self, *words: str, **env: str) -> Done:
        done = self.made.call("doctor", *words, env=env)
        assert TRACEBACK not in done.err
        assert not any(secret in done.out + done.err for secret in SECRETS)
        return done


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    """A home beside both simulated platforms, which live on a loop of their own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    application = server.build(
        slack=SlackSim(bot_token="xoxb-right", signing_secret="s3cret-signing"),
        teams=TeamsSim(bot_url="", password="s3cret-right"),
    )
    address = asyncio.run_coroutine_threadsafe(server.serve(application), loop).result(20)
    slack = {
        "SLACK_API_URL": f"{address}/slack/api/",
        "SLACK_BOT_TOKEN": "xoxb-right",
        "SLACK_SIGNING_SECRET": "s3cret-signing",
    }
    teams = {
        "TEAMS_APP_ID": TEAMS_APP_ID,
        "TEAMS_APP_PASSWORD": "s3cret-right",
        "TEAMS_TENANT_ID": TEAMS_TENANT,
        "TEAMS_OPENID_METADATA_URL": f"{address}/teams/openid",
        "TEAMS_LOGIN_URL": f"{address}/teams/token",
        "TEAMS_SERVICE_URLS": f"{address}/teams/",
    }
    try:
        with home(tmp_path_factory.mktemp("doctor")) as made:
            yield Clinic(made, slack, teams)
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(application), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_whole_set_up_is_well(clinic: Clinic) -> None:
    """Exit code 0, every part with a tick: settings, Redis, policy, both chats."""
    done = clinic.doctor(**clinic.slack, **clinic.teams)
    assert done.code == 0, done.out
    assert "✗" not in done.out
    for words in (
        "settings",
        "embedded Redis answers",
        "policy.yaml",
        "Slack: the bot token works",
        "Teams: Microsoft",
    ):
        assert any(line.startswith("✓ ") and words in line for line in done.out.splitlines()), words


def test_nothing_configured_is_no_error(clinic: Clinic) -> None:
    """What is missing is said, and exit code 0: the server would run."""
    done = clinic.doctor(SIGNOFF_POLICY="")
    assert (done.code, done.err) == (0, "")
    for words in ("SIGNOFF_POLICY is not set", "slack is not configured", "teams is not configured", "No chat"):
        assert any(line.startswith("! ") and words in line for line in done.out.splitlines()), words


def test_as_json_for_programs(clinic: Clinic) -> None:
    """Level and sentence of each check."""
    done = clinic.doctor("--json")
    assert {check["level"] for check in done.json} == {"ok", "warning"}
    assert all(check["sentence"].endswith((".", ").")) for check in done.json)


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"SLACK_BOT_TOKEN": "xoxb-wrong"}, "Slack: "),
        ({"SLACK_API_URL": "http://127.0.0.1:9/api/"}, "Slack: "),
        ({"TEAMS_APP_PASSWORD": "s3cret-wrong"}, "Teams: "),
        ({"TEAMS_OPENID_METADATA_URL": "http://127.0.0.1:9/"}, "TEAMS_OPENID_METADATA_URL"),
        ({"SLACK_SIGNING_SECRET": ""}, "SLACK_SIGNING_SECRET: is not set"),
        ({"SIGNOFF_POLICY": "missing.yaml"}, "there is no file missing.yaml"),
        ({"SIGNOFF_POLICY": "wrong.yaml"}, "wrong.yaml, line 2"),
        ({"SIGNOFF_DATA_DIR": "/dev/null/data"}, "/dev/null/data cannot be used"),
        (
            {"SIGNOFF_REDIS_URL": "redis://me:s3cret@127.0.0.1:9/0", "SIGNOFF_SIGNING_KEY": SEED},
            "Redis at redis://127.0.0.1:9/0 does not answer",
        ),
    ],
)
def test_each_fault_is_a_sentence(clinic: Clinic, env: dict[str, str], words: str) -> None:
    """With a cross, and exit code 1; nothing secret in it."""
    (clinic.made.folder / "wrong.yaml").write_text("version: 1\nrulez: []\n")
    done = clinic.doctor(**(clinic.slack | clinic.teams | env))
    assert done.code == 1
    wrong = [line for line in done.out.splitlines() if line.startswith("✗ ")]
    assert any(words in line for line in wrong), done.out
    assert all(line.endswith((".", "?", ")")) for line in wrong), wrong


def test_one_fault_does_not_hide_another(clinic: Clinic) -> None:
    """Redis and both chats are told of in one go."""
    away = {"SIGNOFF_REDIS_URL": "redis://127.0.0.1:9/0", "SIGNOFF_SIGNING_KEY": SEED}
    wrong = {"SLACK_BOT_TOKEN": "xoxb-wrong", "TEAMS_APP_PASSWORD": "s3cret-wrong"}
    done = clinic.doctor(**(clinic.slack | clinic.teams | away | wrong))
    assert sum(line.startswith("✗ ") for line in done.out.splitlines()) == 3


def test_a_policy_for_a_chat_that_is_not_there(clinic: Clinic) -> None:
    """A warning: cards that cannot be delivered; also what `policy check` finds, and likely slips in names."""
    text = "version: 1\npeople: {ada: {name: Ada}}\ndefaults: {show: ['slack:#a'], approvers: [ada]}\nrules:\n"
    (clinic.made.folder / "chat.yaml").write_text(text + "  - {name: x, when: 'false'}\n")
    done = clinic.doctor(SIGNOFF_POLICY="chat.yaml", SLACK_BOT_TOKN="s3cret")
    assert done.code == 0
    assert "! The policy posts to slack, which is not configured" in done.out
    assert '! Line 5: the rule "x" never matches' in done.out
    assert "! SLACK_BOT_TOKN is not a setting of Signoff; did you mean SLACK_BOT_TOKEN?" in done.out


def test_the_servers_mode_is_not_blamed_on_the_file(clinic: Clinic) -> None:
    """The file says nothing of it; a rule that does is the file's matter."""
    text = "version: 1\npeople: {ada: {slack: T0/A}}\ndefaults: {show: ['slack:#a'], approvers: [ada]}\n"
    (clinic.made.folder / "mode.yaml").write_text(text + "rules:\n  - {name: try, when: tool == 'x', mode: off}\n")
    done = clinic.doctor(SIGNOFF_POLICY="mode.yaml", SIGNOFF_MODE="shadow")
    assert "file says `mode" not in done.out
    assert "! Mode shadow: " in done.out
    assert done.out.count("(SIGNOFF_MODE)") == 1
    assert '! Mode off, as the file says, for calls under "try".' in done.out


def test_members_whom_the_policy_does_not_list_are_named(clinic: Clinic) -> None:
    """They cannot decide, which nobody would see otherwise."""
    rota = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART:20200101T000000Z\r\n"
    rota += "DTEND:20991231T000000Z\r\nSUMMARY:ada, eve@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    text = "version: 1\npeople: {ada: {slack: T0/A}}\ngroups: {oncall: {calendar: duty.ics}}\n"
    (clinic.made.folder / "duty.yaml").write_text(text + "defaults: {show: ['slack:#a'], approvers: [oncall]}\n")
    (clinic.made.folder / "duty.ics").write_text(rota)
    done = clinic.doctor(SIGNOFF_POLICY="duty.yaml")
    said = "has 2 members; the policy knows 1 and does not list eve@example.com, who cannot decide."
    assert f"! The group oncall (calendar: duty.ics) {said}" in done.out
    (clinic.made.folder / "duty.ics").write_text(rota.replace("ada, ", ""))
    done = clinic.doctor(SIGNOFF_POLICY="duty.yaml")
    assert "has 1 member, and none of them (eve@example.com) is listed under people" in done.out


# ── manifests ────────────────────────────────────────────────────────────────────────────────────


def test_slack_by_socket_needs_nothing(clinic: Clinic) -> None:
    """No address, no credentials: it comes first, before there are any."""
    done = clinic.made.call("manifest", "slack")
    assert (done.code, done.out, done.err) == (0, "slack-manifest.json\n", "")
    written = json.loads((clinic.made.folder / "slack-manifest.json").read_text())
    assert written["settings"]["socket_mode_enabled"] is True


def test_slack_over_http_names_this_installation(clinic: Clinic) -> None:
    """Its address, in a folder that is made for it."""
    done = clinic.made.call("manifest", "slack", "--url", "https://signoff.example.com/", "--out", "new/folder")
    assert done.out == "new/folder/slack-manifest.json\n"
    written = json.loads((clinic.made.folder / "new" / "folder" / "slack-manifest.json").read_text())
    address = written["settings"]["interactivity"]["request_url"]
    assert (address, written["settings"]["socket_mode_enabled"]) == (
        "https://signoff.example.com/slack/events",
        False,
    )


def test_the_teams_package_holds_address_and_id(clinic: Clinic) -> None:
    """A zip to upload."""
    done = clinic.made.call("manifest", "teams", "--url", "https://signoff.example.com", env=clinic.teams)
    assert (done.code, done.err) == (0, "")
    with zipfile.ZipFile(clinic.made.folder / done.out.strip()) as package:
        written = json.loads(package.read("manifest.json"))
    assert (written["id"], written["validDomains"]) == (TEAMS_APP_ID, ["signoff.example.com"])


@pytest.mark.parametrize(
    ("words", "configured", "why"),
    [
        (("irc",), True, "use slack or teams"),
        (("teams", "--url", "https://signoff.example.com"), False, "TEAMS_APP_ID: it is not set"),
        (("teams",), True, "--url: it is missing"),
        (("teams", "--url", "http://signoff.example.com"), True, "--url"),
        (("slack", "--url", "signoff.example.com"), True, "like https://signoff.example.com"),
        (("slack", "--out", "policy.yaml"), True, "policy.yaml"),
        (("slack", "--out", "policy.yaml/folder"), True, "cannot be written to"),
    ],
)
def test_a_manifest_that_cannot_be_written(clinic: Clinic, words: tuple[str, ...], configured: bool, why: str) -> None:
    """Exit code 2, a sentence, and no file."""
    before = sorted(Path(clinic.made.folder).iterdir())
    done = clinic.made.call("manifest", *words, env=clinic.teams if configured else {})
    assert (done.code, done.out) == (2, "")
    assert why in done.err
    assert TRACEBACK not in done.err
    assert sorted(Path(clinic.made.folder).iterdir()) == before
