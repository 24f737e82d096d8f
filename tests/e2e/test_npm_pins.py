"""The npm packages that Signoff is checked with are pinned, and are the ones that are installed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "npm"))
from npm_tools import HERE, MODULES, node


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_every_package_is_installed_as_pinned() -> None:
    """package.json names exact versions, and node_modules holds them."""
    node()
    pinned = read(HERE / "package.json")["dependencies"]
    assert {name: read(MODULES / name / "package.json")["version"] for name in pinned} == pinned


def test_the_lock_pins_contents_and_names_no_registry() -> None:
    """Every package in the lock has its checksum and no address, so that any registry may serve it."""
    packages = {name: entry for name, entry in read(HERE / "package-lock.json")["packages"].items() if name}
    assert {name for name, entry in packages.items() if "integrity" not in entry} == set()
    assert {name for name, entry in packages.items() if "resolved" in entry} == set()
