"""Composition objects, interactive elements and rich text as tables of fields and limits. Pure."""

from __future__ import annotations

from typing import Any

from signoff_sim.slack.rules import (
    Findings,
    Rule,
    anything,
    array,
    boolean,
    element,
    initial_among_options,
    integer,
    kinds,
    number_text,
    one_of,
    option,
    pattern,
    record,
    string,
    text,
)
from signoff_sim.slack.shape import as_dict

CONFIRM = record(
    {
        "title": text(100, plain=True),
        "text": text(300),
        "confirm": text(30, plain=True),
        "deny": text(30, plain=True),
        "style": one_of("primary", "danger"),
    },
    required=("title", "text", "confirm", "deny"),
)
DISPATCH = record({"trigger_actions_on": array(one_of("on_enter_pressed", "on_character_entered"), 1, 2)})
PLACEHOLDER = text(150, plain=True)
SELECT_OPTION = option(75, plain=True)
MARKED_OPTION = option(75, plain=False)
GROUP = record({"label": text(75, plain=True), "options": array(SELECT_OPTION, 1, 100)}, required=("label", "options"))
DATE = pattern(r"\d{4}-\d{2}-\d{2}", "must be a date in the form YYYY-MM-DD")
TIME = pattern(r"([01]\d|2[0-3]):[0-5]\d", "must be a time in the form HH:mm")


def _one_option_source(value: Any, at: str, found: Findings) -> None:
    entries = as_dict(value)
    if "options" not in entries and "option_groups" not in entries:
        found.add("missing required field: options", at)
    initial_among_options(value, at, found)


def _initial_fits(value: Any, at: str, found: Findings) -> None:
    entries = as_dict(value)
    most, least, start = entries.get("max_length"), entries.get("min_length"), entries.get("initial_value")
    if isinstance(start, str) and isinstance(most, int) and len(start) > most:
        found.add(f"must be less than {most + 1} characters", f"{at}/initial_value")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        found.add("min_length must not be above max_length", f"{at}/min_length")


def _typed(**more: Rule) -> dict[str, Rule]:
    """Fields of an element that a person types into."""
    return {"placeholder": PLACEHOLDER, "dispatch_action_config": DISPATCH, "initial_value": string(3000), **more}


def _picked(**more: Rule) -> dict[str, Rule]:
    return {"placeholder": PLACEHOLDER, "confirm": CONFIRM, **more}


BUTTON = element(
    {
        "text": text(75, plain=True),
        "url": string(3000),
        "value": string(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": string(75),
    },
    required=("type", "text"),
)
_STATIC = _picked(
    options=array(SELECT_OPTION, 1, 100), option_groups=array(GROUP, 1, 100), initial_option=SELECT_OPTION
)
_MULTI = _picked(
    options=array(SELECT_OPTION, 1, 100),
    option_groups=array(GROUP, 1, 100),
    initial_options=array(SELECT_OPTION, 0, 100),
    max_selected_items=integer(1, 100),
)

ELEMENTS: dict[str, Rule] = {
    "button": BUTTON,
    "overflow": element(
        {"options": array(option(75, plain=True, with_url=True), 1, 5), "confirm": CONFIRM}, required=("options",)
    ),
    "static_select": element(_STATIC, then=_one_option_source),
    "multi_static_select": element(_MULTI, then=_one_option_source),
    "users_select": element(_picked(initial_user=string(255))),
    "conversations_select": element(
        _picked(initial_conversation=string(255), response_url_enabled=boolean, default_to_current_conversation=boolean)
    ),
    "multi_users_select": element(
        _picked(initial_users=array(string(255), 0, 100), max_selected_items=integer(1, 100))
    ),
    "multi_conversations_select": element(
        _picked(
            initial_conversations=array(string(255), 0, 100),
            max_selected_items=integer(1, 100),
            default_to_current_conversation=boolean,
        )
    ),
    "radio_buttons": element(
        {"options": array(MARKED_OPTION, 1, 10), "initial_option": MARKED_OPTION, "confirm": CONFIRM},
        required=("options",),
        then=initial_among_options,
    ),
    "checkboxes": element(
        {"options": array(MARKED_OPTION, 1, 10), "initial_options": array(MARKED_OPTION, 1, 10), "confirm": CONFIRM},
        required=("options",),
        then=initial_among_options,
    ),
    "datepicker": element(_picked(initial_date=DATE)),
    "timepicker": element(_picked(initial_time=TIME, timezone=string(255))),
    "datetimepicker": element({"initial_date_time": integer(1_000_000_000, 9_999_999_999), "confirm": CONFIRM}),
    "plain_text_input": element(
        _typed(multiline=boolean, min_length=integer(0, 3000), max_length=integer(1, 3000)), then=_initial_fits
    ),
    "number_input": element(
        _typed(is_decimal_allowed=boolean, initial_value=number_text, min_value=number_text, max_value=number_text),
        required=("is_decimal_allowed",),
    ),
    "email_text_input": element(_typed()),
    "url_text_input": element(_typed()),
}
TYPED = ("plain_text_input", "number_input", "email_text_input", "url_text_input")
INPUT_ELEMENTS = tuple(kind for kind in ELEMENTS if kind not in ("button", "overflow"))
ACTION_ELEMENTS = tuple(kind for kind in ELEMENTS if kind not in TYPED)

IMAGE = record(
    {"type": anything, "image_url": string(3000), "alt_text": string(2000), "slack_file": anything},
    required=("alt_text",),
)
RICH_STYLE = record(dict.fromkeys(("bold", "italic", "strike", "code", "underline"), boolean))
RICH_INLINE: dict[str, Rule] = {
    "text": record({"type": anything, "text": string(12_000, 1), "style": RICH_STYLE}, required=("text",)),
    "link": record(
        {"type": anything, "url": string(3000, 1), "text": string(3000), "unsafe": boolean, "style": RICH_STYLE},
        required=("url",),
    ),
    "user": record({"type": anything, "user_id": string(255), "style": RICH_STYLE}, required=("user_id",)),
    "channel": record({"type": anything, "channel_id": string(255), "style": RICH_STYLE}, required=("channel_id",)),
    "emoji": record({"type": anything, "name": string(255), "unicode": string(255)}, required=("name",)),
    "date": record(
        {
            "type": anything,
            "timestamp": integer(0, 9_999_999_999),
            "format": string(255),
            "fallback": string(255),
            "url": string(3000),
        },
        required=("timestamp", "format"),
    ),
}
_SECTION = record({"type": anything, "elements": array(kinds(RICH_INLINE), 0, 1000)}, required=("elements",))
_BORDERED = record(
    {"type": anything, "elements": array(kinds(RICH_INLINE), 0, 1000), "border": integer(0, 1)}, required=("elements",)
)
RICH: dict[str, Rule] = {
    "rich_text_section": _SECTION,
    "rich_text_preformatted": _BORDERED,
    "rich_text_quote": _BORDERED,
    "rich_text_list": record(
        {
            "type": anything,
            "style": one_of("bullet", "ordered"),
            "elements": array(kinds({"rich_text_section": _SECTION}), 0, 1000),
            "indent": integer(0, 8),
            "offset": integer(0, 10_000),
            "border": integer(0, 1),
        },
        required=("style", "elements"),
    ),
}
RICH_TEXT = record({"type": anything, "block_id": string(255), "elements": array(kinds(RICH), 0, 1000)}, ("elements",))
CELLS: dict[str, Rule] = {
    "raw_text": record({"type": anything, "text": string(10_000, 1)}, required=("text",)),
    "raw_number": record({"type": anything, "value": anything, "text": string(10_000, 1)}, required=("value",)),
    "rich_text": RICH_TEXT,
}
