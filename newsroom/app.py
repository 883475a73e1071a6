"""The composition root: the only file that knows everyone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial

import asyncpg
import structlog
from aiohttp import web

from connectors import Connector, installed
from newsroom import (
    account,
    announce,
    channel,
    chat,
    collect,
    delivery,
    desk,
    link,
    nightly,
    opening,
    reconcile,
    search,
    secret,
    setting,
    sweep,
    term,
    watch,
)
from newsroom import demo as demo_town
from newsroom.attendance import Attendance
from newsroom.database import Database, connect, migrate
from newsroom.doorbell import Doorbell
from newsroom.embedded import EmbeddedPostgres
from newsroom.feed import Feed
from newsroom.intake import Intake
from newsroom.outbox import Outbox
from newsroom.parser import Parsers
from newsroom.settings import Settings
from newsroom.web import application, live
from newsroom.web.api import events
from newsroom.web.demo import PATH as DEMO_PATH
from newsroom.web.demo import DemoPage
from newsroom.web.fragments import Fragments
from newsroom.web.keys import ATTENDANCE, BELL, BROKEN, CHANNELS, CONNECTOR, FEED, RENDER, SIGNING, WRITER
from newsroom.web.public import chat_live
from newsroom.web.render import Render
from newsroom.web.socket import SOCKETS
from newsroom.web.visiting import Visiting

TICK_SECONDS = 5.0  # how late a card may turn amber or red
LOOPBACK = ("127.0.0.1", "::1")
STOP_SECONDS = 5.0  # open requests get this long when we stop

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class House:
    """Everything that runs, for the handlers and the commands."""

    settings: Settings
    database: Database
    keys: secret.Keys
    feed: Feed
    writer: delivery.Writer
    channels: channel.Live
    bell: Doorbell
    failed: asyncio.Future  # gets the error of a background part that stopped
    site: web.Application


@asynccontextmanager
async def database(settings: Settings) -> AsyncIterator[Settings]:
    """The settings with database addresses that work: of the embedded server when none is set. Migrated."""
    async with AsyncExitStack() as stack:
        if not settings.database_url:
            server = await stack.enter_async_context(EmbeddedPostgres(settings.data))
            settings = replace(settings, database_url=server.url("newsroom"),
                               owner_database_url=server.url("newsroom_owner"))
        await migrate(settings.owner_database_url or settings.database_url)
        yield settings


@asynccontextmanager
async def demo(settings: Settings, speed: float, tell: Callable[[float], None] = lambda share: None,
               burst: str = "", anew: bool = False) -> AsyncIterator[tuple[House, str]]:
    """Voorbeeldstad while it runs, with the path of a link that signs in as its chef dag. Always in an embedded
    database of its own: the real one is never touched. `tell` hears how far its first loading is, 0 to 1; `burst` is a
    peak to begin with, `anew` throws away what was there."""
    apart = replace(settings, data=settings.data / "demo", database_url="", owner_database_url="",
                    listen_database_url="", redis_url="", secret_key_file=None, organisation="Voorbeeldstad",
                    trusted_proxies=(*settings.trusted_proxies, *LOOPBACK))  # residents have addresses of their own
    if anew:
        await EmbeddedPostgres(apart.data).erase()
    page = DemoPage()
    async with database(apart) as ready, run(ready, kinds=demo_town.demo_kinds(), more=(page.routes,)) as house:
        now = datetime.now(UTC)
        house.site[RENDER].mark_demo(DEMO_PATH)
        await demo_town.load(house.database, house.keys.signing_key("reply"), now, tell)
        async with house.database.transaction() as connection:
            await desk.prepare(connection)
            chef = next(one for one in await account.everyone(connection) if "chef_dag" in one.roles)
            path = await link.make(connection, "start", chef.id, now)
            known = await setting.read(connection, demo_town.PASSWORD, "")
        site = demo_town.Site(apart.host, apart.port, apart.address)
        doors = demo_town.Doors(house.database, house.writer, house.channels, house.keys, house.bell, site)
        living = demo_town.Living(doors, house.site[live.PRESENCE].anybody, speed)
        page.begin(living, known)
        task = asyncio.create_task(_guarded(living.run(), house.failed))
        if burst:
            living.burst(burst)
        house.bell()
        try:
            yield house, path
        finally:
            await _end([task])


@asynccontextmanager
async def run(settings: Settings, web_part: bool = True, work_part: bool = True,
              kinds: dict[str, type[Connector]] | None = None,
              more: Sequence[application.Part] = ()) -> AsyncIterator[House]:
    """The house while it runs, with `more` parts of pages. `settings` have working database addresses; see
    `database`."""
    async with AsyncExitStack() as stack:
        pool = await connect(settings.database_url, size=20)
        stack.push_async_callback(pool.close)
        found, broken = installed()
        for one in broken:
            log.error("connector left out", **asdict(one))
        house = _compose(settings, pool, kinds or found, more)
        house.site[BROKEN] = broken
        if work_part and kinds is None:  # who brings kinds of their own brings their channels too
            async with pool.transaction() as connection:
                await desk.prepare(connection)
        await house.feed.start()
        tasks = [house.bell.run(), house.feed.run()]
        if web_part:
            tasks += [live.keep_alive(house.site), chat_live.keep_alive(house.site), house.site[ATTENDANCE].run(),
                      Visiting(house.site).run()]
        if work_part:
            tasks += await _workers(house, stack)
        running = [asyncio.create_task(_guarded(task, house.failed)) for task in tasks]
        stack.push_async_callback(_end, running)
        if web_part:
            await _serve(house, stack)
        yield house


def _compose(settings: Settings, pool: Database, kinds: dict[str, type[Connector]],
             more: Sequence[application.Part]) -> House:
    keys = secret.load(settings)
    bell = Doorbell(pool, settings.listen_database_url, settings.redis_url)
    render = Render(settings)
    site = application.make(pool, settings, render, (*application.PARTS, *more))
    feed = Feed(pool, Fragments(render), partial(live.rights_changed, site))
    bell.rings(feed.ring)
    house = House(settings, pool, keys, feed, delivery.Writer(pool, bell), channel.Live(pool, kinds, keys), bell,
                 asyncio.get_running_loop().create_future(), site)
    site[FEED], site[WRITER], site[BELL], site[ATTENDANCE] = feed, house.writer, bell, Attendance(bell.say)
    bell.hears(site[ATTENDANCE].hear)
    site[ATTENDANCE].changed(partial(chat_live.typing, site))
    site[SIGNING], site[CHANNELS], site[SOCKETS] = keys.signing_key, house.channels, set()
    site[CONNECTOR] = house.channels.connector
    return house


async def _workers(house: House, stack: AsyncExitStack) -> list:
    settings = house.settings
    parsers = Parsers()
    stack.push_async_callback(parsers.close)
    intake = Intake(house.database, house.channels.kinds, parsers, house.keys.signing_key("reply"), house.bell)
    outbox = Outbox(house.database, house.channels.connector, house.keys.signing_key("reply"), house.bell)
    collector = collect.Collector(house.database, house.channels, house.bell, settings.listen_database_url)
    announcer = announce.Announcer(house.database, house.keys, events.batch)
    house.bell.rings(announcer.wake, intake.wake, outbox.wake, collector.wake)
    return [intake.run(), outbox.run(), collector.run(), search.keep_indexed(house.database), _timer(house),
            nightly.run(house.database), sweep.run(house.database), announcer.run(),
            reconcile.run(house.database, house.channels, house.bell)]


async def _timer(house: House) -> None:
    """Write what became late, what waits too long, what opened or closed and who left a chat, until cancelled."""
    while True:
        try:
            async with house.database.transaction() as connection:
                n = 0
                for tick in (opening.tick, watch.tick, term.tick, chat.tick):
                    n += await tick(connection, datetime.now(UTC))
            if n:
                house.bell()
                continue
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.error("timer waits for the database", error=type(error).__name__)
        await asyncio.sleep(TICK_SECONDS)


async def _serve(house: House, stack: AsyncExitStack) -> None:
    runner = web.AppRunner(house.site, access_log=None, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    stack.push_async_callback(live.close_all, house.site)
    stack.push_async_callback(chat_live.close_all, house.site)
    await web.TCPSite(runner, house.settings.host, house.settings.port, backlog=1024).start()


async def _guarded(task, failed: asyncio.Future) -> None:
    """A part that stops by itself is a fault that must not stay unseen: the house stops with it."""
    try:
        await task
    except Exception as error:
        log.exception("a background part stopped")
        if not failed.done():
            failed.set_exception(error)


async def _end(running: list[asyncio.Task]) -> None:
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
