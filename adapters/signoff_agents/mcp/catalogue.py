"""What a server says about its tools, as it was heard passing by."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from jsonschema import Draft202012Validator, SchemaError
from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

from signoff.errors import where
from signoff.model import dumps
from signoff_agents.mcp.messages import Document, part

PAGES = 100
"""Pages of a list of tools that are read."""
LOOKUP = 5.0
"""Seconds that a server may take to say what its tools are; then people see the arguments without a schema."""
TITLE = 300
"""Characters of a title."""

Page = Callable[[str | None], Awaitable[Document | None]]
"""From a cursor to the result of `tools/list`; None when the server gives none."""

log = logging.getLogger("signoff")


class Catalogue:
    """Tools by name. One server tells everybody the same, or nearly: people see schemas here, rights live elsewhere."""

    def __init__(self) -> None:
        self._tools: dict[str, Document] = {}
        self._reading: dict[str, asyncio.Task[set[str] | None]] = {}
        """Who asks → the list as it is being read for them, once for all of their calls."""

    def heard(self, result: Mapping[str, object]) -> set[str]:
        """A page of the list passed by. The names on it."""
        tools = result.get("tools")
        names: set[str] = set()
        for tool in cast("list[object]", tools) if isinstance(tools, list) else []:
            if isinstance(tool, dict) and isinstance(name := cast("Document", tool).get("name"), str):
                self._tools[name] = cast("Document", tool)
                names.add(name)
        return names

    def known(self, name: str) -> Document:
        """What has been heard of one tool."""
        return self._tools.get(name, {})

    def forget(self) -> None:
        """The list has changed."""
        self._tools.clear()

    async def find(self, name: str, whose: str, page: Page) -> Document | None:
        """What is said about one tool. A name that has not been heard is looked up each time.

        None: the server has no such tool, by the whole of its list as it gives it to `whose`. Empty: that cannot be
        known, because it gives no list, or not all of it in time.
        """
        if name in self._tools:
            return self._tools[name]
        reading = self._reading.get(whose)
        if reading is None:
            reading = self._reading[whose] = asyncio.create_task(self._read(page))
            reading.add_done_callback(lambda _: self._reading.pop(whose))
        names = await asyncio.shield(reading)
        if names is not None and name not in names | self._tools.keys():
            return None
        return self.known(name)

    async def _read(self, page: Page) -> set[str] | None:
        """The names of all tools; None when the list was not heard to its end."""
        names: set[str] = set()
        cursor: str | None = None
        try:
            async with asyncio.timeout(LOOKUP):
                for _ in range(PAGES):
                    result = await page(cursor)
                    if result is None or not isinstance(result.get("tools"), list):
                        return None
                    names |= self.heard(result)
                    following = result.get("nextCursor")
                    if following is None or following == "":
                        return names
                    if not isinstance(following, str) or following == cursor:
                        return None
                    cursor = following
        except (TimeoutError, OSError) as error:
            log.warning("the server did not list its tools: %s", where(error))
        return None


def schema_of(tool: Mapping[str, object]) -> Document | None:
    """The arguments' schema where it can be shown. Most servers name an older dialect and keep to what both have."""
    schema = {name: value for name, value in part(tool, "inputSchema").items() if name not in {"$schema", "$id"}}
    if not _is_2020(dumps(schema)):
        log.warning("the schema of %s is not JSON Schema 2020-12; people see its arguments without", tool.get("name"))
        return None
    return schema or None


@functools.lru_cache(maxsize=256)
def _is_2020(text: str) -> bool:
    """Tools are called again and again, and this takes longer than all else that is done for a call here."""
    try:
        Draft202012Validator.check_schema(json.loads(text))
    except SchemaError:
        return False
    return True


def title_of(tool: Mapping[str, object]) -> str | None:
    title = tool.get("title") or part(tool, "annotations").get("title")
    return title[:TITLE] if isinstance(title, str) and title.strip() else None


def headers_of(tool: Mapping[str, object], arguments: Mapping[str, object]) -> dict[str, str]:
    """The `Mcp-Param-*` headers that a call with these arguments carries since protocol 2026-07-28."""
    schema = part(tool, "inputSchema")
    if find_invalid_x_mcp_header(schema) is not None:
        return {}
    return mcp_param_headers(x_mcp_header_map(schema), arguments)
