"""Webhooks: what is said when a request has ended, to whom, how often and until when; over the memory twin."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from datetime import timedelta
from typing import Literal

import jsonschema
import pytest
from hookkit import DAY, TARGET, URL, HookHouse, refusing
from relaykit import AGENT, CrashError, Life, who
from standardwebhooks import Webhook, WebhookVerificationError
from structlog.testing import capture_logs

from signoff.api import as_asked, openapi
from signoff.errors import NoWebhook
from signoff.model import Answer, Ask, Key, Outcome, Request, dumps, hook_of, loads
from signoff.relay import hooks as hooks_room
from signoff.relay.hosts import AT_ONCE, LONGEST, OF_A_KEY, Hosts
from signoff.relay.pace import LEASE
from signoff.store import MemoryStore
from signoff.webhooks import Sent


@pytest.fixture
async def house() -> HookHouse:
    return await HookHouse.made()


async def ended(house: HookHouse, **fields: object) -> Request:
    """A request that asks for a webhook, approved."""
    request = await house.ask(tool="one", callback_url=URL, **fields)  # type: ignore[arg-type]
    return await house.approve(request)


# ── what is said ─────────────────────────────────────────────────────────────────────────────────


async def approved(house: HookHouse) -> Request:
    return await ended(house)


async def rejected(house: HookHouse) -> Request:
    request = await house.ask(tool="one", callback_url=URL)
    return await house.desk.answer(request.id, Answer(kind="reject", version=1, message="not now"), who("ada"))


async def responded(house: HookHouse) -> Request:
    question = {"allowed_decisions": ("respond", "reject"), "response_schema": {"type": "string"}}
    request = await house.ask(tool="one", callback_url=URL, **question)  # type: ignore[arg-type]
    return await house.desk.answer(request.id, Answer(kind="respond", version=1, response="eu"), who("ada"))


async def expired(house: HookHouse) -> Request:
    request = await house.ask(tool="one", callback_url=URL, expires_in=60)
    assert house.clock is not None
    house.clock.forward(61)
    await house.desk.tick(request.id)
    return await house.desk.get(request.id)


async def cancelled(house: HookHouse) -> Request:
    request = await house.ask(tool="one", callback_url=URL)
    return await house.desk.withdraw(request.id, AGENT)


async def by_a_rule(house: HookHouse) -> Request:
    return await house.ask(tool="quiet", callback_url=URL)


ENDS = {
    "approved": approved,
    "rejected": rejected,
    "responded": responded,
    "expired": expired,
    "cancelled": cancelled,
    "approved by a rule": by_a_rule,
}


@pytest.mark.parametrize("how", ENDS)
async def test_every_end_is_told_once_as_get_shows_it(house: HookHouse, how: str) -> None:
    """One webhook: its type, the moment of the decision, and the request as the asking key reads it; signed with the
    key's own secret.
    """
    request = await ENDS[how](house)
    await house.told()
    await house.pass_(DAY)
    (post,) = house.receiver.posts
    assert post.url == URL
    assert request.decision is not None
    assert post.said == {
        "type": f"request.{how.partition(' ')[0]}",
        "timestamp": post.said["data"]["decision"]["decided_at"],
        "data": loads(dumps(as_asked(request))),
    }
    assert post.said["data"]["callback_url"] == URL
    assert post.id == f"msg_{request.id}"
    assert (await house.delivery(request)).state == "delivered"
    assert not await house.waits(request)


@pytest.mark.parametrize("how", ENDS)
async def test_a_webhook_is_what_the_openapi_document_says(house: HookHouse, how: str) -> None:
    """Every end is announced there, and its body fits the schema."""
    await ENDS[how](house)
    await house.told()
    (post,) = house.receiver.posts
    document = openapi.document(house.limits)
    announced = document["webhooks"]
    assert isinstance(announced, dict)
    assert set(announced) == {f"request.{end.partition(' ')[0]}" for end in ENDS}
    schema = {"$ref": "#/components/schemas/Webhook", "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(json.loads(post.body))


async def test_i22_who_waits_hears_the_decision_while_a_receiver_hangs(house: HookHouse) -> None:
    """A webhook takes nothing from those who stay."""
    request = await house.ask(tool="one", callback_url=URL)
    waiting = asyncio.create_task(house.desk.wait(request.id, 60))
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    house.receiver.during = hang
    hooks = house.hooks()
    hooks.start()
    try:
        await house.approve(request)
        await house.now(house.relay())
        async with asyncio.timeout(10):
            await began.wait()
            assert (await waiting).status == "approved"
            again = await house.ask(tool="one")
            waiting = asyncio.create_task(house.desk.wait(again.id, 60))
            await house.approve(again)
            assert (await waiting).status == "approved"
    finally:
        for task in hooks._held:
            task.cancel()
        await hooks.close()


async def test_each_key_signs_with_a_secret_of_its_own(house: HookHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library takes the signature with the asking key's secret, and with no other key's."""
    await ended(house)
    await house.told()
    (post,) = house.receiver.posts
    monkeypatch.setattr(Webhook, "_Webhook__verify_timestamp", lambda _, text: _moment(house))
    house.secret().verify(post.body, dict(post.headers))
    assert house.desk.webhook_secret("agent") == house.desk.webhook_secret("agent")
    with pytest.raises(WebhookVerificationError):
        Webhook(house.desk.webhook_secret("another")).verify(post.body, dict(post.headers))
    with pytest.raises(WebhookVerificationError):
        house.secret().verify(post.body + b" ", dict(post.headers))


def _moment(house: HookHouse) -> object:
    assert house.clock is not None
    return house.clock.now


async def test_nothing_is_told_before_the_end(house: HookHouse) -> None:
    """Neither a new request, nor a vote, nor an edit that others have to approve."""
    request = await house.ask(callback_url=URL)
    await house.told()
    await house.revise(request)
    await house.told()
    await house.pass_(60)
    assert house.receiver.posts == []
    assert not await house.waits(request)


async def test_a_webhook_that_is_due_too_early_tells_nothing(house: HookHouse) -> None:
    """Whatever made it due: the record says whether it has ended."""
    request = await house.ask(tool="one", callback_url=URL)
    await house.store.nudge(hook_of(request.id))
    await house.called(house.hooks())
    assert house.receiver.posts == []
    await house.approve(request)
    await house.store.nudge(hook_of(request.id))
    await house.called(house.hooks())
    assert len(house.receiver.posts) == 1


async def test_what_happens_after_the_end_is_not_told(house: HookHouse) -> None:
    """Consuming and reporting change the record again, and send nothing more."""
    request = await ended(house)
    await house.told()
    await house.desk.consume(request.id, request.arguments, AGENT)
    await house.told()
    await house.desk.report(request.id, Outcome(status="succeeded"), AGENT)
    await house.told()
    await house.pass_(DAY)
    assert len(house.receiver.posts) == 1


async def test_what_happens_after_the_end_does_not_hurry_a_retry(house: HookHouse) -> None:
    """A receiver that asked for peace has it, also when the agent, which has its answer, goes on."""
    house.receiver.fails(refusing(503, 3600))
    request = await ended(house)
    await house.told()
    await house.desk.consume(request.id, request.arguments, AGENT)
    await house.told()
    await house.pass_(3500)
    assert len(house.receiver.posts) == 1
    await house.pass_(200)
    assert len(house.receiver.posts) == 2


async def test_a_request_without_callback_url_leaves_no_trace(house: HookHouse) -> None:
    """No line, no memory, no attempt."""
    request = await house.ask(tool="one")
    await house.approve(request)
    await house.told()
    assert house.receiver.posts == []
    assert isinstance(house.store, MemoryStore)
    assert not house.store._hooks
    assert not house.store._memory
    assert not [card for card in house.store._nudges if card.startswith("hook:")]


async def test_i29_a_revoked_keys_webhook_is_a_dead_letter(house: HookHouse) -> None:
    """What the key may not read any more is not sent either."""
    request = await ended(house)
    await house.store.revoke_key(AGENT.id)
    await house.told()
    assert house.receiver.posts == []
    delivery = await house.delivery(request)
    assert (delivery.state, delivery.attempts) == ("dead", 1)
    assert "revoked" in (delivery.fault or "")


async def test_two_asks_that_differ_in_callback_url_are_not_folded(house: HookHouse) -> None:
    """Each of them is told by a request of its own; with the same address they are one."""
    first = await house.ask(tool="one", run_id="run-1", callback_url=URL)
    again = await house.ask(tool="one", run_id="run-1", callback_url=URL)
    other = await house.ask(tool="one", run_id="run-1", callback_url="https://else.example.com/")
    none = await house.ask(tool="one", run_id="run-1")
    assert first.id == again.id
    assert len({first.id, other.id, none.id}) == 3


# ── how often ────────────────────────────────────────────────────────────────────────────────────


async def test_retries_back_off_for_three_days_and_end_as_a_dead_letter(house: HookHouse) -> None:
    """5 s, 1 min, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h …, each within a tenth; the last after three days."""
    house.receiver.usual = refusing()
    request = await ended(house)
    await house.told()
    await house.pass_(4 * DAY)
    at = [post.at for post in house.receiver.posts]
    waits = [later - sooner for sooner, later in itertools.pairwise(at)]
    planned = [5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000]
    assert len(waits) in {10, 11}
    for wait, plan in zip(waits, planned, strict=False):
        assert plan * 0.9 - 0.01 <= wait <= plan * 1.1 + 0.01
    assert at[-1] - at[0] == pytest.approx(3 * DAY, abs=0.01)
    assert len(house.receiver.ids) == 1
    delivery = await house.delivery(request)
    assert (delivery.state, delivery.attempts) == ("dead", len(at))
    assert delivery.fault == "the receiver answered 503"
    assert not await house.waits(request)
    assert [one.request for one in await house.deliveries.dead()] == [request.id]
    assert await house.lines(request, "webhook_dead") == 1


@pytest.mark.parametrize("sent", [Sent(301, "moved"), Sent(404, "no"), Sent(None, "the connection was refused")])
async def test_whatever_is_not_2xx_is_tried_again(house: HookHouse, sent: Sent) -> None:
    """Redirects, refusals and connections that fail; then it is taken."""
    house.receiver.fails(sent, sent)
    request = await ended(house)
    await house.told()
    waiting = await house.delivery(request)
    assert (waiting.state, waiting.attempts, waiting.fault) == ("waiting", 1, sent.fault)
    await house.pass_(600)
    assert len(house.receiver.posts) == 3
    assert (await house.delivery(request)).state == "delivered"


async def test_410_ends_it_at_once(house: HookHouse) -> None:
    """The receiver wants it never again."""
    house.receiver.usual = refusing(410)
    request = await ended(house)
    await house.told()
    await house.pass_(DAY)
    assert len(house.receiver.posts) == 1
    assert (await house.delivery(request)).state == "dead"


@pytest.mark.parametrize(("wish", "least", "most"), [(120, 120, 121), (1, 4.5, 5.5), (9 * DAY, 43_200, 43_201)])
async def test_retry_after_is_honoured_within_reason(house: HookHouse, wish: float, least: float, most: float) -> None:
    """Never sooner than planned, and no later than twelve hours."""
    house.receiver.fails(refusing(503, wish))
    await ended(house)
    await house.told()
    await house.pass_(DAY)
    first, second = house.receiver.posts
    assert least - 0.01 <= second.at - first.at <= most


async def test_a_fault_of_ours_brings_it_back(house: HookHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process cannot make is looked at again later, and what is wrong is logged without its text."""
    request = await ended(house)
    await house.now(house.relay())
    hooks = house.hooks()

    def broken(_: Request) -> dict[str, object]:
        raise RuntimeError("tell-nobody")

    monkeypatch.setattr(hooks, "_shown", broken)
    work = await house.store.claim(LEASE, hooks=True)
    assert work is not None
    with capture_logs() as logs:
        await hooks._one(work)
    assert "tell-nobody" not in str(logs)
    assert logs[0]["event"] == "webhook failed"
    assert await house.waits(request)
    await house.pass_(hooks_room.UNREADABLE + 1)
    assert len(house.receiver.posts) == 1


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────


async def test_i13_nothing_of_the_address_but_its_host_gets_out(house: HookHouse) -> None:
    """Neither path nor query stand in logs, audit lines, dead letters, or in what others than the asking key read."""
    house.receiver.usual = refusing(410)
    with capture_logs() as logs:
        request = await ended(house)
        await house.told()
        await house.deliveries.redeliver(request.id, by="cli:op", via="cli")
        house.receiver.usual = Sent(204)
        await house.told()
    lines = "".join(line.body for line in await house.store.audit(0, 100))
    assert {entry["event"] for entry in logs} >= {"webhook given up; `signoff webhooks` lists it", "webhook delivered"}
    for text in (str(logs), lines, str(await house.delivery(request))):
        assert TARGET in text
        assert "tell-nobody" not in text
        assert "/hooks/7" not in text
    from signoff.api import answers

    other = Key(**{**AGENT.model_dump(), "id": "admin", "role": "admin"})
    assert answers.shown(request, other)["callback_url"] == TARGET
    assert answers.shown(request, AGENT)["callback_url"] == URL


# ── crashes ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_killed_at_any_step_a_webhook_is_told_at_least_once_with_one_id(
    when: Literal["before", "after"],
) -> None:
    """kill -9 at every call to the store and to the receiver, of the relay and of the sender, also amid retries: it
    arrives, always with the same webhook-id, and nothing is left in the line.
    """
    for last in range(1, 60):
        house = await HookHouse.made()
        house.receiver.fails(refusing(), refusing(500))
        request = await ended(house)
        life = Life(last, when)
        try:
            relay, hooks = house.relay(life), house.hooks(life)
            await house.now(relay)
            await house.pass_(600, hooks)
        except CrashError:
            assert house.clock is not None
            house.clock.forward(LEASE + 1)
            await house.told()
            await house.pass_(2 * DAY)
        assert house.receiver.ids == {f"msg_{request.id}"}
        assert (await house.delivery(request)).state == "delivered"
        assert not await house.waits(request)
        if not life.over:
            assert last > 20
            assert len(house.receiver.posts) == 3
            return
    pytest.fail("the story has more steps than were tried")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_i21_killed_at_any_step_giving_up_leaves_one_dead_letter(when: Literal["before", "after"]) -> None:
    """Dead is dead: one letter, one audit line, nothing in the line, however often whoever wrote it died."""
    for last in range(1, 40):
        house = await HookHouse.made()
        house.receiver.usual = refusing(410)
        request = await ended(house)
        await house.now(house.relay())
        life = Life(last, when)
        try:
            await house.called(house.hooks(life))
        except CrashError:
            assert house.clock is not None
            house.clock.forward(LEASE + 1)
            await house.called(house.hooks())
        assert [one.request for one in await house.deliveries.dead()] == [request.id]
        assert await house.lines(request, "webhook_dead") == 1
        assert not await house.waits(request)
        if not life.over:
            return
    pytest.fail("the story has more steps than were tried")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("was", ["dead", "delivered"])
async def test_i21_a_redelivery_killed_at_any_step_is_sent_or_can_be_said_again(
    when: Literal["before", "after"], was: str
) -> None:
    """A dead letter stands until its audit line is written, and is sent within a minute from then on, without anybody's
    doing. One that had been taken stays so, or is sent.
    """
    from signoff.webhooks import Deliveries

    for last in range(1, 40):
        house = await HookHouse.made()
        house.receiver.fails(*([refusing(), refusing(410)] if was == "dead" else []))
        request = await ended(house)
        await house.told()
        await house.pass_(10)
        tried = len(house.receiver.posts)
        assert (await house.delivery(request)).state == was
        life = Life(last, when)
        with contextlib.suppress(CrashError):
            await Deliveries(life.of(house.store)).redeliver(request.id, by="cli:op", via="cli")
        await house.pass_(62)
        said = await house.lines(request, "webhook_redelivered")
        posts = len(house.receiver.posts) - tried
        delivery = await house.delivery(request)
        state = delivery.state
        stands = {(0, 0, was), (1, 1, "delivered")}
        assert (said, posts, state) in (stands if was == "dead" else {*stands, (1, 0, was)})
        assert delivery.attempts == (posts or tried)
        if not life.over:
            assert said == 1
            return
    pytest.fail("the story has more steps than were tried")


async def test_a_sender_that_is_stopped_gives_back_what_it_holds(house: HookHouse) -> None:
    """Whoever comes next need not wait for the lease."""
    request = await ended(house)
    await house.now(house.relay())
    began = asyncio.Event()

    async def hang() -> None:
        began.set()
        await asyncio.Event().wait()

    house.receiver.during = hang
    hooks = house.hooks()
    hooks.start()
    async with asyncio.timeout(10):
        await began.wait()
        await hooks.close()
    house.receiver.during = None
    await house.called(house.hooks())
    assert (await house.delivery(request)).state == "delivered"


async def test_who_was_held_up_for_longer_than_its_lease_writes_nothing(house: HookHouse) -> None:
    """Somebody else has delivered it meanwhile: its own failure is not written over that."""
    request = await ended(house)
    await house.now(house.relay())
    late, quick = house.hooks(), house.hooks()
    work = await house.store.claim(LEASE, hooks=True)
    assert work is not None

    async def meanwhile() -> None:
        assert house.clock is not None
        house.receiver.during = None
        house.clock.forward(LEASE + 1)
        await house.called(quick)

    house.receiver.during = meanwhile
    house.receiver.fails(Sent(200), refusing(410))
    await late.deliver(work)
    assert (await house.delivery(request)).state == "delivered"
    assert not await house.waits(request)
    assert len(house.receiver.posts) == 2


# ── dead letters ─────────────────────────────────────────────────────────────────────────────────


async def test_a_dead_letter_is_sent_again_with_all_its_attempts_before_it(house: HookHouse) -> None:
    """The same webhook-id, an audit line, and three more days if need be."""
    house.receiver.usual = refusing()
    request = await ended(house)
    await house.told()
    await house.pass_(4 * DAY)
    tried = len(house.receiver.posts)
    said = await house.deliveries.redeliver(request.id, by="cli:op", via="cli")
    assert (said.state, said.attempts) == ("waiting", 0)
    assert await house.deliveries.dead() == []
    await house.pass_(2 * DAY)
    assert len(house.receiver.posts) > tried + 5
    house.receiver.usual = Sent(200)
    await house.pass_(DAY)
    assert (await house.delivery(request)).state == "delivered"
    assert len(house.receiver.ids) == 1
    assert await house.lines(request, "webhook_redelivered") == 1


async def test_a_waiting_one_is_sent_at_once_when_somebody_says_so(house: HookHouse) -> None:
    """Its attempts go on from where they are."""
    house.receiver.fails(refusing(), refusing(), refusing())
    request = await ended(house)
    await house.told()
    await house.pass_(100)
    assert (await house.delivery(request)).attempts == 3
    await house.deliveries.redeliver(request.id, by="cli:op", via="cli")
    await house.called(house.hooks())
    delivery = await house.delivery(request)
    assert (delivery.state, delivery.attempts) == ("delivered", 4)


async def test_who_is_told_to_send_again_while_it_is_tried_sends_again(house: HookHouse) -> None:
    """The attempt under way fails; the next one comes at once and not after the back-off."""
    request = await ended(house)
    await house.now(house.relay())

    async def meanwhile() -> None:
        house.receiver.during = None
        await house.deliveries.redeliver(request.id, by="cli:op", via="cli")

    house.receiver.during = meanwhile
    house.receiver.fails(refusing())
    await house.called(house.hooks())
    first, second = house.receiver.posts
    assert first.at == second.at


@pytest.mark.parametrize("of", ["nothing", "no callback_url", "pending"])
async def test_what_has_no_webhook_cannot_be_sent_again(house: HookHouse, of: str) -> None:
    """Each refusal says why, and nothing becomes due."""
    if of == "nothing":
        request_id = "req_unknown"
    elif of == "pending":
        request_id = (await house.ask(tool="one", callback_url=URL)).id
    else:
        request_id = (await house.approve(await house.ask(tool="one"))).id
    with pytest.raises(NoWebhook):
        await house.deliveries.redeliver(request_id, by="cli:op", via="cli")
    assert await house.store.hooks(10) == []


# ── one slow receiver ────────────────────────────────────────────────────────────────────────────


async def test_slow_receivers_hold_up_no_card_and_no_other_receiver(house: HookHouse) -> None:
    """A hundred webhooks to a host that hangs: four calls to it, cards are painted, another host is told at once."""
    began = 0

    async def hang() -> None:
        nonlocal began
        if house.receiver.posts[-1].url == URL:
            began += 1
            await asyncio.Event().wait()

    house.receiver.during = hang
    for _ in range(100):
        await house.ask(tool="quiet", callback_url=URL)
    await house.now(house.relay())
    hooks = house.hooks()
    hooks.start()
    try:
        card = await house.ask(tool="one", callback_url="https://quick.example.com/")
        await house.approve(card)
        await house.now(house.relay())
        assert await house.faults(card) == []
        async with asyncio.timeout(10):
            while (await house.delivery(card)).state != "delivered":  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        assert began == AT_ONCE
    finally:
        for task in hooks._held:
            task.cancel()
        await hooks.close()


async def test_i30_one_key_whose_hosts_all_hang_holds_up_no_other_key(house: HookHouse) -> None:
    """Two hundred webhooks to as many hosts that hang: half of what is sent at once is left to the others."""

    async def hang() -> None:
        if house.receiver.posts[-1].url != URL:
            await asyncio.Event().wait()

    house.receiver.during = hang
    for number in range(200):
        await house.ask(tool="quiet", callback_url=f"https://h{number}.example.com/")
    await house.now(house.relay())
    other = AGENT.model_copy(update={"id": "other"})
    await house.store.add_key(other)
    hooks = house.hooks()
    hooks.start()
    try:
        ask = Ask.model_validate({"tool": "quiet", "arguments": {"amount": 1}, "callback_url": URL})
        asked = (await house.desk.ask(ask, other)).request
        await house.now(house.relay())
        async with asyncio.timeout(10):
            while (await house.delivery(asked)).state != "delivered":  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        assert len(house.receiver.posts) == OF_A_KEY + 1
    finally:
        for task in hooks._held:
            task.cancel()
        await hooks.close()


def test_turns_at_a_full_host_are_as_far_apart_as_it_has_room() -> None:
    """Who comes when a host is full is sent away for as long as those before need, and never for longer than ten
    minutes; a host that is idle again is forgotten.
    """
    now = 100.0
    hosts = Hosts(lambda: now)
    assert [hosts.enter("a", "one") for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    turns = [hosts.enter("a", "one") for _ in range(3)]
    assert turns == pytest.approx([0.025, 0.05, 0.075])
    assert hosts.enter("b", "one") == 0.0
    for _ in range(AT_ONCE):
        hosts.leave("a", "one", 15.0)
    for _ in range(AT_ONCE):
        assert hosts.enter("a", "one") == 0.0
    away = [hosts.enter("a", "one") for _ in range(1000)]
    assert away == sorted(away)
    assert away[1] - away[0] > 2
    assert max(away) == LONGEST
    now += LONGEST + 1
    for _ in range(AT_ONCE):
        hosts.leave("a", "one", 0.1)
    hosts.leave("b", "one", 0.1)
    assert hosts._shares == {}


def test_the_turns_of_a_key_are_as_far_apart_as_it_has_room() -> None:
    """Whatever hosts its webhooks go to; another key has room, and whoever found none took none."""
    hosts = Hosts(lambda: 100.0)
    assert [hosts.enter(f"host-{n}", "one") for n in range(OF_A_KEY)] == [0.0] * OF_A_KEY
    turns = [hosts.enter(f"late-{n}", "one") for n in range(3)]
    assert turns == pytest.approx([0.1 / OF_A_KEY * n for n in (1, 2, 3)])
    assert [hosts.enter("late-0", "other") for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    hosts.leave("host-0", "one", 0.1)
    assert hosts.enter("late-1", "one") == 0.0


async def test_a_full_host_costs_no_attempt(house: HookHouse) -> None:
    """Who is sent away comes back with as many attempts as before, and all are told."""
    many = [await house.ask(tool="quiet", callback_url=URL) for _ in range(AT_ONCE + 3)]
    await house.now(house.relay())
    hooks = house.hooks()
    gate = asyncio.Event()
    house.receiver.during = gate.wait  # type: ignore[assignment]
    calls = []
    while (work := await house.store.claim(LEASE, hooks=True)) is not None:
        calls.append(asyncio.create_task(hooks.deliver(work)))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        while len(house.receiver.posts) < AT_ONCE:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert len(house.receiver.posts) == AT_ONCE
    gate.set()
    await asyncio.gather(*calls)
    await house.pass_(60, hooks)
    assert len(house.receiver.posts) == len(many)
    assert {(await house.delivery(one)).attempts for one in many} == {1}


def test_an_attempt_ends_well_before_its_lease() -> None:
    """Otherwise two processes would send the same webhook all the time."""
    from signoff.webhooks.sending import TIMEOUT

    assert timedelta(seconds=2 * TIMEOUT) <= timedelta(seconds=LEASE)
