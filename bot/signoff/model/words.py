"""The words that everything else is said in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer

Kind = Literal["approve", "edit", "reject", "respond"]
"""What a person may decide. `edit` approves with replaced arguments; `respond` answers in the tool's place."""
End = Literal["approve", "edit", "reject", "respond", "expire", "cancel"]
Status = Literal["pending", "approved", "rejected", "responded", "expired", "cancelled"]
Risk = Literal["low", "medium", "high", "critical"]
Retry = Literal["never", "with_changes", "ask"]
"""What a rejection tells the agent: leave it, ask again with other arguments, or ask the same again later."""
Mode = Literal["enforce", "shadow", "off"]
"""`shadow` records what would have happened and asks nobody; `off` does not look at the rules at all."""

STATUS_OF: dict[End, Status] = {
    "approve": "approved",
    "edit": "approved",
    "reject": "rejected",
    "respond": "responded",
    "expire": "expired",
    "cancel": "cancelled",
}


def iso(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds: 2026-11-20T08:09:10.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]


class Frozen(BaseModel):
    """Records are stored without what is at its default: a default, once released, never changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)
