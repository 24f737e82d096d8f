"""The loop around a review: draws, reads a key, asks the service what the key asks for."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

from rich.console import Console

from signoff.cli import bulk, waiting
from signoff.cli.pending import path_of
from signoff.cli.remote import call, fail, faults
from signoff.cli.review.draw import draw
from signoff.cli.review.keys import Keyboard, terminal
from signoff.cli.review.state import Item, Key, Review, Work, checked, decided, followed, loaded, one_decided, press
from signoff.client.wire import Document
from signoff.model import one_line

PAGE = "200"
"""Requests that are fetched at once; the next ones come when somebody goes on behind the last one."""
SEEN = 0.3
"""Seconds before which nobody has read a question: what is pressed sooner was meant for something else."""


def run(query: Mapping[str, str]) -> None:
    """Until somebody quits. Ends the command without a terminal, and when the service cannot be reached."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        fail("--review needs a terminal; without one use `signoff pending --json` and `signoff decide`.", 2)
    with terminal(sys.stdin.fileno()) as keyboard:
        Session(query, Console(), keyboard).run()


class Session:
    """One review at one terminal."""

    def __init__(
        self,
        query: Mapping[str, str],
        console: Console,
        keyboard: Keyboard,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._query = {**query, "limit": PAGE}
        self._console = console
        self._keyboard = keyboard
        self._clock = clock
        self._records: dict[str, Document] = {}
        self._cursor: str | None = None

    def run(self) -> None:
        review = self._load(Review(()))
        while review.mode != "over":
            draw(review, self._console, self._whole(review))
            try:
                key = self._considered() if review.mode == "sure" else self._keyboard.read()
            except EOFError:
                return
            review, work = press(review, key)
            review = self._worked(review, work)

    def _considered(self) -> Key:
        """The first key of somebody who can have read the question that was drawn: a y typed ahead has not seen it."""
        self._keyboard.forget()
        drawn = self._clock()
        key = self._keyboard.read()
        while self._clock() - drawn < SEEN:
            key = self._keyboard.read()
        return key

    def _worked(self, review: Review, work: Work) -> Review:
        match work:
            case "":
                return review
            case "load":
                return self._load(review)
            case "more":
                return self._more(review)
            case "preflight":
                return checked(review, bulk.preflight(review.kind, review.chosen))
            case "decide":
                return decided(review, bulk.decide(review.kind, review.ready, review.reason.strip() or None))
            case "single":
                return self._single(review)

    def _load(self, review: Review) -> Review:
        self._records = {}
        items, page = self._page({})
        return loaded(review, items, waiting.counted(page) if items else "", more=self._cursor is not None)

    def _more(self, review: Review) -> Review:
        items, _ = self._page({} if self._cursor is None else {"cursor": self._cursor})
        return followed(review, items, more=self._cursor is not None)

    def _page(self, where: Mapping[str, str]) -> tuple[list[Item], Document]:
        page = waiting.page({**self._query, **where})
        if page is None:
            fail("--review needs an approver key.", 2)
        requests = waiting.requests(page)
        self._cursor = None if page.get("cursor") is None else str(page["cursor"])
        self._records |= {str(one["id"]): one for one in requests}
        alike = {
            one: f"{group['title']}: {group['detail']}"
            for group in cast("list[Document]", page["groups"])
            for one in cast("list[str]", group["requests"])
        }
        return [_item(one, alike.get(str(one["id"]), str(one["id"]))) for one in requests], page

    def _single(self, review: Review) -> Review:
        """Decided as it was shown: a version that was edited meanwhile is refused."""
        here = review.here
        assert here is not None
        body = {"kind": review.kind, "version": here.pinned.version, "message": review.reason.strip() or None}
        reply = call("POST", f"{path_of(here.pinned.id)}/decisions", body)
        if reply.status != 200:
            return one_decided(review, faults(reply), counted=False)
        status = "approved" if reply.body["status"] == "approved" else "rejected"
        said = "your vote counts; others are still asked" if reply.body["status"] == "pending" else status
        return one_decided(review, f"{here.pinned.title}: {said}", counted=True)

    def _whole(self, review: Review) -> Document | None:
        return None if review.here is None else self._records.get(review.here.pinned.id)


def _item(request: Document, group: str) -> Item:
    pinned = bulk.pinned(request)
    return Item(
        replace(pinned, text=one_line(pinned.text)),
        group,
        waiting.mark(request),
        str(request["expires_at"]),
        confirm=request.get("confirm") is not None,
    )
