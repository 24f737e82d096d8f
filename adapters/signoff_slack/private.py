"""A sentence for one person alone, wherever Slack takes it."""

from __future__ import annotations

import logging
from typing import cast
from urllib.parse import urlsplit

from slack_sdk.web.async_client import AsyncWebClient

from signoff.model import Principal
from signoff_slack import faults, render
from signoff_slack.text import Json, cut, escape, plain
from signoff_slack.web import web_session

HOOKS = "hooks.slack.com"
"""The host of every response_url (Slack: responding to interactions)."""

log = logging.getLogger("signoff.slack")


class Private:
    def __init__(self, client: AsyncWebClient) -> None:
        self._client = client

    async def below(self, channel: str, thread: str | None, user: str, sentence: str) -> None:
        """Where that person has just clicked."""
        try:
            await self._client.chat_postEphemeral(
                channel=channel,
                user=user,
                thread_ts=thread,
                text=escape(sentence),
                blocks=[{"type": "section", "text": plain(cut(sentence, 3000))}],
            )
        except faults.FAILURES as error:
            log.warning("a person could not be told why a click did not count: %s", faults.code(error))

    async def answer(self, response_url: str, who: Principal, sentence: str) -> None:
        """After a command: Slack lets us answer for thirty minutes, also where the app is no member."""
        if not self._is_slacks(response_url):
            return await self.direct(who, sentence)
        try:
            session = self._client.session or web_session()
            try:
                async with session.post(response_url, json=render.private(sentence)) as response:
                    if response.status >= 400:
                        log.warning("a person could not be answered: http_%s", response.status)
            finally:
                if session is not self._client.session:
                    await session.close()
        except faults.FAILURES as error:
            log.warning("a person could not be answered: %s", faults.code(error))

    def _is_slacks(self, response_url: str) -> bool:
        """Calls go only where Slack is (I27)."""
        try:
            there, ours = urlsplit(response_url), urlsplit(self._client.base_url)
            same = (there.scheme, there.hostname, there.port) == (ours.scheme, ours.hostname, ours.port)
        except ValueError:
            return False
        return same or (there.scheme == "https" and there.netloc == HOOKS)

    async def direct(self, who: Principal, sentence: str) -> None:
        """In the app's Messages tab: after what has no conversation, such as a shortcut."""
        try:
            answer = await self._client.conversations_open(users=who.user)
            opened: object = answer.get("channel")
            channel = str(cast("Json", opened).get("id")) if isinstance(opened, dict) else ""
            await self._client.chat_postMessage(
                channel=channel,
                unfurl_links=False,
                unfurl_media=False,
                text=escape(sentence),
                blocks=[{"type": "section", "text": plain(cut(sentence, 3000))}],
            )
        except faults.FAILURES as error:
            log.warning("a person could not be told why a list did not open: %s", faults.code(error))
