"""The policy file as typed, frozen models. What a single value may look like is checked here; what must fit together
across the file is checked in `reading`."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from signoff.model import Risk
from signoff.policy.condition import Condition, ConditionError

MAX_EXPIRY = 30 * 24 * 3600
"""Seconds; also the limit of a request's own `expires_in`."""
DEFAULT_EXPIRY = 4 * 3600
"""Seconds."""
DEFAULTS = "defaults"
"""What a request that no rule matched names as its rule."""

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DURATION = re.compile(r"([0-9]{1,9})\s*([smhd])", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_IDENTITY = re.compile(r"[^\s/<>]+/[^\s/<>]+")
_EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+")
_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_PLACE = re.compile(r"([a-z][a-z0-9_-]*):(\S(?:.*\S)?)")


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


def _chats(info: ValidationInfo) -> tuple[str, ...]:
    return cast("dict[str, tuple[str, ...]]", info.context)["chats"]


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


def _condition(value: object) -> object:
    if isinstance(value, bool):  # YAML reads a bare true as one, CEL means the same
        value = "true" if value else "false"
    if not isinstance(value, str):
        raise wrong("must be a CEL expression", 'write a comparison such as `tool == "deploy"`')
    try:
        return Condition(value)
    except ConditionError as error:
        raise wrong(error.fault, error.mend) from error


def _place(text: str, info: ValidationInfo) -> str:
    chats = _chats(info)
    if split_place(text, chats) is not None:
        return text
    prefix = text.partition(":")[0]
    known = ", ".join(f"{chat}:" for chat in chats) or "none, because no chat is installed"
    if ":" in text and prefix not in chats:
        raise wrong(f'names a place in "{prefix}", which is not a chat here', f"begin it with one of {known}")
    raise wrong("is not a place", f"write the chat, a colon and the channel; the chats are {known}")


def _quorum(value: int) -> int:
    if value != 1:
        raise wrong("a quorum other than 1 is not supported by this version", "write 1 or remove it")
    return value


Id = Annotated[str, AfterValidator(_id)]
Text = Annotated[str, Field(max_length=200), AfterValidator(_text)]
Line = Annotated[str, Field(min_length=1, max_length=2000)]
Email = Annotated[str, Field(max_length=320), AfterValidator(_email)]
Seconds = Annotated[int, BeforeValidator(_duration)]
Place = Annotated[str, AfterValidator(_place)]
Identities = Annotated[tuple[str, ...], BeforeValidator(_identities)]
Names = tuple[Annotated[str, Field(min_length=1, max_length=200)], ...]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class Person(Frozen):
    """One human and their verified identities."""

    name: Text | None = None
    """For display only: nobody is recognised by it (I14)."""
    email: Email | None = None
    """Only to recognise `on_behalf_of` and the owner of a key, never the person who clicks (I14)."""
    identities: dict[str, Identities] = Field(default_factory=dict)
    """Chat → `tenant/user`. In the file each chat is a key of its own."""


class Group(Frozen):
    members: tuple[str, ...]


class Defaults(Frozen):
    show: tuple[Place, ...] = ()
    approvers: tuple[str, ...] = ()
    """Empty: nobody can approve (I15)."""
    expires_in: Seconds = DEFAULT_EXPIRY
    self_approval: bool = False
    any_channel: bool = False
    """May a request name a place that `show` does not list?"""
    editable: Names | None = None
    secret: Names = ()
    reasons: tuple[Text, ...] = ()


class Stage(Frozen):
    name: Text | None = None
    approvers: tuple[str, ...]
    quorum: Annotated[int, AfterValidator(_quorum)] = 1


def _one_stage(value: tuple[Stage, ...] | None) -> tuple[Stage, ...] | None:
    if value is not None and len(value) != 1:
        raise wrong("exactly one stage is supported by this version", "keep one stage")
    return value


class Rule(Frozen):
    """What is left out (None) comes from `defaults`."""

    name: Text
    when: Annotated[Condition, BeforeValidator(_condition)] | None = None
    """None: always."""
    risk: Risk | None = None
    show: tuple[Place, ...] | None = None
    approvers: tuple[str, ...] | None = None
    stages: Annotated[tuple[Stage, ...] | None, AfterValidator(_one_stage)] = None
    """The other way to write `approvers`, until several stages are supported."""
    editable: Names | None = None
    secret: Names = ()
    """In addition to the defaults'."""
    expires_in: Seconds | None = None
    decide: Literal["approve", "reject", "notify"] | None = None
    """None: people are asked."""
    message: Line | None = None
    reasons: tuple[Text, ...] | None = None
    any_channel: bool | None = None
    self_approval: bool | None = None

    @property
    def named(self) -> tuple[str, ...] | None:
        """The approvers this rule names itself, in either way."""
        return self.stages[0].approvers if self.stages else self.approvers

    @property
    def unconditional(self) -> bool:
        return self.when is None or self.when.constant is True


class Spec(Frozen):
    """The whole file."""

    version: Literal[1] = 1
    people: dict[Id, Person] = Field(default_factory=dict)
    groups: dict[Id, Group] = Field(default_factory=dict)
    defaults: Defaults = Field(default_factory=Defaults)
    rules: tuple[Rule, ...] = ()
