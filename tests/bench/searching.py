"""Search in a million messages: the newest fifty, for a word that is rare, three words, one that is everywhere, and
part of a name."""

from __future__ import annotations

import time

from newsroom import search
from newsroom.database import Database
from newsroom.sought import Sought
from tests.bench.columns import SCOPE
from tests.bench.figure import Figure, cost, percentile, shape
from tests.bench.place import Place
from tests.bench.plan import no_walks, walks_whole

SIZE, SIZE_QUICK = 1_000_000, 10_000
REPEATS, REPEATS_QUICK = 60, 10
GOAL_MS = 5
TABLES = ("message", "message_text", "conversation", "contact_identity", "contact")
ASKED = {"a rare word": "w1234", "three words": "vergunning boom brief", "a very common word": "gemeente",
         "part of a name": "yilm", "nothing": "w1234 onvindbaar"}


async def run(place: Place, quick: bool) -> list[Figure]:
    """p95 for each kind of question, and the shape of the plans."""
    figures = []
    async with place.filled(SIZE_QUICK if quick else SIZE) as database:
        for name, words in ASKED.items():
            hits, times = await measure(database, words, REPEATS_QUICK if quick else REPEATS)
            figures.append(cost(f"search: {name}, {hits} hits, p95", percentile(times, 95), GOAL_MS))
            if name != "nothing" and not hits:
                figures.append(shape(f"search: {name} is found", False, "no hits"))
        figures.append(no_walks("search: plans", await whole(database)))
    return figures


async def measure(database: Database, words: str, repeats: int) -> tuple[int, list[float]]:
    """How many are found, and the milliseconds of each time."""
    times = []
    async with database.seen_by(SCOPE.classes).snapshot() as connection:
        for turn in range(repeats + 10):
            start = time.perf_counter()
            found = await search.find(connection, SCOPE, Sought(words))
            if turn >= 10:
                times.append((time.perf_counter() - start) * 1000)
    return len(found.hits), times


async def whole(database: Database) -> set[str]:
    """The tables that a search reads as a whole, for any of the questions. Only as planned for its own words: search
    asks for that."""
    found = set()
    async with database.seen_by(SCOPE.classes).snapshot() as connection:
        for words in ASKED.values():
            classes = sorted(SCOPE.classes)
            narrow = [classes, *[None] * 7]
            ids = [row[0] for row in await connection.fetch("select messages_with($1, $2)", words, search.DEPTHS[0])]
            found |= await walks_whole(connection, search.BY_TEXT, [*narrow, ids], TABLES, False)
            found |= await walks_whole(connection, search.BY_NAME, [*narrow, f"%{words}%", words.upper(), 50], TABLES,
                                       False)
    return found
