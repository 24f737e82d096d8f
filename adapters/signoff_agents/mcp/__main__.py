"""`python -m signoff_agents.mcp`: the gateway and the server from a command line."""

from __future__ import annotations

import sys

from signoff_agents._mcp_words import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
