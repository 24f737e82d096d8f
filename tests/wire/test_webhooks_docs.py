"""The receiver in docs/webhooks.md runs as it is written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from signoff.digest import Signer
from signoff.webhooks import Message

PAGE = Path(__file__).parents[2] / "docs" / "webhooks.md"


async def test_the_receiver_takes_what_is_signed_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    """204 and told once, however often it comes; 401 for another body and for another key's signature."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(block, PAGE.name, "exec"), names)
    signer = Signer.generate()
    names["SECRET"] = signer.webhook_secret("mine")
    said = Message("msg_req_1", "request.approved", '{"type": "request.approved", "data": {"id": "req_1"}}')
    application = web.Application()
    application.router.add_post("/", names["receive"])
    async with TestClient(TestServer(application)) as client:

        async def post(key: str, body: str) -> int:
            headers = said.headers(signer.webhook_secret(key), datetime.now(UTC))
            return (await client.post("/", data=body, headers=headers)).status

        assert await post("mine", said.body) == 204
        assert await post("mine", said.body) == 204
        assert await post("theirs", said.body) == 401
        assert await post("mine", said.body.replace("req_1", "req_2")) == 401
    assert capsys.readouterr().out == "request.approved req_1\n"
