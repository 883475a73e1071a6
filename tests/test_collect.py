"""The collectors: what comes is kept with the place to go on from, whatever fails, by one process at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest
from structlog.testing import capture_logs

from connectors import Batch, Secret, SignInNeeded, TryLater
from newsroom import channel, collect
from newsroom.channel import Channel, Live
from newsroom.claim import Claims
from newsroom.collect import Collector, Pace, Trouble
from tests.house import end_claims
from tests.tap import KINDS, PASSWORD, WELLS, Tap, Well
from tests.test_channel import BY, KEYS, tap

QUICK = Pace(first=0.02, longest=0.2, settled=0.05, down_after=0.5, poll=0.05)
DEADLINE = 10.0  # seconds; nothing here takes more than one


async def until(true: Callable[[], Awaitable[object]]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + DEADLINE
    while not await true():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(db, pace: Pace = QUICK, stored: Callable[[], None] = lambda: None) -> AsyncIterator[Collector]:
    collector = Collector(db, Live(db, KINDS, KEYS), stored, pace=pace)
    task = asyncio.create_task(collector.run())
    try:
        yield collector
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Place:
    """A channel with its well."""

    def __init__(self, db, row: Channel):
        self.db, self.row = db, row
        self.well = WELLS[row.settings["address"]]

    async def now(self) -> Channel:
        async with self.db.connection() as connection:
            return await channel.get(connection, self.row.id)

    async def keys(self) -> list[str]:
        async with self.db.connection() as connection:
            rows = await connection.fetch("select key from delivery where channel_id = $1 order by id", self.row.id)
        return [row["key"] for row in rows]

    async def has(self, *keys: str) -> bool:
        return list(keys) == await self.keys()

    async def health(self, health: str) -> bool:
        return health == (await self.now()).health

    async def change(self, **changed) -> None:
        row = await self.now()
        async with self.db.transaction() as connection:
            await channel.update(connection, KEYS, Tap, replace(row, **changed), {}, BY)


async def place(db, name: str, **changed) -> Place:
    address = f"{name}-{id(db)}@voorbeeldstad.example".lower()
    WELLS[address] = Well()
    wanted = tap(name, **changed)
    async with db.transaction() as connection:
        row = await channel.add(connection, KEYS, Tap, replace(wanted, settings=wanted.settings | {"address": address}),
                                {"password": PASSWORD}, BY)
    return Place(db, row)


async def test_a_batch_and_its_cursor_are_kept_together_and_the_bell_rings_after(db):
    one = await place(db, "Een")
    rung: list[int] = []
    one.well.pour("a", "b", history="1")
    async with running(db, stored=lambda: rung.append(1)):
        await until(lambda: one.has("a", "b"))
        one.well.pour("c")
        await until(lambda: one.has("a", "b", "c"))
        await until(lambda: one.health("ok"))
    row = await one.now()
    assert {"taken": 2} == row.cursor and row.last_in_at is not None and len(rung) >= 2
    assert 0 == one.well.readers and 1 == one.well.closed
    async with db.connection() as connection:
        assert {"history": "1"} == await connection.fetchval("select meta from delivery where key = 'a'")


async def test_the_next_start_goes_on_from_the_cursor(db):
    one = await place(db, "Een")
    one.well.pour("a")
    async with running(db):
        await until(lambda: one.has("a"))
    one.well.pour("b")
    async with running(db):
        await until(lambda: one.has("a", "b"))
    assert [{}, {"taken": 1}] == one.well.asked


async def test_a_failed_batch_moves_nothing_and_comes_again(db):
    one = await place(db, "Een")
    one.well.pour("a")
    async with db.connection() as other:
        transaction = other.transaction()
        await transaction.start()
        await other.execute("lock table delivery in exclusive mode")
        async with running(db):
            await until(lambda: waits_for_lock(db))
            # the commit never comes: as when the server goes away in the middle
            async with db.connection() as connection:
                await connection.execute("select pg_cancel_backend(pid) from pg_locks where not granted")
            assert {} == (await one.now()).cursor
            await transaction.rollback()
            await until(lambda: one.has("a"))
    assert {"taken": 1} == (await one.now()).cursor


async def waits_for_lock(db) -> bool:
    async with db.connection() as connection:
        return await connection.fetchval("select exists(select from pg_locks where not granted)")


async def test_one_that_fails_does_not_hold_up_another_and_says_so_once(db):
    bad, good = await place(db, "Slecht"), await place(db, "Goed")
    bad.well.error = TryLater("De server is in onderhoud.", after=0)
    with capture_logs() as logged:
        async with running(db):
            good.well.pour("a")
            await until(lambda: good.has("a"))
            await until(lambda: bad.health("faltering"))
            assert "De server is in onderhoud." == (await bad.now()).health_cause
            await until(lambda: tried(bad.well, 4))
            bad.well.error = None
            bad.well.pour("b")
            await until(lambda: bad.has("b"))
            await until(lambda: bad.health("ok"))
    told = [line["event"] for line in logged if line.get("channel") == bad.row.id]
    assert ["channel unavailable", "channel back"] == told


async def tried(well: Well, times: int) -> bool:
    return len(well.asked) >= times


async def test_faltering_for_long_is_down(db):
    one = await place(db, "Een")
    one.well.error = ConnectionResetError(104, f"password={PASSWORD}")
    with capture_logs() as logged:
        async with running(db, replace(QUICK, down_after=0.1)):
            await until(lambda: one.health("down"))
    assert "geen antwoord" in (await one.now()).health_cause
    assert PASSWORD not in str(logged)


async def test_an_empty_batch_shows_at_once_that_the_channel_lives(db):
    one = await place(db, "Een")
    one.well.pour()
    async with running(db, replace(QUICK, settled=3600.0)):
        await until(lambda: one.health("ok"))
    assert ({"taken": 1}, None) == ((await one.now()).cursor, (await one.now()).last_in_at)


async def test_an_empty_cursor_is_a_fault_that_is_told(db):
    """Kept, it would mean a new channel at the next start: what came meanwhile would be passed over."""
    one = await place(db, "Een")
    with pytest.raises(ValueError, match="empty cursor") as raised:
        Batch((), {})
    one.well.error = raised.value
    async with running(db):
        await until(lambda: one.health("faltering"))
    assert {} == (await one.now()).cursor


async def test_an_unforeseen_error_is_told_without_its_words(db):
    one = await place(db, "Een")
    one.well.error = ZeroDivisionError(f"password={PASSWORD}")
    with capture_logs() as logged:
        async with running(db):
            await until(lambda: tried(one.well, 3))
    assert 1 == sum(line["event"] == "listener failed" and line["where"].startswith("tap.py:") for line in logged)
    assert PASSWORD not in str(logged) and PASSWORD not in (await one.now()).health_cause


async def test_a_refused_sign_in_waits_for_new_settings(db):
    one = await place(db, "Een")
    one.well.error = SignInNeeded("Het wachtwoord klopt niet.")
    async with running(db, replace(QUICK, longest=3600.0)):
        await until(lambda: one.health("down"))
        one.well.error = None
        one.well.pour("a")
        row = await one.now()
        async with db.transaction() as connection:
            await channel.update(connection, KEYS, Tap, row, {"password": "a-new-password"}, BY)
        await until(lambda: one.has("a"))
        await until(lambda: one.health("ok"))
    assert "a-new-password" == one.well.passwords[-1]


async def test_waits_grow_to_a_limit_and_differ(db):
    collector = Collector(db, Live(db, KINDS, KEYS), lambda: None, pace=Pace())
    trouble = Trouble()
    waits = [collector._after(trouble) for _ in range(20)]
    assert all(0.75 * 2 ** place <= wait <= 2 ** place for place, wait in enumerate(waits[:8]))
    assert all(225 <= wait <= 300 for wait in waits[10:]) and len(set(waits[10:])) > 1


async def test_the_source_says_when_to_come_back(db):
    one = await place(db, "Een")
    collector = Collector(db, Live(db, KINDS, KEYS), lambda: None, pace=Pace())
    assert 90 == await collector._failed(one.row.id, TryLater("Te druk.", after=90), Trouble())


async def test_one_owner_among_processes_and_another_takes_over(db):
    one = await place(db, "Een")
    async with running(db):
        one.well.pour("a")
        await until(lambda: one.has("a"))
        async with running(db):
            # the session that holds the claim dies, as with its process
            async with db.connection() as connection:
                await end_claims(connection, collect.CLAIMS)
            one.well.pour("b")
            await until(lambda: one.has("a", "b"))
        one.well.pour("c")
        await until(lambda: one.has("a", "b", "c"))


async def test_many_processes_read_a_channel_once(db):
    one = await place(db, "Een")
    async with running(db), running(db), running(db):
        for number in range(20):
            one.well.pour(f"k{number:02}")
        await until(lambda: one.has(*(f"k{number:02}" for number in range(20))))
    assert 1 == one.well.most_readers and 1 == len(one.well.asked)


async def test_a_reader_that_lost_its_claim_without_knowing_stores_nothing(db):
    one = await place(db, "Een")
    async with running(db):
        one.well.pour("a")
        await until(lambda: one.has("a"))
        async with db.transaction() as connection:  # the new owner was faster
            await connection.execute("update channel set cursor = '{\"taken\": 2}' where id = $1", one.row.id)
        one.well.pour("b")
        await until(lambda: tried(one.well, 2))
        one.well.pour("c")
        await until(lambda: one.has("a", "c"))
    assert {"taken": 2} == one.well.asked[1]


async def test_a_change_restarts_the_reader_and_a_pause_stops_it(db):
    one = await place(db, "Een")
    async with running(db) as collector:
        await until(lambda: tried(one.well, 1))
        await one.change(settings=one.row.settings | {"port": 1})
        collector.wake()
        await until(lambda: tried(one.well, 2))
        await one.change(name="Anders", mode="reading")  # nothing that a reader is made from
        async with db.transaction() as connection:
            await channel.set_mode(connection, one.row.id, "paused", BY)
        await until(lambda: readers(one.well, 0))
        one.well.pour("a")
        async with db.transaction() as connection:
            await channel.set_mode(connection, one.row.id, "reading", BY)
        await until(lambda: one.has("a"))
    assert 3 == len(one.well.asked) == one.well.closed and 0 == one.well.readers


async def readers(well: Well, number: int) -> bool:
    return number == well.readers


async def test_odd_characters_do_not_hold_up_the_rest(db):
    one = await place(db, "Een")
    one.well.pour("a\0b", "c\ud800", "d", subject="x\0\udfff")
    async with running(db):
        await until(lambda: one.has("a\ufffdb", "c\ufffd", "d"))


async def test_a_channel_that_is_pushed_to_is_left_alone(db):
    async with db.transaction() as connection:
        row = await channel.add(connection, KEYS, KINDS["box"], tap("Bus"), {"password": PASSWORD}, BY)
    other = await place(db, "Kraan")
    other.well.pour("a")
    async with running(db):
        await until(lambda: other.has("a"))
        async with db.connection() as connection:
            assert "new" == (await channel.get(connection, row.id)).health


async def test_a_kind_that_is_not_installed_is_down_with_the_reason(db):
    one = await place(db, "Een")
    async with db.transaction() as connection:
        await connection.execute("update channel set kind = 'fax' where id = $1", one.row.id)
    async with running(db):
        await until(lambda: one.health("down"))
    assert "fax" in (await one.now()).health_cause
    async with db.connection() as connection:
        assert not await connection.fetchval("select key_refused from channel")  # nothing is wrong with the key


async def test_a_claim_is_one_lock_and_comes_free(database):
    one, two = Claims(database.url, 1), Claims(database.url, 1)
    assert await one.take(5) and await one.take(5) and not await two.take(5) and await two.take(6)
    await one.give_back(5)
    assert await two.take(5) and not await one.lost()
    await two.close()
    assert await one.take(6)
    connection = await asyncpg.connect(database.superuser_url)
    await end_claims(connection, 1)
    await connection.close()
    assert await one.lost()
    await one.close()


@pytest.mark.parametrize("error, words", [(TryLater("Even geduld."), "Even geduld."), (TimeoutError(), "geen antwoord"),
                                          (KeyError(Secret("x")), "logboek")])
def test_a_cause_is_plain_dutch(error, words):
    assert words in collect.cause(error)
