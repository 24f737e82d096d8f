"""The demo's page as a person uses it, watched for everything that must not happen in it."""

from __future__ import annotations

from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

from playwright.async_api import Browser, Locator, Page, expect

PATIENCE = 20_000.0
"""Milliseconds that anything may take to appear."""
REFUNDS = "C0REFUNDS"
APPROVALS = "C0APPROVALS"
GENERAL = "Finance/General"
PAYOUTS = "Finance/Payouts"

Scheme = Literal["light", "dark"]

expect.set_options(timeout=PATIENCE)

# What a content security policy has stopped is an event, wherever in the page it happened.
WATCH = (
    "addEventListener('securitypolicyviolation', (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))"
)


class Screen:
    """One browser window with the page."""

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        width: int = 1600,
        height: int = 1000,
        scheme: Scheme = "light",
        scale: float = 1,
    ) -> None:
        self._browser = browser
        self._size = (width, height)
        self.scheme: Scheme = scheme
        self._scale = scale
        self.address = address
        self.faults: list[str] = []
        """Errors in the console, uncaught exceptions, violations of the policy, calls to anybody else."""
        self.page: Page

    async def __aenter__(self) -> Self:
        width, height = self._size
        self._context = await self._browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=self.scheme, device_scale_factor=self._scale
        )
        self._context.set_default_timeout(PATIENCE)
        self.page = await self._context.new_page()
        await self.page.add_init_script(WATCH)
        self.page.on("console", lambda said: self._note(said.type in ("error", "warning"), f"console: {said.text}"))
        self.page.on("pageerror", lambda error: self._note(True, f"uncaught: {error}"))
        host = urlsplit(self.address).netloc
        self.page.on(
            "request", lambda call: self._note(urlsplit(call.url).netloc not in (host, ""), f"call to {call.url}")
        )
        await self.page.goto(self.address)
        await expect(self.page.get_by_test_id("slack-title")).to_be_visible()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._context.close()

    def _note(self, wrong: bool, text: str) -> None:
        if wrong:
            self.faults.append(text)

    def at(self, test_id: str) -> Locator:
        return self.page.get_by_test_id(test_id)

    # ── who and where ────────────────────────────────────────────────────────────────────────────

    async def become(self, person: str) -> None:
        await self.at(f"person-{person}").click()
        await expect(self.at(f"person-{person}")).to_have_attribute("aria-checked", "true")

    async def ticked(self, what: str) -> None:
        await expect(self.at(f"try-{what}")).to_have_class("done")

    async def slack(self, text: str, channel: str = REFUNDS) -> Locator:
        """The message with this text, in a Slack channel."""
        await self.at(f"slack-channel-{channel}").click()
        message = self.at("slack-message").filter(has_text=text)
        await expect(message).to_be_visible()
        return message

    async def messages(self, text: str, channel: str = REFUNDS) -> Locator:
        """All messages with this text in a Slack channel, replies too."""
        await self.at(f"slack-channel-{channel}").click()
        return self.at("slack-message").filter(has_text=text)

    async def posts(self, text: str, channel: str = PAYOUTS) -> Locator:
        """All messages with this text in a Teams channel, replies too."""
        await self.at(f"teams-channel-{channel}").click()
        return self.at("teams-panel").locator("article").filter(has_text=text)

    async def teams(self, text: str, channel: str = PAYOUTS) -> Locator:
        """The post with this text, in a Teams channel."""
        await self.at(f"teams-channel-{channel}").click()
        message = self.at("teams-panel").locator("article").filter(has_text=text)
        await expect(message).to_be_visible()
        return message

    # ── Slack's forms ────────────────────────────────────────────────────────────────────────────

    @property
    def modal(self) -> Locator:
        return self.at("slack-modal")

    def field(self, label: str) -> Locator:
        """A field of the open modal, with its label, its error and its hint."""
        return self.modal.locator(".sl-field").filter(has_text=label)

    async def send(self) -> None:
        await self.at("slack-modal-submit").click()


async def press(where: Locator, name: str) -> None:
    await where.get_by_role("button", name=name, exact=True).click()
