"""The server's own store, for commands that work beside a server or without one."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from signoff.cli.remote import fail
from signoff.errors import StoreUnavailable

if TYPE_CHECKING:
    from signoff.config import Config
    from signoff.desk.orders import Orders
    from signoff.policy import Policy
    from signoff.ports import Store

T = TypeVar("T")

NO_STORE = 2
"""Exit code: Redis cannot be reached."""
VIA = "cli"


def with_store(config: Config, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the configured store; ends the command when it cannot be reached. Raises BadConfig."""
    from signoff.app import open_store

    async def run() -> T:
        async with open_store(config) as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except StoreUnavailable:
        fail(f"{config.redis_shown} cannot be reached; see that it runs and that SIGNOFF_REDIS_URL is right.", NO_STORE)


def with_orders(config: Config, policy: Policy, work: Callable[[Orders, Store], Awaitable[T]]) -> T:
    """The same with the standing orders in it."""
    from signoff.desk.orders import Orders

    return with_store(config, lambda store: work(Orders(store, lambda: policy), store))


def by() -> str:
    """Whose doing it is: the user of this machine, marked so that nobody takes the name for a person of the policy."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user that has no name
        name = str(os.getuid())
    return f"cli:{name}"
