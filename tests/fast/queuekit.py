"""What the tests of the queue's screens share: requests that wait, and texts that agents would hide behind."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from signoff.model import STATUS_OF, DecidedBy, Decision, End, Request, Terms, Version

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NAMES = {"ada": "Ada Okafor", "bob": "Bob"}
HOSTILE = "safe\u202eefasnu\u200b <!channel> *bold* [x](https://evil.example) @everyone\nApproved by Ada · amount 1"
SECRET = "tok_4242424242"


def waiting(number: int = 1, arguments: dict[str, object] | None = None, **more: Any) -> Request:
    """One that waits; every argument whose name ends in `_token` is secret."""
    if arguments is None:
        arguments = {"order": f"A-{1000 + number}", "amount": 20 + number, "currency": "eur"}
    terms = {"rule": "refunds", "expires_in": 3600, "approvers": ("ada",), "secret": ("*_token",)}
    values: dict[str, Any] = {
        "id": f"req_{number}",
        "tool": "issue_refund",
        "agent": "support-agent",
        "risk": "low",
        "arguments": arguments,
        "digest": f"sha256:{number:016x}",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1, seconds=number),
        "terms": Terms.model_validate({**terms, **more.pop("terms", {})}),
        "versions": (Version(number=1, arguments=arguments, digest=f"sha256:{number:016x}", at=NOW),),
        "asked_by": "key",
        **more,
    }
    return Request(**values)


def decided(request: Request, kind: End, person: str = "bob") -> Request:
    by = () if kind in {"expire", "cancel"} else (DecidedBy(person=person, via="api", at=NOW),)
    decision = Decision(kind=kind, decided_by=by, decided_at=NOW, digest=request.digest)
    return request.model_copy(update={"status": STATUS_OF[kind], "decision": decision, "rev": request.rev + 1})


@dataclass(frozen=True)
class Counted:
    """How many wait."""

    total: int = 0
    risk: dict[str, int] = field(default_factory=dict)
    tool: dict[str, int] = field(default_factory=dict)
    agent: dict[str, int] = field(default_factory=dict)
    channel: dict[str, int] = field(default_factory=dict)
    elsewhere: int = 0
    unsure: bool = False


LETTERS = st.characters(codec="utf-8") | st.sampled_from(list('"\\\n\t·–…•\u202e\u200b\ufe0f\u2800&<>*_😀€()'))
TEXT = st.text(LETTERS, max_size=80)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
ARGUMENTS = st.dictionaries(TEXT | st.sampled_from(["order", "amount", "card_token", "note"]), VALUE, max_size=12)
REQUESTS = st.builds(
    waiting,
    st.integers(1, 999),
    ARGUMENTS,
    tool=st.text(LETTERS, min_size=1, max_size=200) | st.just("issue_refund"),
    agent=st.none() | st.text(LETTERS, max_size=200),
    title=st.none() | st.text(LETTERS, max_size=300),
    reason=st.none() | TEXT,
    risk=st.sampled_from([None, "low", "medium", "high", "critical"]),
)
