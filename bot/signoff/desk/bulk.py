"""Deciding many at once: each exactly as it was shown, each by itself, each with the review's id in its audit line."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from signoff.cards.queue import DONE, Code
from signoff.desk.answering import Answers
from signoff.desk.judging import BulkKind, Judge, Verdict, ended, refused
from signoff.desk.voices import person_of
from signoff.errors import (
    AlreadyDecided,
    AlreadyVoted,
    CallFrozen,
    Invalid,
    NotFound,
    NotOffered,
    SignoffError,
    StaleVersion,
    StoreUnavailable,
)
from signoff.model import Actor, Answer, Pin, Request
from signoff.policy import Policy
from signoff.ports import Store

MOST = 200
"""Requests decided at once."""
AT_ONCE = 32
"""Of these, how many are being written at the same time."""
CHANGED = "It was edited since you saw it, so it was left alone; look at it again."
GONE = "There is no such request."
UNWRITTEN = "Redis could not be reached, so nothing was recorded; try again."


@dataclass(frozen=True, slots=True)
class Judged:
    """What deciding would come to."""

    pin: Pin
    request: Request | None
    code: Code
    sentence: str


@dataclass(frozen=True, slots=True)
class Done:
    """What deciding came to."""

    pin: Pin
    request: Request | None
    """As it stands now, as far as is known."""
    result: Code
    """`voted`: it counts, and others are asked still."""
    sentence: str

    @property
    def counted(self) -> bool:
        return self.result in DONE


@dataclass(frozen=True, slots=True)
class Decided:
    batch: str
    """Stands in the audit line of each."""
    results: tuple[Done, ...]


class Bulk:
    def __init__(self, store: Store, answers: Answers, judge: Judge, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._answers = answers
        self._judge = judge
        self._policy = policy

    async def preflight(self, pins: Sequence[Pin], kind: BulkKind, actor: Actor) -> tuple[Judged, ...]:
        """What would happen to each, in their order. Decides nothing. Raises StoreUnavailable."""
        records = {one.id: one for one in await self._store.several([pin.id for pin in pins])}
        now = await self._store.now()
        found = list(records.values())
        verdicts = await self._judge.all(found, kind, actor, now)
        by_id = {one.id: verdict for one, verdict in zip(found, verdicts, strict=True)}
        judged: list[Judged] = []
        for pin in pins:
            request, verdict = records.get(pin.id), by_id.get(pin.id)
            if request is None or verdict is None or verdict.code == "not_allowed":
                # Whose business it is not is told nothing, not even that it exists.
                judged.append(Judged(pin, None, "not_found" if request is None else "not_allowed", _said(verdict)))
            elif request.open and (request.version, request.digest) != (pin.version, pin.digest):
                judged.append(Judged(pin, request, "changed", CHANGED))
            else:
                judged.append(Judged(pin, request, verdict.code, verdict.sentence))
        return tuple(judged)

    async def decide(
        self,
        pins: Sequence[Pin],
        kind: BulkKind,
        message: str | None,
        actor: Actor,
        batch: str | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> Decided:
        """Decide what was seen, and only that: what has changed, ended or cannot go along with others is left alone.

        Sent twice with the same `batch`, the second time answers what the first one did. At most MOST pins. `progress`
        is called after each. Raises Invalid for more or the same one twice, StoreUnavailable when nothing at all could
        be written.
        """
        if len(pins) > MOST or len({pin.id for pin in pins}) < len(pins):
            raise Invalid({"/requests": f"Name each request once, and at most {MOST}."})
        name = batch or f"review_{secrets.token_hex(12)}"
        line = asyncio.Semaphore(AT_ONCE)

        async def one(judged: Judged) -> Done:
            async with line:
                done = await self._decided(judged, kind, message, actor, name)
                progress()
                return done

        done = await asyncio.gather(*map(one, await self.preflight(pins, kind, actor)))
        tried = [one for one in done if one.counted or one.result == "unavailable"]
        if tried and not any(one.counted for one in tried):
            raise StoreUnavailable
        return Decided(name, tuple(done))

    async def _decided(self, judged: Judged, kind: BulkKind, message: str | None, actor: Actor, batch: str) -> Done:
        pin, request = judged.pin, judged.request
        if judged.code != "ok" or request is None:
            return self._before(judged, actor, batch)
        answer = Answer(kind=kind, version=pin.version, message=message, confirm=None, batch=batch)
        try:
            after = await self._answers.answer(pin.id, answer, actor)
        except StoreUnavailable:
            return Done(pin, request, "unavailable", UNWRITTEN)
        except AlreadyDecided as error:
            stands = error.data["request"]
            assert isinstance(stands, Request)
            verdict = ended(self._policy(), stands)
            return self._before(
                replace(judged, request=stands, code=verdict.code, sentence=verdict.sentence), actor, batch
            )
        except AlreadyVoted as error:
            return await self._voted(judged, refused(error), actor, batch)
        except StaleVersion:
            return Done(pin, request, "changed", CHANGED)
        except NotFound:
            return Done(pin, None, "not_found", GONE)
        except CallFrozen as error:
            return Done(pin, request, "frozen", error.sentence)
        except (Invalid, NotOffered) as error:
            return Done(pin, request, "needs_answer", error.sentence)
        except SignoffError as error:
            found = refused(error)
            return Done(pin, request, found.code, found.sentence)
        return _counted(pin, after)

    async def _voted(self, judged: Judged, verdict: Verdict, actor: Actor, batch: str) -> Done:
        """Somebody's voice was used up just now; perhaps by this very review, confirmed twice at once."""
        try:
            now = await self._store.several([judged.pin.id])
        except StoreUnavailable:
            now = ()
        found = replace(judged, request=next(iter(now), None), code=verdict.code, sentence=verdict.sentence)
        return self._before(found, actor, batch)

    def _before(self, judged: Judged, actor: Actor, batch: str) -> Done:
        """One that was not decided now; perhaps because this very review has decided it before."""
        request = judged.request
        if request is not None:
            # A vote counts as long as others are asked; what they make of the request then is not this one's doing.
            said = request.votes if request.decision is None else request.decision.decided_by
            if (person_of(self._policy(), actor), batch) in [(one.person, one.batch) for one in said]:
                return _counted(judged.pin, request)
        return Done(judged.pin, request, judged.code, judged.sentence)


def _counted(pin: Pin, after: Request) -> Done:
    if after.open:
        return Done(pin, after, "voted", "Your approval counts; others have to agree.")
    if after.status == "rejected":
        return Done(pin, after, "rejected", "Rejected.")
    return Done(pin, after, "approved", "Approved.")


def _said(verdict: Verdict | None) -> str:
    return GONE if verdict is None else verdict.sentence
