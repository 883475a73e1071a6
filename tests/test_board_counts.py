"""Columns and counts of every filter are what one would count by hand."""

from __future__ import annotations

from datetime import timedelta

from newsroom import board
from newsroom.access import Scope
from newsroom.board import STATES, Filter
from newsroom.conversation import Conversation, facets
from tests.bench import million
from tests.house import START

SCOPE = Scope(1, frozenset({"webcare"}), frozenset({"open"}), frozenset())
FILTERS = [
    Filter(), Filter(teams=(3,)), Filter(teams=(0,)), Filter(teams=(0, 4)), Filter(channels=(2,)),
    Filter(channels=(1, 2), priorities=(2, 3)), Filter(assignees=(5,)), Filter(assignees=(0,)),
    Filter(assignees=(0, 5)),
    Filter(labels=(3,)), Filter(labels=(3, 4), assignees=(0,)), Filter(lateness=(2,), teams=(1,)),
    Filter(assignees=(6,), labels=(1, 2, 3, 4, 5, 6), lateness=(0, 1)),
]


async def test_every_filter_shows_what_matches_and_may_be_seen(db, database):
    await million.fill(database, 4000, bare=True)
    async with db.transaction() as connection:
        await connection.execute("update conversation set visibility = 'team:3' where id % 300 = 0")
    async with db.snapshot() as connection:
        rows = [row for row in await live(connection) if row.visibility == "open"]
        for wanted in FILTERS:
            found = await board.read(connection, SCOPE, wanted, START + timedelta(hours=4), 1000)
            for state in STATES[:4]:
                matching = {row.id for row in rows if row.state == state and wanted.matches(facets(row))}
                assert {row.id for row in found.cards[state]} == matching, (wanted, state)


async def live(connection) -> list[Conversation]:
    return [Conversation(**row) for row in await connection.fetch(
        "select * from conversation where state = any($1::text[])", STATES[:4])]


async def test_every_filter_counts_what_matches(db, database):
    await million.fill(database, 4000, bare=True)
    async with db.snapshot() as connection:
        assert await board.recount(connection) == []
        rows = await live(connection)
        for wanted in FILTERS:
            counts = await board.count(connection, SCOPE, wanted)
            matching = [row for row in rows if wanted.matches(facets(row))]
            assert counts == {state: sum(row.state == state for row in matching) for state in STATES}, wanted
        tiles = await board.tiles(connection, SCOPE)
    assert tiles == {"open": len(rows), "late": sum(row.lateness == 2 for row in rows),
                     "soon": sum(row.lateness == 1 for row in rows),
                     "unassigned": sum(row.state == "new" for row in rows)}
