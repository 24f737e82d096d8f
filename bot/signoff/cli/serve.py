"""`signoff serve`: the bot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from signoff.app import Running


def add(app: typer.Typer) -> None:
    @app.command(short_help="Run the bot.")
    def serve() -> None:
        """Run the bot: the HTTP door for agents, both chats, and the relay that keeps cards true.

        Reads the environment and `.env` in this folder (`.env.example` explains every variable). Without any chat
        configured it runs all the same; decisions then come from approver keys (`signoff pending`, `signoff decide`).
        A policy file that changes is read again, and on SIGHUP. Stop it with Ctrl-C.

        \b
        Example:
          SIGNOFF_POLICY=policy.yaml signoff serve
        """
        import structlog  # server's packages load with the server's commands, so that the terminal's start fast

        from signoff import config as configuration
        from signoff.app import load_policy
        from signoff.app import serve as serve_app
        from signoff.cli.logs import log_to_stderr

        log_to_stderr()
        log = structlog.get_logger("signoff")
        settings = configuration.load()
        rules = load_policy(settings)

        def ready(running: Running) -> None:
            where = f"its own Redis under {settings.data_dir}" if running.embedded else settings.redis_shown
            mode = "" if running.mode == "enforce" else f" in mode {running.mode}"
            log.info(f"Signoff listens on {running.address}{mode} and keeps its records in {where}.")
            if running.chats:
                log.info(f"Chats: {', '.join(running.chats)}.")
            else:
                log.warning(
                    "No chat is configured: cards are shown nowhere, and decisions come from approver keys only "
                    "(signoff keys create --role approver --person …)."
                )
            if not any(rules.members(names) or rules.live(names) for names in rules.all_approvers()):
                log.warning("The policy names no approvers, so nobody can approve anything yet; set SIGNOFF_POLICY.")

        asyncio.run(serve_app(settings, on_ready=ready))
