"""What models and people read when a tool would not take its arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from agents_harness import Desk, edit
from pydantic import BaseModel, Field, field_validator

from signoff_agents.gating import Call, decide

SECRET = "hunter2-and-more"


class Payment(BaseModel):
    to: str
    amount: float = Field(le=400)
    pin: str = "0000"

    @field_validator("pin")
    @classmethod
    def known(cls, value: str) -> str:
        if value == "1234":
            raise ValueError("it is too easy to guess")
        if value == SECRET:
            raise ValueError(f"{value} is not among the known ones")
        assert value != "9999", f"never {value}!"
        return value


GOOD: dict[str, Any] = {"to": "ada", "amount": 20}


def raising(error: Exception) -> Callable[[Mapping[str, object]], object]:
    def fits(_given: Mapping[str, object]) -> object:
        raise error

    return fits


async def said(desk: Desk, arguments: Mapping[str, object], fits: Any) -> str:
    verdict = await decide(desk.gate(), Call(tool="pay", arguments=arguments, fits=fits))
    assert verdict.kind == "refused"
    assert desk.requests() == []
    begin = "pay was not run, and nobody was asked: its arguments do not fit. "
    assert verdict.said is not None
    assert verdict.said.startswith(begin)
    return verdict.said.removeprefix(begin)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"amount": 500}, "amount: Input should be less than or equal to 400."),
        ({"amount": "a lot"}, "amount: Input should be a valid number, unable to parse string as a number."),
        ({"pin": "1234"}, "pin: it is too easy to guess."),
        ({"pin": SECRET}, "pin: it is not accepted."),
        ({"pin": "9999"}, "pin: it is not accepted."),
    ],
)
async def test_a_models_fault(desk: Desk, given: dict[str, Any], text: str) -> None:
    """The field and why; a validator's own words unless they quote an argument."""
    assert await said(desk, {**GOOD, **given}, Payment.model_validate) == text


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("the account is closed"), "The account is closed."),
        (ValueError("no account of ada"), "They are not accepted."),
        (ValueError("could not convert string to float: '20'"), "They are not accepted."),
        (ValueError("the limit is 2000"), "The limit is 2000."),
        (TypeError("missing a required argument: 'amount'"), "Missing a required argument: 'amount'."),
        (TypeError("'NoneType' object is not subscriptable"), "They could not be checked."),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, SECRET), "They could not be checked."),
        (KeyError(SECRET), "They could not be checked."),
        (ConnectionError(f"postgres://admin:{SECRET}@db"), "They could not be checked."),
    ],
)
async def test_what_a_check_raises(desk: Desk, error: Exception, text: str) -> None:
    """A plain ValueError's words, unless they quote an argument; nothing of what is a fault in the check itself."""
    told = await said(desk, {**GOOD, "deep": {"list": ["x", True, None, "is"]}}, raising(error))
    assert told.casefold() == text.casefold()
    assert SECRET not in told


async def test_an_edit_that_quotes_itself_is_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """A secret that a person filled in is neither read by the model, nor on the card, nor in the log."""
    desk.people(edit(pin=SECRET))
    call = Call(tool="pay", arguments={**GOOD, "pin": "5555"}, fits=Payment.model_validate)
    verdict = await decide(desk.gate(), call)
    assert verdict.said == "pay was not run: the arguments that were approved do not fit it."
    assert desk.requests()[0]["outcome"]["detail"] == "Not run: pin: it is not accepted."
    assert SECRET not in caplog.text
