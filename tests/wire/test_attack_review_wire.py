"""Attacks on reviews through the real wires, in both chats: replays, forgeries, two windows, text that is markup."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest
from harness_review import RULES, ask
from markdown_it import MarkdownIt

Policed = Callable[[str, str, timedelta], AbstractAsyncContextManager[Any]]


@pytest.fixture
async def house(policed: Policed, chat: str) -> AsyncIterator[Any]:
    async with policed(chat, RULES, timedelta()) as made:
        yield made


MARKDOWN = (
    "[the invoice](https://evil.example) *b* **c** _d_ <https://evil.example> &lt; \\* ![x](https://evil.example/x)"
)


@pytest.mark.parametrize("chat", ["teams"])
@pytest.mark.parametrize("opened", [False, True])
async def test_i12_what_can_be_ticked_is_no_markdown(house: Any, opened: bool) -> None:
    """The words beside a tick are read as Markdown by clients (adaptivecards 3.x): here they stay characters."""
    await ask(house, 20, title=MARKDOWN, agent=MARKDOWN, arguments={"note": "[a](https://evil.example)"}, schema=None)
    ada = house.side.hands("ada")
    await ada.ask()
    if opened:
        await ada.open("1 × issue_refund")
    titles = list(ada.ticks())
    assert "the invoice" in "".join(titles)
    for title in titles:
        drawn = MarkdownIt("commonmark").render(title)
        assert not [tag for tag in ("<a", "<em", "<strong", "<img", "<code") if tag in drawn], drawn
        assert "&amp;lt;" in drawn or "&lt;" not in title
