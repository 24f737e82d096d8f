"""Looking through the queue in Slack with the real desk: from the command to the last result, in one modal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import harness_slack
import pytest

from signoff.model import Ask

pytestmark = pytest.mark.parametrize("chat", ["slack"])

Json = dict[str, Any]


@dataclass
class Hands:
    """One person in front of the list."""

    slack: harness_slack.SlackWorld
    person: str

    @property
    def modal(self) -> Json:
        found = self.slack.modal(self.person)
        assert found is not None
        return found

    @property
    def words(self) -> str:
        return harness_slack.words(self.modal["blocks"])

    async def pending(self, words: str = "", command: str = "/pending") -> None:
        body = {"as": self.person, "command": command, "text": words, "channel": "#refunds", "wait": "5"}
        assert (await self.slack.sim.act("command", body))["ok"]

    def options(self) -> dict[str, Json]:
        """Label → option, of everything that can be ticked."""
        return {option["text"]["text"]: option for _, boxes in self.boxes() for option in boxes["options"]}

    def boxes(self) -> list[tuple[str, Json]]:
        return [
            (block["block_id"], element)
            for block in self.modal["blocks"]
            if block["type"] == "actions"
            for element in block["elements"]
            if element["type"] == "checkboxes"
        ]

    def ticked(self) -> set[str]:
        values = self.modal["values"]
        chosen: set[str] = set()
        for name, state in values.items():
            if "tick" in name:
                chosen |= {one["text"]["text"] for one in _deep(state)}
        return chosen

    async def tick(self, label: str, *, on: bool = True) -> None:
        for block_id, boxes in self.boxes():
            for option in boxes["options"]:
                if label in option["text"]["text"]:
                    body = {"as": self.person, "field": block_id, "option": option["value"], "on": on}
                    assert (await self.slack.sim.act("tick", body))["ok"]
                    return
        raise AssertionError(f"nothing to tick is called {label}: {list(self.options())}")

    async def press(self, text: str, **more: Any) -> Json:
        body = {"as": self.person, "text": text, "wait": "5", **more}
        return cast("Json", await self.slack.sim.act("press", body))

    async def pick(self, action: str, label: str) -> Json:
        """Choose an option of a select."""
        block, select = next(
            (block, one)
            for block in self.modal["blocks"]
            for one in block.get("elements", ())
            if one.get("action_id") == f"signoff.{action}"
        )
        option = next(one for one in select["options"] if label in one["text"]["text"])
        body = {"as": self.person, "action_id": select["action_id"], "value": option["value"], "wait": "5"}
        return cast("Json", await self.slack.sim.act("press", {**body, "block_id": block["block_id"]}))

    async def submit(self, values: Json | None = None) -> Json:
        body = {"as": self.person, "values": values or {}}
        return cast("Json", await self.slack.sim.act("submit", body))

    async def sees(self, *words: str) -> None:
        def holds() -> bool:
            modal = self.slack.modal(self.person)
            shown = harness_slack.words(modal["blocks"]) if modal else ""
            return all(word in shown for word in words)

        try:
            await harness_slack.eventually(holds)
        except TimeoutError:
            modal = self.slack.modal(self.person)
            pytest.fail(f"{words} not in:\n{harness_slack.words(modal['blocks']) if modal else 'no modal'}")


def _deep(value: object) -> list[Json]:
    if isinstance(value, dict):
        if isinstance(value.get("selected_options"), list):
            return cast("list[Json]", value["selected_options"])
        return [one for inner in value.values() for one in _deep(inner)]
    return []


async def ask(house: Any, amount: int, **changes: Any) -> Any:
    body = {"arguments": {"order": f"A-{amount}", "amount": amount}, "title": f"Refund {amount}", "risk": "low"}
    request, _ = await house.ask(**{**body, **changes})
    return request


def hands(house: Any, person: str = "ada") -> Hands:
    return Hands(house.side._world, person)


async def status(house: Any, *requests: Any) -> list[str]:
    return [(await house.desk.get(one.id)).status for one in requests]


async def test_a_group_is_approved_with_three_clicks(house: Any) -> None:
    """The command, a tick, Approve…, the preflight with digests, confirm: all in one modal, and the cards follow."""
    low = [await ask(house, amount) for amount in (20, 30, 45)]
    high = await ask(house, 900, risk="high")
    ada = hands(house)
    await ada.pending()
    await ada.sees("4 requests wait for you", "1 high", "3 low")
    await ada.tick("3 × issue_refund")
    assert (await ada.submit())["ok"]
    await ada.sees("Approve 3 requests?", "Refund 20", "Refund 45", low[0].digest.removeprefix("sha256:")[:8])
    assert ada.modal["depth"] == 1
    assert (await ada.submit())["ok"]
    await ada.sees("3 approved")
    assert await status(house, *low, high) == ["approved"] * 3 + ["pending"]
    assert ada.modal["depth"] == 1


async def test_i04_closing_a_preflight_decides_nothing(house: Any) -> None:
    """What was ticked and not confirmed stays as it was."""
    request = await ask(house, 20)
    ada = hands(house)
    await ada.pending()
    await ada.tick("1 × issue_refund")
    await ada.submit()
    await ada.sees("Approve 1 request?")
    await ada.slack.sim.act("close", {"as": "ada"})
    assert await status(house, request) == ["pending"]


async def test_some_of_a_group_are_rejected_with_one_reason(house: Any) -> None:
    """A group is opened, one of it unticked; the reason is asked for once and reaches each request."""
    requests = [await ask(house, amount) for amount in (20, 30, 45)]
    ada = hands(house)
    await ada.pending()
    await ada.tick("3 × issue_refund")
    await ada.pick("move.open.pick", "3 × issue_refund")
    await ada.sees("Close this group")
    assert {label for label in ada.ticked() if "Refund" in label}
    await ada.tick("Refund 30", on=False)
    await ada.press("Reject selected…")
    await ada.sees("Reject 2 requests?")
    reason = next(block["block_id"] for block in ada.modal["blocks"] if block["type"] == "input")
    assert (await ada.submit({reason: "Not this week"}))["ok"]
    await ada.sees("2 rejected")
    assert await status(house, *requests) == ["rejected", "pending", "rejected"]
    assert (await house.desk.get(requests[0].id)).decision.message == "Not this week"


async def test_select_all_is_drawn_although_something_was_unticked(house: Any) -> None:
    """What the desk selects is what is ticked in the modal afterwards, whatever was ticked by hand before."""
    for amount in (20, 3000):
        await ask(house, amount, schema=None)
    ada = hands(house)
    await ada.pending()
    assert not ada.ticked()
    await ada.press("Select all")
    await ada.sees("2 selected")
    assert len(ada.ticked()) == 2
    await ada.tick("1 × issue_refund", on=False)
    await ada.press("Select all")
    await harness_slack.eventually(lambda: len(ada.ticked()) == 2)
    await ada.press("Select none")
    await harness_slack.eventually(lambda: not ada.ticked())


async def test_one_by_one_lands_on_the_next(house: Any) -> None:
    """Approve, reject by a form in place, and the next one is there each time; the modal is never stacked."""
    first, second, third = [await ask(house, amount) for amount in (20, 30, 45)]
    ada = hands(house)
    await ada.pending()
    await ada.press("One at a time")
    await ada.sees("Refund 20", "1 of 3")
    await ada.press("Approve")
    await ada.sees("Approved: Refund 20", "Refund 30", "2 of")
    await ada.press("Reject…")
    await harness_slack.eventually(lambda: ada.modal["submit"]["text"] == "Reject")
    assert ada.modal["depth"] == 1
    await ada.press("◀ Back to the request")
    await ada.sees("Refund 30")
    await ada.press("Reject…")
    await harness_slack.eventually(lambda: bool(ada.modal["submit"]))
    inputs = [block for block in ada.modal["blocks"] if block["type"] == "input"]
    reason = next(one["block_id"] for one in inputs if one["element"]["type"] == "plain_text_input")
    told = await ada.submit({reason: "no"})
    assert told["ok"]
    await ada.sees("Rejected: Refund 30", "Refund 45")
    await ada.press("Skip")
    await ada.sees("You have been through all of them")
    assert await status(house, first, second, third) == ["approved", "rejected", "pending"]


async def test_i07_a_second_click_on_what_was_left_decides_nothing(house: Any) -> None:
    """Approve clicked twice in the same drawing: the next request, which nobody has seen, is not approved by it."""
    first, second = [await ask(house, amount) for amount in (20, 30)]
    ada = hands(house)
    await ada.pending()
    await ada.press("One at a time")
    await ada.sees("Refund 20")
    view = ada.slack.sim.workspace.modals["U0ADA"][-1]
    before = dict(view.definition)
    await ada.press("Approve")
    await ada.sees("Refund 30")
    view.definition = before
    await ada.press("Approve")
    await ada.sees("Refund 30")
    assert await status(house, first, second) == ["approved", "pending"]


async def test_i07_an_edit_after_it_was_shown_is_not_approved(house: Any) -> None:
    """The version in front of the person is what counts, also when the review has read a newer one since."""
    first = await ask(house, 20)
    ada = hands(house)
    await ada.pending()
    await ada.press("One at a time")
    await ada.sees("Refund 20")
    view = ada.slack.sim.workspace.modals["U0ADA"][-1]
    before = dict(view.definition)
    await _edited(house, first)
    await ada.press("Edit…")
    await harness_slack.eventually(lambda: ada.modal["blocks"] != before["blocks"])
    view.definition = before
    await ada.press("Approve")
    await ada.sees("look again")
    assert (await house.desk.get(first.id)).version == 2
    assert await status(house, first) == ["pending"]


async def _edited(house: Any, request: Any) -> None:
    """A new version, as an edit that leaves it waiting makes one."""
    now = await house.store.load(request.id)
    after = now[0].model_copy(update={"version": 2, "rev": now[0].rev + 1})
    assert await house.store.move(now[0], after, "request.revised", house.entry(after))


async def test_an_edit_in_the_json_form_comes_back_to_the_review(house: Any) -> None:
    """The JSON form lies on top of the form; sent, both give way to the next request."""
    first = await ask(house, 20)
    await ask(house, 30)
    ada = hands(house)
    await ada.pending()
    await ada.press("One at a time")
    await ada.sees("Refund 20")
    await ada.press("Edit…")
    await harness_slack.eventually(lambda: ada.modal["title"]["text"].startswith("Edit"))
    await ada.press("Edit as JSON")
    await harness_slack.eventually(lambda: ada.modal["depth"] == 2)
    assert (await ada.submit({"edit_json/0/0": '{"order": "A-20", "amount": "many"}'}))["sent"]
    assert ada.modal["errors"]
    assert (await ada.submit({"edit_json/0/0": '{"order": "A-20", "amount": 19}'}))["ok"]
    await ada.sees("Approved with changes: Refund 20", "Refund 30")
    assert ada.modal["depth"] == 1
    assert (await house.desk.get(first.id)).decision.arguments == {"order": "A-20", "amount": 19}


async def test_the_list_is_narrowed_by_selects_and_words(house: Any) -> None:
    """A filter counts at once; words count with Enter, and also with the submit button, which then approves nothing."""
    await ask(house, 20)
    await ask(house, 30, tool="send_money", risk="medium", schema=None)
    ada = hands(house)
    await ada.pending()
    await ada.sees("2 requests wait")
    await ada.pick("sift.risk", "medium")
    await ada.sees("1 request waits", "send_money")
    await ada.pick("sift.risk", "Any risk")
    await ada.sees("2 requests wait")
    await ada.tick("issue_refund")
    text = next(block["block_id"] for block in ada.modal["blocks"] if block["type"] == "input")
    await ada.slack.sim.act("fill", {"as": "ada", "values": {text: "A-30"}, "enter": False})
    assert (await ada.submit())["ok"]
    await ada.sees("send_money")
    assert "issue_refund" not in "".join(ada.options())
    assert "Approve 1" not in ada.words
    text = next(block["block_id"] for block in ada.modal["blocks"] if block["type"] == "input")
    await ada.slack.sim.act("fill", {"as": "ada", "values": {text: ""}, "wait": "5"})
    await ada.sees("2 requests wait")


async def test_words_behind_the_command_narrow_the_list(house: Any) -> None:
    """`/signoff pending` and `/pending` with a risk, and what cannot be read is said privately."""
    await ask(house, 20)
    await ask(house, 30, tool="send_money", risk="medium", schema=None)
    ada = hands(house)
    await ada.pending("medium", "/pending")
    await ada.sees("1 request waits", "send_money")
    await ada.slack.sim.act("close", {"as": "ada"})
    await ada.pending("pending issue_refund", "/signoff")
    await ada.sees("1 request waits", "issue_refund")
    await ada.slack.sim.act("close", {"as": "ada"})
    await ada.pending("high low")
    assert ada.slack.modal("ada") is None
    private = [one for one in ada.slack.messages("ada", "C0REFUNDS") if one["ephemeral"]]
    assert "One risk at a time" in harness_slack.words([one["blocks"] for one in private])
    assert not [one for one in ada.slack.messages("bob", "C0REFUNDS") if one["ephemeral"]]


async def test_an_expired_trigger_is_said_privately(house: Any) -> None:
    """When Slack does not open the list, the one who asked reads why, and nobody else."""
    await ask(house, 20)
    ada = hands(house)
    ada.slack.sim.set_faults({"error": {"views.open": "expired_trigger_id"}})
    await ada.pending()
    private = [one for one in ada.slack.messages("ada", "C0REFUNDS") if one["ephemeral"]]
    assert "three seconds" in harness_slack.words([one["blocks"] for one in private])
    ada.slack.sim.set_faults({"error": {"views.open": "expired_trigger_id"}})
    await ada.slack.sim.act("shortcut", {"as": "ada", "callback_id": "signoff.pending", "wait": "5"})
    direct = ada.slack.state("ada")["channels"][-1]
    await harness_slack.eventually(lambda: "three seconds" in str(ada.slack.state("ada")["channels"][-1]["messages"]))
    assert direct["kind"] == "dm"


async def test_the_shortcut_and_the_home_open_the_list(house: Any) -> None:
    """The global shortcut, and Review in the App Home, which shows the queue and is drawn anew by Refresh."""
    await ask(house, 20)
    ada = hands(house)
    await ada.slack.sim.act("shortcut", {"as": "ada", "callback_id": "signoff.pending", "wait": "5"})
    await ada.sees("1 request waits for you")
    await ada.slack.sim.act("close", {"as": "ada"})
    await ada.slack.sim.act("home", {"as": "ada", "wait": "5"})
    home = lambda: harness_slack.words((ada.slack.state("ada")["home"] or {"blocks": []})["blocks"])  # noqa: E731
    await harness_slack.eventually(lambda: "1 request waits for you" in home() and "Refund 20" in home())
    await ask(house, 30)
    await ada.press("Refresh", where="home")
    await harness_slack.eventually(lambda: "2 requests wait for you" in home())
    await ada.press("Review", where="home")
    await ada.sees("2 requests wait for you")


async def test_i14_somebody_elses_list_is_of_no_use(house: Any) -> None:
    """The id of Ada's review in Bob's modal leads nowhere, although Bob may decide the same requests."""
    request = await ask(house, 20)
    ada, bob = hands(house), hands(house, "bob")
    await ada.pending()
    await ada.tick("1 × issue_refund")
    await ada.submit()
    await ada.sees("Approve 1 request?")
    await bob.pending()
    workspace = ada.slack.sim.workspace
    stolen = workspace.modals["U0ADA"][-1]
    workspace.modals["U0BOB"][-1].definition["private_metadata"] = stolen.definition["private_metadata"]
    await bob.submit()
    assert await status(house, request) == ["pending"]
    await bob.sees("This list is no longer there")
    await bob.press("Back to the list")
    await bob.sees("1 request waits for you")


async def test_a_second_submit_of_the_same_preflight_decides_nothing_more(house: Any) -> None:
    """The same confirmation sent twice leaves one decision of each, and shows the same results."""
    requests = [await ask(house, amount) for amount in (20, 30)]
    ada = hands(house)
    await ada.pending()
    await ada.press("Select all")
    await ada.sees("2 selected")
    await ada.submit()
    await ada.sees("Approve 2 requests?")
    view = ada.slack.sim.workspace.modals["U0ADA"][-1]
    before = dict(view.definition)
    await ada.submit()
    await ada.sees("2 approved")
    view.definition = before
    await ada.submit()
    await ada.sees("2 approved")
    assert await status(house, *requests) == ["approved", "approved"]
    assert [len((await house.desk.get(one.id)).votes) for one in requests] == [1, 1]


async def test_when_redis_is_away_the_list_says_so_and_leads_back(house: Any) -> None:
    """A click that could not be written is not acknowledged, and the list is one click away."""
    await ask(house, 20)
    ada = hands(house)
    await ada.pending()
    away = _away(house)
    told = await ada.press("Select all")
    assert not told["ok"]
    await ada.sees("Redis cannot be reached")
    away()
    await ada.press("Back to the list")
    await ada.sees("1 request waits for you")


def _away(house: Any) -> Any:
    from signoff.errors import StoreUnavailable

    async def recall(space: str, key: str) -> None:
        raise StoreUnavailable

    store = house.store
    store.recall = recall
    return lambda: delattr(store, "recall")


async def _repainted(house: Any) -> None:
    """The card of several requests is drawn a second after something about them has changed."""
    await house.converge()
    house.clock.ahead += timedelta(seconds=2)
    await house.converge()


async def test_the_card_of_a_batch_opens_a_private_list(house: Any) -> None:
    """Each button of the one card for several: a list of them, the page before deciding all, a single one."""
    body = {"tool": "issue_refund", "risk": "low", "channel": house.side.place}
    asks = [Ask.model_validate({**body, "arguments": {"order": f"A-{n}", "amount": n}}) for n in (20, 30, 45)]
    _, opened = await house.desk.batches.ask(asks, "Monday's refunds", house.key, "token-1")
    await _repainted(house)
    ada = hands(house)
    [card] = [one for one in ada.slack.messages("ada", "C0REFUNDS") if "Monday's refunds" in str(one["blocks"])]
    assert sum("accessory" in block for block in card["blocks"]) == 3

    async def press(action: str) -> None:
        body = {"as": "ada", "channel": "#refunds", "ts": card["ts"], "action_id": f"signoff.{action}", "wait": "5"}
        assert (await ada.slack.sim.act("click", body))["ok"]

    await press("one")
    await ada.sees("A-20", "1 of 3")
    await ada.slack.sim.act("close", {"as": "ada"})
    await press("reject_all")
    await ada.sees("Reject 3 requests?")
    await ada.slack.sim.act("close", {"as": "ada"})
    await press("review")
    await ada.sees("3 requests wait for you")
    await ada.slack.sim.act("close", {"as": "ada"})
    await press("approve_all")
    await ada.sees("Approve 3 requests?")
    await ada.submit()
    await ada.sees("3 approved")
    assert await status(house, *(one.request for one in opened)) == ["approved"] * 3
    await _repainted(house)
    [card] = [one for one in ada.slack.messages("ada", "C0REFUNDS") if "Monday's refunds" in str(one["blocks"])]
    assert not [block for block in card["blocks"] if block["type"] == "actions"]


async def test_two_hundred_are_decided_in_time(house: Any) -> None:
    """Two hundred requests with as much text as a line takes: listed, checked and decided, each answer within three
    seconds, every page of what is decided shown before it is.
    """
    body = {"tool": "issue_refund", "risk": "low", "channel": house.side.place}
    words = "wörd & <@U0BOB> *bold* 漢字 " * 4
    for n in range(200):
        ask_ = Ask.model_validate({**body, "title": f"漢{n} {words}", "arguments": {"order": words, "amount": n}})
        await house.desk.ask(ask_, house.key)
    ada = hands(house)
    await ada.pending()
    await ada.sees("200 requests wait for you")
    await ada.press("Select all")
    await ada.sees("200 selected")
    await ada.submit()
    await ada.sees("Approve 200 requests?")
    drawn = ada.words
    while not ada.modal["submit"]["text"].startswith("Approve 200"):
        assert (await ada.submit())["ok"]
        drawn += ada.words
    assert all(f"漢{n} " in drawn for n in range(200))
    assert (await ada.submit())["ok"]
    await ada.sees("200 approved")
