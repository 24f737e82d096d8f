"""`signoff grants`, `delegate`, `delegations`: what people have allowed for a while, in the server's own store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from signoff import config as configuration
from signoff.cli import tables
from signoff.cli.records import VIA, by, with_orders
from signoff.cli.remote import fail
from signoff.errors import NotFound
from signoff.model import Delegation, Grant, dumps

if TYPE_CHECKING:
    from signoff.desk.orders import Orders
    from signoff.policy import Policy
    from signoff.ports import Store

REFUSED = 2
Document = dict[str, object]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def add(app: typer.Typer) -> None:
    _grants(app)
    _delegations(app)


def _grants(app: typer.Typer) -> None:
    commands = typer.Typer(rich_markup_mode=None, help='What "allow similar" has allowed: list, revoke.')
    app.add_typer(commands, name="grants", invoke_without_command=True)

    @commands.callback()
    def grants(context: typer.Context, json: AsJson = False) -> None:
        if context.invoked_subcommand is None:
            _list_grants(json=json)

    @commands.command("list", short_help="The grants that stand.")
    def list_grants(json: AsJson = False) -> None:
        """The grants that stand: for which calls, until when, how often used, who gave them.

        \b
        Example:
          signoff grants list --json | jq -r '.[] | select(.uses > 3) | .id'
        """
        _list_grants(json=json)

    @commands.command()
    def revoke(grant: Annotated[str, typer.Argument(metavar="ID", help="From `signoff grants`.")]) -> None:
        """End a grant at once: calls like it are asked about again.

        \b
        Example:
          signoff grants revoke grt_4f2c9a7be013
        """
        try:
            with_orders(*_set_up(), lambda orders, _: orders.revoke(grant, by=by(), via=VIA))
        except NotFound:
            fail("There is no such grant; `signoff grants` lists those that stand.", REFUSED)
        print(f"{grant} is revoked.")


def _list_grants(*, json: bool) -> None:
    from signoff.api.orders import grant

    found = with_orders(*_set_up(), lambda orders, _: orders.grants())
    if json:
        print(dumps([grant(one) for one in found]))
    elif not found:
        print("No grants stand.")
    else:
        rows = [
            (one.id, one.tool, _same(one), one.giver, f"{one.uses} of {one.max_uses}", _utc(one.expires_at))
            for one in found
        ]
        tables.show(("id", "tool", "same", "given by", "used", "until"), rows)


def _same(one: Grant) -> str:
    """Which arguments have to be the same as then."""
    return "all arguments" if "" in one.match else ", ".join(f"{path} = {text}" for path, text in one.match.items())


def _delegations(app: typer.Typer) -> None:
    @app.command(short_help="Let somebody decide in another's place, for a while.")
    def delegate(
        giver: Annotated[str, typer.Option("--from", metavar="PERSON", help="Whose place it is.")],
        to: Annotated[str, typer.Option(metavar="PERSON", help="Who decides in it.")],
        until: Annotated[str, typer.Option(metavar="WHEN", help="friday, tomorrow, 17:00, 2026-12-01 or 3d, in UTC.")],
        scope: Annotated[
            str | None,
            typer.Option("--for", metavar="SCOPE", help="Only a rule or a group of the policy; left out: everything."),
        ] = None,
        json: AsJson = False,
    ) -> None:
        """Let somebody decide in another's place, never more than the other could, and never what they asked for.

        A day counts to its end, in UTC. Uses the server's own configuration.

        \b
        Examples:
          signoff delegate --from ada --to bob --until friday
          signoff delegate --from ada --to bob --until 2026-12-01 --for refunds
        """

        from signoff.desk import moments

        async def work(orders: Orders, store: Store) -> Delegation:
            return await orders.delegate(giver, to, moments.until(until, await store.now()), scope, via=by())

        made = with_orders(*_set_up(), work)
        if json:
            print(dumps(_shown(made)))
        else:
            whom = f"{made.to} decides in the place of {made.giver}"
            print(f"{made.id}: {whom} for {made.scope or 'everything'} until {_utc(made.until)}.")

    commands = typer.Typer(rich_markup_mode=None, help="Who decides in whose place: list, end.")
    app.add_typer(commands, name="delegations", invoke_without_command=True)

    @commands.callback()
    def delegations(context: typer.Context, json: AsJson = False) -> None:
        if context.invoked_subcommand is None:
            _list_delegations(json=json)

    @commands.command("list")
    def list_delegations(json: AsJson = False) -> None:
        """The delegations that stand.

        \b
        Example:
          signoff delegations list
        """
        _list_delegations(json=json)

    @commands.command(short_help="End a delegation at once.")
    def end(delegation: Annotated[str, typer.Argument(metavar="ID", help="From `signoff delegations`.")]) -> None:
        """End a delegation at once; votes that were cast by it are looked at again when the decision is made.

        \b
        Example:
          signoff delegations end del_4f2c9a7be013
        """
        try:
            with_orders(*_set_up(), lambda orders, _: orders.undelegate(delegation, by=by(), via=VIA))
        except NotFound:
            fail("There is no such delegation; `signoff delegations` lists those that stand.", REFUSED)
        print(f"{delegation} is ended.")


def _list_delegations(*, json: bool) -> None:
    found = with_orders(*_set_up(), lambda orders, _: orders.delegations())
    if json:
        print(dumps([_shown(one) for one in found]))
    elif not found:
        print("No delegations stand.")
    else:
        rows = [(one.id, one.giver, one.to, one.scope or "everything", _utc(one.until)) for one in found]
        tables.show(("id", "from", "to", "for", "until"), rows)


def _shown(one: Delegation) -> Document:
    from signoff.api.orders import delegation

    return delegation(one)


def _set_up() -> tuple[configuration.Config, Policy]:
    from signoff.app import load_policy

    settings = configuration.load()
    return settings, load_policy(settings)


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
