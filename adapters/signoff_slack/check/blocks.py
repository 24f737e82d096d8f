"""Rules of the blocks we use."""

from __future__ import annotations

from collections.abc import Mapping

from signoff_slack.check.elements import CLICKED, TYPED
from signoff_slack.check.shapes import ID, Findings, Rule, count, items, object_of, string, text
from signoff_slack.text import Json


def blocks(drawn: list[object], most: int, kinds: Mapping[str, Rule], at: str) -> Findings:
    if not 1 <= len(drawn) <= most:
        yield f"{at}: {len(drawn)} blocks, 1 to {most} are allowed"
    seen: set[object] = set()
    for index, item in enumerate(drawn):
        block, here = object_of(item), f"{at}[{index}]"
        rule = kinds.get(str(block.get("type")))
        if rule is None:
            yield f"{here}: {block.get('type')!r} is not allowed here"
            continue
        yield from rule(block, here)
        yield from string(block, "block_id", here, 1, ID)
        block_id = block.get("block_id")
        if block_id is not None and block_id in seen:
            yield f"{here}.block_id: used twice"
        seen.add(block_id)


def _header(block: Json, at: str) -> Findings:
    yield from text(block.get("text"), f"{at}.text", 150, plain=True)


def _section(block: Json, at: str) -> Findings:
    if "text" not in block and "fields" not in block:
        yield f"{at}: neither text nor fields"
    if "text" in block:
        yield from text(block["text"], f"{at}.text", 3000)
    if "fields" in block:
        fields = items(block["fields"])
        yield from count(fields, f"{at}.fields", 10)
        for index, field in enumerate(fields):
            yield from text(field, f"{at}.fields[{index}]", 2000)
    if "accessory" in block:
        yield from _clicked(object_of(block["accessory"]), f"{at}.accessory")


def _divider(_block: Json, _at: str) -> Findings:
    return iter(())


def _context(block: Json, at: str) -> Findings:
    elements = items(block.get("elements"))
    yield from count(elements, f"{at}.elements", 10)
    for index, element in enumerate(elements):
        yield from text(element, f"{at}.elements[{index}]", 3000)


def _actions(block: Json, at: str) -> Findings:
    elements = items(block.get("elements"))
    yield from count(elements, f"{at}.elements", 25)
    seen: set[object] = set()
    for index, item in enumerate(elements):
        element, here = object_of(item), f"{at}.elements[{index}]"
        yield from _clicked(element, here)
        if element.get("action_id") in seen:
            yield f"{here}.action_id: used twice"
        seen.add(element.get("action_id"))


def _clicked(element: Json, at: str) -> Findings:
    """An element that tells of each click at once."""
    rule = CLICKED.get(str(element.get("type")))
    if rule is None:
        yield f"{at}: {element.get('type')!r} is nothing that we let click"
        return
    yield from string(element, "action_id", at, 1, ID, required=True)
    if "placeholder" in element:
        yield from text(element["placeholder"], f"{at}.placeholder", 150, plain=True)
    yield from rule(element, at)


def _rich_text(block: Json, at: str) -> Findings:
    parts = items(block.get("elements"))
    if not parts:
        yield f"{at}.elements: none"
    for index, item in enumerate(parts):
        part, here = object_of(item), f"{at}.elements[{index}]"
        if part.get("type") != "rich_text_preformatted":
            yield f"{here}: only preformatted text is used here"
        for inner, piece in enumerate(items(part.get("elements"))):
            element = object_of(piece)
            if element.get("type") != "text":
                yield f"{here}.elements[{inner}]: only text is used here"
            yield from string(element, "text", f"{here}.elements[{inner}]", 1, 3000, required=True, blank=True)


def _input(block: Json, at: str) -> Findings:
    yield from text(block.get("label"), f"{at}.label", 2000, plain=True)
    if "hint" in block:
        yield from text(block["hint"], f"{at}.hint", 2000, plain=True)
    element = object_of(block.get("element"))
    here = f"{at}.element"
    yield from string(element, "action_id", here, 1, ID, required=True)
    if "placeholder" in element:
        yield from text(element["placeholder"], f"{here}.placeholder", 150, plain=True)
    rule = TYPED.get(str(element.get("type")))
    if rule is None:
        yield f"{here}: {element.get('type')!r} is not an input we use"
    else:
        yield from rule(element, here)


MESSAGE: dict[str, Rule] = {
    "header": _header,
    "section": _section,
    "divider": _divider,
    "context": _context,
    "actions": _actions,
}
MODAL: dict[str, Rule] = {**MESSAGE, "input": _input, "rich_text": _rich_text}
