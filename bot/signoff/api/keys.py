"""API keys: `so_<key id>_<secret>`. Pure. The store holds only the SHA-256 of the secret (I29)."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import datetime
from typing import Literal

from signoff.model import Key

Role = Literal["agent", "approver", "admin"]

SECRET_BYTES = 32
"""256 random bits: a fast hash is enough, there is nothing to guess."""
ID_BYTES = 6

_KEY = re.compile(r"so_([0-9a-f]{12})_([A-Za-z0-9_-]{20,100})", re.ASCII)


def make(
    role: Role, name: str, at: datetime, *, person: str | None = None, owner: str | None = None
) -> tuple[str, Key]:
    """A new key: its text, which exists only here, and its record.

    `person`: whom an approver key decides as. `owner`: the human behind an agent key, who cannot approve what it asks.
    """
    secret = secrets.token_urlsafe(SECRET_BYTES)
    record = Key(
        id=secrets.token_hex(ID_BYTES),
        role=role,
        name=name,
        person=person,
        owner=owner,
        secret_hash=hash_secret(secret),
        created_at=at,
    )
    return f"so_{record.id}_{secret}", record


def parse(text: str) -> tuple[str, str] | None:
    """The key's id and secret; None when it is not a key at all."""
    found = _KEY.fullmatch(text)
    return (found[1], found[2]) if found else None


def hash_secret(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def holds(key: Key | None, secret: str) -> bool:
    """Is this the secret of a key that was not revoked? Takes the same time for every wrong secret and unknown key."""
    expected = key.secret_hash if key else "0" * 64
    return secrets.compare_digest(hash_secret(secret), expected) and key is not None and key.revoked_at is None
