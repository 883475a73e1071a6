"""The board by team: every lane has what one would sort out by hand, and tells no more than it may."""

from __future__ import annotations

from newsroom import lanes
from newsroom.access import Scope
from newsroom.board import Filter, of_team
from newsroom.conversation import facets
from tests.bench import million
from tests.house import add_account, add_team
from tests.test_board_counts import FILTERS, SCOPE, live


async def test_every_filter_has_the_cards_and_counts_of_each_team(db, database):
    await million.fill(database, 4000, bare=True)
    async with db.transaction() as connection:
        await connection.execute("update conversation set waiting_since = null where id % 7 = 0")
    async with db.snapshot() as connection:
        rows = await live(connection)
        for wanted in FILTERS:
            found, teams = await lanes.read(connection, SCOPE, wanted, 1000)
            assert {0, *await ids(connection)} & set(wanted.teams or [lane.id for lane in teams]) == {
                lane.id for lane in teams}
            for lane in teams:
                matching = [row for row in rows if (row.team_id or 0) == lane.id and wanted.matches(facets(row))]
                matching.sort(key=lambda row: (row.waiting_since is None, row.waiting_since or row.id, row.id))
                assert [row.id for row in matching] == [row.id for row in found.cards[f"team-{lane.id}"]], wanted
                assert (len(matching), sum(row.lateness == 2 for row in matching),
                        sum(row.lateness == 1 for row in matching)) == (
                    found.counts[f"team-{lane.id}"], lane.late, lane.soon), (wanted, lane)


async def ids(connection) -> list[int]:
    return [row["id"] for row in await connection.fetch("select id from team where archived_at is null")]


async def test_the_next_cards_of_a_team_go_on_where_the_first_end(db, database):
    await million.fill(database, 1000, bare=True)
    async with db.transaction() as connection:
        await connection.execute("update conversation set waiting_since = null where id % 5 = 0")
    async with db.snapshot() as connection:
        for team in (0, *await ids(connection)):
            whole = await of_team(connection, SCOPE, Filter(), team, None, 1000)
            paged, after = [], None
            while rows := await of_team(connection, SCOPE, Filter(), team, after, 7):
                paged, after = paged + rows, rows[-1]
            assert [row.id for row in whole] == [row.id for row in paged]


async def test_who_is_in_a_restricted_team_is_told_to_its_members(db):
    team = await add_team(db, "Jeugd", restricted=True)
    noor = await add_account(db, "Noor", "webcare", teams=(team,))
    bram = await add_account(db, "Bram", "webcare")
    await add_account(db, "Anna", "content_director")

    async def people(scope: Scope) -> dict[int, list[str]]:
        async with db.snapshot() as connection:
            found = (await lanes.read(connection, scope, Filter()))[1]
        return {lane.id: [one.name for one in lane.people] for lane in found}

    assert {team: ["Noor"], 0: ["Bram"]} == await people(noor)
    assert {team: [], 0: ["Bram"]} == await people(bram)
