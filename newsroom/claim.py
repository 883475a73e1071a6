"""Who owns what among the processes: each thing has at most one owner, which loses it when it dies.

A claim is an advisory lock of one dedicated session: the database itself gives it free when the session ends, without
a lease to tune. A session behind a pooler does not work; the address must be a direct one.
"""

from __future__ import annotations

import asyncio

import asyncpg


class Claims:
    """The claims of this process in one `space` (a number of its own per kind of thing)."""

    def __init__(self, url: str, space: int):
        self._url = url
        self._space = space
        self._connection: asyncpg.Connection | None = None
        self._one_at_a_time = asyncio.Lock()
        self._held: set[int] = set()

    async def take(self, id: int) -> bool:
        """Claim a thing; True when it is ours, also when it was already. Raises what the database raised."""
        async with self._one_at_a_time:
            connection = await self._session()
            # a second lock by the same session would count twice
            if id not in self._held and await connection.fetchval("select pg_try_advisory_lock($1, $2)",
                                                                  self._space, id):
                self._held.add(id)
            return id in self._held

    async def give_back(self, id: int) -> None:
        """Let another process have it."""
        async with self._one_at_a_time:
            if id in self._held and self._connection is not None:
                self._held.discard(id)
                try:
                    await self._connection.execute("select pg_advisory_unlock($1, $2)", self._space, id)
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    self._lose()  # with the session goes the lock

    async def lost(self) -> bool:
        """Whether the session is gone, and every claim with it."""
        async with self._one_at_a_time:
            if self._connection is None:
                return True
            try:
                await self._connection.fetchval("select 1", timeout=10)
                return False
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                self._lose()
                return True

    async def close(self) -> None:
        """End the session: all claims come free."""
        connection, self._connection = self._connection, None
        self._held.clear()
        if connection is not None and not connection.is_closed():
            try:
                await connection.close(timeout=2)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()

    async def _session(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._held.clear()
            self._connection = await asyncpg.connect(self._url, timeout=10, server_settings={
                "application_name": "newsroom claims"})
        return self._connection

    def _lose(self) -> None:
        self._held.clear()
        if self._connection is not None:
            self._connection.terminate()
        self._connection = None
