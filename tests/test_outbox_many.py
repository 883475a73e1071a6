"""Many replies at once: a slow channel holds up no other, and a worker that stops or loses its number says no more than
it knows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

import pytest

from connectors import Outgoing, Refused, Sent
from newsroom import outbox, sending
from newsroom.outbox import AT_ONCE, Outbox
from tests.house import SECRET, add_channel, end_claims, paper, receive
from tests.test_outbox import ANNA, Desk, Platform, make_desk


@pytest.fixture
async def desk(db, monkeypatch) -> Desk:
    monkeypatch.setattr(outbox, "LEAVE_SECONDS", 0.0)  # who is cancelled here dies
    return await make_desk(db)


async def test_a_slow_channel_holds_up_no_other_and_gets_few_at_once(desk):
    slow, quick = Platform(hang=asyncio.Event()), Platform()
    other = await add_channel(desk.db, "Balie", "balie@voorbeeldstad.example")
    receipt, = await receive(desk.db, other, paper("9", {"id": "q1", "from": ANNA}))
    balie = replace(desk, channel=other, reference=receipt.reference)

    async def connector(id: int) -> Platform:
        return slow if id == desk.channel else quick
    running = asyncio.create_task(Outbox(desk.db, connector, SECRET, lambda: None).run())
    for number in range(AT_ONCE + 2):
        await desk.answer(f"c{number}")
    await asyncio.wait_for(slow.hang.wait(), 10)
    ids = [await balie.answer(f"b{number}") for number in range(AT_ONCE + 2)]
    async with asyncio.timeout(10):
        while {"sent"} != {(await desk.row(id)).send_state for id in ids}:
            await asyncio.sleep(0.02)
    assert AT_ONCE == len(slow.took)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert AT_ONCE == await desk.outbox().recover()  # nobody knows what became of them


async def test_who_gets_a_new_number_still_knows_what_it_is_sending(desk):
    """Its connection broke, not its sending: the outcome is the reply's, not a guess."""
    go = asyncio.Event()

    @dataclass
    class Patient(Platform):
        async def send(self, outgoing: Outgoing) -> Sent:
            self.hang.set()
            await go.wait()
            raise Refused("550 geen toegang")
    desk.platform = Patient(hang=asyncio.Event())
    id = await desk.answer()
    running = asyncio.create_task(desk.outbox().run())
    await asyncio.wait_for(desk.platform.hang.wait(), 10)
    sender = (await desk.row(id)).sender
    async with desk.db.connection() as connection:
        await end_claims(connection, sending.WORKER_LOCK)
    async with asyncio.timeout(20), desk.db.connection() as connection:
        while await connection.fetchval("select coalesce(max(objid::bigint), $2) from pg_locks where classid = $1"
                                        " and database = (select oid from pg_database where datname ="
                                        " current_database())", sending.WORKER_LOCK, sender) == sender:
            await asyncio.sleep(0.05)
    go.set()
    async with asyncio.timeout(20):
        while "sending" == (state := (await desk.row(id)).send_state):
            await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert "failed" == state


async def test_a_reply_on_its_way_when_the_program_stops_is_finished(desk, monkeypatch):
    monkeypatch.setattr(outbox, "LEAVE_SECONDS", 10.0)
    begun, go = asyncio.Event(), asyncio.Event()

    class Busy(Platform):
        async def send(self, outgoing: Outgoing) -> Sent:
            begun.set()
            await go.wait()
            return await super().send(outgoing)
    desk.platform = Busy()
    id = await desk.answer()
    running = asyncio.create_task(desk.outbox().run())
    await asyncio.wait_for(begun.wait(), 10)
    running.cancel()
    asyncio.get_running_loop().call_later(0.1, go.set)
    await asyncio.gather(running, return_exceptions=True)
    assert ("sent", 1) == ((await desk.row(id)).send_state, len(desk.platform.took))
