"""What people do in the simulated Teams, and what their client makes of the bot's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from signoff_sim.simulated import Refused
from signoff_sim.teams import cards, pressing, typed
from signoff_sim.teams.connector import Connector
from signoff_sim.teams.content import Content
from signoff_sim.teams.directory import Directory
from signoff_sim.teams.sender import Answer, Sender
from signoff_sim.teams.threads import THREAD, Dialog, Message, Notice, Thread, Threads
from signoff_sim.world import Person

Json = dict[str, Any]

UNREACHABLE = Notice("Unable to reach app. Please try again.", "error")
WRONG = Notice("Something went wrong. Please try again.", "error")


class Hands:
    def __init__(
        self,
        directory: Directory,
        threads: Threads,
        connector: Connector,
        sender: Sender,
        on_change: Callable[[], None],
    ) -> None:
        self._directory = directory
        self._threads = threads
        self._connector = connector
        self._sender = sender
        self._on_change = on_change
        self.dialogs: dict[str, Dialog] = {}
        """World id → the dialog that person has open."""

    # ── talking ──────────────────────────────────────────────────────────────────────────────────

    async def say(self, person: Person, body: Mapping[str, Any]) -> Json:
        """`conversation` may be a channel (a new post), a thread (a reply) or the person's chat with the app."""
        text = str(body.get("text") or "").strip()
        if not text:
            raise Refused("Say what: text is empty.")
        conversation = str(body.get("conversation") or self._directory.chat_id(person))
        channel = self._directory.channels.get(conversation)
        found = None if channel else self._threads.all.get(conversation) or _missing(conversation)
        if found is not None and found.person is not None and found.person.id != person.id:
            raise Refused("This is somebody else's chat.")
        team = channel.team if channel else found.channel.team if found and found.channel else None
        words = typed.read(text, self._directory, team)
        shown = Content("message", text, None, words.names)
        if channel is not None:
            thread = self._threads.start(channel, person.id, shown)
            message = thread.messages[0]
        else:
            assert found is not None
            thread, message = found, self._threads.add(found, person.id, shown)
        self._on_change()
        if thread.channel is not None and not words.to_app:
            # A bot in a channel hears only what mentions it.
            return self._seen(person, thread, message, None)
        answer = await self._deliver(self._sender.message(person, thread, message.id, words.fields))
        if not answer.good:
            message.notices[person.id] = UNREACHABLE
        self._on_change()
        return self._seen(person, thread, message, answer)

    # ── cards ────────────────────────────────────────────────────────────────────────────────────

    async def click(self, person: Person, body: Mapping[str, Any]) -> Json:
        """Press a card's button as this person sees it: `conversation`, `activity`; `verb`, `text`, `id` or `data`."""
        thread, message = self._threads.seen_by(person, body.get("conversation"), body.get("activity"))
        card = message.card_for(person.id)
        if card is None:
            raise Refused("This message has no card.")
        action = pressing.find_action(card, body)
        if action["type"] == "Action.OpenUrl":
            return {**self._seen(person, thread, message, None), "url": action["url"]}
        if action["type"] in ("Action.ShowCard", "Action.ToggleVisibility"):
            return self._seen(person, thread, message, None)
        inputs, invalid = pressing.gather(card, action, body.get("inputs") or {}, self._connector.rules)
        if invalid:
            return {**self._seen(person, thread, message, None), "invalid": invalid}
        message.notices.pop(person.id, None)
        answer = await self._press(person, thread, message, action, inputs)
        self._on_change()
        return self._seen(person, thread, message, answer)

    async def _press(
        self, person: Person, thread: Thread, message: Message, action: Json, inputs: dict[str, str]
    ) -> Answer:
        data = _merged(action, inputs)
        if action["type"] == "Action.Execute":
            return await self._execute(person, thread, message, action, data, "manual")
        if cast("Json", data.get("msteams") or {}).get("type") == "task/fetch":
            value = {"data": data, "context": {"theme": "default"}}
            answer = await self._invoke("task/fetch", person, thread, value, message.id)
            self._take_task(person, thread, message, answer)
            return answer
        activity = self._sender.message(person, thread, self._threads.next_id(), {"value": data})
        return await self._deliver({**activity, "replyToId": message.id})

    async def _execute(
        self, person: Person, thread: Thread, message: Message, action: Json, data: Json, trigger: str
    ) -> Answer:
        sent: Json = {key: action[key] for key in ("type", "id", "title", "verb") if key in action}
        value: Json = {"action": {**sent, "data": data}, "trigger": trigger}
        before = message.revision
        answer = await self._invoke("adaptiveCard/action", person, thread, value, message.id)
        notice = self._take_card(person, message, answer, before)
        if notice is None and trigger == "manual":
            message.answered[person.id] = message.answered.get(person.id, 0) + 1
        if notice is not None and trigger == "manual":
            message.notices[person.id] = notice
        return answer

    def _take_card(self, person: Person, message: Message, answer: Answer, before: int) -> Notice | None:
        """Put an invoke answer on this person's screen; what else the person is told."""
        if not answer.good:
            return UNREACHABLE
        body = cast("Json", answer.body if isinstance(answer.body, dict) else {})
        kind, value = body.get("type"), body.get("value")
        if kind == cards.CONTENT_TYPE:
            if self._broken(value, dialog=False):
                return WRONG
            message.views[person.id] = cast("Json", value)
            # The answer is the newest this client has, also of a message that was updated while it waited.
            message.refreshed[person.id] = max(before, message.revision)
            return None
        if kind == "application/vnd.microsoft.activity.message" and isinstance(value, str):
            return Notice(value, "info")
        if kind == "application/vnd.microsoft.error" and isinstance(value, dict):
            return Notice(str(cast("Json", value).get("message") or WRONG.text), "error")
        return WRONG

    async def view(self, person: Person, body: Mapping[str, Any]) -> Json:
        """This person's client shows a conversation: cards with `refresh` for them are fetched anew."""
        conversation = str(body.get("conversation") or "")
        channel = conversation.partition(THREAD)[0]
        refreshed = 0
        for thread in list(self._threads.all.values()):
            if conversation not in (thread.id, channel if thread.channel and thread.channel.id == channel else ""):
                continue
            for message in list(thread.messages):
                refresh = (message.card or {}).get("refresh")
                if refresh and not message.deleted and message.refreshed.get(person.id) != message.revision:
                    users: list[str] = refresh.get("userIds") or []
                    if users and self._directory.user_id(person) not in users:
                        continue
                    message.refreshed[person.id] = message.revision
                    action: Json = refresh["action"]
                    data = _merged(action, {})
                    await self._execute(person, thread, message, action, data, "automatic")
                    refreshed += 1
        if refreshed:
            self._on_change()
        return {"refreshed": refreshed}

    # ── dialogs ──────────────────────────────────────────────────────────────────────────────────

    async def submit(self, person: Person, body: Mapping[str, Any]) -> Json:
        """Press a button of the open dialog; without a trait, its first Action.Submit."""
        dialog = self.dialogs.get(person.id)
        if dialog is None:
            raise Refused(f"{person.name} has no dialog open.")
        wanted = body if any(body.get(key) is not None for key in ("verb", "id", "text", "data")) else None
        action = pressing.find_action(dialog.card, wanted) if wanted else _first_submit(dialog.card)
        if action["type"] == "Action.OpenUrl":
            return {**self._seen(person, dialog.thread, dialog.message, None), "url": action["url"]}
        inputs, invalid = pressing.gather(dialog.card, action, body.get("inputs") or {}, self._connector.rules)
        if invalid:
            return {**self._seen(person, dialog.thread, dialog.message, None), "invalid": invalid}
        value = {"data": _merged(action, inputs), "context": {"theme": "default"}}
        reply_to = dialog.message.id if self._connector.rules.submit_reply_to else None
        answer = await self._invoke("task/submit", person, dialog.thread, value, reply_to)
        if self.dialogs.get(person.id) is dialog:
            self._take_task(person, dialog.thread, dialog.message, answer)
        self._on_change()
        return self._seen(person, dialog.thread, dialog.message, answer)

    async def close(self, person: Person, body: Mapping[str, Any]) -> Json:
        """Close the open dialog. Teams tells the bot nothing."""
        dialog = self.dialogs.pop(person.id, None)
        if dialog is None:
            raise Refused(f"{person.name} has no dialog open.")
        self._on_change()
        return self._seen(person, dialog.thread, dialog.message, None)

    def _take_task(self, person: Person, thread: Thread, message: Message, answer: Answer) -> None:
        open_dialog = self.dialogs.get(person.id)
        if not answer.good:
            self._tell(person, message, open_dialog, UNREACHABLE)
            return
        body = cast("Json", answer.body if isinstance(answer.body, dict) else {})
        task = cast("Json", body.get("task") or {})
        value = task.get("value")
        if not task and open_dialog is not None:
            # An empty answer to task/submit closes the dialog.
            self.dialogs.pop(person.id)
        elif task.get("type") == "message" and isinstance(value, str):
            self.dialogs.pop(person.id, None)
            message.notices[person.id] = Notice(value, "info")
        elif task.get("type") == "continue" and isinstance(value, dict):
            info = cast("Json", value)
            card = cast("Json", info.get("card") or {})
            if card.get("contentType") != cards.CONTENT_TYPE or self._broken(card.get("content"), dialog=True):
                self._tell(person, message, open_dialog, WRONG)
                return
            title = str(info.get("title") or self._directory.app_name)
            self.dialogs[person.id] = Dialog(
                thread, message, title, card["content"], info.get("height"), info.get("width"), self._threads.next_id()
            )
        else:
            self._tell(person, message, open_dialog, WRONG)

    @staticmethod
    def _tell(person: Person, message: Message, dialog: Dialog | None, notice: Notice) -> None:
        if dialog is not None:
            dialog.notice = notice
        else:
            message.notices[person.id] = notice

    # ── shared ───────────────────────────────────────────────────────────────────────────────────

    def _broken(self, card: object, *, dialog: bool) -> bool:
        rules = self._connector.rules
        found = cards.faults(card, rules, dialog=dialog) if rules.check_cards else []
        if found:
            self._connector.note("The client cannot show the answered card.", found)
        return bool(found) or not isinstance(card, dict)

    async def _invoke(self, name: str, person: Person, thread: Thread, value: Json, reply_to: str | None) -> Answer:
        activity = self._sender.invoke(name, person, thread, value, reply_to)
        return await self._deliver(activity, self._connector.rules.invoke_seconds)

    async def _deliver(self, activity: Json, seconds: float | None = None) -> Answer:
        copies = 1 + self._connector.rules.duplicates
        if seconds is None:
            return await self._sender.deliver(activity, copies=copies)
        return await self._sender.deliver(activity, seconds, copies)

    def _seen(self, person: Person, thread: Thread, message: Message, answer: Answer | None) -> Json:
        notice = message.notices.get(person.id)
        return {
            "message": self._threads.message_view(thread, message, person),
            "dialog": self.dialog_view(person),
            "notice": notice and notice.text,
            "answer": answer and {"status": answer.status, "body": answer.body},
        }

    def dialog_view(self, person: Person) -> Json | None:
        dialog = self.dialogs.get(person.id)
        if dialog is None:
            return None
        return {
            "title": dialog.title,
            "card": dialog.card,
            "height": dialog.height,
            "width": dialog.width,
            "conversation": dialog.thread.id,
            "activity": dialog.message.id,
            "answered": dialog.answered,
            "notice": dialog.notice and {"text": dialog.notice.text, "tone": dialog.notice.tone},
        }


def _merged(action: Json, inputs: Mapping[str, str]) -> Json:
    data = action.get("data")
    return {**(cast("Json", data) if isinstance(data, dict) else {}), **inputs}


def _first_submit(card: Json) -> Json:
    found = next((node for node in cards.nodes(card) if node.get("type") == "Action.Submit"), None)
    if found is None:
        raise Refused("The dialog has no submit button.")
    return found


def _missing(conversation: str) -> Thread:
    raise Refused(f"There is no conversation {conversation!r}.")
