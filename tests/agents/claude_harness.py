"""Claude Code as it is installed with the SDK, and a Messages API on loopback that says what a script tells it to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import claude_agent_sdk

CLI = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"

Json = dict[str, Any]


def use(name: str, identifier: str, **given: object) -> Json:
    return {"type": "tool_use", "id": identifier, "name": name, "input": given}


def say(text: str) -> Json:
    return {"type": "text", "text": text}


@dataclass
class Model:
    """One turn after the other; what was asked stays to be looked at."""

    turns: list[Sequence[Json]]
    address: str = ""
    asked: list[Json] = field(default_factory=list)

    def results(self) -> dict[str, str]:
        """Tool use id → what the model read as its result."""
        read: dict[str, str] = {}
        for asked in self.asked:
            for message in asked["messages"]:
                for block in message["content"] if isinstance(message["content"], list) else []:
                    if block["type"] == "tool_result":
                        content = block["content"]
                        texts = content if isinstance(content, str) else "".join(one["text"] for one in content)
                        read[block["tool_use_id"]] = texts
        return read

    def environ(self, folder: Path) -> dict[str, str]:
        return {
            "ANTHROPIC_BASE_URL": self.address,
            "ANTHROPIC_API_KEY": "sk-ant-nobody",
            "CLAUDE_CONFIG_DIR": str(folder / "config"),
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
        }


def events(content: Sequence[Json]) -> Iterator[Json]:
    usage = {"input_tokens": 1, "output_tokens": 1}
    uses = any(block["type"] == "tool_use" for block in content)
    message = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "scripted", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": usage,
    }  # fmt: skip
    yield {"type": "message_start", "message": message}
    for index, block in enumerate(content):
        if block["type"] == "text":
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    reason = "tool_use" if uses else "end_turn"
    yield {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}
    yield {"type": "message_stop"}


@contextmanager
def scripted(*turns: Sequence[Json]) -> Iterator[Model]:
    """Serve these turns; whatever is asked without tools (titles, summaries) gets a word and takes no turn."""
    model = Model(list(turns))

    class Api(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not self.path.startswith("/v1/messages") or "count_tokens" in self.path:
                self._answer("application/json", b'{"input_tokens": 1}')
                return
            content: Sequence[Json] = [say("ok")]
            if body.get("tools"):
                model.asked.append(body)
                content = model.turns.pop(0) if model.turns else [say("done")]
            lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events(content)]
            self._answer("text/event-stream", "".join(lines).encode())

        def do_HEAD(self) -> None:
            self._answer("text/plain", b"")

        do_GET = do_HEAD  # noqa: N815  # the library's name

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    model.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
