"""Teams as a Chat: posting, repainting, and the door `/api/messages`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import structlog

from signoff.cards import Card
from signoff.desk import Desk
from signoff.errors import ChatError, SignoffError, StoreUnavailable, Undeliverable
from signoff.model import Actor, MessageRef, Principal
from signoff.ports import Directory, Memory, Route
from signoff_teams import render
from signoff_teams.access import Access
from signoff_teams.app import Door
from signoff_teams.auth import SigningKeys, Verifier
from signoff_teams.clicks import Clicks
from signoff_teams.commands import Commands
from signoff_teams.connector import Connector
from signoff_teams.directory import TeamsDirectory
from signoff_teams.graph import Graph
from signoff_teams.messages import Called, card_message, text_message
from signoff_teams.parse import NAME, text_of
from signoff_teams.places import CARDS, PILES, Places, card_key, in_thread
from signoff_teams.private import Private
from signoff_teams.review import Reviews
from signoff_teams.settings import TeamsSettings

THREADS = "teams-threads"
"""Memory space: message → the thread it stands in, if that begins with another message."""
MENTIONS = 20
"""People called by name in one message; each is looked up."""
CARD_LIFE = 31 * 24 * 3600.0
"""Seconds; longer than a request can stay open."""

log = structlog.get_logger("signoff.teams")


class TeamsChat:
    """One bot registration. Any replica serves any click and any post."""

    name = NAME

    def __init__(self, settings: TeamsSettings, desk: Desk, memory: Memory) -> None:
        self._settings = settings
        self._desk = desk
        self._memory = memory
        self._access = Access(settings)
        self._keys = SigningKeys(settings.openid_metadata_url, self._access.document)
        self._connector = Connector(settings, self._access)
        self._places = Places(settings, desk, memory, self._connector)
        self.directory: Directory = TeamsDirectory(
            settings, self._connector, Graph(settings, self._access), self._places
        )
        self._private = Private(self._places, self._connector, memory)
        clicks = Clicks(desk, memory, self._repaint_soon)
        reviews = Reviews(desk, memory, self._private)
        commands = Commands(desk, memory, self._connector, self._private)
        verifier = Verifier(settings, self._keys)
        self._door = Door(settings, desk, verifier, self._connector, clicks, reviews, commands, self._places)
        self._repaints: set[asyncio.Task[None]] = set()

    def routes(self) -> Sequence[Route]:
        return (Route("POST", "/api/messages", self._door.messages),)

    async def start(self) -> None:
        """Raises ChatError when Microsoft cannot be reached or does not know the app."""
        if self._settings.anonymous:
            return
        await self._access.token()
        try:
            await self._keys.refresh()
        except ConnectionError as error:
            raise ChatError(reason=f"Bot Framework's signing keys cannot be fetched ({error}).") from error

    async def close(self) -> None:
        for task in self._repaints:
            task.cancel()
        await asyncio.gather(*self._repaints, return_exceptions=True)
        await self._private.close()
        await self._access.close()

    async def post(self, place: str, card: Card) -> MessageRef:
        """Raises ChatBusy, ChatError, Undeliverable."""
        target = await self._places.find(place)
        activity = card_message(render.card(card), card.summary)
        try:
            if target.kind == "channel":
                sent = await self._connector.start(
                    target.service_url, target.tenant, channel=target.conversation, person=None, activity=activity
                )
                conversation, posted = sent.conversation, sent.message
                if not posted:
                    raise ChatError(reason="Teams' answer names no message.")
            else:
                conversation = target.conversation
                posted = await self._connector.send(target.service_url, conversation, activity)
        except Undeliverable as error:
            raise Undeliverable(place=place, reason=error.data["reason"]) from error
        # A thread's id is the channel's with `;messageid=…`; clicks are compared by the channel and the message.
        made = MessageRef(chat=NAME, tenant=target.tenant, conversation=conversation.partition(";")[0], message=posted)
        with suppress(StoreUnavailable):  # posted is posted: to fail now would post it again
            await self._memory.remember(CARDS, card_key(made), card.request_id, CARD_LIFE)
            if card.purpose == "pile":
                await self._memory.remember(PILES, card_key(made), place, CARD_LIFE)
            if target.conversation != made.conversation:
                await self._memory.remember(THREADS, card_key(made), target.conversation, CARD_LIFE)
        return made

    async def update(self, message: MessageRef, card: Card) -> None:
        """Raises ChatBusy, ChatError, Undeliverable."""
        url = await self._places.url_of(message.tenant, message.conversation)
        activity = card_message(render.card(card), card.summary)
        await self._connector.update(url, message.conversation, message.message, activity)

    async def tell(self, message: MessageRef, text: str, people: Sequence[Principal]) -> None:
        """Raises ChatBusy, ChatError, Undeliverable."""
        url = await self._places.url_of(message.tenant, message.conversation)
        # A card that was itself posted as a reply stands in the thread of another message.
        thread = await self._memory.recall(THREADS, card_key(message)) or in_thread(message)
        found = await asyncio.gather(*(self._called(url, message, who) for who in people[:MENTIONS]))
        called = [one for one in found if isinstance(one, Called)]
        # Whoever is not in that conversation cannot be called there, and is named all the same.
        names = [one for one in found if isinstance(one, str)]
        names += [f"{len(people) - MENTIONS} more"] if len(people) > MENTIONS else []
        said = f"{', '.join(names)}: {text}" if names else text
        await self._connector.send(url, thread, text_message(said, called))

    async def _called(self, url: str, message: MessageRef, who: Principal) -> Called | str:
        """Somebody as a mention in that conversation, or else a name. Raises ChatBusy, ChatError."""
        try:
            found = await self._connector.member(url, message.conversation, who.user)
        except Undeliverable:
            found = None
        known, name = text_of(found, "id"), text_of(found, "name")
        if known and name:
            return Called(known, name)
        return self._desk.person(Actor(via=NAME, principal=who)) or who.user

    async def find(self, place: str, request_id: str) -> MessageRef | None:
        """None: a bot cannot read a conversation's history without consent of the tenant's administrator.

        A card that was posted twice is found when somebody clicks the second one, and becomes a pointer then.
        """
        return None

    async def health(self) -> str | None:
        try:
            await self._access.token()
        except ChatError as error:
            return error.sentence
        return None

    def _repaint_soon(self, message: MessageRef, card: Card) -> None:
        task = asyncio.create_task(self._repaint(message, card))
        self._repaints.add(task)
        task.add_done_callback(self._repaints.discard)

    async def _repaint(self, message: MessageRef, card: Card) -> None:
        try:
            # Whose card it is, the store says and not the click: its data passed through a client that may change it.
            if await self._memory.recall(CARDS, card_key(message)) not in (None, card.request_id):
                log.warning("a click named another request than its card", message=message.message)
                return
            await self.update(message, card)
        except SignoffError as error:
            # The next click on that copy tries again.
            log.warning("a duplicate card could not be repainted", message=message.message, error=str(error))
