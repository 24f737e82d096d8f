"""What Slack is answered to an interaction. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from slack_bolt.response import BoltResponse

from signoff.errors import Invalid
from signoff.forms import Form
from signoff_slack import ids, render
from signoff_slack.text import Json, cut

ERROR_TEXT = 300
"""Characters of an error at a field."""


def ack() -> BoltResponse:
    return BoltResponse(status=200, body="")


def refused(why: str) -> BoltResponse:
    return BoltResponse(status=400, body={"error": why})


def unwritten() -> BoltResponse:
    """No acknowledgement: nothing was recorded (I02)."""
    return BoltResponse(status=503, body={"error": "nothing was recorded"})


def errors(at: Mapping[str, str]) -> BoltResponse:
    found = {block: cut(sentence, ERROR_TEXT) for block, sentence in at.items()}
    return BoltResponse(status=200, body={"response_action": "errors", "errors": found})


def update(view: Json) -> BoltResponse:
    return BoltResponse(status=200, body={"response_action": "update", "view": view})


def clear() -> BoltResponse:
    """All modals are closed."""
    return BoltResponse(status=200, body={"response_action": "clear"})


def inputs(values: Mapping[str, Json]) -> list[str]:
    """The block ids of a form's inputs."""
    return [block for block in values if ids.read_block_id(block)]


def invalid(
    form: Form,
    values: Mapping[str, Json],
    typed: Mapping[str, str],
    error: Invalid,
    draw: Callable[[int, str], Json],
) -> BoltResponse:
    """Each fault at its field; if none of them is on this page, the page that has the first one: `draw` makes it from
    its first field and the fault.
    """
    index_of = {field.key: index for index, field in enumerate(form.fields)}
    shown: dict[str, str] = {}
    for key, sentence in error.fields.items():
        block = ids.block_id(form.purpose, index_of[key]) if key in index_of else ""
        if block in values:
            shown[block] = sentence
    if shown:
        return errors(shown)
    elsewhere = [key for key in error.fields if key in index_of]
    if elsewhere:
        index, sentence = index_of[elsewhere[0]], error.fields[elsewhere[0]]
        return update(draw(render.page_of(form, typed, index), f"{form.fields[index].label}: {sentence}"))
    there = inputs(values)
    return errors({there[0]: error.sentence}) if there else update(render.notice("Signoff", error.sentence))
