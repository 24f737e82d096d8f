"""The service as commands see it: SIGNOFF_URL and SIGNOFF_API_KEY, answers as data, problems as sentences."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Container, Mapping, Sequence
from typing import NoReturn, cast

import typer

from signoff import config as configuration
from signoff.client.requests import DEFAULT_URL
from signoff.client.wire import Document, Lost, Reply, Wire
from signoff.model import loads

COULD_NOT = 20
"""Exit code: the service could not be reached or said no."""

AT_ONCE = 16
"""Calls of one command that are open at the same time."""


def fail(sentence: str, code: int = COULD_NOT) -> NoReturn:
    """Say why on standard error and end."""
    print(f"signoff: {sentence}", file=sys.stderr)
    raise typer.Exit(code)


def call(
    method: str, path: str, body: Mapping[str, object] | None = None, query: Mapping[str, str] | None = None
) -> Reply:
    """One call; ends the command when there is no answer at all."""
    url, key = service()
    try:
        return asyncio.run(Wire(url, key).send(method, path, body, query=query))
    except Lost as error:
        _unreachable(url, error)


def _unreachable(url: str, error: Lost) -> NoReturn:
    shown = configuration.without_secrets(url)
    fail(f"{shown} cannot be reached: {error}. Is `signoff serve` running, and SIGNOFF_URL right?")


async def replies(paths: Sequence[str], method: str = "GET") -> list[Reply]:
    """The answers of several calls over shared connections; ends the command when there is no answer to one."""
    url, key = service()
    wire = Wire(url, key)
    few = asyncio.Semaphore(AT_ONCE)

    async def one(path: str) -> Reply:
        async with few:
            return await wire.send(method, path)

    try:
        async with wire.open():
            return await asyncio.gather(*map(one, paths))
    except Lost as error:
        _unreachable(url, error)


def service() -> tuple[str, str]:
    """Address and key, from the environment or `.env`; ends the command when they cannot be used. Raises BadConfig."""
    environ = configuration.environment()
    key = environ.get("SIGNOFF_API_KEY")
    if not key:
        fail("SIGNOFF_API_KEY is not set; make a key with `signoff keys create`.")
    url = environ.get("SIGNOFF_URL", DEFAULT_URL)
    if not configuration.is_http(url):
        fail("SIGNOFF_URL is not an http address; write it like http://127.0.0.1:8080.")
    return url, key


def fetch(path: str, query: Mapping[str, str] | None = None) -> Document:
    """The answer of a GET; ends the command when it is a problem."""
    reply = call("GET", path, query=query)
    if reply.status != 200:
        fail(reply.detail)
    return reply.body


def faults(reply: Reply) -> str:
    """A problem as text: its sentence, or one line for every fault."""
    listed = reply.body.get("errors")
    errors = cast("list[object]", listed) if isinstance(listed, list) else []
    lines = [_fault(cast("Document", error)) for error in errors if isinstance(error, dict)]
    return "\n  ".join(lines) if lines else reply.detail


def _fault(error: Document) -> str:
    where = error.get("pointer") or error.get("parameter") or error.get("header")
    return f"{where}: {error.get('detail')}" if where else str(error.get("detail"))


def pairs(plain: Sequence[str], json: Sequence[str]) -> tuple[dict[str, str], Document]:
    """`--arg k=v` as text, `--json-arg k=JSON` as data. Ends the command when one is neither, or named twice."""
    texts: dict[str, str] = {}
    data: Document = {}
    for item in plain:
        name, text = _pair(item, "--arg", texts)
        texts[name] = text
    for item in json:
        name, text = _pair(item, "--json-arg", {**texts, **data})
        try:
            data[name] = loads(text)
        except ValueError as error:
            fail(f"--json-arg {name}: {error}. Quote text twice: --json-arg 'name=\"text\"'.", 2)
    return texts, data


def _pair(item: str, option: str, known: Container[str]) -> tuple[str, str]:
    name, equals, value = item.partition("=")
    if not name or not equals:
        fail(f"{option} {item}: write it as name=value.", 2)
    if name in known:
        fail(f"{option} {item}: {name} has a value already; give it once.", 2)
    return name, value
