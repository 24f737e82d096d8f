"""The stage: simulator in this process, bot and agents in processes of their own; all on loopback, in one folder."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import aiohttp

from signoff_sim import server
from signoff_sim.slack import SlackSim
from signoff_sim.teams import TeamsSim
from signoff_sim.world import TEAMS_APP_ID, TEAMS_TENANT

POLICY = Path(__file__).parent / "policy.yaml"
SIGNING_SECRET = "demo-signing-secret"
BOT_TOKEN = "xoxb-demo"
APP_PASSWORD = "demo-app-password"
PORTS = (20_000, 32_000)
"""Linux gives 32768 and above to outgoing connections, macOS and Windows 49152 and above."""
START = 30.0
"""Seconds that the bot may take to be ready."""
STOP = 10.0
"""Seconds that a process may take to end by itself."""
LOOK = 0.05
"""Seconds between looks at something that has no event of its own."""


class NotStarted(RuntimeError):
    """Something on the stage could not be started; the text says what and what it said."""


class Agent:
    """One run of the sample agent and what it printed."""

    def __init__(self, process: Process, heard: Callable[[str], None]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._heard = heard
        self._more = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for raw in self.process.stdout:
            line = raw.decode(errors="replace").rstrip()
            self._heard(line)
            async with self._more:
                self.lines.append(line)
                self._more.notify_all()

    async def said(self, text: str, timeout: float = 30.0) -> str:
        """The first line that contains `text`. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._more:
            await self._more.wait_for(lambda: any(text in line for line in self.lines))
        return next(line for line in self.lines if text in line)

    async def end(self) -> None:
        await _end(self.process)
        await self._reader


class Bot:
    """One `signoff serve`, in a process of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str], port: int) -> None:
        self._folder = folder
        self._environment = {**environment, "SIGNOFF_PORT": str(port)}
        self._log = folder / f"bot-{port}.log"
        self.address = f"http://127.0.0.1:{port}"
        self.process: Process | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready. Raises NotStarted."""
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "signoff", "serve",
                cwd=self._folder, env=self._environment, stdin=DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        await self.ready()

    async def ready(self) -> None:
        """Wait until Redis and both chats are well. Raises NotStarted with its last words."""
        assert self.process is not None
        try:
            async with asyncio.timeout(START), aiohttp.ClientSession() as http:
                while not await self._is_ready(http):
                    if self.process.returncode is not None:
                        raise NotStarted(f"the bot stopped: {self.last_words()}")
                    await asyncio.sleep(LOOK)
        except TimeoutError:
            raise NotStarted(f"the bot was not ready after {START:.0f} s: {self.last_words()}") from None

    async def _is_ready(self, http: aiohttp.ClientSession) -> bool:
        try:
            async with http.get(f"{self.address}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def kill(self) -> None:
        """kill -9."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def end(self) -> None:
        if self.process is not None:
            await _end(self.process)

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip()


class Stage:
    """`async with Stage() as stage:` everything up; everything down at the end, also after an error."""

    def __init__(self, *, port: int = 0, said: Callable[[str], None] = lambda line: None) -> None:
        """`port` of the page, 0 for any free one; `said` is told every line of every agent."""
        self._port = port
        self._said = said
        self.folder = Path(tempfile.mkdtemp(prefix="signoff-demo-"))
        """Everything that this stage writes; removed at the end."""
        self.bot_port = free_port()
        self.bot_address = f"http://127.0.0.1:{self.bot_port}"
        self.slack = SlackSim(bot_url=self.bot_address, signing_secret=SIGNING_SECRET, bot_token=BOT_TOKEN)
        self.teams = TeamsSim(bot_url=self.bot_address, password=APP_PASSWORD)
        self._app = server.build(slack=self.slack, teams=self.teams)
        self.address = ""
        self.bot: Bot | None = None
        self._agents: list[Agent] = []
        self._echoes: set[asyncio.Task[None]] = set()
        self.key = ""
        """The agents' API key."""

    async def __aenter__(self) -> Stage:
        try:
            self.address = await server.serve(self._app, port=self._port)
            self._http = aiohttp.ClientSession(self.address)
            await self.start_bot()
            self.key = await self._agent_key()
            # Until Teams has told the bot where it was added, a card for a team is undeliverable.
            async with asyncio.timeout(START):
                await self.teams.installed()
        except BaseException:
            await self._down()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._down()

    async def _down(self) -> None:
        for agent in self._agents:
            await agent.end()
        if self.bot is not None:
            await self.bot.end()
        await self._end_redis()
        if hasattr(self, "_http"):
            await self._http.close()
        await server.stop(self._app)
        shutil.rmtree(self.folder, ignore_errors=True)

    async def _end_redis(self) -> None:
        """The bot shuts its Redis down when it ends; after a kill -9 nobody did."""
        file = self.folder / "data" / "redis" / "redis.pid"
        with suppress(FileNotFoundError, ValueError, ProcessLookupError, TimeoutError):
            os.kill(int(file.read_text()), signal.SIGTERM)
            async with asyncio.timeout(STOP):
                while file.exists():
                    await asyncio.sleep(LOOK)

    # ── the bot ──────────────────────────────────────────────────────────────────────────────────

    def environment(self) -> dict[str, str]:
        """What the bot is configured with; nothing of the surroundings' own configuration."""
        own = ("SIGNOFF_", "SLACK_", "TEAMS_")
        return {name: value for name, value in os.environ.items() if not name.startswith(own)} | {
            "SIGNOFF_DATA_DIR": str(self.folder / "data"),
            "SIGNOFF_POLICY": str(POLICY),
            "SLACK_API_URL": f"{self.address}/slack/api/",
            "SLACK_BOT_TOKEN": BOT_TOKEN,
            "SLACK_SIGNING_SECRET": SIGNING_SECRET,
            "TEAMS_APP_ID": TEAMS_APP_ID,
            "TEAMS_APP_PASSWORD": APP_PASSWORD,
            "TEAMS_TENANT_ID": TEAMS_TENANT,
            "TEAMS_OPENID_METADATA_URL": f"{self.address}/teams/openid",
            "TEAMS_LOGIN_URL": f"{self.address}/teams/token",
            "TEAMS_SERVICE_URLS": f"{self.address}/teams/",
            "TEAMS_GRAPH_URL": f"{self.address}/teams/graph",
            "PYTHONUNBUFFERED": "1",
        }

    async def start_bot(self) -> None:
        """Start `signoff serve` and wait until Redis and both chats are well. Raises NotStarted."""
        self.bot = Bot(self.folder, self.environment(), self.bot_port)
        await self.bot.start()

    async def kill_bot(self) -> None:
        """kill -9."""
        assert self.bot is not None
        await self.bot.kill()

    async def _agent_key(self) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "signoff", "keys", "create",
            "--role", "agent", "--name", "support-agent", "--owner", "mia",
            cwd=self.folder, env=self.environment(), stdin=DEVNULL, stdout=PIPE, stderr=PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        if process.returncode:
            raise NotStarted(f"no key could be made: {err.decode(errors='replace')}")
        return out.decode().strip()

    # ── agents ───────────────────────────────────────────────────────────────────────────────────

    async def agent(self, *words: str) -> Agent:
        """Start the sample agent with these words (none: it works through its inbox)."""
        environment = self.environment() | {"SIGNOFF_URL": self.bot_address, "SIGNOFF_API_KEY": self.key}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "signoff_sim.demo.agent", *words,
            cwd=self.folder, env=environment, stdin=DEVNULL, stdout=PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        agent = Agent(process, self._echo)
        self._agents.append(agent)
        return agent

    def _echo(self, line: str) -> None:
        self._said(line)
        task = asyncio.create_task(self.write(line))
        self._echoes.add(task)
        task.add_done_callback(self._echoes.discard)

    async def write(self, *lines: str) -> None:
        """Onto the page, where the agent's terminal is."""
        try:
            async with self._http.post("/control/terminal", json={"lines": lines}):
                pass
        except (aiohttp.ClientError, RuntimeError):
            pass  # the page is closing down

    # ── acting as people ─────────────────────────────────────────────────────────────────────────

    async def act(self, chat: str, verb: str, **body: object) -> dict[str, object]:
        """Do what a person does on the page. Raises RuntimeError with the simulator's sentence."""
        async with self._http.post(f"/control/{chat}/{verb}", json=body) as answer:
            told: dict[str, object] = await answer.json()
            if answer.status != 200:
                raise RuntimeError(str(told.get("error", told)))
            return told

    async def state(self, chat: str, person: str) -> dict[str, object]:
        async with self._http.get(f"/control/{chat}/state", params={"as": person}) as answer:
            told: dict[str, object] = await answer.json()
            return told


async def _end(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def free_port() -> int:
    """A port nobody listens on, outside the range that systems give to outgoing connections: it stays free."""
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
