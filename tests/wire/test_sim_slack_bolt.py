"""The simulated Slack drives a real Bolt app: over signed HTTP and over Socket Mode."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from signoff_sim import server
from signoff_sim.slack import SlackSim

REFUNDS = "C0REFUNDS"
SECRET = "simulated-signing-secret"


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


CARD: list[dict[str, Any]] = [
    {"type": "section", "block_id": "head", "text": {"type": "mrkdwn", "text": "Refund?"}},
    {
        "type": "actions",
        "block_id": "buttons",
        "elements": [
            {"type": "button", "action_id": "approve", "text": plain("Approve"), "value": "r1", "style": "primary"},
            {"type": "button", "action_id": "edit", "text": plain("Edit…"), "value": "r1"},
            {"type": "button", "action_id": "sleepy", "text": plain("Sleepy")},
            {"type": "button", "action_id": "broken", "text": plain("Broken")},
            {"type": "button", "action_id": "whisper", "text": plain("Whisper")},
        ],
    },
]


def form(note: str = "", more: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": "form",
        "title": plain("Edit"),
        "submit": plain("Save"),
        "notify_on_close": True,
        "blocks": [
            {
                "type": "input",
                "block_id": "amount",
                "label": plain("Amount"),
                "element": {"type": "number_input", "action_id": "v", "is_decimal_allowed": True, "max_value": "1000"},
            },
            {
                "type": "input",
                "block_id": "reason",
                "optional": True,
                "label": plain("Reason"),
                "element": {
                    "type": "static_select",
                    "action_id": "v",
                    "options": [{"text": plain(text), "value": text[0]} for text in ("broken", "late")],
                },
            },
            {
                "type": "actions",
                "block_id": "tools",
                "elements": [
                    {"type": "button", "action_id": "raw", "text": plain("Raw JSON")},
                    {"type": "button", "action_id": "deeper", "text": plain("Deeper")},
                ],
            },
            *([{"type": "section", "text": plain(note)}] if note else []),
            *(more or []),
        ],
    }


class App:
    """A small Bolt app that notes what reached it."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.bolt = AsyncApp(client=client, signing_secret=SECRET)
        self.seen: list[tuple[str, Any]] = []
        self.headers: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.fail_events = 0
        self.pushes: list[str] = []
        self._listen()

    def note(self, what: str, body: Any) -> None:
        self.seen.append((what, body))

    def _listen(self) -> None:
        bolt = self.bolt

        @bolt.middleware
        async def headers(req: Any, next: Callable[[], Any]) -> None:
            self.headers.append(dict(req.headers))
            await next()

        @bolt.action("approve")
        async def approve(ack: Any, body: Any, client: Any) -> None:
            self.note("approve", body)
            await client.chat_update(channel=REFUNDS, ts=body["container"]["message_ts"], text="Approved", blocks=[])
            await ack()

        @bolt.action("edit")
        async def edit(ack: Any, body: Any, client: Any) -> None:
            await client.views_open(trigger_id=body["trigger_id"], view=form())
            await ack()

        @bolt.action("sleepy")
        async def sleepy(ack: Any, body: Any) -> None:
            self.note("sleepy", body)

        @bolt.action("whisper")
        async def whisper(ack: Any, respond: Any) -> None:
            await ack()
            await respond(text="between us", response_type="ephemeral", replace_original=False)

        @bolt.action("raw")
        async def raw(ack: Any, body: Any, client: Any) -> None:
            view = body["view"]
            await client.views_update(view_id=view["id"], hash=view["hash"], view=form("raw"))
            await ack()

        @bolt.action("deeper")
        async def deeper(ack: Any, body: Any, client: Any) -> None:
            response = await client.views_push(trigger_id=body["trigger_id"], view=form(f"level {len(self.pushes)}"))
            self.pushes.append(response["view"]["id"])
            await ack()

        @bolt.view("form")
        async def submitted(ack: Any, body: Any) -> None:
            self.note("submit", body)
            await ack(self.answers.pop(0) if self.answers else "")

        @bolt.view_closed("form")
        async def closed(ack: Any, body: Any) -> None:
            self.note("closed", body)
            await ack()

        @bolt.command("/pending")
        async def pending(ack: Any, body: Any) -> None:
            self.note("pending", body)
            await ack(self.answers.pop(0) if self.answers else {"text": "Nothing is waiting."})

        @bolt.event(re.compile("^(user_change|team_join|subteam_)"))
        async def changed(body: Any) -> None:
            self.note(body["event"]["type"], body["event"])

        @bolt.event("app_home_opened")
        async def home(body: Any, client: Any) -> None:
            self.note("home", body)
            await client.views_publish(
                user_id=body["event"]["user"],
                view={"type": "home", "blocks": [{"type": "section", "text": plain("Your queue")}]},
            )

    async def events(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Content-Type") == "application/json" and self.fail_events:
            self.fail_events -= 1
            return web.Response(status=500)
        return await to_aiohttp_response(await self.bolt.async_dispatch(await to_bolt_request(request)))


@pytest.fixture
async def sim() -> AsyncIterator[SlackSim]:
    sim = SlackSim(signing_secret=SECRET)
    site = server.build(slack=sim)
    await server.serve(site)
    yield sim
    await server.stop(site)


@pytest.fixture
async def client(sim: SlackSim) -> AsyncWebClient:
    return AsyncWebClient("xoxb-simulated", base_url=f"{sim.sockets.address}/slack/api/")


@pytest.fixture(params=["http", "socket"])
async def app(request: pytest.FixtureRequest, sim: SlackSim, client: AsyncWebClient) -> AsyncIterator[App]:
    """A Bolt app connected in one of Slack's two ways, with one card in #refunds."""
    app = App(client)
    if request.param == "http":
        site = web.Application()
        site.router.add_post("/slack/events", app.events)
        runner = web.AppRunner(site, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        sim.bot_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        stop = runner.cleanup
    else:
        handler = AsyncSocketModeHandler(app.bolt, "xapp-simulated", ping_interval=1)
        await handler.connect_async()
        await until(lambda: sim.sockets.connected == 1)
        stop = handler.close_async
    await client.chat_postMessage(channel=REFUNDS, text="Refund?", blocks=CARD)
    yield app
    await stop()


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    """Wait for an effect."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - the effects waited for have no event in common
            await asyncio.sleep(0.01)


def click(text: str, **more: Any) -> dict[str, Any]:
    return {"as": "ada", "channel": "#refunds", "text": text, **more}


async def test_a_click_reaches_the_app_and_its_update_is_seen(sim: SlackSim, app: App) -> None:
    """block_actions carries person, message, block and value; the verb returns after the ack."""
    told = await sim.act("click", click("Approve"))
    assert told["ok"]
    (_, body), *none = app.seen
    assert none == []
    assert (body["user"]["id"], body["team"]["id"], body["channel"]["id"]) == ("U0ADA", "T0DEMO", REFUNDS)
    action = body["actions"][0]
    assert (action["block_id"], action["value"], action["type"]) == ("buttons", "r1", "button")
    assert body["message"]["ts"] == body["container"]["message_ts"]
    message = sim.state("bob")["channels"][0]["messages"][0]
    assert (message["text"], message["blocks"]) == ("Approved", [])


async def test_a_double_click_is_two_deliveries(sim: SlackSim, app: App) -> None:
    """`repeat` sends that many clicks at once, each with its own trigger."""
    told = await sim.act("click", click("Approve", repeat=2))
    assert len(told["deliveries"]) == 2
    assert len({body["trigger_id"] for _, body in app.seen}) == 2


async def test_without_an_ack_in_time_the_person_is_told(sim: SlackSim, app: App) -> None:
    """No ack within the time is operation_timeout, as a notice to the one who clicked."""
    sim.set_faults({"ack_seconds": 0.3})
    told = await sim.act("click", click("Sleepy"))
    assert (told["ok"], told["error"]) == (False, "operation_timeout")
    assert "operation_timeout" in told["notices"][0]["text"]
    assert sim.state("bob")["notices"] == []


async def test_a_lost_ack_is_a_timeout_though_the_app_did_its_work(sim: SlackSim, app: App) -> None:
    """drop_ack: the app has decided, the person sees a timeout."""
    sim.set_faults({"drop_ack": 1})
    told = await sim.act("click", click("Approve"))
    assert told["error"] == "operation_timeout"
    assert app.seen[0][0] == "approve"


async def test_a_lost_delivery_never_reaches_the_app(sim: SlackSim, app: App) -> None:
    """drop_delivery: the person sees a timeout and the app knows nothing."""
    sim.set_faults({"drop_delivery": 1})
    assert (await sim.act("click", click("Approve")))["error"] == "operation_timeout"
    assert app.seen == []


async def test_a_modal_is_filled_corrected_and_submitted(sim: SlackSim, app: App) -> None:
    """A form goes through an inline error of the app's and keeps what was typed."""
    told = await sim.act("click", click("Edit"))
    assert told["modal"]["title"]["text"] == "Edit"
    app.answers = [{"response_action": "errors", "errors": {"amount": "At most 400."}}]
    told = await sim.act("submit", {"as": "ada", "values": {"Amount": 500, "Reason": "late"}})
    assert (told["ok"], told["errors"]) == (False, {"amount": "At most 400."})
    assert told["modal"]["values"]["amount"]["v"]["value"] == "500"
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "400"}})
    assert (told["ok"], told["modal"]) == (True, None)
    values = app.seen[-1][1]["view"]["state"]["values"]
    assert values["amount"]["v"] == {"type": "number_input", "value": "400"}
    assert values["reason"]["v"]["selected_option"]["value"] == "l"
    assert sim.state("bob")["modal"] is None


async def test_slacks_own_client_holds_back_what_is_not_valid(sim: SlackSim, app: App) -> None:
    """A missing or impossible input is an inline error without any delivery, unless forced."""
    await sim.act("click", click("Edit"))
    told = await sim.act("submit", {"as": "ada"})
    assert (told["sent"], told["errors"]) == (False, {"amount": "This is a required field"})
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "2000"}})
    assert told["errors"] == {"amount": "Must be at most 1000"}
    assert app.seen == []
    assert (await sim.act("submit", {"as": "ada", "force": True}))["sent"]
    assert app.seen[-1][1]["view"]["state"]["values"]["amount"]["v"]["value"] == "2000"


async def test_an_answer_slack_refuses_leaves_the_modal_open(sim: SlackSim, app: App) -> None:
    """Errors for a block that is no input show as trouble connecting, and nothing typed is lost."""
    await sim.act("click", click("Edit"))
    app.answers = [{"response_action": "errors", "errors": {"nowhere": "x"}}]
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "5"}})
    assert told["modal"]["trouble"] == "We had some trouble connecting. Try again?"
    assert told["modal"]["values"]["amount"]["v"]["value"] == "5"


async def test_a_lost_submission_answer_keeps_the_modal(sim: SlackSim, app: App) -> None:
    """When the ack of a submission is lost, the modal stays with the trouble line and may be sent again."""
    await sim.act("click", click("Edit"))
    sim.set_faults({"drop_ack": 1})
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "5"}})
    assert "trouble connecting" in told["modal"]["trouble"]
    assert (await sim.act("submit", {"as": "ada"}))["modal"] is None
    assert [what for what, _ in app.seen] == ["submit", "submit"]


async def test_update_push_and_clear_answers(sim: SlackSim, app: App) -> None:
    """A submission may be answered with another view, one more view, or the end of all."""
    await sim.act("click", click("Edit"))
    app.answers = [
        {"response_action": "update", "view": form("page 2")},
        {"response_action": "push", "view": form("on top")},
        {"response_action": "clear"},
    ]
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "5"}})
    assert told["modal"]["blocks"][-1]["text"]["text"] == "page 2"
    assert told["modal"]["values"]["amount"]["v"]["value"] == "5"
    told = await sim.act("submit", {"as": "ada"})
    assert (told["modal"]["depth"], told["modal"]["blocks"][-1]["text"]["text"]) == (2, "on top")
    told = await sim.act("submit", {"as": "ada", "values": {"amount": "6"}})
    assert told["modal"] is None


async def test_a_button_in_a_modal_updates_it(sim: SlackSim, app: App) -> None:
    """views.update from a button keeps what the person had typed."""
    await sim.act("click", click("Edit"))
    told = await sim.act("press", {"as": "ada", "text": "Raw JSON", "values": {"amount": "7"}})
    assert told["modal"]["blocks"][-1]["text"]["text"] == "raw"
    assert told["modal"]["values"]["amount"]["v"]["value"] == "7"


async def test_a_fourth_view_on_the_stack_is_refused(sim: SlackSim, app: App) -> None:
    """Three views may be stacked; the next push is push_limit_reached."""
    await sim.act("click", click("Edit"))
    for depth in (2, 3):
        assert (await sim.act("press", {"as": "ada", "text": "Deeper"}))["modal"]["depth"] == depth
    sim.set_faults({"ack_seconds": 0.3})
    assert (await sim.act("press", {"as": "ada", "text": "Deeper"}))["modal"]["depth"] == 3
    assert any("push_limit_reached" in entry["path"] for entry in sim.log)


async def test_closing_a_modal_tells_the_app_when_it_asked_for_it(sim: SlackSim, app: App) -> None:
    """view_closed comes with notify_on_close, and submits nothing."""
    await sim.act("click", click("Edit"))
    told = await sim.act("close", {"as": "ada"})
    assert told["modal"] is None
    (what, body), *none = app.seen
    assert (what, body["is_cleared"], none) == ("closed", False, [])


async def test_a_command_is_answered_for_one_person(sim: SlackSim, app: App) -> None:
    """A slash command's answer is ephemeral; in a thread Slack does not take commands."""
    told = await sim.act("command", {"as": "ada", "command": "/pending", "text": "all", "channel": "refunds"})
    assert [message["text"] for message in told["ephemerals"]] == ["Nothing is waiting."]
    assert (app.seen[0][1]["text"], app.seen[0][1]["channel_id"]) == ("all", REFUNDS)
    assert len(sim.state("bob")["channels"][0]["messages"]) == 1
    in_thread = {"as": "ada", "command": "/pending", "channel": "refunds", "thread_ts": "1.0"}
    assert "not supported in threads" in (await sim.act("command", in_thread))["notices"][0]["text"]


async def test_a_command_names_people_by_id(sim: SlackSim, app: App) -> None:
    """With should_escape people, channels and addresses arrive as `<…>` and the rest as text; off, all as typed."""
    typed = {"as": "ada", "command": "/pending", "text": "@bob #refunds https://a.example a&b <x> @nobody"}
    await sim.act("command", typed)
    assert app.seen[-1][1]["text"] == (
        "<@U0BOB|bob> <#C0REFUNDS|refunds> <https://a.example> a&amp;b &lt;x&gt; @nobody"
    )
    sim.set_faults({"checks": {"should_escape": False}})
    await sim.act("command", typed)
    assert app.seen[-1][1]["text"] == typed["text"]


async def test_an_answer_to_a_command_that_breaks_a_limit_is_not_shown(sim: SlackSim, app: App) -> None:
    """Blocks in an ephemeral answer have the limits of any message."""
    app.answers = [{"text": "x", "blocks": [{"type": "section", "text": plain("x" * 3001)}]}]
    told = await sim.act("command", {"as": "ada", "command": "/pending"})
    assert told["ephemerals"] == []
    assert "invalid_blocks" in told["notices"][0]["text"]


async def test_the_app_hears_when_people_and_groups_change(sim: SlackSim, app: App) -> None:
    """user_change and team_join carry the user, subteam events who came and went; no change, no event."""
    await sim.act("user", {"id": "U0BOB", "is_restricted": True})
    await sim.act("user", {"id": "U0BOB", "is_restricted": True})
    await sim.act("user", {"id": "U0EVE", "name": "Eve"})
    await sim.act("usergroup", {"id": "S0MGR", "users": ["U0ADA", "U0BOB"]})
    await sim.act("usergroup", {"id": "S0MGR", "disabled": True})
    await sim.act("usergroup", {"id": "S0NEW", "users": ["U0ADA"]})
    kinds = [what for what, _ in app.seen]
    assert kinds == [
        "user_change",
        "team_join",
        "subteam_members_changed",
        "subteam_updated",
        "subteam_updated",
        "subteam_created",
    ]
    seen = dict(app.seen)
    assert (app.seen[0][1]["user"]["id"], app.seen[0][1]["user"]["is_restricted"]) == ("U0BOB", True)
    members = seen["subteam_members_changed"]
    assert (members["subteam_id"], members["added_users"], members["removed_users"]) == ("S0MGR", ["U0BOB"], ["U0RITA"])
    assert app.seen[4][1]["subteam"]["date_delete"] > 0


async def test_without_an_app_a_change_is_just_a_change(sim: SlackSim) -> None:
    """Nobody is connected: nothing is delivered, and nothing is tried again later."""
    told = await sim.act("user", {"id": "U0BOB", "deleted": True})
    assert (told["ok"], told["user"]["deleted"], told["deliveries"]) == (True, True, [])
    assert sim.log == []


async def test_a_command_nobody_listens_to_fails_for_the_person(sim: SlackSim, app: App) -> None:
    """An unknown command ends as an error line for the one who typed it."""
    sim.set_faults({"ack_seconds": 0.5})
    told = await sim.act("command", {"as": "ada", "command": "/unknown"})
    assert "/unknown failed with the error" in told["notices"][0]["text"]


async def test_respond_whispers_through_the_response_url(sim: SlackSim, app: App) -> None:
    """Bolt's respond reaches only the person who clicked."""
    told = await sim.act("click", click("Whisper", wait=5))
    assert [message["text"] for message in told["ephemerals"]] == ["between us"]


async def test_opening_the_home_brings_the_view(sim: SlackSim, app: App) -> None:
    """app_home_opened lets the app publish its Home."""
    await sim.act("home", {"as": "ada"})
    await until(lambda: sim.state("ada")["home"])
    assert sim.state("ada")["home"]["blocks"][0]["text"]["text"] == "Your queue"


@pytest.mark.parametrize("app", ["http"], indirect=True)
async def test_a_failed_event_comes_again_with_retry_headers(sim: SlackSim, app: App) -> None:
    """An event that met a 500 is delivered again and says so in its headers."""
    app.fail_events = 1
    sim.courier.retry_seconds = (0.01,)
    await sim.act("home", {"as": "ada"})
    await until(lambda: app.seen)
    assert app.headers[-1]["x-slack-retry-num"] == ["1"]
    assert app.headers[-1]["x-slack-retry-reason"] == ["http_error"]


@pytest.mark.parametrize("app", ["http"], indirect=True)
async def test_with_a_wrong_secret_bolt_refuses(sim: SlackSim, app: App) -> None:
    """Deliveries are really signed: another secret is refused by Bolt."""
    sim.courier.signing_secret = "another"
    told = await sim.act("click", click("Approve"))
    assert (told["error"], told["deliveries"][0]["status"]) == ("http_service_error", 401)
    assert app.seen == []


@pytest.mark.parametrize("app", ["http"], indirect=True)
async def test_an_app_that_is_down_is_dispatch_failed(sim: SlackSim, app: App) -> None:
    """Nobody at the address: dispatch_failed for the person, until a click works again."""
    address, sim.bot_url = sim.bot_url, "http://127.0.0.1:9"
    assert (await sim.act("click", click("Approve")))["error"] == "dispatch_failed"
    assert sim.state("ada")["notices"]
    sim.bot_url = address
    assert (await sim.act("click", click("Approve")))["ok"]
    assert sim.state("ada")["notices"] == []


@pytest.mark.parametrize("app", ["socket"], indirect=True)
async def test_a_refreshed_socket_is_opened_anew_and_serves_clicks(sim: SlackSim, app: App) -> None:
    """Slack warns, ends the connection, and the SDK connects again."""
    first = sim.sockets._open[0]
    await sim.act("refresh", {"warning": 0})
    await until(lambda: sim.sockets._open and sim.sockets._open[0] is not first)
    assert (await sim.act("click", click("Approve")))["ok"]


@pytest.mark.parametrize("app", ["socket"], indirect=True)
async def test_two_sockets_take_turns(sim: SlackSim, app: App, client: AsyncWebClient) -> None:
    """Any connection may get any envelope."""
    other = App(client)
    handler = AsyncSocketModeHandler(other.bolt, "xapp-simulated", ping_interval=1)
    await handler.connect_async()
    await until(lambda: sim.sockets.connected == 2)
    for _ in range(2):
        await sim.act("command", {"as": "ada", "command": "/pending"})
    await handler.close_async()
    assert (len(app.seen), len(other.seen)) == (1, 1)


async def test_a_verb_nobody_can_do_says_what_can_be_done(sim: SlackSim) -> None:
    """The control API refuses in sentences."""
    async with aiohttp.ClientSession() as session:
        for verb, body, said in (
            ("dance", {"as": "ada"}, "there are: click"),
            ("click", {"as": "nobody", "text": "x"}, "Nobody here is called"),
            ("submit", {"as": "ada"}, "no modal open"),
        ):
            async with session.post(f"{sim.sockets.address}/control/slack/{verb}", json=body) as response:
                assert (response.status, said in (await response.json())["error"]) == (400, True)
