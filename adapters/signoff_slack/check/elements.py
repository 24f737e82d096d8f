"""Rules of the interactive elements we use."""

from __future__ import annotations

import re

from signoff_slack.check.shapes import Findings, Rule, count, items, object_of, string, text
from signoff_slack.text import Json

OPTION_VALUE = 150
"""Sources disagree between 150 and 3000."""

_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def _button(element: Json, at: str) -> Findings:
    yield from text(element.get("text"), f"{at}.text", 75, plain=True)
    yield from string(element, "value", at, 1, 2000)
    yield from string(element, "url", at, 1, 3000)
    if element.get("style") not in {None, "primary", "danger"}:
        yield f"{at}.style: not primary or danger"


def _typed(element: Json, at: str) -> Findings:
    longest = element.get("max_length", 3000)
    if not isinstance(longest, int) or not 1 <= longest <= 3000:
        yield f"{at}.max_length: not 1 to 3000"
        return
    yield from string(element, "initial_value", at, 0, longest)


def _number(element: Json, at: str) -> Findings:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        yield f"{at}.is_decimal_allowed: missing"
    initial = element.get("initial_value")
    if initial is not None and not (isinstance(initial, str) and _NUMBER.fullmatch(initial)):
        yield f"{at}.initial_value: not a number"


def _pattern(key: str, pattern: re.Pattern[str]) -> Rule:
    def rule(element: Json, at: str) -> Findings:
        value = element.get(key)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            yield f"{at}.{key}: malformed"

    return rule


def _moment(element: Json, at: str) -> Findings:
    value = element.get("initial_date_time")
    if value is not None and not (isinstance(value, int) and 10**9 <= value < 10**10):
        yield f"{at}.initial_date_time: not ten digits"


def _radio(element: Json, at: str) -> Findings:
    yield from _options(items(element.get("options")), f"{at}.options", 10)
    yield from _initial(element, items(element.get("options")), at)


def _checkboxes(element: Json, at: str) -> Findings:
    offered = items(element.get("options"))
    yield from _options(offered, f"{at}.options", 10)
    yield from _initial(element, offered, at)
    if "initial_options" in element:
        ticked = items(element["initial_options"])
        yield from count(ticked, f"{at}.initial_options", 10)
        if any(one not in offered for one in ticked):
            yield f"{at}.initial_options: not among the options"


def _select(element: Json, at: str) -> Findings:
    if "option_groups" not in element:
        yield from _options(items(element.get("options")), f"{at}.options", 100)
        yield from _initial(element, items(element.get("options")), at)
        return
    groups = items(element["option_groups"])
    yield from count(groups, f"{at}.option_groups", 100)
    everything: list[object] = []
    for index, item in enumerate(groups):
        group, here = object_of(item), f"{at}.option_groups[{index}]"
        yield from text(group.get("label"), f"{here}.label", 75, plain=True)
        yield from _options(items(group.get("options")), f"{here}.options", 100)
        everything += items(group.get("options"))
    yield from _initial(element, everything, at)


def _options(options: list[object], at: str, most: int) -> Findings:
    yield from count(options, at, most)
    for index, item in enumerate(options):
        option = object_of(item)
        yield from text(option.get("text"), f"{at}[{index}].text", 75, plain=True)
        if "description" in option:
            yield from text(option["description"], f"{at}[{index}].description", 75, plain=True)
        yield from string(option, "value", f"{at}[{index}]", 1, OPTION_VALUE, required=True)


def _initial(element: Json, options: list[object], at: str) -> Findings:
    if "initial_option" in element and element["initial_option"] not in options:
        yield f"{at}.initial_option: not one of the options"
    values = [object_of(option).get("value") for option in options]
    if len(set(values)) != len(values):
        yield f"{at}.options: a value is used twice"


CLICKED: dict[str, Rule] = {"button": _button, "static_select": _select, "checkboxes": _checkboxes}
TYPED: dict[str, Rule] = {
    "plain_text_input": _typed,
    "email_text_input": _typed,
    "url_text_input": _typed,
    "number_input": _number,
    "datepicker": _pattern("initial_date", _DATE),
    "timepicker": _pattern("initial_time", _TIME),
    "datetimepicker": _moment,
    "radio_buttons": _radio,
    "static_select": _select,
}
