"""What a rule, or the defaults, says: whether it can be meant so."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from itertools import pairwise

from signoff.policy.checks.ladder import check_ladder
from signoff.policy.checks.people import did_you_mean
from signoff.policy.checks.staff import MAX_STAGES, people, short_of
from signoff.policy.source import Path, Source, shown
from signoff.policy.spec import DEFAULTS, Defaults, Rule, Spec, Stage
from signoff.policy.values import lasting, split_place

_ARGUMENT = re.compile(r"""\bargs(?:\.([A-Za-z_]\w*)|\[\s*["']([^"']+)["']\s*\])""")


class Checker:
    """Every method raises BadPolicy."""

    def __init__(self, spec: Spec, source: Source, chats: Sequence[str]) -> None:
        self.spec = spec
        self.source = source
        self.chats = chats
        self.everyone = {**spec.people, **spec.groups}

    def defaults(self) -> None:
        defaults = self.spec.defaults
        self._names(self.spec.operators or (), ("operators",))
        if self.spec.operators == ():
            raise self.source.bad(
                ("operators",), "names nobody, so nothing could be thawed", "name people or groups, or remove it"
            )
        self._part(defaults, (DEFAULTS,))
        if defaults.hours is not None and defaults.hours.outside is None:
            fault = "do not say what holds outside of them"
            raise self.source.bad((DEFAULTS, "hours"), fault, "add `outside: {approvers: […]}` or a rejection")

    def rules(self) -> None:
        seen: dict[str, int] = {}
        for index, rule in enumerate(self.spec.rules):
            where: Path = ("rules", index)
            if rule.name == DEFAULTS:
                raise self.source.bad((*where, "name"), "is reserved for the defaults", "call the rule something else")
            if rule.name in seen:
                line = self.source.line(("rules", seen[rule.name]))
                raise self.source.bad(
                    (*where, "name"), f"is the name of the rule in line {line} too", "give each rule its own name"
                )
            seen[rule.name] = index
            self._stages(rule, where)
            self._part(rule, where)
            self._decide(rule, where)

    # ── a rule alone ─────────────────────────────────────────────────────────────────────────────

    def _decide(self, rule: Rule, where: Path) -> None:
        if rule.message is not None and rule.decide != "reject":
            raise self.source.bad((*where, "message"), "is only read with `decide: reject`", "remove it")
        if rule.budget is not None and rule.decide not in {"approve", "notify"}:
            fault = "is only read with `decide: approve` or `decide: notify`"
            raise self.source.bad((*where, "budget"), fault, "remove it, or let the rule decide")

    def _stages(self, rule: Rule, where: Path) -> None:
        stages, where = rule.stages, (*where, "stages")
        if stages is None:
            return
        if rule.approvers is not None:
            raise self.source.bad(where, "stands beside `approvers`", "keep one of the two")
        if not 1 <= len(stages) <= MAX_STAGES:
            fault = f"has {len(stages)} stages" if stages else "is empty"
            raise self.source.bad(where, fault, f"write between one and {MAX_STAGES}")
        called: set[str] = set()
        for index, stage in enumerate(stages):
            self._names(stage.approvers, (*where, index, "approvers"))
            if stage.name is not None and stage.name in called:
                raise self.source.bad((*where, index, "name"), "is the name of another stage too", "rename one")
            called.add(stage.name or "")
        if all(stage.when is not None for stage in stages):
            fault = "would ask nobody on a call for which no `when` holds"
            raise self.source.bad(where, fault, "leave `when` out of at least one stage, or move it to the rule")
        for index, stage in enumerate(stages):
            self._staffed(rule, stage, (*where, index, "approvers"))
        if (short := short_of(self.spec, stages)) is None:
            return
        chosen, needed, there = short
        count = f"{there} {'person' if there == 1 else 'people'}"
        if len(chosen) == 1:
            fault = f"is {needed}, but there {'is' if there == 1 else 'are'} only {count} to agree"
            raise self.source.bad((*where, chosen[0], "quorum"), fault, "lower it or name more approvers")
        which = ", ".join(f'"{shown(stages[one].called)}"' for one in chosen)
        fault = f"need {needed} different people in {which} together, but only {count} may decide there"
        raise self.source.bad((*where, chosen[-1]), fault, "name more approvers: nobody counts twice on a request")

    def _staffed(self, rule: Rule, stage: Stage, where: Path) -> None:
        """Whether anybody is there at all; an empty group is at fault itself."""
        if people(self.spec, stage.approvers) != frozenset():
            return
        if not stage.approvers:
            raise self.source.bad(where, "names nobody", "name people or groups")
        fault = f'is empty, but the stage "{shown(stage.called)}" of the rule "{shown(rule.name)}" asks this group'
        raise self.source.bad(("groups", stage.approvers[0]), fault, "list its people, as in `members: [ada]`")

    # ── what rules and defaults have alike ───────────────────────────────────────────────────────

    def _part(self, part: Defaults | Rule, where: Path) -> None:
        defaults = self.spec.defaults
        self._names(part.approvers or (), (*where, "approvers"))
        self._names(part.break_glass or (), (*where, "break_glass"))
        self._places(part.show or (), (*where, "show"))
        self._places(part.fallback or (), (*where, "fallback"))
        outside = part.hours.outside if part.hours else None
        self._names(outside.approvers or () if outside else (), (*where, "hours", "outside", "approvers"))
        for index, rung in enumerate(part.escalate or ()):
            self._names(rung.to, (*where, "escalate", index, "to"))
            self._places(rung.show, (*where, "escalate", index, "show"))
        show = defaults.show if part.show is None else part.show
        for place in part.fallback or ():
            if place in show:
                fault = f'names "{shown(place)}", where the card is shown anyway'
                raise self.source.bad((*where, "fallback"), fault, "name another place")
        expires_in = part.expires_in or defaults.expires_in
        self._remind(part, where, expires_in)
        check_ladder(self.spec, part, where, self.source, expires_in)
        self._reasons(part, where)
        self._secret(part, where)

    def _remind(self, part: Defaults | Rule, where: Path, expires_in: int) -> None:
        moments = part.remind.moments if part.remind else ()
        for before, after in pairwise(moments):
            if after <= before:
                raise self.source.bad((*where, "remind"), "does not rise", "write the moments in order, like [15m, 1h]")
        if moments and moments[-1] >= expires_in:
            fault = f"has a reminder after {lasting(moments[-1])}, but the request expires after {lasting(expires_in)}"
            raise self.source.bad((*where, "remind"), fault, "remind earlier, or let it expire later")

    def _reasons(self, part: Defaults | Rule, where: Path) -> None:
        seen: set[str] = set()
        for index, reason in enumerate(part.reasons or ()):
            if reason.text in seen:
                raise self.source.bad((*where, "reasons", index), "stands there twice", "keep one of them")
            seen.add(reason.text)

    def _secret(self, part: Defaults | Rule, where: Path) -> None:
        """A secret is neither typed to confirm nor kept with a grant (I13)."""
        secret = (*self.spec.defaults.secret, *part.secret)
        hit = re.compile("|".join(fnmatch.translate(name) for name in secret) or "$.", re.IGNORECASE)
        if part.confirm is not None:
            for names in _ARGUMENT.findall(part.confirm.source):
                if name := next((one for one in names if hit.match(one)), None):
                    raise self.source.bad(
                        (*where, "confirm"), f'shows "{shown(name)}", which is secret', "confirm with something else"
                    )
        if part.grants is not None:
            for index, pointer in enumerate(part.grants.match):
                if name := next((step for step in pointer.split("/")[1:] if hit.match(step)), None):
                    raise self.source.bad(
                        (*where, "grants", "match", index),
                        f'keeps "{shown(name)}", which is secret',
                        "match something else",
                    )

    # ── names and places ─────────────────────────────────────────────────────────────────────────

    def _names(self, names: Sequence[str], path: Path) -> None:
        for index, name in enumerate(names):
            if name not in self.everyone:
                mend = did_you_mean(name, self.everyone, "add it to `people` or `groups`, or remove the name")
                raise self.source.bad(
                    (*path, index), f'names "{shown(name)}", which is neither a person nor a group', mend
                )

    def _places(self, places: Sequence[str], path: Path) -> None:
        """Whoever gets a direct message needs an identity in that chat, and has to be known by now."""
        for index, place in enumerate(places):
            chat, rest = split_place(place, self.chats) or ("", "")
            name = rest[1:] if rest.startswith("@") else ""
            where = (*path, index)
            if name in self.spec.people and not self.spec.people[name].identities.get(chat):
                raise self.source.bad(
                    where, f'names "{name}", who has no identity there', f"add `{chat}:` to the person"
                )
            if (group := self.spec.groups.get(name)) is None:
                continue
            for member in () if group.live else group.members:
                if not self.spec.people[member].identities.get(chat):
                    fault = f'names the group "{name}", in which "{member}" has no identity there'
                    raise self.source.bad(where, fault, f"add `{chat}:` to the person")
