"""Requests whose time has passed end, also when nobody looks at them. Every replica sweeps; each ends once."""

from __future__ import annotations

import asyncio

import structlog

from signoff.desk import Desk
from signoff.errors import NotFound, StoreUnavailable, where
from signoff.ports import Store

SWEEP = 1.0
"""Seconds between looks for overdue requests."""
BATCH = 100

log = structlog.get_logger("signoff.relay")


async def sweep(store: Store, desk: Desk) -> None:
    """For ever."""
    while True:
        expired = 0
        try:
            for request_id in await store.overdue(BATCH):
                expired += await _expired(desk, request_id)
        except StoreUnavailable:
            pass
        except Exception as error:  # noqa: BLE001 - a sweeper that dies would leave requests open
            log.error("sweeper failed", fault=where(error))
        if expired < BATCH:
            await asyncio.sleep(SWEEP)


async def _expired(desk: Desk, request_id: str) -> bool:
    try:
        await desk.expire(request_id)
    except NotFound:
        return False
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one record that cannot be read must not keep all others open
        log.error("a request cannot be ended", request=request_id, fault=where(error))
        return False
    return True
