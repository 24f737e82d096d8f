"""JSON-RPC as it stands on MCP's wire: what a host sends is read strictly, so that no server can read it differently.

Two parsers may disagree about one text: which of two equal names counts, whether `Method` is `method`. What is held is
decided by our reading, so what is forwarded is our reading written anew, and what could be read otherwise is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast

from signoff.model import dumps, loads

Document = dict[str, object]

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603

CALL: Final = "tools/call"
LIST: Final = "tools/list"
CANCELLED: Final = "notifications/cancelled"
LIST_CHANGED: Final = "notifications/tools/list_changed"

DEEPEST = 500
"""Levels of a host's message: about half of what Python can read, because it can read more than it can write."""

VERSION_META: Final = "io.modelcontextprotocol/protocolVersion"
CLIENT_META: Final = "io.modelcontextprotocol/clientInfo"
"""Names in `_meta` of every request since protocol 2026-07-28."""

_ENVELOPE = {"jsonrpc", "id", "method", "params", "result", "error"}
_PARAMS = {"name", "arguments", "_meta", "inputresponses", "requeststate", "task"}
_SPELLED = {"inputresponses": "inputResponses", "requeststate": "requestState"}


class Faulty(ValueError):
    """A host's message that goes nowhere; `answer` is what the host reads, None when nothing can be answered to."""

    def __init__(self, code: int, text: str, request_id: object = None, *, answerable: bool = True) -> None:
        super().__init__(text)
        self.answer = failed(request_id, code, text) if answerable else None


def read(raw: bytes) -> Document:
    """One message from a host. Raises Faulty."""
    try:
        parsed = loads(raw, unique=True)
        if raw.count(b"[") + raw.count(b"{") > DEEPEST and _too_deep(parsed):
            raise ValueError("the JSON is nested too deeply")
    except ValueError as error:
        raise Faulty(PARSE_ERROR, f"This is not JSON that can be relied on: {error}.") from error
    if not isinstance(parsed, dict):
        raise Faulty(INVALID_REQUEST, "Send one JSON-RPC message at a time; batches are not forwarded.")
    message = cast("Document", parsed)
    request_id = message.get("id")
    known_id = request_id if _is_id(request_id) else None
    if _ambiguous(message, _ENVELOPE):
        raise Faulty(INVALID_REQUEST, "A name in this message differs from JSON-RPC's only in its spelling.", known_id)
    method = message.get("method")
    if method is None:
        if "method" in message or not ("result" in message or "error" in message):
            raise Faulty(INVALID_REQUEST, "This is neither a request nor a notification nor a response.", known_id)
        return message
    if not isinstance(method, str):
        raise Faulty(INVALID_REQUEST, "The method is not text.", known_id)
    if "id" in message and known_id is None:
        raise Faulty(INVALID_REQUEST, "The id is neither text nor an integer.")
    if method.strip().casefold() == CALL:
        _check_call(message, method, known_id)
    return message


def _check_call(message: Document, method: str, request_id: object) -> None:
    if "id" not in message:
        # A call as a notification: some server might run it, and nobody would hear of it.
        raise Faulty(INVALID_REQUEST, "A tool call without an id is not forwarded.", answerable=False)
    params = message.get("params")
    if method != CALL or not isinstance(params, dict):
        raise Faulty(INVALID_REQUEST, "This is not a tool call as the protocol has it.", request_id)
    given = cast("Document", params)
    if _ambiguous(given, _PARAMS):
        raise Faulty(INVALID_PARAMS, "A name in this call is misspelled.", request_id)
    if not isinstance(given.get("name"), str) or not isinstance(given.get("arguments", {}), dict):
        raise Faulty(INVALID_PARAMS, "A tool call has a name, and its arguments are an object.", request_id)


def _too_deep(parsed: object) -> bool:
    level: list[object] = [parsed]
    for _ in range(DEEPEST):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("Document", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


def _ambiguous(found: Mapping[str, object], names: set[str]) -> bool:
    return any(folded in names and name != _SPELLED.get(folded, folded) for name in found if (folded := _fold(name)))


def _fold(name: str) -> str:
    return name.strip().casefold()


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def peek(raw: bytes | str) -> Document | None:
    """A server's message, where it can be made out. What cannot goes to the host as it is: that one may judge it."""
    try:
        parsed = loads(raw)
    except ValueError:
        return None
    return cast("Document", parsed) if isinstance(parsed, dict) else None


def written(message: Mapping[str, object]) -> bytes:
    return dumps(message).encode()


def key(request_id: object) -> str:
    """Ids as names of a dict: 1 and "1" are two."""
    return dumps(request_id)


def is_call(message: Mapping[str, object]) -> bool:
    return message.get("method") == CALL


def is_response(message: Mapping[str, object]) -> bool:
    return "method" not in message and _is_id(message.get("id")) and ("result" in message or "error" in message)


def part(message: Mapping[str, object], *names: str) -> Document:
    """An object inside; empty where there is none."""
    found: Mapping[str, object] = message
    for name in names:
        inner = found.get(name)
        found = cast("Document", inner) if isinstance(inner, dict) else {}
    return found if isinstance(found, dict) else {}


def cancelled_id(message: Mapping[str, object]) -> str | None:
    """The request that a message cancels."""
    if message.get("method") != CANCELLED:
        return None
    request_id = part(message, "params").get("requestId")
    return key(request_id) if _is_id(request_id) else None


def answered(request_id: object, result: Mapping[str, object]) -> Document:
    return {"jsonrpc": "2.0", "id": request_id, "result": dict(result)}


def failed(request_id: object, code: int, text: str) -> Document:
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": code, "message": text}}


def progress(token: object, done: float, text: str) -> Document:
    return {
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": {"progressToken": token, "progress": done, "message": text},
    }
