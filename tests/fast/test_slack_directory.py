"""Who is who in Slack: user groups and standings from the Web API's answers, and nothing when they are not clear."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from signoff.errors import ChatError, DirectoryAway
from signoff.model import Principal
from signoff_slack.app import Installation
from signoff_slack.directory import SlackDirectory

ADA = Principal(chat="slack", tenant="T0DEMO", user="U0ADA")
MEMBER = {
    "id": "U0ADA",
    "team_id": "T0DEMO",
    "deleted": False,
    "is_bot": False,
    "is_restricted": False,
    "is_ultra_restricted": False,
}


class Web(AsyncWebClient):
    """A Web API client with one answer."""

    def __init__(self) -> None:
        super().__init__(token="xoxb-1")
        self.answer: dict[str, Any] | Exception = {"ok": True, "user": MEMBER}
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def api_call(self, api_method: str, **arguments: Any) -> AsyncSlackResponse:
        self.calls.append((api_method, dict(arguments.get("params") or {})))
        if isinstance(self.answer, Exception):
            raise self.answer
        return AsyncSlackResponse(
            client=self, http_verb="GET", api_url="", req_args={}, data=self.answer, headers={}, status_code=200
        )


class Bench:
    def __init__(self) -> None:
        self.web = Web()
        self.away = False
        self.directory = SlackDirectory(self.web, self.installation)

    async def installation(self) -> Installation:
        if self.away:
            raise ChatError(reason="away")
        return Installation("T0DEMO", "U0SIGNOFF", "B0SIGNOFF")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def refusal(code: str) -> SlackApiError:
    return SlackApiError("refused", {"ok": False, "error": code})


async def test_a_full_member_may_decide(bench: Bench) -> None:
    """Nothing speaks against an active member of our workspace, who is asked about by id."""
    assert await bench.directory.standing(ADA, None) is None
    [(method, sent)] = bench.web.calls
    assert (method, sent["user"]) == ("users.info", "U0ADA")


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ({"deleted": True}, "are deactivated in this Slack workspace"),
        ({"is_bot": True}, "are an app"),
        ({"is_workflow_bot": True}, "are an app"),
        ({"is_restricted": True}, "are a guest in this Slack workspace"),
        ({"is_restricted": True, "is_ultra_restricted": True}, "are a guest in this Slack workspace"),
        ({"is_stranger": True}, "belong to another Slack workspace"),
        ({"team_id": "T0OTHER"}, "belong to another Slack workspace"),
        ({"team_id": "E0GRID"}, "belong to another Slack workspace"),
    ],
)
async def test_i18_whoever_is_no_full_member_is_told_why(bench: Bench, flags: dict[str, Any], why: str) -> None:
    """Guests, strangers, bots and deactivated users: the rest of a sentence that begins with "You"."""
    bench.web.answer = {"ok": True, "user": {**MEMBER, **flags}}
    assert await bench.directory.standing(ADA, None) == why


@pytest.mark.parametrize("flag", ["deleted", "is_restricted", "is_ultra_restricted", "team_id"])
async def test_a_flag_that_slack_leaves_out_is_false(bench: Bench, flag: str) -> None:
    """As Slack's reference says of these fields: false, or not there at all."""
    bench.web.answer = {"ok": True, "user": {key: value for key, value in MEMBER.items() if key != flag}}
    assert await bench.directory.standing(ADA, None) is None


async def test_i18_somebody_from_elsewhere_needs_no_look(bench: Bench) -> None:
    """Another workspace's id and Slack's own robot are refused without a call; an unknown id after one."""
    stranger = Principal(chat="slack", tenant="T0OTHER", user="U0ADA")
    assert await bench.directory.standing(stranger, None) == "belong to another Slack workspace"
    robot = Principal(chat="slack", tenant="T0DEMO", user="USLACKBOT")
    assert await bench.directory.standing(robot, None) == "are an app"
    assert bench.web.calls == []
    for code in ("user_not_found", "user_not_visible"):
        bench.web.answer = refusal(code)
        assert await bench.directory.standing(ADA, None) == "are not known in this Slack workspace"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refusal("missing_scope"), "lacks the scope users:read"),
        (refusal("ratelimited"), "limits how fast"),
        (refusal("fatal_error"), "Slack answered fatal_error"),
        (TimeoutError(), "cannot be reached"),
        (OSError("secret detail"), "cannot be reached"),
        ({"ok": True}, "about nobody"),
        ({"ok": True, "user": {**MEMBER, "id": "U0BOB"}}, "about nobody"),
    ],
)
async def test_i19_without_a_clear_answer_the_directory_is_away(bench: Bench, answer: Any, words: str) -> None:
    """Refused, slow or senseless answers let nobody through, and the sentence says what to do."""
    bench.web.answer = answer
    with pytest.raises(DirectoryAway, match=words) as away:
        await bench.directory.standing(ADA, None)
    assert "did not count" in away.value.sentence
    assert "secret detail" not in away.value.sentence


async def test_the_members_of_a_user_group(bench: Bench) -> None:
    """Every user of the group, as a principal of our workspace."""
    bench.web.answer = {"ok": True, "users": ["U0ADA", "U0BOB"]}
    bob = Principal(chat="slack", tenant="T0DEMO", user="U0BOB")
    assert await bench.directory.members("slack_usergroup", "T0DEMO/S0MGR") == {ADA, bob}
    assert bench.web.calls[0][1]["usergroup"] == "S0MGR"


@pytest.mark.parametrize(
    ("kind", "group", "answer", "words"),
    [
        ("slack_usergroup", "T0OTHER/S0MGR", {}, "another Slack workspace than the bot token, which is of T0DEMO"),
        ("entra_group", "T0DEMO/S0MGR", {}, "no groups like entra_group"),
        ("slack_usergroup", "T0DEMO", {}, "no groups like"),
        ("slack_usergroup", "T0DEMO/S0X", refusal("no_such_subteam"), "no active user group S0X"),
        ("slack_usergroup", "T0DEMO/S0X", refusal("missing_scope"), "lacks the scope usergroups:read"),
        ("slack_usergroup", "T0DEMO/S0X", refusal("plan_upgrade_required"), "has no user groups"),
        ("slack_usergroup", "T0DEMO/S0X", {"ok": True}, "names no users"),
    ],
)
async def test_a_group_that_cannot_be_read_is_away(
    bench: Bench, kind: str, group: str, answer: Any, words: str
) -> None:
    """A wrong workspace, an unknown or disabled group, a missing scope: nobody belongs to it until that is mended."""
    bench.web.answer = answer
    with pytest.raises(DirectoryAway, match=words):
        await bench.directory.members(kind, group)


async def test_before_slack_was_reached_nobody_is_known(bench: Bench) -> None:
    """While our own workspace is unknown, both questions are left open."""
    bench.away = True
    with pytest.raises(DirectoryAway, match="cannot be reached"):
        await bench.directory.standing(ADA, None)
    with pytest.raises(DirectoryAway, match="cannot be reached"):
        await bench.directory.members("slack_usergroup", "T0DEMO/S0MGR")
