"""The delivery: raw bytes as a source handed them over, kept before anything reads them."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from typing import Any

import asyncpg

from connectors import Delivery, DeliveryKey
from newsroom.database import Connection, Database
from newsroom.incoming import indexable

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that look alike; 10 of them are 49 bits
REFERENCE_LENGTH = 10  # fits Open Klant's referentienummer
PAIRS = tuple(one + other for one in LETTERS for other in LETTERS)
BATCH = 500  # deliveries in one commit
CLAIM_BYTES = 20_000_000  # of raw deliveries read in one transaction
# why a delivery made no message of its own although it was read; every other problem says why it could not be
ELSEWHERE = ("again", "own", "copy", "change", "removed")
BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError,
           ValueError)  # the fault of one delivery, not of the database


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a source is told. `fresh` is false for a delivery that was here already; `differs` when that one had
    other bytes under the same key."""

    id: int
    reference: str
    fresh: bool
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a delivery is: `received`, `read` or `unreadable`."""

    reference: str
    received_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery in the database, with its channel's connector."""

    id: int
    channel_id: int
    kind: str
    reference: str
    delivery: Delivery


def new_reference() -> str:
    """A number for people: random, 10 unambiguous characters."""
    number, pairs = secrets.randbelow(len(LETTERS) ** REFERENCE_LENGTH), []
    for _ in range(REFERENCE_LENGTH // 2):
        number, pair = divmod(number, len(PAIRS))
        pairs.append(PAIRS[pair])
    return "".join(pairs)


def item_reference(reference: str, item: int) -> str:
    """The reference of the conversation that a delivery's item begins: the first has the delivery's own, the
    others one that follows from it, equal at every replay."""
    if not item:
        return reference
    digest = hashlib.sha256(f"{reference}/{item}".encode()).digest()
    return "".join(LETTERS[byte % len(LETTERS)] for byte in digest[:REFERENCE_LENGTH])


async def store(connection: Connection, items: Sequence[tuple[int, Delivery]],
                strict: bool = False) -> list[Receipt]:
    """Store deliveries of `(channel_id, delivery)`; the caller commits, then answers the source.

    A key that is here already gives the receipt of the first. With other bytes its receipt says `differs`, and
    those bytes are stored too, under a key of their own, so that nothing is swallowed; unless `strict`: an API
    answers 409 and its caller still has them.
    """
    rows = [(channel_id, indexable(item.key), hashlib.sha256(item.body).digest(), item.content_type,
             dict(item.meta), item.body, item.received_at, new_reference()) for channel_id, item in items]
    found = await _insert(connection, rows)
    receipts: list[Receipt] = []
    for (channel_id, item), row in zip(items, rows, strict=True):
        id, reference, sha256, fresh = found[channel_id, row[1]]
        if sha256 == row[2]:
            receipts.append(Receipt(id, reference, fresh and reference == row[7]))
        elif strict:
            receipts.append(Receipt(id, reference, False, differs=True))
        else:
            first = (await store(connection, [(channel_id, under_own_key(item))]))[0]
            receipts.append(Receipt(first.id, first.reference, first.fresh, differs=True))
    return receipts


def under_own_key(item: Delivery) -> Delivery:
    """The same delivery under a key that holds its hash, for the second one with other bytes."""
    key = indexable(item.key)
    return Delivery(DeliveryKey(f"{key}#{hashlib.sha256(item.body).hexdigest()}"), item.body, item.received_at,
                    item.content_type, {**item.meta, "same_key_other_bytes": key})


async def _insert(connection: Connection, rows: Sequence[tuple]) -> dict[tuple[int, str], tuple]:
    columns = list(zip(*rows, strict=True))
    # one statement for the whole batch; a key twice in it counts once
    fresh = await connection.fetch(
        "insert into delivery (channel_id, key, sha256, content_type, meta, body, received_at, reference)"
        " select * from unnest($1::int[], $2::text[], $3::bytea[], $4::text[], $5::jsonb[], $6::bytea[],"
        " $7::timestamptz[], $8::text[]) on conflict (channel_id, key) do nothing"
        " returning channel_id, key, id, reference, sha256", *columns)
    found = {(row["channel_id"], row["key"]): (row["id"], row["reference"], row["sha256"], True) for row in fresh}
    missing = [row for row in rows if (row[0], row[1]) not in found]
    if missing:
        # those that were here before
        for row in await connection.fetch(
                "select d.channel_id, d.key, d.id, d.reference, d.sha256 from delivery d"
                " join unnest($1::int[], $2::text[]) as k(channel_id, key) using (channel_id, key)",
                [row[0] for row in missing], [row[1] for row in missing]):
            found[row["channel_id"], row["key"]] = (row["id"], row["reference"], row["sha256"], False)
    return found


class Writer:
    """Gathers deliveries of many requests into one commit: the previous commit is the timer.

    `put` returns after the commit. When a bad row makes a batch fail, the others are stored all the same.
    """

    def __init__(self, database: Database, stored: Any):
        self._database = database
        self._stored = stored  # called without arguments after each commit
        self._waiting: list[tuple[int, Delivery, asyncio.Future[Receipt]]] = []
        self._task: asyncio.Task | None = None

    async def put(self, channel_id: int, delivery: Delivery) -> Receipt:
        """Store and commit one delivery, strictly. Raises what the database raised, when it could not."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((channel_id, delivery, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            await self._store(batch)
            self._stored()

    async def _store(self, batch: list) -> None:
        """One bad row spoils its batch: halves find it in a few commits, and the others wait no longer than those."""
        try:
            await self._write(batch)
        except Exception as error:  # whoever waits gets an answer, whatever it was
            if batch[1:] and isinstance(error, BAD_ROW):
                await self._store(batch[:len(batch) // 2])
                await self._store(batch[len(batch) // 2:])
                return
            for _, _, future in batch:
                if not future.done():
                    future.set_exception(error)

    async def _write(self, batch: list) -> None:
        async with self._database.transaction() as connection:
            receipts = await store(connection, [(channel_id, item) for channel_id, item, _ in batch], strict=True)
        for (_, _, future), receipt in zip(batch, receipts, strict=True):
            if not future.done():
                future.set_result(receipt)


async def claim(connection: Connection, limit: int, slow: bool = False) -> list[Stored]:
    """Lock up to `limit` unread deliveries of together CLAIM_BYTES, at least one, oldest first, until this
    transaction ends; it may rest while they are read."""
    # reading may take longer than a transaction usually rests
    await connection.execute("set local idle_in_transaction_session_timeout = '60s'")
    # the next work, passing over what another worker holds; sizes first, so that large ones do not fill memory
    sizes = await connection.fetch(
        "select id, octet_length(body) as size from delivery where state = $1 order by id limit $2"
        " for update skip locked", "slow" if slow else "new", limit)
    total = accumulate(row["size"] for row in sizes)
    ids = [row["id"] for n, (row, size) in enumerate(zip(sizes, total, strict=True)) if not n or size <= CLAIM_BYTES]
    # as many as fit; the others keep their place
    rows = await connection.fetch(
        "select d.id, d.channel_id, c.kind, d.reference, d.key, d.body, d.received_at, d.content_type, d.meta"
        " from delivery d join channel c on c.id = d.channel_id where d.id = any($1::bigint[]) order by d.id", ids)
    return [_stored(row) for row in rows]


async def done(connection: Connection, outcomes: Mapping[int, str]) -> None:
    """Mark deliveries as read: {id: what is to be said of it, or empty}. A replay keeps what was said first; the bytes
    of what a person `removed` go, and what was deleted in this very batch stays so."""
    # read: never claimed again
    await connection.execute(
        "update delivery set state = 'done', problem = case when w.problem = 'again' and delivery.problem <> ''"
        " or delivery.problem = 'removed' then delivery.problem else w.problem end"
        " from unnest($1::bigint[], $2::text[]) as w(id, problem) where delivery.id = w.id",
        list(outcomes), list(outcomes.values()))
    if removed := [id for id, problem in outcomes.items() if problem == "removed"]:
        # a person took away what this says, in another delivery
        await connection.execute("update delivery set body = '' where id = any($1::bigint[])", removed)


async def heard(connection: Connection, at: Mapping[int, datetime]) -> None:
    """Keep when something last came into channels, {id: moment}; not for every message of a busy one."""
    # what is pushed to us moves no cursor
    await connection.execute(
        "update channel c set last_in_at = w.at from unnest($1::int[], $2::timestamptz[]) as w(id, at)"
        " where c.id = w.id and (c.last_in_at is null or c.last_in_at < w.at - interval '5 seconds')",
        list(at), list(at.values()))


async def set_slow(connection: Connection, ids: Sequence[int]) -> None:
    """Leave deliveries that take long to read to the lane that reads one at a time."""
    # out of the way of the others
    await connection.execute("update delivery set state = 'slow' where id = any($1::bigint[])", list(ids))


async def unread(connection: Connection, channel_id: int) -> list[int]:
    """The deliveries of a channel that could not be read, oldest first."""
    # by a person who mended something, so now and then
    rows = await connection.fetch(
        "select distinct d.id from delivery d join message m on m.delivery_id = d.id where d.channel_id = $1"
        " and m.kind = 'unreadable' and m.removed_at is null order by d.id", channel_id)
    return [row["id"] for row in rows]


async def replay(connection: Connection, ids: Sequence[int]) -> None:
    """Have deliveries read again, after a parser was mended. Reading twice gives the same messages."""
    # back to the start of the road, unless a person took its bytes away
    await connection.execute("update delivery set state = 'new' where id = any($1::bigint[]) and problem <> 'removed'",
                             list(ids))


async def original(connection: Connection, id: int, start: int, size: int) -> bytes:
    """At most `size` bytes of the raw delivery from `start`."""
    # one piece of the original
    return await connection.fetchval("select substring(body from $2 for $3) from delivery where id = $1",
                                     id, start + 1, size) or b""


async def look(connection: Connection, channel_id: int, reference: str) -> Progress | None:
    """What the source may know of a delivery: its reference, when it came, and how far it is."""
    # one delivery of this source
    row = await connection.fetchrow("select reference, received_at, state, problem from delivery"
                                    " where channel_id = $1 and reference = $2", channel_id, reference)
    if row is None:
        return None
    problem = row["problem"] not in ("", *ELSEWHERE)
    state = "unreadable" if problem else "read" if row["state"] == "done" else "received"
    return Progress(row["reference"], row["received_at"], state)


async def known(connection: Connection, channel_id: int, key: str) -> tuple[str, datetime, bytes] | None:
    """Reference, moment and SHA-256 of the delivery with this key, when it is here."""
    # sent before?
    row = await connection.fetchrow("select reference, received_at, sha256 from delivery"
                                    " where channel_id = $1 and key = $2", channel_id, key)
    return tuple(row) if row else None


async def waiting(connection: Connection) -> dict[str, int | datetime | None]:
    """How many deliveries wait to be read, and since when."""
    # the lag of intake
    row = await connection.fetchrow("select count(*) as n, min(received_at) as oldest from delivery"
                                    " where state in ('new', 'slow')")
    return dict(row)


def _stored(row: Any) -> Stored:
    delivery = Delivery(DeliveryKey(row["key"]), row["body"], row["received_at"], row["content_type"], row["meta"])
    return Stored(row["id"], row["channel_id"], row["kind"], row["reference"], delivery)
