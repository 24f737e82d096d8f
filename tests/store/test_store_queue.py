"""Looking through what waits, in the order of its urgency, the same in every store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from storekit import CAPS, entry, request, revised, settled

from signoff.errors import Invalid
from signoff.model import RISKS, Batch, Decision, Facet, Request, Terms, Vote
from signoff.ports import Filter, Page, Store

OpenStore = Callable[[], Awaitable[Store]]


async def opened(store: Store, **fields: object) -> Request:
    made = request(**fields)  # type: ignore[arg-type]
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


async def moved(store: Store, before: Request, **change: object) -> Request:
    after = revised(before).model_copy(update=change)
    assert await store.move(before, after, "request.revised", entry(id=before.id))
    return after


async def ended(store: Store, before: Request, after: Request | None = None) -> Request:
    after = after or settled(before)
    assert await store.move(before, after, "request.decided", entry(id=before.id))
    return after


async def sizes(store: Store) -> dict[Facet, int]:
    return {facet._replace(size=0): facet.size for facet in await store.facets()}


async def whole(store: Store, limit: int = 3) -> list[str]:
    """The ids of all that waits, page by page."""
    facets, found, cursor = await store.facets(), list[str](), None
    while True:
        page: Page = await store.queue(facets, cursor, limit)
        found += [one.id for one in page.requests]
        cursor = page.cursor
        if cursor is None:
            return found


def urgency(one: Request) -> tuple[int, datetime, str]:
    return RISKS.index(one.terms.risk or one.risk), one.expires_at, one.id


# ── what there is ────────────────────────────────────────────────────────────────────────────────


async def test_every_pending_request_counts_in_one_facet(store: Store) -> None:
    """By who is asked and where, whatever the order, tool and agent, and the policy's risk before the agent's."""
    plain = Facet(("ada", "finance"), ("slack:#a", "slack:#b"), "issue_refund", None, None)
    await opened(store, approvers=("finance", "ada"), show=("slack:#b",), channel="slack:#a")
    await opened(store, approvers=("ada", "finance"), show=("slack:#a", "slack:#b"))
    await opened(store, approvers=("ada", "finance"), show=("slack:#a", "slack:#b"), agent="a", risk="low")
    one = request(approvers=("ada", "finance"), show=("slack:#a", "slack:#b"), tool="ü \"'\n", risk="low")
    risky = one.model_copy(update={"terms": one.terms.model_copy(update={"risk": "high"})})
    await store.open(risky, entry(), None, CAPS)
    assert await sizes(store) == {
        plain: 2,
        plain._replace(agent="a", risk="low"): 1,
        plain._replace(tool="ü \"'\n", risk="high"): 1,
    }


async def test_what_is_decided_from_the_start_does_not_wait(store: Store) -> None:
    """It stands in no facet."""
    await store.open(settled(request()).model_copy(update={"rev": 1}), entry(), None, CAPS)
    assert await store.facets() == []


async def test_a_facet_goes_with_its_last_request(store: Store) -> None:
    """However it ends; a request that moves on within its facet counts once."""
    one, other = await opened(store), await opened(store)
    one = await moved(store, one)
    assert list((await sizes(store)).values()) == [2]
    await ended(store, one, settled(one, "expire", person=None))
    assert list((await sizes(store)).values()) == [1]
    other = await ended(store, other)
    assert await store.facets() == []
    await moved(store, other, consumed_at=other.created_at)
    assert await store.facets() == []


async def test_a_request_changes_its_facet_with_its_terms(store: Store) -> None:
    """The next stage asks others, a fallback shows it elsewhere, an edit changes the risk."""
    one = await opened(store, approvers=("ada",), show=("slack:#a",))
    facet = Facet(("ada",), ("slack:#a",), "issue_refund", None, None)
    for terms, becomes in (
        ({"approvers": ("ada", "cfo")}, facet._replace(approvers=("ada", "cfo"))),
        ({"approvers": ("board",)}, facet._replace(approvers=("board",))),
        ({"show": ("slack:#a", "slack:#b")}, facet._replace(approvers=("board",), places=("slack:#a", "slack:#b"))),
        ({"risk": "high"}, facet._replace(approvers=("board",), places=("slack:#a", "slack:#b"), risk="high")),
    ):
        one = await moved(store, one, terms=one.terms.model_copy(update=terms))
        assert await sizes(store) == {becomes: 1}
        assert await whole(store) == [one.id]


async def test_a_lost_race_changes_no_facet(another: OpenStore) -> None:
    """Of twenty changes and ends at once in two replicas one counts."""
    stores = [await another(), await another()]
    for _ in range(5):
        one = await opened(stores[0])
        terms = one.terms.model_copy(update={"approvers": ("board",)})
        afters = [settled(one), revised(one).model_copy(update={"terms": terms})] * 10
        won = await asyncio.gather(
            *(stores[i % 2].move(one, after, "request.x", entry()) for i, after in enumerate(afters))
        )
        assert won.count(True) == 1
        after = afters[won.index(True)]
        assert [kind.approvers for kind in await stores[1].facets()] == ([("board",)] if after.open else [])
        if after.open:
            await ended(stores[0], after)


# ── in order ─────────────────────────────────────────────────────────────────────────────────────


async def mixed(store: Store, count: int = 40) -> list[Request]:
    made: list[Request] = []
    for i in range(count):
        one = await opened(
            store,
            approvers=("ada",) if i % 2 else ("finance",),
            show=(f"slack:#{i % 3}",),
            agent=f"agent-{i % 4}",
            risk=RISKS[i * 7 % 5],
            left=3600 + i * 37 % 11,
        )
        made.append(one)
    return made


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 39, 40, 41, 200])
async def test_the_queue_goes_by_risk_then_deadline_then_age(store: Store, limit: int) -> None:
    """Over all facets, in pages of any size, each request once."""
    made = await mixed(store)
    assert await whole(store, limit) == [one.id for one in sorted(made, key=urgency)]
    last = await store.queue(await store.facets(), None, 40)
    assert (len(last.requests), last.cursor) == (40, None)


async def test_requests_of_one_moment_all_have_their_turn(store: Store) -> None:
    """A batch has one deadline for all: then the ids say who is first, and no page leaves any out."""
    now = datetime.now(UTC).replace(microsecond=0)
    made = [await opened(store, expires_at=now + timedelta(hours=1), agent=f"a{i % 3}") for i in range(30)]
    assert await whole(store, 4) == sorted(one.id for one in made)


async def test_the_queue_holds_what_was_asked_for(store: Store) -> None:
    """Only the facets named, each once however often it is named; an unknown one holds nothing."""
    made = await mixed(store)
    facets = [one for one in await store.facets() if one.agent == "agent-1" and one.risk in ("critical", None)]
    page = await store.queue([*facets, *facets], None, 100)
    wanted = [one for one in made if one.agent == "agent-1" and one.risk in ("critical", None)]
    assert [one.id for one in page.requests] == [one.id for one in sorted(wanted, key=urgency)]
    assert (await store.queue([], None, 10)).requests == ()
    assert (await store.queue([facets[0]._replace(tool="none")], None, 10)).requests == ()


async def test_a_place_in_the_queue_stays_good(store: Store) -> None:
    """When what stood there has ended, and its whole facet with it, and while more comes in."""
    made = sorted(await mixed(store), key=urgency)
    facets = await store.facets()
    page = await store.queue(facets, None, 10)
    for one in made[5:15]:
        await ended(store, one)
    await opened(store, risk="critical", left=100)
    rest = await store.queue(facets, page.cursor, 100)
    assert [one.id for one in rest.requests] == [one.id for one in made[15:]]


async def test_a_longer_deadline_moves_a_request_back(store: Store) -> None:
    """It keeps its facet and stands there once."""
    one, other = await opened(store, left=100), await opened(store, left=200)
    assert await whole(store) == [one.id, other.id]
    one = await moved(store, one, expires_at=one.expires_at + timedelta(seconds=1000))
    assert await whole(store) == [other.id, one.id]
    assert list((await sizes(store)).values()) == [2]


@pytest.mark.parametrize("cursor", ["", "x", "9.1", "-1.1", "²." + "1" * 13, "0"])
async def test_a_place_that_is_none_is_refused(store: Store, cursor: str) -> None:
    """Cursors come back from strangers."""
    await opened(store)
    with pytest.raises(Invalid):
        await store.queue(await store.facets(), cursor, 10)


# ── of batches and piles ─────────────────────────────────────────────────────────────────────────


async def test_the_requests_of_a_batch_are_found_and_counted(store: Store) -> None:
    """Also those that have ended."""
    made = [await opened(store, batch=Batch(id="bat_1", index=i, size=3)) for i in range(3)]
    await opened(store, batch=Batch(id="bat_2", index=0, size=1))
    await opened(store)
    await ended(store, made[1])
    page = await store.page(Filter(batch="bat_1"), None, 10)
    assert [one.id for one in page.requests] == [one.id for one in made]
    pending = await store.page(Filter(batch="bat_1", status="pending", asked_by="key_a"), None, 10)
    assert [one.id for one in pending.requests] == [made[0].id, made[2].id]
    assert (await store.page(Filter(batch="bat_1", asked_by="key_b"), None, 10)).requests == ()
    assert await store.count(Filter(batch="bat_1")) == 3
    assert await store.count(Filter(batch="bat_1", status="pending")) == 2
    assert await store.count(Filter(batch="bat_1", status="approved")) == 1
    assert await store.count(Filter(batch="none")) == 0


async def test_what_has_no_card_of_its_own_in_a_place_is_found_and_counted(store: Store) -> None:
    """While it waits, and until an edit gives it one."""
    made = [await opened(store, piled=("slack:#a", "slack:#b")) for _ in range(3)]
    await opened(store, piled=("slack:#b",))
    await opened(store)
    await ended(store, made[0])
    await moved(store, made[1], piled=())
    page = await store.page(Filter(piled="slack:#a"), None, 10)
    assert [one.id for one in page.requests] == [made[2].id]
    assert await store.count(Filter(piled="slack:#a")) == 1
    assert await store.count(Filter(piled="slack:#b", status="pending")) == 2
    assert await store.count(Filter(piled="slack:#a", status="approved")) == 0
    assert (await store.page(Filter(piled="slack:#a", status="approved"), None, 10)).requests == ()


async def test_what_is_counted_is_said_exactly_or_not_at_all(store: Store) -> None:
    """A filter that no index decides is refused."""
    await opened(store)
    assert await store.count(Filter()) == await store.count(Filter(status="pending")) == 1
    for which in (Filter(agent="a"), Filter(approvers=("a",)), Filter(batch="b", piled="c"), Filter(risk="low")):
        with pytest.raises(ValueError, match="counted"):
            await store.count(which)


async def test_several_are_read_in_their_order(store: Store) -> None:
    """Without those that do not exist."""
    made = [await opened(store) for _ in range(3)]
    found = await store.several([made[2].id, "req_none", made[0].id])
    assert list(found) == [made[2], made[0]]
    assert list(await store.several([])) == []


# ── what somebody decided ────────────────────────────────────────────────────────────────────────


def decided(before: Request, at: datetime, *people: str) -> Request:
    after = settled(before, "reject", person=None)
    assert after.decision is not None
    by = tuple({"person": person, "via": "slack", "at": at} for person in people)
    decision = Decision.model_validate({**after.decision.model_dump(), "decided_by": by, "decided_at": at})
    return after.model_copy(update={"decision": decision})


async def test_what_a_person_has_decided_is_found_latest_first(store: Store) -> None:
    """Since a moment of today or the two days before, and no more than was asked for."""
    now = datetime.now(UTC).replace(microsecond=0)
    ages = [timedelta(hours=hours) for hours in (40, 20, 3, 2, 1)]
    made = [await ended(store, one := await opened(store), decided(one, now - age, "ada")) for age in ages]
    other = await opened(store)
    await ended(store, other, decided(other, now, "bob"))
    latest = [one.id for one in reversed(made)]
    found = await store.decided_by("ada", now - timedelta(days=2), 10)
    assert [one.id for one in found] == latest
    assert found[0] == made[-1]
    assert [one.id for one in await store.decided_by("ada", now - timedelta(hours=2), 10)] == latest[:2]
    assert [one.id for one in await store.decided_by("ada", now - timedelta(days=2), 2)] == latest[:2]
    assert list(await store.decided_by("mia", now - timedelta(days=2), 10)) == []


async def test_a_vote_counts_when_the_request_has_ended(store: Store) -> None:
    """Once for each person, whatever it came to; not while others are still asked."""
    one = await opened(store)
    vote = Vote(person="ada", at=one.created_at)
    one = await moved(store, one, votes=(vote,))
    assert list(await store.decided_by("ada", one.created_at, 10)) == []
    done = await ended(store, one, decided(one, one.created_at, "bob", "ada"))
    for person in ("ada", "bob"):
        assert list(await store.decided_by(person, one.created_at - timedelta(hours=1), 10)) == [done]
    late = await moved(store, await opened(store), votes=(vote,))
    late = await ended(store, late, settled(late, "expire", person=None))
    assert late in await store.decided_by("ada", late.created_at - timedelta(hours=1), 10)


async def test_a_rule_is_nobody(store: Store) -> None:
    """What it ended stands in no person's list."""
    one = await opened(store)
    terms = Terms(rule="r", expires_in=60)
    await ended(store, one, settled(one, "reject", person=None, rule="ada").model_copy(update={"terms": terms}))
    assert list(await store.decided_by("ada", one.created_at - timedelta(hours=1), 10)) == []
