"""The database of a run: a server as durable as the real one, on disk, and a fresh database per measurement."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from newsroom.database import Database, connect, migrate
from newsroom.embedded import EmbeddedPostgres
from tests.bench import million
from tests.postgres import TEMPLATE, Clones, TestDatabase

PREFIX = "newsroom-bench-"


class Place:
    """One server. `fresh()` gives an empty, migrated database; `connected()` also a pool to it; `filled(n)` a pool to
    one with a past, which the benches of one run share."""

    def __init__(self, clones: Clones):
        self._clones = clones
        self._filled: dict[int, TestDatabase] = {}

    async def fresh(self) -> TestDatabase:
        return await self._clones.make()

    async def drop(self, database: TestDatabase) -> None:
        await self._clones.drop(database)

    @asynccontextmanager
    async def filled(self, n: int, bare: bool = False) -> AsyncIterator[Database]:
        """`n` conversations and messages. `bare`: only conversations, and not kept."""
        made = self._filled.get(n) or await self.fresh()
        if n not in self._filled:
            start = time.perf_counter()
            await million.fill(made, n, bare)
            print(f"  filled with {n:,} in {time.perf_counter() - start:.0f} s", flush=True)
            if not bare:
                self._filled[n] = made
        pool = await connect(made.url, 20)
        try:
            yield pool
        finally:
            pool.pool.terminate()
            if bare:
                await self.drop(made)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Database]:
        made = await self.fresh()
        pool = await connect(made.url, 20)
        try:
            yield pool
        finally:
            pool.pool.terminate()
            await self.drop(made)


@asynccontextmanager
async def place() -> AsyncIterator[Place]:
    """The server, with the settings that Newsroom itself gives it: every commit reaches the disk."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/tmp"))
    folder.chmod(0o711)
    try:
        async with EmbeddedPostgres(folder) as server:
            connection = await asyncpg.connect(server.url("postgres", "postgres"))
            await connection.execute(f"create database {TEMPLATE} template newsroom owner newsroom_owner")
            await connection.close()
            await migrate(server.url("newsroom_owner", TEMPLATE))
            clones = Clones(server.url("postgres", TEMPLATE), "bench")
            try:
                yield Place(clones)
            finally:
                await clones.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
