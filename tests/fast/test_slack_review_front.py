"""What a click in a review leads to, with a desk that answers as told: acknowledgements, redraws, private sentences."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from signoff.cards import Details, Home, Listing, Move, MoveButton, Preflight, Results, Screen, Single, Working
from signoff.errors import NotAllowed, ReviewGone, SignoffError, StoreUnavailable, WrongPlace
from signoff.model import Sieve
from signoff_slack import commands, ids, moves, parse, review
from signoff_slack.front import Front

REVIEW = "R" * 32
LISTING = Listing(REVIEW, "1 request waits for you", "", Sieve(), (), (), 0, None, "", ())
RESULTS = Results(REVIEW, "2 approved", "bat_1", (), 0, 1, ())
WORKING = Working(REVIEW, "Approving: 1 of 2", ())
CONFIRM = MoveButton("confirm", "k", "Reject 2", "danger")
PREFLIGHT = Preflight(REVIEW, "k", "reject", "Reject 2?", (), (), 0, 1, True, "Write at most 3000.", (CONFIRM,))


class Web(AsyncWebClient):
    """Notes its calls; refuses a method as often as told."""

    def __init__(self) -> None:
        super().__init__(token="xoxb-1", base_url="https://slack.example/api/")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.refuse: dict[str, list[str]] = {}
        self.called = asyncio.Event()

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        self.calls.append((api_method, dict(arguments.get("json") or arguments.get("params") or {})))
        self.called.set()
        if self.refuse.get(api_method):
            raise SlackApiError("refused", {"ok": False, "error": self.refuse[api_method].pop(0)})
        data = {"ok": True, "view": {"id": "V9"}, "channel": {"id": "D1"}}
        return AsyncSlackResponse(
            client=self, http_verb="POST", api_url="", req_args={}, data=data, headers={}, status_code=200
        )

    async def until(self, method: str, times: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(5):
            while len([one for one, _ in self.calls if one == method]) < times:
                self.called.clear()
                await self.called.wait()
        return [sent for one, sent in self.calls if one == method][times - 1]


class Reviews:
    """The desk's reviews, as told."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.answers: list[Screen | SignoffError] = []
        self.standing: Screen | SignoffError = LISTING
        self.gate: asyncio.Event | None = None

    async def open(self, actor: Any, words: str = "", **how: Any) -> Screen:
        self.seen.append(("open", actor, words, how))
        if self.gate is not None:
            await self.gate.wait()
        return self._said(self.answers.pop(0) if self.answers else LISTING)

    async def act(self, review: str, move: Move, actor: Any) -> Screen:
        self.seen.append(("act", review, move, actor))
        return self._said(self.answers.pop(0) if self.answers else LISTING)

    async def screen(self, review: str, actor: Any) -> Screen:
        self.seen.append(("screen", review))
        return self._said(self.standing)

    async def home(self, actor: Any) -> Home:
        self.seen.append(("home", actor))
        return Home("1 request waits for you", "", (), 1)

    def sieve_of(self, card: str) -> Sieve:
        return Sieve(batch=card)

    @staticmethod
    def _said(answer: Screen | SignoffError) -> Screen:
        if isinstance(answer, SignoffError):
            raise answer
        return answer


class Piles:
    """Cards of several requests, by where they were posted."""

    def __init__(self) -> None:
        self.posted: set[tuple[str, str]] = set()

    async def clicked(self, card_id: str, actor: Any) -> None:
        if (card_id, actor.origin.message) not in self.posted:
            raise WrongPlace


class Desk:
    def __init__(self) -> None:
        self.review = Reviews()
        self.piles = Piles()


class Bench:
    def __init__(self) -> None:
        self.web, self.desk = Web(), Desk()
        self.front = Front(cast("Any", self.desk), self.web)


@pytest.fixture
async def bench() -> Any:
    made = Bench()
    yield made
    await made.front.close()


def click(action: dict[str, Any], *, values: Any = None, blocks: Any = None, **stay: Any) -> dict[str, Any]:
    metadata = ids.stay(ids.Stay(REVIEW, **stay))
    return {
        "type": "block_actions",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
        "trigger_id": "1.2.3",
        "container": {"type": "view", "view_id": "V1"},
        "view": {
            "type": "modal",
            "id": "V1",
            "hash": "h1",
            "callback_id": "signoff.review",
            "private_metadata": metadata,
            "blocks": blocks or [],
            "state": {"values": values or {}},
        },
        "actions": [{"type": "button", "block_id": "b", **action}],
    }


def move(name: str, value: str = "", **more: Any) -> dict[str, Any]:
    return click({"action_id": f"signoff.move.{name}.0", "value": ids.key(value)}, **more)


def sent(**more: Any) -> dict[str, Any]:
    return {**move("look", **more), "type": "view_submission"}


async def test_what_is_ticked_is_read_at_every_click(bench: Bench) -> None:
    """Keys come from the checkboxes of the view and their state; a key that was not offered is not ticked."""
    options = [{"value": key} for key in ("g1", "r2", "r3")]
    boxes = {"type": "checkboxes", "action_id": "signoff.tick.0", "options": options}
    blocks = [{"type": "actions", "block_id": "tick/0/s", "elements": [boxes]}]
    chosen = {"selected_options": [{"value": "r3"}, {"value": "r99"}]}
    values = {"tick/0/s": {"signoff.tick.0": chosen}}
    assert (await bench.front.clicked(move("select", "all", values=values, blocks=blocks))).status == 200
    [(_, found, made, actor)] = bench.desk.review.seen
    assert (found, made.name, made.key) == (REVIEW, "select", "all")
    assert (made.shown, made.ticked) == ({"g1", "r2", "r3"}, {"r3"})
    assert (actor.principal.key, actor.origin) == ("T0DEMO/U0ADA", None)


async def test_a_checkbox_by_itself_is_only_acknowledged(bench: Bench) -> None:
    """A tick asks the desk nothing and draws nothing."""
    payload = click({"action_id": "signoff.tick.0", "type": "checkboxes", "selected_options": []})
    assert (await bench.front.clicked(payload)).status == 200
    assert (bench.desk.review.seen, bench.web.calls) == ([], [])


def single(key: str) -> Single:
    buttons = (MoveButton("decide", "approve", "Approve", "primary"), MoveButton("skip", "", "Skip"))
    return Single(REVIEW, key, "1 of 2", Details(f"req_{key}", 1, f"Refund {key}", (), "{}"), None, buttons)


def mark_of(view: dict[str, Any]) -> str:
    stay = ids.read_stay(view["private_metadata"])
    assert stay is not None
    return stay.mark


async def test_i07_a_press_says_in_which_drawing_it_was_made(bench: Bench) -> None:
    """The mark of the single request that was shown goes back with every move on it, for the desk to look at."""
    bench.desk.review.answers = [replace(single("r0"), mark="m1")]
    await bench.front.clicked(move("walk"))
    mark = mark_of((await bench.web.until("views.update"))["view"])
    assert mark == "m1"
    for name in ("decide", "skip", "back", "list"):
        await bench.front.clicked(move(name, mark=mark))
    moves_made = [one[2] for one in bench.desk.review.seen if one[0] == "act"][1:]
    assert [(one.name, one.mark) for one in moves_made] == [
        ("decide", "m1"),
        ("skip", "m1"),
        ("back", "m1"),
        ("list", "m1"),
    ]


async def test_i11_the_pages_of_another_version_begin_anew(bench: Bench) -> None:
    """Whoever turns the page of what was edited meanwhile sees the new arguments from their first page on."""
    long = json.dumps({"a": "word " * 60_000})
    first = replace(single("r0"), details=Details("req_0", 1, "Refund", (), long), mark="m")
    bench.desk.review.standing = first
    turn = click({"action_id": "signoff.leaf.next", "value": ids.key("r0/1", 1)}, mark="m")
    await bench.front.clicked(turn)
    assert "Page 2 of" in json.dumps(await bench.web.until("views.update"))
    bench.desk.review.standing = replace(first, details=Details("req_0", 2, "Refund", (), long), mark="n")
    await bench.front.clicked(turn)
    assert "Page 1 of" in json.dumps(await bench.web.until("views.update", 2))


def move_of(payload: dict[str, Any]) -> Move:
    found = moves.gesture(payload)
    assert found is not None
    return found.move


def test_a_filter_is_read_from_the_click_itself() -> None:
    """All filters of the view are sent, the one just chosen as it was chosen; `=` stands for any."""
    values = {
        "sift/s": {
            "signoff.sift.risk": {"selected_option": {"value": "="}},
            "signoff.sift.tool": {"selected_option": {"value": "=a=b"}},
        },
        "text/x": {"signoff.sift.text": {"type": "plain_text_input", "value": "word"}},
    }
    action = {"action_id": "signoff.sift.risk", "type": "static_select", "selected_option": {"value": "=high"}}
    found = move_of(click(action, values=values))
    assert (found.name, dict(found.values)) == ("narrow", {"risk": "high", "tool": "a=b", "text": "word"})


def test_words_not_yet_looked_for_come_before_an_approval() -> None:
    """Submitting with new words in the search narrows the list; with the same words it goes on to the preflight."""
    element = {"type": "plain_text_input", "action_id": "signoff.sift.text", "initial_value": "old"}
    blocks = [{"type": "input", "block_id": "text/x", "element": element}]
    for typed, name in (("new", "narrow"), ("old", "approve"), (None, "narrow")):
        values = {"text/x": {"signoff.sift.text": {"value": typed}}}
        found = move_of(sent(move="approve", values=values, blocks=blocks))
        assert found.name == name


async def test_i02_a_click_that_was_not_written_is_not_acknowledged(bench: Bench) -> None:
    """With Redis away Slack gets no acknowledgement, and the modal says so and leads back."""
    bench.desk.review.answers = [StoreUnavailable()]
    assert (await bench.front.clicked(move("select", "all"))).status == 503
    drawn = await bench.web.until("views.update")
    assert "Redis cannot be reached" in json.dumps(drawn["view"])
    assert ids.STAY in json.dumps(drawn["view"])


async def test_two_clicks_in_one_drawing_end_where_the_review_stands(bench: Bench) -> None:
    """The second redraw meets a newer hash: what stands now is drawn, whichever came first."""
    bench.web.refuse["views.update"] = ["hash_conflict"]
    bench.desk.review.standing = RESULTS
    await bench.front.clicked(move("page", "next"))
    assert (await bench.web.until("views.update"))["hash"] == "h1"
    again = await bench.web.until("views.update", 2)
    assert "hash" not in again
    assert "2 approved" in json.dumps(again["view"])


async def test_a_list_that_is_gone_is_opened_anew_on_the_way_back(bench: Bench) -> None:
    """Back to the list never ends at the same refusal."""
    bench.desk.review.standing = ReviewGone()
    await bench.front.clicked(click({"action_id": ids.STAY, "value": ids.key("")}))
    assert [one[0] for one in bench.desk.review.seen] == ["screen", "open"]
    assert "1 request waits" in json.dumps(await bench.web.until("views.update"))


async def test_results_are_drawn_without_a_click(monkeypatch: pytest.MonkeyPatch) -> None:
    """While decisions are written the modal says so, and shows the results when they are there."""
    monkeypatch.setattr(review, "LOOKS", (0.0, 0.0, 0.0))
    web, desk = Web(), Desk()
    front = Front(cast("Any", desk), web)
    desk.review.answers = [WORKING, WORKING, RESULTS]
    answer = await front.submitted(sent(move="confirm"))
    assert "Approving: 1 of 2" in json.dumps(answer.body)
    assert "Approving" in json.dumps(await web.until("views.update"))
    assert "2 approved" in json.dumps(await web.until("views.update", 2))
    assert [one[2].name for one in desk.review.seen] == ["confirm", "look", "look"]
    await front.close()


async def test_a_fault_of_the_reason_stands_at_it(bench: Bench) -> None:
    """What was typed stays in the modal."""
    bench.desk.review.answers = [PREFLIGHT]
    values = {"reason/x": {ids.REASON: {"type": "plain_text_input", "value": "too long"}}}
    answer = await bench.front.submitted(sent(move="confirm", values=values))
    assert json.loads(answer.body)["errors"] == {"reason/x": "Write at most 3000."}
    assert bench.desk.review.seen[0][2].values == {"reason": "too long"}


def command(text: str = "", name: str = "/pending", **more: str) -> dict[str, object]:
    body = {"command": name, "text": text, "team_id": "T0DEMO", "user_id": "U0ADA", "trigger_id": "1.2.3"}
    return {**body, "response_url": "https://slack.example/r", **more}


async def test_a_slow_desk_still_meets_the_trigger(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command is acknowledged at once; when the list takes long, a modal is opened first and filled then."""
    monkeypatch.setattr(review, "PATIENCE", 0.0)
    bench.desk.review.gate = asyncio.Event()
    answer = await bench.front.commanded(command("refunds"))
    assert (answer.status, answer.body) == (200, "")
    assert "Looking up" in json.dumps(await bench.web.until("views.open"))
    bench.desk.review.gate.set()
    drawn = await bench.web.until("views.update")
    assert drawn["view_id"] == "V9"
    assert "1 request waits" in json.dumps(drawn)
    assert bench.desk.review.seen[0][2] == "refunds"


async def test_i27_an_answer_goes_nowhere_but_to_slack(bench: Bench) -> None:
    """A response_url that is not Slack's is not called: the sentence goes into the direct messages."""
    bench.desk.review.answers = [NotAllowed(why="Nobody here knows you.")]
    await bench.front.commanded(command(response_url="https://evil.example/r"))
    said = await bench.web.until("chat.postMessage")
    assert (said["channel"], said["text"]) == ("D1", "Nobody here knows you.")


async def test_a_refused_shortcut_is_said_in_a_modal(bench: Bench) -> None:
    """A shortcut has no conversation; its trigger still opens a modal that says why."""
    bench.desk.review.answers = [NotAllowed(why="Nobody here knows you.")]
    payload = {
        "type": "shortcut",
        "callback_id": "signoff.pending",
        "trigger_id": "1.2.3",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0ADA", "team_id": "T0DEMO"},
    }
    assert bench.front.called(cast("Any", parse.sound(cast("Any", payload)))).status == 200
    assert "Nobody here knows you." in json.dumps(await bench.web.until("views.open"))


@pytest.mark.parametrize(
    ("action", "how"),
    [
        ("review", {}),
        ("approve_all", {"every": True, "kind": "approve"}),
        ("reject_all", {"every": True, "kind": "reject"}),
        ("one", {"one": "req_7"}),
    ],
)
async def test_a_pile_opens_a_private_list(bench: Bench, action: str, how: dict[str, Any]) -> None:
    """Each button of the card of several opens what it says for whoever clicked, only where it was posted (I16)."""
    item = "req_7" if action == "one" else ""
    payload = {
        "type": "block_actions",
        "team": {"id": "T0DEMO"},
        "user": {"id": "U0BOB", "team_id": "T0DEMO"},
        "trigger_id": "1.2.3",
        "container": {"type": "message", "channel_id": "C1", "message_ts": "1.0"},
        "actions": [
            {
                "type": "button",
                "block_id": "b",
                "action_id": f"signoff.{action}",
                "value": ids.value("bat_1", 1, item=item),
            }
        ],
    }
    assert (await bench.front.clicked(payload)).status == 200
    assert "does not belong" in json.dumps(await bench.web.until("chat.postEphemeral"))
    bench.desk.piles.posted.add(("bat_1", "1.0"))
    assert (await bench.front.clicked(payload)).status == 200
    await bench.web.until("views.open")
    [(_, actor, _, given_how)] = bench.desk.review.seen
    assert (actor.principal.user, actor.origin) == ("U0BOB", None)
    assert given_how == {"sieve": Sieve(batch="bat_1"), **how}


async def test_the_home_is_published_for_whoever_looks(bench: Bench) -> None:
    """Only the Home tab asks for it, and what was known of people is not forgotten by it."""
    opened = {"type": "app_home_opened", "user": "U0ADA", "tab": "home"}
    body = {"type": "event_callback", "team_id": "T0DEMO", "event": opened}
    for raw in (body, parse.sound(cast("Any", body))):
        assert bench.front.happened(cast("Any", raw)).status == 200
    assert bench.front.happened({**body, "event": {**opened, "tab": "messages"}}).status == 200
    await bench.web.until("views.publish", 2)
    assert [(one[0], one[1].principal.key) for one in bench.desk.review.seen] == [("home", "T0DEMO/U0ADA")] * 2


@pytest.mark.parametrize(
    ("name", "text", "shows", "words"),
    [
        ("/pending", "", "pending", ""),
        ("/pending", "@agent <#C1|refunds>", "pending", "@agent #refunds"),
        ("/pending", "home", "pending", "home"),
        ("/signoff", "pending high", "pending", "high"),
        ("/signoff", "Pending", "pending", ""),
        ("/signoff", "pendingly", "", "pendingly"),
        ("/signoff", "home", "home", "home"),
        ("/signoff", "freeze all", "", "freeze all"),
    ],
)
def test_which_commands_open_the_list(name: str, text: str, shows: str, words: str) -> None:
    """`/pending` and `/signoff pending`, with the words behind; `/signoff home` is somebody's own page."""
    found = commands.command(command(text, name))
    assert found is not None
    assert (found.shows, found.text) == (shows, words)


async def test_the_home_can_be_asked_for(bench: Bench) -> None:
    """`/signoff home` draws the App Home anew and says where it is."""
    answer = await bench.front.commanded(command("home", "/signoff"))
    assert "Home tab" in json.dumps(answer.body)
    assert (await bench.web.until("views.publish"))["user_id"] == "U0ADA"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("\ud83d"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
PLACES = """
    view view.type view.id view.hash view.blocks view.blocks.0 view.blocks.0.elements view.blocks.0.elements.0
    view.blocks.0.elements.0.options view.state view.state.values view.state.values.b view.state.values.b.signoff.tick.0
    view.private_metadata view.previous_view_id actions actions.0 actions.0.value actions.0.action_id
    actions.0.selected_option trigger_id user user.id team type
"""


def put(at: Any, path: list[str], value: object) -> None:
    for key in path[:-1]:
        if isinstance(at, list):
            at = at[0] if at and key == "0" else None
        else:
            at = at.get(key) if isinstance(at, dict) else None
    if isinstance(at, dict):
        at[path[-1]] = value
    elif isinstance(at, list) and at and path[-1].isdigit():
        at[0] = value


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(["block_actions", "view_submission", "shortcut"]),
    st.sampled_from(["move.select.0", "sift.risk", "tick.0", "leaf.next", "json", "stay", "home.review", "move.x.y"]),
    st.lists(st.tuples(st.sampled_from(PLACES.split()), JSON), max_size=4),
    st.sampled_from([{"move": "approve"}, {"purpose": "edit", "version": 1}, {}]),
)
def test_no_payload_of_a_review_is_too_odd_to_read(
    kind: str, action: str, changes: list[tuple[str, object]], stay: dict[str, Any]
) -> None:
    """Whatever a signed payload holds, it is read or it is none: nothing raises."""
    boxes = {"type": "checkboxes", "action_id": "signoff.tick.0", "options": [{"value": "g1"}]}
    payload = click(
        {"action_id": f"signoff.{action}", "value": ids.key("k")},
        values={"b": {"signoff.tick.0": {"selected_options": [{"value": "g1"}]}}},
        blocks=[{"type": "actions", "elements": [boxes]}],
        **stay,
    )
    payload["type"] = kind
    for path, value in changes:
        put(payload, path.split("."), value)
    read = parse.sound(cast("Any", payload))
    for body in (payload, read or {}):
        moves.is_ours(body)
        for found in (moves.gesture(body), moves.at_home(body), moves.shortcut(body)):
            assert found is None or found.actor.principal is not None
