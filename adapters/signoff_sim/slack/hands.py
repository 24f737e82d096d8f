"""What a person does at the simulated Slack: click, fill in, submit, close, say, type a command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import cast

from signoff_sim import world
from signoff_sim.simulated import Refused
from signoff_sim.slack import payloads
from signoff_sim.slack.blocks import check_message
from signoff_sim.slack.courier import Courier, Delivery, told
from signoff_sim.slack.events import Events
from signoff_sim.slack.faults import Checks
from signoff_sim.slack.fields import complaint, elements, entered
from signoff_sim.slack.finding import Body, match, the_channel, the_element, the_field, the_user, the_view
from signoff_sim.slack.records import Channel, Message, User, View
from signoff_sim.slack.shape import Json, SlackError, as_list, as_text
from signoff_sim.slack.submission import TROUBLE, apply_answer
from signoff_sim.slack.typed import escaped
from signoff_sim.slack.workspace import Workspace

MOST_REPEATS = 20
SENTENCES = {
    "operation_timeout": "Signoff did not respond in time (operation_timeout).",
    "dispatch_failed": "Signoff could not be reached (dispatch_failed).",
    "http_service_error": "Signoff responded with an error (http_service_error).",
}


class Hands:
    def __init__(
        self,
        workspace: Workspace,
        checks: Checks,
        courier: Courier,
        events: Events,
        response_url: Callable[[str], str],
        on_change: Callable[[], None],
    ) -> None:
        self._workspace = workspace
        self._checks = checks
        self._courier = courier
        self._events = events
        self._response_url = response_url
        self._on_change = on_change

    # ── messages ──

    async def click(self, body: Body) -> Json:
        """A button (or select, with `value`) of a message. `repeat`: that many clicks at once."""
        user = the_user(self._workspace, body)
        message, block, element = the_element(self._workspace, user, body)
        state = self._choose(user, message, block, element, body)
        times = min(MOST_REPEATS, max(1, int(as_text(body.get("repeat")) or 1)))
        deliveries = await asyncio.gather(
            *(self._click_once(user, message, block, element, state) for _ in range(times))
        )
        for delivery in deliveries:
            if delivery.error is not None:
                self._workspace.tell(user.id, SENTENCES[delivery.error], channel=message.channel, ts=message.ts)
            else:
                self._workspace.untell(user.id, message)
        return told(*deliveries)

    def _choose(self, user: User, message: Message, block: Json, element: Json, body: Body) -> Json:
        if element.get("type") == "button":
            return {}
        state = entered(element, body.get("value"))
        chosen = self._workspace.chosen.setdefault((user.id, message.channel, message.ts), {})
        chosen[(as_text(block.get("block_id")), as_text(element.get("action_id")))] = state
        return state

    async def _click_once(self, user: User, message: Message, block: Json, element: Json, state: Json) -> Delivery:
        workspace = self._workspace
        url = self._response_url(workspace.new_response_url(user.id, message.channel, message.ts))
        return await self._courier.interactive(
            payloads.interaction(user, "block_actions", workspace.new_trigger(user.id))
            | payloads.from_message(workspace, user, message, url)
            | {"actions": [payloads.action(block, element, state, workspace.next_ts())]}
        )

    # ── modals and the App Home ──

    async def fill(self, body: Body) -> Json:
        """Enter `values` into the open modal without submitting it."""
        user = the_user(self._workspace, body)
        return told(*await self._fill(user, the_view(self._workspace, user), body))

    async def _fill(self, user: User, view: View, body: Body) -> list[Delivery]:
        """What the app is told of at once: fields outside input blocks, and inputs with `dispatch_action`."""
        given = cast("Mapping[str, object]", body.get("values") or {})
        deliveries: list[Delivery] = []
        for name, value in given.items():
            block, element = the_field(view, name)
            key = (as_text(block.get("block_id")), as_text(element.get("action_id")))
            state = entered(element, value)
            if view.values.get(key) == state:
                continue
            view.values[key] = state
            view.errors.pop(key[0], None)
            if block.get("type") != "input" or block.get("dispatch_action") is True:
                deliveries.append(await self._act_in_view(user, view, block, element, state))
        self._on_change()
        return deliveries

    async def press(self, body: Body) -> Json:
        """A button inside the open modal; with `"where": "home"`, in the App Home."""
        user = the_user(self._workspace, body)
        if body.get("where") == "home":
            view = self._workspace.homes.get(user.id)
            if view is None:
                raise Refused(f"The App Home of {user.person} is empty.")
        else:
            view = the_view(self._workspace, user)
        before = await self._fill(user, view, body)
        found = match(view.blocks, body)
        if found is None:
            raise Refused("There is nothing like that to press.")
        block, element = found
        state = {} if element.get("type") == "button" else entered(element, body.get("value"))
        delivery = await self._act_in_view(user, view, block, element, state)
        return told(*before, delivery)

    async def _act_in_view(self, user: User, view: View, block: Json, element: Json, state: Json) -> Delivery:
        workspace = self._workspace
        is_modal = view.definition.get("type") == "modal"
        shown = payloads.view_json(view)
        delivery = await self._courier.interactive(
            payloads.interaction(user, "block_actions", workspace.new_trigger(user.id, from_modal=is_modal))
            | {
                "container": {"type": "view", "view_id": view.id},
                "view": shown,
                "state": shown["state"],
                "actions": [payloads.action(block, element, state, workspace.next_ts())],
            }
        )
        if delivery.error is not None:
            workspace.tell(user.id, SENTENCES[delivery.error])
        return delivery

    async def submit(self, body: Body) -> Json:
        """Send the open modal, with `values` entered first. `force`: even when Slack's own client would not send it."""
        user = the_user(self._workspace, body)
        view = the_view(self._workspace, user)
        if not view.definition.get("submit"):
            raise Refused("This modal has no submit button.")
        before = await self._fill(user, view, body)
        view.errors = self._complaints(view) if body.get("force") is not True else {}
        view.trouble = ""
        if view.errors:
            return {"ok": False, "sent": False, "deliveries": [one.as_json() for one in before]}
        workspace = self._workspace
        delivery = await self._courier.interactive(
            payloads.interaction(user, "view_submission", workspace.new_trigger(user.id, from_modal=True))
            | {"view": payloads.view_json(view), "response_urls": []}
        )
        if delivery.error is not None:
            view.trouble = TROUBLE
        else:
            try:
                apply_answer(workspace, self._checks, view, delivery.answer)
            except SlackError as error:
                view.trouble = TROUBLE
                workspace.tell(user.id, f"Signoff answered the form in a way Slack refuses: {error.body()}")
        done = told(*before, delivery)
        return done | {"ok": done["ok"] and not view.errors and not view.trouble, "sent": True}

    def _complaints(self, view: View) -> dict[str, str]:
        if not self._checks.required_inputs:
            return {}
        found: dict[str, str] = {}
        for block, element in elements(view.blocks):
            if block.get("type") == "input":
                block_id = as_text(block.get("block_id"))
                said = complaint(block, element, view.values.get((block_id, as_text(element.get("action_id"))), {}))
                if said is not None:
                    found[block_id] = said
        return found

    async def close(self, body: Body) -> Json:
        """Close the open modal; `all`: the whole stack, as its × does."""
        user = the_user(self._workspace, body)
        top = the_view(self._workspace, user)
        clears = body.get("all") is True or top.definition.get("clear_on_close") is True
        stack = self._workspace.modals[user.id]
        leaving = list(reversed(stack)) if clears else [top]
        self._workspace.modals[user.id] = [] if clears else stack[:-1]
        self._on_change()
        watched = [view for view in leaving if view.definition.get("notify_on_close") is True]
        deliveries = [
            await self._courier.interactive(
                payloads.interaction(user, "view_closed") | {"view": payloads.view_json(view), "is_cleared": clears}
            )
            for view in watched
        ]
        return told(*deliveries)

    async def home(self, body: Body) -> Json:
        """Open the app's Home."""
        user = the_user(self._workspace, body)
        workspace = self._workspace
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": workspace.direct(user.id).id,
            "tab": "home",
            "event_ts": workspace.next_ts(),
        }
        if user.id in workspace.homes:
            event["view"] = payloads.view_json(workspace.homes[user.id])
        return told(*await self._events.tell("app_home_opened", event, user))

    # ── words ──

    async def command(self, body: Body) -> Json:
        """A slash command: `command`, `text`, `channel`. `escaped`: the text is already as the app gets it."""
        user = the_user(self._workspace, body)
        workspace = self._workspace
        channel = the_channel(workspace, user, body)
        command = as_text(body.get("command"))
        if not command.startswith("/"):
            raise Refused("A command begins with a slash.")
        if body.get("thread_ts"):
            workspace.tell(user.id, f"{command} is not supported in threads. Sorry!", channel=channel.id)
            return {"ok": False, "deliveries": []}
        url = self._response_url(workspace.new_response_url(user.id, channel.id, None))
        delivery = await self._courier.command(
            payloads.command_fields(user, channel, command, self._as_sent(body), url, workspace.new_trigger(user.id))
        )
        if delivery.error is not None:
            workspace.tell(user.id, f'{command} failed with the error "{delivery.error}"', channel=channel.id)
        else:
            self._answer_command(user, channel, command, delivery.answer)
        return told(delivery)

    def _as_sent(self, body: Body) -> str:
        text = as_text(body.get("text")).strip()
        if body.get("escaped") is True or not self._checks.should_escape:
            return text
        people = {user.person: user.id for user in self._workspace.users.values()}
        channels = {one.name: one.id for one in self._workspace.channels.values() if one.with_user is None}
        return escaped(text, people, channels)

    def _answer_command(self, user: User, channel: Channel, command: str, answer: Json) -> None:
        blocks = as_list(answer.get("blocks"))
        if not blocks and not answer.get("text"):
            return
        try:
            if blocks and self._checks.blocks:
                check_message(blocks)
        except SlackError as error:
            said = f'{command} failed with the error "{error.code}": {error.body()}'
            self._workspace.tell(user.id, said, channel=channel.id)
            return
        shared = answer.get("response_type") == "in_channel"
        text = as_text(answer.get("text"))
        self._workspace.add_message(channel, world.SLACK_BOT, text, blocks, only_for=None if shared else user.id)

    async def say(self, body: Body) -> Json:
        """A message: `text`, `channel`, `thread_ts`. The app hears it in a direct message or when mentioned."""
        user = the_user(self._workspace, body)
        channel = the_channel(self._workspace, user, body)
        text = as_text(body.get("text")).strip()
        if not text:
            raise Refused("Say something in `text`.")
        mention = f"<@{world.SLACK_BOT}>"
        text = text.replace("@Signoff", mention)
        thread_ts = as_text(body.get("thread_ts")) or None
        message = self._workspace.add_message(channel, user.id, text, thread_ts=thread_ts)
        self._on_change()
        event = payloads.message_json(message) | {"channel": channel.id, "event_ts": message.ts}
        deliveries: list[Delivery] = []
        if channel.with_user is not None:
            deliveries += await self._events.tell("message.im", event | {"channel_type": "im"}, user)
        elif mention in text:
            deliveries += await self._events.tell("app_mention", event | {"type": "app_mention"}, user)
        return {**told(*deliveries), "ts": message.ts}
