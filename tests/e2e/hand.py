"""A person's hand at one chat of the demo's page, which counts whatever it does, and an album of what they saw."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from playwright.async_api import Locator, expect
from screen import Scheme, Screen

SIZES = {"wide": (1600, 1000), "phone": (390, 844)}
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


class Hand(Protocol):
    """What a person does while they look through what waits for them."""

    chat: str
    did: list[str]
    """Everything done so far, one entry each: words typed and sent, a press, a choice, a field filled in."""

    async def say(self, words: str) -> None:
        """Ask the app for something in words, as this chat has it."""
        ...

    async def press(self, name: str) -> None: ...

    async def tick(self, label: str) -> None: ...

    async def open_group(self, name: str) -> None:
        """Choose the first one that is named so, from what can be opened."""
        ...

    async def open_one(self, name: str) -> None:
        """The same for a request of the group that is open."""
        ...

    async def narrow(self, label: str, option: str) -> None: ...

    async def fill(self, label: str, text: str) -> None: ...

    async def follow(self) -> None:
        """Go where a button of a channel's card has opened a list: in Teams to the chat with the app."""
        ...

    async def leave(self) -> None:
        """Back to the channel."""
        ...

    async def home(self) -> Locator:
        """Open one's own page."""
        ...

    @property
    def seen(self) -> Locator:
        """What is being looked at: the window in Slack, the card in Teams."""
        ...


class SlackHand:
    """At the window that Slack opens for one person."""

    chat = "slack"

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.did: list[str] = []

    @property
    def seen(self) -> Locator:
        return self._screen.modal

    async def say(self, words: str) -> None:
        self.did.append(f"/{words}")
        box = self._screen.at("slack-composer")
        await box.fill(f"/{words}")
        await box.press("Enter")

    async def press(self, name: str) -> None:
        self.did.append(f"press {name}")
        await self.seen.get_by_role("button", name=name, exact=True).click()

    async def tick(self, label: str) -> None:
        self.did.append(f"tick {label}")
        await self.seen.locator("label").filter(has_text=label).get_by_role("checkbox").click()

    async def open_group(self, name: str) -> None:
        self.did.append(f"choose {name}")
        await _chosen(self.seen.locator("[data-action$='.open.pick']"), name)

    async def open_one(self, name: str) -> None:
        self.did.append(f"choose {name}")
        await _chosen(self.seen.locator("[data-action$='.walk.pick']"), name)

    async def follow(self) -> None:
        pass  # everybody's window opens in front of it

    async def leave(self) -> None:
        await self._screen.at("slack-modal-x").click()
        await expect(self.seen).to_have_count(0)

    async def home(self) -> Locator:
        await self.leave()
        await self._screen.at("slack-channel-D0ADA").click()
        await self._screen.at("slack-tab-home").click()
        return self._screen.at("slack-home")

    async def narrow(self, label: str, option: str) -> None:
        self.did.append(f"choose {option}")
        await _chosen(self.seen.locator(f"[data-action$='.{label.lower()}']"), option)

    async def fill(self, label: str, text: str) -> None:
        self.did.append(f"type into {label}")
        field = self._screen.field(label)
        await field.locator("input, textarea").fill(text)


class TeamsHand:
    """At the last card of somebody's chat with the app."""

    chat = "teams"

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.did: list[str] = []

    @property
    def seen(self) -> Locator:
        return self._screen.at("teams-panel").locator("article").last

    async def say(self, words: str) -> None:
        await self._screen.at("teams-chat").click()
        self.did.append(words)
        articles = self._screen.at("teams-panel").locator("article")
        before = await articles.count()
        box = self._screen.at("teams-composer")
        await box.fill(words)
        await box.press("Enter")
        await expect(articles).to_have_count(before + 2)  # what was said, and the answer

    async def press(self, name: str) -> None:
        self.did.append(f"press {name}")
        await self.seen.get_by_role("button", name=name, exact=True).click()

    async def tick(self, label: str) -> None:
        self.did.append(f"tick {label}")
        await (
            self.seen.locator("label, .ac-choiceSetInput-multiSelect > div")
            .filter(has_text=label)
            .get_by_role("checkbox")
            .first.click()
        )

    async def open_group(self, name: str) -> None:
        self.did.append(f"choose {name}")
        await _chosen(self.seen.get_by_label("Look at"), name, kind="open:")
        await self.press("Open")

    async def open_one(self, name: str) -> None:
        self.did.append(f"choose {name}")
        await _chosen(self.seen.get_by_label("Look at"), name, kind="walk:")
        await self.press("Open")

    async def follow(self) -> None:
        self.did.append("go to the chat")
        await expect(self._screen.at("teams-panel")).to_contain_text("I opened it in our chat.")
        await self._screen.at("teams-chat").click()

    async def leave(self) -> None:
        pass  # in the chat there is nothing to go back to

    async def home(self) -> Locator:
        await self.say("home")
        return self.seen

    async def narrow(self, label: str, option: str) -> None:
        select = self.seen.get_by_label(label, exact=True)
        if not await select.is_visible():  # it stays open while the list is narrowed
            await self.press("Filter")
        self.did.append(f"choose {option}")
        await _chosen(select, option)
        await self.press("Apply")

    async def fill(self, label: str, text: str) -> None:
        self.did.append(f"type into {label}")
        await self.seen.get_by_label(label).fill(text)


async def _chosen(select: Locator, name: str, kind: str = "") -> None:
    """Choose the first that is named so, whatever else is said of it; `kind` opens its value."""
    options = select.locator(f"option[value^='{kind}']" if kind else "option")
    value = await options.filter(has_text=name).first.get_attribute("value")
    await select.select_option(value=value)


HANDS: dict[str, Callable[[Screen], Hand]] = {"slack": SlackHand, "teams": TeamsHand}


class Album:
    """A picture of every step: one each, or, for somebody who looks, in both sizes and colours and down to the end.

    They go to the folder that SIGNOFF_SHOTS names.
    """

    def __init__(self, screen: Screen, folder: Path, name: str, chat: str) -> None:
        self._screen = screen
        self._chat = chat
        named = os.environ.get("SIGNOFF_SHOTS")
        self._full = named is not None
        self._folder = Path(named) if named else folder
        self._folder.mkdir(parents=True, exist_ok=True)
        self._name = name
        self._step = 0

    async def take(self, what: str, seen: Locator | None = None) -> None:
        """`seen`: what is looked at, of which the end is shown too."""
        self._step += 1
        page, name = self._screen.page, f"{self._name}-{self._step:02}-{what}"
        if not self._full:
            await page.screenshot(path=self._folder / f"{name}.png", animations="disabled")
            return
        before = page.viewport_size or {"width": 0, "height": 0}
        for size, (width, height) in SIZES.items():
            await page.set_viewport_size({"width": width, "height": height})
            if size == "phone":
                await self._screen.at(f"tab-{self._chat}").click()
            for scheme in SCHEMES:
                await page.emulate_media(color_scheme=scheme)
                file = self._folder / f"{name}-{size}-{scheme}"
                await page.screenshot(path=f"{file}.png", animations="disabled")
                if seen is not None:
                    box = seen.locator("xpath=descendant-or-self::*[contains(@class, 'sl-modal-body')]").or_(
                        seen.locator("xpath=ancestor::*[contains(@class, 't-feed')]")
                    )
                    if await box.count():
                        top = await box.first.evaluate("box => box.scrollTop")
                        await box.first.evaluate("box => { box.scrollTop = box.scrollHeight }")
                        await page.screenshot(path=f"{file}-end.png", animations="disabled")
                        await box.first.evaluate("(box, top) => { box.scrollTop = top }", top)
        await page.set_viewport_size({"width": before["width"], "height": before["height"]})
        await page.emulate_media(color_scheme=self._screen.scheme)
