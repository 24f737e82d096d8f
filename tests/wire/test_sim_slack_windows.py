"""The simulated Slack's windows, driven with a real Bolt app: shortcuts, the App Home, and what a view holds."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from signoff_sim import server
from signoff_sim.simulated import Refused
from signoff_sim.slack import SlackSim
from signoff_sim.slack.blocks import VIEW_BYTES
from signoff_sim.slack.installed import SHORTCUTS, Shortcut, shortcuts_of
from signoff_slack.manifest import manifest

SECRET = "simulated-signing-secret"
Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def options(*names: str) -> list[Json]:
    return [{"text": plain(name), "value": name.lower()} for name in names]


def ticks(block_id: str, *names: str, ticked: tuple[str, ...] = ()) -> Json:
    """A row of checkboxes outside an input block, as a list to pick from has it."""
    element: Json = {"type": "checkboxes", "action_id": "pick", "options": options(*names)}
    if ticked:
        element["initial_options"] = options(*ticked)
    return {"type": "actions", "block_id": block_id, "elements": [element]}


def field(block_id: str, element: Json, **more: Any) -> Json:
    return {
        "type": "input",
        "block_id": block_id,
        "optional": True,
        "label": plain(block_id),
        "element": {"action_id": "v", **element},
        **more,
    }


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("Pending"), "submit": plain("Go"), "blocks": list(blocks), **more}


TOOLS = options("Refund", "Deploy", "Mail")
NEXT = {"type": "button", "action_id": "next", "text": plain("Next")}
LIST = modal(
    ticks("page1", "A1", "A2", "A3", ticked=("A2",)),
    {
        "type": "section",
        "block_id": "sorted",
        "text": plain("Sorted by"),
        "accessory": {
            "type": "static_select",
            "action_id": "by",
            "options": options("Risk", "Age"),
            "initial_option": options("Risk")[0],
        },
    },
    field("kind", {"type": "radio_buttons", "options": options("Approve", "Reject")}),
    field(
        "tools",
        {"type": "multi_static_select", "options": options("Refund", "Deploy", "Mail"), "max_selected_items": 2},
    ),
    field("people", {"type": "multi_users_select"}),
    field("text", {"type": "plain_text_input"}, dispatch_action=True),
    {
        "type": "actions",
        "block_id": "move",
        "elements": [NEXT],
    },
)


class App:
    """A Bolt app that keeps every payload and opens `view` for the shortcut."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self.bolt = AsyncApp(client=client, signing_secret=SECRET)
        self.got: list[Json] = []
        self.view: Json = LIST
        self.then: Json | None = None
        """What `views.update` puts in place of a view something is pressed in."""
        self.home: Json = {"type": "home", "blocks": [ticks("home", "A1", "A2")]}

        @self.bolt.shortcut("signoff.pending")
        async def shortcut(ack: Any, body: Any) -> None:
            self.got.append(body)
            await client.views_open(trigger_id=body["trigger_id"], view=self.view)
            await ack()

        @self.bolt.action({"action_id": "next"})
        @self.bolt.action({"action_id": "pick"})
        @self.bolt.action({"action_id": "by"})
        @self.bolt.action({"action_id": "v"})
        async def acted(ack: Any, body: Any) -> None:
            self.got.append(body)
            if self.then is not None:
                view = body["view"]
                await client.views_update(view_id=view["id"], hash=view["hash"], view=self.then)
            await ack()

        @self.bolt.view_closed(re.compile("lower|top"))
        async def closed(ack: Any, body: Any) -> None:
            self.got.append(body)
            await ack()

        @self.bolt.event("app_home_opened")
        async def opened(body: Any) -> None:
            self.got.append(body)
            await client.views_publish(user_id=body["event"]["user"], view=self.home)

    async def events(self, request: web.Request) -> web.StreamResponse:
        return await to_aiohttp_response(await self.bolt.async_dispatch(await to_bolt_request(request)))


@pytest.fixture
async def sim() -> AsyncIterator[SlackSim]:
    sim = SlackSim(signing_secret=SECRET)
    site = server.build(slack=sim)
    await server.serve(site)
    yield sim
    await server.stop(site)


@pytest.fixture
async def app(sim: SlackSim) -> AsyncIterator[App]:
    app = App(AsyncWebClient("xoxb-simulated", base_url=f"{sim.sockets.address}/slack/api/"))
    site = web.Application()
    site.router.add_post("/slack/events", app.events)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield app
    await runner.cleanup()


async def until(true: Callable[[], object]) -> None:
    """Wait for an effect."""
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - the effects waited for have no event in common
            await asyncio.sleep(0.01)


def ada(**more: Any) -> Json:
    return {"as": "ada", **more}


async def opened(sim: SlackSim) -> Json:
    return (await sim.act("shortcut", ada(callback_id="signoff.pending")))["modal"] or {}


def picked(state: Json, block_id: str, action_id: str = "pick") -> list[str]:
    return [one["value"] for one in state["values"][block_id][action_id]["selected_options"]]


# ── shortcuts ────────────────────────────────────────────────────────────────────────────────────


async def test_sim_a_global_shortcut_opens_a_window_and_comes_from_no_channel(sim: SlackSim, app: App) -> None:
    """Its payload has callback, trigger and person; no channel, message or response_url; the trigger opens a modal."""
    told = await sim.act("shortcut", ada(name="Review pending approvals"))
    assert told["modal"]["title"]["text"] == "Pending"
    (body,) = app.got
    assert (body["type"], body["callback_id"], body["user"]["id"]) == ("shortcut", "signoff.pending", "U0ADA")
    assert not {"channel", "message", "response_url", "container"} & set(body)
    assert sim.state("bob")["modal"] is None


async def test_sim_a_shortcut_that_is_not_installed_cannot_be_run(sim: SlackSim, app: App) -> None:
    """Only what the manifest names is offered."""
    assert [one["callback_id"] for one in sim.state("ada")["shortcuts"]] == ["signoff.pending"]
    with pytest.raises(Refused, match=r"signoff\.pending"):
        await sim.act("shortcut", ada(callback_id="signoff.other"))
    assert app.got == []


async def test_sim_a_shortcut_without_an_ack_is_told_to_the_person(sim: SlackSim, app: App) -> None:
    """Like any interaction it has three seconds; a person who waits in vain reads so."""
    sim.set_faults({"drop_delivery": 1})
    told = await sim.act("shortcut", ada(callback_id="signoff.pending"))
    assert (told["error"], told["modal"]) == ("operation_timeout", None)
    assert "operation_timeout" in told["notices"][0]["text"]


def test_sim_shortcuts_are_read_from_a_manifest() -> None:
    """Global ones only, as Slack takes them: a name up to 24 characters and a description."""
    one = {"type": "global", "callback_id": "c", "name": "Pending", "description": "What waits"}
    manifest = {"features": {"shortcuts": [one, {**one, "type": "message", "callback_id": "m"}]}}
    assert shortcuts_of(manifest) == (Shortcut("c", "Pending", "What waits"),)
    assert shortcuts_of({}) == ()
    with pytest.raises(ValueError, match="24"):
        shortcuts_of({"features": {"shortcuts": [{**one, "name": "x" * 25}]}})


def test_sim_offers_the_shortcuts_of_our_manifest() -> None:
    """Whoever pastes the manifest gets what the page offers."""
    assert shortcuts_of(manifest("https://signoff.example")) == SHORTCUTS


async def test_sim_a_trigger_opens_one_window_within_three_seconds(sim: SlackSim, app: App) -> None:
    """The shortcut's trigger is used by the modal it opened; a second use is refused, and so is a late first one."""
    await opened(sim)
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        await app.client.views_open(trigger_id=app.got[0]["trigger_id"], view=LIST)
    late = sim.workspace.new_trigger("U0ADA")
    sim.workspace.triggers[late].expires -= 3.1
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        await app.client.views_open(trigger_id=late, view=LIST)


# ── what a view holds ────────────────────────────────────────────────────────────────────────────


async def test_sim_every_payload_of_a_view_has_the_state_of_every_element(sim: SlackSim, app: App) -> None:
    """A button's payload tells what all fields hold, in and outside input blocks, from the start and empty ones too."""
    await opened(sim)
    await sim.act("press", ada(text="Next"))
    values = app.got[-1]["view"]["state"]["values"]
    assert set(values) == {"page1", "sorted", "kind", "tools", "people", "text"}
    assert [one["value"] for one in values["page1"]["pick"]["selected_options"]] == ["a2"]
    assert values["sorted"]["by"]["selected_option"]["value"] == "risk"
    assert values["kind"]["v"] == {"type": "radio_buttons", "selected_option": None}
    assert values["tools"]["v"] == {"type": "multi_static_select", "selected_options": []}
    assert values["people"]["v"] == {"type": "multi_users_select", "selected_users": []}
    assert values["text"]["v"] == {"type": "plain_text_input", "value": None}


async def test_sim_ticking_tells_the_app_at_once_outside_input_blocks_only(sim: SlackSim, app: App) -> None:
    """A checkbox in a list is a block_actions with all that is ticked, in the options' order; an input block waits."""
    await opened(sim)
    await sim.act("tick", ada(field="page1", option="A3"))
    await sim.act("tick", ada(field="page1", option="a1"))
    await sim.act("tick", ada(field="page1", option="A2", on=False))
    assert [[one["value"] for one in body["actions"][0]["selected_options"]] for body in app.got[1:]] == [
        ["a2", "a3"],
        ["a1", "a2", "a3"],
        ["a1", "a3"],
    ]
    await sim.act("fill", ada(values={"kind": "Reject", "tools": ["Refund", "Mail"], "people": ["U0BOB"]}))
    assert len(app.got) == 4
    await sim.act("fill", ada(values={"sorted": "Age"}))
    values = app.got[-1]["view"]["state"]["values"]
    assert values["sorted"]["by"]["selected_option"]["value"] == "age"
    assert values["kind"]["v"]["selected_option"]["value"] == "reject"
    assert [one["value"] for one in values["tools"]["v"]["selected_options"]] == ["refund", "mail"]
    assert values["people"]["v"]["selected_users"] == ["U0BOB"]


async def test_sim_more_than_may_be_selected_cannot_be(sim: SlackSim, app: App) -> None:
    """max_selected_items holds back the third option."""
    await opened(sim)
    with pytest.raises(Refused, match="At most 2"):
        await sim.act("fill", ada(values={"tools": ["Refund", "Deploy", "Mail"]}))


async def test_sim_text_with_dispatch_action_waits_for_enter(sim: SlackSim, app: App) -> None:
    """What is typed is told with Enter, once; with on_character_entered it is told as it is typed."""
    await opened(sim)
    await sim.act("fill", ada(values={"text": "refu"}, enter=False))
    assert len(app.got) == 1
    await sim.act("fill", ada(values={"text": "refu"}))
    await sim.act("fill", ada(values={"text": "refu"}))
    assert [body["actions"][0]["value"] for body in app.got[1:]] == ["refu"]
    await sim.act("close", ada())
    config = {"trigger_actions_on": ["on_character_entered"]}
    app.view = modal(
        field("text", {"type": "plain_text_input", "dispatch_action_config": config}, dispatch_action=True)
    )
    await opened(sim)
    await sim.act("fill", ada(values={"text": "r"}, enter=False))
    assert app.got[-1]["actions"][0]["value"] == "r"


async def test_sim_an_update_keeps_what_is_ticked_where_the_names_stay(sim: SlackSim, app: App) -> None:
    """The same block_id and action_id keep their state whatever initial_options say; a new block_id starts from its
    own; an option that is offered no more is not chosen any more.
    """
    await opened(sim)
    await sim.act("tick", ada(field="page1", option="A3"))
    app.then = modal(ticks("page1", "A1", "A2", "A4", ticked=("A1",)), ticks("page2", "B1", "B2", ticked=("B2",)))
    shown = (await sim.act("fill", ada(values={"sorted": "Age"})))["modal"]
    assert (picked(shown, "page1"), picked(shown, "page2")) == (["a2"], ["b2"])
    app.then = modal(ticks("page2", "B1", "B2"))
    await sim.act("tick", ada(field="page2", option="B1"))
    assert picked(sim.state("ada")["modal"], "page2") == ["b1", "b2"]


async def test_sim_a_window_changed_meanwhile_is_a_hash_conflict(sim: SlackSim, app: App) -> None:
    """An update with the hash of what was there before is refused, and what is there stays."""
    shown = await opened(sim)
    await app.client.views_update(view_id=shown["id"], hash=shown["hash"], view=modal(ticks("new", "B1")))
    with pytest.raises(SlackApiError, match="hash_conflict"):
        await app.client.views_update(view_id=shown["id"], hash=shown["hash"], view=LIST)
    assert sim.state("ada")["modal"]["blocks"][0]["block_id"] == "new"


async def test_sim_closing_the_whole_stack_tells_of_each_window_that_asked(sim: SlackSim, app: App) -> None:
    """× closes all views: view_closed with is_cleared for those with notify_on_close, the top one first."""
    app.view = modal(ticks("a", "A1"), notify_on_close=True, callback_id="lower")
    await opened(sim)
    trigger = sim.workspace.new_trigger("U0ADA", from_modal=True)
    top = modal(ticks("b", "B1"), notify_on_close=True, callback_id="top")
    await app.client.views_push(trigger_id=trigger, view=top)
    await app.client.views_push(
        trigger_id=sim.workspace.new_trigger("U0ADA", from_modal=True), view=modal(ticks("c", "C1"))
    )
    assert (await sim.act("close", ada(all=True)))["modal"] is None
    closed = [body for body in app.got if body["type"] == "view_closed"]
    assert [(body["view"]["callback_id"], body["is_cleared"]) for body in closed] == [("top", True), ("lower", True)]


# ── limits ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("view", "code"),
    [
        (modal(*({"type": "divider"} for _ in range(101))), "invalid_arguments"),
        (modal(ticks("a", *(f"A{n}" for n in range(11)))), "invalid_arguments"),
        (modal(private_metadata="x" * 3001), "invalid_arguments"),
        (modal(*({"type": "section", "text": plain("ä" * 1500)} for _ in range(90))), "view_too_large"),
    ],
    ids=["101 blocks", "11 checkboxes", "private_metadata of 3001", "more than 250 kB"],
)
async def test_sim_a_window_over_a_limit_is_refused(sim: SlackSim, app: App, view: Json, code: str) -> None:
    """As modal and, where a Home has that limit too, as Home."""
    with pytest.raises(SlackApiError, match=code):
        await app.client.views_open(trigger_id=sim.workspace.new_trigger("U0ADA"), view=view)
    home = {key: value for key, value in view.items() if key not in ("title", "submit")} | {"type": "home"}
    with pytest.raises(SlackApiError, match=code):
        await app.client.views_publish(user_id="U0ADA", view=home)


async def test_sim_a_window_at_every_limit_is_taken(sim: SlackSim, app: App) -> None:
    """A hundred blocks, ten checkboxes, 3000 characters of metadata, just under 250 kB."""
    rows = [ticks(f"r{n}", *(f"A{n}{m}" for m in range(10))) for n in range(20)]
    texts: list[Json] = [{"type": "section", "text": plain("x" * 2700)} for _ in range(80)]
    view = modal(*rows, *texts, private_metadata="m" * 3000)
    assert VIEW_BYTES * 0.8 < len(json.dumps(view, separators=(",", ":"))) < VIEW_BYTES
    await app.client.views_open(trigger_id=sim.workspace.new_trigger("U0ADA"), view=view)
    assert len(sim.state("ada")["modal"]["blocks"]) == 100


# ── the App Home ─────────────────────────────────────────────────────────────────────────────────


async def test_sim_a_home_is_one_persons_and_its_elements_work(sim: SlackSim, app: App) -> None:
    """Opening it tells the app who; what is ticked arrives with the whole Home, and other people's stays empty."""
    await sim.act("home", ada())
    await until(lambda: sim.state("ada")["home"])
    assert (app.got[0]["event"]["user"], app.got[0]["event"]["tab"]) == ("U0ADA", "home")
    told = await sim.act("tick", ada(where="home", field="home", option="A2"))
    body = app.got[-1]
    assert (body["view"]["type"], body["container"]["type"], body["actions"][0]["block_id"]) == ("home", "view", "home")
    assert [one["value"] for one in body["view"]["state"]["values"]["home"]["pick"]["selected_options"]] == ["a2"]
    assert picked(told["home"], "home") == ["a2"]
    assert sim.state("bob")["home"] is None
    with pytest.raises(Refused, match="empty"):
        await sim.act("tick", {"as": "bob", "where": "home", "field": "home", "option": "A2"})
    with pytest.raises(SlackApiError, match="invalid_trigger_id"):
        await app.client.views_push(trigger_id=body["trigger_id"], view=LIST)


async def test_sim_the_messages_tab_is_opened_too(sim: SlackSim, app: App) -> None:
    """app_home_opened names the tab; only the Home's own carries the view that is there."""
    await sim.act("home", ada())
    await until(lambda: sim.state("ada")["home"])
    await sim.act("home", ada(tab="messages"))
    await sim.act("home", ada())
    await until(lambda: len(app.got) == 3)
    assert [body["event"]["tab"] for body in app.got] == ["home", "messages", "home"]
    assert ["view" in body["event"] for body in app.got] == [False, False, True]
