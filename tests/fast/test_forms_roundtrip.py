"""A form that is submitted as it came changes nothing, whatever the arguments are."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import forms
from signoff.model import Request, Terms, Version, changes, same, visible

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["", " ", "\n", "a\r\nb", "\u202egpj.exe", "tail ", "a\nb\n", "null", "1,5", "‹U+202E›", "x" * 4000]
)
NUMBER = (
    st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=30)
    | st.sampled_from([1.0, -0.0, 1e22, Decimal("0.10000000000000000000001"), Decimal("1E+400")])
)
SCALAR = st.none() | st.booleans() | NUMBER | TEXT
JSON = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=8
)
NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@st.composite
def typed(draw: st.DrawFn) -> tuple[dict[str, object], object]:
    """A property's schema and a value that fits it."""
    kinds: dict[str, tuple[dict[str, object], st.SearchStrategy[object]]] = {
        "text": ({"type": "string"}, TEXT),
        "optional": ({"anyOf": [{"type": "string"}, {"type": "null"}]}, TEXT | st.none()),
        "nullable": ({"type": ["number", "null"]}, NUMBER | st.none()),
        "number": ({"type": "number"}, NUMBER),
        "integer": ({"type": "integer"}, st.integers(-(10**30), 10**30)),
        "boolean": ({"type": "boolean", "default": True}, st.booleans()),
        "enum": (
            {"enum": ["1", 1, 2.5, None, "a\u200bb", True, {"a": 1}]},
            st.sampled_from(["1", 1, 2.5, None, "a\u200bb", True]),
        ),
        "date": ({"type": "string", "format": "date"}, st.dates().map(str)),
        "time": (
            {"type": "string", "format": "time"},
            st.sampled_from(["14:30:00Z", "14:30:01Z", "09:05:00+02:00", "23:59:59.123Z"]),
        ),
        "moment": (
            {"type": "string", "format": "date-time"},
            st.sampled_from(["2026-11-20T08:00:00Z", "2026-11-20T08:00:01.123456789-05:30"]),
        ),
        "mail": ({"type": "string", "format": "email"}, st.sampled_from(["ada@example.com", "a.b+c@x.example"])),
        "url": ({"type": "string", "format": "uri"}, st.just("https://example.com/a?b=c#d")),
        "list": ({"type": "array", "items": {"type": "string"}}, st.lists(TEXT, max_size=4)),
        "object": ({"type": "object"}, st.dictionaries(TEXT, JSON, max_size=3)),
        "union": ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, st.integers() | TEXT),
        "reference": ({"$ref": "#/$defs/tree"}, st.just({"children": [{"children": []}]})),
        "any": ({}, JSON),
    }
    return draw(st.sampled_from(sorted(kinds)).flatmap(lambda name: st.tuples(st.just(kinds[name][0]), kinds[name][1])))


@st.composite
def calls(draw: st.DrawFn) -> tuple[dict[str, object] | None, dict[str, object]]:
    """A schema (or none) and arguments that satisfy it; some declared properties are absent."""
    if draw(st.booleans()):
        return None, draw(st.dictionaries(NAME, JSON, max_size=5))
    parts = draw(st.dictionaries(NAME, typed(), max_size=6))
    arguments = {name: value for name, (_, value) in parts.items() if draw(st.booleans()) or draw(st.booleans())}
    tree = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}
    schema = {"type": "object", "properties": {n: s for n, (s, _) in parts.items()}, "$defs": {"tree": tree}}
    return {**schema, "required": draw(st.just(sorted(arguments)) | st.just([]))}, arguments


def record(arguments: dict[str, object], schema: dict[str, object] | None) -> Request:
    return Request(
        id="req_1",
        tool="t",
        arguments=arguments,
        schema_=schema,
        digest="sha256:0",
        created_at=NOW,
        expires_at=NOW,
        terms=Terms(rule="defaults", expires_in=60),
        versions=(Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
        asked_by="key",
    )


@settings(max_examples=150, deadline=None)
@given(calls())
def test_unchanged_forms_leave_arguments_identical(call: tuple[dict[str, object] | None, dict[str, object]]) -> None:
    """Field by field and as JSON: form → submit unchanged → the same values, types and digits."""
    schema, arguments = call
    request = record(arguments, schema)
    assert schema is None or (forms.check_schema(schema), forms.validate(schema, arguments)) == ({}, {})
    for form in (forms.edit_form(request), forms.json_form(request)):
        for entries in ({field.key: field.initial for field in form.fields}, {}):
            filled = forms.fill(form, arguments, schema, entries)
            assert repr(filled) == repr(arguments)
            forms.check_edit(request, arguments)


@settings(max_examples=100, deadline=None)
@given(calls())
def test_chats_may_trim_and_rewrite_line_ends(call: tuple[dict[str, object] | None, dict[str, object]]) -> None:
    """A chat that strips trailing blanks and turns \\n into \\r\\n has not changed anything."""
    schema, arguments = call
    form = forms.edit_form(record(arguments, schema))
    entries = {field.key: field.initial.rstrip().replace("\n", "\r\n") for field in form.fields}
    assert repr(forms.fill(form, arguments, schema, entries)) == repr(arguments)


@settings(max_examples=100, deadline=None)
@given(calls())
def test_retyping_json_means_the_same_value(call: tuple[dict[str, object] | None, dict[str, object]]) -> None:
    """JSON that differs in blanks only says the same: no change is recorded, no digit lost."""
    schema, arguments = call
    form = forms.json_form(record(arguments, schema))
    filled = forms.fill(form, arguments, schema, {"": "\n" + form.fields[0].initial})
    assert same(filled, arguments)
    assert changes(arguments, filled) == ()


@settings(max_examples=100, deadline=None)
@given(calls())
def test_i12_forms_show_nothing_invisible(call: tuple[dict[str, object] | None, dict[str, object]]) -> None:
    """Labels, hints, values and options hold no invisible or direction-changing character."""
    schema, arguments = call
    request = record(arguments, schema)
    for form in (forms.edit_form(request), forms.json_form(request)):
        for field in form.fields:
            texts = [field.label, field.hint, field.initial, *(option.label for option in field.options), *form.notes]
            assert all(visible(text) == text for text in texts)
