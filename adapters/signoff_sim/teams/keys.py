"""The keys of the simulated platform: signing what it sends, and issuing the tokens the bot calls it with."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

ISSUER = "https://api.botframework.com"
"""`iss` of everything the Bot Connector sends ("Authenticate requests with the Bot Connector API")."""
SCOPE = "https://api.botframework.com/.default"
GRAPH_SCOPE = "https://graph.microsoft.com/.default"
LIFETIME = 3600
"""Seconds a signed activity token is valid."""


class SigningKey:
    """One RSA key and its name in the JWKS."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.kid = secrets.token_hex(8)

    def jwk(self) -> dict[str, Any]:
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.kid,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
            # Bot Framework's own addition: which channels this key may sign for.
            "endorsements": ["msteams"],
        }

    def sign(self, claims: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> str:
        return jwt.encode(dict(claims), self._key, algorithm="RS256", headers={"kid": self.kid, **(headers or {})})


def claims(app_id: str, service_url: str) -> dict[str, Any]:
    """The claims of an honest activity to that app."""
    now = int(time.time())
    return {"iss": ISSUER, "aud": app_id, "nbf": now - 300, "exp": now + LIFETIME, "serviceurl": service_url}


class Tokens:
    """Access tokens for the Bot Connector and for Graph, as the login service would issue them."""

    def __init__(self, app_id: str, password: str) -> None:
        self._app_id = app_id
        self._password = password
        self.graph_scope = GRAPH_SCOPE
        """What a token for Graph is asked for; here the simulated Graph has another address."""
        self._issued: dict[str, tuple[float, str]] = {}

    def issue(self, form: Mapping[str, str], seconds: float) -> tuple[int, dict[str, Any]]:
        """Status and JSON body for one `client_credentials` request."""
        if form.get("grant_type") != "client_credentials":
            return _refusal(400, "unsupported_grant_type", "AADSTS70003: The grant type is not client_credentials.")
        if form.get("client_id") != self._app_id:
            return _refusal(400, "unauthorized_client", "AADSTS700016: There is no application with this client_id.")
        if not secrets.compare_digest(form.get("client_secret", ""), self._password):
            return _refusal(401, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
        scope = form.get("scope", "")
        if scope not in (SCOPE, self.graph_scope):
            return _refusal(400, "invalid_scope", f"AADSTS70011: The scope must be {SCOPE} or {self.graph_scope}.")
        token = secrets.token_urlsafe(32)
        self._issued[token] = (time.monotonic() + seconds, scope)
        return 200, {
            "token_type": "Bearer",
            "expires_in": int(seconds),
            "ext_expires_in": int(seconds),
            "access_token": token,
        }

    def valid(self, header: str | None, *, graph: bool = False) -> bool:
        """Whether a call may be made: with a living token that was issued for it."""
        scheme, _, token = (header or "").partition(" ")
        end, issued_for = self._issued.get(token, (0.0, ""))
        return scheme == "Bearer" and end > time.monotonic() and issued_for == (self.graph_scope if graph else SCOPE)


def _refusal(status: int, error: str, description: str) -> tuple[int, dict[str, Any]]:
    return status, {"error": error, "error_description": description}


def _base64url(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
