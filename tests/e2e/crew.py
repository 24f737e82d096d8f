"""Several bots on one Redis server, behind one address, as they stand in production."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import secrets
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from redis.asyncio import Redis

from signoff.store.embedded import SOCKET
from signoff_sim.demo.hands import shows
from signoff_sim.demo.stage import LOOK, START, Bot, Stage, free_port

PATIENCE = 30.0
"""Seconds that anything may take to come true."""


class Server:
    """A `redis-server` on TCP with its append-only file on."""

    def __init__(self) -> None:
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        assert program, "these tests need redis-server or valkey-server on the PATH"
        self._program = program
        self._folder = Path(tempfile.mkdtemp(prefix="signoff-crew-"))
        self._port = free_port()
        self._process: Process | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._program, "--port", str(self._port), "--bind", "127.0.0.1", "--appendonly", "yes", "--save", "",
            cwd=self._folder, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(START):
            while not await self._answers():  # noqa: ASYNC110 - another process
                await asyncio.sleep(LOOK)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            return False
        writer.write(b"PING\r\n")
        said = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return said == b"+PONG\r\n"

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()
        shutil.rmtree(self._folder)


class Balancer:
    """Gives every new connection to the next bot that takes it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._turn = itertools.count()
        self._pumps: set[asyncio.Task[None]] = set()
        self.behind: list[int] = []
        """Ports."""
        self.taken: Counter[int] = Counter()
        """Connections by port."""

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)

    async def close(self) -> None:
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pump = asyncio.create_task(self._pass_on(reader, writer))
        self._pumps.add(pump)
        pump.add_done_callback(self._pumps.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turn)
        ports = [self.behind[(first + step) % len(self.behind)] for step in range(len(self.behind))]
        try:
            for port in ports:
                try:
                    their_reader, their_writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    continue
                self.taken[port] += 1
                await asyncio.wait(
                    [asyncio.create_task(_copy(reader, their_writer)), asyncio.create_task(_copy(their_reader, writer))]
                )
                break
        finally:
            writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
    except OSError:
        pass  # the other end is gone, which is what these tests are about
    finally:
        target.close()


class Crew(Stage):
    """A stage with `size` bots instead of one; `bot_address` is the balancer's."""

    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.redis = Server()
        self.balancer = Balancer(self.bot_port)
        self._size = size
        self._seed = base64.b64encode(secrets.token_bytes(32)).decode()
        self.bots: list[Bot] = []

    def environment(self) -> dict[str, str]:
        own = {"SIGNOFF_REDIS_URL": self.redis.url, "SIGNOFF_SIGNING_KEY": self._seed}
        return super().environment() | own | {"SIGNOFF_FLOOD": "off"}  # every request has a card, however many come

    async def __aenter__(self) -> Self:
        await self.redis.start()
        await self.balancer.start()
        await super().__aenter__()
        return self

    async def start_bot(self) -> None:
        ports = [free_port() for _ in range(self._size)]
        self.bots = [Bot(self.folder, self.environment(), port) for port in ports]
        self.balancer.behind = ports
        await asyncio.gather(*(bot.start() for bot in self.bots))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(bot.end() for bot in self.bots))
        await self.balancer.close()
        await super().__aexit__(kind, error, trace)
        await self.redis.close()

    async def all_ready(self) -> None:
        await asyncio.gather(*(bot.ready() for bot in self.bots))

    def clicks_go_to(self, bot: Bot) -> None:
        """Both chats deliver to this one from now on."""
        self.slack.bot_url = bot.address
        self.teams.bot_url = bot.address


def slack_cards(stage: Stage, *wanted: str, person: str = "ada") -> list[dict[str, Any]]:
    """The cards with these texts, in all Slack channels, as the simulated Slack itself has them."""
    rooms = stage.slack.state(person)["channels"]
    messages = [message for room in rooms for message in room["messages"] if not message["ephemeral"]]
    return [message for message in messages if shows(message["blocks"], *wanted)]


def teams_cards(stage: Stage, *wanted: str, person: str = "ada") -> list[dict[str, Any]]:
    """The same in all Teams channels."""
    found: list[dict[str, Any]] = []
    for team in stage.teams.state(person)["teams"]:
        for channel in team["channels"]:
            for thread in channel["threads"]:
                found += [
                    {**one, "conversation": thread["id"]}
                    for one in thread["messages"]
                    if shows(one.get("card"), *wanted)
                ]
    return found


async def comes_true(holds: Callable[[], object], what: str, within: float = PATIENCE) -> None:
    """Wait until `holds()`. Raises AssertionError."""
    try:
        async with asyncio.timeout(within):
            while not holds():  # noqa: ASYNC110 - anything at all may be asked
                await asyncio.sleep(LOOK)
    except TimeoutError:
        raise AssertionError(f"it did not come true within {within:.0f} s that {what}") from None


async def one_card_each(stage: Stage, *wanted: str, within: float = PATIENCE) -> None:
    """In both chats a card comes to show these texts, it is the only one with the first of them, and the bot has noted
    where it stands: killed before that, its successor takes no click on it.
    """

    def shown() -> bool:
        return bool(slack_cards(stage, *wanted) and teams_cards(stage, *wanted))

    await comes_true(shown, f"both chats show {', '.join(wanted)}", within)
    assert len(slack_cards(stage, wanted[0])) == 1
    assert len(teams_cards(stage, wanted[0])) == 1
    async with Redis.from_url(_redis(stage), decode_responses=True) as redis, asyncio.timeout(within):
        while "posting" in await _states(redis):  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK)


def _redis(stage: Stage) -> str:
    return stage.redis.url if isinstance(stage, Crew) else f"unix://{stage.folder / 'data' / 'redis' / SOCKET}"


async def _states(redis: Redis) -> set[str]:
    """Of all cards' places."""
    places = [place async for key in redis.scan_iter("*cards:*", _type="hash") for place in await redis.hvals(key)]
    return {json.loads(place)["state"] for place in places}
