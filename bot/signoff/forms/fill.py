"""What was submitted → a typed, validated value. Nothing that was not changed is touched."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from signoff.errors import Invalid
from signoff.forms.build import required_names, response_properties
from signoff.forms.check import validate
from signoff.forms.entry import normal, parse, typed_json
from signoff.forms.reject import reason
from signoff.forms.sentences import NO_FIELD, REQUIRED, UNKNOWN
from signoff.forms.shape import ABSENT, shape
from signoff.forms.types import Field, Form
from signoff.model import (
    MASK,
    Request,
    editable_names,
    escape,
    loads,
    one_line,
    same,
    secret_pointers,
    shorten,
    steps,
    within,
)
from signoff.model.schema import Node, marked, properties, resolve

FIXED = "This cannot be changed."
SECRET_FIXED = f"The secret values ({MASK}) cannot be changed here; leave them where they are."
NAME = 100
"""Characters of an argument's name in a sentence."""

_INDEX = re.compile(r"[0-9]{1,9}", re.ASCII)


def fill(
    form: Form,
    original: object,
    schema: Node | None,
    entries: Mapping[str, str],
    keys: Collection[str] | None = None,
) -> object:
    """The new arguments (edit, edit_json), the response, the reason (reject), or the entries (confirm, more).

    `original`: the arguments the form was made from; `schema`: theirs, or the response's. An entry that equals the
    field's `initial` keeps the original value exactly, as does a missing one. `keys`: only these fields are checked,
    for one page of several. Raises Invalid with a sentence for each faulty field.
    """
    known = {field.key: field for field in form.fields}
    unknown = [key for key in entries if key not in known]
    if unknown:
        raise Invalid(dict.fromkeys(unknown, NO_FIELD))
    if form.purpose == "reject":
        return reason(form, entries)
    if form.purpose in {"confirm", "more"}:
        return dict(entries)  # what they mean is for `check_confirm` and `read_more`, which know the request
    if form.purpose == "respond":
        value, faults = _response(form, schema, entries)
    elif form.purpose == "edit_json":
        value, faults = _whole(form.fields[0], dict(cast("Node", original)), entries)
    else:
        value, faults = edited(form, cast("Node", original), schema, entries)
    if schema is not None and "" not in faults:
        changed = [key for key in known if key in entries and normal(entries[key]) != normal(known[key].initial)]
        # A fault at no field in particular may be mended on a later page.
        elsewhere = (changed or [*known])[:1] if keys is None else []
        for pointer, text in validate(schema, value).items():
            for key, said in _at_field(pointer, text, form, elsewhere):
                faults.setdefault(key, said)
    faults = {key: text for key, text in faults.items() if keys is None or key in keys}
    if faults:
        raise Invalid(faults)
    return value


def _at_field(pointer: str, text: str, form: Form, elsewhere: list[str]) -> Iterator[tuple[str, str]]:
    """The field that a fault belongs to: the deepest one above it, else `elsewhere`."""
    above = [field.key for field in form.fields if within(pointer, field.key)]
    key = max(above, key=len, default=None)
    below = "/".join(steps(pointer if key is None else pointer[len(key) :]))
    for found in elsewhere if key is None else [key]:
        yield found, f"{shorten(one_line(below), NAME)[0]}: {text}" if below else text


def edited(
    form: Form, original: Node, schema: Node | None, entries: Mapping[str, str]
) -> tuple[dict[str, object], dict[str, str]]:
    """The arguments with what was typed and can be read, and a sentence for each field that cannot."""
    value = dict(original)
    root: Node = schema or {}
    declared = properties(schema)
    faults: dict[str, str] = {}
    for field in form.fields:
        entry = normal(entries.get(field.key, field.initial))
        if entry == normal(field.initial):
            continue
        name = steps(field.key)[0]
        before = value.get(name, ABSENT)
        shown = before
        if field.kind == "json" and before is not ABSENT:
            shown = loads(field.initial)
        of = shape(declared.get(name), root, shown)
        if not entry.strip():
            _blank(field, name, value, faults, nullable=of.nullable, needed=name in required_names(root))
            continue
        try:
            typed = parse(of, entry, before)
            value[name] = _unmasked(typed, shown, before) if field.kind == "json" else typed
        except ValueError as error:
            faults[field.key] = str(error)
    return value, faults


def _blank(
    field: Field, name: str, value: dict[str, object], faults: dict[str, str], *, nullable: bool, needed: bool
) -> None:
    if field.kind == "json" and _has_mask(loads(field.initial or "null")):
        faults[field.key] = SECRET_FIXED
    elif field.kind == "list" and name in value:
        value[name] = []
    elif field.required:
        faults[field.key] = REQUIRED
    elif nullable and (needed or name not in value):
        value[name] = None
    else:
        value.pop(name, None)


def _whole(field: Field, before: dict[str, object], entries: Mapping[str, str]) -> tuple[object, dict[str, str]]:
    entry = normal(entries.get(field.key, field.initial))
    if entry == normal(field.initial):
        return before, {}
    shown = cast("dict[str, object]", loads(field.initial))
    try:
        typed = typed_json(entry)
        if not isinstance(typed, dict):
            return before, {field.key: "The arguments must be a JSON object, in { }."}
        fresh = cast("dict[str, object]", typed)
        for name in fresh:
            if name in before and name not in shown:
                return before, {field.key: f"{shorten(one_line(name), NAME)[0]}: {FIXED}"}
        kept = {name: item for name, item in before.items() if name not in shown or name in fresh}
        for name, item in fresh.items():
            kept[name] = _unmasked(item, shown.get(name), before[name]) if name in before else item
        for name, item in shown.items():
            if name not in fresh and _has_mask(item):
                raise ValueError(SECRET_FIXED)
    except ValueError as error:
        return before, {field.key: str(error)}
    # What was typed the same stays the same object: 1.0 is not turned into 1 by somebody who never touched it.
    return {k: before[k] if k in before and same(before[k], v) else v for k, v in kept.items()}, {}


def _unmasked(typed: object, shown: object, before: object) -> object:
    """The typed value with the masked places filled with what they stand for. Raises ValueError if one was touched."""
    if shown == MASK and not same(shown, before):
        if typed != MASK:
            raise ValueError(SECRET_FIXED)
        return before
    if isinstance(shown, dict) and isinstance(before, dict) and isinstance(typed, dict):
        old, real, new = (cast("dict[str, object]", item) for item in (shown, before, typed))
        for name, item in old.items():
            if name not in new and _has_mask(item):
                raise ValueError(SECRET_FIXED)
        return {n: _unmasked(v, old.get(n), real[n]) if n in real else v for n, v in new.items()}
    if isinstance(shown, list) and isinstance(before, list) and isinstance(typed, list):
        olds, reals, news = (cast("list[object]", item) for item in (shown, before, typed))
        if len(news) < len(olds) and any(_has_mask(item) for item in olds[len(news) :]):
            raise ValueError(SECRET_FIXED)
        both = zip(news, olds, reals, strict=False)
        return [_unmasked(n, o, r) for n, o, r in both] + news[len(olds) :]
    if _has_mask(shown) and not same(typed, shown):
        raise ValueError(SECRET_FIXED)
    return before if same(typed, before) else typed


def _has_mask(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_mask(item) for item in cast("Node", value).values())
    if isinstance(value, list):
        return any(_has_mask(item) for item in cast("list[object]", value))
    return value == MASK


def _response(form: Form, schema: Node | None, entries: Mapping[str, str]) -> tuple[object, dict[str, str]]:
    declared = response_properties(schema) if schema is not None else None
    faults: dict[str, str] = {}
    value: dict[str, object] = {}
    for field in form.fields:
        entry = normal(entries.get(field.key, ""))
        if schema is None:
            if not entry.strip():
                return "", {field.key: REQUIRED}
            return entry, {}
        name = steps(field.key)[0] if declared is not None else ""
        part = declared[name] if declared is not None else schema
        of = shape(part, schema, ABSENT)
        typed: object = ABSENT
        if not entry.strip():
            if field.required:
                faults[field.key] = REQUIRED
            elif of.nullable and (declared is None or name in required_names(schema)):
                typed = None
        else:
            try:
                typed = parse(of, entry, ABSENT)
            except ValueError as error:
                faults[field.key] = str(error)
        if declared is None:
            return None if typed is ABSENT else typed, faults
        if typed is not ABSENT:
            value[name] = typed
    root: Node = schema or {}
    for name, part in properties(schema).items():
        fixed = resolve(part, root).get("const", ABSENT)
        if fixed is not ABSENT and name in required_names(root):
            value[name] = fixed  # nothing to ask
    return value, faults


def check_edit(request: Request, arguments: Mapping[str, object]) -> None:
    """Whether a person may replace the arguments by these (I09). Raises Invalid by JSON pointer into the arguments.

    Only editable top-level arguments may change; secret and read-only places stay as they are at any depth; names that
    neither the arguments nor the schema know are refused; the whole must satisfy the schema.
    """
    before = request.arguments
    schema, patterns = request.schema_, request.terms.secret
    names = editable_names(request)
    known = {*before, *properties(schema)}
    faults: dict[str, str] = {}
    for name in dict.fromkeys((*before, *arguments)):
        pointer = f"/{escape(name)}"
        if name not in known:
            faults[pointer] = UNKNOWN
        elif name not in names and not _equal(before, arguments, pointer):
            faults[pointer] = FIXED
    held = (before, arguments)
    for hidden in {pointer for value in held for pointer in secret_pointers(value, schema, patterns)}:
        if not _equal(before, arguments, hidden):
            faults.setdefault(hidden, "This is secret and cannot be changed here.")
    for fixed in {pointer for value in held for pointer in marked(value, schema, _read_only)}:
        if not _equal(before, arguments, fixed):
            faults.setdefault(fixed, FIXED)
    if not faults and schema is not None:
        faults = validate(schema, arguments, patterns)
    if faults:
        raise Invalid(faults)


def _read_only(schema: Node) -> bool:
    return schema.get("readOnly") is True


def _equal(before: object, after: object, pointer: str) -> bool:
    one, other = _at(before, pointer), _at(after, pointer)
    return one is other if ABSENT in (one, other) else same(one, other)


def _at(value: object, pointer: str) -> object:
    for step in steps(pointer):
        if isinstance(value, Mapping):
            value = cast("Node", value).get(step, ABSENT)
        elif isinstance(value, list) and _INDEX.fullmatch(step) and int(step) < len(cast("list[object]", value)):
            value = cast("list[object]", value)[int(step)]
        else:
            return ABSENT
    return value
