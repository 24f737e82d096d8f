"""`signoff freeze`, `thaw`, `freezes`: the kill switch, in the server's own store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from signoff import config as configuration
from signoff.cli import tables
from signoff.cli.records import VIA, by, with_orders
from signoff.cli.remote import fail
from signoff.errors import BadConfig, BadPolicy
from signoff.model import Freeze, dumps, iso, visible

if TYPE_CHECKING:
    from signoff.desk.freezing import Froze
    from signoff.desk.orders import Orders
    from signoff.policy import Policy
    from signoff.ports import Store

NOTHING = 1
"""Exit code of `thaw`: there was nothing to thaw."""
NAME = 200
"""Characters of an agent's or a tool's name."""
REASON = 2000
"""Characters of why: it is told to every agent that is stopped."""

Agent = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only this agent: its own name, its key's id or its key's name.")
]
Tool = Annotated[str | None, typer.Option(metavar="NAME", help="Only this tool.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]


def add(app: typer.Typer) -> None:
    @app.command(short_help="Stop everything, one agent or one tool, at once.")
    def freeze(
        agent: Agent = None,
        tool: Tool = None,
        reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; people and agents read it.")] = None,
        json: AsJson = False,
    ) -> None:
        """Stop everything, or what one agent or one tool does, at once and on every server.

        While it is frozen, nothing that matches is decided, approved by a rule or run. New requests wait, rules that
        reject still reject, and agents may take requests back. Uses the server's own configuration; neither has a
        server to run nor the policy to be free of faults.

        \b
        Examples:
          signoff freeze --reason "looking into wrong refunds"
          signoff freeze --agent support-agent --tool issue_refund
        """
        _check(agent, tool)
        if reason is not None and len(reason) > REASON:
            fail(f"--reason: at most {REASON} characters.", 2)

        async def work(orders: Orders, store: Store) -> tuple[Froze, bool]:
            keys = await store.keys()
            known = agent is None or any(agent in {key.id, key.name} for key in keys if key.role == "agent")
            return await orders.freeze(agent, tool, reason, by=by(), via=VIA), known

        settings = _settings()
        froze, known = with_orders(settings, _policy(settings), work)
        if json:
            print(dumps([document(one) for one in froze.freezes]))
        for one in () if json else froze.freezes:
            print(f"Frozen: {what(one)}.")
        typer.echo(visible(froze.reach), err=json)
        if not known:
            note = f"No agent key has the id or name {agent}; this holds for agents that call themselves so."
            typer.echo(f"signoff: {note}", err=True)

    @app.command(short_help="Lift a freeze.")
    def thaw(agent: Agent = None, tool: Tool = None, json: AsJson = False) -> None:
        """Lift the freeze that was made with the same --agent and --tool. Exit code 1 when there was none.

        \b
        Examples:
          signoff thaw
          signoff thaw --agent support-agent --tool issue_refund
        """
        _check(agent, tool)

        async def work(orders: Orders, _: Store) -> tuple[Sequence[Freeze], Sequence[Freeze]]:
            return await orders.thaw(agent, tool, by=by(), via=VIA), await orders.freezes()

        settings = _settings()
        lifted, left = with_orders(settings, _policy(settings), work)
        if json:
            print(dumps([document(one) for one in lifted]))
        for one in () if json else lifted:
            print(f"Thawed: {what(one)}.")
        if left:
            typer.echo(f"signoff: still frozen: {'; '.join(map(what, left))}.", err=True)
        if not lifted:
            fail("Nothing was frozen like that; `signoff freezes` lists what is.", NOTHING)

    @app.command(short_help="List what is frozen.")
    def freezes(json: AsJson = False) -> None:
        """What is frozen, since when, by whom and why.

        \b
        Example:
          signoff freezes --json | jq -r '.[].tool'
        """
        settings = _settings()
        found = with_orders(settings, _policy(settings), lambda orders, _: orders.freezes())
        if json:
            print(dumps([document(one) for one in found]))
        elif not found:
            print("Nothing is frozen.")
        else:
            rows = [(what(one), one.by, iso(one.at), one.reason) for one in found]
            tables.show(("frozen", "by", "since", "reason"), rows)


def what(one: Freeze) -> str:
    """What a freeze holds for, in words."""
    if one.agent is None and one.tool is None:
        return "everything"
    calls = f"calls of {one.tool}" if one.tool else "all calls"
    return visible(f"{calls} by agent {one.agent}" if one.agent else calls)


def document(one: Freeze) -> dict[str, object]:
    from signoff.api.orders import freeze

    return freeze(one)


def _check(agent: str | None, tool: str | None) -> None:
    for option, text in (("--agent", agent), ("--tool", tool)):
        if text is not None and not (text.strip() and len(text) <= NAME):
            fail(f"{option}: give it 1 to {NAME} characters, or leave it out for all.", 2)


def _settings() -> configuration.Config:
    """The server's; without the policy's file, if that is not where it should be."""
    environ = configuration.environment()
    try:
        return configuration.load(environ)
    except BadConfig as error:
        if error.data["key"] != "SIGNOFF_POLICY":
            raise
    return configuration.load({name: value for name, value in environ.items() if name != "SIGNOFF_POLICY"})


def _policy(settings: configuration.Config) -> Policy:
    """The policy; one that cannot be read must not keep anybody from the kill switch."""
    from signoff import policy
    from signoff.app import load_policy

    try:
        return load_policy(settings)
    except (BadPolicy, BadConfig):
        return policy.default((), chats=())
