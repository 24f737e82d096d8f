"""`signoff audit`: the trail, out of the store and checked without it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from signoff import audit as trail
from signoff import config as configuration
from signoff import digest
from signoff.app import open_store
from signoff.errors import SignoffError
from signoff.model import dumps, loads

PAGE = 500
"""Lines read from the store at a time."""
NOT_VERIFIED = 1


def add(app: typer.Typer) -> None:
    commands = typer.Typer(no_args_is_help=True, help="The audit trail: export it, verify an export.")
    app.add_typer(commands, name="audit")

    @commands.command()
    def export(
        out: Annotated[
            Path | None, typer.Option("--out", "-o", help="File to write; standard output if left out.")
        ] = None,
        after: Annotated[int, typer.Option(min=0, help="Only lines with a higher number.")] = 0,
    ) -> None:
        """Write every line as JSON Lines, sealed with a signature over all of them.

        Each line has its number, time, link to the line before, and entry. The last line is the seal.
        """
        settings = configuration.load()
        signer = configuration.signer(settings)

        async def lines() -> list[trail.Line]:
            found: list[trail.Line] = []
            async with open_store(settings) as store:
                while page := await store.audit(found[-1].seq if found else max(after - 1, 0), PAGE):
                    found += page
            return found

        found = asyncio.run(lines())
        previous = trail.GENESIS
        if after and found and found[0].seq == after:
            previous = found.pop(0).link
        texts = [dumps(trail.exported(line)) for line in found]
        claims: dict[str, object] = {
            "count": len(texts),
            "first": found[0].seq if found else after + 1,
            "previous": previous,
            "sha256": trail.whole(texts),
        }
        texts.append(dumps({"seal": signer.sign(claims)}))
        body = "".join(text + "\n" for text in texts)
        if out:
            out.write_text(body)
            typer.echo(f"{len(found)} lines written to {out}.", err=True)
        else:
            sys.stdout.write(body)

    @commands.command()
    def verify(
        file: Annotated[Path, typer.Argument(help="An export, or lines saved from GET /v1/audit.", exists=True)],
        jwks: Annotated[
            Path | None,
            typer.Option(
                help="The published keys (/.well-known/jwks.json), saved; default: this installation's own key."
            ),
        ] = None,
    ) -> None:
        """Check an export: every line, its place in the chain, and the seal. Exit 0 if it holds, 1 if not."""
        faults, sentence = check(file.read_text(encoding="utf-8"), _keys(jwks))
        for fault in faults:
            typer.echo(fault)
        typer.echo(sentence)
        if faults:
            raise typer.Exit(NOT_VERIFIED)


def _keys(file: Path | None) -> dict[str, object] | None:
    if file is not None:
        parsed: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
        return parsed
    try:
        return {"keys": [configuration.signer(configuration.load()).jwk()]}
    except SignoffError:
        return None


def check(text: str, keys: dict[str, object] | None) -> tuple[list[str], str]:
    """Faults, and a closing sentence."""
    raw = [line for line in text.splitlines() if line.strip()]
    seal: str | None = None
    try:
        last = loads(raw[-1]) if raw else None
        if isinstance(last, dict) and isinstance(last.get("seal"), str):
            seal = last["seal"]
            raw.pop()
        lines = [trail.imported(loads(line)) for line in raw]
    except ValueError as error:
        return [str(error)], "NOT VERIFIED: the file is not an audit export, or a line was changed."
    claims: dict[str, object] = {"previous": trail.GENESIS, "first": 1}
    faults: list[str] = []
    if seal is not None and keys is not None:
        try:
            claims = digest.verify(seal, keys)
        except ValueError as error:
            faults.append(f"the seal: {error}")
        else:
            if claims["count"] != len(raw) or claims["sha256"] != trail.whole(raw):
                faults.append("the seal was made over other lines than these")
    previous, first = str(claims["previous"]), int(str(claims["first"]))
    faults += [fault.sentence for fault in trail.verify(lines, previous, first)]
    if faults:
        return faults, f"NOT VERIFIED: {len(faults)} faults in {len(lines)} lines."
    how = (
        "and the seal"
        if seal is not None and keys is not None
        else "(no seal was checked: lines cut off at the end would not show)"
    )
    return [], f"Verified: {len(lines)} lines, their chain {how} hold."
