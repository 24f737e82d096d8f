"""A post is written, and written anew from what people say, until they publish it or say no.

pip install signoff
export SIGNOFF_URL=http://127.0.0.1:8080 SIGNOFF_API_KEY=so_…      # signoff keys create --role agent --name editor
python story_content.py "Our new warehouse in Porto"

Whoever rejects a draft says what the agent may do next: `with_changes` is another draft, made from the reason; anything
else is the end. People may also mend the text themselves; then theirs is published. The rule `publishing` of
policy.yaml offers reasons that carry that word.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pydantic import BaseModel, Field

from signoff import Gate, NotRun, Rejected
from signoff_agents.plain import requires_approval

DRAFTS = 4
"""After so many people have better things to do."""

gate = Gate(agent="editor")


class Draft(BaseModel):
    title: str = Field(max_length=80)
    text: str


def write(topic: str, wishes: Sequence[str]) -> Draft:
    """The writing model; this one is scripted."""
    text = f"{topic}. It opens on Monday."
    return Draft(title=topic, text=" ".join([text, *(f"[{wish}]" for wish in wishes)]))


def publish(title: str, text: str) -> str:
    """Publish a post on the company's blog."""
    return f"published: {title}\n{text}"  # the blog is called here


wait_and_publish = requires_approval(gate, publish, title=lambda given: f"Publish: {given['title']}", risk="medium")


def main(topic: str) -> str:
    """Raises NotRun."""
    wishes: list[str] = []
    while True:
        draft = write(topic, wishes)
        try:
            return wait_and_publish(draft.title, draft.text)
        except Rejected as no:
            if no.retry != "with_changes" or len(wishes) + 1 == DRAFTS:
                raise
            wishes.append(str(no))  # who said what, in words for a model


if __name__ == "__main__":
    try:
        print(main(sys.argv[1]))
    except NotRun as no:
        print(no)
        sys.exit(10 if isinstance(no, Rejected) else 1)
