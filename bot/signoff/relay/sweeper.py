"""What happens to requests by the clock, also when nobody looks at them: reminders, escalations, their end.

Every replica sweeps; each timer is one compare-and-set, so it fires once. The longest overdue comes first.
"""

from __future__ import annotations

import asyncio

import structlog

from signoff.desk import Desk
from signoff.errors import NotFound, StoreUnavailable, where
from signoff.ports import Store

SWEEP = 1.0
"""Seconds between looks for what is due."""
BATCH = 100
TIDY = 60
"""Sweeps between looks for grants and delegations that have run out."""

log = structlog.get_logger("signoff.relay")


async def sweep(store: Store, desk: Desk) -> None:
    """For ever."""
    sweeps, stuck = 0, set[str]()
    while True:
        fired = 0
        try:
            if sweeps % TIDY == 0:
                await desk.orders.tidy()
            due = await store.overdue(BATCH + len(stuck))  # behind those that stay due however often they are tried
            stuck.intersection_update(due)
            for request_id in due:
                fired += await _fired(desk, request_id, stuck)
        except StoreUnavailable:
            pass
        except Exception as error:  # noqa: BLE001 - a sweeper that dies would leave requests open
            log.error("sweeper failed", fault=where(error))
        sweeps += 1
        if not fired:  # what has fired may be due for more: after an outage timers follow each other
            await asyncio.sleep(SWEEP)


async def _fired(desk: Desk, request_id: str, stuck: set[str]) -> bool:
    try:
        return await desk.tick(request_id)
    except NotFound:
        stuck.add(request_id)
        return False
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one record that cannot be read must not hold up all others
        if request_id not in stuck:
            log.error("a timer cannot fire", request=request_id, fault=where(error))
        stuck.add(request_id)
        return False
