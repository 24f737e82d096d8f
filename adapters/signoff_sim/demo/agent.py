"""A sample support agent in its own process: scripted where a model would think, real where it asks for approval.

python -m signoff_sim.demo.agent                                    works through its inbox
python -m signoff_sim.demo.agent refund A-1001 500 "Broken on arrival"     one call, then exits
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Annotated

from pydantic import BaseModel, Field

from signoff import Cancelled, Expired, Gate, NotRun, Rejected, call

gate = Gate(agent="support-agent")

AT_ONCE = 1.0
"""Seconds in which a rule's decision is back; what takes longer waits for a person."""


@gate.tool(
    risk="high",
    editable=["amount", "note"],
    title=lambda given: f"Refund order {given['order']}",
    impact="The amount leaves our account at once",
    rollback="irreversible",
)
async def issue_refund(
    order: str,
    amount: Annotated[float, Field(gt=0, le=1000, description="In US dollars")],
    note: str = "Refund as agreed",
) -> str:
    """Issue a refund to the customer's card."""
    return f"refunded ${amount:g} for {order} (note: {note})"


class EmailDraft(BaseModel):
    """A message to a customer."""

    to: str
    subject: str
    body: Annotated[str, Field(json_schema_extra={"format": "textarea"})]


def say(line: str) -> None:
    print(line, flush=True)


async def refund(order: str, amount: float, reason: str, expires_in: int | None = None) -> None:
    say(f"→ issue_refund(order={order!r}, amount={amount:g})  because: {reason}")
    with call(reason=reason, expires_in=expires_in):
        running = asyncio.ensure_future(issue_refund(order, amount))
    done, _ = await asyncio.wait([running], timeout=AT_ONCE)
    if not done:
        say(f"  {order} is waiting for a person …")
    try:
        result = await running
    except Rejected as error:
        say(f"✗ {error}")
    except (Expired, Cancelled) as error:
        say(f"∅ {error}")
    except NotRun as error:
        say(f"! {error}")
    else:
        say(f"✓ {result}")


async def question(text: str, *choices: str) -> None:
    say(f"? {text}")
    try:
        answer = await gate.question(text, choices=list(choices) or None)
    except NotRun as error:
        say(f"✗ {error}")
    else:
        say(f"✓ the answer is: {answer}")


async def review() -> None:
    draft = EmailDraft(
        to="lena@example.com",
        subject="Your order A-1003",
        body="Hello Lena,\n\nwe are sorry about the broken lamp. A new one is on its way.\n\nYour support team",
    )
    say(f"→ an e-mail to {draft.to} for review")
    try:
        final = await gate.review(draft, title=f"E-mail to {draft.to}")
    except NotRun as error:
        say(f"✗ {error}")
    else:
        say(f"✓ sent: {final.subject!r}, {len(final.body)} characters")


async def inbox() -> None:
    """The cases the agent works on by itself; each waits for its person, none for the others."""
    say("support-agent: four cases in the inbox")
    # First the one that a rule approves, so that the cards that wait for somebody stand below it, in view.
    await refund("A-1002", 20, "Late delivery, goodwill")
    await asyncio.gather(
        refunds(),
        question("Which warehouse should the replacement for A-1003 come from?", "Berlin", "Porto", "Utrecht"),
        review(),
    )


async def refunds() -> None:
    """One after the other, for ever: the next comes as soon as somebody decided the one before. The second is large."""
    await refund("A-1001", 500, "Customer reports a broken item")
    await refund("A-1004", 900, "The whole order came back unopened")
    number = 1005
    while True:
        await refund(f"A-{number}", 120 + (number * 37) % 700, "Parcel lost by the carrier")
        number += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    calls = parser.add_subparsers(dest="task")
    one = calls.add_parser("refund")
    one.add_argument("order")
    one.add_argument("amount", type=float)
    one.add_argument("reason")
    one.add_argument("--expires-in", type=int)
    ask = calls.add_parser("question")
    ask.add_argument("text")
    ask.add_argument("choices", nargs="*")
    calls.add_parser("review")
    words = parser.parse_args()

    async def work() -> None:
        async with gate:
            match words.task:
                case "refund":
                    await refund(words.order, words.amount, words.reason, words.expires_in)
                case "question":
                    await question(words.text, *words.choices)
                case "review":
                    await review()
                case _:
                    await inbox()

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        say("agent stopped")


if __name__ == "__main__":
    main()
