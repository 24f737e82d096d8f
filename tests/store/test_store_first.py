"""Once, whoever asks at the same moment."""

from __future__ import annotations

import asyncio
from typing import Any


async def test_of_several_at_once_one_is_first(store: Any) -> None:
    """Twenty ask together: one hears yes; a later one and another key are told apart."""
    answers = await asyncio.gather(*(store.first("space", "key", 60.0) for _ in range(20)))
    assert sorted(answers) == [False] * 19 + [True]
    assert not await store.first("space", "key", 60.0)
    assert await store.first("space", "other", 60.0)
    assert await store.first("elsewhere", "key", 60.0)
