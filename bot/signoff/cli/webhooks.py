"""`signoff webhooks`: what was sent to callback_url and what was not, in the server's own store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from signoff import config as configuration
from signoff.cli.records import VIA, by, with_store
from signoff.cli.remote import fail
from signoff.model import Delivery, dumps, iso, visible

if TYPE_CHECKING:
    from signoff.ports import Store
    from signoff.webhooks import Deliveries

T = TypeVar("T")

REFUSED = 2
LIMIT = 1000
"""Waiting ones that a list shows, if it is not told otherwise."""

AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The request's id.")]


def add(app: typer.Typer) -> None:
    commands = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help="Webhooks: what waits and what is dead, sent again."
    )
    app.add_typer(commands, name="webhooks")

    @commands.command("list")
    def list_webhooks(
        limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most of those that wait.")] = LIMIT,
        json: AsJson = False,
    ) -> None:
        """Dead letters, and webhooks that still wait to be taken. Uses the server's own configuration.

        \b
        Examples:
          signoff webhooks list
          signoff webhooks list --json | jq -r '.[] | select(.state == "dead") | .request'
        """

        async def work(deliveries: Deliveries) -> Sequence[Delivery]:
            return [*await deliveries.dead(), *await deliveries.waiting(limit)]

        found = _with(work)
        if json:
            print(dumps([_document(one) for one in found]))
        elif not found:
            print("Nothing waits, and there are no dead letters.")
        else:
            for one in found:
                print(_told(one))

    @commands.command()
    def show(request: Id, json: AsJson = False) -> None:
        """How far the webhook of one request has come, also one that was taken.

        \b
        Example:
          signoff webhooks show req_019aa0d2c1f09d0f5be0b1e2a7c4
        """
        found = _with(lambda deliveries: deliveries.show(request))
        if json:
            print(dumps(_document(found)))
            return
        for name, value in _document(found).items():
            if value is not None:
                print(f"{name:12}{value}")

    @commands.command()
    def redeliver(
        request: Annotated[str | None, typer.Argument(metavar="[ID]", help="The request's id.")] = None,
        every: Annotated[bool, typer.Option("--all", help="Every dead letter.")] = False,
    ) -> None:
        """Send again: a dead letter, one that was taken, or at once one that waits. The webhook-id stays the same.

        A server that runs sends it within some seconds.

        \b
        Examples:
          signoff webhooks redeliver req_019aa0d2c1f09d0f5be0b1e2a7c4
          signoff webhooks redeliver --all
        """
        if (request is None) != every:
            fail("Name one request, or say --all.", REFUSED)

        async def work(deliveries: Deliveries) -> Sequence[Delivery]:
            wanted = [one.request for one in await deliveries.dead()] if request is None else [request]
            return [await deliveries.redeliver(one, by=by(), via=VIA) for one in wanted]

        found = _with(work)
        for one in found:
            print(f"{one.request} is sent again to {one.target}.")
        if not found:
            print("There are no dead letters.")

    @commands.command()
    def secret(
        key: Annotated[str, typer.Argument(metavar="KEY", help="The agent key's id, from `signoff keys list`.")],
    ) -> None:
        """Print what an agent key's webhooks are signed with. The agent itself reads it at GET /v1/webhooks/secret.

        \b
        Example:
          signoff webhooks secret 4f2c9a7be013
        """
        from signoff.api.keys import parse

        settings = configuration.load()
        parsed = parse(key)
        key_id = parsed[0] if parsed else key
        found = with_store(settings, lambda store: store.key(key_id))
        if found is None or found.role != "agent" or found.revoked_at is not None:
            fail("There is no such agent key in use; `signoff keys list` shows them.", REFUSED)
        print(configuration.signer(settings).webhook_secret(found.id))


def _with(work: Callable[[Deliveries], Awaitable[T]]) -> T:
    from signoff.webhooks import Deliveries

    async def run(store: Store) -> T:
        return await work(Deliveries(store))

    return with_store(configuration.load(), run)


def _document(one: Delivery) -> dict[str, object]:
    return {
        "request": one.request,
        "state": one.state,
        "type": one.type,
        "target": one.target,
        "attempts": one.attempts,
        "first_at": iso(one.first_at) if one.first_at else None,
        "last_at": iso(one.last_at) if one.last_at else None,
        "next_at": iso(one.next_at) if one.next_at else None,
        "fault": one.fault,
    }


def _told(one: Delivery) -> str:
    """A few short lines: a table of all this fits no terminal."""
    tried = f"{one.attempts} {'attempt' if one.attempts == 1 else 'attempts'}"
    tried += f", the last {iso(one.last_at)}" if one.last_at else ""
    tried += f", the next {iso(one.next_at)}" if one.next_at else ""
    lines = [f"{one.request}  {one.state}", f"{one.type} to {one.target}", tried, *([one.fault] if one.fault else [])]
    return "\n  ".join(map(visible, lines))
