"""A service for batches that has no socket: what a test decides, it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

from signoff.client.wire import Document, Lost, Reply, Wire
from signoff.model import dumps, loads

ENDS = {"approve": "approved", "edit": "approved", "reject": "rejected", "respond": "responded", "expire": "expired"}


class Crowd(Wire):
    """Batches and single requests, decided by `decide`; `away` makes it unreachable."""

    def __init__(self) -> None:
        super().__init__("http://service.invalid", "so_test")
        self.records: dict[str, Document] = {}
        self.batches: dict[str, list[str]] = {}
        self.keys: dict[str, str] = {}
        self.calls: list[tuple[str, str, Document]] = []
        self.away = False
        self.unheard = False
        """It does what it is asked, but its answers get lost."""
        self.asked = asyncio.Event()
        self.folded = False
        self._changed = asyncio.Condition()

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        waiting: float = 0.0,
    ) -> Reply:
        await asyncio.sleep(0)
        if self.away:
            raise Lost("Cannot connect")
        sent = cast("Document", loads(dumps(body))) if body is not None else {}
        self.calls.append((method, path, sent))
        async with self._changed:
            self._changed.notify_all()
        reply = await self._answer(method, path, sent, query or {}, (headers or {}).get("Idempotency-Key", ""))
        if self.unheard:
            raise Lost("Connection reset")
        return Reply(reply.status, cast("Document", loads(dumps(reply.body))), None, reply.replayed, reply.folded)

    async def _answer(self, method: str, path: str, body: Document, query: Mapping[str, str], key: str) -> Reply:
        match path.split("/")[2:]:
            case ["batches"]:
                known = key in self.keys
                if not known:
                    self.opened(key, body)
                self.asked.set()
                return Reply(200 if known else 201, self.batch(self.keys[key]), replayed=known)
            case ["batches", batch_id]:
                ids = self.batches[batch_id]
                seen = int(query["ended"])
                async with self._changed:
                    await self._changed.wait_for(lambda: min(seen + 1, len(ids)) <= self._ended(ids))
                return Reply(200, self.batch(batch_id))
            case ["requests"]:
                folded = self.folded and key not in self.keys
                one = self.keys[key] = next(iter(self.records)) if folded else self.record(body)
                self.asked.set()
                return Reply(200 if folded else 201, self.records[one], folded=folded)
            case ["requests", one]:
                async with self._changed:
                    await self._changed.wait_for(lambda: self.records[one]["decision"] or "wait" not in query)
                return Reply(200, self.records[one])
            case ["requests", one, "consume"]:
                return self._consumed(self.records[one], body)
            case ["requests", one, _]:
                self.records[one]["outcome"] = body | {"at": None}
                return Reply(200, self.records[one])
            case _:
                return Reply(404, {"detail": f"{method} {path}"})

    def batch(self, batch_id: str) -> Document:
        records = [self.records[one] for one in self.batches[batch_id]]
        done = self._ended(self.batches[batch_id]) == len(records)
        return {"id": batch_id, "requests": records, "decisions": [_told(one) for one in records] if done else None}

    def opened(self, key: str, body: Document) -> None:
        asks = cast("list[Document]", body.get("requests")) or [
            {"tool": one["name"], "arguments": one["args"]} for one in cast("list[Document]", body["action_requests"])
        ]
        batch_id = self.keys[key] = f"bat_{len(self.batches) + 1}"
        self.batches[batch_id] = [self.record(ask) for ask in asks]

    def record(self, ask: Document) -> str:
        one = f"req_{len(self.records) + 1}"
        self.records[one] = {
            **ask,
            "id": one,
            "status": "pending",
            "version": 1,
            "digest": f"sha256:{one}",
            "decision": None,
            "consumed_at": None,
            "created_at": "2026-11-20T08:00:00.000Z",
            "expires_at": "2026-11-20T09:00:00.000Z",
        }
        return one

    def _ended(self, ids: list[str]) -> int:
        return sum(self.records[one]["decision"] is not None for one in ids)

    @staticmethod
    def _consumed(record: Document, body: Document) -> Reply:
        made = cast("Document", record["decision"])
        if record["consumed_at"] or body["arguments"] != made["arguments"]:
            code = "already_consumed" if record["consumed_at"] else "digest_mismatch"
            return Reply(409, {"type": f"https://signoff.dev/problems/{code}", "detail": f"It was {code}."})
        record["consumed_at"] = "2026-11-20T08:01:00.000Z"
        return Reply(200, record)

    async def decide(self, number: int, kind: str, **fields: object) -> None:
        """Decide the request of this number, from 1."""
        self.settle(number, kind, **fields)
        async with self._changed:
            self._changed.notify_all()

    def settle(self, number: int, kind: str, **fields: object) -> None:
        """The same while nobody waits for it."""
        record = self.records[f"req_{number}"]
        arguments = record["arguments"] if kind == "approve" else None
        record["status"] = ENDS[kind]
        if kind == "edit":
            record |= {"version": 2, "digest": "sha256:edited"}
        record["decision"] = {
            "kind": kind,
            "arguments": arguments,
            "decided_by": [{"person": "ada", "name": "Ada", "at": "2026-11-20T08:00:30.000Z"}],
            "decided_at": "2026-11-20T08:00:30.000Z",
            "digest": record["digest"],
        } | fields

    async def posted(self, end: str, count: int = 1) -> None:
        """Wait until so many calls have come in."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.posts(end)) >= count)

    def posts(self, end: str) -> list[Document]:
        return [body for method, path, body in self.calls if method == "POST" and path.endswith(end)]


def _told(record: Document) -> Document:
    """A decision as LangChain is told it."""
    made = cast("Document", record["decision"])
    match made["kind"]:
        case "approve":
            return {"type": "approve"}
        case "edit":
            return {"type": "edit", "edited_action": {"name": record["tool"], "args": made["arguments"]}}
        case "respond":
            return {"type": "respond", "message": made["response"]}
        case kind:
            return {"type": "reject", "message": f"{kind}: {made.get('message')}"}
