"""Direct messages to a group whose people are looked up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from signoff import digest, policy
from signoff.desk import Desk
from signoff.errors import DirectoryAway
from signoff.model import Ask, Key, MessageRef, Principal
from signoff.store import MemoryStore

RULES = """
version: 1
people:
  ada: {slack: T1/UADA}
  bob: {slack: T1/UBOB}
  cleo: {email: cleo@example.com}
groups:
  managers: {roster: all}
rules:
  - name: refunds
    when: tool == "r"
    approvers: [ada]
    show: ["slack:#refunds"]
    fallback: ["slack:@managers"]
    escalate: [{after: 1h, to: [managers], show: ["slack:@managers"]}]
  - {name: direct, when: 'tool == "x"', show: ["slack:@managers"]}
"""
KEY = Key(id="k", role="agent", name="k", secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC))


class Directory:
    away = False

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        if self.away:
            raise DirectoryAway(what="it is away")
        return frozenset({"bob", "cleo", "nobody@example.com"})

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        return None


class House:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
        self.store = MemoryStore(clock=lambda: self.now)
        keys = {"roster": policy.GroupKey("slack", r"\w+", "all")}
        rules = policy.load(RULES, file="p.yaml", chats=["slack"], groups=keys)
        self.desk = Desk(self.store, rules, digest.Signer.generate())
        self.directory = Directory()
        self.desk.people.add("slack", self.directory)

    async def ask(self, tool: str) -> Any:
        return (await self.desk.ask(Ask.model_validate({"tool": tool, "arguments": {}}), KEY)).request


@pytest.fixture
def house() -> House:
    return House()


async def test_a_live_group_is_written_to_one_by_one(house: House) -> None:
    """Each listed person with an identity in that chat, as they are when it is asked; nobody else."""
    assert (await house.ask("x")).terms.show == ("slack:@bob",)


async def test_escalation_writes_to_those_who_are_in_the_group_then(house: House) -> None:
    """The rung's place is looked up when the rung is taken."""
    request = await house.ask("r")
    assert request.terms.show == ("slack:#refunds",)
    house.now += timedelta(hours=1)
    assert await house.desk.tick(request.id)
    assert (await house.desk.get(request.id)).terms.show == ("slack:#refunds", "slack:@bob")


async def test_a_group_that_cannot_be_looked_up_holds_nothing_up(house: House) -> None:
    """The rung is taken all the same: who may decide is looked up again at each click."""
    request = await house.ask("r")
    house.directory.away = True
    house.now += timedelta(hours=1)
    assert await house.desk.tick(request.id)
    after = await house.desk.get(request.id)
    assert (after.terms.show, after.terms.approvers) == (("slack:#refunds",), ("ada", "managers"))


async def test_an_undeliverable_place_falls_back_to_the_people(house: House) -> None:
    """The fallback of a rule is looked up in the same way."""
    request = await house.ask("r")
    await house.desk.undeliverable(request.id, "slack:#refunds", "archived")
    assert "slack:@bob" in (await house.desk.get(request.id)).terms.show
