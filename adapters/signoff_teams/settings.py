"""The settings of the Teams chat, checked so that a wrong one stops the boot with one sentence (I28)."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr

from signoff.errors import BadConfig

VARIABLES: Mapping[str, str] = {
    "TEAMS_APP_ID": "The bot's Microsoft app (client) id.",
    "TEAMS_APP_PASSWORD": "The bot's client secret.",
    "TEAMS_TENANT_ID": "Your Entra tenant id; needed unless TEAMS_APP_TYPE is MultiTenant.",
    "TEAMS_APP_TYPE": "SingleTenant (default) or MultiTenant, as the Azure Bot resource says.",
    "TEAMS_OPENID_METADATA_URL": "Where Bot Framework's signing keys are; only for other clouds and the simulator.",
    "TEAMS_TOKEN_ISSUER": "The issuer of Bot Framework's tokens; only for other clouds.",
    "TEAMS_LOGIN_URL": "The token endpoint for outgoing calls; only for other clouds and the simulator.",
    "TEAMS_OAUTH_SCOPE": "The scope of the token for outgoing calls; only for other clouds.",
    "TEAMS_SERVICE_URLS": "Hosts (or URLs) that outgoing calls may go to, separated by commas; default Microsoft's.",
    "TEAMS_GRAPH_URL": "Microsoft Graph, for groups and accounts; off if TEAMS_LOGIN_URL is set and this is not.",
    "SIGNOFF_TEAMS_ANONYMOUS": "1 takes unauthenticated traffic from local emulators; only when listening on loopback.",
}

OPENID_METADATA_URL = "https://login.botframework.com/v1/.well-known/openidconfiguration"
TOKEN_ISSUER = "https://api.botframework.com"  # noqa: S105 - an address
OAUTH_SCOPE = "https://api.botframework.com/.default"
"""Public cloud ("Authenticate requests with the Bot Connector API")."""
LOGIN_URL = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token"
GRAPH_URL = "https://graph.microsoft.com"
"""Public cloud; others have a host of their own ("National cloud deployments")."""
MULTI_TENANT = "botframework.com"
"""The tenant that a multi-tenant bot asks for its token."""
SERVICE_URLS = (
    "https://smba.trafficmanager.net/teams/",
    "https://smba.infra.gcc.teams.microsoft.com/teams/",
    "https://smba.infra.gov.teams.microsoft.us/teams/",
    "https://smba.infra.dod.teams.microsoft.us/teams/",
)
"""Teams' global service URLs by cloud ("Send proactive messages")."""
GUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
"""How Entra writes the ids of tenants, groups and people."""

AppType = Literal["SingleTenant", "MultiTenant"]
TYPES: Mapping[str, AppType] = {"SingleTenant": "SingleTenant", "MultiTenant": "MultiTenant"}


class TeamsSettings(BaseModel):
    """How this bot is registered, and where its calls may come from and go to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    app_id: str
    app_password: SecretStr
    app_type: AppType = "SingleTenant"
    tenant_id: str | None = None
    """None: any tenant (multi-tenant bots); people are matched by tenant and object id all the same."""
    openid_metadata_url: str = OPENID_METADATA_URL
    token_issuer: str = TOKEN_ISSUER
    login_url: str
    oauth_scope: str = OAUTH_SCOPE
    service_urls: tuple[str, ...] = SERVICE_URLS
    """Base URLs; only their scheme, host and port count for the allow-list."""
    graph_url: str | None = GRAPH_URL
    """Without a slash at the end. None: Graph is never asked."""
    anonymous: bool = False

    @property
    def graph_scope(self) -> str:
        """What a token for Graph is asked for."""
        return f"{self.graph_url}/.default"

    def graph_login(self, tenant: str) -> str:
        """Where a token for that tenant's Graph comes from: the bot's own tenant knows nothing of a customer's."""
        if self.login_url == LOGIN_URL.format(tenant=MULTI_TENANT):
            return LOGIN_URL.format(tenant=quote(tenant, safe=""))
        return self.login_url

    def is_graph(self, url: str) -> bool:
        """Whether a call belongs to the configured Graph, and so may carry its token (I27)."""
        base, bare = self.graph_url, url.partition("?")[0]
        return base is not None and bare.startswith(f"{base}/") and _origin(bare) == _origin(base)

    @property
    def default_service_url(self) -> str:
        """Where a first message goes before Teams has told us the service URL."""
        return self.service_urls[0]

    def allows(self, service_url: str) -> bool:
        """Whether outgoing calls may go there (I27)."""
        asked = _origin(service_url)
        if asked is None:
            return False
        if self.anonymous and is_loopback(asked[1]):
            return True  # emulators listen on changing ports of this machine
        if is_loopback(asked[1]) and any(_bare(url) == asked[1] for url in self.service_urls):
            return True  # this machine named as a host: simulators listen on changing ports
        return any(asked == _origin(url) for url in self.service_urls)


def read(environ: Mapping[str, str]) -> TeamsSettings | None:
    """None: Teams is not configured. Raises BadConfig."""
    given = {name: environ[name].strip() for name in VARIABLES if environ.get(name, "").strip()}
    anonymous = _anonymous(given.get("SIGNOFF_TEAMS_ANONYMOUS"), environ.get("SIGNOFF_HOST") or "127.0.0.1")
    if not given or (set(given) == {"SIGNOFF_TEAMS_ANONYMOUS"} and not anonymous):
        return None
    app_type = TYPES.get(given.get("TEAMS_APP_TYPE", "SingleTenant"))
    if app_type is None:
        raise BadConfig(
            key="TEAMS_APP_TYPE",
            fault=f'"{given["TEAMS_APP_TYPE"][:40]}" is not a type of bot that is supported.',
            mend="Use SingleTenant or MultiTenant, as the Azure Bot resource says.",
        )
    if not anonymous:
        _complete(given, app_type)
    tenant = given.get("TEAMS_TENANT_ID")
    login = LOGIN_URL.format(tenant=tenant if app_type == "SingleTenant" and tenant else MULTI_TENANT)
    return TeamsSettings(
        app_id=given.get("TEAMS_APP_ID", ""),
        app_password=SecretStr(given.get("TEAMS_APP_PASSWORD", "")),
        app_type=app_type,
        tenant_id=tenant,
        openid_metadata_url=_url(given, "TEAMS_OPENID_METADATA_URL", OPENID_METADATA_URL),
        token_issuer=given.get("TEAMS_TOKEN_ISSUER", TOKEN_ISSUER),
        login_url=_url(given, "TEAMS_LOGIN_URL", login),
        oauth_scope=given.get("TEAMS_OAUTH_SCOPE", OAUTH_SCOPE),
        service_urls=_service_urls(given.get("TEAMS_SERVICE_URLS")),
        graph_url=_graph(given),
        anonymous=anonymous,
    )


def _complete(given: Mapping[str, str], app_type: str) -> None:
    if "TEAMS_APP_ID" not in given:
        raise BadConfig(
            key="TEAMS_APP_ID",
            fault=f"it is not set, but {min(given)} is.",
            mend="Set the bot's Microsoft app id, or unset every TEAMS_ variable to run without Teams.",
        )
    if "TEAMS_APP_PASSWORD" not in given:
        raise BadConfig(
            key="TEAMS_APP_PASSWORD",
            fault="it is not set, but TEAMS_APP_ID is.",
            mend="Make a client secret for the app in Entra and set it here.",
        )
    if app_type == "SingleTenant" and "TEAMS_TENANT_ID" not in given:
        raise BadConfig(
            key="TEAMS_TENANT_ID",
            fault="it is not set, but the bot is a SingleTenant one.",
            mend="Set your Entra tenant id, or TEAMS_APP_TYPE=MultiTenant if the bot is registered so.",
        )


def _anonymous(value: str | None, host: str) -> bool:
    if value in (None, "0"):
        return False
    if value != "1":
        raise BadConfig(
            key="SIGNOFF_TEAMS_ANONYMOUS", fault=f'"{value[:20]}" is neither 0 nor 1.', mend="Set it to 1 or unset it."
        )
    if not is_loopback(host):
        raise BadConfig(
            key="SIGNOFF_TEAMS_ANONYMOUS",
            fault=f"it lets anybody who reaches {host} decide.",
            mend="Listen on SIGNOFF_HOST=127.0.0.1, or unset it.",
        )
    return True


def _url(given: Mapping[str, str], key: str, default: str) -> str:
    value = given.get(key, default)
    if _origin(value) is None:
        raise BadConfig(
            key=key,
            fault=f'"{value[:80]}" is not an https URL.',
            mend="Use https://…; plain http is taken only for this machine itself.",
        )
    return value


def _graph(given: Mapping[str, str]) -> str | None:
    """Another cloud's login is no reason to ask the public cloud's Graph about its people."""
    if "TEAMS_GRAPH_URL" not in given and "TEAMS_LOGIN_URL" in given:
        return None
    return _url(given, "TEAMS_GRAPH_URL", GRAPH_URL).rstrip("/")


def _service_urls(value: str | None) -> tuple[str, ...]:
    if value is None:
        return SERVICE_URLS
    found: list[str] = []
    for part in value.replace(",", " ").split():
        url = part if "://" in part else f"https://{part}/teams/"
        if _origin(url) is None:
            raise BadConfig(
                key="TEAMS_SERVICE_URLS",
                fault=f'"{part[:80]}" is neither a host name nor an https URL.',
                mend="Use host names such as smba.trafficmanager.net, separated by commas.",
            )
        found.append(url if url.endswith("/") else url + "/")
    return tuple(found) or SERVICE_URLS


def _bare(url: str) -> str | None:
    """The host of a URL that was given as a host alone, without a port."""
    origin = _origin(url)
    return origin[1] if origin is not None and origin[0] == "https" and origin[2] == 443 else None


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a URL that may be called at all: https, or http to this machine; no user info."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or "@" in parts.netloc or "\\" in url or parts.query or parts.fragment:
        return None
    if parts.scheme == "https":
        return "https", host, port or 443
    if parts.scheme == "http" and is_loopback(host):
        return "http", host, port or 80
    return None


def callable_url(url: str) -> bool:
    """Whether a URL is https, or http to this machine."""
    return _origin(url) is not None
