"""The road: from the moment a source hands deliveries over until the last conversation stands on an open board."""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from connectors import Delivery, DeliveryKey, connectors
from newsroom import access, delivery
from newsroom.database import Database
from newsroom.feed import Feed, Viewer
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.settings import Settings
from newsroom.web import application
from newsroom.web.fragments import Fragments
from newsroom.web.render import Render
from tests.bench import floor, mail
from tests.bench.figure import Figure, at_least, rate
from tests.bench.place import Place
from tests.house import SECRET, START, US, add_channel

JSON, JSON_QUICK = 10_000, 500
MAILS, MAILS_QUICK = 2_000, 200
TURNS = 3
AT_ONCE = 64  # JSON deliveries on their way at any moment
FETCHED = 50  # mails in one commit of the mailbox's reader
GOAL_JSON = 2000  # conversations a second
GOAL_FLOOR = 0.5
GOAL_PAST = 0.8  # of the empty house's rate
PAST, PAST_QUICK = 1_000_000, 10_000  # messages stored before
POSITION = re.compile(rb'{"t":"b","from":\d+,"to":(\d+)')  # how a frame begins
ALONE = access.Scope(1, frozenset({"webcare"}), frozenset({"open"}), frozenset())


async def run(place: Place, quick: bool) -> list[Figure]:
    """JSON and mail in an empty house and in one with a past, and the floor of mail, in turns."""
    found = []
    for turn in range(1 if quick else TURNS):
        raw = mail.mails(MAILS_QUICK if quick else MAILS, turn)
        floors = await floor_rate(place, raw)
        async with place.connected() as database:
            empty = await both(database, raw, turn, quick)
        async with place.filled(PAST_QUICK if quick else PAST) as database:
            found.append((floors, *empty, *await both(database, raw, turn, quick)))
    theirs, json_rates, mail_rates, json_full, mail_full = zip(*found, strict=True)
    past = f"with {PAST_QUICK if quick else PAST:,} stored, beside empty"
    return [rate("road: JSON to a visible conversation", statistics.median(json_rates), GOAL_JSON),
            at_least("road: mail, beside the floor", mail_rates, theirs, GOAL_FLOOR, "/s"),
            at_least(f"road: JSON {past}", json_full, json_rates, GOAL_PAST, "/s"),
            at_least(f"road: mail {past}", mail_full, mail_rates, GOAL_PAST, "/s")]


async def both(database: Database, raw: Sequence[bytes], turn: int, quick: bool) -> tuple[float, float]:
    """JSON and mail, each into a channel of its own: the same keys are others there."""
    json_rate = await road(database, "web_form", turn, forms(JSON_QUICK if quick else JSON), put_each)
    return json_rate, await road(database, "email", turn, mail.deliveries(raw), store_batches)


async def road(database: Database, kind: str, turn: int, items: Sequence[Delivery], source: Callable) -> float:
    """Deliveries a second from the first byte handed over until an open board has the last. `source` stores them."""
    channel_id = await add_channel(database, f"{kind} of turn {turn}", US, kind=kind)
    async with working(database) as (board, bell):
        # the statements are prepared and the children started, as in a house that runs
        await source(database, channel_id, [warm(one) for one in items[:50]], bell)
        await board.has(50)
        start = time.perf_counter()
        await source(database, channel_id, items, bell)
        await board.has(len(items))
        return len(items) / (time.perf_counter() - start)


def warm(one: Delivery) -> Delivery:
    """Another delivery that is read in the same way."""
    body = one.body.replace(b"@post", b"@early")
    return Delivery(DeliveryKey("warm/" + one.key), body, one.received_at, one.content_type, one.meta)


async def put_each(database: Database, channel_id: int, items: Sequence[Delivery], bell: Callable[[], None]) -> None:
    """As the entrance for programs does: each waits for the commit it is in."""
    writer, waiting = delivery.Writer(database, bell), iter(items)

    async def client() -> None:
        for item in waiting:
            await writer.put(channel_id, item)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


async def store_batches(database: Database, channel_id: int, items: Sequence[Delivery],
                        bell: Callable[[], None]) -> None:
    """As a mailbox's reader does: so many in one commit."""
    for start in range(0, len(items), FETCHED):
        async with database.transaction() as connection:
            await delivery.store(connection, [(channel_id, item) for item in items[start:start + FETCHED]])
        bell()


@asynccontextmanager
async def working(database: Database) -> AsyncIterator[tuple[Board, Callable[[], None]]]:
    """Intake and feed at work with one open board, as in a house of one process."""
    settings = Settings()
    render = Render(settings)
    application.make(database, settings, render)  # its routes are in the cards
    feed = Feed(database, Fragments(render), lambda account: None)
    await feed.start()
    board = Board(database, feed.head)
    feed.viewers.add(Viewer(board, ALONE, "nl", feed.head))
    parsers = Parsers()
    intake = Intake(database, connectors(), parsers, SECRET, feed.ring)
    try:
        async with asyncio.TaskGroup() as tasks:  # a part that fails ends the measurement
            running = [tasks.create_task(intake.run()), tasks.create_task(feed.run())]
            yield board, intake.wake
            for task in running:
                task.cancel()
    finally:
        await parsers.close()


class Board:
    """An open board that counts the messages it was shown, after the event with id `since`."""

    def __init__(self, database: Database, since: int):
        self._database = database
        self._heard = asyncio.Event()
        self._shown = 0
        self._counted = self._to = since  # event ids

    def write(self, text: bytes) -> bool:
        self._to = int(POSITION.match(text)[1])
        self._heard.set()
        return True

    def has_room(self) -> bool:
        return True

    def close(self, code: int) -> None:
        raise AssertionError(f"closed: {code}")

    async def has(self, n: int) -> None:
        """Wait until `n` more messages were shown."""
        async with asyncio.timeout(300):
            while self._shown < n:
                await self._heard.wait()
                self._heard.clear()
                to = self._to
                async with self._database.connection() as connection:
                    # messages among what this board heard
                    self._shown += await connection.fetchval(
                        "select count(*) from event where id > $1 and id <= $2 and kind = 'received'",
                        self._counted, to)
                self._counted = to
        self._shown -= n


def forms(n: int) -> list[Delivery]:
    """Messages as programs post them, each of another resident."""
    return [Delivery(DeliveryKey(f"form-{number}"), json.dumps({
        "name": f"Inwoner {number}", "email": f"inwoner{number}@post.example", "subject": f"Melding {number}",
        "text": "De container aan de Kerkstraat is sinds maandag niet geleegd en loopt over. Wanneer komt u langs?",
        "fields": {"Straat": "Kerkstraat", "Huisnummer": number % 200}}).encode(), START, "application/json")
        for number in range(n)]


async def floor_rate(place: Place, raw: Sequence[bytes]) -> float:
    """Mails a second of the floor, in an empty database."""
    made = await place.fresh()
    connection = await asyncpg.connect(made.owner_url)
    await connection.execute(floor.TABLES)
    start = time.perf_counter()
    await floor.take(connection, raw)
    seconds = time.perf_counter() - start
    await connection.close()
    await place.drop(made)
    return len(raw) / seconds
