"""Amounts as budgets count them: whole millionths, which every store adds up exactly."""

from __future__ import annotations

from decimal import Decimal

MILLION = 1_000_000
MOST = 2**53
"""Millionths; Redis' numbers hold integers exactly up to here. Some nine thousand million whole units."""


def millionths(value: object) -> int:
    """A number as whole millionths, exactly. Raises ValueError, whose text is the part of a sentence after "because";
    it quotes no value (I13)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("its amount is not a number")
    exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not exact.is_finite():
        raise ValueError("its amount is not a number")
    if exact < 0:
        raise ValueError("its amount is negative")
    if exact > MOST // MILLION:
        raise ValueError("its amount is too large to be counted exactly")
    if exact and exact.adjusted() < -6:
        raise ValueError("its amount has more than six decimal places")
    if (shifted := exact.scaleb(6)) != shifted.to_integral_value():
        raise ValueError("its amount has more than six decimal places")
    return int(shifted)


def written(amount: int) -> str:
    """Millionths as people write the number: 500, 0.5."""
    return f"{Decimal(amount).scaleb(-6).normalize():f}"
