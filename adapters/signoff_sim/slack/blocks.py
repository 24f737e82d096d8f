"""Block Kit as tables: which block and element takes which fields, and how long they may be. Pure."""

from __future__ import annotations

import json
from typing import Any, Literal

from signoff_sim.slack.elements import (
    ACTION_ELEMENTS,
    CELLS,
    ELEMENTS,
    IMAGE,
    INPUT_ELEMENTS,
    RICH_TEXT,
)
from signoff_sim.slack.rules import (
    Findings,
    Rule,
    anything,
    array,
    boolean,
    kinds,
    one_of,
    record,
    string,
    text,
)
from signoff_sim.slack.shape import Json, SlackError, as_dict, as_list

Surface = Literal["message", "modal", "home"]

MESSAGE_BLOCKS = 50
VIEW_BLOCKS = 100
MESSAGE_TEXT = 40_000  # characters of `text`
MESSAGE_TOTAL = 13_200  # characters of all text in the blocks of one message; reported by users, not documented
VIEW_BYTES = 250_000  # of a view's compact JSON in UTF-8: "view_too_large: greater than 250kb" (views.open)
TABLE_CHARACTERS = 10_000  # over all cells of a message's table


def _block(fields: dict[str, Rule], required: tuple[str, ...] = ()) -> Rule:
    return record({"type": anything, "block_id": string(255), **fields}, required)


def _section_has_text(value: Any, at: str, found: Findings) -> None:
    _SECTION_BLOCK(value, at, found)
    entries = as_dict(value)
    if "text" not in entries and "fields" not in entries:
        found.add("missing required field: text or fields", at)


def _table(value: Any, at: str, found: Findings) -> None:
    _TABLE_BLOCK(value, at, found)
    found.tables += 1
    if found.tables > 1:
        found.add("only_one_table_allowed", at)
    if len(all_text(as_dict(value).get("rows"))) > TABLE_CHARACTERS:
        found.add(f"table text must be less than {TABLE_CHARACTERS + 1} characters", at)


_SECTION_BLOCK = _block(
    {
        "text": text(3000),
        "fields": array(text(2000), 1, 10),
        "accessory": kinds({**ELEMENTS, "image": IMAGE}, (*ACTION_ELEMENTS, "image")),
        "expand": boolean,
    }
)
_TABLE_BLOCK = _block(
    {
        "rows": array(array(kinds(CELLS), 1, 20), 1, 100),
        "column_settings": array(record({"align": one_of("left", "center", "right"), "is_wrapped": boolean}), 0, 20),
    },
    required=("rows",),
)

BLOCKS: dict[str, Rule] = {
    "section": _section_has_text,
    "header": _block({"text": text(150, plain=True)}, ("text",)),
    "divider": _block({}),
    "context": _block(
        {"elements": array(kinds({"plain_text": text(3000), "mrkdwn": text(3000), "image": IMAGE}), 1, 10)},
        ("elements",),
    ),
    "actions": _block({"elements": array(kinds(ELEMENTS, ACTION_ELEMENTS), 1, 25)}, ("elements",)),
    "input": _block(
        {
            "label": text(2000, plain=True),
            "element": kinds(ELEMENTS, INPUT_ELEMENTS),
            "hint": text(2000, plain=True),
            "optional": boolean,
            "dispatch_action": boolean,
        },
        ("label", "element"),
    ),
    "image": _block(
        {
            "image_url": string(3000),
            "slack_file": anything,
            "alt_text": string(2000),
            "title": text(2000, plain=True),
        },
        ("alt_text",),
    ),
    "rich_text": RICH_TEXT,
    "table": _table,
    "markdown": _block({"text": string(12_000, 1)}, ("text",)),
}
MESSAGE_ONLY = ("table", "markdown")


def problems(blocks: object, surface: Surface, at: str) -> list[str]:
    """Every rule the blocks break, in Slack's wording, each with its JSON pointer below `at`."""
    found = Findings()
    if not isinstance(blocks, list):
        return [f"must be an array [json-pointer:{at}]"]
    most = MESSAGE_BLOCKS if surface == "message" else VIEW_BLOCKS
    entries = as_list(blocks)
    if len(entries) > most:
        found.add(f"no more than {most} items allowed", at)
    allowed = tuple(kind for kind in BLOCKS if surface == "message" or kind not in MESSAGE_ONLY)
    check = kinds(BLOCKS, allowed)
    for index, block in enumerate(entries):
        found.action_ids = set()
        pointer = f"{at}/{index}"
        check(block, pointer, found)
        block_id = as_dict(block).get("block_id")
        if isinstance(block_id, str) and block_id:
            if block_id in found.block_ids:
                found.add(f"`block_id` '{block_id}' already exists", f"{pointer}/block_id")
            found.block_ids.add(block_id)
    return found.problems


def all_text(value: object) -> str:
    """Every text a reader sees in these blocks, joined: what Slack counts for `msg_blocks_too_long`."""
    if isinstance(value, list):
        return "".join(all_text(entry) for entry in as_list(value))
    if not isinstance(value, dict):
        return ""
    entries = as_dict(value)
    own = entries.get("text") if isinstance(entries.get("text"), str) else ""
    return f"{own}{''.join(all_text(entry) for entry in entries.values() if isinstance(entry, (dict, list)))}"


def check_message(blocks: object) -> None:
    """Raises SlackError: `invalid_blocks_format`, `invalid_blocks`, `msg_blocks_too_long`."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    found = problems(as_list(blocks), "message", "/blocks")
    if found:
        raise SlackError("invalid_blocks", found, errors=found)
    if len(all_text(as_list(blocks))) > MESSAGE_TOTAL:
        raise SlackError("msg_blocks_too_long")


_VIEW_FIELDS: dict[str, Rule] = {
    "type": anything,
    "blocks": anything,
    "private_metadata": string(3000),
    "callback_id": string(255),
    "external_id": string(255),
}
_HOME = record(_VIEW_FIELDS, ("type", "blocks"))
_MODAL = record(
    {
        **_VIEW_FIELDS,
        "title": text(24, plain=True),
        "submit": text(24, plain=True),
        "close": text(24, plain=True),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
    ("type", "title", "blocks"),
)


def check_view(view: object, surface: Literal["modal", "home"]) -> None:
    """Raises SlackError: `invalid_arguments`, `view_too_large`."""
    definition: Json = as_dict(view)
    if len(json.dumps(definition, ensure_ascii=False, separators=(",", ":")).encode()) > VIEW_BYTES:
        raise SlackError("view_too_large")
    if definition.get("type") != surface:
        raise SlackError("invalid_arguments", [f"must be {surface} [json-pointer:/view/type]"])
    found = Findings()
    (_MODAL if surface == "modal" else _HOME)(definition, "/view", found)
    blocks = definition.get("blocks")
    asks = any(as_dict(block).get("type") == "input" for block in as_list(blocks))
    if surface == "modal" and asks and "submit" not in definition:
        found.add("missing required field: submit", "/view")
    wrong = [*found.problems, *problems(blocks, surface, "/view/blocks")]
    if wrong:
        raise SlackError("invalid_arguments", wrong)
