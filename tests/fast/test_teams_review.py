"""The screens of a review as Adaptive Cards: within the limits, valid, text as text, and what comes back from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.cards import (
    Button,
    Card,
    Choice,
    Details,
    Entry,
    Fact,
    Group,
    Home,
    Item,
    Line,
    Listing,
    Move,
    MoveButton,
    Preflight,
    Results,
    Screen,
    Section,
    Single,
    Working,
)
from signoff.model import Sieve
from signoff_teams import render, steps
from signoff_teams.parse import Malformed
from signoff_teams.render import Place
from signoff_teams.render.moves import FILTER, PICK, TICKS
from signoff_teams.render.text import size

SCHEMA = json.loads((Path(__file__).parent / "data" / "adaptive-card-1.5.0.json").read_text())
VALID = jsonschema_rs.validator_for(SCHEMA, validate_formats=False)
WHEN = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
REVIEW = "r" * 32
TENANT = "11111111-1111-4111-8111-111111111111"
HOSTILE = (
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}} ",
    "**b** [l](https://evil.example) <at>Ada</at>",
    "{{a",
    "\U0001f600\u00e9\u202e",
    "plain words ",
    '"\\',
)


def filled(piece: str, limit: int) -> str:
    """A text of exactly so many characters."""
    return (piece * limit)[:limit]


LISTED = (
    MoveButton("approve", "", "Approve selected…", "primary"),
    MoveButton("reject", "", "Reject selected…", "danger"),
    MoveButton("select", "all", "Select all"),
    MoveButton("select", "none", "Select none"),
    MoveButton("walk", "", "One at a time"),
    MoveButton("page", "next", "Next page"),
    MoveButton("page", "first", "First page"),
)
TO_LIST = MoveButton("list", "", "Back to the list")


def listing(piece: str) -> Listing:
    title, text = filled(piece, 70), filled(piece, 300)
    entries = tuple(
        Entry(
            f"r{n}", "req_secret", filled(piece, 80), text, 7, title, "1a2b3c4d", "high", WHEN,
            None if n % 3 else "high risk: open it by itself", bool(n % 2),
        )
        for n in range(40)
    )  # fmt: skip
    groups = tuple(
        Group(f"g{n}", title, title, "high", 40, n * 2, n, WHEN, entries if n == 7 else (), "g7:40" if n == 7 else "")
        for n in range(20)
    )
    options = tuple((f"#{n:020d}", filled(piece, 60)) for n in range(99))
    choices = (
        Choice("risk", "Risk", "", (("high", "high (1)"),)),
        Choice("tool", "Tool", options[-1][0], options),
        Choice("agent", "Agent", "", options),
        Choice("channel", "Channel", options[50][0], options),
    )
    sieve = Sieve(text=filled(piece, 200))
    return Listing(REVIEW, title, text, sieve, choices, groups, 3, text, "1–9 of 9", LISTED)


def lines(piece: str, count: int) -> tuple[Line, ...]:
    return (Line(filled(piece, 80), filled(piece, 300), "1a2b3c4d", "high", filled(piece, 150), "warning"),) * count


def preflight(piece: str, count: int = 160) -> Preflight:
    buttons = (
        MoveButton("confirm", "k", "Reject 200", "danger"),
        MoveButton("turn", "2", "Next page"),
        MoveButton("turn", "0", "Previous page"),
        TO_LIST,
    )
    heading, fault = filled(piece, 150), filled(piece, 200)
    excluded = (*lines(piece, count // 4), Line("and 7 more", "", "", None))
    return Preflight(REVIEW, "k", "reject", heading, lines(piece, count), excluded, 1, 3, True, fault, buttons)


def results(piece: str) -> Results:
    return Results(REVIEW, filled(piece, 150), "review_1", lines(piece, 200), 0, 1, (TO_LIST,))


def single(piece: str) -> Single:
    facts = (Fact("Why", filled(piece, 3000)), Fact("Impact", filled(piece, 3000)), Fact("Expires", moment=WHEN))
    full = Details("req_secret", 3, filled(piece, 300), facts, filled(piece, 20_000), footer=facts)
    buttons = (
        MoveButton("decide", "approve", "Approve", "primary"),
        MoveButton("form", "respond", "Answer…"),
        MoveButton("form", "edit", "Edit…"),
        MoveButton("form", "reject", "Reject…", "danger"),
        MoveButton("skip", "", "Skip"),
        MoveButton("back", "", "Previous"),
        TO_LIST,
    )
    return Single(REVIEW, "r12", "12 of 87", full, filled(piece, 300), buttons, "m" * 12)


def working(piece: str) -> Working:
    return Working(REVIEW, filled(piece, 150), (MoveButton("look", "", "Look again", "primary"),))


SCREENS: tuple[Callable[[str], Screen], ...] = (listing, preflight, results, single, working)


def nodes(value: object) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(node for item in value.values() for node in nodes(item))]
    return [node for item in value for node in nodes(item)] if isinstance(value, list) else []


def actions(card: Any) -> list[dict[str, Any]]:
    """Every button of a card, wherever it stands."""
    return [node for node in nodes(card) if str(node.get("type")).startswith("Action.")]


def texts(card: Any) -> str:
    return "\n".join(str(node["text"]) for node in nodes(card) if node.get("type") == "TextRun").replace("\u00a0", " ")


def check(card: Any) -> None:
    """What every card of ours keeps to."""
    error = next(VALID.iter_errors(card), None)
    assert error is None, error
    assert size(card) <= render.LIMIT
    assert len(card["actions"]) <= 6
    inputs = [node["id"] for node in nodes(card) if str(node.get("type")).startswith("Input.") and "id" in node]
    assert len(inputs) == len(set(inputs))
    for node in nodes(card):
        if node.get("type") == "ActionSet":
            assert 0 < len(node["actions"]) <= 6
        if node.get("type") == "TextRun":
            assert not re.search(r"\{\{[^{]", node["text"])
        if node.get("type") == "TextBlock":
            assert node["text"].startswith("{{DATE(")
        if node.get("type") == "Input.ChoiceSet" and "value" in node:
            offered = {choice["value"] for choice in node["choices"]}
            assert set(node["value"].split(",")) <= offered
        for key in ("label", "placeholder", "title"):
            assert not re.search(r"\{\{\s*\w", str(node.get(key, "")))


@pytest.mark.parametrize("mode", ["inline", "dialog"])
@pytest.mark.parametrize("made", SCREENS)
@pytest.mark.parametrize("piece", HOSTILE)
def test_any_screen_is_a_valid_card_of_at_most_25_kb(made: Callable[[str], Screen], piece: str, mode: Any) -> None:
    """Two hundred hostile requests in any screen: every part keeps to schema, size and number of buttons."""
    shown = made(piece)
    place = Place(mode, 0, mode == "inline", "Something was refused. " * 5, filled(piece, 3000))
    cards = [render.screen(shown, replace(place, part=part)) for part in (0, 1, 999)]
    for card in cards:
        check(card)
    kinds = {action["type"] for card in cards for action in actions(card)} - {"Action.ToggleVisibility"}
    assert kinds == ({"Action.Execute", "Action.Submit"} if mode == "inline" else {"Action.Submit"})


def parts_of(shown: Screen) -> Iterator[Any]:
    """Every part of a screen."""
    place, more = Place(), True
    while more:
        card = render.screen(shown, place)
        yield card
        more = any(action["title"] == "Next part" for action in actions(card))
        place = replace(place, part=place.part + 1)


@pytest.mark.parametrize("made", SCREENS)
def test_i14_a_screen_carries_no_id_and_no_digest_of_a_request(made: Callable[[str], Screen]) -> None:
    """What a client could change names a review, a move, a key and a token, and nothing that could be decided."""
    for action in actions(render.screen(made("x"), Place())):
        if "data" in action:
            assert set(action["data"]) <= {"review", "move", "key", "single", "shown", "part", "verb", "msteams"}
            assert "req_secret" not in json.dumps(action)
            assert "1a2b3c4d" not in json.dumps(action)


@pytest.mark.parametrize("piece", HOSTILE)
def test_what_is_decided_is_shown_whole_before_it_can_be_confirmed(piece: str) -> None:
    """Every character of every line stands on some part, and Confirm and Next page stand on the last part alone."""
    shown = preflight(piece, 24)
    cards = list(parts_of(shown))
    for card in cards:
        data = [action["data"] for action in actions(card) if "data" in action]
        last = card is cards[-1]
        assert ("confirm" in [one.get("move") for one in data]) == last
        keys = [one.get("key") for one in data if one.get("move") == "turn"]
        assert ("2" in keys) == last
        assert "0" in keys
        assert any(node.get("id") == "reason" for node in nodes(card)) == last
    seen = "".join("".join(texts(card) for card in cards).split())
    for one in {*shown.lines, *shown.excluded}:
        for text in (one.title, one.text, one.digest, one.said):
            # Runs are cut between braces, and spaces may be hard ones.
            whole = "".join(text.split())
            assert seen.count(whole) >= 1
    assert seen.count("1a2b3c4d") == 30


def test_a_hundred_plain_requests_fit_on_two_parts() -> None:
    """Whoever clears a hundred usual requests does not leaf through many pages."""
    one = Line("Refund order A-1001", 'order "A-1001" · amount 25.50 · note "item arrived broken"', "1a2b3c4d", "low")
    buttons = (MoveButton("confirm", "k", "Approve 100", "primary"), TO_LIST)
    shown = Preflight(REVIEW, "k", "approve", "Approve 100 requests?", (one,) * 100, (), 0, 1, False, "", buttons)
    card: Any = render.screen(shown, Place(part=1))
    assert "Part 2 of 2" in texts(card)


def test_i11_a_long_request_is_decided_on_its_last_part() -> None:
    """What approves or opens a form stands below all of it, before the ways on; skipping is possible anywhere."""
    full = Details("req_1", 1, "Refund", (), "x" * 60_000)
    buttons = (MoveButton("decide", "approve", "Approve"), MoveButton("skip", "", "Skip"))
    shown = Single(REVIEW, "r1", "1 of 2", full, None, buttons)
    first: Any = render.screen(shown, Place())
    assert [action["title"] for action in actions(first)] == ["Next part", "Skip", "Open in a window"]
    last: Any = render.screen(shown, Place(part=999))
    assert [action["title"] for action in actions(last)] == ["Approve", "Previous part", "Skip", "Open in a window"]


# ── what comes back ──────────────────────────────────────────────────────────────────────────────


def invoked(action: dict[str, Any], card: Any = None, given: dict[str, str] | None = None) -> dict[str, Any]:
    """The invoke that Teams makes of a button, with what the card's inputs hold."""
    inputs: dict[str, str] = {}
    if card is not None and action.get("associatedInputs") != "none":
        for node in nodes(card):
            if str(node.get("type")).startswith("Input."):
                text = (given or {}).get(node["id"], node.get("value", ""))
                inputs |= {node["id"]: text} if text else {}
    data = {**action["data"], **inputs}
    envelope = {
        "type": "invoke", "id": "f:1", "replyToId": "1700",
        "from": {"aadObjectId": "a0000000-0000-4000-8000-0000000000a1"},
        "conversation": {"id": "19:general@thread.tacv2", "tenantId": TENANT},
    }  # fmt: skip
    if action["type"] == "Action.Execute":
        value = {"action": {"type": "Action.Execute", "verb": action["verb"], "data": data}}
        return {**envelope, "name": "adaptiveCard/action", "value": value}
    return {**envelope, "name": "task/submit", "value": {"data": data}}


def pressed(card: Any, title: str, given: dict[str, str] | None = None) -> steps.Step:
    action = next(action for action in actions(card) if action["title"] == title)
    found = steps.step(invoked(action, card, given))
    assert found is not None
    return found


def a_group(key: str, count: int, selected: int = 0, **changes: Any) -> Group:
    return replace(Group(key, f"{count} × refund", "amount 20–45", "low", count, count, selected, WHEN), **changes)


def a_listing(*groups: Group) -> Listing:
    risks = Choice("risk", "Risk", "", (("high", "high (1)"), ("low", "low (9)")))
    return Listing(REVIEW, "10 wait", "1 high", Sieve(), (risks,), groups, 0, None, "1–10 of 10", LISTED)


def entry(key: str, *, selected: bool = False, mark: str | None = None) -> Entry:
    return Entry(key, "req_1", "Refund", "amount 25", 0, "", "1a2b3c4d", "low", WHEN, mark, selected)


@pytest.mark.parametrize("mode", ["inline", "dialog"])
def test_ticks_come_back_as_keys_with_what_could_be_ticked(mode: Any) -> None:
    """Groups and the requests of an open one: what is ticked, and what could have been, whatever button is pressed."""
    opened = a_group("g2", 3, entries=(entry("r2", selected=True), entry("r3"), entry("r4", mark="your own")))
    shown = a_listing(a_group("g0", 2, 2), a_group("g1", 1, selectable=0), opened, a_group("g5", 4, 1))
    card = render.screen(shown, Place(mode))
    step = pressed(card, "Approve selected…")
    assert step.move == Move("approve", "", {}, frozenset({"g0", "r2"}), frozenset({"g0", "r2", "r3", "g5"}))
    given = {f"{TICKS}g0": "", f"{TICKS}g2": "r2,r3", f"{TICKS}g5": "g5"}
    step = pressed(card, "Select all", given)
    assert step.move is not None
    assert (step.move.name, step.move.key, step.move.ticked) == ("select", "all", frozenset({"r2", "r3", "g5"}))
    assert (step.review, step.actor.origin) == (REVIEW, None)


def test_filters_come_back_as_values() -> None:
    """What is chosen and typed narrows the list; "any" is the empty value."""
    card: Any = render.screen(a_listing(a_group("g0", 2)))
    step = pressed(card, "Apply", {f"{FILTER}risk": "high", f"{FILTER}text": "A-10"})
    assert step.move is not None
    assert step.move.values == {"risk": "high", "tool": "", "agent": "", "channel": "", "text": "A-10"}
    step = pressed(card, "Apply")
    assert step.move is not None
    assert set(step.move.values.values()) == {""}


def test_filters_are_folded_away_until_one_is_at_work() -> None:
    """On a phone the list comes first; a filter that hides something is seen."""
    plain: Any = render.screen(a_listing(a_group("g0", 2)))
    folded = next(node for node in nodes(plain) if node.get("id") == "filters")
    assert folded["isVisible"] is False
    shown = replace(a_listing(a_group("g0", 2)), sieve=Sieve(text="x"))
    folded = next(node for node in nodes(render.screen(shown)) if node.get("id") == "filters")
    assert folded["isVisible"] is True


def test_one_list_opens_groups_and_single_requests() -> None:
    """A group's choice opens it, a request's choice goes to it, no choice has no key."""
    opened = a_group("g2", 3, entries=(entry("r2"), entry("r4", mark="your own")), more="g2:40")
    card = render.screen(a_listing(a_group("g0", 2), opened))
    for chosen, name, key in (("open:g0", "open", "g0"), ("walk:r4", "walk", "r4"), ("", "open", "")):
        move = pressed(card, "Open", {PICK: chosen}).move
        assert move is not None
        assert (move.name, move.key) == (name, key)
    for title, key in (("Show more", "g2:40"), ("Close", "g2")):
        move = pressed(card, title).move
        assert move is not None
        assert (move.name, move.key) == ("open", key)
    move = pressed(card, "Select all 3").move
    assert move is not None
    assert (move.name, move.key) == ("select", "g2")


def test_a_window_takes_the_ticks_along() -> None:
    """Opening the list in a window says what is ticked, and turns nothing."""
    card = render.screen(a_listing(a_group("g0", 2), a_group("g1", 1)))
    action = next(action for action in actions(card) if action["title"] == "Open in a window")
    assert action["data"]["msteams"] == {"type": "task/fetch"}
    activity = invoked(action, card, {f"{TICKS}g0": "g1"}) | {"name": "task/fetch"}
    step = steps.step(activity)
    assert step is not None
    assert step.move == Move("select", "", {}, frozenset({"g1"}), frozenset({"g0", "g1"}))


def test_i14_identity_is_the_envelopes() -> None:
    """Whatever the data says, the actor is the verified person, without a card as origin."""
    card = render.screen(a_listing(a_group("g0", 2)))
    action = next(action for action in actions(card) if action["title"] == "Apply")
    action = action | {"data": action["data"] | {"actor": "evil", "from": {"aadObjectId": "evil"}, "tenant": "evil"}}
    step = steps.step(invoked(action))
    assert step is not None
    assert step.actor.principal is not None
    assert (step.actor.principal.tenant, step.actor.origin) == (TENANT, None)


@pytest.mark.parametrize(
    "data",
    [
        {"review": ""}, {"review": 7}, {"review": "x" * 300}, {"move": "evil"}, {"move": 7}, {"key": "x" * 300},
        {"shown": ",".join(map(str, range(600)))}, {"part": -1}, {"part": True}, {"part": "1"}, {"version": 1.5},
        {"single": "x" * 300}, {"at": "x"}, {"trail": {}},
    ],
)  # fmt: skip
def test_crafted_data_is_malformed(data: dict[str, Any]) -> None:
    """What no card of ours sends is refused as such."""
    action = {"type": "Action.Execute", "verb": "move", "data": {"review": "r", "move": "look", "key": ""} | data}
    with pytest.raises(Malformed):
        steps.step(invoked(action))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ["review", "move", "key", "single", "shown", "part", "purpose", "version", "request", "one", "at", "next",
          "trail", "seen", f"{TICKS}g0", PICK, "reason"]  # fmt: skip


@settings(max_examples=200)
@given(st.sampled_from([*steps.OWN, *steps.OPENING, "edit", "?"]), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_data_is_a_step_or_malformed_or_a_cards_own(verb: str, data: dict[str, Any]) -> None:
    """Whatever a verified activity holds, reading ends in a step, in None or in Malformed, never in another error."""
    try:
        found = steps.step(invoked({"type": "Action.Execute", "verb": verb, "data": data}))
    except Malformed:
        return
    assert found is None or found.actor.origin is None


# ── cards of several requests, and somebody's own page ───────────────────────────────────────────


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.parametrize("count", [0, 20])
def test_a_pile_is_a_valid_card_of_at_most_25_kb(piece: str, count: int) -> None:
    """Twenty hostile requests with a button each."""
    title, name, text = filled(piece, 150), filled(piece, 80), filled(piece, 150)
    items = tuple(Item("req_" + "0" * 30, name, text, name, "neutral", True) for _ in range(count))
    buttons = (
        Button("review", "Review…", "primary"),
        Button("approve_all", "Approve all…"),
        Button("reject_all", "Reject all…", "danger"),
    )
    shown = Card(
        "pile", "pile:teams:Finance/General", 1, 1, title, name, "warning", None, title,
        buttons=buttons, items=items, items_hidden=480,
    )  # fmt: skip
    check(render.card(shown, "A sentence for whoever clicked."))


def test_a_piles_buttons_are_read_with_the_pile_and_the_request() -> None:
    """Review, all and each single one: the card's id, and for one its own."""
    items = (Item("req_1", "Refund", "amount 25", "Waiting", "neutral", True),)
    shown = Card(
        "pile", "bat_1", 1, 1, "2 calls", "2 wait", "neutral", None, "2 calls",
        buttons=(Button("review", "Review…"), Button("reject_all", "Reject all…")), items=items, items_hidden=1,
    )  # fmt: skip
    card = render.card(shown)
    assert "… and 1 more." in texts(card)
    for title, verb, one in (("Review…", "review", ""), ("Reject all…", "reject_all", ""), ("Open", "one", "req_1")):
        step = pressed(card, title)
        assert (step.verb, step.pile, step.one) == (verb, "bat_1", one)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_home_is_a_valid_card_of_at_most_25_kb(piece: str) -> None:
    """Five full sections of hostile lines."""
    text = filled(piece, 300)
    section = Section(text[:80], (text,) * 10, 3)
    check(render.home(Home(text[:150], text, (section,) * 5, 9)))


def test_a_home_offers_to_review_what_waits() -> None:
    """With nothing waiting there is nothing to review."""
    busy: Any = render.home(Home("9 wait for you", "9 low", (), 9))
    idle: Any = render.home(Home("Nothing waits for you", "", (), 0))
    assert [action["title"] for action in actions(busy)] == ["Review", "Look again"]
    assert [action["title"] for action in actions(idle)] == ["Look again"]
    assert pressed(busy, "Review").verb == "pending"
