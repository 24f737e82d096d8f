"""Slash commands and sentences: what was typed reaches the desk as it was meant, and answers stay within the limits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from signoff.model import Principal
from signoff_slack import check, commands, render

CHARS = st.characters(exclude_categories=["Cs"])


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("delegate <@U0BOB|bob> until friday", "delegate <slack:T0DEMO/U0BOB> until friday"),
        ("delegate <@W0BOB>", "delegate <slack:T0DEMO/W0BOB>"),
        ("delegate @bob until friday for refunds", "delegate @bob until friday for refunds"),
        ("freeze tool <http://deploy.example|deploy.example>", "freeze tool deploy.example"),
        ("freeze agent <mailto:a@b.example|a@b.example>", "freeze agent a@b.example"),
        ("see <https://example.com/run>", "see https://example.com/run"),
        ("<#C0REFUNDS|refunds> <!subteam^S0MGR|@managers> <!here>", "#refunds @managers !here"),
        ("a &lt; b &amp;amp; c &gt; d", "a < b &amp; c > d"),
        ("  mine  ", "mine"),
        ("", ""),
    ],
)
def test_a_command_means_what_was_typed(sent: str, meant: str) -> None:
    """People are their ids, everything else is the text that the person sees in the message box."""
    body = {"command": "/signoff", "text": sent, "team_id": "T0DEMO", "user_id": "U0ADA"}
    found = commands.command(body)
    assert found is not None
    assert found.text == meant
    assert found.actor.principal == Principal(chat="slack", tenant="T0DEMO", user="U0ADA")
    assert (found.actor.via, found.actor.origin) == ("slack", None)


@pytest.mark.parametrize("lack", ["team_id", "user_id"])
def test_i14_a_command_of_nobody_is_none(lack: str) -> None:
    """Without workspace or user there is nobody who could have said it."""
    body: dict[str, object] = {"command": "/signoff", "text": "x", "team_id": "T0DEMO", "user_id": "U0ADA"}
    assert commands.command({**body, lack: ""}) is None
    assert commands.command({**body, lack: {"id": "U0ADA"}}) is None
    assert commands.command({**body, "text": ["x"]}) is None
    assert commands.command({**body, "text": "half \ud83d"}) is None


def test_only_what_is_read_is_kept_of_a_form() -> None:
    """The verification token of a command goes no further; a form without a command is none."""
    read = {"command": "/signoff", "text": "a b&c", "response_url": "https://x", "trigger_id": "1", "team_id": "T"}
    form = urlencode({"token": "hush", "user_name": "ada", **read})
    assert commands.fields(form) == read
    assert commands.fields("ssl_check=1") is None
    assert commands.fields("&".join(["command=x"] * 200)) is None


def test_i12_only_our_own_mentions_call_somebody() -> None:
    """In a thread the people asked are mentioned; what else the sentence holds is text."""
    ada = Principal(chat="slack", tenant="T0DEMO", user="U0ADA")
    said: Any = render.said("Still waiting: <!channel> *refund* <@U0BOB> :tada:", [ada])
    called, sentence = said["blocks"]
    assert called["text"] == {"type": "mrkdwn", "text": "<@U0ADA>", "verbatim": True}
    assert sentence["text"]["type"] == "plain_text"
    assert "<!channel> *refund* <@U0BOB>" in sentence["text"]["text"]
    assert said["text"].startswith("<@U0ADA> Still waiting: &lt;!channel&gt;")
    assert "<@U0BOB>" not in said["text"]
    assert ":tada:" not in said["text"]


@settings(deadline=None, max_examples=60)
@example("&", 700, 300)
@given(st.text(CHARS), st.integers(1, 3000), st.integers(0, 300))
def test_every_sentence_is_within_slacks_limits(text: str, times: int, people: int) -> None:
    """Whatever is said, to however many, and whatever a command answers: no limit is broken."""
    many = [Principal(chat="slack", tenant="T0DEMO", user=f"U{index:010}") for index in range(people)]
    assert check.message(render.said(text * times, many)) == []
    assert check.message(render.private(text * times)) == []


def test_a_long_answer_is_cut_with_a_count() -> None:
    """Lines stay whole, the rest is counted, and only the one who asked sees it."""
    lines = [f"req_{index:04} Refund order" for index in range(2000)]
    drawn: Any = render.private("\n".join(lines))
    assert drawn["response_type"] == "ephemeral"
    shown = "\n".join(block["text"]["text"] for block in drawn["blocks"]).split("\n")
    assert shown[:-1] == lines[: len(shown) - 1]
    left = len("\n".join(lines)) - len("\n".join(shown[:-1]))
    assert shown[-1] == f"… ({left:,} more characters; ask for less)"
