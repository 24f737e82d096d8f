"""From activities to clicks: the envelope decides who and where, the card's data only what."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff_teams import parse
from signoff_teams.parse import Malformed

TENANT = "11111111-1111-4111-8111-111111111111"
ADA = "a0000000-0000-4000-8000-0000000000a1"


def invoke(data: object = None, **changes: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "type": "invoke",
        "name": "adaptiveCard/action",
        "channelId": "msteams",
        "serviceUrl": "https://smba.trafficmanager.net/teams/",
        "from": {"id": "29:1x", "name": "Ada", "aadObjectId": ADA},
        "conversation": {"id": "19:general@thread.tacv2;messageid=1700", "tenantId": TENANT},
        "channelData": {"tenant": {"id": TENANT}},
        "replyToId": "1700",
        "value": {
            "action": {
                "type": "Action.Execute",
                "verb": "approve",
                "data": {"request": "req_1", "version": 2} if data is None else data,
            }
        },
    }
    return base | changes


def test_i14_identity_and_place_come_from_the_envelope() -> None:
    """Tenant, object id, conversation without the thread, and the clicked message; nothing from the card's data."""
    data = {"request": "req_1", "version": 2, "user": "evil", "from": {"aadObjectId": "evil"}, "tenant": "evil"}
    click = parse.click(invoke(data))
    assert click.actor.principal is not None
    assert click.actor.origin is not None
    assert (click.actor.principal.tenant, click.actor.principal.user) == (TENANT, ADA)
    assert click.actor.origin.conversation == "19:general@thread.tacv2"
    assert click.actor.origin.message == "1700"
    assert (click.verb, click.request, click.version) == ("approve", "req_1", 2)
    assert "from" not in click.typed


def test_i14_a_name_or_teams_id_is_no_identity() -> None:
    """A sender without an Entra object id is nobody, whatever it is called."""
    with pytest.raises(Malformed):
        parse.click(invoke(**{"from": {"id": "29:1x", "name": "Ada"}}))


def test_i14_two_tenants_in_one_activity_are_none() -> None:
    """An activity whose two tenant fields disagree belongs to no tenant."""
    assert parse.tenant_of(invoke(channelData={"tenant": {"id": "other"}})) is None


def test_i14_people_of_another_tenant_keep_it() -> None:
    """Somebody from another organisation in our conversation is never taken for somebody of ours."""
    found = parse.person_of(invoke(**{"from": {"id": "29:1x", "aadObjectId": ADA, "tenantId": "other"}}))
    assert found is not None
    assert found.tenant == "other"


def test_i16_a_click_without_a_card_names_no_message() -> None:
    """Without replyToId the origin is a message that no card has, so the desk refuses it."""
    activity = invoke()
    del activity["replyToId"]
    click = parse.click(activity)
    assert click.actor.origin is not None
    assert click.actor.origin.message == ""


def test_typed_values_come_as_text_whatever_the_client_sends() -> None:
    """Strings, JSON numbers and booleans become the text a person typed; Decimals keep every digit."""
    data = {
        "request": "r", "version": 1, "purpose": "edit",
        "/a": "250", "/b": True, "/c": 400, "/d": 0.5, "/e": Decimal("0.12345678901234567890"), "/f": 3.0, "/g": ["x"],
    }  # fmt: skip
    value = {"action": {"type": "Action.Execute", "verb": "submit", "data": data}}
    click = parse.click(invoke(value=value))
    assert click.typed == {
        "/a": "250", "/b": "true", "/c": "400", "/d": "0.5", "/e": "0.12345678901234567890", "/f": "3",
    }  # fmt: skip


@pytest.mark.parametrize(
    "data",
    [
        "text", [], {}, {"request": 1, "version": 1}, {"request": "r"}, {"request": "r", "version": "1"},
        {"request": "r", "version": True}, {"request": "r", "version": 1.5}, {"request": "x" * 300, "version": 1},
        {"request": "r", "version": 1, "page": -1}, {"request": "r", "version": 1, "at": "x"},
        {"request": "r", "version": 1, "at": [0]}, {"request": "r", "version": 1, "trail": {}},
        {"request": "r", "version": 1, "next": [-1, 0]},
    ],
)  # fmt: skip
def test_crafted_data_is_malformed(data: object) -> None:
    """What no card of ours sends is refused as such."""
    with pytest.raises(Malformed):
        parse.click(invoke(data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["request", "version", "action", "data", "verb", "type", "purpose", "at", "next", "trail", "seen", "page",
         "id", "tenant", "tenantId", "aadObjectId", "approve", "team"]) | st.text(max_size=4), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=300)
@given(JSON, st.dictionaries(st.sampled_from(list(invoke())), JSON, max_size=5))
def test_any_json_is_parsed_or_malformed(value: object, changes: dict[str, Any]) -> None:
    """Whatever a verified activity holds, parsing ends in a Click or in Malformed, never in another error."""
    activity = invoke(value=value) | changes
    try:
        click = parse.click(activity)
    except Malformed:
        return
    assert click.actor.principal is not None
    assert click.actor.origin is not None


@settings(max_examples=100)
@given(st.text() | st.integers() | st.booleans() | st.none())
def test_any_verb_is_known_or_malformed(verb: object) -> None:
    """Only the verbs of our own buttons are taken."""
    value = {"action": {"type": "Action.Execute", "verb": verb, "data": {"request": "r", "version": 1}}}
    if verb in parse.VERBS:
        return
    with pytest.raises(Malformed):
        parse.click(invoke(value=value))
