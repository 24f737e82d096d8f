"""What a chat's package offers to the composition root. Beside the desk, because a chat is built around one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from signoff.desk.desk import Desk
from signoff.ports import Chat, Check, Memory


class ChatPlugin(Protocol):
    """What a chat's package offers under the entry point group `signoff.chats`."""

    name: str
    variables: Mapping[str, str]
    """Environment variable → what it is for, for `.env.example`, `doctor` and the manifest test."""

    def settings(self, environ: Mapping[str, str]) -> BaseModel | None:
        """None: not configured. Raises BadConfig when half configured or wrong (I28)."""
        ...

    def build(self, settings: BaseModel, desk: Desk, memory: Memory) -> Chat: ...

    async def check(self, settings: BaseModel) -> Sequence[Check]: ...

    def manifest(self, url: str, settings: BaseModel | None, folder: Path) -> Sequence[Path]:
        """Write this chat's app manifest (or package) for an installation at `url` into `folder`; the files written."""
        ...
