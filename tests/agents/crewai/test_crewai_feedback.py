"""People's feedback in CrewAI's flows."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from agents_harness import Desk, approve, eventually, reject, respond
from crewai.flow import Flow, HumanFeedbackPending, human_feedback, listen, start
from crewai.flow.persistence import SQLiteFlowPersistence

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
import crewai_flow
from crewai_agent import scripted
from crewai_flow import DRAFT, commented, reviewed

from signoff import AlreadyStarted, Expired, Rejected, Unavailable
from signoff_agents.crewai import Feedback, requires_approval

PUBLISH = respond({"outcome": "publish"})
REWRITE = respond({"outcome": "rewrite", "feedback": "not the publish date, please"})


@pytest.fixture
def kept(tmp_path: Path) -> SQLiteFlowPersistence:
    return SQLiteFlowPersistence(str(tmp_path / "flows.db"))


class Words:
    """CrewAI's own kind of provider: words, from whoever."""

    def __init__(self, words: str) -> None:
        self.words = words

    def request_feedback(self, context: Any, flow: Any) -> str:
        return self.words


# ── blocking ─────────────────────────────────────────────────────────────────────────────────────


def test_the_chosen_outcome_is_taken(desk: Desk) -> None:
    """People choose it; no model guesses it from their words, whatever they are."""
    desk.people(REWRITE)
    done: list[str] = []
    reviewed(Feedback(desk.gate()), done)().kickoff()
    assert done == ["rewritten: rewrite\n\nnot the publish date, please"]
    [asked] = desk.requests()
    assert (asked["tool"], asked["title"], asked["arguments"]) == ("draft", "Publish it?", DRAFT)
    assert sorted(asked["allowed_decisions"]) == ["reject", "respond"]


@pytest.mark.parametrize("outcome", ["publish", "rewrite"])
async def test_an_outcome_without_words(desk: Desk, outcome: str) -> None:
    """Also under `kickoff_async`."""
    desk.people(respond({"outcome": outcome}))
    done: list[str] = []
    await reviewed(Feedback(desk.gate()), done)().kickoff_async()
    assert [text.rpartition(": ")[2] for text in done] == [outcome]


def test_words_alone(desk: Desk) -> None:
    """Without outcomes the flow goes on with what a person says."""
    desk.people(respond("shorter"))
    done: list[str] = []
    assert commented(Feedback(desk.gate(), risk="high"), done)().kickoff() is not None
    assert done == ["shorter"]
    [asked] = desk.requests()
    assert (asked["arguments"], asked["risk"]) == ({"output": "Spring sale"}, "high")


def test_crewai_alone_takes_silence_for_the_first_outcome() -> None:
    """The framework's own behaviour: whoever says nothing has published."""
    done: list[str] = []
    reviewed(Feedback(None), done, provider=Words(" "), llm=scripted())().kickoff()  # type: ignore[arg-type]
    assert done[0].startswith("published")


def test_crewai_alone_lets_a_model_guess_the_outcome() -> None:
    """The framework's own behaviour: a person says no, and a model makes of it what it likes."""
    done: list[str] = []

    class Guessing(type(scripted())):  # type: ignore[misc]
        def call(self, *_: Any, **__: Any) -> str:
            return "publish"

    model = Guessing(model="guessing", turns=[], read=[])
    reviewed(Feedback(None), done, provider=Words("Never!"), llm=model)().kickoff()  # type: ignore[arg-type]
    assert done == ["published: Never!"]


def test_a_model_that_would_guess_is_refused(desk: Desk) -> None:
    """Ours: with any other model nobody is asked and the flow ends."""
    done: list[str] = []
    with pytest.raises(ValueError, match=r"llm=feedback\.llm"):
        reviewed(Feedback(desk.gate()), done, llm=scripted())().kickoff()
    assert not done
    assert not desk.requests()


def test_a_rejection_ends_the_flow(desk: Desk) -> None:
    """No outcome is made of it, unless one is named; then the person's words come with it."""
    desk.people(reject("not this week"))
    done: list[str] = []
    with pytest.raises(Rejected, match="rejected this call of draft: not this week"):
        reviewed(Feedback(desk.gate()), done)().kickoff()
    assert not done
    reviewed(Feedback(desk.gate(), rejected="rewrite"), done)().kickoff()
    said = "Ada Okafor rejected this call of draft: not this week. Do not try this again."
    assert done == [f"rewritten: rewrite\n\n{said}"]
    with pytest.raises(ValueError, match="none of its outcomes"):
        reviewed(Feedback(desk.gate(), rejected="burn"), done)().kickoff()


def test_an_expired_request_ends_the_flow(desk: Desk) -> None:
    """Nobody decided: no outcome, and no default one."""
    done: list[str] = []
    with pytest.raises(Expired):
        reviewed(Feedback(desk.gate(), expires_in=1), done, default_outcome="publish")().kickoff()
    assert not done


def test_service_away_ends_the_flow(desk: Desk) -> None:
    """With one fixed sentence."""
    done: list[str] = []
    with pytest.raises(Unavailable, match="the approval service could not be used"):
        reviewed(Feedback(desk.away()), done)().kickoff()
    assert not done


def test_a_flow_started_again_asks_nobody_twice(desk: Desk) -> None:
    """The same flow by its id, the same draft: the feedback that was given."""
    desk.people(PUBLISH)
    done: list[str] = []
    made = reviewed(Feedback(desk.gate()), done)
    for _ in range(2):
        made().kickoff(inputs={"id": desk.run})
    assert len(desk.requests()) == 1
    assert done == ["published: publish"] * 2


# ── paused ───────────────────────────────────────────────────────────────────────────────────────


async def test_paused_and_resumed(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """People are asked when the flow pauses; the flow itself goes on with what they chose."""
    done: list[str] = []
    feedback = Feedback(desk.gate(), mode="pause")
    flow = reviewed(feedback, done)(persistence=kept)
    assert isinstance(await flow.kickoff_async(), HumanFeedbackPending)
    [asked] = await asyncio.to_thread(desk.waiting)
    desk.decide(asked, REWRITE)
    assert await feedback.resume(flow) == "rewritten"
    assert done == ["rewritten: rewrite\n\nnot the publish date, please"]
    assert await feedback.resume(flow) is None  # nothing waits any more


def test_paused_for_words(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """Without outcomes."""
    done: list[str] = []
    feedback = Feedback(desk.gate(), mode="pause")
    flow = commented(feedback, done)(persistence=kept)
    flow.kickoff()
    desk.people(None)
    [asked] = desk.waiting()
    desk.decide(asked, respond("shorter"))
    assert feedback.resume_blocking(flow) == "used"
    assert done == ["shorter"]


def test_what_comes_after_may_wait_for_people_itself(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """A flow that goes on in sync code may call gated tools in it, also from a method that is async."""
    done: list[str] = []
    feedback = Feedback(desk.gate(), mode="pause")

    @requires_approval(desk.gate())
    def publish(text: str) -> str:
        """Publish."""
        done.append(text)
        return "published"

    class Published(Flow):  # type: ignore[type-arg]
        @start()
        @human_feedback(message="What do you think?", provider=feedback)
        def draft(self):  # type: ignore[no-untyped-def]
            return "Spring sale"

        @listen(draft)
        async def use(self, review):  # type: ignore[no-untyped-def]
            return publish.run(text=review.feedback)

    flow = Published(persistence=kept)
    flow.kickoff()
    desk.people(by={"draft": respond("shorter"), "publish": approve})
    for asked in desk.waiting():
        desk.decide(asked, respond("shorter"))
    assert feedback.resume_blocking(flow) == "published"
    assert done == ["shorter"]


def test_restart_in_a_new_process_asks_once(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """One process asks; another one takes the decision that was made meanwhile."""
    flow = reviewed(Feedback(desk.gate(), mode="pause"), [])(persistence=kept)
    flow.kickoff()
    [asked] = desk.waiting()
    desk.decide(asked, PUBLISH)
    command = [sys.executable, crewai_flow.__file__, kept.db_path, flow.flow_id]
    done = subprocess.run(command, env=desk.environ, capture_output=True, text=True, timeout=50)
    assert json.loads(done.stdout.splitlines()[-1]) == ["published: publish"], done.stderr
    assert len([one for one in desk.requests() if one["tool"] == "draft"]) == 1


def test_crewai_alone_resumes_twice(kept: SQLiteFlowPersistence) -> None:
    """The framework's own behaviour: the same pause resumed by two goes on twice."""
    done: list[str] = []

    class Pausing:
        def request_feedback(self, context: Any, flow: Any) -> str:
            raise HumanFeedbackPending(context=context)

    made = commented(Pausing(), done)
    flow = made(persistence=kept)
    flow.kickoff()
    two = [made.from_pending(flow.flow_id, kept) for _ in range(2)]
    for one in two:
        one.resume("shorter")
    assert done == ["shorter", "shorter"]


def test_resumed_twice_goes_on_once(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """Ours: at the same moment or one after the other, the second is told that it was started."""
    done: list[str] = []
    feedback = Feedback(desk.gate(), mode="pause")
    made = reviewed(feedback, done)
    flow = made(persistence=kept)
    flow.kickoff()
    flows = [made.from_pending(flow.flow_id, kept) for _ in range(3)]
    [asked] = desk.waiting()
    desk.decide(asked, PUBLISH)
    went: list[object] = []

    def go(one: Any) -> None:
        try:
            went.append(feedback.resume_blocking(one))
        except AlreadyStarted as error:
            went.append(error)

    threads = [threading.Thread(target=go, args=(one,)) for one in flows[:2]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    go(flows[2])
    assert done == ["published: publish"]
    assert sum(isinstance(one, AlreadyStarted) for one in went) == 2


def test_paused_while_the_service_is_away(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """The flow pauses all the same; nothing goes on until somebody could be asked."""
    done: list[str] = []
    away = Feedback(desk.away(), mode="pause")
    flow = reviewed(away, done)(persistence=kept)
    assert isinstance(flow.kickoff(), HumanFeedbackPending)
    with pytest.raises(Unavailable):
        away.resume_blocking(flow)
    desk.people(PUBLISH)
    assert Feedback(desk.gate(), mode="pause").resume_blocking(flow) == "published"
    assert done == ["published: publish"]


async def test_cancelled_wait_leaves_the_pause(desk: Desk, kept: SQLiteFlowPersistence) -> None:
    """A time-out while people think: asked once, still paused, gone on with later."""
    done: list[str] = []
    feedback = Feedback(desk.gate(), mode="pause")
    flow = reviewed(feedback, done)(persistence=kept)
    await flow.kickoff_async()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await feedback.resume(flow)
    [asked] = await asyncio.to_thread(desk.waiting)
    task = asyncio.create_task(feedback.resume(flow))
    desk.decide(asked, PUBLISH)
    await task
    await asyncio.to_thread(eventually, lambda: done)
    assert done == ["published: publish"]
