"""Signed interactions and activities of a review, changed anywhere at random: nothing breaks, and nothing that was not
shown and confirmed is decided.
"""

from __future__ import annotations

import asyncio
import copy
import gc
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import harness_slack
from harness_review import RULES, SCHEMA, ask, batch, members, sees
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signoff import forms

Json = dict[str, Any]
Sends = list[tuple[str, Json]]
LONG = "x" * 5000
JUNK: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(
        [
            None, True, 0, -1, 10**400, 1.5, "", "\x00", "\ud800", "a\udfffb", LONG, "\u202e<!channel>", [], {}, [[]],
            [{}], ["x"], {"k": []}, "confirm", "decide", "g0", "g0:999999", "r0", "r99999", "r-1", "rⅧ", "all", "=",
            "=#", "#0", "signoff.move.confirm.0", "signoff.move.decide.0", "signoff.tick.0", "signoff.sift.risk",
            "signoff.sift.zzz", "signoff.leaf.next", "signoff.stay", "signoff.json", '{"s":"x","k":""}',
            '{"k":"0","n":99999}', '{"s":1}', "[" * 3000, "pile:", "bat_", "pile:slack:#refunds", "high", "0" * 50,
        ]
    ),
    st.text(max_size=40),
    st.integers(),
    st.recursive(st.none() | st.booleans() | st.text(max_size=5), lambda one: st.lists(one, max_size=3), max_leaves=5),
)  # fmt: skip
EXAMPLES = 150
Policed = Callable[[str, str, timedelta], AbstractAsyncContextManager[Any]]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value but the whole."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], junk: Any) -> None:
    for key in path[:-1]:
        value = value[key]
    value[path[-1]] = junk


async def walk(house: Any) -> None:
    """Once through everything a person can do."""
    ada = house.side.hands("ada")
    first = await ask(house, 20, expires_in=3600)
    await ask(house, 30, expires_in=3700)
    card, _ = await batch(house, members())
    await ada.ask()
    await sees(ada, "5 requests wait")
    await ada.tick("issue_refund")
    await ada.open("issue_refund")
    await sees(ada, "Refund 20", "Refund 30")
    await ada.sift("risk", "low")
    await sees(ada, "low (5)")
    await ada.find("A-")
    await harness_slack.eventually(lambda: "2 × issue_refund" in ada.text and "3 × issue_refund" not in ada.text)
    await ada.press("One at a time")
    await sees(ada, "Digest", "Refund 20")
    await ada.press("Skip")
    await sees(ada, "Digest", "Refund 30")
    await ada.press("Previous")
    await sees(ada, "Digest", "Refund 20")
    await ada.press("Reject…")
    await sees(ada, "Reason")
    await ada.leave_form()
    await sees(ada, "Digest")
    await ada.press("Edit…")
    await sees(ada, "amount")
    await ada.send("Submit", forms.edit_form(first), {"/amount": "4000"})
    await sees(ada, "1000")
    await ada.leave_form()
    await sees(ada, "Digest")
    await ada.press("Back to the list")
    await sees(ada, "Select all")
    await ada.press("Select all")
    await sees(ada, "Select none")
    await ada.press("Reject selected…")
    await sees(ada, "Back to the list")
    await ada.press("Back to the list")
    await sees(ada, "Select none")
    await ada.close()
    await ada.pile(card, "approve_all")
    await sees(ada, "Approve 3 requests?")
    await ada.close()
    await ada.pile(card, "one")
    await sees(ada, "Digest", "Row 0")
    await ada.press("Approve")
    await sees(ada, "Approved: Row 0")


class Slack:
    """Interactions with Slack's own signature."""

    def __init__(self, house: Any) -> None:
        self._world: harness_slack.SlackWorld = house.side._world
        self.sent: list[Json] = []
        courier = self._world.sim.courier
        self._deliver = courier.interactive

        async def recorded(payload: Json) -> Any:
            self.sent.append(copy.deepcopy(payload))
            return await self._deliver(payload)

        courier.interactive = recorded

    async def send(self, payload: Json) -> int:
        return int((await self._deliver(payload)).status)


class Teams:
    """Activities with a good token."""

    def __init__(self, house: Any) -> None:
        self._sender = house.side._world.sim._sender
        self.sent: list[Json] = []
        deliver = self._sender.deliver

        async def recorded(activity: Json, *args: Any, **more: Any) -> Any:
            if activity["type"] == "invoke":
                self.sent.append(copy.deepcopy(activity))
            return await deliver(activity, *args, **more)

        self._sender.deliver = recorded

    async def send(self, payload: Json) -> int:
        headers = {"Authorization": f"Bearer {self._sender._sign()}"}
        url = f"{self._sender.bot_url}/api/messages"
        async with self._sender._session.post(url, json=payload, headers=headers) as response:
            return int(response.status)


def strict(store: Any) -> None:
    """Redis takes no half a surrogate pair."""
    for name in ("recall", "remember", "first", "forget", "several", "load"):
        bound = getattr(store, name)

        def wrapped(*args: Any, _bound: Any = bound) -> Any:
            repr(args).encode()
            str([one for one in args if isinstance(one, str)]).encode()
            for one in args:
                for text in one if isinstance(one, list | tuple) else [one]:
                    if isinstance(text, str):
                        text.encode()
            return _bound(*args)

        setattr(store, name, wrapped)


def test_i20_changed_payloads_decide_nothing_and_break_nothing(policed: Policed, chat: str) -> None:
    """Any one place of any payload of a whole walk, replaced by junk, in any order: no answer of ours is a fault, and
    what needs a look of its own, or somebody else's, is never decided.
    """
    with asyncio.Runner() as runner:
        context = policed(chat, RULES, timedelta())
        house = runner.run(context.__aenter__())
        lost: list[Any] = []
        runner.get_loop().set_exception_handler(lambda _, about: lost.append(about))
        try:
            hand = (Slack if chat == "slack" else Teams)(house)
            runner.run(walk(house))
            barred = [
                runner.run(ask(house, 900, risk="high")),
                runner.run(ask(house, 31, on_behalf_of="ada@example.com")),
                runner.run(ask(house, 1, tool="deploy", arguments={"service": "api"}, schema=None)),
                runner.run(ask(house, 40, arguments={"order": "A\u200b", "amount": 40}, schema=SCHEMA)),
            ]
            strict(house.store)

            @settings(
                max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(st.integers(0, len(hand.sent) - 1), st.data())
            def check(index: int, data: st.DataObject) -> None:
                payload = copy.deepcopy(hand.sent[index])
                where = list(places(payload))
                for _ in range(data.draw(st.integers(1, 2))):
                    path = data.draw(st.sampled_from(where))
                    try:
                        put(payload, path, data.draw(JUNK))
                    except (KeyError, IndexError, TypeError):
                        continue  # what was there is gone with the place around it
                assert runner.run(hand.send(payload)) in (200, 400, 401, 404, 501)

            check()
            gc.collect()  # a task that has failed behind an answer is told of when it goes
            runner.run(asyncio.sleep(0))
            assert not lost
            for one in barred:
                after = runner.run(house.desk.get(one.id))
                assert (after.status, after.votes) == ("pending", ())
        finally:
            runner.run(context.__aexit__(None, None, None))
