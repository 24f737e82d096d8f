"""Who is asked, where, and who may decide; rules arrive as data. Pure: no I/O, no clock, no chat is named here."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from signoff.policy.explain import Explanation as Explanation
from signoff.policy.explain import Step as Step
from signoff.policy.explain import explain as explain
from signoff.policy.lint import Finding as Finding
from signoff.policy.lint import lint as lint
from signoff.policy.reading import read
from signoff.policy.roll import GroupKey as GroupKey
from signoff.policy.rules import Considered as Considered
from signoff.policy.rules import Policy as Policy
from signoff.policy.rules import default as default
from signoff.policy.simulate import Past as Past
from signoff.policy.simulate import Replayed as Replayed
from signoff.policy.simulate import Simulation as Simulation
from signoff.policy.simulate import simulate as simulate
from signoff.policy.spec import DEFAULTS
from signoff.policy.spec import Defaults as Defaults
from signoff.policy.spec import Group as Group
from signoff.policy.spec import Person as Person
from signoff.policy.spec import Rule as Rule
from signoff.policy.spec import Spec as Spec


def load(
    text: str | bytes, *, file: str, chats: Collection[str], groups: Mapping[str, GroupKey] | None = None
) -> Policy:
    """The policy in a YAML text. `file` is what errors call it; `chats` are the names of the chats there are; `groups`
    are the keys by which a group may be looked up, and who knows them.

    Raises BadPolicy, and nothing else whatever the text: one sentence with the line, the key, the fault and the mend.
    """
    spec, source = read(text, file=file, chats=chats, groups=groups or {})
    lines = {f"rule:{rule.name}": source.line(("rules", index)) for index, rule in enumerate(spec.rules)}
    lines |= {f"group:{name}": source.line(("groups", name)) for name in spec.groups}
    lines |= {f"person:{name}": source.line(("people", name)) for name in spec.people}
    lines[DEFAULTS] = source.line((DEFAULTS,))
    if ("mode",) in source.lines:
        lines["mode"] = source.line(("mode",))
    return Policy(spec, chats=chats, lines=lines, groups=groups)
