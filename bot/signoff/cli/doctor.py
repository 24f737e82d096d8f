"""`signoff doctor`: what is right and what is wrong with this set-up, in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from signoff import config as configuration
from signoff.cli.freeze import what
from signoff.config import Config
from signoff.errors import SignoffError, StoreUnavailable
from signoff.model import dumps, iso, read_freeze, visible
from signoff.ports import Check

if TYPE_CHECKING:
    from signoff.desk import ChatPlugin
    from signoff.policy import Policy
    from signoff.ports import Store

MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
UNWELL = 1
CALL = 15.0
"""Seconds that checking one part may take."""


def add(app: typer.Typer) -> None:
    @app.command(short_help="Check the whole set-up.")
    def doctor(json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
        """Check the whole set-up: settings, Redis, policy, chats. Exit code 0 when nothing is wrong, 1 otherwise.

        Calls Slack and Microsoft with the configured credentials, and posts nothing.

        \b
        Example:
          signoff doctor && signoff serve
        """
        checks = asyncio.run(examine())
        if json:
            typer.echo(dumps([{"level": check.level, "sentence": check.sentence} for check in checks]))
        else:
            for check in checks:
                typer.echo(f"{MARKS[check.level]} {visible(check.sentence)}")
        if any(check.level == "error" for check in checks):
            raise typer.Exit(UNWELL)


async def examine() -> Sequence[Check]:
    """Every check in order; one that fails does not hide the next."""
    try:
        environ = configuration.environment()
        config = configuration.load(environ)
    except SignoffError as error:
        return [Check("error", error.sentence)]
    plugins = configuration.plugins()
    checks = [Check("ok", "The settings can be read."), *(Check("warning", one) for one in slips(environ, plugins))]
    policy, found = _policy(config)
    checks += [*_signing(config), *await _store(config, policy), *found]
    for name, plugin in plugins.items():
        settings = config.chats.get(name)
        if settings is None:
            checks.append(Check("warning", f"{name} is not configured, so no cards go there."))
            continue
        try:
            async with asyncio.timeout(CALL):
                checks += await plugin.check(settings)
        except (SignoffError, TimeoutError) as error:
            checks.append(Check("error", f"{name}: {error or 'it does not answer'}"))
    if not config.chats:
        checks.append(Check("warning", "No chat is configured; decisions come from approver keys only."))
    return checks


def slips(environ: Mapping[str, str], plugins: Mapping[str, ChatPlugin]) -> list[str]:
    """Variables that look like a slip in a chat's. The boot cannot refuse them: they may be somebody else's."""
    known = configuration.known_variables(plugins)
    stems = {name.partition("_")[0] + "_" for plugin in plugins.values() for name in plugin.variables}
    found: list[str] = []
    for name in sorted(set(environ) - set(known)):
        near = configuration.nearest(name, known)
        if near and any(name.startswith(stem) for stem in stems):
            found.append(f"{name} is not a setting of Signoff; did you mean {near}?")
    return found


def _signing(config: Config) -> list[Check]:
    try:
        configuration.signer(config)
    except SignoffError as error:
        return [Check("error", error.sentence)]
    return []


async def _store(config: Config, policy: Policy | None) -> list[Check]:
    """Redis, what is frozen there, and the policy's live groups."""
    from signoff.app import open_store

    where = config.redis_shown
    try:
        async with open_store(config) as store:
            async with asyncio.timeout(CALL):
                await store.ping()
                found = [*await _frozen(store), *await _dead(store)]
            return [
                Check("ok", f"{where[0].upper()}{where[1:]} answers."),
                *found,
                *await _groups(config, policy, store),
            ]
    except (TimeoutError, StoreUnavailable) as error:
        why = f" ({error.__cause__})" if error.__cause__ and str(error.__cause__) else ""
        fault = f"{where} does not answer{why}; see that it runs and that SIGNOFF_REDIS_URL is right."
        return [Check("error", fault[0].upper() + fault[1:])]
    except SignoffError as error:
        return [Check("error", error.sentence)]


async def _frozen(store: Store) -> list[Check]:
    found = [read_freeze(*one) for one in (await store.orders("freezes")).items()]
    return [
        Check("warning", f"Frozen: {what(one)}, by {visible(one.by)} since {iso(one.at)}; `signoff thaw` lifts it.")
        for one in sorted(found, key=lambda one: one.at)
    ]


async def _dead(store: Store) -> list[Check]:
    dead = len(await store.orders("webhooks"))
    if not dead:
        return []
    what = "1 webhook was" if dead == 1 else f"{dead} webhooks were"
    sentence = f"{what} taken by nobody; `signoff webhooks list` names them, `redeliver` sends again."
    return [Check("warning", sentence)]


async def _groups(config: Config, policy: Policy | None, store: Store) -> Sequence[Check]:
    if policy is None:
        return ()
    from signoff.cli import lookups

    try:
        return await lookups.groups(config, policy, store)
    except SignoffError as error:
        return [Check("error", f"The groups of the policy cannot be looked up: {error}")]


def _policy(config: Config) -> tuple[Policy | None, list[Check]]:
    from signoff import policy as rules
    from signoff.app import load_policy
    from signoff.app.rules import modes

    try:
        policy = load_policy(config)
    except SignoffError as error:
        return None, [Check("error", error.sentence)]
    checks: list[Check] = []
    if config.policy is None:
        mend = "nobody can approve anything until a policy file names approvers"
        checks.append(Check("warning", f"SIGNOFF_POLICY is not set: {mend} (start from deploy/policy.example.yaml)."))
    else:
        checks.append(Check("ok", f"The policy in {config.policy} can be read."))
        checks += [Check("warning", finding.sentence) for finding in rules.lint(policy) if finding.level == "warning"]
    for sentence in modes(policy):
        servers = config.mode is not None and sentence.startswith(f"Mode {config.mode}:")
        checks.append(Check("warning", f"{sentence[:-1]} (SIGNOFF_MODE)." if servers else sentence))
    for name in sorted({place.partition(":")[0] for place in policy.places()} - set(config.chats)):
        fault = f"The policy posts to {name}, which is not configured; those cards cannot be delivered."
        checks.append(Check("warning", fault))
    return policy, checks
