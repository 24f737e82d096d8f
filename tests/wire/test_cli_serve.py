"""`signoff serve` as a process: how it begins, lives through an outage, and ends; and the command itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from harness_cli import TRACEBACK, Home, Server, ended, eventually, home

from signoff.store import start_embedded

SEED = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with home(tmp_path_factory.mktemp("serve")) as made:
        yield made


# ── how it begins ────────────────────────────────────────────────────────────────────────────────


def test_i28_a_server_that_cannot_begin_says_why_in_one_sentence(made: Home) -> None:
    """Each on standard error, with exit code 2 and no traceback; nothing secret is repeated."""
    (made.folder / "bad.yaml").write_text("version: 1\nrules:\n  - name: x\n    wen: 'true'\n")
    (made.folder / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wrong = {
            "Did you mean SIGNOFF_POLICY?": {"SIGNOFF_POLCY": "x"},
            "bad.yaml, line 4: `wen`": {"SIGNOFF_POLICY": "bad.yaml"},
            "SIGNOFF_PORT: another program already listens": {"SIGNOFF_PORT": str(taken.getsockname()[1])},
            "SIGNOFF_HOST: ": {"SIGNOFF_HOST": "nowhere.invalid"},
            "SIGNOFF_DATA_DIR: ": {"SIGNOFF_DATA_DIR": str(made.folder / "file" / "data")},
            "SIGNOFF_SIGNING_KEY: ": {"SIGNOFF_REDIS_URL": "redis://127.0.0.1:1"},
            "SIGNOFF_CHANNEL: ": {"SIGNOFF_POLICY": "", "SIGNOFF_CHANNEL": "refunds"},
            "SLACK_SIGNING_SECRET: ": {"SLACK_BOT_TOKEN": "xoxb-s3cret"},
        }
        started = {words: made.start("serve", env=env) for words, env in wrong.items()}
        for words, process in started.items():
            done = ended(process)
            assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
            assert words in done.err
            assert "s3cret" not in done.err


def test_without_a_policy_it_serves_and_says_that_nobody_can_approve(made: Home) -> None:
    """The built-in default (I15)."""
    with made.serving({"SIGNOFF_POLICY": ""}) as server:
        server.said("nobody can approve anything yet")


def test_settings_may_stand_in_the_env_file(tmp_path: Path) -> None:
    """Of the folder it is started in."""
    with home(tmp_path / "home") as made:
        (made.folder / ".env").write_text("SIGNOFF_HOST=127.0.0.2\n")
        with made.serving() as server:
            assert server.address.startswith("http://127.0.0.2:")


# ── an outage ────────────────────────────────────────────────────────────────────────────────────


def test_i22_it_comes_up_without_redis_and_works_when_redis_comes(tmp_path: Path) -> None:
    """It says so, is alive but not ready and answers 503; then all works, with no restart."""
    folder = tmp_path / "r"
    url = redis(folder)
    end_redis(folder)
    with home(tmp_path / "home", SIGNOFF_REDIS_URL=url, SIGNOFF_SIGNING_KEY=SEED) as made:
        refused = made.run("keys", "create", "--role", "agent", "--name", "x")
        assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
        assert "cannot be reached" in refused.err
        with made.serving() as server:
            server.said("Redis cannot be reached")
            assert server.http("/healthz")[0] == 200
            assert server.http("/readyz") == (
                503,
                {"status": "not ready", "parts": {"redis": "Redis cannot be reached."}},
            )
            assert server.http("/v1/requests", "so_0123456789ab_0123456789012345678901234567890123456789012")[0] == 503
            redis(folder)
            try:
                eventually(lambda: server.http("/readyz")[0] == 200)
                agent, ada = made.key("agent"), made.key("approver", "--person", "ada")
                asking = server.start(agent, "ask", "--tool", "issue_refund", "--json-arg", "amount=1")
                (request,) = server.pending(ada)
                assert server.run(ada, "decide", request["id"], "approve").code == 0
                assert ended(asking).code == 0
                server.said("has Redis again")
            finally:
                end_redis(folder)
        assert TRACEBACK not in server.text


def redis(folder: Path) -> str:
    """A Redis of its own that outlives this call."""

    async def start() -> str:
        embedded = await start_embedded(folder)
        await embedded.leave()
        return embedded.url

    return asyncio.run(start())


def end_redis(folder: Path) -> None:
    pid = int((folder / "redis" / "redis.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes())


def test_i21_a_killed_embedded_redis_is_started_again(tmp_path: Path) -> None:
    """Keys and requests are still there; nobody has to restart the server."""
    with home(tmp_path / "home") as made, made.serving() as server:
        agent = made.key("agent")
        end_redis(made.folder / "data")
        eventually(lambda: server.http("/v1/requests", agent)[0] == 200)


# ── how it ends ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_it_ends_within_three_seconds_with_waits_open(made: Home, name: str) -> None:
    """Open long-polls are answered as things stand, event streams end; exit code 0, and its Redis ends with it."""
    with made.serving() as server:
        agent = made.key("agent")
        asked = server.http("/v1/requests", agent, {"tool": "issue_refund", "arguments": {"amount": 1}})[1]
        answers: list[object] = []
        paths = [*[f"/v1/requests/{asked['id']}?wait=60"] * 3, "/v1/events"]
        threads = [threading.Thread(target=look, args=(server, path, agent, answers)) for path in paths]
        for thread in threads:
            thread.start()
        eventually(lambda: connections(server) >= len(paths))
        began = time.monotonic()
        server.process.send_signal(getattr(signal, name))
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 3
        for thread in threads:
            thread.join(5)
    assert answers.count("pending") == 3
    assert TRACEBACK not in server.text
    assert not (made.folder / "data" / "redis" / "redis.sock").exists()


def look(server: Server, path: str, key: str, answers: list[object]) -> None:
    with urlopen(Request(server.address + path, headers={"Authorization": f"Bearer {key}"}), timeout=60) as answer:
        body = answer.read()
    answers.append(json.loads(body)["status"] if body.startswith(b"{") else "stream")


def connections(server: Server) -> int:
    """How many connections the server holds open (proc(5), net/tcp: state 01)."""
    port = f":{int(server.address.rpartition(':')[2]):04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(port) and line.split()[3] == "01" for line in lines)


def test_nonsense_at_the_door_leaves_no_traceback(made: Home) -> None:
    """Bytes that are no HTTP, TLS on a plain port, a client that hangs up in the middle."""
    with made.serving() as server:
        host, port = server.address.removeprefix("http://").split(":")
        for sent in (b"\x16\x03\x01\x02\x00\x01\xfc", b"NONSENSE\r\n\r\n", b"POST /v1/requests HTTP/1.1\r\nContent-Le"):
            with socket.create_connection((host, int(port))) as client:
                client.sendall(sent)
        assert server.http("/healthz")[0] == 200
        for line in server.text.splitlines():
            assert "exception" not in json.loads(line)
    assert TRACEBACK not in server.text


# ── the command ──────────────────────────────────────────────────────────────────────────────────


COMMANDS = [
    "demo", "serve", "ask", "cancel", "pending", "show", "decide", "doctor", "manifest", "policy check",
    "policy explain", "audit export", "audit verify", "keys create", "keys list", "keys revoke",
]  # fmt: skip


def test_help_of_every_command_teaches(made: Home) -> None:
    """It fits 80 columns, and shows an example that begins with the command itself."""
    for command in COMMANDS:
        done = made.call(*command.split(), "--help")
        assert (done.code, done.err) == (0, "")
        assert max(map(len, done.out.splitlines())) <= 80, command
        assert "Example" in done.out
        assert f"    signoff {command}" in done.out or f" signoff {command}\n" in done.out, command


def test_signoff_alone_shows_every_command(made: Home) -> None:
    """And where to begin; so does --help."""
    alone = made.run()
    assert alone == made.run("--help")
    assert (alone.code, alone.err) == (0, "")
    assert max(map(len, alone.out.splitlines())) <= 80
    assert "signoff demo" in alone.out
    assert all(f"\n  {command.split()[0]} " in alone.out for command in COMMANDS)


def test_the_version_is_the_distributions(made: Home) -> None:
    """One line."""
    done = made.run("--version")
    assert (done.code, done.out.count("\n")) == (0, 1)
    assert done.out.startswith("signoff 0.")


@pytest.mark.parametrize("missing", ["typer", "dotenv", "redis", "jsonschema_rs", "cel"])
def test_the_base_install_says_what_to_install(made: Home, tmp_path: Path, missing: str) -> None:
    """The agent's side comes without the server's packages: one sentence, no traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {missing!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
    )
    done = made.run("serve", env={"PYTHONPATH": str(tmp_path)})
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), done.err
    assert 'pip install "signoff[server]"' in done.err
    assert missing in done.err


def test_it_runs_as_a_module_too() -> None:
    """`python -m signoff` is the same command."""
    done = subprocess.run([sys.executable, "-m", "signoff"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "Commands:" in done.stdout
