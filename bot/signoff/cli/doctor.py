"""`signoff doctor`: what is right and what is wrong with this set-up, in sentences."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer

from signoff import config as configuration
from signoff import policy as rules
from signoff.app import load_policy, open_store
from signoff.config import Config
from signoff.errors import SignoffError
from signoff.model import dumps
from signoff.ports import Check

MARKS = {"ok": "✓", "warning": "!", "error": "✗"}
UNWELL = 1
CALL = 15.0
"""Seconds that checking one part may take."""


def add(app: typer.Typer) -> None:
    @app.command()
    def doctor(json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False) -> None:
        """Check the whole set-up: settings, Redis, policy, chats. Exit 0 when nothing is wrong, 1 otherwise."""
        checks = asyncio.run(examine())
        if json:
            typer.echo(dumps([{"level": check.level, "sentence": check.sentence} for check in checks]))
        else:
            for check in checks:
                typer.echo(f"{MARKS[check.level]} {check.sentence}")
        if any(check.level == "error" for check in checks):
            raise typer.Exit(UNWELL)


async def examine() -> Sequence[Check]:
    """Every check in order; one that fails does not hide the next."""
    try:
        config = configuration.load()
    except SignoffError as error:
        return [Check("error", str(error))]
    checks = [Check("ok", "The settings can be read."), *await _store(config), *_policy(config)]
    for name, plugin in configuration.plugins().items():
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


async def _store(config: Config) -> list[Check]:
    where = "The embedded Redis" if config.redis_url is None else "Redis"
    try:
        async with asyncio.timeout(CALL), open_store(config) as store:
            await store.ping()
            configuration.signer(config)
    except TimeoutError:
        return [Check("error", f"{where} does not answer; check that it runs and that the address is right.")]
    except SignoffError as error:
        return [Check("error", f"{where}: {error}")]
    return [Check("ok", f"{where} answers.")]


def _policy(config: Config) -> list[Check]:
    try:
        policy = load_policy(config)
    except SignoffError as error:
        return [Check("error", str(error))]
    if config.policy is None:
        return [
            Check(
                "warning", "SIGNOFF_POLICY is not set: nobody can approve anything until a policy file names approvers."
            )
        ]
    checks = [Check("ok", f"The policy in {config.policy} can be read.")]
    checks += [Check("warning", finding.sentence) for finding in rules.lint(policy) if finding.level == "warning"]
    for name in sorted({place.partition(":")[0] for place in policy.places()} - set(config.chats)):
        checks.append(
            Check("warning", f"The policy posts to {name}, which is not configured; those cards cannot be delivered.")
        )
    return checks
