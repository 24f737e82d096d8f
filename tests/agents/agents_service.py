"""`signoff serve` with the embedded Redis and both simulated chats, for the tests of one framework."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from agents_chats import Chats, simulated
from agents_harness import PERSON, Service, eventually

POLICY = """\
version: 1
people:
  ada:
    name: Ada Okafor
    slack: T0DEMO/U0ADA
    teams: 11111111-1111-4111-8111-111111111111/a0000000-0000-4000-8000-0000000000a1
groups:
  everyone: {members: [ada]}
defaults:
  show: ["slack:#approvals", "teams:Finance/General"]
  approvers: [everyone]
rules:
  - name: nothing drops tables
    when: tool == "drop_table"
    decide: reject
    message: Open a change ticket.
"""


@contextmanager
def serving(folder: Path, policy: str = POLICY) -> Iterator[Service]:
    """`signoff serve` in this folder with both chats, from the Python that SIGNOFF_TEST_SERVER names."""
    with simulated(folder) as chats:
        yield from _served(folder, policy, chats)


def _ready(address: str) -> bool:
    """Redis and both chats are well."""
    try:
        with urlopen(f"{address}/readyz", timeout=20):
            return True
    except HTTPError as error:
        error.close()
        return False


def _served(folder: Path, policy: str, chats: Chats) -> Iterator[Service]:
    server = os.environ.get("SIGNOFF_TEST_SERVER", sys.executable)
    (folder / "policy.yaml").write_text(policy)
    environ = chats.environment | {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "SIGNOFF_DATA_DIR": str(folder / "data"),
        "SIGNOFF_POLICY": "policy.yaml",
        "SIGNOFF_PORT": "0",
        "SIGNOFF_RATE": "100000",
        "SIGNOFF_FLOOD": "off",  # each test's request has a card of its own
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
        with ThreadPoolExecutor() as pool:
            keys = pool.map(
                lambda words: key(*words), (("--role", "agent"), ("--role", "approver", "--person", PERSON))
            )
            eventually(lambda: _ready(found[1]))
            chats.install(found[1])
        agent, approver = keys
        yield Service(found[1], agent, approver, process, chats)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((folder / "data" / "redis" / "redis.pid").read_text()), signal.SIGKILL)
