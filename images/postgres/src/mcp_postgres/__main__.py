"""Starts upstream's server with our connections and tools in it; `python3 -m mcp_postgres --help`."""

import argparse
import asyncio
import logging
import os
import resource
import sys

from . import llm_tuning

# Before upstream is imported, which would import its own.
sys.modules["postgres_mcp.index.llm_opt"] = llm_tuning

from postgres_mcp import server  # noqa: E402

from .connections import Connections, PoolOfThisCall  # noqa: E402
from . import secrets  # noqa: E402
from .tools import Tools  # noqa: E402


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="mcp_postgres", description="postgres-mcp for one or more databases")
    parser.add_argument("--access-mode", choices=[mode.value for mode in server.AccessMode], default="restricted")
    parser.add_argument(
        "--database", action="append", help="a database that clients may use; the first one unless they say which"
    )
    parser.add_argument("--connections", type=int, default=5, help="connections at once, of all sessions together")
    parser.add_argument("--memory", type=int, default=320, help="MiB; a result that takes more is an error")
    given = parser.parse_args()
    given.database = given.database or [os.environ.get("PGDATABASE") or os.environ.get("PGUSER") or "postgres"]
    return given


def main() -> None:
    given = arguments()
    # A result that does not fit is then the error of its own call, and not the end of the process that all share.
    resource.setrlimit(resource.RLIMIT_DATA, (given.memory << 20, given.memory << 20))
    # Upstream logs statements; what clients ask is nobody's business.
    logging.getLogger("postgres_mcp").setLevel(logging.CRITICAL)
    logging.getLogger("mcp").setLevel(logging.WARNING)
    secrets.keep()
    server.db_connection = PoolOfThisCall()
    tools = Tools(server.mcp, given.database, Connections(given.connections))
    server.mcp._mcp_server.list_tools()(tools.list)
    server.mcp._mcp_server.call_tool(validate_input=False)(tools.call)
    # Upstream's own start from here on; the URL is only for its check that there is one.
    sys.argv = ["postgres-mcp", f"--access-mode={given.access_mode}", "postgresql://"]
    os.environ.pop("DATABASE_URI", None)
    asyncio.run(server.main())


if __name__ == "__main__":
    main()
