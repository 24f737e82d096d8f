"""What a person does in the conversations of the simulated Slack: click, say, type a command, run a shortcut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from signoff_sim import world
from signoff_sim.simulated import Refused
from signoff_sim.slack import payloads
from signoff_sim.slack.blocks import check_message
from signoff_sim.slack.courier import SENTENCES, Courier, Delivery, told
from signoff_sim.slack.events import Events
from signoff_sim.slack.faults import Checks
from signoff_sim.slack.fields import entered
from signoff_sim.slack.finding import Body, the_channel, the_element, the_user
from signoff_sim.slack.installed import SHORTCUTS, Shortcut
from signoff_sim.slack.records import Channel, Message, User
from signoff_sim.slack.shape import Json, SlackError, as_list, as_text
from signoff_sim.slack.typed import escaped
from signoff_sim.slack.workspace import Workspace

MOST_REPEATS = 20


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
        self.shortcuts: tuple[Shortcut, ...] = SHORTCUTS
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

    async def shortcut(self, body: Body) -> Json:
        """A global shortcut, by `callback_id` or `name`. It comes from nowhere: the app learns of no conversation."""
        user = the_user(self._workspace, body)
        wanted = {as_text(body.get("callback_id")), as_text(body.get("name"))} - {""}
        found = next((one for one in self.shortcuts if {one.callback_id, one.name} & wanted), None)
        if found is None:
            known = ", ".join(one.callback_id for one in self.shortcuts) or "none"
            raise Refused(f"There is no such shortcut; there are: {known}.")
        at, trigger_id = self._workspace.next_ts(), self._workspace.new_trigger(user.id)
        delivery = await self._courier.interactive(payloads.shortcut(user, found.callback_id, trigger_id, at))
        if delivery.error is not None:
            self._workspace.tell(user.id, SENTENCES[delivery.error])
        return told(delivery)

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
