"""Our cards and forms in headless Chromium, drawn by other people's renderers.

Block Kit by slack-blocks-to-jsx, Adaptive Cards by Microsoft's own JavaScript renderer with a Markdown processor that
lets everything through. Neither is the client people use; both are independent readings of what we send.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, async_playwright

from signoff import cards
from signoff.cards import Card
from signoff.forms import Field, Form
from signoff_slack import render as slack
from signoff_teams import parse
from signoff_teams import render as teams
from signoff_teams.render import pages
from signoff_teams.render.card import RISKS as TEAMS_RISKS

sys.path.insert(0, str(Path(__file__).parents[1] / "npm"))
from npm_examples import FIELDS, NAMES, ORIGIN, WHO, all_cards, all_details, all_forms, request
from npm_tools import HERE, MODULES, tool

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
EMPTY = '<!doctype html><html lang="en"><meta charset="utf-8"><body><div id="place"></div></body></html>'

PIECES = (
    "<b>bold</b>",
    "*bold*",
    "**bold**",
    "_slanted_",
    "~struck~",
    "~~struck~~",
    "`code`",
    "```code```",
    "<!channel>",
    "<!here|here>",
    "@everyone",
    "<@U0ADA>",
    "<#C0REFUNDS>",
    "<!subteam^S0FINANCE>",
    "<at>Ada</at>",
    "<http://evil.example|click>",
    "http://evil.example/bare",
    "[x](http://e)",
    "![i](http://evil.example/i.png)",
    "{{DATE(2026-01-01T00:00:00Z, SHORT)}}",
    "{{{{TIME(2026-01-01T00:00:00Z)}}}}",
    "<!date^1700000000^{date}|then>",
    "<script>window.pwned = 1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<iframe src=http://evil.example></iframe>",
    ":tada:",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "| a | b |",
    "$x^2$",
)
"""What has a meaning to Slack, to Teams, to Markdown or to a browser, one at a time."""
LIVE = "a[href], img, script, iframe, object, embed, form, video, audio, link, meta, base, svg"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's script and style, made by esbuild."""
    folder = tmp_path_factory.mktemp("page")
    command = [tool("esbuild"), "page.jsx", "--bundle", "--format=iife", "--jsx=automatic", "--log-level=warning"]
    command += ['--define:process.env.NODE_ENV="production"', f"--outfile={folder / 'page.js'}"]
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


class Screen:
    """The page, and what went wrong or out on it."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.trouble: list[str] = []
        self.requests: list[str] = []

    async def open(self, bundle: Path) -> None:
        self._page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self._page.on("console", lambda said: self.trouble.append(said.text) if said.type == "error" else None)
        await self._page.route("**/*", self._blocked)
        await self._page.set_content(EMPTY)
        await self._page.add_style_tag(path=bundle / "page.css")
        await self._page.add_script_tag(path=bundle / "page.js")

    async def _blocked(self, route: Route, request: Request) -> None:
        self.requests.append(request.url)
        await route.abort()

    async def slack(self, payload: Any) -> None:
        """A message or a modal."""
        await self._page.evaluate("blocks => drawSlack(blocks)", payload["blocks"])

    async def teams(self, payload: Any) -> None:
        """A card, of which Microsoft's renderer has nothing to say."""
        assert await self._page.evaluate("card => drawTeams(card)", payload) == []

    async def text(self) -> str:
        """What a person can read, blanks as one space each."""
        return flat(await self._page.inner_text("#place"))

    async def buttons(self) -> list[str]:
        """The texts of the buttons that can be seen."""
        found = await self._page.locator("#place button").all()
        return [flat(await button.inner_text()) for button in found if await button.is_visible()]

    async def inputs(self) -> list[str]:
        """What stands in every input that can be seen."""
        return await self._page.eval_on_selector_all(
            "#place :is(input, textarea, select)",
            "all => all.filter(one => one.checkVisibility()).map(one => one.value)",
        )

    async def live(self) -> list[str]:
        """What could be followed, fetched or run."""
        return await self._page.eval_on_selector_all(f"#place :is({LIVE})", "all => all.map(one => one.outerHTML)")

    async def elements(self) -> list[str]:
        """The elements there are, by name and class, once each."""
        return await self._page.eval_on_selector_all(
            "#place *", "all => [...new Set(all.map(one => one.localName + ' ' + one.getAttribute('class')))].sort()"
        )

    async def pwned(self) -> bool:
        return await self._page.evaluate("'pwned' in window")

    async def fill(self, index: int, text: str) -> None:
        """Type into the input of this number."""
        await self._page.locator("#place :is(input, textarea, select)").nth(index).fill(text)

    async def press(self, title: str) -> dict[str, Any]:
        """Press a button of an Adaptive Card: the action that its renderer executes."""
        await self._page.get_by_role("button", name=title, exact=True).click()
        (executed,) = await self._page.evaluate("executed")
        return executed


def flat(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture
async def screen(bundle: Path) -> AsyncIterator[Screen]:
    program = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert program, f"None of {', '.join(CHROMIUM)} is on the PATH; install one."
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 900, "height": 1400}, locale="en-US", timezone_id="UTC")
        screen = Screen(page)
        await screen.open(bundle)
        yield screen
        assert screen.trouble == []
        assert screen.requests == []
        assert not await screen.pwned()
        await browser.close()


def missing(expected: Iterable[str], text: str) -> list[str]:
    """The texts that cannot be read."""
    return [one for one in expected if flat(one) not in text]


def marked(piece: str) -> Card:
    """A card with this text wherever an agent's text can stand."""
    asked = request(
        title=piece,
        tool=piece,
        agent=piece,
        on_behalf_of=piece,
        description=piece,
        reason=piece,
        impact=piece,
        rollback=piece,
        run_id=piece,
        thread_url=None,
        schema_=None,
        arguments={piece: piece, "in a list": [piece], "in an object": {"a": piece}},
    )
    return cards.card(asked, who=WHO, names=NAMES)


def texts(card: Card) -> list[str]:
    """Everything on a card that is plain text."""
    facts = [*card.facts, *card.footer]
    rows = [text for row in card.arguments for text in (row.name, row.text)]
    return [card.title, card.status, *(fact.label for fact in facts), *(fact.text for fact in facts), *rows]


# ── Slack ──


async def test_every_card_can_be_read_as_block_kit(screen: Screen) -> None:
    """Title, status, arguments and buttons of a card in every state are seen, and every block is drawn."""
    for name, card in all_cards().items():
        await screen.slack(slack.message(card))
        shown = await screen.text()
        rows = [] if name in ("much in it", "every row and fact") else card.arguments
        assert missing([card.title.removesuffix("…")[:140], card.status, *(row.name for row in rows)], shown) == [], (
            name
        )
        assert await screen.buttons() == [button.label for button in card.buttons], name
        assert missing([row.text for row in rows if not row.hidden and len(row.text) < 400], shown) == [], name


async def test_i12_agent_text_is_text_in_block_kit(screen: Screen) -> None:
    """Markup of any kind, anywhere in a request, is read as the characters it is; nothing becomes live."""
    await screen.slack(slack.message(marked("neutral")))
    plain = await screen.elements()
    avatar = await screen.live()
    for piece in PIECES:
        card = marked(piece)
        await screen.slack(slack.message(card))
        assert missing(texts(card), await screen.text()) == []
        assert await screen.live() == avatar, piece
        assert await screen.elements() == plain, piece


async def test_our_own_markup_works_in_block_kit(screen: Screen) -> None:
    """Labels are bold without their asterisks, the run is a link, and the expiry is a date."""
    card = all_cards()["pending"]
    await screen.slack(slack.message(card))
    shown = await screen.text()
    assert "*" not in shown
    assert "<!date" not in shown
    assert [one for one in await screen.live() if 'href="https://runs.example.com/7"' in one]


async def test_every_form_can_be_filled_in_as_block_kit(screen: Screen) -> None:
    """Every field of every form is seen with its label, its hint and the text it starts with."""
    for name, form in all_forms().items():
        start = 0
        while start < max(1, len(form.fields)):
            end = next((i for i in range(start, len(form.fields)) if slack.page_of(form, {}, i) != start), None)
            here = form.fields[start:end]
            await screen.slack(slack.form(form, ORIGIN, {}, start))
            shown, typed = await screen.text(), await screen.inputs()
            short = [field for field in here if len(field.label) < 150]
            assert missing([field.label for field in short], shown) == [], name
            assert missing([field.hint for field in short], shown) == [], name
            assert [field.key for field in here if not starts(field, typed)] == [], name
            start = len(form.fields) if end is None else end
            if not form.fields:
                break


def starts(field: Field, typed: list[str]) -> bool:
    """Whether what the field starts with stands in the page's inputs."""
    if field.kind in ("choice", "boolean", "datetime") or len(field.initial) > 2900:
        return True  # drawn as lists and pickers of the renderer's own, or split over several inputs
    return field.initial in typed


async def test_i11_the_details_show_everything_in_block_kit(screen: Screen) -> None:
    """The pages of the details hold every line of the arguments, markup as text."""
    for name in ("pending", "markup", "much in it"):
        details = all_details()[name]
        shown, page, drawn = "", 0, None
        while (view := slack.details(details, ORIGIN, page)) != drawn:
            await screen.slack(view)
            shown, page, drawn = f"{shown} {await screen.text()}", page + 1, view
        assert missing(details.json.splitlines(), shown) == [], name


# ── Teams ──


async def test_every_card_can_be_read_as_an_adaptive_card(screen: Screen) -> None:
    """Title, status, risk, arguments and buttons of a card in every state are seen; the renderer has no complaint."""
    for name, card in all_cards().items():
        await screen.teams(teams.card(card))
        shown = await screen.text()
        rows = [row.name for row in card.arguments]
        assert missing([card.title, card.status, *rows], shown) == [], name
        assert card.risk is None or TEAMS_RISKS[card.risk][0] in shown, name
        assert await screen.buttons() == [button.label for button in card.buttons], name
        if name != "every row and fact":
            assert missing([row.text for row in card.arguments if not row.hidden], shown) == [], name


async def test_i12_agent_text_is_text_in_an_adaptive_card(screen: Screen) -> None:
    """Markdown, HTML, mentions and date functions of an agent are read as the characters they are."""
    await screen.teams(teams.card(marked("neutral")))
    plain = await screen.elements()
    for piece in (*PIECES, "&lt;i&gt; &amp;amp;"):
        card = marked(piece)
        await screen.teams(teams.card(card))
        assert missing(texts(card), await screen.text()) == []
        assert await screen.live() == [], piece
        assert await screen.elements() == plain, piece


async def test_the_expiry_is_a_date_in_an_adaptive_card(screen: Screen) -> None:
    """A moment is written by the client's own date functions."""
    await screen.teams(teams.card(all_cards()["pending"]))
    shown = await screen.text()
    assert "{{" not in shown
    assert "Fri, Nov 20, 2026 9:09 AM" in shown


async def test_a_pressed_button_is_what_the_bot_reads(screen: Screen) -> None:
    """What the renderer executes for each button is read by our parser as that action on that version."""
    for button in all_cards()["pending"].buttons:
        card = replace(all_cards()["pending"], version=3)
        await screen.teams(teams.card(card))
        click = parse.click(activity(await screen.press(button.label)))
        assert (click.verb, click.request, click.version) == (button.action, card.request_id, 3)


def activity(executed: dict[str, Any]) -> dict[str, Any]:
    """The invoke that Teams makes of an executed action."""
    tenant = "11111111-1111-4111-8111-111111111111"
    return {
        "name": "adaptiveCard/action" if executed["type"] == "Action.Execute" else "task/submit",
        "from": {"aadObjectId": "a0000000-0000-4000-8000-0000000000a1"},
        "conversation": {"id": "19:general.finance@thread.tacv2", "tenantId": tenant},
        "replyToId": "1",
        "value": {"action": executed} if executed["type"] == "Action.Execute" else {"data": executed["data"]},
    }


def read(executed: dict[str, Any]) -> parse.Click:
    return parse.click(activity(executed))


@pytest.mark.parametrize("mode", ["inline", "dialog"])
async def test_a_form_sent_untouched_gives_back_every_entry(screen: Screen, mode: Any) -> None:
    """Every form, drawn and sent by Microsoft's renderer without a touch, leaves every value digit for digit."""
    for name, form in all_forms().items():
        entries, at, trail = pages.initial(form), parse.START, ()
        while True:
            page = pages.page(form, entries, at, trail)
            await screen.teams(teams.form(form, page, mode=mode))
            shown = await screen.text()
            assert missing([piece.field.label for piece in page.pieces if len(piece.field.label) < 99], shown) == [], (
                name
            )
            last = page.sheet.next is None
            click = read(await screen.press(form.submit if last else "Next"))
            assert (click.verb, click.purpose) == ("submit" if last else "next", form.purpose)
            after = pages.submitted(form, entries, click.sheet, click.typed)
            assert after == entries, name
            if last:
                break
            at, trail = pages.after(form, entries, click.sheet, after), (*trail, at)


async def test_i09_an_error_stands_at_its_field_and_the_correction_is_sent(screen: Screen) -> None:
    """The sentence is read between its field and the next; what is typed over it is what the bot reads."""
    fields = (Field("/amount", "amount", "number", True, initial="5000"), Field("/note", "note", "text", initial="hi"))
    form = Form("req_1", 1, "edit", "Edit issue_refund", "Approve", fields)
    entries = pages.initial(form)
    page = pages.page(form, entries)
    await screen.teams(teams.form(form, page, {"/amount": "Must be at most 1000."}))
    shown = await screen.text()
    assert shown.index("amount") < shown.index("Must be at most 1000.") < shown.index("note")
    assert (await screen.inputs())[:2] == ["5000", "hi"]
    await screen.fill(0, "400.5")
    click = read(await screen.press("Approve"))
    assert pages.submitted(form, entries, click.sheet, click.typed) == {"/amount": "400.5", "/note": "hi"}


async def test_i12_forms_show_labels_hints_and_choices_as_text(screen: Screen) -> None:
    """Markup in a form's labels, hints, choices, notes and texts becomes nothing live, in either chat."""
    form = all_forms()["every kind"]
    choice = replace(
        FIELDS[11], options=tuple(replace(one, label=PIECES[n]) for n, one in enumerate(FIELDS[11].options))
    )
    fields = [replace(FIELDS[0], key=f"/{n}", label=p, hint=p, placeholder=p, initial=p) for n, p in enumerate(PIECES)]
    form = replace(form, title="Edit", fields=(choice, *fields[:20]), notes=PIECES[:10])
    await screen.teams(teams.form(form, pages.page(form, pages.initial(form))))
    assert await screen.live() == []
    await screen.slack(slack.form(form, ORIGIN, {}))
    assert [one for one in await screen.live() if "evil" in one or "onerror" in one or "<script" in one] == []


async def test_i11_the_details_show_everything_in_an_adaptive_card(screen: Screen) -> None:
    """The pages of the full view hold every line of the arguments, markup as text."""
    for name in ("pending", "markup", "much in it"):
        details = all_details()[name]
        shown, number = "", 0
        while True:
            await screen.teams(teams.details(details, number))
            assert [one for one in await screen.live() if "runs.example.com" not in one] == []
            shown, number = f"{shown} {await screen.text()}", number + 1
            if "Next page" not in await screen.buttons():
                break
        assert missing(details.json.splitlines(), shown) == [], name
        assert "Approve" in await screen.buttons()


def test_the_simulators_own_copy_of_the_renderer_is_the_published_one() -> None:
    """The renderer that the simulator's page ships is, byte for byte, the one in the npm package."""
    tool("esbuild")
    published = MODULES / "adaptivecards" / "dist" / "adaptivecards.min.js"
    shipped = HERE.parents[1] / "adapters/signoff_sim/static/vendor/adaptivecards-3.0.6.min.js"
    assert shipped.read_bytes() == published.read_bytes()
