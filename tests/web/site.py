"""The pages of some parts on a real port, with a real database behind them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import DummyCookieJar, web
from aiohttp.test_utils import TestClient, TestServer

from connectors import Connector
from newsroom.channel import NoChannel
from newsroom.database import Database
from newsroom.delivery import Writer
from newsroom.settings import Settings
from newsroom.web import application
from newsroom.web.keys import BROKEN, CONNECTOR, SIGNING, WRITER

START = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)  # a Monday, 10:42 here


class Clock:
    """The moment, moved by hand."""

    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@asynccontextmanager
async def site(db: Database, *parts: application.Part, connectors: dict[int, Connector] | None = None,
               clock: Callable[[], datetime] | None = None, more: Mapping[web.AppKey, Any] | None = None,
               **settings) -> AsyncIterator[TestClient]:
    """A client of these parts; it keeps no cookies. `more` goes into the application, `settings` are
    those of the installation."""
    app = application.make(db, Settings(**settings), parts=parts, clock=clock or Clock())

    async def connector(id: int) -> Connector:
        if id not in (connectors or {}):
            raise NoChannel(id)
        return connectors[id]

    app[WRITER], app[CONNECTOR] = Writer(db, lambda: None), connector
    app[BROKEN] = ()
    app[SIGNING] = lambda purpose: purpose.encode().ljust(32, b".")
    for key, value in (more or {}).items():
        app[key] = value
    async with TestClient(TestServer(app), cookie_jar=DummyCookieJar()) as client:
        yield client
