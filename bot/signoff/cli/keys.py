"""`signoff keys`: API keys in the server's own store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff import config as configuration
from signoff.api import keys as made
from signoff.app import load_policy, open_store
from signoff.cli.remote import fail
from signoff.model import iso
from signoff.ports import Store

T = TypeVar("T")

REFUSED = 2
NAME = 200
"""Characters of a key's name."""


def add(app: typer.Typer) -> None:
    commands = typer.Typer(no_args_is_help=True, help="API keys: create, list, revoke.")
    app.add_typer(commands, name="keys")

    @commands.command()
    def create(
        role: Annotated[str, typer.Option(help="agent asks, approver decides as one person, admin reads everything.")],
        name: Annotated[str, typer.Option(help="What it is for; people read it.")],
        person: Annotated[str | None, typer.Option(help="approver: the person of the policy who decides.")] = None,
        owner: Annotated[
            str | None, typer.Option(help="agent: the person behind it, who then cannot approve what it asks.")
        ] = None,
    ) -> None:
        """Make a key and print it once, alone on standard output. Only its hash is kept.

        Uses the server's own configuration (SIGNOFF_REDIS_URL or SIGNOFF_DATA_DIR, SIGNOFF_POLICY).

        Examples:

          export SIGNOFF_API_KEY=$(signoff keys create --role agent --name support-agent --owner rita)

          signoff keys create --role approver --name "Ada's terminal" --person ada
        """
        if role not in {"agent", "approver", "admin"}:
            fail(f"--role {role}: use agent, approver or admin.", REFUSED)
        if not 0 < len(name.strip()) <= NAME:
            fail(f"--name: give it 1 to {NAME} characters.", REFUSED)
        if (role == "approver") != (person is not None):
            fail("--person goes with --role approver, and is needed there: who decides with this key?", REFUSED)
        if owner is not None and role != "agent":
            fail("--owner goes with --role agent.", REFUSED)
        config = configuration.load()
        people = load_policy(config).people
        for option, who in (("--person", person), ("--owner", owner)):
            if who is not None and who not in people:
                known = ", ".join(sorted(people)) or "nobody"
                fail(f"{option} {who}: the policy knows no such person; it knows {known}.", REFUSED)

        async def make(store: Store) -> str:
            text, key = made.make(_role(role), name.strip(), await store.now(), person=person, owner=owner)
            await store.add_key(key)
            return text

        text = _with_store(make)
        print(f"This {role} key is shown only now; keep it like a password.", file=sys.stderr)
        print(text)

    @commands.command("list")
    def list_keys() -> None:
        """Every key: id, role, name, person; never the key itself."""
        table = Table("id", "role", "name", "person", "created", "revoked", box=None, header_style="bold")
        for key in _with_store(lambda store: store.keys()):
            revoked = iso(key.revoked_at) if key.revoked_at else ""
            row = (key.id, key.role, key.name, key.person or key.owner or "", iso(key.created_at), revoked)
            table.add_row(*map(Text, row))
        Console().print(table)

    @commands.command()
    def revoke(
        key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `signoff keys list`.")],
    ) -> None:
        """Take a key out of use, at once and for good. Its requests stay as they are."""
        parsed = made.parse(key)
        key_id = parsed[0] if parsed else key
        if not _with_store(lambda store: store.revoke_key(key_id)):
            fail("There is no such key in use; `signoff keys list` shows them.", REFUSED)
        print(f"{key_id} is revoked.")


def _role(text: str) -> made.Role:
    return "agent" if text == "agent" else "approver" if text == "approver" else "admin"


def _with_store(work: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_store(configuration.load()) as store:
            return await work(store)

    return asyncio.run(run())
