"""Records as text: exact, and without what says nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storekit import request, settled

from signoff.model import (
    Change,
    Escalation,
    GrantTerms,
    Notice,
    Outcome,
    Request,
    Spend,
    Stage,
    Terms,
    Vote,
    dumps,
    loads,
)
from signoff.store import record

EXACT = Decimal("0.10000000000000000000000000001")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


def full(value: object) -> Request:
    """A record with something in every field, and one value of ours wherever values are free."""
    made = request(arguments={"v": value, "n": None})
    at = made.created_at
    after = settled(made, "edit")
    assert after.decision is not None
    decision = after.decision.model_copy(
        update={
            "arguments": {"v": [value]},
            "changes": (Change(path="/v", from_=value, to=[value]),),
            "response": value,
            "message": "",
            "retry": "with_changes",
            "forced": True,
            "grant": "g",
            "receipt": made.digest,
        }
    )
    terms = Terms(
        rule="r",
        decide="notify",
        risk="low",
        stages=(Stage(name="", approvers=("a",), quorum=2),),
        retries={"no": "ask"},
        remind=(60,),
        escalate=(Escalation(after=1, to=("b",), show=("slack:#b",)),),
        grants=GrantTerms(match=("/v",), max_ttl=1, max_uses=1),
        spend=Spend(budget="b", amount=2**53, limit=2**53, per=60),
        mode="shadow",
        self_approval=True,
        expires_in=60,
    )
    return after.model_copy(
        update={
            "decision": decision,
            "terms": terms,
            "metadata": {"digest": made.digest, "arguments": made.arguments, "v": value},
            "schema_": {"const": value},
            "response_schema": {"default": value},
            "editable": (),
            "allowed_decisions": ("respond",),
            "reason": f"{made.digest}\n\x01\x02",
            "votes": (Vote(person="a", at=at, stage=1, kind="respond", response=value),),
            "notices": (Notice(kind="forced", at=at, person="a", text="t", to=("b",)),),
            "snoozed_until": at,
            "consumed_at": at,
            "outcome": Outcome(status="failed", at=at),
            "undelivered": {"slack:#b": "gone"},
            "stage": 1,
            "reminded": 1,
            "escalated": 1,
        }
    )


def read_by_the_other(doc: str) -> Request:
    """What `load` would make of the text with the other of its two parsers."""
    arguments, digest, whole = doc.split("\n", 2)
    whole = whole.replace(record.SUM, digest).replace(record.SAME, arguments)
    return Request.model_validate(loads(whole))


@given(VALUES)
def test_a_record_is_read_as_it_was_written(value: object) -> None:
    """By either parser, with something in every field and with nothing in most."""
    for made in (full(value), request(arguments={"v": value}), request(arguments={})):
        doc = record.dump(made)
        assert record.load(doc) == made
        assert read_by_the_other(doc) == made
        assert dumps(record.load(doc).arguments) == dumps(made.arguments), "1 and true are equal, but not the same"


def test_decimals_are_read_as_they_were_written() -> None:
    """Wherever they stand, to the last digit."""
    made = full(EXACT)
    assert record.load(record.dump(made)) == made
    plain = request()
    vote = Vote(person="a", at=plain.created_at, kind="respond", response={"n": [EXACT]})
    for change in (
        {"metadata": {"n": EXACT}},
        {"schema_": {"n": EXACT}},
        {"response_schema": {"n": EXACT}},
        {"votes": (vote,)},
    ):
        made = plain.model_copy(update=change)
        assert record.load(record.dump(made)) == made


@pytest.mark.parametrize("arguments", [{"order": "A-1", "amount": 500}, {"amount": EXACT}])
def test_what_says_nothing_is_left_out(arguments: dict[str, object]) -> None:
    """Defaults, and what a record would repeat: its arguments and their digest stand there once."""
    made = request(arguments=arguments)
    doc = record.dump(made)
    assert "null" not in doc
    assert not any(f'"{name}"' in doc for name in ("votes", "status", "mode", "stages", "metadata", "rev"))
    assert doc.count(made.digest) == 1
    assert doc.count(dumps(arguments)) == 1


@pytest.mark.parametrize("text", ["", "{}", '{"chat":"slack"}', "{}\n\n{}", " {}\n\n{}", "\n\n\n"])
def test_a_text_that_is_no_record_is_refused(text: str) -> None:
    """It raises ValueError, or reads as no record where that is asked."""
    with pytest.raises(ValueError):
        record.load(text)
    assert record.load_or_none(text) is None
