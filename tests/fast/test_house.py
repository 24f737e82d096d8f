"""What the repository says about itself is true."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import yaml

from signoff import config

ROOT = Path(__file__).parents[2]


def test_env_example_documents_every_variable_and_no_other() -> None:
    """.env.example names exactly the variables that the server, its chats and the agent's side read."""
    named = set(re.findall(r"^#?([A-Z][A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert named == set(config.known_variables(config.plugins()))


def test_base_install_is_the_agents_side_only() -> None:
    """pydantic and aiohttp, nothing else."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [re.split(r"[<>=]", one)[0] for one in project["dependencies"]] == ["pydantic", "aiohttp"]
    assert "<" not in project["requires-python"]


def test_importing_the_agents_side_loads_no_server() -> None:
    """`from signoff import Gate` loads no redis, no chat SDK, no cryptography and no command line."""
    heavy = ["redis", "slack_sdk", "slack_bolt", "botbuilder", "cryptography", "jwt", "typer", "rich", "yaml", "cel"]
    code = f"import sys; from signoff import Gate, Rejected; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_chat_sdks_are_not_loaded_to_read_the_configuration() -> None:
    """Finding the chats by entry point is cheap: their SDKs load when they are built."""
    heavy = ["slack_sdk", "slack_bolt", "botbuilder", "redis"]
    code = f"import sys; from signoff import config; config.plugins(); print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_readmes_python_compiles() -> None:
    """The examples in the README are Python."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec", flags=0x2000)  # PyCF_ALLOW_TOP_LEVEL_AWAIT


def test_compose_keeps_the_append_only_file_and_the_bot_is_not_root() -> None:
    """deploy/compose.yaml runs Redis with its append-only file; the image runs as a user of its own."""
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    command = compose["services"]["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert "\nUSER 10001\n" in (ROOT / "deploy/Dockerfile").read_text()


def test_core_rooms_name_no_platform() -> None:
    """Outside of the chats' own packages nothing in the core is written for one platform."""
    core = ROOT / "bot" / "signoff"
    pure = ["model", "forms", "cards", "policy", "desk", "digest.py", "audit.py", "ports", "relay", "store", "api"]
    for room in pure:
        files = [core / room] if room.endswith(".py") else sorted((core / room).rglob("*.py"))
        for file in files:
            code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", file.read_text())
            assert not re.search(r"\b(slack|teams)\b", code, re.IGNORECASE), file


def test_the_manifests_in_deploy_are_what_the_command_writes(tmp_path: Path) -> None:
    """`signoff manifest` writes the same files, for an installation at an example's address."""
    found = config.plugins()
    found["slack"].manifest("", None, tmp_path)
    assert (tmp_path / "slack-manifest.json").read_text() == (ROOT / "deploy/slack-manifest.json").read_text()
    settings = found["teams"].settings(
        {
            "TEAMS_APP_ID": "00000000-0000-4000-8000-000000000000",
            "TEAMS_APP_PASSWORD": "unused",
            "TEAMS_TENANT_ID": "00000000-0000-4000-8000-000000000001",
        }
    )
    [package] = found["teams"].manifest("https://signoff.example.com", settings, tmp_path)
    with zipfile.ZipFile(package) as archive:
        written = archive.read("manifest.json").decode()
    assert written == (ROOT / "deploy/teams-manifest.json").read_text()
