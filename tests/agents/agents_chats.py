"""The simulated Slack and Teams, in a process of their own, and the people who decide in them.

Only the standard library: the process runs in the server's Python, this in every framework's environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.request import Request, urlopen

CHATS = ("slack", "teams")
PROGRAM = Path(__file__).with_name("chats")
LONGEST = 60.0
"""Seconds that a person may take for one decision, or Teams for an installation."""

Json = dict[str, Any]


@dataclass(frozen=True)
class Chats:
    address: str
    environment: dict[str, str]
    """What the service needs to be an app in both."""

    def _post(self, path: str, body: object) -> Json:
        request = Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urlopen(request, timeout=LONGEST) as answer:
            return cast("Json", json.load(answer))

    def install(self, url: str) -> None:
        """The service listens there."""
        answer = self._post("/people/app", {"url": url})
        assert answer == {}, f"Teams could not install the app: {answer}"

    def decide(self, chat: str, person: str, asked: Json, answer: Json) -> Json:
        """{}: taken; `said`: what the chat said when it was not; `no_way`: what the chat lacks for it."""
        return self._post("/people/decide", {"chat": chat, "person": person, "asked": asked, "answer": answer})


@contextmanager
def simulated(folder: Path) -> Iterator[Chats]:
    """From the Python that SIGNOFF_TEST_SERVER names, until the end of the block."""
    server = os.environ.get("SIGNOFF_TEST_SERVER", sys.executable)
    log = folder / "chats.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [server, str(PROGRAM)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        told = process.stdout.readline()
        assert told, log.read_text()
        yield Chats(**json.loads(told))
    finally:
        process.stdin.close()  # which ends it
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
