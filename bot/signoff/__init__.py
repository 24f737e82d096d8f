"""Signoff: a person approves what an AI agent is about to do."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from signoff.client import Batch, Decision, Deferred, Failure, Gate, Pending, call
    from signoff.errors import (
        AlreadyStarted,
        Cancelled,
        Doubtful,
        Expired,
        IdsReused,
        NotRun,
        NotSetUp,
        OnHold,
        Refused,
        Rejected,
        Repeated,
        SignoffError,
        Unavailable,
        Unusable,
    )

__all__ = [
    "AlreadyStarted",
    "Batch",
    "Cancelled",
    "Decision",
    "Deferred",
    "Doubtful",
    "Expired",
    "Failure",
    "Gate",
    "IdsReused",
    "NotRun",
    "NotSetUp",
    "OnHold",
    "Pending",
    "Refused",
    "Rejected",
    "Repeated",
    "SignoffError",
    "Unavailable",
    "Unusable",
    "call",
]

_CLIENT = {"Batch", "Decision", "Deferred", "Failure", "Gate", "Pending", "call"}


def __getattr__(name: str) -> object:
    # Loaded when first named: the server and the command line do not pay for the agent's side, nor the other way round.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module("signoff.client" if name in _CLIENT else "signoff.errors"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
