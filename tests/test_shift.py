"""The shift: who is on duty, who is chef dag, by the clock of the municipality, and several people at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import pytest

from newsroom import absence, shift
from newsroom.change import By, Wrong
from newsroom.event import since
from tests.house import START, add_account

DAY = date(2026, 11, 23)  # a Monday; START is 10:00 here
HOUR = timedelta(hours=1)


async def put(db, scope, start: int, end: int, chief: bool = False, day: date = DAY, id: int = 0) -> None:
    async with db.transaction() as connection:
        await shift.save(connection, id, scope.account_id, day, time(start % 24), time(end % 24), chief, By(1, START))


async def lead(db, scope, at: datetime = START) -> None:
    async with db.transaction() as connection:
        await shift.take_over(connection, scope.account_id, By(scope.account_id, at))


async def there(db, at: datetime = START) -> set[int]:
    async with db.connection() as connection:
        return set(await shift.on_duty(connection, at))


async def chief(db, at: datetime = START) -> tuple[int, datetime] | None:
    async with db.connection() as connection:
        found = await shift.chief(connection, at)
    return (found.account_id, found.until) if found else None


@pytest.fixture
async def people(db):
    """Sanne and Mehmet may lead, Joris works, Anna only looks."""
    return [await add_account(db, name, role) for name, role in
            (("Sanne", "chef_dag"), ("Mehmet", "supervisor"), ("Joris", "webcare"), ("Anna", "content_director"))]


async def test_where_nobody_planned_everybody_who_works_and_is_not_away_counts(db, people):
    sanne, mehmet, joris, _ = people
    assert {one.account_id for one in (sanne, mehmet, joris)} == await there(db)
    async with db.transaction() as connection:
        await absence.away(connection, joris.account_id, DAY, DAY, By(1, START))
    assert {sanne.account_id, mehmet.account_id} == await there(db)


async def test_a_house_with_shifts_counts_who_has_one_now(db, people):
    sanne, mehmet, joris, _ = people
    await put(db, sanne, 8, 17)
    await put(db, mehmet, 13, 22)
    assert {sanne.account_id} == await there(db)
    assert {sanne.account_id, mehmet.account_id} == await there(db, START + 4 * HOUR)
    assert {mehmet.account_id} == await there(db, START + 7 * HOUR)
    assert set() == await there(db, START + 13 * HOUR)
    # who has not planned for a week does not plan
    assert joris.account_id in await there(db, START + timedelta(days=9))


async def test_absence_wins_over_a_shift(db, people):
    sanne, mehmet, *_ = people
    await put(db, sanne, 8, 17, chief=True)
    await put(db, mehmet, 8, 17)
    async with db.transaction() as connection:
        await absence.away(connection, sanne.account_id, DAY, DAY, By(1, START))
    assert {mehmet.account_id} == await there(db)
    assert await chief(db) is None
    with pytest.raises(Wrong, match="shift_away"):
        await lead(db, sanne)


async def test_a_shift_at_night_ends_the_next_morning(db, people):
    joris = people[2]
    await put(db, joris, 22, 6)
    night = datetime(2026, 11, 23, 21, tzinfo=UTC)
    assert {joris.account_id} == await there(db, night) == await there(db, night + 7 * HOUR)
    assert set() == await there(db, night + 8 * HOUR)


@pytest.mark.parametrize("day, hours", [(date(2027, 3, 27), 7), (date(2026, 10, 24), 9), (DAY, 8)])
def test_the_night_that_the_clock_changes_is_an_hour_shorter_or_longer(day, hours):
    begins, ends = shift.moments(day, time(22), time(6))
    assert hours * HOUR == ends - begins


async def test_the_next_chef_dag_begins_when_planned(db, people):
    sanne, mehmet, *_ = people
    await put(db, sanne, 8, 17, chief=True)
    await put(db, mehmet, 13, 22, chief=True)
    assert (sanne.account_id, START + 3 * HOUR) == await chief(db)  # until 13:00 here
    assert (mehmet.account_id, START + 12 * HOUR) == await chief(db, START + 3 * HOUR)


async def test_who_takes_over_is_chef_dag_and_the_previous_one_is_told(db, people):
    sanne, mehmet, *_ = people
    await put(db, sanne, 8, 17, chief=True)
    await lead(db, mehmet)  # without a shift: until the end of what was
    assert (mehmet.account_id, START + 7 * HOUR) == await chief(db)
    assert mehmet.account_id in await there(db)
    async with db.connection() as connection:
        last = (await since(connection, 0, 100))[-1]
        line = await connection.fetchval("select data from audit where data ->> 'what' = 'chief'")
    assert ("shift_changed", {"chief": mehmet.account_id, "was": sanne.account_id}) == (last.kind, last.data)
    assert ({"chief": "Sanne"}, {"chief": "Mehmet"}) == (line["before"], line["after"])
    await lead(db, sanne, START + HOUR)
    assert (sanne.account_id, START + 7 * HOUR) == await chief(db, START + HOUR)


async def test_taking_over_twice_is_once(db, people):
    sanne, mehmet, *_ = people
    await put(db, mehmet, 8, 17, chief=True)
    await asyncio.gather(lead(db, sanne), lead(db, sanne))
    async with db.connection() as connection:
        assert 1 == await connection.fetchval("select count(*) from shift where account_id = $1", sanne.account_id)
        assert 2 == len(await since(connection, 0, 100))


async def test_of_two_who_take_over_at_once_each_knows_whom_it_follows(db, people):
    sanne, mehmet, *_ = people
    await asyncio.gather(lead(db, sanne), lead(db, mehmet, START + timedelta(seconds=1)))
    async with db.connection() as connection:
        first, second = (one.data for one in await since(connection, 0, 100))
    assert {first["chief"], second["chief"]} == {sanne.account_id, mehmet.account_id}
    assert first["was"] is None
    # the one who pressed earlier saw nobody, when it came second
    assert second["was"] in (first["chief"], None)
    assert mehmet.account_id == (await chief(db, START + timedelta(seconds=1)))[0]


async def test_without_shifts_taking_over_plans_nobody(db, people):
    sanne, _, joris, _ = people
    await lead(db, sanne)
    assert joris.account_id in await there(db)
    assert (sanne.account_id, datetime(2026, 11, 23, 23, tzinfo=UTC)) == await chief(db)  # until midnight here


@pytest.mark.parametrize("who, start, end, leads, key", [
    (2, 9, 9, False, "shift_empty"), (3, 9, 10, False, "shift_person"), (2, 9, 10, True, "shift_chief"),
    (0, 16, 18, False, "shift_twice")])
async def test_what_cannot_be_is_told(db, people, who, start, end, leads, key):
    await put(db, people[0], 8, 17)
    with pytest.raises(Wrong, match=key):
        await put(db, people[who], start, end, leads)


async def test_two_who_plan_the_same_person_at_once_make_one_shift(db, people):
    done = await asyncio.gather(*(put(db, people[0], 8, 17) for _ in range(2)), return_exceptions=True)
    assert 1 == sum(isinstance(one, Wrong) for one in done)


async def test_a_day_is_copied_from_last_week_once(db, people):
    sanne, mehmet, joris, _ = people
    await put(db, sanne, 8, 17, chief=True)
    await put(db, joris, 22, 6)
    await put(db, mehmet, 8, 12)
    async with db.transaction() as connection:
        await connection.execute("update account set disabled_at = $2 where id = $1", mehmet.account_id, START)
    day = DAY + timedelta(days=7)
    for expected in (2, 0):
        async with db.transaction() as connection:
            assert expected == await shift.copy_week(connection, day, By(1, START))
    async with db.connection() as connection:
        found = await shift.of_day(connection, day)
    week = timedelta(days=7)
    assert [("Sanne", START - 2 * HOUR + week, True), ("Joris", START + 12 * HOUR + week, False)] == [
        (one.name, one.since, one.chief) for one in found]


async def test_a_copied_day_keeps_its_times_over_a_change_of_the_clock(db, people):
    day = date(2027, 3, 28)
    await put(db, people[0], 8, 17, day=day - timedelta(days=7))
    async with db.transaction() as connection:
        await shift.copy_week(connection, day, By(1, START))
        [one] = await shift.of_day(connection, day)
    assert (datetime(2027, 3, 28, 6, tzinfo=UTC), 9 * HOUR) == (one.since, one.until - one.since)


async def test_a_shift_can_be_changed_and_taken_away(db, people):
    sanne = people[0]
    await put(db, sanne, 8, 17, chief=True)
    async with db.connection() as connection:
        [one] = await shift.of_day(connection, DAY)
    await put(db, sanne, 11, 17, id=one.id)
    assert set() == await there(db)
    assert await chief(db, START + 2 * HOUR) is None
    async with db.transaction() as connection:
        await shift.remove(connection, one.id, By(1, START))
        await shift.remove(connection, one.id, By(1, START))  # and twice is once
    with pytest.raises(Wrong, match="shift_gone"):
        await put(db, sanne, 8, 17, id=one.id)
