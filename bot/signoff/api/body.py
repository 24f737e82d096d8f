"""Bodies: from bytes to checked models, with a JSON pointer for every fault (I30)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Literal, TypeVar, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from signoff.api.problem import BadJson, BadRequest, UnsupportedMediaType, pointer
from signoff.errors import Invalid, TooLarge
from signoff.model import Kind, Retry, loads
from signoff.ports import Limits

MAX_FAULTS = 50
"""Faults collected from one body."""
TOGETHER = 20
"""Times the values of one body that a list of several may hold: with them a batch is answered within a second."""
MAX_SECONDS = 366 * 24 * 3600
"""Longest time that a body may name; the policy allows less."""
MAX_USES = 1_000_000
MAX_NUMBER = 1000
"""Longest number taken, in digits; also its largest power of ten."""

_JSON_TYPE = re.compile(
    r"application/(?:[a-z0-9.-]+\+)?json\s*(?:;\s*charset=\"?utf-8\"?\s*)?", re.IGNORECASE | re.ASCII
)


Word = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class GrantBody(Body):
    """ "Allow similar": how long and how often."""

    ttl: int = Field(ge=1, le=MAX_SECONDS)
    """Seconds."""
    uses: int = Field(ge=1, le=MAX_USES)
    all_arguments: bool = False
    """All arguments have to be the same, not only those that the rule names."""


class DecisionBody(Body):
    """What an approver key decides: same rules as a click in chat."""

    kind: Kind
    version: int = Field(ge=1)
    """The version that was looked at; a vote on an older one is refused."""
    arguments: dict[str, object] | None = None
    """With `edit`: all arguments, the changed ones included."""
    message: str | None = Field(None, max_length=10_000)
    response: object = None
    """With `respond`: the answer."""
    confirm: str | None = Field(None, max_length=10_000)
    """Where the rule wants it: the text of the request's `confirm`."""
    retry: Retry | None = None
    """With `reject`: what the agent may do next; left out, what the preset reason says, else `never`."""
    force: bool = False
    """Break glass, for those whom the rule names; needs a message."""
    grant: GrantBody | None = None
    """With `approve`: allow similar calls too, within what the rule allows."""


class Waiting(Body):
    """How much longer."""

    seconds: int = Field(ge=1, le=MAX_SECONDS)


class FreezeBody(Body):
    """Which calls; what is left out or null means all."""

    agent: Word | None = None
    """The agent's own name, the id of its key, or the key's name."""
    tool: Word | None = None
    reason: str | None = Field(None, min_length=1, max_length=2000)


class ThawBody(Body):
    """Which freeze to lift: the same agent and tool that it was made with."""

    agent: Word | None = None
    tool: Word | None = None


class DelegationBody(Body):
    """Whom the key's person lets decide in their place. Exactly one of `until` and `for` says how long."""

    to: Word
    """A person of the policy."""
    until: str | None = Field(None, max_length=64, json_schema_extra={"format": "date-time"})
    """RFC 3339, with its offset from UTC."""
    seconds: int | None = Field(None, alias="for", ge=1, le=MAX_SECONDS)
    """Seconds."""
    scope: Word | None = None
    """The name of a rule or of a group of approvers; left out: everything the person may decide."""


class ConsumeBody(Body):
    """The arguments that are about to run."""

    arguments: dict[str, object]


class OutcomeBody(Body):
    """What came of the run."""

    status: Literal["succeeded", "failed"]
    detail: str | None = Field(None, max_length=10_000)


class Nothing(Body):
    """An empty body or `{}`."""


M = TypeVar("M", bound=BaseModel)


async def read(request: web.Request, model: type[M], limits: Limits, *, optional: bool = False) -> M:
    """The request's body as a model. `optional`: no body at all counts as `{}`.

    Raises TooLarge, UnsupportedMediaType, BadJson, BadRequest, Invalid.
    """
    raw = await received(request, limits.body_bytes, optional=optional)
    return parse(raw or b"{}" if optional else raw, model, limits)


async def received(request: web.Request, limit: int, *, optional: bool = False) -> bytes:
    """The bytes of a JSON body, at most `limit` of them. Raises TooLarge, UnsupportedMediaType, BadRequest."""
    raw = await _bytes(request, limit)
    named = _JSON_TYPE.fullmatch(request.headers.get("Content-Type", "").strip())
    if not named and not (optional and not raw):
        raise UnsupportedMediaType
    return raw


async def _bytes(request: web.Request, limit: int) -> bytes:
    if (request.content_length or 0) > limit:
        raise TooLarge(limit=limit)
    body = bytearray()
    try:
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise TooLarge(limit=limit)
    except (web.RequestPayloadError, ValueError) as error:  # cut short, or not what Content-Encoding says
        raise BadRequest(reason="its body ends early or is not encoded as its headers say") from error
    return bytes(body)


def parse(raw: bytes, model: type[M], limits: Limits) -> M:
    """Bytes → JSON → model. Raises BadJson, Invalid."""
    value = decoded(raw)
    check(value, limits)
    return build(members(value), model)


def decoded(raw: bytes) -> object:
    """Bytes → JSON. Raises BadJson."""
    try:
        return loads(raw.decode("utf-8"), unique=True)
    except UnicodeDecodeError:
        raise BadJson(reason="it is not UTF-8") from None
    except ValueError as error:
        raise BadJson(reason=str(error).rstrip(".")) from None


def members(value: object) -> dict[str, object]:
    """The fields of a body. Raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid({"": "The body must be a JSON object."})
    return cast("dict[str, object]", value)


def check_each(fields: Mapping[str, object], names: Collection[str], limits: Limits) -> None:
    """As `check`, but every member of these lists may hold as much as a body of its own, and all of them together
    TOGETHER times as much. Raises Invalid.
    """
    lists = {name: cast("list[object]", fields[name]) for name in names if isinstance(fields.get(name), list)}
    nodes = check({name: value for name, value in fields.items() if name not in lists}, limits)
    for name, values in lists.items():
        for index, value in enumerate(values):
            try:
                nodes += check(value, limits)
            except Invalid as error:
                raise Invalid({pointer(name, index) + where: text for where, text in error.fields.items()}) from None
            if nodes > TOGETHER * limits.nodes:
                raise Invalid({f"/{name}": f"This holds more than {TOGETHER * limits.nodes} values; send less."})


def check(value: object, limits: Limits) -> int:
    """Refuse what is too deep, too much, or too long a number; how many values there are. Raises Invalid."""
    nodes = 0
    stack: list[tuple[object, tuple[str | int, ...]]] = [(value, ())]
    while stack:
        item, path = stack.pop()
        nodes += 1
        if nodes > limits.nodes:
            raise Invalid({"": f"The body holds more than {limits.nodes} values; send less."})
        if len(path) > limits.depth:
            raise Invalid({pointer(*path[: limits.depth]): f"This is nested deeper than {limits.depth} levels."})
        if isinstance(item, dict):
            for key, inner in cast("dict[str, object]", item).items():
                stack.append((inner, (*path, key)))
        elif isinstance(item, list):
            stack.extend((inner, (*path, index)) for index, inner in enumerate(cast("list[object]", item)))
        elif isinstance(item, int | Decimal) and not _small(item):
            raise Invalid({pointer(*path): f"This number has more than {MAX_NUMBER} digits."})
    return nodes


def _small(number: int | Decimal) -> bool:
    if isinstance(number, int):
        return number.bit_length() <= MAX_NUMBER * 3
    exponent = number.as_tuple().exponent
    return len(number.as_tuple().digits) <= MAX_NUMBER and isinstance(exponent, int) and abs(exponent) <= MAX_NUMBER


def build(value: Mapping[str, object], model: type[M]) -> M:
    """JSON data → model; no value is bent to fit (the text "5" is not a number). Raises Invalid."""
    try:
        return model.model_validate(_tuples(value, model), strict=True, by_alias=True, by_name=False)
    except ValidationError as error:
        raise Invalid(faults(error)) from None


def within(values: Sequence[Mapping[str, object]], model: type[M], name: str, faults: dict[str, str]) -> list[M]:
    """The members of a list as models; what is wrong with them is added to `faults`, pointed at from the body."""
    found: list[M] = []
    for index, value in enumerate(values):
        try:
            found.append(build(value, model))
        except Invalid as error:
            faults |= {pointer(name, index) + where: text for where, text in error.fields.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return found


def _tuples(value: Mapping[str, object], model: type[BaseModel]) -> dict[str, object]:
    """Strict models want tuples where JSON has lists, and integers where JSON may say `60.0`."""
    out: dict[str, object] = {}
    for key, item in value.items():
        kind = str(field.annotation) if (field := model.model_fields.get(key)) else ""
        if isinstance(item, list) and kind.startswith("tuple["):
            out[key] = tuple(cast("list[object]", item))
        elif isinstance(item, float) and item.is_integer() and "int" in kind:
            out[key] = int(item)
        else:
            out[key] = item
    return out


def faults(error: ValidationError) -> dict[str, str]:
    """Every fault: JSON pointer → sentence. Never repeats what was sent: it may be a secret (I13)."""
    found: dict[str, str] = {}
    for fault in error.errors(include_url=False, include_input=False)[:MAX_FAULTS]:
        found.setdefault(pointer(*fault["loc"]), _sentence(fault["type"], fault.get("ctx") or {}, fault["msg"]))
    return found


_SENTENCES: Mapping[str, str] = {
    "missing": "This field is required.",
    "extra_forbidden": "There is no such field.",
    "string_type": "This must be text.",
    "int_type": "This must be a whole number.",
    "int_from_float": "This must be a whole number.",
    "bool_type": "This must be true or false.",
    "dict_type": "This must be a JSON object.",
    "tuple_type": "This must be a list.",
    "list_type": "This must be a list.",
    "literal_error": "This must be one of {expected}.",
    "string_too_short": "This must have at least {min_length} character(s).",
    "string_too_long": "This must have at most {max_length} characters.",
    "too_long": "This must have at most {max_length} items.",
    "too_short": "This must have at least {min_length} item(s).",
    "greater_than_equal": "This must be at least {ge}.",
    "less_than_equal": "This must be at most {le}.",
}


def _sentence(kind: str, context: Mapping[str, object], message: str) -> str:
    return _SENTENCES.get(kind, message.rstrip(".").replace("{", "{{").replace("}", "}}") + ".").format(**context)
