"""RFC 8785 canonical JSON → SHA-256, and signed receipts. Pure: no file, no network, no clock.

RFC 8785 knows doubles only. Numbers that a double cannot hold (integers beyond ±(2⁵³−1), longer decimals) are written
out exactly, so that two different amounts never share a digest; for all others the form is RFC 8785's, byte for byte.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from json.encoder import encode_basestring  # quotes per RFC 8259, leaves non-ASCII as it is
from typing import cast

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signoff.model import DecidedBy, End

SAFE_INTEGER = 2**53 - 1
RECEIPT_LIFE = timedelta(hours=24)
"""How long an approval may be consumed after the decision."""


def canonical(value: object) -> str:
    """Canonical JSON text. Raises ValueError for what JSON cannot hold (NaN, lone surrogates, non-string keys)."""
    out: list[str] = []
    _write(value, out)
    return "".join(out)


def _write(value: object, out: list[str]) -> None:
    if isinstance(value, str):
        out.append(_string(value))
    elif value is None or isinstance(value, bool):
        out.append("null" if value is None else "true" if value else "false")
    elif isinstance(value, int):
        out.append(str(value) if -SAFE_INTEGER <= value <= SAFE_INTEGER else _exact(Decimal(value)))
    elif isinstance(value, float):
        out.append(_double(value))
    elif isinstance(value, Decimal):
        out.append(_decimal(value))
    elif isinstance(value, Mapping):
        out.append("{")
        items = cast("Mapping[object, object]", value).items()
        for index, (key, item) in enumerate(sorted(items, key=_utf16)):
            out.append(f"{',' if index else ''}{_string(key)}:")
            _write(item, out)
        out.append("}")
    elif isinstance(value, list | tuple):
        out.append("[")
        for index, item in enumerate(cast("list[object]", value)):
            if index:
                out.append(",")
            _write(item, out)
        out.append("]")
    else:
        raise ValueError(f"{type(value).__name__} is not JSON")


def _utf16(item: tuple[object, object]) -> bytes:
    if not isinstance(item[0], str):
        raise ValueError("object keys must be strings")
    return item[0].encode("utf-16-be", "surrogatepass")


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("object keys must be strings")
    if not value.isascii():
        value.encode()  # raises UnicodeEncodeError, a ValueError, for lone surrogates
    return encode_basestring(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError("NaN and infinities are not JSON")
    if value == value.to_integral_value() and abs(value) <= SAFE_INTEGER:
        return str(int(value))
    near = float(value)
    if not math.isinf(near) and Decimal(repr(near)) == value:
        return _double(near)
    return _exact(value)


def _exact(value: Decimal) -> str:
    near = float(value) if abs(value.adjusted()) < 300 else math.inf
    if not math.isinf(near) and Decimal(repr(near)) == value:
        return _double(near)  # a double whose shortest form is exactly this number, e.g. 2⁶⁰·10
    sign, digits, exponent = value.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    power = int(exponent) + len(text) - len(stripped)
    # One spelling a value: all significant digits, then the power of ten.
    return f"{'-' if sign else ''}{stripped}" + (f"e{'+' if power > 0 else ''}{power}" if power else "")


def _double(value: float) -> str:
    """ECMAScript's Number::toString, from Python's shortest repr."""
    if math.isnan(value) or math.isinf(value):
        raise ValueError("NaN and infinities are not JSON")
    if value == 0:
        return "0"
    sign, digit_tuple, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, digit_tuple)).rstrip("0") or "0"
    power = int(exponent) + len(digit_tuple)  # the decimal point stands after `power` digits
    count = len(digits)
    if count <= power <= 21:
        text = digits + "0" * (power - count)
    elif 0 < power <= 21:
        text = f"{digits[:power]}.{digits[power:]}"
    elif -6 < power <= 0:
        text = "0." + "0" * -power + digits
    else:
        shown = power - 1
        mantissa = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
        text = f"{mantissa}e{'+' if shown >= 0 else '-'}{abs(shown)}"
    return f"-{text}" if sign else text


def digest(tool: str, arguments: Mapping[str, object], agent: str | None, on_behalf_of: str | None) -> str:
    """`sha256:` + hex over the canonical JSON of {tool, arguments, agent, on_behalf_of}; absent ones are null."""
    text = canonical({"tool": tool, "arguments": arguments, "agent": agent, "on_behalf_of": on_behalf_of})
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def body_digest(value: object) -> str:
    """SHA-256 (hex) over canonical JSON: tells whether a replayed body is the same."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class Signer:
    """Signs receipts with one Ed25519 key. `kid` is the RFC 7638 thumbprint of the public key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        self._x = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        thumb = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": self._x}, separators=(",", ":"), sort_keys=True)
        self.kid = base64.urlsafe_b64encode(hashlib.sha256(thumb.encode()).digest()).rstrip(b"=").decode()

    @classmethod
    def generate(cls) -> Signer:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_text(cls, text: str) -> Signer:
        """A PEM private key, or the 32-byte seed in base64 (standard or URL-safe). Raises ValueError."""
        if "BEGIN" in text:
            try:
                key = serialization.load_pem_private_key(text.replace("\\n", "\n").encode(), password=None)
            except (ValueError, TypeError, UnsupportedAlgorithm):
                raise ValueError("the PEM text is damaged, or locked with a password") from None
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError("it is not an Ed25519 key")
            return cls(key)
        padded = text.strip() + "=" * (-len(text.strip()) % 4)
        seed = base64.urlsafe_b64decode(padded.replace("+", "-").replace("/", "_"))
        if len(seed) != 32:
            raise ValueError(f"it holds {len(seed)} bytes, not 32")
        return cls(Ed25519PrivateKey.from_private_bytes(seed))

    def seed(self) -> str:
        """The secret seed in URL-safe base64, as `from_text` takes it."""
        raw = self._key.private_bytes(
            serialization.Encoding.Raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        return base64.urlsafe_b64encode(raw).decode()

    def webhook_secret(self, key_id: str) -> str:
        """What webhooks about an agent key's requests are signed with, as Standard Webhooks writes secrets.

        Each key has its own, or one agent could forge what another is told. None tells anything of the signing key.
        """
        seed = base64.urlsafe_b64decode(self.seed())
        derived = hmac.digest(seed, f"signoff webhook {key_id}".encode(), "sha256")
        return "whsec_" + base64.b64encode(derived).decode()

    def jwk(self) -> dict[str, str]:
        """The public key as published in `/.well-known/jwks.json`."""
        return {"kty": "OKP", "crv": "Ed25519", "x": self._x, "kid": self.kid, "alg": "EdDSA", "use": "sig"}

    def receipt(
        self, request_id: str, digest: str, kind: End, decided_by: tuple[DecidedBy, ...], rule: str, at: datetime
    ) -> str:
        """A JWS (compact, EdDSA): claims `sub` request, `digest`, `kind`, `by`, `rule`, `iat`, `exp`."""
        issued = int(at.timestamp())
        return self.sign(
            {
                "iss": "signoff",
                "sub": request_id,
                "digest": digest,
                "kind": kind,
                "by": [who.person or f"rule:{who.rule}" for who in decided_by],
                "rule": rule,
                "iat": issued,
                "exp": issued + int(RECEIPT_LIFE.total_seconds()),
            }
        )

    def sign(self, claims: dict[str, object]) -> str:
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self.kid})


def verify(token: str, jwks: Mapping[str, object], *, check_expiry: bool = True) -> dict[str, object]:
    """The claims of a JWS signed by one of the published keys. Raises ValueError."""
    try:
        kid = jwt.get_unverified_header(token).get("kid")
        keys = cast("list[dict[str, str]]", jwks["keys"])
        jwk = next(key for key in keys if key["kid"] == kid)
        raw = base64.urlsafe_b64decode(jwk["x"] + "=" * (-len(jwk["x"]) % 4))
        public = Ed25519PublicKey.from_public_bytes(raw)
        return jwt.decode(token, public, algorithms=["EdDSA"], options={"verify_exp": check_expiry})
    except StopIteration:
        raise ValueError("it was signed with another key than those published") from None
    except (jwt.PyJWTError, KeyError, ValueError) as error:
        raise ValueError(f"the signature does not hold: {error}") from error
