"""A worker killed with -9 at random moments loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys

import pytest

from newsroom import board
from tests.house import add_channel, bring, paper

WORKER = """
import asyncio, sys
from newsroom.database import connect
from tests.house import make_intake

async def main():
    db = await connect(sys.argv[1], 3)
    intake = make_intake(db)
    print("ready", flush=True)
    while True:
        await intake.step(slow=False, limit=int(sys.argv[2]))

asyncio.run(main())
"""


async def start(url: str, limit: str) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WORKER, url, limit, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL)
    assert await process.stdout.readline() == b"ready\n"
    return process


@pytest.mark.parametrize("total", [300, pytest.param(5000, marks=pytest.mark.slow)])
async def test_kill_nine_of_the_worker_at_random_moments(db, database, total):
    channel, dice = await add_channel(db), random.Random(total)
    for first in range(0, total, 500):
        await bring(db, channel, *(paper(f"k{n}", {
            "id": f"m{n}", "from": f"p{n % 97}@post.example", "at": n,
            "answers": [f"m{n - 97}"] if n % 3 and n >= 97 else []}) for n in range(first, min(first + 500, total))))
    kills = 0
    async with asyncio.timeout(60 + total / 10):  # far more than it needs: other tests run beside it
        while await waiting(db):
            worker = await start(database.url, str(dice.randint(5, 60)))
            before = await waiting(db)
            while await waiting(db) > max(0, before - dice.randint(1, total // 8)):
                await asyncio.sleep(0)
            os.kill(worker.pid, signal.SIGKILL)
            await worker.wait()
            kills += 1
    assert kills >= 5
    async with db.connection() as connection:
        found = await connection.fetch("select external_id from message order by id")
        assert len(found) == len({row["external_id"] for row in found}) == total
        assert await connection.fetchval("select count(*) from event where kind = 'received'") == total
    async with db.snapshot() as connection:
        assert await board.recount(connection) == []


async def waiting(db) -> int:
    async with db.connection() as connection:
        return await connection.fetchval("select count(*) from delivery where state <> 'done'")
