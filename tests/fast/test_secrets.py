"""Which values are secret, and that they stay so."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from signoff.model import MASK, mask, scrub, secret_pointers, secret_texts

NESTED: dict[str, object] = {
    "type": "object",
    "properties": {
        "user": {"type": "string"},
        "password": {"type": "string", "format": "password"},
        "cards": {"type": "array", "items": {"$ref": "#/$defs/card"}},
        "either": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"pin": {"writeOnly": True}}}]},
        "tree": {"$ref": "#/$defs/tree"},
    },
    "additionalProperties": {"writeOnly": True},
    "$defs": {
        "card": {"properties": {"number": {"writeOnly": True}, "name": {"type": "string"}}},
        "tree": {
            "properties": {"children": {"items": {"$ref": "#/$defs/tree"}}, "key": {"allOf": [{"writeOnly": True}]}}
        },
    },
}


def test_i13_schema_marks_are_found_at_any_depth() -> None:
    """`writeOnly` and `format: password` count behind references, branches, lists and recursion."""
    value: dict[str, object] = {
        "user": "ada",
        "password": "p",
        "cards": [{"number": 1, "name": "x"}, {"name": "y"}],
        "either": {"pin": 1},
        "tree": {"children": [{"key": "k", "children": []}]},
        "other": [1],
    }
    assert mask(value, secret_pointers(value, NESTED, ())) == {
        "user": "ada",
        "password": MASK,
        "cards": [{"number": MASK, "name": "x"}, {"name": "y"}],
        "either": {"pin": MASK},
        "tree": {"children": [{"key": MASK, "children": []}]},
        "other": MASK,
    }


def test_i13_names_are_matched_at_any_depth() -> None:
    """Patterns are shell-style, upper and lower case alike, and hold without a schema."""
    value = {"Card_Token": 1, "a": [{"api_KEY": {"b": 1}, "key": 2}], "token/x": 3}
    found = secret_pointers(value, None, ("*_token", "api_key", "token/*"))
    assert found == {"/Card_Token", "/a/0/api_KEY", "/token~1x"}
    assert mask(value, found) == {"Card_Token": MASK, "a": [{"api_KEY": MASK, "key": 2}], "token/x": MASK}


def test_declared_secrets_are_known_while_absent() -> None:
    """A secret property that is not there yet is listed, so that nobody can add it unseen."""
    assert "/password" in secret_pointers({}, NESTED, ())


def test_a_secret_answer_is_secret_as_a_whole() -> None:
    """The empty pointer means the whole value."""
    assert secret_pointers("hunter2", {"type": "string", "format": "password"}, ()) == {""}
    assert mask("hunter2", {""}) == MASK


def test_i30_marks_are_searched_in_bounded_time() -> None:
    """A hostile schema ends in everything being masked, not in a search without end."""
    branches = [{"properties": {f"p{i}": {}}} for i in range(2000)]
    schema: dict[str, object] = {"items": {"anyOf": branches}, "$defs": {"unused": {"writeOnly": True}}}
    began = time.perf_counter()
    assert secret_pointers([{}] * 5000, schema, ()) == {""}
    assert time.perf_counter() - began < 5


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3) | st.lists(st.integers(), max_size=2)))
def test_masking_does_not_touch_the_value(value: dict[str, object]) -> None:
    """`mask` gives a copy; without pointers it is the value itself."""
    before = repr(value)
    masked = mask(value, frozenset(secret_pointers(value, None, ("*",))))
    assert repr(value) == before
    assert masked == dict.fromkeys(value, MASK)
    assert mask(value, ()) is value


def test_running_text_loses_quoted_secrets() -> None:
    """Secret texts and numbers of six characters or more are taken out of sentences that quote them."""
    value = {"token": ["tok_123456", {"n": 1234567, "s": "abc"}]}
    texts = secret_texts(value, {"/token"})
    assert texts == {"tok_123456", "1234567"}
    assert scrub("use tok_123456 and 1234567 or abc", texts) == f"use {MASK} and {MASK} or abc"
