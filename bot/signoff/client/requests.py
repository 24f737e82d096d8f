"""A request's life as the agent sees it: asked, waited for, consumed, reported. Nothing here runs a tool."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Literal
from urllib.parse import quote, urlsplit

from signoff.client.decision import Decision, doubtful, on_hold, read, same, sentence, started, unavailable
from signoff.client.signature import exact
from signoff.client.wire import TIMEOUT, Document, Lost, Outage, Reply, Wire, persist
from signoff.errors import NotRun, NotSetUp, Refused, Unavailable, Unusable

POLL = 25.0
"""Seconds of one long poll: shorter than the idle time-outs of common proxies (30 to 60 s)."""
PATIENCE = 60.0
"""Seconds to go on trying while the service cannot be reached and nothing says how long the request lives."""
GRACE = 60.0
"""Seconds past a request's expiry to go on trying to hear how it ended."""
REPORT_PATIENCE = 5.0
"""Seconds to go on trying to report an outcome; the function's result waits no longer than that."""
DETAIL = 500
"""Characters of an outcome's detail."""
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
        self._patience, self._poll, self._timeout = patience, poll, timeout
        self._wire: Wire | None = None
        self._outage = Outage()
        self._held: AsyncExitStack | None = None

    def wire(self, tool: str) -> Wire:
        """Raises NotSetUp when there is no key or no usable address."""
        if self._wire is None:
            key = self._api_key or os.environ.get("SIGNOFF_API_KEY")
            if not key:
                raise NotSetUp(
                    tool=tool, reason="SIGNOFF_API_KEY is not set; make a key with `signoff keys create --role agent`."
                )
            url = self._url or os.environ.get("SIGNOFF_URL") or DEFAULT_URL
            if (fault := _fault(url)) is not None:
                raise NotSetUp(tool=tool, reason=fault)
            self._wire = Wire(url, key, self._timeout)
        return self._wire

    async def hold(self) -> None:
        """Keep connections open between calls on this event loop."""
        self._held = AsyncExitStack()
        await self._held.enter_async_context(self.wire("anything").open())

    async def release(self) -> None:
        if self._held is not None:
            held, self._held = self._held, None
            await held.aclose()

    async def create(self, tool: str, body: Mapping[str, object], idempotency_key: str) -> Document:
        """The request as recorded. Raises Unavailable; Refused when the service says no."""
        wire = self.wire(tool)
        headers = {"Idempotency-Key": idempotency_key}
        try:
            wanted = exact(body)
        except (TypeError, ValueError) as error:
            raise Refused(tool=tool, reason=f"the call cannot be written as JSON ({error}).") from error
        try:
            reply = await persist(
                lambda: wire.send("POST", "/v1/requests", body, headers=headers),
                _clock() + self._patience,
                self._outage,
            )
        except Lost as error:
            raise unavailable(tool, str(error)) from error
        if reply.code == "idempotency_conflict":
            raise Refused(tool=tool, reason=_SAME_IDS)
        if reply.status not in {200, 201}:
            raise Refused(tool=tool, reason=_reason(reply))
        if not isinstance(reply.body.get("id"), str) or reply.body.get("tool") != tool:
            raise doubtful(tool, "it does not say which request it recorded")
        recorded = reply.body
        assert isinstance(wanted, dict)
        # A replay of a decided request may show edited arguments; what was asked then is held to by the key's digest.
        if not reply.replayed and not same(recorded.get("arguments"), wanted["arguments"]):
            raise doubtful(tool, "it recorded other arguments than those that were sent")
        return recorded

    async def wait(self, tool: str, document: Document) -> Decision:
        """The decision, however long it takes; through restarts of the service. Raises Unavailable."""
        wire = self.wire(tool)
        request_id = str(document["id"])
        path = f"/v1/requests/{quote(request_id, safe='')}"
        try:
            life = _moment(document["expires_at"]) - _moment(document["created_at"])
            end = _clock() + life.total_seconds() + GRACE
            while True:
                decision = read(document, request_id)
                if decision is not None:
                    return decision
                # A service that answers "pending" is right, whatever our clock says about the expiry.
                reply = await persist(
                    lambda: wire.send("GET", path, query={"wait": f"{self._poll:.0f}"}, waiting=self._poll),
                    max(end, _clock() + self._patience),
                    self._outage,
                )
                if reply.status != 200:
                    raise Refused(tool=tool, reason=_reason(reply))
                document = reply.body
        except Lost as error:
            raise unavailable(tool, str(error)) from error
        except (ValueError, KeyError, TypeError) as error:
            raise doubtful(tool, f"it does not make sense ({_one_line(error)})") from error

    async def consume(self, decision: Decision) -> None:
        """Burn the approval for exactly its arguments. What is not a plain yes raises Unavailable or AlreadyStarted.

        A lost answer is asked for again; if the first try did count, the second says "already used" and nothing runs.
        """
        tool = decision.tool
        if decision.arguments is None:
            raise Refused(tool=tool, reason="this decision is not an approval.")
        if decision.consumed_at is not None:
            raise started(decision, decision.consumed_at)
        arguments = decision.arguments
        wire = self.wire(tool)
        path = f"/v1/requests/{quote(decision.id, safe='')}/consume"
        try:
            reply = await persist(
                lambda: wire.send("POST", path, {"arguments": arguments}), _clock() + self._patience, self._outage
            )
        except Lost as error:
            raise unavailable(tool, str(error)) from error
        if reply.code == "already_consumed":
            raise await self._started(decision)
        if reply.code == "frozen":  # the approval stands and may be consumed when the hold is over
            raise on_hold(tool, _reason(reply))
        if reply.status != 200:
            raise Refused(tool=tool, reason=_reason(reply))
        body = reply.body
        burnt = body.get("id") == decision.id and body.get("status") == "approved" and body.get("consumed_at")
        if not burnt or body.get("digest") != decision.digest:
            raise doubtful(tool, "it did not confirm that these arguments are approved")

    async def _started(self, decision: Decision) -> NotRun:
        """Since when another attempt uses this approval, and how that ended, as far as can be known."""
        wire, path = self.wire(decision.tool), f"/v1/requests/{quote(decision.id, safe='')}"
        try:
            reply = await persist(lambda: wire.send("GET", path), _clock() + REPORT_PATIENCE, self._outage)
            now = read(reply.body, decision.id) or decision
        except (Lost, ValueError):  # that it was started is certain; the rest only helps
            now = decision
        return started(now, now.consumed_at or "an unknown time")

    async def report(
        self, decision: Decision, status: Literal["succeeded", "failed"], detail: str | None = None
    ) -> bool:
        """Say what came of the run. Never raises for a service that is away: the run is over, its result stands."""
        path = f"/v1/requests/{quote(decision.id, safe='')}/outcome"
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

    async def cancel(self, decision_or_id: str) -> bool:
        """Take a pending request back; False when it had ended already. Raises Unavailable."""
        wire = self.wire(decision_or_id)
        path = f"/v1/requests/{quote(decision_or_id, safe='')}/cancel"
        try:
            reply = await persist(lambda: wire.send("POST", path, {}), _clock() + self._patience, self._outage)
        except Lost as error:
            raise unavailable(decision_or_id, str(error)) from error
        if reply.status not in {200, 409}:
            raise Refused(tool=decision_or_id, reason=_reason(reply))
        return reply.status == 200


def _reason(reply: Reply) -> str:
    """The problem's sentence, with the faults that it lists."""
    reason = reply.detail
    errors = reply.body.get("errors")
    if isinstance(errors, list) and len(errors) > 1:
        reason += f" (and {len(errors) - 1} more)"
    return sentence(reason)


_SAME_IDS = (
    "the same run id and tool call id were used with other arguments or options; "
    "give another call another tool_call_id."
)


def _fault(url: str) -> str | None:
    """What is wrong with the service's address."""
    try:
        parts = urlsplit(url)
        if parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0:
            return None
    except ValueError:
        parts = None
    if parts is not None and "://" not in url:
        return f"the address {url} has no scheme; write http://{url} or https://{url} (SIGNOFF_URL, or Gate(url=…))."
    return f"{url} is not an address of a service; write it like http://127.0.0.1:8080 (SIGNOFF_URL, or Gate(url=…))."


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _moment(text: object) -> datetime:
    return datetime.fromisoformat(str(text))


def _clock() -> float:
    return asyncio.get_running_loop().time()
