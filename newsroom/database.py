"""The database: a pool, transactions, migrations under a lock."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

MIGRATION_LOCK = 7263000  # advisory; only one process migrates at a time
SCHEMA = Path(__file__).parent / "schema"
RETRY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)

NOTHING = "-"  # the name of no class

Connection = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy


class Database:
    """A pool of connections as the plain role. `transaction()` for verbs, `snapshot()` for pages.

    With `wall`, everything goes on behind row-level security (schema/008_wall.sql); see `seen_by`.
    """

    def __init__(self, pool: asyncpg.Pool, url: str, wall: str = ""):
        self.pool = pool
        self.url = url
        self._wall = wall

    def seen_by(self, classes: Iterable[str]) -> Database:
        """The same pool for one person: conversations of other visibility classes do not exist, whatever is asked."""
        return Database(self.pool, self.url, " ".join(sorted(classes)) or NOTHING)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """One read-write transaction; its events get their ids inside COMMIT."""
        async with self.pool.acquire() as connection, connection.transaction():
            await self._raise_wall(connection)
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Connection]:
        """One repeatable-read, read-only view: page and position agree."""
        async with self.pool.acquire() as connection:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await self._raise_wall(connection)
                yield connection

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection for single statements: without a transaction, unless it is walled."""
        if self._wall:
            async with self.transaction() as connection:
                yield connection
        else:
            async with self.pool.acquire() as connection:
                yield connection

    async def _raise_wall(self, connection: Connection) -> None:
        if self._wall:
            # until this transaction ends; safe behind a pooler too
            await connection.execute("select set_config('newsroom.classes', $1, true)", self._wall)

    async def answers(self) -> None:
        """Raise when the database does not answer."""
        async with self.connection() as connection:
            # any answer will do
            await connection.fetchval("select 1")

    async def close(self) -> None:
        await self.pool.close()


async def take_wall_down(connection: Connection) -> None:
    """For the rest of this transaction: a verb was allowed on a conversation that was found behind the wall. What it
    takes along may lie outside, such as the team that gets it, or another message with the same file."""
    await connection.execute("select set_config('newsroom.classes', '', true)")


async def connect(url: str, size: int = 10) -> Database:
    """A pool of at most `size` connections to `url`, with JSON as Python values."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=size, init=prepare, command_timeout=30,
                                     server_settings={"application_name": "newsroom"})
    return Database(pool, url)


async def prepare(connection: asyncpg.Connection) -> None:
    """JSON columns as Python values, on this connection. A parameter may be dataclasses too: many rows travel as
    one JSON list, which costs half of sending each by itself."""
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_dump, decoder=msgspec.json.decode)


async def migrate(url: str) -> list[str]:
    """Apply every file of schema/ not applied yet, each in its own transaction, under a lock. Forward only.

    `url` is the role that owns the tables. Returns the names applied. Raises `RuntimeError` when a file that was
    applied has changed since.
    """
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("select pg_advisory_lock($1)", MIGRATION_LOCK)
        # which files were applied, with their checksum
        await connection.execute("create table if not exists migration (name text primary key,"
                                 " sha256 text not null, at timestamptz not null default now())")
        applied = dict(await connection.fetch("select name, sha256 from migration"))
        return [path.name for path in sorted(SCHEMA.glob("*.sql")) if await _apply(connection, path, applied)]
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection, path: Path, applied: dict[str, str]) -> bool:
    text = path.read_text(encoding="utf-8")
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    if path.name in applied:
        if applied[path.name] != sha256:
            raise RuntimeError(f"schema/{path.name} changed after it was applied; add a new file instead.")
        return False
    async with connection.transaction():
        await connection.execute(text)
        await connection.execute("insert into migration (name, sha256) values ($1, $2)", path.name, sha256)
    return True


def _dump(value: Any) -> str:
    return msgspec.json.encode(value).decode()
