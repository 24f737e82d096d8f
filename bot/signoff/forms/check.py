"""Checking schemas at the door, and values against schemas.

Schemas come from agents. A validator takes time and memory in proportion to how often parts of a schema can meet parts
of a value, and a few hundred bytes of references can make that number exponential, so it is bounded before use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Never, cast

import jsonschema_rs

from signoff.forms.scale import weigh
from signoff.forms.sentences import REQUIRED, SECRET, UNKNOWN, sentence
from signoff.model import dumps, escape, loads, secret_pointers, within
from signoff.model.schema import Node, mapping, node, subschemas, target

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_SCHEMAS = 2000
"""Subschemas in one document."""
MAX_PROPERTIES = 500
"""Properties of one object."""
MAX_PATTERNS = 64
MAX_PATTERN = 1000
"""Characters of one pattern."""
MAX_DIGITS = 100
"""Digits of a number that limits others, written out without a power of ten: `multipleOf` computes with all of them."""
MAX_WORK = 2_000_000
"""Weight × size of the value above which a value is refused unseen: some tenths of a second."""
MAX_MEETINGS = 200_000
"""Weight × size of the value above which a failing value is only said to fail, not where."""
MAX_QUOTED = 20_000_000
"""Characters of the schema × size of the value, likewise: each fault may quote a long list of what would be allowed."""
CHARACTERS = 100
"""Characters of text that count as one value: each pattern reads them all."""
DIGITS = 4
"""Digits of a number that count as one value."""
TOO_MUCH = "This is too much for its schema; send less, or a smaller schema."
PATTERN_BYTES = 2 * 1024 * 1024
"""Size of a compiled pattern."""
BACKTRACKS = 100_000
"""Steps that a pattern with look-around may take; others run in linear time."""


def _no_retrieval(uri: str) -> Never:
    raise ValueError(f"{uri} is outside the document")


@lru_cache(maxsize=128)
def _compiled(text: str) -> tuple[jsonschema_rs.Draft202012Validator, int]:
    """The validator and the schema's weight. Raises jsonschema_rs.ValidationError, ValueError."""
    # From text, so that numbers in the schema keep all their digits.
    weight = weigh(cast("Node", loads(text)))
    try:
        return _build(text, jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES)), weight
    except jsonschema_rs.ValidationError as error:
        if error.kind.name not in {"pattern", "format"}:
            raise
    # Look-around needs the other engine, which counts its steps (pydantic writes such patterns for decimals).
    fancy = jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS, size_limit=PATTERN_BYTES)
    return _build(text, fancy), weight


def _build(
    text: str, patterns: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions
) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        text, validate_formats=True, retriever=_no_retrieval, pattern_options=patterns
    )


# ── the schema ───────────────────────────────────────────────────────────────────────────────────


def check_schema(schema: Node) -> dict[str, str]:
    """Why a schema cannot be used, by JSON pointer; empty when it can.

    JSON Schema 2020-12, references only inside the document, within the limits above.
    """
    faults = dict(_walk(schema))
    if faults:
        return faults
    try:
        _compiled(dumps(schema))
    except jsonschema_rs.ValidationError as error:
        pointer = "".join(f"/{escape(str(step))}" for step in error.instance_path)
        return {pointer: f"This is not JSON Schema 2020-12. {sentence(error)}"}
    except ValueError as error:
        return {"": f"The schema cannot be used: {error}."}
    return {}


def _walk(schema: Node) -> Iterator[tuple[str, str]]:
    known: set[int] = set()
    references: list[tuple[str, str]] = []
    count = patterns = 0
    waiting: list[tuple[str, object]] = [("", schema)]
    while waiting:
        pointer, item = waiting.pop()
        part = node(item)
        if part is None:
            if not isinstance(item, bool):
                yield pointer, "A schema must be an object, true or false."
            continue
        known.add(id(part))
        count += 1
        if count > MAX_SCHEMAS:
            yield "", f"The schema has more than {MAX_SCHEMAS} parts; send a smaller one."
            return
        if len(mapping(part.get("properties"))) > MAX_PROPERTIES:
            yield f"{pointer}/properties", f"At most {MAX_PROPERTIES} properties."
            return
        texts = [part["pattern"]] if "pattern" in part else []
        texts += mapping(part.get("patternProperties"))
        patterns += len(texts)
        if patterns > MAX_PATTERNS or any(len(str(text)) > MAX_PATTERN for text in texts):
            yield pointer, f"At most {MAX_PATTERNS} patterns of at most {MAX_PATTERN} characters."
            return
        yield from _keywords(part, pointer)
        if isinstance(reference := part.get("$ref"), str):
            references.append((f"{pointer}/$ref", reference))
        waiting += [(pointer + below, inner) for below, inner in subschemas(part)]
    for pointer, reference in references:
        if not reference.startswith("#"):
            yield pointer, "References may only point inside the document, like #/$defs/name."
            continue
        found = target(reference, schema)
        if not isinstance(found, bool) and id(found) not in known:
            yield pointer, "There is no schema at this reference."


def _keywords(part: Node, pointer: str) -> Iterator[tuple[str, str]]:
    if part.get("$schema", DIALECT) not in {DIALECT, DIALECT + "#"}:
        yield f"{pointer}/$schema", f"Only {DIALECT} is supported."
    if "$id" in part and pointer:
        yield f"{pointer}/$id", "Only the whole document may have an $id."
    for keyword in ("$dynamicRef", "$recursiveRef"):
        if keyword in part:
            yield f"{pointer}/{keyword}", f"{keyword} is not supported; use $ref."
    for keyword in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"):
        if _digits(part.get(keyword)) > MAX_DIGITS:
            yield f"{pointer}/{keyword}", f"At most {MAX_DIGITS} digits."


# ── values ───────────────────────────────────────────────────────────────────────────────────────


def validate(schema: Node, value: object, secret_patterns: Collection[str] = ()) -> dict[str, str]:
    """Why a value does not fit, by JSON pointer; empty when it does. One sentence for each place, without the value."""
    try:
        text = dumps(schema)
        validator, weight = _compiled(text)
        size = _size(value, MAX_WORK)
        if weight * size > MAX_WORK:
            return {"": TOO_MUCH}
        if validator.is_valid(value):
            return {}
        if weight * size > MAX_MEETINGS or len(text) * size > MAX_QUOTED:
            return {"": "This does not fit the schema."}
        errors = [found for error in validator.iter_errors(value) for found in _places(error)]
    except ValueError:
        # Half a surrogate pair in a text, or a schema that passed no door.
        return {"": "This does not fit the schema, or the schema cannot be used."}
    faults: dict[str, str] = {}
    for pointer, said in errors:
        faults.setdefault(pointer, said)
    secret = secret_pointers(value, schema, secret_patterns)
    for pointer, text in faults.items():
        if text != REQUIRED and any(within(pointer, hidden) for hidden in secret):
            faults[pointer] = SECRET  # the schema's own limits may give the value away: `const`, `enum`
    return faults


def _size(value: object, most: int) -> int:
    """How many values it holds, itself counted, long texts and numbers as several; counting stops at `most`."""
    count = 0
    waiting = [value]
    while waiting and count < most:
        item = waiting.pop()
        count += 1
        if isinstance(item, Mapping):
            members = cast("Node", item)
            waiting += members.values()
            count += sum(map(len, members)) // CHARACTERS
        elif isinstance(item, list):
            waiting += cast("list[object]", item)
        elif isinstance(item, str):
            count += len(item) // CHARACTERS
        else:
            count += _digits(item) // DIGITS
    return count


def _digits(value: object) -> int:
    """Digits of a number written out without a power of ten; 0 for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return 0
    if isinstance(value, int):
        return value.bit_length() // 3
    _, digits, exponent = (Decimal(repr(value)) if isinstance(value, float) else value).as_tuple()
    return len(digits) + abs(exponent) if isinstance(exponent, int) else 0


Kinds = jsonschema_rs.ValidationErrorKind


def _places(error: jsonschema_rs.ValidationError) -> Iterator[tuple[str, str]]:
    """Where a person has to look, and the sentence for it."""
    pointer = "".join(f"/{escape(str(step))}" for step in error.instance_path)
    kind = error.kind
    if isinstance(kind, Kinds.Required):
        yield f"{pointer}/{escape(kind.property)}", REQUIRED
    elif isinstance(kind, Kinds.AdditionalProperties | Kinds.UnevaluatedProperties):
        for name in kind.unexpected:
            yield f"{pointer}/{escape(name)}", UNKNOWN
    elif isinstance(kind, Kinds.AnyOf | Kinds.OneOfNotValid):
        branches = [branch for branch in kind.context if branch and not _other_type(branch, error.instance_path)]
        if len(branches) == 1:
            for inner in branches[0]:
                yield from _places(inner)
        elif not branches and kind.context and all(kind.context):
            names = dict.fromkeys(sentence(branch[0]) for branch in kind.context)
            yield pointer, next(iter(names)) if len(names) == 1 else sentence(error)
        else:
            yield pointer, sentence(error)
    else:
        yield pointer, sentence(error)


def _other_type(branch: list[jsonschema_rs.ValidationError], place: list[str | int]) -> bool:
    """Whether a branch speaks of another type than the value has, e.g. the `null` of an optional."""
    return any(error.kind.name == "type" and error.instance_path == place for error in branch)
