"""Standing orders from the terminal: `signoff freeze`, `thaw`, `grants`, `delegate`; votes, more time, and doctor."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from getpass import getuser

import pytest
from harness_cli import POLICY, TRACEBACK, Done, Home, Json, Server, ended, eventually, home

RULES = (
    POLICY
    + """\
  - name: deployments
    when: tool == "deploy"
    confirm: "${args.service}"
    stages:
      - {name: engineers, approvers: [finance], quorum: 2}
      - {name: owner, approvers: [rita]}
  - name: restarts
    when: tool == "restart"
    grants: {match: [args.service], max_ttl: 8h, max_uses: 5}
    secret: [token]
    break_glass: [rita]
"""
)
DEPLOY = {"tool": "deploy", "arguments": {"service": "api"}}
REFUND = {"tool": "issue_refund", "arguments": {"order": "A-1", "amount": 5}}
RESTART = {"tool": "restart", "arguments": {"service": "api", "token": "tok_secret_1"}}


@dataclass
class Shop:
    """A server, and a key for each."""

    server: Server
    keys: dict[str, str]

    @property
    def home(self) -> Home:
        return self.server.home

    def own(self, *words: str) -> Done:
        """A command of the server's own machine."""
        done = self.home.call(*words)
        assert TRACEBACK not in done.err
        return done

    def call(self, key: str, *words: str) -> Done:
        done = self.server.call(self.keys[key], *words)
        assert TRACEBACK not in done.err
        return done

    def ask(self, body: Json) -> Json:
        status, asked = self.server.http("/v1/requests", self.keys["agent"], body)
        assert status == 201, asked
        return asked

    def now(self, asked: Json) -> Json:
        return self.server.http(f"/v1/requests/{asked['id']}", self.keys["agent"])[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with home(tmp_path_factory.mktemp("cli-orders")) as made:
        (made.folder / "policy.yaml").write_text(RULES)
        keys = {"agent": made.key("agent"), "root": made.key("admin")}
        keys |= {name: made.key("approver", "--person", name) for name in ("ada", "bob", "rita")}
        with made.serving() as server:
            yield Shop(server, keys)


# ── the kill switch ──────────────────────────────────────────────────────────────────────────────


def test_a_freeze_reaches_a_running_server_at_once(shop: Shop) -> None:
    """What the terminal freezes, the server refuses in the next call, with who froze it and why; a thaw ends that."""
    asked = shop.ask(REFUND)
    froze = shop.own("freeze", "--tool", "issue_refund", "--reason", "wrong amounts")
    assert (froze.code, froze.out, froze.err) == (
        0,
        "Frozen: calls of issue_refund.\nIt covers 1 waiting call.\n",
        "",
    )
    refused = shop.call("ada", "decide", asked["id"], "approve")
    assert (refused.code, shop.now(asked)["status"]) == (1, "pending")
    assert "wrong amounts" in refused.err
    assert f"cli:{getuser()}" in refused.err
    (listed,) = shop.own("freezes", "--json").json
    assert (listed["tool"], listed["agent"], listed["by"]) == ("issue_refund", None, f"cli:{getuser()}")
    assert "wrong amounts" in shop.own("freezes").out
    warned = [line for line in shop.own("doctor").out.splitlines() if "Frozen" in line]
    assert len(warned) == 1
    assert warned[0].startswith("! Frozen: calls of issue_refund, by cli:")
    thawed = shop.own("thaw", "--tool", "issue_refund")
    assert (thawed.code, thawed.out, thawed.err) == (0, "Thawed: calls of issue_refund.\n", "")
    assert shop.own("freezes").out == "Nothing is frozen.\n"
    assert "Frozen" not in shop.own("doctor").out
    assert shop.call("ada", "decide", asked["id"], "approve").code == 0


def test_freezing_everything_is_one_word(shop: Shop) -> None:
    """And thawing it another; both say so as data for programs."""
    (made,) = shop.own("freeze", "--json").json
    assert (made["agent"], made["tool"], made["reason"]) == (None, None, None)
    assert shop.call("ada", "decide", shop.ask(REFUND)["id"], "approve").code == 1
    assert shop.own("thaw", "--json").json == [made]


def test_an_agent_is_frozen_by_any_of_its_names(shop: Shop) -> None:
    """By its key's name all such keys are frozen; a name without a key holds for what calls itself so, with a word."""
    key_id = shop.keys["agent"].split("_")[1]
    froze = shop.own("freeze", "--agent", "agent of a test")
    *said, reach = froze.out.splitlines()
    assert set(said) == {"Frozen: all calls by agent agent of a test.", f"Frozen: all calls by agent {key_id}."}
    assert reach.startswith("It covers ")
    assert shop.call("ada", "decide", shop.ask(REFUND)["id"], "approve").code == 1
    assert shop.own("thaw", "--agent", "agent of a test").code == 0
    odd = shop.own("freeze", "--agent", "suport-agent", "--tool", "deploy")
    assert (odd.code, "No agent key" in odd.err) == (0, True)
    assert "No waiting call is by suport-agent; " in odd.out
    nothing = shop.own("thaw", "--agent", "suport-agent")
    assert (nothing.code, nothing.out) == (1, "")
    assert "still frozen: calls of deploy by agent suport-agent" in nothing.err
    assert shop.own("thaw", "--agent", "suport-agent", "--tool", "deploy").code == 0


def test_a_broken_policy_keeps_nobody_from_the_kill_switch(shop: Shop) -> None:
    """Freezing needs no policy: a file with a fault, written in a hurry, is not in the way."""
    file = shop.home.folder / "broken.yaml"
    file.write_text("version: 1\nrules: [{name: x, wen: true}]\n")
    broken = {"SIGNOFF_POLICY": str(file)}
    assert shop.home.call("freeze", env=broken).code == 0
    assert shop.home.call("freezes", "--json", env=broken).json[0]["tool"] is None
    assert shop.home.call("thaw", env=broken).code == 0
    assert shop.home.call("grants", env=broken).code == 2


# ── votes and more time ──────────────────────────────────────────────────────────────────────────


def test_votes_are_cast_and_shown(shop: Shop) -> None:
    """Each vote says who is still missing; the lists show the stage and its votes; the last vote decides."""
    asked = shop.ask(DEPLOY)
    one = asked["id"]
    unconfirmed = shop.call("ada", "decide", one, "approve")
    assert (unconfirmed.code, "/confirm" in unconfirmed.err) == (1, True)
    voted = shop.call("ada", "decide", one, "approve", "--confirm", "api")
    assert voted.code == 0
    assert voted.out == f"Your vote on {one} counts; it waits for 1 more of finance, then 1 of rita.\n"
    again = shop.call("ada", "decide", one, "approve", "--confirm", "api")
    assert (again.code, "already counts" in again.err) == (1, True)
    listed = shop.call("bob", "pending").out
    assert all(word in listed for word in ("votes", "engineers", "1 of 2"))
    shown = " ".join(shop.call("bob", "show", one).out.split())
    assert "stage.engineers asked, 1 of 2 of finance: Ada Okafor at 2026-" in shown
    assert "stage.owner next, 0 of 1 of rita" in shown
    assert "confirm api" in shown
    assert "mode" not in shown
    second = shop.call("bob", "decide", one, "approve", "--confirm", "api").out
    assert second == f"Your vote on {one} counts; it waits for 1 of rita.\n"
    assert shop.call("rita", "decide", one, "approve", "--confirm", "api").out == f"{one} is approved.\n"


def test_a_rejection_tells_the_agent_what_it_may_do(shop: Shop) -> None:
    """`--retry` is in the sentence that the agent reads and in the decision that a program reads."""
    words = ("ask", "--tool", "issue_refund", "--arg", "order=A-1", "--json-arg", "amount=500", "--json")
    asking = shop.server.start(shop.keys["agent"], *words)
    found: list[Json] = []

    def asked_for() -> bool:
        found[:] = [one for one in shop.server.pending(shop.keys["ada"]) if one["arguments"].get("amount") == 500]
        return bool(found)

    eventually(asked_for)
    (asked,) = found
    wrong = shop.call("ada", "decide", asked["id"], "approve", "--retry", "ask")
    assert (wrong.code, "--retry goes with reject" in wrong.err) == (2, True)
    done = shop.call("ada", "decide", asked["id"], "reject", "-m", "the cap is 400", "--retry", "with_changes")
    assert done.code == 0
    agent = ended(asking)
    assert agent.code == 10
    assert "You may try again with changes: the cap is 400" in agent.err
    assert agent.json["retry"] == "with_changes"


def test_forcing_needs_the_right_and_a_reason(shop: Shop) -> None:
    """Without a message nothing is sent; without the right it does not count; with both the decision says so."""
    one = shop.ask(RESTART)["id"]
    mute = shop.call("rita", "decide", one, "approve", "--force")
    assert (mute.code, "--message" in mute.err) == (2, True)
    assert shop.call("ada", "decide", one, "approve", "--force", "-m", "I want to").code == 1
    forced = shop.call("rita", "decide", one, "approve", "--force", "-m", "the shop is down", "--json")
    assert (forced.code, forced.json["decision"]["forced"]) == (0, True)
    assert "decision.forced" in shop.call("rita", "show", one).out


def test_more_time_is_given_from_the_terminal(shop: Shop) -> None:
    """`extend` moves the expiry, `snooze` does not; a span that cannot be read is refused before anything is sent."""
    asked = shop.ask(REFUND)
    later = shop.call("ada", "extend", asked["id"], "4h")
    moved = shop.now(asked)["expires_at"]
    assert (later.code, later.out) == (0, f"{asked['id']} expires at {moved}.\n")
    assert moved > asked["expires_at"]
    assert shop.call("bob", "snooze", asked["id"], "30m").code == 0
    assert shop.now(asked)["expires_at"] == moved
    for words in (("extend", asked["id"], "soon"), ("snooze", asked["id"], "0h")):
        refused = shop.call("ada", *words)
        assert (refused.code, "4h" in refused.err) == (2, True)
    assert shop.call("rita", "extend", asked["id"], "1h").code == 1


# ── grants and delegations ───────────────────────────────────────────────────────────────────────


def test_grants_are_given_listed_and_revoked(shop: Shop) -> None:
    """`--allow-for` gives one; the list shows what has to be the same, but no secret; a revoked one is gone."""
    assert shop.own("grants").out == "No grants stand.\n"
    one = shop.ask(RESTART)["id"]
    assert (
        shop.call("ada", "decide", one, "approve", "--allow-for", "1h", "--allow-uses", "3", "--allow-same").code == 0
    )
    assert shop.ask(RESTART)["status"] == "approved"
    (grant,) = shop.own("grants", "list", "--json").json
    assert (grant["giver"], grant["uses"], grant["max_uses"]) == ("ada", 1, 3)
    for listed in (shop.own("grants"), shop.own("grants", "--json"), shop.own("grants", "list")):
        assert (listed.code, grant["id"] in listed.out) == (0, True)
        assert "tok_secret_1" not in listed.out
    assert shop.own("grants", "revoke", grant["id"]).out == f"{grant['id']} is revoked.\n"
    assert shop.ask(RESTART)["status"] == "pending"
    gone = shop.own("grants", "revoke", grant["id"])
    assert (gone.code, gone.err) == (2, "signoff: There is no such grant; `signoff grants` lists those that stand.\n")


def test_delegations_are_made_listed_and_ended(shop: Shop) -> None:
    """Rita decides refunds in Ada's place until the delegation ends; the trail names this machine's user."""
    assert shop.own("delegations").out == "No delegations stand.\n"
    words = ("delegate", "--from", "ada", "--to", "rita", "--for", "refunds")
    made = shop.own(*words, "--until", "3d", "--json").json
    assert (made["giver"], made["to"], made["scope"]) == ("ada", "rita", "refunds")
    assert shop.call("rita", "decide", shop.ask(REFUND)["id"], "approve").code == 0
    assert made["id"] in shop.own("delegations").out
    assert shop.own("delegations", "list", "--json").json == [made]
    assert shop.own("delegations", "end", made["id"]).out == f"{made['id']} is ended.\n"
    assert "no such request" in shop.call("rita", "decide", shop.ask(REFUND)["id"], "approve").err
    gone = shop.own("delegations", "end", made["id"])
    assert (gone.code, "no such delegation" in gone.err) == (2, True)
    trail = shop.own("audit", "export").out
    for kind in ("delegated", "delegation_ended", "froze", "thawed", "grant_revoked"):
        assert any(f'"type":"{kind}"' in line and f"cli:{getuser()}" in line for line in trail.splitlines()), kind


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--from", "ada", "--to", "zoe", "--until", "3d"), "zoe"),
        (("--from", "ada", "--to", "ada", "--until", "3d"), "themselves"),
        (("--from", "ada", "--to", "bob", "--until", "someday"), "someday"),
        (("--from", "ada", "--to", "bob", "--until", "2020-01-01"), "90 days"),
        (("--from", "ada", "--to", "bob", "--until", "3d", "--for", "gardens"), "gardens"),
    ],
)
def test_a_delegation_that_cannot_be_is_refused(shop: Shop, words: tuple[str, ...], why: str) -> None:
    """One sentence, exit code 2, and nothing stands."""
    refused = shop.own("delegate", *words)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert why in refused.err
    assert shop.own("delegations", "--json").json == []


def test_until_takes_days_and_moments(shop: Shop) -> None:
    """Friday, a date, a moment with its zone."""
    for until in ("friday", "tomorrow", "2w", "17:00"):
        made = shop.own("delegate", "--from", "ada", "--to", "bob", "--until", until, "--json").json
        assert made["until"] > made["at"]
        assert shop.own("delegations", "end", made["id"]).code == 0


# ── doctor ───────────────────────────────────────────────────────────────────────────────────────


def test_doctor_says_when_the_rules_do_not_hold(shop: Shop) -> None:
    """A server's mode is said, with where it comes from; so is the file's own; `enforce` is not worth a word."""
    assert "ode shadow" not in shop.own("doctor").out
    said = shop.home.call("doctor", env={"SIGNOFF_MODE": "shadow"})
    (line,) = [line for line in said.out.splitlines() if "ode shadow" in line]
    assert line.startswith("! ")
    assert "SIGNOFF_MODE" in line
    file = shop.home.folder / "off.yaml"
    file.write_text("mode: off\n" + RULES)
    said = shop.home.call("doctor", env={"SIGNOFF_POLICY": str(file)})
    (line,) = [line for line in said.out.splitlines() if "ode off" in line]
    assert "SIGNOFF_MODE" not in line


def test_doctor_looks_up_live_groups(shop: Shop) -> None:
    """Who is on call now is counted; a calendar that is not there, and a chat that is not, are errors."""
    (shop.home.folder / "oncall.ics").write_text(CALENDAR)
    file = shop.home.folder / "live.yaml"
    managers = "managers: {slack_usergroup: T0DEMO/S0MGR}"
    live = ("oncall: {calendar: oncall.ics}", "night: {calendar: missing.ics}", managers)
    file.write_text(RULES.replace("groups:\n", "".join(["groups:\n", *(f"  {group}\n" for group in live)])))
    said = shop.home.call("doctor", env={"SIGNOFF_POLICY": str(file)})
    assert said.code == 1
    lines = said.out.splitlines()
    assert "✓ The group oncall (calendar: oncall.ics) has 1 member; the policy knows 1." in lines
    for group, why in (("night (calendar: missing.ics)", "missing.ics"), ("managers", "slack is not configured")):
        (line,) = [line for line in lines if f"The group {group}" in line]
        assert line.startswith("✗ ")
        assert why in line


CALENDAR = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:1
DTSTAMP:20200101T000000Z
DTSTART:20200101T000000Z
DTEND:20200102T000000Z
RRULE:FREQ=DAILY
SUMMARY:ada
ATTENDEE:mailto:ada@example.com
END:VEVENT
END:VCALENDAR
"""
