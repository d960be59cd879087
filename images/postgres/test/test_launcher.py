"""What the launcher adds to upstream, without a database. Run in the image, where the packages are; see the proof."""

import asyncio
import inspect
import unittest
from types import SimpleNamespace
from unittest.mock import AsyncMock, Mock

import psycopg
from mcp.server.fastmcp import FastMCP
from mcp.types import TextContent

from mcp_postgres import __main__ as launcher
from mcp_postgres import constraints, secrets
from mcp_postgres.connections import Connections, NoConnection, PoolOfThisCall
from mcp_postgres.tools import MOST, Tools
from postgres_mcp.sql import SafeSqlDriver


def fake_connection() -> Mock:
    return Mock(close=AsyncMock(), commit=AsyncMock(), rollback=AsyncMock(), pgconn=SimpleNamespace(get_cancel=Mock))


def upstream(answer: str = "[]") -> FastMCP:
    server = FastMCP("fake")

    @server.tool()
    async def ask(sql: str, method: str = "dta") -> list[TextContent]:
        return [TextContent(type="text", text=answer)]

    return server


class OneConnectionForEachCall(unittest.IsolatedAsyncioTestCase):
    async def test_statements_of_a_call_share_one_and_it_is_closed(self) -> None:
        made = [fake_connection(), fake_connection()]
        connections = Connections(5, connect=AsyncMock(side_effect=made))
        pool = PoolOfThisCall()

        async def call() -> list[object]:
            async with connections.for_call("app", psycopg.AsyncCursor):
                used = []
                for _ in range(2):
                    await asyncio.sleep(0)
                    async with (await pool.pool_connect()).connection() as connection:
                        used.append(connection)
                return used

        first, second = await asyncio.gather(call(), call())
        self.assertEqual([first, second], [[made[0]] * 2, [made[1]] * 2])
        for connection in made:
            connection.close.assert_awaited_once()
            self.assertEqual(connection.commit.await_count, 2)

    async def test_a_cancelled_call_stops_its_statement(self) -> None:
        connection, stop = fake_connection(), Mock()
        connection.pgconn = SimpleNamespace(get_cancel=lambda: stop)
        connections = Connections(1, connect=AsyncMock(return_value=connection))

        async def call() -> None:
            async with connections.for_call("app", psycopg.AsyncCursor):
                await asyncio.sleep(60)

        task = asyncio.create_task(call())
        await asyncio.sleep(0.01)
        task.cancel()
        with self.assertRaises(asyncio.CancelledError):
            await task
        stop.cancel.assert_called_once_with()
        connection.close.assert_awaited_once()

    async def test_one_too_many_waits_and_is_told(self) -> None:
        connections = Connections(1, wait=0.01, connect=AsyncMock(return_value=fake_connection()))
        async with connections.for_call("app", psycopg.AsyncCursor):
            with self.assertRaisesRegex(NoConnection, '^database "app": all 1 connections were busy for 0.01 s; try again$'):
                async with connections.for_call("app", psycopg.AsyncCursor):
                    self.fail("there was one more")
        async with connections.for_call("app", psycopg.AsyncCursor):
            pass

    async def test_a_result_without_room_is_an_error_in_words(self) -> None:
        connection = fake_connection()
        connections = Connections(1, connect=AsyncMock(return_value=connection))
        with self.assertRaisesRegex(ValueError, "^the result takes more memory than there is; ask for fewer rows"):
            async with connections.for_call("app", psycopg.AsyncCursor), PoolOfThisCall().connection():
                raise MemoryError
        connection.rollback.assert_awaited_once()


class ToolsAsClientsSeeThem(unittest.IsolatedAsyncioTestCase):
    def tools(self, *databases: str, answer: str = "[]", connect: AsyncMock | None = None) -> tuple[Tools, AsyncMock]:
        connect = connect or AsyncMock(side_effect=lambda **_: fake_connection())
        return Tools(upstream(answer), databases, Connections(5, connect=connect)), connect

    async def test_a_database_can_be_chosen_where_there_are_several(self) -> None:
        for databases in (["app"], ["app", "sales"]):
            tools, _ = self.tools(*databases)
            [tool] = await tools.list()
            schema = tool.inputSchema["properties"].get("database")
            expected = {
                "type": "string",
                "title": "Database",
                "description": "Database to use",
                "enum": ["app", "sales"],
                "default": "app",
            }
            self.assertEqual(schema, expected if len(databases) > 1 else None)
            self.assertEqual(tool.inputSchema["required"], ["sql"])
            self.assertEqual(tool.inputSchema["properties"]["method"]["enum"], ["dta"])

    async def test_calls_go_to_the_database_that_they_name(self) -> None:
        tools, connect = self.tools("app", "sales")
        for named in ({}, {"database": "sales"}):
            self.assertFalse((await tools.call("ask", {"sql": "select 1", **named})).isError)
        self.assertEqual([call.kwargs["dbname"] for call in connect.await_args_list], ["app", "sales"])

    async def test_another_database_is_refused_also_where_there_is_one(self) -> None:
        tools, connect = self.tools("app")
        result = await tools.call("ask", {"sql": "select 1", "database": "sales"})
        self.assertTrue(result.isError)
        self.assertEqual(result.content[0].text, "Error: there is no database 'sales' here; use one of: app")
        connect.assert_not_awaited()

    async def test_an_unreachable_database_is_an_error_in_words(self) -> None:
        tools, _ = self.tools("app", connect=AsyncMock(side_effect=psycopg.OperationalError("refused\n  more")))
        with self.assertLogs("mcp_postgres.tools", "WARNING"):
            result = await tools.call("ask", {"sql": "select 1"})
        self.assertTrue(result.isError)
        self.assertEqual(result.content[0].text, 'Error: database "app" cannot be reached: refused; try again later')

    async def test_upstreams_errors_are_marked_and_kept_as_they_are(self) -> None:
        for text, failed in (
            ("Error: column does not exist", True),
            ("Error getting slow queries: no", True),
            ("{'error': 'no'}", True),
            ("[{'a': 'Error'}]", False),
        ):
            result = await self.tools("app", answer=text)[0].call("ask", {"sql": "x"})
            self.assertEqual((result.content[0].text, result.isError), (text, failed))

    async def test_a_result_that_is_too_long_is_refused(self) -> None:
        result = await self.tools("app", answer="x" * (MOST + 1))[0].call("ask", {"sql": "x"})
        self.assertTrue(result.isError)
        self.assertEqual(
            result.content[0].text,
            "Error: the result has 4194305 characters, 4194304 are allowed; ask for fewer rows or columns",
        )


class WhatItChangesOfUpstream(unittest.TestCase):
    def test_constraints_are_read_where_upstream_reads_them(self) -> None:
        self.assertEqual(inspect.getsource(launcher.server.get_object_details).count(constraints.HIDING), 1)

    def test_tables_with_secrets_are_refused_wherever_they_stand(self) -> None:
        secrets.keep()
        driver = SafeSqlDriver(Mock())
        driver._validate("SELECT rolname FROM pg_roles")
        for sql in (
            "TABLE pg_authid",
            'SELECT 1 FROM pg_catalog."pg_shadow"',
            "SELECT (SELECT max(subconninfo) FROM pg_subscription)",
            "WITH a AS (SELECT * FROM pg_user_mapping) SELECT * FROM a",
        ):
            with self.assertRaises(ValueError, msg=sql):
                driver._validate(sql)

    def test_the_packages_of_the_web_service_are_not_loaded(self) -> None:
        with self.assertRaisesRegex(ValueError, "use 'dta'"):
            launcher.server.LLMOptimizerTool(None)


if __name__ == "__main__":
    unittest.main()
