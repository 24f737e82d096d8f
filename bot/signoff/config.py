"""The only reader of the environment on the server's side → one typed Config.

Wrong values stop the boot with one sentence that names the key, the fault and the mend (I28).
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import BaseModel

from signoff.errors import BadConfig
from signoff.model import Mode
from signoff.ports import Caps, Flood, Limits, Targets
from signoff.ports.targets import targets

if TYPE_CHECKING:  # the terminal's commands read the environment too, and need neither desk nor cryptography
    from signoff.desk import ChatPlugin
    from signoff.desk.plugin import DirectoryPlugin
    from signoff.digest import Signer
    from signoff.policy import GroupKey

VARIABLES: dict[str, str] = {
    "SIGNOFF_REDIS_URL": "redis://, rediss://, unix:// or redis+cluster:// of a Redis >= 6.2; unset: an embedded one",
    "SIGNOFF_DATA_DIR": "where the embedded Redis and its signing key live; default ~/.local/share/signoff",
    "SIGNOFF_HOST": "address to listen on; default 127.0.0.1",
    "SIGNOFF_PORT": "port to listen on; default 8080",
    "SIGNOFF_POLICY": "the policy file (YAML); unset: cards go to SIGNOFF_CHANNEL and nobody can approve",
    "SIGNOFF_CHANNEL": "without a policy file: where cards go, comma-separated, e.g. slack:#approvals",
    "SIGNOFF_MODE": "enforce, shadow or off, whatever the policy file says; unset: the file's `mode`",
    "SIGNOFF_SIGNING_KEY": "Ed25519 key for receipts, PEM or the seed in base64; required with SIGNOFF_REDIS_URL",
    "SIGNOFF_MAX_BODY": "largest request body in bytes; default 262144",
    "SIGNOFF_MAX_OPEN": "most pending requests per key; default 1000",
    "SIGNOFF_RATE": "most new requests per key and minute; default 600",
    "SIGNOFF_FLOOD": "new requests that a place takes as cards of their own, in so many seconds; default 5/10s; or off",
    "SIGNOFF_WEBHOOK_PRIVATE": "networks (CIDR) and host names, comma-separated, where webhooks may go though private",
    "SIGNOFF_MAX_WAITS": "most waits held open per key and process; default 20000",
}
AGENT_VARIABLES: dict[str, str] = {
    "SIGNOFF_URL": "agent side and command line: where the service is, e.g. http://127.0.0.1:8080",
    "SIGNOFF_API_KEY": "agent side and command line: a key made by `signoff keys create`",
}
DEFAULT_PORT = 8080
SIGNING_KEY_FILE = "signing-key"
MOST_CARDS = 10_000
"""That a place takes within…"""
LONGEST_FLOOD = 3600
"""…so many seconds at most."""
REDIS_SCHEMES = {"redis", "rediss", "unix", "redis+cluster", "rediss+cluster"}


@dataclass(frozen=True, slots=True)
class Config:
    redis_url: str | None = field(repr=False)
    """It may hold a password."""
    data_dir: Path
    host: str
    port: int
    policy: Path | None
    channels: tuple[str, ...]
    mode: Mode | None
    """In place of the policy file's; None: the file's own."""
    signing_key: str | None = field(repr=False)
    limits: Limits
    chats: Mapping[str, BaseModel] = field(repr=False)
    """Chat name → its settings, for every chat that is configured."""

    @property
    def redis_shown(self) -> str:
        """Where Redis is, without the password."""
        return "the embedded Redis" if self.redis_url is None else f"Redis at {without_secrets(self.redis_url)}"


def without_secrets(url: str) -> str:
    """The scheme, host, port and path of a URL, for people to read."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises ValueError when it is no number
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def plugins() -> dict[str, ChatPlugin]:
    """Every installed chat, found by entry point, in the order of their names."""
    found = sorted(entry_points(group="signoff.chats"), key=lambda point: point.name)
    return {point.name: cast("ChatPlugin", point.load()) for point in found}


def directories() -> dict[str, DirectoryPlugin]:
    """Everything installed that knows groups without being a chat, in the order of their names."""
    found = sorted(entry_points(group="signoff.directories"), key=lambda point: point.name)
    return {point.name: cast("DirectoryPlugin", point.load()) for point in found}


def groups() -> dict[str, GroupKey]:
    """The policy's keys for groups that are looked up live, of every chat and directory that is installed."""
    found = [*(plugin.groups for plugin in plugins().values()), *(one.groups for one in directories().values())]
    return {key: group for groups in found for key, group in groups.items()}


def environment(dotenv: Path = Path(".env")) -> dict[str, str]:
    """The process's environment over the `.env` file of this folder; empty values count as unset. Raises BadConfig."""
    try:
        file = dotenv_values(dotenv) if dotenv.is_file() else {}
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadConfig(key=str(dotenv), fault=f"the file cannot be read ({why}).", mend="Mend or remove it.") from None
    return {name: value for name, value in {**file, **os.environ}.items() if value}


def data_dir(environ: Mapping[str, str]) -> Path:
    """Raises BadConfig."""
    try:
        if value := environ.get("SIGNOFF_DATA_DIR"):
            return Path(value).expanduser().absolute()
        home = environ.get("XDG_DATA_HOME")
        return (Path(home) if home else Path.home() / ".local" / "share") / "signoff"
    except RuntimeError:
        fault = "there is no home directory to put it in."
        raise BadConfig(key="SIGNOFF_DATA_DIR", fault=fault, mend="Set it to a directory of your own.") from None


def load(environ: Mapping[str, str] | None = None) -> Config:
    """Read and check everything. Raises BadConfig."""
    environ = environment() if environ is None else environ
    chats = plugins()
    _refuse_unknown(environ, chats)
    redis_url = environ.get("SIGNOFF_REDIS_URL")
    if redis_url and not _is_redis(redis_url):
        raise BadConfig(
            key="SIGNOFF_REDIS_URL",
            fault="this is not a Redis address.",
            mend="Use redis://host:6379/0, or leave it out for the embedded Redis.",
        )
    signing_key = environ.get("SIGNOFF_SIGNING_KEY")
    if signing_key:
        _signer(signing_key)
    elif redis_url:
        raise BadConfig(
            key="SIGNOFF_SIGNING_KEY",
            fault="it is not set, but SIGNOFF_REDIS_URL is.",
            mend="Every replica must sign with the same key: make one with `openssl genpkey -algorithm ed25519`.",
        )
    return Config(
        redis_url=redis_url,
        data_dir=data_dir(environ),
        host=environ.get("SIGNOFF_HOST", "127.0.0.1"),
        port=_number(environ, "SIGNOFF_PORT", DEFAULT_PORT, 0, 65535),
        policy=_policy(environ.get("SIGNOFF_POLICY")),
        channels=tuple(part.strip() for part in environ.get("SIGNOFF_CHANNEL", "").split(",") if part.strip()),
        mode=_mode(environ.get("SIGNOFF_MODE")),
        signing_key=signing_key,
        limits=Limits(
            body_bytes=_number(environ, "SIGNOFF_MAX_BODY", Limits().body_bytes, 1024, 16 * 1024 * 1024),
            caps=Caps(
                open_requests=_number(environ, "SIGNOFF_MAX_OPEN", 1000, 1, 10_000_000),
                per_minute=_number(environ, "SIGNOFF_RATE", 600, 1, 100_000_000),
            ),
            waits_per_key=_number(environ, "SIGNOFF_MAX_WAITS", Limits().waits_per_key, 1, 10_000_000),
            flood=_flood(environ.get("SIGNOFF_FLOOD")),
            webhooks=_targets(environ.get("SIGNOFF_WEBHOOK_PRIVATE", "")),
        ),
        chats={name: settings for name, plugin in chats.items() if (settings := plugin.settings(environ)) is not None},
    )


def _policy(text: str | None) -> Path | None:
    if not text:
        return None
    path = Path(text)
    with contextlib.suppress(OSError, RuntimeError):  # a folder that may not be entered; a home that nobody has
        path = path.expanduser()
        if path.is_file():
            return path
    raise BadConfig(key="SIGNOFF_POLICY", fault=f"there is no file {path}.", mend="Correct the path or unset it.")


def _mode(text: str | None) -> Mode | None:
    for mode in get_args(Mode):
        if text == mode:
            return cast("Mode", mode)
    if text is None:
        return None
    fault = f'"{text[:40]}" is not a mode.'
    raise BadConfig(key="SIGNOFF_MODE", fault=fault, mend="Use enforce, shadow or off, or unset it.")


def _is_redis(url: str) -> bool:
    """Said without quoting it: a password that was not percent-encoded ends up in any of its parts."""
    try:
        parts = urlsplit(url)
        _ = parts.port
        # A database that is no number would be taken for number 0.
        database = parts.scheme == "unix" or parts.path in {"", "/"} or re.fullmatch(r"/[0-9]{1,4}", parts.path)
        return parts.scheme in REDIS_SCHEMES and bool(database)
    except ValueError:
        return False


def _signer(text: str) -> Signer:
    from signoff.digest import Signer

    try:
        return Signer.from_text(text)
    except ValueError as error:
        raise BadConfig(
            key="SIGNOFF_SIGNING_KEY",
            fault=f"this is not an Ed25519 private key ({error}).",
            mend="Make one with `openssl genpkey -algorithm ed25519`.",
        ) from None


def _number(environ: Mapping[str, str], key: str, default: int, low: int, high: int) -> int:
    text = environ.get(key)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise BadConfig(key=key, fault=f'"{text[:40]}" is not a whole number from {low} to {high}.', mend="Correct it.")
    return int(text)


def _flood(text: str | None) -> Flood | None:
    if text is None:
        return Flood()
    if text == "off":
        return None
    found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,5})s?", text)
    requests, seconds = map(int, found.groups()) if found else (0, 0)
    if not 1 <= requests <= MOST_CARDS or not 1 <= seconds <= LONGEST_FLOOD:
        fault = f'"{text[:40]}" is not a number of requests (1 to {MOST_CARDS}) and of seconds (1 to {LONGEST_FLOOD}).'
        raise BadConfig(key="SIGNOFF_FLOOD", fault=fault, mend="Write it like 5/10s, or off.")
    return Flood(requests, float(seconds))


def _targets(text: str) -> Targets:
    try:
        return targets(text)
    except ValueError as error:
        raise BadConfig(
            key="SIGNOFF_WEBHOOK_PRIVATE",
            fault=f'"{str(error)[:60]}" is neither a network nor a host name.',
            mend="Write it like 10.20.0.0/16,hooks.internal.example.",
        ) from None


def known_variables(chats: Mapping[str, ChatPlugin]) -> dict[str, str]:
    """Every variable that this installation reads → what it is for."""
    known = {**VARIABLES, **AGENT_VARIABLES}
    for plugin in chats.values():
        known |= plugin.variables
    return known


def nearest(name: str, known: Collection[str]) -> str | None:
    """The known variable that was probably meant."""
    return next(iter(difflib.get_close_matches(name, known, n=1, cutoff=0.7)), None)


def _refuse_unknown(environ: Mapping[str, str], chats: Mapping[str, ChatPlugin]) -> None:
    known = known_variables(chats)
    for name in sorted(environ):
        if name.startswith("SIGNOFF_") and name not in known:
            near = nearest(name, known)
            mend = f"Did you mean {near}?" if near else "Unset it; `.env.example` lists all variables."
            raise BadConfig(key=name, fault="there is no such setting.", mend=mend)


def signer(config: Config) -> Signer:
    """The configured key, or with the embedded Redis the one made on first start. Raises BadConfig."""
    if config.signing_key:
        return _signer(config.signing_key)
    from signoff.digest import Signer

    file = config.data_dir / SIGNING_KEY_FILE
    try:
        if not file.exists():
            config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            _write_once(file, Signer.generate().seed())
        return Signer.from_text(file.read_text())
    except OSError as error:
        fault = f"{error.filename or file} cannot be used ({error.strerror})."
        raise BadConfig(key="SIGNOFF_DATA_DIR", fault=fault, mend="Set it to a directory of your own.") from None
    except ValueError as error:
        raise BadConfig(
            key="SIGNOFF_DATA_DIR",
            fault=f"the file {file} holds no signing key ({error}).",
            mend="Put back the file that was there; without one, remove it and a new key is made.",
        ) from None


def _write_once(file: Path, text: str) -> None:
    """Written aside and linked into place: whoever comes second finds a whole file, never half of one."""
    descriptor, aside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # for the owner only
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(text)
        with contextlib.suppress(FileExistsError):
            os.link(aside, file)
    finally:
        Path(aside).unlink()
