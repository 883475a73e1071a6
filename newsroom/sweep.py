"""The sweep: what was kept for a short while only is forgotten in time, by night and by day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import structlog

from newsroom import chat, draft, form_file, limit, link
from newsroom.database import Database

EVERY_SECONDS = 900.0  # how much longer than a day a file of an unsent form may stay

log = structlog.get_logger()


async def sweep(database: Database, at: datetime) -> None:
    """Forget files of forms that were not sent, counts of past minutes, links that are over, old drafts, and chats
    without a word."""
    async with database.connection() as connection:
        await form_file.clean(connection, at)
        await limit.clean(connection, at)
        await link.clean(connection, at)
        await draft.clean(connection, at)
        await chat.clean(connection, at)


async def run(database: Database) -> None:
    """Sweep now and every quarter, until cancelled."""
    while True:
        try:
            await sweep(database, datetime.now(UTC))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.error("the sweep waits for the database", error=type(error).__name__)
        await asyncio.sleep(EVERY_SECONDS)
