"""The Slack door and what stands behind it, without a socket: signed bodies in, Web API calls out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from unittest.mock import Mock
from urllib.parse import quote, urlencode

import pytest
from aiohttp import StreamReader
from aiohttp.test_utils import make_mocked_request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError
from slack_sdk.signature import SignatureVerifier
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from signoff.cards import Button, Details
from signoff.errors import AlreadyDecided, ChatError, Invalid, NotAnApprover, StaleVersion, StoreUnavailable
from signoff.forms import Field, Form
from signoff.model import MessageRef
from signoff_slack import ids, render
from signoff_slack.app import Door, Installation, build_app
from signoff_slack.front import Front
from signoff_slack.settings import Settings

SECRET = "0123456789abcdef"
ORIGIN = MessageRef(chat="slack", tenant="T0DEMO", conversation="C0REFUNDS", message="1700000000.000100")
EDIT = Form(
    "req_1",
    1,
    "edit",
    "Edit",
    "Approve",
    (Field("/amount", "amount", "number", initial="500"), Field("/note", "note", "text")),
)
LONG = Form(
    "req_1", 1, "edit", "Edit", "Approve", tuple(Field(f"/f{index}", f"f{index}", "text") for index in range(50))
)


class Web(AsyncWebClient):
    """A Web API client that notes its calls instead of making them."""

    def __init__(self) -> None:
        super().__init__(token="xoxb-1")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, str] = {}
        self.called = asyncio.Event()

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        sent = arguments.get("json") or arguments.get("params") or {}
        self.calls.append((api_method, dict(sent)))
        self.called.set()
        if api_method in self.refuse:
            raise SlackApiError("refused", {"ok": False, "error": self.refuse[api_method]})
        return AsyncSlackResponse(
            client=self, http_verb="POST", api_url="", req_args={}, data={"ok": True}, headers={}, status_code=200
        )


class Script:
    """A desk that answers as told and notes what it was asked."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.fault: Exception | None = None
        self.shape = EDIT
        self.kept: dict[str, str] = {}
        self.told = "Nothing waits."
        self.buttons: tuple[Button, ...] = ()
        self.people = self

    async def answer(self, request_id: str, answer: Any, actor: Any) -> None:
        self.seen.append(("answer", request_id, answer, actor))
        if self.fault:
            raise self.fault

    async def submit(self, request_id: str, purpose: Any, version: int, entries: Any, actor: Any) -> None:
        self.seen.append(("submit", request_id, purpose, version, entries, actor))
        if self.fault:
            raise self.fault

    async def command(self, text: str, actor: Any) -> str:
        self.seen.append(("command", text, actor))
        if self.fault:
            raise self.fault
        return self.told

    def forget(self, name: str, user: str | None = None) -> None:
        self.seen.append(("forget", name, user))

    async def form(self, request_id: str, purpose: Any, actor: Any, version: int) -> Form:
        self.seen.append(("form", request_id, purpose, actor, version))
        return self.shape

    async def draft(self, form: Form, actor: Any) -> dict[str, str]:
        return self.kept

    async def keep(self, form: Form, actor: Any, entries: Mapping[str, str], keys: Any) -> dict[str, str]:
        self.kept |= {key: entries[key] for key in keys}
        return dict(self.kept)

    async def details(self, request_id: str, actor: Any) -> Details:
        if self.fault:
            raise self.fault
        return Details(request_id, 1, "Refund", (), "{}", self.buttons)


class Bench:
    def __init__(self) -> None:
        self.desk, self.web = Script(), Web()
        self.front = Front(self.desk, self.web)  # type: ignore[arg-type]
        self.away = False
        self.app = build_app(self.front, self.web, self.installation, SECRET)
        self.door = Door(self.app, SECRET)

    async def installation(self) -> Installation:
        if self.away:
            raise ChatError(reason="away")
        return Installation("T0DEMO", "U0SIGNOFF", "B0SIGNOFF")

    async def post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any]:
        stream = StreamReader(Mock(_reading_paused=False), limit=2**16)
        stream.feed_data(body)
        stream.feed_eof()
        response: Any = await self.door.events(
            make_mocked_request("POST", "/slack/events", headers=dict(headers), payload=stream)
        )
        text = response.body.decode() if isinstance(response.body, bytes) else (response.text or "")
        return response.status, json.loads(text) if text.startswith("{") else text

    async def send(self, payload: object, *, age: float = 0, secret: str = SECRET) -> tuple[int, Any]:
        body = ("payload=" + quote(json.dumps(payload))).encode()
        return await self.post(body, signed(body, age=age, secret=secret))

    async def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """The Web API calls, once those behind the acknowledgement have ended."""
        await self.front.close()
        return self.web.calls


def signed(body: bytes, *, age: float = 0, secret: str = SECRET) -> dict[str, str]:
    at = str(int(time.time() - age))
    signature = SignatureVerifier(secret).generate_signature(timestamp=at, body=body)
    return {
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": str(signature),
        "Content-Type": "application/x-www-form-urlencoded",
    }


def click(action: str, **changes: Any) -> dict[str, Any]:
    payload = {
        "type": "block_actions",
        "team": {"id": "T0DEMO", "domain": "demo"},
        "user": {"id": "U0ADA", "name": "ada", "team_id": "T0DEMO"},
        "trigger_id": "1.2.3",
        "container": {"type": "message", "channel_id": ORIGIN.conversation, "message_ts": ORIGIN.message},
        "actions": [
            {"type": "button", "action_id": f"signoff.{action}", "block_id": "b", "value": ids.value("req_1", 1)}
        ],
    }
    return {**payload, **changes}


def submission(view: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "view_submission",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
        "view": {
            "id": "V1",
            "type": "modal",
            "callback_id": view["callback_id"],
            "private_metadata": view["private_metadata"],
            "state": {"values": {block: {"value": state} for block, state in values.items()}},
        },
    }


def typed(value: str | None) -> dict[str, Any]:
    return {"type": "plain_text_input", "value": value}


@pytest.fixture
async def bench() -> Bench:
    return Bench()


async def test_i02_a_click_is_acknowledged_after_the_write(bench: Bench) -> None:
    """Approve reaches the desk with version, person and card, and only then is the click acknowledged."""
    assert await bench.send(click("approve")) == (200, "")
    [(_, request_id, answer, actor)] = bench.desk.seen
    assert (request_id, answer.kind, answer.version) == ("req_1", "approve", 1)
    assert (actor.via, actor.principal.key, actor.origin) == ("slack", "T0DEMO/U0ADA", ORIGIN)
    assert await bench.calls() == []


async def test_i02_a_click_without_redis_is_not_acknowledged(bench: Bench) -> None:
    """With the store away Slack gets 503, and the person is told that the click did not count."""
    bench.desk.fault = StoreUnavailable()
    status, _ = await bench.send(click("approve"))
    assert status == 503
    [(method, sent)] = await bench.calls()
    assert method == "chat.postEphemeral"
    assert "nothing was recorded" in sent["text"]


@pytest.mark.parametrize("fault", [NotAnApprover(who="Ada <x>"), StaleVersion(seen=1, current=2)])
async def test_i07_a_refusal_is_one_private_sentence(bench: Bench, fault: Any) -> None:
    """A refused click is acknowledged and explained to that person alone, in the card's thread."""
    bench.desk.fault = fault
    payload = click("approve")
    payload["container"]["thread_ts"] = "1699999999.000001"
    assert await bench.send(payload) == (200, "")
    [(method, sent)] = await bench.calls()
    assert method == "chat.postEphemeral"
    assert (sent["channel"], sent["user"], sent["thread_ts"]) == ("C0REFUNDS", "U0ADA", "1699999999.000001")
    assert sent["blocks"][0]["text"]["text"] == fault.sentence
    assert "<x>" not in sent["text"]


async def test_edit_opens_a_form_with_the_trigger(bench: Bench) -> None:
    """Edit… opens the modal of the edit form."""
    assert (await bench.send(click("edit")))[0] == 200
    [(method, sent)] = await bench.calls()
    assert (method, sent["trigger_id"]) == ("views.open", "1.2.3")


async def test_a_form_that_slack_does_not_open_is_explained(bench: Bench) -> None:
    """An expired trigger is told in a sentence."""
    bench.web.refuse["views.open"] = "expired_trigger_id"
    await bench.send(click("reject"))
    assert [method for method, _ in await bench.calls()] == ["views.open", "chat.postEphemeral"]


async def test_json_is_pushed_over_the_form(bench: Bench) -> None:
    """“Edit as JSON” is pushed on top of the form, so what was typed below stays."""
    view: Any = render.form(EDIT, ORIGIN, {})
    below = {"id": "V1", "type": "modal", "callback_id": "x", "private_metadata": view["private_metadata"]}
    await bench.send(click("json", container={"type": "view", "view_id": "V1"}, view=below))
    assert bench.desk.seen[0][2] == "edit_json"
    assert bench.desk.seen[0][3].origin == ORIGIN
    assert [method for method, _ in await bench.calls()] == ["views.push"]


async def test_a_submitted_form_is_an_answer(bench: Bench) -> None:
    """The entries of the form reach the desk as strings by field key; then the modal closes."""
    view = render.form(EDIT, ORIGIN, {})
    status, body = await bench.send(
        submission(view, {"edit/0/0": {"type": "number_input", "value": "400"}, "edit/1/0": typed(None)})
    )
    assert (status, body) == (200, {"response_action": "clear"})
    assert bench.desk.seen[-1][:5] == ("submit", "req_1", "edit", 1, {"/amount": "400", "/note": ""})
    assert bench.desk.seen[-1][5].origin == ORIGIN


async def test_errors_stand_at_their_fields(bench: Bench) -> None:
    """A fault of a field is shown at its input, one that belongs to none at the first."""
    view = render.form(EDIT, ORIGIN, {})
    values = {"edit/0/0": {"type": "number_input", "value": "4000"}, "edit/1/0": typed("x")}
    bench.desk.fault = Invalid({"/amount": "At most 1000."})
    assert (await bench.send(submission(view, values)))[1]["errors"] == {"edit/0/0": "At most 1000."}
    bench.desk.fault = Invalid({"/other": "Not allowed."})
    assert (await bench.send(submission(view, values)))[1]["errors"] == {"edit/0/0": "/other: Not allowed."}


async def test_without_redis_a_form_keeps_what_was_typed(bench: Bench) -> None:
    """With the store away the form stays open and says that nothing was recorded."""
    view = render.form(EDIT, ORIGIN, {})
    bench.desk.fault = StoreUnavailable()
    _, body = await bench.send(submission(view, {"edit/1/0": typed("long text"), "edit/0/0": typed("1")}))
    assert body["response_action"] == "errors"


async def test_a_form_that_comes_too_late_says_who_decided(bench: Bench) -> None:
    """A refusal that no field can mend replaces the form by its sentence."""
    view = render.form(EDIT, ORIGIN, {})
    bench.desk.fault = AlreadyDecided(what="Bob already rejected this", status="rejected", who="Bob", when="now")
    _, body = await bench.send(submission(view, {"edit/0/0": typed("1"), "edit/1/0": typed(None)}))
    assert body["response_action"] == "update"
    assert "Bob" in body["view"]["blocks"][0]["text"]["text"]


async def test_a_paged_form_decides_on_its_last_page(bench: Bench) -> None:
    """The first page is kept and answered with the second; the last one submits both."""
    bench.desk.shape = LONG
    first = render.form(LONG, ORIGIN, {})
    _, body = await bench.send(submission(first, {f"edit/{index}/0": typed(f"v{index}") for index in range(40)}))
    assert body["response_action"] == "update"
    assert not [seen for seen in bench.desk.seen if seen[0] == "submit"]
    _, body = await bench.send(
        submission(body["view"], {f"edit/{index}/0": typed(f"v{index}") for index in range(40, 50)})
    )
    assert body == {"response_action": "clear"}
    assert bench.desk.seen[-1][4] == {f"/f{index}": f"v{index}" for index in range(50)}


async def test_a_fault_on_another_page_leads_there(bench: Bench) -> None:
    """When only an earlier page is wrong, that page is shown again, with the sentence and what was typed."""
    bench.desk.shape = LONG
    bench.desk.kept = {f"/f{index}": f"v{index}" for index in range(40)}
    bench.desk.fault = Invalid({"/f3": "Too short."})
    page = render.form(LONG, ORIGIN, {}, 40)
    _, body = await bench.send(submission(page, {f"edit/{index}/0": typed("x") for index in range(40, 50)}))
    assert body["view"]["blocks"][0]["text"]["text"] == "⚠️ f3: Too short."
    assert body["view"]["blocks"][4]["element"]["initial_value"].startswith("v")


async def test_i04_closing_a_form_decides_nothing(bench: Bench) -> None:
    """view_closed is acknowledged and reaches no desk."""
    view = render.form(EDIT, ORIGIN, {})
    payload = {**submission(view, {}), "type": "view_closed"}
    assert await bench.send(payload) == (200, "")
    assert bench.desk.seen == []


async def test_i14_identity_is_the_envelopes(bench: Bench) -> None:
    """A person of another workspace acts under that workspace's id; names in the payload mean nothing."""
    await bench.send(
        click("approve", user={"id": "U0ADA", "team_id": "T0OTHER", "name": "bob", "email": "ada@example.com"})
    )
    assert bench.desk.seen[0][3].principal.key == "T0OTHER/U0ADA"


async def test_i26_forged_replayed_and_foreign_calls_are_refused(bench: Bench) -> None:
    """Unsigned, wrongly signed, 301 s old, and other workspaces' calls: 401, and the desk hears nothing."""
    body = ("payload=" + quote(json.dumps(click("approve")))).encode()
    good = signed(body)
    assert (await bench.send(click("approve"), secret="another"))[0] == 401
    assert (await bench.send(click("approve"), age=301))[0] == 401
    assert (await bench.send(click("approve"), age=-301))[0] == 401
    assert (await bench.send(click("approve", team={"id": "T0EVIL"})))[0] == 401
    assert (await bench.send(click("approve", team=None)))[0] == 401
    assert (await bench.post(body, {}))[0] == 401
    assert (await bench.post(b"ssl_check=1", {}))[0] == 401
    assert (await bench.post(body + b"x", good))[0] == 401
    for at in ("soon", "9" * 14, "١٢٣", ""):
        assert (await bench.post(body, {**good, "X-Slack-Request-Timestamp": at}))[0] == 401
    assert (await bench.post(body, {**good, "X-Slack-Signature": "v0=é"}))[0] == 401
    assert (await bench.post(b"\xff\xfe", good))[0] == 401
    assert bench.desk.seen == []
    assert await bench.calls() == []


async def test_i30_a_large_body_is_refused_before_it_is_read(bench: Bench) -> None:
    """More than 1 MiB gets 413."""
    body = b"payload=" + b"x" * 1024 * 1024
    assert (await bench.post(body, signed(body)))[0] == 413
    assert (await bench.post(b"", {"Content-Length": "99999999"}))[0] == 413


async def test_before_slack_was_reached_nothing_counts(bench: Bench) -> None:
    """While the workspace is not known yet, a click is not acknowledged."""
    bench.away = True
    assert (await bench.send(click("approve")))[0] == 503
    assert bench.desk.seen == []


async def test_slack_can_verify_the_address(bench: Bench) -> None:
    """A signed url_verification is answered with its challenge."""
    body = json.dumps({"type": "url_verification", "challenge": "abc", "token": "x"}).encode()
    assert await bench.post(body, {**signed(body), "Content-Type": "application/json"}) == (200, {"challenge": "abc"})


def modal_click(action: str, view: Any) -> dict[str, Any]:
    """A button inside a modal of ours."""
    below = {"id": "V1", "type": "modal", "callback_id": "x", "private_metadata": view["private_metadata"]}
    return click(action, container={"type": "view", "view_id": "V1"}, view=below)


@pytest.mark.parametrize("action", ["confirm", "more"])
async def test_confirm_and_more_open_their_forms(bench: Bench, action: str) -> None:
    """The buttons of a card open the form of the same name."""
    assert (await bench.send(click(action)))[0] == 200
    assert bench.desk.seen[0][2] == action
    assert [method for method, _ in await bench.calls()] == ["views.open"]


async def test_i11_the_details_approve(bench: Bench) -> None:
    """Approve inside the details decides like the card's, and then the modal says so."""
    bench.desk.buttons = (Button("approve", "Approve", "primary"),)
    view: Any = render.details(await bench.desk.details("req_1", None), ORIGIN)
    assert await bench.send(modal_click("approve", view)) == (200, "")
    [(_, request_id, answer, actor)] = bench.desk.seen
    assert (request_id, answer.kind, answer.version, actor.origin) == ("req_1", "approve", 1, ORIGIN)
    [(method, sent)] = await bench.calls()
    assert (method, sent["view_id"]) == ("views.update", "V1")
    assert "recorded" in sent["view"]["blocks"][0]["text"]["text"]


async def test_i11_the_details_push_the_form_that_confirms(bench: Bench) -> None:
    """Where the rule asks to type, the details stay below the form."""
    view: Any = render.details(await bench.desk.details("req_1", None), ORIGIN)
    await bench.send(modal_click("confirm", view))
    assert [method for method, _ in await bench.calls()] == ["views.push"]


async def test_a_refusal_inside_the_details_is_said_there(bench: Bench) -> None:
    """What the desk answers to an approval in a modal stands in that modal."""
    view: Any = render.details(await bench.desk.details("req_1", None), ORIGIN)
    bench.desk.fault = StaleVersion(seen=1, current=2)
    assert await bench.send(modal_click("approve", view)) == (200, "")
    [(method, sent)] = await bench.calls()
    assert method == "views.update"
    assert sent["view"]["blocks"][0]["text"]["text"] == bench.desk.fault.sentence


def command(text: str = "pending", **changes: str) -> bytes:
    fields = {"command": "/signoff", "text": text, "team_id": "T0DEMO", "user_id": "U0ADA", "channel_id": "C0REFUNDS"}
    return urlencode({"token": "x", **fields, "trigger_id": "1.2.3", **changes}).encode()


async def test_a_command_is_answered_for_one_person(bench: Bench) -> None:
    """The desk hears who said what; its answer is the acknowledgement, and ephemeral."""
    bench.desk.told = "Two requests wait:\n<b>*one*</b>"
    body = command("delegate <@U0BOB|bob> until friday")
    status, answer = await bench.post(body, signed(body))
    [(_, text, actor)] = bench.desk.seen
    assert (text, actor.principal.key) == ("delegate <slack:T0DEMO/U0BOB> until friday", "T0DEMO/U0ADA")
    assert (status, answer["response_type"]) == (200, "ephemeral")
    assert answer["blocks"] == [
        {"type": "section", "text": {"type": "plain_text", "text": bench.desk.told, "emoji": False}}
    ]
    assert "<b>" not in answer["text"]
    assert await bench.calls() == []


@pytest.mark.parametrize("fault", [StoreUnavailable(), NotAnApprover(who="Ada")])
async def test_i02_a_command_that_did_not_count_says_so(bench: Bench, fault: Any) -> None:
    """Slack shows our words only with a 200, so what went wrong is the answer."""
    bench.desk.fault = fault
    body = command("freeze")
    status, answer = await bench.post(body, signed(body))
    assert (status, answer["blocks"][0]["text"]["text"]) == (200, fault.sentence)


async def test_i26_forged_and_foreign_commands_are_refused(bench: Bench) -> None:
    """Unsigned, old, of another workspace, of nobody, or not ours: the desk hears nothing."""
    good = command()
    assert (await bench.post(good, {}))[0] == 401
    assert (await bench.post(good, signed(good, age=301)))[0] == 401
    assert (await bench.post(good, signed(good, secret="another")))[0] == 401
    foreign, nobody, other = command(team_id="T0EVIL"), command(user_id=""), command(command="/other")
    assert (await bench.post(foreign, signed(foreign)))[0] == 401
    assert (await bench.post(nobody, signed(nobody)))[0] == 400
    assert (await bench.post(other, signed(other)))[0] == 404
    assert bench.desk.seen == []


def event(kind: str, **changes: Any) -> bytes:
    payload = {"type": "event_callback", "team_id": "T0DEMO", "event": {"type": kind, "user": {"id": "U0BOB"}}}
    return json.dumps({**payload, "event_id": "Ev1", **changes}).encode()


@pytest.mark.parametrize(
    ("kind", "whose"), [("user_change", "U0BOB"), ("subteam_members_changed", None), ("subteam_updated", None)]
)
async def test_i19_a_change_of_people_is_looked_up_anew(bench: Bench, kind: str, whose: str | None) -> None:
    """An event about a person or about groups makes the desk forget what Slack said about them."""
    body = event(kind)
    assert await bench.post(body, signed(body)) == (200, "")
    assert bench.desk.seen == [("forget", "slack", whose)]


async def test_other_events_are_taken_and_forgotten(bench: Bench) -> None:
    """An event that is none of ours is acknowledged, or Slack would send it again and again."""
    for body in (event("app_mention"), event("message", event={"type": "message", "subtype": "x"})):
        assert (await bench.post(body, signed(body)))[0] == 200
    assert bench.desk.seen == []


async def test_i26_forged_and_foreign_events_are_refused(bench: Bench) -> None:
    """Unsigned, of another workspace, or without an event inside: nothing is forgotten."""
    good, foreign, empty = event("user_change"), event("user_change", team_id="T0EVIL"), event("x", event=[])
    assert (await bench.post(good, {}))[0] == 401
    assert (await bench.post(foreign, signed(foreign)))[0] == 401
    assert (await bench.post(empty, signed(empty)))[0] == 400
    assert bench.desk.seen == []


async def test_an_event_from_a_shared_channel_names_our_workspace_too(bench: Bench) -> None:
    """With Slack Connect the outer workspace may be another; the authorization says whose app hears it."""
    body = event("user_change", team_id="T0OTHER", authorizations=[{"team_id": "T0DEMO"}])
    assert (await bench.post(body, signed(body)))[0] == 200
    assert bench.desk.seen == [("forget", "slack", "U0BOB")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = """
    team team.id user user.id user.team_id container container.type container.channel_id channel message
    actions actions.0 actions.0.type actions.0.action_id actions.0.block_id actions.0.value trigger_id
    view view.id view.type view.state view.state.values view.private_metadata view.callback_id response_url
    enterprise authorizations event event.type event.user team_id is_enterprise_install function_data bot_access_token
    api_app_id assistant
"""
PATHS = [tuple(int(key) if key.isdigit() else key for key in path.split(".")) for path in MEMBERS.split()]


def put(at: Any, path: tuple[Any, ...], value: object) -> None:
    """Set what stands at the path, where there is such a place."""
    for key in path[:-1]:
        if not (isinstance(at, dict) and key in at) and not (isinstance(at, list) and at and key == 0):
            return
        at = at[key]
    if isinstance(at, dict) or (isinstance(at, list) and at and path[-1] == 0):
        at[path[-1]] = value


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["click", "form", "event"]),
    st.lists(st.tuples(st.sampled_from(PATHS), JSON), min_size=1, max_size=4),
)
async def test_mutated_signed_payloads_are_never_a_500(kind: str, changes: list[tuple[Any, Any]]) -> None:
    """Whatever a signed payload holds where Slack puts something else: an answer below 500."""
    bench = Bench()
    view = render.form(EDIT, ORIGIN, {})
    payload: Any = {
        "click": click("details"),
        "form": submission(view, {"edit/0/0": typed("1")}),
        "event": json.loads(event("user_change")),
    }[kind]
    bench.desk.fault = Invalid({"": "no"})
    for path, value in changes:
        put(payload, path, value)
    status, _ = await bench.send(payload)
    assert status < 500
    await bench.calls()


@settings(deadline=None, max_examples=100)
@given(
    st.binary(max_size=300)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.text(max_size=50).map(lambda text: b"payload=" + quote(text).encode())
)
async def test_any_signed_body_gets_an_answer(body: bytes) -> None:
    """Bytes that are no payload, though signed, are refused without a fault of ours."""
    bench = Bench()
    try:
        headers = signed(body)
    except UnicodeDecodeError:
        headers = signed(b"")
    assert (await bench.post(body, headers))[0] in {400, 401, 404}


def test_settings_hide_their_secrets() -> None:
    """I29: neither token nor secret is in a repr."""
    shown = repr(Settings(bot_token=SecretStr("xoxb-very-secret"), signing_secret=SecretStr("hush")))
    assert "very-secret" not in shown
    assert "hush" not in shown
