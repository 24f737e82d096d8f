"""`signoff policy`: check a policy file, and say what it would do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from pydantic import ValidationError

from signoff.cli.remote import fail, pairs
from signoff.model import Ask, Risk, dumps, loads

if TYPE_CHECKING:
    from signoff.policy import Explanation

File = Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.", exists=True, dir_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
BAD = 1
USAGE = 2


def add(app: typer.Typer) -> None:
    commands = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="The policy file: check it, ask what it would do."
    )
    app.add_typer(commands, name="policy")

    @commands.command()
    def check(file: File, json: AsJson = False) -> None:
        """Read the file as the server would, and point out what is probably not meant.

        Exit code 0 fine, 1 with warnings, 2 when the server would not start with it.

        \b
        Example:
          signoff policy check deploy/policy.example.yaml
        """
        from signoff import policy as rules
        from signoff.app import read_policy

        findings = rules.lint(read_policy(file))
        if json:
            found = [{"level": one.level, "line": one.line, "sentence": one.sentence} for one in findings]
            typer.echo(dumps(found))
        else:
            for finding in findings:
                typer.echo(finding.sentence)
            count = f"{len(findings)} finding{'s' if len(findings) > 1 else ''}" if findings else "no findings"
            typer.echo(f"{file}: {count}.")
        if any(finding.level == "warning" for finding in findings):
            raise typer.Exit(BAD)

    @commands.command()
    def explain(
        file: File,
        tool: Annotated[str, typer.Option(metavar="NAME", help="The tool's name.")],
        arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="An argument; JSON values are read as JSON.")
        ] = None,
        agent: Annotated[str | None, typer.Option(metavar="NAME", help="The agent's name.")] = None,
        risk: Annotated[str | None, typer.Option(metavar="RISK", help="low, medium, high or critical.")] = None,
        on_behalf_of: Annotated[
            str | None, typer.Option(metavar="PERSON", help="The person the agent acts for.")
        ] = None,
        channel: Annotated[str | None, typer.Option(metavar="PLACE", help="The place the request names.")] = None,
        json: AsJson = False,
    ) -> None:
        """Say which rule takes a call up, and why. The rule's name comes first.

        \b
        Example:
          signoff policy explain deploy/policy.example.yaml \\
            --tool issue_refund --arg order=A-1001 --arg amount=500
        """
        from signoff import policy as rules
        from signoff.app import read_policy

        if risk is not None and risk not in get_args(Risk):
            fail(f"--risk {risk}: use one of {', '.join(get_args(Risk))}.", USAGE)
        fields = {"agent": agent, "risk": risk, "on_behalf_of": on_behalf_of, "channel": channel}
        try:
            ask = Ask.model_validate({"tool": tool, "arguments": _arguments(arg or []), **fields})
        except ValidationError as error:
            fault = error.errors(include_url=False, include_input=False)[0]
            fail(f"--{str(fault['loc'][0]).replace('_', '-')}: {fault['msg']}.", USAGE)
        explanation = rules.explain(read_policy(file), ask, datetime.now(UTC))
        if json:
            typer.echo(dumps(_document(explanation)))
            return
        for line in explanation.lines:
            typer.echo(line)


def _document(explanation: Explanation) -> dict[str, object]:
    """An explanation as data; the rule's name first."""
    terms = explanation.terms
    verdict: dict[str, object] = {}
    if terms is not None:
        verdict = {
            "decide": terms.decide,
            "who": explanation.who,
            "approvers": list(terms.approvers),
            "show": list(terms.show),
            "risk": terms.risk,
            "editable": None if terms.editable is None else list(terms.editable),
            "expires_in": terms.expires_in,
            "message": terms.message,
            "note": terms.note,
        }
    steps = [{"rule": step.rule, "result": step.result, "why": step.why} for step in explanation.steps]
    return {"rule": explanation.rule, "refused": explanation.refused, **verdict, "steps": steps}


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
