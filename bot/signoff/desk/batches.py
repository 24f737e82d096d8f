"""Batches from agents: several calls asked at once. Each is a request with an id and a decision of its own."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from signoff import digest
from signoff.desk.asking import check
from signoff.desk.flood import Crowded
from signoff.desk.intake import Intake
from signoff.desk.records import Records
from signoff.desk.runs import Runs
from signoff.errors import ChannelNotAllowed, Invalid, NotFound, SignoffError, TooManyOpen
from signoff.model import BATCH, Ask, Batch, Key, Request, scrub, secret_pointers, secret_texts
from signoff.policy import Policy
from signoff.ports import Filter, Idempotency, Limits, Opened, Store

AT_ONCE = 32
"""Members that are being opened or withdrawn together."""
PAGE = 200
"""Members that are read together."""
FAULTS = 50
"""After so many wrong fields no further members are looked at."""
BREATH = 50
"""Members checked before others get their turn."""
WITHDRAWN = "withdrawn batches"
"""The store's memory of how often a batch was begun and taken back: asked again, it begins anew…"""
KEPT = timedelta(days=30)
"""…within this time."""


class Batches:
    """Asking, and hearing what came of it."""

    def __init__(
        self, store: Store, intake: Intake, records: Records, runs: Runs, limits: Limits, policy: Callable[[], Policy]
    ) -> None:
        self._store = store
        self._intake = intake
        self._records = records
        self._runs = runs
        self._limits = limits
        self._policy = policy

    # ── asking ───────────────────────────────────────────────────────────────────────────────────

    async def ask(
        self, asks: Sequence[Ask], title: str | None, key: Key, token: str | None
    ) -> tuple[str, list[Opened]]:
        """Take up several calls as one batch: all of them or none. Its id, and its members in the order of `asks`.

        `token`: the idempotency key. The same batch asked again under it is the same batch, also when the process died
        in the middle of it. Raises Invalid with pointers into `{"requests": […]}`, IdempotencyConflict, RateLimited
        and TooManyOpen when not all of them fit, StoreUnavailable; what had been opened by then is withdrawn.
        """
        now = await self._store.now()
        waits = await self._check(asks, title, key, now)
        titles = self._titles(asks, title, key, now)
        whole = digest.body_digest({"title": title, "requests": [ask.model_dump(mode="python") for ask in asks]})
        turn = await self._turn(key, token)
        batch_id = BATCH + (secrets.token_hex(16) if token is None else _name(key, token, turn))
        opened: dict[int, Opened] = {}
        crowded: Crowded = {}

        async def take(row: int, *, left: int = 1, left_open: int = 1) -> None:
            """Open one, if there is room for so many."""
            idempotency = None if token is None else Idempotency(_member(token, row, turn), f"{whole}#{row}")
            batch = Batch(id=batch_id, index=row, size=len(asks), title=titles[row])
            limit = self._limits.caps
            caps = replace(
                limit, open_requests=limit.open_requests - left_open + 1, per_minute=limit.per_minute - left + 1
            )
            try:
                opened[row] = await self._intake.take(
                    asks[row], key, idempotency, batch=batch, began=now, caps=caps, crowded=crowded
                )
            except TooManyOpen:
                raise TooManyOpen(limit=limit.open_requests) from None

        # Those that people are asked about go first. One after the other, until one is new: it is let in only when
        # there is room for all that are left.
        order = sorted(range(len(asks)), key=lambda row: not waits[row])
        try:
            for place, row in enumerate(order):
                await take(row, left=len(order) - place, left_open=max(sum(waits[one] for one in order[place:]), 1))
                if not opened[row].replayed:
                    await _together(take(one) for one in order[place + 1 :])
                    break
        except Exception:
            await self._take_back([one for one in opened.values() if not one.replayed], key, token, turn)
            raise
        return batch_id, [opened[row] for row in range(len(asks))]

    async def _check(self, asks: Sequence[Ask], title: str | None, key: Key, now: datetime) -> list[bool]:
        """Everything about the bodies, before anything is opened; whether people are asked about each. Raises Invalid,
        TooManyOpen.
        """
        caps, policy = self._limits.caps, self._policy()
        most = min(self._limits.batch, caps.per_minute)
        if not 1 <= len(asks) <= most:
            raise Invalid({"/requests": f"A batch holds 1 to {most} requests; ask for the others in another one."})
        faults: dict[str, str] = {}
        try:
            digest.canonical(title)
        except ValueError as error:
            faults["/title"] = f"This is not text that can be signed: {error}."
        waits: list[bool] = []
        for row, ask in enumerate(asks):
            if row % BREATH == 0:
                await asyncio.sleep(0)
            try:
                check(ask, self._limits.webhooks)
                terms = policy.terms(ask, ask.arguments, now, asked_by=key.id)
            except Invalid as error:
                faults |= {f"/requests/{row}{pointer}": text for pointer, text in error.fields.items()}
            except ChannelNotAllowed as error:
                faults[f"/requests/{row}/channel"] = error.sentence
            else:
                waits.append(bool(ask.allowed_decisions) and terms.decide == "ask" and terms.mode == "enforce")
            if len(faults) >= FAULTS:
                break
        if faults:
            raise Invalid(faults)
        if sum(waits) > caps.open_requests:
            raise TooManyOpen(limit=caps.open_requests)
        return waits

    def _titles(self, asks: Sequence[Ask], title: str | None, key: Key, now: datetime) -> list[str | None]:
        """The title as each member keeps it: without what it quotes of the others' secrets, which whoever looks at that
        member alone could not tell from other words (I13). Its own are hidden wherever it is shown.
        """
        holders: dict[str, set[int]] = {}
        for row, ask in enumerate(asks if title and len(asks) > 1 else ()):
            hidden = self._policy().terms(ask, ask.arguments, now, asked_by=key.id).secret
            pointers = secret_pointers(ask.arguments, ask.schema_, hidden)
            for text in secret_texts(ask.arguments, pointers) if pointers else ():
                if text in (title or ""):
                    holders.setdefault(text, set()).add(row)
        if title is None or not holders:
            return [title] * len(asks)
        return [scrub(title, (text for text, rows in holders.items() if rows - {row})) for row in range(len(asks))]

    async def _turn(self, key: Key, token: str | None) -> int:
        """How often this batch has been taken back."""
        found = None if token is None else await self._store.recall(WITHDRAWN, f"{key.id}:{token}")
        return int(found or 0)

    async def _take_back(self, new: Sequence[Opened], key: Key, token: str | None, turn: int) -> None:
        """Nothing of a batch waits for people when its agent was told that it was not taken up. Raises StoreUnavailable
        when that cannot be: asked again, it then goes on where it stopped.
        """
        if not new:
            return
        if token is not None:
            # First, so that no later attempt takes up what is being withdrawn.
            await self._store.remember(WITHDRAWN, f"{key.id}:{token}", str(turn + 1), KEPT.total_seconds())
        names = self._policy().names

        async def withdraw(one: Opened) -> None:
            with contextlib.suppress(SignoffError):  # what a rule or a person has decided meanwhile, stands
                await self._runs.withdraw(names, one.request.id, key)

        await _together(withdraw(one) for one in new)

    # ── looking ──────────────────────────────────────────────────────────────────────────────────

    async def get(self, batch_id: str, key: Key) -> list[Request]:
        """Its members in order, those whose time has passed expired on the way. Agents see their own batches alone.
        Raises NotFound, StoreUnavailable.
        """
        found: list[Request] = []
        if batch_id.startswith(BATCH):
            cursor: str | None = None
            while True:
                page = await self._store.page(Filter(batch=batch_id), cursor, PAGE)
                found += [one for one in page.requests if key.role == "admin" or one.asked_by == key.id]
                cursor = page.cursor
                if cursor is None:
                    break
        if not found:
            raise NotFound
        now = await self._store.now()
        for index, one in enumerate(found):
            if one.open and now >= one.expires_at:
                found[index] = (await self._records.current(one.id))[0]
        return sorted(found, key=lambda one: one.batch.index if one.batch else 0)

    async def wait(self, batch_id: str, key: Key, timeout: float, ended: int = 0) -> list[Request]:
        """Its members as soon as more than `ended` of them have ended, or all have; else as they are after `timeout`
        seconds. Raises like `get`.
        """
        found = await self.get(batch_id, key)
        waiting = {one.id: one.expires_at for one in found if one.open}
        missing = min(ended + 1, len(found)) - (len(found) - len(waiting))
        del found  # many of these wait at once: no records are held meanwhile
        if missing > 0 and timeout > 0:
            now = await self._store.now()
            lives = {one: (end - now).total_seconds() for one, end in waiting.items()}
            await self._ends(lives, missing, timeout)
        return await self.get(batch_id, key)

    async def _ends(self, lives: dict[str, float], missing: int, timeout: float) -> None:
        """Return when so many of these requests have ended, or after `timeout` seconds. Each of them is waited for by
        the store, which looks at the record after it has begun to listen, so no end is missed (I22).
        """
        tasks = [asyncio.create_task(self._end(one, left)) for one, left in lives.items()]
        try:
            async with asyncio.timeout(timeout):
                for task in asyncio.as_completed(tasks):
                    missing -= await task
                    if missing <= 0:
                        return
        except TimeoutError:
            pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self, request_id: str, left: float) -> bool:
        """Whether it has ended, `left` being the seconds until its time has come to."""
        request = await self._store.wait(request_id, max(left, 0))
        return not request.open or not (await self._records.current(request_id))[0].open


async def _together(doings: Iterable[Coroutine[object, object, None]]) -> None:
    """Do all of these, some at a time. When one fails, those beside it are done first and the others are not begun."""
    waiting = iter(doings)
    while some := list(itertools.islice(waiting, AT_ONCE)):
        for outcome in await asyncio.gather(*some, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def _name(key: Key, token: str, turn: int) -> str:
    return hashlib.sha256(f"{key.id}\n{turn}\n{token}".encode()).hexdigest()[:32]


def _member(token: str, row: int, turn: int) -> str:
    return f"{token}#{row}" + (f"~{turn}" if turn else "")
