"""What else a person can do about a request: more time, fewer reminders, allow similar calls, break the glass."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

from signoff.errors import Invalid
from signoff.forms.build import heading, shown_arguments, values
from signoff.forms.confirm import check_confirm, typed_field
from signoff.forms.entry import normal
from signoff.forms.reject import MAX_REASON
from signoff.forms.sentences import NO_FIELD
from signoff.forms.types import Field, Form, Option
from signoff.model import GrantTerms, Request, one_line, says_something, shorten, steps

What = Literal["extend", "snooze", "grant", "force_approve", "force_reject"]

HOUR = 3600
TIMES = (HOUR, 4 * HOUR, 24 * HOUR, 72 * HOUR)
"""Seconds that are offered."""
LABELS: dict[What, str] = {
    "extend": "Extend the deadline",
    "snooze": "Snooze reminders",
    "grant": "Approve, and allow similar calls",
    "force_approve": "Break glass: approve",
    "force_reject": "Break glass: reject",
}
FORCED: frozenset[What] = frozenset({"force_approve", "force_reject"})
APPROVING: frozenset[What] = frozenset({"grant", "force_approve"})
TIMED: frozenset[What] = frozenset({"extend", "snooze", "grant"})
LABEL = 70
"""Characters of an option: what every chat shows of one."""
CHOOSE_TIME = "Choose for how long."
WHY = "Say why: everybody here reads it, and it is recorded."


@dataclass(frozen=True, slots=True)
class More:
    """What was chosen."""

    what: What
    seconds: int = 0
    """For extend, snooze and grant."""
    uses: int = 0
    """For grant."""
    all_arguments: bool = False
    """For grant: all arguments have to be the same, not only those that the rule names."""
    confirm: str = ""
    """For grant: what was typed, where an approval has to be typed."""
    reason: str = ""
    """For break glass, and never empty then."""


def more_form(request: Request, offers: Collection[str]) -> Form:
    """`offers`: what is open to this person, of the values of `What`. A grant is offered only where the rule does."""
    open_to = _offered(request, offers)
    grants = request.terms.grants if "grant" in open_to else None
    title = heading("More", request)
    if not open_to:
        nothing = ("There is nothing here that you may do now.",)
        return Form(request.id, request.version, "more", title, "Done", (), nothing)
    fields = [
        Field(
            "what",
            "What to do",
            "choice",
            required=True,
            initial=open_to[0] if len(open_to) == 1 else "",
            options=tuple(Option(what, LABELS[what]) for what in open_to),
        )
    ]
    if not TIMED.isdisjoint(open_to):
        fields.append(_time(open_to, grants))
    above: tuple[str, ...] = ()
    if grants is not None:
        fields += _similar(grants)
        if request.terms.confirm is not None:
            typed, above = typed_field(request)
            fields.append(replace(typed, required=open_to == ["grant"], hint=f"For “{LABELS['grant']}”."))
    if not FORCED.isdisjoint(open_to):
        needed = FORCED.issuperset(open_to)
        fields.append(Field("reason", "Reason for breaking the glass", "paragraph", required=needed, hint=WHY))
    approved = [] if APPROVING.isdisjoint(open_to) else values(shown_arguments(request))
    notes = (*approved, *_notes(request, open_to, grants), *above)
    return Form(request.id, request.version, "more", title, "Do it", tuple(fields), notes)


def read_more(request: Request, form: Form, entries: Mapping[str, str]) -> More:
    """What was chosen on a form of `more_form`. Raises Invalid with a sentence for each faulty field."""
    fields = {field.key: field for field in form.fields}
    if unknown := [key for key in entries if key not in fields]:
        raise Invalid(dict.fromkeys(unknown, NO_FIELD))
    chosen = {key: entries.get(key, field.initial).strip() for key, field in fields.items()}
    if "what" not in fields or chosen["what"] not in {option.value for option in fields["what"].options}:
        raise Invalid({"what": "Choose one of what is offered."})
    what = cast("What", chosen["what"])
    grants = request.terms.grants if what == "grant" else None
    faults: dict[str, str] = {}
    seconds = _number(fields, chosen, "time", CHOOSE_TIME, faults) if what in TIMED else 0
    uses = 0
    if grants is not None:
        most = f"Choose for how many calls, at most {grants.max_uses}."
        uses = _number(fields, chosen, "uses", most, faults)
        if seconds > grants.max_ttl:
            faults["time"] = f"At most {span(grants.max_ttl)} for similar calls."
        if chosen.get("match") not in {option.value for option in fields["match"].options}:
            faults["match"] = "Choose which calls are similar."
        try:
            check_confirm(request, chosen.get("confirm"))
        except Invalid as error:
            faults |= error.fields
    typed = chosen.get("confirm", "") if what == "grant" else ""
    reason = _reason(entries, faults) if what in FORCED else ""
    if faults:
        raise Invalid(faults)
    return More(what, seconds, uses, chosen.get("match") == "all" and what == "grant", typed, reason)


def span(seconds: int) -> str:
    """`1 hour`, `90 minutes`, `3 days`: in the largest unit that leaves nothing over."""
    for unit, size in (("day", 24 * HOUR), ("hour", HOUR), ("minute", 60), ("second", 1)):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {unit}" + ("s" if count != 1 else "")
    return "no time"


def _offered(request: Request, offers: Collection[str]) -> list[What]:
    found: list[What] = [what for what in LABELS if what in offers]
    return [what for what in found if what != "grant" or request.terms.grants is not None]


def _time(open_to: list[What], grants: GrantTerms | None) -> Field:
    times, initial, hint = {*TIMES}, HOUR, ""
    if grants is not None:
        times = {time for time in (*TIMES, grants.max_ttl) if open_to != ["grant"] or time <= grants.max_ttl}
        initial = min(HOUR, grants.max_ttl)
        hint = f"For similar calls at most {span(grants.max_ttl)}."
    options = tuple(Option(str(time), span(time)) for time in sorted(times))
    return Field("time", "For how long", "choice", required=True, hint=hint, initial=str(initial), options=options)


def _similar(grants: GrantTerms) -> tuple[Field, Field]:
    counts = {scale * unit for scale in (1, 10, 100, 1000) for unit in (1, 2, 3, 5)}
    counts = {*(count for count in counts if count <= grants.max_uses), grants.max_uses}
    every = Option("all", "Exactly the same arguments")
    names = [one_line("/".join(steps(pointer))) for pointer in grants.match]
    same = "Whatever the arguments" if not names else f"Same {' and '.join(names)}"
    text, left = shorten(same, LABEL - 1)
    # "" is the pointer to all of the arguments.
    matches = (every,) if "" in grants.match else (Option("rule", text + ("…" if left else "")), every)
    return (
        Field(
            "uses",
            "For how many calls",
            "choice",
            required=True,
            hint=f"At most {_calls(grants.max_uses)}.",
            initial="1",
            options=tuple(Option(str(count), _calls(count)) for count in sorted(counts)),
        ),
        Field("match", "Which calls are similar", "choice", required=True, initial=matches[0].value, options=matches),
    )


def _calls(count: int) -> str:
    return f"{count} call" + ("s" if count != 1 else "")


def _notes(request: Request, open_to: list[What], grants: GrantTerms | None) -> list[str]:
    said = {
        "extend": "people have that much longer to decide.",
        "snooze": "no reminders for that long; the deadline stays.",
        "force_approve": "approves at once, against the rule. It is told to everybody here and recorded.",
        "force_reject": "rejects at once, against the rule. It is told to everybody here and recorded.",
    }
    if grants is not None:
        tool = one_line(request.tool)
        said["grant"] = f"this call is approved, and similar calls of {tool} by the same agent then need nobody."
    return [f"{LABELS[what]} · {said[what]}" for what in open_to]


def _number(
    fields: Mapping[str, Field], chosen: Mapping[str, str], key: str, fault: str, faults: dict[str, str]
) -> int:
    if key in fields and chosen[key] in {option.value for option in fields[key].options}:
        return int(chosen[key])
    faults[key] = fault
    return 0


def _reason(entries: Mapping[str, str], faults: dict[str, str]) -> str:
    text = normal(entries.get("reason", "")).strip()
    if len(text) > MAX_REASON:
        faults["reason"] = f"At most {MAX_REASON} characters."
    elif not says_something(text):
        faults["reason"] = WHY
    return text
