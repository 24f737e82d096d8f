"""P10: what `import signoff` costs an agent, and that it brings no chat SDK and no Redis along."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE

from figures import Round, Row, compared
from ground import Ground

OURS = "import signoff; signoff.Gate"
THEIRS = "import pydantic, aiohttp; pydantic.BaseModel"
FOREIGN = (
    "redis",
    "hiredis",
    "slack_sdk",
    "slack_bolt",
    "botbuilder",
    "botframework",
    "msrest",
    "yaml",
    "jsonschema_rs",
)
PROGRAM = """
import time; began = time.perf_counter()
{statement}
took = time.perf_counter() - began
import json, sys; print(json.dumps([took, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""


async def rows(ground: Ground) -> list[Row]:
    rounds: list[Round] = []
    loaded: set[str] = set()
    for _ in range(ground.some(15)):
        ours, loaded = await _import(OURS)
        theirs, _ = await _import(THEIRS)
        rounds.append((ours, theirs))
    foreign = sorted(loaded.intersection(FOREIGN))
    shown = ", ".join(foreign) or "none"
    return [
        compared("P10", "import signoff.Gate against pydantic and aiohttp", rounds, most=1.25),
        Row("P10", "chat SDKs and servers' libraries that it loads", "none", shown, "–", not foreign),
    ]


async def _import(statement: str) -> tuple[float, set[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM.format(statement=statement), stdout=PIPE
    )
    out, _ = await process.communicate()
    took, names = json.loads(out)
    return took, set(names)
