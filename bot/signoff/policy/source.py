"""YAML text → plain values, and the line of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import yaml

from signoff.errors import BadPolicy
from signoff.model import shorten, visible

MAX_BYTES = 1024 * 1024
"""Size of a policy file."""
MAX_DEPTH = 20
"""Nesting of a policy file; the format itself needs 5."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where things stand in the file."""

    file: str
    lines: Mapping[Path, int]
    names: Mapping[int, str]
    """Index of a rule → its name."""

    def line(self, path: Path) -> int:
        """The line of the nearest thing that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def bad(self, path: Path, fault: str, mend: str) -> BadPolicy:
        return _bad(self.file, self.line(path), self._key(path), fault, mend)

    def _key(self, path: Path) -> str:
        if path[:1] == ("rules",) and len(path) > 1 and isinstance(index := path[1], int):
            name = self.names.get(index)
            rule = f'rule "{shown(name)}"' if name else f"rule {index + 1}"
            return f"`{_dotted(path[2:])}` of {rule}" if len(path) > 2 else rule
        return f"`{_dotted(path)}`" if path else "the file"


def parse(text: str | bytes, *, file: str) -> tuple[object, Source]:
    """The values (lists as tuples) and where they stand. Raises BadPolicy and nothing else, whatever the text."""
    reader = _Reader(file, _decoded(text, file))
    data = reader.data()
    rules = cast("dict[str, object]", data).get("rules") if isinstance(data, dict) else None
    names: dict[int, str] = {}
    for index, rule in enumerate(cast("tuple[object, ...]", rules) if isinstance(rules, tuple) else ()):
        name = cast("dict[str, object]", rule).get("name") if isinstance(rule, dict) else None
        if isinstance(name, str):
            names[index] = name
    return data, Source(file, reader.lines, names)


def _decoded(text: str | bytes, file: str) -> str:
    if len(text) > MAX_BYTES:
        raise _bad(file, 1, "the file", f"is larger than {MAX_BYTES} bytes", "make it smaller")
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _bad(file, line, "the file", "is not UTF-8 text", "save it as UTF-8") from None


class _RefusedError(Exception):
    """YAML that is not taken, with the two halves of the sentence."""

    def __init__(self, line: int, fault: str, mend: str) -> None:
        super().__init__(fault)
        self.line = line
        self.fault = fault
        self.mend = mend


class _Loader(yaml.SafeLoader):
    """Composes nodes only. Aliases could blow a small text up without end, and nesting the stack: both end here."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = cast("yaml.Event", self.peek_event())  # type: ignore[no-untyped-call]  # the stubs leave it bare
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            raise _RefusedError(line, "uses a YAML alias (`*name`), which is not read", "write the value out")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _RefusedError(line, "is nested too deeply", "write it as the example policy does")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    """Nodes → plain values (lists as tuples), noting the line of every path."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.lines: dict[Path, int] = {}

    def data(self) -> object:
        try:
            loader = _Loader(self.text)
            node = loader.get_single_node()
        except _RefusedError as error:
            raise _bad(self.file, error.line, "the text", error.fault, error.mend) from None
        except (yaml.YAMLError, ValueError, OverflowError, IndexError) as error:
            # PyYAML lets ValueErrors of chr() and int() through, e.g. for the escape \UFFFFFFFF.
            raise self._not_yaml(error) from None
        if node is None:
            raise _bad(self.file, 1, "the file", "is empty", "begin it with `version: 1`")
        return self._value(node, ())

    def _not_yaml(self, error: Exception) -> BadPolicy:
        line = 1
        if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
            line = mark.line + 1
        elif isinstance(error, yaml.reader.ReaderError):
            line = self.text.count("\n", 0, error.position) + 1
        return _bad(self.file, line, "the text", f"is not YAML ({_problem(error)})", "correct the line")

    def _value(self, node: yaml.Node, path: Path) -> object:
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(cast("list[tuple[yaml.Node, yaml.Node]]", node.value), path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            items = cast("list[yaml.Node]", node.value)
            return tuple(self._value(item, (*path, index)) for index, item in enumerate(items))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        raise self._bad(path, f"has the YAML tag {shown(node.tag)}", "write a plain value")

    def _mapping(self, pairs: Sequence[tuple[yaml.Node, yaml.Node]], path: Path) -> dict[str, object]:
        out: dict[str, object] = {}
        for key_node, value_node in pairs:
            if not isinstance(key_node, yaml.ScalarNode):
                self.lines[path] = key_node.start_mark.line + 1
                raise self._bad(path, "has a key that is not a word", "write keys as plain words")
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            where = (*path, key)
            if key in out:
                first, self.lines[where] = self.lines[where], line
                raise self._bad(where, f"stands twice, first in line {first}", "keep one of them")
            self.lines[where] = line
            if not _encodable(key):
                raise self._bad(where, "is not valid Unicode", "write another key")
            out[key] = self._value(value_node, where)
        return out

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        text = str(node.value)
        if not _encodable(text):
            raise self._bad(path, "is not valid Unicode", "write other text")
        match node.tag.removeprefix("tag:yaml.org,2002:"):
            case "str" | "timestamp" | "value" | "merge":
                return text
            case "bool":
                return text.lower() in {"yes", "true", "on"}
            case "int":
                # Only plain decimals are numbers: YAML 1.1 would read 1:30 as 90 and 010 as 8.
                return int(text) if re.fullmatch(r"[+-]?(?:0|[1-9][0-9]{0,17})", text) else text
            case "float":
                return text
            case "null":
                raise self._bad(path, "has no value", "give it one or remove the key")
            case _:
                raise self._bad(path, f"has the YAML tag {shown(node.tag)}", "write a plain value")

    def _bad(self, path: Path, fault: str, mend: str) -> BadPolicy:
        return Source(self.file, self.lines, {}).bad(path, fault, mend)


def _bad(file: str, line: int, key: str, fault: str, mend: str) -> BadPolicy:
    end = "" if mend.endswith("?") else "."
    return BadPolicy(file=file, line=line, key=key, fault=f"{fault};", mend=f"{mend}{end}")


def _problem(error: Exception) -> str:
    said = (error.problem if isinstance(error, yaml.MarkedYAMLError) else None) or str(error).partition("\n")[0]
    return shown(said)


def _dotted(path: Path) -> str:
    """`members[2]`, counting from one."""
    out = ""
    for part in path:
        out += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if out else ''}{shown(part)}"
    return out


def shown(text: str) -> str:
    """Text of the file as a sentence may quote it."""
    return shorten(visible(text), 80)[0]


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
