"""What becomes of one `tools/call`: forwarded as approved, or answered in the server's place. Knows no transport."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, cast

from signoff.errors import where
from signoff.model import dumps
from signoff_agents import gating
from signoff_agents.mcp.asking import Together
from signoff_agents.mcp.catalogue import Catalogue, Page, schema_of, title_of
from signoff_agents.mcp.messages import INVALID_PARAMS, VERSION_META, Document, answered, failed, part

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

CONTINUE = 3600.0
"""Seconds in which a host may bring what a server asked back for: the call goes on under its first approval."""
CONTINUED = 10_000
"""Calls waiting for that."""
LONGEST_ID = 100
"""Characters of a request's id that are shown."""
LONGEST_NAME = 200
"""Characters of an unknown tool's name that its caller reads again."""
CALL_IDS = ("claudecode/toolUseId",)
"""Names in `_meta` under which hosts give the model's own id of a call: it survives a restart."""

log = logging.getLogger("signoff")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it is."""

    run_id: str
    number: str
    """Makes request ids of one run unique."""
    agent: str | None = None
    """The host's own name."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A call that goes to the server now; its approval is burnt. Exactly one of `Calls.returned`, `Calls.lost` ends
    it."""

    message: Document
    verdict: gating.Verdict
    tool: Document
    origin: str
    """The tool and the arguments as the host sent them, and whose they are."""
    continued: bool = False

    @property
    def arguments(self) -> Document:
        return part(self.message, "params", "arguments")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host gets without the server having heard of the call."""

    message: Document


class Calls:
    """Asks about each call and follows what came of it."""

    def __init__(self, gate: Gate, *, prefix: str = "", fields: Fields | None = None, lasting: bool = False) -> None:
        """`prefix`: of the tools' names as people and the policy see them. `fields`: said about every call.

        `lasting`: the run has a name under which another process goes on with it.
        """
        self._gate = gate
        self._prefix = prefix
        self._fields: Fields = fields or {}
        self._together = Together(gate, lasting=lasting)
        self._open: OrderedDict[str, tuple[float, Approved]] = OrderedDict()
        self._reports: set[asyncio.Task[None]] = set()
        self.catalogue = Catalogue()

    async def decide(self, message: Document, caller: Caller, page: Page) -> Approved | Answer:
        """Wait for the decision about one call. Raises nothing; cancelled, nothing is forwarded, now or later."""
        try:
            return await self._decide(message, caller, page)
        except Exception as error:  # noqa: BLE001  # whatever went wrong here, the answer is no
            name = str(part(message, "params").get("name"))
            log.warning("%s was not run, because the gateway failed: %s", name, where(error))
            return Answer(answered(message["id"], _failed(gating.Away(tool=name, reason="").sentence, {})))

    async def _decide(self, message: Document, caller: Caller, page: Page) -> Approved | Answer:
        params = part(message, "params")
        name, given = str(params["name"]), part(params, "arguments")
        origin = dumps([caller.run_id, name, given])
        if "inputResponses" in params and (approved := self._continued(message, origin)) is not None:
            return approved
        tool = await self.catalogue.find(name, caller.run_id, page)
        if tool is None:
            # Not forwarded, although the server would refuse it: by the time it arrives there may be such a tool, or
            # there is one that is not listed, and it would run unasked.
            return Answer(failed(message["id"], INVALID_PARAMS, f"Unknown tool: {name[:LONGEST_NAME]}"))
        named = _named(params)
        call = gating.Call(
            tool=self._prefix + name,
            arguments=given,
            run_id=caller.run_id,
            call_id=named or _numbered(message, caller),
            fields=self._said(tool, caller),
            fits=gating.fits_schema(part(tool, "inputSchema")),
        )
        verdict = await self._together.decide(call, named=named is not None)
        if verdict.run is not None:
            forwarded = {**message, "params": {**params, "arguments": verdict.run}}
            return Approved(forwarded, verdict, tool, origin)
        return Answer(answered(message["id"], _instead(verdict, tool, params)))

    def _said(self, tool: Document, caller: Caller) -> Fields:
        said: dict[str, object] = {
            "agent": caller.agent,
            "title": title_of(tool),
            "description": tool.get("description"),
            "schema": schema_of(tool),
        }
        return cast("Fields", {name: value for name, value in said.items() if value is not None} | self._fields)

    # ── afterwards ───────────────────────────────────────────────────────────────────────────────

    def returned(self, approved: Approved, response: Document) -> Document | None:
        """The server has answered. What the host reads instead of that; None: the answer as it is.

        The outcome is reported beside that: no answer waits for a service that is away.
        """
        result = part(response, "result")
        if result.get("resultType") == "input_required":
            self._remember(approved, result)
            return None
        status: Literal["succeeded", "failed"] = "succeeded"
        if "error" in response or result.get("isError") is True:
            status = "failed"
        self._report(approved, gating.Ran(status))
        content = result.get("content")
        if approved.verdict.note is None or not isinstance(content, list):
            return None
        noted = [*cast("list[object]", content), {"type": "text", "text": approved.verdict.note}]
        return {**response, "result": {**result, "content": noted}}

    def lost(self, approved: Approved, why: str) -> None:
        """No answer will come; `why` is a sentence."""
        self._report(approved, gating.Ran("failed", why))

    def _report(self, approved: Approved, ran: gating.Ran) -> None:
        task = asyncio.create_task(gating.report(self._gate, approved.verdict, ran))
        self._reports.add(task)
        task.add_done_callback(self._reports.discard)

    async def reported(self) -> None:
        """Until every outcome is reported, or the gate has given that up, which it does within some seconds."""
        while self._reports:
            await asyncio.wait(self._reports)

    # ── calls that a server asks back about (protocol 2026-07-28) ────────────────────────────────

    def _remember(self, approved: Approved, result: Document) -> None:
        """The host will send the same call again with what the server wants to know: that is no new call."""
        self._open[_state(approved.origin, result.get("requestState"))] = (time.monotonic() + CONTINUE, approved)
        while len(self._open) > CONTINUED:
            self._open.popitem(last=False)

    def _continued(self, message: Document, origin: str) -> Approved | None:
        """The approval that a call goes on under, once; None: it is a call like any other."""
        params = part(message, "params")
        until, approved = self._open.pop(_state(origin, params.get("requestState")), (0.0, None))
        if approved is None or until < time.monotonic():
            return None
        forwarded = {**message, "params": {**params, "arguments": approved.arguments}}
        return replace(approved, message=forwarded, continued=True)


def _state(origin: str, state: object) -> str:
    return hashlib.sha256(dumps([origin, state]).encode()).hexdigest()


def _named(params: Document) -> str | None:
    """The host's own name of a call."""
    meta = part(params, "_meta")
    for name in CALL_IDS:
        if isinstance(found := meta.get(name), str) and 0 < len(found) <= LONGEST_ID:
            return found
    return None


def _numbered(message: Document, caller: Caller) -> str:
    request_id = dumps(message["id"])
    return f"{caller.number}:{request_id if len(request_id) <= LONGEST_ID else mark(request_id)}"


def mark(text: str) -> str:
    """A short name for a text that is too long to be shown, or must not be."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# ── in the server's place ────────────────────────────────────────────────────────────────────────


def _instead(verdict: gating.Verdict, tool: Document, params: Document) -> Document:
    if verdict.kind != "answer":
        return _failed(verdict.said or "", params)
    return _answer(verdict, part(tool, "outputSchema"), params)


def _answer(verdict: gating.Verdict, wanted: Mapping[str, object], params: Document) -> Document:
    """A person's answer as the tool's result; where the tool promises a structure, in that structure."""
    value, names = verdict.answer, list(part(wanted, "properties"))
    result = _result(verdict.said or "", params, error=False)
    if isinstance(value, dict):
        result["structuredContent"] = cast("Document", value)
    elif wanted:
        result["structuredContent"] = {names[0] if len(names) == 1 else "result": value}
    return result


def _failed(said: str, params: Document) -> Document:
    return _result(said, params, error=True)


def _result(said: str, params: Document, *, error: bool) -> Document:
    result: Document = {"content": [{"type": "text", "text": said}], "isError": error}
    return result if version_of(params) is None else {"resultType": "complete", **result}


def agent_of(message: Mapping[str, object], *path: str) -> str | None:
    """The host's own name: in `initialize`, or since 2026-07-28 with every request."""
    found = part(message, "params", *path)
    name = found.get("title") or found.get("name")
    return name[:200] if isinstance(name, str) and name.strip() else None


def version_of(params: Mapping[str, object]) -> str | None:
    """The protocol version that a request names by itself, since 2026-07-28."""
    version = part(params, "_meta").get(VERSION_META)
    return version if isinstance(version, str) else None


def envelope(params: Mapping[str, object]) -> Document:
    """What of a request's `_meta` a request of our own to the same server needs."""
    return {name: value for name, value in part(params, "_meta").items() if name.startswith("io.modelcontextprotocol/")}
