"""postgres-mcp, unchanged, for one or more databases and for many sessions in one process."""
