"""The policy's live groups that need no network: what `signoff policy` may look up by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from signoff import config as configuration
from signoff.errors import DirectoryAway
from signoff.model import Principal, visible
from signoff.policy import Finding, Policy

NAMED = 5
"""Members whom one sentence names."""


def lost(policy: Policy, file: Path) -> list[Finding]:
    """A warning for each group of the file that should be found beside it and is not."""
    out: list[Finding] = []
    for name, kind, value in _local(policy, policy.groups):
        found = _members(policy, file, kind, value)
        if isinstance(found, str):
            fault = f"cannot be looked up, so nobody of it can decide: {found}"
            out.append(Finding("warning", policy.lines.get(f"group:{name}", 1), f'the group "{name}"', fault))
    return out


def present(policy: Policy, file: Path, names: Iterable[str]) -> list[str]:
    """A line for each of these groups that can be looked up here: who is in it now."""
    out: list[str] = []
    for name, kind, value in _local(policy, names):
        found = _members(policy, file, kind, value)
        if isinstance(found, str):
            out.append(f"the group {name} cannot be looked up: {found}")
            continue
        people, strangers = told_apart(policy, found)
        known = ", ".join(visible(policy.names[person]) for person in people) or "nobody who may decide"
        unlisted = f", and {named(strangers)}, not listed under people" if strangers else ""
        out.append(f"the group {name} ({kind}: {value}) is now: {known}{unlisted}")
    return out


def told_apart(policy: Policy, members: Iterable[Principal | str]) -> tuple[list[str], list[str]]:
    """The people whom the policy lists, and the others as they were given."""
    people: set[str] = set()
    strangers: set[str] = set()
    for one in members:
        person = policy.match(one) if isinstance(one, str) else policy.person_of(one)
        if person is None:
            strangers.add(one if isinstance(one, str) else f"{one.chat}:{one.key}")
        else:
            people.add(person)
    return sorted(people), sorted(strangers)


def named(members: Sequence[str]) -> str:
    """`a, b and 3 more`."""
    more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
    return ", ".join(visible(one) for one in members[:NAMED]) + more


def _local(policy: Policy, names: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    """Group, key and value where no chat and no address is asked."""
    directories = configuration.directories()
    for name, sources in policy.live(names).items():
        for kind, value in sources:
            if policy.group_keys[kind].directory in directories and "://" not in value:
                yield name, kind, value


def _members(policy: Policy, file: Path, kind: str, value: str) -> Sequence[Principal | str] | str:
    """A text: why there are none."""
    directory = configuration.directories()[policy.group_keys[kind].directory].build(file.parent)
    try:
        return list(asyncio.run(directory.members(kind, value)))
    except DirectoryAway as error:
        return str(error.data["what"])
