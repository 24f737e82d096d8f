"""CrewAI: tools that wait for people, of an agent, a task or a whole crew, and people's feedback in flows.

`gated` and `with_approvals` wrap the tools themselves: CrewAI's own hooks let a tool run when they fail. They work in
native function calling and in ReAct, under `kickoff` and `akickoff`. `Feedback` is a provider for `@human_feedback`,
and goes on with the flows that it has paused.

Written for crewai 1.15.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.crewai.feedback import Feedback as Feedback
    from signoff_agents.crewai.tools import gated as gated
    from signoff_agents.crewai.tools import requires_approval as requires_approval
    from signoff_agents.crewai.tools import with_approvals as with_approvals
    from signoff_agents.crewai.turns import run as run
except ImportError as error:
    if (error.name or "").partition(".")[0] not in {"crewai", "crewai_core"}:
        raise
    raise missing(__name__, "crewai", error) from error
