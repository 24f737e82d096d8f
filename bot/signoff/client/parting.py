"""Last words: what a call that has been cancelled still has to say."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Final

LAST_WORDS: Final = 1.0
"""Seconds that a cancelled call spends on them."""

log = logging.getLogger("signoff")

_speaking: set[asyncio.Task[None]] = set()
"""The event loop itself keeps no task alive."""


async def last_words(words: Coroutine[object, object, object]) -> None:
    """Say them, in a task of their own: whoever is cancelled again does not wait for them, and they are said all the
    same. anyio cancels again at every turn of the event loop, as long as its scope lasts.
    """

    async def say() -> None:
        try:
            async with asyncio.timeout(LAST_WORDS):
                await words
        except TimeoutError:
            log.warning("a call was cancelled, and the approval service did not answer in time to hear of it")

    task = asyncio.create_task(say())
    _speaking.add(task)
    task.add_done_callback(_speaking.discard)
    await asyncio.wait({task})
