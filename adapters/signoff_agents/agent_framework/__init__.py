"""Microsoft's Agent Framework: wait inside the tool call, or let the run pause and go on.

`ApprovalMiddleware` asks where a tool is about to run, and waits there; people may edit the arguments and answer in the
tool's place. `run_with_approvals` answers the pauses of tools with `approval_mode="always_require"`, which take yes and
no alone; a pause outlives the process when it is kept.

Written for agent-framework-core 1.23.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.agent_framework.driver import Pause as Pause
    from signoff_agents.agent_framework.driver import resume_with_approvals as resume_with_approvals
    from signoff_agents.agent_framework.driver import run_with_approvals as run_with_approvals
    from signoff_agents.agent_framework.middleware import ApprovalMiddleware as ApprovalMiddleware
except ImportError as error:
    if (error.name or "").partition(".")[0] != "agent_framework":
        raise
    raise missing(__name__, "agent-framework", error) from error
