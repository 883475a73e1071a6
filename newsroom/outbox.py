"""The outbox: queued replies go out, each with one of four outcomes: sent, refused, later, or not known.

A reply is marked `sending` and committed before it is sent. A worker that dies between sending and marking leaves it
so; whoever finds that makes it `unknown`, which a person resolves. Nothing is sent twice by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import structlog

from connectors import ChannelError, Connector, Outgoing, Refused, Sent, SignInNeeded, TryLater
from newsroom import composition, message, sending
from newsroom.database import Database
from newsroom.message import Message
from newsroom.sending import Outcome

AT_ONCE = 3  # replies of one channel on their way at the same time; Microsoft 365 takes no more of one mailbox
POLL_SECONDS = 1.0  # a held reply leaves at most this late
SEND_SECONDS = 1200.0  # 20 MB over a slow line and the ten minutes of RFC 5321; longer: nobody knows what became of it
LEAVE_SECONDS = 5.0  # what is on its way when the program stops gets so long; a mail server mostly answers sooner
GIVE_UP = timedelta(days=2)  # after this long trying, a person decides
LONGEST_PAUSE = 3600.0  # seconds between two tries
UNSURE_SECONDS = 20.0  # a reply that a channel recognises is tried again soon
MAKING_TRIES = 5  # of a reply that cannot even be made, in a quarter of an hour; then a person is told
NOT_MADE = ("Dit antwoord kon niet worden gemaakt en is niet verstuurd. Probeer het opnieuw, of vraag de beheerder in"
            " het logboek van de server te kijken.")
DATABASE_AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError,
                 asyncpg.InsufficientResourcesError, asyncpg.InterfaceError)

log = structlog.get_logger()


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
        self._under_way: dict[int, tuple[int, asyncio.Task[None]]] = {}  # {message id: (channel id, its sending)}
        self._bell = asyncio.Event()

    def wake(self) -> None:
        self._bell.set()

    async def run(self) -> None:
        """Send what is queued, until cancelled."""
        try:
            while True:
                try:
                    async with self._database.pool.acquire() as connection:
                        await self._live(connection)
                except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                    log.error("outbox waits for the database", error=type(error).__name__)
                    await asyncio.sleep(POLL_SECONDS)
        finally:
            await self._leave()

    async def _live(self, connection: asyncpg.pool.PoolConnectionProxy) -> None:
        """As long as this connection lives its lock tells that this worker does."""
        self._worker = await sending.sign_on(connection)
        try:
            while True:
                await self.recover()
                if not await self._start():
                    await self._rest()
                await sending.still_on(connection)
        finally:
            if not connection.is_closed():
                await sending.sign_off(connection)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._bell.wait()
            self._bell.clear()
        except TimeoutError:
            pass

    async def step(self) -> int:
        """Send what is due now, to the end; returns how many."""
        started = await self._start()
        await asyncio.gather(*started)
        return len(started)

    async def _start(self) -> list[asyncio.Task[None]]:
        """Begin with what is due, as far as its channel has room: one that is slow holds up no other."""
        busy = [channel_id for channel_id, _ in self._under_way.values()]
        async with self._database.transaction() as connection:
            claimed = await sending.claim(connection, self._worker, datetime.now(UTC), busy, AT_ONCE)
        for id, channel_id in claimed:
            self._under_way[id] = channel_id, asyncio.create_task(self._one(id))
        return [self._under_way[id][1] for id, _ in claimed]

    async def _leave(self) -> None:
        """Finish what is under way, or leave it marked so: whoever comes next makes it `unknown`."""
        tasks = [task for _, task in self._under_way.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def recover(self) -> int:
        """Replies of workers that are gone: nobody knows whether they went out. Returns how many."""
        async with self._database.transaction() as connection:
            orphans = await sending.orphans(connection, self._worker, list(self._under_way))
        for id, channel_id in orphans:
            again = await self._takes_once(channel_id)
            await self._mark(id, Outcome("queued", after=datetime.now(UTC), unsure=True) if again
                             else Outcome("unknown"))
        return len(orphans)

    async def _takes_once(self, channel_id: int) -> bool:
        """Whether the channel knows a reply that comes a second time. One that cannot be asked does not."""
        try:
            return (await self._connector(channel_id)).capabilities.idempotency_key
        except Exception as error:
            log.error("channel cannot be asked", channel=channel_id, error=type(error).__name__)
            return False

    async def _one(self, id: int) -> None:
        try:
            await self._send(id)
        finally:
            del self._under_way[id]
            self.wake()  # its channel has room again

    async def _send(self, id: int) -> None:
        outcome = await self._try(id)
        for wait in (0.1, 1.0, 5.0, 30.0):
            try:
                return await self._mark(id, outcome)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.error("outcome waits for the database", message=id, error=type(error).__name__)
                await asyncio.sleep(wait)
        log.error("outcome not written; it becomes unknown", message=id)

    async def _try(self, id: int) -> Outcome:
        row: Message | None = None
        try:
            row = await self._row(id)
            outgoing, connector = await self._prepare(row)
        except DATABASE_AWAY as error:  # nothing is wrong with the reply, however long it lasts
            log.error("reply waits for the database", message=id, error=type(error).__name__)
            return self._later(None, "", 60.0)
        except ChannelError as error:
            return self._later(row, str(error), 60.0)
        except Exception as error:  # nothing was sent; one reply's fault stops no other
            log.error("reply cannot be made", message=id, error=type(error).__name__)
            given_up = row is None or row.send_tries >= MAKING_TRIES
            return Outcome("failed", NOT_MADE) if given_up else self._later(row, NOT_MADE, 60.0)
        if row.unsure_since and not _knows_it(connector, row.unsure_since):
            return Outcome("unknown")
        try:
            async with asyncio.timeout(SEND_SECONDS):
                sent: Sent = await connector.send(outgoing)
            return Outcome("sent", "\n".join(sent.notes), external_id=sent.external_id)
        except TryLater as error:
            return self._later(row, str(error), error.after)
        except SignInNeeded as error:
            return self._later(row, str(error), 60.0)
        except Refused as error:
            return Outcome("unknown" if row.unsure_since else "failed", str(error))
        except Exception as error:  # Unknown, a time-out, or a fault of the connector: perhaps sent
            log.error("reply not certain", message=id, error=type(error).__name__)
            said = str(error) if isinstance(error, ChannelError) else ""
            if _knows_it(connector, row.unsure_since or datetime.now(UTC)):
                return replace(self._later(row, said, UNSURE_SECONDS), unsure=True)
            return Outcome("unknown", said)

    def _later(self, row: Message | None, reason: str, after: float) -> Outcome:
        now = datetime.now(UTC)
        if row is not None and now - row.at > GIVE_UP:
            return Outcome("unknown" if row.unsure_since else "failed", reason)
        pause = min(after * 2 ** min(row.send_tries - 1 if row else 0, 10), LONGEST_PAUSE)
        return Outcome("queued", reason, now + timedelta(seconds=pause))

    async def _row(self, id: int) -> Message:
        async with self._database.connection() as connection:
            return (await message.get(connection, [id]))[id]

    async def _prepare(self, row: Message) -> tuple[Outgoing, Connector]:
        async with self._database.connection() as connection:
            outgoing = await composition.outgoing(connection, row, self._secret)
        return outgoing, await self._connector(row.channel_id)

    async def _mark(self, id: int, outcome: Outcome) -> None:
        async with self._database.transaction() as connection:
            await sending.mark(connection, id, outcome, datetime.now(UTC))
        self._committed()


def _knows_it(connector: Connector, since: datetime) -> bool:
    """Whether the channel still recognises a reply that it may have had at `since`."""
    can = connector.capabilities
    return can.idempotency_key and (can.key_seconds is None or
                                    datetime.now(UTC) - since < timedelta(seconds=can.key_seconds))
