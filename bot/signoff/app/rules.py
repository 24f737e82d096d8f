"""The policy file: reading it, and reading it again when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import structlog

from signoff import config as configuration
from signoff import policy
from signoff.config import Config
from signoff.errors import BadConfig, BadPolicy
from signoff.model import Mode
from signoff.policy import Policy

LOOK = 2.0
"""Seconds between looks at the policy file."""
SETTLE = 0.5
"""Seconds for which a changed file has to stay the same: it may be in the middle of being written, and the first half
of a policy can be a policy too."""

SHOWN = 5
"""Rules named in one sentence."""
_MODES: dict[Mode, str] = {
    "shadow": "Mode shadow: what the rules would do is recorded, nobody is asked, and calls are let through.",
    "off": "Mode off: the rules are not looked at, nobody is asked, and every call is let through.",
}

log = structlog.get_logger("signoff")


def load_policy(config: Config) -> Policy:
    """The policy file, or the built-in default, under the server's mode. Raises BadPolicy, BadConfig."""
    if config.policy is None:
        rules = policy.default(config.channels, chats=tuple(configuration.plugins()))
    else:
        rules = read_policy(config.policy)
    return rules.under(config.mode)


def read_policy(file: Path) -> Policy:
    """As the file says it. Raises BadPolicy, BadConfig."""
    return _parsed(_read(file), file)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fault = f"it cannot be read ({error.strerror})."
        raise BadConfig(key=str(file), fault=fault, mend="Mend its access.") from None


def _parsed(text: bytes, file: Path) -> Policy:
    return policy.load(text, file=str(file), chats=tuple(configuration.plugins()), groups=configuration.groups())


def modes(rules: Policy) -> tuple[str, ...]:
    """What an operator has to know of a policy under which not everything is enforced: a sentence each."""
    said = [_MODES[rules.mode]] if rules.mode in _MODES else []
    for mode in get_args(Mode):
        names = [f'"{rule.name}"' for rule in rules.spec.rules if rule.mode == mode != rules.mode]
        if names:
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            said.append(f"Mode {mode}, as the file says, for calls under {', '.join(names[:SHOWN])}{more}.")
    return tuple(said)


class Rules:
    """The policy file of a running server.

    It is looked at rather than watched: what a file system tells of changes does not reach through the links by which
    Kubernetes swaps a folder, nor over a network.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._seen: bytes | None = None
        """The text that was taken or refused last; None: it could not be read."""
        self._one_at_a_time = asyncio.Lock()
        self.fault: str | None = None
        """What is wrong with the file, while an older policy holds."""

    def load(self) -> Policy:
        """For the first time. Raises BadPolicy, BadConfig."""
        file = self._config.policy
        if file is None:
            return load_policy(self._config)
        self._seen = _read(file)
        return _parsed(self._seen, file).under(self._config.mode)

    def notes(self) -> Mapping[str, str]:
        """For `/healthz`."""
        return {} if self.fault is None else {"policy": self.fault}

    async def watch(self, adopt: Callable[[Policy], None]) -> None:
        """Take up every change of the file, for ever."""
        if self._config.policy is None:
            return
        while True:
            await asyncio.sleep(LOOK)
            if (text := await self._look(self._config.policy)) == self._seen:
                continue
            await asyncio.sleep(SETTLE)
            if await self._look(self._config.policy) == text:
                await self.reload(adopt)

    async def reload(self, adopt: Callable[[Policy], None]) -> None:
        """Take up the file as it is now. A bad one changes nothing, and is told until it is mended."""
        file = self._config.policy
        if file is None:
            log.warning("There is no policy file to read again; set SIGNOFF_POLICY and restart.")
            return
        async with self._one_at_a_time:
            self._seen = None
            try:
                self._seen = await asyncio.to_thread(_read, file)
                # Not in a thread: what compiles the conditions need not bear being used from another one.
                rules = _parsed(self._seen, file).under(self._config.mode)
            except (BadPolicy, BadConfig) as error:
                self.fault = error.sentence
                log.error(f"The policy file is refused, and the policy from before still holds: {self.fault}")
                return
            self.fault = None
            adopt(rules)
        log.info(f"The policy in {file} was read again and holds from now on.")
        for sentence in modes(rules):
            log.warning(sentence)

    async def _look(self, file: Path) -> bytes | None:
        try:
            return await asyncio.to_thread(file.read_bytes)
        except OSError:
            return None
