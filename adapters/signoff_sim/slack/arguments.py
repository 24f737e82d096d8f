"""Reads the arguments of a Web API call in every form the SDKs send them.

Python's SDK sends JSON, query strings and forms, depending on the method; Bolt for JavaScript sends forms whose nested
values are JSON text (measured with slack-sdk 3.47 and Bolt for JavaScript 5.1).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from signoff_sim.slack.shape import Json, SlackError, as_dict

NESTED = ("blocks", "view", "metadata", "attachments")
BODY_BYTES = 1_000_000


class BodyTooLargeError(Exception):
    """Answered 413."""


async def read_arguments(request: web.Request, limit: int | None) -> Json:
    """Body and query as one object. Raises SlackError (`invalid_json`, `invalid_form_data`), BodyTooLargeError."""
    try:
        raw = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyTooLargeError from error
    if limit is not None and len(raw) > limit:
        raise BodyTooLargeError
    arguments: Json = dict(request.query)
    kind = request.content_type
    if raw and kind == "application/json":
        try:
            arguments |= as_dict(json.loads(raw))
        except ValueError as error:
            raise SlackError("invalid_json") from error
    elif raw and kind == "application/x-www-form-urlencoded":
        try:
            arguments |= dict(parse_qsl(raw.decode(), keep_blank_values=True))
        except UnicodeDecodeError as error:
            raise SlackError("invalid_charset") from error
    elif raw:
        raise SlackError("invalid_post_type")
    return {key: _unpacked(key, value) for key, value in arguments.items()}


def _unpacked(name: str, value: Any) -> Any:
    if name in NESTED and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value  # the method answers in its own words
    return value
