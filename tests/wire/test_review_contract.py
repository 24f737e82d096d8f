"""Looking through what waits, tried on each chat: the same house behind both, the same verbs, the same facts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import harness_slack
import pytest
from harness_review import RULES, ask, batch, edited, hears, members, pile_card, repainted, sees, shows, status, turns

from signoff import forms
from signoff.desk.review import reviews
from signoff.errors import StoreUnavailable
from signoff.model import Actor, Answer, Ask, Request
from signoff_slack import review as slack_review

HOSTILE = (
    "<!channel> <@U0ADA> *b* [x](https://evil.example) <at>Ada</at> {{DATE(2026-01-01T00:00:00Z)}} & </b> "
    "\u202efdp\u200b"
)
Policed = Callable[[str, str, timedelta], AbstractAsyncContextManager[Any]]


@pytest.fixture
async def house(policed: Policed, chat: str) -> AsyncIterator[Any]:
    async with policed(chat, RULES, timedelta()) as made:
        yield made


async def open_single(house: Any, request: Request) -> Any:
    """Ada in front of that one, which is the only one that waits."""
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("One at a time")
    await sees(ada, request.title or request.tool)
    return ada


# ── the list ─────────────────────────────────────────────────────────────────────────────────────


async def test_the_list_counts_by_risk_and_puts_the_most_urgent_first(house: Any) -> None:
    """The heading counts all, the line below by risk, and what is riskier stands higher."""
    await ask(house, 20)
    await ask(house, 30)
    await ask(house, 900, tool="wire_money", title="Wire 900", risk="critical")
    await ask(house, 40, tool="send_mail", title="Mail 40", risk="medium")
    ada = house.side.hands("ada")
    await ada.ask()
    await sees(ada, "4 requests wait for you", "1 critical · 1 medium · 2 low")
    text = ada.text
    places = [text.index(word) for word in ("1 × wire_money", "1 × send_mail", "2 × issue_refund")]
    assert places == sorted(places)


async def test_words_behind_the_command_narrow_the_list(house: Any) -> None:
    """A risk, a tool in the plural, an agent; what cannot be read is said to whoever asked."""
    await ask(house, 20)
    await ask(house, 40, tool="send_mail", title="Mail", risk="medium", agent="postman")
    ada = house.side.hands("ada")
    for words, there, not_there in (
        ("medium", "1 × send_mail", "1 × issue_refund"),
        ("mails", "1 × send_mail", "1 × issue_refund"),
        ("@postman", "1 × send_mail", "1 × issue_refund"),
    ):
        await ada.ask(words)
        await sees(ada, there)
        assert not_there not in ada.text
        await ada.close()
    await ada.ask("high low")
    await hears(ada, "One risk at a time")


async def test_filters_and_words_narrow_the_list(house: Any) -> None:
    """A risk that is chosen, and a word that is looked for, leave what fits."""
    await ask(house, 20)
    await ask(house, 40, tool="send_mail", title="Mail", risk="medium")
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.sift("risk", "medium")
    await sees(ada, "1 request waits for you", "1 × send_mail")
    assert "1 × issue_refund" not in ada.text
    await ada.sift("risk", "Any")
    await sees(ada, "2 requests wait for you")
    await ada.find("A-20")
    await harness_slack.eventually(lambda: "1 × send_mail" not in ada.text)
    await sees(ada, "1 × issue_refund")


async def test_a_group_is_decided_and_the_rest_waits(house: Any) -> None:
    """A tick on a group, the page that lists each with its digest, confirm: each approved, with the batch in its
    audit line.
    """
    low = [await ask(house, amount) for amount in (20, 30, 45)]
    mail = await ask(house, 1, tool="send_mail", title="Mail")
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.tick("3 × issue_refund")
    await ada.press("Approve selected…")
    digests = [one.digest.removeprefix("sha256:")[:8] for one in low]
    await sees(ada, "Approve 3 requests?", "Refund 20", "Refund 30", "Refund 45", *digests)
    assert "Mail" not in ada.text
    await ada.confirm("Approve 3")
    await sees(ada, "3 approved")
    assert await status(house, *low, mail) == ["approved"] * 3 + ["pending"]
    named = re.search(r"review_[0-9a-f]{24}", ada.text)
    assert named is not None
    told = [line.body for line in await house.desk.audit(0, 100)]
    assert sum(named.group() in one for one in told) == 3
    decided = [(await house.desk.get(one.id)).decision.decided_by[0] for one in low]
    assert {(one.person, one.via, one.batch) for one in decided} == {("ada", house.side.name, named.group())}


async def test_some_of_a_group_are_rejected_with_one_reason(house: Any) -> None:
    """An open group, one of it not ticked: the rest is rejected, and each agent reads the same reason."""
    requests = [await ask(house, amount) for amount in (20, 30, 45)]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.tick("3 × issue_refund")
    await ada.open("3 × issue_refund")
    await sees(ada, "Refund 20", "Refund 45")
    assert all(on for label, on in ada.ticks().items() if "Refund" in label)
    await ada.tick("Refund 30", on=False)
    await ada.press("Reject selected…")
    await sees(ada, "Reject 2 requests?")
    await ada.confirm("Reject 2", "Not this <week> & *never*")
    await sees(ada, "2 rejected")
    assert await status(house, *requests) == ["rejected", "pending", "rejected"]
    for one in (requests[0], requests[2]):
        assert (await house.desk.get(one.id)).decision.message == "Not this <week> & *never*"


async def test_select_all_takes_what_can_go_together(house: Any) -> None:
    """High risk, typed confirmations, one's own, questions and hidden text are not selected by Select all."""
    fit = [await ask(house, amount) for amount in (20, 30)]
    high = await ask(house, 900, risk="high", title="Large refund")
    typed = await ask(house, 1, tool="deploy", arguments={"service": "api"}, schema=None, title="Deploy api")
    own = await ask(house, 31, title="For Ada", on_behalf_of="ada@example.com")
    hidden = await ask(house, 32, title="Odd one", arguments={"order": "A\u200b-32", "amount": 32})
    question = await ask(
        house, 33, title="How many", allowed_decisions=["respond"], response_schema={"type": "string"}, schema=None
    )
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 2 requests?")
    await ada.confirm("Approve 2")
    await sees(ada, "2 approved")
    assert await status(house, *fit) == ["approved"] * 2
    assert await status(house, high, typed, own, hidden, question) == ["pending"] * 5


async def test_a_page_of_everything_names_what_it_leaves_out(house: Any) -> None:
    """Straight from an agent's card: whatever does not go along stands on the page by name, with the reason."""
    row = {"tool": "issue_refund", "risk": "low"}
    traps: list[dict[str, Any]] = [
        {**row, "title": "Large", "risk": "high", "arguments": {"order": "H"}},
        {"tool": "deploy", "title": "Deploy api", "arguments": {"service": "api"}},
        {**row, "title": "For Ada", "on_behalf_of": "ada@example.com", "arguments": {"order": "O"}},
        {**row, "title": "Odd one", "arguments": {"order": "A\u200b"}},
        {**row, "title": "Long one", "arguments": {"order": "x" * 10_000}},
        {**row, "title": "Question", "allowed_decisions": ["respond"], "response_schema": {"type": "string"}},
    ]
    card, requests = await batch(house, [*members(), *(Ask.model_validate({"arguments": {}, **one}) for one in traps)])
    ada = house.side.hands("ada")
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve 3 requests?", *(one["title"] for one in traps))
    whys = ("high risk", "confirmed by typing", "your own", "invisible characters", "too long", "needs an answer")
    await sees(ada, *whys)
    await ada.confirm("Approve 3")
    await sees(ada, "3 approved")
    assert await status(house, *requests) == ["approved"] * 3 + ["pending"] * 6


# ── meanwhile ────────────────────────────────────────────────────────────────────────────────────


async def test_i07_what_changes_before_the_confirmation_is_left_alone(house: Any) -> None:
    """Edited, decided by somebody else, withdrawn: three of four are not decided, each says why."""
    fine, changed, taken, gone = [await ask(house, amount) for amount in (20, 30, 40, 45)]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 4 requests?")
    await edited(house, changed)
    answer = Answer(kind="reject", version=1, message="no", confirm=None)
    await house.desk.answer(taken.id, answer, Actor(via="api", person="bob"))
    await house.desk.withdraw(gone.id, house.key)
    await ada.confirm("Approve 4")
    await sees(
        ada, "1 approved, 3 not", "was edited since you saw it", "already rejected by Bob Lindqvist", "withdrawn"
    )
    assert await status(house, fine, changed, taken, gone) == ["approved", "pending", "rejected", "cancelled"]


async def test_i06_what_expires_before_the_confirmation_is_not_decided(house: Any) -> None:
    """One whose time passes between the page and the press is told as expired; nobody's no is made up."""
    short = await ask(house, 20, expires_in=60)
    longer = await ask(house, 30)
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 2 requests?")
    house.clock.ahead += timedelta(seconds=61)
    await ada.confirm("Approve 2")
    await sees(ada, "1 approved, 1 not", "expired")
    assert (await house.desk.get(longer.id)).status == "approved"
    assert (await house.desk.get(short.id)).status in ("pending", "expired")


async def test_i19_somebody_who_left_the_list_of_people_decides_nothing(house: Any) -> None:
    """A guest by the time of the confirmation: nothing is decided, and the list is no longer theirs."""
    request = await ask(house, 20)
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 1 request?")
    await house.becomes("ada", "guest")
    await ada.confirm("Approve 1")
    assert await status(house, request) == ["pending"]
    assert "1 approved" not in ada.text


@pytest.mark.parametrize("kind", ["guest", "deactivated"])
async def test_i18_a_guest_has_no_list(house: Any, kind: str) -> None:
    """Somebody who cannot decide gets neither list nor page, and nothing of what waits."""
    await ask(house, 20)
    await house.becomes("ada", kind)
    ada = house.side.hands("ada")
    await ada.ask()
    await harness_slack.eventually(lambda: bool(ada.told or ada.text))
    assert "Refund" not in ada.text + ada.told
    assert "Refund 20" not in await ada.home()


async def test_i15_a_stranger_reads_that_they_are_nobody(house: Any) -> None:
    """Mia decides nothing: her list is empty, and nothing on it is somebody else's."""
    await ask(house, 20)
    mia = house.side.hands("mia")
    await mia.ask()
    await sees(mia, "Nothing waits for you")
    assert "Refund" not in mia.text


@pytest.mark.parametrize("broken", ["recall", "remember", "several", "move"])
async def test_i02_without_the_store_a_confirmation_does_not_count(house: Any, broken: str) -> None:
    """Said to whoever pressed, nothing decided; as soon as the store is back, the same press works."""
    requests = [await ask(house, amount) for amount in (20, 30)]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 2 requests?")
    page = ada.hold()

    async def away(*args: object, **kwargs: object) -> Any:
        raise StoreUnavailable

    setattr(house.store, broken, away)
    await ada.confirm("Approve 2")
    await harness_slack.eventually(lambda: "cannot be reached" in ada.text + ada.told)
    delattr(house.store, broken)
    assert await status(house, *requests) == ["pending"] * 2
    ada.put(page)
    await ada.confirm("Approve 2")
    await sees(ada, "2 approved")
    assert await status(house, *requests) == ["approved"] * 2


# ── one at a time ────────────────────────────────────────────────────────────────────────────────


async def test_one_after_the_other(house: Any) -> None:
    """Approve, skip, back, reject by its form: each lands on the next, and says what came of the one before."""
    first, second, third = [await ask(house, amount, expires_in=3600 + amount) for amount in (20, 30, 45)]
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("One at a time")
    await sees(ada, "Refund 20", "1 of 3")
    await ada.press("Approve")
    await sees(ada, "Approved: Refund 20", "Refund 30")
    await ada.press("Skip")
    await sees(ada, "Refund 45")
    await ada.press("Previous")
    await sees(ada, "Refund 30")
    await ada.press("Reject…")
    await ada.send("Reject", forms.reject_form(second), {"message": "not ours"})
    await sees(ada, "Rejected: Refund 30", "Refund 45")
    await ada.press("Skip")
    await sees(ada, "You have been through all of them")
    assert await status(house, first, second, third) == ["approved", "rejected", "pending"]
    assert (await house.desk.get(second.id)).decision.message == "not ours"


async def test_i09_an_edit_with_a_fault_keeps_what_was_typed(house: Any) -> None:
    """The fault stands at its field with the value as typed; mended, it approves what was typed."""
    request = await ask(house, 20)
    ada = await open_single(house, request)
    await ada.press("Edit…")
    form = forms.edit_form(request)
    await sees(ada, "A-20")
    await ada.send("Submit", form, {"/amount": "4000", "/order": "A-99"})
    await sees(ada, "1000", "4000", "A-99")
    assert await status(house, request) == ["pending"]
    await ada.send("Submit", form, {"/amount": "400"})
    await sees(ada, "Approved with changes: Refund 20")
    assert (await house.desk.get(request.id)).decision.arguments == {"order": "A-99", "amount": 400}


async def test_leaving_a_form_decides_nothing(house: Any) -> None:
    """Back from a form to the request, which can be approved then."""
    request = await ask(house, 20)
    ada = await open_single(house, request)
    await ada.press("Reject…")
    await ada.leave_form()
    await sees(ada, "Refund 20")
    assert await status(house, request) == ["pending"]
    await ada.press("Approve")
    await sees(ada, "Approved: Refund 20")


async def test_a_high_risk_is_approved_by_itself(house: Any) -> None:
    """It cannot be ticked, is shown whole, and is approved from there."""
    request = await ask(house, 900, risk="high")
    ada = house.side.hands("ada")
    await ada.ask()
    await sees(ada, "1 request waits")
    assert not ada.ticks()
    await ada.press("One at a time")
    await sees(ada, "A-900")
    await ada.press("Approve")
    await sees(ada, "Approved: Refund 900")
    assert await status(house, request) == ["approved"]


async def test_a_question_is_answered_in_the_review(house: Any) -> None:
    """Its form stands in the request's place, and the answer leads on."""
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}}
    request = await ask(house, 20, allowed_decisions=["respond"], response_schema=schema, schema=None)
    ada = await open_single(house, request)
    await ada.press("Answer…")
    await ada.send("Answer", forms.response_form(request), {"/days": "30"})
    await sees(ada, "Answered: Refund 20")
    assert (await house.desk.get(request.id)).decision.response == {"days": 30}


async def test_a_typed_confirmation_has_to_fit(house: Any) -> None:
    """The wrong word is answered at its field; the right one approves."""
    request = await ask(house, 1, tool="deploy", arguments={"service": "api"}, schema=None, title="Deploy api")
    ada = await open_single(house, request)
    await ada.press("Approve…")
    form = forms.confirm_form(await house.desk.get(request.id))
    [field] = [one for one in form.fields if one.key == "confirm"]
    await ada.send("Approve", form, {field.key: "apj"})
    await sees(ada, "apj")
    assert await status(house, request) == ["pending"]
    await ada.send("Approve", form, {field.key: "api"})
    await sees(ada, "Approved: Deploy api")
    assert await status(house, request) == ["approved"]


async def test_i07_a_drawing_that_was_used_decides_nothing_more(house: Any) -> None:
    """Approve pressed again in a drawing that came before: said, and the next one waits."""
    first, second = [await ask(house, amount, expires_in=3600 + amount) for amount in (20, 30)]
    ada = await open_single(house, first)
    held = ada.hold()
    await ada.press("Approve")
    await sees(ada, "Refund 30")
    ada.put(held)
    await ada.press("Approve")
    await sees(ada, "Refund 30", "did not count")
    assert await status(house, first, second) == ["approved", "pending"]


async def test_i17_ones_own_is_shown_without_a_decision(house: Any) -> None:
    """Whom the agent acts for sees the request, and why there is no Approve."""
    own = await ask(house, 20, on_behalf_of="ada@example.com")
    ada = await open_single(house, own)
    assert "Approve" not in ada.buttons()
    await sees(ada, "cannot decide")


async def test_i01_one_that_was_decided_meanwhile_says_so(house: Any) -> None:
    """Bob was faster: the press decides nothing and says who it was."""
    request = await ask(house, 20)
    ada = await open_single(house, request)
    answer = Answer(kind="approve", version=1, message=None, confirm=None)
    await house.desk.answer(request.id, answer, Actor(via="api", person="bob"))
    await ada.press("Approve")
    await sees(ada, "Bob Lindqvist")
    assert [one.person for one in (await house.desk.get(request.id)).decision.decided_by] == ["bob"]


# ── many ─────────────────────────────────────────────────────────────────────────────────────────


async def test_two_hundred_at_once_and_the_wait_for_them(house: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is on a page before it is decided; while they are written that is said; then the results are there."""
    requests = [await ask(house, n, title=f"№{n}·") for n in range(200)]
    ada = house.side.hands("ada")
    await ada.ask()
    await sees(ada, "200 requests wait for you")
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 200 requests?")
    held = asyncio.Event()
    move = house.store.move

    async def slow(*args: Any) -> bool:
        await held.wait()
        return bool(await move(*args))

    house.store.move = slow
    monkeypatch.setattr(reviews, "PATIENCE", 0.05)
    monkeypatch.setattr(slack_review, "LOOKS", (0.1,) * 30)
    drawn = await ada.confirm("Approve 200")
    assert all(f"№{n}·" in drawn for n in range(200))
    await sees(ada, "Approving: 0 of 200")
    held.set()

    async def done() -> None:
        while "200 approved" not in ada.text:
            if house.side.name == "teams":
                await ada.press("Look again")
            await asyncio.sleep(0.05)

    await asyncio.wait_for(done(), 10)
    assert set(await status(house, *requests)) == {"approved"}


# ── cards of several ─────────────────────────────────────────────────────────────────────────────


async def test_an_agents_batch_is_decided_each_and_all(house: Any) -> None:
    """One card in each chat: one of its rows by itself, then the rest together; both cards say so in the end."""
    card, requests = await batch(house, members())
    assert requests[0].batch is not None
    other = await pile_card(house, requests[0].batch.id, house.other)
    assert "Monday's refunds" in house.side.seen("bob", card)
    ada = house.side.hands("ada")
    await ada.pile(card, "one")
    await sees(ada, "Row 0")
    await ada.press("Approve")
    await sees(ada, "Approved: Row 0")
    await ada.close()
    await shows(house, card, "2 of 3 wait")
    await shows(house, other, "2 of 3 wait", house.other)
    bob = house.other.hands("bob")
    await bob.pile(other, "reject_all")
    await sees(bob, "Reject 2 requests?")
    await bob.confirm("Reject 2", "no")
    await sees(bob, "2 rejected")
    assert await status(house, *requests) == ["approved", "rejected", "rejected"]
    await shows(house, card, "1 approved · 2 rejected")
    await shows(house, other, "1 approved · 2 rejected", house.other)
    assert house.side.buttons("mia", card) == []


async def test_i30_a_flood_is_one_card_that_opens_the_review(house: Any) -> None:
    """Twelve calls at once: a few have cards of their own, one card has the rest, and leads to exactly these."""
    requests = [await ask(house, n) for n in range(12)]
    await repainted(house)
    piled = [one for one in requests if house.side.place in (await house.desk.get(one.id)).piled]
    assert 0 < len(piled) < 12
    card = await pile_card(house, f"pile:{house.side.place}")
    ada = house.side.hands("ada")
    await ada.pile(card, "approve_all")
    await sees(ada, f"Approve {len(piled)} requests?")
    await ada.confirm(f"Approve {len(piled)}")
    await sees(ada, f"{len(piled)} approved")
    await shows(house, card, "Nothing waits")


async def test_whoever_may_decide_nothing_of_a_batch_reads_so_alone(house: Any) -> None:
    """A colleague's press on it opens nothing of it, and changes nothing for others."""
    card, requests = await batch(house, members())
    before = house.side.seen("bob", card)
    mia = house.side.hands("mia")
    await mia.pile(card, "one")
    await harness_slack.eventually(lambda: bool(mia.told))
    assert house.side.seen("bob", card) == before
    assert await status(house, *requests) == ["pending"] * 3


# ── somebody's own page ──────────────────────────────────────────────────────────────────────────


async def test_home_shows_the_queue_decisions_grants_and_delegations(house: Any) -> None:
    """What waits, what was decided today, what is granted and handed over; Review leads to the list."""
    await ask(house, 20)
    done = await ask(house, 30, title="Done before")
    answer = Answer(kind="approve", version=1, message=None, confirm=None)
    await house.desk.answer(done.id, answer, Actor(via="api", person="ada"))
    restart = await ask(house, 1, tool="restart", arguments={"service": "web"}, schema=None, title="Restart web")
    form = await house.desk.form(restart.id, "more", Actor(via="api", person="ada"), 1)
    assert form.fields
    await house.desk.submit(
        restart.id, "more", 1, {"what": "grant", "time": "3600", "uses": "3"}, Actor(via="api", person="ada")
    )
    await house.side.say("ada", "delegate @bob until tomorrow")
    ada = house.side.hands("ada")
    text = await ada.home()
    for word in ("Waiting for you", "Refund 20", "Decided today", "Done before", "restart", "Bob Lindqvist"):
        assert word in text, f"{word} not in\n{text}"
    await ada.from_home()
    await sees(ada, "wait")


async def test_i01_what_is_decided_in_one_chat_leaves_the_others_list(house: Any) -> None:
    """The same person's list in the other chat has it no more, and a page made before decides nothing."""
    first, second = [await ask(house, amount, expires_in=3600 + amount) for amount in (20, 30)]
    here, there = house.side.hands("ada"), house.other.hands("ada")
    await here.ask()
    await there.ask()
    await there.press("Select all")
    await there.press("Approve selected…")
    await sees(there, "Approve 2 requests?")
    await here.press("One at a time")
    await here.press("Approve")
    await sees(here, "Approved: Refund 20")
    await there.confirm("Approve 2")
    await sees(there, "1 approved, 1 not", "already approved by Ada Okafor")
    assert await status(house, first, second) == ["approved"] * 2
    assert [len((await house.desk.get(one.id)).votes) for one in (first, second)] == [1, 1]
    await there.press("Back to the list")
    await sees(there, "Nothing waits for you")


# ── hostile text ─────────────────────────────────────────────────────────────────────────────────


async def test_i12_hostile_text_is_text_on_every_screen(house: Any) -> None:
    """In every field, on list, page, single, home and card: what is invisible is named, and all of it can be drawn."""
    fields = {"title": HOSTILE, "tool": "t " + HOSTILE, "agent": HOSTILE, "reason": HOSTILE, "schema": None}
    plain = HOSTILE.replace("\u202e", "").replace("\u200b", "")
    await ask(
        house,
        20,
        **{**fields, "title": plain, "reason": plain, "arguments": {"note": plain}, "agent": plain, "tool": plain},
    )
    await ask(house, 30, **{**fields, "arguments": {HOSTILE: HOSTILE, "b": 1}})
    ada = house.side.hands("ada")
    await ada.ask()
    await sees(ada, "2 requests wait for you")
    seen = [ada.text]
    await ada.press("Select all")
    await ada.press("Approve selected…")
    await sees(ada, "Approve 1 request?")
    seen.append(ada.text)
    await ada.press("Back to the list")
    await ada.press("One at a time")
    await sees(ada, "1 of 2")
    seen.append(ada.text)
    await ada.press("Skip")
    await sees(ada, "2 of 2")
    seen.append(ada.text)
    await ada.close()
    seen.append(await ada.home())
    card, _ = await batch(house, [one.model_copy(update={"title": HOSTILE}) for one in members()], HOSTILE)
    seen.append(house.side.seen("bob", card))
    for text in seen:
        assert "\u202e" not in text
        assert "\u200b" not in text
    assert any("‹U+202E›" in text for text in seen)


async def test_i13_secrets_are_on_no_screen(house: Any) -> None:
    """A password in the arguments, and quoted in title and reason: on no screen, found by no search."""
    schema = {
        "type": "object",
        "properties": {"password": {"type": "string", "writeOnly": True}, "amount": {"type": "number"}},
    }
    secret = "hunter2-and-more"
    fields: dict[str, Any] = {
        "title": f"Log in with {secret}",
        "reason": f"because {secret}",
        "schema": schema,
        "arguments": {"password": secret, "amount": 1},
    }
    await ask(house, 1, **fields)
    asks = [one.model_copy(update={"reason": "plain"}) for one in members()]
    asks.append(
        Ask.model_validate(
            {"tool": "issue_refund", "risk": "low", **fields, "arguments": {**fields["arguments"], "n": 2}}
        )
    )
    card, _ = await batch(house, asks, f"Batch {secret}")
    ada = house.side.hands("ada")
    seen = [house.side.seen("bob", card), await ada.home()]
    await ada.ask()
    await sees(ada, "5 requests wait")
    seen.append(ada.text)
    await ada.find("hunter2")
    await sees(ada, "Nothing that waits for you fits")
    await ada.close()
    await ada.ask()
    await sees(ada, "5 requests wait")
    await ada.press("Select all")
    await sees(ada, "Select none")
    await ada.press("Approve selected…")
    await sees(ada, "Approve ")
    seen.append(ada.text)
    await ada.press("Back to the list")
    await ada.press("One at a time")
    await sees(ada, "Digest")
    for _ in range(5):
        seen.append(before := ada.text)
        await ada.press("Skip")
        await turns(ada, before)
    await ada.close()
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve ")
    seen.append(ada.text)
    assert not [text for text in seen if "hunter2" in text]


async def test_a_reason_that_is_too_long_is_mended(house: Any) -> None:
    """Longer than the client should have let through: said, nothing decided, and a shorter one goes."""
    request = await ask(house, 20)
    ada = house.side.hands("ada")
    await ada.ask()
    await ada.press("Select all")
    await ada.press("Reject selected…")
    await sees(ada, "Reject 1 request?")
    await ada.confirm("Reject 1", "x" * 3001, force=True)
    await sees(ada, "at most 3000")
    assert await status(house, request) == ["pending"]
    await ada.confirm("Reject 1", "short")
    await sees(ada, "1 rejected")
    assert (await house.desk.get(request.id)).decision.message == "short"
