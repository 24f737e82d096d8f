"""`signoff demo` as a user starts it: what it says, what it serves, and that nothing of it stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from signoff_sim.demo.story import STEPS

PROC = Path("/proc")

Start = Callable[..., Awaitable["Demo"]]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo's temporary files go. Short, as the paths of sockets have to be."""
    folder = Path(tempfile.mkdtemp(prefix="so-"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def start(folder: Path) -> AsyncIterator[Start]:
    """Starts the command; what a failed test leaves of it is ended."""
    started: list[Demo] = []

    async def begin(*words: str) -> Demo:
        started.append(await Demo.start(folder, *words))
        return started[-1]

    yield begin
    for demo in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(demo.process.pid, signal.SIGTERM)
        await demo.process.wait()


class Demo:
    """One run of the command, in a process group of its own as from a terminal."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.said = ""

    @classmethod
    async def start(cls, folder: Path, *words: str) -> Demo:
        own = {
            name: value for name, value in os.environ.items() if not name.startswith(("SIGNOFF_", "SLACK_", "TEAMS_"))
        }
        environment = own | {"TMPDIR": str(folder), "HOME": str(folder), "COLUMNS": "200"}
        program = [sys.executable, "-m", "signoff", "demo", *words]
        return cls(
            await asyncio.create_subprocess_exec(
                *program, cwd=folder, env=environment, stdout=PIPE, stderr=STDOUT, start_new_session=True
            )
        )

    async def says(self, pattern: str) -> str:
        """Read on until the output matches; the match."""
        assert self.process.stdout is not None
        async with asyncio.timeout(90):
            while not (found := re.search(pattern, self.said)):
                line = await self.process.stdout.readline()
                assert line, f"it ended before it said {pattern}:\n{self.said}"
                self.said += line.decode()
        return found.group()

    async def end(self) -> int:
        """Its exit code, when everything it had to say is read."""
        assert self.process.stdout is not None
        async with asyncio.timeout(240):
            self.said += (await self.process.stdout.read()).decode()
            return await self.process.wait()


def left(folder: Path) -> list[str]:
    """Processes that were started below the folder, and files in it."""
    assert PROC.is_dir(), "this test finds processes in /proc"
    found = [str(path.relative_to(folder)) for path in folder.rglob("*")]
    for process in PROC.iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            here = str((process / "cwd").readlink()).startswith(str(folder))
            ours = f"TMPDIR={folder}".encode() in (process / "environ").read_bytes()
            if here or ours:
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return found


async def nothing_left(folder: Path) -> None:
    """A process that was just ended may take a moment to be gone from the list."""
    async with asyncio.timeout(5):
        while left(folder):  # noqa: ASYNC110 - the system's list of processes
            await asyncio.sleep(0.05)


@pytest.mark.timeout(300)
async def test_the_story_holds(start: Start, folder: Path) -> None:
    """`signoff demo --auto` prints every step, each held, exits 0 and leaves no process and no file behind."""
    demo = await start("--auto")
    assert await demo.end() == 0, demo.said
    for number, step in enumerate(STEPS, 1):
        assert f"{number}. {step.title}" in demo.said
    assert demo.said.count("✓") == len(STEPS)
    assert "✗" not in demo.said
    assert f"{len(STEPS)} of {len(STEPS)} steps held." in demo.said
    assert left(folder) == []


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "Ctrl-C", "Ctrl-C twice"])
async def test_the_demo_ends_cleanly(start: Start, folder: Path, how: str) -> None:
    """It prints the address and what to try, serves the page, and ends with 0 and nothing left, however it is ended."""
    demo = await start("--no-browser")
    address = await demo.says(r"http://127\.0\.0\.1:\d+")
    await demo.says("nothing is left behind")
    for hint in ("Ada", "Bob", "Mia", "#refunds", "Ctrl-C"):
        assert hint in demo.said
    async with aiohttp.ClientSession(address) as http:
        async with http.get("/") as page:
            assert page.status == 200
            assert "<title>Signoff" in await page.text()
        await demo.says("waiting for a person")
        async with http.get("/control/slack/state") as state:
            assert state.status == 200
    if how == "Ctrl-C":
        os.killpg(demo.process.pid, signal.SIGINT)  # a terminal tells every process of the group
    elif how == "Ctrl-C twice":
        os.killpg(demo.process.pid, signal.SIGINT)
        os.killpg(demo.process.pid, signal.SIGINT)
    else:
        demo.process.send_signal(signal.Signals[how])
    assert await demo.end() == 0, demo.said
    assert "Traceback" not in demo.said
    await nothing_left(folder)


async def test_the_demo_ends_cleanly_while_it_starts(start: Start, folder: Path) -> None:
    """SIGTERM when the bot has just begun: nothing is left either."""
    demo = await start("--no-browser")
    async with asyncio.timeout(30):
        while not any("/data" in name for name in left(folder)):  # noqa: ASYNC110 - another process's folder
            await asyncio.sleep(0.01)
    demo.process.terminate()
    assert await demo.end() == 0, demo.said
    assert "Traceback" not in demo.said
    await nothing_left(folder)


async def test_what_the_agent_prints_is_printed_as_it_is(start: Start, folder: Path) -> None:
    """Brackets that somebody typed are no markup of the terminal's: the line stands there, and the next ones come."""
    demo = await start("--no-browser")
    address = await demo.says(r"http://127\.0\.0\.1:\d+")
    await demo.says("waiting for a person")
    async with aiohttp.ClientSession(address) as http:
        await done(http, "click", channel="#refunds", text="Edit…")
        await done(http, "submit", values={"note": "[/b] [bold]x"})
    assert (await demo.says(r"refunded .* for A-1001 .*\n")).strip() == "refunded $500 for A-1001 (note: [/b] [bold]x)"
    demo.process.terminate()
    assert await demo.end() == 0, demo.said


async def test_a_function_of_ones_own_waits_in_the_demo(start: Start) -> None:
    """What the demo says to type runs as it stands, waits for a click, and prints what the function returned."""
    demo = await start("--no-browser")
    address = await demo.says(r"http://127\.0\.0\.1:\d+")
    script = await demo.says(r"export SIGNOFF_URL=[^\n]*\n[^\n]*<<'END'\n(?s:.*?)\nEND\n")
    own = await asyncio.create_subprocess_exec("sh", "-c", script, stdout=PIPE, stderr=STDOUT, start_new_session=True)
    try:
        async with aiohttp.ClientSession(address) as http:
            async with http.get("/control/terminal") as page:
                shown = "\n".join((await page.json())["lines"])
            assert script.strip() in shown
            await done(http, "click", channel="#approvals", text="Approve")
        said, _ = await asyncio.wait_for(own.communicate(), 30)
        assert (own.returncode, said.decode()) == (0, "paid Ada 500.00\n")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(own.pid, signal.SIGKILL)
        await own.communicate()


async def done(http: aiohttp.ClientSession, verb: str, **body: object) -> None:
    """Do it as Ada in Slack, as soon as it can be done."""
    async with asyncio.timeout(30):
        while True:
            async with http.post(f"/control/slack/{verb}", json={"as": "ada", **body}) as answer:
                if answer.status == 200:
                    return
            await asyncio.sleep(0.05)


async def test_a_port_that_is_taken_is_said_in_a_sentence(start: Start, folder: Path) -> None:
    """`--port` of something that runs already: one sentence, no traceback, nothing left."""
    async with await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        demo = await start("--no-browser", "--port", str(port))
        assert await demo.end() != 0
    assert str(port) in demo.said
    assert "Traceback" not in demo.said
    await nothing_left(folder)
