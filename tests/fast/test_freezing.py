"""What people see of a freeze: on the cards of requests that wait, at a click, and in the answer to who froze."""

from __future__ import annotations

import pytest
from ruleskit import AGENT, House, key, rules, who

from signoff import forms, policy
from signoff.audit import Entry
from signoff.errors import CallFrozen, StoreUnavailable
from signoff.model import Actor, Request
from signoff.policy.spoken import spoken_of
from signoff.ports import Conditions, Swap

TYPED = """
rules:
  - {name: drops, when: tool == "drop_table", confirm: "{{args.order}}", remind: [10m], break_glass: [dan]}
"""
LATER = '{"of": "a later version"}'


async def lay(house: House, id_: str = "*", text: str = LATER) -> None:
    """A freeze whose maker died before any request was told."""
    assert await house.store.change(Swap("freezes", id_, None, text), Entry.of({"type": "froze"}))


async def froze(house: House, agent: str | None = None, tool: str | None = None, reason: str | None = None) -> str:
    """What the one who freezes reads."""
    return (await house.desk.orders.freeze(agent, tool, reason, by="dan", via="cli")).reach


async def thaw(house: House, agent: str | None = None, tool: str | None = None) -> None:
    assert await house.desk.orders.thaw(agent, tool, by="dan", via="cli")


async def line(house: House, request: Request) -> str | None:
    return (await house.desk.get(request.id)).frozen


def drawn(house: House, request: Request) -> tuple[str, str, list[str]]:
    """Status, tone and buttons of a request's card."""
    card = house.desk.card(request)
    return card.status, card.tone, [button.action for button in card.buttons]


# ── cards ────────────────────────────────────────────────────────────────────────────────────────


async def test_waiting_requests_say_by_whom_they_are_frozen_and_why() -> None:
    """Those that a freeze covers, on whichever page of them, and no others; a thaw ends it."""
    house = House(rules(""))
    covered = [await house.ask(order=f"A-{number}") for number in range(450)]
    other, done = await house.ask(tool="deploy"), await house.ask()
    await house.say(done, "ada")
    assert await froze(house, tool="refund", reason="suspected fraud") == "It covers 450 waiting calls."
    assert {await line(house, request) for request in covered} == {"Dan: suspected fraud"}
    assert (await line(house, other), await line(house, done)) == (None, None)
    assert house.events(covered[0]) == ["created", "frozen"]
    await thaw(house, tool="refund")
    assert {await line(house, request) for request in covered} == {None}
    assert house.events(covered[-1]) == ["created", "frozen", "thawed"]
    assert house.events(other) == ["created"]


async def test_each_change_has_its_audit_line() -> None:
    """The trail says of each request that it was frozen, with the line its card shows, and thawed."""
    house = House(rules(""))
    request = await house.ask()
    await froze(house, reason="fraud")
    await thaw(house)
    (began,), (ended,) = await house.lines("request_frozen"), await house.lines("request_thawed")
    assert (began["request"], began["frozen"], began["status"]) == (request.id, "Dan: fraud", "pending")
    assert (ended["request"], ended["frozen"]) == (request.id, None)


async def test_a_frozen_card_has_nothing_to_decide_with() -> None:
    """Its status says why, it warns, and Details is all there is to click, on it and within."""
    house = House(rules(""))
    request = await house.ask()
    before = drawn(house, request)
    assert before[1] == "neutral"
    assert await froze(house, reason="suspected fraud.")
    after = await house.desk.get(request.id)
    status = "Frozen by Dan: suspected fraud. Nothing can be decided until it is thawed"
    assert drawn(house, after) == (status, "warning", ["details"])
    details = await house.desk.details(request.id, Actor(via="slack"))
    assert not details.buttons
    assert details.facts[0].text == status
    assert house.desk.card(after).summary == "Frozen, nothing to decide now: refund"
    await thaw(house)
    assert drawn(house, await house.desk.get(request.id)) == before


async def test_a_long_card_does_not_send_people_to_details_to_approve_while_it_is_frozen() -> None:
    """Where the approval is withheld from the card (I11), a freeze takes it from the details too, and says no other."""
    house = House(rules(""))
    request = await house.ask(order="x" * 9000, risk="critical")
    assert "Shortened" in {fact.label for fact in house.desk.card(request).footer}
    await froze(house)
    after = await house.desk.get(request.id)
    assert "Shortened" not in {fact.label for fact in house.desk.card(after).footer}
    assert not (await house.desk.details(request.id, Actor(via="slack"))).buttons


@pytest.mark.parametrize("reason", ["a" * 2000, "😀" * 2000, "a\nb\u202ec", '<&>"*_' * 300, None, "  "])
async def test_any_reason_fits_its_line(reason: str | None) -> None:
    """It is one line, nothing invisible is in it, and the end of the status stands whatever comes before it."""
    house = House(rules(""))
    request = await house.ask()
    await froze(house, reason=reason)
    after = await house.desk.get(request.id)
    assert not set(after.frozen or "\n") & set("\n\t\u202e")
    status, _, _ = drawn(house, after)
    assert status.startswith("Frozen by Dan")
    assert status.endswith("Nothing can be decided until it is thawed")
    assert len(status) <= 300
    assert not set(status) & set("\n\t\u202e")


async def test_what_the_card_says_decides_nothing() -> None:
    """A request that still says that it is frozen is decided when nothing is, and the other way round."""
    house = House(rules(""))
    stale, fresh = await house.ask(order="A-1"), await house.ask(order="A-2")
    await froze(house)
    before = await house.desk.get(stale.id)
    await thaw(house)
    marked = (await house.desk.get(stale.id)).model_copy(update={"frozen": before.frozen, "rev": 4})
    assert await house.store.move(await house.desk.get(stale.id), marked, "request.frozen", Entry.of({"type": "x"}))
    assert (await house.say(stale, "ada")).status == "approved"
    await lay(house)
    with pytest.raises(CallFrozen):
        await house.say(fresh, "ada")


# ── as time goes ─────────────────────────────────────────────────────────────────────────────────


async def test_a_new_request_under_a_freeze_says_so_from_the_start() -> None:
    """Its first card has no buttons; one that the freeze does not cover is as ever."""
    house = House(rules("rules:\n  - {name: tiny, when: args.amount <= 50, decide: approve}\n"))
    await froze(house, tool="refund", reason="fraud")
    asked, ruled, other = await house.ask(), await house.ask(5), await house.ask(tool="deploy")
    assert (asked.frozen, ruled.frozen, other.frozen) == ("Dan: fraud", "Dan: fraud", None)
    assert (ruled.status, house.events(asked)) == ("pending", ["created"])


async def test_what_two_freezes_cover_is_free_when_both_have_ended() -> None:
    """The widest is the one that is told; when it ends the other takes its place."""
    house = House(rules(""))
    request = await house.ask(agent="support")
    await froze(house, tool="refund", reason="one")
    await froze(house, reason="all")
    assert await line(house, request) == "Dan: all"
    await thaw(house)
    assert await line(house, request) == "Dan: one"
    await thaw(house, tool="refund")
    assert await line(house, request) is None


async def test_a_request_that_ends_under_a_freeze_is_left_as_it_is() -> None:
    """It is withdrawn, its card says so, and a thaw changes it no more."""
    house = House(rules(""))
    request = await house.ask()
    await froze(house)
    ended = await house.desk.withdraw(request.id, AGENT)
    assert drawn(house, ended)[0] == "Withdrawn by the agent before anybody decided"
    await thaw(house)
    assert await house.desk.get(request.id) == ended


async def test_i21_the_sweeper_ends_what_a_crash_has_left() -> None:
    """A freeze whose maker died before a card was told, and a thaw whose maker did, are on the cards a minute later;
    then nothing more is written.
    """
    house = House(rules(""))
    request = await house.ask()
    await lay(house)
    assert await line(house, request) is None
    await house.desk.orders.tidy()
    assert "cannot read" in (await line(house, request) or "")

    class Dying(Exception):
        """The process ends here."""

    async def dies(*_: object) -> None:
        raise Dying

    dying = house.replica()
    dying.orders._align = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Dying):
        await dying.orders.thaw(None, None, by="dan", via="cli")
    assert await line(house, request) is not None
    await house.replica().orders.tidy()
    assert await line(house, request) is None
    before = house.events()
    await house.desk.orders.tidy()
    assert (house.events(), await house.store.recall("freezes", "ended")) == (before, None)


async def test_an_ask_that_races_with_a_thaw_says_nothing_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """The freeze that a new request names has to stand in the step that writes it; else it is looked at once more."""
    house = House(rules(""))
    await froze(house)
    open_, calls = house.store.open, list[Conditions]()

    async def slow(*args: object) -> object:
        if not calls:
            await thaw(house)
        calls.append(args[4])  # type: ignore[arg-type]
        return await open_(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(house.store, "open", slow)
    assert (await house.ask()).frozen is None
    assert [call.swap is None for call in calls] == [False, True]


async def test_a_lost_race_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that changes while it is being marked is marked all the same; one that ends meanwhile is not."""
    house = House(rules("rules:\n  - {name: two, stages: [{approvers: [finance], quorum: 2}]}\n"))
    voted, gone = await house.ask(order="A-1"), await house.ask(order="A-2")
    page = house.store.page

    async def stale(*args: object) -> object:
        found = await page(*args)  # type: ignore[arg-type]
        monkeypatch.setattr(house.store, "page", page)
        await house.desk.undeliverable(voted.id, "slack:#approvals", "archived")
        await house.desk.withdraw(gone.id, AGENT)
        return found

    monkeypatch.setattr(house.store, "page", stale)
    await froze(house)
    after = await house.desk.get(voted.id)
    assert (after.frozen, after.undelivered) == ("Dan", {"slack:#approvals": "archived"})
    assert (await house.desk.get(gone.id)).frozen is None


# ── before anything is typed ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("purpose", ["confirm", "reject", "edit", "edit_json", "more"])
async def test_no_form_opens_under_a_freeze(purpose: forms.Purpose) -> None:
    """The click is told who froze and why; after the thaw the form opens."""
    house = House(rules(TYPED))
    request = await house.ask(tool="drop_table")
    await lay(house, "tool:drop_table")
    with pytest.raises(CallFrozen, match="cannot read"):
        await house.desk.form(request.id, purpose, who("ada"), 1)
    await thaw(house, tool="drop_table")
    assert (await house.desk.form(request.id, purpose, who("ada"), 1)).purpose == purpose


# ── how far it reaches ───────────────────────────────────────────────────────────────────────────


async def test_a_freeze_of_a_mistyped_tool_asks_what_was_meant() -> None:
    """Names of waiting calls, of the policy and of agents' keys are what may have been meant; it still freezes."""
    text = 'rules:\n  - {name: r, when: tool == "issue_refund" || tool.startsWith("db_")}\n'
    house = House(rules(text, top="operators: [dan]\n"))
    await house.store.add_key(key("k1").model_copy(update={"name": "nightly-job"}))
    await house.ask(tool="restart_service", agent="Support-Agent")
    doubts = {
        (None, "isue_refund"): "No waiting call is of isue_refund; did you mean issue_refund?",
        (None, "restart-service"): "No waiting call is of restart-service; did you mean restart_service?",
        (None, "ISSUE_REFUND"): "No waiting call is of ISSUE_REFUND; did you mean issue_refund?",
        (None, "issue_refund"): "It covers no waiting call.",
        (None, "db"): "No waiting call is of db; see that this is its exact name.",
        ("suport-agent", None): "No waiting call is by suport-agent; did you mean Support-Agent?",
        ("nightly-jb", None): "No waiting call is by nightly-jb; did you mean nightly-job?",
        ("k1", None): "It covers no waiting call.",
        ("x", "y"): "No waiting call is of y; see that this is its exact name. "
        "No waiting call is by x; see that this is its exact name.",
        (None, "restart_service"): "It covers 1 waiting call.",
        ("nobody", "restart_service"): "No waiting call is by nobody; see that this is its exact name.",
    }
    assert {names: await froze(house, *names) for names in doubts} == doubts
    assert len(await house.desk.orders.freezes()) == len(doubts)
    told = await house.desk.command("freeze tool isue_refund", who("dan"))
    assert told.splitlines()[-1] == "No waiting call is of isue_refund; did you mean issue_refund?"


async def test_a_freeze_stands_though_its_reach_cannot_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis goes away behind it: nobody is told that nothing was recorded."""
    house = House(rules(""))
    await house.ask()

    async def away(*_: object) -> object:
        raise StoreUnavailable

    monkeypatch.setattr(house.store, "page", away)
    made = await house.desk.orders.freeze(None, None, None, by="dan", via="cli")
    assert (len(made.freezes), made.covers) == (1, None)
    assert made.reach == "Which waiting calls it covers cannot be looked up right now."
    await thaw(house)
    assert not await house.desk.orders.freezes()


async def test_nobody_waits_for_ten_thousand_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes after so many; the sweeper does the others."""
    monkeypatch.setattr("signoff.desk.freezing.AT_ONCE", 20)
    monkeypatch.setattr("signoff.desk.freezing.PAGE", 10)
    house = House(rules(""))
    requests = [await house.ask(order=f"A-{number}") for number in range(50)]
    assert await froze(house) == "It covers 20 waiting calls at least; all cards follow in minutes."
    assert [await line(house, request) for request in requests].count(None) == 30
    await house.desk.orders.tidy()
    assert {await line(house, request) for request in requests} == {"Dan"}
    await thaw(house)
    await house.desk.orders.tidy()
    assert {await line(house, request) for request in requests} == {None}


def test_what_a_policy_speaks_of() -> None:
    """Whole texts in quotes of any condition, stages' too; parts of names and patterns are none."""
    text = """
rules:
  - name: a
    when: tool in ["one", 'two'] && agent.endsWith("-bot") && tool.matches( r"^x.*$")
    stages: [{approvers: [ada]}, {approvers: [bob], when: args.to == "three"}]
  - {name: b}
"""
    assert spoken_of(rules(text)) == {"one", "two", "three"}
    assert spoken_of(policy.default((), chats=())) == frozenset()


async def test_an_ask_reads_the_freezes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What every waiting call pays."""
    house = House(rules(""))
    read, orders = list[str](), house.store.orders

    async def counted(space: str) -> object:
        read.append(space)
        return await orders(space)  # type: ignore[arg-type]

    monkeypatch.setattr(house.store, "orders", counted)
    await house.ask()
    assert read == ["freezes"]
