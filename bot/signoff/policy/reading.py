"""YAML text → `Spec`, or one BadPolicy sentence with the line, the key, the fault and the mend (I28)."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from typing import cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from signoff.errors import BadPolicy
from signoff.policy.checks import check
from signoff.policy.clauses import Budget, Grants, Hours, LoopBreaker, Outside, Reason, Remind, Rung, Sum
from signoff.policy.roll import GroupKey
from signoff.policy.source import Path, Source, parse, shown
from signoff.policy.spec import OFF, Defaults, Group, Person, Rule, Spec, Stage

_HIDDEN: Mapping[type[BaseModel], str] = {Person: "identities", Group: "live", Rule: "off"}
"""Fields that gather what in the file are keys of their own."""


def read(
    text: str | bytes, *, file: str, chats: Collection[str], groups: Mapping[str, GroupKey]
) -> tuple[Spec, Source]:
    """Parse and check. Raises BadPolicy and nothing else, whatever the text."""
    data, source = parse(text, file=file)
    if not isinstance(data, dict):
        raise source.bad((), "must be a mapping", "begin it with `version: 1`")
    top = cast("dict[str, object]", data)
    if "version" not in top:
        raise source.bad((), "has no `version`", "begin it with `version: 1`")
    if type(top["version"]) is not int or top["version"] != 1:
        raise source.bad(("version",), "is not a version of this format that is known here", "write `version: 1`")
    reader = _Reader(source, tuple(sorted(chats)), groups)
    try:
        spec = Spec.model_validate(reader.gathered(top), context={"chats": reader.chats})
    except ValidationError as error:
        raise reader.first(error) from None
    check(spec, source, chats=reader.chats, groups=groups)
    return spec, source


class _Reader:
    """What one file is read with."""

    def __init__(self, source: Source, chats: tuple[str, ...], groups: Mapping[str, GroupKey]) -> None:
        self.source = source
        self.chats = chats
        self.groups = groups

    # ── keys that are not the models' own ────────────────────────────────────────────────────────

    def gathered(self, top: Mapping[str, object]) -> dict[str, object]:
        """Each person's chats under `identities`, each group's live keys under `live`, each rule's `…: off` under
        `off`."""
        out = dict(top)
        for part, field, keys in (("people", "identities", self.chats), ("groups", "live", tuple(self.groups))):
            if isinstance(entries := top.get(part), dict):
                out[part] = {
                    name: self._gather((part, name), entry, field, keys)
                    for name, entry in cast("dict[str, object]", entries).items()
                }
        if isinstance(rules := top.get("rules"), tuple):
            out["rules"] = tuple(
                self._switched(("rules", index), rule) for index, rule in enumerate(cast("tuple[object, ...]", rules))
            )
        return out

    def _gather(self, path: Path, entry: object, field: str, keys: Sequence[str]) -> object:
        if not isinstance(entry, dict):
            return entry
        given = cast("dict[str, object]", entry)
        if field in given:
            raise self._unknown((*path, field))
        return {key: value for key, value in given.items() if key not in keys} | {
            field: {key: given[key] for key in keys if key in given}
        }

    def _switched(self, path: Path, rule: object) -> object:
        if not isinstance(rule, dict):
            return rule
        given = cast("dict[str, object]", rule)
        if "off" in given:
            raise self._unknown((*path, "off"))
        off = tuple(key for key in OFF if given.get(key) is False)
        return {key: value for key, value in given.items() if key not in off} | ({"off": off} if off else {})

    # ── what pydantic found ──────────────────────────────────────────────────────────────────────

    def first(self, error: ValidationError) -> BadPolicy:
        """The fault that stands first in the file. What is missing comes last: a slip may stand in its place."""
        details = error.errors(include_url=False, include_input=False)
        return self._said(min(details, key=lambda one: (one["type"] == "missing", self.source.line(self._path(one)))))

    def _path(self, detail: ErrorDetails) -> Path:
        loc = detail["loc"]
        if loc[2:3] in {("identities",), ("live",)}:
            loc = (*loc[:2], *loc[3:])
        path: Path = tuple(part for part in loc if part != "[key]")
        while detail["type"] != "missing" and len(path) > 1 and path not in self.source.lines:
            path = path[:-1]  # a short form, which was read as the long one
        return path

    def _said(self, detail: ErrorDetails) -> BadPolicy:
        path, context, bad = self._path(detail), detail.get("ctx", {}), self.source.bad
        match detail["type"]:
            case "policy":
                return bad(path, str(context["fault"]), str(context["mend"]))
            case "extra_forbidden":
                return self._unknown(path)
            case "missing":
                return bad(path, "is missing", "add it")
            case "string_type":
                return bad(path, "must be text", "put it in quotes")
            case "bool_type":
                return bad(path, "must be true or false", "write one of the two")
            case "int_type":
                return bad(path, "must be a whole number", "write digits only")
            case "tuple_type":
                return bad(path, "must be a list", "write it in brackets, like [a, b]")
            case "dict_type" | "model_type" | "model_attributes_type":
                return bad(path, "must be a mapping", "write it as `key: value` lines")
            case "literal_error":
                expected = str(context["expected"]).replace("'", "`")
                fix = "leave it out to ask people" if path[-1] == "decide" and "hours" not in path else "write that"
                return bad(path, f"must be {expected}", fix)
            case "greater_than_equal":
                return bad(path, f"must be at least {context['ge']}", "write a larger number")
            case "less_than_equal":
                return bad(path, f"must be at most {context['le']}", "write a smaller number")
            case "string_too_short":
                return bad(path, "is empty", "write something or remove it")
            case "string_too_long":
                return bad(path, f"has more than {context['max_length']} characters", "shorten it")
            case _:
                return bad(path, f"is not valid ({shown(detail['msg'])})", "correct it")

    def _unknown(self, path: Path) -> BadPolicy:
        known = self._keys(path)
        near = difflib.get_close_matches(str(path[-1]), known, 1)
        mend = f"did you mean `{near[0]}`?" if near else f"the keys here are {', '.join(sorted(known))}"
        if path[:1] == ("rules",) and len(path) == 3 and path[-1] == "quorum":
            mend = "write it in `stages`, like `stages: [{approvers: [finance], quorum: 2}]`"
        return self.source.bad(path, "is not a known key", mend)

    def _keys(self, path: Path) -> list[str]:
        """Those that may stand where an unknown one does."""
        match path:
            case (_,):
                return _fields(Spec)
            case ("people", _, _):
                return [*_fields(Person), *self.chats]
            case ("groups", _, _):
                return [*_fields(Group), *self.groups]
            case ("defaults", _):
                return _fields(Defaults)
            case ("rules", _, _):
                return _fields(Rule)
            case (*_, parent, int(), _):
                return _fields(_ITEMS[str(parent)])
            case (*_, parent, _):
                return _fields(_MAPPINGS[str(parent)])
            case _:
                return []


_ITEMS: Mapping[str, type[BaseModel]] = {"stages": Stage, "escalate": Rung, "reasons": Reason}
_MAPPINGS: Mapping[str, type[BaseModel]] = {
    "remind": Remind,
    "budget": Budget,
    "sum": Sum,
    "hours": Hours,
    "outside": Outside,
    "grants": Grants,
    "loop_breaker": LoopBreaker,
}


def _fields(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items() if name != _HIDDEN.get(model)]
