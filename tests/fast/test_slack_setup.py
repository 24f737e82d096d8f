"""Settings, places, manifest and the checker."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import signoff_slack
from signoff.errors import BadConfig
from signoff_slack import check, manifest, plugin
from signoff_slack.places import Place, place

HTTP = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_SIGNING_SECRET": "abc"}
PACKAGE = Path(signoff_slack.__file__).parent


def test_nothing_set_is_not_configured() -> None:
    """Without any variable, or with empty ones, there is no Slack."""
    assert plugin.settings({}) is None
    assert plugin.settings({"SLACK_BOT_TOKEN": " ", "SLACK_API_URL": "http://127.0.0.1:1/"}) is None


def test_http_and_socket_mode() -> None:
    """A signing secret or an app-level token is enough beside the bot token; the base URL ends in a slash."""
    http = plugin.settings({**HTTP, "SLACK_API_URL": "http://127.0.0.1:1234/slack/api"})
    assert http is not None
    assert (http.api_url, http.app_token) == ("http://127.0.0.1:1234/slack/api/", None)
    socket = plugin.settings({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"})
    assert socket is not None
    assert socket.api_url == "https://slack.com/api/"


@pytest.mark.parametrize(
    ("environ", "key"),
    [
        ({"SLACK_SIGNING_SECRET": "abc"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_APP_TOKEN": "xapp-1"}, "SLACK_BOT_TOKEN"),
        ({"SLACK_BOT_TOKEN": "xoxb-1"}, "SLACK_SIGNING_SECRET"),
        ({**HTTP, "SLACK_BOT_TOKEN": "xapp-hidden"}, "SLACK_BOT_TOKEN"),
        ({**HTTP, "SLACK_APP_TOKEN": "xoxb-hidden"}, "SLACK_APP_TOKEN"),
        ({**HTTP, "SLACK_SIGNING_SECRET": "xoxb-hidden"}, "SLACK_SIGNING_SECRET"),
        ({**HTTP, "SLACK_BOT_TOKEN": "xoxb-hid den"}, "SLACK_BOT_TOKEN"),
        ({**HTTP, "SLACK_API_URL": "slack.com"}, "SLACK_API_URL"),
        ({**HTTP, "SLACK_API_URL": "http://a:b/"}, "SLACK_API_URL"),
    ],
)
def test_i28_half_or_wrong_settings_stop_the_boot(environ: dict[str, str], key: str) -> None:
    """One sentence names the key, the fault and the mend, and never the value."""
    with pytest.raises(BadConfig) as raised:
        plugin.settings(environ)
    assert raised.value.sentence.startswith(f"{key}: ")
    assert "hid" not in raised.value.sentence


def test_places() -> None:
    """Every way to name a place of Slack's."""
    assert place("slack:#refunds") == Place(name="refunds")
    assert place("slack:C0123") == Place(channel="C0123")
    assert place("slack:C0123/1700000000.000100") == Place(channel="C0123", thread="1700000000.000100")
    assert place("slack:@U0123") == Place(user="U0123")
    assert place("slack:@ada") == Place(person="ada")
    assert place("slack:T0123/C0123") == Place(team="T0123", channel="C0123")
    assert place("slack:T0123/#refunds") == Place(team="T0123", name="refunds")
    for text in ("teams:#a", "slack:", "slack:#", "slack:refunds", "slack:C0123/soon", "slack:@", "slack:C0123/"):
        assert place(text) is None


def test_importing_the_package_loads_no_sdk() -> None:
    """The command line starts without Slack's SDKs."""
    code = "import sys, signoff_slack; print([m for m in sys.modules if m.startswith(('slack_', 'aiohttp'))])"
    environ = {"PYTHONPATH": f"{PACKAGE.parent}:{PACKAGE.parent.parent / 'bot'}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    assert done.stdout.strip() == "[]"


def called() -> set[str]:
    """The Web API methods that the package's code names: calls on a client, and names handed to `_call` and `_read`."""
    words: set[str] = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                words.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
    from slack_sdk.web.async_client import AsyncWebClient

    own = {name for name in vars(AsyncWebClient) if "_" in name and not name.startswith("_")}
    return words & own


def test_the_manifest_asks_for_what_the_code_uses() -> None:
    """Methods called and methods listed are the same; scopes, events and commands follow from them."""
    listed = {name.replace(".", "_") for name in manifest.CALLS}
    assert called() - {"apps_connections_open", "api_call"} == listed
    written = manifest.manifest("https://signoff.example/")
    needed = [*manifest.CALLS.values(), *manifest.EVENTS.values(), ("commands",)]
    scopes = {scope for scopes in needed for scope in scopes}
    assert written["oauth_config"] == {"scopes": {"bot": sorted(scopes)}}
    settings: Any = written["settings"]
    assert settings["event_subscriptions"]["bot_events"] == sorted(manifest.EVENTS)
    features: Any = written["features"]
    assert [(one["command"], one["should_escape"]) for one in features["slash_commands"]] == [
        ("/signoff", True),
        ("/pending", True),
    ]


def test_the_manifest_offers_the_shortcut_and_the_home() -> None:
    """The list opens from a global shortcut, whose name fits, and from the App Home, whose opening is told."""
    features: Any = manifest.manifest(None)["features"]
    [shortcut] = features["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("global", "signoff.pending")
    assert len(shortcut["name"]) <= 24
    assert len(shortcut["description"]) <= 150
    assert features["app_home"]["home_tab_enabled"] is True
    assert "app_home_opened" in manifest.EVENTS


def test_the_manifest_for_http_and_for_socket_mode(tmp_path: Path) -> None:
    """With a URL Slack calls it; without one, or with an app-level token alone, Socket Mode is on."""
    socket = plugin.settings({"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"})
    address = "https://a.example"
    for url, settings, on in ((address, None, False), ("", None, True), (address, socket, True)):
        [file] = plugin.manifest(url, settings, tmp_path)
        told: Any = json.loads(file.read_text(encoding="utf-8"))["settings"]
        assert told["socket_mode_enabled"] is on
        requests = {} if on else {"request_url": f"{address}/slack/events"}
        assert told["interactivity"] == {"is_enabled": True, **requests}
        assert told["event_subscriptions"] == {"bot_events": sorted(manifest.EVENTS), **requests}
        commands = json.loads(file.read_text(encoding="utf-8"))["features"]["slash_commands"]
        assert {command.get("url") for command in commands} == {requests.get("request_url")}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def block(element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "label": plain("x"), "element": {"action_id": "v", **element}}


OPTION = {"text": plain("a"), "value": "1"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "section", "fields": [plain("x" * 2001)]},
        {"type": "section", "text": plain("")},
        {"type": "section"},
        {"type": "section", "text": {"type": "mrkdwn", "text": "x", "emoji": True}},
        {"type": "section", "fields": [plain("x")] * 11},
        {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
        {"type": "header", "text": plain("😀" * 76)},
        {"type": "context", "elements": []},
        {"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": plain("x")}] * 2},
        {
            "type": "actions",
            "elements": [{"type": "button", "action_id": "a", "text": {"type": "mrkdwn", "text": "x"}}],
        },
        {"type": "actions", "elements": [{"type": "button", "action_id": "a", "text": plain("x"), "style": "loud"}]},
        {"type": "video"},
        block({"type": "plain_text_input", "initial_value": "x" * 11, "max_length": 10}),
        block({"type": "plain_text_input", "max_length": 3001}),
        block({"type": "number_input"}),
        block({"type": "number_input", "is_decimal_allowed": True, "initial_value": "1e3"}),
        block({"type": "datepicker", "initial_date": "tomorrow"}),
        block({"type": "timepicker", "initial_time": "24:00"}),
        block({"type": "datetimepicker", "initial_date_time": 5}),
        block({"type": "radio_buttons", "options": [{"text": plain("a"), "value": str(n)} for n in range(11)]}),
        block({"type": "static_select", "options": [OPTION, OPTION]}),
        block({"type": "static_select", "options": [{"text": plain("x" * 76), "value": "1"}]}),
        block({"type": "static_select", "options": [{"text": plain("a"), "value": "x" * 151}]}),
        block({"type": "static_select", "options": [OPTION], "initial_option": {**OPTION, "value": "2"}}),
        block({"type": "file_input"}),
    ],
)
def test_the_checker_finds_what_slack_refuses(wrong: dict[str, Any]) -> None:
    """Each limit, also those that slack_sdk does not know, is found before anything is sent."""
    view = {"type": "modal", "title": plain("x"), "submit": plain("x"), "blocks": [wrong]}
    assert check.view(view)


def test_the_checker_counts_blocks_ids_and_bytes() -> None:
    """Blocks per message, ids used twice, whole sizes."""
    one = {"type": "divider"}
    assert check.message({"text": "x", "blocks": [one] * 50}) == []
    assert check.message({"text": "x", "blocks": [one] * 51})
    assert check.message({"text": "", "blocks": [one]})
    assert check.message({"text": "x", "blocks": [{**one, "block_id": "a"}] * 2})
    assert check.message({"text": "x", "blocks": [{"type": "section", "text": plain("x" * 3000)}] * 5})
    view = {"type": "modal", "title": plain("x"), "close": plain("x"), "blocks": [one]}
    assert check.view(view) == []
    assert check.view({**view, "title": plain("x" * 25)})
    assert check.view({**view, "private_metadata": "x" * 3001})
    assert check.view({**view, "blocks": [block({"type": "plain_text_input"})]})
    assert check.view({**view, "blocks": [{"type": "section", "text": plain("é" * 3000)}] * 20})
