"""A worker killed with -9 at random moments loses nothing and doubles nothing, whatever connector it came in by."""

from __future__ import annotations

import asyncio
import os
import random
import signal

import pytest

from connectors import connectors, outbound
from newsroom import delivery
from tests import sources
from tests.house import add_account, bring, make_intake
from tests.nursery import nursery, reading, sending
from tests.remotes import REMOTES, Remote
from tests.test_outbox import Desk


@pytest.fixture(scope="module")
async def workers():
    async with nursery() as made:
        yield made


@pytest.mark.parametrize(("rounds", "children"), [(12, False), pytest.param(650, True, marks=pytest.mark.slow)])
async def test_kill_nine_of_the_worker_at_random_moments(db, database, workers, rounds, children):
    dice = random.Random(rounds)
    stream, kills = sources.mixed(dice, await sources.add_channels(db), rounds, rounds // 10), 0
    async with db.transaction() as connection:
        await delivery.store(connection, stream.deliveries)
    total = await waiting(db)
    async with asyncio.timeout(60 + total / 10):  # far more than it needs: other tests run beside it
        while left := await waiting(db):
            pid = await workers.bear(reading, database.url, dice.randint(1, total // 12), children)
            wanted = max(0, left - dice.randint(1, total // 12))
            while await waiting(db) > wanted:
                await asyncio.sleep(0)
            await asyncio.sleep(dice.random() / 50)  # somewhere in the next batch
            os.kill(pid, signal.SIGKILL)
            kills += 1
    assert kills >= 5
    await sources.check(db, stream)


async def waiting(db) -> int:
    async with db.connection() as connection:
        return await connection.fetchval("select count(*) from delivery where state <> 'done'")


@pytest.fixture
def inside():
    outbound.permit(["127.0.0.0/8"])
    yield
    outbound.permit([])


@pytest.mark.parametrize("family", [
    name if name != "mastodon" else pytest.param(name, marks=[pytest.mark.mastodon, pytest.mark.slow])
    for name in REMOTES])
async def test_kill_nine_between_sending_and_marking_sends_nothing_twice(db, database, workers, inside, family):
    """What the channel would know again is tried again; else a person decides."""
    async with REMOTES[family]() as remote:
        desk = await asked(db, family, remote)
        id = await desk.answer()
        pid = await workers.bear(sending, database.url, remote.kind, remote.settings)
        assert f"sent {pid}" == (await workers.line()).strip()
        taken = await remote.taken(db)
        os.kill(pid, signal.SIGKILL)
        other = desk.outbox()
        async with asyncio.timeout(20):
            while not await other.recover():  # until the server notices that it is gone
                await asyncio.sleep(0.01)
        assert await other.step() == remote.once
        row = await desk.row(id)
        assert ("sent" if remote.once else "unknown", 1) == (row.send_state, await remote.taken(db))
        assert taken == (remote.kind != "chat")  # which shows it once it is marked
        await desk.platform.close()


async def asked(db, family: str, remote: Remote) -> Desk:
    """A question over this channel, and somebody to answer it over the channel that sends for it."""
    channels, sanne = await sources.add_channels(db), await add_account(db, "Sanne", "webcare")
    receipt, = await bring(db, channels[family], remote.question)
    await make_intake(db, sources.here()).drain()
    return Desk(db, channels[remote.kind], receipt.reference, sanne, connectors()[remote.kind](remote.settings))
