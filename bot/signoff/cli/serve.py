"""`signoff serve`: the bot."""

from __future__ import annotations

import asyncio
import logging
import sys

import structlog
import typer
from rich.console import Console

from signoff import config as configuration
from signoff.app import Running, load_policy
from signoff.app import serve as serve_app


def add(app: typer.Typer) -> None:
    @app.command()
    def serve() -> None:
        """Run the bot: the HTTP door for agents, both chats, and the relay that keeps cards true.

        Reads the environment and `.env` in this folder (`.env.example` explains every variable). Without any chat
        configured it runs all the same; decisions then come from approver keys (`signoff pending`, `signoff decide`).
        Stop it with Ctrl-C.
        """
        log_to_stderr()
        settings = configuration.load()
        rules = load_policy(settings)
        console = Console(stderr=True)

        def ready(running: Running) -> None:
            where = "its own Redis under " + str(settings.data_dir) if running.embedded else "the configured Redis"
            console.print(f"Signoff listens on {running.address} and keeps its records in {where}.")
            if running.chats:
                console.print(f"Chats: {', '.join(running.chats)}.")
            else:
                console.print(
                    "No chat is configured: cards are shown nowhere, and decisions come from approver keys only "
                    "(signoff keys create --role approver --person …)."
                )
            if not any(rules.members(names) for names in rules.all_approvers()):
                console.print("The policy names no approvers, so nobody can approve anything yet; set SIGNOFF_POLICY.")

        asyncio.run(serve_app(settings, on_ready=ready))


def log_to_stderr() -> None:
    """One line an event, JSON when standard error is not a terminal."""
    terminal = sys.stderr.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
