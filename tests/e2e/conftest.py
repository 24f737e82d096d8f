"""A stage with real processes, and the page in a real browser. What is missing on this machine fails."""

from __future__ import annotations

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from signoff_sim.demo.stage import Stage

# importlib mode puts no test folder on the path, and these tests share what they make.
sys.path.append(str(Path(__file__).parent))

from screen import Screen

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Redis, both simulated chats and a bot, each as it is in `signoff demo`."""
    async with Stage() as stage:
        yield stage
        print(stage.bot.last_words() if stage.bot else "")  # shown beside a failure


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, f"these tests need a browser: none of {', '.join(CHROMIUM)} is on the PATH"
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=flags)
        yield browser
        await browser.close()


@pytest.fixture
async def screen(stage: Stage, browser: Browser) -> AsyncIterator[Screen]:
    """The demo's page, open and watched: whatever goes wrong in it fails the test."""
    async with Screen(browser, stage.address) as screen:
        yield screen
    assert screen.faults == []
