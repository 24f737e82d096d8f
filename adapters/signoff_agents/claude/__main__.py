"""`python -m signoff_agents.claude hook`: the hook for Claude Code."""

from __future__ import annotations

import sys

from signoff_agents.claude.hook import BLOCK, main

if __name__ == "__main__":
    if sys.argv[1:2] != ["hook"]:
        sys.stderr.write("Use: python -m signoff_agents.claude hook [--within SECONDS]\n")
        sys.exit(BLOCK)
    sys.exit(main(sys.argv[2:]))
