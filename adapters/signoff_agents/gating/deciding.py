"""From a call to its verdict: asked, waited for, checked, its approval burnt. Nothing here runs a tool or raises."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, cast

from signoff.errors import (
    AlreadyStarted,
    Cancelled,
    Expired,
    IdsReused,
    NotRun,
    OnHold,
    Refused,
    Rejected,
    Unavailable,
    Unusable,
    where,
)
from signoff_agents.gating.calls import Away, Call, Kind, Misfit, Unfit, Verdict

if TYPE_CHECKING:
    from signoff.client import Batch, Decision, Gate
    from signoff.client.fields import Fields
    from signoff.model import Change

QUOTED = 3
"""Letters that a word has at least, for it to be a quotation: shorter ones stand in any sentence."""
LONGEST = {"title": 300, "description": 10_000}
"""Characters that the service takes of what a tool says of itself. One that says more can be asked about as well."""
SHOWN = 300
"""Characters of a value that a note about an edit quotes."""

RAISED = re.compile(r"(\w+): ")
"""How the outcome of a tool that raised begins."""

OWN_WORDS = ("value_error", "assertion_error")
"""pydantic's types of errors whose text is a validator's own."""
UNBOUND = ("missing a required", "got an unexpected", "got multiple values", "too many positional", "multiple values")
"""How the texts of `inspect.Signature.bind` begin; they name parameters."""

log = logging.getLogger("signoff")


async def decide(gate: Gate, call: Call) -> Verdict:
    """Ask about one call and wait, as long as it takes. Raises nothing; cancelled, nothing has run."""
    if (verdict := misfit(call)) is not None:
        return verdict
    try:
        told = await gate.ask_to_run(call.tool, call.arguments, **_fields(call))
    except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
        return refused(call, error)
    return await settle(gate, call, told)


async def decide_all(gate: Gate, calls: Sequence[Call], title: str | None = None) -> list[Verdict]:
    """The same about several calls, as one batch: each decided by itself, all waited for. In the order of the calls."""
    if len(calls) == 1:
        return [await decide(gate, calls[0])]
    try:
        told = await ask_all(gate, calls, title)
    except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
        return [misfit(call) or refused(call, error) for call in calls]
    return await asyncio.gather(*(_settled(gate, *one) for one in zip(calls, told, strict=True)))


async def ask_all(gate: Gate, calls: Sequence[Call], title: str | None = None) -> list[Decision | Verdict]:
    """Ask and wait, and burn nothing: a decision for each call, or the verdict where it is known by now.

    Raises Unavailable.
    """
    told: list[Decision | Verdict | None] = [misfit(call) for call in calls]
    rest = [call for call, verdict in zip(calls, told, strict=True) if verdict is None]
    answers: list[Decision | Verdict] = []
    batch = batch_of(gate, rest, title) if len(rest) > 1 else None
    try:
        if batch is not None:
            answers += await batch.decisions()
    except Refused as error:  # for one of them, perhaps: then that one is refused, not all
        if batch is not None and (batch.request_ids or isinstance(error, IdsReused)):  # people have been asked
            raise
    if not answers:
        answers += await asyncio.gather(*(_ask(gate, call) for call in rest))
    coming = iter(answers)
    return [one or next(coming) for one in told]


async def _ask(gate: Gate, call: Call) -> Decision | Verdict:
    try:
        return await gate.ask(call.tool, call.arguments, **_fields(call))
    except (Rejected, Expired, Cancelled, AlreadyStarted, Refused) as error:
        return refused(call, error)


async def _settled(gate: Gate, call: Call, told: Decision | Verdict) -> Verdict:
    return told if isinstance(told, Verdict) else await settle(gate, call, told)


async def settle(gate: Gate, call: Call, decision: Decision) -> Verdict:
    """What a decision means for its call; an approval is checked and burnt. Raises nothing."""
    from signoff.client.decision import refusal, started

    try:
        if (no := refusal(decision)) is not None:
            return refused(call, no, decision)
        if decision.kind == "respond":
            answer = decision.message if decision.response is None else decision.response
            return Verdict(kind="answer", call=call, said=text(answer), answer=answer, decision=decision)
        edited = _edited(call, decision)
        if decision.consumed_at is not None:
            raise started(decision, decision.consumed_at)  # before a misfit could be reported over its outcome
        await _check(gate, call, decision)
        await gate.consume(decision)
    except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
        return refused(call, error, decision)
    run = cast("dict[str, object]", decision.arguments)
    note = _note(decision, edited) if edited else None
    return Verdict(kind="run", call=call, run=run, edited=edited, note=note, decision=decision)


def refused(call: Call, error: Exception, decision: Decision | None = None) -> Verdict:
    """The verdict for what was raised instead of an approval."""
    kind: Kind = "refused"
    if isinstance(error, AlreadyStarted):
        kind, error = "done", _ended(error, decision)
    elif isinstance(error, Unusable):
        log.warning("%s", error)
        error = Unfit(tool=call.tool, fault=error.data["fault"])
    elif isinstance(error, OnHold):
        kind = "away"
    elif isinstance(error, Unavailable):
        log.warning("%s", error)
        kind, error = "away", Away(tool=call.tool, reason=error.data.get("reason", ""))
    elif not isinstance(error, NotRun):
        # Not its text: it may quote arguments.
        log.warning("%s was not run, because asking about it failed: %s", call.tool, where(error))
        kind, error = "away", Away(tool=call.tool, reason="")
    return Verdict(kind=kind, call=call, said=error.sentence, error=error, decision=decision)


def retry(verdict: Verdict) -> Literal["never", "with_changes", "ask"] | None:
    """What a rejection says may be done next; the model reads it in `said` too."""
    return verdict.error.retry if isinstance(verdict.error, Rejected) else None


def text(value: object) -> str:
    """A person's answer, or any other JSON value, as a model reads it."""
    from signoff.client.signature import plain
    from signoff.model import dumps

    return value if isinstance(value, str) else dumps(plain(value))


def batch_of(gate: Gate, calls: Sequence[Call], title: str | None = None) -> Batch:
    """The calls as a batch that has not been sent."""
    batch = gate.batch(title)
    for call in calls:
        batch.add(call.tool, call.arguments, **_fields(call))
    return batch


def _fields(call: Call) -> Fields:
    said = dict(cast("Mapping[str, object]", call.fields))
    for name, longest in LONGEST.items():
        if isinstance(told := said.get(name), str) and len(told) > longest:
            said[name] = f"{told[: longest - 1]}…"
    return cast("Fields", {**said, "run_id": call.run_id, "tool_call_id": call.call_id})


def misfit(call: Call) -> Verdict | None:
    """Nobody is asked about what could not run."""
    fault = _fault(call, call.arguments)
    if fault is None:
        return None
    error = Misfit(tool=call.tool, fault=fault)
    return Verdict(kind="refused", call=call, said=error.sentence, error=error)


def _fault(call: Call, arguments: Mapping[str, object]) -> str | None:
    """What of the arguments the tool would not take."""
    if call.fits is None:
        return None
    try:
        call.fits(arguments)
    except Exception as error:  # noqa: BLE001  # a check that fails in any way is no yes
        return fault_of(error, arguments)
    return None


def fault_of(error: Exception, arguments: Mapping[str, object] | None = None) -> str:
    """What a check of arguments says about them, for models and people to read.

    A tool's own validator may say anything: its words count where it raises a plain ValueError, and only when they
    quote none of the `arguments`, which may be secret. Whatever else it raises is a fault in it, and nobody's business.
    """
    from pydantic import ValidationError

    from signoff.client.decision import sentence
    from signoff.client.signature import fault

    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] in OWN_WORDS and _quotes(first["msg"], arguments):
            return sentence(f"{'.'.join(map(str, first['loc']))}: it is not accepted".removeprefix(": "))
        return sentence(fault(error))
    text = " ".join(str(error).split())
    if type(error) is ValueError or (isinstance(error, TypeError) and text.startswith(UNBOUND)):
        return "They are not accepted." if _quotes(text, arguments) else sentence(text)
    log.warning("arguments could not be checked: %s", where(error))
    return "They could not be checked."


def _quotes(text: str, value: object) -> bool:
    """Is anything of this value in the text?"""
    if isinstance(value, Mapping):
        return any(_quotes(text, one) for one in cast("Mapping[str, object]", value).values())
    if isinstance(value, list | tuple | set | frozenset):
        return any(_quotes(text, one) for one in cast("Collection[object]", value))
    if value is None or isinstance(value, bool) or not str(value):
        return False
    if isinstance(value, str) and len(value) < QUOTED and value.isalpha():
        return False
    return re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", text) is not None


async def _check(gate: Gate, call: Call, decision: Decision) -> None:
    """That the tool takes what was approved. Raises Unusable, and lets the card say that it did not run."""
    fault = _fault(call, decision.arguments or {})
    if fault is not None:
        await gate.report(decision, "failed", f"Not run: {fault}")
        raise Unusable(tool=call.tool, fault=fault)


def _edited(call: Call, decision: Decision) -> tuple[Change, ...]:
    """What differs from what was asked. Raises Doubtful when nobody is said to have changed it."""
    from signoff.client.decision import doubtful
    from signoff.client.signature import written
    from signoff.model import changes

    edited = changes(written(call.arguments), decision.arguments)
    if edited and decision.kind == "approve" and decision.version == 1:
        raise doubtful(call.tool, "other arguments were approved than those that were asked about")
    return edited


def _note(decision: Decision, edited: Sequence[Change]) -> str:
    who = " and ".join(dict.fromkeys(by.name or by.person or f'The rule "{by.rule}"' for by in decision.decided_by))
    told = "; ".join(f"{change.path[1:]} is now {_shown(change.to)}" for change in edited)
    said = f" They said: {decision.message}" if decision.message else ""
    return f"{who or 'A person'} changed the arguments of {decision.tool} before it ran: {told}.{said}"


def _shown(value: object) -> str:
    shown = text(value) if not isinstance(value, str) else f'"{value}"'
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def _ended(error: AlreadyStarted, decision: Decision | None) -> AlreadyStarted:
    """With what the earlier attempt reported; of an exception, what kind it was: its text is no business of a model."""
    outcome = decision.outcome if decision is not None else None
    if outcome is None or not outcome.detail:
        return error
    kind = RAISED.match(outcome.detail) if outcome.status == "failed" else None
    detail = outcome.detail if kind is None else kind[1]
    return type(error)(**{**error.data, "ending": f" and {outcome.status} ({detail})"})
