"""`imports.py ADAPTER`, under its framework's own Python: the seconds that importing the adapter adds.

What the adapter itself imports of its framework is imported before.
"""

from __future__ import annotations

import ast
import asyncio  # noqa: F401  # every agent has it
import gc
import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

OURS = ("signoff", "signoff_agents", "pydantic", "pydantic_core", "aiohttp")
"""What an adapter may not bring along without it being counted."""


def outer(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """What is imported as soon as this module is: not in functions, and not for types alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try):
            yield from outer(node)


def is_the_frameworks(node: ast.Import | ast.ImportFrom) -> bool:
    name = node.names[0].name if isinstance(node, ast.Import) else node.module or ""
    return name.partition(".")[0] not in (*OURS, *sys.stdlib_module_names)


def main(adapter: str) -> None:
    spec = importlib.util.find_spec(f"signoff_agents.{adapter}")
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    files = sorted(origin.parent.glob("*.py")) if origin.name == "__init__.py" else [origin]
    for node in [node for file in files for node in outer(ast.parse(file.read_text("utf-8")))]:
        if is_the_frameworks(node):
            exec(ast.unparse(node), {})  # with its names: some frameworks load behind them
    gc.freeze()  # what the framework has left is not the adapter's to be searched through
    began = time.perf_counter()
    importlib.import_module(f"signoff_agents.{adapter}")
    print(json.dumps([time.perf_counter() - began]))


if __name__ == "__main__":
    main(sys.argv[1])
