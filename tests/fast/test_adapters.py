"""Adapters of agent frameworks, as the base install and the project's own files see them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "adapters" / "signoff_agents"
EXTRAS: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
MATRIX: dict[str, dict[str, list[str]]] = tomllib.loads((ROOT / "tests" / "agents" / "frameworks.toml").read_text())
FRAMEWORKS = {
    "ag_ui": "ag_ui",
    "agent_framework": "agent_framework",
    "agentica": "agentica",
    "agno": "agno",
    "claude": "claude_agent_sdk",
    "crewai": "crewai",
    "google_adk": "google",
    "langchain": "langchain",
    "mcp": "mcp",
    "openai_agents": "agents",
    "pydantic_ai": "pydantic_ai",
    "strands": "strands",
}
"""Adapter → what its framework is imported as."""
NAMES = {"claude": "hooks"}
"""What to ask a module for that loads its framework only when it is needed."""


def test_every_adapter_is_known() -> None:
    """Each has an extra, an entry in the matrix with the version it is tested with, and an example."""
    made = {one.stem for one in ADAPTERS.iterdir() if one.name != "py.typed" and not one.name.startswith("_")}
    assert made - {"gating", "plain"} == set(FRAMEWORKS)
    examples = {one.name for one in (ROOT / "deploy" / "examples").iterdir()}
    for name in FRAMEWORKS:
        assert EXTRAS[name.replace("_", "-")]
        assert all("==" in one for one in MATRIX[name]["requires"])
        assert any(one.startswith(name) for one in examples), f"no example of {name}"


@pytest.mark.parametrize("adapter", FRAMEWORKS)
def test_without_its_framework_an_adapter_says_what_to_install(adapter: str) -> None:
    """One sentence with the extra, as an ImportError; and the extra is one that the package has."""
    code = (
        "import sys, importlib\n"
        f"sys.modules[{FRAMEWORKS[adapter]!r}] = None\n"
        f"made = importlib.import_module('signoff_agents.{adapter}')\n"
        f"made.{NAMES.get(adapter, '_')}\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    said = ran.stderr.strip().splitlines()[-1]
    assert said.startswith("ImportError: signoff_agents.")
    assert said.endswith(f'install it with: pip install "signoff[{adapter.replace("_", "-")}]"')


def test_gating_loads_no_framework() -> None:
    """What all of them stand on stands on the client alone, and loads even that only when it is used."""
    code = "import sys, signoff_agents.gating; print('signoff.client' in sys.modules, 'aiohttp' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.split() == ["False", "False"]
