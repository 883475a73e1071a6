"""A saved view: a filter and layout of the board under a name of one's own. Shared ones everybody has as a tab."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg

from newsroom.change import Wrong
from newsroom.database import Connection

MOST = 12  # of one person; each is counted on every board
LONGEST_NAME = 40  # characters


@dataclass(frozen=True, slots=True)
class SavedView:
    """`query` is that of the board's address; `own`: this person made it and may change it."""

    id: int
    name: str
    query: str
    shared: bool
    own: bool


async def seen_by(connection: Connection, account_id: int) -> list[SavedView]:
    """One's own views and what is shared, by name, own ones first."""
    # a handful of rows
    rows = await connection.fetch(
        "select id, name, query, shared, account_id = $1 as own from saved_view where account_id = $1 or shared"
        " order by account_id <> $1, lower(name), id limit $2", account_id, 2 * MOST)
    return [SavedView(**row) for row in rows]


async def save(connection: Connection, account_id: int, name: str, query: str, shared: bool) -> int:
    """Keep a view. Raises `Wrong` for a name that is empty, too long or used, and above the most."""
    name = _checked(name)
    # how many this person has
    if await connection.fetchval("select count(*) from saved_view where account_id = $1", account_id) >= MOST:
        raise Wrong("name", "wrong.many_views", n=MOST)
    try:
        async with connection.transaction():
            # a view of one's own
            return await connection.fetchval("insert into saved_view (account_id, name, query, shared)"
                                             " values ($1, $2, $3, $4) returning id", account_id, name, query, shared)
    except asyncpg.UniqueViolationError as error:
        raise Wrong("name", "wrong.name_taken") from error


async def rename(connection: Connection, account_id: int, id: int, name: str) -> bool:
    """Another name for one's own view; False: there is none. Raises `Wrong` as `save`."""
    name = _checked(name)
    try:
        async with connection.transaction():
            # only one's own
            return await connection.fetchval("update saved_view set name = $3 where id = $1 and account_id = $2"
                                             " returning true", id, account_id, name) or False
    except asyncpg.UniqueViolationError as error:
        raise Wrong("name", "wrong.name_taken") from error


async def remove(connection: Connection, account_id: int, id: int) -> bool:
    """Forget one's own view; False: there is none."""
    # only one's own
    return await connection.fetchval("delete from saved_view where id = $1 and account_id = $2 returning true",
                                     id, account_id) or False


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise Wrong("name", "wrong.label_name")
    return name
