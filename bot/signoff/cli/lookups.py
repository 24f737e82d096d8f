"""What `signoff doctor` says of the policy's live groups: whether those who know them answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from signoff import config as configuration
from signoff.cli import local
from signoff.config import Config
from signoff.desk import Desk
from signoff.errors import DirectoryAway, SignoffError
from signoff.policy import Policy
from signoff.ports import Check, Directory, Store

CALL = 15.0
"""Seconds that looking up one group may take."""


async def groups(config: Config, policy: Policy, store: Store) -> Sequence[Check]:
    """One check for each source of each live group of the policy."""
    live = policy.live(policy.groups)
    if not live:
        return ()
    async with _directories(config, policy, store) as directories:
        looking = [
            _group(policy, directories, name, kind, value) for name, sources in live.items() for kind, value in sources
        ]
        return await asyncio.gather(*looking)


@asynccontextmanager
async def _directories(config: Config, policy: Policy, store: Store) -> AsyncGenerator[Mapping[str, Directory]]:
    """As the server has them, without its doors."""
    desk = Desk(store, policy, configuration.signer(config), config.limits)
    plugins = configuration.plugins()
    async with AsyncExitStack() as stack:
        found: dict[str, Directory] = {}
        for name, settings in config.chats.items():
            chat = plugins[name].build(settings, desk, store)
            stack.push_async_callback(chat.close)
            found[name] = chat.directory
        if config.policy is not None:
            folder = config.policy.parent
            found |= {name: plugin.build(folder) for name, plugin in configuration.directories().items()}
        yield found


async def _group(policy: Policy, directories: Mapping[str, Directory], name: str, kind: str, value: str) -> Check:
    # An address may hold a secret (I29), and what doctor says is shown to others.
    shown = f"at {urlsplit(value).hostname}" if "://" in value else value
    group = f"The group {name} ({kind}: {shown})"
    where = policy.group_keys[kind].directory
    if (directory := directories.get(where)) is None:
        return _lost(group, f"{where} is not configured")
    try:
        async with asyncio.timeout(CALL):
            members = await directory.members(kind, value)
    except DirectoryAway as error:
        return _lost(group, str(error.data["what"]))
    except (SignoffError, TimeoutError) as error:
        return _lost(group, str(error).rstrip(".") or f"{where} does not answer")
    except Exception as error:  # noqa: BLE001 - whatever a directory makes of nonsense; the other groups still count
        return _lost(group, f"{where} gave no usable answer ({type(error).__name__})")
    people, strangers = local.told_apart(policy, members)
    counted = f"{group} has {len(members)} member{'' if len(members) == 1 else 's'}"
    if not people:
        who = f" ({local.named(strangers)})" if strangers else ""
        return Check("warning", f"{counted}, and none of them{who} is listed under people: nobody of it can decide.")
    if strangers:
        who = f"{local.named(strangers)}, who cannot decide"
        return Check("warning", f"{counted}; the policy knows {len(people)} and does not list {who}.")
    return Check("ok", f"{counted}; the policy knows {len(people)}.")


def _lost(group: str, why: str) -> Check:
    return Check("error", f"{group} cannot be looked up, so nobody of it can decide: {why}.")
