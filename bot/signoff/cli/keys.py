"""`signoff keys`: API keys in the server's own store."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from signoff import config as configuration
from signoff.cli.records import with_store
from signoff.cli.remote import fail
from signoff.model import Key, dumps, iso, visible

if TYPE_CHECKING:
    from signoff.api.keys import Role
    from signoff.ports import Store

REFUSED = 2
NAME = 200
"""Characters of a key's name."""


def add(app: typer.Typer) -> None:
    commands = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="API keys: create, list, revoke.")
    app.add_typer(commands, name="keys")

    @commands.command()
    def create(
        role: Annotated[
            str, typer.Option(help="agent asks, approver decides as one person, admin reads all.", metavar="ROLE")
        ],
        name: Annotated[str, typer.Option(help="What it is for; people read it.", metavar="NAME")],
        person: Annotated[
            str | None, typer.Option(help="approver: the person of the policy who decides.", metavar="PERSON")
        ] = None,
        owner: Annotated[
            str | None,
            typer.Option(help="agent: the person behind it, who cannot approve what it asks.", metavar="PERSON"),
        ] = None,
    ) -> None:
        """Make a key and print it once, alone on standard output. Only its hash is kept.

        Uses the server's own configuration (SIGNOFF_REDIS_URL or SIGNOFF_DATA_DIR, and SIGNOFF_POLICY, which says who
        there is). It works beside a server that runs, and before one does.

        \b
        Examples:
          signoff keys create --role agent --name support-agent --owner rita
          signoff keys create --role approver --name "Ada's terminal" --person ada
          export SIGNOFF_API_KEY=$(signoff keys create --role agent --name ci)
        """
        from signoff.api import keys as made
        from signoff.app import load_policy

        if role not in {"agent", "approver", "admin"}:
            fail(f"--role {role}: use agent, approver or admin.", REFUSED)
        if not 0 < len(name.strip()) <= NAME or not name.isprintable():
            fail(f"--name: give it 1 to {NAME} characters on one line.", REFUSED)
        if (role == "approver") != (person is not None):
            fail("--person goes with --role approver, and is needed there: who decides with this key?", REFUSED)
        if owner is not None and role != "agent":
            fail("--owner goes with --role agent.", REFUSED)
        config = configuration.load()
        people = load_policy(config).people
        for option, who in (("--person", person), ("--owner", owner)):
            if who is not None and who not in people:
                known = (
                    f"it knows {', '.join(sorted(people))}" if people else "set SIGNOFF_POLICY to one that names them"
                )
                fail(f"{option} {who}: the policy knows no such person; {known}.", REFUSED)

        async def make(store: Store) -> str:
            text, key = made.make(_role(role), name.strip(), await store.now(), person=person, owner=owner)
            await store.add_key(key)
            return text

        text = with_store(config, make)
        print(f"This {role} key is shown only now; keep it like a password.", file=sys.stderr)
        print(text)

    @commands.command("list")
    def list_keys(
        json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False,
    ) -> None:
        """Every key: id, role, name, person; never the key itself.

        \b
        Example:
          signoff keys list --json | jq -r '.[] | select(.revoked_at == null) | .id'
        """
        keys = with_store(configuration.load(), lambda store: store.keys())
        if json:
            print(dumps([_document(key) for key in keys]))
            return
        if not keys:
            print("There are no keys; make one with `signoff keys create`.")
            return
        table = Table(box=None, header_style="bold")
        for heading in ("id", "role", "name", "person", "created", "revoked"):
            table.add_column(heading, overflow="fold", no_wrap=heading == "id")
        for key in keys:
            revoked = iso(key.revoked_at) if key.revoked_at else ""
            row = (key.id, key.role, visible(key.name), key.person or key.owner or "", iso(key.created_at), revoked)
            table.add_row(*map(Text, row))
        Console().print(table)

    @commands.command()
    def revoke(
        key: Annotated[str, typer.Argument(metavar="ID", help="The key's id, from `signoff keys list`.")],
    ) -> None:
        """Take a key out of use, at once and for good. Its requests stay as they are.

        \b
        Example:
          signoff keys revoke 4f2c9a7be013
        """
        from signoff.api.keys import parse

        parsed = parse(key)
        key_id = parsed[0] if parsed else key
        if not with_store(configuration.load(), lambda store: store.revoke_key(key_id)):
            fail("There is no such key in use; `signoff keys list` shows them.", REFUSED)
        print(f"{key_id} is revoked.")


def _document(key: Key) -> dict[str, object]:
    """A key as data, without its hash."""
    return {
        "id": key.id,
        "role": key.role,
        "name": key.name,
        "person": key.person,
        "owner": key.owner,
        "created_at": iso(key.created_at),
        "revoked_at": iso(key.revoked_at) if key.revoked_at else None,
    }


def _role(text: str) -> Role:
    return "agent" if text == "agent" else "approver" if text == "approver" else "admin"
