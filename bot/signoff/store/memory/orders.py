"""Standing orders, budgets and the audit chain in memory."""

from __future__ import annotations

from collections.abc import Mapping

from signoff import audit
from signoff.audit import Entry, Line
from signoff.errors import BudgetSpent, Overtaken, Remembered
from signoff.model import Spend
from signoff.ports import Conditions, Space, Swap
from signoff.store import record
from signoff.store.memory.shelf import Purse, Shelf


class MemoryOrders(Shelf):
    """`ports.Orders`, and `lua/_chain.lua` and `lua/_conditions.lua` for records."""

    async def orders(self, space: Space) -> Mapping[str, str]:
        return dict(self._orders.get(space, {}))

    async def order(self, space: Space, id: str) -> str | None:
        return self._orders.get(space, {}).get(id)

    async def change(self, swap: Swap, entry: Entry) -> bool:
        if not self._stands(swap):
            return False
        self._put(swap)
        self._chain(entry, self._ms())
        return True

    def _chain(self, entry: Entry, now: int) -> None:
        seq, previous = len(self._lines) + 1, self._lines[-1].link if self._lines else audit.GENESIS
        self._lines.append(Line(seq, now, entry.body, audit.link(previous, seq, now, entry.body_hash)))

    def _take(self, conditions: Conditions, now: int) -> None:
        """Raises Remembered, CallFrozen, Overtaken or BudgetSpent; then nothing was taken."""
        if conditions.absent is not None and self._remembered(*conditions.absent) is not None:
            raise Remembered
        freezes = self._orders.get("freezes", {})
        for freeze in conditions.thawed:
            if freeze in freezes:
                raise record.frozen(freezes[freeze])
        if conditions.swap is not None and not self._stands(conditions.swap):
            raise Overtaken
        if conditions.spend is not None:
            self._spend(conditions.spend, now)
        if conditions.swap is not None:
            self._put(conditions.swap)

    def _stands(self, swap: Swap) -> bool:
        return self._orders.get(swap.space, {}).get(swap.id) == swap.before

    def _put(self, swap: Swap) -> None:
        orders = self._orders.setdefault(swap.space, {})
        if swap.after is None:
            orders.pop(swap.id, None)
        else:
            orders[swap.id] = swap.after

    def _spend(self, spend: Spend, now: int) -> None:
        window, amount, calls, limit = record.taken(spend)
        purse = self._purses.setdefault(spend.budget, Purse())
        entries = purse.entries
        while entries and entries[0][0] <= now - window:
            purse.sum -= entries.popleft()[1]
        if (calls is not None and len(entries) >= calls) or (limit is not None and purse.sum + amount > limit):
            raise BudgetSpent
        entries.append((now, amount))
        purse.sum += amount
