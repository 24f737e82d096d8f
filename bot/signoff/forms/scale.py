"""How much work a schema can make for a validator, found out before the validator sees it.

A validator meets one place of a value with every subschema that reaches it. References can let their number double
at every step, within one place (`allOf` of twice the same reference, thirty times over) or from level to level of the
value (a recursion that comes back to the same item twice). Both are a few hundred bytes long and take for ever, or all
memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from signoff.model.schema import SAME_MANY, SAME_MAP, SAME_ONE, Node, mapping, node, several, target

MAX_DEPTH = 100
"""Longest chain of schemas inside or referring to each other."""
MAX_WEIGHT = 5000
"""Subschemas that may meet one place of a value, references counted as often as they are used."""

TWICE = "a part refers to itself in several ways for the same place, which takes too long"

HERE = "="
ITEM = "items"
OTHER = "+"
ANY = "*"
"""Edges to a schema for the same place, for any item, for a property that is not declared, for any property; besides
`.name` for one property and `#0` for one item."""


def weigh(schema: Node) -> int:
    """How many subschemas may meet one place of a value, at most MAX_WEIGHT. Raises ValueError when it is more, or has
    no bound.
    """
    return _Graph(schema).total


class _Graph:
    """Tarjan's strongly connected components over schemas and their edges; components come out innermost first."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._edges: dict[int, list[tuple[str, int]]] = {}
        self._order: dict[int, int] = {}
        self._low: dict[int, int] = {}
        self._stack: list[int] = []
        self._weights: dict[int, int] = {}
        self._visit(root, 0)
        self.total = self._weights[id(root)]

    def _visit(self, schema: Node, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise ValueError(f"its parts are nested or refer to each other more than {MAX_DEPTH} deep")
        key = id(schema)
        self._order[key] = self._low[key] = len(self._order)
        self._stack.append(key)
        edges = self._edges[key] = []
        for label, inner in _edges(schema, self._root):
            edges.append((label, id(inner)))
            if id(inner) not in self._order:
                self._visit(inner, depth + 1)
                self._low[key] = min(self._low[key], self._low[id(inner)])
            elif id(inner) not in self._weights:
                self._low[key] = min(self._low[key], self._order[id(inner)])
        if self._low[key] == self._order[key]:
            at = self._stack.index(key)
            component = set(self._stack[at:])
            del self._stack[at:]
            self._close(component)

    def _close(self, component: set[int]) -> None:
        weight = 0
        for key in component:
            weight += 1 + sum(self._weights[inner] for _, inner in self._edges[key] if inner not in component)
            if weight > MAX_WEIGHT:
                raise ValueError("its parts refer to each other too often")
        for key in component:
            self._weights[key] = weight
        for key in component:
            self._check_recursion(key, component)

    def _check_recursion(self, start: int, component: set[int]) -> None:
        """Every step down the value may come back into the component once at most, else the work doubles each time."""
        nodes: list[int] = []
        self._gather(start, component, (), nodes)
        steps = [Counter(label for label, inner in self._edges[key] if inner in component) for key in nodes]
        items = sum(step[ITEM] for step in steps)
        for name in {label for step in steps for label in step if label[0] in ".#"} | {"."}:
            if name[0] == "#":
                times = items + sum(step[name] for step in steps)
            else:
                times = sum(step[ANY] + (step[name] or step[OTHER]) for step in steps)
            if max(times, items) > 1:
                raise ValueError(TWICE)

    def _gather(self, key: int, component: set[int], above: tuple[int, ...], found: list[int]) -> None:
        """This schema and those of the component that meet the same place."""
        if key in above:
            raise ValueError("a part refers to itself without end")
        if key in found:
            raise ValueError(TWICE)  # all of its ways back into the component count twice
        found.append(key)
        for label, inner in self._edges[key]:
            if label == HERE and inner in component:
                self._gather(inner, component, (*above, key), found)


def _edges(schema: Node, root: Node) -> Iterator[tuple[str, Node]]:
    for keyword, value in schema.items():
        inner: list[tuple[str, object]] = []
        if keyword == "$ref":
            inner = [(HERE, target(str(value), root))]
        elif keyword in SAME_ONE:
            inner = [(HERE, value)]
        elif keyword in SAME_MANY:
            inner = [(HERE, item) for item in several(value)]
        elif keyword in SAME_MAP:
            inner = [(HERE, item) for item in mapping(value).values()]
        elif keyword == "properties":
            inner = [(f".{name}", item) for name, item in mapping(value).items()]
        elif keyword == "additionalProperties":
            inner = [(OTHER, value)]
        elif keyword == "patternProperties":
            inner = [(ANY, item) for item in mapping(value).values()]
        elif keyword in {"unevaluatedProperties", "propertyNames"}:
            inner = [(ANY, value)]
        elif keyword in {"items", "contains", "unevaluatedItems"}:
            inner = [(ITEM, value)]
        elif keyword == "prefixItems":
            inner = [(f"#{index}", item) for index, item in enumerate(several(value))]
        for label, item in inner:
            if (found := node(item)) is not None:
                yield label, found
