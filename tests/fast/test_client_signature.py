"""Signatures become schemas, calls become JSON, and JSON becomes the same call again."""

from __future__ import annotations

import dataclasses
import enum
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from signoff.client.signature import Parameters, docstring, exact, model_arguments, model_rebuilt, model_schema, plain
from signoff.model import dumps, loads


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.StrEnum):
    LOW = "low"


class Address(BaseModel):
    street: str
    zip_code: str = Field(alias="zip")


@dataclasses.dataclass
class Point:
    x: int
    y: Decimal


def test_schema_names_types_bounds_defaults_and_required() -> None:
    """The schema says what the signature says: types, bounds, defaults, what is required; nothing else is allowed."""

    def refund(
        order: str, amount: Annotated[float, Field(ge=0, le=1000)], note: str = "none", urgent: bool = False
    ) -> str:
        raise NotImplementedError

    schema = Parameters(refund).schema({"order": "Which order"})
    assert schema == {
        "type": "object",
        "properties": {
            "order": {"type": "string", "description": "Which order"},
            "amount": {"type": "number", "minimum": 0, "maximum": 1000},
            "note": {"type": "string", "default": "none"},
            "urgent": {"type": "boolean", "default": False},
        },
        "required": ["order", "amount"],
        "additionalProperties": False,
    }


def test_decimals_are_numbers_in_schema_and_arguments() -> None:
    """A Decimal is a JSON number with all its digits, not text."""

    def pay(amount: Annotated[Decimal, Field(gt=0)]) -> None: ...

    parameters = Parameters(pay)
    assert parameters.schema({})["properties"] == {"amount": {"type": "number", "exclusiveMinimum": 0.0}}
    sent, bound = parameters.arguments((Decimal("0.1000000000000000000001"),), {})
    assert dumps(sent) == '{"amount":0.1000000000000000000001}'
    assert parameters.bind(bound, sent).arguments["amount"] == Decimal("0.1000000000000000000001")


def test_rich_types_go_out_as_json_and_come_back_as_themselves() -> None:
    """Dates, enums, models, dataclasses, sets and tuples survive the way through JSON text."""

    def work(
        when: datetime,
        day: date,
        color: Color,
        level: Level,
        address: Address,
        point: Point,
        tags: set[str],
        pair: tuple[int, str],
        mode: Literal["a", "b"] = "a",
        maybe: int | None = None,
    ) -> None: ...

    values = {
        "when": datetime(2026, 11, 20, 8, 9, tzinfo=UTC),
        "day": date(2026, 11, 20),
        "color": Color.RED,
        "level": Level.LOW,
        "address": Address(street="Main", zip="1"),
        "point": Point(1, Decimal("2.50")),
        "tags": {"b", "a"},
        "pair": (1, "x"),
    }
    parameters = Parameters(work)
    sent, bound = parameters.arguments((), values)
    text = dumps(sent)
    assert '"address":{"street":"Main","zip":"1"}' in text
    assert '"tags":["a","b"]' in text
    assert '"mode":"a","maybe":null' in text
    again = parameters.bind(bound, loads(text))  # type: ignore[arg-type]
    assert {name: again.arguments[name] for name in values} == values


def test_defaults_are_part_of_what_is_shown() -> None:
    """A default that will be used is among the arguments that people approve."""

    def deploy(service: str, replicas: int = 3, *, region: str = "eu") -> None: ...

    sent, _ = Parameters(deploy).arguments(("api",), {})
    assert sent == {"service": "api", "replicas": 3, "region": "eu"}


def test_methods_leave_self_out() -> None:
    """`self` is neither shown nor replaced."""

    class Desk:
        def run(self, text: str) -> str:
            return text

    desk = Desk()
    parameters = Parameters(Desk.run)
    sent, bound = parameters.arguments((desk, "hello"), {})
    assert sent == {"text": "hello"}
    assert parameters.bind(bound, {"text": "bye"}).args == (desk, "bye")


def test_positional_only_and_keyword_only_come_back_in_place() -> None:
    """The approved arguments reach the parameters they belong to, however those are passed."""

    def mixed(a: int, /, b: int, *, c: int) -> None: ...

    parameters = Parameters(mixed)
    sent, bound = parameters.arguments((1, 2), {"c": 3})
    call = parameters.bind(bound, {"a": 10, "b": 20, "c": 30})
    assert sent == {"a": 1, "b": 2, "c": 3}
    assert (call.args, call.kwargs) == ((10, 20), {"c": 30})


def test_star_parameters_are_refused() -> None:
    """A person cannot judge *args, so such a function is refused when it is decorated."""

    def loose(*args: int) -> None: ...

    with pytest.raises(TypeError, match="name every parameter"):
        Parameters(loose)


def test_secret_parameters_are_marked_and_have_no_default_shown() -> None:
    """A secret parameter is `writeOnly` in the schema, without its default."""

    def login(user: str, password: SecretStr, token: str = "hunter2") -> None: ...

    parameters = Parameters(login, secret=["token"])
    properties = parameters.schema({})["properties"]
    assert properties["token"] == {"type": "string", "writeOnly": True}
    assert properties["password"]["writeOnly"] is True
    sent, bound = parameters.arguments(("ada", SecretStr("s3cret")), {})
    assert sent["password"] == "s3cret"
    assert parameters.bind(bound, sent).arguments["password"] == SecretStr("s3cret")


def test_unseen_parameters_are_passed_on() -> None:
    """A parameter that frameworks inject is neither shown nor touched."""

    def tool(context: object, text: str) -> None: ...

    marker = object()
    parameters = Parameters(tool, unseen=["context"])
    sent, bound = parameters.arguments((marker, "x"), {})
    assert sent == {"text": "x"}
    assert parameters.bind(bound, {"text": "y"}).args == (marker, "y")


def test_edit_that_would_run_as_something_else_is_refused() -> None:
    """If converting the approved arguments would change a value, the call is refused."""

    def pay(amount: float, count: int) -> None: ...

    parameters = Parameters(pay)
    sent, bound = parameters.arguments((1.5, 2), {})
    for bad in ({"amount": loads("0.1000000000000000000001")}, {"count": True}, {"count": "2"}, {"unknown": 1}):
        with pytest.raises(ValueError, match=r"no such parameter|another one would run|valid integer"):
            parameters.bind(bound, {**sent, **bad})
    with pytest.raises(ValueError, match="amount: it is missing"):
        parameters.bind(bound, {"count": 2})


def test_numbers_that_json_cannot_hold_are_refused_at_the_call() -> None:
    """NaN never reaches a person."""

    def pay(amount: float) -> None: ...

    with pytest.raises(ValueError, match=r".+"):
        Parameters(pay).arguments((float("nan"),), {})


def test_docstring_gives_description_and_parameters() -> None:
    """Google and Sphinx docstrings give the description without their sections, and a line for each parameter."""

    def google(order: str, amount: float) -> None:
        """Refund an order.

        Sends money back.

        Args:
            order: The order,
                as the shop writes it.
            amount (float): How much.

        Returns:
            Nothing.
        """

    def sphinx(order: str) -> None:
        """Refund an order.

        :param order: The order.
        :return: Nothing.
        """

    assert docstring(google) == (
        "Refund an order.\n\nSends money back.",
        {"order": "The order, as the shop writes it.", "amount": "How much."},
    )
    assert docstring(sphinx) == ("Refund an order.", {"order": "The order."})


def test_model_goes_out_and_comes_back() -> None:
    """A pydantic instance and its JSON form describe each other, by alias."""
    address = Address(street="Main", zip="1")
    assert model_arguments(address) == {"street": "Main", "zip": "1"}
    assert model_rebuilt(Address, {"street": "Side", "zip": "2"}) == Address(street="Side", zip="2")
    assert set(model_schema(Address)["properties"]) == {"street", "zip"}
    with pytest.raises(ValueError, match=r".+"):
        model_rebuilt(Address, {"street": "Side"})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
        | st.decimals(allow_nan=False, allow_infinity=False, places=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)  # fmt: skip
def test_any_json_value_keeps_its_value(value: object) -> None:
    """An argument without annotation reaches the function with the value that was shown."""

    def anything(value):  # type: ignore[no-untyped-def]
        return value

    parameters = Parameters(anything)
    sent, bound = parameters.arguments((value,), {})
    assert parameters.bind(bound, sent).arguments["value"] == loads(dumps(plain(value)))


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.decimals(allow_nan=False, places=20))
def test_a_number_is_told_as_it_arrives(value: float | Decimal) -> None:
    """What is compared with the service's answer is what JSON makes of it, its type and sign included."""
    try:
        arrived = loads(dumps(value))
    except ValueError:
        return
    assert (type(exact(value)), repr(exact(value))) == (type(arrived), repr(arrived))


@pytest.mark.parametrize("value", [float("nan"), float("-inf"), Decimal("NaN"), pytest.param(10**5000, id="long")])
def test_a_number_that_cannot_be_written_is_none(value: float | Decimal) -> None:
    """It is refused where it is made."""
    with pytest.raises(ValueError, match=r"NaN|[Ff]loat|integer"):
        exact(value)
