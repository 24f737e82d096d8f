"""Who calls `/api/messages`: our own verification, in front of botbuilder (I26).

botbuilder 4.17.1 takes tokens without `exp`, answers 500 to garbage, refuses a new signing key until a day has passed
and fetches keys without a time-out. So nothing reaches it that has not been verified here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import cast

import jwt
from jwt.algorithms import RSAAlgorithm

from signoff_teams.parse import channel_of, service_url_of, tenant_of
from signoff_teams.settings import TeamsSettings, callable_url

CHANNEL = "msteams"
LEEWAY = timedelta(minutes=1)
"""Clocks that differ. Bot Framework's documents tolerate 5 minutes; machines with NTP need far less."""
REPLAY_WINDOW = timedelta(minutes=5)
"""An activity that says it is older than this is a replay."""
KEYS_LIFE = 24 * 3600.0
"""Seconds until the keys are fetched anew ("cache for no more than 24 hours", Bot Connector authentication)."""
REFETCH = 10.0
"""Seconds at least between two fetches, so that unknown key ids cannot make us hammer the key server."""

Fetch = Callable[[str], Awaitable[object]]
"""GETs a JSON document. Raises ConnectionError."""


class Forged(Exception):
    """This call does not come from Teams for this bot; the text says what is wrong, for the log only."""


@dataclass(frozen=True, slots=True)
class _SigningKey:
    public: object
    endorsements: frozenset[str]


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose signature, issuer, audience and times hold."""

    service_url: str
    endorsements: frozenset[str]


class SigningKeys:
    """Bot Framework's published keys, cached. An unknown key id fetches them anew, at most every REFETCH seconds."""

    def __init__(self, metadata_url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._metadata_url = metadata_url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str, _SigningKey] = {}
        self._tried = float("-inf")
        self._fetched = float("-inf")
        self._lock = asyncio.Lock()

    async def get(self, kid: str) -> _SigningKey | None:
        """Raises ConnectionError when there are no keys and none can be fetched."""
        now = self._clock()
        if kid not in self._keys or now - self._fetched > KEYS_LIFE:
            async with self._lock:
                stale = kid not in self._keys or now - self._fetched > KEYS_LIFE
                if stale and self._clock() - self._tried >= REFETCH:
                    try:
                        await self.refresh()
                    except ConnectionError:
                        if not self._keys:
                            raise
        return self._keys.get(kid)

    async def refresh(self) -> None:
        """Fetch metadata and keys. Raises ConnectionError."""
        self._tried = self._clock()
        metadata = _mapping(await self._fetch(self._metadata_url))
        jwks_uri = metadata.get("jwks_uri")
        if not isinstance(jwks_uri, str) or not callable_url(jwks_uri):
            raise ConnectionError(f"{self._metadata_url} names no usable jwks_uri")
        found: dict[str, _SigningKey] = {}
        keys = _mapping(await self._fetch(jwks_uri)).get("keys")
        for item in cast("list[object]", keys) if isinstance(keys, list) else []:
            jwk = _mapping(item)
            kid, endorsements = jwk.get("kid"), jwk.get("endorsements")
            if not isinstance(kid, str) or jwk.get("kty") != "RSA":
                continue
            try:
                public = RSAAlgorithm.from_jwk(dict(jwk))
            except (jwt.PyJWTError, ValueError):
                continue
            names = cast("list[object]", endorsements) if isinstance(endorsements, list) else []
            found[kid] = _SigningKey(public, frozenset(name for name in names if isinstance(name, str)))
        self._keys = found
        self._fetched = self._clock()


class Verifier:
    """Checks a token, and that the activity it came with is the one it was issued for."""

    def __init__(self, settings: TeamsSettings, keys: SigningKeys) -> None:
        self._settings = settings
        self._keys = keys

    async def token(self, header: str | None) -> Token:
        """The `Authorization` header's token. Raises Forged."""
        scheme, _, encoded = (header or "").partition(" ")
        if scheme.lower() != "bearer" or not encoded:
            raise Forged("there is no bearer token")
        try:
            kid = jwt.get_unverified_header(encoded).get("kid")
            key = await self._keys.get(kid) if isinstance(kid, str) else None
            if key is None:
                raise Forged("the token names a key that Bot Framework has not published")
            claims = cast(
                "dict[str, object]",
                jwt.decode(
                    encoded,
                    key.public,  # type: ignore[arg-type]  # PyJWT's own key type, from its own parser
                    algorithms=["RS256"],
                    issuer=self._settings.token_issuer,
                    audience=self._settings.app_id,
                    leeway=LEEWAY,
                    options={"require": ["exp", "iss", "aud"], "strict_aud": True},
                ),
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            # PyJWT lets a few Python errors through for claims of the wrong type.
            raise Forged(f"the token does not hold: {type(error).__name__}") from error
        except ConnectionError as error:
            raise Forged(f"the signing keys cannot be fetched: {error}") from error
        service_url = claims.get("serviceurl", claims.get("serviceUrl"))
        if not isinstance(service_url, str):
            raise Forged("the token has no serviceurl claim")
        return Token(service_url, key.endorsements)

    def activity(self, token: Token | None, activity: Mapping[str, object], now: datetime | None = None) -> None:
        """That this activity belongs to the token; None: anonymous mode. Raises Forged."""
        service_url = service_url_of(activity)
        if not self._settings.allows(service_url):
            raise Forged(f"the service URL {service_url[:200]!r} is not in TEAMS_SERVICE_URLS")
        if token is not None:
            if token.service_url != service_url:
                raise Forged("the activity's serviceUrl is not the token's")
            channel = channel_of(activity)
            if channel != CHANNEL or channel not in token.endorsements:
                raise Forged(f"the signing key is not endorsed for the channel {channel[:40]!r}")
        tenant = tenant_of(activity)
        if tenant is None:
            raise Forged("the activity names no tenant, or two")
        ours = self._settings.tenant_id
        if ours is not None and tenant.lower() != ours.lower():
            raise Forged("the activity comes from another tenant")
        sent = _moment(activity.get("timestamp"))
        if sent is not None and abs((now or datetime.now(UTC)) - sent) > REPLAY_WINDOW:
            raise Forged("the activity is a replay: it was sent more than five minutes ago")


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
