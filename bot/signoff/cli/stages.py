"""The stages of a request in words, from the answer of the service."""

from __future__ import annotations

from typing import cast

from signoff.client.wire import Document


def stages(request: Document) -> list[Document]:
    return cast("list[Document]", request.get("stages") or [])


def progress(request: Document) -> str | None:
    """Where a request stands, when more than one vote is needed: `finance 1 of 2, then managers`."""
    found = stages(request)
    if len(found) == 1 and found[0]["quorum"] == 1:
        return None
    parts = [
        f"{_name(one)} {len(_votes(one))} of {one['quorum']}" if one["state"] == "asked" else _name(one)
        for one in found
        if one["state"] != "done"
    ]
    return ", then ".join(parts) or None


def missing(request: Document) -> str | None:
    """Who still has to agree: `1 more of finance, then 2 of managers`."""
    parts: list[str] = []
    for stage in stages(request):
        left = cast("int", stage["quorum"]) - len(_votes(stage))
        if stage["state"] == "asked":
            parts.append(f"{left} more of {_who(stage)}" if _votes(stage) else f"{left} of {_who(stage)}")
        elif stage["state"] == "next":
            parts.append(f"{left} of {_who(stage)}")
    return ", then ".join(parts) or None


def line(stage: Document) -> str:
    """One stage: `asked, 1 of 2 of finance: Ada Okafor at 2026-11-20T08:15:00.000Z`."""
    votes = _votes(stage)
    count = f"{stage['state']}, {len(votes)} of {stage['quorum']} of {_who(stage) or 'nobody'}"
    return f"{count}: {'; '.join(map(_vote, votes))}" if votes else count


def _vote(vote: Document) -> str:
    instead = f" in the place of {vote['acting_for']}" if vote.get("acting_for") else ""
    return f"{vote.get('name') or vote['person']}{instead} at {vote['at']}"


def _votes(stage: Document) -> list[Document]:
    return cast("list[Document]", stage["votes"])


def _name(stage: Document) -> str:
    return str(stage["name"]) or _who(stage)


def _who(stage: Document) -> str:
    return " or ".join(cast("list[str]", stage["approvers"]))
