"""Looking through the queue, screen by screen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from reviewkit import Looking, looker, office
from ruleskit import House

from signoff.cards import Listing, Move, Preflight, Results, Single, Working
from signoff.desk.review import reviews
from signoff.errors import Counted, Invalid, MovedOn, NotAllowed, NotAnApprover, NotFound, ReviewGone, StoreUnavailable
from signoff.model import Pin, Request, Sieve


async def refunds(house: House, count: int, **fields: Any) -> list[Request]:
    found: list[Request] = []
    for n in range(count):
        found.append(await house.ask(20 + n % 25, order=f"A-{n}", agent="support", **fields))
        house.forward(milliseconds=1)
    return found


async def open_now(house: House, *requests: Request) -> list[bool]:
    return [(await house.desk.get(one.id)).open for one in requests]


async def test_a_hundred_are_cleared_in_four_moves() -> None:
    """Open, select all, approve, confirm: what cannot go along with others is left out by name and stays open."""
    house = office()
    fit = await refunds(house, 95)
    high = await house.ask(tool="deploy")
    own = await house.ask(on_behalf_of="ada@example.com")
    odd = await house.ask(title="Refund\u200b me")
    late = await house.ask(order="late", expires_in=60)
    edited = await house.ask(tool="close_account")
    looking = Looking(house)
    await looking.open()
    assert looking.listing.heading == "100 requests wait for you"
    await looking.do("select", "all")
    house.forward(seconds=61)
    await house.edit(edited, "bob", 7)
    await looking.do("approve")
    said = [line.said for line in looking.preflight.excluded]
    assert sorted(said) == sorted(
        [
            "high risk: open it by itself",
            "your own",
            "contains invisible characters",
            "expired",
            "was edited since you saw it",
        ]
    )
    assert len(looking.preflight.lines) == 95
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "95 approved"
    assert await open_now(house, *fit) == [False] * 95
    assert await open_now(house, high, own, odd, edited) == [True] * 4
    assert (await house.desk.get(late.id)).status == "expired"


async def test_a_group_is_selected_with_one_tick_and_rejected_with_one_reason() -> None:
    """The tick of a group stands for all of its requests; others stay open."""
    house = office()
    fit = await refunds(house, 12)
    mail = await house.ask(tool="send_mail")
    looking = Looking(house)
    await looking.open()
    group = looking.group("refund")
    shown = frozenset(one.key for one in looking.listing.groups)
    await looking.do("reject", ticked=frozenset({group}), shown=shown)
    assert looking.preflight.reason
    assert looking.preflight.heading == "Reject 12 requests?"
    await looking.do("confirm", looking.preflight.key, values={"reason": "duplicate"})
    assert looking.results.heading == "12 rejected"
    found = [(await house.desk.get(one.id)).decision for one in fit]
    assert {one.message for one in found if one is not None} == {"duplicate"}
    assert await open_now(house, mail) == [True]


async def test_some_of_an_open_group_are_selected() -> None:
    """Entries are ticked one by one; the group's own tick does not undo it."""
    house = office()
    asked = await refunds(house, 5)
    looking = Looking(house)
    await looking.open()
    group = looking.group("refund")
    await looking.do("open", group)
    entries = looking.listing.groups[0].entries
    assert len(entries) == 5
    shown = frozenset({group, *(one.key for one in entries)})
    await looking.do("open", group, ticked=frozenset({entries[1].key, entries[3].key}), shown=shown)
    assert looking.listing.selected == 2
    assert looking.listing.groups[0].entries == ()
    await looking.do("approve", shown=frozenset({group}))
    await looking.do("confirm", looking.preflight.key)
    assert await open_now(house, *asked) == [True, False, True, False, True]


async def test_what_came_after_the_list_was_drawn_is_not_decided() -> None:
    """Everything is what was listed, not what waits by now."""
    house = office()
    await refunds(house, 3)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    late = await house.ask(30, order="new", agent="support")
    await looking.do("approve")
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "3 approved"
    assert await open_now(house, late) == [True]


async def test_i07_the_confirmation_pins_what_it_showed() -> None:
    """What is edited between the page and the confirmation is skipped and said so."""
    house = office()
    fit, edited = await house.ask(), await house.ask(tool="close_account")
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    assert len(looking.preflight.lines) == 2
    await house.edit(edited, "bob", 9)
    await looking.do("confirm", looking.preflight.key)
    assert [line.said for line in looking.results.lines] == ["was edited since you saw it", "approved"]
    assert await open_now(house, fit, edited) == [False, True]


async def test_a_confirmation_of_another_page_decides_nothing() -> None:
    """An old page, a made-up key, none at all: the newest page is shown again."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    old = looking.preflight.key
    await looking.do("list")
    await looking.do("confirm", old)
    assert isinstance(looking.screen, Listing)
    await looking.do("select", "all")
    await looking.do("approve")
    for key in (old, "", "review_0"):
        await looking.do("confirm", key)
        assert isinstance(looking.screen, Preflight)
    assert await open_now(house, *asked) == [True, True]


async def test_nothing_is_confirmed_before_every_page_was_seen() -> None:
    """Pages turn one after the other; the key alone is not enough."""
    house = office()
    for n in range(150):
        await house.ask(30, order=f"A-{n} " + "x" * 150, agent="support")
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    pages, key = looking.preflight.pages, looking.preflight.key
    assert pages > 2
    await looking.do("turn", str(pages - 1))
    assert looking.preflight.page == 1
    await looking.do("confirm", key)
    assert isinstance(looking.screen, Preflight)
    seen = 0
    for page in range(pages):
        await looking.do("turn", str(page))
        seen += len(looking.preflight.lines)
    assert seen == 150
    await looking.do("confirm", key)
    assert looking.results.heading == "150 approved"


async def test_confirming_twice_decides_once() -> None:
    """A doubled click is told the same results."""
    house = office()
    await refunds(house, 20)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    move = Move("confirm", looking.preflight.key)
    review = looking.preflight.review
    both = await asyncio.gather(*(house.desk.review.act(review, move, looking.actor) for _ in range(2)))
    again = await house.replica().review.act(review, move, looking.actor)
    for screen in (*both, again):
        assert isinstance(screen, Results)
        assert screen.heading == "20 approved"
    assert len(await house.lines("decided")) == 20


async def test_i14_a_review_is_its_owners_alone() -> None:
    """Another person, the same person in another chat, a made-up id: there is no such list."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    screen = await looking.open()
    for actor, review in (
        (looker("bob"), screen.review),
        (looker("ada", "teams"), screen.review),
        (looker("ada"), "made-up"),
        (looker("ada"), ""),
        (looker("ada"), "x" * 5000),
    ):
        with pytest.raises(ReviewGone):
            await house.desk.review.act(review, Move("select", "all"), actor)
    assert await open_now(house, *asked) == [True, True]


async def test_crafted_keys_select_and_decide_nothing() -> None:
    """Keys that the list did not show, of entries that cannot be ticked, or that are no keys."""
    house = office()
    high, fit = await house.ask(tool="deploy"), await house.ask()
    looking = Looking(house)
    await looking.open()
    keys = frozenset({"r0", "r99", "r-1", "g77", "g0", "", "all", high.id, fit.id, "r1e9", "r" + "9" * 50})
    for key in sorted(keys):
        await looking.do("select", key)
        await looking.do("open", key)
        await looking.do("select", "none")
    await looking.do("approve", ticked=keys, shown=keys)
    assert isinstance(looking.screen, Preflight)
    assert (looking.preflight.lines, [line.said for line in looking.preflight.excluded]) == (
        (),
        ["high risk: open it by itself"],
    )
    assert await open_now(house, high, fit) == [True, True]


async def test_i19_somebody_removed_after_the_list_cannot_confirm() -> None:
    """They are told so, and everything stays open."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    house.gone("ada")
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "Nothing was approved"
    assert await open_now(house, *asked) == [True, True]


async def test_one_at_a_time_keeps_the_place() -> None:
    """Approve, reject with a reason, edit and skip, each landing on the next one."""
    house = office()
    asked = await refunds(house, 5)
    looking = Looking(house)
    await looking.open()
    await looking.do("open", looking.group("refund"))
    await looking.do("walk", looking.listing.groups[0].entries[1].key)
    assert looking.single.place == "2 of 5"
    assert '"A-1"' in looking.single.details.json
    await looking.do("decide", "approve")
    assert looking.single.notice == "Approved: refund"
    assert '"A-2"' in looking.single.details.json
    await looking.fill("reject", message="no")
    assert looking.single.notice == "Rejected: refund"
    assert '"A-3"' in looking.single.details.json
    await looking.fill("edit", __amount="21")
    assert looking.single.notice == "Approved with changes: refund"
    assert '"A-4"' in looking.single.details.json
    await looking.do("back")
    assert '"A-0"' in looking.single.details.json  # those between are decided
    await looking.do("skip")
    await looking.do("skip")
    assert isinstance(looking.screen, Listing)
    assert looking.listing.heading == "2 requests wait for you"
    assert "through all of them" in (looking.listing.notice or "")
    assert await open_now(house, *asked) == [True, False, False, False, True]


async def test_a_fault_in_a_form_loses_nothing() -> None:
    """Invalid reaches the field; the request is still shown and can be decided."""
    house = office()
    await refunds(house, 1)
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    review = looking.single.review
    with pytest.raises(Invalid):
        await looking.fill("edit", __amount="much")
    assert isinstance(await house.desk.review.screen(review, looking.actor), Single)
    await looking.fill("edit", __amount="22")
    assert looking.listing.notice == "Approved with changes: refund You have been through all of them."


async def test_i07_a_single_one_is_decided_as_it_was_shown() -> None:
    """An edit by somebody else in between is refused, and what stands now is shown."""
    house = office()
    asked = await house.ask(tool="close_account")
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    await house.edit(asked, "bob", 9)
    await looking.do("decide", "approve")
    assert "changed since you saw them" in (looking.single.notice or "")
    assert "9" in looking.single.details.json
    await looking.do("decide", "approve")
    assert (await house.desk.get(asked.id)).status == "approved"


async def test_a_high_risk_one_is_decided_by_itself() -> None:
    """Opened from the list in full, it can be approved there."""
    house = office()
    asked = await house.ask(tool="deploy", order="x" * 5000)
    looking = Looking(house)
    await looking.open(one=asked.id)
    assert "x" * 5000 in looking.single.details.json
    await looking.do("decide", "approve")
    assert await open_now(house, asked) == [False]


async def test_one_that_concerns_others_cannot_be_opened() -> None:
    """By its id, from a crafted button: there is no such request."""
    house = office()
    asked = await house.ask(tool="hire")
    for request_id in (asked.id, "req_none"):
        with pytest.raises(NotFound):
            await Looking(house).open(one=request_id)


async def test_ones_own_can_be_looked_at_and_not_approved() -> None:
    """It says why there is no button."""
    house = office()
    asked = await house.ask(on_behalf_of="ada@example.com")
    looking = Looking(house)
    await looking.open(one=asked.id)
    assert not {"decide", "form"} & {one.move for one in looking.single.buttons}
    await looking.do("decide", "approve")
    assert "so somebody else must decide it" in (looking.single.notice or "")
    assert await open_now(house, asked) == [True]


async def test_windows_go_on_and_keep_what_was_selected() -> None:
    """Three hundred are listed two hundred at a time; at most two hundred are decided at once."""
    house = office()
    for n in range(300):
        await house.ask(tool="send_mail" if n < 150 else "refund", order=f"{n}")
    looking = Looking(house)
    await looking.open()
    await looking.do("select", looking.group("send_mail"))
    assert looking.listing.selected == 150
    assert looking.listing.pages.endswith("of 300")
    await looking.do("page", "next")
    assert looking.listing.selected == 150
    await looking.do("select", "all")
    assert looking.listing.selected == 200
    assert "At most 200" in (looking.listing.notice or "")
    await looking.do("approve")
    await looking.do("turn", "1")
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "200 approved"
    await looking.do("list")
    assert looking.listing.heading == "100 requests wait for you"


async def test_filters_narrow_the_list() -> None:
    """What is chosen and what is typed; "" lets everything through again."""
    house = office()
    await refunds(house, 3)
    await house.ask(tool="send_mail", agent="mailer")
    looking = Looking(house)
    await looking.open("medium")
    assert [one.title for one in looking.listing.groups] == ["1 × send_mail"]
    await looking.do("narrow", values={"risk": "", "tool": "refund"})
    assert looking.listing.heading.startswith("3 requests")
    await looking.do("narrow", values={"tool": "", "text": "a-2"})
    assert len(looking.listing.groups) == 1
    assert looking.listing.heading.startswith("1 request ")
    await looking.do("narrow", values={"text": "", "risk": "nonsense", "shell": "x"})
    assert looking.listing.heading == "4 requests wait for you"


async def test_long_work_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment the person sees that it goes on; a look shows the results when they are there."""
    house = office()
    await refunds(house, 3)
    monkeypatch.setattr(reviews, "PATIENCE", 0.01)
    gate = asyncio.Event()
    move = house.store.move

    async def slow(*args: Any, **named: Any) -> bool:
        await gate.wait()
        return await move(*args, **named)

    monkeypatch.setattr(house.store, "move", slow)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    await looking.do("confirm", looking.preflight.key)
    assert isinstance(looking.screen, Working)
    assert looking.screen.heading == "Approving: 0 of 3"
    gate.set()
    await house.desk.review.close()
    await looking.do("look")
    assert looking.results.heading == "3 approved"


async def test_i21_a_batch_whose_process_died_is_taken_up_by_whoever_looks() -> None:
    """Confirmed, and then nothing: another replica decides what is left, once each."""
    house = office()
    asked = await refunds(house, 4)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    review, key = looking.preflight.review, looking.preflight.key
    dead = house.replica()

    async def dies(*args: Any, **named: Any) -> Any:
        pins: list[Pin] = args[0]
        await house.desk.bulk.decide(pins[:2], *args[1:5])
        raise SystemError  # the process is gone after two of four

    dead.bulk.decide = dies  # type: ignore[method-assign]
    with pytest.raises(SystemError):
        await dead.review.act(review, Move("confirm", key), looking.actor)
    await looking.do("look")
    assert isinstance(looking.screen, Working)
    house.forward(seconds=11)
    await looking.do("look")
    assert looking.results.heading == "4 approved"
    assert await open_now(house, *asked) == [False] * 4
    assert len(await house.lines("decided")) == 4


async def test_i02_with_the_store_away_the_page_stays_and_can_be_confirmed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The refusal is said, nothing is acknowledged, and the second try counts."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    key = looking.preflight.key
    with monkeypatch.context() as patched:

        async def away(*args: Any, **named: Any) -> bool:
            raise StoreUnavailable

        patched.setattr(house.store, "move", away)
        with pytest.raises(StoreUnavailable):
            await looking.do("confirm", key)
    assert await open_now(house, *asked) == [True, True]
    await looking.do("confirm", key)
    assert looking.results.heading == "2 approved"


async def test_a_reason_that_is_too_long_stays_at_its_field() -> None:
    """Nothing is rejected until it is shorter."""
    house = office()
    asked = await refunds(house, 1)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("reject")
    await looking.do("confirm", looking.preflight.key, values={"reason": "x" * 3001})
    assert "3000" in looking.preflight.fault
    assert await open_now(house, *asked) == [True]


async def test_nothing_selected_is_said() -> None:
    """And nothing else happens."""
    house = office()
    await refunds(house, 1)
    looking = Looking(house)
    await looking.open()
    await looking.do("approve")
    assert looking.listing.notice == "Nothing is selected yet."


async def test_an_empty_queue_is_a_screen_too() -> None:
    """Every move on it leads somewhere."""
    looking = Looking(office())
    await looking.open()
    for name in ("select", "page", "open", "walk", "approve", "narrow", "look", "turn", "confirm", "list", "decide"):
        await looking.do(name, "all")
        assert isinstance(looking.screen, Listing)


async def test_everything_of_a_card_goes_straight_to_the_page_before_deciding() -> None:
    """What cannot go along with others is left out there by name."""
    house = office()
    await refunds(house, 3)
    high = await house.ask(tool="deploy")
    looking = Looking(house)
    await looking.open(sieve=Sieve(channel="slack:#approvals"), every=True, kind="reject")
    assert looking.preflight.heading == "Reject 3 requests?"
    assert len(looking.preflight.excluded) == 1
    await looking.do("confirm", looking.preflight.key)
    assert await open_now(house, high) == [True]


async def test_strangers_are_told_that_they_are() -> None:
    """No list, no page of their own."""
    house = office()
    with pytest.raises(NotAllowed):
        await house.desk.review.open(looker("nobody"))
    with pytest.raises(NotAllowed):
        await house.desk.review.home(looker("nobody"))


async def test_ones_own_page_shows_queue_decisions_grants_and_delegations() -> None:
    """What waits, what was decided within a day, what stands."""
    house = office()
    first, second = await refunds(house, 2)
    await house.say(first, "ada")
    await house.say(second, "bob")
    await house.ask(tool="deploy", title="Deploy api")
    await house.desk.orders.delegate("ada", "mia", house.now.replace(hour=20), None, via="slack")
    home = await house.desk.review.home(looker())
    assert home.waiting == 1
    said = {section.title: section.lines for section in home.sections}
    assert "Deploy api" in said["Waiting for you"][0]
    assert len(said["Decided today"]) == 1
    assert "Mia" in said["Delegations"][0]
    house.forward(hours=25)
    assert "Decided today" not in {one.title for one in (await house.desk.review.home(looker())).sections}


async def test_what_changes_after_it_was_selected_is_shown_anew_and_no_longer_selected() -> None:
    """The list says so; it can be selected again as it is now."""
    house = office()
    await refunds(house, 2)
    edited = await house.ask(tool="close_account")
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    assert looking.listing.selected == 3
    await house.edit(edited, "bob", 9)
    await looking.do("open", looking.group("refund"), shown=frozenset())
    assert looking.listing.selected == 2
    assert looking.listing.notice == "1 of what was selected has changed or gone."
    await looking.do("select", looking.group("close_account"))
    await looking.do("approve")
    assert len(looking.preflight.lines) == 3


async def test_what_has_to_be_decided_by_itself_cannot_be_ticked() -> None:
    """Neither by its box nor by a made-up submission."""
    house = office()
    await house.ask(tool="deploy")
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "r0")
    assert looking.listing.selected == 0
    await looking.do("approve", ticked=frozenset({"r0"}), shown=frozenset({"r0"}))
    assert looking.listing.notice == "Nothing is selected yet."


async def test_a_second_tap_does_not_decide_the_next_one() -> None:
    """Each drawing of a single request is pressed once: the second press is told where the review stands."""
    house = office()
    asked = await refunds(house, 4)
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    first = looking.single
    for name, key in (("decide", "approve"), ("decide", "approve"), ("skip", ""), ("back", "")):
        await looking.do(name, key, mark=first.mark)
    assert "did not count" in (looking.single.notice or "")
    assert '"A-1"' in looking.single.details.json
    assert await open_now(house, *asked) == [False, True, True, True]
    for mark in ("", "made-up"):
        await looking.do("decide", "approve", mark=mark)
    await looking.do("decide", "approve")
    assert await open_now(house, *asked) == [False, False, True, True]


async def test_a_form_that_is_sent_twice_decides_once() -> None:
    """The second one, and one opened on a request that was left, count for nothing."""
    house = office()
    asked = await refunds(house, 3)
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    shown, review = looking.single, house.desk.review
    for _ in range(2):
        await review.submit(shown.review, "reject", 1, {"message": "no"}, looking.actor, shown.mark)
    with pytest.raises(MovedOn):
        await review.form(shown.review, "reject", looking.actor, shown.mark)
    assert await open_now(house, *asked) == [False, True, True]


async def test_two_taps_at_once_decide_one_request() -> None:
    """Whichever replica takes them."""
    house = office()
    asked = await refunds(house, 3)
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    shown, other = looking.single, house.replica()
    move = Move("decide", "approve", mark=shown.mark)
    await asyncio.gather(*(desk.review.act(shown.review, move, looking.actor) for desk in (house.desk, other) * 3))
    assert sum(await open_now(house, *asked)) == 2
    looking.screen = await house.desk.review.screen(shown.review, looking.actor)
    await looking.do("skip")  # nobody is stuck
    await looking.do("decide", "approve")
    assert sum(await open_now(house, *asked)) == 1


async def test_another_page_of_the_same_request_is_the_same_drawing() -> None:
    """Until it is edited: then it is a new one, and what was seen before does not decide it."""
    house = office()
    asked = await house.ask(tool="close_account")
    looking = Looking(house)
    await looking.open(one=asked.id)
    shown = looking.single
    again = await house.desk.review.screen(shown.review, looking.actor)
    assert isinstance(again, Single)
    assert again.mark == shown.mark
    await house.edit(asked, "bob", 9)
    edited = await house.desk.review.screen(shown.review, looking.actor)
    assert isinstance(edited, Single)
    assert edited.mark != shown.mark
    await looking.do("decide", "approve", mark=shown.mark)
    assert await open_now(house, asked) == [True]


async def test_results_do_not_call_back_who_went_on_to_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever leaves the waiting page for the list stays there; the decisions are written all the same."""
    house = office()
    asked = await refunds(house, 2)
    monkeypatch.setattr(reviews, "PATIENCE", 0.01)
    gate = asyncio.Event()
    move = house.store.move

    async def slow(*args: Any, **named: Any) -> bool:
        await gate.wait()
        return await move(*args, **named)

    monkeypatch.setattr(house.store, "move", slow)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    await looking.do("confirm", looking.preflight.key)
    await looking.do("list")
    gate.set()
    await house.desk.review.close()
    assert await open_now(house, *asked) == [False, False]
    looking.screen = await house.desk.review.screen(looking.listing.review, looking.actor)
    assert isinstance(looking.screen, Listing)


async def test_a_floods_card_leads_to_what_is_counted_on_it() -> None:
    """Not to what has cards of its own beside it; whoever may decide nothing of it is told who can."""
    house = office()
    asked = await refunds(house, 9)
    piled = [one for one in asked if one.piled]
    assert len(piled) == 4
    sieve = house.desk.review.sieve_of("pile:slack:#approvals")
    looking = Looking(house)
    await looking.open(sieve=sieve, every=True, kind="approve")
    assert looking.preflight.heading == "Approve 4 requests?"
    await looking.do("list")
    assert looking.listing.heading == "4 requests wait for you"
    for how in ({}, {"every": True}, {"one": piled[0].id}):
        with pytest.raises(NotAnApprover, match="Ada or Bob"):
            await Looking(house, "cleo").open(sieve=sieve, **how)
    with pytest.raises(NotFound):
        await Looking(house, "cleo").open(sieve=sieve, one=asked[0].id)


async def test_a_list_that_is_narrowed_to_nothing_says_how_much_there_is_and_shows_it() -> None:
    """A mistyped word is no dead end."""
    house = office()
    await refunds(house, 3)
    looking = Looking(house)
    await looking.open("hgih")
    assert (looking.listing.groups, "3 in all" in looking.listing.counts) == ((), True)
    await looking.do("narrow", "all")
    assert looking.listing.heading == "3 requests wait for you"


@pytest.mark.parametrize("lost", ["remember", "recall"])
async def test_i02_results_are_told_also_when_they_cannot_be_kept(monkeypatch: pytest.MonkeyPatch, lost: str) -> None:
    """Redis goes right after the last decision: nobody is told that nothing was recorded."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    await looking.open()
    await looking.do("select", "all")
    await looking.do("approve")
    decide = house.desk.bulk.decide

    async def gone(*args: Any, **named: Any) -> None:
        raise StoreUnavailable

    async def decides(*args: Any) -> Any:
        done = await decide(*args)
        monkeypatch.setattr(house.store, lost, gone)
        return done

    monkeypatch.setattr(house.desk.bulk, "decide", decides)
    await looking.do("confirm", looking.preflight.key)
    assert looking.results.heading == "2 approved"
    assert await open_now(house, *asked) == [False, False]


async def test_i02_a_decision_that_counts_is_never_called_unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis goes between the decision and the next request: the person is told that it counts."""
    house = office()
    asked = await refunds(house, 2)
    looking = Looking(house)
    await looking.open()
    await looking.do("walk")
    answer = house.desk.answer

    async def gone(*args: Any, **named: Any) -> None:
        raise StoreUnavailable

    async def answers(*args: Any) -> Any:
        done = await answer(*args)
        monkeypatch.setattr(house.store, "several", gone)
        return done

    monkeypatch.setattr(house.desk, "answer", answers)
    with pytest.raises(Counted):
        await looking.do("decide", "approve")
    assert await open_now(house, *asked) == [False, True]
