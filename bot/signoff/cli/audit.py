"""`signoff audit`: the trail, out of the store and checked without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from signoff import audit as trail
from signoff import config as configuration
from signoff.cli.records import with_store
from signoff.cli.remote import fail
from signoff.errors import SignoffError
from signoff.model import dumps, loads

if TYPE_CHECKING:
    from signoff.ports import Store

PAGE = 500
"""Lines read from the store at a time."""
NOT_VERIFIED = 1
UNREADABLE = 2

Json = dict[str, object]


def add(app: typer.Typer) -> None:
    commands = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="The audit trail: export it, verify an export."
    )
    app.add_typer(commands, name="audit")

    @commands.command()
    def export(
        out: Annotated[
            Path | None,
            typer.Option("--out", "-o", metavar="FILE", help="File to write; standard output if left out."),
        ] = None,
        after: Annotated[int, typer.Option(min=0, metavar="N", help="Only lines with a higher number.")] = 0,
    ) -> None:
        """Write every line as JSON Lines, sealed with a signature over all of them.

        Each line has its number, time, link to the line before, and entry. The last line is the seal.

        \b
        Examples:
          signoff audit export --out audit.jsonl
          signoff audit export --after 1200 | gzip > audit-1201.jsonl.gz
        """
        settings = configuration.load()
        signer = configuration.signer(settings)

        async def lines(store: Store) -> list[trail.Line]:
            found: list[trail.Line] = []
            # One more than asked for: its link is what the first line hangs on.
            while page := await store.audit(found[-1].seq if found else max(after - 1, 0), PAGE):
                found += page
            return found

        found = with_store(settings, lines)
        previous = trail.GENESIS
        if after and found and found[0].seq == after:
            previous = found.pop(0).link
        texts = [dumps(trail.exported(line)) for line in found]
        claims: Json = {
            "count": len(texts),
            "first": found[0].seq if found else after + 1,
            "previous": previous,
            "sha256": trail.whole(texts),
        }
        texts.append(dumps({"seal": signer.sign(claims)}))
        body = "".join(text + "\n" for text in texts)
        if out is None:
            sys.stdout.write(body)
            return
        try:
            out.write_text(body, encoding="utf-8")
        except OSError as error:
            fail(f"--out {out}: it cannot be written ({error.strerror}).", UNREADABLE)
        typer.echo(f"{len(found)} lines and their seal are written to {out}.", err=True)

    @commands.command()
    def verify(
        file: Annotated[
            Path,
            typer.Argument(metavar="FILE", help="An export, or answers of GET /v1/audit.", exists=True, dir_okay=False),
        ],
        jwks: Annotated[
            Path | None,
            typer.Option(
                metavar="FILE",
                help="The published keys (/.well-known/jwks.json), saved; default: this installation's key.",
                exists=True,
                dir_okay=False,
            ),
        ] = None,
        after: Annotated[
            int, typer.Option(min=0, metavar="N", help="Answers of GET /v1/audit: the number they were asked after.")
        ] = 0,
    ) -> None:
        """Check every line, its place in the chain, and the seal. Needs no server.

        Exit code 0 if all of it holds, 1 if not. An export without its seal does not hold; answers of GET /v1/audit
        have none, and lines cut off at their end would not show.

        \b
        Examples:
          signoff audit verify audit.jsonl
          curl -s https://signoff.example.com/.well-known/jwks.json > keys.json
          signoff audit verify audit.jsonl --jwks keys.json
        """
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, ValueError):
            fail(f"{file} cannot be read as text.", UNREADABLE)
        faults, sentence = check(text, _published(jwks) if jwks else _own(), after)
        for fault in faults:
            typer.echo(fault)
        typer.echo(sentence)
        if faults:
            raise typer.Exit(NOT_VERIFIED)


def _published(file: Path) -> Json:
    """The key set in a file; ends the command when it is none."""
    try:
        parsed: object = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        parsed = None
    held: object = cast("Json", parsed).get("keys") if isinstance(parsed, dict) else None
    if not isinstance(held, list) or not all(
        isinstance(key, dict) and {"kid", "x"} <= key.keys() for key in cast("list[object]", held)
    ):
        fail(f"--jwks {file}: this is not a key set; save what /.well-known/jwks.json answers.", UNREADABLE)
    return cast("Json", parsed)


def _own() -> Json | None:
    """This installation's key, if there is one: checking an export elsewhere must not make one."""
    try:
        settings = configuration.load()
        made = settings.signing_key or (settings.data_dir / configuration.SIGNING_KEY_FILE).exists()
        return {"keys": [configuration.signer(settings).jwk()]} if made else None
    except (SignoffError, OSError):
        return None


@dataclass(frozen=True, slots=True)
class Trail:
    """What a file holds."""

    lines: list[trail.Line]
    texts: list[str]
    """The lines as written, for the seal; empty for answers of GET /v1/audit."""
    seal: str | None
    export: bool


def check(text: str, keys: Json | None, after: int = 0) -> tuple[list[str], str]:
    """Faults, and a closing sentence."""
    try:
        found = _read(text)
        if not found.export:
            faults, note = _unsealed(found.lines, after), "; it has no seal, so lines cut off at its end would not show"
        else:
            faults, note = _sealed(found, keys), ", and so does the seal"
    except (ValueError, OverflowError) as error:  # moments beyond all calendars, halves of characters
        return [str(error)], "NOT VERIFIED: the file holds no audit trail, or a line was changed."
    if faults:
        return faults, f"NOT VERIFIED: {_count(len(faults), 'fault')} in {_count(len(found.lines), 'line')}."
    return [], f"Verified: the chain of {_count(len(found.lines), 'line')} holds{note}."


def _sealed(found: Trail, keys: Json | None) -> list[str]:
    if found.seal is None:
        return ["the seal is missing: the end of the export was cut off", *_chain(found.lines, trail.GENESIS, 1)]
    if keys is None:
        return ["the seal cannot be checked, because there is no key here; give the published ones with --jwks"]
    try:
        claims = _claims(found.seal, keys)
    except ValueError as error:
        return [f"the seal: {error}"]
    match claims:
        case {"count": int(count), "first": int(first), "previous": str(previous), "sha256": str(sha256)}:
            whole = count == len(found.lines) and sha256 == trail.whole(found.texts)
            faults = [] if whole else ["the seal was made over other lines than these"]
            return [*faults, *_chain(found.lines, previous, first)]
        case _:
            return ["the seal: it is a signature over something else"]


def _unsealed(lines: list[trail.Line], after: int) -> list[str]:
    if after == 0 or not lines:
        return _chain(lines, trail.GENESIS, 1)
    if lines[0].seq != after + 1:
        return [f"the first line is {lines[0].seq}, not {after + 1}"]
    # What the first line hangs on is not in the file.
    return _chain(lines[1:], lines[0].link, after + 2)


def _chain(lines: list[trail.Line], previous: str, first: int) -> list[str]:
    return [fault.sentence for fault in trail.verify(lines, previous, first)]


def _claims(seal: str, keys: Json) -> Json:
    from signoff import digest  # with it comes cryptography

    return digest.verify(seal, keys)


def _read(text: str) -> Trail:
    """Raises ValueError."""
    raw = [line for line in text.split("\n") if line.strip()]  # splitlines also breaks at characters inside of text
    if not raw:
        raise ValueError("the file is empty")
    documents = _documents(text, raw)
    if any("lines" in document or "body" in document for document in documents):
        return Trail([trail.imported(line) for line in _answered(documents)], [], None, export=False)
    seal = documents[-1].get("seal")
    if isinstance(seal, str):
        documents.pop()
        raw.pop()
    return Trail([trail.imported(one) for one in documents], raw, seal if isinstance(seal, str) else None, export=True)


def _documents(text: str, raw: list[str]) -> list[Json]:
    try:
        found = [loads(line) for line in raw]
    except ValueError:
        found = [loads(text)]  # one answer of GET /v1/audit, written over several lines
    if not all(isinstance(one, dict) for one in found):
        raise ValueError("every line must be a JSON object")
    return cast("list[Json]", found)


def _answered(documents: list[Json]) -> Iterator[object]:
    """The lines of one or several answers of GET /v1/audit, or bare."""
    for document in documents:
        lines = document.get("lines")
        if isinstance(lines, list):
            yield from cast("list[object]", lines)
        else:
            yield document


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
