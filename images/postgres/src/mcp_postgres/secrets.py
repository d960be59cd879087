"""Keeps what the system catalogues know of passwords from clients, in restricted mode.

`pg_read_all_data` reads these tables too, and upstream's check looks at statements and functions, not at tables.
"""

from pglast.ast import Node, RangeVar
from postgres_mcp.sql import SafeSqlDriver

#: Password verifiers, and connections to other servers with their passwords.
SECRET = frozenset({"pg_authid", "pg_shadow", "pg_user_mapping", "pg_subscription"})

_upstream = SafeSqlDriver._validate_node


def _validate_node(self: SafeSqlDriver, node: Node) -> None:
    if isinstance(node, RangeVar) and node.relname in SECRET:
        raise ValueError(f"{node.relname} holds secrets")
    _upstream(self, node)


def keep() -> None:
    """Upstream's check calls itself for each part of a statement by this name, so it is asked about every table."""
    SafeSqlDriver._validate_node = _validate_node
