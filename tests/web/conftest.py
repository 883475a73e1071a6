"""A form on a real port with a clock that is moved by hand, and a town with people who are signed in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from newsroom import form
from newsroom.web.public import form as public_form
from newsroom.web.public import pages
from tests.browser.town import Town, town
from tests.house import add_channel
from tests.web.caller import Visitor
from tests.web.person import Person
from tests.web.site import Clock, site


@pytest.fixture
async def channel(db):
    return await add_channel(db, "Formulier", "", kind="web_form")


@pytest.fixture
async def question(db, channel):
    async with db.transaction() as connection:
        return await form.save(connection, replace(form.QUESTION, channel_id=channel))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client(db, clock, question, monkeypatch):
    monkeypatch.setattr(pages, "KNOWN_SECONDS", 0.0)
    async with site(db, public_form.routes, clock=clock) as client:
        yield client


@pytest.fixture
def person(client, clock):
    return Person(client, clock)


@pytest.fixture
async def place(database, data) -> AsyncIterator[Town]:
    async with town(database, data, work=False) as made:
        yield made


@pytest.fixture
async def visitor(place):
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
        async def enter(name: str) -> Visitor:
            return Visitor(place, session, "=".join(await place.token(name)))
        yield enter
