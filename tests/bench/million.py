"""A house with a past, filled by the database itself; `million.sql` says with what."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import asyncpg

from tests.postgres import TestDatabase

WORKERS = 2  # the machine has two cores
PARTS = dict(re.findall(r"-- part: (\w+)\n(.*?;)\n(?=\n-- part|\Z)", Path(__file__).with_suffix(".sql").read_text(),
                        re.DOTALL))
HOUSE, REST = PARTS.pop("house"), PARTS.pop("rest")
# what is made faster after the rows than with them
INDEXES = ("select c.relname as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i"
           " join pg_class c on c.oid = i.indexrelid where i.indrelid = any($1::text[]::regclass[])"
           " and not exists (select from pg_constraint where conindid = i.indexrelid)")
SETTINGS = ("set session_replication_role = replica; set maintenance_work_mem = '512MB'; set synchronous_commit = off;"
            " set max_parallel_maintenance_workers = 1")


async def fill(database: TestDatabase, n: int, bare: bool = False) -> None:
    """`n` conversations of one message each, in an empty database; `bare`: only the conversations."""
    parts = {name: query for name, query in PARTS.items() if not bare or name == "conversation"}
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute(HOUSE)
    indexes = await connection.fetch(INDEXES, list(parts))
    for index in indexes:
        await connection.execute(f'drop index "{index["name"]}"')
    size = max(1, n // (WORKERS * 2))
    work = [(query, (start, min(start + size - 1, n), n)) for query in parts.values()
            for start in range(1, n + 1, size)]
    await _all(database, work)
    # the index of words takes longest, so it goes first
    definitions = sorted((index["definition"] for index in indexes), key=lambda text: " gin " not in text)
    await _all(database, [(definition, ()) for definition in definitions])
    await connection.execute(REST)
    await connection.execute("vacuum analyze")
    await connection.close()


async def _all(database: TestDatabase, work: list[tuple[str, tuple]]) -> None:
    """Run statements, so many at a time as there are cores."""
    waiting = iter(work)

    async def worker() -> None:
        connection = await asyncpg.connect(database.superuser_url)
        await connection.execute(SETTINGS)
        for query, arguments in waiting:
            await connection.execute(query, *arguments)
        await connection.close()

    await asyncio.gather(*(worker() for _ in range(WORKERS)))
