"""Strands Agents: wait where a tool is about to run, or let the run pause and go on.

`ApprovalHooks` asks right before a tool runs, after every other hook, and waits there; with `mode="interrupt"` the run
pauses instead, and `run_with_approvals` and `resume_interrupts` take it up, in a new process too. `handoff_to_user` is
the tool of that name of strands-agents-tools, asking through Signoff. `route_consent` sends the prompts that tools of
strands-agents-tools print on the terminal to people instead.

Written for strands-agents 1.62 and strands-agents-tools 0.8.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.strands.consent import route_consent as route_consent
    from signoff_agents.strands.driver import resume_interrupts as resume_interrupts
    from signoff_agents.strands.driver import resume_interrupts_blocking as resume_interrupts_blocking
    from signoff_agents.strands.driver import run_with_approvals as run_with_approvals
    from signoff_agents.strands.driver import run_with_approvals_blocking as run_with_approvals_blocking
    from signoff_agents.strands.handoff import handoff_to_user as handoff_to_user
    from signoff_agents.strands.hooks import ApprovalHooks as ApprovalHooks
    from signoff_agents.strands.hooks import ApprovalIntervention as ApprovalIntervention
except ImportError as error:
    if (error.name or "").partition(".")[0] != "strands":
        raise
    raise missing(__name__, "strands", error) from error
