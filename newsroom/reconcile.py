"""The reconciliation: do we hold every message that a source holds? Each hour for the last seven days, each night for
all. What is lacking is fetched again and takes the road of every delivery.

Whoever of several processes writes down that it begins does the work; one that dies leaves it to the next hour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from connectors import ChannelError, Completeness, Connector, Delivery, DeliveryKey, Expiring
from newsroom import channel, collect, delivery, nightly, probe
from newsroom.channel import Channel, Live
from newsroom.database import Connection, Database
from newsroom.event import Draft, record
from newsroom.incoming import indexable

HOUR = timedelta(hours=1)
LATELY = timedelta(days=7)
LOOK_SECONDS = 60.0  # how often it is looked whose turn it is
MOST_SECONDS = 900.0  # for one source
KEYS_AT_ONCE = 5000  # compared in one statement
FETCHED_AT_ONCE = 50  # deliveries stored in one commit

log = structlog.get_logger("newsroom.reconcile")


@dataclass(frozen=True, slots=True)
class Count:
    """What a comparison found: keys in the source, those we lack after they were fetched again, how many were fetched,
    and why it could not be counted."""

    source_n: int = 0
    missing: int = 0
    fetched: int = 0
    problem: str = ""


async def run(database: Database, channels: Live, stored: Callable[[], None]) -> None:
    """Compare every source when it is its turn, until cancelled. `stored` is called after each commit."""
    while True:
        try:
            await once(database, channels, stored, datetime.now(UTC))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.error("reconciliation waits for the database", error=type(error).__name__)
        await asyncio.sleep(LOOK_SECONDS)


async def once(database: Database, channels: Live, stored: Callable[[], None], at: datetime) -> int:
    """Compare every source whose turn it is; one bad source holds up no other. Returns how many comparisons."""
    async with database.connection() as connection:
        rows = [row for row in await channel.every(connection) if _asked(row, channels)]
    return sum(await asyncio.gather(*(_turns(database, channels, row, stored, at) for row in rows)))


async def _turns(database: Database, channels: Live, row: Channel, stored: Callable[[], None], at: datetime) -> int:
    """The week and the whole of one source, one after the other. Returns how many were due."""
    done = 0
    for whole in (False, True):
        async with database.connection() as connection:
            due = await _begin(connection, row.id, whole, at)
        if due:
            await _compare(database, channels, row, whole, stored, at)
            done += 1
    return done


def counts(kind: type[Connector] | None) -> bool:
    """Whether a kind of channel can list what its source holds."""
    return kind is not None and hasattr(kind, "keys") and hasattr(kind, "fetch")


def _asked(row: Channel, channels: Live) -> bool:
    """Whether there is something to ask: a source that was read before, or a credential that ends."""
    kind = channels.kinds.get(row.kind)
    return row.mode != "paused" and (counts(kind) and bool(row.cursor) or hasattr(kind, "expires"))


async def _begin(connection: Connection, id: int, whole: bool, at: datetime) -> bool:
    """Take a turn, when it is one. While something lacks everything is compared each hour."""
    before = nightly.next_night(at) - timedelta(days=1) if whole else at - HOUR
    # of two processes one writes it
    return await connection.fetchval(
        "insert into reconciliation as r (channel_id, whole, started_at) values ($1, $2, $3)"
        " on conflict (channel_id, whole) do update set started_at = $3 where r.started_at <= $4"
        " or (r.missing > 0 and r.started_at <= $5) returning true", id, whole, at, before, at - HOUR) is not None


async def _compare(database: Database, channels: Live, row: Channel, whole: bool, stored: Callable[[], None],
                   at: datetime) -> None:
    connector, found, ends = None, Count(), None
    try:
        async with asyncio.timeout(MOST_SECONDS):
            connector = channels.make(row)
            if isinstance(connector, Completeness):
                found = await count(database, row, connector, None if whole else at - LATELY, stored)
            if isinstance(connector, Expiring):
                ends = await connector.expires()
    except (ChannelError, OSError, TimeoutError) as error:
        found = Count(problem=collect.cause(error))
    except (asyncpg.PostgresError, asyncpg.InterfaceError):
        raise
    except Exception as error:
        log.error("reconciliation failed", channel=row.id, error=type(error).__name__, where=probe.where(error))
        found = Count(problem=collect.cause(error))
    finally:
        if connector is not None:
            await probe.close(connector)
    async with database.transaction() as connection:
        await _write(connection, row.id, whole, found, ends, at)
    stored()


async def count(database: Database, row: Channel, source: Completeness, since: datetime | None,
                stored: Callable[[], None]) -> Count:
    """Compare, and fetch what we lack. What the source deleted in between is not lacking. Raises as its connector."""
    keys = await _keys(source, row, since)
    lacking = await _lacking(database, row.id, keys)
    if not lacking:
        return Count(len(keys))
    fetched = 0
    async for batch in _fetched(source, row, lacking):
        async with database.transaction() as connection:
            receipts = await delivery.store(connection, [(row.id, item) for item in batch])
        fetched += sum(receipt.fresh for receipt in receipts)
        stored()
    if fetched:
        log.warning("fetched again what was lacking", channel=row.id, lacking=len(lacking), fetched=fetched)
    left = await _lacking(database, row.id, lacking)
    if left:
        keys = await _keys(source, row, since)
        left = sorted(set(left).intersection(keys))
    return Count(len(keys), len(left), fetched)


async def _keys(source: Completeness, row: Channel, since: datetime | None) -> list[DeliveryKey]:
    async with aclosing(source.keys(row.cursor, since)) as keys:  # type: ignore[type-var]
        return [key async for key in keys]


async def _fetched(source: Completeness, row: Channel, keys: Sequence[DeliveryKey]) -> AsyncIterator[list[Delivery]]:
    batch: list[Delivery] = []
    async with aclosing(source.fetch(row.cursor, keys)) as deliveries:  # type: ignore[type-var]
        async for item in deliveries:
            batch.append(collect.storable(item))
            if len(batch) == FETCHED_AT_ONCE:
                yield batch
                batch = []
    if batch:
        yield batch


async def _lacking(database: Database, id: int, keys: Sequence[DeliveryKey]) -> list[DeliveryKey]:
    found: list[DeliveryKey] = []
    for start in range(0, len(keys), KEYS_AT_ONCE):
        some = {indexable(collect.cleaned(key)): key for key in keys[start:start + KEYS_AT_ONCE]}
        async with database.connection() as connection:
            # through the index on keys; each key of the source that no delivery has
            rows = await connection.fetch(
                "select k.key from unnest($2::text[]) as k(key) where not exists"
                " (select from delivery d where d.channel_id = $1 and d.key = k.key)", id, list(some))
        found += [some[row["key"]] for row in rows]
    return found


async def _write(connection: Connection, id: int, whole: bool, found: Count, ends: datetime | None,
                 at: datetime) -> None:
    """Keep what was found. What differs from the last time is an event."""
    # a source that could not be counted keeps what was known to be lacking
    old = await connection.fetchrow(
        "update reconciliation n set at = $3, source_n = $4, missing = case when $7 = '' then $5 else n.missing end,"
        " fetched = $6, problem = $7 from reconciliation o where n.channel_id = $1 and n.whole = $2"
        " and o.channel_id = n.channel_id and o.whole = n.whole returning o.missing, o.problem, n.missing as now",
        id, whole, at, found.source_n, found.missing, found.fetched, found.problem)
    if not found.problem:
        # the day that was told last
        await connection.execute("update channel set key_ends_at = $2 where id = $1"
                                 " and key_ends_at is distinct from $2", id, ends)
    other = bool(old["problem"]) != bool(found.problem) and not whole
    if old["missing"] != old["now"] or found.fetched or other:
        word = "unknown" if found.problem else "missing" if found.missing else "complete"
        await record(connection, [Draft("channel_changed", at, data={
            "channel": id, "change": "count", "to": word, "fetched": found.fetched})])

