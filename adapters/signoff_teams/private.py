"""Cards for one person, in their own chat with the bot: lists of what waits, and their own page."""

from __future__ import annotations

import asyncio

import structlog

from signoff.errors import ChatBusy, SignoffError
from signoff.model import MessageRef, Principal
from signoff.ports import Memory
from signoff_teams.connector import Connector
from signoff_teams.messages import card_message
from signoff_teams.parse import NAME
from signoff_teams.places import Places, card_key
from signoff_teams.render import Json

SPACE = "teams-private"
"""Memory space: message → whose list or page it is."""
LIFE = 31 * 24 * 3600.0
"""Seconds for which such a message can be repainted."""
SUMMARY = "What waits for you"
"""What a notification says; whatever waits is nobody else's to read."""
TRIES = 3
PATIENCE = 30.0
"""Seconds; a repaint that would have to wait longer is left out: whoever clicked has the answer already."""

log = structlog.get_logger("signoff.teams")


class Private:
    """What a message shows last is what counts, so a repaint that waits gives way to the next one."""

    def __init__(self, places: Places, connector: Connector, memory: Memory) -> None:
        self._places = places
        self._connector = connector
        self._memory = memory
        self._due: dict[MessageRef, Json] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def send(self, who: Principal, card: Json) -> None:
        """Raises ChatBusy, ChatError, Undeliverable, StoreUnavailable."""
        target = await self._places.personal(who)
        posted = await self._connector.send(target.service_url, target.conversation, card_message(card, SUMMARY))
        made = MessageRef(chat=NAME, tenant=target.tenant, conversation=target.conversation, message=posted)
        await self._memory.remember(SPACE, card_key(made), who.key, LIFE)

    async def owns(self, who: Principal, message: MessageRef) -> bool:
        """Whether this message is somebody's own list or page. Raises StoreUnavailable."""
        return bool(message.message) and await self._memory.recall(SPACE, card_key(message)) == who.key

    def repaint(self, message: MessageRef, card: Json) -> None:
        """Show this from now on, soon and in the background."""
        busy = message in self._due
        self._due[message] = card
        if not busy:
            task = asyncio.create_task(self._paint(message))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _paint(self, message: MessageRef) -> None:
        try:
            url = await self._places.url_of(message.tenant, message.conversation)
            tries = TRIES
            while tries:
                card = self._due[message]
                try:
                    await self._connector.update(
                        url, message.conversation, message.message, card_message(card, SUMMARY)
                    )
                except ChatBusy as error:
                    tries -= 1
                    if not tries or error.retry_after > PATIENCE:
                        raise
                    await asyncio.sleep(error.retry_after)
                    continue
                if self._due[message] is card:
                    return
        except SignoffError as error:
            log.warning("a list could not be repainted", message=message.message, error=str(error))
        finally:
            del self._due[message]
