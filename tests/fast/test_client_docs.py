"""The agent's reference runs as it is written, against a service that answers at once."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from types import CodeType

import pytest
from pydantic import BaseModel

import signoff
from signoff.client import requests as verbs
from signoff.client.wire import Document, Reply, Wire
from signoff.model import dumps, loads

PAGE = Path(__file__).parents[2] / "docs" / "agents.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)


class EmailDraft(BaseModel):
    to: str
    subject: str


async def deploy(service: str) -> None: ...


async def issue_refund_now(order: str, amount: float) -> None: ...


class Agreeing(Wire):
    """Approves every call and answers every question; keeps no more than it must."""

    def __init__(self) -> None:
        super().__init__("http://service.invalid", "so_test")
        self.records: dict[str, Document] = {}
        self.ran: list[str] = []

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
        if path == "/v1/requests":
            assert body is not None
            return Reply(201, self._made(dict(body)))
        if path == "/v1/batches":
            assert body is not None
            return Reply(201, self._batch(dict(body)))
        record = self.records[path.split("/")[3]]
        if path.endswith("/consume"):
            record["consumed_at"] = "2026-11-20T08:01:00.000Z"
            self.ran.append(str(record["tool"]))
        return Reply(200, record)

    def _batch(self, body: Document) -> Document:
        asked = body.get("requests") or [
            {"tool": one["name"], "arguments": one["args"]}
            for one in body["action_requests"]  # type: ignore[attr-defined]
        ]
        assert isinstance(asked, list)
        made = [self._made(dict(one)) for one in asked]
        return {"id": "bat_1", "requests": made, "decisions": [{"type": "approve"} for _ in made]}

    def _made(self, body: Document) -> Document:
        question = body["tool"] == "ask_human"
        wanted = body.get("response_schema") or {}
        assert isinstance(wanted, dict)
        made = {
            "kind": "respond" if question else "approve",
            "arguments": None if question else body["arguments"],
            "response": (wanted.get("enum") or [3 if wanted.get("type") == "integer" else "lost"])[0],
            "decided_at": "2026-11-20T08:00:30.000Z",
            "digest": "sha256:1",
        }
        one = f"req_{len(self.records)}"
        record: Document = {
            **body,
            "id": one,
            "status": "responded" if question else "approved",
            "version": 1,
            "digest": "sha256:1",
            "decision": made,
            "consumed_at": None,
            "created_at": "2026-11-20T08:00:00.000Z",
            "expires_at": "2026-11-20T09:00:00.000Z",
        }
        found = loads(dumps(record))
        assert isinstance(found, dict)
        self.records[one] = found
        return found


def _code(block: str) -> CodeType:
    return compile(block, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


async def test_the_examples_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every example of the page, one after the other, in one module."""
    service = Agreeing()
    monkeypatch.setattr(verbs, "Wire", lambda *_: service)
    monkeypatch.setenv("SIGNOFF_API_KEY", "so_test")
    names: dict[str, object] = {
        "EmailDraft": EmailDraft,
        "deploy": deploy,
        "issue_refund_now": issue_refund_now,
    }
    for block in BLOCKS:
        result = eval(_code(block), names)
        if inspect.isawaitable(result):
            await result
    assert (names["region"], names["reason"], names["count"]) == ("eu", "lost", 3)
    assert names["results"] == {1: "refunded 20.0 for A-1", 2: "refunded 30.0 for A-2"}
    assert names["response"] == {"decisions": [{"type": "approve"}]}
    assert service.ran == ["deploy", *["issue_refund"] * 5, "transfer", "issue_refund", "deploy", "issue_refund"]
    gate = names["gate"]
    assert isinstance(gate, signoff.Gate)
    gate.blocking.close()


def test_every_error_of_the_agents_side_is_described() -> None:
    """The table names each error that the package exports, and no other."""
    table = PAGE.read_text().partition("| Error | When |")[2].partition("```")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    exported = {name for name in signoff.__all__ if isinstance(getattr(signoff, name), type)}
    assert named == {
        name for name in exported if issubclass(getattr(signoff, name), signoff.NotRun) and name != "NotRun"
    }
