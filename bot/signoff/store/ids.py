"""A request's id as the members of Redis' sorted sets hold it: 19 characters instead of 32, in the same order. Pure.

A pending request is a member of eight of them, and Redis keeps the text anew in each.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64
from typing import Final

HEAD: Final = "req_"
MADE = re.compile(HEAD + "[0-9a-f]{28}")
"""As the desk makes them, by time: 14 bytes."""
LENGTH: Final = 19
"""Of 14 bytes in base64, without what fills it up."""
OTHER: Final = "!"
"""Opens every other id, which is kept as it is."""
USUAL: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
# Base64 with its digits in the order of their characters keeps the order of what it encodes.
_SORTED: Final = bytes(sorted(USUAL))
_WRITE: Final = bytes.maketrans(USUAL, _SORTED)
_READ: Final = bytes.maketrans(_SORTED, USUAL)


def short(request_id: str) -> str:
    if MADE.fullmatch(request_id) is None:
        return OTHER + request_id
    return b2a_base64(bytes.fromhex(request_id[len(HEAD) :]))[:LENGTH].translate(_WRITE).decode()


def whole(short: str) -> str:
    """The id from what `short` made of it."""
    if short.startswith(OTHER):
        return short[len(OTHER) :]
    return HEAD + a2b_base64(short.encode().translate(_READ) + b"=").hex()
