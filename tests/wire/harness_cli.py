"""The command line as people run it: real processes with an environment of their own, in a folder of their own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from signoff import cli

ROOT = Path(__file__).parents[2]
PROGRAM = Path(sys.executable).with_name("signoff")
POLICY = """\
version: 1
people:
  ada: {name: Ada Okafor, email: ada@example.com}
  bob: {name: Bob Lindqvist}
  rita: {name: Rita}
groups:
  finance: {members: [ada, bob]}
defaults:
  approvers: [finance]
rules:
  - name: refunds
    when: tool == "issue_refund"
    risk: high
    editable: [amount]
    secret: [card_token]
  - name: nothing drops tables
    when: tool == "drop_table"
    decide: reject
    message: Open a change ticket.
"""
TRACEBACK = "Traceback (most recent call last)"

Json = dict[str, Any]


@dataclass(frozen=True)
class Done:
    """What became of one command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Home:
    """A folder with a policy and a data directory, and what is set there."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    started: list[subprocess.Popen[str]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        (self.folder / "policy.yaml").write_text(POLICY)
        own = {"SIGNOFF_DATA_DIR": str(self.folder / "data"), "SIGNOFF_POLICY": "policy.yaml", "SIGNOFF_PORT": "0"}
        self.environ = own | self.environ

    def start(self, *words: str, env: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """A command in a process of its own."""
        process = subprocess.Popen(
            [str(PROGRAM), *words],
            env=self.around(env),
            text=True,
            **(
                {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
                | options
            ),
        )
        self.started.append(process)
        return process

    def run(self, *words: str, env: Mapping[str, str] | None = None, **options: Any) -> Done:
        return ended(self.start(*words, env=env, **options))

    def around(self, env: Mapping[str, str] | None) -> dict[str, str]:
        """Nothing of the surroundings' own environment but where programs are. An empty variable counts as unset."""
        around = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "COLUMNS": "80"}
        return around | self.environ | dict(env or {})

    def call(self, *words: str, env: Mapping[str, str] | None = None) -> Done:
        """The same in this process, which takes a tenth of the time: for what does not depend on processes."""
        out, err, code = StringIO(), StringIO(), 0
        with (
            patch.dict(os.environ, self.around(env), clear=True),
            patch.object(sys, "argv", ["signoff", *words]),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                cli.main()
            except SystemExit as end:
                code = int(end.code or 0)
        return Done(code, out.getvalue(), err.getvalue())

    def key(self, role: str, *words: str) -> str:
        made = self.call("keys", "create", "--role", role, "--name", f"{role} of a test", *words)
        assert made.code == 0, made.err
        return made.out.strip()

    @contextmanager
    def serving(self, env: Mapping[str, str] | None = None) -> Iterator[Server]:
        """`signoff serve`, listening."""
        log = self.folder / f"serve-{time.monotonic_ns()}.log"
        with log.open("w") as out:
            process = self.start("serve", env=env, stdout=out, stderr=out)
        server = Server(self, process, log)
        try:
            server.said("Signoff listens on ")
            yield server
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(10)


@dataclass
class Server:
    home: Home
    process: subprocess.Popen[str]
    log: Path

    @property
    def text(self) -> str:
        return self.log.read_text()

    @property
    def address(self) -> str:
        found = re.search(r"listens on (http://\S+)", self.text)
        assert found is not None
        return found[1]

    def said(self, words: str) -> None:
        """Wait until it has said this."""
        eventually(lambda: words in self.text or self.process.poll() is not None)
        assert words in self.text

    def run(self, key: str, *words: str, **options: Any) -> Done:
        return ended(self.start(key, *words, **options))

    def call(self, key: str, *words: str) -> Done:
        return self.home.call(*words, env=self.caller(key))

    def start(self, key: str, *words: str, **options: Any) -> subprocess.Popen[str]:
        """A command of an agent or of an approver."""
        return self.home.start(*words, env=self.caller(key), **options)

    def caller(self, key: str) -> dict[str, str]:
        return {"SIGNOFF_URL": self.address, "SIGNOFF_API_KEY": key}

    def http(self, path: str, key: str | None = None, body: object = None) -> tuple[int, Json]:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.address + path, data, headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

    def pending(self, key: str, count: int = 1) -> list[Json]:
        """The key's pending requests, once there are so many."""

        def listed() -> list[Json]:
            return cast("list[Json]", self.http("/v1/requests?status=pending", key)[1]["requests"])

        eventually(lambda: len(listed()) >= count)
        return listed()


def ended(process: subprocess.Popen[str], seconds: float = 60) -> Done:
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(process.returncode, out or "", err or "")


def eventually(holds: Callable[[], object], seconds: float = 30) -> None:
    """Wait for an effect in another process, which sends no event."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextmanager
def home(folder: Path, **environ: str) -> Iterator[Home]:
    """A home whose processes and Redis end with it, also when a test failed in between."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Home(folder, environ)
    try:
        yield made
    finally:
        for process in made.started:
            process.kill()
            process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        pid = folder / "data" / "redis" / "redis.pid"
        with contextlib.suppress(OSError, ValueError):
            os.kill(int(pid.read_text()), signal.SIGKILL)
