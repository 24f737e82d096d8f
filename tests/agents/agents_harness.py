"""A real `signoff serve` with the embedded Redis, and people who decide over HTTP with an approver key.

Only the standard library and the agent's side: it runs in every framework's environment.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from signoff import Gate

POLICY = """\
version: 1
people:
  ada: {name: Ada Okafor}
groups:
  everyone: {members: [ada]}
defaults:
  approvers: [everyone]
rules:
  - name: nothing drops tables
    when: tool == "drop_table"
    decide: reject
    message: Open a change ticket.
"""
LOOK = 0.02
"""Seconds between looks at another process, which sends no event."""

Json = dict[str, Any]
Answer = Json | None
"""The body of a decision; None: leave it pending."""
Judge = Callable[[Json], Answer]

approve: Json = {"kind": "approve"}


def edit(message: str | None = None, **arguments: object) -> Judge:
    """Approve with these arguments in place of the asked ones of these names."""
    return lambda asked: {"kind": "edit", "arguments": {**asked["arguments"], **arguments}, "message": message}


def reject(message: str | None = None, retry: str | None = None) -> Json:
    return {"kind": "reject", "message": message} | ({"retry": retry} if retry else {})


def respond(response: object) -> Json:
    return {"kind": "respond", "response": response}


@dataclass
class Service:
    address: str
    agent_key: str
    approver_key: str
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def http(self, path: str, key: str, body: object = None) -> tuple[int, Json]:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        made = Desk(self, f"agent-{next(self._numbers)}-{os.getpid()}")
        try:
            yield made
        finally:
            made.stop.set()
            for thread in made.threads:
                thread.join(10)


@dataclass
class Desk:
    """One test's requests, told apart by the agent's name."""

    service: Service
    agent: str
    refused: list[Json] = field(default_factory=list)
    """Problems that decisions were answered with."""
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def run(self) -> str:
        """A run id, thread id or session id that no other test has."""
        return f"run-of-{self.agent}"

    def gate(self, **options: Any) -> Gate:
        return Gate(self.service.address, self.service.agent_key, agent=self.agent, **options)

    def away(self) -> Gate:
        """A gate whose service is not there."""
        return Gate(f"http://127.0.0.1:{closed_port()}", "so_x", agent=self.agent, patience=0)

    @property
    def environ(self) -> dict[str, str]:
        """For a program of its own; it has to name `Gate(agent=os.environ["AGENT"])`."""
        return {
            **os.environ,
            "SIGNOFF_URL": self.service.address,
            "SIGNOFF_API_KEY": self.service.agent_key,
            "AGENT": self.agent,
        }

    def requests(self, status: str | None = None) -> list[Json]:
        """All that was asked, oldest first."""
        query = {"agent": self.agent, "limit": "100"} | ({"status": status} if status else {})
        _, page = self.service.http(f"/v1/requests?{urlencode(query)}", self.service.agent_key)
        return sorted(cast("list[Json]", page["requests"]), key=lambda one: (one["created_at"], one["id"]))

    def waiting(self, count: int = 1) -> list[Json]:
        """The pending ones, once there are so many."""
        eventually(lambda: len(self.requests("pending")) >= count)
        return self.requests("pending")

    def decide(self, asked: Json, answer: Json | Judge) -> tuple[int, Json]:
        said = answer(asked) if callable(answer) else answer
        body = {"version": asked["version"], **cast("Json", said)}
        return self.service.http(f"/v1/requests/{asked['id']}/decisions", self.service.approver_key, body)

    def people(self, *answers: Json | Judge | None, by: dict[str, Json | Judge | None] | None = None) -> None:
        """From now on decide each new request: the next of `answers`, the last for all that follow; or by its tool."""
        given = itertools.chain(answers, itertools.repeat(answers[-1] if answers else None))
        seen: set[str] = {one["id"] for one in self.requests()}

        def work() -> None:
            while not self.stop.wait(LOOK):
                for asked in self.requests("pending"):
                    if asked["id"] in seen:
                        continue
                    seen.add(asked["id"])
                    answer = by.get(asked["tool"]) if by is not None else next(given)
                    if answer is None:
                        continue
                    status, told = self.decide(asked, answer)
                    if status != 200:
                        self.refused.append(told)

        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return cast("int", probe.getsockname()[1])


def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait for an effect in another process, which sends no event."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(LOOK)


@contextmanager
def serving(folder: Path) -> Iterator[Service]:
    """`signoff serve` in this folder, from the Python that SIGNOFF_TEST_SERVER names."""
    server = os.environ.get("SIGNOFF_TEST_SERVER", sys.executable)
    (folder / "policy.yaml").write_text(POLICY)
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "SIGNOFF_DATA_DIR": str(folder / "data"),
        "SIGNOFF_POLICY": "policy.yaml",
        "SIGNOFF_PORT": "0",
        "SIGNOFF_RATE": "100000",
        "PYTHONUNBUFFERED": "1",
    }

    def key(*words: str) -> str:
        command = [server, "-m", "signoff", "keys", "create", "--name", "test", *words]
        made = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    log = folder / "serve.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [server, "-m", "signoff", "serve"],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        pattern = re.compile(r"listens on (http://\S+)")
        eventually(lambda: pattern.search(log.read_text()) or process.poll() is not None, 60)
        found = pattern.search(log.read_text())
        assert found is not None, log.read_text()
        yield Service(found[1], key("--role", "agent"), key("--role", "approver", "--person", "ada"), process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((folder / "data" / "redis" / "redis.pid").read_text()), signal.SIGKILL)
