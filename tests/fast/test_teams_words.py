"""What is said to the bot and what it says: mentions, markup, and whose names they are."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.desk.commands import HELP
from signoff_teams.commands import COMMANDS, mentions, said
from signoff_teams.messages import Called, text_message

BOT = {"type": "mention", "text": "<at>Signoff</at>", "mentioned": {"id": "28:bot", "name": "Signoff"}}


def bob(number: int = 1) -> dict[str, Any]:
    return {"type": "mention", "text": "<at>Bob</at>", "mentioned": {"id": f"29:bob{number}", "name": "Bob"}}


def heard(text: str, *entities: dict[str, Any]) -> str:
    """The words, with the id of whoever is mentioned in place of the tag."""
    activity = {"type": "message", "text": text, "entities": list(entities)}
    return said(activity, [(one.tag, "" if one.id == "28:bot" else f"<{one.id}>") for one in mentions(activity)])


@pytest.mark.parametrize(
    ("text", "entities", "words"),
    [
        ("<at>Signoff</at> help", (BOT,), "help"),
        ("<at>Signoff</at>&nbsp;freeze\u00a0tool=x\n", (BOT,), "freeze tool=x"),
        ("freeze <at>Signoff</at>", (BOT,), "freeze"),
        ("<at>Signoff</at>", (BOT,), ""),
        ("/signoff thaw", (), "thaw"),
        ("Signoff thaw", (), "thaw"),
        ("signoffs are fine", (), "signoffs are fine"),
        ("<at>Signoff</at> delegate <at>Bob</at> until friday", (BOT, bob()), "delegate <29:bob1> until friday"),
        ("delegate <at>Bob</at> until friday", (), "delegate <at>Bob</at> until friday"),
        ("<at>Bob</at> and <at>Bob</at>", (bob(1), bob(2)), "<29:bob1> and <29:bob2>"),
        ("<at>Bob</at> asks <at>Signoff</at>", (BOT, bob()), "<29:bob1> asks"),
        ("freeze because 1 &lt; 2 &amp;amp; 3", (), "freeze because 1 < 2 &amp; 3"),
    ],
)
def test_mentions_are_replaced_by_whom_they_mean(text: str, entities: tuple[dict[str, Any], ...], words: str) -> None:
    """The bot's own mention goes, everybody else's becomes what stands for them, in the order of the text."""
    assert heard(text, *entities) == words


def test_the_manifest_offers_the_commands_of_the_help_but_those_that_its_lists_name() -> None:
    """What Teams suggests while somebody types is what is understood, and no more than Teams takes: `end` and `revoke`
    are named where one reads what can be ended.
    """
    named = set(re.findall(r"(?m)(?:^|; )([a-z]+)(?= [·\[@I])", HELP))
    assert {"end", "revoke"} < named
    assert set(COMMANDS) == (named | {"help", "whoami", "pending", "home"}) - {"end", "revoke"}
    assert len(COMMANDS) <= 10
    assert all(len(name) <= 32 and len(text) <= 128 for name, text in COMMANDS.items())


@given(st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_entities_of_any_shape_are_no_mention(entities: Any) -> None:
    """What is not shaped as a mention is nobody."""
    assert mentions({"entities": entities}) == []


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_i12_what_the_bot_says_is_no_markup(text: str) -> None:
    """Whatever the text holds, it is escaped: the only tags are line breaks, and what is read is what was said."""
    made = text_message(text)
    assert made.text_format == "xml"
    assert not made.entities
    assert set(re.findall(r"<[^>]*>", made.text)) <= {"<br>"}
    assert html.unescape(made.text.replace("<br>", "\n")) == text


def test_people_are_called_by_real_mentions() -> None:
    """Each person is a tag in the text with an entity that names the person, whatever the name holds."""
    made = text_message("look", [Called("29:a", "Ada"), Called("29:b", "<at>Bob</at>")]).serialize()
    assert made["text"] == "<at>Ada</at>, <at>&lt;at&gt;Bob&lt;/at&gt;</at><br>look"
    assert [one["mentioned"]["id"] for one in made["entities"]] == ["29:a", "29:b"]
    assert all(one["text"] in made["text"] for one in made["entities"])
