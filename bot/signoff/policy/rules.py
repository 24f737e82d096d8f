"""Who is asked, where, and who may decide: the first rule that matches a call."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from signoff.errors import BadConfig, ChannelNotAllowed
from signoff.model import Ask, Kind, Principal, Request, Risk, Terms, shorten, visible
from signoff.policy.condition import Facts, Failure
from signoff.policy.spec import DEFAULTS, Defaults, Person, Rule, Spec, canonical_identity, split_place

T = TypeVar("T")

RISKS: tuple[Risk, ...] = ("low", "medium", "high", "critical")
"""In rising order."""

_NAMED_ADDRESS = re.compile(r".*<@?([^<>|]+)(?:\|[^<>]*)?>")
"""`Ada <ada@example.com>`, and a mention such as `<@U0ADA|ada>`."""
_SHOWN_MEMBERS = 3
"""How many people of one group are named on a card."""
_SHOWN_FAILURES = 3
"""How many failed conditions a note explains."""


@dataclass(frozen=True, slots=True)
class Considered:
    """What became of one rule on one call."""

    rule: Rule
    index: int
    result: bool | Failure


@dataclass(frozen=True, slots=True)
class _Chosen:
    rule: Rule | None
    """None: the defaults."""
    note: str | None = None


class Policy:
    """A checked policy. Pure: nothing here reads a clock, a file or the network; the same call gets the same terms."""

    def __init__(self, spec: Spec, *, chats: Collection[str], lines: Mapping[str, int] | None = None) -> None:
        """`lines`: rule or group name (`rule:refunds`, `group:finance`, `person:ada`) → line in the file."""
        self.spec = spec
        self.chats = tuple(sorted(chats))
        self.lines: Mapping[str, int] = dict(lines or {})
        self.names: Mapping[str, str] = {name: person.name or name for name, person in spec.people.items()}
        """Person id → display name."""
        self._by_identity: dict[tuple[str, str], str] = {}
        self._by_text: dict[str, str] = {}
        for name, person in spec.people.items():
            for chat, identities in person.identities.items():
                for identity in identities:
                    self._by_identity[chat, identity] = name
                    for text in (f"{chat}:{identity}", identity, identity.rpartition("/")[2], f"{chat}:@{name}"):
                        self._by_text.setdefault(_plain(text), name)
        for name, person in spec.people.items():  # ids and addresses last: no identity stands in their way
            self._by_text |= dict.fromkeys(map(_plain, filter(None, (name, f"@{name}", person.email))), name)

    # ── people ───────────────────────────────────────────────────────────────────────────────────

    @property
    def people(self) -> Mapping[str, Person]:
        """Person id → what the file says about them."""
        return self.spec.people

    def person_of(self, principal: Principal) -> str | None:
        """The person whose verified identity this is; None for a stranger."""
        return self._by_identity.get((principal.chat, canonical_identity(principal.key)))

    def identity(self, person: str, chat: str) -> Principal | None:
        """The person's (first) identity in a chat, for direct messages."""
        known = self.spec.people.get(person)
        identities = known.identities.get(chat) if known else None
        if not identities:
            return None
        tenant, _, user = identities[0].partition("/")
        return Principal(chat=chat, tenant=tenant, user=user)

    def match(self, text: str) -> str | None:
        """The person meant by an id, an e-mail address (`Ada <ada@example.com>` too), `chat:tenant/user` or part of it,
        however it is written: in capitals, with blanks or invisible characters, in look-alike letters (Unicode's NFKC).

        For `on_behalf_of` and owners, which only ever take rights away; who clicks is told by `person_of` alone (I14).
        """
        plain = _plain(text)
        named = _NAMED_ADDRESS.fullmatch(plain)
        return self._by_text.get(plain) or (self._by_text.get(_plain(named[1])) if named else None)

    def members(self, approvers: Iterable[str]) -> frozenset[str]:
        """The people behind names of people and groups. A name that the file no longer has stands for nobody (I19)."""
        out: set[str] = set()
        for name in approvers:
            if name in self.spec.groups:
                out.update(self.spec.groups[name].members)
            elif name in self.spec.people:
                out.add(name)
        return frozenset(out)

    def who(self, approvers: Iterable[str]) -> str:
        """In words: `Ada Okafor or Bob Lindqvist (finance)`; `nobody` when nobody is meant (I15)."""
        parts = [self._one(name) for name in approvers]
        return ", or ".join(part for part in parts if part) or "nobody"

    def _one(self, name: str) -> str:
        if name not in self.spec.groups:
            return visible(self.names[name]) if name in self.names else ""
        people = [visible(self.names[member]) for member in self.spec.groups[name].members]
        if not people:
            return ""
        rest = len(people) - _SHOWN_MEMBERS
        if rest > 1:
            people = [*people[:_SHOWN_MEMBERS], f"{rest} others"]
        return f"{_or(people)} ({name})"

    def places(self) -> tuple[str, ...]:
        """Every place that the defaults or a rule shows cards in."""
        shown = (*self.spec.defaults.show, *(place for rule in self.spec.rules for place in rule.show or ()))
        return tuple(dict.fromkeys(shown))

    def all_approvers(self) -> tuple[tuple[str, ...], ...]:
        """The approvers of the defaults and of every rule that asks."""
        asking = [rule for rule in self.spec.rules if rule.decide is None]
        return tuple(dict.fromkeys((self.spec.defaults.approvers, *(self._approvers(rule) for rule in asking))))

    def queue_terms(self, person: str) -> tuple[str, ...]:
        """The names under which requests may wait for this person: their own and their groups'."""
        if person not in self.spec.people:
            return ()
        return (person, *(name for name, group in self.spec.groups.items() if person in group.members))

    # ── the verdict ──────────────────────────────────────────────────────────────────────────────

    def terms(self, ask: Ask, arguments: Mapping[str, object], now: datetime) -> Terms:
        """What holds for this call with these arguments (which after an edit are not `ask.arguments`).

        The first rule that matches wins; if none does, the defaults. A condition that cannot be evaluated never leads
        to an automatic approval: see `_choose`. Raises ChannelNotAllowed.
        """
        return self._terms(ask, self._choose(self.consider(ask, arguments, now)))

    def consider(self, ask: Ask, arguments: Mapping[str, object], now: datetime) -> tuple[Considered, ...]:
        """Every rule up to the first match, in the order of the file."""
        facts = Facts.of(ask, arguments, now) if any(rule.when for rule in self.spec.rules) else None
        out: list[Considered] = []
        for index, rule in enumerate(self.spec.rules):
            result = True if rule.when is None or facts is None else rule.when.holds(facts)
            out.append(Considered(rule, index, result))
            if result is True:
                break
        return tuple(out)

    def _choose(self, considered: Sequence[Considered]) -> _Chosen:
        """Without failures the match. With failures: a match that rejects still rejects; people are asked, under the
        strictest among the failed rules and the match, of those that ask, or under the defaults."""
        failed = [one for one in considered if isinstance(one.result, Failure)]
        match = next((one.rule for one in considered if one.result is True), None)
        if not failed:
            return _Chosen(match)
        note = _note(failed)
        if match is not None and match.decide == "reject":
            return _Chosen(match, note=note)
        # The match, if any, stands behind every failed rule in the file, and the defaults behind every rule: this
        # order decides between equals.
        candidates = [*(one.rule for one in failed), match]
        asking = [rule for rule in candidates if rule is None or rule.decide is None]
        chosen = min(asking, key=self._leniency) if asking else None
        under = f'the rule "{_shown(chosen.name)}"' if chosen else "the defaults"
        return _Chosen(chosen, note=f"{note} So people are asked, under {under}.")

    def _leniency(self, rule: Rule | None) -> tuple[int, int]:
        """Sorts the strictest first: the highest risk, then the fewest people who may approve."""
        return -_rank(rule.risk if rule else None), len(self.members(self._approvers(rule)))

    def _approvers(self, rule: Rule | None) -> tuple[str, ...]:
        named = rule.named if rule else None
        return self.spec.defaults.approvers if named is None else named

    def _terms(self, ask: Ask, chosen: _Chosen) -> Terms:
        rule, defaults = chosen.rule, self.spec.defaults
        decide = (rule.decide if rule else None) or "ask"
        show = defaults.show if rule is None or rule.show is None else rule.show
        if decide in {"approve", "reject"}:
            # Nobody is asked; people are told only where the rule itself says so.
            show = (rule.show if rule else None) or ()
        elif ask.channel is not None:
            show = self._honoured(ask.channel, rule, show)
        message = None
        if decide == "reject" and rule:
            message = rule.message or f'The rule "{_shown(rule.name)}" does not allow this call.'
        expires_in = _or_default(rule.expires_in if rule else None, defaults.expires_in)
        return Terms(
            rule=rule.name if rule else DEFAULTS,
            decide=decide,
            message=message,
            risk=_higher(rule.risk if rule else None, ask.risk),
            approvers=self._approvers(rule),
            show=show,
            editable=_both(_or_default(rule.editable if rule else None, defaults.editable), ask.editable),
            secret=tuple(dict.fromkeys((*defaults.secret, *(rule.secret if rule else ())))),
            reasons=_or_default(rule.reasons if rule else None, defaults.reasons),
            self_approval=_or_default(rule.self_approval if rule else None, defaults.self_approval),
            expires_in=min(expires_in, ask.expires_in) if ask.expires_in is not None else expires_in,
            note=chosen.note,
        )

    def _honoured(self, channel: str, rule: Rule | None, show: tuple[str, ...]) -> tuple[str, ...]:
        """The place a request names, if it may. Raises ChannelNotAllowed."""
        anywhere = _or_default(rule.any_channel if rule else None, self.spec.defaults.any_channel)
        if channel in show or (anywhere and split_place(channel, self.chats) is not None):
            return (channel,)
        places = ", ".join(show)
        if anywhere:
            places = " or ".join(f"any place that begins with {chat}:" for chat in self.chats) or "no channel at all"
        name = rule.name if rule else DEFAULTS
        raise ChannelNotAllowed(rule=_shown(name), channel=_shown(channel), allowed=places or "no channel at all")

    # ── who may not ──────────────────────────────────────────────────────────────────────────────

    def barred(self, request: Request, person: str, kind: Kind = "approve") -> str | None:
        """Why this person may not decide so, though an approver (I17); None when they may.

        The one who asks, the owner of the asking key and the person the call acts for cannot let it run. `respond`
        counts as letting it run where `approve` is offered as well. Rejecting is always allowed.
        """
        runs = kind in {"approve", "edit"} or (kind == "respond" and "approve" in request.allowed_decisions)
        if not runs or request.terms.self_approval:
            return None
        if request.on_behalf_of and self.match(request.on_behalf_of) == person:
            return "This call acts for you"
        if request.owner and (request.owner == person or self.match(request.owner) == person):
            return "The agent that asks is yours"
        if request.agent and self.match(request.agent) == person:
            return "You asked for this"
        return None


def default(channels: Sequence[str], *, chats: Collection[str] | None = None) -> Policy:
    """The policy when there is no file: shown in the configured channels, and nobody can approve (I15).

    `chats`: the chats there are; None: those of `channels`. Raises BadConfig when a channel is not a place in them.
    """
    known = {channel.partition(":")[0] for channel in channels} if chats is None else set(chats)
    for channel in channels:
        if split_place(channel, known) is None:
            fault = (
                f'"{_shown(channel)}" is not a place in {_or(sorted(known)) or "a chat, because none is installed"};'
            )
            raise BadConfig(key="SIGNOFF_CHANNEL", fault=fault, mend="write the chat, a colon and the channel.")
    # Built without validation: a model of the file validates places against the chats it is loaded with.
    defaults = Defaults.model_construct(show=tuple(channels), any_channel=True)
    return Policy(Spec(defaults=defaults), chats=known)


def _plain(text: str) -> str:
    """As spellings of one person are compared."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char)[0] not in "CZ")
    return seen.casefold().removeprefix("mailto:")


def _or_default(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


def _rank(risk: Risk | None) -> int:
    return -1 if risk is None else RISKS.index(risk)


def _higher(one: Risk | None, other: Risk | None) -> Risk | None:
    return max(one, other, key=_rank)


def _both(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """What both allow to edit; None allows everything."""
    if one is None or other is None:
        return other if one is None else one
    return tuple(name for name in one if name in other)


def _note(failed: Sequence[Considered]) -> str:
    parts = [
        f'The condition of the rule "{_shown(one.rule.name)}" could not be evaluated, because {one.result.why}.'
        for one in failed[:_SHOWN_FAILURES]
        if isinstance(one.result, Failure)
    ]
    if rest := len(failed) - _SHOWN_FAILURES:
        parts.append(f"So it went with {rest} more." if rest > 0 else "")
    return " ".join(part for part in parts if part)


def _or(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(text: str) -> str:
    return shorten(visible(text), 200)[0]
