"""The queue as the service tells it to an approver key: which part of it, how much there is, what is in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from signoff.cli.remote import call, fail
from signoff.client.wire import Document
from signoff.errors import BadCommand
from signoff.model import Facet

QUEUE = "/v1/queue"
MARKS = {
    "high_risk": "open it by itself",
    "confirm": "to be confirmed by typing",
    "own": "your own",
    "needs_answer": "needs an answer",
    "frozen": "frozen",
    "hidden_text": "invisible characters",
    "too_long": "too long for a line",
    "away": "cannot be looked up now",
}
"""Why a request cannot be approved along with others, in a word or two."""


def page(query: Mapping[str, str]) -> Document | None:
    """One page of the queue; None for a key that has none, because it is no approver's."""
    reply = call("GET", QUEUE, query=query)
    if reply.status == 403 and reply.code == "wrong_role":
        return None
    if reply.status != 200:
        fail(reply.detail)
    return reply.body


def narrowed(words: Sequence[str], options: Mapping[str, str | None]) -> dict[str, str] | None:
    """The query for what was typed: `refunds`, `@agent`, `#channel`, `high`; options go before words.

    None for a key that has no queue. Ends the command for words that mean nothing.
    """
    query = {name: value for name, value in options.items() if value is not None}
    if not words:
        return query
    first = page({"limit": "1"})
    if first is None:
        return None
    from signoff.desk.review import words as typed  # the whole desk, which a list without words does not need

    try:
        sieve = typed.read(" ".join(f'"{word}"' if " " in word else word for word in words), _facets(first))
    except BadCommand as error:
        fail(f"{error.data['fault']} Write: signoff pending high, '@agent', '#channel' or refunds.", 2)
    return {name: str(value) for name, value in sieve if value is not None} | query


def _facets(first: Document) -> list[Facet]:
    """What there is to mean, from the counts."""
    counts = cast("Mapping[str, Mapping[str, int]]", first["counts"])
    return [
        *(Facet((), (), tool, None, None) for tool in counts["tool"]),
        *(Facet((), (), "", agent, None) for agent in counts["agent"]),
        *(Facet((), (place,), "", None, None) for place in counts["channel"]),
    ]


def requests(found: Document) -> list[Document]:
    return cast("list[Document]", found["requests"])


def counted(found: Document) -> str:
    """`7 requests wait for you: 1 critical · 2 high · 4 low`."""
    total, counts = cast("int", found["total"]), cast("Mapping[str, Mapping[str, int]]", found["counts"])
    levels = {name: counts["risk"][name] for name in ("critical", "high", "medium", "low")}
    levels["without a risk"] = counts["risk"].get("", 0)
    risks = " · ".join(f"{count} {name}" for name, count in levels.items() if count)
    heading = "1 request waits for you" if total == 1 else f"{total} requests wait for you"
    return f"{heading}: {risks}" if risks else heading


def spread(found: Document) -> str | None:
    """`5 issue_refund · 2 deploy`, where there are several."""
    tools = cast("Mapping[str, Mapping[str, int]]", found["counts"])["tool"]
    most = list(tools.items())[:5]
    rest = len(tools) - len(most)
    more = f" · {rest} more tools" if rest > 1 else " · 1 more tool" if rest else ""
    return " · ".join(f"{count} {tool}" for tool, count in most) + more if len(tools) > 1 else None


def groups(found: Document) -> list[Document]:
    """Those of more than one request."""
    return [one for one in cast("list[Document]", found["groups"]) if len(cast("list[str]", one["requests"])) > 1]


def mark(request: Document) -> str | None:
    """Why it cannot be decided along with others."""
    code = request.get("mark")
    return None if code is None else MARKS.get(str(code), str(code).replace("_", " "))
