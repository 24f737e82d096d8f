"""What the simulated Slack checks, and what it gets wrong on purpose. Data, and one place that changes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from signoff_sim.simulated import Refused
from signoff_sim.slack.shape import Json

ACK_SECONDS = 3.0


@dataclass(slots=True)
class Checks:
    """Each rule of Slack's can be switched off, for a demo or to find out what a test rests on."""

    token: bool = True
    scopes: bool = True
    blocks: bool = True
    views: bool = True
    text_length: bool = True
    membership: bool = True
    body_size: bool = True
    trigger_expiry: bool = True
    view_stack: bool = True
    view_hash: bool = True
    response_url: bool = True
    required_inputs: bool = True
    should_escape: bool = True
    """People, channels and addresses in a slash command arrive as `<…>`. Off: as typed, an app set up by hand."""
    rate: bool = False
    """About one message per second and channel, with a short burst. Off: a demo posts as fast as it likes."""


@dataclass(slots=True)
class Faults:
    """Numbers are how many times still; 0 is never. Each may also be named for one method: {"chat.update": 2}."""

    rate_limit: dict[str, int] = field(default_factory=dict[str, int])
    """429 with `Retry-After`."""
    http_500: dict[str, int] = field(default_factory=dict[str, int])
    timeout: dict[str, int] = field(default_factory=dict[str, int])
    """The call is not done and never answered."""
    lost_answer: dict[str, int] = field(default_factory=dict[str, int])
    """The call is done, and the connection breaks before the answer."""
    error: dict[str, str] = field(default_factory=dict[str, str])
    """method (or `*`) → the error code every call of it is answered with, until removed."""
    retry_after: int = 1
    """Seconds in `Retry-After`."""
    slow: float = 0.0
    """Seconds every Web API call takes."""
    drop_ack: int = 0
    """Deliveries whose ack gets lost: the person sees a timeout, the app thinks all is well."""
    drop_delivery: int = 0
    """Deliveries that never reach the app."""
    ack_seconds: float = ACK_SECONDS
    archived: list[str] = field(default_factory=list[str])
    not_in_channel: list[str] = field(default_factory=list[str])
    deactivated: list[str] = field(default_factory=list[str])

    def spend(self, name: str, method: str) -> bool:
        """Use up one of a counted fault; true when there was one."""
        left: dict[str, int] = getattr(self, name)
        for key in (method, "*"):
            if left.get(key, 0) > 0:
                left[key] -= 1
                return True
        return False

    def spend_delivery(self, name: str) -> bool:
        left: int = getattr(self, name)
        setattr(self, name, max(0, left - 1))
        return left > 0


def reset(faults: Faults, checks: Checks) -> None:
    """Everything back to normal, in place: others hold these very objects."""
    for held, fresh in ((faults, Faults()), (checks, Checks())):
        for one in fields(fresh):
            setattr(held, one.name, getattr(fresh, one.name))


COUNTED = ("rate_limit", "http_500", "timeout", "lost_answer")
NAMES_OF_CHANNELS = ("archived", "not_in_channel", "deactivated")


def change(faults: Faults, checks: Checks, changes: Mapping[str, Any]) -> None:
    """Apply `{"rate_limit": 1, "http_500": {"chat.update": 2}, "archived": ["C0…"], "checks": {"rate": true}}`.

    Raises Refused on an unknown name or a value of another kind.
    """
    known = {one.name for one in fields(faults)}
    for name, value in changes.items():
        if name == "checks":
            _switch(checks, value)
        elif name not in known:
            raise Refused(f'There is no fault "{name}"; there are: {", ".join(sorted(known | {"checks"}))}.')
        else:
            setattr(faults, name, _value(name, value, getattr(faults, name)))


def _switch(checks: Checks, value: object) -> None:
    known = {one.name for one in fields(checks)}
    for name, on in cast("Mapping[str, object]", value).items() if isinstance(value, Mapping) else ():
        if name not in known or not isinstance(on, bool):
            raise Refused(f'"{name}" is not a check that is true or false; checks are: {", ".join(sorted(known))}.')
        setattr(checks, name, on)


def _value(name: str, value: object, now: object) -> object:
    if name in COUNTED:
        if isinstance(value, int):
            return {"*": int(value)}
        if isinstance(value, Mapping):
            return {str(key): int(count) for key, count in cast("Mapping[str, int]", value).items()}
    elif name == "error" and isinstance(value, Mapping):
        return {str(key): str(code) for key, code in cast("Mapping[str, str]", value).items()}
    elif name in NAMES_OF_CHANNELS and isinstance(value, list):
        return [str(one) for one in cast("list[object]", value)]
    elif isinstance(now, (int, float)) and isinstance(value, (int, float)):
        return type(now)(value)
    raise Refused(f'The fault "{name}" cannot be set to {value!r}.')


def as_json(faults: Faults, checks: Checks) -> Json:
    whole: Json = {one.name: getattr(faults, one.name) for one in fields(faults)}
    whole["checks"] = {one.name: getattr(checks, one.name) for one in fields(checks)}
    return whole
