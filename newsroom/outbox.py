"""The outbox: queued replies go out, each with one of four outcomes: sent, refused, later, or not known.

A reply is marked `sending` and committed before it is sent. A worker that dies between sending and marking leaves it
so; whoever finds that makes it `unknown`, which a person resolves. Nothing is sent twice by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from connectors import ChannelError, Connector, Outgoing, Refused, Sent, SignInNeeded, TryLater
from newsroom import composition, conversation, message
from newsroom.database import Connection, Database
from newsroom.event import Draft
from newsroom.message import Message

AT_ONCE = 8  # replies on their way at the same time
POLL_SECONDS = 1.0  # a held reply leaves at most this late
SEND_SECONDS = 120.0  # longer: nobody knows what became of it
GIVE_UP = timedelta(days=2)  # after this long trying, a person decides
LONGEST_PAUSE = 3600.0  # seconds between two tries
WORKER_LOCK = 7265  # first half of the advisory lock that shows a worker is alive
PROBLEM = {"failed": "not_sent", "unknown": "unknown"}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try: the message's new state, with a note for staff."""

    state: str
    note: str = ""
    after: datetime | None = None
    external_id: str = ""


class Outbox:
    """Sends until stopped. `connector` gives the live connector of a channel; `committed` is called after commits."""

    def __init__(self, database: Database, connector: Callable[[int], Awaitable[Connector]], secret: bytes,
                 committed: Callable[[], None]):
        self._database = database
        self._connector = connector
        self._secret = secret
        self._committed = committed
        self._alive: asyncpg.pool.PoolConnectionProxy | None = None
        self._worker = 0
        self._bell = asyncio.Event()

    def wake(self) -> None:
        self._bell.set()

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        while True:
            try:
                async with self._database.pool.acquire() as connection:
                    await self._live(connection)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.error("outbox waits for the database", error=type(error).__name__)
                await asyncio.sleep(POLL_SECONDS)

    async def _live(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        """As long as this connection lives its lock tells that this worker does."""
        # a number of our own
        self._worker = await connection.fetchval("select pg_backend_pid()")
        await connection.execute("select pg_advisory_lock($1, $2)", WORKER_LOCK, self._worker)
        try:
            while True:
                await self.recover()
                if not await self.step():
                    await self._rest()
                await connection.fetchval("select 1")  # still ours
        finally:
            if not connection.is_closed():
                await connection.execute("select pg_advisory_unlock_all()")

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._bell.wait()
            self._bell.clear()
        except TimeoutError:
            pass

    async def step(self) -> int:
        """Send what is due now; returns how many."""
        async with self._database.transaction() as connection:
            # mark before sending: from here on it may have been sent
            rows = await connection.fetch(
                "update message set send_state = 'sending', sender = $1, send_tries = send_tries + 1 where id in"
                " (select m.id from message m join channel c on c.id = m.channel_id where m.send_state = 'queued'"
                " and m.send_after <= $2 and c.mode = 'live' order by m.send_after, m.id limit $3"
                " for update of m skip locked) returning id", self._worker, datetime.now(UTC), AT_ONCE)
        await asyncio.gather(*(self._one(row["id"]) for row in rows))
        return len(rows)

    async def recover(self) -> int:
        """Replies of workers that are gone: nobody knows whether they went out. Returns how many."""
        found = 0
        async with self._database.transaction() as connection:
            # whose lock is free is gone
            gone = await connection.fetch(
                "select sender from (select distinct sender from message where send_state = 'sending'"
                " and sender <> $2) s where pg_try_advisory_xact_lock($1, sender)", WORKER_LOCK, self._worker)
            rows = await connection.fetch("select id, channel_id from message where send_state = 'sending'"
                                          " and sender = any($1::int[])", [row["sender"] for row in gone])
        for row in rows:
            can = (await self._connector(row["channel_id"])).capabilities
            again = can.idempotency_key  # the platform takes the same reply only once
            outcome = Outcome("queued", after=datetime.now(UTC)) if again else Outcome("unknown")
            await self._mark(row["id"], outcome)
            found += 1
        return found

    async def _one(self, id: int) -> None:
        outcome = await self._try(id)
        for wait in (0.1, 1.0, 5.0, 30.0):
            try:
                return await self._mark(id, outcome)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.error("outcome waits for the database", message=id, error=type(error).__name__)
                await asyncio.sleep(wait)
        log.error("outcome not written; it becomes unknown", message=id)

    async def _try(self, id: int) -> Outcome:
        try:
            row, outgoing, connector = await self._prepare(id)
        except ChannelError as error:
            return self._later(None, str(error), 60.0)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent: Sent = await connector.send(outgoing)
            return Outcome("sent", "\n".join(sent.notes), external_id=sent.external_id)
        except TryLater as error:
            return self._later(row, str(error), error.after)
        except SignInNeeded as error:
            return self._later(row, str(error), 60.0)
        except Refused as error:
            return Outcome("failed", str(error))
        except Exception as error:  # Unknown, a time-out, or a fault of the connector: perhaps sent
            log.error("reply not certain", message=id, error=type(error).__name__)
            return Outcome("unknown", str(error) if isinstance(error, ChannelError) else "")

    def _later(self, row: Message | None, reason: str, after: float) -> Outcome:
        now = datetime.now(UTC)
        if row is not None and now - row.at > GIVE_UP:
            return Outcome("failed", reason)
        pause = min(after * 2 ** min(row.send_tries - 1 if row else 0, 10), LONGEST_PAUSE)
        return Outcome("queued", reason, now + timedelta(seconds=pause))

    async def _prepare(self, id: int) -> tuple[Message, Outgoing, Connector]:
        async with self._database.connection() as connection:
            row = (await message.get(connection, [id]))[id]
            outgoing = await composition.outgoing(connection, row, self._secret)
        return row, outgoing, await self._connector(row.channel_id)

    async def _mark(self, id: int, outcome: Outcome) -> None:
        async with self._database.transaction() as connection:
            await mark(connection, id, outcome, datetime.now(UTC))
        self._committed()


async def mark(connection: Connection, id: int, outcome: Outcome, at: datetime) -> None:
    """Write an outcome with its event. A reply that a person decided about in the meantime keeps that decision."""
    # only while it is on its way, or when what was not known became certain
    row = await connection.fetchrow(
        "update message set send_state = $2, send_note = $3, send_after = $4, sender = null,"
        " sent_at = case when $2 = 'sent' then $5::timestamptz else sent_at end,"
        " external_id = coalesce(nullif($6, ''), external_id) where id = $1"
        " and (send_state = 'sending' or (send_state = 'unknown' and $2 = 'sent'))"
        " returning conversation_id, channel_id", id, outcome.state, outcome.note[:1000], outcome.after, at,
        outcome.external_id)
    if row is None:
        return
    if outcome.state == "sent":
        # the channel's last sign of life
        await connection.execute("update channel set last_out_at = $2 where id = $1", row["channel_id"], at)
    before = (await conversation.lock(connection, [row["conversation_id"]]))[row["conversation_id"]]
    problem = PROBLEM.get(outcome.state, "" if before.problem in ("unknown", "not_sent") else before.problem)
    after = replace(before, problem=problem, version=before.version + 1)
    if outcome.state in PROBLEM and before.state in ("waiting", "closed"):
        after = replace(after, state="open" if after.assignee_id else "new", closed_at=None, close_reason_id=None)
    await conversation.change(connection, before, after,
                              Draft("delivery_state", at, message_id=id, data={"state": outcome.state}))
