"""The Lua files, read once as package resources."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    source: str
    sha: str


def _script(*names: str) -> Script:
    folder = files("signoff.store").joinpath("lua")
    source = "\n".join(folder.joinpath(f"{name}.lua").read_text("utf-8") for name in names)
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


OPEN = _script("_chain", "_conditions", "_queue", "_write", "open")
MOVE = _script("_chain", "_conditions", "_queue", "_write", "move")
CHANGE = _script("_chain", "_conditions", "change")
CLAIM = _script("claim")
PLACE = _script("place")
DONE = _script("_outbox", "done")
AGAIN = _script("_outbox", "again")
NUDGE = _script("nudge")
TALLY = _script("tally")
QUEUE = _script("queue")
