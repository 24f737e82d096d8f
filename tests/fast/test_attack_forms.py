"""Attacks with schemas whose words or names mislead the person who edits, or the code that compares."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signoff import forms
from signoff.errors import Invalid
from signoff.model import Request, Terms, Version

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def request(arguments: dict[str, object], schema: dict[str, object]) -> Request:
    return Request.model_validate(
        {
            "id": "req_1",
            "tool": "refund",
            "arguments": arguments,
            "schema": schema,
            "digest": "sha256:0",
            "created_at": NOW,
            "expires_at": NOW,
            "terms": Terms(rule="r", expires_in=60),
            "versions": (Version(number=1, arguments=arguments, digest="sha256:0", at=NOW),),
            "asked_by": "agent",
        }
    )


def test_i07_a_field_says_which_argument_it_changes_whatever_its_title() -> None:
    """Titles that swap two arguments stand beside the real names."""
    schema: dict[str, object] = {
        "properties": {
            "amount": {"title": "Retries"},
            "retries": {"title": "Amount"},
            "card_token": {"title": "Card Token"},
        }
    }
    form = forms.edit_form(request({"amount": 500, "retries": 3, "card_token": "x"}, schema))
    assert [field.label for field in form.fields] == ["Retries (amount)", "Amount (retries)", "card_token"]
    long: dict[str, object] = {"properties": {"amount": {"title": "Retries" * 40}}}
    assert forms.edit_form(request({"amount": 500}, long)).fields[0].label.endswith(" (amount)")


def test_i07_a_choice_says_which_value_it_stands_for_whatever_its_title() -> None:
    """An option titled 40 that stands for 4000 says so."""
    options = [{"const": 4000, "title": "40"}, {"const": "eu", "title": "EU"}, {"const": "us", "title": "America" * 40}]
    form = forms.edit_form(request({"amount": 4000}, {"properties": {"amount": {"oneOf": options}}}))
    labels = [option.label for option in form.fields[0].options]
    assert labels[:2] == ["40 (4000)", "eu"]
    assert labels[2].endswith(" (us)")


@pytest.mark.parametrize("name", ["²", "9" * 5000, "٣"])
def test_i09_a_secret_whose_name_looks_like_an_index_is_compared_all_the_same(name: str) -> None:
    """An edit that turns its object into a list is refused, not a crash."""
    schema: dict[str, object] = {"properties": {"a": {"properties": {name: {"writeOnly": True}}}}}
    with pytest.raises(Invalid):
        forms.check_edit(request({"a": {name: "hush-hush"}}, schema), {"a": [1]})
