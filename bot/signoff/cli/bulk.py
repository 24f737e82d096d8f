"""Deciding several requests at once over HTTP: what would be decided, and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff.cli.remote import call, fail, faults
from signoff.client.wire import Document
from signoff.model import dumps, one_line, shorten

MOST = 200
"""Requests in one decision, as the service takes them."""
LINE = 400
"""Characters of the arguments on a line. What takes more than 300 on a chat's line is not approved along with others;
as JSON it may be a little longer, and has to be shown whole here too.
"""
COUNTED = frozenset({"approved", "rejected", "voted"})
"""Results that say that the decision counted."""
ASKED = {"approve": "Approve", "reject": "Reject"}

BulkKind = Literal["approve", "reject"]


@dataclass(frozen=True, slots=True)
class Pinned:
    """One request exactly as it was listed."""

    id: str
    version: int
    digest: str
    title: str
    """Empty for an id that stands for nothing."""
    text: str
    """Its arguments on a line."""
    risk: str | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What would come of it, or came."""

    pinned: Pinned
    code: str
    sentence: str

    @property
    def counted(self) -> bool:
        return self.code in COUNTED


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision on several."""

    review: str | None
    """The id that they share in the audit trail; None if nothing was decided."""
    results: tuple[Result, ...]


def pinned(request: Document) -> Pinned:
    text, hidden = shorten(one_line(dumps(request["arguments"])), LINE)
    tool, title = one_line(str(request["tool"])), one_line(str(request.get("title") or request["tool"]))
    return Pinned(
        str(request["id"]),
        cast("int", request["version"]),
        str(request["digest"]),
        # A title is the agent's own words, the tool is what runs.
        title if title == tool else f"{tool}: {title}",
        f"{text}… (+{hidden})" if hidden else text,
        None if request.get("risk") is None else str(request["risk"]),
    )


def preflight(kind: BulkKind, pins: Sequence[Pinned]) -> list[Result]:
    """What would be decided; decides nothing. Ends the command when the service says no."""
    return list(_sent(kind, pins, {"dry_run": True}).results)


def decide(kind: BulkKind, pins: Sequence[Pinned], message: str | None) -> Decided:
    """Decide what was shown; what has changed since is left alone. Ends the command when the service says no."""
    return _sent(kind, pins, {"message": message} if message else {})


def _sent(kind: BulkKind, pins: Sequence[Pinned], more: Document) -> Decided:
    if not pins:
        return Decided(None, ())
    named = [{"id": one.id, "version": one.version, "digest": one.digest} for one in pins]
    reply = call("POST", "/v1/decisions", {"kind": kind, "requests": named, **more})
    if reply.status != 200:
        fail(faults(reply))
    found = {str(one["id"]): one for one in cast("list[Document]", reply.body["results"])}
    results = tuple(Result(one, str(found[one.id]["result"]), str(found[one.id]["sentence"])) for one in pins)
    return Decided(str(reply.body["batch"]) if any(one.counted for one in results) else None, results)


def show(kind: BulkKind, results: Sequence[Result], *, to: Console) -> None:
    """Exactly what will be decided, and what will not, each with its reason."""
    ready = [one for one in results if one.code == "ok"]
    left = [one for one in results if one.code != "ok"]
    if ready:
        table = Table(title=question(kind, len(ready)), title_justify="left", title_style="bold", box=None)
        for heading in ("title", "arguments", "digest"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "digest")
        for one in ready:
            table.add_row(Text(one.pinned.title), Text(one.pinned.text), Text(digest(one.pinned)))
        to.print(table)
    if left:
        to.print(Text(f"Left out ({len(left)}):", style="bold"))
        for one in left:
            named = f"{one.pinned.title} ({one.pinned.id})" if one.pinned.title else one.pinned.id
            to.print(Text(f"  {named}: {one_line(one.sentence)}"), soft_wrap=True)


def question(kind: BulkKind, count: int) -> str:
    return f"{ASKED[kind]} {'this request' if count == 1 else f'these {count} requests'}?"


def digest(one: Pinned) -> str:
    """Its first eight hexadecimal digits."""
    return one.digest.removeprefix("sha256:")[:8]


def tell(results: Sequence[Result], *, to: Console) -> None:
    """A line each: what came of it."""
    for one in results:
        said = one.code if one.code in {"approved", "rejected"} else one_line(one.sentence)
        what = f"{one.pinned.title}: {said}" if one.pinned.title else said
        to.print(Text(f"{one.pinned.id}  {what}"), soft_wrap=True)


def tell_review(review: str | None, *, to: Console) -> None:
    """The last line: under which id the audit trail has all of it."""
    if review is not None:
        to.print(Text(f"Decided together as {review}."), soft_wrap=True)


def confirmed(text: str) -> bool:
    """Whether somebody at the terminal says yes."""
    print(f"{text} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
