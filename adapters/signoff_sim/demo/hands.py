"""The hands and eyes of the story's people, through the simulator's control API."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar, cast

from signoff_sim.demo.stage import LOOK, Stage

PATIENCE = 20.0
"""Seconds that anything on a screen may take to appear."""
REFUNDS = "C0REFUNDS"
APPROVALS = "C0APPROVALS"
GENERAL = "19:general.finance@thread.tacv2"

Json = dict[str, Any]
T = TypeVar("T")


class Broken(Exception):
    """A step that did not hold; the text says what was expected and what was there."""


def expect(holds: object, sentence: str) -> None:
    if not holds:
        raise Broken(sentence)


def texts(value: object) -> Iterator[str]:
    """Every string inside a message, card or view."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("Json", value).values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from texts(item)


def shows(value: object, *wanted: str) -> bool:
    everything = "\n".join(texts(value))
    return all(text in everything for text in wanted)


async def until(look: Callable[[], Awaitable[T | None]], what: str) -> T:
    try:
        async with asyncio.timeout(PATIENCE):
            while (found := await look()) is None:
                await asyncio.sleep(LOOK)
            return found
    except TimeoutError:
        raise Broken(f"{what} did not appear within {PATIENCE:.0f} s") from None


class Slack:
    """One person at the simulated Slack."""

    def __init__(self, stage: Stage, person: str) -> None:
        self._stage = stage
        self.person = person

    async def state(self) -> Json:
        return cast("Json", await self._stage.state("slack", self.person))

    async def _message(self, channel: str, *wanted: str) -> Json | None:
        state = await self.state()
        room = next(room for room in state["channels"] if room["id"] == channel)
        # What is said below a card names it too.
        cards = (one for one in reversed(room["messages"]) if one["thread_ts"] in (None, one["ts"]))
        return next((one for one in cards if shows(one["blocks"], *wanted)), None)

    async def sees(self, channel: str, *wanted: str) -> Json:
        return await until(lambda: self._message(channel, *wanted), f"in Slack, a card with {', '.join(wanted)}")

    async def reads(self, *wanted: str) -> None:
        """A line that only this person sees."""

        async def look() -> bool | None:
            state = await self.state()
            private = [one for room in state["channels"] for one in room["messages"] if one["ephemeral"]]
            return True if shows([private, state["notices"]], *wanted) else None

        await until(look, f"in Slack, a private line to {self.person} with {', '.join(wanted)}")

    async def sees_below(self, message: Json, channel: str, *wanted: str) -> None:
        """A reply in the message's thread."""

        async def look() -> bool | None:
            state = await self.state()
            room = next(room for room in state["channels"] if room["id"] == channel)
            said = [one for one in room["messages"] if one["thread_ts"] == message["ts"] != one["ts"]]
            return True if shows(said, *wanted) else None

        await until(look, f"in Slack, below the card, a line with {', '.join(wanted)}")

    async def command(self, text: str, wanted: str) -> str:
        """Type `/signoff …`; the answer, which only this person sees. Raises Broken without `wanted` in it."""
        body = {"as": self.person, "command": "/signoff", "text": text, "channel": REFUNDS}
        answer = "\n".join(texts((await self._stage.act("slack", "command", **body))["ephemerals"]))
        expect(wanted in answer, f"/signoff {text} was answered: {answer}")
        return answer

    async def pending(self, words: str = "") -> None:
        """Open the list of what waits."""
        body = {"as": self.person, "command": "/pending", "text": words, "channel": REFUNDS}
        await self._stage.act("slack", "command", **body)
        await self.reads_in_window("for you")

    async def press(self, button: str) -> None:
        """A button in the open window."""
        await self._stage.act("slack", "press", **{"as": self.person, "text": button})

    async def sees_it_through(self) -> Json:
        """Look again, each time at what came of the look before, until nothing is under way; the window then."""
        modal = await self.modal()
        while shows(modal, "Look again"):
            seen = modal["hash"]
            await self.press("Look again")

            async def look(seen: str = seen) -> Json | None:
                now = await self.modal()
                return now if now["hash"] != seen else None

            modal = await until(look, f"in Slack, what came of {self.person}'s look")
        return modal

    async def close(self) -> None:
        """Close all windows."""
        await self._stage.act("slack", "close", **{"as": self.person, "all": True})

    async def reads_in_window(self, *wanted: str) -> Json:
        async def look() -> Json | None:
            modal = cast("Json | None", (await self.state())["modal"])
            return modal if modal is not None and shows(modal, *wanted) else None

        return await until(look, f"in Slack, a window for {self.person} with {', '.join(wanted)}")

    async def click(self, message: Json, channel: str, button: str, **more: object) -> None:
        await self._stage.act(
            "slack", "click", **{"as": self.person, "channel": channel, "ts": message["ts"], "text": button} | more
        )

    async def modal(self) -> Json:
        async def look() -> Json | None:
            return cast("Json | None", (await self.state())["modal"])

        return await until(look, f"in Slack, a form for {self.person}")

    async def submit(self, **values: object) -> Json | None:
        """The modal that is still open afterwards."""
        await self._stage.act("slack", "submit", **{"as": self.person, "values": values})
        return cast("Json | None", (await self.state())["modal"])


class Teams:
    """One person at the simulated Teams."""

    def __init__(self, stage: Stage, person: str) -> None:
        self._stage = stage
        self.person = person

    async def _message(self, *wanted: str) -> Json | None:
        state = cast("Json", await self._stage.state("teams", self.person))
        for team in state["teams"]:
            for channel in team["channels"]:
                for thread in channel["threads"]:
                    for message in thread["messages"]:
                        if shows(message.get("card"), *wanted):
                            return {**message, "conversation": thread["id"]}
        return None

    async def sees(self, *wanted: str) -> Json:
        return await until(lambda: self._message(*wanted), f"in Teams, a card with {', '.join(wanted)}")

    async def sees_below(self, message: Json, *wanted: str) -> None:
        """What was said below a card, in its thread."""

        async def look() -> bool | None:
            said = await self._thread(message["conversation"])
            return True if shows(said[1:], *wanted) else None

        await until(look, f"in Teams, below the card, a line with {', '.join(wanted)}")

    async def _thread(self, conversation: str) -> list[Json]:
        state = cast("Json", await self._stage.state("teams", self.person))
        threads = [thread for team in state["teams"] for channel in team["channels"] for thread in channel["threads"]]
        return next(cast("list[Json]", thread["messages"]) for thread in threads if thread["id"] == conversation)

    async def pending(self, words: str = "") -> Json:
        """Ask the bot, in one's own chat with it, for the list of what waits."""
        await self._stage.act("teams", "say", **{"as": self.person, "text": f"pending {words}".strip()})

        return await self.in_chat()

    async def in_chat(self) -> Json:
        """The last card in their own chat with the app."""

        async def look() -> Json | None:
            state = cast("Json", await self._stage.state("teams", self.person))
            last = cast("Json", state["chats"][0]["messages"][-1])
            return last if last.get("card") else None

        return await until(look, f"in Teams, a list for {self.person}")

    async def say(self, text: str, wanted: str) -> None:
        """Say something to the bot, and wait for its answer."""
        body = {"as": self.person, "conversation": GENERAL, "text": f"@Signoff {text}"}
        said = cast("Json", (await self._stage.act("teams", "say", **body))["message"])
        await self.sees_below(said, wanted)

    async def click(self, message: Json, button: str, **inputs: str) -> Json:
        """Press a button, with inputs by label; the message as this person sees it then, with `notice`."""
        named = {_input(message["card"], label): value for label, value in inputs.items()}
        where = {"conversation": message["conversation"], "activity": message["id"]}
        told = await self._stage.act("teams", "click", **{"as": self.person, "text": button, "inputs": named} | where)
        seen = cast("Json", told["message"])
        return {**seen, "conversation": message["conversation"], "notice": told["notice"]}


def _input(value: object, label: str) -> str:
    for element in _inputs(value):
        if str(element.get("label", "")).casefold().startswith(label.casefold()):
            return str(element["id"])
    raise Broken(f"the form has no field {label}")


def _inputs(value: object) -> Iterator[Json]:
    if isinstance(value, dict):
        element = cast("Json", value)
        if str(element.get("type", "")).startswith("Input."):
            yield element
        for item in element.values():
            yield from _inputs(item)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _inputs(item)
