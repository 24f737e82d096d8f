"""What a single value of the policy file may look like."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from decimal import Decimal
from typing import Annotated, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationInfo
from pydantic_core import PydanticCustomError

from signoff.model import escape
from signoff.policy.amount import MILLION, MOST
from signoff.policy.condition import Condition, ConditionError, Expression
from signoff.policy.template import Template

MAX_EXPIRY = 30 * 24 * 3600
"""Seconds; also the limit of a request's own `expires_in`."""
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""In the order of `datetime.weekday`."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhd])", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_IDENTITY = re.compile(r"[^\s/<>]+/[^\s/<>]+")
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_PLACE = re.compile(r"([a-z][a-z0-9_-]*):(\S(?:.*\S)?)")
_CLOCK = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", re.ASCII)
_AMOUNT = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,6})?", re.ASCII)
_FACTOR = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2})?", re.ASCII)
_STEP = re.compile(r"""\.([A-Za-z_]\w*)|\[([0-9]{1,6})\]|\[(?:"([^"\\]+)"|'([^'\\]+)')\]""", re.ASCII)


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


def wrong(fault: str, mend: str) -> PydanticCustomError:
    """A fault found in one value: the two halves of the sentence that BadPolicy says."""
    return PydanticCustomError("policy", "{fault}; {mend}", {"fault": fault, "mend": mend})


def canonical_identity(text: str) -> str:
    """`tenant/user` as it is compared: GUIDs in lower case (RFC 9562), anything else letter for letter."""
    return "/".join(part.lower() if _GUID.fullmatch(part) else part for part in text.split("/"))


def split_place(text: str, chats: Collection[str]) -> tuple[str, str] | None:
    """`chat:rest` → (chat, rest); None when it is not a place in one of the chats."""
    found = _PLACE.fullmatch(text)
    if found is None or found[1] not in chats or not text.isprintable() or len(text) > 500:
        return None
    return found[1], found[2]


def lasting(seconds: int) -> str:
    """Seconds as the file writes them: 90s, 15m, 24h, 2d."""
    units = ("d", "h", "m", "s") if seconds > _UNITS["d"] else ("h", "m", "s")  # one day is 24h
    unit = next(unit for unit in units if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def one_or_more(value: object) -> object:
    """A single text stands for a list of one."""
    return (value,) if isinstance(value, str) else value


def _id(text: str) -> str:
    if not _ID.fullmatch(text):
        raise wrong("is not usable as a name", "use up to 64 letters, digits, `.`, `_` and `-`")
    return text


def _text(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise wrong("must be one line of text", "write some words")
    return text


def _email(text: str) -> str:
    if not _EMAIL.fullmatch(text):
        raise wrong("is not an e-mail address", "write it like ada@example.com")
    return text


def _identities(value: object) -> object:
    """One identity, or a list of them for somebody who is in several workspaces."""
    given = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    for one in given:
        if not isinstance(one, str) or not _IDENTITY.fullmatch(one):
            raise wrong("is not an identity", "write it as workspace or tenant id, a slash, and the user's id")
    return tuple(canonical_identity(str(one)) for one in given)


def _duration(value: object) -> object:
    mend = "write it like 90s, 15m, 4h or 1d"
    seconds = 0
    if isinstance(value, int) and not isinstance(value, bool):
        seconds = value
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        seconds = int(found[1]) * _UNITS[found[2]]
    else:
        raise wrong("is not a duration", mend)
    if not 1 <= seconds <= MAX_EXPIRY:
        raise wrong("must be between 1s and 30d", mend)
    return seconds


def _span(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        raise wrong(f"is {value}, without a unit", f"write {value}s or {value}m")
    return _duration(value)


def _condition(value: object) -> object:
    if isinstance(value, bool):  # YAML reads a bare true as one, CEL means the same
        value = "true" if value else "false"
    if not isinstance(value, str):
        raise wrong("must be a CEL expression", 'write a comparison such as `tool == "deploy"`')
    try:
        return Condition(value)
    except ConditionError as error:
        raise wrong(error.fault, error.mend) from error


def _amount_of(value: object) -> object:
    if not isinstance(value, str):
        raise wrong("must be a CEL expression", "write what is counted, such as `args.amount`")
    try:
        return Expression(value)
    except ConditionError as error:
        raise wrong(error.fault, error.mend) from error


def _template(value: object) -> object:
    if not isinstance(value, str) or not value.strip():
        raise wrong("must be text", 'write what has to be typed, such as "${args.order}", or `off`')
    if len(value) > 500:
        raise wrong("has more than 500 characters", "shorten it")
    try:
        return Template(value)
    except ConditionError as error:
        raise wrong(error.fault, error.mend) from error


def _place(text: str, info: ValidationInfo) -> str:
    chats = cast("dict[str, tuple[str, ...]]", info.context)["chats"]
    if split_place(text, chats) is not None:
        return text
    prefix = text.partition(":")[0]
    known = ", ".join(f"{chat}:" for chat in chats) or "none, because no chat is installed"
    if ":" in text and prefix not in chats:
        raise wrong(f'names a place in "{prefix}", which is not a chat here', f"begin it with one of {known}")
    raise wrong("is not a place", f"write the chat, a colon and the channel; the chats are {known}")


def _limit(value: object) -> object:
    mend = "write a number such as 500 or 99.50"
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not _AMOUNT.fullmatch(text):
        raise wrong("is not an amount with at most six decimal places", mend)
    limit = int(Decimal(text) * MILLION)
    if not 0 < limit <= MOST:
        raise wrong("must be above zero and below nine thousand million", mend)
    return limit


def _factor(value: object) -> object:
    text = str(value)
    if isinstance(value, bool) or not isinstance(value, int | str) or not _FACTOR.fullmatch(text):
        raise wrong("is not a factor", "write a number such as 2 or 1.5")
    factor = float(text)
    if not 1 < factor <= 10:
        raise wrong("must be above 1 and at most 10", "write a number such as 2 or 1.5")
    return factor


def _zone(value: object) -> object:
    mend = "write a name of the IANA database, such as Europe/Berlin or UTC"
    if not isinstance(value, str):
        raise wrong("is not a time zone", mend)
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = difflib.get_close_matches(value, available_timezones(), 1)
        raise wrong("is not a time zone", f"did you mean `{near[0]}`?" if near else mend) from None
    return value


def _days(value: object) -> object:
    """`mon-fri`, `mon, wed`, `[sat, sun]`; a range may pass the end of the week."""
    mend = "write them like mon-fri or [mon, wed, fri]"
    given = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    found: set[int] = set()
    for text in given:
        if not isinstance(text, str):
            raise wrong("are not days", mend)
        for part in text.lower().split(","):
            first, dash, last = (word.strip() for word in part.partition("-"))
            if first not in DAYS or (dash and last not in DAYS):
                raise wrong("are not days", mend)
            begin = DAYS.index(first)
            length = (DAYS.index(last) - begin) % 7 if dash else 0
            found |= {(begin + more) % 7 for more in range(length + 1)}
    if not found:
        raise wrong("are no days at all", mend)
    return tuple(sorted(found))


def _clock(value: object) -> object:
    """Minutes since midnight."""
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    minutes = int(found[1]) * 60 + int(found[2]) if found else -1
    if not 0 <= minutes <= 24 * 60:
        raise wrong("is not a time of day", 'write it like "09:00"')
    return minutes


def _argument(value: object) -> object:
    """`args.customer.id`, `args["order"]`, `args.lines[0]` → JSON pointer; `args` alone → all of them."""
    if not isinstance(value, str) or not value.startswith("args"):
        raise wrong("is not an argument", "write it like `args.order`")
    at, pointer = len("args"), ""
    while at < len(value):
        step = _STEP.match(value, at)
        if step is None:
            raise wrong("is not an argument", "write it like `args.order` or `args.lines[0].id`")
        pointer += "/" + escape(next(part for part in step.groups() if part is not None))
        at = step.end()
    return pointer


def _off(value: object) -> object:
    """YAML reads a bare `off` as false."""
    return "off" if value is False else value


def _source(value: Expression | Template) -> str:
    return value.source


Id = Annotated[str, AfterValidator(_id)]
Text = Annotated[str, Field(max_length=200), AfterValidator(_text)]
Line = Annotated[str, Field(min_length=1, max_length=2000)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_email)]
Seconds = Annotated[int, BeforeValidator(_duration)]
Span = Annotated[int, BeforeValidator(_span)]
"""Seconds, in the file only with a unit: of minutes and seconds both are likely, and only one is meant."""
Place = Annotated[str, AfterValidator(_place)]
Places = Annotated[tuple[Place, ...], BeforeValidator(one_or_more)]
Identities = Annotated[tuple[str, ...], BeforeValidator(_identities)]
Names = tuple[Annotated[str, Field(min_length=1, max_length=200)], ...]
When = Annotated[Condition, BeforeValidator(_condition), PlainSerializer(_source)]
AmountOf = Annotated[Expression, BeforeValidator(_amount_of), PlainSerializer(_source)]
Typed = Annotated[Template, BeforeValidator(_template), PlainSerializer(_source)]
Millionths = Annotated[int, BeforeValidator(_limit)]
Factor = Annotated[float, BeforeValidator(_factor)]
Zone = Annotated[str, BeforeValidator(_zone)]
Days = Annotated[tuple[int, ...], BeforeValidator(_days)]
Clock = Annotated[int, BeforeValidator(_clock)]
"""Minutes since midnight."""
Argument = Annotated[str, BeforeValidator(_argument)]
"""A JSON pointer into the arguments."""
Switch = Annotated[Literal["enforce", "shadow", "off"], BeforeValidator(_off)]
