"""The doorbell: "look now", after a commit. It carries no content; when it is lost, the readers' polls go on.

`say` tells all processes a few words beside it, such as who is typing: what may be lost, and is kept nowhere.

Within a process it is a call. Between processes it is Redis when that is set, else PostgreSQL's NOTIFY, rung once
per turn of the loop from one connection: inside parallel writing transactions NOTIFY would halve the commits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import asyncpg
import structlog

from newsroom.database import Database

CHANNEL, WORDS = "newsroom_event", "newsroom_words"
MOST_WORDS = 1000  # that wait to be told while the line is down; older ones are no longer true
RETRY_SECONDS = 2.0
AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

log = structlog.get_logger()


class Doorbell:
    """Call it after each commit that stored a delivery or wrote an event."""

    def __init__(self, database: Database, listen_url: str = "", redis_url: str = ""):
        self._database = database
        self._listen_url = listen_url or database.url
        self._away: tuple[type[Exception], ...] = AWAY
        self._redis: Callable[..., Any] | None = None
        if redis_url:
            import redis.asyncio  # costs every start a fifth of a second; most houses have none
            self._redis = partial(redis.asyncio.from_url, redis_url)
            self._away = (*AWAY, redis.RedisError)
        self._listeners: list[Callable[[], None]] = []
        self._hearers: list[Callable[[str], None]] = []
        self._words: deque[str] = deque(maxlen=MOST_WORDS)
        self._rung = False
        self._due = asyncio.Event()

    def rings(self, *listeners: Callable[[], None]) -> None:
        """Call these, without waiting, whenever it rings here or in another process."""
        self._listeners += listeners

    def hears(self, hearer: Callable[[str], None]) -> None:
        """Call this with the words that are said, here once and perhaps a second time, and in other processes."""
        self._hearers.append(hearer)

    def __call__(self) -> None:
        self._wake()
        self._rung = True
        self._due.set()

    def say(self, words: str) -> None:
        """Tell every process, at most 8000 bytes (NOTIFY)."""
        self._hear_words(words)
        self._words.append(words)
        self._due.set()

    async def run(self) -> None:
        """Tell other processes and hear them, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._tell())
            tasks.create_task(self._hear())

    def _wake(self) -> None:
        for listener in self._listeners:
            listener()

    def _hear_words(self, words: str) -> None:
        for hearer in self._hearers:
            hearer(words)

    async def _tell(self) -> None:
        client = self._redis() if self._redis else None
        try:
            while True:
                await self._due.wait()
                self._due.clear()
                notices = [(CHANNEL, "")] * self._rung + [(WORDS, words) for words in self._words]
                self._rung = False
                self._words.clear()
                if not notices:
                    continue
                try:
                    if client is not None:
                        for name, words in notices:
                            await client.publish(name, words)
                    else:
                        async with self._database.connection() as connection:
                            # wake the readers of other processes; they ask the table
                            await connection.execute("select pg_notify(n, w) from unnest($1::text[], $2::text[])"
                                                     " as t(n, w)", *zip(*notices, strict=True))
                except self._away as error:
                    log.warning("doorbell not rung", error=type(error).__name__)
        finally:
            if client is not None:
                await client.aclose()

    async def _hear(self) -> None:
        said = False
        while True:
            try:
                await (self._hear_redis() if self._redis else self._hear_postgres())
            except self._away as error:
                if not said:
                    log.warning("doorbell not heard", error=type(error).__name__)
                said = True
            await asyncio.sleep(RETRY_SECONDS)

    async def _hear_redis(self) -> None:
        # without a time limit on reading: redis-py's own default of 5 s ends a quiet subscription
        client = self._redis(socket_timeout=None, health_check_interval=15)
        try:
            async with client.pubsub(ignore_subscribe_messages=True) as subscription:
                await subscription.subscribe(CHANNEL, WORDS)
                self._wake()
                async for notice in subscription.listen():
                    if notice["channel"].decode() == WORDS:
                        self._hear_words(notice["data"].decode())
                    else:
                        self._wake()
        finally:
            await client.aclose()

    async def _hear_postgres(self) -> None:
        connection = await asyncpg.connect(self._listen_url)
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._wake())
            await connection.add_listener(WORDS, lambda *found: self._hear_words(found[3]))
            self._wake()
            await ended.wait()
        finally:
            connection.terminate()
