"""What a server says about its tools, as it was heard passing by."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import cast

from jsonschema import Draft202012Validator, SchemaError
from mcp.shared.inbound import find_invalid_x_mcp_header, mcp_param_headers, x_mcp_header_map

from signoff_agents.mcp.messages import Document, part

PAGES = 100
"""Pages of a list of tools that are read."""
TITLE = 300
"""Characters of a title."""

Page = Callable[[str | None], Awaitable[Document | None]]
"""From a cursor to the result of `tools/list`; None when the server gives none."""

log = logging.getLogger("signoff")


class Catalogue:
    """Tools by name. One server tells everybody the same, or nearly: people see schemas here, rights live elsewhere."""

    def __init__(self) -> None:
        self._tools: dict[str, Document] = {}
        self._complete = False

    def heard(self, result: Mapping[str, object]) -> None:
        """A page of the list passed by."""
        tools = result.get("tools")
        for tool in cast("list[object]", tools) if isinstance(tools, list) else []:
            if isinstance(tool, dict) and isinstance(name := cast("Document", tool).get("name"), str):
                self._tools[name] = cast("Document", tool)

    def known(self, name: str) -> Document:
        """What has been heard of one tool."""
        return self._tools.get(name, {})

    def forget(self) -> None:
        """The list has changed."""
        self._tools.clear()
        self._complete = False

    async def find(self, name: str, page: Page) -> Document:
        """What is said about one tool; empty for a tool that the server does not speak of."""
        if name not in self._tools and not self._complete:
            cursor: str | None = None
            for _ in range(PAGES):
                result = await page(cursor)
                if result is None:
                    return {}  # it may answer next time
                self.heard(result)
                following = result.get("nextCursor")
                if name in self._tools or not isinstance(following, str) or following == cursor:
                    break
                cursor = following
            self._complete = name not in self._tools
        return self._tools.get(name, {})


def schema_of(tool: Mapping[str, object]) -> Document | None:
    """The arguments' schema where it can be shown. Most servers name an older dialect and keep to what both have."""
    schema = {name: value for name, value in part(tool, "inputSchema").items() if name not in {"$schema", "$id"}}
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError:
        log.warning("the schema of %s is not JSON Schema 2020-12; people see its arguments without", tool.get("name"))
        return None
    return schema or None


def title_of(tool: Mapping[str, object]) -> str | None:
    title = tool.get("title") or part(tool, "annotations").get("title")
    return title[:TITLE] if isinstance(title, str) and title.strip() else None


def headers_of(tool: Mapping[str, object], arguments: Mapping[str, object]) -> dict[str, str]:
    """The `Mcp-Param-*` headers that a call with these arguments carries since protocol 2026-07-28."""
    schema = part(tool, "inputSchema")
    if find_invalid_x_mcp_header(schema) is not None:
        return {}
    return mcp_param_headers(x_mcp_header_map(schema), arguments)
