"""Inputs: what an element holds at the start, what a person may enter, and how it is sent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from signoff_sim.simulated import Refused
from signoff_sim.slack.shape import Json, as_dict, as_list, as_text

TEXTS = ("plain_text_input", "number_input", "email_text_input", "url_text_input")
SINGLE = ("static_select", "radio_buttons", "overflow")
SEVERAL = ("checkboxes", "multi_static_select")
MOMENTS = {"datepicker": "selected_date", "timepicker": "selected_time", "datetimepicker": "selected_date_time"}
PICKED = {"users_select": "selected_user", "conversations_select": "selected_conversation"}
GATHERED = {"multi_users_select": "selected_users", "multi_conversations_select": "selected_conversations"}
REQUIRED = "This is a required field"


def elements(blocks: list[Any]) -> Iterator[tuple[Json, Json]]:
    """Every (block, interactive element)."""
    for entry in blocks:
        block = as_dict(entry)
        held = [block.get("element"), block.get("accessory")]
        if block.get("type") == "actions":
            held += as_list(block.get("elements"))
        for one in held:
            if as_dict(one).get("type") not in (None, "image"):
                yield block, as_dict(one)


def initial_values(blocks: list[Any]) -> dict[tuple[str, str], Json]:
    """The state of every input when the view is first drawn."""
    values: dict[tuple[str, str], Json] = {}
    for block, element in elements(blocks):
        start = initial(element)
        if start is not None:
            values[(as_text(block.get("block_id")), as_text(element.get("action_id")))] = start
    return values


def initial(element: Json) -> Json | None:
    """The element's state at the start; None for a button, which has none."""
    kind = as_text(element.get("type"))
    if kind in TEXTS:
        return {"type": kind, "value": element.get("initial_value")}
    if kind in ("static_select", "radio_buttons"):
        return {"type": kind, "selected_option": element.get("initial_option")}
    if kind in SEVERAL:
        return {"type": kind, "selected_options": as_list(element.get("initial_options"))}
    if kind in MOMENTS:
        name = MOMENTS[kind]
        return {"type": kind, name: element.get(name.replace("selected", "initial"))}
    if kind in PICKED:
        name = PICKED[kind]
        return {"type": kind, name: element.get(name.replace("selected", "initial"))}
    if kind in GATHERED:
        name = GATHERED[kind]
        return {"type": kind, name: as_list(element.get(name.replace("selected", "initial")))}
    return None


def kept(old: Json, fresh: Json, element: Json) -> Json:
    """What an element holds after its view was drawn anew: what it held, as far as that is still offered.

    No document says what becomes of a chosen option that is offered no more; here it goes.
    """
    if old.get("type") != fresh.get("type"):
        return fresh
    offered = [as_dict(one).get("value") for one in _options(element)]
    if "selected_options" in old:
        chosen = [one for one in as_list(old["selected_options"]) if as_dict(one).get("value") in offered]
        return {**old, "selected_options": chosen}
    if old.get("selected_option") is not None and as_dict(old["selected_option"]).get("value") not in offered:
        return {**old, "selected_option": None}
    return old


def tells_at_once(block: Json, element: Json, pressed: bool) -> bool:
    """Does the app hear of a change before the view is submitted? Of text only with Enter, unless it asked for more."""
    if block.get("type") != "input":
        return True
    if block.get("dispatch_action") is not True:
        return False
    if element.get("type") not in TEXTS:
        return True
    on = as_list(as_dict(element.get("dispatch_action_config")).get("trigger_actions_on")) or ["on_enter_pressed"]
    return "on_character_entered" in on or (pressed and "on_enter_pressed" in on)


def ticked(element: Json, state: Json, option: object, on: bool) -> Json:
    """The element's state after one option was ticked, or unticked, in the order of the options. Raises Refused."""
    if element.get("type") not in SEVERAL:
        raise Refused(f"Only fields that take several options have something to tick; this is {element.get('type')}.")
    wanted = _option(element, option).get("value")
    chosen = {as_dict(one).get("value") for one in as_list(state.get("selected_options"))}
    chosen = chosen | {wanted} if on else chosen - {wanted}
    return entered(element, [value for one in _options(element) if (value := as_dict(one).get("value")) in chosen])


def entered(element: Json, value: object) -> Json:
    """The element's state after a person entered `value`: text, an option's value or label (or several), a date….

    None or "" empties it. Raises Refused when the element has no such option.
    """
    kind = as_text(element.get("type"))
    nothing = value is None or value == "" or value == []
    if kind in TEXTS:
        return {"type": kind, "value": None if nothing else as_text(value)}
    if kind in SINGLE:
        return {"type": kind, "selected_option": None if nothing else _option(element, value)}
    if kind in SEVERAL:
        if isinstance(value, bool):
            chosen = _options(element) if value else []
        else:
            chosen = [_option(element, one) for one in (as_list(value) or ([] if nothing else [value]))]
        most = element.get("max_selected_items")
        if isinstance(most, int) and len(chosen) > most:
            raise Refused(f"At most {most} options can be chosen here.")
        return {"type": kind, "selected_options": chosen}
    if kind == "datetimepicker":
        return {"type": kind, "selected_date_time": None if nothing else _epoch(value)}
    if kind in MOMENTS or kind in PICKED:
        return {"type": kind, (MOMENTS | PICKED)[kind]: None if nothing else as_text(value)}
    if kind in GATHERED:
        return {"type": kind, GATHERED[kind]: [as_text(one) for one in as_list(value)]}
    raise Refused(f"Nothing can be entered into a {kind}.")


def _options(element: Json) -> list[Any]:
    grouped = [one for group in as_list(element.get("option_groups")) for one in as_list(as_dict(group).get("options"))]
    return as_list(element.get("options")) + grouped


def _option(element: Json, value: object) -> Json:
    wanted = as_text(value)
    offered = [as_dict(one) for one in _options(element)]
    for one in offered:
        if wanted in (one.get("value"), as_dict(one.get("text")).get("text")):
            return one
    labels = ", ".join(as_text(as_dict(one.get("text")).get("text")) for one in offered)
    raise Refused(f'There is no option "{wanted}"; there are: {labels}.')


def _epoch(value: object) -> int:
    if isinstance(value, int):
        return value
    text = as_text(value)
    if text.isdigit():
        return int(text)
    try:
        return int(datetime.fromisoformat(text).timestamp())
    except ValueError as error:
        raise Refused(f'"{text}" is not a date and time.') from error


def complaint(block: Json, element: Json, state: Json) -> str | None:
    """What Slack's own client says about an input before it sends anything; None when it would send."""
    kind = as_text(element.get("type"))
    held = next((value for key, value in state.items() if key != "type"), None)
    if held is None or held == "" or held == []:
        return None if block.get("optional") is True else REQUIRED
    if kind in TEXTS:
        return _text_complaint(kind, element, as_text(held))
    if kind == "datepicker":
        try:
            date.fromisoformat(as_text(held))
        except ValueError:
            return "Choose a date"
    return None


def _text_complaint(kind: str, element: Json, value: str) -> str | None:
    least, most = element.get("min_length"), element.get("max_length")
    if isinstance(least, int) and len(value) < least:
        return f"Must be at least {least} characters"
    if kind == "plain_text_input" and len(value) > (most if isinstance(most, int) else 3000):
        return f"Must be at most {most if isinstance(most, int) else 3000} characters"
    if kind == "number_input":
        return _number_complaint(element, value)
    if kind == "email_text_input" and not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", value):
        return "Please enter a valid email address"
    if kind == "url_text_input" and not re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", value, re.IGNORECASE):
        return "Please enter a valid URL"
    return None


def _number_complaint(element: Json, value: str) -> str | None:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return "Please enter a valid number"
    if not number.is_finite():
        return "Please enter a valid number"
    if element.get("is_decimal_allowed") is not True and number != number.to_integral_value():
        return "Please enter a whole number"
    least, most = element.get("min_value"), element.get("max_value")
    if least is not None and number < Decimal(as_text(least)):
        return f"Must be at least {least}"
    if most is not None and number > Decimal(as_text(most)):
        return f"Must be at most {most}"
    return None


def state_values(blocks: list[Any], values: dict[tuple[str, str], Json]) -> Json:
    """`state.values` as Slack sends it: block_id → action_id → state."""
    nested: dict[str, Json] = {}
    for block, element in elements(blocks):
        key = (as_text(block.get("block_id")), as_text(element.get("action_id")))
        if key in values:
            nested.setdefault(key[0], {})[key[1]] = values[key]
    return nested
