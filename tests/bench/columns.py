"""The board as data: columns of a hundred cards, every count and tile, with an ever longer past."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta
from typing import Any

from newsroom import board
from newsroom.access import Scope
from newsroom.board import Filter
from newsroom.database import Database
from tests.bench.figure import Figure, at_most, cost, percentile
from tests.bench.place import Place
from tests.bench.plan import explained, no_walks, walks_whole
from tests.house import START

SIZES, SIZES_QUICK = (10_000, 100_000, 1_000_000), (1000, 10_000)
REPEATS, REPEATS_QUICK = 100, 10
GOAL_MS = 5
GOAL_GROWTH = 2
AT = START + timedelta(hours=3)  # the end of the past that is filled in
SCOPE = Scope(1, frozenset({"webcare"}), frozenset({"open"}), frozenset())
FILTERS = {"all": Filter(), "a team": Filter(teams=(3,)), "a channel": Filter(channels=(2,)),
           "a person": Filter(assignees=(5,)), "a label": Filter(labels=(3,)), "late": Filter(lateness=(2,))}


async def run(place: Place, quick: bool) -> list[Figure]:
    """p95 of one board at each size; its growth; and the shape of the plans at the largest."""
    figures, middles = [], []
    sizes = SIZES_QUICK if quick else SIZES
    for n in sizes:
        async with place.filled(n, bare=n < sizes[-1]) as database:
            times = await measure(database, Filter(), REPEATS_QUICK if quick else REPEATS)
            middles.append(statistics.median(times))
            figures.append(cost(f"board: {n // 20:,} open of {n:,}, in hand, p95", percentile(times, 95)))
            sql = await planned_and_run(database, REPEATS_QUICK if quick else REPEATS)
            figures.append(cost(f"board: {n // 20:,} open of {n:,}, SQL, p95", percentile(sql, 95), GOAL_MS))
            if n == sizes[-1]:
                figures += [cost(f"board: of {name}, p95", percentile(await measure(database, wanted, 20), 95))
                            for name, wanted in FILTERS.items() if name != "all"]
                figures += [no_walks(f"board: plan for {name}", await whole(database, wanted))
                            for name, wanted in FILTERS.items()]
    return [*figures, at_most("board: growth", middles[-1], middles[0], GOAL_GROWTH, "ms")]


async def measure(database: Database, wanted: Filter, repeats: int) -> list[float]:
    """Milliseconds of each of `repeats` boards, from an open connection to rows in hand."""
    times = []
    async with database.seen_by(SCOPE.classes).snapshot() as connection:
        for turn in range(repeats + 10):  # ten to warm up: prepared, and planned as a busy house does
            start = time.perf_counter()
            await board.read(connection, SCOPE, wanted, AT)
            if turn >= 10:
                times.append((time.perf_counter() - start) * 1000)
    return times


async def planned_and_run(database: Database, repeats: int) -> list[float]:
    """Milliseconds that the server spends on the queries of one board, each time; without the way to us and the making
    of objects, which `measure` has too."""
    times = []
    async with database.seen_by(SCOPE.classes).snapshot() as connection:
        for _ in range(repeats):
            plans = [await explained(connection, "analyze, timing off", query, values)
                     for query, values in queries(Filter())]
            times.append(sum(plan["Execution Time"] for plan in plans))
    return times


async def whole(database: Database, wanted: Filter) -> set[str]:
    """The tables that some query of the board reads as a whole."""
    found = set()
    async with database.seen_by(SCOPE.classes).snapshot() as connection:
        for query, values in queries(wanted):
            found |= await walks_whole(connection, query, values, ("conversation",))
    return found


def queries(wanted: Filter) -> list[tuple[str, list[Any]]]:
    """What one board asks, with its arguments."""
    arguments, narrow = board._arguments(SCOPE, wanted), board._narrow(wanted)
    today = AT - timedelta(hours=12)
    return [(board.CARDS[narrow], [*arguments, board.PAGE]),
            (board.TALLY if board.is_kept(wanted) else board.COUNTS[narrow], arguments),
            (board.CLOSED, [*arguments, today, board.PAGE]), (board.CLOSED_COUNT, [*arguments, today])]
