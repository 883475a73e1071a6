"""The collectors: one supervised task per channel that we listen to.

Each batch and its cursor are committed in one transaction before the next batch is asked for, so that a crash
repeats at most one batch, and a repeated delivery is recognised by its key. A channel has one owner among all
processes. A channel that fails is tried again ever more slowly and never holds up another.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import structlog

from connectors import Batch, ChannelError, Delivery, DeliveryKey, Listener, SignInNeeded, TryLater
from newsroom import channel, delivery, probe
from newsroom.channel import Channel
from newsroom.claim import Claims
from newsroom.database import Database

CLAIMS = 7263003  # the space of the claims on channels
UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")  # in a text column
DATABASE_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)

log = structlog.get_logger("newsroom.collect")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the first wait after a failure, the longest, how long a connection must hold to count as good, after
    how long faltering becomes down, and how often the channels are looked at: at most, and at least."""

    first: float = 1.0
    longest: float = 300.0
    settled: float = 10.0
    down_after: float = 300.0
    poll: float = 5.0
    rest: float = 0.3


@dataclass(slots=True)
class Trouble:
    """How long a channel fails, and what the last failure was."""

    tries: int = 0
    since: float = 0.0
    last: str = ""


class Collector:
    """Listens until cancelled. `stored` is called after each commit of deliveries; `claims_url` is a direct
    connection, when the database's own goes through a pooler."""

    def __init__(self, database: Database, channels: channel.Live, stored: Callable[[], None], claims_url: str = "",
                 pace: Pace | None = None):
        self._database = database
        self._channels = channels
        self._stored = stored
        self._claims = Claims(claims_url or database.url, CLAIMS)
        self._pace = pace or Pace()
        self._running: dict[int, tuple[tuple, asyncio.Task[None]]] = {}
        self._bell = asyncio.Event()

    def wake(self) -> None:
        """Look at the channels soon: something about them may have changed."""
        self._bell.set()

    async def run(self) -> None:
        """Keep a task for every channel that is ours, until cancelled."""
        try:
            while True:
                try:
                    await self._arrange()
                except DATABASE_AWAY as error:
                    log.error("collector waits for the database", error=type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), self._pace.poll)
                await asyncio.sleep(self._pace.rest)  # the bell rings for every commit of the house
                self._bell.clear()
        finally:
            await self._stop(list(self._running))
            await self._claims.close()

    async def _arrange(self) -> None:
        """Start, restart and stop tasks, so that they are what the channels ask."""
        if self._running and await self._claims.lost():
            log.warning("collector lost its claims")
            await self._stop(list(self._running))
        async with self._database.connection() as connection:
            rows = await channel.every(connection)
        wanted = {row.id: row for row in rows if self._listens(row)}
        over = [id for id, (version, _) in self._running.items() if id not in wanted or _version(wanted[id]) != version]
        await self._stop(over)
        for id in set(over) - wanted.keys():
            await self._claims.give_back(id)
        for id, row in wanted.items():
            if id not in self._running and await self._claims.take(id):
                self._running[id] = (_version(row), asyncio.create_task(self._keep(id), name=f"channel {id}"))
        for row in rows:
            if row.id not in wanted and row.kind in self._channels.kinds \
                    and row.health_cause == str(channel.PartMissing(row.kind)):
                await self._health(row.id, "new", "")  # its part is there again, and nobody tried it yet

    def _listens(self, row: Channel) -> bool:
        kind = self._channels.kinds.get(row.kind)
        return row.mode != "paused" and (kind is None or issubclass(kind, Listener))

    async def _stop(self, ids: list[int]) -> None:
        tasks = [self._running.pop(id)[1] for id in ids]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep(self, id: int) -> None:
        """Listen to one channel for ever."""
        trouble = Trouble()
        while True:
            try:
                await self._listen(id, trouble)
                await self._well(id, trouble)
                wait = self._pace.first  # it ended by itself: a source that is asked now and again
            except _Away as error:
                log.error("channel waits for the database", channel=id, error=type(error.__cause__).__name__)
                wait = self._after(trouble)
            except _Moved:
                log.warning("channel has another reader", channel=id)
                wait = self._after(trouble)
            except Exception as error:
                wait = await self._failed(id, error, trouble)
            await asyncio.sleep(wait)

    async def _listen(self, id: int, trouble: Trouble) -> None:
        try:
            async with self._database.connection() as connection:
                row = await channel.get(connection, id)
        except DATABASE_AWAY as error:
            raise _Away from error
        connector = self._channels.make(row)
        settled = asyncio.create_task(self._settle(id, trouble))
        try:
            cursor: Mapping[str, Any] = row.cursor
            async with aclosing(connector.listen(cursor)) as batches:  # type: ignore[attr-defined]
                async for batch in batches:
                    await self._store(id, cursor, batch)
                    cursor = batch.cursor
                    if not trouble.tries:  # after trouble only time tells: it may fail again at once
                        await self._well(id, trouble)
        finally:
            settled.cancel()
            await probe.close(connector)

    async def _store(self, id: int, cursor: Mapping[str, Any], batch: Batch) -> None:
        """One transaction: what came, and from where to go on."""
        items = [(id, storable(item)) for item in batch.deliveries]
        try:
            async with self._database.transaction() as connection:
                for start in range(0, len(items), delivery.BATCH):
                    await delivery.store(connection, items[start:start + delivery.BATCH])
                if not await channel.advance(connection, id, cursor, batch.cursor, _now() if items else None):
                    raise _Moved
        except DATABASE_AWAY as error:
            raise _Away from error
        if items:
            self._stored()

    async def _settle(self, id: int, trouble: Trouble) -> None:
        """A quiet mailbox is well too."""
        await asyncio.sleep(self._pace.settled)
        await self._well(id, trouble)

    async def _well(self, id: int, trouble: Trouble) -> None:
        if trouble.last != WELL:
            trouble.tries, trouble.last = 0, WELL
            await self._health(id, "ok", "")

    async def _failed(self, id: int, error: Exception, trouble: Trouble) -> float:
        """Tell what is wrong, once, and give the seconds until the next try."""
        if not trouble.tries:
            trouble.since = time.monotonic()
        if not isinstance(error, ChannelError | OSError) and trouble.last != type(error).__name__:
            log.error("listener failed", channel=id, error=type(error).__name__, where=probe.where(error))
        trouble.last = type(error).__name__
        long = time.monotonic() - trouble.since >= self._pace.down_after
        refused = isinstance(error, SignInNeeded)
        wrong_key = refused and not isinstance(error, channel.PartMissing)
        await self._health(id, "down" if long or refused else "faltering", cause(error), wrong_key)
        wait = self._after(trouble)
        if refused:
            return self._pace.longest  # new settings start it at once
        return max(wait, error.after) if isinstance(error, TryLater) else wait

    def _after(self, trouble: Trouble) -> float:
        """Twice as long each time, and not for all channels at the same moment."""
        wait = min(self._pace.first * 2 ** min(trouble.tries, 30), self._pace.longest)
        trouble.tries += 1
        return wait * random.uniform(0.75, 1.0)

    async def _health(self, id: int, health: str, why: str, key_refused: bool = False) -> None:
        try:
            async with self._database.transaction() as connection:
                changed = await channel.set_health(connection, id, health, why, _now(), key_refused)
        except DATABASE_AWAY as error:
            log.error("health waits for the database", channel=id, error=type(error).__name__)
        else:
            if changed:
                self._stored()


WELL = "well"


class _Away(Exception):
    """Our own database does not answer: nothing is wrong with the channel."""


class _Moved(Exception):
    """The cursor is not where we left it."""


def cause(error: Exception) -> str:
    """What is wrong, in plain Dutch."""
    if isinstance(error, ChannelError):
        return str(error)
    if isinstance(error, OSError):
        return "De bron geeft geen antwoord. Wij proberen het steeds opnieuw."
    return "Het lezen gaat mis. Wij proberen het steeds opnieuw. Meer staat in het logboek van de server."


def storable(item: Delivery) -> Delivery:
    """Without the characters that the database cannot keep: one odd key must not hold up the rest."""
    texts = [item.key, item.content_type, *item.meta.keys(), *item.meta.values()]
    if not any(UNSTORABLE.search(text) for text in texts):
        return item
    return replace(item, key=DeliveryKey(cleaned(item.key)), content_type=cleaned(item.content_type),
                   meta={cleaned(name): cleaned(text) for name, text in item.meta.items()})


def cleaned(text: str) -> str:
    """A text as a text column can hold it."""
    return UNSTORABLE.sub("\ufffd", text)


def _version(row: Channel) -> tuple:
    """What a listener is made from: another version asks for another listener."""
    return row.kind, row.settings, row.secrets, row.retried_at


def _now() -> datetime:
    return datetime.now(UTC)
