"""Attempts to make the store's counts, lists and memories of what waits disagree with its records."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from storekit import entry, request, settled

from signoff.model import RISKS, Facet, Request, Vote
from signoff.ports import Caps, Filter, Store

OpenStore = Callable[[], Awaitable[Store]]

CAPS = Caps(open_requests=1_000_000, per_minute=1_000_000)
NOW = datetime.now(UTC).replace(microsecond=0)


async def opened(store: Store, made: Request) -> Request:
    return (await store.open(made, entry(id=made.id), None, CAPS)).request


async def moved(store: Store, before: Request, after: Request) -> Request:
    assert await store.move(before, after, "request.voted", entry())
    return after


def voted(before: Request, person: str, acting_for: str | None = None) -> Request:
    vote = Vote(person=person, acting_for=acting_for, at=NOW)
    return before.model_copy(update={"votes": (*before.votes, vote), "rev": before.rev + 1})


async def test_what_a_person_has_voted_on_is_found_until_it_ends(store: Store) -> None:
    """Also by who was spoken for; not when the votes are void, nor when it has ended."""
    first, second, third = [await opened(store, request()) for _ in range(3)]

    async def found(person: str) -> list[str]:
        pending = await store.page(Filter(status="pending", voted=person), None, 10)
        assert (await store.page(Filter(voted=person), None, 10)).requests == pending.requests
        assert (await store.page(Filter(status="approved", voted=person), None, 10)).requests == ()
        return [one.id for one in pending.requests]

    first = await moved(store, first, voted(first, "ada"))
    second = await moved(store, second, voted(voted(second, "bob", "ada"), "cleo").model_copy(update={"rev": 2}))
    assert [await found(one) for one in ("ada", "bob", "cleo", "dan")] == [
        [first.id, second.id],
        [second.id],
        [second.id],
        [],
    ]
    edited = second.model_copy(update={"votes": (), "rev": 3, "version": 2})
    await moved(store, second, edited)
    await moved(store, first, settled(first))
    assert [await found(one) for one in ("ada", "bob", "cleo")] == [[], [], []]
    assert third.open


# ── thousands of changes ─────────────────────────────────────────────────────────────────────────

PLACES = ["slack:#a", "slack:#b", "teams:Finance/General", "slack:@ada"]
PEOPLE = ["ada", "bob", "cleo"]
HOSTILE = ["refund", "re\nfund", 'a"],["b', "queue:", "\u202e\u200b", "é😀", " ", "*", "0" * 200]


def asked(dice: random.Random) -> Request:
    made = request(
        show=tuple(dice.sample(PLACES, dice.randint(0, 3))),
        approvers=tuple(dice.sample(["finance", "managers", "ada", "{tag}"], dice.randint(1, 3))),
        left=dice.choice([1800.0, 3600.0, 3600.0, 7200.0]),
        tool=dice.choice(HOSTILE),
        agent=dice.choice([None, *HOSTILE]),
        risk=dice.choice(RISKS),
        channel=dice.choice([None, *PLACES]),
        run_id=dice.choice([None, "run-1", "run-2"]),
    )
    return made.model_copy(update={"piled": tuple(dice.sample(PLACES, dice.choice([0, 0, 1, 2])))})


def changed(dice: random.Random, before: Request) -> tuple[str, Request]:
    """Any change that a desk makes: a vote, a stage, an edit, an extension, an escalation, an end."""
    rev = {"rev": before.rev + 1}
    terms = before.terms
    match dice.choice(["vote", "stage", "edit", "extend", "show", "unpile", "approve", "reject", "expire", "cancel"]):
        case "vote":
            return "request.voted", voted(before, dice.choice(PEOPLE), dice.choice([None, *PEOPLE]))
        case "stage":
            terms = terms.model_copy(update={"approvers": tuple(dice.sample(["finance", "managers", "bob"], 2))})
            return "request.voted", before.model_copy(update={"terms": terms, **rev})
        case "edit":
            terms = terms.model_copy(update={"risk": dice.choice(RISKS)})
            edit = {"version": before.version + 1, "votes": (), "terms": terms}
            return "request.revised", before.model_copy(update=edit | rev)
        case "extend":
            more = {"expires_at": before.expires_at + timedelta(seconds=dice.randint(1, 9999))}
            return "request.extended", before.model_copy(update=more | rev)
        case "show":
            terms = terms.model_copy(update={"show": (*terms.show, dice.choice(PLACES))})
            return "request.escalated", before.model_copy(update={"terms": terms, **rev})
        case "unpile":
            return "request.undeliverable", before.model_copy(update={"piled": (), **rev})
        case end:
            ends: Any = end
            person = dice.choice(PEOPLE) if end in {"approve", "reject"} else None
            return "request.decided", settled(before, ends, person)


async def everything(store: Store, which: Filter) -> list[Request]:
    found, cursor = list[Request](), None
    while True:
        page = await store.page(which, cursor, 200)
        found += page.requests
        if (cursor := page.cursor) is None:
            return found


def urgency(one: Request) -> tuple[int, int, str]:
    return RISKS.index(one.terms.risk or one.risk), round(one.expires_at.timestamp() * 1000), one.id


async def check(store: Store) -> None:
    """What the indexes say is what the records say."""
    pending = [one for one in await everything(store, Filter()) if one.open]
    facets = await store.facets()
    kinds = Counter[Facet]()
    for one in pending:
        places = {*one.terms.show, *([one.channel] if one.channel else [])}
        approvers = tuple(sorted(set(one.terms.approvers)))
        kinds[Facet(approvers, tuple(sorted(places)), one.tool, one.agent, one.terms.risk or one.risk)] += 1
    assert {one._replace(size=0): one.size for one in facets} == kinds
    listed, cursor = list[Request](), None
    while True:
        page = await store.queue(facets, cursor, 37)
        listed += page.requests
        if (cursor := page.cursor) is None:
            break
    assert [one.id for one in listed] == [one.id for one in sorted(pending, key=urgency)]
    for place in PLACES:
        piled = [one.id for one in pending if place in one.piled]
        assert await store.count(Filter(status="pending", piled=place)) == len(piled)
        assert [one.id for one in await everything(store, Filter(piled=place))] == sorted(piled)
    for person in PEOPLE:
        spoke = [one.id for one in pending if any(person in {by.person, by.acting_for} for by in one.votes)]
        assert [one.id for one in await everything(store, Filter(voted=person))] == sorted(spoke)


async def test_counts_and_lists_are_exact_after_thousands_of_changes_by_two_replicas(another: OpenStore) -> None:
    """Opened, voted, edited, extended, escalated and ended at random, with races that one of two loses."""
    dice, stores = random.Random(4), [await another(), await another()]
    live: dict[str, Request] = {}

    async def step() -> None:
        store = dice.choice(stores)
        if len(live) < 60 or dice.random() < 0.25:
            made = asked(dice)
            got = await store.open(made, entry(id=made.id), None, CAPS)
            live.setdefault(got.request.id, got.request)
            return
        before = live[dice.choice(list(live))]
        (event, after), (other, instead) = changed(dice, before), changed(dice, before)
        rivals = [(store, event, after), (dice.choice(stores), other, instead)][: dice.choice([1, 1, 2])]
        won = await asyncio.gather(*(one.move(before, next_, named, entry()) for one, named, next_ in rivals))
        assert sum(won) <= 1
        for done, (_, _, next_) in zip(won, rivals, strict=True):
            if done:
                live[before.id] = next_
                if not next_.open:
                    del live[before.id]

    for _ in range(8):
        for _ in range(250):
            await step()
        await check(stores[0])
    for one in list(live.values()):
        assert await stores[0].move(one, settled(one), "request.decided", entry())
    await check(stores[1])
    assert await stores[1].facets() == []


async def test_what_moves_while_it_is_paged_through_is_shown_once_and_what_stays_is_not_missed(store: Store) -> None:
    """Half of the queue ends, moves back or comes anew between any two pages."""
    dice = random.Random(7)
    stay = [await opened(store, request(risk=dice.choice(RISKS), left=dice.randint(100, 5000))) for _ in range(60)]
    go = [await opened(store, request(risk=dice.choice(RISKS), left=dice.randint(100, 5000))) for _ in range(60)]
    seen, cursor = Counter[str](), None
    while True:
        page = await store.queue(await store.facets(), cursor, 10)
        seen.update(one.id for one in page.requests)
        for one in dice.sample(go, min(8, len(go))):
            go.remove(one)
            assert await store.move(one, settled(one), "request.decided", entry())
        await opened(store, request(risk=dice.choice(RISKS), left=dice.randint(100, 5000)))
        if (cursor := page.cursor) is None:
            break
    assert {seen[one.id] for one in stay} == {1}
    assert max(seen.values()) == 1
