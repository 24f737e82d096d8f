"""The HTTP session of this chat and the tokens for outgoing calls. No redirects, no call without a time-out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import aiohttp

from signoff.errors import ChatError
from signoff_teams.settings import TeamsSettings

TIMEOUT = aiohttp.ClientTimeout(total=10, connect=5)
"""Seconds for one call; the relay gives a whole post 15."""
EARLY = 300.0
"""Seconds before its end at which a token is renewed."""


@dataclass(slots=True)
class _Held:
    """One token, and when it has to be renewed (monotonic seconds)."""

    text: str = ""
    renew_at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Access:
    """One session per process, opened with the first call."""

    def __init__(self, settings: TeamsSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None
        self._held: dict[tuple[str, str], _Held] = {}
        """(token endpoint, scope) → the token; the Bot Connector and Graph take none but their own."""

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar())
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def document(self, url: str) -> object:
        """GET a JSON document. Raises ConnectionError."""
        try:
            async with self.session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    raise ConnectionError(f"{url} answers {response.status}")
                return cast("object", json.loads(await response.read()))
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise ConnectionError(f"{url}: {type(error).__name__}") from error

    async def token(self) -> str:
        """A bearer token for the Bot Connector; "" in anonymous mode without an app. Raises ChatError."""
        return await self._token(self._settings.login_url, self._settings.oauth_scope)

    async def graph_token(self, tenant: str) -> str:
        """A bearer token for that tenant's Graph; "" without an app. Raises ChatError."""
        return await self._token(self._settings.graph_login(tenant), self._settings.graph_scope)

    def drop_token(self) -> None:
        """The Bot Connector refused it: the next call asks for a new one."""
        self._drop(self._settings.login_url, self._settings.oauth_scope)

    def drop_graph_token(self, tenant: str) -> None:
        """As `drop_token`, for Graph."""
        self._drop(self._settings.graph_login(tenant), self._settings.graph_scope)

    def _drop(self, login: str, scope: str) -> None:
        if (held := self._held.get((login, scope))) is not None:
            held.renew_at = 0.0

    async def _token(self, login: str, scope: str) -> str:
        if not self._settings.app_id:
            return ""
        held = self._held.setdefault((login, scope), _Held())
        if time.monotonic() >= held.renew_at:
            async with held.lock:
                if time.monotonic() >= held.renew_at:
                    await self._renew(held, login, scope)
        return held.text

    async def _renew(self, held: _Held, login: str, scope: str) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.app_id,
            "client_secret": self._settings.app_password.get_secret_value(),
            "scope": scope,
        }
        try:
            async with self.session.post(login, data=form, allow_redirects=False) as response:
                status = response.status
                body = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            reason = f"the token endpoint {login} does not answer ({type(error).__name__})."
            raise ChatError(reason=reason) from error
        answer = cast("Mapping[str, object]", body) if isinstance(body, dict) else {}
        token, life = answer.get("access_token"), answer.get("expires_in", 3600)
        if status != 200 or not isinstance(token, str):
            raise ChatError(reason=_refusal(status, answer))
        seconds = float(life) if isinstance(life, int | float | str) and str(life).isdigit() else 3600.0
        held.text = token
        held.renew_at = time.monotonic() + max(seconds - EARLY, seconds / 2)


def _refusal(status: int, answer: Mapping[str, object]) -> str:
    error = answer.get("error")
    if error == "invalid_client":
        return "Microsoft refuses the app's password; set a valid client secret in TEAMS_APP_PASSWORD."
    if error == "unauthorized_client":
        return "Microsoft does not know this app in this tenant; check TEAMS_APP_ID and TEAMS_TENANT_ID."
    return f"the token endpoint answers {status} ({str(error)[:100]}); check the TEAMS_ settings."
