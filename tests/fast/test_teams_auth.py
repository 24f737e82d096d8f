"""Who may call `/api/messages`."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from signoff_sim.teams.keys import SigningKey
from signoff_teams import plugin
from signoff_teams.auth import REFETCH, Forged, SigningKeys, Verifier
from signoff_teams.settings import TeamsSettings

APP = "22222222-2222-4222-8222-222222222222"
TENANT = "11111111-1111-4111-8111-111111111111"
SERVICE = "https://smba.trafficmanager.net/teams/"
METADATA = "https://login.botframework.com/v1/.well-known/openidconfiguration"


def read() -> TeamsSettings:
    found = plugin.settings({"TEAMS_APP_ID": APP, "TEAMS_APP_PASSWORD": "p", "TEAMS_TENANT_ID": TENANT})
    assert found is not None
    return found


class KeyServer:
    """Bot Framework's documents, in memory."""

    def __init__(self) -> None:
        self.keys = [SigningKey()]
        self.fetched = 0
        self.away = False
        self.endorsements = ["msteams"]

    async def fetch(self, url: str) -> object:
        if self.away:
            raise ConnectionError("away")
        if url == METADATA:
            self.fetched += 1
            return {"jwks_uri": "https://login.botframework.com/v1/.well-known/keys"}
        return {"keys": [key.jwk() | {"endorsements": self.endorsements} for key in self.keys]}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def server() -> KeyServer:
    return KeyServer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def verifier(server: KeyServer, clock: Clock) -> Verifier:
    return Verifier(read(), SigningKeys(METADATA, server.fetch, clock))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {
        "iss": "https://api.botframework.com", "aud": APP, "nbf": now - 300, "exp": now + 3600, "serviceurl": SERVICE,
    }  # fmt: skip
    return {name: value for name, value in (base | changes).items() if value is not None}


def activity(**changes: Any) -> dict[str, Any]:
    base = {
        "type": "invoke",
        "channelId": "msteams",
        "serviceUrl": SERVICE,
        "timestamp": datetime.now(UTC).isoformat(),
        "conversation": {"id": "19:x", "tenantId": TENANT},
        "channelData": {"tenant": {"id": TENANT}},
    }
    return base | changes


async def test_an_honest_call_is_taken(server: KeyServer, verifier: Verifier) -> None:
    """A token of a published key, for this bot, with its own activity, passes."""
    token = await verifier.token("Bearer " + server.keys[0].sign(claims()))
    verifier.activity(token, activity())


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"exp": 1000},
        {"exp": "soon"},
        {"nbf": int(time.time()) + 3600},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-app"},
        {"aud": None},
        {"aud": [APP, "another-app"]},
        {"serviceurl": None},
        {"serviceurl": 7},
    ],
)
async def test_i26_tokens_with_wrong_claims_are_refused(
    server: KeyServer, verifier: Verifier, changes: dict[str, Any]
) -> None:
    """Without expiry, expired, not yet valid, of another issuer, for another bot, without service URL: refused."""
    with pytest.raises(Forged):
        await verifier.token("Bearer " + server.keys[0].sign(claims(**changes)))


async def test_i26_unsigned_and_forged_tokens_are_refused(server: KeyServer, verifier: Verifier) -> None:
    """No token, garbage, `alg: none`, a key of one's own, an HMAC with the public key, a changed payload: refused."""
    good = server.keys[0].sign(claims())
    kid = {"kid": server.keys[0].kid}
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    head, body, signature = good.split(".")
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic " + good,
        "Bearer x.y.z",
        "Bearer ..",
        "Bearer " + "é" * 20,
        "Bearer " + jwt.encode(claims(), None, algorithm="none", headers=kid),
        "Bearer " + jwt.encode(claims(), own, algorithm="RS256", headers=kid),
        "Bearer " + jwt.encode(claims(), own, algorithm="RS256", headers={"kid": "unknown"}),
        "Bearer " + jwt.encode(claims(), own, algorithm="RS256"),
        "Bearer " + jwt.encode(claims(), "x" * 64, algorithm="HS256", headers=kid),
        "Bearer " + ".".join((head, jwt.encode(claims(aud="x"), "x" * 64, algorithm="HS256").split(".")[1], signature)),
        "Bearer " + ".".join((head, body, signature[:-8] + "AAAAAAAA")),
    ):
        with pytest.raises(Forged):
            await verifier.token(header)


@pytest.mark.parametrize(
    "changes",
    [
        {"serviceUrl": "https://smba.infra.gcc.teams.microsoft.com/teams/"},
        {"serviceUrl": "https://evil.example/"},
        {"serviceUrl": None},
        {"channelId": "webchat"},
        {"channelId": None},
        {"conversation": {"id": "19:x", "tenantId": "other"}, "channelData": {"tenant": {"id": "other"}}},
        {"conversation": {"id": "19:x", "tenantId": "other"}},
        {"conversation": {"id": "19:x"}, "channelData": {}},
        {"conversation": 7, "channelData": []},
        {"timestamp": (datetime.now(UTC) - timedelta(minutes=6)).isoformat()},
        {"timestamp": "2026-01-01T00:00:00.1234567Z"},
    ],
)
async def test_i26_activities_that_are_not_the_tokens_are_refused(
    server: KeyServer, verifier: Verifier, changes: dict[str, Any]
) -> None:
    """Another service URL, channel or tenant than the token's and ours, or an old activity: refused."""
    token = await verifier.token("Bearer " + server.keys[0].sign(claims()))
    with pytest.raises(Forged):
        verifier.activity(token, activity(**changes))


async def test_i26_a_key_endorsed_for_other_channels_is_refused(server: KeyServer, verifier: Verifier) -> None:
    """A key that may not sign for Teams does not sign for Teams."""
    server.endorsements = ["webchat"]
    token = await verifier.token("Bearer " + server.keys[0].sign(claims()))
    with pytest.raises(Forged):
        verifier.activity(token, activity())


async def test_a_new_signing_key_is_fetched_at_once(server: KeyServer, verifier: Verifier, clock: Clock) -> None:
    """After a rotation the first call with the new key is taken; known keys are not fetched again."""
    await verifier.token("Bearer " + server.keys[0].sign(claims()))
    await verifier.token("Bearer " + server.keys[0].sign(claims()))
    assert server.fetched == 1
    server.keys.append(SigningKey())
    clock.now += REFETCH
    await verifier.token("Bearer " + server.keys[1].sign(claims()))
    assert server.fetched == 2


async def test_unknown_keys_do_not_make_us_hammer_the_key_server(
    server: KeyServer, verifier: Verifier, clock: Clock
) -> None:
    """However many forged key ids arrive, keys are fetched at most once per interval."""
    for _ in range(5):
        with pytest.raises(Forged):
            await verifier.token("Bearer " + SigningKey().sign(claims()))
    assert server.fetched == 1


async def test_the_key_server_away_refuses_unless_the_keys_are_known(
    server: KeyServer, verifier: Verifier, clock: Clock
) -> None:
    """Without keys nothing passes; with cached keys calls pass although the key server is away for days."""
    server.away = True
    token = "Bearer " + server.keys[0].sign(claims())
    with pytest.raises(Forged):
        await verifier.token(token)
    server.away = False
    clock.now += REFETCH
    await verifier.token(token)
    server.away = True
    clock.now += 48 * 3600
    await verifier.token(token)
