"""A house with a chat, its visitors, and a colleague who is signed in."""

from __future__ import annotations

import aiohttp
import pytest

from tests.browser.town import town
from tests.web.chats import Colleague, Visitor, add_chat


@pytest.fixture
async def place(database, data):
    async with town(database, data, seeded=False) as made:
        yield made


@pytest.fixture
async def client():
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


@pytest.fixture
async def channel(place):
    return await add_chat(place, identity_key="")


@pytest.fixture
def visitor(place, channel, client):
    return lambda: Visitor(place, channel, client)


@pytest.fixture
async def joris(place, client):
    return Colleague(place, client, "=".join(await place.token("Joris Bos")))


