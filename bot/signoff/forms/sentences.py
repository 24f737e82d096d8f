"""What a person reads when a value does not fit its schema. Built from the schema's limits, never from the value."""

from __future__ import annotations

import jsonschema_rs

from signoff.model import one_line, seen, shorten
from signoff.model.schema import several

SHOWN_OPTIONS = 12
SHOWN_TEXT = 120
"""Characters of a pattern or constant that a sentence quotes."""
SECRET = "This secret value does not fit the schema."  # noqa: S105 - a sentence

TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "empty",
}
FORMATS = {
    "date": "Write a date like 2026-11-20.",
    "time": "Write a time like 14:30:00Z.",
    "date-time": "Write a date and time like 2026-11-20T14:30:00Z.",
    "email": "Write an e-mail address like ada@example.com.",
    "idn-email": "Write an e-mail address like ada@example.com.",
    "uri": "Write an address like https://example.com/page.",
    "iri": "Write an address like https://example.com/page.",
    "uuid": "Write a UUID like 123e4567-e89b-12d3-a456-426614174000.",
    "ipv4": "Write an IPv4 address like 192.0.2.1.",
    "ipv6": "Write an IPv6 address like 2001:db8::1.",
    "duration": "Write a duration like PT1H30M.",
    "regex": "Write a regular expression.",
}
PLAIN = {
    "not": "This value is not allowed.",
    "falseSchema": "Nothing is allowed here.",
    "uniqueItems": "No item may occur twice.",
    "contains": "A required item is missing.",
    "anyOf": "This fits none of the allowed forms.",
    "oneOf": "This must fit exactly one of the allowed forms.",
    "propertyNames": "One of the names is not allowed.",
    "unevaluatedItems": "There are too many items.",
    "additionalItems": "There are too many items.",
}
LIMITS = {
    "maximum": "At most {}.",
    "minimum": "At least {}.",
    "exclusiveMaximum": "Less than {}.",
    "exclusiveMinimum": "More than {}.",
    "multipleOf": "Must be a multiple of {}.",
    "maxLength": "At most {} characters.",
    "minLength": "At least {} characters.",
    "maxItems": "At most {} items.",
    "minItems": "At least {} items.",
    "maxProperties": "At most {} entries.",
    "minProperties": "At least {} entries.",
}
NOTHING_EDITABLE = "Approve it as it is, or reject it."
REQUIRED = "This is required."
NO_FIELD = "This form has no such field."
UNKNOWN = "There is no such argument."


def quoted(value: object) -> str:
    """A value of the schema in a sentence: text without quotes, the rest as JSON; shortened."""
    text, hidden = shorten(one_line(value) if isinstance(value, str) else seen(value), SHOWN_TEXT)
    return text + ("…" if hidden else "")


def one_of(options: list[object]) -> str:
    named = ", ".join(quoted(option) for option in options[:SHOWN_OPTIONS])
    return f"Choose one of: {named}" + (", …" if len(options) > SHOWN_OPTIONS else "") + "."


def limit(keyword: str, value: object) -> str:
    """The sentence for a keyword with a bound, e.g. `At most 1000.`"""
    if value == 1 and keyword == "minLength":
        return "This must not be empty."
    sentence = LIMITS[keyword].format(quoted(value))
    for noun in ("characters", "items"):
        if value == 1:
            sentence = sentence.replace(noun, noun[:-1])
    return sentence


def sentence(error: jsonschema_rs.ValidationError) -> str:
    """The sentence for one validation error."""
    keyword = error.kind.name
    data = error.kind.as_dict() if keyword not in {"anyOf", "oneOf", "propertyNames"} else {}
    if keyword in LIMITS:
        return limit(keyword, next(iter(data.values())))
    if keyword == "type":
        return f"Must be {' or '.join(TYPES.get(str(name), str(name)) for name in several(data['types']))}."
    if keyword == "format":
        return FORMATS.get(str(data["format"]), f"Must be in the format {quoted(str(data['format']))}.")
    if keyword == "enum":
        return one_of(several(data["options"]))
    if keyword == "const":
        return f"Must be exactly {quoted(data['expected_value'])}."
    if keyword == "pattern":
        return f"Must match the pattern {quoted(data['pattern'])}"
    return PLAIN.get(keyword, "This does not fit the schema.")
