"""agno: runs of agents, teams and workflows that pause, the approvals of AgentOS, and tools that wait by themselves.

`run_with_approvals` and `resume` answer all of agno's pauses (confirmation, user input, user feedback, external
execution, and a workflow's steps), in this process or after a restart. `ApprovalsBridge` keeps the rows that
`@approval` makes, and Signoff, in agreement whoever decides first. `gated` makes a tool wait inside its own call, which
nothing around it can skip.

Written for agno 3.1.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.agno.bridge import ApprovalsBridge as ApprovalsBridge
    from signoff_agents.agno.driver import resume as resume
    from signoff_agents.agno.driver import resume_blocking as resume_blocking
    from signoff_agents.agno.driver import run_with_approvals as run_with_approvals
    from signoff_agents.agno.driver import run_with_approvals_blocking as run_with_approvals_blocking
    from signoff_agents.agno.gated import gated as gated
except ImportError as error:
    if (error.name or "").partition(".")[0] != "agno":
        raise
    raise missing(__name__, "agno", error) from error
