"""What people see of the rules: stages, votes, modes, timers, grants, break glass, and what is said below a card."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.cards import Card, Details, Fact, card, details, notice_text, shortened
from signoff.cards.card import FACT, FOOTER_ROOM
from signoff.cards.plain import weight
from signoff.cards.rows import MAX_ROWS, MAX_VALUE
from signoff.cards.words import span
from signoff.model import (
    STATUS_OF,
    DecidedBy,
    Decision,
    End,
    Notice,
    Request,
    Retry,
    Terms,
    Version,
    Vote,
    visible,
)

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NAMES = {"ada": "Ada Okafor", "bob": "Bob", "dan": "Dan"}
TWO = ({"name": "finance", "approvers": ("finance",)}, {"name": "managers", "approvers": ("dan", "bob"), "quorum": 2})
ADA = DecidedBy(person="ada", via="slack", at=NOW)
RULE = DecidedBy(rule="refunds", at=NOW)
SECRET = "tok_hidden_value"
EVIL = "x\u202e\u200b"


def record(arguments: dict[str, object] | None = None, /, **more: Any) -> Request:
    arguments = {"order": "A-1001", "card_token": SECRET} if arguments is None else arguments
    terms = {"rule": "refunds", "expires_in": 3600, "approvers": ("finance",), "secret": ("*_token",)}
    values: dict[str, Any] = {
        "id": "req_1",
        "tool": "issue_refund",
        "title": "Refund order A-1001",
        "arguments": arguments,
        "digest": "sha256:0123456789abcdef0123",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "terms": Terms.model_validate(terms | more.pop("terms", {})),
        "versions": (Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
        "asked_by": "key",
        **more,
    }
    return Request(**values)


def staged(*votes: Vote, stage: int = 0, **more: Any) -> Request:
    return record(terms={"stages": TWO, **more.pop("terms", {})}, votes=votes, stage=stage, **more)


def vote(person: str, stage: int = 0, **more: Any) -> Vote:
    return Vote(person=person, at=NOW, stage=stage, **more)


def edited(request: Request, arguments: dict[str, object]) -> Request:
    version = Version(number=2, arguments=arguments, digest="sha256:1", by="ada", at=NOW)
    return request.model_copy(update={"arguments": arguments, "version": 2, "versions": (*request.versions, version)})


def decided(request: Request, kind: End, *by: DecidedBy, **more: Any) -> Request:
    decision = Decision(kind=kind, decided_by=by, decided_at=NOW, digest=request.digest, **more)
    return request.model_copy(update={"status": STATUS_OF[kind], "decision": decision})


def drawn(request: Request, who: str = "Ada Okafor (finance)") -> Card:
    return card(request, who=who, names=NAMES)


def detailed(request: Request) -> Details:
    return details(request, who="Ada Okafor", names=NAMES)


def facts(found: Card | Details) -> dict[str, Fact]:
    return {fact.label: fact for fact in (*found.facts, *found.footer)}


def buttons(found: Card | Details) -> list[str]:
    return [button.action for button in found.buttons]


def below(request: Request, notice: Notice, who: str = "Ada Okafor (finance)") -> str:
    return notice_text(request, notice, who, NAMES)


# ── stages and votes ─────────────────────────────────────────────────────────────────────────────


def test_the_card_shows_every_stage_and_who_has_voted() -> None:
    """One line a stage: name, people, where it stands, how many of how many, the names of those who voted."""
    request = staged(vote("ada"), vote("bob", 1, acting_for="dan"), stage=1)
    assert facts(drawn(request))["Stages"].text.split("\n") == [
        "1. finance: done, 1 of 1 ✓ Ada Okafor",
        "2. managers (Dan or Bob): asked now, 1 of 2 ✓ Bob for Dan",
    ]
    assert drawn(request).status == "Waiting for managers: 1 of 2 approved"
    assert facts(drawn(staged()))["Stages"].text.split("\n") == [
        "1. finance: asked now, 0 of 1",
        "2. managers (Dan or Bob): next, 0 of 2",
    ]


def test_a_single_stage_with_a_quorum_counts() -> None:
    """Where several of the same people have to agree, one line says how many did."""
    request = record(terms={"stages": ({"name": "", "approvers": ("ada", "finance"), "quorum": 2},)})
    assert facts(drawn(request))["Approvals"].text == "Ada Okafor or finance: asked now, 0 of 2"
    assert drawn(request).status == "Waiting for Ada Okafor or finance: 0 of 2 approved"


def test_one_plain_stage_looks_as_without_stages() -> None:
    """A rule whose only stage needs one person changes nothing on the card."""
    plain = record(terms={"stages": ({"name": "finance", "approvers": ("finance",)},)})
    assert drawn(plain) == drawn(record())


def test_i08_an_edit_that_voids_votes_says_that_it_is_about_the_edited_arguments() -> None:
    """After an edit the count begins anew, and the status says why."""
    request = edited(staged(), {"order": "A-1002"})
    assert drawn(request).status == "Waiting for finance on the edited arguments: 0 of 1 approved"


def test_answers_count_together_only_when_they_are_the_same() -> None:
    """Two people who answer differently are not two of two."""
    terms = {"stages": ({"name": "ops", "approvers": ("ada", "bob", "dan"), "quorum": 2},)}
    votes = (vote("ada", kind="respond", response="eu"), vote("bob", kind="respond", response="us"))
    request = record(terms=terms, votes=votes, allowed_decisions=("respond", "reject"))
    assert drawn(request).status == "Waiting for ops: 1 of 2 gave the same answer"
    assert "1 of 2 ✓ Ada Okafor and Bob" in facts(drawn(request))["Answers"].text
    agreed = request.model_copy(update={"votes": (*votes, vote("dan", kind="respond", response="eu"))})
    assert "2 of 2" in drawn(agreed).status


def test_a_decided_card_names_everybody_who_decided_and_offers_nothing() -> None:
    """All voters stand as Decided by, also one who acted for another; no stage, no button is left."""
    by = (ADA, DecidedBy(person="bob", acting_for="dan", via="teams", at=NOW))
    found = drawn(decided(staged(vote("ada"), vote("bob", 1, acting_for="dan"), stage=1), "approve", *by))
    assert found.status == "Approved by Ada Okafor and Bob for Dan"
    named = [fact.text for fact in found.footer if fact.label == "Decided by"]
    assert named == ["Ada Okafor (Slack)", "Bob for Dan (Teams)"]
    assert "Stages" not in facts(found)
    assert buttons(found) == ["details"]


def test_many_deciders_are_all_named_in_few_lines() -> None:
    """More than eight share a line, and nobody is left out."""
    by = tuple(DecidedBy(person=f"p{n}", at=NOW) for n in range(12))
    found = [fact.text for fact in drawn(decided(staged(), "approve", *by)).footer if fact.label == "Decided by"]
    assert len(found) == 9
    assert found[-1] == "and p8, p9, p10, p11"


@pytest.mark.parametrize("kind", ["reject", "expire", "cancel"])
def test_i05_what_had_been_approved_before_the_end_is_told(kind: End) -> None:
    """A request that ends half-way says who had approved, and does not claim that nobody had."""
    found = drawn(decided(staged(vote("ada"), stage=1), kind, *((ADA,) if kind == "reject" else ())))
    assert facts(found)["Had approved"].text == "Ada Okafor"
    assert "nobody decided" not in found.status
    assert "anybody" not in found.status


def test_a_forced_approval_keeps_who_had_approved_by_the_rule() -> None:
    """The vote did not decide, and is not lost; votes that did decide are not told twice."""
    bob = DecidedBy(person="bob", at=NOW)
    forced = decided(staged(vote("ada"), stage=1), "approve", bob, forced=True, message="The customer waits")
    assert facts(drawn(forced))["Had approved"].text == "Ada Okafor"
    assert "Had approved" not in facts(drawn(decided(staged(vote("ada"), stage=1), "approve", ADA, bob)))


def test_people_who_left_the_policy_keep_the_name_they_voted_under() -> None:
    """The name that was stored with the vote stands in for the one that is no longer known."""
    request = staged(vote("eve", name="Eve Moreau"), stage=1)
    assert "✓ Eve Moreau" in facts(drawn(request))["Stages"].text


# ── modes, break glass, grants, retries ──────────────────────────────────────────────────────────


def test_shadow_mode_is_said_on_top_and_in_the_status() -> None:
    """What was let through without asking says so first, and what would have happened."""
    message = "The rule “refunds” would have asked Ada."
    found = drawn(decided(record(terms={"mode": "shadow"}), "approve", RULE, message=message))
    assert found.facts[0].label == "Mode"
    assert found.facts[0].text.startswith("Shadow: the rules only watch")
    assert found.status == "Shadow mode: nobody was asked; approved by the rule “refunds”"
    assert (facts(found)["What would have happened"].text, found.tone) == (message, "warning")


def test_switched_off_rules_are_said_on_top_and_in_the_status() -> None:
    """Nothing looks like an approval by a rule when no rule was looked at."""
    found = drawn(decided(record(terms={"mode": "off"}), "approve", RULE))
    assert found.facts[0].text.startswith("Off: the rules are not looked at")
    assert found.status == "Rules are off: nobody was asked; approved"


def test_what_is_asked_in_shadow_mode_all_the_same_does_not_claim_otherwise() -> None:
    """A question has to be answered in any mode, and the card asks for it."""
    found = drawn(record(terms={"mode": "shadow"}, allowed_decisions=("respond",)))
    assert found.status == "Waiting for an answer"
    assert facts(found)["Mode"].text.endswith("This one has to be decided all the same.")


@pytest.mark.parametrize(("kind", "end", "tone"), [("approve", "approved", "warning"), ("reject", "rejected", "bad")])
def test_a_forced_decision_is_marked_with_its_reason(kind: End, end: str, tone: str) -> None:
    """Break glass never looks like a decision by the rule."""
    found = drawn(decided(record(), kind, ADA, forced=True, message="The customer waits in the shop"))
    assert (found.status, found.tone) == (f"Forced by Ada Okafor (break glass): {end}", tone)
    assert facts(found)["Break glass"].text == "The customer waits in the shop"
    assert "Message" not in facts(found)


def test_a_call_under_a_grant_says_whose_and_which() -> None:
    """The settled card names the giver, the grant's words and its id."""
    by = DecidedBy(rule="refunds", acting_for="ada", at=NOW)
    found = drawn(decided(record(), "approve", by, grant="grant_7", message="This is use 2 of 5."))
    assert found.status == "Approved under a grant by Ada Okafor"
    assert facts(found)["Grant"].text == "This is use 2 of 5. (grant_7)"
    nameless = drawn(decided(record(), "approve", RULE, grant="grant_7"))
    assert (nameless.status, facts(nameless)["Grant"].text) == ("Approved under a grant", "grant_7")


@pytest.mark.parametrize(
    ("retry", "said"),
    [("never", "not try again"), ("with_changes", "try again with changes"), ("ask", "ask again later")],
)
def test_a_rejection_says_what_the_agent_may_do(retry: Retry, said: str) -> None:
    """What the agent is told stands on the card too."""
    found = facts(drawn(decided(record(), "reject", ADA, retry=retry)))
    assert found["Agent may"].text == said


# ── timers ───────────────────────────────────────────────────────────────────────────────────────


def test_timers_that_went_off_stand_on_the_card() -> None:
    """Who was added, how many reminders there were, and until when there are none."""
    terms = {"escalate": ({"after": 60, "to": ("dan", "managers")}, {"after": 90}), "remind": (60, 120)}
    until = NOW + timedelta(minutes=30)
    found = facts(drawn(record(terms=terms, escalated=1, reminded=1, snoozed_until=until)))
    assert found["Escalated to"].text == "Dan or managers"
    assert found["Reminders sent"].text == "1 of 2"
    assert found["Reminders snoozed until"].moment == until
    assert {"Escalated to", "Reminders sent", "Reminders snoozed until"}.isdisjoint(facts(drawn(record(terms=terms))))


def test_a_snooze_that_is_over_is_not_shown() -> None:
    """After a later reminder, or when none is left, nothing is snoozed."""
    terms = {"remind": (60, 120, 180)}
    later = Notice(kind="reminded", at=NOW + timedelta(minutes=3))
    over = record(terms=terms, reminded=1, snoozed_until=NOW + timedelta(minutes=2), notices=(later,))
    none = record(terms=terms, reminded=3, snoozed_until=NOW + timedelta(minutes=2))
    assert all("Reminders snoozed until" not in facts(drawn(request)) for request in (over, none))


# ── buttons ──────────────────────────────────────────────────────────────────────────────────────


def test_what_has_to_be_typed_opens_a_form() -> None:
    """With a text to confirm, Approve is the button of a form; an empty text is no way around it."""
    for text in ("A-1001", ""):
        found = drawn(record(terms={"confirm": text}))
        assert (found.buttons[0].action, found.buttons[0].label, found.buttons[0].style) == (
            "confirm",
            "Approve…",
            "primary",
        )
        assert buttons(detailed(record(terms={"confirm": text}))) == ["confirm"]
        assert "approve" not in buttons(found)


def test_more_is_last_while_there_is_something_to_decide() -> None:
    """Open requests and questions have More…; settled ones and notices do not."""
    assert buttons(drawn(record()))[-1] == "more"
    assert buttons(drawn(record(allowed_decisions=("respond",))))[-1] == "more"
    for request in (record(allowed_decisions=()), decided(record(), "approve", ADA)):
        assert "more" not in buttons(drawn(request))


LONG = {"text": "x" * (MAX_VALUE + 1)}
CUT: list[dict[str, object]] = [
    dict(LONG),
    {f"a{n}": n for n in range(MAX_ROWS + 1)},
    {"n" * 200: 1},
    {"deep": {"a": ["x" * MAX_VALUE]}},
]


@pytest.mark.parametrize("arguments", CUT)
@pytest.mark.parametrize("risk", ["high", "critical"])
def test_i11_a_risky_call_that_was_shortened_is_approved_from_the_details_only(
    arguments: dict[str, object], risk: str
) -> None:
    """The card has no Approve and says where it is; the details have it."""
    for more, action in (({}, "approve"), ({"confirm": "A-1001"}, "confirm")):
        request = record(arguments, risk=risk, terms=more)
        found = drawn(request)
        assert shortened(request)
        assert buttons(found) == ["edit", "reject", "details", "more"]
        assert facts(found)["Shortened"].text == "Open Details to see everything; approve there."
        assert found.footer[0].label == "Shortened"
        assert buttons(detailed(request)) == [action]
        assert "Shortened" not in facts(detailed(request))


def test_i11_what_an_edit_cut_counts_as_shortened() -> None:
    """A card whose present value fits but whose former value does not hides something too."""
    request = edited(record(dict(LONG)), {"text": "short"})
    assert shortened(request)
    assert not shortened(edited(record({"text": "one"}), {"text": "two"}))


@pytest.mark.parametrize("risk", [None, "low", "medium"])
def test_i11_other_calls_are_approved_from_the_card(risk: str | None) -> None:
    """Below high risk a shortened card keeps its button, and a whole one at any risk."""
    assert buttons(drawn(record(dict(LONG), risk=risk)))[0] == "approve"
    for high in ("high", "critical"):
        found = drawn(record({"order": "A-1001", "amount": 5}, risk=high))
        assert buttons(found)[0] == "approve"
        assert "Shortened" not in facts(found)


def test_i11_a_question_in_the_title_is_not_hidden() -> None:
    """The question that the title says is seen, though no row repeats it; a longer one is not."""
    ask: dict[str, Any] = {"allowed_decisions": ("respond",), "risk": "high"}
    assert not shortened(record({"question": "Which region?"}, title="Which region?", **ask))
    assert shortened(record({"question": "Which region? " * 50}, title="Which region? " * 20, **ask))


def test_i20_the_details_offer_only_what_can_be_decided() -> None:
    """Nothing to approve when it is settled, a notice, or not offered."""
    for request in (
        decided(record(), "approve", ADA),
        record(allowed_decisions=()),
        record(allowed_decisions=("edit",)),
    ):
        assert detailed(request).buttons == ()


NAME = st.text(st.characters(exclude_characters="…"), max_size=90)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(NAME, NAME.map(lambda text: text * 5) | st.integers() | st.lists(NAME)),
    st.dictionaries(NAME, NAME.map(lambda text: text * 5) | st.integers()),
)
def test_i11_a_card_that_is_not_shortened_shows_every_argument_whole(
    first: dict[str, object], last: dict[str, object]
) -> None:
    """`shortened` is false only when no row is missing and no text was left out."""
    for request in (record(first), edited(record(first), last)):
        found = drawn(request.model_copy(update={"risk": "critical"}))
        whole = found.arguments_hidden == 0 and not any(
            row.hidden or row.name.endswith("…") or (row.before or "").endswith("…") for row in found.arguments
        )
        assert shortened(request) or whole
        assert ("approve" in buttons(found)) is not shortened(request)


# ── what is said below a card ────────────────────────────────────────────────────────────────────


def test_a_reminder_says_who_can_decide_and_until_when() -> None:
    """The moment stands in words and in UTC: one text for all readers."""
    notice = Notice(kind="reminded", at=NOW)
    assert below(record(), notice) == (
        "Still waiting: Refund order A-1001. Ada Okafor (finance) can decide; "
        "it expires on 20 November 2026, 09:00 UTC."
    )
    assert "Nobody can answer; " in below(record(allowed_decisions=("respond",)), notice, "nobody")
    assert below(decided(record(), "approve", ADA), notice).startswith("This has been settled meanwhile")


def test_an_escalation_says_how_long_and_who_is_asked_now() -> None:
    """Time is counted from the version that was asked; half a decision is not nobody's."""
    notice = Notice(kind="escalated", at=NOW + timedelta(hours=2), to=("managers", "dan"))
    assert below(record(), notice) == "Nobody has decided for 2 h; now managers or Dan may decide too."
    half = staged(vote("ada"), stage=1)
    assert below(half, notice).startswith("Still not decided after 2 h; now")
    late = edited(record(), {"order": "A-1"}).versions[-1].model_copy(update={"at": NOW + timedelta(minutes=30)})
    again = record().model_copy(update={"versions": (*record().versions, late)})
    assert below(again, notice).startswith("Nobody has decided for 1 h 30 min;")
    since = again.versions[-1].model_copy(update={"at": NOW + timedelta(hours=3)})
    told_late = again.model_copy(update={"versions": (*again.versions, since)})
    assert below(told_late, notice) == below(again, notice)
    places = Notice(kind="escalated", at=NOW + timedelta(hours=2))
    assert below(record(), places) == "Nobody has decided for 2 h: Refund order A-1001"


def test_what_people_put_off_is_said_with_the_new_moment() -> None:
    """The moment of the notice itself, else the record's."""
    snoozed = record(snoozed_until=NOW + timedelta(hours=4))
    until = "20 November 2026, 09:00 UTC"
    assert below(record(), Notice(kind="extended", at=NOW, person="ada")) == (
        f"Ada Okafor extended the deadline: there is time until {until}."
    )
    assert below(record(), Notice(kind="extended", at=NOW, person="ada", text="tomorrow")).endswith("until tomorrow.")
    assert below(snoozed, Notice(kind="snoozed", at=NOW, person="bob")) == (
        "Bob snoozed the reminders until 20 November 2026, 12:00 UTC."
    )


def test_break_glass_and_grants_are_told_by_name() -> None:
    """Who, what and why."""
    forced = Notice(kind="forced", at=NOW, person="ada", text="The shop is closing")
    assert below(decided(record(), "approve", ADA, forced=True), forced) == (
        "Ada Okafor forced the approval (break glass): The shop is closing"
    )
    assert below(decided(record(), "reject", ADA, forced=True), forced).startswith("Ada Okafor forced the rejection")
    granted = Notice(kind="granted", at=NOW, person="ada", text="20 November 2026, 09:00 UTC (5 uses)")
    assert below(record(), granted) == ("Ada Okafor allowed similar calls until 20 November 2026, 09:00 UTC (5 uses).")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (5400, "1 h 30 min"),
        (86400, "1 d"),
        (97200, "1 d 3 h"),
        (3601, "1 h 1 s"),
    ],
)
def test_lengths_of_time_are_said_in_their_largest_units(seconds: int, said: str) -> None:
    """At most two units."""
    assert span(seconds) == said


# ── whatever comes from outside ──────────────────────────────────────────────────────────────────


def test_i13_reasons_that_quote_a_secret_are_masked() -> None:
    """A person who pastes the secret into a reason shows it to nobody."""
    reason = f"it is {SECRET}"
    forced = decided(record(), "approve", ADA, forced=True, message=reason)
    said = below(forced, Notice(kind="forced", at=NOW, person="ada", text=reason))
    assert SECRET not in repr((drawn(forced), detailed(forced))) + said
    assert said.endswith("it is ••••••")


def test_i12_an_agent_cannot_blank_out_a_giver_or_a_moment_by_making_it_a_secret() -> None:
    """Our own words are shown whatever the agent declares secret."""
    names = {"card_token": "Ada Okafor", "other_token": "20 November 2026, 09:00 UTC"}
    request = record({**names, "amount": 1})
    granted = decided(request, "approve", RULE, grant="grant_7", message="Ada Okafor allowed calls like this.")
    assert facts(drawn(granted))["Grant"].text.startswith("Ada Okafor allowed")
    shadow = decided(
        record({**names}, terms={"mode": "shadow"}), "approve", RULE, message="would have asked Ada Okafor"
    )
    assert "Ada Okafor" in facts(drawn(shadow))["What would have happened"].text
    notice = Notice(kind="extended", at=NOW, person="ada", text=names["other_token"])
    assert below(request, notice).endswith("there is time until 20 November 2026, 09:00 UTC.")


TEXT = st.sampled_from([EVIL, f"say {SECRET}", "a\nb: done ✓ Bob", "&" * 900, "😀" * 900, "<@U1> @everyone", ""])


@st.composite
def hostile(draw: st.DrawFn) -> Request:
    plan = tuple(
        {
            "name": draw(TEXT.filter(lambda text: SECRET not in text)),
            "approvers": tuple(draw(st.lists(TEXT.filter(lambda text: SECRET not in text), max_size=12))),
            "quorum": draw(st.integers(1, 5)),
        }
        for _ in range(draw(st.integers(0, 12)))
    )
    person = st.sampled_from(["ada", EVIL, "&" * 900])
    votes = tuple(
        vote(draw(person), draw(st.integers(0, 11)), acting_for=draw(st.none() | person), name=draw(st.none() | person))
        for _ in range(draw(st.integers(0, 9)))
    )
    terms = {
        "stages": plan,
        "mode": draw(st.sampled_from(["enforce", "shadow", "off"])),
        "escalate": ({"after": 1, "to": tuple(person_.person for person_ in votes), "show": (EVIL,)},),
        "remind": (1, 2),
        "confirm": draw(st.none() | TEXT),
    }
    request = record(
        dict(draw(st.sampled_from([{"card_token": SECRET}, {"card_token": SECRET, **LONG}]))),
        title=draw(TEXT)[:300],
        risk=draw(st.sampled_from([None, "critical"])),
        terms=terms,
        votes=votes,
        stage=draw(st.integers(0, 12)),
        escalated=draw(st.integers(0, 1)),
        reminded=1,
        snoozed_until=NOW,
        allowed_decisions=draw(st.sampled_from([("approve", "edit", "reject"), ("respond",), ()])),
    )
    kind: End | None = draw(st.sampled_from([None, "approve", "reject", "respond", "expire", "cancel"]))
    if kind is None:
        return request
    by = tuple(DecidedBy(person=one.person, acting_for=one.acting_for, at=NOW) for one in votes)
    asked = request.terms.mode == "enforce"
    return decided(
        request,
        kind,
        *(by if draw(st.booleans()) else (RULE,)),
        message=draw(TEXT) if asked else "ours",
        forced=draw(st.booleans()),
        retry=draw(st.sampled_from([None, "never"])),
    )


NOTICES = st.builds(
    Notice,
    kind=st.sampled_from(["reminded", "escalated", "forced"]),
    at=st.just(NOW + timedelta(hours=1)),
    person=st.none() | st.sampled_from(["ada", EVIL, "&" * 900]),
    text=st.none() | TEXT,
    to=st.lists(st.sampled_from(["ada", EVIL, "&" * 900]), max_size=9).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(hostile(), NOTICES, st.sampled_from(["Ada", EVIL, "&" * 5000, ""]))
def test_i12_i13_whatever_the_rules_say_is_readable_without_secrets_and_within_its_room(
    request: Request, notice: Notice, who: str
) -> None:
    """Names of stages, people, reasons: nothing invisible, no secret, no line too many, and the budget holds."""
    found, full = card(request, who=who, names=NAMES), details(request, who=who, names=NAMES)
    said = notice_text(request, notice, who, NAMES)
    every = [found.status, found.summary, full.json, said]
    every += [
        text for fact in (*found.facts, *found.footer, *full.facts, *full.footer) for text in (fact.label, fact.text)
    ]
    assert all(visible(text) == text for text in every)
    assert not any(SECRET in text for text in every)
    assert "\n" not in said + found.status
    assert len(said) < 2000
    assert all(len(fact.text) <= FACT for fact in found.footer)
    assert sum(weight(fact.text) for fact in found.footer) <= FOOTER_ROOM
    if stages := facts(found).get("Stages"):
        assert stages.text.count("\n") < len(request.terms.stages)
