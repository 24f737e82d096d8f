"""Teams' settings, and the app package made from them."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from signoff.errors import BadConfig
from signoff_teams import plugin
from signoff_teams.commands import COMMANDS
from signoff_teams.places import SCOPES
from signoff_teams.settings import TeamsSettings

APP = "22222222-2222-4222-8222-222222222222"
GOOD = {
    "TEAMS_APP_ID": APP,
    "TEAMS_APP_PASSWORD": "very-secret",
    "TEAMS_TENANT_ID": "11111111-1111-4111-8111-111111111111",
}


def read(**changes: str) -> TeamsSettings:
    found = plugin.settings(GOOD | changes)
    assert found is not None
    return found


def test_nothing_set_means_no_teams() -> None:
    """Without any TEAMS_ variable the chat is not configured, which is not an error."""
    assert plugin.settings({"SIGNOFF_HOST": "0.0.0.0"}) is None
    assert plugin.settings({"SIGNOFF_TEAMS_ANONYMOUS": "0"}) is None


def test_a_single_tenant_bot_asks_its_own_tenant_for_tokens() -> None:
    """The token endpoint follows the type of the bot; Microsoft's public cloud is the default everywhere."""
    assert GOOD["TEAMS_TENANT_ID"] in read().login_url
    assert "botframework.com" in read(TEAMS_APP_TYPE="MultiTenant").login_url
    assert read().allows("https://smba.trafficmanager.net/emea/")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"TEAMS_APP_ID": ""}, "TEAMS_APP_ID"),
        ({"TEAMS_APP_PASSWORD": ""}, "TEAMS_APP_PASSWORD"),
        ({"TEAMS_TENANT_ID": ""}, "TEAMS_TENANT_ID"),
        ({"TEAMS_APP_TYPE": "UserAssignedMSI"}, "TEAMS_APP_TYPE"),
        ({"TEAMS_LOGIN_URL": "http://login.example/token"}, "TEAMS_LOGIN_URL"),
        ({"TEAMS_OPENID_METADATA_URL": "ftp://x"}, "TEAMS_OPENID_METADATA_URL"),
        ({"TEAMS_GRAPH_URL": "http://graph.microsoft.com"}, "TEAMS_GRAPH_URL"),
        ({"TEAMS_SERVICE_URLS": "http://smba.trafficmanager.net"}, "TEAMS_SERVICE_URLS"),
        ({"TEAMS_SERVICE_URLS": "https://user@host/"}, "TEAMS_SERVICE_URLS"),
        ({"SIGNOFF_TEAMS_ANONYMOUS": "yes"}, "SIGNOFF_TEAMS_ANONYMOUS"),
        ({"SIGNOFF_TEAMS_ANONYMOUS": "1", "SIGNOFF_HOST": "0.0.0.0"}, "SIGNOFF_TEAMS_ANONYMOUS"),
    ],
)
def test_i28_wrong_settings_stop_the_boot_by_name(changes: dict[str, str], key: str) -> None:
    """A half or wrong set-up raises BadConfig with the key, the fault and the mend, and never the secret."""
    with pytest.raises(BadConfig) as caught:
        plugin.settings(GOOD | changes)
    assert caught.value.data["key"] == key
    assert caught.value.data["mend"]
    assert "very-secret" not in str(caught.value)


def test_anonymous_needs_nothing_else_on_loopback() -> None:
    """Local emulators need no registration when the server listens on this machine only."""
    found = plugin.settings({"SIGNOFF_TEAMS_ANONYMOUS": "1", "SIGNOFF_HOST": "127.0.0.1"})
    assert found is not None
    assert found.anonymous


def test_i29_the_password_is_in_no_repr() -> None:
    """Settings can be printed without giving the secret away."""
    assert "very-secret" not in repr(read())
    assert "very-secret" not in read().model_dump_json()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/teams/",
        "http://smba.trafficmanager.net/teams/",
        "https://smba.trafficmanager.net.evil.example/",
        "https://smba.trafficmanager.net@evil.example/",
        "https://smba.trafficmanager.net:8443/",
        "https://smba.trafficmanager.net\\@evil.example/",
        "",
        "https://[",
    ],
)
def test_i27_only_listed_hosts_are_allowed(url: str) -> None:
    """A service URL must have a listed scheme, host and port; tricks with user info and look-alikes do not help."""
    assert not read().allows(url)


def test_i27_hosts_can_be_listed_by_name_or_url() -> None:
    """TEAMS_SERVICE_URLS takes host names and, for the simulator, loopback URLs."""
    found = read(TEAMS_SERVICE_URLS="smba.example, http://127.0.0.1:9000/teams")
    assert found.allows("https://smba.example/amer/")
    assert found.allows("http://127.0.0.1:9000/teams/")
    assert not found.allows("http://127.0.0.1:9001/teams/")
    assert not found.allows("https://smba.trafficmanager.net/teams/")


def test_graph_belongs_to_the_cloud_that_people_sign_in_to() -> None:
    """Graph is the public cloud's, another one that is named, or none where only the login is another's."""
    assert read().graph_url == "https://graph.microsoft.com"
    assert read().graph_scope == "https://graph.microsoft.com/.default"
    login = "https://login.microsoftonline.us/t/oauth2/v2.0/token"
    assert read(TEAMS_LOGIN_URL=login).graph_url is None
    named = read(TEAMS_LOGIN_URL=login, TEAMS_GRAPH_URL="https://graph.microsoft.us/")
    assert (named.graph_url, named.graph_login("t")) == ("https://graph.microsoft.us", login)


def test_a_bot_of_many_tenants_asks_each_tenant_for_its_graph() -> None:
    """botframework.com issues tokens for the Bot Connector, and knows nobody's groups."""
    settings = read(TEAMS_APP_TYPE="MultiTenant", TEAMS_TENANT_ID="")
    assert "/botframework.com/" in settings.login_url
    assert settings.graph_login("11111111-1111-4111-8111-111111111111") == read().login_url
    assert "/a%2F..%2Fb/" in settings.graph_login("a/../b")


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("https://graph.microsoft.com/v1.0/groups/x?$skiptoken=https://evil.example", True),
        ("https://graph.microsoft.com.evil.example/v1.0/groups", False),
        ("https://graph.microsoft.com@evil.example/v1.0/groups", False),
        ("https://graph.microsoft.com\\@evil.example/v1.0", False),
        ("https://graph.microsoft.com:8443/v1.0", False),
        ("http://graph.microsoft.com/v1.0", False),
        ("https://evil.example/https://graph.microsoft.com/", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_i27_graphs_token_goes_to_graph_alone(url: str, ours: bool) -> None:
    """The second page of a list is fetched from the configured host, or not at all."""
    assert read().is_graph(url) is ours


@pytest.mark.parametrize(
    ("key", "group", "taken"),
    [
        ("entra_group", "02bd9fd6-8f93-4758-87c3-1fb73740a315", True),
        ("entra_group", f"{APP}/02bd9fd6-8f93-4758-87c3-1fb73740a315", True),
        ("entra_group", "finance", False),
        ("teams_team", "19:ab12@thread.tacv2", True),
        ("teams_team", "19:ab12@thread.skype", True),
        ("teams_team", f"{APP}/19:ab12@thread.tacv2", True),
        ("teams_team", "02bd9fd6-8f93-4758-87c3-1fb73740a315", True),
        ("teams_team", "19:chat@thread.v2", False),
    ],
)
def test_the_policy_names_groups_by_their_ids(key: str, group: str, taken: bool) -> None:
    """A group's name may be anybody's; its id may not."""
    assert plugin.groups[key].directory == plugin.name
    assert bool(re.fullmatch(plugin.groups[key].pattern, group)) is taken
    assert re.fullmatch(plugin.groups[key].pattern, plugin.groups[key].example)


def test_importing_the_plugin_loads_no_sdk() -> None:
    """botbuilder takes most of a second to import; whoever does not use Teams does not pay for it."""
    code = "import sys, signoff_teams; print([m for m in sys.modules if m.partition('.')[0] in sys.argv])"
    path = os.pathsep.join(sys.path)
    out = subprocess.run(
        [sys.executable, "-c", code, "botbuilder", "botframework", "msrest", "aiohttp", "jwt"],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.strip() == "[]"


# ── the app package ──────────────────────────────────────────────────────────────────────────────


def test_the_manifest_lists_exactly_what_the_code_uses(tmp_path: Path) -> None:
    """Scopes are the conversation types that places handle, commands the ones the bot answers."""
    (file,) = plugin.manifest("https://signoff.example", read(), tmp_path)
    with zipfile.ZipFile(file) as package:
        assert sorted(package.namelist()) == ["color.png", "manifest.json", "outline.png"]
        manifest = json.loads(package.read("manifest.json"))
        for name, side in (("color.png", 192), ("outline.png", 32)):
            png = package.read(name)
            assert png[:8] == b"\x89PNG\r\n\x1a\n"
            assert struct.unpack(">II", png[16:24]) == (side, side)
            length = struct.unpack(">I", png[33:37])[0]
            assert len(zlib.decompress(png[41 : 41 + length])) == side * (side * 4 + 1)
    (bot,) = manifest["bots"]
    assert manifest["id"] == bot["botId"] == APP
    assert set(bot["scopes"]) == set(SCOPES.values()) == {"personal", "team", "groupChat"}
    (commands,) = bot["commandLists"]
    assert set(commands["scopes"]) == set(bot["scopes"])
    assert {item["title"]: item["description"] for item in commands["commands"]} == dict(COMMANDS)
    assert manifest["validDomains"] == ["signoff.example"]
    assert len(manifest["name"]["short"]) <= 30
    assert len(manifest["description"]["short"]) <= 80
    assert "permissions" not in manifest
    assert "authorization" not in manifest


def test_the_package_needs_an_app_id_and_https(tmp_path: Path) -> None:
    """Without an app id, or for an address that Teams could not call, one sentence says what is missing."""
    with pytest.raises(BadConfig, match="TEAMS_APP_ID"):
        plugin.manifest("https://signoff.example", None, tmp_path)
    with pytest.raises(BadConfig, match="https"):
        plugin.manifest("http://signoff.example", read(), tmp_path)


def test_i27_a_loopback_host_without_a_port_allows_that_host_alone() -> None:
    """TEAMS_SERVICE_URLS=127.0.0.1 is for simulators on changing ports; other hosts need their own address."""
    given = {
        "TEAMS_APP_ID": "app",
        "TEAMS_APP_PASSWORD": "secret",
        "TEAMS_TENANT_ID": "tenant",
        "TEAMS_SERVICE_URLS": "127.0.0.1",
    }
    settings = plugin.settings(given)
    assert isinstance(settings, TeamsSettings)
    assert settings.allows("http://127.0.0.1:4711/teams/")
    assert not settings.allows("http://localhost:4711/teams/")
    assert not settings.allows("https://smba.trafficmanager.net/emea/")
    named = plugin.settings(given | {"TEAMS_SERVICE_URLS": "http://127.0.0.1:4711/teams/"})
    assert isinstance(named, TeamsSettings)
    assert not named.allows("http://127.0.0.1:4712/teams/")
