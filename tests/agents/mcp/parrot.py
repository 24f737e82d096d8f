"""A server without any library: notes each line it gets, and answers by a script. `python parrot.py LOG`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

LOG = Path(sys.argv[1])
NAMES: list[str] | None = ["pay", "die", "drop_table", "count", "odd"]
"""Of its tools; None: it does not say."""
SCHEMAS = {
    "count": {"type": "object", "properties": {"n": {"type": "integer"}}},
    "odd": {"type": "object", "properties": {"x": {"$ref": "#/$defs/no"}}},
}
"""`odd`: no form can be made of what is not there."""

for line in sys.stdin:
    with LOG.open("a") as log:
        log.write(line)
    got = json.loads(line)
    method, number = got.get("method"), got.get("id")
    if method == "tools/list" and NAMES is None:
        print(json.dumps({"jsonrpc": "2.0", "id": number, "error": {"code": -32603, "message": "later"}}), flush=True)
    elif method == "tools/list":
        tools = [{"name": name, "inputSchema": SCHEMAS.get(name, {"type": "object"})} for name in NAMES or ()]
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"tools": tools}}), flush=True)
    elif method == "names":
        NAMES = got["params"]["names"]
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {}}), flush=True)
    elif method == "tools/call" and got["params"]["name"] == "die":
        os._exit(3)
    elif method == "tools/call":
        said = json.dumps(got["params"]["arguments"])
        content = [{"type": "text", "text": said}]
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": content}}), flush=True)
    elif method == "initialize":
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {}}), flush=True)
    elif method == "environment":
        names = sorted(name for name in os.environ if name.startswith("SIGNOFF_"))
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"names": names}}), flush=True)
    elif method == "say":
        print(got["params"]["text"], flush=True)
