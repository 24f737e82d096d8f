"""People and groups: one human, one entry."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from signoff.policy.roll import GroupKey
from signoff.policy.source import Path, Source, shown
from signoff.policy.spec import Spec


def check_people(spec: Spec, source: Source) -> None:
    """Nobody may vote twice, and no identity may stand for two (I17)."""
    taken: dict[tuple[str, str], str] = {}

    def take(kind: str, value: str, person: str, path: Path) -> None:
        other = taken.setdefault((kind, value), person)
        if other != person:
            raise source.bad(
                path, f'also belongs to "{other}"', "give it to one of the two, or join them into one person"
            )

    for name, person in spec.people.items():
        take("id", name.casefold(), name, ("people", name))
        if person.email is not None:
            take("email", person.email.casefold(), name, ("people", name, "email"))
        for chat, identities in person.identities.items():
            for identity in identities:
                take(chat, identity, name, ("people", name, chat))


def check_groups(spec: Spec, source: Source, keys: Mapping[str, GroupKey]) -> None:
    for name, group in spec.groups.items():
        where: Path = ("groups", name)
        if name in spec.people:
            raise source.bad(where, "is also the name of a person", "rename the group")
        if not group.live and "members" not in group.model_fields_set:
            mend = "list its people as `members: [ada]`"
            also = ", ".join(f"`{key}`" for key in sorted(keys))
            raise source.bad(where, "holds nobody", f"{mend}, or look them up by {also}" if also else mend)
        for index, member in enumerate(group.members):
            if member not in spec.people:
                fault = (
                    "which is a group; groups hold people" if member in spec.groups else "whom `people` does not list"
                )
                mend = did_you_mean(member, spec.people, "add the person or remove the name")
                raise source.bad((*where, "members", index), f'names "{shown(member)}", {fault}', mend)
        for key, values in group.live.items():
            for value in values:
                if not re.fullmatch(keys[key].pattern, value):
                    mend = f"write it like {keys[key].example}"
                    raise source.bad((*where, key), f'is "{shown(value)}", which is none', mend)


def did_you_mean(name: str, known: Iterable[str], otherwise: str) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f'did you mean "{near[0]}"?' if near else otherwise
