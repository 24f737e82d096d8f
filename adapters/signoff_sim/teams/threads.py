"""What was said where: channel threads and personal chats, with the views that single people have of a message."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from signoff_sim.simulated import Refused
from signoff_sim.teams.content import Content
from signoff_sim.teams.directory import Channel, Directory
from signoff_sim.world import Person

THREAD = ";messageid="
"""Stands between a channel's id and its root message in a thread's conversation id."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A line at a message that one person sees."""

    text: str
    tone: str
    """`info` or `error`."""


@dataclass(slots=True)
class Message:
    id: str
    sender: str | None
    """A person's world id; None: the bot."""
    at: float
    """Unix seconds."""
    text: str = ""
    card: dict[str, Any] | None = None
    mentions: tuple[str, ...] = ()
    """Names in the text that Teams highlights."""
    revision: int = 1
    """Goes up with every update by the bot."""
    deleted: bool = False
    views: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """World id → the card that an invoke answer put in place of the message's card, for that person only."""
    refreshed: dict[str, int] = field(default_factory=dict[str, int])
    """World id → the revision that person's client has refreshed."""
    notices: dict[str, Notice] = field(default_factory=dict[str, Notice])
    answered: dict[str, int] = field(default_factory=dict[str, int])
    """World id → how many presses of that person a card has answered: each is drawn anew, also the same one again."""

    def card_for(self, person: str) -> dict[str, Any] | None:
        return self.views.get(person, self.card)

    def replace(self, shown: Content) -> None:
        """What updateActivity does: everybody sees the new card, single views and notices end."""
        self.text, self.card, self.mentions = shown.text, shown.card, shown.mentions
        self.revision += 1
        self.views.clear()
        self.notices.clear()


@dataclass(slots=True)
class Thread:
    id: str
    """The conversation id a bot sees: `19:…;messageid=…` or `a:…`."""
    channel: Channel | None = None
    person: Person | None = None
    """Whose personal chat this is."""
    messages: list[Message] = field(default_factory=list[Message])

    def find(self, activity_id: str) -> Message | None:
        return next((m for m in self.messages if m.id == activity_id and not m.deleted), None)


@dataclass(slots=True)
class Dialog:
    """The dialog one person has open."""

    thread: Thread
    message: Message
    title: str
    card: dict[str, Any]
    height: object = None
    width: object = None
    answered: str = ""
    """Differs for every page that was answered, also for the same one again."""
    notice: Notice | None = None


class Threads:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._last_id = 0
        self.all: dict[str, Thread] = {}
        for person in directory.people.values():
            chat = directory.chat_id(person)
            self.all[chat] = Thread(chat, person=person)

    def next_id(self) -> str:
        """Activity ids are milliseconds, as in the real service, and never repeat."""
        self._last_id = max(self._last_id + 1, int(time.time() * 1000))
        return str(self._last_id)

    def start(self, channel: Channel, sender: str | None, shown: Content) -> Thread:
        """A new post in a channel: its thread, holding it."""
        message = Message(self.next_id(), sender, time.time(), shown.text, shown.card, shown.mentions)
        thread = Thread(f"{channel.id}{THREAD}{message.id}", channel=channel, messages=[message])
        self.all[thread.id] = thread
        return thread

    def add(self, thread: Thread, sender: str | None, shown: Content) -> Message:
        message = Message(self.next_id(), sender, time.time(), shown.text, shown.card, shown.mentions)
        thread.messages.append(message)
        return message

    def holding(self, conversation: str, activity_id: str) -> tuple[Thread, Message] | None:
        """A message by the conversation's id, or by its channel's, and its own."""
        channel = conversation.partition(THREAD)[0]
        for thread in self.all.values():
            here = thread.id == conversation or (thread.channel is not None and thread.channel.id == channel)
            if here and (message := thread.find(activity_id)):
                return thread, message
        return None

    def seen_by(self, person: Person, conversation: object, activity: object) -> tuple[Thread, Message]:
        """Raises Refused when that person cannot see such a message."""
        found = self.holding(str(conversation), str(activity))
        if found is None or (found[0].person is not None and found[0].person.id != person.id):
            raise Refused(f"{person.name} sees no message {activity} in {conversation}.")
        return found

    # ── as JSON, for the page ────────────────────────────────────────────────────────────────────

    def message_view(self, thread: Thread, message: Message, person: Person) -> dict[str, Any]:
        sender = self._directory.people[message.sender] if message.sender else None
        notice = message.notices.get(person.id)
        return {
            "id": message.id,
            "conversation": thread.id,
            "from": {"bot": True, "name": self._directory.app_name}
            if sender is None
            else {"bot": False, "name": sender.name, "person": sender.id},
            "at": message.at,
            "text": message.text,
            "mentions": list(message.mentions),
            "card": message.card_for(person.id),
            "only_you": person.id in message.views,
            "answered": message.answered.get(person.id, 0),
            "revision": message.revision,
            "edited": message.revision > 1,
            "deleted": message.deleted,
            "notice": notice and {"text": notice.text, "tone": notice.tone},
        }

    def thread_view(self, thread: Thread, person: Person) -> dict[str, Any]:
        return {"id": thread.id, "messages": [self.message_view(thread, m, person) for m in thread.messages]}
