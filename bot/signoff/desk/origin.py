"""A click counts only on the card where it was posted (I16)."""

from __future__ import annotations

import asyncio

from signoff.errors import DuplicateCard, StillPosting, WrongPlace
from signoff.model import Actor, MessageRef
from signoff.ports import Outbox

POSTING_PATIENCE = (0.05, 0.1, 0.2, 0.4, 0.6)
"""Seconds to wait for a card's place to be recorded when somebody clicks faster than that."""


async def check_origin(outbox: Outbox, request_id: str, actor: Actor) -> None:
    """Raises WrongPlace, StillPosting, or DuplicateCard for a second copy in a room where the card really is."""
    if actor.origin is None:
        return
    origin = actor.origin
    known: list[MessageRef] = []
    for patience in (*POSTING_PATIENCE, None):
        placements = await outbox.placements(request_id)
        known = [placement.message for placement in placements if placement.message is not None]
        if origin in known:
            return
        posting = any(p.state == "posting" and p.place.startswith(origin.chat + ":") for p in placements)
        if not posting:
            break
        if patience is None:
            raise StillPosting  # whose card this is cannot be told yet, so it is not called a copy either
        # Clicked between the posting and its record: the record is on its way from another worker.
        await asyncio.sleep(patience)
    if any(_same_room(message, origin) for message in known):
        raise DuplicateCard(request=request_id)
    raise WrongPlace


def _same_room(one: MessageRef, other: MessageRef) -> bool:
    return (one.chat, one.tenant, one.conversation) == (other.chat, other.tenant, other.conversation)
