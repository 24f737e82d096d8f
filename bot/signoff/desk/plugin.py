"""What a chat's package offers to the composition root. Beside the desk, because a chat is built around one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from signoff.desk.desk import Desk
from signoff.policy import GroupKey
from signoff.ports import Chat, Check, Directory, Memory


class ChatPlugin(Protocol):
    """What a chat's package offers under the entry point group `signoff.chats`."""

    name: str
    variables: Mapping[str, str]
    """Environment variable → what it is for, for `.env.example`, `doctor` and the manifest test."""
    groups: Mapping[str, GroupKey]
    """The policy's keys for groups that this chat knows the members of."""

    def settings(self, environ: Mapping[str, str]) -> BaseModel | None:
        """None: not configured. Raises BadConfig when half configured or wrong (I28)."""
        ...

    def build(self, settings: BaseModel, desk: Desk, memory: Memory) -> Chat: ...

    async def check(self, settings: BaseModel) -> Sequence[Check]: ...

    def manifest(self, url: str, settings: BaseModel | None, folder: Path) -> Sequence[Path]:
        """Write this chat's app manifest (or package) for an installation at `url` into `folder`; the files written."""
        ...


class DirectoryPlugin(Protocol):
    """What knows groups without being a chat offers under the entry point group `signoff.directories`."""

    name: str
    groups: Mapping[str, GroupKey]

    def build(self, folder: Path) -> Directory:
        """`folder`: where the policy file is; paths in it count from there."""
        ...
