"""Standing orders in Redis, and the conditions that records are written under."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from signoff.audit import Entry
from signoff.ports import NOTHING, Conditions, Space, Swap
from signoff.store import record
from signoff.store.redis import scripts
from signoff.store.redis.line import Line, writer
from signoff.store.redis.names import Names


class RedisOrders:
    """`ports.Orders`."""

    _line: Line
    _names: Names

    async def orders(self, space: Space) -> Mapping[str, str]:
        flat = cast("list[str]", await self._line.call("HGETALL", self._names.orders(space)))
        return dict(zip(flat[::2], flat[1::2], strict=True))

    async def order(self, space: Space, id: str) -> str | None:
        return cast("str | None", await self._line.call("HGET", self._names.orders(space), id))

    async def change(self, swap: Swap, entry: Entry) -> bool:
        names = self._names
        keys = (names.orders(swap.space), names.made(writer()), names.chain, names.audit)
        return await self._line.run(scripts.CHANGE, keys, *_swapped(swap), entry.body, entry.body_hash) == 1


def conditioned(names: Names, conditions: Conditions) -> tuple[tuple[str, ...], tuple[str | int, ...]]:
    """KEYS and ARGV of `lua/_conditions.lua`."""
    if conditions is NOTHING:
        return (), ()
    thawed, swap, spend, absent = conditions.thawed, conditions.swap, conditions.spend, conditions.absent
    keys: list[str] = [] if absent is None else [names.memory(*absent)]
    args: list[str | int] = [int(absent is not None), len(thawed), int(swap is not None), int(spend is not None)]
    args += thawed
    if thawed:
        keys.append(names.orders("freezes"))
    if swap is not None:
        keys.append(names.orders(swap.space))
        args += _swapped(swap)
    if spend is not None:
        keys.append(names.budget(spend.budget))
        args += ("" if number is None else number for number in record.taken(spend))
    return tuple(keys), tuple(args)


def _swapped(swap: Swap) -> tuple[str, str, str]:
    return swap.id, _text(swap.before), _text(swap.after)


def _text(text: str | None) -> str:
    """An empty text is a text too."""
    return "" if text is None else f"={text}"
