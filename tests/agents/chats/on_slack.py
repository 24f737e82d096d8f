"""People at the simulated Slack: a card's buttons, the modals they open, and a private review of a batch."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import cast

import on_screen
from on_screen import Eyes, Json, NoWay, Said, Unseen

from signoff_sim.slack import SlackSim


class OnSlack:
    def __init__(self, sim: SlackSim, eyes: Eyes) -> None:
        self._sim = sim
        self._eyes = eyes
        self._busy: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def decide(self, person: str, asked: Json, answer: Json) -> None:
        """Raises NoWay, Said, Unseen."""
        async with self._busy[person]:
            one = _One(self._sim, self._eyes, person, asked)
            try:
                await one.find()
                await one.decide(answer)
            finally:
                await one.close()


class _One:
    """One person before one request."""

    def __init__(self, sim: SlackSim, eyes: Eyes, person: str, asked: Json) -> None:
        self._sim = sim
        self._eyes = eyes
        self._person = person
        self._asked = asked
        self._card: Json | None = None
        """Where its card stands, as the simulator's verbs name it; None: in the modal."""

    async def _act(self, verb: str, **body: object) -> Json:
        return await self._sim.act(verb, {"as": self._person, **body})

    # ── finding it ──

    async def find(self) -> None:
        """Stand before its card, or, for one of a batch, before it in a private review."""
        if self._asked.get("batch"):
            await self._review(self._asked["batch"]["id"])
        else:
            self._card = await self._eyes.until(self._place, f"in Slack, the card of {self._asked['id']}")

    def _place(self) -> Json | None:
        for channel in self._sim.workspace.channels.values():
            for message in reversed(channel.messages.values()):
                about = (message.metadata or {}).get("event_payload", {})
                if (about.get("request_id"), about.get("purpose")) == (self._asked["id"], "ask"):
                    return {"channel": message.channel, "ts": message.ts}
        return None

    async def _review(self, batch: str) -> None:
        """Ask for what waits of this batch, and go through it one at a time."""
        await self._act("command", command="/pending", text=batch, channel="#approvals")
        await self._eyes.until(lambda: self._button("One at a time"), f"in Slack, the list of {batch}")
        await self._turn("One at a time")
        for _ in range(on_screen.MOST_STEPS):
            if any(self._asked["id"] in text for text in on_screen.texts(self._blocks())):
                return
            onward = self._button("Next page") or self._button("Skip")
            if onward is None:
                break
            await self._turn(onward)
        raise Unseen(f"in Slack, {self._asked['id']} is not in the review")

    # ── looking ──

    @property
    def _modal(self) -> Json | None:
        return cast("Json | None", self._sim.state(self._person)["modal"])

    def _blocks(self) -> list[Json]:
        if self._card is None:
            return cast("list[Json]", (self._modal or {}).get("blocks", []))
        channel = self._sim.workspace.channels[self._card["channel"]]
        return cast("list[Json]", channel.messages[self._card["ts"]].blocks)

    def _button(self, label: str) -> str | None:
        """The label as it is written."""
        drawn = (one for block in self._blocks() for one in block.get("elements", ()) if one.get("type") == "button")
        return next(
            (one["text"]["text"] for one in drawn if on_screen.plain(one["text"]["text"]) == on_screen.plain(label)),
            None,
        )

    def _inputs(self, purpose: str) -> Iterator[Json]:
        for block in (self._modal or {}).get("blocks", []):
            if block["type"] == "input" and block["block_id"].startswith(f"{purpose}/"):
                yield block

    # ── doing ──

    async def _press(self, label: str) -> None:
        if self._card is not None:
            await self._act("click", **self._card, text=label)
            self._card = None  # what comes of it is a modal
        else:
            await self._act("press", text=label)

    async def _turn(self, label: str) -> None:
        """Press a button that draws the modal anew."""
        before = cast("Json", self._modal)["hash"]
        await self._press(label)
        await self._eyes.until(lambda: cast("Json", self._modal)["hash"] != before or None, "in Slack, another page")

    async def close(self) -> None:
        if self._modal is not None:
            await self._act("close", all=True)

    async def decide(self, answer: Json) -> None:
        match answer["kind"]:
            case "approve":
                await self._approve()
            case "edit":
                await self._edit(answer["arguments"])
            case "reject":
                await self._reject(answer.get("message"), answer.get("retry"))
            case "respond":
                await self._respond(answer["response"])
            case kind:
                raise NoWay(f"nobody can {kind}")

    async def _approve(self) -> None:
        if (label := self._button("Approve")) is None:
            # High risk, and more than the card holds: it has to be read in full first.
            await self._press("Details")
            await self._eyes.until(lambda: self._modal, "in Slack, the details")
            for _ in range(on_screen.MOST_PAGES):
                if (label := self._button("Approve")) is not None or self._button("Next") is None:
                    break
                await self._turn(self._button("Next") or "")
        if label is None:
            raise NoWay("there is no button to approve it")
        await self._press(label)
        if label.endswith("…"):  # the rule asks to type something
            [block] = await self._form("confirm")
            said = [block["label"]["text"], *(on_screen.texts(self._modal))]
            wanted = [
                found for text in said if (found := re.search(r"Type “(.*)” to approve|To approve, type: (.*)", text))
            ]
            if not wanted:
                raise Unseen(f"what has to be typed to approve is not on the form: {said}")
            await self._submit("confirm", {block["block_id"]: wanted[0][1] or wanted[0][2]})

    async def _edit(self, arguments: Json) -> None:
        before = self._asked["arguments"]
        await self._open("Edit")
        form = await self._form("edit")
        fresh = on_screen.edited(before, arguments)
        if fresh is not None:
            await self._submit("edit", {_of(form, name)["block_id"]: value for name, value in fresh.items()}, form)
            return
        await self._press("Edit as JSON")
        form = await self._form("edit_json")
        if len(form) > 1:
            raise NoWay("its JSON text takes several inputs")
        text = on_screen.rewritten(form[0]["element"].get("initial_value", "{}"), before, arguments)
        await self._submit("edit_json", {form[0]["block_id"]: text})

    async def _reject(self, message: str | None, retry: str | None) -> None:
        await self._open("Reject")
        form = await self._form("reject")
        values: Json = {}
        if message:
            values[next(one["block_id"] for one in form if one["element"]["type"] == "plain_text_input")] = message
        if retry:
            values[_of(form, "The agent may")["block_id"]] = on_screen.AGENT_MAY[retry]
        await self._submit("reject", values, form)

    async def _respond(self, response: object) -> None:
        await self._open("Answer")
        form = await self._form("respond")
        if isinstance(response, dict) and not (len(form) == 1 and form[0]["label"]["text"] == "Answer"):
            values = {_of(form, name)["block_id"]: value for name, value in cast("Json", response).items()}
        else:
            values = {form[0]["block_id"]: response}
        await self._submit("respond", values, form)

    async def _open(self, label: str) -> None:
        if self._button(label) is None:
            raise NoWay(f"there is no button {label}")
        await self._press(label)

    async def _form(self, purpose: str) -> list[Json]:
        def look() -> list[Json] | None:
            self._notice()
            return [*self._inputs(purpose)] or None

        return await self._eyes.until(look, f"in Slack, the form to {purpose}")

    def _notice(self) -> None:
        """Raises Said when a sentence stands where a form should."""
        modal = self._modal
        if modal is not None and modal["callback_id"] == "signoff.notice" and modal["title"]["text"] == "Signoff":
            raise Said(" ".join(on_screen.texts(modal["blocks"])))

    async def _submit(self, purpose: str, values: Json, form: list[Json] | None = None) -> None:
        """Send the form, page by page. Raises Said with the sentences at its fields."""
        by_id = {block["block_id"]: block for block in form or []}
        entries = {key: _entered(by_id[key], value) if form else value for key, value in values.items()}
        for _ in range(on_screen.MOST_PAGES):
            await self._act("submit", values=entries)
            modal = self._modal
            self._notice()
            if modal is None or not [*self._inputs(purpose)]:
                return
            if modal["errors"] or modal["trouble"]:
                raise Said("; ".join([*modal["errors"].values(), modal["trouble"]]))
            entries = {}  # the next page


def _of(form: list[Json], name: str) -> Json:
    """The field of an argument. Raises Said, NoWay."""
    for block in form:
        if on_screen.is_label(block["label"]["text"], name):
            return block
        if block["label"]["text"].startswith(f"{name} (1 of "):
            raise NoWay(f"{name} takes several inputs")
    raise Said(f"the form has no field {name}")


def _entered(block: Json, value: object) -> str:
    element = block["element"]
    grouped = [one for group in element.get("option_groups", ()) for one in group["options"]]
    options = {one["text"]["text"]: one["value"] for one in [*element.get("options", ()), *grouped]}
    return (
        on_screen.chosen(value, options) if options else on_screen.typed(value, block.get("hint", {}).get("text", ""))
    )
