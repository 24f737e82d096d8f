"""What a paused run waits for, as calls at the gate, and the answers that it goes on with."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from signoff_agents.gating import Call, Verdict
from signoff_agents.strands.calls import Document, Shape, fits_of, run_of, shape_of

if TYPE_CHECKING:
    from signoff.client.fields import Fields

APPROVAL = "signoff:approval"
"""The name of interrupts that `ApprovalHooks` raises."""

HANDOFF = "strands:handoff-to-user"
"""The name of those of Strands' own `handoff_to_user`, its HANDOFF_INTERRUPT_NAME: importing it loads all its tools."""

_claimed: ContextVar[dict[str, Verdict] | None] = ContextVar("signoff_strands_claimed", default=None)
"""Approvals that were burnt for calls of the run that is going on, until the tools take them."""


@dataclass(frozen=True, slots=True)
class Pause:
    """One interrupt of ours, or a question of Strands' own `handoff_to_user`."""

    id: str
    call: Call
    question: bool

    def response(self, verdict: Verdict) -> object:
        """What Strands is resumed with: an answer, or a word that decides nothing by itself."""
        return (verdict.said or "") if self.question else "decided"


def reason_of(call: Call) -> Document:
    """All that is needed to ask about it, from whatever process; and to show what the run waits for."""
    from signoff.client.signature import plain

    whole = {
        "tool": call.tool,
        "arguments": call.arguments,
        "run_id": call.run_id,
        "tool_call_id": call.call_id,
        "fields": {
            name: list(value) if isinstance(value, tuple | set) else value for name, value in call.fields.items()
        },
    }
    return cast("Document", plain(whole))


def pauses(agent: object) -> list[Pause]:
    """Those that wait, of an agent, or of a graph or swarm. Raises TypeError for what is none of these."""
    state = _interrupts(agent)
    if not state.get("activated"):
        return []
    found = [_pause(one, agent) for one in state["interrupts"].values() if one["response"] is None]
    return [one for one in found if one is not None]


def _interrupts(agent: Any) -> Document:
    if hasattr(agent, "take_snapshot"):
        return cast("Document", agent.take_snapshot(include=["interrupt_state"]).data["interrupt_state"])
    if hasattr(agent, "serialize_state"):
        return cast("Document", agent.serialize_state()["_internal_state"]["interrupt_state"])
    raise TypeError(f"an agent, a graph or a swarm of Strands can wait for people, not {type(agent).__name__}")


def _pause(interrupt: Document, agent: object) -> Pause | None:
    """None for somebody else's."""
    reason: Any = interrupt["reason"]
    if interrupt["name"] == APPROVAL and isinstance(reason, dict):
        said = cast("Document", reason)
        call = Call(
            tool=said["tool"],
            arguments=said["arguments"],
            run_id=said["run_id"],
            call_id=said["tool_call_id"],
            fields=cast("Fields", said["fields"]),
            fits=fits_of(_shape(agent, said["tool"])),
        )
        return Pause(interrupt["id"], call, question=False)
    if interrupt["name"] == HANDOFF and isinstance(reason, str) and reason.strip():
        return Pause(interrupt["id"], question(reason, run_of(agent), interrupt["id"]), question=True)
    return None


def question(text: str, run_id: str | None, call_id: str | None) -> Call:
    """A question as a call, as `Gate.question` asks it."""
    from signoff.client.asking import QUESTION_TOOL, question_fields

    fields = question_fields(text, None, None, {})
    return Call(tool=QUESTION_TOOL, arguments={"question": text}, run_id=run_id, call_id=call_id, fields=fields)


def _shape(agent: object, tool: str) -> Shape:
    registry: Any = getattr(getattr(agent, "tool_registry", None), "registry", None)
    found: Any = registry.get(tool) if isinstance(registry, dict) else None
    return Shape() if found is None else shape_of(found)


@contextmanager
def handed(waiting: Sequence[Pause], verdicts: Sequence[Verdict]) -> Generator[Mapping[str, Verdict]]:
    """Inside, the tools of these calls take their verdicts, each once; what is left was taken by none."""
    own = {_key(one.call): verdict for one, verdict in zip(waiting, verdicts, strict=True) if not one.question}
    token = _claimed.set(own)
    try:
        yield own
    finally:
        _claimed.reset(token)


def taken(call: Call) -> Verdict | None:
    """The verdict that was handed to this very call."""
    claimed = _claimed.get()
    return None if not claimed else claimed.pop(_key(call), None)


def _key(call: Call) -> str:
    from signoff.client.signature import plain
    from signoff.model import dumps

    # Not the run's id: an agent that another one uses as a tool has a new one in a new process.
    return dumps([call.tool, call.call_id, plain(dict(call.arguments))])
