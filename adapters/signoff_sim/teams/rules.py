"""Every check and fault of the simulated Teams as one value that `POST /control/faults` changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, cast, get_args

from signoff_sim.simulated import Refused

Call = Literal["any", "token", "create", "send", "update", "delete", "members", "team", "graph"]


@dataclass(frozen=True, slots=True)
class Failure:
    """The next `times` calls of a kind fail."""

    status: int
    on: Call = "any"
    times: int = 1
    code: str = ""
    retry_after: int | None = None
    """Seconds, sent as the Retry-After header."""
    after: bool = False
    """The call takes effect and only its answer is lost: how a card comes to be posted twice."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The normal state is strict; documents named are Microsoft's, `[M]` marks what no document confirms."""

    check_tokens: bool = True
    """Bearer tokens on the Bot Connector calls must be ours and not expired."""
    check_cards: bool = True
    """Adaptive Card checks (`cards.faults`)."""
    card_bytes: int = 28 * 1024
    """A card's JSON in UTF-8 [older documents: 28 KB for a message]."""
    message_bytes: int = 100 * 1024
    """A whole activity ["Format your bot messages": about 100 KB]."""
    card_actions: int = 6
    """Primary actions in one card ["Design Adaptive Cards": six]."""
    rate_limits: bool = True
    thread_limits: tuple[tuple[float, int], ...] = ((1, 7), (2, 8), (30, 60), (3600, 1800))
    """(seconds, calls) per conversation ["Optimize your bot with rate limiting"]; updates count like sends [M]."""
    app_per_second: int = 30
    """Calls per second of the app in this tenant."""
    invoke_seconds: float = 10.0
    """How long a person's client waits for an invoke answer [documents say 5 to 15 s]."""
    token_seconds: float = 3600.0
    """How long an access token lives."""
    hold_seconds: float = 0.0
    """Delay before each Bot Connector answer."""
    duplicates: int = 0
    """Each activity to the bot is sent this many times more, as happens after a lost answer."""
    submit_reply_to: bool = True
    """Dialog submissions name the card in `replyToId` [M: not seen in every client]."""
    empty_inputs: bool = False
    """True: an emptied input is submitted as ""; False: it is left out, as adaptivecards 3.0.6 does."""
    archived: tuple[str, ...] = ()
    """Teams (`Finance`) or channels (`Finance/General`) that are archived: reading works, posting is 403."""
    not_installed: tuple[str, ...] = ()
    """Teams or people (`ada`) the app is not installed for: 403."""
    guests: tuple[str, ...] = ()
    """People whom the member list calls guests."""
    page_size: int = 0
    """At most so many on one page of members, whatever is asked for; 0: as asked."""
    graph_consent: bool = True
    """The tenant's administrator has let the app read groups and accounts; False: Graph answers 403."""
    next_link_host: str = ""
    """Where the second page of a Graph list is said to be; "": where the first came from."""
    fail: tuple[Failure, ...] = ()


def take(rules: Rules, call: str) -> tuple[Rules, Failure | None]:
    """The next injected failure for a kind of call, and the rules without it."""
    for index, failure in enumerate(rules.fail):
        if failure.on in ("any", call):
            left = (replace(failure, times=failure.times - 1),) if failure.times > 1 else ()
            return replace(rules, fail=rules.fail[:index] + left + rules.fail[index + 1 :]), failure
    return rules, None


def changed(rules: Rules, changes: Mapping[str, Any] | None) -> Rules:
    """`rules` with the named fields replaced; None: back to normal. Raises Refused."""
    if changes is None:
        return Rules()
    known = {field.name: getattr(Rules(), field.name) for field in fields(Rules)}
    values: dict[str, Any] = {}
    for name, value in changes.items():
        if name not in known:
            raise Refused(f"Teams has no check or fault named {name!r}; it has {', '.join(sorted(known))}.")
        values[name] = _value(name, known[name], value)
    return replace(rules, **values)


def _value(name: str, normal: object, value: object) -> object:
    if name == "fail":
        return tuple(_failure(item) for item in _items(name, value))
    if name == "thread_limits":
        pairs = [_items(name, item) for item in _items(name, value)]
        if any(len(pair) != 2 for pair in pairs):
            raise Refused("thread_limits is a list of [seconds, calls].")
        return tuple((_number(name, pair[0]), int(_number(name, pair[1]))) for pair in pairs)
    if isinstance(normal, bool):
        if not isinstance(value, bool):
            raise Refused(f"{name} is true or false.")
        return value
    if isinstance(normal, str):
        return str(value)
    if isinstance(normal, tuple):
        return tuple(str(item) for item in _items(name, value))
    number = _number(name, value)
    return int(number) if isinstance(normal, int) else number


def _items(name: str, value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise Refused(f"{name} is a list.")
    return list(cast("list[object]", value))


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Refused(f"{name} is a number that is not negative.")
    return float(value)


def _failure(value: object) -> Failure:
    if not isinstance(value, Mapping):
        raise Refused('A failure is an object like {"status": 502, "on": "send", "times": 2}.')
    given = cast("Mapping[str, Any]", value)
    names = {field.name for field in fields(Failure)}
    if unknown := sorted(set(given) - names):
        raise Refused(f"A failure has no {unknown[0]!r}; it has {', '.join(sorted(names))}.")
    if not isinstance(given.get("status"), int):
        raise Refused("A failure needs a status, for example 502.")
    if given.get("on", "any") not in get_args(Call):
        raise Refused(f"A failure's `on` is one of {', '.join(get_args(Call))}.")
    return Failure(**given)
