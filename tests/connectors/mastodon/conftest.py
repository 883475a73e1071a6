"""A real server with Mastodon's API, people on it, and a reader as the house has one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import pytest

from connectors import Delivery, Incoming, outbound
from connectors.mastodon import Mastodon
from tests.connectors.mastodon.server import MastodonServer, Person

SECONDS = 30.0


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[MastodonServer]:
    made = MastodonServer()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(autouse=True)
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be reached, and nobody waits a minute."""
    monkeypatch.setattr(outbound, "_permitted", ())
    outbound.permit(["127.0.0.0/8"])


@pytest.fixture
async def us(server: MastodonServer) -> Person:
    return await server.person("gemeente")


@pytest.fixture
async def anna(server: MastodonServer) -> Person:
    return await server.person("anna")


@pytest.fixture
async def ben(server: MastodonServer) -> Person:
    return await server.person("ben")


class Reader:
    """Reads an account as the house does: the cursor is kept with what came, and given back after a break."""

    def __init__(self, connector: Mastodon, cursor: Mapping[str, Any] | None = None):
        self.connector, self.cursor = connector, dict(cursor or {})
        self.deliveries: list[Delivery] = []

    async def read(self, until: Callable[[list[Delivery]], bool], seconds: float = SECONDS) -> list[Delivery]:
        """Listen until enough came. Gives what came now."""
        before = len(self.deliveries)
        async with asyncio.timeout(seconds), aclosing(self.connector.listen(self.cursor)) as batches:
            async for batch in batches:
                self.deliveries += batch.deliveries
                self.cursor = dict(batch.cursor)
                if until(self.deliveries[before:]):
                    break
        return self.deliveries[before:]

    async def begin(self) -> None:
        """Until the starting points are known."""
        await self.read(lambda found: "start" in self.cursor)

    async def count(self, number: int, seconds: float = SECONDS) -> list[Incoming]:
        """The next so many items."""
        return [item for one in await self.read(lambda found: len(found) >= number, seconds)
                for item in Mastodon.parse(one)]


@pytest.fixture
async def reader(us: Person) -> AsyncIterator[Reader]:
    """From now on."""
    made = Reader(Mastodon(us.settings()))
    await made.begin()
    yield made
    await made.connector.close()
