"""People at the simulated Teams: a card's buttons, the forms in its place, and a private review of a batch."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import cast

import on_screen
from on_screen import Eyes, Json, NoWay, Said, Unseen

from signoff_sim.teams import TeamsSim


class OnTeams:
    def __init__(self, sim: TeamsSim, eyes: Eyes) -> None:
        self._sim = sim
        self._eyes = eyes
        self._busy: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def decide(self, person: str, asked: Json, answer: Json) -> None:
        """Raises NoWay, Said, Unseen."""
        async with self._busy[person]:
            one = _One(self._sim, self._eyes, person, asked)
            await one.find()
            await one.decide(answer)


class _One:
    """One person before one request."""

    def __init__(self, sim: TeamsSim, eyes: Eyes, person: str, asked: Json) -> None:
        self._sim = sim
        self._eyes = eyes
        self._person = person
        self._asked = asked
        self._where: Json = {}
        """The card, as the simulator's verbs name it."""
        self._seen: Json = {}
        """The card as this person sees it."""

    # ── finding it ──

    async def find(self) -> None:
        """Stand before its card, or, for one of a batch, before it in a private review."""
        if self._asked.get("batch"):
            await self._review(self._asked["batch"]["id"])
            return
        self._where = await self._eyes.until(self._place, f"in Teams, the card of {self._asked['id']}")
        self._look()
        if "cancel" in self._buttons():  # a form that was refused before still stands there
            await self._press("Cancel")

    def _place(self) -> Json | None:
        for thread in reversed(self._sim.threads.all.values()):
            for message in thread.messages if thread.channel is not None else ():
                if message.card is None or message.deleted:
                    continue
                about = {
                    (node.get("verb"), node["data"].get("request")) for node in nodes(message.card) if "data" in node
                }
                if ("more", self._asked["id"]) in about:  # which every card has that waits
                    return {"conversation": thread.id, "activity": message.id}
        return None

    async def _review(self, batch: str) -> None:
        """Ask for what waits of this batch, and go through it one at a time."""
        before = self._own()
        await self._sim.act("say", {"as": self._person, "conversation": self._chat, "text": f"pending {batch}"})
        [fresh, *_] = await self._eyes.until(lambda: self._own() - before or None, f"in Teams, the list of {batch}")
        self._where = {"conversation": self._chat, "activity": fresh}
        self._look()
        await self._press("One at a time")
        for _ in range(on_screen.MOST_STEPS):
            if any(self._asked["id"] in text for text in on_screen.texts(self._seen)):
                return
            onward = next((one for one in ("next part", "skip") if one in self._buttons()), None)
            if onward is None:
                break
            await self._press(self._buttons()[onward])
        raise Unseen(f"in Teams, {self._asked['id']} is not in the review")

    @property
    def _chat(self) -> str:
        return self._sim.directory.chat_id(self._sim.directory.person(self._person))

    def _own(self) -> set[str]:
        """The cards in this person's chat with the app."""
        return {one.id for one in self._sim.threads.all[self._chat].messages if one.card is not None}

    # ── looking and doing ──

    def _look(self) -> None:
        who = self._sim.directory.person(self._person)
        _, message = self._sim.threads.seen_by(who, self._where["conversation"], self._where["activity"])
        self._seen = cast("Json", message.card_for(self._person))

    def _buttons(self) -> dict[str, str]:
        """Plain label → label as it is written."""
        titles = [str(node["title"]) for node in nodes(self._seen) if str(node.get("type")).startswith("Action.")]
        return {on_screen.plain(title): title for title in titles}

    async def _press(self, label: str, **inputs: object) -> None:
        body = {"as": self._person, **self._where, "text": label, "inputs": inputs}
        told = await self._sim.act("click", body)
        if told.get("invalid"):
            raise Said("; ".join(told["invalid"].values()))
        self._look()
        if told.get("notice"):
            raise Said(str(told["notice"]))

    def _inputs(self) -> list[Json]:
        return [node for node in nodes(self._seen) if str(node.get("type")).startswith("Input.")]

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
        if "approve" not in self._buttons() and "details" in self._buttons():
            # High risk, and more than the card holds: it has to be read in full first.
            await self._press("Details")
        for _ in range(on_screen.MOST_PAGES):
            onward = [one for one in ("next page", "next part", "next") if one in self._buttons()]
            if "approve" in self._buttons() or not onward:
                break
            await self._press(self._buttons()[onward[0]])
        label = self._buttons().get("approve")
        if label is None:
            raise NoWay("there is no button to approve it")
        await self._press(label)
        if label.endswith("…"):  # the rule asks to type something
            [field] = self._form()
            said = [field["label"], *(str(node["text"]) for node in nodes(self._seen) if "text" in node)]
            wanted = [
                found for text in said if (found := re.search(r"Type “(.*)” to approve|To approve, type: (.*)", text))
            ]
            if not wanted:
                raise Unseen(f"what has to be typed to approve is not on the form: {said}")
            await self._submit({field["id"]: wanted[0][1] or wanted[0][2]})

    async def _edit(self, arguments: Json) -> None:
        before = self._asked["arguments"]
        await self._open("Edit")
        fresh = on_screen.edited(before, arguments)
        if fresh is not None:
            await self._submit({_of(self._form(), name)["id"]: value for name, value in fresh.items()})
            return
        await self._press("Edit as JSON")
        [field] = self._form()
        if "next" in self._buttons():
            raise NoWay("its JSON text takes several pages")
        await self._submit({field["id"]: on_screen.rewritten(field.get("value", "{}"), before, arguments)})

    async def _reject(self, message: str | None, retry: str | None) -> None:
        await self._open("Reject")
        values: Json = {}
        if message:
            values[next(one["id"] for one in self._form() if one["type"] == "Input.Text")] = message
        if retry:
            values[_of(self._form(), "The agent may")["id"]] = on_screen.AGENT_MAY[retry]
        await self._submit(values)

    async def _respond(self, response: object) -> None:
        await self._open("Answer")
        form = self._form()
        if isinstance(response, dict) and form[0]["id"] != "#":
            await self._submit({_of(form, name)["id"]: value for name, value in cast("Json", response).items()})
        else:
            await self._submit({form[0]["id"]: response})

    async def _open(self, label: str) -> None:
        if on_screen.plain(label) not in self._buttons():
            raise NoWay(f"there is no button {label}")
        await self._press(label)

    def _form(self) -> list[Json]:
        found = self._inputs()
        if not found:
            raise Said(" ".join(_faults(self._seen)) or "no form opened")
        return found

    def _entered(self, field: Json, value: object) -> object:
        if field["type"] == "Input.Toggle":
            return value
        if options := {one["title"]: one["value"] for one in field.get("choices", ())}:
            return on_screen.chosen(value, options)
        below = [*self._seen["body"][self._seen["body"].index(field) + 1 :], {}][0]
        return on_screen.typed(value, "" if "id" in below else " ".join(on_screen.texts(below)))

    def _sending(self) -> Iterator[Json]:
        """What sends the form that is open."""
        return (node for node in nodes(self._seen) if node.get("verb") in ("submit", "next"))

    async def _submit(self, values: Json) -> None:
        """Send the form, page by page. Raises Said with the sentences at its fields."""
        by_id = {one["id"]: one for one in self._inputs()}
        entries = {key: self._entered(by_id[key], value) for key, value in values.items()}
        for _ in range(on_screen.MOST_PAGES):
            [send, *_] = self._sending()
            body = {"as": self._person, **self._where, "verb": send["verb"], "inputs": entries}
            told = await self._sim.act("click", body)
            if told.get("invalid"):
                raise Said("; ".join(told["invalid"].values()))
            self._look()
            if told.get("notice"):
                raise Said(str(told["notice"]))
            if not [*self._sending()]:
                return
            if faults := [*_faults(self._seen)]:
                raise Said("; ".join(faults))
            entries = {}  # the next page


def _of(form: list[Json], name: str) -> Json:
    """The field of an argument. Raises Said."""
    found = next((one for one in form if on_screen.is_label(one["label"], name)), None)
    if found is None:
        raise Said(f"the form has no field {name}")
    return found


def _faults(card: Json) -> Iterator[str]:
    """The sentences at the fields, and on top of the card for whoever clicked."""
    for node in nodes(card):
        if str(node.get("text", "")).startswith("⚠ "):
            yield str(node["text"]).removeprefix("⚠ ")
        if node.get("type") == "Container" and node.get("style") == "attention":
            yield " ".join(str(inner["text"]) for inner in nodes(node) if "text" in inner)


def nodes(value: object) -> Iterator[Json]:
    """Every JSON object inside a card."""
    if isinstance(value, dict):
        yield cast("Json", value)
        for item in cast("Json", value).values():
            yield from nodes(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from nodes(item)
