"""What a person typed → typed, validated values, or sentences at the fields."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import forms
from signoff.errors import Invalid
from signoff.model import Request, Terms, Version

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "number", "minimum": 0, "maximum": 1000, "description": "What is paid back"},
        "count": {"type": "integer"},
        "note": {"type": ["string", "null"], "maxLength": 5000},
        "urgent": {"type": "boolean", "default": False},
        "when": {"type": "string", "format": "date-time"},
        "at": {"type": "string", "format": "time"},
        "day": {"type": "string", "format": "date"},
        "mail": {"type": "string", "format": "email"},
        "page": {"type": "string", "format": "uri"},
        "colour": {"enum": ["red", "blue", 3]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "who": {"$ref": "#/$defs/person"},
        "card_token": {"type": "string", "writeOnly": True},
        "fixed": {"type": "string", "readOnly": True},
    },
    "required": ["order", "amount"],
    "additionalProperties": False,
    "$defs": {
        "person": {
            "type": "object",
            "properties": {"name": {"type": "string", "maxLength": 5}, "pin": {"type": "string", "format": "password"}},
        }
    },
}
ARGUMENTS: dict[str, object] = {
    "order": "A-1001",
    "amount": Decimal("500.00000000000000000001"),
    "count": 10**30,
    "note": None,
    "at": "14:30:00+02:00",
    "colour": 3,
    "tags": ["a", "b"],
    "who": {"name": "Ada", "pin": "4711-hidden"},
    "card_token": "tok_hidden",
    "fixed": "as it is",
}


def record(
    arguments: dict[str, object] = ARGUMENTS,
    schema: dict[str, object] | None = SCHEMA,
    *,
    editable: tuple[str, ...] | None = None,
    rule: tuple[str, ...] | None = None,
    secret: tuple[str, ...] = (),
    reasons: tuple[str, ...] = (),
    response: dict[str, object] | None = None,
) -> Request:
    return Request(
        id="req_1",
        tool="issue_refund",
        arguments=arguments,
        schema_=schema,
        editable=editable,
        response_schema=response,
        digest="sha256:0",
        created_at=NOW,
        expires_at=NOW,
        terms=Terms(rule="defaults", expires_in=60, editable=rule, secret=secret, reasons=reasons),
        versions=(Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
        asked_by="key",
    )


def edit(entries: dict[str, str], request: Request | None = None) -> dict[str, object]:
    """What the arguments become."""
    request = request or record()
    filled = forms.fill(forms.edit_form(request), request.arguments, request.schema_, entries)
    assert isinstance(filled, dict)
    forms.check_edit(request, filled)
    return filled


def faults(entries: dict[str, str], request: Request | None = None) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        edit(entries, request)
    return caught.value.fields


def answer(schema: dict[str, object] | None, entries: dict[str, str]) -> object:
    request = record(response=schema)
    return forms.fill(forms.response_form(request), None, schema, entries)


def test_fields_follow_the_schema() -> None:
    """Each property gets the input of its type, in the schema's order; secret and read-only ones get none."""
    kinds = {field.key: field.kind for field in forms.edit_form(record()).fields}
    assert kinds == {
        "/order": "text",
        "/amount": "number",
        "/count": "integer",
        "/note": "paragraph",
        "/urgent": "boolean",
        "/when": "datetime",
        "/at": "time",
        "/day": "date",
        "/mail": "email",
        "/page": "url",
        "/colour": "choice",
        "/tags": "list",
        "/who": "json",
    }
    amount = forms.edit_form(record()).fields[1]
    assert (amount.hint, amount.required) == ("What is paid back. Between 0 and 1000.", True)


def test_without_schema_the_values_say_what_they_are() -> None:
    """Without a schema a text is a text, a long one a paragraph, a list of texts one a line, the rest JSON."""
    arguments: dict[str, object] = {"a": "x", "b": "x\ny", "c": 1, "d": True, "e": ["x"], "f": [1], "g": {}, "h": None}
    kinds = [field.kind for field in forms.edit_form(record(arguments, None)).fields]
    assert kinds == ["text", "paragraph", "number", "boolean", "list", "json", "json", "json"]


def test_only_what_request_and_rule_allow_is_editable() -> None:
    """`editable` of the request and of the rule are both needed."""
    form = forms.edit_form(record(editable=("amount", "order"), rule=("amount", "count")))
    assert [field.key for field in form.fields] == ["/amount"]
    assert 'order: "A-1001"' in form.notes


def test_changed_entries_become_typed_values() -> None:
    """Numbers are numbers, texts are texts, dates get what their format needs, cleared optionals disappear."""
    changed = edit(
        {
            "/amount": "400.10000000000000000000003",
            "/count": "7.0",
            "/note": "hi\r\nthere",
            "/urgent": "true",
            "/when": "2026-11-20T09:00:00+01:00",
            "/at": "15:45",
            "/colour": "0",
            "/tags": "x\n\n y \n",
            "/who": '{"name": "Bob", "pin": "••••••"}',
        }
    )
    assert changed == {
        **ARGUMENTS,
        "amount": Decimal("400.10000000000000000000003"),
        "count": 7,
        "note": "hi\nthere",
        "urgent": True,
        "when": "2026-11-20T09:00:00+01:00",
        "at": "15:45:00+02:00",
        "colour": "red",
        "tags": ["x", "y"],
        "who": {"name": "Bob", "pin": "4711-hidden"},
    }
    assert "colour" not in edit({"/colour": ""})
    assert edit({"/tags": ""})["tags"] == []


def test_two_faults_stand_at_two_fields() -> None:
    """What cannot be read and what breaks a bound are both said, each at its field."""
    assert faults(
        {"/amount": "1001", "/count": "many", "/day": "tomorrow", "/who": '{"name": "Barbara", "pin": "••••••"}'}
    ) == {
        "/amount": "At most 1000.",
        "/count": "Write a whole number, like 12.",
        "/day": "Write a date like 2026-11-20.",
        "/who": "name: At most 5 characters.",
    }


@pytest.mark.parametrize(
    ("key", "typed", "sentence"),
    [
        ("/amount", "1,5", "Write decimals with a point, like 1.5."),
        ("/amount", "1,000.50", "Write the number without separators, like 1000.5."),
        ("/amount", "NaN", "Write a number, like 12.5."),
        ("/amount", "٣", "Write a number, like 12.5."),
        ("/amount", "", "This is required."),
        ("/amount", "-1", "At least 0."),
        ("/count", "1.5", "Write a whole number, like 12."),
        ("/urgent", "perhaps", "Choose yes or no."),
        ("/colour", "7", "Choose one of the offered values."),
        ("/at", "noon", "Write a time like 14:30."),
        ("/when", "soon", "Write a date and time like 2026-11-20T14:30:00Z."),
        ("/mail", "ada", "Write an e-mail address like ada@example.com."),
        ("/tags", "a\nb\nc\nd", "At most 3 items."),
        ("/who", "{", "This is not valid JSON (line 1, column 2)."),
        ("/who", '{"a": 1, "a": 2}', 'Write each name once: the name "a" stands twice in one object.'),
        ("/who", '"\\ud800"', "This is not valid JSON."),
        ("/who", "[" * 40 + "]" * 40, "This is nested more than 32 deep."),
    ],
)
def test_faults_are_sentences(key: str, typed: str, sentence: str) -> None:
    """Each kind of mistake gets one sentence that says what to do."""
    assert faults({key: typed}) == {key: sentence}


def test_i09_keys_that_the_form_does_not_have_are_refused() -> None:
    """A crafted submission cannot name a read-only, secret or unknown argument."""
    for key in ("/fixed", "/card_token", "/nothing", "", "amount", "/who/pin"):
        assert faults({key: "x"}) == {key: "This form has no such field."}
    assert set(faults({"/order": "B"}, record(editable=("amount",)))) == {"/order"}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"order": "B"}, "/order"),
        ({"card_token": "mine"}, "/card_token"),
        ({"card_token": "••••••"}, "/card_token"),
        ({"fixed": "other"}, "/fixed"),
        ({"extra": 1}, "/extra"),
        ({"who": {"name": "Ada", "pin": "0000"}}, "/who/pin"),
        ({"who": {"name": "Ada"}}, "/who/pin"),
        ({"amount": 1001}, "/amount"),
        ({"amount": "400"}, "/amount"),
    ],
)
def test_i09_typed_edits_are_held_to_the_same(change: dict[str, object], pointer: str) -> None:
    """Replacing arguments through the API cannot touch what the form does not offer."""
    with pytest.raises(Invalid) as caught:
        forms.check_edit(record(editable=("amount", "who")), {**ARGUMENTS, **change})
    assert set(caught.value.fields) == {pointer}


def test_i09_arguments_cannot_be_dropped_unseen() -> None:
    """Leaving out an argument that is not editable is a change too."""
    without = {name: value for name, value in ARGUMENTS.items() if name != "order"}
    with pytest.raises(Invalid) as caught:
        forms.check_edit(record(ARGUMENTS, None, editable=("amount",)), without)
    assert caught.value.fields == {"/order": "This cannot be changed."}


def test_i09_booleans_are_not_numbers() -> None:
    """`true` in place of 1 is a change, though Python calls them equal."""
    with pytest.raises(Invalid):
        forms.check_edit(record({"n": 1, "m": 2}, None, editable=("m",)), {"n": True, "m": 2})


@pytest.mark.parametrize(
    "typed", ['{"name": "x"}', '{"name": "x", "pin": "1"}', "[]", "", '{"name": "x", "pin": null}']
)
def test_i13_masked_values_inside_json_stay(typed: str) -> None:
    """A secret inside a JSON text can be neither seen, dropped nor replaced."""
    form = forms.edit_form(record())
    assert "4711-hidden" not in repr(form)
    assert "hidden" not in repr(faults({"/who": typed}))


def test_i13_sentences_do_not_quote_secrets() -> None:
    """Neither the value nor the constant that a secret is held to appears in a sentence."""
    schema: dict[str, object] = {"properties": {"pin": {"const": "hunter22", "writeOnly": True}}}
    assert forms.validate(schema, {"pin": "hunter33"}) == {"/pin": "This secret value does not fit the schema."}
    assert "hunter" not in repr(
        forms.validate({"properties": {"p": {"enum": ["hunter22"]}}}, {"p": "hunter33"}, ("p",))
    )


def test_json_view_keeps_what_it_does_not_show() -> None:
    """The raw view shows editable arguments alone; the others keep their values and cannot be slipped in."""
    request = record(editable=("amount", "who", "count"))
    form = forms.json_form(request)
    text = form.fields[0].initial
    assert "hidden" not in repr(form)
    assert "A-1001" not in text
    filled = forms.fill(form, request.arguments, request.schema_, {"": text.replace("Ada", "Bob")})
    assert filled == {**ARGUMENTS, "who": {"name": "Bob", "pin": "4711-hidden"}}
    for crafted in (
        text.replace("{", '{"order": "B",', 1),
        text.replace("{", '{"card_token": "x",', 1),
        "{}",
        "[]",
        "x",
    ):
        with pytest.raises(Invalid) as caught:
            forms.fill(form, request.arguments, request.schema_, {"": crafted})
        assert list(caught.value.fields) == [""]


def test_pages_are_checked_one_by_one() -> None:
    """With `keys`, faults on other pages do not stand in the way; without, they do."""
    request = record()
    form = forms.edit_form(request)
    entries = {"/amount": "2000", "/count": "7"}
    forms.fill(form, request.arguments, request.schema_, entries, keys=["/count"])
    with pytest.raises(Invalid) as caught:
        forms.fill(form, request.arguments, request.schema_, entries, keys=["/amount"])
    assert list(caught.value.fields) == ["/amount"]


def test_faults_of_the_whole_stand_at_the_changed_field() -> None:
    """A rule over several arguments is told where the person has just typed."""
    schema: dict[str, object] = {
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "not": {"required": ["a", "b"]},
    }
    request = record({"a": 1}, schema)
    assert faults({"/b": "2"}, request) == {"/b": "This value is not allowed."}


def test_hidden_characters_survive_an_edit() -> None:
    """Characters written out for the reader become themselves again; those the person did not have stay text."""
    request = record({"a": "emoji 👨\u200d👩 and\u00a0more"}, None)
    shown = forms.edit_form(request).fields[0].initial
    assert shown == "emoji 👨‹U+200D›👩 and‹U+00A0›more"
    assert edit({"/a": shown + "!"}, request) == {"a": "emoji 👨\u200d👩 and\u00a0more!"}
    assert edit({"/a": "‹U+202E›"}, request) == {"a": "‹U+202E›"}


def test_line_ends_of_the_agent_survive_an_edit() -> None:
    """A text with \\r\\n keeps them when it is edited."""
    assert edit({"/a": "one\ntwo\nthree"}, record({"a": "one\r\ntwo"}, None)) == {"a": "one\r\ntwo\r\nthree"}


def test_too_many_arguments_are_edited_as_json() -> None:
    """Over a hundred fields become one JSON text."""
    form = forms.edit_form(record({f"a{i}": i for i in range(101)}, None))
    assert (form.purpose, [field.key for field in form.fields]) == ("edit_json", [""])


def test_i05_reject_form_gives_the_reason() -> None:
    """Preset and own words are joined; both are optional; a preset that is not offered is refused."""
    form = forms.reject_form(record(reasons=("wrong amount", "not our customer")))
    assert [field.key for field in form.fields] == ["preset", "message", "retry"]
    assert forms.reason(form, {"preset": "0", "message": " ask first "}) == "wrong amount: ask first"
    assert forms.reason(form, {"message": "no"}) == "no"
    assert forms.reason(form, {}) == ""
    assert forms.fill(form, None, None, {"preset": "1"}) == "not our customer"
    with pytest.raises(Invalid):
        forms.reason(form, {"preset": "2"})


@pytest.mark.parametrize(
    ("schema", "entry", "value"),
    [
        (None, " yes\nplease ", " yes\nplease"),
        ({"type": "string", "enum": ["eu", "us"]}, "1", "us"),
        ({"type": "number"}, "12.50", 12.5),
        ({"type": "boolean"}, "false", False),
        ({"type": "array", "items": {"type": "string"}}, "a\nb", ["a", "b"]),
        ({"type": "array", "items": {"type": "integer"}}, "[1, 2]", [1, 2]),
        ({"oneOf": [{"const": "a", "title": "First"}, {"const": "b", "title": "Second"}]}, "0", "a"),
        ({"type": "object"}, '{"a": 1}', {"a": 1}),
    ],
)
def test_answers_as_one_value(schema: dict[str, object] | None, entry: str, value: object) -> None:
    """A question without a schema, or with one for a single value, is one field."""
    assert answer(schema, {"": entry}) == value
    with pytest.raises(Invalid) as caught:
        answer(schema, {"": "  "})
    assert caught.value.fields == {"": "This is required."}


def test_answers_with_several_fields() -> None:
    """A default that the person left standing is part of the answer; blanks are left out; constants are filled in."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": {
            "kind": {"const": "order"},
            "region": {"enum": ["eu", "us"], "default": "eu"},
            "size": {"type": "integer", "minimum": 1},
            "note": {"type": ["string", "null"]},
            "more": {"type": "string"},
        },
        "required": ["kind", "region", "size", "note"],
    }
    initial = {field.key: field.initial for field in forms.response_form(record(response=schema)).fields}
    assert initial["/region"] == "0"
    assert answer(schema, {**initial, "/size": "3"}) == {"kind": "order", "region": "eu", "size": 3, "note": None}
    with pytest.raises(Invalid) as caught:
        answer(schema, {**initial, "/size": "0", "/region": ""})
    assert caught.value.fields == {"/size": "At least 1.", "/region": "This is required."}


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from([f.key for f in forms.edit_form(record()).fields]), st.text(max_size=30)))
def test_i09_no_entry_breaks_the_form(entries: dict[str, str]) -> None:
    """Whatever is typed: valid arguments with untouched secrets, or sentences at the fields that were typed in."""
    request = record()
    try:
        changed = edit(entries)
    except Invalid as error:
        said = error.fields
    else:
        said = {}
        assert forms.validate(SCHEMA, changed) == {}
        assert all(changed[name] == request.arguments[name] for name in ("card_token", "fixed"))
    assert set(said) <= set(entries)
    assert "hidden" not in repr(said)


# ── from the form to its JSON text ───────────────────────────────────────────────────────────────


def test_i09_the_json_text_goes_on_from_what_was_typed() -> None:
    """Sent without a further change it gives what the form gives, digit for digit, and shows no secret."""
    request = record()
    form = forms.edit_form(request)
    typed = {"/note": "new", "/who": '{"name": "Bob", "pin": "••••••"}', "/tags": "c\nd"}
    text, lost = forms.carry(request, form, typed)
    assert lost == ""
    assert '"Bob"' in text
    assert "hidden" not in text
    filled = forms.fill(forms.json_form(request), ARGUMENTS, SCHEMA, {"": text})
    assert filled == forms.fill(form, ARGUMENTS, SCHEMA, typed)
    assert forms.carry(request, form, {}) == (forms.json_form(request).fields[0].initial, "")


def test_i09_what_the_json_text_cannot_hold_is_named() -> None:
    """An entry that cannot be read is said, with its field and the mend; one that breaks a limit is in the text."""
    request = record()
    text, lost = forms.carry(request, forms.edit_form(request), {"/count": "many", "/amount": "5000"})
    assert '"amount": 5000' in text
    assert lost == (
        "What was typed here is not in the JSON, because it cannot be read: count (Write a whole number, like 12.)"
    )
