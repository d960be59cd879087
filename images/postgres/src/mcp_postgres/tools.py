"""Upstream's tools as clients see them: with a database to choose, where there are several, and with honest results."""

import logging
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import psycopg
from mcp.server.fastmcp import FastMCP
from mcp.types import CallToolResult, TextContent, Tool

from .connections import Connections, NoConnection
from .constraints import ShowingConstraints

log = logging.getLogger(__name__)

#: Characters of a result. It is sent twice (text and structured), and the bridge ends a server that writes 64 MiB.
MOST = 4 * 1024 * 1024

#: How upstream's errors begin, which it returns like any other text; no result of a success begins like this.
_ERRORS = ("Error", "{'error':")


class Tools:
    def __init__(self, upstream: FastMCP, databases: Sequence[str], connections: Connections) -> None:
        self._upstream = upstream
        self._databases = list(databases)
        self._connections = connections

    async def list(self) -> list[Tool]:
        return [self._described(tool) for tool in await self._upstream.list_tools()]

    def _described(self, tool: Tool) -> Tool:
        schema = deepcopy(tool.inputSchema)
        properties = schema.setdefault("properties", {})
        if "method" in properties:
            properties["method"]["enum"] = ["dta"]
        if len(self._databases) > 1:
            properties["database"] = {
                "type": "string",
                "title": "Database",
                "description": "Database to use",
                "enum": self._databases,
                "default": self._databases[0],
            }
        return tool.model_copy(update={"inputSchema": schema})

    async def call(self, name: str, arguments: dict[str, Any]) -> CallToolResult:
        """The database is looked at even where there is one: an answer from another than asked for would mislead."""
        arguments = dict(arguments)
        database = arguments.pop("database", self._databases[0])
        if database not in self._databases:
            return _failure(f"there is no database {database!r} here; use one of: {', '.join(self._databases)}")
        cursors = ShowingConstraints if name == "get_object_details" else psycopg.AsyncCursor
        try:
            async with self._connections.for_call(database, cursors):
                return _honest(await self._upstream.call_tool(name, arguments))
        except NoConnection as error:
            log.warning("%s", error)
            return _failure(str(error))


def _honest(result: Any) -> CallToolResult:
    """Upstream's result with `isError` where it is one, and an error in place of one that is too long."""
    content, structured = result if isinstance(result, tuple) else (result, None)
    texts = [block.text for block in content if isinstance(block, TextContent)]
    length = sum(map(len, texts))
    if length > MOST:
        return _failure(f"the result has {length} characters, {MOST} are allowed; ask for fewer rows or columns")
    failed = bool(texts) and texts[0].startswith(_ERRORS)
    return CallToolResult(content=list(content), structuredContent=structured, isError=failed)


def _failure(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=f"Error: {text}")], isError=True)
