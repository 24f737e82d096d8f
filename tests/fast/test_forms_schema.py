"""Schemas are checked at the door, so that none can hang or fill a server later."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from signoff import forms


def chain(length: int, twice: bool) -> dict[str, object]:
    """References to references; each used twice doubles the work at every step."""
    step = [{"$ref": "#/$defs/n{}"}] * (2 if twice else 1)
    parts: dict[str, object] = {
        f"n{i}": {"allOf": [{"$ref": item["$ref"].format(i + 1)} for item in step]} for i in range(length)
    }
    return {"$ref": "#/$defs/n0", "$defs": {**parts, f"n{length}": {"type": "string"}}}


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.com/s"},
        {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}},
        {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#"}},
                {"type": "object", "additionalProperties": {"$ref": "#"}},
            ]
        },
        {"$ref": "#name", "$defs": {"x": {"$anchor": "name", "type": "object"}}},
        {"properties": {"a": {"type": "string", "pattern": "^(?!x)[a-z]+$"}}},
        {"properties": {"$ref": {"type": "string"}, "$id": {"type": "string"}}},
        chain(20, twice=False),
    ],
)
def test_usual_schemas_are_taken(schema: dict[str, object]) -> None:
    """References inside the document, recursion, look-ahead and properties named like keywords are fine."""
    assert forms.check_schema(schema) == {}


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "strange"}, "/type"),
        ({"properties": {"a": {"minimum": "x"}}}, "/properties/a/minimum"),
        ({"properties": {"a": 5}}, "/properties/a"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
        ({"properties": {"a": {"$ref": "https://example.com/s"}}}, "/properties/a/$ref"),
        ({"$ref": "other.json"}, "/$ref"),
        ({"$ref": "#/$defs/none"}, "/$ref"),
        ({"$ref": "#/title", "title": "x"}, "/$ref"),
        ({"$defs": {"a": {"$id": "https://example.com/a"}}}, "/$defs/a/$id"),
        ({"items": {"$dynamicRef": "#x"}}, "/items/$dynamicRef"),
        ({"pattern": "("}, "/pattern"),
        ({"properties": {f"a{i}": {} for i in range(501)}}, "/properties"),
        ({"pattern": "a" * 1001}, ""),
        ({"$ref": "#"}, ""),
        ({"allOf": [{"$ref": "#"}]}, ""),
        ({"allOf": [{"items": {"$ref": "#"}}, {"items": {"$ref": "#"}}]}, ""),
        ({"anyOf": [{"properties": {"a": {"$ref": "#"}}}, {"additionalProperties": {"$ref": "#"}}]}, ""),
        (chain(30, twice=True), ""),
        (chain(1000, twice=False), ""),
        ({"anyOf": [{"type": "string"}] * 2001}, ""),
    ],
)
def test_i30_hostile_and_wrong_schemas_are_refused_with_a_pointer(schema: dict[str, object], pointer: str) -> None:
    """One sentence at the fault, at once: also for references that would take exponential time or memory."""
    began = time.perf_counter()
    faults = forms.check_schema(schema)
    assert pointer in faults
    assert all(text.endswith(".") for text in faults.values())
    assert time.perf_counter() - began < 2


def test_i30_catastrophic_patterns_do_not_hang() -> None:
    """A pattern that backtracks for ever elsewhere is linear, or counted, here."""
    for pattern in ("^(a+)+$", "^(?=(a+)+$)b"):
        began = time.perf_counter()
        assert forms.validate({"pattern": pattern}, "a" * 2000 + "!") != {}
        assert time.perf_counter() - began < 2


def test_i30_a_flood_of_faults_is_cut_short() -> None:
    """Where a value fails in too many places only the failure is said."""
    schema: dict[str, object] = {"items": {"allOf": [{"type": "string"}] * 1000}}
    assert forms.validate(schema, [1] * 1000) == {"": "This does not fit the schema."}


def test_bounds_are_exact() -> None:
    """A limit holds to the last digit, in big integers and long decimals."""
    big: dict[str, object] = {"maximum": 10**30}
    assert forms.validate(big, 10**30) == {}
    assert forms.validate(big, 10**30 + 1) == {"": f"At most {10**30}."}
    small: dict[str, object] = {"maximum": Decimal("0.10000000000000000000001")}
    assert forms.validate(small, Decimal("0.10000000000000000000001")) == {}
    assert forms.validate(small, Decimal("0.10000000000000000000002")) == {"": "At most 0.10000000000000000000001."}


def test_faults_stand_where_a_person_looks() -> None:
    """A missing property is at the property, an unknown one too, and an optional speaks of its real type."""
    schema: dict[str, object] = {
        "properties": {"a": {"anyOf": [{"type": "null"}, {"type": "integer", "maximum": 4}]}},
        "required": ["b/c"],
        "additionalProperties": False,
    }
    assert forms.validate(schema, {"a": 5, "x": 1}) == {
        "/a": "At most 4.",
        "/b~1c": "This is required.",
        "/x": "There is no such argument.",
    }


def test_half_a_surrogate_pair_is_a_fault_not_a_crash() -> None:
    """Text that is not Unicode does not fit any schema."""
    assert list(forms.validate({"type": "string"}, "\ud800")) == [""]


SIMPLE = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["string", "integer", "number", "boolean", "object", "array", "null"]),
        "minimum": st.integers(-5, 5),
        "maxLength": st.integers(0, 3),
        "enum": st.lists(st.integers(0, 3) | st.text(max_size=2), min_size=1, max_size=3),
        "items": st.fixed_dictionaries({"type": st.just("integer")}),
        "required": st.lists(st.sampled_from("ab"), unique=True),
    },
)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=200, deadline=None)
@given(SIMPLE, VALUE)
def test_verdicts_agree_with_the_reference_validator(schema: dict[str, object], value: object) -> None:
    """What fits here fits in the Python reference implementation, and the other way round."""
    assert (forms.validate(schema, value) == {}) == Draft202012Validator(schema).is_valid(value)


KEYWORDS = ("$ref", "$defs", "type", "properties", "items", "allOf", "anyOf", "enum", "not")
DEEPER = (*KEYWORDS, "a", "const", "pattern", "if", "then", "required", "minimum", "$id")
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["#", "#/$defs/a", "object", "string", "x(", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(DEEPER), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYWORDS), JUNK, max_size=5), VALUE)
def test_i30_no_schema_breaks_the_door(schema: dict[str, object], value: object) -> None:
    """Any object at all is either a usable schema or refused with sentences; a usable one gives a verdict."""
    if not forms.check_schema(schema):
        assert isinstance(forms.validate(schema, value), dict)
