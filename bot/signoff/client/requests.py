"""A request's life as the agent sees it: asked, waited for, consumed, reported. Nothing here runs a tool."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from signoff.client.decision import Decision, doubtful, on_hold, read, same, sentence, started, unavailable
from signoff.client.parting import last_words
from signoff.client.wire import TIMEOUT, Document, Lost, Outage, Reply, Wire, persist, wrong_address
from signoff.errors import Doubtful, IdsReused, NotRun, NotSetUp, Refused, Unavailable, Unusable, where
from signoff.model import dumps

POLL = 25.0
"""Seconds of one long poll: shorter than the idle time-outs of common proxies (30 to 60 s)."""
PATIENCE = 60.0
"""Seconds to go on trying while the service cannot be reached and nothing says how long the request lives."""
GRACE = 60.0
"""Seconds past a request's expiry to go on trying to hear how it ended."""
REPORT_PATIENCE = 5.0
"""Seconds to go on trying to report an outcome; the function's result waits no longer than that."""
HEAD_START = 5.0
"""Seconds that a repeated call leaves to the first one of its run to begin; after that, whoever asked first is gone."""
LOOK = 0.5
"""Seconds between looks at whether it has begun."""
DETAIL = 500
"""Characters of an outcome's detail."""
CLAIM = "Signoff-Claim"
"""The header by which an attempt to run names itself; a new one for each attempt."""
DEFAULT_URL = "http://127.0.0.1:8080"

log = logging.getLogger("signoff")


class Requests:
    """The service as a few verbs. `url` and `api_key` default to SIGNOFF_URL and SIGNOFF_API_KEY, read on first use."""

    def __init__(
        self,
        url: str | None,
        api_key: str | None,
        *,
        patience: float = PATIENCE,
        poll: float = POLL,
        timeout: float = TIMEOUT,
    ) -> None:
        self._url, self._api_key = url, api_key
        self.poll = poll
        self.finished: Counter[str] = Counter()
        """Run and content → batches of these that have come to their end."""
        self._patience, self._timeout = patience, timeout
        self._claimed: set[str] = set()
        """Requests that are consumed for a caller of ours who has not been told so yet."""
        self._wire: Wire | None = None
        self._outage = Outage()
        self._held: AsyncExitStack | None = None

    def wire(self, tool: str) -> Wire:
        """Raises NotSetUp when there is no key or no usable address."""
        if self._wire is None:
            key = self._api_key or os.environ.get("SIGNOFF_API_KEY")
            if not key:
                raise NotSetUp(
                    tool=tool,
                    reason="SIGNOFF_API_KEY is not set; make one with `signoff keys create --role agent --name NAME`.",
                )
            url = self._url or os.environ.get("SIGNOFF_URL") or DEFAULT_URL
            if (fault := wrong_address(url)) is not None:
                raise NotSetUp(tool=tool, reason=fault)
            self._wire = Wire(url, key, self._timeout)
        return self._wire

    async def hold(self) -> None:
        """Keep connections open between calls on this event loop."""
        self._held = AsyncExitStack()
        await self._held.enter_async_context(self.wire("the call").open())

    async def release(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            await held.aclose()
        if self._wire is not None:
            await self._wire.close()

    async def answered(self, tool: str, send: Callable[[Wire], Awaitable[Reply]], end: float | None = None) -> Reply:
        """One call, repeated for as long as patience lasts, or until `end` by the loop's clock if that is later.

        Raises Unavailable when no answer came; NotSetUp.
        """
        wire = self.wire(tool)
        until = _clock() + self._patience
        try:
            return await persist(lambda: send(wire), until if end is None else max(until, end), self._outage)
        except Lost as error:
            raise unavailable(tool, str(error)) from error

    async def sent(
        self, tool: str, path: str, body: Mapping[str, object], idempotency_key: str, claim: str | None = None
    ) -> Reply:
        """What the service recorded. Raises Unavailable; Refused when the service says no.

        `body`: JSON data, its arguments as `exact` has them.
        """
        headers = {"Idempotency-Key": idempotency_key} | ({} if claim is None else {CLAIM: claim})
        try:
            dumps(body).encode()
        except (TypeError, ValueError) as error:
            raise Refused(tool=tool, reason=f"the call cannot be written as JSON ({error}).") from error
        reply = await self.answered(tool, lambda wire: wire.send("POST", path, body, headers=headers))
        if reply.code == "idempotency_conflict":
            raise IdsReused(tool=tool)
        if reply.status not in {200, 201}:
            raise refused(tool, reply)
        return reply

    async def create(
        self, tool: str, body: Mapping[str, object], idempotency_key: str, claim: str | None = None
    ) -> Reply:
        """The request as recorded. Raises Unavailable; Refused when the service says no."""
        reply = await self.sent(tool, "/v1/requests", body, idempotency_key, claim)
        check_recorded(tool, body, reply.body, replayed=reply.replayed or reply.folded)
        return reply

    async def decided(
        self, tool: str, body: Mapping[str, object], idempotency_key: str, *, at_once: bool = False
    ) -> Decision:
        """Asked and waited for. `at_once`: the caller consumes and runs it right after this, if it may run at all; so a
        rule that approves it now consumes it in the same step, which spares a call. Raises Unavailable.
        """
        claim = _token() if at_once else None
        recorded = await self._claiming(tool, body, idempotency_key, claim)
        decision = await self.wait(tool, recorded.body)
        if recorded.folded:
            return decision.model_copy(update={"folded": True})
        if claim is None or not decision.approved or decision.consumed_at is None:
            return decision
        # Whose claim that was is in a header, which a proxy may have taken away: then the service is asked for it.
        if not recorded.claimed and not await self._burnt(decision, claim):
            return decision
        if not same(decision.arguments, body["arguments"]):
            raise doubtful(tool, "other arguments were approved than those that were asked about")
        self._claimed.add(decision.id)
        return decision.model_copy(update={"consumed_at": None})  # not by an earlier attempt, but for this one

    async def _claiming(self, tool: str, body: Mapping[str, object], idempotency_key: str, claim: str | None) -> Reply:
        """`create`; where the caller leaves while a rule approves and consumes it, people read that nothing ran."""
        if claim is None:
            return await self.create(tool, body, idempotency_key)
        caller = asyncio.current_task()
        cancelled = caller.cancelling() if caller is not None else 0

        async def ask() -> Reply:
            if caller is not None and caller.cancelling() > cancelled:
                raise asyncio.CancelledError  # the caller left before it was asked: then nobody is
            return await self.create(tool, body, idempotency_key, claim)

        asking = asyncio.ensure_future(ask())
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            await last_words(self._left(tool, self._claimed_by(asking, claim)))
            raise

    async def _claimed_by(self, asking: Awaitable[Reply], claim: str) -> Decision | None:
        """The approval that was consumed with this claim, if one was."""
        recorded = await asking
        decision = read(recorded.body, str(recorded.body["id"]))
        if decision is None or not decision.approved or decision.consumed_at is None:
            return None
        return decision if recorded.claimed or await self._burnt(decision, claim) else None

    async def wait(self, tool: str, document: Document) -> Decision:
        """The decision, however long it takes; through restarts of the service. Raises Unavailable."""
        request_id = str(document["id"])
        path, query = _path(request_id), {"wait": f"{self.poll:.0f}"}
        try:
            end = _clock() + lifetime(document)
            while True:
                decision = read(document, request_id)
                if decision is not None:
                    return decision
                # A service that answers "pending" is right, whatever our clock says about the expiry.
                reply = await self.answered(
                    tool, lambda wire: wire.send("GET", path, query=query, waiting=self.poll), end
                )
                if reply.status != 200:
                    raise refused(tool, reply)
                document = reply.body
        except (ValueError, KeyError, TypeError) as error:
            raise nonsense(tool, error) from error

    async def consume(self, decision: Decision) -> None:
        """Burn the approval for exactly its arguments. What is not a plain yes raises Unavailable or AlreadyStarted.

        A lost answer is asked for again with the same claim: if the first try did count, so does the second.
        """
        tool = decision.tool
        if decision.arguments is None:
            raise Refused(tool=tool, reason="this decision is not an approval.")
        if decision.folded:
            decision = await self._begun(decision)
        if decision.consumed_at is not None:
            raise started(decision, decision.consumed_at)
        with contextlib.suppress(KeyError):
            self._claimed.remove(decision.id)  # in one step, also among threads: the second to come finds it used
            return
        burning = asyncio.ensure_future(self._burnt(decision, _token()))
        try:
            burnt = await asyncio.shield(burning)
        except asyncio.CancelledError:
            await last_words(self._left(tool, self._burnt_by(decision, burning)))
            raise
        if not burnt:
            raise await self._started(decision)

    async def _burnt_by(self, decision: Decision, burning: Awaitable[bool]) -> Decision | None:
        return decision if await burning else None

    async def _left(self, tool: str, using: Coroutine[object, object, Decision | None]) -> None:
        """The caller has left while an approval was being used for it: where it was, people read that nothing ran."""
        try:
            if (decision := await using) is not None:
                await self.report(decision, "failed", "Not run: the call was cancelled.")
        except (NotRun, ValueError, KeyError, TypeError) as error:
            log.warning("%s: the call was cancelled while its approval was used: %s", tool, where(error))

    async def _burnt(self, decision: Decision, claim: str) -> bool:
        """Whether it is consumed for this claim, by this call or an earlier one; not if it is for another's.

        What is neither a plain yes nor that raises Unavailable.
        """
        tool, path, burning = decision.tool, f"{_path(decision.id)}/consume", {"arguments": decision.arguments}
        reply = await self.answered(tool, lambda wire: wire.send("POST", path, burning, headers={CLAIM: claim}))
        if reply.code == "already_consumed":
            return False
        if reply.code == "frozen":  # the approval stands and may be consumed when the hold is over
            raise on_hold(tool, _reason(reply))
        if reply.status != 200:
            raise refused(tool, reply)
        body = reply.body
        burnt = body.get("id") == decision.id and body.get("status") == "approved" and body.get("consumed_at")
        if not burnt or body.get("digest") != decision.digest:
            raise doubtful(tool, "it did not confirm that these arguments are approved")
        return True

    async def _begun(self, decision: Decision) -> Decision:
        """The decision as soon as the first call of the run has begun to run it, or after that call's head start."""
        end = _clock() + HEAD_START
        while decision.consumed_at is None and _clock() < end:
            await asyncio.sleep(LOOK)
            decision = await self._now(decision)
        return decision

    async def _started(self, decision: Decision) -> NotRun:
        """Since when another attempt uses this approval, and how that ended, as far as can be known."""
        now = await self._now(decision)
        return started(now, now.consumed_at or "an unknown time")

    async def _now(self, decision: Decision) -> Decision:
        """The same with what came of it since, as far as can be known."""
        wire, path = self.wire(decision.tool), _path(decision.id)
        try:
            reply = await persist(lambda: wire.send("GET", path), _clock() + REPORT_PATIENCE, self._outage)
            now = read(reply.body, decision.id) or decision
        except (Lost, ValueError):  # what was decided is certain; the rest only helps
            return decision
        return now.model_copy(update={"index": decision.index, "folded": decision.folded})

    async def report(
        self, decision: Decision, status: Literal["succeeded", "failed"], detail: str | None = None
    ) -> bool:
        """Say what came of the run. Never raises for a service that is away: the run is over, its result stands."""
        path = f"{_path(decision.id)}/outcome"
        body = {"status": status, "detail": detail[:DETAIL] if detail else None}
        try:
            wire = self.wire(decision.tool)
            reply = await persist(lambda: wire.send("POST", path, body), _clock() + REPORT_PATIENCE, self._outage)
        except (Lost, Unavailable) as error:
            log.warning("the outcome of %s could not be reported: %s", decision.id, error)
            return False
        if reply.status != 200:
            log.warning("the outcome of %s was not taken: %s", decision.id, reply.detail)
        return reply.status == 200

    async def unusable(self, decision: Decision, error: Unusable) -> None:
        """Let the card say that what was approved did not run."""
        await self.report(decision, "failed", f"Not run: {error.data['fault']}")

    async def cancel(self, request_id: str) -> bool:
        """Take a pending request back; False when it had ended already. Raises Unavailable."""
        path = f"{_path(request_id)}/cancel"
        reply = await self.answered(request_id, lambda wire: wire.send("POST", path, {}))
        if reply.status not in {200, 409}:
            raise refused(request_id, reply)
        return reply.status == 200


def check_recorded(tool: str, body: Mapping[str, object], recorded: Document, *, replayed: bool) -> None:
    """That the service recorded what it was sent. Raises Doubtful."""
    if not isinstance(recorded.get("id"), str) or recorded.get("tool") != tool:
        raise doubtful(tool, "it does not say which request it recorded")
    # A replay, or what this was folded into, may show edited arguments; what was asked then is held to by digests.
    if not replayed and not same(recorded.get("arguments"), body["arguments"]):
        raise doubtful(tool, "it recorded other arguments than those that were sent")


def lifetime(document: Document) -> float:
    """Seconds to go on trying to hear how a request ended. Raises KeyError, ValueError for no such document."""
    life = datetime.fromisoformat(str(document["expires_at"])) - datetime.fromisoformat(str(document["created_at"]))
    return life.total_seconds() + GRACE


def refused(tool: str, reply: Reply) -> Refused:
    return Refused(tool=tool, reason=_reason(reply))


def nonsense(tool: str, error: Exception) -> Doubtful:
    return doubtful(tool, f"it does not make sense ({' '.join(str(error).split())})")


def _reason(reply: Reply) -> str:
    """The problem's sentence, with the faults that it lists."""
    reason = reply.detail
    errors = reply.body.get("errors")
    if isinstance(errors, list) and len(errors) > 1:
        reason += f" (and {len(errors) - 1} more)"
    return sentence(reason)


def _path(request_id: str) -> str:
    return f"/v1/requests/{quote(request_id, safe='')}"


def _token() -> str:
    return secrets.token_urlsafe(18)


def _clock() -> float:
    return asyncio.get_running_loop().time()
