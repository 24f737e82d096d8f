"""Forms that the rules ask for: type to confirm, what the agent may do after a no, and everything behind More…"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff import forms
from signoff.errors import Invalid
from signoff.forms.more import span
from signoff.model import MASK, GrantTerms, Request, Retry, Terms, Version, visible

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
EVERYTHING = get_args(forms.What)
GRANTS = GrantTerms(match=("/order",), max_ttl=8 * 3600, max_uses=7)
SECRET = "tok_hidden_value"


def record(arguments: dict[str, object] | None = None, /, **terms: Any) -> Request:
    arguments = {"order": "A-1001"} if arguments is None else arguments
    return Request(
        id="req_1",
        tool="issue_refund",
        title="Refund order A-1001",
        arguments=arguments,
        digest="sha256:0",
        created_at=NOW,
        expires_at=NOW,
        terms=Terms(rule="refunds", expires_in=60, **{"secret": ("*_token",), **terms}),
        versions=(Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
        asked_by="key",
    )


def faults(error: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    return error.value.fields


def more(entries: dict[str, str], request: Request | None = None, offers: tuple[str, ...] = EVERYTHING) -> forms.More:
    request = request or record(grants=GRANTS)
    return forms.read_more(request, forms.more_form(request, offers), entries)


def fields(form: forms.Form) -> dict[str, forms.Field]:
    return {field.key: field for field in form.fields}


# ── type to confirm ──────────────────────────────────────────────────────────────────────────────


def test_the_confirm_form_says_what_to_type_and_what_it_is_about() -> None:
    """One required field; title, tool, risk and arguments stand above it."""
    form = forms.confirm_form(record(confirm="A-1001", risk="high"))
    assert (form.purpose, form.submit, form.version) == ("confirm", "Approve", 1)
    assert form.fields == (forms.Field("confirm", "Type “A-1001” to approve", "text", required=True),)
    assert form.title == "Approve: Refund order A-1001"
    assert form.notes == ("issue_refund, high risk", 'order: "A-1001"')


@pytest.mark.parametrize("text", ["long " * 30, "two  blanks", "{{DATE(2026, SHORT)}}"])
def test_a_text_that_a_label_would_change_stands_above_it(text: str) -> None:
    """What has to be typed letter for letter is shown letter for letter."""
    form = forms.confirm_form(record(confirm=text))
    assert form.fields[0].label == "Type the text above to approve"
    assert form.notes[-1] == f"To approve, type: {text.strip()}"


@pytest.mark.parametrize("typed", ["A-1001", "  A-1001\n"])
def test_what_was_typed_exactly_confirms(typed: str) -> None:
    """Blanks around it do not matter."""
    forms.check_confirm(record(confirm="A-1001"), typed)


@pytest.mark.parametrize("typed", [None, "", " ", "a-1001", "A-1001.", "A‑1001", "A- 1001", "A-1001\u200b", "••••••"])
def test_anything_else_does_not_confirm(typed: str | None) -> None:
    """Another case, a look-alike, an invisible character: none of them is it; the sentence says what to type."""
    with pytest.raises(Invalid) as error:
        forms.check_confirm(record(confirm="A-1001"), typed)
    assert "“A-1001”" in faults(error)["confirm"]


def test_a_rule_that_asks_for_nothing_takes_anything() -> None:
    """Without a text to type there is nothing to check."""
    forms.check_confirm(record(), None)


def test_a_blank_argument_does_not_do_away_with_the_typing() -> None:
    """Where the text comes out empty, the tool's name has to be typed."""
    for blank in ("", "  \n"):
        request = record(confirm=blank)
        assert forms.confirm_form(request).fields[0].label == "Type “issue_refund” to approve"
        with pytest.raises(Invalid):
            forms.check_confirm(request, "")
        forms.check_confirm(request, "issue_refund")


def test_letters_count_the_same_however_they_are_composed() -> None:
    """A keyboard may send é as one character or as two."""
    text = "Café"
    for form in ("NFC", "NFD"):
        forms.check_confirm(record(confirm=text), unicodedata.normalize(form, text))
        forms.check_confirm(record(confirm=unicodedata.normalize(form, text)), text)


def test_i12_an_invisible_character_is_typed_as_it_is_shown() -> None:
    """The form writes it out, and that is what a person can type."""
    request = record(confirm="A\u202e1")
    assert forms.confirm_form(request).fields[0].label == "Type “A‹U+202E›1” to approve"
    forms.check_confirm(request, "A‹U+202E›1")
    with pytest.raises(Invalid):
        forms.check_confirm(request, "A1")


def test_i13_a_secret_is_neither_shown_nor_said() -> None:
    """A text made of a secret argument is masked on the form and in the sentence."""
    request = record({"card_token": SECRET}, confirm=SECRET)
    form = forms.confirm_form(request)
    with pytest.raises(Invalid) as error:
        forms.check_confirm(request, "something")
    assert SECRET not in repr(form) + str(faults(error))


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=1, max_size=200))
def test_what_the_form_shows_is_what_it_takes(text: str) -> None:
    """Whatever the text: typing what is shown confirms, and nothing shown is invisible."""
    request = record(confirm=text)
    form = forms.confirm_form(request)
    label = form.fields[0].label
    above = label == "Type the text above to approve"
    shown = form.notes[-1].removeprefix("To approve, type: ") if above else label[6:-12]
    assert all(visible(part) == part for part in (label, *form.notes))
    forms.check_confirm(request, shown)


# ── after a no ───────────────────────────────────────────────────────────────────────────────────


def test_the_reject_form_asks_what_the_agent_may_do() -> None:
    """Three choices, none of them made beforehand, and none required."""
    field = fields(forms.reject_form(record()))["retry"]
    assert (field.label, field.kind, field.required, field.initial) == ("The agent may", "choice", False, "")
    assert [(option.value, option.label) for option in field.options] == [
        ("never", "not try this again"),
        ("with_changes", "try again with changes"),
        ("ask", "ask the same again later"),
    ]
    assert field.hint == "If nothing is chosen: not try this again."


@pytest.mark.parametrize(
    ("typed", "retry"),
    [
        ({}, "never"),
        ({"preset": "0"}, "with_changes"),
        ({"preset": "1"}, "never"),
        ({"preset": "0", "retry": "ask"}, "ask"),
        ({"retry": "with_changes"}, "with_changes"),
        ({"retry": " "}, "never"),
    ],
)
def test_what_is_chosen_stands_above_what_the_reason_says(typed: dict[str, str], retry: Retry) -> None:
    """The typed choice, else the preset's, else never; the reason keeps its meaning beside it."""
    request = record(reasons=("wrong amount", "not ours"), retries={"wrong amount": "with_changes"})
    assert forms.retry(request, typed) == retry
    assert "what goes with the reason" in fields(forms.reject_form(request))["retry"].hint
    said = forms.fill(forms.reject_form(request), None, None, {**typed, "message": "no"})
    assert str(said).endswith("no")


def test_a_choice_that_was_not_offered_is_refused() -> None:
    """A crafted value reaches nobody."""
    with pytest.raises(Invalid) as error:
        forms.retry(record(), {"retry": "always"})
    assert faults(error) == {"retry": "Choose one of what is offered."}


# ── more ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_form_offers_what_is_open_to_this_person_and_no_field_beyond() -> None:
    """Each offer brings its own fields, and a line that says what it does."""
    keys = {
        ("extend",): ["what", "time"],
        ("snooze", "extend"): ["what", "time"],
        ("grant",): ["what", "time", "uses", "match"],
        ("force_approve", "force_reject"): ["what", "reason"],
        EVERYTHING: ["what", "time", "uses", "match", "reason"],
    }
    for offers, expected in keys.items():
        form = forms.more_form(record(grants=GRANTS), offers)
        assert [field.key for field in form.fields] == expected
        assert {option.value for option in form.fields[0].options} == set(offers)
        said = [note for note in form.notes if note != 'order: "A-1001"']
        assert len(said) == len(offers)
        assert (len(form.notes) > len(said)) == any(one in offers for one in ("grant", "force_approve"))
    form = forms.more_form(record(grants=GRANTS), EVERYTHING)
    assert [option.label for option in form.fields[0].options] == [
        "Extend the deadline",
        "Snooze reminders",
        "Approve, and allow similar calls",
        "Break glass: approve",
        "Break glass: reject",
    ]


def test_a_grant_that_the_rule_does_not_know_is_not_offered() -> None:
    """Without the rule's terms there is nothing to allow."""
    assert [o.value for o in forms.more_form(record(), ("extend", "grant")).fields[0].options] == ["extend"]
    with pytest.raises(Invalid):
        more({"what": "grant", "time": "3600"}, record())


def test_what_has_to_be_typed_is_typed_for_a_grant_too() -> None:
    """The form asks for it, nothing else of the form does, and without it nothing is allowed."""
    request = record(confirm="A-1001", grants=GRANTS)
    asked = fields(forms.more_form(request, EVERYTHING))["confirm"]
    assert (asked.label, asked.required) == ("Type “A-1001” to approve", False)
    assert "confirm" not in fields(forms.more_form(request, ("extend", "force_approve")))
    for typed in ({}, {"confirm": "A-1002"}):
        with pytest.raises(Invalid) as error:
            more({"what": "grant", **typed}, request)
        assert "A-1001" in faults(error)["confirm"]
    assert more({"what": "grant", "confirm": "A-1001"}, request).confirm == "A-1001"
    assert more({"what": "extend"}, request).what == "extend"


def test_nothing_to_offer_is_said() -> None:
    """A form without fields cannot do anything."""
    form = forms.more_form(record(), ())
    assert (form.fields, form.notes) == ((), ("There is nothing here that you may do now.",))
    with pytest.raises(Invalid):
        more({}, record(), ())


def test_what_is_chosen_is_read_with_its_own_fields_only() -> None:
    """Other fields of the same form, filled or not, change nothing."""
    everything = {"time": "14400", "uses": "2", "match": "all", "reason": "in a hurry"}
    assert more({"what": "extend", **everything}) == forms.More("extend", seconds=14400)
    assert more({"what": "snooze", **everything}) == forms.More("snooze", seconds=14400)
    assert more({"what": "grant", **everything}) == forms.More("grant", 14400, 2, all_arguments=True)
    assert more({"what": "force_approve", **everything}) == forms.More("force_approve", reason="in a hurry")
    assert more({"what": "force_reject", **everything}) == forms.More("force_reject", reason="in a hurry")


def test_what_is_left_alone_starts_small() -> None:
    """An hour, one call, similar as the rule says; the only offer is chosen already."""
    assert more({}, offers=("grant",)) == forms.More("grant", 3600, 1)
    assert more({}, offers=("extend",)) == forms.More("extend", 3600)
    short = record(grants=GRANTS.model_copy(update={"max_ttl": 1800}))
    assert more({"what": "grant"}, short) == forms.More("grant", 1800, 1)


def test_a_grant_never_exceeds_what_the_rule_allows() -> None:
    """Longer than its time or more than its uses is refused at the field, with the limit."""
    with pytest.raises(Invalid) as error:
        more({"what": "grant", "time": "86400", "uses": "10"})
    assert faults(error) == {
        "time": "At most 8 hours for similar calls.",
        "uses": "Choose for how many calls, at most 7.",
    }
    form = forms.more_form(record(grants=GRANTS), ("grant",))
    assert [option.label for option in fields(form)["time"].options] == ["1 hour", "4 hours", "8 hours"]
    assert fields(form)["time"].hint == "For similar calls at most 8 hours."
    assert [option.value for option in fields(form)["uses"].options] == ["1", "2", "3", "5", "7"]
    assert more({"what": "extend", "time": "86400"}).seconds == 86400


def test_i20_nothing_that_was_not_offered_can_be_chosen() -> None:
    """Crafted entries: another action, another time, a count of words, an unknown field."""
    crafted: list[tuple[dict[str, str], str]] = [
        ({"what": "force_approve"}, "what"),
        ({"what": ""}, "what"),
        ({"what": "extend", "time": "31536000"}, "time"),
        ({"what": "extend", "time": ""}, "time"),
        ({"what": "grant", "uses": "-1"}, "uses"),
        ({"what": "grant", "match": "none"}, "match"),
        ({"what": "extend", "arguments": "{}"}, "arguments"),
    ]
    for entries, key in crafted:
        with pytest.raises(Invalid) as error:
            more(entries, offers=("extend", "grant"))
        assert set(faults(error)) == {key}


@pytest.mark.parametrize(
    ("match", "labels"),
    [
        (("/order",), ["Same order", "Exactly the same arguments"]),
        (("/order", "/customer/na~1me"), ["Same order and customer/na/me", "Exactly the same arguments"]),
        ((), ["Whatever the arguments", "Exactly the same arguments"]),
        (("",), ["Exactly the same arguments"]),
        (("/" + "n" * 90,), [f"Same {'n' * 64}…", "Exactly the same arguments"]),
        (("/a\u202eb",), ["Same a‹U+202E›b", "Exactly the same arguments"]),
    ],
)
def test_what_is_similar_is_said_by_the_arguments_names(match: tuple[str, ...], labels: list[str]) -> None:
    """The rule's arguments by name, or all of them."""
    form = forms.more_form(record(grants=GRANTS.model_copy(update={"match": match})), ("grant",))
    field = fields(form)["match"]
    assert [option.label for option in field.options] == labels
    assert field.initial == field.options[0].value


@pytest.mark.parametrize("reason", ["", " \n", "\u200b\u2060", "…", "x" * 10_001])
def test_breaking_the_glass_needs_a_reason(reason: str) -> None:
    """No blanks, no invisible characters, no dots, and no novel."""
    for what in ("force_approve", "force_reject"):
        with pytest.raises(Invalid) as error:
            more({"what": what, "reason": reason})
        assert set(faults(error)) == {"reason"}
    assert more({"what": "force_reject", "reason": " 火事 \r\n"}).reason == "火事"


def test_i13_no_secret_stands_on_the_forms() -> None:
    """What is approved is shown with secrets masked, in the title too; what is only put off shows no arguments."""
    request = record({"card_token": SECRET, "order": "A-1001"}, confirm="A-1001", grants=GRANTS)
    request = request.model_copy(update={"title": f"Use {SECRET}"})
    shown = [forms.more_form(request, EVERYTHING), forms.confirm_form(request), forms.reject_form(request)]
    assert SECRET not in repr(shown)
    for form in shown[:2]:
        assert f"card_token: {MASK}" in form.notes
    assert not any("card_token" in note for note in forms.more_form(request, ("extend", "snooze")).notes)


def test_a_reason_is_required_where_there_is_nothing_else_to_do() -> None:
    """Somebody who may only break the glass cannot leave the reason out; others choose first."""
    assert fields(forms.more_form(record(), ("force_approve", "force_reject")))["reason"].required
    assert not fields(forms.more_form(record(), ("extend", "force_approve")))["reason"].required


def test_pages_of_these_forms_can_be_kept() -> None:
    """What was typed on them is handed on as it is; a field that is not there is refused."""
    request = record(confirm="A-1001", grants=GRANTS)
    for form, entries in (
        (forms.confirm_form(request), {"confirm": "A-1"}),
        (forms.more_form(request, EVERYTHING), {"what": "extend", "time": "3600"}),
    ):
        assert forms.fill(form, None, None, entries) == entries
        with pytest.raises(Invalid):
            forms.fill(form, None, None, {"message": "x"})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (3600, "1 hour"),
        (5400, "90 minutes"),
        (1, "1 second"),
        (86400, "1 day"),
        (259200, "3 days"),
        (90000, "25 hours"),
    ],
)
def test_times_are_said_without_anything_left_over(seconds: int, said: str) -> None:
    """A limit is told exactly."""
    assert span(seconds) == said


OFFERS = st.lists(st.sampled_from(EVERYTHING), unique=True).map(tuple)
ENTRIES = st.dictionaries(
    st.sampled_from(["what", "time", "uses", "match", "reason"]),
    st.sampled_from([*EVERYTHING, "3600", "86400", "1", "1000", "rule", "all", "why not", "", "\u200b", "-1", "1e3"]),
)


@settings(max_examples=300, deadline=None)
@given(
    OFFERS,
    ENTRIES,
    st.none()
    | st.builds(GrantTerms, match=st.just(("/a",)), max_ttl=st.integers(1, 10**6), max_uses=st.integers(1, 9000)),
)
def test_whatever_is_submitted_stays_within_the_offer(
    offers: tuple[str, ...], entries: dict[str, str], grants: GrantTerms | None
) -> None:
    """Either sentences at fields, or something that was offered, within the rule's limits, with a reason if forced."""
    request = record(grants=grants)
    form = forms.more_form(request, offers)
    assert all(0 < len(option.label) <= 75 for field in form.fields for option in field.options)
    assert all(field.initial in {"", *(o.value for o in field.options)} for field in form.fields)
    said: dict[str, str] = {}
    try:
        found = forms.read_more(request, form, entries)
    except Invalid as error:
        said = error.fields
    assert all(text.endswith(".") for text in said.values())
    if said:
        return
    assert found.what in offers
    if found.what == "grant":
        assert grants is not None
        assert 1 <= found.seconds <= grants.max_ttl
        assert 1 <= found.uses <= grants.max_uses
    elif found.what in {"extend", "snooze"}:
        assert found.seconds >= 1
    else:
        assert found.reason.strip()
