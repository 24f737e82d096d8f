"""Who is asked, where, and who may decide; rules arrive as data. Pure: no I/O, no clock, no chat is named here."""

from __future__ import annotations

from collections.abc import Collection

from signoff.policy.explain import Explanation as Explanation
from signoff.policy.explain import Finding as Finding
from signoff.policy.explain import Step as Step
from signoff.policy.explain import explain as explain
from signoff.policy.explain import lint as lint
from signoff.policy.reading import read
from signoff.policy.rules import Considered as Considered
from signoff.policy.rules import Policy as Policy
from signoff.policy.rules import default as default
from signoff.policy.spec import DEFAULTS
from signoff.policy.spec import Defaults as Defaults
from signoff.policy.spec import Group as Group
from signoff.policy.spec import Person as Person
from signoff.policy.spec import Rule as Rule
from signoff.policy.spec import Spec as Spec


def load(text: str | bytes, *, file: str, chats: Collection[str]) -> Policy:
    """The policy in a YAML text. `file` is what errors call it; `chats` are the names of the chats there are.

    Raises BadPolicy, and nothing else whatever the text: one sentence with the line, the key, the fault and the mend.
    """
    spec, source = read(text, file=file, chats=chats)
    lines = {f"rule:{rule.name}": source.line(("rules", index)) for index, rule in enumerate(spec.rules)}
    lines |= {f"group:{name}": source.line(("groups", name)) for name in spec.groups}
    lines |= {f"person:{name}": source.line(("people", name)) for name in spec.people}
    lines[DEFAULTS] = source.line((DEFAULTS,))
    return Policy(spec, chats=chats, lines=lines)
