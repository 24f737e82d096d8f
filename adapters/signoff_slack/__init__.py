"""Signoff's Slack side. Importing it stays cheap: slack_sdk and Bolt load when a chat is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from signoff.policy import GroupKey
from signoff_slack import settings as slack_settings

if TYPE_CHECKING:
    from pydantic import BaseModel

    from signoff.desk import Desk
    from signoff.ports import Chat, Check, Memory


class SlackPlugin:
    """The entry point `signoff.chats: slack`."""

    name = "slack"
    variables: Mapping[str, str] = slack_settings.VARIABLES
    groups: Mapping[str, GroupKey] = {
        "slack_usergroup": GroupKey("slack", r"[TE][A-Z0-9]{2,}/S[A-Z0-9]{2,}", "T0DEMO/S0MGR")
    }

    def settings(self, environ: Mapping[str, str]) -> slack_settings.Settings | None:
        """None: not configured. Raises BadConfig."""
        return slack_settings.read(environ)

    def build(self, settings: BaseModel, desk: Desk, memory: Memory) -> Chat:
        from signoff_slack.chat import SlackChat

        return SlackChat(cast("slack_settings.Settings", settings), desk, memory)

    async def check(self, settings: BaseModel) -> Sequence[Check]:
        from signoff_slack.doctor import check

        return await check(cast("slack_settings.Settings", settings))

    def manifest(self, url: str, settings: BaseModel | None, folder: Path) -> Sequence[Path]:
        """For HTTP at `url`; for Socket Mode when there is no URL or only an app-level token is configured."""
        from signoff_slack.manifest import write

        slack = cast("slack_settings.Settings | None", settings)
        socket = not url or (slack is not None and slack.signing_secret is None)
        return (write(None if socket else url, folder),)


plugin = SlackPlugin()
