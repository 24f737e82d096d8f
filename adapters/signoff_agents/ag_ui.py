"""AG-UI: what a run waits for, answered by people in Slack or Teams, as the entries that the next run goes on with.

Written for ag-ui-protocol 1.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

from signoff.errors import Expired
from signoff_agents.gating import Call, Tools, Verdict, checked, claim_all, fields_of, missing

try:
    from ag_ui.core import Interrupt, ResumeEntry, RunFinishedEvent, RunFinishedInterruptOutcome
except ImportError as error:
    raise missing(__name__, "ag-ui", error) from error

if TYPE_CHECKING:
    from signoff.client import Gate
    from signoff.client.fields import Fields

TITLE = 300
"""Characters of a title."""


def interrupts(event: RunFinishedEvent) -> list[Interrupt]:
    """What a run that has ended waits for; nothing when it has come to its end."""
    outcome = event.outcome
    return list(outcome.interrupts) if isinstance(outcome, RunFinishedInterruptOutcome) else []


async def resume(
    gate: Gate,
    waiting: Sequence[Interrupt],
    *,
    thread_id: str,
    tools: Tools = "all",
    started: Literal["raise", "tell"] = "raise",
) -> list[ResumeEntry]:
    """`RunAgentInput(resume=await resume(gate, interrupts(event), thread_id=...), ...)`: what people have said.

    An interrupt with a `response_schema` is answered in that form; the answer is the payload of an entry that is
    `resolved`. Without one the question is whether to go on, and an approval is `{"approved": true}`. A rejection, or
    nothing before `expires_at`, is `cancelled`, and says why in the payload.

    All of them are asked about as one batch, in the next process too, once. `tools`: reason → what `Gate.ask` takes; an
    interrupt that is not among them has no entry here. Raises AlreadyStarted when another attempt has gone on with
    an approval (with `started="tell"` that one is `cancelled`), and Unavailable while nothing is burnt: then ask again.
    """
    asked = [one for one in waiting if fields_of(checked(tools), one.reason) is not None]
    if not asked:
        return []
    calls = [_call(one, thread_id, fields_of(tools, one.reason) or {}) for one in asked]
    ends = [end for end in map(_end, asked) if end is not None]
    left = (max(ends) - datetime.now(UTC)).total_seconds() if len(ends) == len(asked) else None
    verdicts: Sequence[Verdict | None] = [None] * len(asked)
    # Here and not as the requests' own end: counted from now, that would be another request after a restart.
    with suppress(TimeoutError):
        async with asyncio.timeout(left):
            verdicts = await claim_all(gate, calls, started=started)
    return [_entry(*each) for each in zip(asked, verdicts, strict=True)]


def _call(one: Interrupt, thread_id: str, fields: Fields) -> Call:
    form = one.response_schema
    shown = {
        "message": one.message,
        "tool_call_id": one.tool_call_id,
        "expires_at": one.expires_at,
        "metadata": one.metadata,
    }
    said: dict[str, object] = {
        "title": (one.message or one.reason)[:TITLE],
        "allowed_decisions": ("approve", "reject") if form is None else ("respond", "reject"),
        "response_schema": form,
        **fields,
    }
    return Call(
        tool=one.reason,
        arguments={name: value for name, value in shown.items() if value is not None},
        run_id=thread_id,
        call_id=one.id,
        fields=cast("Fields", {name: value for name, value in said.items() if value is not None}),
    )


def _end(one: Interrupt) -> datetime | None:
    """When it expires; None where that is not said, or not as a date."""
    try:
        end = datetime.fromisoformat(one.expires_at or "")
    except ValueError:
        return None
    return end if end.tzinfo else end.replace(tzinfo=UTC)


def _entry(one: Interrupt, verdict: Verdict | None) -> ResumeEntry:
    """`verdict`: None when nobody decided in time. Whoever asked takes no answer after that."""
    end = _end(one)
    if verdict is None or (end is not None and datetime.now(UTC) >= end):
        said = Expired(tool=one.reason, when=one.expires_at).sentence
    elif verdict.run is not None:
        return ResumeEntry(interrupt_id=one.id, status="resolved", payload={"approved": True})
    elif verdict.kind == "answer":
        return ResumeEntry(interrupt_id=one.id, status="resolved", payload=verdict.answer)
    else:
        said = verdict.said or ""
    return ResumeEntry(interrupt_id=one.id, status="cancelled", payload={"approved": False, "message": said})
