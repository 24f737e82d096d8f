"""Reading JSON Schema 2020-12: references inside the document, subschemas, and which places of a value carry a mark."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import cast
from urllib.parse import unquote

from signoff.model.pointer import escape, steps

Node = Mapping[str, object]

SAME_ONE = ("if", "then", "else", "not")
SAME_MANY = ("allOf", "anyOf", "oneOf")
SAME_MAP = ("dependentSchemas",)
BELOW_ONE = (
    "items",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "contentSchema",
)
BELOW_MANY = ("prefixItems",)
BELOW_MAP = ("properties", "patternProperties", "$defs", "definitions")
"""Keywords that hold schemas: for the same place of the value, or for places below (and the definitions)."""

HOPS = 32
"""Longest chain of references that is followed."""
STEPS = 150_000
"""Schemas that one search for marks may look at, once for each place; beyond it everything counts as marked."""


def node(value: object) -> Node | None:
    """The schema if it is an object (booleans say nothing about a form)."""
    return cast("Node", value) if isinstance(value, dict) else None


def mapping(value: object) -> Node:
    """The value of `properties` and its like; empty if it is not an object."""
    return cast("Node", value) if isinstance(value, dict) else {}


def several(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def subschemas(schema: Node) -> Iterator[tuple[str, object]]:
    """Every schema directly inside this one, with its pointer from here."""
    for keyword, value in schema.items():
        if keyword in SAME_ONE or keyword in BELOW_ONE:
            yield f"/{keyword}", value
        elif keyword in SAME_MANY or keyword in BELOW_MANY:
            for index, item in enumerate(several(value)):
                yield f"/{keyword}/{index}", item
        elif keyword in SAME_MAP or keyword in BELOW_MAP:
            for name, item in mapping(value).items():
                yield f"/{escape(keyword)}/{escape(name)}", item


def target(reference: str, root: Node) -> object:
    """What `#…` points to; None if nothing is there."""
    fragment = unquote(reference.removeprefix("#"))
    if fragment and not fragment.startswith("/"):
        return _anchored(fragment, root)
    found: object = root
    for step in steps(fragment):
        if isinstance(found, dict):
            found = found.get(step)
        else:
            items = dict(enumerate(several(found)))
            found = items.get(int(step)) if step.isascii() and step.isdigit() and len(step) < 6 else None
    return found


def _anchored(name: str, root: Node) -> object:
    waiting: list[Node] = [root]
    while waiting:
        schema = waiting.pop()
        if schema.get("$anchor") == name:
            return schema
        waiting += [inner for _, item in subschemas(schema) if (inner := node(item)) is not None]
    return None


def resolve(schema: object, root: Node) -> Node:
    """The schema with its reference (or its only `allOf` part) merged in; keywords beside `$ref` win."""
    found = node(schema) or {}
    for _ in range(HOPS):
        reference, parts = found.get("$ref"), several(found.get("allOf"))
        if isinstance(reference, str):
            found = {**(node(target(reference, root)) or {}), **{k: v for k, v in found.items() if k != "$ref"}}
        elif len(parts) == 1 and (only := node(parts[0])) is not None:
            found = {**only, **{k: v for k, v in found.items() if k != "allOf"}}
        else:
            break
    return found


def properties(schema: Node | None) -> dict[str, object]:
    """The declared top-level properties, in the schema's order; also those of `allOf` parts."""
    found: dict[str, object] = {}
    if schema is None:
        return found
    for part in _here([schema], schema, HOPS):
        for name, item in mapping(part.get("properties")).items():
            found.setdefault(name, item)
    return found


def _here(schemas: list[object], root: Node, limit: int) -> list[Node]:
    """The schemas that certainly hold for the same place: references and `allOf` followed."""
    found: dict[int, Node] = {}
    waiting = schemas[::-1]
    while waiting and len(found) < limit:
        schema = node(waiting.pop())
        if schema is None or id(schema) in found:
            continue
        found[id(schema)] = schema
        waiting += several(schema.get("allOf"))[::-1]
        if isinstance(reference := schema.get("$ref"), str):
            waiting.append(target(reference, root))
    return list(found.values())


def marked(
    value: object, schema: Node | None, mark: Callable[[Node], bool], name: Callable[[str], object] | None = None
) -> Iterator[str]:
    """Pointers of all places of `value`, and of properties declared beside them, whose schema carries the mark or
    whose property name does. Any branch of the schema counts, whether or not it is the one that holds. Places below
    a marked one are not listed.

    `name`: which property names carry the mark whatever the schema says. When the search would take too long, every
    top-level place is marked: hiding too much is the safe mistake.
    """
    if schema is None:
        if name is not None:
            yield from _named(value, name)
        return
    if name is None and not _mentions(schema, mark):
        return
    budget = STEPS
    root = schema
    targets: dict[str, object] = {}
    waiting: list[tuple[object, str, list[object]]] = [(value, "", [schema])]
    found: list[str] = []
    while waiting:
        place, pointer, schemas = waiting.pop()
        here = _possible(schemas, root, targets)
        if any(map(mark, here)):
            found.append(pointer)
            continue
        members: Node = cast("Node", place) if isinstance(place, dict) else {}
        items = several(place)
        keys = dict.fromkeys(members)
        if isinstance(place, dict):
            for part in here:
                keys |= dict.fromkeys(mapping(part.get("properties")))
        budget -= (1 + len(here)) * (1 + len(keys) + len(items))
        if budget < 0:
            yield from _everything(value)
            return
        for key in keys:
            below = f"{pointer}/{escape(key)}"
            if name is not None and name(key):
                found.append(below)
            elif (inner := _of_property(here, key)) or (name is not None and key in members):
                waiting.append((members.get(key), below, inner))
        for index, item in enumerate(items):
            # Without a schema of its own, a plain item holds no property that could carry a name.
            if (inner := _of_item(here, index)) or (name is not None and isinstance(item, dict | list)):
                waiting.append((item, f"{pointer}/{index}", inner))
    yield from found


def _named(value: object, name: Callable[[str], object]) -> Iterator[str]:
    """The places whose property name carries the mark. Most calls come without a schema, and some with many names."""
    waiting: list[tuple[object, str]] = [(value, "")]
    while waiting:
        place, pointer = waiting.pop()
        if isinstance(place, dict):
            for key, item in cast("Node", place).items():
                if name(key):
                    yield f"{pointer}/{escape(key)}"
                elif isinstance(item, dict | list):
                    waiting.append((item, f"{pointer}/{escape(key)}"))
        else:
            waiting += [
                (item, f"{pointer}/{index}")
                for index, item in enumerate(several(place))
                if isinstance(item, dict | list)
            ]


def _mentions(schema: Node | None, mark: Callable[[Node], bool]) -> bool:
    """Whether the mark occurs anywhere in the document."""
    waiting: list[object] = [schema]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            if mark(cast("Node", item)):
                return True
            waiting += cast("Node", item).values()
        else:
            waiting += several(item)
    return False


def _everything(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (f"/{escape(key)}" for key in cast("Node", value))
    else:
        yield ""


def _possible(schemas: list[object], root: Node, targets: dict[str, object]) -> list[Node]:
    """The schemas that may hold for the same place, all branches included. `targets`: references already followed."""
    found: dict[int, Node] = {}
    waiting = list(schemas)
    while waiting and len(found) <= STEPS:
        schema = node(waiting.pop())
        if schema is None or id(schema) in found:
            continue
        found[id(schema)] = schema
        for keyword, inner in schema.items():
            if keyword == "$ref" and isinstance(inner, str):
                if inner not in targets:
                    targets[inner] = target(inner, root)
                waiting.append(targets[inner])
            elif keyword in SAME_MANY:
                waiting += several(inner)
            elif keyword in SAME_ONE and keyword != "not":
                waiting.append(inner)
            elif keyword in SAME_MAP:
                waiting += mapping(inner).values()
    return list(found.values())


def _of_property(schemas: list[Node], key: str) -> list[object]:
    below: list[object] = []
    for schema in schemas:
        declared = mapping(schema.get("properties"))
        if key in declared:
            below.append(declared[key])
        else:
            # The patterns are the agent's own and Python's engine can be made to hang, so they are not tried: any fits.
            below += mapping(schema.get("patternProperties")).values()
            below.append(schema.get("additionalProperties"))
        below.append(schema.get("unevaluatedProperties"))
    return [part for part in below if isinstance(part, dict)]


def _of_item(schemas: list[Node], index: int) -> list[object]:
    below: list[object] = []
    for schema in schemas:
        first = several(schema.get("prefixItems"))
        below.append(first[index] if index < len(first) else schema.get("items"))
        below += [schema.get("contains"), schema.get("unevaluatedItems")]
    return [part for part in below if isinstance(part, dict)]
