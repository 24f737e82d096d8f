"""A run that pauses until people have decided, and outlives the program: LangChain's own HumanInTheLoopMiddleware.

pip install "signoff[langchain]" langgraph-checkpoint-sqlite langchain-anthropic
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name dba
python langchain_paused.py monday "Remove the test orders."
python langchain_paused.py monday                                  # after a restart: goes on where it was
"""

from __future__ import annotations

import os
import sys
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver

from signoff import Gate
from signoff_agents.langchain import resolve_interrupts_blocking, run_with_approvals_blocking


@tool
def run_sql(query: str) -> str:
    """Run an SQL query."""
    return f"done: {query}"  # the database is called here


def changes_something(request: Any) -> bool:
    """Everything but one plain SELECT. Asked again when the run goes on, so it looks at nothing but the call."""
    query = request.tool_call["args"].get("query", "").strip().lower().rstrip(";")
    return not query.startswith("select ") or ";" in query or " into " in query


def build(model: Any, saver: Any) -> Any:
    on: Any = {"run_sql": {"allowed_decisions": ["approve", "edit", "reject"], "when": changes_something}}
    pausing = HumanInTheLoopMiddleware(on, interrupt_mode="per_call")
    return create_agent(model, [run_sql], middleware=[pausing], checkpointer=saver)


def main(thread: str, task: str | None, model: Any, gate: Gate, file: str = "runs.db") -> str:
    """`task`: None to go on with what the thread waits for."""
    config: Any = {"configurable": {"thread_id": thread}}
    with SqliteSaver.from_conn_string(file) as saver:
        agent = build(model, saver)
        said: Any = {"tools": {"run_sql": {"risk": "high", "impact": "Rows are changed or lost"}}, "gate": gate}
        if task is None:
            result = resolve_interrupts_blocking(agent, config, **said)
        else:
            result = run_with_approvals_blocking(agent, {"messages": [("user", task)]}, config, **said)
    return "nothing waits" if result is None else str(result["messages"][-1].text)


if __name__ == "__main__":
    task = sys.argv[2] if len(sys.argv) > 2 else None
    print(main(sys.argv[1], task, os.environ.get("MODEL", "anthropic:claude-sonnet-4-5"), Gate(agent="dba")))
