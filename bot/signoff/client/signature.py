"""From a function's signature and docstring to a JSON Schema, and from a call to JSON arguments and back, exactly."""

from __future__ import annotations

import contextlib
import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal
from typing import Any, cast

from pydantic import BaseModel, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema, to_jsonable_python

from signoff.client.decision import same
from signoff.model import dumps, loads

Document = dict[str, object]


class ExactSchema(GenerateJsonSchema):
    """Decimals are numbers: JSON has no limit on digits, only those who read it into doubles do."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        out: JsonSchemaValue = {"type": "number"}
        for mine, theirs in (
            ("ge", "minimum"),
            ("le", "maximum"),
            ("gt", "exclusiveMinimum"),
            ("lt", "exclusiveMaximum"),
        ):
            bound = schema.get(mine)
            if bound is not None:
                out[theirs] = float(cast("Decimal", bound))
        return out


def plain(value: object) -> object:
    """Python data → JSON data, keeping every digit of a Decimal. Raises ValueError, TypeError."""
    if type(value) in _JSON_TYPES:  # exactly: enums are strings and numbers too
        return value
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError("NaN and infinities cannot be shown to a person")
        return value
    if isinstance(value, SecretStr | SecretBytes):
        return plain(value.get_secret_value())
    if isinstance(value, Mapping):
        return {_name(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("list[object]", value)]
    if isinstance(value, set | frozenset):
        # One order for one set, so that asking again asks the same.
        return sorted((plain(item) for item in cast("set[object]", value)), key=dumps)
    return cast("object", to_jsonable_python(value))


_JSON_TYPES = (str, bool, int, float, type(None))


def _name(key: object) -> str:
    return key if type(key) is str else next(iter(cast("dict[str, object]", to_jsonable_python({key: None}))))


def exact(value: object) -> object:
    """JSON data as it arrives at the other end: floats where they are exact, Decimals elsewhere."""
    if type(value) in _UNCHANGED or (type(value) in _NUMBERS and abs(cast("float", value)) < _USUAL):
        return value
    return loads(dumps(value))


_UNCHANGED = (str, bool, type(None))
"""Exactly these arrive as they are, whatever their value."""
_NUMBERS = (int, float)
_USUAL = 2**63
"""Numbers below it, which NaN is not, arrive as they are; of others some cannot be written."""


def written(arguments: Mapping[str, object]) -> Document:
    """Arguments as JSON data. Raises ValueError that names the one that has no JSON form."""
    out: Document = {}
    for name, value in arguments.items():
        try:
            out[name] = exact(plain(value))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} cannot be written as JSON: {error}") from error
    return out


class Parameters:
    """The parameters of a function that people are shown."""

    def __init__(
        self,
        function: Callable[..., object],
        *,
        unseen: Collection[str] = (),
        secret: Collection[str] = (),
        local: Mapping[str, object] | None = None,
    ) -> None:
        """`unseen`: parameters that are passed on but not shown. `secret`: shown as `••••••`.

        Raises TypeError for signatures that cannot be shown.
        """
        self._signature = inspect.signature(function)
        hints = _hints(function, local)
        names = list(self._signature.parameters)
        if names[:1] in (["self"], ["cls"]) and names[0] not in hints:
            unseen = (*unseen, names[0])
        unknown = {*unseen, *secret} - set(names)
        if unknown:
            raise TypeError(f"{function.__name__} has no parameter {', '.join(sorted(unknown))}")
        self.shown = [name for name in names if name not in unseen]
        self._secret = frozenset(secret)
        self._adapters: dict[str, TypeAdapter[object]] = {}
        for name in self.shown:
            parameter = self._signature.parameters[name]
            if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
                raise TypeError(f"{function.__name__}: name every parameter; a person cannot judge *{name}")
            hint = hints.get(name, Any)
            if parameter.default is None and hint is not Any:
                hint = typing.Optional[hint]  # noqa: UP045  # `hint | None` fails for forward references
            self._adapters[name] = TypeAdapter(hint)

    def schema(self, descriptions: Mapping[str, str]) -> Document:
        """JSON Schema 2020-12 of the arguments."""
        keyed, shared = TypeAdapter.json_schemas(
            [(name, "validation", adapter) for name, adapter in self._adapters.items()], schema_generator=ExactSchema
        )
        properties: Document = {}
        required: list[str] = []
        for name in self.shown:
            one = dict(keyed[(name, "validation")])
            if name in descriptions:
                one.setdefault("description", descriptions[name])
            default = self._signature.parameters[name].default
            if default is inspect.Parameter.empty:
                required.append(name)
            else:
                one.pop("default", None)
                with contextlib.suppress(ValueError, TypeError):  # no JSON form: a call that uses it says so
                    one["default"] = self._dump(name, default)
            if name in self._secret:
                one["writeOnly"] = True
                one.pop("default", None)
            properties[name] = one
        out: Document = {
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": False,
        }
        if "$defs" in shared:
            out["$defs"] = shared["$defs"]
        return cast("Document", exact(plain(out)))

    def arguments(
        self, args: tuple[object, ...], kwargs: Mapping[str, object]
    ) -> tuple[Document, inspect.BoundArguments]:
        """A call as JSON arguments, defaults included. Raises TypeError, ValueError (or ValidationError)."""
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        sent: Document = {}
        for name in self.shown:
            typed = self._adapters[name].validate_python(bound.arguments[name])
            try:
                sent[name] = exact(self._dump(name, typed))
            except (TypeError, ValueError) as error:
                raise ValueError(f"{name} cannot be written as JSON: {error}") from error
        self.rebuilt(sent)  # what cannot come back must not go out
        return sent, bound

    def rebuilt(self, arguments: Mapping[str, object]) -> Document:
        """JSON arguments as the types that the function wants. Raises ValueError when they would not stay the same."""
        typed: Document = {}
        for name, value in arguments.items():
            if name not in self._adapters:
                raise ValueError(f"{name}: there is no such parameter")
            try:
                typed[name] = _typed(self._adapters[name], value)
            except ValidationError as error:
                raise ValueError(fault(error, name)) from error
            if not _kept(value, exact(self._dump(name, typed[name]))):
                raise ValueError(f"{name}: its type does not hold this value exactly, so another one would run")
        return typed

    def bind(self, bound: inspect.BoundArguments, arguments: Mapping[str, object]) -> inspect.BoundArguments:
        """The call with the approved arguments in place. Raises ValueError."""
        typed = self.rebuilt(arguments)
        out = inspect.BoundArguments(self._signature, type(bound.arguments)(bound.arguments))
        for name in self.shown:
            default = self._signature.parameters[name].default
            if name in typed:
                out.arguments[name] = typed[name]
            elif default is not inspect.Parameter.empty:
                out.arguments[name] = default  # a person took an optional argument away
            else:
                raise ValueError(f"{name}: it is missing")
        return out

    def _dump(self, name: str, value: object) -> object:
        return plain(self._adapters[name].dump_python(value, by_alias=True, warnings=False))


def _typed(adapter: TypeAdapter[object], value: object) -> object:
    try:
        return adapter.validate_python(value)
    except ValidationError:
        return adapter.validate_json(dumps(value))  # strict types take text for dates and enums only from JSON


def fault(error: ValidationError, *where: str) -> str:
    """The first fault as `field: why`, without the value: it may be a secret (I13)."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = ".".join((*where, *(str(part) for part in first["loc"])))
    why = first["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return f"{name}: {why}" if name else why


def _kept(shown: object, runs: object) -> bool:
    """Does what runs say the same as what was shown? Text may be spelled anew (dates), defaults may be filled in."""
    if isinstance(shown, dict) and isinstance(runs, dict):
        ones, others = cast("Document", shown), cast("Document", runs)
        return all(name in others and _kept(ones[name], others[name]) for name in ones)
    if isinstance(shown, list) and isinstance(runs, list):
        some, more = cast("list[object]", shown), cast("list[object]", runs)
        # A set has lost its order and what was double.
        return len(some) == len(more) and (
            all(map(_kept, some, more)) or sorted(map(dumps, some)) == sorted(map(dumps, more))
        )
    if isinstance(shown, str) and isinstance(runs, str):
        return True
    return same(shown, runs)


def _hints(function: Callable[..., object], local: Mapping[str, object] | None) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function, localns=dict(local or {}), include_extras=True)
    except NameError as error:
        raise TypeError(
            f"{function.__name__}: its annotations name {error.name!r}, which is not defined here"
        ) from error
    return hints


_SECTION = re.compile(r"^(args|arguments|parameters|params)\s*:?\s*$", re.IGNORECASE)
_OTHER = re.compile(r"^(returns?|raises|yields?|examples?|notes?|attributes)\s*:?\s*$", re.IGNORECASE)
_ITEM = re.compile(r"^\s+\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_SPHINX = re.compile(r"^:param\s+(?:[^:]*\s)?(\w+):\s*(.*)$")


def docstring(function: Callable[..., object]) -> tuple[str | None, dict[str, str]]:
    """The description and what it says about each parameter (Google style `Args:` and Sphinx `:param x:`)."""
    text: list[str] = []
    parameters: dict[str, str] = {}
    section, current = "text", None
    for line in (inspect.getdoc(function) or "").splitlines():
        if _SECTION.match(line):
            section, current = "args", None
        elif _OTHER.match(line):
            section = "other"
        elif found := _SPHINX.match(line):
            parameters[found[1]] = found[2].strip()
        elif section == "args" and (found := _ITEM.match(line)) and (current is None or _indent(line) <= current[1]):
            parameters[found[1]] = found[2].strip()
            current = (found[1], _indent(line))
        elif section == "args" and current and line.strip():
            parameters[current[0]] = f"{parameters[current[0]]} {line.strip()}".strip()
        elif section == "args" and line and not line.startswith(" "):
            section = "text"
            text.append(line)
        elif section == "text" and not line.startswith((":return", ":raise", ":rtype", ":type")):
            text.append(line)
    return "\n".join(text).strip() or None, parameters


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def model_schema(model: type[BaseModel]) -> Document:
    """JSON Schema of a pydantic model, by its aliases."""
    return cast("Document", exact(plain(model.model_json_schema(schema_generator=ExactSchema))))


def model_arguments(instance: BaseModel) -> Document:
    """A pydantic instance as JSON arguments."""
    return cast("Document", exact(plain(instance.model_dump(by_alias=True))))


M = typing.TypeVar("M", bound=BaseModel)


def model_rebuilt(model: type[M], arguments: Mapping[str, object]) -> M:
    """The instance that JSON arguments describe. Raises ValueError."""
    adapter = TypeAdapter(model)
    try:
        typed = cast("M", _typed(cast("TypeAdapter[object]", adapter), dict(arguments)))
    except ValidationError as error:
        raise ValueError(fault(error)) from error
    kept = model_arguments(typed)
    for name, value in arguments.items():
        if name not in kept or not _kept(value, kept[name]):
            raise ValueError(f"{name}: its type does not hold this value exactly, so another one would come back")
    return typed
