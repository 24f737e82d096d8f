"""`signoff demo`: everything on this machine, nothing to sign up for."""

from __future__ import annotations

import asyncio
import errno
import shlex
import signal
import sys
import webbrowser
from collections.abc import Coroutine
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from signoff.errors import BadConfig

NOT_HELD = 1
INTERRUPTED = 130

T = TypeVar("T")

WELCOME = """
[bold]{address}[/bold]   both chats, the agent beside them

  The support agent is asking for refunds right now. Try this:
  · as [bold]Ada[/bold], approve the refund of A-1001 in Slack's #refunds
  · edit one: 500 → 5000 (see the error), then 400; look at the agent's terminal
  · as [bold]Bob[/bold], reject one with a reason in Teams → Finance → Payouts
  · as [bold]Mia[/bold], who may not decide, click Approve
  · answer the question about the warehouse in #approvals or Teams → Finance → General
  · the next refund, A-1004, is large: type its number as Ada, then agree as Bob and as [bold]Rita[/bold], a manager
  · under More… allow similar refunds of one order, or as Rita break the glass of a large one
  · as Rita, type [bold]/signoff freeze[/bold] in Slack, and [bold]@Signoff thaw[/bold] in Teams; help tells the rest
"""
OWN = """\
  Now a function of your own. In another terminal:

export SIGNOFF_URL={url} SIGNOFF_API_KEY={key}
{python} - <<'END'
from signoff import Gate

@Gate(agent="mine").tool(risk="high", editable=["amount"])
def pay(to: str, amount: float) -> str:
    \"\"\"Pay somebody.\"\"\"
    return f"paid {{to}} {{amount:.2f}}"

print(pay("Ada", 500))
END

  Its card is in #approvals and in Teams → Finance → General; Ada and Bob may decide.
"""
END = """
  Ctrl-C ends the demo; nothing is left behind.
"""


def add(app: typer.Typer) -> None:
    @app.command(short_help="Try it: both chats simulated, on this machine.")
    def demo(
        auto: Annotated[
            bool, typer.Option("--auto", help="Play the story with scripted people, check each step, exit.")
        ] = False,
        port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0: any free one.")] = 0,
        browser: Annotated[bool, typer.Option(help="Open the page in a browser, if there is one.")] = True,
    ) -> None:
        """Try Signoff without an account: both chats simulated on this machine, a real bot, a real agent, a real Redis.

        With --auto, exits 0 only if every step held.

        \b
        Examples:
          signoff demo
          signoff demo --auto
        """
        from signoff_sim.demo.stage import NotStarted, Stage  # the simulator is loaded for this command alone
        from signoff_sim.demo.story import play

        console = Console(highlight=False, soft_wrap=True)

        async def story() -> bool:
            console.print("Starting Redis, both simulated chats and the bot …")
            async with Stage(port=port) as stage:
                return await play(stage, lambda line: console.print(line, markup=False))

        async def stay() -> None:
            console.print("Starting Redis, both simulated chats and the bot …")
            # What the agent prints is text, whatever brackets stand in it.
            async with Stage(port=port, said=lambda line: console.print(Text(f"agent │ {line}", "dim"))) as stage:
                console.print(WELCOME.format(address=stage.address))
                own = OWN.format(url=stage.bot_address, key=stage.key, python=shlex.quote(sys.executable))
                console.print(own + END, markup=False)
                await stage.write(*own.splitlines(), "")
                if browser:
                    await asyncio.to_thread(webbrowser.open, stage.address)
                agent = await stage.agent()
                await agent.process.wait()
                await asyncio.Event().wait()

        try:
            if not auto:
                asyncio.run(_interruptible(stay()))
                console.print("Ended; nothing is left behind.")
                return
            held = asyncio.run(_interruptible(story()))
        except NotStarted as error:
            console.print(f"The demo did not start: {error}", markup=False)
            raise typer.Exit(NOT_HELD) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            fault = f"another program already listens on {port}."
            raise BadConfig(key="--port", fault=fault, mend="Choose another one, or leave it out.") from None
        if not held:
            raise typer.Exit(INTERRUPTED if held is None else NOT_HELD)


async def _interruptible(work: Coroutine[object, object, T]) -> T | None:
    """None when SIGINT or SIGTERM ended it. Whatever it started is taken down in peace: only the first one counts."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    interrupted = asyncio.Event()

    def interrupt() -> None:
        if not interrupted.is_set():
            interrupted.set()
            task.cancel()

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupt)
    try:
        return await task
    except asyncio.CancelledError:
        if interrupted.is_set():
            return None
        raise
