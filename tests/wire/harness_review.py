"""One person in front of the list, in either chat: the same verbs, whatever a screen is made of. And what waits."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol, cast

import harness_slack
import harness_teams
import pytest

from signoff import forms
from signoff.model import Ask, MessageRef, Request
from signoff_sim import world

Json = dict[str, Any]
WAITS = "5"
"""Seconds within which something has to change after a press."""


class Hands(Protocol):
    """Labels are those a person reads; `Approve…` and `Approve` are the same button to them."""

    @property
    def text(self) -> str:
        """Every word of the screen in front of this person; "" without one."""
        ...

    @property
    def told(self) -> str:
        """What this person alone was told in sentences so far."""
        ...

    def ticks(self) -> dict[str, bool]:
        """What can be ticked, and whether it is."""
        ...

    def buttons(self) -> list[str]: ...

    async def ask(self, words: str = "") -> None:
        """Type `pending` with these words behind it."""
        ...

    async def home(self) -> str:
        """Open somebody's own page; what it says."""
        ...

    async def from_home(self) -> None:
        """Press Review on the page that is open."""
        ...

    async def pile(self, card: MessageRef, action: str) -> None:
        """Press `review`, `approve_all`, `reject_all` or (the first) `one` on the card of several."""
        ...

    async def tick(self, label: str, *, on: bool = True) -> None: ...

    async def open(self, label: str) -> None:
        """Open a group, or look at one request of an open one."""
        ...

    async def sift(self, name: str, label: str) -> None:
        """Narrow the list by `risk`, `tool`, `agent` or `channel`."""
        ...

    async def find(self, text: str) -> None: ...

    async def press(self, label: str) -> None: ...

    async def confirm(self, label: str, reason: str = "", *, force: bool = False) -> str:
        """Look at all pages of what will be decided and confirm; every word of them. `force`: with what the person's
        client would not send.
        """
        ...

    async def send(self, label: str, form: forms.Form, values: Mapping[str, str]) -> None:
        """Send the open form with these values, by Field.key."""
        ...

    async def leave_form(self) -> None: ...

    async def close(self) -> None: ...

    def hold(self) -> object:
        """The screen as it is drawn now."""
        ...

    def put(self, held: object) -> None:
        """Have that drawing in front again, as in a second window or after a lost answer."""
        ...


class SlackHands:
    def __init__(self, world: harness_slack.SlackWorld, person: str) -> None:
        self._world = world
        self._person = person

    @property
    def _modal(self) -> Json:
        found = self._world.modal(self._person)
        assert found is not None, f"{self._person} has no modal open; told: {self.told}"
        return found

    @property
    def text(self) -> str:
        modal = self._world.modal(self._person)
        if modal is None:
            return ""
        typed = [str(state.get("value") or "") for block in modal["values"].values() for state in block.values()]
        return "\n".join([harness_slack.words(modal["blocks"]), *typed, *modal["errors"].values()])

    @property
    def told(self) -> str:
        state = self._world.state(self._person)
        direct = [one for channel in state["channels"] if channel["kind"] == "dm" for one in channel["messages"]]
        private = [one for channel in state["channels"] for one in channel["messages"] if one["ephemeral"]]
        said = [f"{one['text']}\n{harness_slack.words(one['blocks'])}" for one in [*direct, *private]]
        return "\n".join([*said, *(one["text"] for one in state["notices"])])

    def _boxes(self) -> list[tuple[str, Json]]:
        return [
            (block["block_id"], element)
            for block in self._modal["blocks"]
            for element in block.get("elements", ())
            if element.get("type") == "checkboxes"
        ]

    def ticks(self) -> dict[str, bool]:
        found: dict[str, bool] = {}
        for block_id, boxes in self._boxes():
            state = self._modal["values"].get(block_id, {}).get(boxes["action_id"], {})
            chosen = {one["value"] for one in state.get("selected_options", ())}
            found |= {one["text"]["text"]: one["value"] in chosen for one in boxes["options"]}
        return found

    def buttons(self) -> list[str]:
        modal = self._modal
        drawn = [one for block in modal["blocks"] for one in block.get("elements", ()) if one.get("type") == "button"]
        submit = [modal["submit"]["text"]] if modal.get("submit") else []
        return [*submit, *(one["text"]["text"] for one in drawn)]

    async def _act(self, verb: str, **body: Any) -> Json:
        return await self._world.sim.act(verb, {"as": self._person, **body})

    async def ask(self, words: str = "") -> None:
        await self._act("command", command="/pending", text=words, channel="#refunds", wait=WAITS)

    async def home(self) -> str:
        await self._act("home", wait=WAITS)
        home = self._world.state(self._person)["home"]
        return harness_slack.words(home["blocks"]) if home else ""

    async def from_home(self) -> None:
        await self._act("press", text="Review", where="home", wait=WAITS)

    async def pile(self, card: MessageRef, action: str) -> None:
        await self._world.click(self._person, card, action, wait=5)

    async def tick(self, label: str, *, on: bool = True) -> None:
        for block_id, boxes in self._boxes():
            for option in boxes["options"]:
                if label in option["text"]["text"]:
                    await self._act("tick", field=block_id, option=option["value"], on=on)
                    return
        raise AssertionError(f"nothing to tick is called {label}: {list(self.ticks())}")

    async def open(self, label: str) -> None:
        for block in self._modal["blocks"]:
            for one in block.get("elements", ()):
                if not str(one.get("action_id")).endswith(".pick"):
                    continue
                for option in one["options"]:
                    if label in option["text"]["text"]:
                        where = {"action_id": one["action_id"], "block_id": block["block_id"]}
                        await self._act("press", **where, value=option["value"], wait=WAITS)
                        return
        raise AssertionError(f"nothing to open is called {label}")

    async def sift(self, name: str, label: str) -> None:
        for block in self._modal["blocks"]:
            for one in block.get("elements", ()):
                if one.get("action_id") == f"signoff.sift.{name}":
                    option = next(one for one in one["options"] if label in one["text"]["text"])
                    where = {"action_id": one["action_id"], "block_id": block["block_id"]}
                    await self._act("press", **where, value=option["value"], wait=WAITS)
                    return
        raise AssertionError(f"the list cannot be narrowed by {name}")

    async def find(self, text: str) -> None:
        field = next(block["block_id"] for block in self._modal["blocks"] if block["type"] == "input")
        await self._act("fill", values={field: text}, wait=WAITS)

    async def press(self, label: str) -> None:
        submit = self._modal.get("submit")
        if submit and _plain(submit["text"]) == _plain(label):
            await self._act("submit", values={})
        else:
            await self._act("press", text=label, wait=WAITS)

    async def confirm(self, label: str, reason: str = "", *, force: bool = False) -> str:
        drawn = self.text
        while _plain(self._modal["submit"]["text"]) == "next page":
            await self._act("submit", values={})
            drawn += self.text
        asked = [block["block_id"] for block in self._modal["blocks"] if block["type"] == "input"]
        assert _plain(self._modal["submit"]["text"]) == _plain(label), self.buttons()
        await self._act("submit", values={asked[0]: reason} if reason else {}, force=force)
        return drawn

    async def send(self, label: str, form: forms.Form, values: Mapping[str, str]) -> None:
        index = {field.key: number for number, field in enumerate(form.fields)}
        await self._act("submit", values={f"{form.purpose}/{index[key]}/0": text for key, text in values.items()})

    async def leave_form(self) -> None:
        await self.press("◀ Back to the request")

    async def close(self) -> None:
        if self._world.modal(self._person) is not None:
            await self._act("close", all=True)

    def hold(self) -> object:
        return dict(self._stack()[-1].definition)

    def put(self, held: object) -> None:
        self._stack()[-1].definition = dict(cast("Json", held))

    def _stack(self) -> list[Any]:
        user = self._world.sim.workspace.user(self._person)
        assert user is not None
        return self._world.sim.workspace.modals[user.id]


class TeamsHands:
    def __init__(self, world: harness_teams.TeamsWorld, person: str) -> None:
        self._world = world
        self._person = person
        self._who = world.sim.directory.person(person)
        self._card: MessageRef | None = None
        """Where the review stands."""
        self._notice = ""
        self._typed: dict[str, str] = {}
        """Input id → what was entered and not sent yet."""

    @property
    def _shown(self) -> Json:
        assert self._card is not None, f"{self._person} has no list; told: {self.told}"
        return self._world.seen(self._person, self._card)

    @property
    def text(self) -> str:
        if self._card is None:
            return ""
        nodes = harness_teams.nodes(self._shown)
        said = [str(node[name]) for node in nodes for name in ("text", "title", "label") if name in node]
        typed = [str(node["value"]) for node in nodes if "id" in node and "value" in node]
        faults = [str(node["errorMessage"]) for node in nodes if "errorMessage" in node]
        return "\n".join([*said, *typed, *faults])

    @property
    def told(self) -> str:
        sim = self._world.sim
        chat = sim.threads.all[sim.directory.chat_id(self._who)]
        return "\n".join([*(one.text or "" for one in chat.messages if one.sender is None), self._notice])

    def _boxes(self) -> list[Json]:
        nodes = harness_teams.nodes(self._shown)
        return [node for node in nodes if str(node.get("id", "")).startswith("ticks:")]

    def _chosen(self, boxes: Json) -> set[str]:
        return set(filter(None, str(self._typed.get(boxes["id"], boxes.get("value", ""))).split(",")))

    def ticks(self) -> dict[str, bool]:
        return {
            choice["title"]: choice["value"] in self._chosen(boxes)
            for boxes in self._boxes()
            for choice in boxes["choices"]
        }

    def buttons(self) -> list[str]:
        nodes = harness_teams.nodes(self._shown)
        return [str(node.get("title")) for node in nodes if str(node.get("type")).startswith("Action.")]

    async def ask(self, words: str = "") -> None:
        await self._say(f"pending {words}".strip())

    async def _say(self, text: str) -> None:
        chat = self._world.sim.directory.chat_id(self._who)
        before = self._mine()
        await self._world.sim.act("say", {"as": self._person, "conversation": chat, "text": text})
        fresh = [one for one in self._mine() if one not in before]
        self._card = fresh[-1] if fresh else None
        self._typed = {}

    def _mine(self) -> list[MessageRef]:
        chat = self._world.sim.directory.chat_id(self._who)
        return [one for one in self._world.cards(self._person) if one.conversation == chat]

    async def home(self) -> str:
        await self._say("home")
        return self.text

    async def from_home(self) -> None:
        await self.press("Review")

    async def pile(self, card: MessageRef, action: str) -> None:
        self._card, before = card, self._mine()
        self._typed = {}
        await self._click(verb=action)
        fresh = [one for one in self._mine() if one not in before]
        if fresh:  # it was opened in the chat with the bot
            self._card = fresh[-1]

    async def tick(self, label: str, *, on: bool = True) -> None:
        for boxes in self._boxes():
            for choice in boxes["choices"]:
                if label in choice["title"]:
                    chosen = self._chosen(boxes)
                    (chosen.add if on else chosen.discard)(choice["value"])
                    self._typed[boxes["id"]] = ",".join(sorted(chosen))
                    return
        raise AssertionError(f"nothing to tick is called {label}: {list(self.ticks())}")

    async def open(self, label: str) -> None:
        pick = next(node for node in harness_teams.nodes(self._shown) if node.get("id") == "pick")
        found = [choice for choice in pick["choices"] if label in choice["title"]]
        assert found, f"nothing to open is called {label}: {pick['choices']}"
        self._typed["pick"] = found[0]["value"]
        await self.press("Open")

    async def sift(self, name: str, label: str) -> None:
        select = next(node for node in harness_teams.nodes(self._shown) if node.get("id") == f"filter:{name}")
        found = [choice for choice in select["choices"] if label in choice["title"]]
        assert found, f"the list cannot be narrowed to {label}: {select['choices']}"
        self._typed[select["id"]] = found[0]["value"]
        await self._narrow()

    async def find(self, text: str) -> None:
        self._typed["filter:text"] = text
        await self._narrow()

    async def _narrow(self) -> None:
        nodes = harness_teams.nodes(self._shown)
        [action] = [
            one
            for one in nodes
            if one.get("type") == "Action.Execute"
            and (one["data"].get("move"), one["data"].get("key")) == ("narrow", "")
        ]
        await self._click(text=action["title"])

    async def press(self, label: str) -> None:
        await self._click(text=label)

    async def _click(self, *, verb: str | None = None, text: str | None = None) -> None:
        assert self._card is not None
        inputs, self._typed = self._typed, {}
        told = await self._world.click(self._person, self._card, verb=verb, text=text, inputs=inputs)
        assert "invalid" not in told, told["invalid"]
        self._notice = str(told.get("notice") or "")

    async def confirm(self, label: str, reason: str = "", *, force: bool = False) -> str:
        drawn = self.text
        while _plain(label) not in map(_plain, self.buttons()):
            await self.press("Next part" if "Next part" in self.buttons() else "Next page")
            drawn += self.text
        if force:
            for node in harness_teams.nodes(self._shown):
                node.pop("maxLength", None)
        if reason:
            self._typed["reason"] = reason
        await self.press(label)
        return drawn

    async def send(self, label: str, form: forms.Form, values: Mapping[str, str]) -> None:
        self._typed = {key or "#": text for key, text in values.items()}
        await self._click(verb="submit")

    async def leave_form(self) -> None:
        await self.press("Cancel")

    async def close(self) -> None:
        """Teams tells the bot nothing of a card that is looked at no more, and shows it as it was posted next time."""
        if self._card is not None:
            self._message().views.pop(self._person, None)
        self._card = None

    def hold(self) -> object:
        return self._shown

    def put(self, held: object) -> None:
        self._message().views[self._person] = cast("Json", held)

    def _message(self) -> Any:
        assert self._card is not None
        return self._world.sim.threads.seen_by(self._who, self._card.conversation, self._card.message)[1]


def _plain(text: str) -> str:
    return text.strip().rstrip(".…").strip().casefold()


# ── what waits ───────────────────────────────────────────────────────────────────────────────────

PEOPLE = "\n".join(
    f"  {one.id}: {{name: {one.name}, email: {one.email}, slack: {world.SLACK_TEAM}/{one.slack}, "
    f"teams: {world.TEAMS_TENANT}/{one.teams}}}"
    for one in world.PEOPLE
)
RULES = f"""
version: 1
people:
{PEOPLE}
groups:
  finance: {{members: [ada, bob]}}
operators: [rita]
defaults:
  show: ["slack:#refunds", "teams:Finance/General"]
  approvers: [finance]
  any_channel: true
rules:
  - name: deployments
    when: tool == "deploy"
    any_channel: true
    approvers: [finance]
    confirm: "${{args.service}}"
  - name: restarts
    when: tool == "restart"
    any_channel: true
    approvers: [finance]
    grants: {{match: [args.service], max_ttl: 8h, max_uses: 5}}
"""
SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "amount": {"type": "number", "minimum": 0, "maximum": 1000}},
    "required": ["order", "amount"],
}


async def ask(house: Any, amount: int, **changes: Any) -> Request:
    body: dict[str, Any] = {
        "tool": "issue_refund",
        "arguments": {"order": f"A-{amount}", "amount": amount},
        "title": f"Refund {amount}",
        "risk": "low",
        "schema": SCHEMA,
        **changes,
    }
    return cast("Request", (await house.desk.ask(Ask.model_validate(body), house.key)).request)


async def status(house: Any, *requests: Request) -> list[str]:
    return [(await house.desk.get(one.id)).status for one in requests]


async def sees(hands: Any, *words: str) -> None:
    """Wait until all of these words are on the screen."""
    try:
        await harness_slack.eventually(lambda: all(word in hands.text for word in words))
    except TimeoutError:
        pytest.fail(f"{words} not in:\n{hands.text}\n── told:\n{hands.told}")


async def turns(hands: Any, before: str) -> None:
    """Wait until the screen says something else than before."""
    await harness_slack.eventually(lambda: hands.text != before)


async def hears(hands: Any, *words: str) -> None:
    """Wait until that person was told all of these words."""
    try:
        await harness_slack.eventually(lambda: all(word in hands.told for word in words))
    except TimeoutError:
        pytest.fail(f"{words} not in:\n{hands.told}\n── seen:\n{hands.text}")


async def edited(house: Any, request: Request, amount: int = 999) -> None:
    """Somebody's edit that leaves it waiting."""
    now = await house.desk.get(request.id)
    digest = "sha256:" + f"{amount:064x}"
    changes = {"version": 2, "arguments": {**now.arguments, "amount": amount}, "digest": digest, "rev": now.rev + 1}
    after = now.model_copy(update=changes)
    assert await house.store.move(now, after, "request.revised", house.entry(after))


def members(risks: tuple[str, ...] = ("low", "low", "low")) -> list[Ask]:
    return [
        Ask.model_validate(
            {"tool": "issue_refund", "arguments": {"order": f"B-{n}", "amount": n}, "title": f"Row {n}", "risk": risk}
        )
        for n, risk in enumerate(risks)
    ]


async def repainted(house: Any) -> None:
    """The card of several is drawn a second after something about them has changed."""
    for _ in range(2):
        await house.converge()
        house.clock.ahead += timedelta(seconds=2)
    await house.converge()


async def shows(house: Any, card: MessageRef, words: str, side: Any = None) -> None:
    """Everybody sees this on the card of several, after everything due was done."""
    async with asyncio.timeout(10):
        while words not in (side or house.side).seen("bob", card):
            await repainted(house)
            await asyncio.sleep(0.05)


async def batch(house: Any, asks: list[Ask], title: str = "Monday's refunds") -> tuple[MessageRef, list[Request]]:
    """An agent asks for several at once: its card in this chat, and what it asked."""
    batch_id, opened = await house.desk.batches.ask(asks, title, house.key, "token-1")
    await repainted(house)
    return await pile_card(house, batch_id), [one.request for one in opened]


async def pile_card(house: Any, card_id: str, side: Any = None) -> MessageRef:
    placements = await house.store.placements(card_id)
    name = (side or house.side).name
    [found] = [one.message for one in placements if one.message and one.message.chat == name]
    return cast("MessageRef", found)
