"""Run the tests of framework adapters, each framework in an environment of its own.

`python tests/agents/run.py [names] [-- words for pytest]`: all of them, or those named; `--check` looks at the types of
their adapters instead; `--jobs` takes several at a time. Environments are kept under ~/.cache/signoff-agents and made
anew when their requirements change. The service, mypy and basedpyright come from the runner's own Python.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "signoff-agents"
TESTING = ("pytest>=8.4,<10", "pytest-asyncio>=1.1,<2", "pytest-timeout>=2.4,<3")
DONE = "done"
"""A file in an environment that is complete."""


@dataclass(frozen=True)
class Framework:
    name: str
    requires: list[str]
    override: list[str] = field(default_factory=list)
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    env: dict[str, str] = field(default_factory=dict)
    """What its tests' processes find in the environment."""

    @property
    def folder(self) -> Path:
        """Another one for every set of requirements."""
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        said = (str(ROOT), self.python, self.requires, self.override, TESTING, project["dependencies"])
        return CACHE / f"{self.name}-{hashlib.sha256(repr(said).encode()).hexdigest()[:12]}"

    @property
    def program(self) -> Path:
        return self.folder / "bin" / "python"

    def make(self) -> None:
        """Raises CalledProcessError with what uv said on stderr."""
        if (self.folder / DONE).exists():
            return
        CACHE.mkdir(parents=True, exist_ok=True)
        for old in CACHE.glob(f"{self.name}-{'?' * 12}"):
            shutil.rmtree(old)
        _uv("venv", "--python", _python(self.python), str(self.folder))
        override = self.folder / "override.txt"
        override.write_text("\n".join(self.override))
        words = ["pip", "install", "--python", str(self.program), "--override", str(override)]
        _uv(*words, "--editable", str(ROOT), *TESTING, *self.requires)
        (self.folder / DONE).touch()

    def test(self, words: list[str], out: IO[bytes]) -> int:
        """pytest's exit code; what it says goes to `out`."""
        own = ("SIGNOFF_", "SLACK_", "TEAMS_")
        around = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        around |= self.env | {"SIGNOFF_TEST_SERVER": sys.executable, "SIGNOFF_TEST_FRAMEWORK": self.name}
        command = [str(self.program), "-m", "pytest", "-c", str(HERE / "pytest.ini")]
        # From the repository's root: a module named langchain.test_… would hide the framework.
        command += ["--rootdir", str(ROOT), str(HERE / self.name), *words]
        return subprocess.run(command, cwd=ROOT, env=around, stdout=out, stderr=out).returncode

    def check(self, out: IO[bytes]) -> int:
        """The worse exit code of mypy and basedpyright on its adapter, with the framework's own types."""
        found = ROOT / "adapters" / "signoff_agents" / self.name
        module = found if found.exists() else found.with_suffix(".py")
        if not module.exists():
            return 0  # tests of a framework that uses another one's adapter
        bin = Path(sys.executable).parent
        sources = [str(ROOT / "bot"), str(ROOT / "adapters")]
        with tempfile.TemporaryDirectory() as folder:
            strict = Path(folder) / "mypy.ini"
            strict.write_text("[mypy]\nstrict = true\nfollow_imports = silent\ndisable_error_code = import-untyped\n")
            words = ["--config-file", str(strict), "--explicit-package-bases", "--python-executable", str(self.program)]
            around = os.environ | {"MYPYPATH": os.pathsep.join(sources)}
            command = [str(bin / "mypy"), *words, "--package", f"signoff_agents.{self.name}"]
            mypy = subprocess.run(command, cwd=folder, env=around, stdout=out, stderr=out).returncode
            project = Path(folder) / "pyright.json"
            own = {"include": [str(module)], "extraPaths": sources, "venvPath": str(CACHE), "venv": self.folder.name}
            project.write_text(json.dumps({"extends": str(ROOT / "pyproject.toml"), **own}))
            command = [str(bin / "basedpyright"), "-p", str(project)]
            return max(mypy, subprocess.run(command, cwd=folder, stdout=out, stderr=out).returncode)


def _python(version: str) -> str:
    """One of this machine: on the PATH, or beside it as pyenv keeps them."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    kept = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    return str(kept[-1]) if kept else version


def _uv(*words: str) -> None:
    uv = Path(sys.executable).with_name("uv")
    program = str(uv) if uv.exists() else shutil.which("uv")
    if program is None:
        raise SystemExit("uv is missing; `make setup` installs it.")
    subprocess.run(
        [program, "--quiet", "--no-progress", *words],
        check=True,
        cwd=ROOT,
        env=os.environ | {"UV_PYTHON_DOWNLOADS": "never"},
    )


def frameworks() -> dict[str, Framework]:
    matrix = tomllib.loads((HERE / "frameworks.toml").read_text())
    return {name: Framework(name, **row) for name, row in matrix.items()}


def main() -> int:
    known = frameworks()
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(known))
    parser.add_argument("--check", action="store_true", help="types instead of tests")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="so many at a time; then each is told when done"
    )
    cut = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    said, words = parser.parse_args(sys.argv[1:cut]), sys.argv[cut + 1 :]
    names: list[str] = said.names or list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(known)}")

    def work(name: str) -> bool:
        started = time.monotonic()
        with tempfile.TemporaryFile() if said.jobs > 1 else contextlib.nullcontext(sys.stdout.buffer) as out:
            out.write(f"── {name}: {', '.join(known[name].requires) or 'no framework'}\n".encode())
            out.flush()
            known[name].make()
            made = time.monotonic()
            bad = known[name].check(out) if said.check else known[name].test(words, out)
            took = f"   {made - started:.0f} s to set up, {time.monotonic() - made:.0f} s of work\n"
            if said.jobs > 1:
                out.seek(0)
                took = out.read().decode() + took
        sys.stdout.write(took)
        sys.stdout.flush()
        return not bad

    with ThreadPoolExecutor(said.jobs) as pool:
        failed = [name for name, good in zip(names, pool.map(work, names), strict=True) if not good]
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
