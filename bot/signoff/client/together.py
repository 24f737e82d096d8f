"""Several calls asked about at once: sent, waited for, and what is decided about each. Nothing here runs a tool."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from signoff.client.context import Identity
from signoff.client.decision import Decision, doubtful, read
from signoff.client.requests import Requests, check_recorded, lifetime, nonsense, refused
from signoff.client.signature import plain
from signoff.client.wire import Document
from signoff.model import dumps

PATH = "/v1/batches"
TITLE = 300
"""Characters of a batch's title."""


@dataclass(frozen=True, slots=True)
class Member:
    """One of the calls."""

    tool: str
    sent: Mapping[str, object]
    """The body of its request, as JSON data."""
    identity: Identity


class Together:
    """One batch at the service. Any number of tasks of one event loop may wait for it."""

    def __init__(
        self,
        requests: Requests,
        body: Mapping[str, object],
        members: Sequence[Member],
    ) -> None:
        """`body`: what is sent to ask about the members."""
        self.name = f'the batch "{body["title"]}"' if body.get("title") else "the batch"
        self.members = tuple(members)
        self.ended: list[Decision] = []
        """As they came; those that came at once in the order of the calls."""
        self.body: Document = {}
        """The service's latest answer."""
        self._requests = requests
        self._sent = cast("Document", plain(body))
        self._known: list[Decision | None] = [None] * len(self.members)
        self.ids: list[str] = []
        """Of the requests, once they are known."""
        self._path = ""
        self._end = 0.0
        self._token = ""
        self._content = ""
        self._wanted: list[int] = []
        """How many ends each who waits has seen: an answer holds the whole batch, so none is asked for in between."""
        self._lock = asyncio.Lock()
        self._sending: asyncio.Task[None] | None = None
        self._senders = 0
        """How many wait for it."""

    async def send(self) -> None:
        """Ask, once for all who wait for it. Raises Unavailable; then it may be called again, and asks nobody twice."""
        if self.ids or not self.members:
            return
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        sending = self._sending
        self._senders += 1
        try:
            await asyncio.shield(sending)  # whoever is cancelled takes it from nobody
        finally:
            self._senders -= 1
            if not self._senders:
                sending.cancel()
                self._sending = None  # it takes a moment to end: whoever comes meanwhile is not cancelled with it

    async def _send(self) -> None:
        self._token = self._token or self._key()
        reply = await self._requests.sent(self.name, PATH, self._sent, self._token)
        self._path = f"{PATH}/{quote(str(reply.body.get('id')), safe='')}"
        try:
            documents = self._documents(reply.body)
            for member, one in zip(self.members, documents, strict=True):
                # What was edited meanwhile differs; what was asked is held to by the key's digest.
                replayed = reply.replayed or one.get("version") != 1
                check_recorded(member.tool, member.sent, one, replayed=replayed)
            self._end = asyncio.get_running_loop().time() + max(map(lifetime, documents))
            self.ids = [str(one["id"]) for one in documents]
            self._read(reply.body)
        except (ValueError, KeyError, TypeError) as error:
            self.ids = []
            raise nonsense(self.name, error) from error

    async def more(self, seen: int) -> None:
        """Return once more than `seen` calls have ended, or all. Raises Unavailable."""
        self._wanted.append(seen)
        try:
            await self.send()
            while len(self.ended) <= seen < len(self.members):
                async with self._lock:  # one waits for all who wait
                    if len(self.ended) <= seen:
                        await self._wait(min(self._wanted))
        finally:
            self._wanted.remove(seen)

    async def one(self, index: int) -> Decision:
        """What was decided about one call. Raises Unavailable."""
        while True:
            seen = len(self.ended)
            if (decision := self._known[index]) is not None:
                return decision
            await self.more(seen)

    async def all(self) -> list[Decision]:
        """What was decided, in the order of the calls. Raises Unavailable."""
        await self.more(len(self.members) - 1)
        return [decision for decision in self._known if decision is not None]

    async def _wait(self, seen: int) -> None:
        poll = self._requests.poll
        query = {"wait": f"{poll:.0f}", "ended": str(max(seen, len(self.ended)))}
        reply = await self._requests.answered(
            self.name, lambda wire: wire.send("GET", self._path, query=query, waiting=poll), self._end
        )
        if reply.status != 200:
            raise refused(self.name, reply)
        try:
            self._read(reply.body)
        except (ValueError, KeyError, TypeError) as error:
            raise nonsense(self.name, error) from error

    def _read(self, body: Document) -> None:
        """Raises ValueError for an answer that is not about these calls; then nothing of it counts."""
        known = list(self._known)
        for index, document in enumerate(self._documents(body)):
            decision = read(document, self.ids[index])
            if document.get("tool") != self.members[index].tool:
                raise doubtful(self.members[index].tool, "it is about another tool")
            if decision is not None and known[index] is None:
                known[index] = decision.model_copy(update={"index": index})
        self.ended += [new for old, new in zip(self._known, known, strict=True) if old is None and new is not None]
        self._known, self.body = known, body
        if len(self.ended) == len(self.members) and self._content:
            self._requests.finished[self._content] += 1
            self._content = ""

    def _documents(self, body: Document) -> list[Document]:
        found = body.get("requests")
        documents = cast("list[object]", found) if isinstance(found, list) else []
        if len(documents) != len(self.members) or not all(isinstance(one, dict) for one in documents):
            raise ValueError("it does not list the calls that were asked about")
        return cast("list[Document]", documents)

    def _key(self) -> str:
        """The Idempotency-Key: by the calls' own ids where all are known, else by the run and what is asked.

        The same content again in the same run means the same batch as long as that has not come to its end, and
        another one afterwards: so a restarted agent, and one that tries again, find what they asked.
        """
        calls = [member.identity for member in self.members]
        if any(one.run_id is None for one in calls):
            return secrets.token_urlsafe(18)
        if all(one.tool_call_id is not None for one in calls):
            return _hash(["batch", *(one.idempotency_key for one in calls)])
        self._content = _hash(["content", [one.run_id for one in calls], self._sent])
        return _hash([self._content, self._requests.finished[self._content]])


def together(requests: Requests, title: str | None, members: Sequence[Member]) -> Together:
    """A batch of calls as they are."""
    body: Document = {"requests": [member.sent for member in members]}
    return Together(requests, body if title is None else {"title": title[:TITLE], **body}, members)


def _hash(value: object) -> str:
    return hashlib.sha256(dumps(value).encode()).hexdigest()
