"""A post that people publish, send back for another draft, or drop; and a crew whose newsletter waits for a person.

pip install "signoff[crewai]"
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name content
export OPENAI_API_KEY=… ; python crewai_content.py "our spring sale"   # or without: a scripted model writes
"""

import json
import os
import sys
from typing import Any

from crewai import Agent, Crew, Task
from crewai.flow import Flow, human_feedback, listen, or_, start
from crewai.llms.base_llm import BaseLLM
from crewai.tools import tool

from signoff import Gate
from signoff_agents.crewai import Feedback, gated


class Scripted(BaseLLM):
    """Writes the same post each time, as it was told to; in the place of a model that needs a key."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**{"model": "scripted", **given})

    def supports_function_calling(self) -> bool:
        return True

    def call(self, messages: Any, *_: Any, **__: Any) -> Any:
        if any(one["role"] == "tool" for one in messages):
            return str(messages[-1]["content"])
        function = {"name": "send_newsletter", "arguments": json.dumps({"subject": "Spring sale", "to": "customers"})}
        return [{"id": "call-1", "type": "function", "function": function}]


@tool
def send_newsletter(subject: str, to: str) -> str:
    """Send the newsletter to a list of people."""
    return f"sent to {to}: {subject}"  # the mail server is called here


def newsletter(model: Any, gate: Gate) -> Crew:
    tools = gated(gate, send_newsletter, risk="medium", editable=["subject"], impact="Customers read it")
    editor = Agent(role="editor", goal="tell customers", backstory="You write newsletters.", llm=model, tools=tools)
    return Crew(agents=[editor], tasks=[Task(description="Send it.", expected_output="what was sent", agent=editor)])


def content(gate: Gate, topic: str) -> Flow[Any]:
    feedback = Feedback(gate, rejected="drop")

    class Content(Flow[Any]):
        """Written, judged, and written again until somebody publishes or drops it."""

        @start()
        def begin(self) -> str:
            return topic

        @listen(or_("begin", "rewrite"))
        @human_feedback(
            message="Publish this post?", emit=["publish", "rewrite", "drop"], provider=feedback, llm=feedback.llm
        )
        def draft(self) -> str:
            asked_for = [one.feedback.partition("\n\n")[2] for one in self.human_feedback_history]
            return f"All about {topic}." + "".join(f" ({one})" for one in asked_for)  # a crew would write it

        @listen("publish")
        def published(self, review: Any) -> str:
            return f"published: {review.output}"

        @listen("drop")
        def dropped(self, review: Any) -> str:
            return f"dropped: {review.feedback}"

    return Content()


if __name__ == "__main__":
    gate = Gate(agent="content")
    result = content(gate, sys.argv[1]).kickoff()
    print(result)
    if str(result).startswith("published"):
        model = os.environ.get("MODEL", "openai/gpt-4o") if "OPENAI_API_KEY" in os.environ else Scripted()
        print(newsletter(model, gate).kickoff())
