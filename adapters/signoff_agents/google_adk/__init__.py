"""Google's Agent Development Kit: wait where a tool is about to run, for a whole app or for one agent.

`ApprovalPlugin` stands before every tool of a Runner, those of agents used as tools among them; `callbacks` before the
tools of one agent. Both wait inside the call. A process that dies while people think loses nothing: with
`App(resumability_config=ResumabilityConfig(is_resumable=True))` and a session service that keeps its sessions,
`run_async(invocation_id=…)` makes the same calls again, and they find what was asked.

Written for google-adk 2.13.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.google_adk.plugin import ApprovalPlugin as ApprovalPlugin
    from signoff_agents.google_adk.plugin import callbacks as callbacks
except ImportError as error:
    if (error.name or "").partition(".")[0] != "google":
        raise
    raise missing(__name__, "google-adk", error) from error
