"""Why something was late, from the events alone; and what came back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from newsroom import absence, breach, channel, report
from newsroom.change import By
from newsroom.report import Ask
from tests.bench.plan import walks_whole
from tests.crowd import add, step
from tests.house import add_account, add_channel

AT = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # a Monday, 15:00 here
CAME, SOON, LATE = (AT - timedelta(minutes=minutes) for minutes in (240, 60, 30))
OFFICE = [[day, 540, 1020] for day in range(5)]  # Monday to Friday, 09:00 to 17:00


class Story:
    """One conversation that became late."""

    def __init__(self, connection, row):
        self.connection, self.row = connection, row

    async def does(self, kind: str, at: datetime, **changes) -> Story:
        self.row = await step(self.connection, self.row, kind, at, **changes)
        return self

    async def late(self) -> Story:
        await self.does("almost_late", SOON, lateness=1)
        return await self.does("late", LATE, lateness=2)


@pytest.fixture
async def house(db):
    """A channel with office hours, and somebody who works there."""
    person = (await add_account(db, "Sanne", "webcare")).account_id
    paper = await add_channel(db)
    async with db.transaction() as connection:
        hours = await connection.fetchval("insert into hours (name, blocks) values ('Kantoor', $1) returning id",
                                          OFFICE)
        await connection.execute("update channel set hours_id = $1", hours)
    return paper, person


async def causes(connection, name="today", at=AT) -> list[str]:
    return [one.cause for one in await breach.breaches(connection, ["open"], report.span(name, at))]


async def story(connection, paper: int, came: datetime = CAME, **more) -> Story:
    return Story(connection, await add(connection, paper, came, due_at=LATE, soon_at=SOON, **more))


async def test_nobody_took_it(db, house):
    async with db.transaction() as connection:
        await (await story(connection, house[0])).late()
    async with db.snapshot() as connection:
        one, = await breach.breaches(connection, ["open"], report.span("today", AT))
    assert ("not_taken", LATE, CAME, None, None) == (one.cause, one.at, one.since, one.taken, one.ended)


async def test_an_answer_of_a_department_was_awaited(db, house):
    async with db.transaction() as connection:
        told = await story(connection, house[0])
        await told.does("claimed", CAME, state="open", assignee_id=house[1])
        await told.does("department_asked", CAME, state="department", department="Belastingen")
        await told.late()
    async with db.snapshot() as connection:
        assert ["department"] == await causes(connection)


@pytest.mark.parametrize("taken, cause", [(CAME + timedelta(minutes=5), "answered_late"),
                                          (SOON + timedelta(minutes=5), "taken_late")])
async def test_somebody_took_it_in_time_or_not(db, house, taken, cause):
    async with db.transaction() as connection:
        told = await story(connection, house[0])
        if taken < SOON:
            await told.does("claimed", taken, state="open", assignee_id=house[1])
            await told.late()
        else:
            await told.does("almost_late", SOON, lateness=1)
            await told.does("claimed", taken, state="open", assignee_id=house[1])
            await told.does("late", LATE, lateness=2)
        await told.does("answered", AT, lateness=0, waiting_since=None)
    async with db.snapshot() as connection:
        one, = await breach.breaches(connection, ["open"], report.span("today", AT))
    assert (cause, taken, AT) == (one.cause, one.taken, one.ended)


async def test_it_came_after_hours_and_lay_there(db, house):
    sunday = AT - timedelta(days=1)
    async with db.transaction() as connection:
        await (await story(connection, house[0], came=sunday)).late()
        taken = await story(connection, house[0], came=sunday)
        await taken.does("claimed", CAME, state="open", assignee_id=house[1])
        await taken.late()
    async with db.snapshot() as connection:
        assert ["answered_late", "outside_hours"] == sorted(await causes(connection))


async def test_the_channel_was_down(db, house):
    async with db.transaction() as connection:
        await channel.set_health(connection, house[0], "down", "Geen verbinding", CAME + timedelta(minutes=10))
        await channel.set_health(connection, house[0], "ok", "", CAME + timedelta(minutes=90))
        await (await story(connection, house[0])).late()
        await (await story(connection, house[0], came=CAME + timedelta(minutes=95))).late()
    async with db.snapshot() as connection:
        assert ["channel_down", "not_taken"] == sorted(await causes(connection))


async def test_whoever_had_it_was_away(db, house):
    async with db.transaction() as connection:
        await absence.away(connection, house[1], date(2026, 11, 23), date(2026, 11, 25), By(None, AT))
        told = await story(connection, house[0])
        await told.does("assigned", CAME, state="open", assignee_id=house[1])
        await told.late()
    async with db.snapshot() as connection:
        assert ["away"] == await causes(connection)


async def test_what_came_in_late_already_counts_and_each_conversation_counts_once(db, house):
    async with db.transaction() as connection:
        await add(connection, house[0], CAME, lateness=2)
        told = await (await story(connection, house[0])).late()
        await told.does("answered", AT - timedelta(minutes=20), lateness=0)
        await told.does("received", AT - timedelta(minutes=10), lateness=2)
        await (await story(connection, house[0], visibility="team:9")).late()
    async with db.snapshot() as connection:
        found = await breach.breaches(connection, ["open"], report.span("today", AT))
        assert 2 == len(found) == len({one.conversation_id for one in found})
        assert AT - timedelta(minutes=10) == found[0].at == found[0].since
        assert [] == await breach.breaches(connection, ["open"], report.span("today", AT + timedelta(days=1)))
        assert 2 == len(await breach.breaches(connection, ["open"], report.span("week", AT + timedelta(days=1))))


async def test_what_came_back_and_why(db, house):
    async with db.transaction() as connection:
        for kind, why in (("received", "wrote"), ("bounced", "bounced"), ("reopened", "colleague")):
            row = await add(connection, house[0], CAME, state="closed", closed_at=CAME, subject=why)
            await step(connection, row, kind, LATE, state="new", closed_at=None)
        await add(connection, house[0], CAME, state="closed", closed_at=CAME)
    async with db.snapshot() as connection:
        found = await breach.reopened(connection, ["open"], report.span("today", AT))
        rows = await report.rows(connection, ["open"], Ask("ids", ids=tuple(o.conversation_id for o in found)), AT)
    assert {(row.id, row.subject) for row in rows} == {(one.conversation_id, one.why) for one in found}
    assert 3 == len(found)


async def test_they_are_found_by_index(db):
    async with db.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        of = report.span("month", AT)
        for query in (breach.BREACHES, breach.REOPENED):
            assert set() == await walks_whole(connection, query, [["open"], of.since, of.until],
                                              ["event", "conversation"], general=False)


async def test_away_and_back_again(db, house):
    by, today = By(None, AT), date(2026, 11, 23)
    async with db.transaction() as connection:
        await absence.away(connection, house[1], today, date(2026, 11, 30), by)
        await absence.away(connection, house[1], date(2026, 11, 25), date(2026, 11, 26), by)
        assert {house[1]: date(2026, 11, 26)} == await absence.now(connection, date(2026, 11, 25))
        assert {} == await absence.now(connection, date(2026, 11, 27))
        await absence.back(connection, house[1], date(2026, 11, 26), by)
        assert {} == await absence.now(connection, date(2026, 11, 26))
        assert {house[1]: date(2026, 11, 25)} == await absence.now(connection, date(2026, 11, 25))
        with pytest.raises(Exception, match="until"):
            await absence.away(connection, house[1], today, date(2026, 11, 22), by)
