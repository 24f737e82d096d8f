"""The simulated Slack's Web API, called by the real slack_sdk: every limit is answered in Slack's own code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from signoff_sim import server, world
from signoff_sim.slack import SlackSim

REFUNDS = "C0REFUNDS"


class Clock:
    """Unix seconds that move only when told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def sim(clock: Clock) -> AsyncIterator[SlackSim]:
    sim = SlackSim(clock=clock)
    app = server.build(slack=sim)
    await server.serve(app)
    yield sim
    await server.stop(app)


def client_of(sim: SlackSim, token: str = "xoxb-simulated", **more: Any) -> AsyncWebClient:
    return AsyncWebClient(token, base_url=f"{sim.sockets.address}/slack/api/", **more)


@pytest.fixture
def client(sim: SlackSim) -> AsyncWebClient:
    return client_of(sim)


async def refusal(call: Any) -> dict[str, Any]:
    """The body Slack refused the call with."""
    with pytest.raises(SlackApiError) as caught:
        await call
    data = caught.value.response.data
    assert isinstance(data, dict)
    return data


def section(text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def button(action_id: str = "go", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "text": {"type": "plain_text", "text": "Go"}, **more}


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def asks(element: dict[str, Any], block_id: str = "b") -> dict[str, Any]:
    return {"type": "input", "block_id": block_id, "label": plain("Amount"), "element": element}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": plain("Edit"), "submit": plain("Save"), "blocks": list(blocks), **more}


def options(count: int) -> list[dict[str, Any]]:
    return [{"text": plain(f"Option {index}"), "value": str(index)} for index in range(count)]


async def test_auth_test_names_the_bot_and_its_scopes(client: AsyncWebClient) -> None:
    """auth.test answers bot, user and team ids, and the scopes in a header."""
    answer = await client.auth_test()
    assert (answer["team_id"], answer["user_id"], answer["bot_id"]) == (world.SLACK_TEAM, world.SLACK_BOT, "B0SIGNOFF")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


async def test_a_wrong_token_is_invalid_auth_and_none_is_not_authed(sim: SlackSim) -> None:
    """Slack tells a wrong token from a missing one, and a bot token from an app token."""
    assert (await refusal(client_of(sim, "xoxb-wrong").auth_test()))["error"] == "invalid_auth"
    assert (await refusal(client_of(sim, "").auth_test()))["error"] == "not_authed"
    wrong_kind = client_of(sim).apps_connections_open(app_token="xoxb-simulated")
    assert (await refusal(wrong_kind))["error"] == "not_allowed_token_type"


async def test_a_missing_scope_is_named(sim: SlackSim, client: AsyncWebClient) -> None:
    """A method without its scope says which one is needed."""
    sim.api.scopes = "chat:write"
    refused = await refusal(client.users_info(user="U0ADA"))
    assert (refused["error"], refused["needed"], refused["provided"]) == ("missing_scope", "users:read", "chat:write")


async def test_a_message_goes_to_an_id_a_name_or_a_person(sim: SlackSim, client: AsyncWebClient) -> None:
    """chat.postMessage takes a channel id, #name, and a user id, which means the direct message."""
    assert (await client.chat_postMessage(channel=REFUNDS, text="a"))["channel"] == REFUNDS
    assert (await client.chat_postMessage(channel="#refunds", text="b"))["channel"] == REFUNDS
    direct = await client.chat_postMessage(channel="U0ADA", text="c")
    opened = await client.conversations_open(users="U0ADA")
    assert direct["channel"] == opened["channel"]["id"] == "D0ADA"
    texts = [message["text"] for channel in sim.state("ada")["channels"] for message in channel["messages"]]
    assert texts == ["a", "b", "c"]


async def test_another_persons_direct_message_is_not_seen(sim: SlackSim, client: AsyncWebClient) -> None:
    """A direct message and an ephemeral one are seen by one person only."""
    await client.chat_postMessage(channel="U0ADA", text="for ada")
    await client.chat_postEphemeral(channel=REFUNDS, user="U0ADA", text="psst")
    assert all(not channel["messages"] for channel in sim.state("bob")["channels"])


async def test_every_form_of_arguments_is_read(sim: SlackSim) -> None:
    """JSON, forms, queries and forms with nested JSON text (Bolt for JavaScript) mean the same."""
    blocks = '[{"type":"divider"}]'
    url = f"{sim.sockets.address}/slack/api/chat.postMessage"
    auth = {"Authorization": "Bearer xoxb-simulated"}
    fields = {"channel": REFUNDS, "text": "x", "blocks": blocks}
    async with aiohttp.ClientSession() as session:
        for call in (
            session.post(url, data=fields, headers=auth),
            session.post(f"{url}?{urlencode(fields)}", headers=auth),
            session.get(f"{url}?{urlencode(fields)}", headers=auth),
            session.post(url, json=fields, headers=auth),
            session.post(url, data={**fields, "token": "xoxb-simulated"}),
        ):
            async with call as response:
                answer = await response.json()
                assert answer["ok"], answer
                assert answer["message"]["blocks"][0]["type"] == "divider"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": REFUNDS}, "no_text"),
        ({"channel": REFUNDS, "text": "x" * 40_001}, "msg_too_long"),
        ({"channel": REFUNDS, "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
        ({"channel": REFUNDS, "text": "x", "metadata": {"event_type": "t"}}, "invalid_metadata_format"),
        ({"channel": REFUNDS, "text": "x", "blocks": "nonsense"}, "invalid_blocks_format"),
        ({"channel": REFUNDS, "blocks": [section("x" * 3000)] * 5}, "msg_blocks_too_long"),
    ],
)
async def test_a_refused_message_has_slacks_code(client: AsyncWebClient, call: dict[str, Any], code: str) -> None:
    """What chat.postMessage does not take, it refuses by Slack's own error code."""
    assert (await refusal(client.api_call("chat.postMessage", json=call)))["error"] == code


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([section()] * 51, "no more than 50 items allowed [json-pointer:/blocks]"),
        ([section("x" * 3001)], "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"),
        ([section("")], "must be more than 0 characters [json-pointer:/blocks/0/text/text]"),
        ([{"type": "section", "fields": [plain("x")] * 11}], "no more than 10 items allowed"),
        ([{"type": "section", "fields": [plain("x" * 2001)]}], "must be less than 2001 characters"),
        ([{"type": "section"}], "missing required field: text or fields"),
        ([{"type": "header", "text": plain("x" * 151)}], "must be less than 151 characters"),
        ([{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}], "unsupported type: mrkdwn"),
        ([actions(*[button(str(index)) for index in range(26)])], "no more than 25 items allowed"),
        ([{"type": "context", "elements": [plain("x")] * 11}], "no more than 10 items allowed"),
        ([actions(button(text=plain("x" * 76)))], "must be less than 76 characters"),
        ([actions(button(text={"type": "mrkdwn", "text": "x"}))], "unsupported type: mrkdwn"),
        ([actions(button(value="x" * 2001))], "must be less than 2001 characters"),
        ([actions(button(style="green"))], "must be one of: primary, danger"),
        ([actions(button("x" * 256))], "must be less than 256 characters"),
        (
            [actions(button(), button())],
            "'go' already exists [json-pointer:/blocks/0/elements/1/action_id]",
        ),
        ([section(block_id="b"), section(block_id="b")], "`block_id` 'b' already exists"),
        ([section(block_id="x" * 256)], "must be less than 256 characters"),
        ([section(colour="red")], "invalid additional property: colour [json-pointer:/blocks/0]"),
        ([{"type": "alert"}], "unsupported type: alert [json-pointer:/blocks/0/type]"),
        ([asks({"type": "static_select", "options": options(101)})], "no more than 100 items allowed"),
        ([asks({"type": "checkboxes", "options": options(11)})], "no more than 10 items allowed"),
        ([asks({"type": "radio_buttons", "options": options(11)})], "no more than 10 items allowed"),
        ([actions({"type": "overflow", "options": options(6)})], "no more than 5 items allowed"),
        (
            [asks({"type": "static_select", "options": [{"text": plain("x" * 76), "value": "1"}]})],
            "must be less than 76 characters",
        ),
        (
            [asks({"type": "static_select", "options": [{"text": plain("x"), "value": "x" * 151}]})],
            "must be less than 151 characters",
        ),
        (
            [asks({"type": "static_select", "options": options(2), "initial_option": options(3)[2]})],
            "initial_option must be one of the options",
        ),
        ([asks({"type": "plain_text_input", "initial_value": "x" * 3001})], "must be less than 3001 characters"),
        (
            [asks({"type": "plain_text_input", "max_length": 2, "initial_value": "xxx"})],
            "must be less than 3 characters",
        ),
        ([asks({"type": "plain_text_input", "placeholder": plain("x" * 151)})], "must be less than 151 characters"),
        ([asks({"type": "number_input"})], "missing required field: is_decimal_allowed"),
        ([asks(button())], "unsupported type: button"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}], "no more than 100 items allowed"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}], "no more than 20 items allowed"),
    ],
)
async def test_blocks_over_a_limit_are_invalid_blocks(
    client: AsyncWebClient, blocks: list[dict[str, Any]], said: str
) -> None:
    """Each Block Kit limit is `invalid_blocks` with the rule and its JSON pointer."""
    refused = await refusal(client.api_call("chat.postMessage", json={"channel": REFUNDS, "blocks": blocks}))
    assert refused["error"] == "invalid_blocks"
    assert any(said in message for message in refused["response_metadata"]["messages"]), refused


async def test_archived_foreign_and_disabled_destinations_are_refused(sim: SlackSim, client: AsyncWebClient) -> None:
    """is_archived, not_in_channel and user_disabled can be injected as faults."""
    sim.set_faults({"archived": [REFUNDS], "not_in_channel": ["C0APPROVALS"], "deactivated": ["U0BOB"]})
    for channel, code in ((REFUNDS, "is_archived"), ("C0APPROVALS", "not_in_channel"), ("U0BOB", "user_disabled")):
        assert (await refusal(client.chat_postMessage(channel=channel, text="x")))["error"] == code
    assert (await client.users_info(user="U0BOB"))["user"]["deleted"] is True


async def test_only_ones_own_messages_are_updated(sim: SlackSim, client: AsyncWebClient) -> None:
    """chat.update knows ids only, refuses unknown messages and other people's, and marks the message as edited."""
    posted = await client.chat_postMessage(channel=REFUNDS, text="a", blocks=[section("one")])
    said = await sim.act("say", {"as": "ada", "channel": REFUNDS, "text": "hi"})
    assert (await refusal(client.chat_update(channel="#refunds", ts=posted["ts"], text="b")))[
        "error"
    ] == "channel_not_found"
    assert (await refusal(client.chat_update(channel=REFUNDS, ts="1.000001", text="b")))["error"] == "message_not_found"
    assert (await refusal(client.chat_update(channel=REFUNDS, ts=said["ts"], text="b")))[
        "error"
    ] == "cant_update_message"
    await client.chat_update(channel=REFUNDS, ts=posted["ts"], text="b", blocks=[section("two")])
    message = sim.state("ada")["channels"][0]["messages"][0]
    assert message["blocks"][0]["text"]["text"] == "two"
    assert message["edited"]


async def test_metadata_is_kept_and_found_in_the_history(client: AsyncWebClient) -> None:
    """conversations.history shows metadata only when asked for, newest message first, page by page."""
    for number in range(3):
        await client.chat_postMessage(
            channel=REFUNDS, text=str(number), metadata={"event_type": "ask", "event_payload": {"n": number}}
        )
    page = await client.conversations_history(channel=REFUNDS, limit=2, include_all_metadata=True)
    assert [message["metadata"]["event_payload"]["n"] for message in page["messages"]] == [2, 1]
    rest = await client.conversations_history(channel=REFUNDS, cursor=page["response_metadata"]["next_cursor"])
    assert [message["text"] for message in rest["messages"]] == ["0"]
    assert "metadata" not in rest["messages"][0]


async def test_replies_stay_in_their_thread(client: AsyncWebClient) -> None:
    """A reply is in conversations.replies, not in the channel's history."""
    parent = await client.chat_postMessage(channel=REFUNDS, text="parent")
    await client.chat_postMessage(channel=REFUNDS, text="reply", thread_ts=parent["ts"])
    thread = await client.conversations_replies(channel=REFUNDS, ts=parent["ts"])
    assert [message["text"] for message in thread["messages"]] == ["parent", "reply"]
    assert len((await client.conversations_history(channel=REFUNDS))["messages"]) == 1


async def test_people_are_found_by_id_mail_and_group(client: AsyncWebClient) -> None:
    """users.info, users.lookupByEmail, usergroups.users.list and conversations.members know the same people."""
    assert (await client.users_info(user="U0ADA"))["user"]["profile"]["email"] == "ada@example.com"
    assert (await client.users_lookupByEmail(email="bob@example.com"))["user"]["id"] == "U0BOB"
    assert (await client.usergroups_users_list(usergroup="S0FINANCE"))["users"] == ["U0ADA", "U0BOB"]
    assert "U0MIA" in (await client.conversations_members(channel=REFUNDS))["members"]
    assert (await refusal(client.users_info(user="U0X")))["error"] == "user_not_found"
    assert (await refusal(client.users_lookupByEmail(email="x@example.com")))["error"] == "users_not_found"
    assert (await refusal(client.usergroups_users_list(usergroup="S0X")))["error"] == "no_such_subteam"


async def test_user_groups_have_active_members_and_may_be_disabled(sim: SlackSim, client: AsyncWebClient) -> None:
    """A disabled group is listed and read only when asked for; a deactivated person is in none."""
    assert [one["id"] for one in (await client.usergroups_list())["usergroups"]] == ["S0FINANCE", "S0MGR"]
    await sim.act("user", {"id": "U0RITA", "deleted": True})
    assert (await client.usergroups_users_list(usergroup="S0MGR"))["users"] == ["U0ADA"]
    await sim.act("usergroup", {"id": "S0MGR", "disabled": True})
    assert (await refusal(client.usergroups_users_list(usergroup="S0MGR")))["error"] == "no_such_subteam"
    assert (await client.usergroups_users_list(usergroup="S0MGR", include_disabled=True))["users"] == ["U0ADA"]
    assert [one["id"] for one in (await client.usergroups_list())["usergroups"]] == ["S0FINANCE"]
    [_, disabled] = (await client.usergroups_list(include_disabled=True, include_users=True))["usergroups"]
    assert (disabled["users"], disabled["date_delete"] > 0) == (["U0ADA", "U0RITA"], True)
    missing = await refusal(client.api_call("usergroups.users.list", http_verb="GET", params={}))
    assert missing["error"] == "invalid_arguments"


async def test_an_injected_429_is_ridden_out_by_the_sdks_retry_handler(sim: SlackSim) -> None:
    """A rate limit answers 429 with Retry-After, which the real retry handler obeys."""
    sim.set_faults({"rate_limit": {"chat.postMessage": 1}})
    client = client_of(sim, retry_handlers=[AsyncRateLimitErrorRetryHandler(max_retry_count=1)])
    assert (await client.chat_postMessage(channel=REFUNDS, text="x"))["ok"]
    assert [entry["status"] for entry in sim.log] == [429, 200]


async def test_more_than_a_burst_per_second_and_channel_is_429(
    sim: SlackSim, client: AsyncWebClient, clock: Clock
) -> None:
    """With the check on, a channel takes a burst of five and then one message per second."""
    sim.set_faults({"checks": {"rate": True}})
    for _ in range(5):
        await client.chat_postMessage(channel=REFUNDS, text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=REFUNDS, text="x")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "1"
    clock.now += 1
    await client.chat_postMessage(channel=REFUNDS, text="x")


async def test_broken_days_can_be_injected(sim: SlackSim, client: AsyncWebClient) -> None:
    """500, a chosen error code, and no answer at all."""
    sim.set_faults({"http_500": 1})
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=REFUNDS, text="x")
    assert caught.value.response.status_code == 500
    sim.set_faults({"error": {"chat.update": "message_not_found"}})
    assert (await refusal(client.chat_update(channel=REFUNDS, ts="1.0", text="x")))["error"] == "message_not_found"
    sim.set_faults({"timeout": 1})
    with pytest.raises(asyncio.TimeoutError):
        await client_of(sim, timeout=1).chat_postMessage(channel=REFUNDS, text="never")


async def test_an_answer_lost_after_the_work_makes_the_sdk_post_twice(sim: SlackSim, client: AsyncWebClient) -> None:
    """lost_answer does the call and breaks the connection; slack_sdk's default retry handler then posts again."""
    sim.set_faults({"lost_answer": 1})
    await client.chat_postMessage(channel=REFUNDS, text="posted")
    assert [message["text"] for message in sim.state("ada")["channels"][0]["messages"]] == ["posted", "posted"]


async def test_a_body_too_large_is_413(sim: SlackSim, client: AsyncWebClient) -> None:
    """A body above the limit is answered 413, not read."""
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel=REFUNDS, text="x" * 1_000_001)
    assert caught.value.response.status_code == 413


@pytest.mark.parametrize(
    ("view", "said"),
    [
        (modal(*[section()] * 101), "no more than 100 items allowed [json-pointer:/view/blocks]"),
        (modal(section(), title=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/title/text]"),
        (modal(section(), submit=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/submit/text]"),
        (modal(section(), close=plain("x" * 25)), "must be less than 25 characters [json-pointer:/view/close/text]"),
        (modal(section(), private_metadata="x" * 3001), "must be less than 3001 characters"),
        (modal(section(), callback_id="x" * 256), "must be less than 256 characters"),
        ({"type": "modal", "title": plain("x"), "blocks": [asks({"type": "plain_text_input"})]}, "field: submit"),
        (modal({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}), "unsupported type: table"),
        (
            modal(
                asks({"type": "plain_text_input", "focus_on_load": True}, "a"),
                asks({"type": "plain_text_input", "focus_on_load": True}, "b"),
            ),
            "`focus_on_load` may be true on one element only",
        ),
    ],
)
async def test_a_view_over_a_limit_is_invalid_arguments(
    sim: SlackSim, client: AsyncWebClient, view: dict[str, Any], said: str
) -> None:
    """Each limit of views is `invalid_arguments` with the rule and its JSON pointer, and spends no trigger."""
    trigger = sim.workspace.new_trigger("U0ADA")
    refused = await refusal(client.api_call("views.open", json={"trigger_id": trigger, "view": view}))
    assert refused["error"] == "invalid_arguments"
    assert any(said in message for message in refused["response_metadata"]["messages"]), refused
    await client.views_open(trigger_id=trigger, view=modal(section()))


async def test_a_trigger_works_once_and_for_three_seconds(sim: SlackSim, client: AsyncWebClient, clock: Clock) -> None:
    """A used trigger is exchanged_trigger_id, an old one expired_trigger_id, an invented one invalid_trigger_id."""
    once, late = sim.workspace.new_trigger("U0ADA"), sim.workspace.new_trigger("U0ADA")
    await client.views_open(trigger_id=once, view=modal(section()))
    assert (await refusal(client.views_open(trigger_id=once, view=modal(section()))))["error"] == "exchanged_trigger_id"
    clock.now += 3.1
    for trigger, code in ((late, "expired_trigger_id"), ("1.2.3", "invalid_trigger_id")):
        assert (await refusal(client.views_open(trigger_id=trigger, view=modal(section()))))["error"] == code


async def test_a_check_that_is_switched_off_does_not_refuse(
    sim: SlackSim, client: AsyncWebClient, clock: Clock
) -> None:
    """Every check can be switched off, and null puts all of them back."""
    sim.set_faults({"checks": {"trigger_expiry": False, "blocks": False}})
    trigger = sim.workspace.new_trigger("U0ADA")
    clock.now += 60
    await client.views_open(trigger_id=trigger, view=modal(section()))
    await client.chat_postMessage(channel=REFUNDS, text="x", blocks=[section("x" * 3001)])
    assert sim.set_faults(None)["checks"]["blocks"] is True


async def test_a_view_changed_meanwhile_is_a_hash_conflict(sim: SlackSim, client: AsyncWebClient) -> None:
    """views.update with an old hash is hash_conflict; without a hash it overwrites; an unknown view is not_found."""
    opened = await client.views_open(trigger_id=sim.workspace.new_trigger("U0ADA"), view=modal(section("1")))
    view_id, old = opened["view"]["id"], opened["view"]["hash"]
    await client.views_update(view_id=view_id, hash=old, view=modal(section("2")))
    late = client.views_update(view_id=view_id, hash=old, view=modal(section("3")))
    assert (await refusal(late))["error"] == "hash_conflict"
    assert (await refusal(client.views_update(view_id="V0", view=modal(section()))))["error"] == "not_found"
    assert sim.state("ada")["modal"]["blocks"][0]["text"]["text"] == "2"


async def test_an_app_home_is_published_for_one_person(sim: SlackSim, client: AsyncWebClient) -> None:
    """views.publish shows the Home to that person, with the same hash rule."""
    first = await client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [section("1")]})
    await client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [section("2")]})
    late = client.views_publish(user_id="U0ADA", hash=first["view"]["hash"], view={"type": "home", "blocks": []})
    assert (await refusal(late))["error"] == "hash_conflict"
    assert sim.state("ada")["home"]["blocks"][0]["text"]["text"] == "2"
    assert sim.state("bob")["home"] is None


async def test_a_response_url_works_five_times_in_thirty_minutes(sim: SlackSim, clock: Clock) -> None:
    """The sixth use is used_url, a use after half an hour expired_url, both 404."""
    url = sim._response_url(sim.workspace.new_response_url("U0ADA", REFUNDS, None))
    old = sim._response_url(sim.workspace.new_response_url("U0ADA", REFUNDS, None))
    for _ in range(5):
        assert (await AsyncWebhookClient(url).send(text="only you")).status_code == 200
    used = await AsyncWebhookClient(url).send(text="x")
    assert (used.status_code, "used_url" in used.body) == (404, True)
    clock.now += 1801
    expired = await AsyncWebhookClient(old).send(text="x")
    assert (expired.status_code, "expired_url" in expired.body) == (404, True)
    messages: Callable[[str], int] = lambda who: len(sim.state(who)["channels"][0]["messages"])  # noqa: E731
    assert (messages("ada"), messages("bob")) == (5, 0)


async def test_no_token_enters_the_log(sim: SlackSim, client: AsyncWebClient) -> None:
    """The log of the traffic holds neither tokens nor tickets."""
    await client.auth_test(token="xoxb-simulated")
    await client.apps_connections_open(app_token="xapp-simulated")
    assert "simulated" not in str(sim.log)
