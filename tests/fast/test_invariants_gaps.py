"""Promises of the core that no single room's tests state: races, deaths and claims at the desk."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import cast

import pytest
from relaykit import AGENT, RULES, Clock, CrashError, House, Life, who

from signoff import audit, digest, policy
from signoff.desk import Desk
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DuplicateCard,
    NotAnApprover,
    SignoffError,
    StaleVersion,
    StoreUnavailable,
    WrongPlace,
)
from signoff.model import Actor, Answer, Ask, MessageRef, Outcome, Placement, Principal, Request, loads
from signoff.ports import Store
from signoff.store import MemoryStore

OTHER = AGENT.model_copy(update={"id": "other", "name": "other"})


@pytest.fixture
def house() -> House:
    clock = Clock()
    return House(MemoryStore(clock=clock), clock)


class Wrapped:
    """A store whose calls are preceded by something."""

    def __init__(self, store: Store, before: Callable[[str], Awaitable[None]]) -> None:
        self._store, self._before = store, before

    def __getattr__(self, name: str) -> object:
        attribute: object = getattr(self._store, name)
        if not callable(attribute) or name == "events":
            return attribute
        call = cast("Callable[..., Awaitable[object]]", attribute)

        async def preceded(*args: object, **kwargs: object) -> object:
            await self._before(name)
            return await call(*args, **kwargs)

        return preceded


def slow_desk(house: House, dice: random.Random) -> Desk:
    """A replica whose calls to the store take their time, so that others come in between."""

    async def pause(_: str) -> None:
        for _ in range(dice.randrange(4)):
            await asyncio.sleep(0)

    return house.desk_on(cast("Store", Wrapped(house.store, pause)))


async def outcomes(*calls: Coroutine[None, None, object]) -> tuple[list[object], list[BaseException]]:
    """What went well, and what was raised."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    bad = [result for result in results if isinstance(result, BaseException)]
    return [result for result in results if not isinstance(result, BaseException)], bad


async def the_trail_is_sound(house: House) -> list[dict[str, object]]:
    lines = await house.store.audit(0, 1000)
    assert audit.verify(lines) == []
    return [cast("dict[str, object]", loads(line.body)) for line in lines]


@pytest.mark.parametrize("seed", range(40))
async def test_i01_all_doors_and_ends_race_for_one_decision(house: House, seed: int) -> None:
    """Slack, Teams, an approver key, the agent and the clock at once, each through a replica of its own: one of them
    ends it, everybody else is told how it stands, and the audit has one decision.
    """
    dice = random.Random(seed)
    request = await house.ask()
    approve = Answer(kind="approve", version=1)
    edit = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400})
    reject = Answer(kind="reject", version=1, message="no")
    teams = Actor(via="teams", principal=Principal(chat="teams", tenant="tenant", user="ada"))
    key = Actor(via="api", person="bob")

    async def expire() -> Request:
        for _ in range(dice.randrange(12)):
            await asyncio.sleep(0)
        house.clock.forward(3600)  # type: ignore[union-attr]
        desk = slow_desk(house, dice)
        await desk.tick(request.id)
        return await desk.get(request.id)

    calls: list[Coroutine[None, None, object]] = [
        slow_desk(house, dice).answer(request.id, approve, who("ada")),
        slow_desk(house, dice).answer(request.id, edit, who("bob")),
        slow_desk(house, dice).answer(request.id, reject, teams),
        slow_desk(house, dice).answer(request.id, approve, key),
        slow_desk(house, dice).withdraw(request.id, AGENT),
        *([expire()] if seed % 2 else []),
    ]
    dice.shuffle(calls)
    good, bad = await outcomes(*calls)
    record = await house.desk.get(request.id)
    ends = [result for result in good if isinstance(result, Request)]
    assert all(end.decision == record.decision for end in ends)
    assert len(ends) == (2 if seed % 2 and record.status != "expired" else 1), "expiry answers with what stands"
    assert len(ends) + len(bad) == len(calls)
    for error in bad:
        assert isinstance(error, AlreadyDecided)
        assert error.data["request"] == record
    assert sum(line["type"] == "decided" for line in await the_trail_is_sound(house)) == 1
    written = max(line.at for line in await house.store.audit(0, 100))
    in_time = written < request.expires_at.timestamp() * 1000
    assert in_time or record.status in {"expired", "cancelled"}, "no person decides after the end"


async def test_i02_what_the_store_did_not_take_changed_nothing(house: House) -> None:
    """Whichever call to the store fails, the person hears that nothing was recorded, and nothing was."""
    request = await house.ask()
    work = await house.store.claim(60)
    assert work is not None
    card = MessageRef(chat="slack", tenant="T1", conversation="C1", message="1.1")
    await house.store.place(work, Placement(place="slack:#refunds", state="live", message=card, shown=1))
    before = await house.store.audit(0, 100)
    answer = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400})
    step = 0
    while True:
        step += 1
        calls = 0

        async def away(_: str, last: int = step) -> None:
            nonlocal calls
            calls += 1
            if calls == last:
                raise StoreUnavailable

        desk = house.desk_on(cast("Store", Wrapped(house.store, away)))
        with contextlib.suppress(StoreUnavailable):
            await desk.answer(request.id, answer, who("ada", card))
            break
        assert await house.desk.get(request.id) == request
        assert await house.store.audit(0, 100) == before
    assert step > 3
    assert "nothing was recorded" in str(StoreUnavailable())
    assert (await house.desk.get(request.id)).status == "approved"


async def test_i04_forms_that_are_opened_and_filled_decide_nothing(house: House) -> None:
    """A form, its pages and its draft leave record, audit and cards alone; only sending it counts."""
    request = await house.ask(allowed_decisions=("approve", "edit", "reject", "respond"))
    before = await house.store.audit(0, 100)
    for purpose in ("edit", "edit_json", "reject", "respond"):
        form = await house.desk.form(request.id, purpose, who("ada"), 1)
        entries = {one.key: '"typed"' if one.kind == "json" else "typed" for one in form.fields}
        with contextlib.suppress(SignoffError):
            await house.desk.keep(form, who("ada"), entries, list(entries))
        await house.desk.draft(form, who("ada"))
        await house.desk.details(request.id, who("ada"))
    assert await house.desk.get(request.id) == request
    assert await house.store.audit(0, 100) == before


async def test_i05_no_end_that_nobody_made_names_anybody(house: House) -> None:
    """Expiry, withdrawal and a card that cannot be delivered: in record and audit, no person and no rejection."""
    expired, withdrawn, lost = [await house.ask(expires_in=60) for _ in range(3)]
    await house.desk.withdraw(withdrawn.id, AGENT)
    await house.desk.undeliverable(lost.id, "slack:#refunds", "the channel is archived.")
    assert (await house.desk.get(lost.id)).open
    house.clock.forward(60)  # type: ignore[union-attr]
    found = {request.id: await house.desk.get(request.id) for request in (expired, withdrawn, lost)}
    assert [record.status for record in found.values()] == ["expired", "cancelled", "expired"]
    for record in found.values():
        assert record.decision is not None
        assert record.decision.decided_by == ()
        assert record.decision.receipt is None
    for line in await the_trail_is_sound(house):
        assert line.get("person") is None
        assert line.get("kind") != "reject"


async def test_i06_a_waiter_learns_of_the_expiry_with_no_sweeper_running(house: House) -> None:
    """A wait that is longer than what is left ends with `expired`, by the store's clock."""
    request = await house.ask(expires_in=60)
    house.clock.forward(59.99)  # type: ignore[union-attr]
    waiting = asyncio.create_task(house.desk.wait(request.id, 30))
    await asyncio.sleep(0)
    house.clock.forward(0.01)  # type: ignore[union-attr]
    assert (await waiting).status == "expired"


@pytest.mark.parametrize("seed", range(20))
async def test_i07_an_approval_that_races_an_edit_never_approves_the_unseen(house: House, seed: int) -> None:
    """Whoever saw version 1 approves version 1 or nothing."""
    house.rules = policy.load(
        RULES.replace("board: {members: [cfo]}", "board: {members: [cfo, bob]}"), file="r", chats=("slack", "teams")
    )
    dice = random.Random(seed)
    request = await house.ask()
    edit = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 5000})
    calls: list[Coroutine[None, None, object]] = [
        slow_desk(house, dice).answer(request.id, edit, who("ada")),
        slow_desk(house, dice).answer(request.id, Answer(kind="approve", version=1), who("bob")),
    ]
    dice.shuffle(calls)
    _, bad = await outcomes(*calls)
    record = await house.desk.get(request.id)
    assert len(bad) == 1
    if record.version == 1:
        assert (record.status, type(bad[0])) == ("approved", AlreadyDecided)
        assert record.decision is not None
        assert record.decision.arguments == request.arguments
    else:
        assert record.open
        assert isinstance(bad[0], StaleVersion)


@pytest.mark.parametrize("seed", range(10))
async def test_i10_of_many_uses_at_once_one_succeeds(house: House, seed: int) -> None:
    """Through as many replicas; all others hear that it was used."""
    dice = random.Random(seed)
    request = await house.ask()
    await house.approve(request)
    good, bad = await outcomes(
        *(slow_desk(house, dice).consume(request.id, request.arguments, AGENT) for _ in range(8))
    )
    assert len(good) == 1
    assert {type(error) for error in bad} == {AlreadyConsumed}
    assert sum(line["type"] == "consumed" for line in await the_trail_is_sound(house)) == 1


async def test_i14_a_name_beside_the_envelope_counts_nothing(house: House) -> None:
    """Whoever the verified principal is decides; a person named beside it is not looked at."""
    request = await house.ask()
    stranger = Principal(chat="slack", tenant="T1", user="USTRANGER")
    with pytest.raises(NotAnApprover):
        await house.desk.answer(
            request.id, Answer(kind="approve", version=1), Actor(via="slack", person="ada", principal=stranger)
        )
    for wrong in (Principal(chat="slack", tenant="T2", user="UADA"), Principal(chat="teams", tenant="T1", user="UADA")):
        with pytest.raises(NotAnApprover):
            await house.desk.answer(request.id, Answer(kind="approve", version=1), Actor(via="slack", principal=wrong))
    assert await house.desk.get(request.id) == request


async def test_i16_another_requests_card_decides_nothing(house: House) -> None:
    """A card in the very same channel, but of another request: no decision, no form, no details; its own it decides."""
    one, twin, elsewhere = [await house.ask(tool="one"), await house.ask(tool="one"), await house.ask()]
    await house.now(house.relay())
    card = house.slack.copies("slack:#one", one.id)[0]
    answer = Answer(kind="approve", version=1)
    for request, refusal in ((twin, DuplicateCard), (elsewhere, WrongPlace)):
        with pytest.raises(refusal):
            await house.desk.answer(request.id, answer, who("ada", card))
        for purpose in ("edit", "reject"):
            with pytest.raises(refusal):
                await house.desk.form(request.id, purpose, who("ada", card), 1)
        with pytest.raises(refusal):
            await house.desk.details(request.id, who("ada", card))
        assert (await house.desk.get(request.id)).open
    assert (await house.desk.answer(one.id, answer, who("ada", card))).status == "approved"


async def test_i19_membership_is_that_of_the_moment_of_the_decision(house: House) -> None:
    """Who has left the group since the card was posted cannot decide; who has joined can."""
    request = await house.ask()
    changed = policy.load(
        RULES.replace("finance: {members: [ada, bob]}", "finance: {members: [cfo]}"),
        file="rules.yaml",
        chats=("slack", "teams"),
    )
    desk = Desk(house.store, changed, house.signer)
    with pytest.raises(NotAnApprover):
        await desk.answer(request.id, Answer(kind="approve", version=1), who("ada"))
    assert (await desk.answer(request.id, Answer(kind="approve", version=1), who("cfo"))).status == "approved"


Act = Callable[[Desk, Request], Coroutine[None, None, object]]


async def ask(desk: Desk, _: Request) -> object:
    body = {"tool": "refund", "arguments": {"order": "A-2", "amount": 400}}
    return await desk.ask(Ask.model_validate(body), OTHER, "once")


async def decide(desk: Desk, request: Request) -> object:
    return await desk.answer(request.id, Answer(kind="approve", version=1), who("ada"))


async def edit(desk: Desk, request: Request) -> object:
    arguments = {**request.arguments, "amount": 5000}
    return await desk.answer(request.id, Answer(kind="edit", version=1, arguments=arguments), who("ada"))


async def withdraw(desk: Desk, request: Request) -> object:
    return await desk.withdraw(request.id, AGENT)


async def consume(desk: Desk, request: Request) -> object:
    return await desk.consume(request.id, request.arguments, AGENT)


async def report(desk: Desk, request: Request) -> object:
    return await desk.report(request.id, Outcome(status="succeeded"), AGENT)


@pytest.mark.parametrize("act", [ask, decide, edit, withdraw, consume, report], ids=lambda act: act.__name__)
async def test_i21_i25_a_desk_may_die_at_any_step(act: Act) -> None:
    """kill -9 before or after any call to the store: the change is there with its audit line, its event and its mark
    for the cards, or nothing is; trying again does it once.
    """
    step = 0
    dying = True
    while dying:
        step += 1
        for when in ("before", "after"):
            clock = Clock()
            house = House(MemoryStore(clock=clock), clock)
            request = await house.ask()
            if act in (consume, report):
                await house.approve(request)
            await house.now(house.relay())
            life = Life(step, when)  # type: ignore[arg-type]
            with contextlib.suppress(CrashError):
                await act(house.desk_on(life.of(house.store)), request)
            dying = life.over
            await sound(house)
            with contextlib.suppress(SignoffError):
                await act(house.desk, request)
            await sound(house)
            kinds = [line["type"] for line in await the_trail_is_sound(house)]
            wanted = {ask: "asked", decide: "decided", edit: "revised", withdraw: "decided", consume: "consumed"}
            if act is not report:
                assert kinds.count(wanted[act]) == (2 if act is ask else 1)
    assert step > 2


async def sound(house: House) -> None:
    """Every record has a line and an event for each of its revisions, and cards that lag are due."""
    assert isinstance(house.store, MemoryStore)
    lines = await the_trail_is_sound(house)
    events = house.store._events
    assert len(lines) == len(events)
    for request_id in {str(line["request"]) for line in lines}:
        record = (await house.store.load(request_id))[0]
        assert sum(line["request"] == request_id for line in lines) == record.rev
        assert [event.rev for event in events if event.request == request_id] == list(range(1, record.rev + 1))
        shown = [placement.shown for placement in await house.store.placements(request_id)]
        assert request_id in house.store._due or (shown and min(shown) == record.rev)


async def test_i25_every_kind_of_decision_has_its_line_with_both_arguments(house: House) -> None:
    """By a person, by a rule, by the clock and by the agent: one line each that names the original and what may run."""
    by_rule = await house.ask(amount=5)
    edited, rejected, expired, withdrawn = [await house.ask(expires_in=60) for _ in range(4)]
    arguments = {"order": "A-1", "amount": 400}
    await house.desk.answer(edited.id, Answer(kind="edit", version=1, arguments=dict(arguments)), who("ada"))
    await house.desk.answer(rejected.id, Answer(kind="reject", version=1, message="no"), who("bob"))
    await house.desk.withdraw(withdrawn.id, AGENT)
    house.clock.forward(60)  # type: ignore[union-attr]
    await house.desk.tick(expired.id)
    found: dict[str, list[dict[str, object]]] = {}
    for line in await the_trail_is_sound(house):
        body = line if line["type"] == "decided" else cast("dict[str, object] | None", line.get("decision"))
        if body:
            found.setdefault(str(line["request"]), []).append({**line, **body})
    assert {id_: [line["kind"] for line in lines] for id_, lines in found.items()} == {
        by_rule.id: ["approve"],
        edited.id: ["edit"],
        rejected.id: ["reject"],
        expired.id: ["expire"],
        withdrawn.id: ["cancel"],
    }
    (line,) = found[edited.id]
    assert (line["original"], line["arguments"]) == (edited.arguments, arguments)
    assert line["person"] == "ada"
    assert found[by_rule.id][0]["decided_by"] == ["rule:tiny refunds"]
    for id_ in (expired.id, withdrawn.id):
        assert found[id_][0]["decided_by"] == []


async def test_i10_a_receipt_names_request_digest_decision_and_end(house: House) -> None:
    """And it is the record's own: what the desk signs is what it would let run."""
    request = await house.ask()
    settled = await house.approve(request)
    assert settled.decision is not None
    assert settled.decision.receipt is not None
    claims = digest.verify(settled.decision.receipt, {"keys": [house.signer.jwk()]}, check_expiry=False)
    bound = digest.digest(request.tool, request.arguments, request.agent, request.on_behalf_of)
    assert (claims["sub"], claims["digest"], claims["kind"], claims["by"]) == (request.id, bound, "approve", ["ada"])
    life = int(digest.RECEIPT_LIFE.total_seconds())
    assert cast("int", claims["exp"]) - cast("int", claims["iat"]) == life
