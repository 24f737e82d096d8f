"""The composition root in this process: what is up, what is not, and how it is told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import aiohttp
import pytest
from aiohttp import web
from harness_slack import SECRET

from signoff import app, config
from signoff.api.door import Waits
from signoff.app import Running, open_store, running, server
from signoff.errors import BadConfig, DirectoryAway, StoreUnavailable
from signoff.model import Actor, Principal
from signoff.policy import Policy
from signoff_sim import server as simulation
from signoff_sim.slack import SlackSim

SEED = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def settings(folder: Path, **environ: str) -> config.Config:
    return config.load({"SIGNOFF_DATA_DIR": str(folder / "data"), "SIGNOFF_PORT": "0", **environ})


@asynccontextmanager
async def client(ready: Running) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(ready.address) as session:
        yield session


async def health(session: aiohttp.ClientSession) -> tuple[int, Mapping[str, str | None]]:
    async with session.get("/readyz") as answer:
        return answer.status, (await answer.json())["parts"]


async def eventually_well(session: aiohttp.ClientSession) -> Mapping[str, str | None]:
    async with asyncio.timeout(20):
        while True:
            status, parts = await health(session)
            if status == 200:
                return parts
            await asyncio.sleep(0.02)


async def test_a_chat_that_is_away_at_boot_is_tried_until_it_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not ready, with the reason; then ready, with no restart."""
    monkeypatch.setattr(server, "CHAT_RETRY", (0.05,))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    slack = {
        "SLACK_API_URL": f"http://127.0.0.1:{port}/slack/api/",
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_SIGNING_SECRET": SECRET,
    }
    async with running(settings(tmp_path, **slack)) as ready, client(ready) as session:
        status, parts = await health(session)
        assert (status, parts["redis"]) == (503, None)
        assert parts["slack"]
        simulated = simulation.build(slack=SlackSim())
        await simulation.serve(simulated, port=port)
        try:
            assert await eventually_well(session) == {"redis": None, "slack": None}
        finally:
            await simulation.stop(simulated)


async def test_every_chats_doors_are_open(tmp_path: Path) -> None:
    """An unsigned knock is refused by the chat itself; without chats there is no such door."""
    chats = {
        "SLACK_API_URL": "http://127.0.0.1:9/",
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_SIGNING_SECRET": SECRET,
        "TEAMS_APP_ID": "app",
        "TEAMS_APP_PASSWORD": "password",
        "TEAMS_TENANT_ID": "tenant",
        "TEAMS_LOGIN_URL": "http://127.0.0.1:9/",
        "TEAMS_OPENID_METADATA_URL": "http://127.0.0.1:9/",
    }
    found: dict[bool, list[int]] = {}
    for configured in (True, False):
        async with running(settings(tmp_path, **(chats if configured else {}))) as ready, client(ready) as session:
            found[configured] = []
            for path in ("/slack/events", "/api/messages"):
                async with session.post(path, data=b"{}") as answer:
                    found[configured].append(answer.status)
    assert found == {True: [401, 401], False: [404, 404]}


ON_CALL = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:always
DTSTART:20200101T000000Z
DTEND:20900101T000000Z
ATTENDEE:mailto:ada@example.com
END:VEVENT
END:VCALENDAR
"""


async def test_groups_are_looked_up_in_the_calendars_beside_the_policy_and_in_every_chat(tmp_path: Path) -> None:
    """Whoever is on call may decide; a chat that cannot be reached vouches for nobody (I18)."""
    file = tmp_path / "policy" / "policy.yaml"
    file.parent.mkdir()
    file.write_text(
        "version: 1\npeople:\n  ada: {email: ada@example.com, slack: T0DEMO/U0ADA}\n  bob: {}\n"
        "groups:\n  duty: {calendar: oncall.ics}\ndefaults: {approvers: [duty]}\n"
    )
    (file.parent / "oncall.ics").write_text(ON_CALL)
    slack = {
        "SLACK_API_URL": "http://127.0.0.1:9/",
        "SLACK_BOT_TOKEN": "xoxb-simulated",
        "SLACK_SIGNING_SECRET": SECRET,
    }
    configured = settings(tmp_path, SIGNOFF_POLICY=str(file), **slack)
    rules = app.load_policy(configured)
    async with running(configured) as ready:
        assert await ready.desk.people.rosters(rules, ["duty"]) == {"duty": {"ada"}}
        clicking = Actor(via="slack", principal=Principal(chat="slack", tenant="T0DEMO", user="U0ADA"))
        with pytest.raises(DirectoryAway):
            await ready.desk.people.fit(rules, "ada", clicking)


async def test_two_servers_beside_each_other_share_one_embedded_redis(tmp_path: Path) -> None:
    """The first to stop leaves it to the other."""
    first, second = settings(tmp_path), settings(tmp_path)
    async with running(second) as two, client(two) as session:
        async with running(first) as one:
            assert one.address != two.address
            await one.store.remember("test", "key", "value")
        assert await two.store.recall("test", "key") == "value"
        assert (await health(session))[0] == 200


async def test_i28_a_taken_port_leaves_nothing_running(tmp_path: Path) -> None:
    """One sentence, and the embedded Redis ends again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadConfig, match=f"another program already listens on port {port} of 127.0.0.1"):
            async with running(settings(tmp_path, SIGNOFF_PORT=str(port))):
                pass
    assert not (tmp_path / "data" / "redis" / "redis.sock").exists()


def test_addresses_are_written_as_a_browser_takes_them() -> None:
    """IPv6 in brackets."""
    assert app.address("127.0.0.1", 8080) == "http://127.0.0.1:8080"
    assert app.address("::1", 8080) == "http://[::1]:8080"


async def test_a_wait_that_begins_while_the_server_stops_is_let_go() -> None:
    """At once, like those that were open: nobody looks for it any more."""
    waits = Waits(9)
    await waits.close(web.Application())

    async def handler() -> str:
        waits.take("key", cast("web.Request", None))
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "answered as things stand" if waits.stopped() else "cut off"
        finally:
            waits.leave("key")
        return "waited"

    async with asyncio.timeout(5):
        assert await asyncio.create_task(handler()) == "answered as things stand"


async def test_commands_do_not_wait_for_a_redis_that_is_away(tmp_path: Path) -> None:
    """A server does; a command says so at once."""
    away = settings(tmp_path, SIGNOFF_REDIS_URL="redis://127.0.0.1:9", SIGNOFF_SIGNING_KEY=SEED)
    with pytest.raises(StoreUnavailable):
        async with open_store(away):
            pass
    async with open_store(away, patient=True) as store:
        with pytest.raises(StoreUnavailable):
            await store.ping()


async def test_i28_a_policy_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    """With the reason; here a folder stands where a file was."""
    with pytest.raises(BadConfig, match="it cannot be read"):
        app.read_policy(tmp_path)


def test_i15_without_a_policy_nobody_may_approve(tmp_path: Path) -> None:
    """Cards go to SIGNOFF_CHANNEL."""
    rules = app.load_policy(settings(tmp_path, SIGNOFF_CHANNEL="slack:#approvals, teams:Ops/General"))
    assert isinstance(rules, Policy)
    assert rules.places() == ("slack:#approvals", "teams:Ops/General")
    assert not any(rules.members(names) for names in rules.all_approvers())
