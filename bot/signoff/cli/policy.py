"""`signoff policy`: check a policy file, say what it would do, and what it would have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import typer
from pydantic import ValidationError

from signoff.cli.remote import fail, pairs
from signoff.model import Ask, Risk, Terms, dumps, loads

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

        Calendars beside it are read too; chats and addresses are asked by `signoff doctor` only.
        Exit code 0 fine, 1 with warnings, 2 when the server would not start with it.

        \b
        Example:
          signoff policy check deploy/policy.example.yaml
        """
        from signoff import policy as rules
        from signoff.app import read_policy
        from signoff.cli import local

        policy = read_policy(file)
        findings = sorted([*rules.lint(policy), *local.lost(policy, file)], key=lambda one: one.line)
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
        at: Annotated[
            str | None,
            typer.Option(metavar="TIME", help="When it is asked, like 2026-11-20T08:00Z; default: now."),
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Say which rule takes a call up, and why. The rule's name comes first.

        Budgets are taken as not used up.

        \b
        Example:
          signoff policy explain deploy/policy.example.yaml \\
            --tool issue_refund --arg order=A-1001 --arg amount=500 \\
            --at 2026-11-21T22:00+01:00
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
        from signoff.cli import local

        policy = read_policy(file)
        explanation = rules.explain(policy, ask, _moment(at))
        if at is None and explanation.terms is not None and explanation.terms.decide == "ask":
            lines = local.present(policy, file, asked(explanation.terms))
            explanation = replace(explanation, details=(*explanation.details, *lines))
        if json:
            typer.echo(dumps(_document(explanation)))
            return
        for line in explanation.lines:
            typer.echo(line)

    @commands.command()
    def simulate(
        file: File,
        source: Annotated[
            Path,
            typer.Option(
                "--from", metavar="AUDIT", help="What `signoff audit export` wrote.", exists=True, dir_okay=False
            ),
        ],
        json: AsJson = False,
    ) -> None:
        """Say what the file would have made of the calls in an audit trail: rule and decision, then and now.

        Budgets are counted anew, in the order of time. What a rule would have to read from a masked secret is not
        known. Grants, freezes, repeated rejections and channels that requests name are left out; calls that one of
        these decided are not compared. An export in which a line was changed or is missing is refused; whether its
        seal holds is for `signoff audit verify`.

        \b
        Example:
          signoff audit export --out audit.jsonl
          signoff policy simulate policy.yaml --from audit.jsonl
        """
        from signoff import policy as rules
        from signoff.app import read_policy
        from signoff.cli import replay

        policy = read_policy(file)
        try:
            text = source.read_text(encoding="utf-8")
            lines = replay.past(text)
        except (OSError, ValueError, OverflowError) as error:
            fault = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            fail(f"--from {source}: {fault}; give it what `signoff audit export` wrote.", USAGE)
        if faults := replay.broken(text):
            fail(f"--from {source}: {faults[0]}; nothing can be said from a trail that was changed.", BAD)
        if not replay.sealed(text):
            typer.echo(f"{source} has no seal, so lines may be missing at its end.", err=True)
        found = rules.simulate(policy, lines)
        if json:
            typer.echo(dumps(replay.document(found)))
            return
        for line in replay.table(found):
            typer.echo(line)


def asked(terms: Terms) -> Sequence[str]:
    """Everybody who may come to decide."""
    stages = [name for stage in terms.ladder for name in stage.approvers]
    return [*stages, *(name for rung in terms.escalate for name in rung.to), *terms.break_glass]


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--at {text}: write a time like 2026-11-20T08:00Z.", USAGE)
    if moment.tzinfo is None:
        fail(f"--at {text}: say which zone is meant, with Z for UTC or an offset such as +01:00.", USAGE)
    return moment


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
            "mode": terms.mode,
            "stages": [stage.model_dump(mode="json") for stage in terms.ladder] if terms.decide == "ask" else [],
            "confirm": terms.confirm,
            "remind": list(terms.remind),
            "remind_by": terms.remind_by,
            "escalate": [rung.model_dump(mode="json") for rung in terms.escalate],
            "on_expire": terms.on_expire,
            "fallback": list(terms.fallback),
            "grants": terms.grants.model_dump(mode="json") if terms.grants else None,
            "budget": terms.spend.model_dump(mode="json") if terms.spend else None,
            "break_glass": list(terms.break_glass),
            "details": list(explanation.details),
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
