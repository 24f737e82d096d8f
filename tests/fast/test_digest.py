"""The digest: RFC 8785 byte for byte where it applies, exact where it does not; receipts that cannot be forged."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import assume, example, given
from hypothesis import strategies as st

from signoff import digest
from signoff.model import DecidedBy, dumps, loads, pretty, same, seen

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SAFE = st.integers(-digest.SAFE_INTEGER, digest.SAFE_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
I_JSON = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
EXACT = (
    SAFE
    | st.integers(-(10**50), 10**50)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=False, allow_infinity=False, places=25)
)
JSON = st.recursive(
    st.none() | st.booleans() | EXACT | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(I_JSON)
@example({"\ue000": 1, "\U00010000": 2, "€": 3, "\r": 4, "1": 5, "": 6})
@example([5e-324, 1e21, 1e-7, -0.0, 0.1, 9007199254740991, 1.7976931348623157e308, 123456789012345680000.0])
@example('\u2028\u0000\x1f\x7f"\\/\b\f\n\r\t')
def test_canonical_form_is_rfc_8785(value: Any) -> None:
    """On everything RFC 8785 speaks of, the text equals that of an independent implementation."""
    assert digest.canonical(value).encode() == rfc8785.dumps(value)


@given(EXACT, EXACT)
@example(2**53, 2**53 + 1)
@example(10**20, 10**20 + 1)
@example(Decimal("0.1"), Decimal("0.10000000000000000000000001"))
@example(0.1, Decimal("0.1000000000000000055511151231257827"))
@example(2**60, float(2**60))
@example(1.0, 1)
def test_i10_different_numbers_never_share_a_digest(one: Any, other: Any) -> None:
    """Two numbers have the same canonical form exactly if they are the same number, to the last digit."""
    assert (digest.canonical(one) == digest.canonical(other)) == same(one, other)


@given(JSON, JSON)
def test_i10_different_values_never_share_a_digest(one: Any, other: Any) -> None:
    """The canonical text says all of a value: read back, it is the same; so other values have other texts."""
    assert same(loads(digest.canonical(one)), one)
    assume(not same(one, other))
    assert digest.canonical(one) != digest.canonical(other)


@given(st.dictionaries(TEXT, JSON, max_size=5))
def test_order_of_keys_is_no_matter(value: dict[str, Any]) -> None:
    """Objects with the same members have the same digest."""
    turned = dict(reversed(value.items()))
    assert digest.digest("t", value, None, None) == digest.digest("t", turned, None, None)


def test_i10_the_digest_covers_tool_agent_and_person() -> None:
    """Another tool, agent or person with the same arguments is another digest."""
    ways = [("t", None, None), ("u", None, None), ("t", "a", None), ("t", None, "a"), ("t", "", None)]
    assert len({digest.digest(tool, {"a": 1}, agent, person) for tool, agent, person in ways}) == len(ways)


@pytest.mark.parametrize(
    "value", ["\ud800", {"\udfff": 1}, float("nan"), float("inf"), Decimal("NaN"), {1: 2}, object()]
)
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    """Half characters, NaN, infinities and keys that are not text have no canonical form."""
    with pytest.raises(ValueError):
        digest.canonical(value)


# ── exact JSON ───────────────────────────────────────────────────────────────────────────────────


@given(JSON)
def test_json_comes_back_exactly(value: Any) -> None:
    """Compact, pretty and one-line JSON hold every digit and every character."""
    for text in (dumps(value), pretty(value), seen(value)):
        assert same(loads(text), value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.5", 0.5),
        ("0.1", 0.1),
        ("0.10000000000000000000001", Decimal("0.10000000000000000000001")),
        ("123456789012345678901234567890", 123456789012345678901234567890),
        ("1e400", Decimal("1E+400")),
        ("1.0", 1.0),
    ],
)
def test_numbers_are_doubles_only_where_those_are_exact(text: str, value: object) -> None:
    """A float stands for a number that it holds exactly; all others are Decimal or int."""
    assert repr(loads(text)) == repr(value)


@pytest.mark.parametrize(
    "text",
    ["NaN", "Infinity", "-Infinity", '"\\ud800"', '{"\\uDFFF": 1}', "1" * 5000, "[" * 100_000, "{", b"\xff", "01"],
)
def test_what_is_not_json_is_refused(text: str | bytes) -> None:
    """Constants, half characters, monstrous numbers and depths raise ValueError, nothing else."""
    with pytest.raises(ValueError):
        loads(text)


def test_a_whole_surrogate_pair_is_one_character() -> None:
    """An escaped pair is an ordinary character."""
    assert loads('"\\ud83d\\ude00"') == "😀"


# ── receipts ─────────────────────────────────────────────────────────────────────────────────────


def test_i10_receipts_name_what_was_approved_and_cannot_be_changed() -> None:
    """A receipt verifies with the published key alone, and not after a single character is changed."""
    signer = digest.Signer.generate()
    jwks = {"keys": [signer.jwk()]}
    now = datetime.now(UTC)
    receipt = signer.receipt(
        "req_1", "sha256:0", "edit", (DecidedBy(person="ada", via="slack", at=now),), "refunds", now
    )
    claims = digest.verify(receipt, jwks)
    assert (claims["sub"], claims["digest"], claims["kind"], claims["by"]) == ("req_1", "sha256:0", "edit", ["ada"])
    assert digest.Signer.from_text(signer.seed()).kid == signer.kid
    head, body, signature = receipt.split(".")
    forged = [
        f"{head}.{body[:-2]}AA.{signature}",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        digest.Signer.generate().sign(claims),
        "",
        "a.b.c",
    ]
    for text in forged:
        with pytest.raises(ValueError):
            digest.verify(text, jwks)


def test_i10_receipts_expire() -> None:
    """A receipt from long ago no longer verifies, unless somebody asks what it said."""
    signer = digest.Signer.generate()
    jwks = {"keys": [signer.jwk()]}
    old = signer.receipt("req_1", "sha256:0", "approve", (), "r", datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError):
        digest.verify(old, jwks)
    assert digest.verify(old, jwks, check_expiry=False)["sub"] == "req_1"
