"""What a key does: from one state of a review to the next, and what the service is asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from signoff.cli.bulk import ASKED, MOST, BulkKind, Decided, Pinned, Result

Key = str
"""A printable character, or one of the names below."""
UP, DOWN, ENTER, ESCAPE, BACKSPACE, SPACE = "up", "down", "enter", "escape", "backspace", " "

Mode = Literal["list", "refused", "open", "reason", "sure", "results", "over"]
"""`refused`: r was pressed on what cannot be rejected here; the letters of the reason may follow already."""
Work = Literal["", "load", "more", "preflight", "decide", "single"]
"""What the loop has to do before the next key: nothing, fetch the queue anew, fetch what follows, ask what would be
decided, decide what the preflight showed, decide the open one alone.
"""


@dataclass(frozen=True, slots=True)
class Item:
    """One request of the list."""

    pinned: Pinned
    group: str
    """Title and detail of what it is alike with."""
    mark: str | None
    """Why it cannot be decided along with others."""
    expires: str
    confirm: bool = False
    """Its approval has to be typed."""


@dataclass(frozen=True, slots=True)
class Review:
    items: tuple[Item, ...]
    heading: str = ""
    more: bool = False
    """There are requests behind these."""
    at: int = 0
    selected: frozenset[str] = frozenset()
    mode: Mode = "list"
    kind: BulkKind = "approve"
    single: bool = False
    """The open one alone is being decided."""
    reason: str = ""
    checked: tuple[Result, ...] = ()
    """What the preflight said."""
    results: tuple[Result, ...] = ()
    decided_as: str | None = None
    """The id under which what was decided together stands in the audit trail."""
    notice: str = ""

    @property
    def here(self) -> Item | None:
        return self.items[self.at] if self.items else None

    @property
    def chosen(self) -> tuple[Pinned, ...]:
        """What is decided together: what is selected, in the order of the list, or else the row under the cursor."""
        if self.selected:
            return tuple(one.pinned for one in self.items if one.pinned.id in self.selected)
        return () if self.here is None or self.here.mark is not None else (self.here.pinned,)

    @property
    def ready(self) -> tuple[Pinned, ...]:
        """What the preflight let through: exactly this is decided."""
        return tuple(one.pinned for one in self.checked if one.code == "ok")


def press(review: Review, key: Key) -> tuple[Review, Work]:
    """What a key leads to; a key that means nothing here changes nothing."""
    if review.mode == "refused" and key not in {ENTER, ESCAPE}:
        return review, ""
    review = replace(review, notice="")
    match review.mode:
        case "list":
            return _listed(review, key)
        case "refused":
            return replace(review, mode="open" if key == ENTER else "list"), ""
        case "open":
            return _opened(review, key)
        case "reason":
            return _typed(review, key)
        case "sure":
            return _sure(review, key)
        case "results":
            return replace(review, mode="list", results=(), checked=(), decided_as=None), "load"
        case "over":
            return review, ""


def loaded(review: Review, items: Sequence[Item], heading: str, *, more: bool) -> Review:
    """The queue as it is now; the place in the list is kept, and what is selected as long as it is the same version."""
    known = {one.pinned.id: one.pinned for one in review.items}
    same = {one.pinned.id for one in items if one.mark is None and known.get(one.pinned.id) == one.pinned}
    at = min(review.at, max(len(items) - 1, 0))
    return replace(review, items=tuple(items), heading=heading, more=more, at=at, selected=review.selected & same)


def followed(review: Review, items: Sequence[Item], *, more: bool) -> Review:
    """With what follows, and on to the first of it."""
    known = {one.pinned.id for one in review.items}
    new = tuple(one for one in items if one.pinned.id not in known)
    return replace(review, items=(*review.items, *new), more=more, at=review.at + 1 if new else review.at)


def checked(review: Review, results: Sequence[Result]) -> Review:
    """What the service says would be decided: shown, and waiting for y."""
    seen = replace(review, checked=tuple(results))
    if seen.ready:
        return replace(seen, mode="sure")
    return replace(review, mode="list", notice=f"Nothing of it can be decided: {results[0].sentence}")


def decided(review: Review, made: Decided) -> Review:
    """A line for each, those that the preflight left out too."""
    done = {one.pinned.id: one for one in made.results}
    told = tuple(done.get(one.pinned.id, one) for one in review.checked)
    return replace(review, mode="results", results=told, decided_as=made.review, selected=frozenset(), reason="")


def one_decided(review: Review, said: str, *, counted: bool) -> Review:
    """On to the next one, in the place of the one that is decided."""
    after = replace(review, mode="open", single=False, reason="", notice=said)
    here = review.here
    if not counted or here is None:
        return after
    items = (*review.items[: review.at], *review.items[review.at + 1 :])
    after = replace(after, items=items, at=min(review.at, max(len(items) - 1, 0)))
    after = replace(after, selected=review.selected - {here.pinned.id})
    return after if items else replace(after, mode="list")


def _listed(review: Review, key: Key) -> tuple[Review, Work]:
    here = review.here
    match key:
        case "q" | "escape":
            return replace(review, mode="over"), ""
        case "down" | "j" | "n" if review.more and review.at == len(review.items) - 1:
            return review, "more"
        case "down" | "j" | "n":
            return _moved(review, 1), ""
        case "up" | "k":
            return _moved(review, -1), ""
        case "a" | "r" if here is not None and (why := _not_together(review, here)) is not None:
            return replace(review, notice=why, mode="refused" if key == "r" else "list"), ""
        case "a" if here is not None:
            return replace(review, kind="approve", single=False, reason=""), "preflight"
        case "r" if here is not None:
            return replace(review, kind="reject", single=False, reason="", mode="reason"), ""
        case " " if here is not None:
            if here.mark is not None:
                return replace(review, notice=_apart(here)), ""
            return replace(review, selected=review.selected ^ {here.pinned.id}), ""
        case "g" if here is not None:
            return _group(review, here), ""
        case "enter" if here is not None:
            return replace(review, mode="open"), ""
        case _:
            return review, ""


def _not_together(review: Review, here: Item) -> str | None:
    """Why `a` and `r` do not go on from the list."""
    if len(review.selected) > MOST:
        return f"{len(review.selected)} are selected; at most {MOST} are decided at once."
    return _apart(here) if not review.selected and here.mark is not None else None


def _apart(here: Item) -> str:
    return f"{here.pinned.title}: {here.mark}; enter opens it."


def _group(review: Review, here: Item) -> Review:
    """Select all that is alike and can be decided together; or none of it, when all of it is."""
    alike = {one.pinned.id for one in review.items if one.group == here.group and one.mark is None}
    if not alike:
        return replace(review, notice=_apart(here))
    return replace(review, selected=review.selected - alike if alike <= review.selected else review.selected | alike)


def _opened(review: Review, key: Key) -> tuple[Review, Work]:
    here = review.here
    if here is None or key in {"q", ESCAPE, ENTER}:
        return replace(review, mode="list"), ""
    match key:
        case "down" | "j" | "n" | " ":
            if review.at == len(review.items) - 1 and review.more:
                return review, "more"
            if review.at == len(review.items) - 1:
                return replace(review, mode="list", notice="That was the last one."), ""
            return _moved(review, 1), ""
        case "up" | "k":
            return _moved(review, -1), ""
        case "a" if here.confirm:
            said = f"Its approval is typed: signoff decide {here.pinned.id} approve --confirm TEXT"
            return replace(review, notice=said), ""
        case "a":
            return replace(review, kind="approve", single=True, reason="", mode="sure"), ""
        case "r":
            return replace(review, kind="reject", single=True, reason="", mode="reason"), ""
        case _:
            return review, ""


def _typed(review: Review, key: Key) -> tuple[Review, Work]:
    match key:
        case "enter" if review.single:
            return replace(review, mode="sure"), ""
        case "enter":
            return review, "preflight"
        case "escape":
            return replace(review, mode="open" if review.single else "list", reason=""), ""
        case "backspace":
            return replace(review, reason=review.reason[:-1]), ""
        case _ if len(key) == 1 and key.isprintable():
            return replace(review, reason=review.reason + key), ""
        case _:
            return review, ""


def _sure(review: Review, key: Key) -> tuple[Review, Work]:
    """Only y goes on; any other key decides nothing."""
    if key == "y":
        return review, "single" if review.single else "decide"
    back: Mode = "open" if review.single else "list"
    return replace(review, mode=back, checked=(), single=False, notice="Nothing was decided."), ""


def _moved(review: Review, by: int) -> Review:
    return replace(review, at=min(max(review.at + by, 0), max(len(review.items) - 1, 0)))


def asks(review: Review) -> str:
    """The question of `sure` for the open one."""
    return f"{ASKED[review.kind]} this request?"
