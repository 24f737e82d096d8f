"""YAML text → `Spec`, or one BadPolicy sentence with the line, the key, the fault and the mend (I28)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from typing import cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from signoff.errors import BadPolicy
from signoff.policy.source import Path, Source, parse, shown
from signoff.policy.spec import DEFAULTS, Defaults, Group, Person, Rule, Spec, Stage, split_place

_LATER = {
    "groups": re.compile(r"calendar|\w+_(?:user)?group"),
    "defaults": re.compile(r"stages|quorum|budget|confirm|remind|escalate|hours|grants|mode"),
    "rules": re.compile(r"quorum|budget|confirm|remind|escalate|hours|grants|mode"),
    "stages": re.compile(r"when"),
}
"""Keys of the format's final shape that this version does not have: refused by name, never ignored."""


def read(text: str | bytes, *, file: str, chats: Collection[str]) -> tuple[Spec, Source]:
    """Parse and check. Raises BadPolicy and nothing else, whatever the text."""
    data, source = parse(text, file=file)
    if not isinstance(data, dict):
        raise source.bad((), "must be a mapping", "begin it with `version: 1`")
    top = cast("dict[str, object]", data)
    if "version" not in top:
        raise source.bad((), "has no `version`", "begin it with `version: 1`")
    if type(top["version"]) is not int or top["version"] != 1:
        raise source.bad(("version",), "is not a version of this format that is known here", "write `version: 1`")
    known = tuple(sorted(chats))
    top = _with_identities(top, known, source)
    try:
        spec = Spec.model_validate(top, context={"chats": known})
    except ValidationError as error:
        raise _first(error, source, known) from None
    _check(spec, source, known)
    return spec, source


# ── one value ────────────────────────────────────────────────────────────────────────────────────


def _with_identities(top: Mapping[str, object], chats: Sequence[str], source: Source) -> dict[str, object]:
    """Gather each person's chat keys (`chat: tenant/user`) under `identities`."""
    people = top.get("people")
    if not isinstance(people, dict):
        return dict(top)
    out: dict[str, object] = {}
    for name, entry in cast("dict[str, object]", people).items():
        out[name] = entry
        if isinstance(entry, dict):
            given = cast("dict[str, object]", entry)
            if "identities" in given:
                raise _unknown(source, ("people", name, "identities"), [*_keys(Person), *chats])
            rest = {key: value for key, value in given.items() if key not in chats}
            out[name] = rest | {"identities": {chat: given[chat] for chat in chats if chat in given}}
    return {**top, "people": out}


def _first(error: ValidationError, source: Source, chats: Sequence[str]) -> BadPolicy:
    """The fault that stands first in the file. What is missing comes last: a slip may stand in its place."""
    details = error.errors(include_url=False, include_input=False)
    return _said(min(details, key=lambda one: (one["type"] == "missing", source.line(_path(one)))), source, chats)


def _path(detail: ErrorDetails) -> Path:
    loc = detail["loc"]
    if loc[:1] == ("people",) and loc[2:3] == ("identities",):
        loc = (*loc[:2], *loc[3:])
    return tuple(part for part in loc if part != "[key]")


def _said(detail: ErrorDetails, source: Source, chats: Sequence[str]) -> BadPolicy:
    path, context = _path(detail), detail.get("ctx", {})
    match detail["type"]:
        case "policy":
            return source.bad(path, str(context["fault"]), str(context["mend"]))
        case "extra_forbidden":
            return _unsupported(source, path, chats)
        case "missing":
            return source.bad(path, "is missing", "add it")
        case "string_type":
            return source.bad(path, "must be text", "put it in quotes")
        case "bool_type":
            return source.bad(path, "must be true or false", "write one of the two")
        case "int_type":
            return source.bad(path, "must be a whole number", "write digits only")
        case "tuple_type":
            return source.bad(path, "must be a list", "write it in brackets, like [a, b]")
        case "dict_type" | "model_type" | "model_attributes_type":
            return source.bad(path, "must be a mapping", "write it as `key: value` lines")
        case "literal_error":
            expected = str(context["expected"]).replace("'", "`")
            fix = "leave it out to ask people" if path[-1] == "decide" else "write one of them"
            return source.bad(path, f"must be {expected}", fix)
        case "string_too_short":
            return source.bad(path, "is empty", "write something or remove it")
        case "string_too_long":
            return source.bad(path, f"has more than {context['max_length']} characters", "shorten it")
        case _:
            return source.bad(path, f"is not valid ({shown(detail['msg'])})", "correct it")


def _unsupported(source: Source, path: Path, chats: Sequence[str]) -> BadPolicy:
    """A key that the models do not have: of a later version, or a slip."""
    match path:
        case (_,):
            known = _keys(Spec)
            later = ""
        case ("people", _, _):
            known, later = [*_keys(Person), *chats], ""
            known.remove("identities")
        case ("groups", _, _):
            known, later = _keys(Group), "groups"
        case ("defaults", _):
            known, later = _keys(Defaults), "defaults"
        case ("rules", _, "stages", _, _):
            known, later = _keys(Stage), "stages"
        case _:
            known, later = _keys(Rule), "rules"
    if later and _LATER[later].fullmatch(str(path[-1])):
        return source.bad(path, "is not supported by this version", "remove it")
    return _unknown(source, path, known)


def _keys(model: type[Spec | Person | Group | Defaults | Rule | Stage]) -> list[str]:
    return list(model.model_fields)


def _unknown(source: Source, path: Path, known: Sequence[str]) -> BadPolicy:
    near = difflib.get_close_matches(str(path[-1]), known, 1)
    mend = f"did you mean `{near[0]}`?" if near else f"the keys here are {', '.join(sorted(known))}"
    return source.bad(path, "is not a known key", mend)


# ── what must fit together ───────────────────────────────────────────────────────────────────────


def _check(spec: Spec, source: Source, chats: Sequence[str]) -> None:
    """Raises BadPolicy for what no single value shows."""
    _check_people(spec, source)
    for name, group in spec.groups.items():
        if name in spec.people:
            raise source.bad(("groups", name), "is also the name of a person", "rename the group")
        for index, member in enumerate(group.members):
            if member not in spec.people:
                fault = (
                    "which is a group; groups hold people" if member in spec.groups else "whom `people` does not list"
                )
                mend = _did_you_mean(member, spec.people, "add the person or remove the name")
                raise source.bad(("groups", name, "members", index), f'names "{shown(member)}", {fault}', mend)
    everyone = {**spec.people, **spec.groups}
    _check_approvers(spec.defaults.approvers, ("defaults", "approvers"), everyone, source)
    _check_show(spec, spec.defaults.show, ("defaults", "show"), source, chats)
    seen: dict[str, int] = {}
    for index, rule in enumerate(spec.rules):
        where: Path = ("rules", index)
        if rule.name == DEFAULTS:
            raise source.bad((*where, "name"), "is reserved for the defaults", "call the rule something else")
        if rule.name in seen:
            line = source.line(("rules", seen[rule.name]))
            raise source.bad(
                (*where, "name"), f"is the name of the rule in line {line} too", "give each rule its own name"
            )
        seen[rule.name] = index
        if rule.stages is not None:
            if rule.approvers is not None:
                raise source.bad((*where, "stages"), "stands beside `approvers`", "keep one of the two")
            _check_approvers(rule.stages[0].approvers, (*where, "stages", 0, "approvers"), everyone, source)
        _check_approvers(rule.approvers or (), (*where, "approvers"), everyone, source)
        _check_show(spec, rule.show or (), (*where, "show"), source, chats)
        if rule.message is not None and rule.decide != "reject":
            raise source.bad((*where, "message"), "is only read with `decide: reject`", "remove it")


def _check_people(spec: Spec, source: Source) -> None:
    """One human, one entry: nobody may vote twice, and no identity may stand for two (I17)."""
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


def _check_approvers(names: Sequence[str], path: Path, everyone: Mapping[str, object], source: Source) -> None:
    for index, name in enumerate(names):
        if name not in everyone:
            mend = _did_you_mean(name, everyone, "add it to `people` or `groups`, or remove the name")
            raise source.bad((*path, index), f'names "{shown(name)}", which is neither a person nor a group', mend)


def _check_show(spec: Spec, places: Sequence[str], path: Path, source: Source, chats: Sequence[str]) -> None:
    """`chat:@person` needs that person to have an identity in that chat."""
    for index, place in enumerate(places):
        chat, rest = split_place(place, chats) or ("", "")
        person = spec.people.get(rest.removeprefix("@")) if rest.startswith("@") else None
        if person is not None and not person.identities.get(chat):
            raise source.bad(
                (*path, index), f'names "{rest[1:]}", who has no identity there', f"add `{chat}:` to the person"
            )


def _did_you_mean(name: str, known: Mapping[str, object], otherwise: str) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f'did you mean "{near[0]}"?' if near else otherwise
