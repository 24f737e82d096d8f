"""Groups and standings over real HTTP: the directory of the Teams chat against the simulated rosters and Graph."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from signoff.errors import DirectoryAway
from signoff.model import MessageRef, Principal
from signoff.store.memory import MemoryStore
from signoff_sim.teams.directory import FINANCE_GROUP, MANAGERS_GROUP
from signoff_sim.world import TEAMS_TENANT

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from harness_teams import GENERAL, NoReview, TeamsWorld, teams_world

NOBODY = Principal(chat="teams", tenant=TEAMS_TENANT, user="e0000000-0000-4000-8000-0000000000e5")
HERE = MessageRef(chat="teams", tenant=TEAMS_TENANT, conversation=GENERAL, message="1")
NO_GRAPH = {"graph_consent": False}


class Desk:
    """What the chat needs of a desk where nobody clicks."""

    people = SimpleNamespace(forget=lambda name: None)
    review = NoReview()


@pytest.fixture
async def world() -> AsyncIterator[TeamsWorld]:
    async with teams_world(Desk(), MemoryStore()) as running:
        yield running


def who(world: TeamsWorld, *people: str) -> frozenset[Principal | str]:
    found = (world.sim.directory.person(one).teams for one in people)
    return frozenset(Principal(chat="teams", tenant=TEAMS_TENANT, user=one) for one in found)


def bob(world: TeamsWorld) -> Principal:
    (found,) = who(world, "bob")
    assert isinstance(found, Principal)
    return found


# ── groups ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", [0, 1])
async def test_an_entra_group_is_everybody_on_all_its_pages(world: TeamsWorld, page: int) -> None:
    """Members come from Graph, with their tenant, page after page."""
    world.sim.set_faults({"page_size": page})
    assert await world.chat.directory.members("entra_group", MANAGERS_GROUP) == who(world, "ada", "rita")
    named = f"{TEAMS_TENANT}/{FINANCE_GROUP.upper()}"
    assert await world.chat.directory.members("entra_group", named) == who(world, "ada", "bob")


@pytest.mark.parametrize("page", [0, 1])
async def test_a_team_is_everybody_in_its_roster_but_guests(world: TeamsWorld, page: int) -> None:
    """A team's members come from the Bot Connector, by its own id or its group's; Graph is not needed."""
    world.sim.set_faults({"page_size": page, **NO_GRAPH})
    await world.sim.act("team", {"team": "Finance", "members": ["ada", "bob", "mia"]})
    await world.sim.act("user", {"id": "mia", "role": "guest"})
    (team,) = world.sim.directory.teams
    for name in (GENERAL, team.group, team.group.upper()):
        assert await world.chat.directory.members("teams_team", name) == who(world, "ada", "bob")


async def test_a_team_that_the_app_is_not_in_is_asked_of_graph() -> None:
    """A team has a group in Entra: its id is enough even where the app was never added."""
    async with teams_world(Desk(), MemoryStore(), install=False) as world:
        (team,) = world.sim.directory.teams
        await world.sim.act("user", {"id": "mia", "gone": True})
        assert await world.chat.directory.members("teams_team", team.group) == who(world, "ada", "bob", "rita")


@pytest.mark.parametrize(
    ("faults", "kind", "group", "what"),
    [
        ({"fail": [{"status": 503, "on": "graph"}]}, "entra_group", FINANCE_GROUP, "answers 503"),
        ({"fail": [{"status": 429, "on": "graph", "retry_after": 30}]}, "entra_group", FINANCE_GROUP, "answers 429"),
        ({"fail": [{"status": 302, "on": "graph"}]}, "entra_group", FINANCE_GROUP, "answers 302"),
        ({"fail": [{"status": 503, "on": "token"}]}, "entra_group", FINANCE_GROUP, "token endpoint answers 503"),
        (NO_GRAPH, "entra_group", FINANCE_GROUP, "GroupMember.Read.All"),
        ({}, "entra_group", NOBODY.user, "knows no group"),
        ({"next_link_host": "http://127.0.0.1:9", "page_size": 1}, "entra_group", FINANCE_GROUP, "another host"),
        ({"fail": [{"status": 503, "on": "members"}]}, "teams_team", GENERAL, "503"),
        ({"fail": [{"status": 429, "on": "members"}]}, "teams_team", GENERAL, "429"),
        ({"not_installed": ["Finance"]}, "teams_team", GENERAL, "add it to that team"),
        ({}, "teams_team", "19:gone@thread.tacv2", "no such conversation"),
    ],
)
async def test_i19_a_group_that_cannot_be_read_is_away_not_empty(
    world: TeamsWorld, faults: dict[str, Any], kind: str, group: str, what: str
) -> None:
    """Outages, limits, missing consent and unknown groups say what is wrong; a list is taken whole or not at all."""
    world.sim.set_faults(faults)
    with pytest.raises(DirectoryAway) as away:
        await world.chat.directory.members(kind, group)
    assert what in away.value.sentence


async def test_i27_graphs_token_is_not_the_bots(world: TeamsWorld) -> None:
    """Graph takes no token of the Bot Connector's and the other way round; each has its own."""
    await world.chat.directory.standing(bob(world), HERE)
    access = world.chat._access
    assert await access.token() != await access.graph_token(TEAMS_TENANT)
    assert world.sim._tokens.valid(f"Bearer {await access.token()}")
    assert not world.sim._tokens.valid(f"Bearer {await access.token()}", graph=True)


async def test_a_revoked_graph_token_is_asked_for_again(world: TeamsWorld) -> None:
    """After one refusal the next look-up brings a new token."""
    await world.chat.directory.members("entra_group", FINANCE_GROUP)
    world.sim._tokens._issued.clear()
    with pytest.raises(DirectoryAway, match="401"):
        await world.chat.directory.members("entra_group", FINANCE_GROUP)
    assert await world.chat.directory.members("entra_group", FINANCE_GROUP) == who(world, "ada", "bob")


# ── one person ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("faults", [{}, NO_GRAPH])
async def test_a_full_member_may_decide(world: TeamsWorld, faults: dict[str, Any]) -> None:
    """The roster and Graph agree; where Graph may not be read, the roster is enough."""
    world.sim.set_faults(faults)
    assert await world.chat.directory.standing(bob(world), HERE) is None
    assert await world.chat.directory.standing(bob(world), None) is None


@pytest.mark.parametrize(
    ("change", "faults", "why"),
    [
        ({"role": "guest"}, {}, "guest"),
        ({"role": "guest"}, NO_GRAPH, "guest"),
        ({}, {"guests": ["bob"], **NO_GRAPH}, "guest"),
        ({"role": "anonymous"}, NO_GRAPH, "without an account"),
        ({"tenant": "99999999-9999-4999-8999-999999999999"}, NO_GRAPH, "another organisation"),
        ({"enabled": False}, {}, "switched off"),
        ({"gone": True}, {}, "no account"),
    ],
)
async def test_i18_no_guest_stranger_or_dead_account_may_decide(
    world: TeamsWorld, change: dict[str, Any], faults: dict[str, Any], why: str
) -> None:
    """What one of the two directories knows against somebody is enough."""
    await world.sim.act("user", {"id": "bob", **change})
    world.sim.set_faults(faults)
    assert why in str(await world.chat.directory.standing(bob(world), HERE))


async def test_i18_somebody_who_left_the_team_may_not_decide_there(world: TeamsWorld) -> None:
    """The roster of the conversation that was clicked in does not know them any more."""
    await world.sim.act("team", {"team": "Finance", "members": ["ada"]})
    assert "no member" in str(await world.chat.directory.standing(bob(world), HERE))
    assert await world.chat.directory.standing(bob(world), None) is None


async def test_i18_people_of_another_tenant_are_never_looked_up(world: TeamsWorld) -> None:
    """Whoever says to belong elsewhere is refused, even while nothing can be asked."""
    world.sim.set_faults({"fail": [{"status": 503, "times": 9}]})
    stranger = NOBODY.model_copy(update={"tenant": "99999999-9999-4999-8999-999999999999"})
    for origin in (HERE, None):
        assert "another organisation" in str(await world.chat.directory.standing(stranger, origin))


@pytest.mark.parametrize(
    "faults",
    [
        {"fail": [{"status": 503, "on": "members"}]},
        {"fail": [{"status": 429, "on": "members"}]},
        {"fail": [{"status": 503, "on": "graph"}]},
        {"fail": [{"status": 429, "on": "graph"}]},
        {"fail": [{"status": 500, "on": "members"}], **NO_GRAPH},
        {"fail": [{"status": 401, "on": "token", "times": 2}]},
    ],
)
async def test_i18_a_directory_that_is_away_vouches_for_nobody(world: TeamsWorld, faults: dict[str, Any]) -> None:
    """One that fails is not made up for by the other."""
    world.sim.set_faults(faults)
    with pytest.raises(DirectoryAway):
        await world.chat.directory.standing(bob(world), HERE)


async def test_where_neither_roster_nor_graph_can_tell_the_identity_has_to_do(world: TeamsWorld) -> None:
    """Both are well, and neither may be asked: the token has vouched for tenant and person."""
    world.sim.set_faults({"not_installed": ["Finance", "bob"], **NO_GRAPH})
    assert await world.chat.directory.standing(bob(world), HERE) is None
    stranger = Principal(chat="teams", tenant="00000000-0000-4000-8000-000000000009", user="x")
    assert await world.chat.directory.standing(stranger, HERE) is not None


async def test_graph_answers_where_the_app_is_not_in_the_conversation(world: TeamsWorld) -> None:
    """A roster that may not be read is silent; Graph knows the account."""
    world.sim.set_faults({"not_installed": ["Finance"]})
    assert await world.chat.directory.standing(bob(world), HERE) is None
    await world.sim.act("user", {"id": "bob", "enabled": False})
    assert "switched off" in str(await world.chat.directory.standing(bob(world), HERE))


async def test_a_directory_that_hangs_is_away(world: TeamsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person who clicked does not wait for it for ever."""
    monkeypatch.setattr("signoff_teams.directory.PATIENCE", 0.05)
    world.sim.set_faults({"hold_seconds": 5})
    with pytest.raises(DirectoryAway, match="in time"):
        await world.chat.directory.standing(bob(world), HERE)


async def test_i18_without_graph_a_login_of_ones_own_still_judges_by_the_roster() -> None:
    """Where only TEAMS_LOGIN_URL is set, no call goes to Graph, and the roster decides."""
    async with teams_world(Desk(), MemoryStore(), environ={"TEAMS_GRAPH_URL": ""}) as world:
        assert await world.chat.directory.standing(bob(world), HERE) is None
        await world.sim.act("user", {"id": "bob", "role": "guest"})
        assert "guest" in str(await world.chat.directory.standing(bob(world), HERE))
        assert not [one for one in world.sim.traffic.entries() if "/graph/" in one["path"]]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"value": 1}', b'{"value": [1]}', b'{"value": [{"id": null}]}'])
async def test_garbage_from_graph_is_away_not_empty(body: bytes) -> None:
    """An answer that cannot be read names nobody, and says so."""

    async def garbage(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{path:.*}", garbage)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        graph = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with teams_world(Desk(), MemoryStore(), environ={"TEAMS_GRAPH_URL": graph}) as world:
            world.sim._tokens.graph_scope = f"{graph}/.default"
            with pytest.raises(DirectoryAway, match="cannot be read"):
                await world.chat.directory.members("entra_group", FINANCE_GROUP)
    finally:
        await runner.cleanup()
