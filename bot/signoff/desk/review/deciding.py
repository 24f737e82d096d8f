"""The page before many are decided, and the one after it. Pure: what is confirmed is what was drawn."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from signoff import cards
from signoff.cards import queue as drawn
from signoff.desk.bulk import MOST, Decided, Done, Judged
from signoff.desk.judging import BulkKind
from signoff.desk.review.state import Outcome, Preflight, State
from signoff.errors import Invalid
from signoff.model import RISKS, says_something

REASON = 3000
"""Characters of a reason for many."""
TOO_MANY = f"more than the {MOST} that are decided at once"


def asked(state: State, kind: BulkKind, judged: Sequence[Judged], names: Mapping[str, str]) -> State:
    """The state with a new page to confirm: what can be decided together, and what not and why."""
    fit = sorted((one for one in judged if one.code == "ok" and one.request is not None), key=_by_kind)
    unfit = [drawn.Told(one.request, one.code) for one in judged if one.code != "ok" or one.request is None]
    # What could not be decided when it was selected may be by now, so there may be more than was counted then.
    unfit += [drawn.Told(one.request, one.code, TOO_MANY) for one in fit[MOST:]]
    fit = fit[:MOST]
    return state.model_copy(
        update={
            "screen": "preflight",
            "outcome": None,
            "preflight": Preflight(
                key=f"review_{secrets.token_hex(12)}",
                kind=kind,
                pins=tuple(one.pin for one in fit),
                lines=tuple(drawn.told_line(drawn.Told(one.request, "ok"), names) for one in fit),
                excluded=drawn.excluded_lines(unfit, names),
            ),
        }
    )


def _by_kind(one: Judged) -> tuple[int, str]:
    """Like things beside each other, the riskier ones first: a long page is read by looking for what does not fit."""
    request = one.request
    return (RISKS.index(request.terms.risk or request.risk), request.tool) if request else (len(RISKS), "")


def is_last(state: State, names: Mapping[str, str]) -> bool:
    """Whether every page of what would be decided has been drawn."""
    preflight = state.preflight
    assert preflight is not None
    return bool(preflight.pins) and preflight.seen + 1 >= drawn.preflight_pages(preflight.lines, preflight.excluded)


def turned(state: State, key: str, names: Mapping[str, str]) -> tuple[State, cards.Screen]:
    """Another page; never one behind a page that has not been looked at."""
    page = int(key) if key.isascii() and key.isdigit() and len(key) < len("10000") else 0
    if state.screen == "preflight" and state.preflight is not None:
        asked = state.preflight
        page = min(page, asked.seen + 1, drawn.preflight_pages(asked.lines, asked.excluded) - 1)
        update: dict[str, object] = {
            "preflight": asked.model_copy(update={"page": page, "seen": max(asked.seen, page)})
        }
    else:
        outcome = state.outcome
        assert outcome is not None
        update = {"outcome": outcome.model_copy(update={"page": page})}
    state = state.model_copy(update=update)
    return state, screen(state, names)


def reason(preflight: Preflight, values: Mapping[str, str]) -> str | None:
    """The one reason for all. Raises Invalid."""
    said = values.get("reason", "").strip()
    if preflight.kind != "reject" or not says_something(said):
        return None
    if len(said) > REASON:
        raise Invalid({"reason": f"This has {len(said)} characters; write at most {REASON}."})
    return said


def came(state: State, decided: Decided, names: Mapping[str, str]) -> State:
    """The state with what came of a batch."""
    preflight = state.preflight
    assert preflight is not None
    lines = tuple(
        drawn.told_line(drawn.Told(one.request, one.result), names, came=True)
        for one in sorted(decided.results, key=_first_failed)
    )
    codes: tuple[drawn.Code, ...] = tuple(one.result for one in sorted(decided.results, key=_first_failed))
    outcome = Outcome(batch=decided.batch, kind=preflight.kind, codes=codes, lines=lines)
    return state.model_copy(update={"screen": "results", "outcome": outcome, "selected": ()})


def _first_failed(one: Done) -> bool:
    """What did not count comes first: it is what somebody has to look at."""
    return one.counted


def screen(state: State, names: Mapping[str, str], fault: str = "", done: int = 0) -> cards.Screen:
    """A preflight, the wait for its results, or the results."""
    preflight, outcome = state.preflight, state.outcome
    if state.screen == "results" and outcome is not None:
        return drawn.results(
            review=state.id,
            kind=outcome.kind,
            batch=outcome.batch,
            codes=outcome.codes,
            lines=outcome.lines,
            page=outcome.page,
        )
    assert preflight is not None
    if state.screen == "working":
        return drawn.working(review=state.id, kind=preflight.kind, done=done, total=len(preflight.pins))
    return drawn.preflight(
        review=state.id,
        key=preflight.key,
        kind=preflight.kind,
        lines=preflight.lines,
        excluded=preflight.excluded,
        page=preflight.page,
        fault=fault,
    )
