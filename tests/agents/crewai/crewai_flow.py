"""A flow that people review, in the tests and in processes of their own."""

# Without annotations kept as text: CrewAI looks at those of a flow's methods.
import json
import os
import sys
from typing import Any

from crewai.flow import Flow, human_feedback, listen, start
from crewai.flow.persistence import SQLiteFlowPersistence

from signoff import Gate
from signoff_agents.crewai import Feedback

DRAFT = {"title": "Spring sale"}


def reviewed(feedback: Feedback, done: list[str], **options: Any) -> Any:
    """A class of flows whose draft people review; `done`: what ran after it."""
    said: dict[str, Any] = {"provider": feedback, "llm": feedback.llm, **options}

    class Reviewed(Flow):  # type: ignore[type-arg]
        @start()
        @human_feedback(message="Publish it?", emit=["publish", "rewrite"], **said)
        def draft(self) -> Any:
            return DRAFT

        @listen("publish")
        def on_publish(self, review: Any) -> str:
            done.append(f"published: {review.feedback}")
            return "published"

        @listen("rewrite")
        def on_rewrite(self, review: Any) -> str:
            done.append(f"rewritten: {review.feedback}")
            return "rewritten"

    return Reviewed


def commented(feedback: Any, done: list[str]) -> Any:
    """The same with words alone."""

    class Commented(Flow):  # type: ignore[type-arg]
        @start()
        @human_feedback(message="What do you think?", provider=feedback)
        def draft(self) -> Any:
            return "Spring sale"

        @listen(draft)
        def use(self, review: Any) -> str:
            done.append(review.feedback)
            return "used"

    return Commented


def main() -> None:
    """`crewai_flow.py FILE FLOW`: goes on with a paused one; prints what ran."""
    feedback = Feedback(Gate(agent=os.environ["AGENT"]), mode="pause")
    done: list[str] = []
    kept = SQLiteFlowPersistence(sys.argv[1])
    feedback.resume_blocking(reviewed(feedback, done).from_pending(sys.argv[2], kept))
    print(json.dumps(done))


if __name__ == "__main__":
    main()
