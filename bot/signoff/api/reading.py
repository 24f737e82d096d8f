"""Which request is meant, who may read it, and the answer that shows the one that stands."""

from __future__ import annotations

import re

from aiohttp import web

from signoff.api import answers, problem
from signoff.desk import Desk
from signoff.errors import AlreadyDecided, NotFound, StaleVersion
from signoff.model import Key, Request

ID = re.compile(r"[A-Za-z0-9_-]{1,100}", re.ASCII)


def the_id(http: web.Request) -> str:
    """The id in the address. Raises NotFound for what cannot be one."""
    text = http.match_info["id"]
    if not ID.fullmatch(text):
        raise NotFound
    return text


async def readable(desk: Desk, request_id: str, key: Key) -> Request:
    """The record, if this key may read it. Raises NotFound, also for somebody else's request."""
    record = await desk.get(request_id)
    allowed = (
        key.role == "admin"
        or (key.role == "agent" and record.asked_by == key.id)
        or (
            key.role == "approver"
            and (_took_part(record, key.person) or await desk.may_decide(record, key.person or ""))
        )
    )
    if not allowed:
        raise NotFound
    return record


def _took_part(record: Request, person: str | None) -> bool:
    """Whoever has voted or decided may look at what became of it."""
    made = record.decision.decided_by if record.decision else ()
    return person is not None and person in {*(vote.person for vote in record.votes), *(who.person for who in made)}


async def standing(desk: Desk, error: AlreadyDecided | StaleVersion, request_id: str, key: Key) -> web.Response:
    """The refusal, with the decision that stands and the request as it is now."""
    record = answers.shown(await readable(desk, request_id, key), key)
    return problem.answer(error, {"decision": record["decision"], "request": record})
