"""A request's arguments on one line: whole or said to be cut, safe to read, and never two readings of one line."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from queuekit import ARGUMENTS, HOSTILE, LETTERS, REQUESTS, SECRET, waiting

from signoff.cards import arguments_line, is_odd, marked
from signoff.cards.line import GAP, LIMIT, NAME
from signoff.model import Clean, Request, dumps, mask, one_line, seen, visible


def line(arguments: dict[str, object], limit: int = LIMIT) -> tuple[str, int]:
    return arguments_line(waiting(1, arguments), limit)


def test_texts_are_quoted_and_numbers_are_bare() -> None:
    """`"500"` and 500 look different, and a number is shown exactly as it was sent."""
    arguments: dict[str, object] = {
        "order": "A-1001",
        "amount": 500.0,
        "as_text": "500",
        "exact": Decimal("0.10000000000000000001"),
        "dry_run": True,
        "note": None,
        "tags": ["a", 1],
    }
    assert line(arguments) == (
        'order "A-1001" · amount 500 · as_text "500" · exact 0.10000000000000000001 · dry_run true · note null · '
        'tags ["a", 1]',
        0,
    )


def test_no_arguments_are_said_to_be_none() -> None:
    """An argument cannot be called so: names in parentheses are quoted."""
    assert line({}) == ("(no arguments)", 0)
    assert line({"(no": "arguments)"})[0] == '"(no" "arguments)"'


def test_i13_secrets_are_masked_at_every_depth() -> None:
    """A secret's place is shown, never its value."""
    text, hidden = line({"card_token": SECRET, "nested": {"api_token": SECRET, "amount": 5}, "list": [{"a_token": 1}]})
    assert text == 'card_token •••••• · nested {"api_token": "••••••", "amount": 5} · list [{"a_token": "••••••"}]'
    assert hidden == 0


@pytest.mark.parametrize("schema", [{"writeOnly": True}, {"properties": {"a/b": {"format": "password"}}}])
def test_i13_the_schema_makes_secrets_too(schema: dict[str, object]) -> None:
    """All of the arguments, or one of them; neither what it says nor whether it hides something is told."""
    request = waiting(1, {"a/b": [f"{SECRET}\u202e"], "x": 1}, schema=schema)
    assert arguments_line(request)[0] == f'"a/b" •••••• · x {"••••••" if "writeOnly" in schema else 1}'
    assert not is_odd(request)


def test_i12_a_line_stays_one_line_and_shows_what_is_invisible() -> None:
    """Line breaks are marked, invisible and direction-changing characters written out."""
    text, _ = line({"body": "one\r\ntwo\tthree\u2028four\u202efive", "na\nme\u200b": 1})
    assert text == 'body "one↵ two\\tthree‹U+2028›four‹U+202E›five" · "na‹U+000A›me‹U+200B›" 1'


def test_a_name_cannot_read_like_another_argument() -> None:
    """One argument with a crafted name looks different from the two that it imitates."""
    one, two = line({'order "A" · amount': 5}), line({"order": "A", "amount": 5})
    assert one[0] == '"order \\"A\\" · amount" 5'
    assert two[0] == 'order "A" · amount 5'


def test_a_long_value_gives_way_to_short_ones() -> None:
    """However long a text is, what stands behind it is still shown whole, and what is missing is counted."""
    text, hidden = line({"body": "x" * 10_000, "amount": 25})
    assert text.startswith('body "xxx')
    assert text.endswith('…" · amount 25')
    assert len(text) == LIMIT
    assert hidden == 10_000 - text.count("x")


def test_several_long_values_share_the_room() -> None:
    """Neither of two long texts pushes the other out."""
    text, _ = line({"subject": "s" * 500, "body": "b" * 500})
    assert abs(text.count("s") - text.count("b")) <= 2
    assert len(text) <= LIMIT


def test_too_many_arguments_end_in_a_mark() -> None:
    """A thousand arguments: as many as fit, then an ellipsis, and the rest is counted."""
    text, hidden = line({f"argument_{n}": n for n in range(1000)})
    assert text.endswith(f"{GAP}…")
    assert len(text) <= LIMIT
    assert hidden > 10_000


def test_a_long_name_is_cut_and_counted() -> None:
    """A name longer than its room is no whole name."""
    text, hidden = line({"n" * 100: 1})
    assert text == f"{'n' * (NAME - 1)}… 1"
    assert hidden == 100 - (NAME - 1)


@pytest.mark.parametrize(
    "arguments",
    [
        {"body": "x" * 256_000},
        {"body": "\u202e😀" * 100_000},
        {"list": list(range(10_000))},
        {"deep": {"a": {"b": ["c" * 5000] * 50}}},
        {f"n{n}": {"x_token": n} for n in range(5000)},
        {"huge": 10**4000 - 1},
        {"exponent": Decimal("1E+999999")},
        {"k" * 50_000: {"k" * 50_000: 1}},
    ],
    ids=["text", "odd", "list", "deep", "many", "integer", "exponent", "names"],
)
def test_whatever_is_sent_fits_a_line(arguments: dict[str, object]) -> None:
    """Nothing is longer than a line, and what is cut is counted."""
    text, hidden = line(arguments)
    assert len(text) <= LIMIT
    assert (hidden == 0) == ("…" not in text)


def test_the_count_of_a_cut_list_is_about_right() -> None:
    """What is left out of nested values is counted without the blanks between them."""
    value: dict[str, object] = {"list": ["word"] * 1000}
    text, hidden = line(value)
    assert len(text) + hidden == pytest.approx(len('list ["word", …]') + 1000 * len('"word",'), rel=0.02)


def test_the_count_of_a_cut_object_is_about_right() -> None:
    """Names are counted too; secrets as they are masked."""
    text, hidden = line({"object": {f"name_{n:03}": "word" for n in range(1000)}})
    assert len(text) + hidden == pytest.approx(1000 * len('"name_000":"word",'), rel=0.02)
    masked = [line({"object": {f"{n:03}_token": "x" * size for n in range(1000)}}) for size in (1, 500)]
    assert masked[0] == masked[1]


@given(ARGUMENTS, st.integers(120, 400))
def test_a_line_holds_its_limit_and_is_whole_or_counted(arguments: dict[str, object], limit: int) -> None:
    """Within its limit, one line, nothing invisible; and where nothing is left out every value is there."""
    request = waiting(1, arguments)
    text, hidden = arguments_line(request, limit)
    assert len(text) <= limit
    assert one_line(text) == text
    if not hidden:
        assert all(f"{value}" in text for value in arguments.values() if type(value) is int and "token" not in text)


@given(ARGUMENTS, ARGUMENTS)
def test_whole_lines_of_different_arguments_differ(one: dict[str, object], other: dict[str, object]) -> None:
    """What looks the same is the same, but for secrets, marked line breaks and characters that are written out."""
    first, second = waiting(1, one), waiting(1, other)
    shown, same = arguments_line(first), arguments_line(second)
    if shown == same and not shown[1] and not any(map(_marked, (first, second))):
        assert _masked(first) == _masked(second)


def _masked(request: Request) -> str:
    return seen(mask(request.arguments, Clean(request).hidden(request.arguments)))


def _marked(request: Request) -> bool:
    """Whether it holds a mark of ours, or something that is marked."""
    said = dumps(request.arguments)
    return is_odd(request) or any(mark in said for mark in ("↵", "\\n", "\\t", "‹", "•")) or "_token" in said


# ── what hides something ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["tool", "agent", "on_behalf_of", "title", "run_id", "thread_url"])
@pytest.mark.parametrize("char", ["\u202e", "\u200b", "\n", "\u2800", "\ue000"])
def test_i12_an_invisible_character_in_a_line_is_found(name: str, char: str) -> None:
    """In everything that is shown on one line; a line break too."""
    assert marked(waiting(1, **{name: f"a{char}b"})) == name


@pytest.mark.parametrize("name", ["description", "reason", "impact", "rollback"])
def test_i12_an_invisible_character_in_a_text_is_found(name: str) -> None:
    """Texts may have several lines, but hide nothing."""
    assert marked(waiting(1, **{name: "a\u2066b"})) == name
    assert not is_odd(waiting(1, **{name: "one\ntwo\r\n\tthree"}))


@pytest.mark.parametrize(
    "arguments",
    [{"a": "x\u202ey"}, {"a\u200b": 1}, {"a\nb": 1}, {"a": {"b": ["\u3164"]}}, {"a": [{"\u2067": 1}]}, {"a": "\ufe0f"}],
)
def test_i12_an_invisible_character_in_the_arguments_is_found(arguments: dict[str, object]) -> None:
    """In names and texts at every depth."""
    assert marked(waiting(1, arguments)) == "arguments"


@pytest.mark.parametrize("text", ["Grüße aus Köln", "退款", "❤️ ⚠️", "إعادة", "line\nbreak", "tab\there", "e\u0301"])
def test_ordinary_text_of_any_language_hides_nothing(text: str) -> None:
    """Letters of all scripts, accents and emoji are what they look like."""
    assert not is_odd(waiting(1, {"text": text}, reason=text))


def test_i12_a_selector_belongs_to_no_other_text() -> None:
    """A sign in one argument does not excuse what the next begins with."""
    assert is_odd(waiting(1, {"a": "⚠", "b": "\ufe0f"}))


def test_a_second_emoji_selector_is_found() -> None:
    """One selector belongs to its sign; one more is invisible."""
    assert not is_odd(waiting(1, {"text": "⚠️⚠️"}))
    assert is_odd(waiting(1, {"text": "⚠️\ufe0f"}))
    assert is_odd(waiting(1, {"text": "a\ufe0f⚠️"}))


def test_i13_what_a_secret_holds_is_not_told() -> None:
    """Nobody learns from the mark what is in a secret."""
    assert not is_odd(waiting(1, {"card_token": "a\u202eb", "nested": {"x_token": ["\u200b"]}}))


def test_i12_hostile_text_is_found_everywhere() -> None:
    """The text that the other tests send is caught."""
    assert is_odd(waiting(1, {"note": HOSTILE}))


@given(st.text(LETTERS))
def test_what_is_odd_is_what_is_written_out(text: str) -> None:
    """Exactly the texts that `visible` changes, but for the form of a line break."""
    found = is_odd(waiting(1, {"text": text}))
    assert found == (visible(text) != text.replace("\r\n", "\n"))


@given(REQUESTS)
def test_any_request_can_be_looked_through(request: Request) -> None:
    """Nothing that an agent sends makes it raise."""
    marked(request)
    arguments_line(request)
