"""The motion of a request, over the memory twin."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from signoff import digest, policy
from signoff.desk import Desk
from signoff.errors import (
    AlreadyConsumed,
    AlreadyDecided,
    DigestMismatch,
    DuplicateCard,
    Invalid,
    NobodyMayApprove,
    NotAnApprover,
    NotApproved,
    NotFound,
    NotOffered,
    PolicyRefused,
    ReceiptExpired,
    SelfApproval,
    StaleVersion,
    StillPosting,
    WrongPlace,
)
from signoff.model import Actor, Answer, Ask, Key, MessageRef, Outcome, Placement, Principal, Request, loads
from signoff.store.memory import MemoryStore

RULES = """
version: 1
people:
  ada: {name: Ada, email: ada@example.com, slack: T1/UADA, teams: tenant/ada-oid}
  bob: {name: Bob, email: bob@example.com, slack: T1/UBOB}
  cfo: {name: Cleo, email: cleo@example.com, slack: T1/UCFO}
  mia: {name: Mia, slack: T1/UMIA}
groups:
  finance: {members: [ada, bob]}
  board: {members: [cfo]}
defaults:
  show: [slack:#approvals]
  approvers: [finance]
  expires_in: 1h
rules:
  - name: nothing above the limit
    when: tool == "refund" && args.amount > 10000.0
    decide: reject
    message: Never more than 10000.
  - name: large refunds
    when: tool == "refund" && args.amount > 1000.0
    approvers: [board]
    show: [slack:#board]
  - name: tiny refunds
    when: tool == "refund" && args.amount < 10.0
    decide: approve
  - name: refunds
    when: tool == "refund"
    approvers: [finance]
    editable: [amount, note]
    secret: [card_token]
    reasons: [wrong amount]
  - name: nobody
    when: tool == "orphan"
    approvers: []
"""
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "number", "minimum": 0, "maximum": 20000},
        "note": {"type": "string"},
        "card_token": {"type": "string"},
    },
    "required": ["order", "amount"],
    "additionalProperties": False,
}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


def agent_key(name: str = "agent", owner: str | None = None) -> Key:
    return Key(
        id=name, role="agent", name=name, owner=owner, secret_hash="-", created_at=datetime(2026, 1, 1, tzinfo=UTC)
    )


AGENT = agent_key()


class House:
    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(clock=self.clock)
        self.signer = digest.Signer.generate()
        self.desk = Desk(self.store, policy.load(RULES, file="rules.yaml", chats=("slack", "teams")), self.signer)

    async def ask(self, arguments: Mapping[str, object] | None = None, key: Key = AGENT, **fields: object) -> Request:
        body = {
            "tool": "refund",
            "arguments": arguments or {"order": "A-1", "amount": 500, "card_token": "tok_secret"},
            "schema": SCHEMA,
            **fields,
        }
        return (await self.desk.ask(Ask.model_validate(body), key)).request

    async def lines(self) -> list[dict[str, object]]:
        found = [loads(line.body) for line in await self.store.audit(0, 1000)]
        return [line for line in found if isinstance(line, dict)]


@pytest.fixture
def house() -> House:
    return House()


def person(name: str) -> Actor:
    return Actor(via="slack", principal=Principal(chat="slack", tenant="T1", user=f"U{name.upper()}"))


def approve(version: int = 1) -> Answer:
    return Answer(kind="approve", version=version)


async def test_an_approval_reaches_the_waiting_agent_with_a_receipt_that_verifies(house: House) -> None:
    """approve: the waiter gets the decision, the digest of what was asked and a receipt signed by the published key."""
    request = await house.ask()
    waiting = asyncio.create_task(house.desk.wait(request.id, 30))
    await house.desk.answer(request.id, approve(), person("ada"))
    settled = await waiting
    assert settled.status == "approved"
    assert settled.decision is not None
    assert settled.decision.kind == "approve"
    assert settled.decision.arguments == request.arguments
    assert [who.person for who in settled.decision.decided_by] == ["ada"]
    assert settled.decision.receipt is not None
    claims = digest.verify(settled.decision.receipt, {"keys": [house.signer.jwk()]}, check_expiry=False)
    assert (claims["sub"], claims["digest"], claims["kind"], claims["by"]) == (
        request.id,
        request.digest,
        "approve",
        ["ada"],
    )


async def test_i01_of_two_decisions_the_first_stands_and_the_second_is_told(house: House) -> None:
    """The loser of a race hears who decided what, and nothing changes."""
    request = await house.ask()
    results = await asyncio.gather(
        house.desk.answer(request.id, approve(), person("ada")),
        house.desk.answer(request.id, Answer(kind="reject", version=1, message="no"), person("bob")),
        return_exceptions=True,
    )
    winners = [result for result in results if isinstance(result, Request)]
    losers = [result for result in results if isinstance(result, AlreadyDecided)]
    assert len(winners) == len(losers) == 1
    assert "Ada already approved this at 08:00 UTC on 2026-11-20 in Slack" in str(losers[0])
    assert (await house.desk.get(request.id)).decision == winners[0].decision
    assert sum(line["type"] == "decided" for line in await house.lines()) == 1


async def test_i05_rejected_expired_and_cancelled_are_told_apart(house: House) -> None:
    """Three ends, three statuses, three kinds; only the rejection names a person."""
    rejected, expired, cancelled = [await house.ask() for _ in range(3)]
    await house.desk.answer(rejected.id, Answer(kind="reject", version=1, message="wrong customer"), person("ada"))
    await house.desk.withdraw(cancelled.id, AGENT)
    house.clock.forward(hours=2)
    ends = [await house.desk.get(request.id) for request in (rejected, expired, cancelled)]
    assert [end.status for end in ends] == ["rejected", "expired", "cancelled"]
    assert [end.decision and end.decision.kind for end in ends] == ["reject", "expire", "cancel"]
    assert [len(end.decision.decided_by) for end in ends if end.decision] == [1, 0, 0]
    assert ends[0].decision is not None
    assert ends[0].decision.message == "wrong customer"
    assert ends[0].decision.receipt
    assert [end.decision.receipt for end in ends[1:] if end.decision] == [None, None]


async def test_i05_an_undeliverable_card_is_recorded_and_the_request_stays_decidable(house: House) -> None:
    """Undeliverable is its own thing: an audit line and a field, no decision."""
    request = await house.ask()
    await house.desk.undeliverable(request.id, "slack:#approvals", "the channel is archived")
    seen = await house.desk.get(request.id)
    assert seen.open
    assert seen.undelivered == {"slack:#approvals": "the channel is archived"}
    assert (await house.lines())[-1]["type"] == "undeliverable"
    assert (await house.desk.answer(request.id, approve(), person("ada"))).status == "approved"


async def test_i06_a_late_click_expires_the_request_with_no_sweeper_running(house: House) -> None:
    """Expiry is enforced when somebody decides, by the store's clock."""
    request = await house.ask(expires_in=60)
    house.clock.forward(seconds=60)
    with pytest.raises(AlreadyDecided, match="This expired at 08:01 UTC"):
        await house.desk.answer(request.id, approve(), person("ada"))
    assert (await house.desk.get(request.id)).status == "expired"


async def test_i07_a_vote_on_a_version_that_was_edited_is_refused(house: House) -> None:
    """The version that was seen must be the one that stands."""
    request = await house.ask()
    edited = await house.desk.answer(
        request.id, Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 5000}), person("ada")
    )
    assert (edited.status, edited.version) == ("pending", 2)
    with pytest.raises(StaleVersion):
        await house.desk.answer(request.id, approve(version=1), person("cfo"))
    assert (await house.desk.answer(request.id, approve(version=2), person("cfo"))).status == "approved"


async def test_i08_an_edit_is_a_new_version_with_its_own_digest_and_changes(house: House) -> None:
    """edit: version 2, another digest, the change from 500 to 400, and only the new arguments may run."""
    request = await house.ask()
    answer = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400}, message="cap is 400")
    edited = await house.desk.answer(request.id, answer, person("ada"))
    assert (edited.status, edited.version, len(edited.versions)) == ("approved", 2, 2)
    assert edited.digest != request.digest
    assert edited.decision is not None
    assert edited.decision.digest == edited.digest
    assert edited.decision.message == "cap is 400"
    [change] = edited.decision.changes
    assert (change.path, change.from_, change.to) == ("/amount", 500, 400)
    with pytest.raises(DigestMismatch):
        await house.desk.consume(request.id, request.arguments, AGENT)
    await house.desk.consume(request.id, edited.arguments, AGENT)


async def test_i08_an_edit_beyond_a_persons_rights_is_asked_again_under_the_new_rule(house: House) -> None:
    """Ada may decide about 500; when she makes it 5000 the board is asked, and Ada's edit decides nothing."""
    request = await house.ask()
    edited = await house.desk.answer(
        request.id, Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 5000}), person("ada")
    )
    assert edited.decision is None
    assert edited.terms.rule == "large refunds"
    assert edited.terms.show == ("slack:#approvals", "slack:#board")
    with pytest.raises(NotAnApprover):
        await house.desk.answer(request.id, approve(version=2), person("ada"))


async def test_i08_an_edit_that_a_rule_forbids_is_refused_and_changes_nothing(house: House) -> None:
    """The policy is asked again about the new arguments."""
    request = await house.ask()
    with pytest.raises(PolicyRefused, match="Never more than 10000"):
        await house.desk.answer(
            request.id, Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 15000}), person("ada")
        )
    assert await house.desk.get(request.id) == request


@pytest.mark.parametrize(
    "changes",
    [{"order": "A-2"}, {"card_token": "tok_mine"}, {"amount": -1}, {"amount": "400"}, {"extra": 1}],
    ids=["read-only", "secret", "below the minimum", "a string", "unknown"],
)
async def test_i09_a_crafted_edit_is_refused_at_the_field(house: House, changes: dict[str, object]) -> None:
    """Read-only, secret, invalid and unknown arguments cannot be changed, and the faulty field is named."""
    request = await house.ask()
    with pytest.raises(Invalid) as refused:
        await house.desk.answer(
            request.id, Answer(kind="edit", version=1, arguments={**request.arguments, **changes}), person("ada")
        )
    assert set(refused.value.fields) == {f"/{name}" for name in changes}
    assert "tok_" not in str(refused.value)
    assert await house.desk.get(request.id) == request


async def test_i10_an_approval_is_consumed_once_for_exactly_its_arguments(house: House) -> None:
    """Another amount does not match and burns nothing; the second consumption is refused."""
    request = await house.ask()
    with pytest.raises(NotApproved):
        await house.desk.consume(request.id, request.arguments, AGENT)
    await house.desk.answer(request.id, approve(), person("ada"))
    with pytest.raises(DigestMismatch):
        await house.desk.consume(request.id, {**request.arguments, "amount": 501}, AGENT)
    results = await asyncio.gather(
        *(house.desk.consume(request.id, request.arguments, AGENT) for _ in range(10)), return_exceptions=True
    )
    assert sum(isinstance(result, Request) for result in results) == 1
    assert sum(isinstance(result, AlreadyConsumed) for result in results) == 9


async def test_i10_an_approval_is_valid_for_a_day(house: House) -> None:
    """After the receipt's expiry nothing may run."""
    request = await house.ask()
    await house.desk.answer(request.id, approve(), person("ada"))
    house.clock.forward(hours=24)
    with pytest.raises(ReceiptExpired):
        await house.desk.consume(request.id, request.arguments, AGENT)


async def test_i10_numbers_that_no_double_holds_are_bound_digit_by_digit(house: House) -> None:
    """A change in the 20th digit is another call."""
    request = await house.ask(
        {"wei": 10**20 + 1, "rate": Decimal("0.10000000000000000001")}, tool="transfer", schema=None
    )
    await house.desk.answer(request.id, approve(), person("ada"))
    with pytest.raises(DigestMismatch):
        await house.desk.consume(request.id, {"wei": 10**20, "rate": Decimal("0.10000000000000000001")}, AGENT)
    with pytest.raises(DigestMismatch):
        await house.desk.consume(request.id, {"wei": 10**20 + 1, "rate": 0.1}, AGENT)
    await house.desk.consume(request.id, request.arguments, AGENT)


async def test_i13_secrets_are_in_no_audit_line(house: House) -> None:
    """Asked, edited, consumed: the token is masked everywhere, its change too."""
    request = await house.ask()
    answer = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400})
    edited = await house.desk.answer(request.id, answer, person("ada"))
    await house.desk.consume(request.id, edited.arguments, AGENT)
    assert "tok_secret" not in "".join(line.body for line in await house.store.audit(0, 100))


async def test_i15_no_approvers_means_that_nobody_can_approve(house: House) -> None:
    """An empty list of approvers is not everybody."""
    request = await house.ask({"x": 1}, tool="orphan", schema=None)
    with pytest.raises(NobodyMayApprove):
        await house.desk.answer(request.id, approve(), person("ada"))


@pytest.mark.parametrize("who", [person("mia"), person("stranger"), Actor(via="api", person="root"), Actor(via="api")])
async def test_only_approvers_decide(house: House, who: Actor) -> None:
    """Known people without the right, strangers and names that the policy does not know are told who can."""
    request = await house.ask()
    with pytest.raises(NotAnApprover, match=r"Ada or Bob"):
        await house.desk.answer(request.id, approve(), who)
    assert (await house.desk.get(request.id)).open


async def test_i16_a_click_from_another_message_or_room_is_refused(house: House) -> None:
    """Only the message that was posted counts: a copy beside it is a duplicate, one elsewhere is out of place."""
    request = await house.ask()
    work = await house.store.claim(60)
    assert work is not None
    card = MessageRef(chat="slack", tenant="T1", conversation="C1", message="1.1")
    await house.store.place(work, Placement(place="slack:#approvals", state="live", message=card, shown=1))

    def clicking(**changes: str) -> Actor:
        return person("ada").model_copy(update={"origin": card.model_copy(update=changes)})

    with pytest.raises(DuplicateCard):
        await house.desk.answer(request.id, approve(), clicking(message="9.9"))
    for elsewhere in ({"conversation": "C2"}, {"tenant": "T2"}, {"chat": "teams"}):
        with pytest.raises(WrongPlace):
            await house.desk.answer(request.id, approve(), clicking(**elsewhere))
    assert (await house.desk.answer(request.id, approve(), clicking())).status == "approved"


async def test_i16_a_card_whose_posting_is_not_recorded_yet_asks_for_patience(house: House) -> None:
    """After a crash between posting and recording a click counts nowhere, and the card is not called a copy."""
    request = await house.ask()
    work = await house.store.claim(60)
    assert work is not None
    await house.store.place(work, Placement(place="slack:#approvals", state="posting"))
    origin = MessageRef(chat="slack", tenant="T1", conversation="C1", message="1.1")
    with pytest.raises(StillPosting, match="try again in a minute"):
        await house.desk.answer(request.id, approve(), person("ada").model_copy(update={"origin": origin}))
    assert (await house.desk.get(request.id)).open


async def test_i17_the_person_acted_for_and_the_keys_owner_cannot_approve(house: House) -> None:
    """Under any of their identities; they may still reject."""
    for request in (
        await house.ask(on_behalf_of="ada@example.com"),
        await house.ask(on_behalf_of="ada"),
        await house.ask(on_behalf_of="slack:T1/UADA"),
        await house.ask(key=agent_key("hers", owner="ada")),
    ):
        for via in (
            person("ada"),
            Actor(via="teams", principal=Principal(chat="teams", tenant="tenant", user="ada-oid")),
            Actor(via="api", person="ada"),
        ):
            with pytest.raises(SelfApproval, match="Bob"):
                await house.desk.answer(request.id, approve(), via)
            edit = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 1})
            with pytest.raises(SelfApproval):
                await house.desk.answer(request.id, edit, via)
        rejected = await house.desk.answer(request.id, Answer(kind="reject", version=1), person("ada"))
        assert rejected.status == "rejected"


async def test_i20_a_decision_that_was_not_offered_is_refused(house: House) -> None:
    """allowed_decisions is enforced where decisions are made, not where buttons are drawn."""
    request = await house.ask(allowed_decisions=["approve", "reject"])
    with pytest.raises(NotOffered, match="approve, reject"):
        await house.desk.answer(
            request.id, Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400}), person("ada")
        )
    with pytest.raises(NotOffered):
        await house.desk.answer(request.id, Answer(kind="respond", version=1, response="done"), person("ada"))


async def test_a_notice_waits_for_nobody_and_approves_nothing(house: House) -> None:
    """allowed_decisions: [] is told, not asked; an agent gets no approval that way."""
    request = await house.ask(allowed_decisions=[])
    assert request.status == "responded"
    with pytest.raises(NotApproved):
        await house.desk.consume(request.id, request.arguments, AGENT)


async def test_a_rule_decides_and_is_named(house: House) -> None:
    """approve and reject by rule: the decision names the rule, carries a receipt and is in the audit."""
    tiny = await house.ask({"order": "A-1", "amount": 5})
    assert tiny.decision is not None
    assert (tiny.status, tiny.decision.decided_by[0].rule) == ("approved", "tiny refunds")
    await house.desk.consume(tiny.id, tiny.arguments, AGENT)
    huge = await house.ask({"order": "A-1", "amount": 15000})
    assert huge.decision is not None
    assert (huge.status, huge.decision.message) == ("rejected", "Never more than 10000.")
    decisions = [line["decision"] for line in await house.lines() if line["type"] == "asked"]
    assert [entry["decided_by"] for entry in decisions if isinstance(entry, dict)] == [
        ["rule:tiny refunds"],
        ["rule:nothing above the limit"],
    ]


async def test_a_rule_that_approves_calls_does_not_answer_questions(house: House) -> None:
    """A question needs a person, whatever the rules say about running the tool."""
    request = await house.ask({"order": "A-1", "amount": 5}, allowed_decisions=["respond", "reject"])
    assert request.open


async def test_a_question_is_answered_by_the_response_form(house: House) -> None:
    """respond: the typed answer reaches the agent, checked against the response schema."""
    request = await house.ask(
        {"question": "Which region?"},
        tool="ask_human",
        schema=None,
        allowed_decisions=["respond", "reject"],
        response_schema={"type": "string", "enum": ["eu", "us"]},
    )
    with pytest.raises(Invalid):
        await house.desk.answer(request.id, Answer(kind="respond", version=1, response="mars"), person("ada"))
    form = await house.desk.form(request.id, "respond", person("ada"), 1)
    [field] = form.fields
    entries = {field.key: next(option.value for option in field.options if option.label == "us")}
    answered = await house.desk.answer(request.id, Answer(kind="respond", version=1, entries=entries), person("ada"))
    assert answered.status == "responded"
    assert answered.decision is not None
    assert answered.decision.response == "us"


async def test_an_edit_form_submitted_as_it_is_approves_as_it_was(house: House) -> None:
    """Nothing changed: the decision is an approval of version 1."""
    request = await house.ask()
    form = await house.desk.form(request.id, "edit", person("ada"), 1)
    entries = {field.key: field.initial for field in form.fields}
    settled = await house.desk.answer(request.id, Answer(kind="edit", version=1, entries=entries), person("ada"))
    assert settled.decision is not None
    assert (settled.decision.kind, settled.version, settled.digest) == ("approve", 1, request.digest)


async def test_an_edit_form_changes_what_was_typed(house: House) -> None:
    """500 → 400 through the form's strings; the secret and the read-only order are not in the form."""
    request = await house.ask()
    form = await house.desk.form(request.id, "edit", person("ada"), 1)
    assert {field.key for field in form.fields} == {"/amount", "/note"}
    entries = {field.key: field.initial for field in form.fields} | {"/amount": "400"}
    settled = await house.desk.answer(request.id, Answer(kind="edit", version=1, entries=entries), person("ada"))
    assert settled.arguments == {"order": "A-1", "amount": 400, "card_token": "tok_secret"}


async def test_a_form_is_refused_before_anything_is_typed(house: House) -> None:
    """Opening the form asks the same questions as submitting it."""
    request = await house.ask()
    with pytest.raises(NotAnApprover):
        await house.desk.form(request.id, "edit", person("mia"), 1)
    with pytest.raises(StaleVersion):
        await house.desk.form(request.id, "edit", person("ada"), 2)


async def test_pages_of_a_long_form_are_kept_for_their_person(house: House) -> None:
    """A page with a fault is not kept; a kept page comes back to the same person only."""
    request = await house.ask()
    form = await house.desk.form(request.id, "edit", person("ada"), 1)
    with pytest.raises(Invalid) as refused:
        await house.desk.keep(form, person("ada"), {"/amount": "many"}, ["/amount"])
    assert set(refused.value.fields) == {"/amount"}
    kept = await house.desk.keep(form, person("ada"), {"/amount": "400"}, ["/amount"])
    assert kept == {"/amount": "400"}
    assert await house.desk.draft(form, person("ada")) == {"/amount": "400"}
    assert await house.desk.draft(form, person("bob")) == {}


async def test_a_rejection_joins_preset_and_words(house: House) -> None:
    """What the model reads is the reason that was picked and what was typed."""
    request = await house.ask()
    form = await house.desk.form(request.id, "reject", person("ada"), 1)
    preset = next(field for field in form.fields if field.key == "preset")
    value = next(option.value for option in preset.options if option.label == "wrong amount")
    entries = {"preset": value, "message": "it was 50, not 500"}
    settled = await house.desk.answer(request.id, Answer(kind="reject", version=1, entries=entries), person("ada"))
    assert settled.decision is not None
    assert settled.decision.message is not None
    assert "wrong amount" in settled.decision.message
    assert "it was 50, not 500" in settled.decision.message


async def test_i25_the_audit_holds_original_and_edited_arguments_and_its_chain_verifies(house: House) -> None:
    """asked → decided → consumed → reported, in order, linked."""
    from signoff.audit import verify

    request = await house.ask()
    answer = Answer(kind="edit", version=1, arguments={**request.arguments, "amount": 400})
    edited = await house.desk.answer(request.id, answer, person("ada"))
    await house.desk.consume(request.id, edited.arguments, AGENT)
    await house.desk.report(request.id, Outcome(status="succeeded", detail="done"), AGENT)
    lines = await house.lines()
    assert [line["type"] for line in lines] == ["asked", "decided", "consumed", "reported"]
    decided = lines[1]
    assert isinstance(decided["original"], dict)
    assert isinstance(decided["arguments"], dict)
    assert (decided["original"]["amount"], decided["arguments"]["amount"]) == (500, 400)
    assert (decided["person"], decided["via"], decided["principal"]) == ("ada", "slack", "T1/UADA")
    assert not verify(await house.store.audit(0, 100))


async def test_another_agents_request_does_not_exist(house: House) -> None:
    """Keys see, cancel, consume and report only what they asked."""
    request = await house.ask()
    other = agent_key("other")
    with pytest.raises(NotFound):
        await house.desk.withdraw(request.id, other)
    with pytest.raises(NotFound):
        await house.desk.consume(request.id, request.arguments, other)
    with pytest.raises(NotFound):
        await house.desk.report(request.id, Outcome(status="failed"), other)


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"callback_url": "https://127.0.0.1/hook"}, "/callback_url"),
        ({"arguments": {"order": "A-1", "amount": 99999}}, "/arguments/amount"),
        ({"schema": {"type": "objekt"}}, "/schema/type"),
        ({"schema": {"$ref": "https://example.com/schema.json"}}, "/schema/$ref"),
        ({"editable": ["amuont"]}, "/editable/0"),
        ({"allowed_decisions": ["approve", "approve"]}, "/allowed_decisions"),
    ],
)
async def test_a_body_with_a_fault_is_refused_at_its_place(
    house: House, fields: dict[str, object], pointer: str
) -> None:
    """One pointer, one sentence; nothing is recorded."""
    with pytest.raises(Invalid) as refused:
        await house.ask(**fields)
    assert pointer in refused.value.fields
    assert not await house.store.audit(0, 10)
