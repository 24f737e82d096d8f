"""A server without any library: notes each line it gets, and answers by a script. `python parrot.py LOG`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

LOG = Path(sys.argv[1])
TOOLS = {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("pay", "die", "drop_table")]}

for line in sys.stdin:
    with LOG.open("a") as log:
        log.write(line)
    got = json.loads(line)
    method, number = got.get("method"), got.get("id")
    if method == "tools/list":
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": TOOLS}), flush=True)
    elif method == "tools/call" and got["params"]["name"] == "die":
        os._exit(3)
    elif method == "tools/call":
        said = json.dumps(got["params"]["arguments"])
        content = [{"type": "text", "text": said}]
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"content": content}}), flush=True)
    elif method == "environment":
        names = sorted(name for name in os.environ if name.startswith("SIGNOFF_"))
        print(json.dumps({"jsonrpc": "2.0", "id": number, "result": {"names": names}}), flush=True)
    elif method == "say":
        print(got["params"]["text"], flush=True)
