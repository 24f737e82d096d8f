"""The workspace in memory, and what happens in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any, Literal

from signoff_sim import world
from signoff_sim.slack.fields import elements, initial_values, kept
from signoff_sim.slack.records import Channel, Message, Notice, ResponseUrl, Trigger, User, UserGroup, View
from signoff_sim.slack.shape import Json, SlackError, as_dict, as_list, as_text

MODAL_VIEWS = 3
TRIGGER_SECONDS = 3.0
RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 1800.0


class Workspace:
    """All state of the simulated Slack. `clock` gives Unix seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, UserGroup] = {group.id: group for group in _usergroups()}
        self.modals: dict[str, list[View]] = {}
        """Per user, the stack of open views; the last one is seen."""
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.chosen: dict[tuple[str, str, str], dict[tuple[str, str], Json]] = {}
        """What a person has picked in a message's own inputs: (user, channel, ts) → values, as in View."""
        self.notices: dict[str, list[Notice]] = {}
        self._last_ts = 0
        self._count = 0
        for person in world.PEOPLE:
            self.users[person.slack] = User(person.slack, person.id, person.name, person.email, person.title)
        self.users[world.SLACK_BOT] = User(world.SLACK_BOT, "signoff", "Signoff", "", "App", is_bot=True)
        everybody = {person.slack for person in world.PEOPLE} | {world.SLACK_BOT}
        for channel in world.CHANNELS:
            if channel.slack is not None:
                self.channels[channel.slack] = Channel(channel.slack, channel.name, set(everybody))

    # ── names ──

    def next_ts(self) -> str:
        """A message timestamp, later than every one before."""
        self._last_ts = max(self._last_ts + 1, int(self.clock() * 1_000_000))
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def new_id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:08d}"

    def new_hash(self) -> str:
        return f"{int(self.clock())}.{secrets.token_hex(4)}"

    def user(self, name: str) -> User | None:
        """By user id or by person id."""
        found = self.users.get(name)
        return found or next((user for user in self.users.values() if user.person == name), None)

    def channel(self, name: str) -> Channel | None:
        """By id, by `#name` or by name."""
        found = self.channels.get(name)
        bare = name.removeprefix("#")
        return found or next((one for one in self.channels.values() if one.name == bare and not one.with_user), None)

    def direct(self, user: str) -> Channel:
        """The direct message between the bot and this user; made when it is not there."""
        channel_id = f"D0{user[2:]}" if user.startswith("U0") else f"D{user[1:]}"
        if channel_id not in self.channels:
            self.channels[channel_id] = Channel(channel_id, "", {user, world.SLACK_BOT}, with_user=user)
        return self.channels[channel_id]

    # ── messages ──

    def add_message(
        self,
        channel: Channel,
        user: str,
        text: str,
        blocks: list[Any] | None = None,
        *,
        thread_ts: str | None = None,
        metadata: Json | None = None,
        only_for: str | None = None,
    ) -> Message:
        message = Message(
            channel.id, self.next_ts(), user, text, self.named(blocks or []), thread_ts, metadata, only_for=only_for
        )
        channel.messages[message.ts] = message
        return message

    def named(self, blocks: list[Any]) -> list[Any]:
        """The blocks with a `block_id` and `action_id` everywhere, as Slack fills them in."""
        return [self._named(as_dict(block)) for block in blocks]

    def _named(self, block: Json) -> Json:
        whole = {**block, "block_id": block.get("block_id") or secrets.token_urlsafe(4)}
        for key in ("element", "accessory"):
            if "type" in as_dict(block.get(key)) and as_dict(block[key])["type"] != "image":
                whole[key] = self._with_action(as_dict(block[key]))
        if block.get("type") == "actions":
            whole["elements"] = [self._with_action(as_dict(one)) for one in as_list(block.get("elements"))]
        return whole

    def _with_action(self, element: Json) -> Json:
        return {**element, "action_id": element.get("action_id") or secrets.token_urlsafe(4)}

    def visible(self, channel: Channel, user: str) -> Iterator[Message]:
        for message in channel.messages.values():
            if message.only_for in (None, user):
                yield message

    # ── triggers, views ──

    def new_trigger(self, user: str, *, from_modal: bool = False) -> str:
        trigger_id = f"{self.new_id('')}.{int(self.clock())}.{secrets.token_hex(8)}"
        self.triggers[trigger_id] = Trigger(user, self.clock() + TRIGGER_SECONDS, from_modal=from_modal)
        return trigger_id

    def use_trigger(self, trigger_id: str, check_expiry: bool) -> Trigger:
        """Exchange a trigger. Raises SlackError: `invalid_trigger_id`, `exchanged_trigger_id`, `expired_trigger_id`."""
        trigger = self.triggers.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if check_expiry and self.clock() > trigger.expires:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def make_view(self, user: str, definition: Json, below: View | None) -> View:
        whole = {**definition, "blocks": self.named(as_list(definition.get("blocks")))}
        view_id = self.new_id("V0")
        return View(
            view_id,
            user,
            whole,
            self.new_hash(),
            root=below.root if below else view_id,
            previous=below.id if below else None,
            values=initial_values(as_list(whole["blocks"])),
        )

    def open_view(self, user: str, definition: Json, *, push: bool, check_stack: bool) -> View:
        """Open a modal, or push one on the stack. Raises SlackError: `push_limit_reached`, `duplicate_external_id`."""
        stack = self.modals.get(user, [])
        self._check_external_id(definition, None)
        if push and check_stack and len(stack) >= MODAL_VIEWS:
            raise SlackError("push_limit_reached")
        view = self.make_view(user, definition, stack[-1] if push and stack else None)
        self.modals[user] = [*stack, view] if push else [view]
        return view

    def redraw(self, view: View, definition: Json) -> None:
        """Put a new definition into a view; what was entered stays where block_id and action_id stay."""
        self._check_external_id(definition, view)
        blocks = self.named(as_list(definition.get("blocks")))
        held = view.values
        view.values = initial_values(blocks)
        for block, element in elements(blocks):
            key = (as_text(block.get("block_id")), as_text(element.get("action_id")))
            if key in held and key in view.values:
                view.values[key] = kept(held[key], view.values[key], element)
        view.unsent &= set(view.values)
        view.definition = {**definition, "blocks": blocks}
        view.hash = self.new_hash()
        view.errors = {}
        view.trouble = ""

    def _check_external_id(self, definition: Json, own: View | None) -> None:
        external_id = as_text(definition.get("external_id"))
        if external_id and any(view is not own and _external(view) == external_id for view in self.views()):
            raise SlackError("duplicate_external_id")

    def views(self) -> Iterator[View]:
        for stack in self.modals.values():
            yield from stack
        yield from self.homes.values()

    def view(self, view_id: str, external_id: str) -> View | None:
        for view in self.views():
            if (view_id and view.id == view_id) or (external_id and _external(view) == external_id):
                return view
        return None

    def close_top(self, user: str) -> View | None:
        stack = self.modals.get(user, [])
        return stack.pop() if stack else None

    # ── response_url, notices ──

    def new_response_url(self, user: str, channel: str, message: str | None) -> str:
        token = secrets.token_urlsafe(12)
        self.response_urls[token] = ResponseUrl(user, channel, message, self.clock() + RESPONSE_URL_SECONDS)
        return token

    def tell(
        self,
        user: str,
        text: str,
        *,
        kind: Literal["error", "info"] = "error",
        channel: str | None = None,
        ts: str | None = None,
    ) -> None:
        self._count += 1
        notice = Notice(self._count, self.clock(), text, kind, channel, ts)
        self.notices.setdefault(user, []).append(notice)

    def untell(self, user: str, message: Message) -> None:
        """Take back what was said at this message: a later click has worked."""
        kept = [one for one in self.notices.get(user, []) if (one.channel, one.ts) != (message.channel, message.ts)]
        self.notices[user] = kept


def _usergroups() -> list[UserGroup]:
    return [
        UserGroup("S0FINANCE", "Finance", "finance", ["U0ADA", "U0BOB"]),
        UserGroup("S0MGR", "Managers", "managers", ["U0ADA", "U0RITA"]),
    ]


def _external(view: View) -> str:
    return as_text(view.definition.get("external_id"))
