"""A server in a process of its own, to be measured: `python -m tests.bench.serve KIND [DATABASE_URL]`.

`bare` keeps transports and writes one prepared frame to each; `live` is our own socket and feed, told of one changed
card; `house` is everything; `receive` is its pages only, `receive-nothing` the same but nothing is kept, and
`receive-each` the same with a transaction for each delivery. The first line printed is JSON: `port`, `control` and
`headers` for a socket, and for a house how to deliver. On the control port a line `publish` writes to all sockets,
`stall` fills the newest socket, `usage` is answered with processor seconds and resident KB, and `kept` with the number
of deliveries.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from aiohttp import web

from connectors import Delivery
from newsroom import access, api_token, app, delivery, session
from newsroom.change import By
from newsroom.conversation import Conversation
from newsroom.database import Database, connect
from newsroom.feed import Feed, News, Viewer
from newsroom.settings import Settings
from newsroom.web import application, live, socket
from newsroom.web.keys import FEED, WRITER
from newsroom.web.live import SOCKETS
from newsroom.web.visitor import cookie_name
from tests.bench.crowd import free_port, raise_limit
from tests.house import add_account, add_channel, paper, receive

FRAME_BYTES = 420  # facets and moments of a card without labels take most of it
PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class Fixed:
    """Cards of `size` characters, so that what is compared is the writing."""

    size = 0

    def card(self, row: Conversation, names: Any, language: str) -> str:
        return "x" * self.size

    def entry(self, *_: Any) -> str:
        return ""


async def main(kind: str, url: str) -> None:
    """Serve until the controlling connection ends."""
    raise_limit()
    # the first line of stdout is for the bench, which reads no more of it
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
                        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr), cache_logger_on_first_use=True)
    async with AsyncExitStack() as stack:
        told, publish, stall = await STARTS[kind](stack, url)
        ended = asyncio.Event()
        control = await asyncio.start_server(lambda r, w: obey(r, w, publish, stall, ended, url), "127.0.0.1", 0)
        told["control"] = control.sockets[0].getsockname()[1]
        print(json.dumps(told), flush=True)
        await ended.wait()
        sys.stdout.flush()
        os._exit(0)  # thousands of sockets need no farewell


async def obey(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, publish: Callable[[], None],
               stall: Callable[[], None], ended: asyncio.Event, url: str) -> None:
    while line := await reader.readline():
        if line == b"publish\n":
            publish()
        elif line == b"stall\n":
            stall()
            writer.write(b"{}\n")
        elif line == b"kept\n":
            writer.write(json.dumps({"kept": await kept(url)}).encode() + b"\n")
        else:
            writer.write(json.dumps(usage()).encode() + b"\n")
    ended.set()


def usage() -> dict[str, float]:
    """Processor seconds since the start, and resident KB now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB
    return {"cpu": used.ru_utime + used.ru_stime, "kb": resident}


async def kept(url: str) -> int:
    """Deliveries in the database."""
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select count(*) from delivery")
    finally:
        await connection.close()


async def bare(stack: AsyncExitStack, url: str) -> tuple:
    """The least that aiohttp can do."""
    transports: list[asyncio.Transport] = []
    told = 0

    async def open(request: web.Request) -> web.WebSocketResponse:
        response = web.WebSocketResponse(compress=False)
        await response.prepare(request)
        transports.append(request.transport)
        async for _ in response:
            pass
        return response

    def publish() -> None:
        nonlocal told
        told += 1
        text = json.dumps({"t": "b", "n": told, "x": ""})
        frame = socket.frame((text[:-2] + "x" * (FRAME_BYTES - len(text)) + '"}').encode())
        for transport in transports:
            transport.write(frame)

    site = web.Application()
    site.router.add_get("/live", open)
    port = free_port()
    await serve(stack, site, port)
    return {"port": port, "headers": {}}, publish, lambda: None


async def ours(stack: AsyncExitStack, url: str) -> tuple:
    """Our own gate, socket and feed; the change was read from the database once."""
    database = await connect(url, 10)
    port = free_port()
    settings = Settings(port=port)
    site = application.make(database, settings, parts=[live.routes], clock=lambda: datetime.now(UTC))
    cards = Fixed()
    feed = Feed(database, cards, lambda account: None)  # type: ignore[arg-type]
    site[FEED], site[SOCKETS] = feed, set()
    channel = await add_channel(database)
    receipt, = await receive(database, channel, paper("1", {"id": "m1"}))
    assert receipt
    model = await read_one(database, feed)
    cards.size = max(0, FRAME_BYTES - len(feed.frame((frozenset({"open"}), "nl", frozenset()), model)))
    model.cards.clear()
    await serve(stack, site, port)

    early: set[live.Board] = set()

    def publish() -> None:
        if not early:
            early.update(site[SOCKETS])
        feed.tell(News(feed.head, feed.head + 1, model.events, model.rows, model.names, {}, {}))

    def stall() -> None:
        newest, = (board for board in site[SOCKETS] if board not in early)
        while newest.write(b"x" * 60_000):
            pass

    return {"port": port, "headers": await headers(database, settings)}, publish, stall


async def read_one(database: Database, feed: Feed) -> News:
    """What the feed reads for the one change that there is. The feed stands behind it afterwards."""
    held: list[News] = []
    tell, feed.tell = feed.tell, held.append  # type: ignore[method-assign]
    feed.epoch = "bench"
    one = Viewer(None, access.Scope(1, frozenset(), frozenset({"open"}), frozenset()), "nl", 0)  # type: ignore
    feed.viewers.add(one)
    await feed.step()
    feed.viewers.clear()
    feed.tell = tell  # type: ignore[method-assign]
    return held[0]


async def house(stack: AsyncExitStack, url: str, work: bool = True, writer: type | None = None) -> tuple:
    """Everything, with a channel for programs; without `work` only the pages, and with another `writer`."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    settings = Settings(database_url=url, data=folder, port=free_port())
    made = await stack.enter_async_context(app.run(settings, work_part=work))
    if writer is not None:
        made.site._state[WRITER] = writer(made.database)
    channel = await add_channel(made.database, "Formulier", "", kind="web_form")
    async with made.database.transaction() as connection:
        token = await api_token.create(connection, "bench", ["deliver"], By(None, datetime.now(UTC)), channel)
    told = {"port": settings.port, "headers": await headers(made.database, settings), "channel": channel,
            "token": token}
    return told, lambda: None, lambda: None


class Nothing:
    """Keeps nothing."""

    def __init__(self, database: Database):
        pass

    async def put(self, channel_id: int, item: Delivery) -> delivery.Receipt:
        return delivery.Receipt(1, delivery.new_reference(), True)


class Each:
    """A transaction for each delivery."""

    def __init__(self, database: Database):
        self._database = database

    async def put(self, channel_id: int, item: Delivery) -> delivery.Receipt:
        async with self._database.transaction() as connection:
            receipt, = await delivery.store(connection, [(channel_id, item)], strict=True)
        return receipt


async def headers(database: Database, settings: Settings) -> dict[str, str]:
    """Of a browser in which somebody is signed in."""
    who = await add_account(database, "Chef", "chef_dag", "webcare")
    async with database.transaction() as connection:
        token = await session.start(connection, who.account_id, datetime.now(UTC), "127.0.0.1", "")
    return {"Cookie": f"{cookie_name(settings)}={token}", "Origin": settings.address}


async def serve(stack: AsyncExitStack, site: web.Application, port: int) -> None:
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()


STARTS = {"bare": bare, "live": ours, "house": house, "receive": partial(house, work=False),
          "receive-nothing": partial(house, work=False, writer=Nothing),
          "receive-each": partial(house, work=False, writer=Each)}

if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
