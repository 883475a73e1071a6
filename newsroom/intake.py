"""Intake: deliveries become conversations. The third of the five stops.

One transaction claims a batch, reads it, writes it and marks it done, so that a killed worker leaves nothing half.
Two lanes: the quick one reads batches, the slow one takes what needs long, one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import monotonic

import asyncpg
import structlog

from connectors import Author, Connector, ExternalId, Incoming, Kind
from newsroom import arrival, delivery, placement
from newsroom.database import RETRY, Connection, Database
from newsroom.delivery import Stored
from newsroom.parser import Parsers, Slow, Unreadable, read
from newsroom.placement import Configuration

BATCH = 200  # deliveries in one transaction
IN_CHILD = 50  # hostile deliveries asked of one child at a time
POLL_SECONDS = 2.0  # a lost doorbell costs at most this
READ_SECONDS = 20.0  # in one transaction; what is not read by then keeps its place
HOUSE_SECONDS = 1.0  # how old the configuration may be
TRIES = 5  # against a deadlock
AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InsufficientResourcesError,
        asyncpg.OperatorInterventionError, asyncpg.InvalidTransactionStateError, asyncpg.LockNotAvailableError)

log = structlog.get_logger()


@dataclass(slots=True)
class Read:
    """A claimed delivery with what was read from it; None: it goes to the slow lane."""

    stored: Stored
    items: list[Incoming] | None


class Intake:
    """Reads deliveries until stopped. `wake` is called by whoever stored some; `committed` after each commit."""

    def __init__(self, database: Database, kinds: dict[str, type[Connector]], parsers: Parsers, secret: bytes,
                 committed: Callable[[], None], clock: Callable[[], datetime] = lambda: datetime.now(UTC)):
        self._database = database
        self._clock = clock
        self._kinds = kinds
        self._parsers = parsers
        self._secret = secret
        self._committed = committed
        self._bell = asyncio.Event()
        self._house: Configuration | None = None
        self._house_at = 0.0
        self._claimed: dict[bool, int] = {}  # the first delivery of the last batch of each lane

    def wake(self) -> None:
        self._bell.set()

    async def run(self) -> None:
        """Both lanes, until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._lane(slow=False))
            lanes.create_task(self._lane(slow=True))

    async def drain(self) -> int:
        """Read all that waits, both lanes; returns how many deliveries. For imports and tests."""
        total = 0
        while n := await self.step(slow=False) + await self.step(slow=True):
            total += n
        return total

    async def step(self, slow: bool, limit: int = BATCH) -> int:
        """One batch: claim, read, write, commit. Returns how many deliveries were claimed."""
        for attempt in range(TRIES):
            try:
                return await self._batch(slow, 1 if slow else limit)
            except RETRY:
                if attempt == TRIES - 1:
                    raise
            except Exception as error:
                if is_away(error):
                    raise
                return await self._half(slow, limit, error)
        raise AssertionError("unreachable")

    async def _lane(self, slow: bool) -> None:
        while True:
            try:
                n = await self.step(slow)
            except Exception as error:  # a lane never ends: it tells, and tries again
                if is_away(error):
                    log.error("intake waits for the database", error=type(error).__name__)
                else:
                    log.exception("intake failed")
                n = 0
            if not n:
                await self._rest(slow)

    async def _rest(self, slow: bool) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._bell.wait()
                if not slow:
                    self._bell.clear()
                else:
                    await asyncio.sleep(POLL_SECONDS)  # the slow lane is never in a hurry
        except TimeoutError:
            pass

    async def _half(self, slow: bool, limit: int, error: Exception) -> int:
        """One delivery that cannot be written spoils its batch: halves find it in a few steps. Alone, it becomes a
        card of its own and blocks no other."""
        log.warning("batch refused", error=type(error).__name__, limit=limit)
        if slow or limit == 1:
            return await self._batch(slow, 1, refuse=self._claimed.get(slow))
        return await self.step(slow, limit // 2)

    async def _batch(self, slow: bool, limit: int, refuse: int | None = None) -> int:
        """`refuse` is the delivery that cannot be written, unless another worker has it by now."""
        async with self._database.transaction() as connection:
            claimed = await delivery.claim(connection, limit, slow)
            if not claimed:
                return 0
            self._claimed[slow] = claimed[0].id
            found = [Read(_bare(one), [unreadable(one, "refused")]) for one in claimed] \
                if refuse == claimed[0].id else await self._read(claimed, quick=not slow)
            await self._write(connection, found)
        self._committed()
        return len(found)

    async def _write(self, connection: Connection, found: Sequence[Read]) -> None:
        later = [one.stored.id for one in found if one.items is None]
        if later:
            await delivery.set_slow(connection, later)
        ready = [(one.stored, one.items) for one in found if one.items is not None]
        if ready:
            house = await self._configuration(connection, {stored.channel_id for stored, _ in ready})
            problems = await arrival.arrive(connection, ready, house, self._clock())
            problems |= {stored.id: item.problems[-1] for stored, items in ready for item in items
                         if "unreadable" in item.problems}
            await delivery.done(connection, problems)
            await delivery.heard(connection, {stored.channel_id: stored.delivery.received_at for stored, _ in ready})

    async def _read(self, claimed: Sequence[Stored], quick: bool) -> list[Read]:
        until = monotonic() + READ_SECONDS
        found: list[Read] = []
        hostile: dict[str, list[Stored]] = {}
        for one in claimed:
            kind = self._kinds.get(one.kind)
            if kind is not None and kind.hostile_input:
                hostile.setdefault(one.kind, []).append(one)
            else:
                found.append(Read(one, _items(one, read(kind, one.delivery) if kind else Unreadable("no_connector"))))
        for kind_name, group in hostile.items():
            for start in range(0, len(group), IN_CHILD):
                if not found or monotonic() < until:
                    found += await self._in_child(kind_name, group[start:start + IN_CHILD], quick, until)
        return found

    async def _in_child(self, kind: str, group: list[Stored], quick: bool, until: float) -> list[Read]:
        try:
            answers = await self._parsers.parse(kind, [one.delivery for one in group], quick)
        except Slow:
            if len(group) == 1:
                return [Read(group[0], None)]
            found: list[Read] = []
            for one in group:
                if not found or monotonic() < until:
                    found += await self._in_child(kind, [one], quick, until)
            return found
        return [Read(one, _items(one, answer)) for one, answer in zip(group, answers, strict=True)]

    async def _configuration(self, connection: Connection, channels: set[int]) -> Configuration:
        """The house as it was at most HOUSE_SECONDS ago, and never without one of these channels."""
        old = self._house is None or monotonic() - self._house_at > HOUSE_SECONDS
        if old or channels - self._house.channels.keys():
            self._house = await placement.configuration(connection, self._secret)
            self._house_at = monotonic()
        return self._house


def unreadable(one: Stored, problem: str) -> Incoming:
    """The card of a delivery that could not be read: the original is one click away."""
    return Incoming(ExternalId(f"delivery:{one.reference}"), one.delivery.received_at, Author("unknown", ""),
                    kind=Kind.NOT_UNDERSTOOD, problems=("unreadable", problem))


def is_away(error: Exception) -> bool:
    """Whether the database could not be reached or had no room, rather than that a delivery cannot be written."""
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, ValueError)  # "connection is closed"; a wrong argument is a ValueError too
    return isinstance(error, AWAY)


def _bare(one: Stored) -> Stored:
    """A delivery without the wishes that came with it: one of those may be what cannot be written."""
    meta = {name: value for name, value in one.delivery.meta.items() if name == "history"}
    return replace(one, delivery=replace(one.delivery, meta=meta))


def _items(one: Stored, answer: list[Incoming] | Unreadable) -> list[Incoming]:
    return [unreadable(one, answer.problem)] if isinstance(answer, Unreadable) else answer
