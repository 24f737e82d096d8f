"""The pictures of the README."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from playwright.async_api import Browser

from signoff_sim.demo.queue import seed
from signoff_sim.demo.stage import Stage

ROOT = Path(__file__).parents[2]
PICTURES = ("card.png", "edit.png", "rules.png", "pending.png")
MOST = 300_000
"""Bytes of one picture."""
PNG = b"\x89PNG\r\n\x1a\n"


def size(picture: Path) -> tuple[int, int]:
    data = picture.read_bytes()
    assert data.startswith(PNG)
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


@pytest.mark.parametrize("name", PICTURES)
def test_the_readme_shows_them(name: str) -> None:
    """Each is there, is shown by the README, and is small enough to load at once."""
    picture = ROOT / "docs" / name
    assert f"(docs/{name})" in (ROOT / "README.md").read_text()
    assert picture.stat().st_size < MOST


async def test_they_are_drawn_from_the_demo(stage: Stage, browser: Browser, tmp_path: Path) -> None:
    """`docs/screens.py` still draws them, and about as large as those that are kept: the cards look as they did."""
    spec = importlib.util.spec_from_file_location("screens", ROOT / "docs" / "screens.py")
    assert spec is not None
    assert spec.loader is not None
    screens = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(screens)
    await stage.agent("refund", "A-1001", "500", "Customer reports a broken item")
    await stage.agent("refund", "A-1004", "900", "The whole order came back unopened")
    await screens.draw(browser, stage.address, tmp_path)
    await seed(stage, screens.QUEUE, plain=screens.PLAIN, chat="slack", expires_in=600)
    await screens.draw_queue(browser, stage.address, tmp_path)
    for name in PICTURES:
        drawn, kept = size(tmp_path / name), size(ROOT / "docs" / name)
        assert all(abs(new - old) < 0.1 * old for new, old in zip(drawn, kept, strict=True)), f"draw {name} again"
