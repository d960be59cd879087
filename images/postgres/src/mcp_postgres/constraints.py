"""Constraints of tables, for a role that may only read.

`get_object_details` asks information_schema.table_constraints, which by the standard hides the constraints of tables
on which the role has no privilege but SELECT: a read-only role would be told that there are no keys at all.
"""

from typing import Any

import psycopg

#: What upstream reads from, as it is written there.
HIDING = "information_schema.table_constraints AS tc"

# The same columns from the catalogue. NOT NULL is left out: it is said of each column already.
_SHOWING = """(
    SELECT conname AS constraint_name, nspname AS table_schema, relname AS table_name,
           CASE contype WHEN 'c' THEN 'CHECK' WHEN 'f' THEN 'FOREIGN KEY' WHEN 'p' THEN 'PRIMARY KEY'
                        WHEN 'u' THEN 'UNIQUE' WHEN 'x' THEN 'EXCLUDE' END AS constraint_type
    FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE contype IN ('c', 'f', 'p', 'u', 'x') AND has_table_privilege(conrelid, 'SELECT')
) AS tc"""


class ShowingConstraints(psycopg.AsyncCursor[Any]):
    """Runs upstream's statements, the one about constraints against the catalogue."""

    async def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        return await super().execute(query.replace(HIDING, _SHOWING) if isinstance(query, str) else query, *args, **kwargs)
