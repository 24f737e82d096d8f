"""Who belongs to live groups, who may decide at all: what is remembered, for how long, and what counts as unknown."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from signoff import policy
from signoff.desk import people as desk_people
from signoff.desk.people import AWAY, KEPT, People
from signoff.errors import DirectoryAway
from signoff.model import Actor, MessageRef, Principal
from signoff.policy import GroupKey

KEYS = {
    "chat_group": GroupKey("chat", "[A-Z0-9]+", "S0MGR"),
    "mail_list": GroupKey("mail", ".+", "dbas"),
}
RULES = policy.load(
    """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, chat: T/A, mail: [M/A, M/A2]}
  bob: {name: Bob, email: bob@example.com, chat: T/B}
  rita: {name: Rita}
groups:
  finance: {members: [rita]}
  managers: {chat_group: S0MGR}
  both: {chat_group: S0MGR, mail_list: dbas, members: [rita]}
defaults: {approvers: [finance]}
""",
    file="policy.yaml",
    chats=("chat", "mail"),
    groups=KEYS,
)
A, B, STRANGER = (Principal(chat="chat", tenant="T", user=user) for user in ("A", "B", "X"))
CARD = MessageRef(chat="chat", tenant="T", conversation="C", message="1")


class Book:
    """A directory: answers that can be changed, counted, delayed and refused."""

    def __init__(self) -> None:
        self.groups: dict[tuple[str, str], frozenset[Principal | str]] = {}
        self.faults: dict[str, str] = {}
        self.asked: list[tuple[str, ...]] = []
        self.away = False
        self.delay: Callable[[], Awaitable[object]] | None = None

    async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
        await self._answering(kind, group)
        if (kind, group) not in self.groups:
            raise DirectoryAway(what=f"there is no group {group}")
        return self.groups[kind, group]

    async def standing(self, who: Principal, origin: MessageRef | None) -> str | None:
        await self._answering(who.key)
        return self.faults.get(who.key)

    async def _answering(self, *what: str) -> None:
        self.asked.append(what)
        if self.delay:
            await self.delay()
        if self.away:
            raise DirectoryAway(what="the book is shut")


class Office:
    def __init__(self) -> None:
        self.now = 1000.0
        self.people = People(lambda: self.now)
        self.chat, self.mail = Book(), Book()
        self.people.add("chat", self.chat)
        self.people.add("mail", self.mail)
        self.chat.groups["chat_group", "S0MGR"] = frozenset({A})
        self.mail.groups["mail_list", "dbas"] = frozenset({"Bob <bob@example.com>"})

    async def roster(self, group: str = "managers") -> frozenset[str] | None:
        return (await self.people.rosters(RULES, [group]))[group]

    async def click(self, who: Principal, card: MessageRef = CARD) -> str | None:
        person = RULES.person_of(who) or "nobody"
        return await self.people.fit(RULES, person, Actor(via="chat", principal=who, origin=card))

    async def key(self, person: str) -> str | None:
        return await self.people.fit(RULES, person, Actor(via="api", person=person))


@pytest.fixture
def office() -> Office:
    return Office()


# ── groups ───────────────────────────────────────────────────────────────────────────────────────


async def test_only_groups_that_are_looked_up_have_a_roster(office: Office) -> None:
    """People and groups whose members the file names are not asked about."""
    assert await office.people.rosters(RULES, ["finance", "ada", "managers", "gone"]) == {"managers": {"ada"}}
    assert office.chat.asked == [("chat_group", "S0MGR")]


async def test_who_is_not_among_the_policys_people_is_nobody(office: Office) -> None:
    """Neither an unknown identity nor an unknown address in a group stands for anybody (I14)."""
    office.chat.groups["chat_group", "S0MGR"] = frozenset({A, STRANGER})
    office.mail.groups["mail_list", "dbas"] = frozenset({"eve@example.com", "bob"})
    assert await office.roster("both") == {"ada", "bob"}


async def test_a_group_of_several_kinds_is_unknown_when_one_is_away(office: Office) -> None:
    """Then nothing is said about it, rather than half of it."""
    assert await office.roster("both") == {"ada", "bob"}
    office.people.forget("mail")
    office.mail.away = True
    assert await office.roster("both") is None
    assert await office.roster("managers") == {"ada"}


async def test_a_group_in_a_directory_that_is_not_configured_is_unknown(office: Office) -> None:
    """Such as a chat's group while the chat has no credentials."""
    people = People()
    assert await people.rosters(RULES, ["managers"]) == {"managers": None}


async def test_i19_an_answer_holds_for_a_minute(office: Office) -> None:
    """Somebody who has left the group decides no longer after that."""
    assert await office.roster() == {"ada"}
    office.chat.groups["chat_group", "S0MGR"] = frozenset()
    office.now += KEPT - 0.1
    assert await office.roster() == {"ada"}
    office.now += 0.1
    assert await office.roster() == frozenset()
    office.chat.groups["chat_group", "S0MGR"] = frozenset({B})
    assert await office.roster() == frozenset()
    assert len(office.chat.asked) == 2


async def test_a_directory_that_was_away_is_asked_again_after_five_seconds(office: Office) -> None:
    """Not at every click, and no longer than necessary."""
    office.chat.away = True
    assert await office.roster() is None
    office.chat.away = False
    office.now += AWAY - 0.1
    assert await office.roster() is None
    office.now += 0.1
    assert await office.roster() == {"ada"}


async def test_i19_an_event_of_the_platform_ends_what_is_remembered(office: Office) -> None:
    """Of that directory; the others' answers stay."""
    assert await office.roster("both") == {"ada", "bob"}
    office.chat.groups["chat_group", "S0MGR"] = frozenset({B})
    office.people.forget("chat")
    assert await office.roster("both") == {"bob"}
    assert (len(office.chat.asked), len(office.mail.asked)) == (2, 1)


async def test_i19_an_event_during_a_lookup_makes_it_worthless(office: Office) -> None:
    """Whoever waits for it gets the answer from after the event, and so do those who come later."""
    gate = asyncio.Event()
    office.chat.delay = gate.wait
    asking = asyncio.create_task(office.roster())
    await settled()
    old = office.chat.groups["chat_group", "S0MGR"]
    office.chat.groups["chat_group", "S0MGR"] = frozenset({B})
    office.people.forget("chat")
    gate.set()
    assert old == {A}
    assert await asking == {"bob"}
    assert await office.roster() == {"bob"}
    assert len(office.chat.asked) == 2


async def test_i19_a_directory_that_answers_although_it_was_stopped_is_not_heard(office: Office) -> None:
    """Its answer is from before the event all the same."""

    class Stubborn(Book):
        async def members(self, kind: str, group: str) -> frozenset[Principal | str]:
            self.asked.append((kind, group))
            if len(self.asked) == 1:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
                return frozenset({A})
            return frozenset({B})

    office.people.add("chat", Stubborn())
    asking = asyncio.create_task(office.roster())
    await settled()
    office.people.forget("chat")
    assert await asking == {"bob"}
    assert await office.roster() == {"bob"}


async def test_one_lookup_serves_all_who_ask_at_once(office: Office) -> None:
    """A hundred clicks are one call."""
    gate = asyncio.Event()
    office.chat.delay = gate.wait
    asking = [asyncio.create_task(office.roster()) for _ in range(100)]
    await settled()
    gate.set()
    assert await asyncio.gather(*asking) == [{"ada"}] * 100
    assert len(office.chat.asked) == 1


async def test_one_who_goes_away_does_not_end_the_lookup_of_the_others(office: Office) -> None:
    """A client that hangs up, for instance."""
    gate = asyncio.Event()
    office.chat.delay = gate.wait
    first, second = asyncio.create_task(office.roster()), asyncio.create_task(office.roster())
    await settled()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    gate.set()
    assert await second == {"ada"}


async def test_a_person_does_not_wait_for_long_but_the_lookup_goes_on(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A click is answered within the chats' three seconds; what is found late serves the next click."""
    monkeypatch.setattr(desk_people, "PATIENCE", 0.02)
    gate = asyncio.Event()
    office.chat.delay = gate.wait
    assert await office.roster() is None
    with pytest.raises(DirectoryAway, match="chat does not answer in time"):
        await office.click(A)
    gate.set()
    await settled()
    office.chat.away = True
    assert await office.roster() == {"ada"}
    assert await office.click(A) is None
    assert len(office.chat.asked) == 2


async def test_one_click_waits_for_a_slow_directory_only_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may need many lookups: after the first that came to nothing the others get little time, but they get it."""
    monkeypatch.setattr(desk_people, "PATIENCE", 0.3)
    monkeypatch.setattr(desk_people, "BRIEFLY", 0.001)
    gate = asyncio.Event()
    office.chat.delay = gate.wait
    began = asyncio.get_running_loop().time()
    assert await office.roster() is None
    for who in (A, B, STRANGER):
        with pytest.raises(DirectoryAway):
            await office.click(who)
    assert 0.3 <= asyncio.get_running_loop().time() - began < 0.6
    office.chat.delay = None
    assert await office.click(A, CARD.model_copy(update={"conversation": "D"})) is None
    gate.set()


async def test_a_lookup_that_never_ends_is_ended(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the directory counts as away."""
    monkeypatch.setattr(desk_people, "LIFE", 0.02)
    office.chat.delay = asyncio.Event().wait
    assert await office.roster() is None
    office.chat.delay = None
    assert await office.roster() is None
    office.now += AWAY
    assert await office.roster() == {"ada"}


async def test_a_directory_with_a_fault_counts_as_away(office: Office) -> None:
    """Its fault stops nobody from saying no."""

    async def fault() -> None:
        raise KeyError("user")

    office.chat.delay = fault
    assert await office.roster() is None
    with pytest.raises(DirectoryAway, match="gave no usable answer"):
        await office.click(A)


async def test_what_is_remembered_is_bounded(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest answer goes first."""
    monkeypatch.setattr(desk_people, "MOST", 2)
    for who in (A, B, STRANGER, B, A):
        assert await office.click(who) is None
    assert office.chat.asked == [("T/A",), ("T/B",), ("T/X",), ("T/A",)]


async def test_closing_ends_what_is_under_way(office: Office) -> None:
    """A server that stops leaves no lookup behind."""
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    office.chat.delay = endless
    asking = asyncio.create_task(office.roster())
    await settled()
    asking.cancel()
    await office.people.close()
    assert ended.is_set()


# ── single people ────────────────────────────────────────────────────────────────────────────────


async def test_i18_who_clicks_is_judged_by_the_directory_of_that_chat(office: Office) -> None:
    """With the message that was clicked; what another chat knows does not matter."""
    office.mail.faults["M/A"] = "are deactivated here"
    assert await office.click(A) is None
    office.chat.faults["T/B"] = "are a guest here"
    assert await office.click(B) == "are a guest here"


async def test_i18_a_standing_holds_for_a_minute_and_in_one_room(office: Office) -> None:
    """Somebody may be a guest in one channel and not in another."""
    assert await office.click(A) is None
    office.chat.faults["T/A"] = "are a guest here"
    assert await office.click(A, CARD.model_copy(update={"message": "2"})) is None
    assert await office.click(A, CARD.model_copy(update={"conversation": "D"})) == "are a guest here"
    office.now += KEPT
    assert await office.click(A) == "are a guest here"
    office.chat.faults.clear()
    assert await office.click(A) == "are a guest here"
    office.people.forget("chat")
    assert await office.click(A) is None


async def test_i18_who_clicks_while_the_directory_is_away_cannot_decide(office: Office) -> None:
    """And is told why."""
    office.chat.away = True
    with pytest.raises(DirectoryAway, match=r"cannot be looked up right now \(the book is shut\)"):
        await office.click(A)


async def test_i18_who_decides_by_key_is_judged_by_every_chat_they_are_known_in(office: Office) -> None:
    """By each of their identities; one known fault is enough."""
    assert await office.key("ada") is None
    assert {*office.chat.asked, *office.mail.asked} == {("T/A",), ("M/A",), ("M/A2",)}
    office.mail.faults["M/A2"] = "are deactivated here"
    office.people.forget("mail")
    assert await office.key("ada") == "are deactivated here"


async def test_a_chat_that_is_away_does_not_stop_an_approver_key(office: Office) -> None:
    """What the other chats know still counts."""
    office.chat.away = True
    assert await office.key("ada") is None
    office.mail.faults["M/A"] = "are deactivated here"
    office.people.forget("mail")
    assert await office.key("ada") == "are deactivated here"


async def test_nobody_is_asked_where_there_is_nobody_to_ask(office: Office) -> None:
    """A person without identities, one the policy does not list, and a chat without a directory."""
    assert await office.key("rita") is None
    assert await office.key("nobody") is None
    assert await People().fit(RULES, "ada", Actor(via="chat", principal=A, origin=CARD)) is None
    assert office.chat.asked == office.mail.asked == []


async def settled() -> None:
    """Every task has gone as far as it can by itself."""
    for _ in range(20):
        await asyncio.sleep(0)
