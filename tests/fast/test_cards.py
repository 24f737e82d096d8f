"""What people see: one card for every state, safe to read, free of secrets, within its budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import forms
from signoff.cards import Card, Details, Fact, card, details, pointer
from signoff.cards.card import FACT
from signoff.cards.head import SUMMARY, TITLE
from signoff.cards.plain import weight
from signoff.cards.rows import MAX_ROWS, MAX_VALUE
from signoff.model import STATUS_OF, DecidedBy, Decision, End, Outcome, Request, Terms, Version, changes, visible

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
NAMES = {"ada": "Ada Okafor", "bob": "Bob"}
WHO = "Ada Okafor or Bob (finance)"
ARGUMENTS: dict[str, object] = {"order": "A-1001", "amount": 500, "as_text": "500", "card_token": "tok_hidden"}
FIRST: dict[str, object] = {
    "title": "Refund order A-1001",
    "description": "Issues a refund",
    "reason": "Broken item",
    "impact": "$500 leaves the account",
    "rollback": "irreversible",
    "agent": "support-agent",
    "on_behalf_of": "eve@example.com",
    "risk": "high",
    "run_id": "run-7",
    "thread_url": "https://agents.example/run/7",
}


def record(arguments: dict[str, object] | None = None, **more: Any) -> Request:
    arguments = ARGUMENTS if arguments is None else arguments
    terms = {
        "rule": "refunds",
        "expires_in": 3600,
        "approvers": ("finance",),
        "secret": ("*_token",),
        **more.pop("terms", {}),
    }
    values: dict[str, Any] = {
        "id": "req_1",
        "tool": "issue_refund",
        "arguments": arguments,
        "digest": "sha256:0123456789abcdef0123",
        "created_at": NOW,
        "expires_at": NOW + timedelta(hours=1),
        "terms": Terms.model_validate(terms),
        "versions": (Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
        "asked_by": "key",
        **more,
    }
    return Request(**values)


def edited(request: Request, arguments: dict[str, object], by: str = "ada") -> Request:
    version = Version(number=2, arguments=arguments, digest="sha256:1", by=by, at=NOW)
    return request.model_copy(
        update={"arguments": arguments, "version": 2, "digest": "sha256:1", "versions": (*request.versions, version)}
    )


def decided(request: Request, kind: End, *by: DecidedBy, **more: Any) -> Request:
    runs = request.arguments if kind in {"approve", "edit"} else None
    diff = changes(request.versions[0].arguments, request.arguments)
    decision = Decision(
        kind=kind, arguments=runs, changes=diff, decided_by=by, decided_at=NOW, digest=request.digest, **more
    )
    return request.model_copy(update={"status": STATUS_OF[kind], "decision": decision, "rev": request.rev + 1})


ADA = DecidedBy(person="ada", via="slack", at=NOW)


def drawn(request: Request, who: str = WHO) -> Card:
    return card(request, who=who, names=NAMES)


def facts(found: Card | Details) -> dict[str, Fact]:
    return {fact.label: fact for fact in (*found.facts, *found.footer)}


def buttons(found: Card) -> list[str]:
    return [button.action for button in found.buttons]


def test_a_pending_card_says_everything_that_is_decided_about() -> None:
    """Title, tool, agent, person, risk, why, impact, rollback, who may decide, expiry, short digest, the run."""
    found = drawn(record(**FIRST))
    texts = {label: fact.text for label, fact in facts(found).items()}
    assert (found.purpose, found.title, found.status, found.tone, found.risk) == (
        "ask",
        "Refund order A-1001",
        "Waiting for a decision",
        "warning",
        "high",
    )
    assert found.summary == "Approval needed: Refund order A-1001 (high risk)"
    assert texts == {
        "Tool": "issue_refund",
        "Agent": "support-agent",
        "On behalf of": "eve@example.com",
        "Description": "Issues a refund",
        "Why": "Broken item",
        "Impact": "$500 leaves the account",
        "Rollback": "irreversible",
        "Who may decide": WHO,
        "Expires": "",
        "Digest": "0123456789ab",
        "Run": "run-7 (agents.example)",
    }
    assert facts(found)["Expires"].moment == NOW + timedelta(hours=1)
    assert facts(found)["Run"].url == "https://agents.example/run/7"
    assert [(b.action, b.label, b.style) for b in found.buttons] == [
        ("approve", "Approve", "primary"),
        ("edit", "Edit…", "plain"),
        ("reject", "Reject…", "danger"),
        ("details", "Details", "plain"),
        ("more", "More…", "plain"),
    ]


def test_types_are_kept_apart() -> None:
    """The text "500" and the number 500 look different; every type has its own look."""
    values: dict[str, object] = {
        "a": "500",
        "b": 500,
        "c": Decimal("0.10000000000000000000001"),
        "d": True,
        "e": None,
        "f": ["x", 1],
        "g": {"k": 1.5},
        "h": 'say "hi" \\n',
        "i": "one\ntwo",
    }
    assert [(row.name, row.kind, row.text) for row in drawn(record(values)).arguments] == [
        ("a", "text", '"500"'),
        ("b", "number", "500"),
        ("c", "number", "0.10000000000000000000001"),
        ("d", "boolean", "true"),
        ("e", "null", "null"),
        ("f", "list", '["x", 1]'),
        ("g", "object", '{"k": 1.5}'),
        ("h", "text", '"say \\"hi\\" \\\\n"'),
        ("i", "text", '"one↵\ntwo"'),
    ]


def test_long_values_are_shortened_with_the_count() -> None:
    """What is left out of a value is counted, and so are the arguments that have no room."""
    found = drawn(record({"text": "x" * 1000, **{f"a{i:02}": i for i in range(40)}}))
    row = found.arguments[0]
    assert (len(row.text), row.hidden) == (MAX_VALUE, 1002 - MAX_VALUE)
    assert (len(found.arguments), found.arguments_hidden) == (MAX_ROWS, 41 - MAX_ROWS)


def test_i08_after_an_edit_the_card_shows_before_and_after() -> None:
    """Changed, new and removed arguments are told from the first version to the present one."""
    request = edited(record(), {"order": "A-1001", "amount": 400, "extra": [1], "card_token": "tok_hidden"})
    found = drawn(request)
    assert {row.name: (row.before, row.text) for row in found.arguments} == {
        "order": (None, '"A-1001"'),
        "amount": ("500", "400"),
        "extra": ("", "[1]"),
        "card_token": (None, "••••••"),
        "as_text": ('"500"', "(removed)"),
    }
    assert found.status == "Waiting for a decision on the edited arguments"
    assert facts(found)["Edited by"].text == "Ada Okafor"
    assert found.version == 2


def test_i08_a_change_deep_in_a_long_text_is_seen() -> None:
    """Two long values are shown around the place where they differ."""
    long = "word " * 400
    row = drawn(edited(record({"text": long + "old" + long}), {"text": long + "new" + long})).arguments[0]
    assert "new" in row.text
    assert "old" in str(row.before)
    assert row.hidden > 0


def test_a_changed_argument_is_shown_however_many_there_are() -> None:
    """Changed arguments come first when not all of them have room."""
    many: dict[str, object] = {f"a{i}": i for i in range(60)}
    found = drawn(edited(record(many), {**many, "a59": "changed"}))
    assert found.arguments[0].name == "a59"
    assert found.arguments_hidden == 40


@pytest.mark.parametrize(
    ("kind", "by", "status", "tone"),
    [
        ("approve", (ADA,), "Approved by Ada Okafor", "good"),
        ("edit", (ADA,), "Approved with changes by Ada Okafor", "good"),
        ("reject", (ADA,), "Rejected by Ada Okafor", "bad"),
        ("respond", (ADA,), "Answered by Ada Okafor", "good"),
        ("approve", (DecidedBy(rule="small ones", at=NOW),), "Approved by the rule “small ones”", "good"),
        ("reject", (DecidedBy(rule="no drops", at=NOW),), "Rejected by the rule “no drops”", "bad"),
        ("expire", (), "Expired: nobody decided in time, so it was not run", "warning"),
        ("cancel", (), "Withdrawn by the agent before anybody decided", "neutral"),
    ],
)
def test_i05_every_end_has_its_own_words(kind: End, by: tuple[DecidedBy, ...], status: str, tone: str) -> None:
    """Rejected, expired and withdrawn are different things; after the end only Details is left to click."""
    found = drawn(decided(record(**FIRST), kind, *by))
    assert (found.purpose, found.status, found.tone) == ("settled", status, tone)
    assert buttons(found) == ["details"]
    assert found.summary == f"{status}: Refund order A-1001"
    assert "Who may decide" not in facts(found)
    if not by:
        assert not any(word in repr(found) for word in ("Rejected", "rejected", "Decided by"))


def test_a_settled_card_says_who_where_when_and_why() -> None:
    """The person, the chat, the moment, the reason; later the outcome."""
    request = decided(record(), "reject", ADA, message="cap is 400")
    found = facts(drawn(request))
    assert (found["Decided by"].text, found["Decided by"].moment) == ("Ada Okafor (Slack)", NOW)
    assert found["Reason"].text == "cap is 400"
    ran = decided(record(), "approve", ADA).model_copy(
        update={"outcome": Outcome(status="failed", detail="card declined", at=NOW), "consumed_at": NOW}
    )
    assert facts(drawn(ran))["Outcome"] == Fact("Outcome", "Failed: card declined", NOW)
    assert drawn(ran).tone == "warning"


def test_i05_an_undeliverable_card_says_where_and_why() -> None:
    """Not being delivered is told as such, and the request stays open to decisions elsewhere."""
    found = drawn(record(undelivered={"slack:#gone": "is_archived"}))
    assert facts(found)["Could not be delivered"].text == "slack:#gone: is_archived"
    assert "approve" in buttons(found)


def test_i15_without_approvers_the_card_says_so() -> None:
    """Nobody who could decide is not the same as somebody who has not yet."""
    for who in ("", "nobody"):
        found = drawn(record(), who)
        assert found.status == "Waiting, but nobody can decide this"
        assert facts(found)["Who may decide"].text.startswith("Nobody can decide this: no approvers are configured.")


@pytest.mark.parametrize(
    ("allowed", "offered"),
    [
        (("approve",), ["approve", "details", "more"]),
        (("respond", "reject"), ["respond", "reject", "details", "more"]),
        (("reject", "edit", "approve", "respond"), ["approve", "respond", "edit", "reject", "details", "more"]),
        ((), ["details"]),
    ],
)
def test_i20_only_what_is_allowed_is_offered(allowed: tuple[str, ...], offered: list[str]) -> None:
    """The buttons are the allowed decisions, Details, and More… while it is open."""
    assert buttons(drawn(record(allowed_decisions=allowed))) == offered


def test_edit_is_not_offered_where_nothing_can_be_edited() -> None:
    """A rule or request that lets nothing be changed leaves no button for it."""
    assert "edit" not in buttons(drawn(record(editable=("card_token",))))
    assert "edit" not in buttons(drawn(record(terms={"editable": ()})))


def test_questions_ask_for_an_answer_and_show_it() -> None:
    """The title is the question; the answer is readable; a secret answer is not."""
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"region": {"type": "string"}, "password": {"type": "string", "format": "password"}},
    }
    question = record({}, title="Which region?", allowed_decisions=("respond",), response_schema=schema)
    found = drawn(question)
    assert (found.title, found.status, found.summary) == (
        "Which region?",
        "Waiting for an answer",
        "Answer needed: Which region?",
    )
    answered = decided(question, "respond", ADA, response={"region": "eu", "password": "hunter22"})
    assert facts(drawn(answered))["Answer"].text == 'region: "eu"\npassword: "••••••"'
    assert "hunter22" not in repr((drawn(answered), details(answered, who=WHO, names=NAMES)))


@pytest.mark.parametrize(
    ("enum", "shown"),
    [
        (["eu", "us"], "eu, us"),
        (["eu", "us, but later"], '"eu", "us, but later"'),
        ([1, "1"], '1, "1"'),
    ],
)
def test_a_question_is_said_once_and_with_its_choices(enum: list[object], shown: str) -> None:
    """The title is the question, so no argument repeats it; what can be answered stands on the card."""
    ask: dict[str, Any] = {"allowed_decisions": ("respond", "reject"), "response_schema": {"enum": enum}}
    found = drawn(record({"question": "Which region?"}, tool="ask_human", title="Which region?", **ask))
    assert (found.arguments, found.arguments_hidden) == ((), 0)
    assert facts(found)["Choices"].text == shown
    longer = drawn(record({"question": "Which region? " * 20, "team": "a"}, title="Which region? " * 20, **ask))
    assert [row.name for row in longer.arguments] == ["question", "team"]
    assert "Choices" not in facts(drawn(record({"question": "Which region?"}, title="Which region?")))


def test_the_details_repeat_a_title_only_in_full() -> None:
    """A title that is the heading is not a fact once more; a shortened one is there whole."""
    assert "Title" not in [fact.label for fact in details(record(), who=WHO, names=NAMES).facts]
    long = "Refund " * 30
    found = details(record(title=long), who=WHO, names=NAMES)
    assert [fact.text for fact in found.facts if fact.label == "Title"] == [long.strip()]


def test_the_details_lead_with_what_has_to_be_known() -> None:
    """Status, risk and what the agent says before the arguments; who decides, until when and all ids after them."""
    request = edited(record(**FIRST), {**ARGUMENTS, "amount": 400})
    found = details(request, who=WHO, names=NAMES)
    assert [fact.label for fact in found.facts] == [
        "Status",
        "Risk",
        "Tool",
        "Agent",
        "On behalf of",
        "Description",
        "Why",
        "Impact",
        "Rollback",
        "Changed amount",
    ]
    assert facts(found)["Risk"].text == "High"
    after = ["Who may decide", "Edited by", "Expires", "Run", "Version", "Digest", "Request"]
    assert [fact.label for fact in found.footer] == after
    assert "Risk" not in facts(details(record(), who=WHO, names=NAMES))


def test_a_notice_waits_for_nobody() -> None:
    """What needs no decision says so, whatever its record holds."""
    notice = decided(record(allowed_decisions=(), title="Deployed"), "respond", DecidedBy(rule="notice", at=NOW))
    found = drawn(notice)
    assert (found.purpose, found.status, found.summary, buttons(found)) == (
        "notice",
        "For information: nothing to decide",
        "For information: Deployed",
        ["details"],
    )
    assert "Decided by" not in facts(found)


def test_i21_a_pointer_card_cannot_be_clicked() -> None:
    """An old copy says so and offers nothing."""
    found = pointer(record(**FIRST))
    assert (found.purpose, found.buttons, found.arguments) == ("pointer", (), ())
    assert found.status.startswith("This is an old copy")


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://x/y",
        "https://good.example@evil.example/",
        "https://x/\u202e",
        "https://x/<b>",
        "//x",
        "",
    ],
)
def test_i12_only_web_addresses_become_links(url: str) -> None:
    """Any other address is shown as text, if at all."""
    found = facts(drawn(record(run_id="run-7", thread_url=url)))["Run"]
    assert found.url is None
    assert found.text.startswith("run-7")


def test_i12_texts_cannot_pretend_to_be_the_card() -> None:
    """Direction marks are written out, titles stay on one line, values stay within their quotes."""
    found = drawn(record({"a\nb": "x\u202e"}, title="Refund\nApproved by Ada", agent="a\u200bgent", reason="\u2066hi"))
    assert found.title == "Refund‹U+000A›Approved by Ada"
    assert found.arguments[0].name == "a‹U+000A›b"
    assert found.arguments[0].text == '"x‹U+202E›"'
    assert facts(found)["Agent"].text == "a‹U+200B›gent"
    assert facts(found)["Why"].text == "‹U+2066›hi"


def test_i13_secrets_quoted_by_the_agent_are_taken_out() -> None:
    """A secret repeated in title, reason or outcome is masked there too; an argument never is."""
    request = record(
        {"card_token": "DROP TABLE users", "sql": "DROP TABLE users"},
        title="Run DROP TABLE users",
        reason="DROP TABLE users!",
    )
    found = drawn(request)
    assert (found.title, facts(found)["Why"].text) == ("Run ••••••", "••••••!")
    assert [(row.name, row.kind, row.text) for row in found.arguments] == [
        ("card_token", "secret", "••••••"),
        ("sql", "text", '"DROP TABLE users"'),
    ]


def test_i11_details_hold_everything() -> None:
    """Full arguments as exact JSON, full texts, every change, the whole digest; still no secret."""
    long = "x" * 5000
    request = edited(
        record(reason=long, description=long), {**ARGUMENTS, "amount": Decimal("400.00000000000000000001"), "t": long}
    )
    found = details(request, who=WHO, names=NAMES)
    assert '"amount": 400.00000000000000000001' in found.json
    assert long in found.json
    assert facts(found)["Why"].text == long
    assert facts(found)["Changed amount"].text == "500 → 400.00000000000000000001"
    assert facts(found)["Digest"].text == "sha256:1"
    assert "tok_hidden" not in repr(found)


# ── whatever an agent sends ──────────────────────────────────────────────────────────────────────

TEXT = st.text(max_size=20) | st.sampled_from(["\u202e", "&" * 9000, "😀" * 3000, "\n" * 2000, '"' * 2000, "<@U1>", ""])
SCALAR = (
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | st.floats(allow_nan=False, allow_infinity=False) | TEXT
)
VALUE = st.recursive(
    SCALAR | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ARGUMENT = st.dictionaries(TEXT, VALUE, max_size=25)
HIDDEN = "s3cr3t-v4lue"


def planted(value: dict[str, Any], schema: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same arguments with a secret at the top, in an object and in a list, and the schema that marks them."""
    inner = {"type": "object", "properties": {"key": {"type": "string", "writeOnly": True}}}
    marks = {"properties": {"top": {"format": "password"}, "deep": inner, "many": {"type": "array", "items": inner}}}
    hidden = {"top": HIDDEN, "deep": {"key": HIDDEN, "x": 1}, "many": [{"key": HIDDEN}, 2]}
    return {**value, **hidden}, marks if schema else {}


@st.composite
def requests(draw: st.DrawFn) -> Request:
    by_schema = draw(st.booleans())
    arguments, schema = planted(draw(ARGUMENT), by_schema)
    optional = {
        name: draw(st.none() | TEXT | st.just(f"say {HIDDEN} now"))
        for name in (
            "title",
            "description",
            "reason",
            "impact",
            "rollback",
            "agent",
            "on_behalf_of",
            "run_id",
            "thread_url",
        )
    }
    if HIDDEN in str(optional["agent"]) + str(optional["on_behalf_of"]) + str(optional["run_id"]) + str(
        optional["thread_url"]
    ):
        optional |= {"agent": None, "on_behalf_of": None, "run_id": None, "thread_url": None}
    terms = {
        "secret": () if by_schema else ("top", "KEY"),
        "note": draw(st.none() | TEXT),
        "risk": draw(st.sampled_from([None, "high"])),
    }
    request = record({}, terms=terms).model_copy(
        update={
            **optional,
            "arguments": arguments,
            "schema_": schema or None,
            "tool": draw(TEXT),
            "versions": (Version(number=1, arguments=arguments, digest="x", at=NOW),),
            "allowed_decisions": draw(
                st.lists(st.sampled_from(["approve", "edit", "reject", "respond"]), unique=True).map(tuple)
            ),
            "undelivered": draw(st.dictionaries(TEXT, TEXT, max_size=3)),
        }
    )
    if draw(st.booleans()):
        request = edited(request, planted(draw(ARGUMENT), by_schema)[0], draw(TEXT))
    kind = draw(st.sampled_from([None, "approve", "edit", "reject", "respond", "expire", "cancel"]))
    if kind is not None:
        by = (
            DecidedBy(person=draw(TEXT), via=draw(TEXT), at=NOW)
            if draw(st.booleans())
            else DecidedBy(rule=draw(TEXT), at=NOW)
        )
        ends = () if kind in {"expire", "cancel"} else (by,)
        request = decided(request, kind, *ends, message=draw(st.none() | TEXT), response=draw(VALUE))
        request = request.model_copy(update={"outcome": Outcome(status="failed", detail=draw(TEXT))})
    return request


def texts_of(found: Card | Details) -> list[str]:
    parts = [found.title]
    if isinstance(found, Card):
        parts += [found.status, found.summary, *(button.label for button in found.buttons)]
        parts += [text for row in found.arguments for text in (row.name, row.text, row.before or "")]
    else:
        parts.append(found.json)
    return parts + [text for fact in (*found.facts, *found.footer) for text in (fact.label, fact.text, fact.url or "")]


@settings(max_examples=150, deadline=None)
@given(requests(), TEXT)
def test_i12_i13_any_request_gives_a_readable_card_without_secrets(request: Request, who: str) -> None:
    """Whatever was sent: no error, nothing invisible, no secret, in card, details, pointer and forms."""
    shown = (drawn(request, who), details(request, who=who, names=NAMES), pointer(request))
    made = (
        forms.edit_form(request),
        forms.json_form(request),
        forms.reject_form(request),
        forms.response_form(request),
        forms.confirm_form(request),
        forms.more_form(request, ("extend", "snooze", "force_approve", "force_reject")),
    )
    assert HIDDEN not in repr((shown, made))
    for found in shown:
        assert all(visible(text) == text for text in texts_of(found))


@settings(max_examples=150, deadline=None)
@given(requests())
def test_any_card_keeps_its_budget(request: Request) -> None:
    """Every text, and all texts together, stay small enough for both chats."""
    found = drawn(request)
    assert len(found.title) <= TITLE + 1
    assert len(found.summary) <= SUMMARY
    assert len(found.arguments) <= MAX_ROWS
    assert all(len(fact.text) <= FACT for fact in (*found.facts, *found.footer))
    assert all(len(row.text) <= MAX_VALUE + 1 for row in found.arguments)
    assert sum(map(weight, texts_of(found))) <= 18_000
