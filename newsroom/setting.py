"""What an administrator set, by name: one JSON value each."""

from __future__ import annotations

from typing import Any

from newsroom.database import Connection


async def read(connection: Connection, name: str, default: Any = None) -> Any:
    """The value, or `default` when nobody set it."""
    # one setting of the house
    value = await connection.fetchval("select value from setting where name = $1", name)
    return default if value is None else value


async def write(connection: Connection, name: str, value: Any) -> None:
    """Set it."""
    # the latest value counts
    await connection.execute("insert into setting (name, value) values ($1, $2)"
                             " on conflict (name) do update set value = excluded.value", name, value)
