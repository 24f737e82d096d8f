"""`signoff policy`: check a policy file, and say what it would do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from signoff import policy as rules
from signoff.app import read_policy
from signoff.cli.remote import pairs
from signoff.model import Ask, loads

File = Annotated[Path, typer.Argument(help="The policy file.", exists=True, dir_okay=False)]
BAD = 1


def add(app: typer.Typer) -> None:
    commands = typer.Typer(no_args_is_help=True, help="The policy file: check it, ask what it would do.")
    app.add_typer(commands, name="policy")

    @commands.command()
    def check(file: File) -> None:
        """Read the file as the server would, and point out what is probably not meant. Exit 0 fine, 1 warnings."""
        findings = rules.lint(read_policy(file))
        for finding in findings:
            typer.echo(finding.sentence)
        typer.echo(f"{file}: {'no findings' if not findings else f'{len(findings)} findings'}.")
        if any(finding.level == "warning" for finding in findings):
            raise typer.Exit(BAD)

    @commands.command()
    def explain(
        file: File,
        tool: Annotated[str, typer.Option(help="The tool's name.")],
        arg: Annotated[list[str] | None, typer.Option(help="An argument, k=v; JSON values are read as JSON.")] = None,
        agent: Annotated[str | None, typer.Option(help="The agent's name.")] = None,
        risk: Annotated[str | None, typer.Option(help="low, medium, high or critical.")] = None,
        on_behalf_of: Annotated[str | None, typer.Option(help="The person the agent acts for.")] = None,
    ) -> None:
        """Say which rule takes a call up, and why. The rule's name comes first.

        Example: signoff policy explain deploy/policy.example.yaml --tool issue_refund --arg amount=500
        """
        ask = Ask.model_validate(
            {
                "tool": tool,
                "arguments": _arguments(arg or []),
                "agent": agent,
                "risk": risk,
                "on_behalf_of": on_behalf_of,
            }
        )
        explanation = rules.explain(read_policy(file), ask, datetime.now(UTC))
        for line in explanation.lines:
            typer.echo(line)


def _arguments(given: list[str]) -> dict[str, object]:
    """`amount=500` is a number, `order=A-1` text: here nothing runs, so guessing the type is kind."""
    texts, _ = pairs(given, [])
    found: dict[str, object] = {}
    for name, text in texts.items():
        try:
            found[name] = loads(text)
        except ValueError:
            found[name] = text
    return found
