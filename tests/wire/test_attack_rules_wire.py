"""Attacks on rules through the real wires: crafted forms and commands, late and stale answers, names that lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from harness_cli import POLICY, TRACEBACK, home
from harness_teams import NoReview, teams_world

from signoff import digest, policy
from signoff.api import build_api, keys
from signoff.desk import Desk
from signoff.errors import DirectoryAway
from signoff.model import Ask
from signoff.ports import Limits
from signoff.store.memory import MemoryStore
from signoff_sim.teams.directory import MANAGERS_GROUP

REMIND = timedelta(minutes=16)
RULES = """
version: 1
people:
  ada: {name: Ada}
  bob: {name: Bob}
defaults:
  approvers: [ada]
rules:
  - name: restarts
    when: tool == "restart"
    grants: {match: [args.service], max_ttl: 8h, max_uses: 5}
    break_glass: [bob]
"""


@asynccontextmanager
async def served(desk: Desk, store: MemoryStore) -> AsyncGenerator[aiohttp.ClientSession]:
    """The HTTP door on a socket."""

    async def health() -> Mapping[str, str | None]:
        return {"redis": None}

    app = build_api(desk, store, jwks={"keys": []}, limits=Limits(), health=health)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}") as http:
            yield http
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("chat", ["slack"])
async def test_i20_a_choice_that_is_gone_when_it_is_sent_becomes_no_other_choice(house: Any) -> None:
    """Somebody chose to snooze while the last reminder went out: nothing is done, no neighbouring option instead."""
    request, card = await house.ask_to_deploy()
    form = await house.form(request, "more", "bob")
    assert [option.value for option in form.fields[0].options] == ["extend", "snooze"]
    await house.side.click("bob", card, "more")
    await house.later(request, REMIND)
    before = await house.now(request)
    await house.side.submit("bob", card, form, {"what": "snooze", "time": "3600"})
    await house.sees("bob", card, "Choose one of what is offered.")
    assert (await house.now(request)).rev == before.rev


@pytest.mark.parametrize("chat", ["teams"])
@pytest.mark.parametrize("name", ["mia", "Mia", "mia until friday for finance", '"mia" until friday for finance'])
async def test_i14_a_mention_is_never_taken_for_somebody_of_the_same_name(house: Any, name: str) -> None:
    """An outsider whose display name is that of a person in the policy, or a piece of a command, is nobody."""
    sim = house.side._world.sim
    ada = sim.directory.person("ada")
    thread = sim.threads.all[sim.directory.chat_id(ada)]
    mention = {"type": "mention", "text": "<at>outsider</at>", "mentioned": {"id": "29:outsider", "name": name}}
    fields = {"text": "delegate <at>outsider</at> until tomorrow", "entities": [mention]}
    sender = sim._sender
    assert (await sender.deliver(sender.message(ada, thread, "1", fields))).status == 200
    assert "is nobody whom the policy lists" in thread.messages[-1].text
    assert not await house.desk.orders.delegations()


@pytest.mark.parametrize("text", ["delegate @mia until tomorrow for", 'delegate @mia until tomorrow for ""'])
async def test_a_delegation_that_was_cut_short_hands_over_nothing(house: Any, text: str) -> None:
    """`for` without a rule or group is not everything."""
    assert "is missing" in await house.side.say("ada", text)
    assert not await house.desk.orders.delegations()


@pytest.mark.parametrize("text", ["freeze tool a tool b", "freeze agent a --agent b because c"])
async def test_a_freeze_of_two_things_does_not_stop_one_of_them_in_silence(house: Any, text: str) -> None:
    """One command stops one tool or agent; who names two is told so."""
    assert "at a time" in await house.side.say("rita", text)
    assert not await house.desk.orders.freezes()


@pytest.mark.parametrize(
    ("person", "sent", "field"),
    [
        ("ada", {"kind": "approve", "arguments": {"service": "staging"}}, "/arguments"),
        ("ada", {"kind": "reject", "arguments": {"service": "staging"}}, "/arguments"),
        ("ada", {"kind": "approve", "response": "no"}, "/response"),
        ("ada", {"kind": "approve", "retry": "never"}, "/retry"),
        ("ada", {"kind": "reject", "grant": {"ttl": 60, "uses": 1}}, "/grant"),
        ("bob", {"kind": "approve", "force": True, "message": "now", "grant": {"ttl": 60, "uses": 1}}, "/grant"),
    ],
)
async def test_i20_a_decision_with_something_that_it_does_not_heed_is_none(
    person: str, sent: dict[str, Any], field: str
) -> None:
    """Who sends other arguments along with an approval does not approve the first ones: the field is named instead."""
    store, signer = MemoryStore(), digest.Signer.generate()
    desk = Desk(store, policy.load(RULES, file="policy.yaml", chats=()), signer)
    text, key = keys.make("approver", person, await store.now(), person=person)
    await store.add_key(key)
    _, agent = keys.make("agent", "agent", await store.now())
    ask = Ask.model_validate({"tool": "restart", "arguments": {"service": "production"}})
    request = (await desk.ask(ask, agent)).request
    async with served(desk, store) as http:
        path, headers = f"/v1/requests/{request.id}/decisions", {"Authorization": f"Bearer {text}"}
        async with http.post(path, json={"version": 1, **sent}, headers=headers) as response:
            assert response.status == 422
            assert [one["pointer"] for one in (await response.json())["errors"]] == [field]
    assert (await desk.get(request.id)).rev == request.rev


@pytest.mark.parametrize("chat", ["slack"])
async def test_i19_somebody_elses_new_status_leaves_what_is_known_of_the_others(house: Any) -> None:
    """Slack tells every change of every profile: it ends what is known of that person, and asks about no group."""
    slack = house.side._world
    _, card = await house.ask_to_deploy()

    def lookups() -> list[str]:
        paths = [str(one["path"]) for one in slack.sim.traffic.entries()]
        return [path for path in paths if "usergroups.users.list" in path or "users.info" in path]

    await house.side.click("ada", card, "confirm")
    await house.side.abandon("ada", card)
    before = lookups()
    assert before
    await house.side.becomes("mia", "guest")
    await house.side.click("ada", card, "confirm")
    assert lookups() == before
    await house.side.becomes("ada", "guest")
    await house.side.click("ada", card, "confirm")
    await house.sees("ada", card, "you are a guest in this Slack workspace")
    assert len(lookups()) == len(before) + 1


@pytest.mark.parametrize("chat", ["slack"])
async def test_i02_a_click_is_answered_in_time_though_many_lookups_hang(
    house: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slack waits three seconds: whoever may break the glass gets the form with what is possible meanwhile."""
    _, card = await house.ask_to_deploy()

    async def hang(**_: object) -> None:
        await asyncio.Event().wait()

    for method in ("users_info", "usergroups_users_list"):
        monkeypatch.setattr(house.side.chat._client, method, hang)
    assert await house.side.click("rita", card, "more")
    await house.sees("rita", card, "Break glass: reject")


async def test_a_list_too_long_for_one_message_is_cut_and_not_kept_back(house: Any) -> None:
    """Whoever asks what is frozen is answered, however many long reasons there are and whatever they consist of."""
    for number in range(12):
        await house.desk.orders.freeze(None, f"tool {number}", '"😀' * 1000, by="rita", via="cli")
    assert "tool 0, by rita" in await house.side.say("ada", "freezes")


# ── directories that lie, and the terminal ───────────────────────────────────────────────────────


async def test_i19_an_answer_of_graph_that_is_nested_too_deeply_is_away() -> None:
    """It names nobody, and is no fault of ours."""

    async def nested(request: web.Request) -> web.Response:
        return web.Response(body=b"[" * 100_000, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", nested)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        graph = f"http://127.0.0.1:{runner.addresses[0][1]}"
        desk = SimpleNamespace(people=SimpleNamespace(forget=lambda name: None), review=NoReview())
        async with teams_world(desk, MemoryStore(), environ={"TEAMS_GRAPH_URL": graph}) as world:
            world.sim._tokens.graph_scope = f"{graph}/.default"  # pyright: ignore[reportPrivateUsage]
            with pytest.raises(DirectoryAway, match="cannot be read"):
                await world.chat.directory.members("entra_group", MANAGERS_GROUP)
    finally:
        await runner.cleanup()


def test_i29_doctor_keeps_a_calendars_address_to_itself(tmp_path: Path) -> None:
    """The path of an address may hold a secret; the host is enough to know which calendar is away."""
    night = 'groups:\n  night: {calendar: "http://localhost:9/secret-feed.ics?token=hush"}\n'
    with home(tmp_path) as made:
        (made.folder / "policy.yaml").write_text(POLICY.replace("groups:\n", night))
        said = made.call("doctor")
    assert "night (calendar: at localhost) cannot be looked up" in said.out
    assert "secret-feed" not in said.out + said.err
    assert "hush" not in said.out + said.err


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"ok": true}', b'{"error": "\\u001b]0;title\\u0007\\u202e"}'])
def test_doctor_outlives_whatever_the_platforms_answer(tmp_path: Path, body: bytes) -> None:
    """Answers that cannot be made out, and such as would steer a terminal, become sentences; every check is made."""

    class Garbage(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - the name that the library calls

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    groups = f"groups:\n  slackers: {{slack_usergroup: T0DEMO/S0MGR}}\n  others: {{entra_group: {MANAGERS_GROUP}}}\n"
    with ThreadingHTTPServer(("127.0.0.1", 0), Garbage) as server, home(tmp_path) as made:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}"
        (made.folder / "policy.yaml").write_text(POLICY.replace("groups:\n", groups))
        environ = {
            "SLACK_BOT_TOKEN": "xoxb-1",
            "SLACK_SIGNING_SECRET": "s",
            "SLACK_API_URL": f"{url}/api/",
            "TEAMS_APP_ID": MANAGERS_GROUP,
            "TEAMS_APP_PASSWORD": "p",
            "TEAMS_TENANT_ID": MANAGERS_GROUP,
            "TEAMS_OPENID_METADATA_URL": f"{url}/openid",
            "TEAMS_LOGIN_URL": f"{url}/token",
            "TEAMS_SERVICE_URLS": f"{url}/teams/",
            "TEAMS_GRAPH_URL": url,
        }
        done = made.call("doctor", env=environ)
        server.shutdown()
    assert (done.code, TRACEBACK in done.err) == (1, False)
    for name in ("slackers", "others"):
        assert f"✗ The group {name}" in done.out
    assert "gave no usable answer" not in done.out
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_a_policy_that_is_not_there_keeps_nobody_from_the_kill_switch(tmp_path: Path) -> None:
    """A file that was moved away is no more in the way than one with a fault."""
    with home(tmp_path) as made:
        (made.folder / "policy.yaml").unlink()
        assert made.call("freeze", "--tool", "deploy").code == 0
        assert made.call("freezes", "--json").json[0]["tool"] == "deploy"
        assert made.call("thaw", "--tool", "deploy").code == 0
        assert made.call("grants").code == 2


@pytest.mark.parametrize("words", [("--tool", " "), ("--reason", "x" * 2001)])
def test_a_freeze_that_nobody_could_read_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A name of blanks stops nothing, and a reason is told to every agent."""
    with home(tmp_path) as made:
        done = made.call("freeze", *words)
    assert done.code == 2
    assert TRACEBACK not in done.err
