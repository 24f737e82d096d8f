"""Attacks on the Slack chat's outgoing calls."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from signoff.errors import ChatError
from signoff.store.memory import MemoryStore
from signoff_slack import plugin


async def test_i27_slack_calls_follow_no_redirect() -> None:
    """A redirect of the Web API is an error: nothing is sent to where it points."""
    called: list[str] = []

    async def elsewhere(request: web.Request) -> web.Response:
        called.append(request.path)
        return web.json_response({"ok": True, "team_id": "T1", "user_id": "U1"})

    other, front = web.Application(), web.Application()
    other.router.add_route("*", "/{path:.*}", elsewhere)
    async with TestServer(other) as there:

        async def redirect(request: web.Request) -> web.Response:
            raise web.HTTPTemporaryRedirect(str(there.make_url(request.path)))

        front.router.add_route("*", "/{path:.*}", redirect)
        async with TestServer(front) as here:
            told = {
                "SLACK_BOT_TOKEN": "xoxb-1",
                "SLACK_SIGNING_SECRET": "s",
                "SLACK_API_URL": str(here.make_url("/api/")),
            }
            settings = plugin.settings(told)
            assert settings is not None
            chat = plugin.build(settings, cast("Any", None), MemoryStore())
            with pytest.raises(ChatError, match="cannot be reached"):
                await chat.start()
            [check] = await plugin.check(settings)
            assert check.level == "error"
            await chat.close()
    assert called == []
