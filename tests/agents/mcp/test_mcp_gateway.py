"""The gateway before a real server: both transports on both sides, both generations of the protocol."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio
from agents_harness import Desk, Service, approve, edit, eventually, reject, respond
from mcp import Client, MCPError, types
from mcp_harness import ERAS, ROUTES, Bank, Host, Hosts, said

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERY = [(route, era) for route in ROUTES for era in ERAS]
ENDS = pytest.mark.parametrize("way", [way for way in EVERY if way[0] in {"stdio-stdio", "http-http"}], indirect=True)
"""For what is decided before a server has heard of a call: the two mixed routes are made of the same ends."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hosts(service: Service, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Hosts]:
    made = Hosts(service, tmp_path_factory.mktemp("bank"))
    yield made
    await made.leave()


@pytest.fixture(params=EVERY, ids="-".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A route through the gateway, and a generation of the protocol."""
    return request.param  # type: ignore[no-any-return]


@pytest_asyncio.fixture(loop_scope="module")
async def host(hosts: Hosts, way: tuple[str, str]) -> Host:
    return await hosts.get(*way)


@pytest.fixture
def client(host: Host) -> Client:
    return host.client


@pytest.fixture
def desk(service: Service, host: Host) -> Iterator[Desk]:
    """Of the host's requests, those of this test."""
    with service.desk(host.agent) as made:
        yield made


@pytest.fixture
def bank(host: Host) -> Bank:
    return Bank(host.log)


async def test_an_approved_call_runs_once_with_its_arguments_and_the_outcome_is_reported(
    client: Client, desk: Desk, bank: Bank
) -> None:
    """Approved: the server runs exactly what was asked, the host gets its result, people see that it succeeded."""
    desk.people(approve)
    result = await client.call_tool("transfer", {"to": "ada", "amount": 20})
    assert (said(result), bool(result.is_error)) == ("sent 20 to ada", False)
    assert bank.ran == [{"tool": "transfer", "to": "ada", "amount": 20}]
    (asked,) = desk.requests()
    assert asked["title"] == "Send money"
    assert asked["schema"]["properties"]["amount"]["maximum"] == 1000
    assert asked["consumed_at"]
    await asyncio.to_thread(eventually, lambda: desk.requests()[0]["outcome"])
    assert desk.requests()[0]["outcome"]["status"] == "succeeded"


async def test_an_edited_call_runs_with_what_a_person_made_of_it_and_the_model_is_told(
    client: Client, desk: Desk, bank: Bank
) -> None:
    """Edited: the server gets the new arguments alone, and the sentence about it stands behind its result."""
    desk.people(edit("the cap is 15", amount=15))
    result = await client.call_tool("transfer", {"to": "ada", "amount": 20})
    assert bank.ran == [{"tool": "transfer", "to": "ada", "amount": 15}]
    assert said(result).startswith("sent 15 to ada")
    assert "changed the arguments" in said(result)
    assert "the cap is 15" in said(result)


@ENDS
async def test_a_rejected_call_never_reaches_the_server(client: Client, desk: Desk, bank: Bank) -> None:
    """Rejected: the model reads the person's words and what may be done next, as a tool's error."""
    desk.people(reject("wrong account", "with_changes"))
    result = await client.call_tool("transfer", {"to": "eve", "amount": 20})
    assert result.is_error
    assert "wrong account" in said(result)
    assert "You may try again with changes" in said(result)
    assert bank.ran == []


@ENDS
async def test_calls_at_the_same_time_are_decided_one_by_one(client: Client, desk: Desk, bank: Bank) -> None:
    """Three calls wait side by side; each gets its own decision and its own result."""
    desk.people(by={"transfer": approve, "region": reject("not there"), "broken": approve})
    await client.list_tools()
    sent, moved, broke = await asyncio.gather(
        client.call_tool("transfer", {"to": "ada", "amount": 1}),
        client.call_tool("region", {"zone": "moon"}),
        client.call_tool("broken", {}),
    )
    assert said(sent) == "sent 1 to ada"
    assert "not there" in said(moved)
    assert broke.is_error
    assert sorted(one["tool"] for one in bank.ran) == ["broken", "transfer"]
    await asyncio.to_thread(eventually, lambda: sum(one["outcome"] is not None for one in desk.requests()) == 2)
    by_tool = {one["tool"]: one["outcome"]["status"] for one in desk.requests() if one["outcome"]}
    assert by_tool == {"transfer": "succeeded", "broken": "failed"}


async def test_everything_but_calls_passes_unasked(client: Client, desk: Desk) -> None:
    """Lists, resources, prompts, errors and unknown methods are the server's own, and nobody is asked."""
    tools = await client.list_tools()
    assert [tool.name for tool in tools.tools] == ["transfer", "region", "broken", "slow", "close"]
    read = await client.read_resource("bank://rates")
    assert read.contents[0].text == "2 %"  # type: ignore[union-attr]
    prompt = await client.get_prompt("letter", {"to": "ada"})
    assert prompt.messages[0].content.text == "Dear ada"  # type: ignore[union-attr]
    with pytest.raises(MCPError):
        await client.read_resource("bank://nothing")
    with pytest.raises(MCPError) as unknown:
        await client.session.send_request(
            types.Request[Any, Any](method="bank/unheard", params=None), types.EmptyResult
        )
    assert unknown.value.error.code == types.METHOD_NOT_FOUND
    assert desk.requests() == []


async def test_progress_passes(client: Client, desk: Desk) -> None:
    """What a server says about its progress reaches the host that asked for it."""
    desk.people(approve)
    heard: list[tuple[float, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, message))

    result = await client.call_tool("slow", {"steps": 3}, progress_callback=progress)
    assert said(result) == "done"
    assert [one for one in heard if one[0] >= 1] == [(1.0, "step 1"), (2.0, "step 2"), (3.0, "step 3")]


async def test_waiting_hosts_hear_that_a_person_is_waited_for(service: Service, hosts: Hosts) -> None:
    """While nobody has decided, progress tells so, and the host does not give up; on every route."""

    async def waits(way: tuple[str, str], desk: Desk) -> None:
        heard: list[str | None] = []

        async def progress(done: float, total: float | None, message: str | None) -> None:
            heard.append(message)
            if len(heard) == 1:
                (asked,) = await asyncio.to_thread(desk.waiting)
                await asyncio.to_thread(desk.decide, asked, approve)

        client = (await hosts.get(*way)).client
        await client.call_tool("transfer", {"to": "ada", "amount": 1}, progress_callback=progress)
        assert heard[0] == "Waiting for a person to approve this call"

    with ExitStack() as desks:
        made = [(way, desks.enter_context(service.desk((await hosts.get(*way)).agent))) for way in EVERY]
        await asyncio.gather(*(waits(*one) for one in made))


async def test_a_cancelled_call_that_waits_never_runs(client: Client, desk: Desk, bank: Bank) -> None:
    """The host takes a waiting call back: an approval that comes later runs nothing."""
    call = asyncio.create_task(client.call_tool("transfer", {"to": "ada", "amount": 1}))
    (asked,) = await asyncio.to_thread(desk.waiting)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await client.list_tools()  # by now its cancellation has been sent
    await asyncio.to_thread(desk.decide, asked, approve)
    await client.list_tools()
    assert bank.ran == []
    assert desk.requests()[0]["consumed_at"] is None


async def test_a_cancelled_call_that_runs_is_cancelled_at_the_server(client: Client, desk: Desk, bank: Bank) -> None:
    """After its approval a call is the server's, and so is its cancellation."""
    desk.people(approve)
    call = asyncio.create_task(client.call_tool("slow", {"steps": 200}))
    await asyncio.to_thread(eventually, lambda: bank.ran)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await asyncio.to_thread(eventually, lambda: {"tool": "cancelled"} in bank.ran)


async def test_elicitation_passes_and_one_call_is_asked_about_once(host: Host, desk: Desk, bank: Bank) -> None:
    """A server that asks the host's user goes on under the same approval, with the arguments that were approved."""
    desk.people(edit(to="bob"))
    asked: list[str] = []

    async def sure(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
        asked.append(params.message)
        return types.ElicitResult(action="accept", content={"sure": True})

    host.elicit = sure
    result = await host.client.call_tool("close", {"to": "ada"})
    assert asked == ["Close the account of bob?"]
    assert said(result).startswith("closed bob: True")
    assert bank.ran == [{"tool": "close", "to": "bob", "sure": True}]
    assert len(desk.requests()) == 1


async def test_an_edit_moves_the_headers_that_repeat_an_argument(client: Client, desk: Desk, bank: Bank) -> None:
    """Since 2026-07-28 headers repeat marked arguments, and servers refuse a difference; before there are none."""
    desk.people(edit(zone="ü s"))
    await client.list_tools()
    result = await client.call_tool("region", {"zone": "eu"})
    assert said(result).startswith("now in ü s")
    assert bank.ran == [{"tool": "region", "zone": "ü s"}]


@ENDS
async def test_an_answer_is_the_result(client: Client, desk: Desk, bank: Bank) -> None:
    """Where people answer in the tool's place, the host gets their answer, in the structure that the tool promises."""
    desk.people(respond("sent by hand"))
    await client.list_tools()
    result = await client.call_tool("transfer", {"to": "ada", "amount": 1})
    assert said(result) == "sent by hand"
    assert bank.ran == []


@ENDS
async def test_arguments_that_do_not_fit_are_not_asked_about(client: Client, desk: Desk, bank: Bank) -> None:
    """Nobody is bothered with a call that the server would refuse, and the model reads which argument it is."""
    result = await client.call_tool("transfer", {"to": "ada", "amount": 5000})
    assert result.is_error
    assert "amount" in said(result)
    assert "5000" not in said(result)
    assert desk.requests() == bank.ran == []


async def test_a_tool_that_the_server_does_not_have_is_nobodys_business(client: Client, desk: Desk, bank: Bank) -> None:
    """The host reads the protocol's own error, on every route; nobody is asked."""
    with pytest.raises(MCPError) as unknown:
        await client.session.send_request(
            types.CallToolRequest(params=types.CallToolRequestParams(name="rob", arguments={})), types.CallToolResult
        )
    assert unknown.value.error.code == types.INVALID_PARAMS
    assert "Unknown tool: rob" in unknown.value.error.message
    assert desk.requests() == bank.ran == []
