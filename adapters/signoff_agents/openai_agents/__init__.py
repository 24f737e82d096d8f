"""OpenAI's Agents SDK: wait inside the tool call, or let the run pause and go on from its `RunState`.

`gate_agent` asks about every tool of an agent, its MCP servers' and those of the agents it hands off to; `gated` and
`gate_tools` about single tools. `run_with_approvals` and `resume` answer the pauses of tools with `needs_approval`,
also in a new process, and let people edit and answer, which the SDK's own pauses do not.

Written for openai-agents 0.24.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.openai_agents.agents import gate_agent as gate_agent
    from signoff_agents.openai_agents.driver import resume as resume
    from signoff_agents.openai_agents.driver import run_with_approvals as run_with_approvals
    from signoff_agents.openai_agents.tools import gate_tools as gate_tools
    from signoff_agents.openai_agents.tools import gated as gated
except ImportError as error:
    if (error.name or "").partition(".")[0] != "agents":
        raise
    raise missing(__name__, "openai-agents", error) from error
