"""`signoff decide` with several requests: shown, confirmed, decided, a line each."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import typer
from rich.console import Console

from signoff.cli import bulk
from signoff.cli.bulk import BulkKind, Pinned, Result
from signoff.cli.pending import path_of
from signoff.cli.remote import fail, replies
from signoff.client.wire import Reply
from signoff.model import dumps

NOT_DECIDED = 1
"""Exit code when not all were decided."""


def decide(ids: Sequence[str], kind: BulkKind, message: str | None, *, yes: bool, json: bool) -> None:
    """Ends the command; with 0 only if every one of them was decided now."""
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > bulk.MOST:
        fail(f"At most {bulk.MOST} at once; these are {len(wanted)}.", 2)
    if not yes and (json or not sys.stdin.isatty()):
        fail("Nobody can be asked here whether to go on; say --yes.", 2)
    found = asyncio.run(replies([path_of(one) for one in wanted]))
    before = [_read(one, reply) for one, reply in zip(wanted, found, strict=True)]
    checked = {one.pinned.id: one for one in bulk.preflight(kind, [one.pinned for one in before if one.code == "ok"])}
    before = [checked.get(one.pinned.id, one) for one in before]
    ready = [one.pinned for one in before if one.code == "ok"]
    err = Console(stderr=True)
    if not json:
        bulk.show(kind, before, to=err)
    if not ready:
        if json:
            _print(before, None)
        raise typer.Exit(NOT_DECIDED)
    if not yes and not bulk.confirmed("Decide?"):
        fail("Nothing was decided.", NOT_DECIDED)
    made = bulk.decide(kind, ready, message)
    done = {one.pinned.id: one for one in made.results}
    results = [done.get(one.pinned.id, one) for one in before]
    if json:
        _print(results, made.review)
    else:
        out = Console()
        bulk.tell(results, to=out)
        bulk.tell_review(made.review, to=out)
    raise typer.Exit(0 if all(one.counted for one in results) else NOT_DECIDED)


def _read(request_id: str, reply: Reply) -> Result:
    if reply.status == 200:
        return Result(bulk.pinned(reply.body), "ok", "")
    if reply.status != 404:
        fail(reply.detail)
    return Result(Pinned(request_id, 1, "", "", ""), "not_found", reply.detail)


def _print(results: Sequence[Result], review: str | None) -> None:
    listed = [{"id": one.pinned.id, "result": one.code, "sentence": one.sentence} for one in results]
    print(dumps({"batch": review, "results": listed}))
