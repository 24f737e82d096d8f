"""LangChain and LangGraph: wait inside the tool call, or let the run pause and go on.

`ApprovalMiddleware` asks where a tool is about to run and waits there; it needs no checkpointer. `run_with_approvals`
and `resolve_interrupts` answer the pauses of LangChain's own `HumanInTheLoopMiddleware`, in both of its modes, with any
checkpointer; a new process takes them up again.

Written for langchain 1.5 and langgraph 1.2.
"""

from signoff_agents.gating import missing

try:
    from signoff_agents.langchain.driver import resolve_interrupts as resolve_interrupts
    from signoff_agents.langchain.driver import resolve_interrupts_blocking as resolve_interrupts_blocking
    from signoff_agents.langchain.driver import run_with_approvals as run_with_approvals
    from signoff_agents.langchain.driver import run_with_approvals_blocking as run_with_approvals_blocking
    from signoff_agents.langchain.middleware import ApprovalMiddleware as ApprovalMiddleware
except ImportError as error:
    if (error.name or "").partition(".")[0] not in {"langchain", "langchain_core", "langgraph"}:
        raise
    raise missing(__name__, "langchain", error) from error
