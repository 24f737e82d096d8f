"""What waits for somebody: who sees what, in which order, and how much of it there is."""

from __future__ import annotations

import pytest
from reviewkit import Looking, looker, office
from ruleskit import House, key, rules

from signoff.desk.review.words import read
from signoff.errors import BadCommand, CannotDecide, NotAllowed
from signoff.model import Facet, Sieve


async def tools(house: House, person: str = "ada", chat: str = "slack", sieve: Sieve | None = None) -> list[str]:
    found = await house.desk.queue.page(looker(person, chat), sieve or Sieve())
    return [one.tool for one, _ in found.requests]


async def test_the_most_urgent_come_first() -> None:
    """By risk, then by deadline, then by age."""
    house = office()
    for tool, expires_in in (("refund", 9000), ("send_mail", 9000), ("refund", 60), ("deploy", 9000), ("lookup", 60)):
        await house.ask(tool=tool, expires_in=expires_in, title=f"{tool} {expires_in}")
    found = await house.desk.queue.page(looker(), Sieve())
    assert [one.title for one, _ in found.requests] == [
        "deploy 9000",
        "send_mail 9000",
        "refund 60",
        "refund 9000",
        "lookup 60",
    ]


async def test_somebody_sees_what_they_may_decide_now_and_nothing_else() -> None:
    """Their own, their groups' and their delegators'; not what others decide, what has ended, what they voted on."""
    house = office()
    await house.ask(tool="hire")
    assert (await tools(house, "ada"), await tools(house, "cleo")) == ([], ["hire"])
    twice = await house.ask(tool="close_account")
    await house.say(twice, "ada")
    assert (await tools(house, "ada"), await tools(house, "bob")) == ([], ["close_account"])
    done = await house.ask(tool="refund")
    await house.say(done, "bob")
    assert "refund" not in await tools(house, "ada")
    late = await house.ask(tool="refund", expires_in=60, order="late")
    house.forward(seconds=61)
    assert late.id not in [one.id for one, _ in (await house.desk.queue.page(looker(), Sieve())).requests]


async def test_a_delegate_sees_what_waits_for_who_delegated() -> None:
    """Only as long as it lasts, and only what it is about."""
    house = office()
    await house.ask(tool="hire")
    await house.ask(tool="refund")
    until = house.now.replace(hour=12)
    await house.desk.orders.delegate("cleo", "mia", until, None, via="slack")
    assert await tools(house, "mia") == ["hire"]
    house.forward(hours=4)
    assert await tools(house, "mia") == []


async def test_each_chat_lists_what_it_shows_and_says_how_much_more_there_is() -> None:
    """What is shown in the other chat alone is counted, not listed; an approver key lists all."""
    house = office()
    await house.ask(tool="archive")
    await house.ask(tool="refund")
    assert (await tools(house, chat="slack"), await tools(house, chat="teams")) == (["refund"], ["archive"])
    counts, _ = await house.desk.queue.counts(looker(chat="slack"))
    assert (counts.total, counts.elsewhere) == (1, 1)
    terminal = looker().model_copy(update={"principal": None, "person": "ada", "via": "api"})
    assert (await house.desk.queue.counts(terminal))[0].total == 2


async def test_counts_are_exact_whatever_happens() -> None:
    """By risk, tool, agent and place, through edits, votes and ends."""
    house = office()
    first = await house.ask(tool="refund", agent="support")
    for _ in range(3):
        await house.ask(tool="send_mail", agent="mailer")
    counts, _ = await house.desk.queue.counts(looker())
    assert (counts.total, counts.risk, counts.tool) == (
        4,
        {"low": 1, "medium": 3},
        {"refund": 1, "send_mail": 3},
    )
    assert counts.agent == {"support": 1, "mailer": 3}
    assert counts.channel == {"slack:#approvals": 4}
    await house.say(first, "bob", "reject")
    assert (await house.desk.queue.counts(looker(), Sieve(risk="low")))[0].total == 0
    assert (await house.desk.queue.counts(looker(), Sieve(tool="send_mail")))[0].total == 3


@pytest.mark.parametrize(
    ("sieve", "found"),
    [
        (Sieve(risk="medium"), ["send_mail"]),
        (Sieve(tool="refund"), ["refund"]),
        (Sieve(agent="mailer"), ["send_mail"]),
        (Sieve(channel="slack:#approvals", risk="high"), ["deploy"]),
        (Sieve(text="A-77"), ["refund"]),
        (Sieve(text="refunds"), ["refund"]),
        (Sieve(text="nothing like it"), []),
        (Sieve(risk="low", tool="send_mail"), []),
    ],
)
async def test_a_sieve_lets_through_what_it_says(sieve: Sieve, found: list[str]) -> None:
    """Each part narrows the list; text is looked for in what people see, whatever its case."""
    house = office()
    await house.ask(tool="refund", order="A-77", agent="support")
    await house.ask(tool="send_mail", agent="mailer")
    await house.ask(tool="deploy")
    assert await tools(house, sieve=sieve) == found


async def test_i13_secrets_are_not_looked_through() -> None:
    """Whether a text is found must not tell what a secret is."""
    house = House(rules("rules: [{name: r, when: 'true', secret: [order]}]"))
    await house.ask(order="hunter2")
    assert await tools(house, sieve=Sieve(text="hunter2")) == []
    assert await tools(house, sieve=Sieve(text="refund")) == ["refund"]


async def test_pages_hold_everything_once() -> None:
    """Two hundred at a time, also while they are being decided."""
    house = office()
    asked = {(await house.ask(order=f"A-{n}")).id for n in range(45)}
    seen: list[str] = []
    cursor = None
    while True:
        page = await house.desk.queue.page(looker(), Sieve(), cursor, 10)
        seen += [one.id for one, _ in page.requests]
        await house.say(page.requests[0][0], "bob")
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == asked


async def test_i18_guests_and_strangers_have_no_queue() -> None:
    """They are told why, and shown nothing."""
    house = office()
    await house.ask()
    house.gone("ada", "are a guest here")
    with pytest.raises(CannotDecide):
        await tools(house)
    with pytest.raises(NotAllowed):
        await tools(house, "nobody")


async def test_a_card_of_several_lists_what_it_stands_for() -> None:
    """Not the rest of the channel; nothing left, or nothing of it theirs, is said as on any card."""
    house = office()
    await house.ask(order="other")
    looking = Looking(house)
    with pytest.raises(NotAllowed, match="Nothing on this card waits any more"):
        await looking.open(sieve=house.desk.review.sieve_of("bat_none"))


FACETS = (
    Facet(("finance",), ("slack:#refunds",), "issue_refund", "Support-Agent", "low", 3),
    Facet(("finance",), ("slack:#mail", "teams:Finance/General"), "send_mail", None, "high", 1),
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", Sieve()),
        ("high", Sieve(risk="high")),
        ("HIGH @support-agent", Sieve(risk="high", agent="Support-Agent")),
        ("support-agent", Sieve(agent="Support-Agent")),
        ("#refunds", Sieve(channel="slack:#refunds")),
        ("slack:#mail", Sieve(channel="slack:#mail")),
        ("issue_refund", Sieve(tool="issue_refund")),
        ("refunds", Sieve(text="refunds")),
        ("general", Sieve(channel="teams:Finance/General")),
        ("low order 77", Sieve(risk="low", text="order 77")),
        ("bat_12ab", Sieve(batch="bat_12ab")),
    ],
)
def test_words_mean_what_people_mean(typed: str, meant: Sieve) -> None:
    """Risks, agents, channels and tools by their names, anything else as text."""
    assert read(typed, FACETS) == meant


@pytest.mark.parametrize("typed", ["high low", "@a @b", "<slack:T1/UBOB>", '"open'])
def test_what_cannot_be_meant_is_refused(typed: str) -> None:
    """With a sentence that says what to write."""
    with pytest.raises(BadCommand):
        read(typed, FACETS)


async def test_the_key_that_asked_is_no_way_to_a_queue() -> None:
    """An agent's key has no person, and so no queue."""
    house = office()
    await house.ask(by=key("other"))
    agent = looker().model_copy(update={"principal": None, "person": None, "via": "api"})
    with pytest.raises(NotAllowed):
        await house.desk.queue.page(agent, Sieve())


async def test_a_word_does_not_find_everything_in_a_channel_of_that_name() -> None:
    """What is looked for is what calls are about, not where they are shown."""
    house = office()
    await house.ask(tool="lookup")
    assert await tools(house, sieve=Sieve(text="approvals")) == []
