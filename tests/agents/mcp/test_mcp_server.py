"""Signoff as a server, and elicitation answered by people."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import pytest
import pytest_asyncio
from agents_harness import Desk, Service, approve, closed_port, edit, reject, respond
from mcp import StdioServerParameters
from mcp.client.client import Client
from mcp.server.mcpserver import Elicit, ElicitationResult, MCPServer, Resolve
from mcp.server.mcpserver.resolve import AcceptedElicitation
from mcp_harness import ERAS, Lasting, around, said
from pydantic import BaseModel

from signoff import Gate
from signoff_agents.mcp import elicitation_callback

pytestmark = pytest.mark.asyncio(loop_scope="module")


def serve(service: Service, agent: str, *more: str, **env: str) -> StdioServerParameters:
    words = ["-m", "signoff_agents.mcp", "serve", "--agent", agent, *more]
    return StdioServerParameters(command=sys.executable, args=words, env=around(service, **env))


@pytest.fixture(scope="module", params=ERAS)
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def known(era: str, service: Service) -> AsyncIterator[tuple[Client, str]]:
    """A host connected to the server, and the agent's name."""
    lasting, agent = Lasting(), service.agent()
    yield await lasting.entered(Client(serve(service, agent), mode=ERAS[era])), agent
    await lasting.leave()


@pytest.fixture
def client(known: tuple[Client, str]) -> Client:
    return known[0]


@pytest.fixture
def asked(known: tuple[Client, str], service: Service) -> Iterator[Desk]:
    """What that server asks in this test."""
    with service.desk(known[1]) as made:
        yield made


async def test_a_model_asks_for_an_approval_and_reads_what_it_may_do(client: Client, asked: Desk) -> None:
    """Edited arguments come back in place of the asked ones, a rejection with its words; the approval is used up."""
    asked.people(by={"send": edit("shorter", text="Hi"), "drop": reject("no", "never")})
    sent = await client.call_tool("request_approval", {"tool": "send", "arguments": {"text": "Hello"}})
    dropped = await client.call_tool("request_approval", {"tool": "drop", "arguments": {}})
    assert sent.structured_content is not None
    assert (sent.structured_content["approved"], sent.structured_content["arguments"]) == (True, {"text": "Hi"})
    assert "changed the arguments" in sent.structured_content["said"]
    assert dropped.structured_content is not None
    assert dropped.structured_content["approved"] is False
    assert "no. Do not try this again." in dropped.structured_content["said"]
    assert [one["tool"] for one in asked.requests() if one["consumed_at"]] == ["send"]


async def test_a_model_asks_a_person(client: Client, asked: Desk) -> None:
    """The answer is the tool's text."""
    asked.people(respond("eu"))
    answer = await client.call_tool("ask_human", {"question": "Which region?", "choices": ["eu", "us"]})
    assert said(answer) == "eu"


async def test_the_permission_prompt_speaks_claude_codes_words(client: Client, asked: Desk) -> None:
    """One text block of JSON, without structured content: allow with the input to use, or deny with a message."""
    asked.people(by={"Bash": edit(command="ls"), "Write": reject("not there")})
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    ask = {"tool_name": "Bash", "input": {"command": "rm -r ."}, "tool_use_id": "toolu_1"}
    allowed = await client.call_tool("decide", ask)
    denied = await client.call_tool("decide", {"tool_name": "Write", "input": {"path": "/etc"}})
    assert listed["decide"].output_schema is None
    assert allowed.structured_content is None
    assert json.loads(said(allowed)) == {"behavior": "allow", "updatedInput": {"command": "ls"}}
    assert json.loads(said(denied))["behavior"] == "deny"
    assert "not there" in json.loads(said(denied))["message"]


async def test_without_the_service_the_answer_is_no(service: Service) -> None:
    """Nobody can be asked: every tool says so in a fixed sentence, and none says yes."""
    away = f"http://127.0.0.1:{closed_port()}"
    async with Client(serve(service, service.agent(), "--patience", "0", SIGNOFF_URL=away)) as client:
        approval = await client.call_tool("request_approval", {"tool": "send", "arguments": {}})
        prompt = await client.call_tool("decide", {"tool_name": "Bash", "input": {}, "tool_use_id": "t"})
        answer = await client.call_tool("ask_human", {"question": "Which?"})
    fixed = "was not run: it needs a person's approval, and the approval service could not be used."
    assert approval.structured_content == {"approved": False, "arguments": None, "said": f"send {fixed}"}
    assert json.loads(said(prompt)) == {"behavior": "deny", "message": f"Bash {fixed}"}
    assert said(answer) == f"ask_human {fixed}"


class Trip(BaseModel):
    where: str
    nights: int


async def ask() -> Elicit[Trip]:
    return Elicit("Where to?", Trip)


def travel() -> MCPServer:
    server = MCPServer("travel")

    @server.tool()
    async def book(trip: Annotated[ElicitationResult[Trip], Resolve(ask)]) -> str:
        return f"{trip.data.where} {trip.data.nights}" if isinstance(trip, AcceptedElicitation) else trip.action

    return server


@pytest.mark.parametrize(
    ("answer", "result"), [(respond({"where": "Oslo", "nights": 2}), "Oslo 2"), (reject("stay"), "decline")]
)
async def test_a_servers_form_is_filled_in_by_people(era: str, desk: Desk, answer: Any, result: str) -> None:
    """Elicitation: what people enter is accepted, their no is a decline."""
    desk.people(answer)
    callback = elicitation_callback(desk.gate())
    async with Client(travel(), mode=ERAS[era], elicitation_callback=callback) as client:
        assert said(await client.call_tool("book", {})) == result


async def test_a_form_that_nobody_can_be_asked_about_is_cancelled(era: str, desk: Desk) -> None:
    """Without the service nobody has declined: the form is cancelled."""
    gate: Gate = desk.away()
    async with Client(travel(), mode=ERAS[era], elicitation_callback=elicitation_callback(gate)) as client:
        assert said(await client.call_tool("book", {})) == "cancel"


async def test_a_yes_to_a_form_without_fields_is_an_accept(desk: Desk) -> None:
    """A server that only wants a confirmation gets one from an approval."""
    from mcp.types import ElicitRequestFormParams

    desk.people(approve)
    params = ElicitRequestFormParams(message="Sure?", requested_schema={"type": "object", "properties": {}})
    result = await elicitation_callback(desk.gate())(None, params)
    assert (result.action, result.content) == ("accept", {})
