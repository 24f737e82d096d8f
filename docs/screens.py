"""Draws the pictures of the README from the demo itself: `python docs/screens.py` writes them here.

Needs Chromium on the PATH.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import sys
from pathlib import Path

from playwright.async_api import Browser, FloatRect, Locator, Page, async_playwright, expect

from signoff_sim.demo.queue import seed
from signoff_sim.demo.stage import Stage

HERE = Path(__file__).parent
SCALE = 2
"""Pixels of the picture for one of the page."""
MUCH = 1.25
"""The same where there is much to show."""
PATIENCE = 30_000.0
"""Milliseconds."""
QUEUE = 2
PLAIN = 24
"""Small calls that wait together."""

SHEET = """<!doctype html><style>
  body { display: inline-flex; align-items: flex-start; gap: 28px; margin: 0; padding: 24px 28px 30px; }
  body { background: #e9ecf1; color: #5d6676; font: 600 14px system-ui, sans-serif; }
  figure { margin: 0; }
  figcaption { margin: 0 0 9px 4px; }
  img { display: block; border-radius: 12px; background: #fff; }
  img { box-shadow: 0 8px 28px rgb(20 28 45 / .12); }
</style>"""


async def draw(browser: Browser, address: str, folder: Path) -> None:
    """Pictures of single cards, from a stage on which the refunds of A-1001 and of A-1004, which is large, wait."""
    page = await opened(browser, address)
    await page.get_by_test_id("slack-channel-C0REFUNDS").click()
    slack = page.get_by_test_id("slack-message").filter(has_text="A-1001")
    await page.get_by_test_id("teams-channel-Finance/Payouts").click()
    teams = page.get_by_test_id("teams-panel").locator("article").filter(has_text="A-1001")
    await expect(slack).to_be_visible()
    await expect(teams).to_be_visible()
    await page.mouse.move(0, 0)
    await sheet(page, folder / "card.png", slack=slack, teams=teams.locator(".card"))

    await slack.get_by_role("button", name="Edit…").click()
    modal = page.get_by_test_id("slack-modal")
    field = modal.locator(".sl-field").filter(has_text="amount")
    await field.locator("input").fill("5000")
    await page.get_by_test_id("slack-modal-submit").click()
    await expect(field.get_by_role("alert")).not_to_be_empty()
    await teams.get_by_role("button", name="Edit…").click()
    await teams.get_by_label("amount").fill("5000")
    await teams.get_by_role("button", name="Approve with changes").click()
    await expect(teams.get_by_text("⚠")).to_be_visible()
    await page.mouse.move(0, 0)
    await sheet(page, folder / "edit.png", slack=modal, teams=teams.locator(".card"))
    await modal.get_by_role("button", name="Cancel").click()

    # Ada has approved the large refund for finance; Bob is about to, as one of two managers.
    slack = page.get_by_test_id("slack-message").filter(has_text="Refund order A-1004").first
    teams = page.get_by_test_id("teams-panel").locator("article").filter(has_text="A-1004").first
    await slack.get_by_role("button", name="Approve…").click()
    await modal.get_by_label("Type “A-1004” to approve").fill("A-1004")
    await page.get_by_test_id("slack-modal-submit").click()
    await expect(modal).to_have_count(0)
    await page.get_by_test_id("person-bob").click()
    for part in (slack, teams):
        await expect(part).to_contain_text("managers: asked now")
        await expect(part).to_contain_text("Reminders sent")
    await teams.get_by_role("button", name="Approve…").click()
    await teams.get_by_label("Type “A-1004” to approve").fill("A-1004")
    await page.mouse.move(0, 0)
    await sheet(page, folder / "rules.png", slack=slack, teams=teams.locator(".card"))
    await page.context.close()


async def draw_queue(browser: Browser, address: str, folder: Path) -> None:
    """Many small calls that wait: listed in Slack, and in Teams on the page before they are approved."""
    page = await opened(browser, address, MUCH)
    modal = page.get_by_test_id("slack-modal")
    composer = page.get_by_test_id("slack-composer")
    await composer.fill("/pending @billing-agent")
    await composer.press("Enter")
    await expect(modal).to_contain_text("wait for you")
    await modal.get_by_role("button", name="Select all").click()
    await expect(modal.get_by_role("button", name="Select none")).to_be_visible()
    await modal.locator(".sl-modal-body").evaluate("body => { body.scrollTop = 0 }")
    await page.get_by_test_id("teams-chat").click()
    composer = page.get_by_test_id("teams-composer")
    await composer.fill("pending low")
    await composer.press("Enter")
    review = page.get_by_test_id("teams-panel").locator("article").last
    await review.get_by_role("button", name="Select all").click()
    await review.get_by_role("button", name="Approve selected…").click()
    await expect(review).to_contain_text("Not included:")
    await page.mouse.move(0, 0)
    await sheet(page, folder / "pending.png", slack=modal, teams=review.locator(".card"))
    await page.context.close()


async def opened(browser: Browser, address: str, scale: float = SCALE) -> Page:
    context = await browser.new_context(
        viewport={"width": 1500, "height": 1300}, device_scale_factor=scale, reduced_motion="reduce"
    )
    context.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    page = await context.new_page()
    await page.goto(address)
    return page


async def sheet(page: Page, file: Path, **parts: Locator) -> None:
    """Parts of the page side by side on one picture."""
    figures: list[str] = []
    for name, part in parts.items():
        await part.evaluate("part => part.scrollIntoView({ block: 'center' })")
        box = await part.bounding_box()
        assert box is not None
        # One pixel less on each side: at half pixels the surroundings would show through.
        inner = FloatRect(x=box["x"] + 1, y=box["y"] + 1, width=box["width"] - 2, height=box["height"] - 2)
        picture = await page.screenshot(clip=inner, animations="disabled")
        data = base64.b64encode(picture).decode()
        image = f'<img width="{inner["width"]:.0f}" src="data:image/png;base64,{data}">'
        figures.append(f"<figure><figcaption>{name.capitalize()}</figcaption>{image}</figure>")
    paper = await page.context.new_page()
    await paper.set_content(SHEET + "".join(figures))
    await paper.locator("body").screenshot(path=file)
    await paper.close()


async def main() -> None:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        sys.exit("Chromium is not on the PATH.")
    async with Stage() as stage, async_playwright() as playwright:
        await stage.agent("refund", "A-1001", "500", "Customer reports a broken item")
        await stage.agent("refund", "A-1004", "900", "The whole order came back unopened")
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        await draw(browser, stage.address, HERE)
        await seed(stage, QUEUE, plain=PLAIN, chat="slack", expires_in=600)
        await draw_queue(browser, stage.address, HERE)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
