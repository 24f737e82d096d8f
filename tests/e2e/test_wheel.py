"""What people install."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_wheel_holds_every_file_and_its_agent_side_stands_alone(tmp_path: Path) -> None:
    """A wheel has all that the repository has under bot/ and adapters/. With it and what the base needs,
    an agent can ask, hooks run, and an adapter without its framework says which extra it needs.
    """
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "--quiet", "build", "--wheel", "--out-dir", tmp_path, ROOT], check=True, timeout=100)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "bot", "adapters"], check=True, capture_output=True, text=True, timeout=30
    )
    assert not {line.partition("/")[2] for line in listed.stdout.splitlines()} - held

    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    subprocess.run([uv, "--quiet", "pip", "install", "--python", python, wheel], check=True, timeout=100)
    code = "import signoff, signoff_agents.gating, signoff_agents.plain; signoff.Gate(); import signoff_agents.mcp"
    ran = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=60)
    assert ran.stderr.strip().endswith('install it with: pip install "signoff[mcp]"')
    hook = subprocess.run([python.with_name("signoff"), "hook", "claude-code", "--help"], timeout=60)
    assert hook.returncode == 0
