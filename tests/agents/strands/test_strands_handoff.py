"""handoff_to_user, and the consent prompts of strands-agents-tools, answered through Signoff."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
import strands_tools.utils.user_input as user_input
from agents_harness import Desk, approve, reject, respond
from strands_tools import editor, file_write, http_request, python_repl, shell
from strands_tools import handoff_to_user as original

sys.path.insert(0, str(Path(__file__).parent))  # pytest's importlib mode leaves a test's own folder out
from strands_agent import Bank, agent, results, said

from signoff_agents.strands import ApprovalHooks, handoff_to_user, route_consent

CALL = [("handoff_to_user", {"message": "Which region?"})]
STOP = [("handoff_to_user", {"message": "All done.", "breakout_of_loop": True})]


def typed(text: str) -> Any:
    """Somebody at the terminal."""

    async def answer(*_: object, **__: object) -> str:
        return text

    return answer


@pytest.mark.parametrize("turn", [CALL, STOP])
async def test_same_contract_as_the_original(desk: Desk, monkeypatch: pytest.MonkeyPatch, turn: Any) -> None:
    """Schema, result and the end of the loop are those of strands-agents-tools."""
    monkeypatch.setattr(user_input, "get_user_input_async", typed("eu"))
    desk.people(respond("eu"))
    theirs = agent(Bank(), turn, tools=[original])
    ours = agent(Bank(), turn, tools=[handoff_to_user(desk.gate())])
    ends = [await made.invoke_async("go") for made in (theirs, ours)]
    one, other = results(theirs)[0], results(ours)[0]
    assert other.pop("userInput", None) == ("eu" if turn is CALL else None)
    assert one == other
    assert ends[0].stop_reason == ends[1].stop_reason
    assert ends[0].state.get("stop_event_loop") == ends[1].state.get("stop_event_loop")
    specs = [made.tool_registry.registry["handoff_to_user"].tool_spec for made in (theirs, ours)]
    assert specs[0]["description"] == specs[1]["description"]
    assert specs[0]["inputSchema"] == specs[1]["inputSchema"]


async def test_question_is_asked_as_a_question(desk: Desk) -> None:
    """People see the message, and no approval is asked for the question itself."""
    desk.people(respond("eu"))
    tools = [handoff_to_user(desk.gate(), reason="deployment")]
    made = agent(Bank(), CALL, tools=tools, hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    [asked] = desk.requests()
    assert (asked["title"], asked["reason"]) == ("Which region?", "deployment")
    assert asked["allowed_decisions"] == ["respond", "reject"]
    assert said(made) == ["User response received: eu"]


async def test_question_beside_calls_that_wait(desk: Desk) -> None:
    """In a turn with other calls it is no row of their batch: people would be asked whether they may be asked."""
    desk.people(by={"pay": approve, "ask_human": respond("eu")})
    bank = Bank()
    turn: Any = [*CALL, ("pay", {"to": "a", "amount": 1}), ("pay", {"to": "b", "amount": 2})]
    made = agent(bank, turn, tools=[handoff_to_user(desk.gate())], hooks=[ApprovalHooks(desk.gate())])
    await made.invoke_async("go")
    assert sorted(one["tool"] for one in desk.requests()) == ["ask_human", "pay", "pay"]
    assert sorted(bank.paid) == ["a 1", "b 2"]


def test_direct_call(desk: Desk) -> None:
    """`agent.tool.handoff_to_user(...)` gives the answer alone beside the text for the model."""
    desk.people(respond("eu"))
    made = agent(Bank(), tools=[handoff_to_user(desk.gate())])
    told = made.tool.handoff_to_user(message="Which region?")
    assert set(told) == {"content", "userInput", "status", "toolUseId"}
    assert (told["userInput"], told["status"]) == ("eu", "success")


async def test_breakout_tells_people_and_waits_for_nobody(desk: Desk) -> None:
    """The message is a notice; the loop stops after this turn."""
    made = agent(Bank(), STOP, "never said", tools=[handoff_to_user(desk.gate())])
    result = await made.invoke_async("go")
    assert result.stop_reason == "tool_use"
    [told] = desk.requests()
    assert (told["title"], told["arguments"]) == ("All done.", {"message": "All done."})


@pytest.mark.parametrize("turn", [CALL, STOP])
async def test_handoff_when_the_service_is_away(desk: Desk, turn: Any) -> None:
    """No answer is made up; a handoff that ends the loop ends it all the same."""
    made = agent(Bank(), turn, tools=[handoff_to_user(desk.away())])
    result = await made.invoke_async("go")
    assert results(made)[0]["status"] == "error"
    assert said(made)[0].endswith("the approval service could not be used.")
    assert result.stop_reason == ("end_turn" if turn is CALL else "tool_use")


async def test_refused_question(desk: Desk) -> None:
    """A person who will not answer is an error that says so, and no answer."""
    desk.people(reject("ask Lena"))
    made = agent(Bank(), CALL, tools=[handoff_to_user(desk.gate())])
    await made.invoke_async("go")
    assert results(made)[0]["status"] == "error"
    assert "Ada Okafor rejected" in said(made)[0]
    assert "ask Lena" in said(made)[0]


# ── consent ──────────────────────────────────────────────────────────────────────────────────────

SHELL = [("shell", {"command": "echo hello > made"})]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where tools may write."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def writes(place: Path) -> list[tuple[Any, Any]]:
    """Tools of strands-agents-tools that ask for consent, and what they would leave behind."""
    file = str(place / "made")
    return [
        (shell, ("shell", {"command": f"echo hello > {file}"})),
        (file_write, ("file_write", {"path": file, "content": "hello"})),
        (python_repl, ("python_repl", {"code": f"open({file!r}, 'w').write('hello')", "interactive": False})),
        (editor, ("editor", {"command": "create", "path": file, "file_text": "hello"})),
    ]


@pytest.mark.parametrize("index", range(4))
async def test_consent_is_asked_of_people(desk: Desk, place: Path, index: int) -> None:
    """No, and nothing was done; yes, and it was. People see the tool, its arguments and its prompt."""
    made, call = writes(place)[index]
    desk.people(reject("not on this machine"), approve)
    one = agent(Bank(), [call], [call], tools=[made])
    with route_consent(desk.gate(), risk="high"):
        await one.invoke_async("go")
    first, second = said(one)[:2]
    assert "not on this machine" in first
    assert results(one)[0]["status"] == "error"
    assert results(one)[1]["status"] == "success", second
    assert (place / "made").read_text().strip() == "hello"
    refused, approved = desk.requests()
    assert (refused["tool"], refused["risk"]) == (call[0], "high")
    assert call[1].items() <= refused["arguments"].items()
    assert "proceed" in refused["description"]
    assert refused["allowed_decisions"] == ["approve", "reject"]
    assert approved["consumed_at"]


async def test_second_prompt_for_a_reason_is_not_needed(desk: Desk) -> None:
    """A rejection without words is one request: the tool gets its sentence as the reason."""
    desk.people(reject())
    call = ("http_request", {"method": "POST", "url": "http://127.0.0.1:9/", "body": "x"})
    made = agent(Bank(), [call], tools=[http_request])
    with route_consent(desk.gate()):
        await made.invoke_async("go")
    assert "Ada Okafor rejected this call of http_request" in said(made)[0]
    assert len(desk.requests()) == 1


@pytest.mark.parametrize("words", ["y", "yes", "[/bold] y"])
async def test_reason_that_reads_like_a_yes(desk: Desk, place: Path, words: str) -> None:
    """A person who rejects with the word that tools take for a yes has rejected."""
    desk.people(reject(words))
    made = agent(Bank(), SHELL, tools=[shell])
    with route_consent(desk.gate()):
        await made.invoke_async("go")
    assert "Ada Okafor rejected this call of shell" in said(made)[0]
    assert not (place / "made").exists()


async def test_consent_when_the_service_is_away(desk: Desk, place: Path) -> None:
    """Nobody can be asked: no."""
    made = agent(Bank(), SHELL, tools=[shell])
    with route_consent(desk.away()):
        await made.invoke_async("go")
    assert "the approval service could not be used" in said(made)[0]
    assert not (place / "made").exists()


async def test_strands_tools_alone_run_when_consent_is_bypassed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework's own behaviour: one word in the environment, and nobody is asked."""
    monkeypatch.setenv("BYPASS_TOOL_CONSENT", "true")
    await agent(Bank(), SHELL, tools=[shell]).invoke_async("go")
    assert (place / "made").exists()


@pytest.mark.parametrize("name", ["BYPASS_TOOL_CONSENT", "STRANDS_NON_INTERACTIVE"])
def test_bypass_and_routing_exclude_each_other(desk: Desk, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Where tools would not ask at all, routing says so instead of pretending."""
    monkeypatch.setenv(name, "True")
    with pytest.raises(RuntimeError, match=f"{name} is set"):
        route_consent(desk.gate())


def test_routing_without_the_tools(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has Strands alone is told what to install."""
    monkeypatch.setitem(sys.modules, "strands_tools.utils.user_input", None)
    with pytest.raises(ImportError, match="pip install strands-agents-tools"):
        route_consent(desk.gate())


def test_routing_ends(desk: Desk) -> None:
    """After `close()` the terminal is asked again; two at once are refused."""
    before = user_input.get_user_input_async
    routing = route_consent(desk.gate())
    with pytest.raises(RuntimeError, match="routed already"):
        route_consent(desk.gate())
    routing.close()
    routing.close()
    assert user_input.get_user_input_async is before


async def test_approved_call_is_not_asked_about_twice(desk: Desk, place: Path) -> None:
    """What the hooks had approved needs no consent; its outcome is on the card."""
    desk.people(approve)
    made = agent(Bank(), SHELL, tools=[shell], hooks=[ApprovalHooks(desk.gate())])
    with route_consent(desk.gate()):
        await made.invoke_async("go")
    assert (place / "made").exists()
    [asked] = desk.requests()
    assert asked["outcome"]["status"] == "succeeded"


async def test_approval_of_one_tool_is_no_consent_for_another(desk: Desk, place: Path) -> None:
    """A tool that runs another one inside: the inner prompt is asked about by itself."""
    from strands import tool

    @tool
    def outer() -> str:
        """Do something."""
        inner = agent(Bank(), tools=[shell])
        return str(inner.tool.shell(command="echo hello > made")["content"])

    desk.people(by={"outer": approve, "shell": reject("no shell")})
    made = agent(Bank(), [("outer", {})], tools=[outer], hooks=[ApprovalHooks(desk.gate())])
    with route_consent(desk.gate()):
        await made.invoke_async("go")
    assert [one["tool"] for one in desk.requests()] == ["outer", "shell"]
    assert not (place / "made").exists()


async def test_question_of_the_original_handoff(desk: Desk) -> None:
    """strands-agents-tools' own handoff_to_user asks its free question through Signoff too."""
    desk.people(respond("eu"))
    made = agent(Bank(), CALL, tools=[original])
    with route_consent(desk.gate()):
        await made.invoke_async("go")
    assert said(made) == ["User response received: eu"]
    assert desk.requests()[0]["arguments"] == {"question": "Which region?"}


async def test_question_of_the_original_handoff_when_the_service_is_away(desk: Desk) -> None:
    """No answer is made up."""
    made = agent(Bank(), CALL, tools=[original])
    with route_consent(desk.away()):
        await made.invoke_async("go")
    assert results(made)[0]["status"] == "error"
    assert said(made)[0].endswith("the approval service could not be used.")


async def test_prompts_of_other_code(desk: Desk) -> None:
    """What uses the same function from elsewhere is asked about too, with its prompt, by `await` as well."""
    desk.people(approve, reject("no"))
    with route_consent(desk.gate()):
        assert await user_input.get_user_input_async("<bold>Really &amp; truly?</bold>") == "y"
        assert (await asyncio.to_thread(user_input.get_user_input, "Sure?")).startswith("Ada Okafor rejected")
    one, other = desk.requests()
    assert (one["tool"], one["description"]) == ("consent", "Really & truly?")
    assert other["description"] == "Sure?"
