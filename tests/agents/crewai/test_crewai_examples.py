"""The example, with its own scripted model."""

from __future__ import annotations

import sys
from pathlib import Path

from agents_harness import Desk, edit, reject, respond

sys.path.insert(0, str(Path(__file__).parents[3] / "deploy" / "examples"))
import crewai_content


def test_a_post_is_written_again_until_it_is_published(desk: Desk) -> None:
    """Sent back with words, the next draft has them; then it is published."""
    desk.people(respond({"outcome": "rewrite", "feedback": "say until when"}), respond({"outcome": "publish"}))
    result = crewai_content.content(desk.gate(), "our spring sale").kickoff()
    assert result == "published: All about our spring sale. (say until when)"
    assert len(desk.requests()) == 2


def test_a_rejected_post_is_dropped(desk: Desk) -> None:
    """A rejection has an outcome of its own."""
    desk.people(reject("not this year"))
    result = crewai_content.content(desk.gate(), "our spring sale").kickoff()
    assert "rejected this call of draft: not this year" in str(result)


def test_the_newsletter_waits(desk: Desk) -> None:
    """The crew's tool runs with what a person made of it."""
    desk.people(edit(subject="Spring sale until Sunday"))
    result = crewai_content.newsletter(crewai_content.Scripted(), desk.gate()).kickoff()
    assert str(result).startswith("sent to customers: Spring sale until Sunday\n\nAda Okafor changed")
    [asked] = desk.requests()
    assert asked["editable"] == ["subject"]
