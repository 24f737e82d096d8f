"""A sample support agent in its own process: scripted where a model would think, real where it asks for approval.

python -m signoff_sim.demo.agent                                    works through its inbox
python -m signoff_sim.demo.agent refund A-1001 500 "Broken on arrival"     one call, then exits
python -m signoff_sim.demo.agent queue 1                            a hundred small calls at once
python -m signoff_sim.demo.agent backlog                            two dozen on one card
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Annotated

from pydantic import BaseModel, Field

from signoff import Cancelled, Decision, Expired, Gate, NotRun, Rejected, call
from signoff_sim.demo.queue import EXPIRES_IN, PLAIN, Case, Chat, cases

gate = Gate(agent="support-agent")

BACKLOG = 24
"""Calls on the card of what the weekend left."""
BACKLOG_NUMBER = 7
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


async def queue(number: int, plain: int, expires_in: int, chat: Chat | None) -> None:
    """Many calls at once, each a request of its own; every one runs as soon as it is approved."""
    asked = cases(number, plain, expires_in, chat)
    say(f"→ {len(asked)} small calls at once")
    await asyncio.gather(*map(small, asked))


async def small(case: Case) -> None:
    try:
        decision = await gate.ask(
            case.tool,
            case.arguments,
            agent=case.agent,
            risk=case.risk,
            channel=case.channel,
            metadata={"case": case.name},
            **case.fields,
        )
        await carry_out(decision)
    except NotRun as error:
        say(f"✗ {case.name}: {error}")


async def carry_out(decision: Decision) -> None:
    """Pretend to do what was approved, once."""
    await gate.consume(decision)
    given = ", ".join(f"{name}={value}" for name, value in (decision.arguments or {}).items())
    say(f"✓ {decision.tool}({given})")
    await gate.report(decision, "succeeded")


async def backlog(number: int = BACKLOG_NUMBER, size: int = BACKLOG) -> None:
    """What piled up over the weekend: one card for all of it."""
    say(f"→ {size} small calls left from the weekend, on one card")
    async with gate.batch(title="Left from the weekend") as batch:
        for case in cases(number, size):
            if case.trap is None:
                batch.add(case.tool, case.arguments, agent=case.agent, risk=case.risk)
    async for decision in batch:
        if decision.approved:
            await carry_out(decision)
        else:
            say(f"✗ {decision.tool}: {decision.kind}")


async def inbox() -> None:
    """The cases the agent works on by itself; each waits for its person, none for the others."""
    say("support-agent: four cases in the inbox, and what the weekend left")
    # First the one that a rule approves, so that the cards that wait for somebody stand below it, in view.
    await refund("A-1002", 20, "Late delivery, goodwill")
    await asyncio.gather(
        refunds(),
        question("Which warehouse should the replacement for A-1003 come from?", "Berlin", "Porto", "Utrecht"),
        review(),
        backlog(),
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
    left = calls.add_parser("backlog")
    left.add_argument("--number", type=int, default=BACKLOG_NUMBER)
    left.add_argument("--size", type=int, default=BACKLOG)
    many = calls.add_parser("queue")
    many.add_argument("number", type=int)
    many.add_argument("--plain", type=int, default=PLAIN)
    many.add_argument("--expires-in", type=int, default=EXPIRES_IN)
    many.add_argument("--chat", choices=["slack", "teams"])
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
                case "backlog":
                    await backlog(words.number, words.size)
                case "queue":
                    await queue(words.number, words.plain, words.expires_in, words.chat)
                case _:
                    await inbox()

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        say("agent stopped")


if __name__ == "__main__":
    main()
