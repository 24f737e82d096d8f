"""`signoff ask`: a shell script's gate."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from datetime import UTC, datetime
from typing import Annotated, cast, get_args

import typer

from signoff.cli import listing, stages
from signoff.cli.remote import COULD_NOT, fail, pairs, service
from signoff.client import Decision
from signoff.client.asking import Asking
from signoff.client.decision import refusal
from signoff.client.fields import Fields
from signoff.client.requests import Requests
from signoff.client.wire import Document
from signoff.errors import NotRun
from signoff.model import Kind, Risk, dumps, one_line

EXIT = {"approved": 0, "responded": 0, "rejected": 10, "expired": 11, "cancelled": 12}
"""Status → exit code."""
PATIENCE = 5.0
"""Seconds to go on trying to ask: through a restart of the server, but not so long that a script seems to hang."""


def add(app: typer.Typer) -> None:
    @app.command(short_help="Ask people, wait, print the arguments that may run.")
    def ask(
        tool: Annotated[str, typer.Option(metavar="NAME", help="What is about to run.")],
        arg: Annotated[list[str] | None, typer.Option(metavar="NAME=TEXT", help="An argument, as text.")] = None,
        json_arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=JSON", help="An argument, as JSON: numbers, true, lists…")
        ] = None,
        title: Annotated[str | None, typer.Option(metavar="TEXT", help="The card's heading.")] = None,
        description: Annotated[str | None, typer.Option(metavar="TEXT", help="What the tool does.")] = None,
        reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why it is needed.")] = None,
        impact: Annotated[str | None, typer.Option(metavar="TEXT", help="What it changes.")] = None,
        rollback: Annotated[str | None, typer.Option(metavar="TEXT", help="How it can be undone.")] = None,
        risk: Annotated[str | None, typer.Option(metavar="RISK", help="low, medium, high or critical.")] = None,
        channel: Annotated[
            str | None, typer.Option(metavar="PLACE", help="Where to ask: slack:#deploys, teams:Team/Channel…")
        ] = None,
        editable: Annotated[
            list[str] | None, typer.Option(metavar="NAME", help="An argument that may be edited; else all.")
        ] = None,
        allow: Annotated[
            list[str] | None, typer.Option(metavar="KIND", help="A decision to offer: approve, edit, reject, respond.")
        ] = None,
        agent: Annotated[str | None, typer.Option(metavar="NAME", help="Who asks, as people read it.")] = None,
        on_behalf_of: Annotated[str | None, typer.Option(metavar="PERSON", help="The person it is done for.")] = None,
        run_id: Annotated[
            str | None, typer.Option(metavar="ID", help="With --call-id: asking again finds the first request.")
        ] = None,
        call_id: Annotated[str | None, typer.Option(metavar="ID", help="Names this call within the run.")] = None,
        url: Annotated[str | None, typer.Option(metavar="URL", help="A link to the run.")] = None,
        wait: Annotated[
            int | None,
            typer.Option(
                min=1, metavar="SECONDS", help="Seconds until the request expires; left out: as the policy says."
            ),
        ] = None,
        consume: Annotated[
            bool, typer.Option("--consume", help="Use the approval up: the same call can be started once, ever.")
        ] = False,
        callback_url: Annotated[
            str | None, typer.Option(metavar="URL", help="An address that is told too how it ends.")
        ] = None,
        json: Annotated[bool, typer.Option("--json", help="Print the whole decision as JSON.")] = False,
    ) -> None:
        """Ask people, wait, and print the arguments that may run, as JSON.

        Exit code 0 approved, 10 rejected, 11 expired, 12 cancelled, 20 could not ask (with --consume also: it was
        started before). Standard error has who is waited for, what people say, and what they changed. Uses SIGNOFF_URL
        and SIGNOFF_API_KEY (an agent key).

        \b
        Examples:
          signoff ask --tool deploy --arg service=api --arg sha=4f2c --wait 3600 \\
            --allow approve --allow reject --consume && ./deploy.sh api 4f2c
          signoff ask --tool refund --arg order=A-1001 --json-arg amount=500 \\
            --editable amount | jq .amount
        """
        texts, data = pairs(arg or [], json_arg or [])
        if risk is not None and risk not in get_args(Risk):
            fail(f"--risk {risk}: use one of {', '.join(get_args(Risk))}.", 2)
        unknown = [kind for kind in allow or [] if kind not in get_args(Kind)]
        if unknown:
            fail(f"--allow {unknown[0]}: use {', '.join(get_args(Kind))}.", 2)
        fields: Fields = {
            "title": title,
            "description": description,
            "reason": reason,
            "impact": impact,
            "rollback": rollback,
            "risk": cast("Risk | None", risk),
            "channel": channel,
            "editable": editable or None,
            "agent": agent,
            "on_behalf_of": on_behalf_of,
            "run_id": run_id,
            "tool_call_id": call_id,
            "thread_url": url,
            "expires_in": wait,
            "callback_url": callback_url,
        }
        if allow:
            fields["allowed_decisions"] = cast("list[Kind]", allow)

        async def decided() -> Decision:
            requests = Requests(*service(), patience=PATIENCE)
            asked = Asking(requests, None, None, "return").member(tool, {**texts, **data}, fields)
            recorded = await requests.create(tool, asked.sent, asked.identity.idempotency_key)
            if recorded.body.get("status") == "pending":
                # What is wrong with an answer that does not say when, `wait` says.
                with contextlib.suppress(KeyError, TypeError, ValueError):
                    print(f"signoff: {_waiting(recorded.body)}", file=sys.stderr, flush=True)
            made = await requests.wait(tool, recorded.body)
            made = made.model_copy(update={"folded": recorded.folded})
            if consume and made.approved:
                await requests.consume(made)
            return made

        try:
            decision = asyncio.run(decided())
        except NotRun as error:
            fail(error.sentence, COULD_NOT)
        except KeyboardInterrupt:
            print("signoff: Nobody is waited for any more; the request stays open for people.", file=sys.stderr)
            raise
        if decision.folded and decision.approved and not consume:
            # One approval is for one run, and nothing was consumed that could tell the second from the first.
            fail(f"The same call of {tool} was asked already in this run; whoever asked first runs it.", COULD_NOT)
        _print(decision, whole=json)
        raise typer.Exit(EXIT[decision.status])


def _waiting(request: Document) -> str:
    """Whom it waits for, and how to take it back."""
    left = datetime.fromisoformat(str(request["expires_at"])) - datetime.now(UTC)
    who = one_line(stages.missing(request) or "a decision")
    return (
        f"{request['id']} waits for {who}, and expires {listing.ends_in(left.total_seconds())}. "
        f"Ctrl-C leaves it open; `signoff cancel {request['id']}` takes it back."
    )


def _print(decision: Decision, *, whole: bool) -> None:
    error = refusal(decision)
    if error is not None:
        print(f"signoff: {error.sentence}", file=sys.stderr)
    elif decision.message:
        print(f"signoff: {decision.message}", file=sys.stderr)
    for change in decision.changes if error is None else ():
        print(f"signoff: {listing.changed(change.path, change.from_, change.to)}", file=sys.stderr)
    if whole:
        print(dumps(document(decision)))
    elif decision.kind == "respond":
        print(decision.response if isinstance(decision.response, str) else dumps(decision.response))
    elif error is None:
        print(dumps(decision.arguments))


def document(decision: Decision) -> dict[str, object]:
    """The decision as data."""
    by = [
        {
            name: str(value)
            for name, value in (
                ("person", who.person),
                ("name", who.name),
                ("acting_for", who.acting_for),
                ("rule", who.rule),
                ("via", who.via),
            )
            if value
        }
        for who in decision.decided_by
    ]
    return {
        "id": decision.id,
        "tool": decision.tool,
        "status": decision.status,
        "version": decision.version,
        "kind": decision.kind,
        "arguments": decision.arguments,
        "changes": [{"path": change.path, "from": change.from_, "to": change.to} for change in decision.changes],
        "message": decision.message,
        "retry": decision.retry,
        "forced": decision.forced,
        "grant": decision.grant,
        "response": decision.response,
        "decided_by": by,
        "digest": decision.digest,
        "receipt": decision.receipt,
    }
