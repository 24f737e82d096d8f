"""Several calls of one turn: made one by one at the same time, or answered together when a paused run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from weakref import WeakValueDictionary

from signoff.errors import IdsReused, Refused
from signoff_agents.gating.calls import Call, Verdict
from signoff_agents.gating.deciding import ask_all, batch_of, decide, misfit, refused, settle

if TYPE_CHECKING:
    from signoff.client import Batch, Gate


@dataclass(eq=False)
class _Together:
    batch: Batch
    arguments: list[Mapping[str, object]]
    """Of each call in it."""


class Turns:
    """For frameworks that make the calls of a turn one by one, at the same time: people are asked once for all of them.

    Each call goes on as soon as it is decided, whatever the others do.
    """

    def __init__(self, gate: Gate, title: str | None = None) -> None:
        self._gate = gate
        self._title = title
        # Kept by those who wait for it. Whoever comes when the last one has gone asks again under the same ids,
        # and is answered with what was decided.
        self._batches: WeakValueDictionary[tuple[object, ...], _Together] = WeakValueDictionary()

    async def decide(self, call: Call, turn: Sequence[Call]) -> Verdict:
        """`turn`: all calls of the turn that are asked about, the same ones each time. Raises nothing."""
        if len(turn) < 2:
            return await decide(self._gate, call)  # which looks at its arguments itself
        ids = [one.call_id for one in turn]
        # Calls with the same id are asked about by themselves: as rows, too, people would see them twice.
        asked = [one for one in turn if misfit(one) is None and ids.count(one.call_id) == 1]
        places = [index for index, one in enumerate(asked) if one.call_id == call.call_id]
        known = all(one.call_id and one.run_id for one in asked)
        if len(asked) < 2 or len(places) != 1 or not known:
            return await decide(self._gate, call)
        key = (asyncio.get_running_loop(), *((one.run_id, one.call_id, one.tool) for one in asked))
        together = self._batches.get(key)
        if together is None:
            made = _Together(batch_of(self._gate, asked, self._title), [one.arguments for one in asked])
            together = self._batches[key] = made
        elif together.arguments != [one.arguments for one in asked]:
            return await decide(self._gate, call)  # ids that are used twice: what is decided is not about these calls
        try:
            decision = await together.batch.decision(places[0])
        except Refused as error:  # for one of them, perhaps: then that one is refused, not all
            if together.batch.request_ids or isinstance(error, IdsReused):  # people have been asked
                return refused(call, error)
            return await decide(self._gate, call)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return refused(call, error)
        return await settle(self._gate, call, decision)


async def claim_all(
    gate: Gate, calls: Sequence[Call], title: str | None = None, *, started: Literal["raise", "tell"] = "raise"
) -> list[Verdict]:
    """For frameworks that pause, and go on with all answers at once: asked, waited for, and burnt one after the other.

    Whoever burns the first approval has them all, so two that resume the same pause at the same moment do not each take
    a part. The other one gets AlreadyStarted raised and must not resume; so does whoever comes after a crash, when
    nobody can know what the earlier attempt did. `started="tell"`: a verdict that says so, to go on without that call.

    Raises AlreadyStarted, and Away while nothing is burnt: then the pause stands, and this can be called again.
    """
    try:
        told = await ask_all(gate, calls, title)
    except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
        no = refused(calls[0], error).error
        assert no is not None
        raise no from None
    verdicts = [one if isinstance(one, Verdict) else None for one in told]
    for verdict in verdicts:
        _stop(verdict, started)
    burnt = False
    for index, (call, one) in enumerate(zip(calls, told, strict=True)):
        if not isinstance(one, Verdict):
            verdict = verdicts[index] = await settle(gate, call, one)
            if not burnt:
                _stop(verdict, started)
            burnt = burnt or verdict.kind == "run"
    return [verdict for verdict in verdicts if verdict is not None]


def _stop(verdict: Verdict | None, started: Literal["raise", "tell"]) -> None:
    """Raises what keeps all of them from going on."""
    if verdict is None or verdict.error is None:
        return
    if verdict.kind == "away" or (verdict.kind == "done" and started == "raise"):
        raise verdict.error
