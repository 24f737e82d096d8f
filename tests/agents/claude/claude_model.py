"""A scripted model behind Anthropic's HTTP interface, for the real Claude Code program that the SDK comes with."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from claude_agent_sdk import ClaudeAgentOptions, query


@dataclass
class Model:
    """Calls Bash once, and keeps what it was told of the result."""

    command: str
    address: str = ""
    read: list[str] = field(default_factory=list)

    def events(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        results = [
            block
            for message in body["messages"]
            if isinstance(message["content"], list)
            for block in message["content"]
            if block["type"] == "tool_result"
        ]
        self.read = [json.dumps(one["content"]) for one in results] or self.read
        called = bool(body.get("tools")) and not results
        block: dict[str, Any] = {"type": "text", "text": ""}
        delta: dict[str, Any] = {"type": "text_delta", "text": "done"}
        if called:
            block = {"type": "tool_use", "id": "toolu_1", "name": "Bash", "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps({"command": self.command})}
        message = {"id": "m", "type": "message", "role": "assistant", "model": "scripted", "content": []}
        usage = {"input_tokens": 1, "output_tokens": 1}
        stop = {"stop_reason": "tool_use" if called else "end_turn", "stop_sequence": None}
        return [
            {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": usage},
            {"type": "message_stop"},
        ]


@contextmanager
def scripted(command: str) -> Iterator[Model]:
    model = Model(command)

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if "messages" not in body or "count_tokens" in self.path:
                self._send(b'{"input_tokens": 1}', "application/json")
                return
            events = model.events(body)
            sent = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
            self._send(sent.encode(), "text/event-stream")

        def do_GET(self) -> None:
            self._send(b"{}", "application/json")

        def do_HEAD(self) -> None:
            self.do_GET()

        def _send(self, sent: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(sent)

        def log_message(self, format: str, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()


def run(model: Model, folder: Path, **options: Any) -> None:
    """Claude Code in this folder, with settings and a home of its own."""
    env = {
        "ANTHROPIC_BASE_URL": model.address,
        "ANTHROPIC_API_KEY": "x",
        "CLAUDE_CONFIG_DIR": str(folder / "claude"),
        "HOME": str(folder),
        "DISABLE_TELEMETRY": "1",
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    said = ClaudeAgentOptions(cwd=folder, env=env, model="scripted", setting_sources=[], max_turns=3, **options)

    async def asked() -> Any:
        yield {"type": "user", "message": {"role": "user", "content": "do it"}}

    async def work() -> None:
        async for _ in query(prompt=asked(), options=said):
            pass

    asyncio.run(work())
