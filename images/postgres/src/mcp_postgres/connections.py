"""A connection for each tool call, a few of them at a time.

Upstream shares a pool between calls and takes any connection of it for each statement. Hypothetical indexes live in
one connection: with two calls at once they end up in the wrong one, and later plans show them. A connection that
lives as long as its call has nothing to leave behind, and a database that was away is simply there again.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar

import psycopg
from anyio import CancelScope
from postgres_mcp.sql import DbConnPool

Connect = Callable[..., Awaitable[psycopg.AsyncConnection]]

_of_this_call: ContextVar[psycopg.AsyncConnection] = ContextVar("connection of this call")


class NoConnection(Exception):
    """Why a call has no connection, in words for the client."""


class Connections:
    """Gives each call its connection. Host, user and password are libpq's PG* variables."""

    def __init__(self, at_once: int, *, wait: float = 10, connect: Connect = psycopg.AsyncConnection.connect) -> None:
        self._at_once = at_once
        self._free = asyncio.Semaphore(at_once)
        self._wait = wait
        self._connect = connect

    @asynccontextmanager
    async def for_call(self, database: str, cursors: type[psycopg.AsyncCursor]) -> AsyncIterator[None]:
        """While this is open, upstream's statements go to `database`, through cursors of this kind."""
        await self._turn(database)
        try:
            connection = await self._open(database, cursors)
            token = _of_this_call.set(connection)
            stop = connection.pgconn.get_cancel()
            try:
                yield
            except asyncio.CancelledError:
                # psycopg tries as well, but the second cancellation that anyio sends interrupts it.
                with CancelScope(shield=True), suppress(psycopg.Error):
                    await asyncio.to_thread(stop.cancel)
                raise
            finally:
                _of_this_call.reset(token)
                await connection.close()
        finally:
            self._free.release()

    async def _turn(self, database: str) -> None:
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise NoConnection(
                f'database "{database}": all {self._at_once} connections were busy for {self._wait:g} s; try again'
            ) from None

    async def _open(self, database: str, cursors: type[psycopg.AsyncCursor]) -> psycopg.AsyncConnection:
        try:
            return await self._connect(
                # Also said here, as errors would otherwise call the host None.
                host=os.environ.get("PGHOST"),
                dbname=database,
                connect_timeout=5,
                application_name="mcp-postgres",
                client_encoding="utf8",
                cursor_factory=cursors,
            )
        except psycopg.Error as error:
            raise NoConnection(f'database "{database}" cannot be reached: {_first_line(error)}; try again later') from error


class PoolOfThisCall(DbConnPool):
    """Stands where upstream has its pool, and always hands out the connection of the call that asks."""

    async def pool_connect(self, connection_url: str | None = None) -> "PoolOfThisCall":
        return self

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        connection = _of_this_call.get()
        try:
            yield connection
        except BaseException as error:
            # The error itself is what the client should read, also where the connection is lost with it.
            with suppress(psycopg.Error):
                await connection.rollback()
            if isinstance(error, MemoryError):
                raise ValueError("the result takes more memory than there is; ask for fewer rows or columns") from None
            raise
        await connection.commit()


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
