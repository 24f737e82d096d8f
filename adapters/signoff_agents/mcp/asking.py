"""Calls that a host makes at the same time are asked about as one batch: one card, a row each, decided one by one.

A gateway does not know a model's turns. What it can know is which calls were there together: those are asked about in
one go, and each is answered as soon as it is decided. A call that is alone waits for nobody.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, cast

from signoff.errors import Refused, where
from signoff.model import dumps
from signoff_agents import gating

if TYPE_CHECKING:
    from signoff.client import Batch, Gate
    from signoff.client.fields import Fields

TURNS = 50
"""Turns of the event loop in which a call is joined by those that came with it. The first few are for what has arrived
by now; a host that sends several calls, each by itself, needs the others. No timer: all of them take a tenth of a
millisecond, and more only where there is more to read."""
AGAIN = 3600.0
"""Seconds in which a call that its host gave up is taken for the same one when it is made again."""
REMEMBERED = 1000
"""Calls that are known of for that."""

log = logging.getLogger("signoff")

Whose = tuple[str | None, str | None]
"""A run and the host's name."""


@dataclass(eq=False)
class _Turn:
    """Calls that came together."""

    calls: list[gating.Call] = field(default_factory=list["gating.Call"])
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    rows: list[gating.Call] = field(default_factory=list["gating.Call"])
    """Those of them that are in the batch."""
    batch: Batch | None = None
    sending: asyncio.Task[Exception | None] | None = None
    """One for all of them: whoever is cancelled takes it from nobody, and an outage is waited out once."""


@dataclass(eq=False)
class _Asked:
    """Where a call was asked about."""

    until: float
    arguments: str
    turn: _Turn | None = None
    """None: by itself. Then the service knows it again."""
    row: int = 0

    @property
    def waits(self) -> bool:
        """Whether its row is before people, as far as is known."""
        return self.turn is not None and self.turn.batch is not None and bool(self.turn.batch.request_ids)


class Together:
    """Asks about calls, those that come together as one batch."""

    def __init__(self, gate: Gate, *, lasting: bool) -> None:
        """`lasting`: runs go on in another process, which must find each call by its own id."""
        self._gate = gate
        self._lasting = lasting
        self._coming: dict[Whose, _Turn] = {}
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        """The service finds a call that was asked about by itself again, by its id or by what it says; of a row of a
        batch it is us who must know that. A call named by its host is known for good, another one until its host has
        heard the decision."""

    async def decide(self, call: gating.Call, *, named: bool) -> gating.Verdict:
        """Wait for the decision about one call. `named`: its id is the host's own, which a repeated call has as well.

        Raises nothing; cancelled, nothing is burnt.
        """
        if (verdict := gating.misfit(call)) is not None:
            return verdict
        if named and self._lasting:
            return await self._alone(call)
        arguments = _mark([call.tool, call.arguments])
        name = _mark([call.run_id, "id", call.call_id] if named else [call.run_id, "arguments", arguments])
        asked = self._known(name, named=named)
        if asked is None:
            turn, row = await self._joined(call)
            asked = _Asked(time.monotonic() + AGAIN, arguments, turn, row)
            self._asked.setdefault(name, asked)  # what came together with its like has a row of its own
            while len(self._asked) > REMEMBERED:
                self._asked.popitem(last=False)
        elif asked.arguments != arguments:
            return await self._alone(call)  # an id that is used twice: what is decided is not about this call
        verdict = await self._decided(call, asked)
        if not named and self._asked.get(name) is asked and not (verdict.kind == "away" and asked.waits):
            del self._asked[name]
        return verdict

    def _known(self, name: str, *, named: bool) -> _Asked | None:
        asked = self._asked.get(name)
        if asked is not None and not named and asked.until < time.monotonic():
            del self._asked[name]
            return None
        return asked

    # ── who comes together ───────────────────────────────────────────────────────────────────────

    async def _joined(self, call: gating.Call) -> tuple[_Turn | None, int]:
        """The batch that a call is in and its row; None: it is alone."""
        whose = (call.run_id, call.fields.get("agent"))
        turn = self._coming.get(whose)
        if turn is None:
            turn = self._coming[whose] = _Turn()
            self._tick(whose, TURNS)
        turn.calls.append(call)
        try:
            await turn.closed.wait()
        except asyncio.CancelledError:
            # Taken back before anybody was asked.
            turn.calls[:] = [one for one in turn.calls if one is not call]
            raise
        rows = [row for row, one in enumerate(turn.rows) if one is call]
        return (turn, rows[0]) if rows else (None, 0)

    def _tick(self, whose: Whose, left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._tick, whose, left - 1)
            return
        turn = self._coming.pop(whose)
        ids = Counter(call.call_id for call in turn.calls)
        rows = [call for call in turn.calls if ids[call.call_id] == 1]
        try:
            if len(rows) > 1:
                turn.batch, turn.rows = gating.batch_of(self._gate, rows), rows
                turn.sending = asyncio.create_task(_sent(turn.batch))
        except Exception as error:  # noqa: BLE001  # what is wrong with one is found where each is asked about alone
            log.warning("calls could not be asked about together: %s", where(error))
        turn.closed.set()

    # ── what is decided ──────────────────────────────────────────────────────────────────────────

    async def _decided(self, call: gating.Call, asked: _Asked) -> gating.Verdict:
        turn = asked.turn
        if turn is None or turn.batch is None or turn.sending is None:
            return await self._alone(call)
        try:
            if (error := await asyncio.shield(turn.sending)) is not None:
                raise error
            decision = await turn.batch.decision(asked.row)
        except Refused:  # for one of them, perhaps: then that one is refused, not all
            asked.turn = None
            return await self._alone(call)
        except Exception as error:  # noqa: BLE001  # whatever went wrong, the answer is no
            return gating.refused(call, error)
        return await gating.settle(self._gate, call, decision)

    async def _alone(self, call: gating.Call) -> gating.Verdict:
        verdict = await gating.decide(self._gate, call)
        if verdict.kind == "away" and "schema" in call.fields and _schema_refused(verdict):
            # A schema that no form can be made of must not make a tool unusable: people decide on what they see.
            bare = {name: value for name, value in call.fields.items() if name != "schema"}
            verdict = await gating.decide(self._gate, replace(call, fields=cast("Fields", bare)))
        return verdict


async def _sent(batch: Batch) -> Exception | None:
    """What kept it from being sent."""
    try:
        await batch.send()
    except Exception as error:  # noqa: BLE001  # raised where it is waited for, perhaps nowhere
        return error
    return None


def _mark(said: object) -> str:
    return hashlib.sha256(dumps(said).encode()).hexdigest()


def _schema_refused(verdict: gating.Verdict) -> bool:
    data: Mapping[str, object] = verdict.error.data if verdict.error is not None else {}
    return str(data.get("reason", "")).lstrip().startswith("/schema")
