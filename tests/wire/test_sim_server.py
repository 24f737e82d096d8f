"""The simulator's own doors: the page, its files, the control API, and who may call them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from signoff_sim import server
from signoff_sim.simulated import BODY_CHARS, Traffic
from signoff_sim.slack import SlackSim
from signoff_sim.teams import Rules, TeamsSim
from signoff_sim.teams.coverage import TABLE


@dataclass
class House:
    address: str
    teams: TeamsSim
    http: aiohttp.ClientSession

    async def status(self, method: str, path: str, **options: object) -> int:
        async with self.http.request(method, path, **options) as response:  # type: ignore[arg-type]
            return response.status


@pytest.fixture
async def house() -> AsyncIterator[House]:
    teams = TeamsSim(bot_url="http://127.0.0.1:9", password="p", install=False)
    app = server.build(teams=teams, slack=SlackSim(bot_url="http://127.0.0.1:9"))
    address = await server.serve(app)
    async with aiohttp.ClientSession(address) as http:
        yield House(address, teams, http)
    await server.stop(app)


async def test_sim_page_loads_nothing_from_elsewhere(house: House) -> None:
    """The page and everything it names come from the simulator, and its policy forbids the rest."""
    async with house.http.get("/") as response:
        page = await response.text()
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
    named = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert named
    for path in named:
        assert path.startswith("/static/"), path
        assert await house.status("GET", path) == 200, path


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/%2e%2e/server.py",
        "/static/..%2fserver.py",
        "/static//etc/passwd",
        "/static/vendor/../../world.py",
        "/static/",
        "/static/vendor",
        "/static/%00",
    ],
)
async def test_sim_static_files_stay_in_their_folder(house: House, path: str) -> None:
    """No spelling of a path leads out of the static folder."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.address.rsplit(":", 1)[1]))
    # Raw, because clients tidy such paths away.
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.split(b" ", 2)[1] == b"404"


async def test_sim_answers_to_its_own_name_only(house: House) -> None:
    """A page that rebinds its name to loopback gets nothing: neither state nor deeds."""
    headers = {"Host": "evil.example:80"}
    assert await house.status("GET", "/control/state?as=ada", headers=headers) == 421
    assert await house.status("POST", "/control/teams/rotate", json={}, headers=headers) == 421
    assert await house.status("GET", "/control/people", headers={"Host": "localhost:1"}) == 200


async def test_sim_control_takes_no_calls_from_other_pages(house: House) -> None:
    """Calls with another origin, or in a form that needs no permission from us, do nothing."""
    before = len(house.teams._keys)
    origin = {"Origin": "http://evil.example"}
    assert await house.status("POST", "/control/teams/rotate", json={}, headers=origin) == 403
    assert await house.status("POST", "/control/teams/rotate", data="{}") == 400
    assert await house.status("POST", "/control/teams/rotate", data={"a": "b"}) == 400
    assert len(house.teams._keys) == before
    assert await house.status("POST", "/control/teams/rotate", json={}, headers={"Origin": house.address}) == 200


async def test_sim_no_get_changes_anything(house: House) -> None:
    """I03: the control verbs answer to POST alone."""
    for verb in ("click", "rotate", "install"):
        assert await house.status("GET", f"/control/teams/{verb}") == 405
    async with house.http.get("/control/faults") as response:
        assert (await response.json())["teams"]["check_cards"] is True


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/control/teams/dance", {"as": "ada"}, "no verb"),
        ("/control/teams/say", {"as": "eve", "text": "hi"}, "Nobody is called"),
        ("/control/teams/say", {"as": "ada", "text": " "}, "empty"),
        ("/control/teams/say", {"as": "ada", "text": "x", "conversation": "19:x"}, "no conversation"),
        ("/control/teams/submit", {"as": "ada"}, "no dialog"),
        ("/control/faults", {"irc": {}}, "no chat"),
        ("/control/faults", {"teams": {"speling": 1}}, "speling"),
        ("/control/terminal", {"lines": "x"}, "list"),
    ],
)
async def test_sim_control_says_what_is_wrong(house: House, path: str, body: dict[str, object], why: str) -> None:
    """A control call that cannot be done is a 400 with a sentence."""
    async with house.http.post(path, json=body) as response:
        assert response.status == 400
        assert why in (await response.json())["error"]


async def test_sim_state_has_both_chats(house: House) -> None:
    """One state call shows what a person sees in both chats."""
    async with house.http.get("/control/state?as=bob") as response:
        state = await response.json()
    assert state["teams"]["me"] == "bob"
    assert state["slack"]
    async with house.http.get("/control/teams/state?as=bob") as response:
        assert await response.json() == state["teams"]


async def test_sim_events_tell_the_page_to_look_again(house: House) -> None:
    """The event stream says when something changed, and when the agent's terminal has new lines."""
    async with house.http.get("/control/events") as events:
        assert await events.content.readline() == b"data: hello\n"
        await events.content.readline()
        house.teams.set_faults({"archived": ["Finance"]})
        assert await events.content.readline() == b"data: changed\n"
        await events.content.readline()
        await house.http.post("/control/terminal", json={"lines": ["hello"]})
        assert await events.content.readline() == b"data: terminal\n"


async def test_sim_terminal_keeps_and_clears_lines(house: House) -> None:
    """What the agent prints is kept in order, and can be cleared."""
    await house.http.post("/control/terminal", json={"lines": ["one", "two"]})
    await house.http.post("/control/terminal", json={"lines": ["three"]})
    async with house.http.get("/control/terminal") as response:
        assert (await response.json())["lines"] == ["one", "two", "three"]
    await house.http.post("/control/terminal", json={"clear": True, "lines": ["new"]})
    async with house.http.get("/control/terminal") as response:
        assert await response.json() == {"lines": ["new"], "count": 4}


async def test_sim_faults_go_to_their_chat_and_back_to_normal(house: House) -> None:
    """Faults are set per chat; null puts that chat back to normal."""
    async with house.http.post("/control/faults", json={"teams": {"card_bytes": 5}}) as response:
        assert (await response.json())["teams"]["card_bytes"] == 5
    await house.http.post("/control/faults", json={"teams": None})
    assert house.teams.rules == Rules()


async def test_sim_coverage_is_data_and_names_real_switches(house: House) -> None:
    """Every switch in the coverage table exists, every switch is in the table, and both chats have one."""
    async with house.http.get("/control/coverage") as response:
        coverage = await response.json()
    assert coverage["teams"]
    assert coverage["slack"]
    assert {row.switch for row in TABLE if row.switch} == set(house.teams.set_faults({}))


def test_sim_traffic_leaves_secrets_out_and_stays_short() -> None:
    """I29: tokens in bodies, headers-like text and paths never enter the traffic log; long bodies are cut."""
    traffic = Traffic("slack")
    secret = {"client_secret": "hunter2", "nested": [{"token": "xoxb-1-2"}], "text": "Bearer abc.def and xapp-9-z"}
    traffic.record("from_bot", "POST", "/ws?ticket=tick-1", 200, secret)
    traffic.record("to_bot", "POST", "/", 200, "x" * (BODY_CHARS + 5))
    first, second = traffic.entries()
    for word in ("hunter2", "xoxb-1", "abc.def", "xapp-9", "tick-1"):
        assert word not in str(first)
    assert second["body"].endswith("… (5 more characters)")
