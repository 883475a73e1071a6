"""The channels at a glance, with a past behind them: no table that grows is read from begin to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from newsroom import flow, overview
from tests.bench import million
from tests.bench.plan import walks_whole

GROWING = ("message", "conversation", "delivery", "event", "arrival_count")
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)  # the last moment of that past


@pytest.mark.slow
async def test_nothing_that_grows_is_read_whole(db, database):
    await million.fill(database, 20_000)
    owner = await asyncpg.connect(database.superuser_url)
    await owner.execute("insert into arrival_count (channel_id, hour, visibility, n) select c, AT - n * interval"
                        " '1 hour', 'open', 1 from generate_series(1, 6) c, generate_series(0, 3000) n"
                        .replace("AT", "timestamptz '2026-11-23 12:00+00'"))
    await owner.execute("vacuum analyze")
    await owner.close()
    hours = [AT - n * timedelta(days=7) for n in range(7)]
    queries = {
        "rows": (overview.ROWS, [["open"], []]), "log": (overview.LOG, [1, ["open"], 50, 200]),
        "hours": (flow.KEPT, [[1, 2, 3, 4, 5, 6], hours, ["open"]]),
        "last": (flow.LAST, [AT - timedelta(hours=1), AT, list(flow.CAME), ["open"]])}
    async with db.seen_by({"open"}).snapshot() as connection:
        found = {name: await walks_whole(connection, query, arguments, GROWING, general=False)
                 for name, (query, arguments) in queries.items()}
    assert dict.fromkeys(queries, set()) == found
