"""The people of a policy: their identities, the groups they are in, and how sentences name them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from signoff.model import Principal, visible
from signoff.policy.spec import Group, Person, Spec
from signoff.policy.values import canonical_identity, split_place

Rosters = Mapping[str, frozenset[str] | None]
"""Group → its people as they were looked up just now; None: it cannot be looked up."""

_NAMED_ADDRESS = re.compile(r".*<@?([^<>|]+)(?:\|[^<>]*)?>")
"""`Ada <ada@example.com>`, and a mention such as `<@U0ADA|ada>`."""
_SHOWN_MEMBERS = 3
"""How many people of one group are named on a card."""


@dataclass(frozen=True, slots=True)
class GroupKey:
    """A key of `groups` whose people are looked up when somebody decides."""

    directory: str
    """Who knows them: the name under which that directory is registered."""
    pattern: str
    """Regular expression that the whole value has to match."""
    example: str


class Roll:
    """Pure: who is in a live group comes from outside, as rosters."""

    def __init__(self, spec: Spec, *, chats: Collection[str], groups: Mapping[str, GroupKey] | None = None) -> None:
        self.spec = spec
        self.chats = tuple(sorted(chats))
        self.group_keys: Mapping[str, GroupKey] = dict(groups or {})
        """The keys that a group may be looked up by, and who knows the answer."""
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
        self._meant: dict[str, set[str]] = {}
        """Everybody whom a text may mean, by display name too."""
        for name, person in spec.people.items():  # ids and addresses last: no identity stands in their way
            self._by_text |= dict.fromkeys(map(_plain, filter(None, (name, f"@{name}", person.email))), name)
            for key in _keys(name, person):
                self._meant.setdefault(key, set()).add(name)

    @property
    def groups(self) -> Mapping[str, Group]:
        """Group name → what the file says about it."""
        return self.spec.groups

    @property
    def people(self) -> Mapping[str, Person]:
        """Person id → what the file says about them."""
        return self.spec.people

    @property
    def operators(self) -> tuple[str, ...]:
        """People and groups who may freeze and thaw: those the file names, else everybody it names as an approver."""
        return self.spec.asked if self.spec.operators is None else self.spec.operators

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

    def meant(self, text: str) -> frozenset[str]:
        """Everybody whom a text may mean: as `match`, by their display names too, and all of them where it fits
        several, such as a bare user id in two workspaces.

        Only to keep people from letting through what is done for them (I17): who is barred by mistake asks a
        colleague.
        """
        plain = _plain(text)
        named = _NAMED_ADDRESS.fullmatch(plain)
        keys = [plain, _words(text)]
        if named:
            keys += [_plain(named[1]), _words(text.partition("<")[0])]
        return frozenset().union(*(self._meant.get(key, ()) for key in keys if key))

    def members(self, approvers: Iterable[str], rosters: Rosters | None = None) -> frozenset[str]:
        """The people behind names of people and groups: those the file lists, and those that `rosters` add for live
        groups. A name that the file no longer has stands for nobody (I19), and so does somebody it has no entry for.
        """
        out: set[str] = set()
        for name in approvers:
            if name in self.spec.groups:
                out.update(self.spec.groups[name].members)
                out.update((rosters or {}).get(name) or ())
            elif name in self.spec.people:
                out.add(name)
        return frozenset(out & self.spec.people.keys())

    def live(self, approvers: Iterable[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
        """Of these names the groups that have to be looked up: group → (key, value) pairs, such as
        `("calendar", "oncall.ics")`."""
        return {
            name: tuple((key, value) for key, values in group.live.items() for value in values)
            for name in dict.fromkeys(approvers)
            if (group := self.spec.groups.get(name)) is not None and group.live
        }

    def who(self, approvers: Iterable[str], without: Collection[str] = ()) -> str:
        """In words: `Ada Okafor or Bob Lindqvist (finance)`, `the group managers` for one that is looked up; `nobody`
        when nobody is meant (I15). `without`: people who are meant no more."""
        parts = [part for name in approvers if (part := self._one(name, without))]
        alone = all(" or " not in part for part in parts)
        return (either(parts) if alone else ", or ".join(parts)) or "nobody"

    def _one(self, name: str, without: Collection[str]) -> str:
        if name not in self.spec.groups:
            return visible(self.names[name]) if name in self.names and name not in without else ""
        if self.spec.groups[name].live:
            return f"the group {name}"
        people = [visible(self.names[member]) for member in self.spec.groups[name].members if member not in without]
        if not people:
            return ""
        rest = len(people) - _SHOWN_MEMBERS
        if rest > 1:
            people = [*people[:_SHOWN_MEMBERS], f"{rest} others"]
        return f"{either(people)} ({name})"

    def queue_terms(self, person: str, rosters: Rosters | None = None) -> tuple[str, ...]:
        """The names under which requests may wait for this person: their own and their groups'."""
        if person not in self.spec.people:
            return ()
        return (person, *(name for name in self.spec.groups if person in self.members((name,), rosters)))

    def spread(
        self, places: Iterable[str], rosters: Mapping[str, frozenset[str] | None] | None = None
    ) -> tuple[str, ...]:
        """Places, with `chat:@group` as one direct message to each of its people; that of a live group stays as it is
        until its people have been looked up (`rosters`).
        """
        out: list[str] = []
        for place in places:
            chat, rest = split_place(place, self.chats) or ("", "")
            group = self.spec.groups.get(rest[1:]) if rest.startswith("@") else None
            if group is None or (group.live and rosters is None):
                out.append(place)
            else:
                people = sorted(self.members((rest[1:],), rosters)) if group.live else group.members
                out += [f"{chat}:@{member}" for member in people if self.identity(member, chat)]
        return tuple(dict.fromkeys(out))


def either(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join(names) if len(names) < 3 else f"{', '.join(names[:-1])} or {names[-1]}"


def _keys(name: str, person: Person) -> set[str]:
    """What may be written for one person."""
    keys = {_plain(one) for one in (name, f"@{name}", person.email, person.name) if one}
    keys |= {_words(person.name or name)}
    for chat, identities in person.identities.items():
        for identity in identities:
            written = (f"{chat}:{identity}", identity, identity.rpartition("/")[2], f"{chat}:@{name}")
            keys |= {_plain(one) for one in written}
    return keys - {""}


def _words(text: str) -> str:
    """A name's words in one order, without accents: `Okafor, Ada` is `Ada Okafor`."""
    split = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text))
    bare = "".join(char for char in split if unicodedata.category(char) not in {"Cc", "Cf", "Mn"} or char.isspace())
    return " ".join(sorted(re.findall(r"\w+", bare.casefold())))


def _plain(text: str) -> str:
    """As spellings of one person are compared."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char)[0] not in "CZ")
    return seen.casefold().removeprefix("mailto:")
