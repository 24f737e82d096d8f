"""What cards say of freezes, on both stores: two replicas freeze, thaw and ask at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from signoff import digest, policy
from signoff.desk import Desk
from signoff.model import Ask, Key, loads
from signoff.ports import Caps, Filter, Limits, Store

RULES = "{version: 1, people: {ada: {slack: T1/UADA}}, defaults: {approvers: [ada], show: ['slack:#a']}}"
LIMITS = Limits(caps=Caps(open_requests=10**6, per_minute=10**6))
AGENT = Key(id="agent", role="agent", name="a", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
ROUNDS = 15


async def test_no_card_is_frozen_by_what_does_not_stand(another: Callable[[], Awaitable[Store]]) -> None:
    """Every line on a request is written while its freeze stands, and taken away while none does; whatever the races
    have left, one sweep brings all cards into line.
    """
    signer, store = digest.Signer.generate(), await another()
    rules = policy.load(RULES, file="rules.yaml", chats=("slack",))
    desks = [Desk(await another(), rules, signer, LIMITS) for _ in range(2)]

    async def asks(desk: Desk) -> None:
        for number in range(2 * ROUNDS):
            await desk.ask(Ask.model_validate({"tool": "refund", "arguments": {"n": number}}), AGENT)

    async def switches(desk: Desk, by: str) -> None:
        for _ in range(ROUNDS):
            await desk.orders.freeze(None, "refund", None, by=by, via="test")
            await desk.orders.thaw(None, "refund", by=by, via="test")

    async def lines() -> set[str | None]:
        page = await store.page(Filter(status="pending"), None, 10**3)
        assert len(page.requests) == 4 * ROUNDS
        return {request.frozen for request in page.requests}

    await asyncio.gather(*map(asks, desks), switches(desks[0], "ada"), switches(desks[1], "bob"))
    await desks[0].orders.tidy()
    assert await lines() == {None}
    assert await store.recall("freezes", "ended") is None
    await desks[0].orders.freeze(None, "refund", "fraud", by="ada", via="test")
    assert await lines() == {"ada: fraud"}
    await desks[1].orders.thaw(None, "refund", by="ada", via="test")
    assert await lines() == {None}

    standing: str | None = None
    for line in await store.audit(0, 10**6):
        body = loads(line.body)
        assert isinstance(body, dict)
        match body["type"]:
            case "froze":
                standing = str(body["by"])
            case "thawed":
                standing = None
            case "request_frozen":
                assert standing is not None
                assert str(body["frozen"]).startswith(standing)
            case "request_thawed":
                assert standing is None
            case _:
                assert body["type"] == "asked"
