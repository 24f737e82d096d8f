"""`signoff decide`, `extend`, `snooze`: what an approver says."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, cast, get_args

import typer

from signoff.cli import bulk, listing, moments, several
from signoff.cli.pending import path_of
from signoff.cli.remote import call, fail, faults, fetch, pairs
from signoff.cli.stages import missing
from signoff.client.wire import Document
from signoff.model import Kind, Retry, dumps, loads

NOT_DECIDED = 1
"""Exit code when the decision did not count."""


def add(app: typer.Typer) -> None:
    @app.command(short_help="Decide, as the person of your approver key.")
    def decide(
        ids: Annotated[list[str], typer.Argument(metavar="ID...", help="The request, or several.")],
        kind: Annotated[str, typer.Argument(metavar="KIND", help="approve, edit, reject or respond.")],
        arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=VALUE", help="With edit: the new value of an argument.")
        ] = None,
        json_arg: Annotated[
            list[str] | None, typer.Option(metavar="NAME=JSON", help="With edit: the same as JSON.")
        ] = None,
        message: Annotated[
            str | None, typer.Option("--message", "-m", metavar="TEXT", help="Why; the agent reads it.")
        ] = None,
        response: Annotated[str | None, typer.Option(metavar="TEXT", help="With respond: the answer, as text.")] = None,
        json_response: Annotated[
            str | None, typer.Option(metavar="JSON", help="With respond: the answer, as JSON.")
        ] = None,
        version: Annotated[
            int | None,
            typer.Option(min=1, metavar="N", help="The version you looked at; left out: the one that stands now."),
        ] = None,
        confirm: Annotated[
            str | None, typer.Option(metavar="TEXT", help="Where the rule wants it: the text to type, see `show`.")
        ] = None,
        retry: Annotated[
            str | None,
            typer.Option(metavar="WORD", help="With reject, what the agent may do: never, with_changes or ask."),
        ] = None,
        force: Annotated[
            bool, typer.Option("--force", help="Break glass, for those whom the rule names; needs --message.")
        ] = False,
        allow_for: Annotated[
            str | None, typer.Option(metavar="TIME", help="With approve: allow similar calls for so long, such as 8h.")
        ] = None,
        allow_uses: Annotated[int, typer.Option(min=1, metavar="N", help="With --allow-for: so many of them.")] = 1,
        allow_same: Annotated[
            bool, typer.Option("--allow-same", help="With --allow-for: only with the very same arguments.")
        ] = False,
        yes: Annotated[bool, typer.Option("--yes", "-y", help="With several: do not ask before deciding.")] = False,
        json: Annotated[bool, typer.Option("--json", help="Print the request, or the results, as JSON.")] = False,
    ) -> None:
        """Decide as the person of your approver key; the same rules as a click in chat.

        Several requests are approved or rejected together after a list of exactly what will be decided. What is high
        risk, your own, or edited since it was listed is left out and named; exit code 0 only if all were decided.

        \b
        Examples:
          signoff decide req_0192… approve
          signoff decide req_0192… edit --arg amount=400 -m "cap is 400"
          signoff decide req_0192… reject -m "the cap is 400" --retry with_changes
          signoff decide req_0192… approve --confirm A-1001 --allow-for 8h
          signoff decide req_0192… respond --response "eu"
          signoff decide req_0192… req_0193… req_0194… approve
          signoff pending --tool ping --json | jq -r '.requests[].id' \\
            | xargs sh -c 'signoff decide "$@" reject -m maintenance --yes' _
        """
        if kind not in get_args(Kind):
            fail(f"{kind}: use one of {', '.join(get_args(Kind))}.", 2)
        if retry is not None and (kind != "reject" or retry not in get_args(Retry)):
            fail(f"--retry goes with reject, and is one of {', '.join(get_args(Retry))}.", 2)
        if len(ids) > 1:
            alone = arg or json_arg or response or json_response or version or confirm or retry or force or allow_for
            if alone or kind not in get_args(bulk.BulkKind):
                fail(
                    "Several requests at once can only be approved or rejected, and the only options then are "
                    "--message, --yes and --json. For anything else decide them one by one.",
                    2,
                )
            several.decide(ids, cast("bulk.BulkKind", kind), message, yes=yes, json=json)
            return
        (request_id,) = ids
        if force and not (message and message.strip()):
            fail("--force needs --message: why is the rule not kept?", 2)
        before = fetch(path_of(request_id))
        body: Document = {"kind": kind, "version": version or before["version"], "message": message}
        body |= {"confirm": confirm, "retry": retry, "force": force}
        if allow_for is not None:
            body["grant"] = {"ttl": _seconds("--allow-for", allow_for), "uses": allow_uses, "all_arguments": allow_same}
        if kind == "edit":
            texts, data = pairs(arg or [], json_arg or [])
            if not texts and not data:
                fail("edit changes something: name it with --arg or --json-arg, or decide with approve.", 2)
            current = cast("Document", before["arguments"])
            body["arguments"] = {
                **current,
                **{name: like(current.get(name), text) for name, text in texts.items()},
                **data,
            }
        elif arg or json_arg:
            fail("--arg and --json-arg go with edit.", 2)
        if kind == "respond":
            body["response"] = _response(response, json_response)
        reply = call("POST", f"{path_of(request_id)}/decisions", body)
        if reply.status != 200:
            fail(faults(reply), NOT_DECIDED)
        if json:
            print(dumps(reply.body))
        else:
            print(_became(request_id, before, reply.body))
            made = cast("Document", reply.body.get("decision") or {})
            for change in cast("list[Document]", made.get("changes") or []):
                print(listing.changed(str(change["path"]), change.get("from"), change.get("to")))

    @app.command(short_help="Let a request wait longer.")
    def extend(
        request_id: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
        time: Annotated[str, typer.Argument(metavar="TIME", help="How much longer: 30m, 4h, 1d.")],
        json: Annotated[bool, typer.Option("--json", help="Print the request as JSON.")] = False,
    ) -> None:
        """Let a request that you may decide wait longer before it expires.

        \b
        Example:
          signoff extend req_0192… 4h
        """
        after = _put_off("extend", request_id, time)
        print(dumps(after) if json else f"{request_id} expires at {after['expires_at']}.")

    @app.command(short_help="No reminders about a request for a while.")
    def snooze(
        request_id: Annotated[str, typer.Argument(metavar="ID", help="The request.")],
        time: Annotated[str, typer.Argument(metavar="TIME", help="For how long: 30m, 4h, 1d.")],
        json: Annotated[bool, typer.Option("--json", help="Print the request as JSON.")] = False,
    ) -> None:
        """Hear no reminders about a request that you may decide for a while; it expires when it would have.

        \b
        Example:
          signoff snooze req_0192… 1h
        """
        after = _put_off("snooze", request_id, time)
        print(dumps(after) if json else f"No reminders about {request_id} for {time.strip()}.")


def _put_off(how: str, request_id: str, time: str) -> Document:
    reply = call("POST", f"{path_of(request_id)}/{how}", {"seconds": _seconds("TIME", time)})
    if reply.status != 200:
        fail(faults(reply), NOT_DECIDED)
    return reply.body


def _seconds(name: str, text: str) -> int:
    seconds = moments.duration(text)
    if seconds is None:
        fail(f"{name} {text}: write it like 90s, 30m, 4h or 1d.", 2)
    return seconds


def _became(request_id: str, before: Document, after: Document) -> str:
    """What a decision that counted has come to, in words."""
    if after["status"] != "pending":
        return f"{request_id} is {after['status']}."
    version = after["version"]
    if version != before["version"]:
        who = missing(after) or "somebody else's approval"
        return f"{request_id} is changed to version {version} and waits for {who}."
    return f"Your vote on {request_id} counts; it waits for {missing(after) or 'more of them'}."


def like(current: object, text: str) -> object:
    """Typed text as the kind of value that stands there now; anything else stays text."""
    if isinstance(current, int | float | Decimal):  # booleans are ints
        try:
            value = loads(text)
        except ValueError:
            return text
        wanted: tuple[type, ...] = (bool,) if isinstance(current, bool) else (int, float, Decimal)
        fits = isinstance(value, wanted) and isinstance(value, bool) == isinstance(current, bool)
        return value if fits else text
    return text


def _response(text: str | None, json: str | None) -> object:
    if (text is None) == (json is None):
        fail("respond needs --response TEXT or --json-response JSON.", 2)
    if json is None:
        return text
    try:
        return loads(json)
    except ValueError as error:
        fail(f"--json-response: {error}.", 2)
