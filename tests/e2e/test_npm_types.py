"""What we send and what the simulator sends, against Slack's own TypeScript types."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from slack_sdk.web.async_client import AsyncWebClient

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_slack import render
from signoff_slack.render import inputs

sys.path.insert(0, str(Path(__file__).parents[1] / "npm"))
from npm_examples import FIELDS, ORIGIN, all_cards, all_details, all_forms
from npm_tools import HERE, MODULES, run, script, tool

CHANNEL = "C0REFUNDS"
SENT = 'import type * as sent from "./sent.js";'


async def compile(folder: Path, imports: str, values: Mapping[str, tuple[Any, str]]) -> str:
    """What `tsc --strict` says about values, each under its type. Empty: nothing."""
    lines = [imports]
    for index, (name, (value, kind)) in enumerate(values.items()):
        lines.append(f"// {' '.join(name.split())}\nexport const value{index} = {json.dumps(value)} satisfies {kind};")
    (folder / "values.ts").write_text("\n".join(lines))
    (folder / "sent.ts").write_text((HERE / "sent.ts").read_text())
    (folder / "package.json").write_text('{"type": "module"}')
    config = {"extends": str(HERE / "tsconfig.json"), "include": ["*.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(config))
    (folder / "node_modules").symlink_to(MODULES)
    code, printed = await run(tool("tsc"), "--strict", "--pretty", "false", "--project", ".", cwd=folder)
    assert (code == 0) == (printed == "")
    return printed


# ── what the simulator sends ──


class Bot:
    """Acknowledges everything, opens the modal it is asked for, and keeps every payload."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.client: AsyncWebClient | None = None

    async def events(self, request: web.Request) -> web.Response:
        if request.content_type == "application/json":
            self.got.append(await request.json())
            return web.Response()
        fields = dict(await request.post())
        payload = json.loads(str(fields["payload"])) if "payload" in fields else fields
        self.got.append(payload)
        if payload.get("type") == "block_actions" and payload["actions"][0]["action_id"] == "open":
            assert self.client is not None
            await self.client.views_open(trigger_id=payload["trigger_id"], view=every_input())
        return web.Response()


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def every_input() -> dict[str, Any]:
    """A modal with every input that our forms use, and a button."""
    blocks = [block for n, field in enumerate(FIELDS) for block in inputs.blocks("respond", n, field, field.initial)]
    button = {"type": "button", "action_id": "press", "text": plain("Press"), "value": "1"}
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("Edit"),
        "submit": plain("Save"),
        "close": plain("Cancel"),
        "private_metadata": "kept",
        "notify_on_close": True,
        "blocks": [*blocks, {"type": "actions", "block_id": "tools", "elements": [button]}],
    }


@pytest.fixture
async def sim() -> AsyncIterator[SlackSim]:
    sim = SlackSim()
    site = server.build(slack=sim)
    await server.serve(site)
    yield sim
    await server.stop(site)


@pytest.fixture
async def bot(sim: SlackSim) -> AsyncIterator[Bot]:
    bot = Bot()
    site = web.Application()
    site.router.add_post("/slack/events", bot.events)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    bot.client = AsyncWebClient("xoxb-simulated", base_url=f"{sim.sockets.address}/slack/api/")
    yield bot
    await runner.cleanup()


async def payloads(sim: SlackSim, bot: Bot) -> dict[str, tuple[Any, str]]:
    """One of everything that the simulator delivers: name → payload and its type."""
    assert bot.client is not None
    select = {
        "type": "static_select",
        "action_id": "pick",
        "placeholder": plain("Pick"),
        "options": [{"text": plain("Late"), "value": "l"}],
    }
    buttons = [
        {"type": "button", "action_id": "open", "text": plain("Open"), "value": "r1", "style": "primary"},
        {"type": "button", "action_id": "plain", "text": plain("Plain")},
        select,
        {"type": "datepicker", "action_id": "day", "initial_date": "2026-11-20"},
    ]
    blocks = [{"type": "actions", "block_id": "buttons", "elements": buttons}]
    card = await bot.client.chat_postMessage(channel=CHANNEL, text="Refund?", blocks=blocks)
    thread = {"channel": CHANNEL, "text": "In a thread", "blocks": blocks, "thread_ts": card["ts"]}
    await bot.client.chat_postMessage(**thread)
    await bot.client.chat_postEphemeral(channel=CHANNEL, user="U0BOB", text="Only you", blocks=blocks)
    await bot.client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": blocks})

    found: dict[str, tuple[Any, str]] = {}

    async def act(name: str, kind: str, verb: str, **body: Any) -> None:
        before = len(bot.got)
        await sim.act(verb, {"as": "ada", **body})
        assert len(bot.got) == before + 1, name
        found[name] = (bot.got[-1], kind)

    here = {"channel": CHANNEL, "ts": card["ts"]}
    await act("a button", "sent.FromMessage", "click", action_id="plain", **here)
    await act("a select", "sent.FromMessage", "click", action_id="pick", value="l", **here)
    await act("a date", "sent.FromMessage", "click", action_id="day", value="2026-12-24", **here)
    await act("a button in a thread", "sent.FromMessage", "click", action_id="plain", channel=CHANNEL)
    await act(
        "a button of an ephemeral message",
        "Omit<sent.FromMessage, 'message'>",
        "click",
        **{"as": "bob"},
        action_id="plain",
        channel=CHANNEL,
    )
    await act("a button that opens a modal", "sent.FromMessage", "click", action_id="open", **here)
    await act("a button in a modal", "sent.FromView", "press", action_id="press")
    await act("a submission", "sent.Submitted", "submit")
    await sim.act("click", {"as": "ada", "action_id": "open", **here})
    await act("a closed modal", "sent.Closed", "close")
    await act("a button in the Home", "sent.FromHome", "press", action_id="plain", where="home")
    await act("a command", "sent.Command", "command", command="/pending", text="all", channel=CHANNEL)
    await act("a shortcut", "sent.Shortcut", "shortcut", callback_id="signoff.pending")
    await act("an opened Home", "sent.HomeOpened", "home")
    await act("a first look at the Home", "sent.HomeOpened", "home", **{"as": "bob"})
    await act("a mention", "sent.Mentioned", "say", text="@Signoff pending", channel=CHANNEL)
    await act("a direct message", "sent.Said", "say", text="pending")
    return found


async def test_what_the_simulator_delivers_is_what_bolt_expects(sim: SlackSim, bot: Bot, tmp_path: Path) -> None:
    """Every interaction, command and event compiles under Bolt's types, with no property that Bolt does not know."""
    found = await payloads(sim, bot)
    assert await compile(tmp_path, SENT, found) == ""


async def test_the_types_would_tell_a_wrong_payload(sim: SlackSim, bot: Bot, tmp_path: Path) -> None:
    """A property too few, one too many, and one of another kind are each refused: the check above can fail."""
    found = await payloads(sim, bot)
    click, kind = found["a button"]
    short = {key: value for key, value in click.items() if key != "trigger_id"}
    submission, submitted = found["a submission"]
    wrong = {
        "too few": (short, kind),
        "too many": ({**submission, "is_cleared": False}, submitted),
        "another kind": ({**submission, "view": {**submission["view"], "hash": 5}}, submitted),
    }
    said = await compile(tmp_path, SENT, wrong)
    assert [line.partition(",")[0] for line in said.splitlines() if "error" in line] == [
        "values.ts(3",
        "values.ts(5",
        "values.ts(7",
    ]


async def test_what_the_web_api_answers_is_what_slacks_client_expects(sim: SlackSim, tmp_path: Path) -> None:
    """Every answer of the Web API compiles under the response types of Slack's JavaScript client."""
    environ = {"SLACK_API_URL": f"{sim.sockets.address}/slack/api/", "SLACK_BOT_TOKEN": "xoxb-simulated"}
    environ |= {"SLACK_APP_TOKEN": "xapp-simulated", "CHANNEL": CHANNEL}
    async with script("web_calls.js", environ=environ) as calls:
        answers = await calls.next("answers")
    # api.test echoes what it is sent, under types that know nothing of it.
    found = {
        name: (without_blocks(answer), f"api.{response(name)}")
        for name, answer in answers.items()
        if name != "api.test"
    }
    assert await compile(tmp_path, 'import type * as api from "@slack/web-api";', found) == ""


def without_blocks(value: Any) -> Any:
    """The answer without nulls, which the client's types leave out, and without the blocks it repeats.

    The names of blocks are enums there, which no JSON satisfies.
    """
    if isinstance(value, dict):
        return {key: without_blocks(item) for key, item in value.items() if key != "blocks" and item is not None}
    return [without_blocks(item) for item in value] if isinstance(value, list) else value


def response(method: str) -> str:
    """The client's name for an answer: `chat.postMessage` → `ChatPostMessageResponse`."""
    return "".join(part[0].upper() + part[1:] for part in method.split(".")) + "Response"


# ── what we send ──

OURS = """import type { KnownBlock, MessageMetadata, ModalView } from "@slack/types";
type Message = { text: string; blocks: KnownBlock[]; metadata: MessageMetadata };"""


async def test_our_messages_are_known_blocks(tmp_path: Path) -> None:
    """The message of a card in every state compiles as Slack's KnownBlocks, with no property they do not have."""
    found = {name: (render.message(card), "Message") for name, card in all_cards().items()}
    assert await compile(tmp_path, OURS, found) == ""


async def test_our_modals_are_modal_views(tmp_path: Path) -> None:
    """Every page of every form and of the details compiles as Slack's ModalView: every kind of field, every purpose."""
    views: dict[str, dict[str, Any]] = {"notice": render.notice("Too late", "Ada has approved this already.")}
    for name, form in all_forms().items():
        starts = sorted({0} | {render.page_of(form, {}, index) for index in range(len(form.fields))})
        views |= {f"{name} from {start}": render.form(form, ORIGIN, {}, start, "Redis is away.") for start in starts}
    for name, shown in all_details().items():
        views |= {f"details of {name}, {page}": render.details(shown, ORIGIN, page) for page in range(3)}
    used = {block["element"]["type"] for view in views.values() for block in view["blocks"] if "element" in block}
    assert used == {
        "datepicker",
        "datetimepicker",
        "email_text_input",
        "number_input",
        "plain_text_input",
        "radio_buttons",
        "static_select",
        "timepicker",
        "url_text_input",
    }
    assert await compile(tmp_path, OURS, {name: (view, "ModalView") for name, view in views.items()}) == ""


async def test_the_types_would_tell_a_wrong_block(tmp_path: Path) -> None:
    """Markup in a header, and a button's unknown style, are refused: the checks above can fail."""
    message: Any = render.message(all_cards()["pending"])
    header, actions = message["blocks"][0], message["blocks"][-1]
    first = {**actions["elements"][0], "style": "loud"}
    wrong = {
        "markup in a header": (
            {**message, "blocks": [{**header, "text": {"type": "mrkdwn", "text": "*x*"}}]},
            "Message",
        ),
        "an unknown style": ({**message, "blocks": [{**actions, "elements": [first]}]}, "Message"),
    }
    said = await compile(tmp_path, OURS, wrong)
    assert "mrkdwn" in said
    assert "loud" in said
