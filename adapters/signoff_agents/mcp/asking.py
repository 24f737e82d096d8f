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

    asked: list[_Asked] = field(default_factory=list["_Asked"])
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    batch: Batch | None = None
    sending: asyncio.Task[Exception | None] | None = None
    """One for all of them: whoever is cancelled takes it from nobody, and an outage is waited out once."""


@dataclass(eq=False)
class _Asked:
    """Where a call was asked about."""

    call: gating.Call
    name: str
    arguments: str
    until: float
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
            asked = _Asked(call, name, arguments, time.monotonic() + AGAIN)
            await self._joined(asked)
        elif asked.arguments != arguments:
            return await self._alone(call)  # an id that is used twice: what is decided is not about this call
        verdict = await self._decided(call, asked)
        # A card that never came before people is not waited for again.
        kept = named if verdict.kind != "away" or asked.turn is None else asked.waits
        if not kept and self._asked.get(name) is asked:
            del self._asked[name]
        return verdict

    def _known(self, name: str, *, named: bool) -> _Asked | None:
        asked = self._asked.get(name)
        if asked is not None and not named and asked.until < time.monotonic():
            del self._asked[name]
            return None
        return asked

    # ── who comes together ───────────────────────────────────────────────────────────────────────

    async def _joined(self, asked: _Asked) -> None:
        """Until it is known with whom a call has come."""
        whose = (asked.call.run_id, asked.call.fields.get("agent"))
        turn = self._coming.get(whose)
        if turn is None:
            turn = self._coming[whose] = _Turn()
            self._tick(whose, TURNS)
        turn.asked.append(asked)
        try:
            await turn.closed.wait()
        except asyncio.CancelledError:
            if not turn.closed.is_set():
                turn.asked.remove(asked)  # taken back before anybody was asked
            raise

    def _tick(self, whose: Whose, left: int) -> None:
        if left:
            asyncio.get_running_loop().call_soon(self._tick, whose, left - 1)
            return
        turn = self._coming.pop(whose)
        ids = Counter(asked.call.call_id for asked in turn.asked)
        rows = [asked for asked in turn.asked if ids[asked.call.call_id] == 1]
        try:
            if len(rows) > 1:
                turn.batch = gating.batch_of(self._gate, [asked.call for asked in rows])
                turn.sending = asyncio.create_task(_sent(turn.batch))
                for row, asked in enumerate(rows):
                    asked.turn, asked.row = turn, row
        except Exception as error:  # noqa: BLE001  # what is wrong with one is found where each is asked about alone
            log.warning("calls could not be asked about together: %s", where(error))
        for asked in turn.asked:  # here and not where they wait: a call may be cancelled, or come again, before that
            self._asked.setdefault(asked.name, asked)  # what came together with its like has a row of its own
        while len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
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
