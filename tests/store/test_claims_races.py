"""Approvals consumed as they are made, on every store: replicas, lost answers and races."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from signoff import digest, policy
from signoff.desk import Desk, claims
from signoff.errors import AlreadyConsumed
from signoff.model import Ask, Key, Request, loads
from signoff.ports import Store

RULES = """
version: 1
people: {ada: {slack: T1/UADA}}
defaults: {approvers: [ada], show: ['slack:#a']}
rules: [{name: all, when: 'tool == "refund"', decide: approve}]
"""
AGENT = Key(id="agent", role="agent", name="a", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))
CROWD = 20


async def house(another: Callable[[], Awaitable[Store]]) -> tuple[Store, list[Desk]]:
    signer, rules = digest.Signer.generate(), policy.load(RULES, file="rules.yaml", chats=("slack",))
    return await another(), [Desk(await another(), rules, signer) for _ in range(2)]


def refund() -> Ask:
    return Ask.model_validate({"tool": "refund", "arguments": {"amount": 20}})


async def lines(store: Store) -> list[dict[str, object]]:
    bodies = [loads(line.body) for line in await store.audit(0, 1000)]
    return [body for body in bodies if isinstance(body, dict)]


async def test_i10_of_many_who_claim_one_call_one_has_it(another: Callable[[], Awaitable[Store]]) -> None:
    """The same call asked at once through two replicas, each time with another claim: one request, one claim."""
    store, desks = await house(another)

    async def claim(number: int) -> bool:
        token = f"claim-of-number-{number:04}"
        opened = await desks[number % 2].ask(refund(), AGENT, "key", claim=token)
        assert opened.request.consumed_at is not None
        return claims.holds(opened.request, token)

    assert sum(await asyncio.gather(*map(claim, range(CROWD)))) == 1
    assert [(line["type"], line["consumed"]) for line in await lines(store)] == [("asked", True)]


async def test_i10_of_many_who_consume_one_approval_one_does(another: Callable[[], Awaitable[Store]]) -> None:
    """Each says it twice, as after a lost answer: both calls of one of them succeed, and nobody else's."""
    store, desks = await house(another)
    opened = await desks[0].ask(refund(), AGENT)

    async def consume(number: int) -> bool:
        token = f"claim-of-number-{number:04}"
        told = await asyncio.gather(
            *(desk.consume(opened.request.id, {"amount": 20}, AGENT, token) for desk in desks), return_exceptions=True
        )
        assert all(isinstance(one, Request | AlreadyConsumed) for one in told)
        assert len({type(one) for one in told}) == 1
        return isinstance(told[0], Request)

    assert sum(await asyncio.gather(*map(consume, range(CROWD)))) == 1
    assert [line["type"] for line in await lines(store)] == ["asked", "consumed"]


async def test_a_claimed_call_is_read_back_as_written(another: Callable[[], Awaitable[Store]]) -> None:
    """Approved, consumed and claimed in its first revision, at any replica."""
    _, (one, other) = await house(another)
    opened = await one.ask(refund(), AGENT, claim="claim-of-the-first-one")
    found = await other.get(opened.request.id)
    assert found == opened.request
    assert (found.status, found.rev, found.consumed_at) == ("approved", 1, found.created_at)
    assert claims.holds(found, "claim-of-the-first-one")
