"""What people type to the bot, how moments are written, and what hostile text comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ruleskit import START, House, rules, who

from signoff.desk.moments import until
from signoff.errors import BadCommand, StoreUnavailable
from signoff.model import Actor, Principal

RULES = """
rules:
  - name: small refunds
    when: args.amount < 10
    decide: approve
  - name: refunds
    when: tool == "refund"
    grants: {match: [args.order], max_ttl: 8h, max_uses: 5}
"""
OPERATORS = "operators: [dan]\n"
BOB = "<slack:T1/UBOB>"


@pytest.fixture
def house() -> House:
    return House(rules(RULES, top=OPERATORS))


async def said(house: House, text: str, person: str = "dan", chat: str = "slack") -> str:
    return await house.desk.command(text, who(person, chat))


# ── help, whoami ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["help", "HELP", "  help  ", "", "   ", "\n", "help me please"])
async def test_help_lists_every_command_to_anybody(house: House, text: str) -> None:
    """Also to strangers, and to those who type nothing."""
    for person in ("ada", "stranger"):
        told = await said(house, text, person)
        for name in set(house.desk._commands._known) - {"help"}:
            assert name in told


@pytest.mark.parametrize("text", ["unknown", "freeeze", "/signoff freeze", "approve req_1", "🧊"])
async def test_what_is_no_command_changes_nothing(house: House, text: str) -> None:
    """The answer says so and points to help; nothing is guessed."""
    told = await said(house, text)
    assert told.startswith('There is no command "')
    assert "Type help" in told
    assert await house.desk.orders.freezes() == []


async def test_whoami_says_whom_signoff_takes_one_for(house: House) -> None:
    """The person of the verified identity with their groups; a stranger reads the identity that is missing."""
    assert await said(house, "whoami", "ada") == "You are Ada (ada); requests reach you as: ada, finance."
    assert await said(house, "whoami", "eve") == "You are Eve (eve); requests reach you as: eve, oncall."
    assert await said(house, "whoami", "cleo", "teams") == "You are Cleo (cleo); requests reach you as: cleo, managers."
    told = await said(house, "whoami", "stranger")
    assert "The policy lists nobody with your identity (slack: T1/USTRANGER)" in told


async def test_i14_nobody_is_somebody_by_what_they_type(house: House) -> None:
    """A stranger who writes an operator's name or mention is still a stranger."""
    for text in ("freeze because dan", "whoami dan", "delegate <slack:T1/UDAN> until friday", "delegate ada until 1d"):
        await said(house, text, "stranger")
    assert list(await house.desk.orders.freezes()) == []
    assert list(await house.desk.orders.delegations()) == []


# ── freeze, thaw, freezes ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "agent", "tool", "reason"),
    [
        ("freeze", None, None, None),
        ("FREEZE", None, None, None),
        ("freeze all", None, None, None),
        ("freeze everything because it's on fire", None, None, "it's on fire"),
        ("freeze tool refund", None, "refund", None),
        ("freeze TOOL refund BECAUSE odd amounts", None, "refund", "odd amounts"),
        ("freeze agent support", "support", None, None),
        ("freeze tool refund agent support", "support", "refund", None),
        ("freeze agent support tool refund reason look at it", "support", "refund", "look at it"),
        ("freeze --tool refund --agent support", "support", "refund", None),
        ('freeze tool "issue refund"', None, "issue refund", None),
        ('freeze tool "issue refund" because it\'s odd', None, "issue refund", "it's odd"),
        ("freeze tool “issue refund” because it’s odd", None, "issue refund", "it’s odd"),
        ('freeze agent "o\'brien" because "no" means no', "o'brien", None, "no means no"),
        (r"freeze tool C:\run", None, r"C:\run", None),
    ],
)
async def test_freeze_stops_what_it_names(
    house: House, text: str, agent: str | None, tool: str | None, reason: str | None
) -> None:
    """Names with blanks in quotes, straight or curly, and an apostrophe in the reason breaks nothing."""
    told = await said(house, text)
    assert told.startswith("Frozen: ")
    (freeze,) = await house.desk.orders.freezes()
    assert (freeze.agent, freeze.tool, freeze.reason, freeze.by) == (agent, tool, reason, "dan")
    assert (await house.lines("froze"))[0]["via"] == "slack"
    thaw = text.lower().split(" because")[0].split(" reason")[0].replace("freeze", "thaw", 1)
    if agent is None or agent.islower():
        assert (await said(house, thaw.replace("c:\\run", "C:\\run"))).startswith("Thawed: ")
        assert list(await house.desk.orders.freezes()) == []


@pytest.mark.parametrize(
    "text",
    [
        "freeze tool",
        "freeze agent",
        "freeze refund",
        "freeze tool refund now",
        "freeze because",
        "freeze tool refund x",
        'freeze tool ""',
        "freeze agent “ ”",
    ],
)
async def test_a_freeze_that_is_not_clear_stops_nothing(house: House, text: str) -> None:
    """Rather than everything, or the wrong thing, it is asked for again."""
    assert "is not clear here" in await said(house, text)
    assert list(await house.desk.orders.freezes()) == []


async def test_freezes_lists_what_is_frozen(house: House) -> None:
    """With who froze it, when and why; `thaw` ends exactly one."""
    assert await said(house, "freezes") == "Nothing is frozen."
    await said(house, "freeze tool refund because odd")
    house.forward(minutes=5)
    await said(house, "freeze")
    assert (await said(house, "freezes", "mia")).splitlines() == [
        "tool refund, by dan at 09:00 UTC on 2026-11-20 because odd",
        "everything, by dan at 09:05 UTC on 2026-11-20",
    ]
    assert await said(house, "thaw agent support") == "Exactly this is not frozen; `freezes` shows what is."
    assert (await said(house, "thaw")).startswith("Thawed: everything")
    assert (await said(house, "freezes")).startswith("tool refund")


async def test_only_operators_freeze_and_thaw(house: House) -> None:
    """An approver who is no operator, an outsider and a stranger are told who can."""
    for person in ("ada", "mia", "stranger"):
        assert await said(house, "freeze", person) == "You may not do this; Dan can."
    await said(house, "freeze")
    for person in ("ada", "stranger"):
        assert await said(house, "thaw", person) == "You may not do this; Dan can."
    assert "lists nobody with your identity" in await said(house, "freezes", "stranger")
    assert len(await house.desk.orders.freezes()) == 1


async def test_every_approver_is_an_operator_where_none_is_named() -> None:
    """A file without `operators` lets all whom it asks stop things."""
    house = House(rules(RULES))
    assert "You may not do this" in await said(house, "freeze", "mia")
    assert (await said(house, "freeze", "ada")).startswith("Frozen")


async def test_i18_a_guest_stops_nothing_even_as_an_operator(house: House) -> None:
    """The directory says why."""
    house.gone("dan", "are a guest here")
    assert await said(house, "freeze") == "You may not do this, because you are a guest here."
    assert list(await house.desk.orders.freezes()) == []


async def test_the_kill_switch_works_while_the_directory_is_away(house: House) -> None:
    """Stopping is safe and cannot wait; starting again can, and says why."""
    house.away()
    assert (await said(house, "freeze")).startswith("Frozen: everything")
    assert "cannot be looked up right now" in await said(house, "thaw")
    house.away(away=False)
    assert (await said(house, "thaw")).startswith("Thawed")


async def test_an_operator_group_that_cannot_be_looked_up_says_so() -> None:
    """Whether Eve is on call is unknown, which is not the same as no."""
    house = House(rules(RULES, top="operators: [oncall]\n"))
    house.away()
    assert "cannot be looked up right now" in await said(house, "freeze", "eve")
    house.away(away=False)
    assert (await said(house, "freeze", "eve")).startswith("Frozen")
    assert await said(house, "freeze", "ada") == "You may not do this; the group oncall can."


# ── delegations ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        f"delegate {BOB} until friday",
        "delegate @bob until friday",
        "delegate bob UNTIL Friday",
        f"Delegate  {BOB}  until   friday ",
        "delegate @Bob until friday",
    ],
)
async def test_a_delegation_is_typed(house: House, text: str) -> None:
    """To a mention or to a name of the policy; it stands in the list of both with its id, which ends it."""
    told = await said(house, text, "ada")
    assert told.startswith("Bob decides in Ada's place until 23:59 UTC on 2026-11-20 (Friday)\nEnd it with: end del_")
    (one,) = await house.desk.orders.delegations()
    assert (one.giver, one.to, one.scope) == ("ada", "bob", None)
    for person in ("ada", "bob"):
        assert (await said(house, "delegations", person)).startswith(f"{one.id}: Bob decides in Ada's place")
    assert await said(house, "delegations", "cleo") == "You have no delegations."
    assert await said(house, f"end {one.id}", "cleo") == "There is no such delegation of yours."
    assert (await said(house, f"end {one.id}", "ada")).startswith("Ended: Bob decides in Ada's place")
    assert await said(house, f"end {one.id}", "ada") == "There is no such delegation of yours."


@pytest.mark.parametrize("scope", ["refunds", "finance", "small refunds", '"small refunds"', "“small refunds”"])
async def test_a_delegation_for_a_rule_or_a_group_is_typed(house: House, scope: str) -> None:
    """Names of several words too, with or without quotes."""
    told = await said(house, f"delegate {BOB} until 3d for {scope}", "ada")
    (one,) = await house.desk.orders.delegations()
    assert one.scope == scope.strip('"“”')
    assert f"for {one.scope} until 09:00 UTC on 2026-11-23" in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("delegate", "not complete"),
        ("delegate bob", "not complete"),
        ("delegate bob until", "not complete"),
        ("delegate bob friday", "not complete"),
        ("delegate bob for refunds", "not complete"),
        ("delegate zed until friday", '"zed" is nobody whom the policy lists'),
        ("delegate <slack:T1/UZED> until friday", "is nobody whom the policy lists"),
        ("delegate <teams:T1/UBOB> until friday", "is nobody whom the policy lists"),
        ("delegate ada until friday", "Nobody can delegate to themselves"),
        ("delegate bob until whenever", '"whenever" is no moment that can be read'),
        ("delegate bob until for refunds", "is no moment that can be read"),
        ("delegate bob until 91d", "within 90 days"),
        ("delegate bob until 2026-11-19", "within 90 days"),
        ("delegate bob until 0h", "within 90 days"),
        ("delegate bob until friday for deploys", '"deploys" is neither a rule nor a group'),
    ],
)
async def test_a_delegation_that_cannot_be_is_refused_in_words(house: House, text: str, why: str) -> None:
    """Each fault has its sentence, and nothing is laid down."""
    assert why in await said(house, text, "ada")
    assert list(await house.desk.orders.delegations()) == []


async def test_strangers_delegate_and_list_nothing(house: House) -> None:
    """Whom the policy does not list has nothing to give away."""
    for text in ("delegate bob until friday", "delegations", "end del_1", "grants", "revoke grant_1"):
        assert "lists nobody with your identity" in await said(house, text, "stranger")


# ── grants ───────────────────────────────────────────────────────────────────────────────────────


async def test_grants_are_listed_and_revoked(house: House) -> None:
    """By their giver; by an operator; by nobody else."""
    for order in ("A-1", "A-2"):
        await house.say(await house.ask(order=order), "ada", grant={"ttl": 3600, "uses": 5})
        house.forward(seconds=1)
    first, second = await house.desk.orders.grants()
    listed = await said(house, "grants", "ada")
    assert listed.splitlines()[0] == (
        f"{first.id}: refund under the rule refunds, 5 of 5 uses left, until 10:00 UTC on 2026-11-20"
    )
    assert await said(house, "grants", "bob") == "You have allowed no similar calls."
    assert await said(house, f"revoke {first.id}", "bob") == "There is no such grant of yours."
    assert (await said(house, f"revoke {first.id}", "ada")).startswith("Revoked: refund under the rule refunds")
    assert (await said(house, f"revoke {second.id}", "dan")).startswith("Revoked: ")
    assert [line["by"] for line in await house.lines("grant_revoked")] == ["ada", "dan"]
    assert await said(house, f"revoke {second.id}", "dan") == "There is no such grant of yours."


@pytest.mark.parametrize("text", ['freeze tool "issue refund', 'freeze tool " because', "freeze tool “issue refund"])
async def test_a_name_in_half_a_quotation_stops_nothing(house: House, text: str) -> None:
    """A freeze of a tool with a stray mark in its name would stop nothing and look as if it did."""
    assert "A quotation mark is not closed" in await said(house, text)
    assert list(await house.desk.orders.freezes()) == []


@pytest.mark.parametrize("text", ["revoke", "end", "revoke a b", "end a b"])
async def test_an_id_is_wanted(house: House, text: str) -> None:
    """One, as the list shows it."""
    assert "An id is missing" in await said(house, text, "ada")


# ── hostile text ─────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "freeze \x00",
    "\u202ethaw",
    "freeze tool \u200b because x",
    "delegate \u202e until \u202e for \u202e",
    "delegate <slack:T1/UBOB|ada> until friday",
    "delegate <slack:../../etc> until friday",
    "delegate @ until friday",
    'freeze tool "',
    'freeze tool "a\nFrozen: nothing"',
    'whoami "',
    "'" * 500,
    '"' * 501,
    "\\" * 500,
    "end " + "9" * 1500,
    "revoke {}".format("../" * 400),
    "delegate bob until " + "9" * 1000 + "d",
    "delegate bob until 0001-01-01T00:00+14:00",
    "delegate bob until 9999-12-31T23:59-14:00",
    "delegate bob until 2026-99-99",
    "delegate bob until \u202e5d\x07",
    "freeze because " + "😀" * 900,
    "a" * 2001,
    "freeze " * 1000,
    "{fault} {mend} {0} %s",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
async def test_hostile_text_is_answered_in_plain_lines(house: House, text: str) -> None:
    """No exception, nothing invisible, nothing endless, and no line of one's own making in the answer."""
    for person in ("dan", "ada", "stranger"):
        told = await said(house, text, person)
        assert told
        assert len(told) < 4000
        assert told.replace("\n", "").isprintable()
        assert not [line for line in told.splitlines() if line.startswith("Frozen: nothing")]
        listed = await said(house, "freezes", "dan")
        assert listed.replace("\n", "").isprintable()
        assert not [line for line in listed.splitlines() if line.startswith("Frozen: nothing")]


async def test_i12_a_reason_shows_nothing_invisible_and_stays_one_line(house: House) -> None:
    """What an operator types is read by others: control characters and newlines are written out."""
    await said(house, 'freeze because "a\n\u202eb"')
    (line,) = (await said(house, "freezes")).splitlines()
    assert line.endswith("because a‹U+000A›‹U+202E›b")


async def test_a_long_command_is_refused_whole(house: House) -> None:
    """Rather than a part of it being carried out."""
    assert "more than 2000 characters" in await said(house, "freeze because " + "x" * 2000)
    assert list(await house.desk.orders.freezes()) == []


async def test_i02_a_command_without_the_store_is_not_answered_as_if_it_counted(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The chat is told that nothing was recorded."""

    async def away(*_: object) -> bool:
        raise StoreUnavailable

    monkeypatch.setattr(house.store, "change", away)
    with pytest.raises(StoreUnavailable):
        await said(house, "freeze")


async def test_a_person_who_types_from_nowhere_is_nobody(house: House) -> None:
    """Without an identity there are no rights."""
    assert await house.desk.command("freeze", Actor(via="cli")) == "You may not do this; Dan can."
    principal = Principal(chat="slack", tenant="T2", user="UDAN")
    assert await house.desk.command("thaw", Actor(via="slack", principal=principal)) == "You may not do this; Dan can."


# ── moments ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("today", "2026-11-20T23:59:59"),
        ("tonight", "2026-11-20T23:59:59"),
        ("tomorrow", "2026-11-21T23:59:59"),
        ("Tomorrow.", "2026-11-21T23:59:59"),
        ("friday", "2026-11-20T23:59:59"),
        ("Saturday", "2026-11-21T23:59:59"),
        ("thursday", "2026-11-26T23:59:59"),
        ("mon", "2026-11-23T23:59:59"),
        ("tues", "2026-11-24T23:59:59"),
        ("09:00", "2026-11-21T09:00:00"),
        ("9:01", "2026-11-20T09:01:00"),
        ("17:30", "2026-11-20T17:30:00"),
        ("00:00", "2026-11-21T00:00:00"),
        ("90 seconds", "2026-11-20T09:01:30"),
        ("45m", "2026-11-20T09:45:00"),
        ("30 min", "2026-11-20T09:30:00"),
        ("2h", "2026-11-20T11:00:00"),
        ("1 hour", "2026-11-20T10:00:00"),
        ("3d", "2026-11-23T09:00:00"),
        ("3 days", "2026-11-23T09:00:00"),
        ("2 weeks", "2026-12-04T09:00:00"),
        ("2026-12-01", "2026-12-01T23:59:59"),
        ("20261201", "2026-12-01T23:59:59"),
        ("2026-12-01 17:00", "2026-12-01T17:00:00"),
        ("2026-12-01T17:00", "2026-12-01T17:00:00"),
        ("2026-12-01t17:00z", "2026-12-01T17:00:00"),
        ("2026-12-01T17:00Z", "2026-12-01T17:00:00"),
        ("2026-12-01T17:00+02:00", "2026-12-01T15:00:00"),
        ("9999-12-31", "9999-12-31T23:59:59"),
    ],
)
def test_a_moment_is_read_as_people_write_it(text: str, moment: str) -> None:
    """Said on Friday 20 November 2026 at 09:00; a day means its end, a time of day the next such; all in UTC."""
    read = until(text, START)
    assert read == datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert read.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "soon", "fr", "24:00", "12:60", "-1d", "1.5h", "3 months", "2026-13-01", "2026-02-30", "99999h"),
        *("friday x", "٣d", "１２:００", "1d 2h", "2026-12-01T", "\x00"),
        *("0001-01-01T00:00+14:00", "9999-12-31T23:59-14:00"),
    ],
)
def test_what_is_no_moment_is_refused_in_words(text: str) -> None:
    """With what one may write instead, and never a fault of ours."""
    with pytest.raises(BadCommand, match="no moment that can be read") as caught:
        until(text, START)
    assert "friday or 2026-12-01" in caught.value.sentence


async def test_lists_take_the_spelling_of_the_command_line(house: House) -> None:
    """`delegations end ID` ends, `grants list` lists; anything else behind a list is refused rather than ignored."""
    made = await house.desk.orders.delegate("ada", "bob", START + timedelta(days=1), None, via="test")
    assert "takes nothing after it" in await said(house, f"delegations stop {made.id}", "ada")
    assert await house.desk.orders.delegations()
    assert "Ended" in await said(house, f"delegations end {made.id}", "ada")
    assert not await house.desk.orders.delegations()
    assert "allowed no similar calls" in await said(house, "grants list", "ada")
