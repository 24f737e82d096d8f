"""What people say to the bot, and what it answers. Identity is the verified activity's (I14).

Teams writes a mention into the text as `<at>Bob</at>` and says in an entity who that is. The bot's own is taken out,
everybody else's becomes `<teams:tenant/object id>`, so that the desk knows people by their ids and not by their names.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import cast

import structlog

from signoff.desk import Desk
from signoff.errors import ChatBusy, ChatError, SignoffError, Undeliverable
from signoff.model import Actor, MessageRef, Principal
from signoff.ports import Memory
from signoff_teams import render
from signoff_teams.connector import Connector
from signoff_teams.parse import NAME, conversation_of, is_personal, person_of, service_url_of, tenant_of, text_of
from signoff_teams.private import Private

COMMANDS: Mapping[str, str] = {
    "pending": "What waits for you, as a list in our chat",
    "home": "Your queue, decisions, grants and delegations",
    "help": "What Signoff does",
    "whoami": "Who you are for Signoff",
    "freeze": "Stop everything, one agent or one tool",
    "thaw": "Let it go on again",
    "freezes": "What is frozen now",
    "delegate": "Let somebody decide in your place",
    "delegations": "Who decides for you, and for whom you do",
    "grants": "Which similar calls are allowed",
}
"""What can be said to the bot → what it does, as the manifest lists them: Teams takes ten. `end` and `revoke` are left
out, because whoever wants one of them has just read of it in the list of what can be ended.
"""
PRIVATE: Mapping[str, str] = {
    "pending": "I sent you the list in our chat.",
    "home": "I sent you your page in our chat.",
}
"""What is answered with a card that others must not read → what is said where they are."""
SPACE = "teams-heard"
"""Memory space: a message that has been acted on."""
HEARD = 3600.0
"""Seconds for which Teams may deliver a message again."""
NOBODY = "Teams did not say who you are, so nothing was done; write from your own work account."
BUSY = "Teams limits how fast we may write, so nothing was sent; ask again in {} s."
log = structlog.get_logger("signoff.teams")

_PREFIX = re.compile(r"^/?signoff(?:\s+|$)", re.IGNORECASE)
"""Written by those who know Signoff from another chat."""
_UNSAFE = re.compile(r"[\s<>\"“”„]+")
"""What would end a word of a command."""


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A mention as it stands in the text."""

    tag: str
    id: str
    """`28:…` a bot, `29:…` a person, or a person's Entra object id."""
    name: str
    user: str
    """The Entra object id, if Teams says it here."""
    tenant: str


def mentions(activity: Mapping[str, object]) -> list[Mentioned]:
    """Everybody who is mentioned, in the order of the entities. Pure."""
    entities = activity.get("entities")
    found: list[Mentioned] = []
    for entity in cast("list[object]", entities) if isinstance(entities, list) else []:
        tag, who = text_of(entity, "text"), text_of(entity, "mentioned", "id")
        if text_of(entity, "type") == "mention" and tag and who:
            name = text_of(entity, "mentioned", "name") or html.unescape(re.sub(r"<[^>]*>", "", tag))
            user = text_of(entity, "mentioned", "aadObjectId")
            found.append(Mentioned(tag, who, name, user, text_of(entity, "mentioned", "tenantId")))
    return found


def said(activity: Mapping[str, object], people: Sequence[tuple[str, str]]) -> str:
    """The words without the bot's own mention. `people`: tag → what stands in its place, in their order. Pure.

    Two people of the same name have the same tag: the first entity belongs to the first.
    """
    text = text_of(activity, "text").replace("\0", "")
    for index, (tag, _) in enumerate(people):
        text = text.replace(tag, f"\0{index}\0", 1)
    text = html.unescape(text)
    for index, (_, written) in enumerate(people):
        text = text.replace(f"\0{index}\0", written)
    return _PREFIX.sub("", " ".join(text.split()), count=1)


class Commands:
    def __init__(self, desk: Desk, memory: Memory, connector: Connector, private: Private) -> None:
        self._desk = desk
        self._memory = memory
        self._connector = connector
        self._private = private

    async def answer(self, activity: Mapping[str, object]) -> str | None:
        """What to say to a message; None when it has been acted on before, or is answered with a card."""
        who, tenant, conversation = person_of(activity), tenant_of(activity), conversation_of(activity)
        if who is None or tenant is None or not conversation:
            return NOBODY
        message = text_of(activity, "id")
        try:
            # Before it is acted on: a lost answer is seen by whoever waits for it, a second delegation is not.
            if message and not await self._memory.first(SPACE, f"{tenant}/{conversation}/{message}", HEARD):
                return None
            origin = MessageRef(chat=NAME, tenant=tenant, conversation=conversation, message=message)
            words = await self._words(activity)
            name, _, rest = words.partition(" ")
            if (name := name.lower().removeprefix("/")) in PRIVATE:
                await self.show(who, name, rest)
                return None if is_personal(activity) else PRIVATE[name]
            return await self._desk.command(words, Actor(via=NAME, principal=who, origin=origin))
        except ChatBusy as error:
            return BUSY.format(ceil(error.retry_after))
        except SignoffError as error:
            return error.sentence

    async def show(self, who: Principal, name: str, words: str = "") -> None:
        """Send somebody their list or their page, where nobody else reads it. Raises SignoffError."""
        # Neither has a card as its origin: it is looked through by this person, wherever it is drawn.
        actor, review = Actor(via=NAME, principal=who), self._desk.review
        if name == "home":
            card = render.home(await review.home(actor))
        else:
            card = render.screen(await review.open(actor, words))
        await self._private.send(who, card)

    async def welcome(self, activity: Mapping[str, object]) -> None:
        """Somebody has added the app for themselves: their page, unless it is delivered again."""
        who, event = person_of(activity), text_of(activity, "id")
        try:
            if who is not None and await self._memory.first(SPACE, f"{who.key}/{event}", HEARD):
                await self.show(who, "home")
        except SignoffError as error:
            # Nobody asked for it: it can be asked for.
            log.warning("could not send somebody their page", error=str(error))

    async def _words(self, activity: Mapping[str, object]) -> str:
        """Raises ChatError when it cannot be told who is mentioned."""
        bot = text_of(activity, "recipient", "id")
        found = mentions(activity)
        return said(activity, [(one.tag, "" if one.id == bot else await self._person(activity, one)) for one in found])

    async def _person(self, activity: Mapping[str, object], one: Mentioned) -> str:
        tenant, user = one.tenant or tenant_of(activity) or "", one.user
        if not user:
            try:
                found = await self._connector.member(service_url_of(activity), conversation_of(activity), one.id)
            except Undeliverable:
                found = None
            except ChatError as error:
                raise ChatError(reason=f"who {one.name} is cannot be looked up; {error.data['reason']}") from error
            user, tenant = text_of(found, "aadObjectId"), text_of(found, "tenantId") or tenant
        # Whoever has no id here has a name all the same, and it may be that of one of the policy's people (I14).
        return f"<{NAME}:{tenant}/{user}>" if user else f"<{NAME}:?/{_UNSAFE.sub('_', one.name)}>"
