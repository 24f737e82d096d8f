"""Which drawing of a single request may be pressed: the last one, and once.

Somebody who clicks Approve twice, or in a drawing that another one was to replace, must not decide the request that
comes next, which is what the review stands at by then.
"""

from __future__ import annotations

import secrets

from signoff.errors import StoreUnavailable
from signoff.ports import Memory

LIFE = 3600.0
"""Seconds; as long as a review is remembered."""
DRAWN = "slack-single"
"""Memory space: review → the mark of the last drawing."""
PRESSED = "slack-pressed"
"""Memory space: marks that were pressed."""


class Presses:
    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def drawn(self, review: str) -> str:
        """The mark of a new drawing; all before it are void."""
        mark = secrets.token_urlsafe(9)
        try:
            await self._memory.remember(DRAWN, review, mark, LIFE)
        except StoreUnavailable:
            # What led here was written; a press in this drawing will be refused, and lead to a new one.
            return mark
        return mark

    async def fresh(self, review: str, mark: str) -> bool:
        """Whether this is the last drawing. Raises StoreUnavailable."""
        return mark != "" and await self._memory.recall(DRAWN, review) == mark

    async def use(self, review: str, mark: str) -> bool:
        """Whether this press counts: of several at once, one does. Raises StoreUnavailable."""
        return await self.fresh(review, mark) and await self._memory.first(PRESSED, f"{review}/{mark}", LIFE)

    async def release(self, review: str, mark: str) -> None:
        """It did not count after all: a form with a fault is sent again. Raises StoreUnavailable."""
        await self._memory.forget(PRESSED, f"{review}/{mark}")
