"""The flow: what came in by the hour equals the messages, and normal is the same hour of the same weekday."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import flow
from newsroom.flow import Stretch, same_hours
from tests.house import START, add_account, add_channel, add_team, make_intake, paper, receive
from tests.test_intake import mail

ZONE = ZoneInfo("Europe/Amsterdam")
HOUR = timedelta(hours=1)


@given(st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))
def test_the_same_hours_read_the_same_on_the_clock(wall):
    hour = flow.whole_hour(wall.replace(tzinfo=UTC))
    local = hour.astimezone(ZONE)
    for week, found in enumerate(same_hours(hour), 1):
        if found is not None:
            then = found.astimezone(ZONE)
            assert (local.weekday(), local.hour) == (then.weekday(), then.hour)
            assert week * 7 == (local.date() - then.date()).days
            assert found == flow.whole_hour(found)


def test_in_the_weeks_of_a_change_of_the_clock():
    # Sunday 5 April 2026 02:00 here; a week before, that hour was skipped
    assert same_hours(datetime(2026, 4, 5, 0, tzinfo=UTC))[0] is None
    # 08:00 in summer time and a week later in winter time
    assert datetime(2026, 10, 24, 6, tzinfo=UTC) == same_hours(datetime(2026, 10, 31, 7, tzinfo=UTC))[0]
    # 02:00 came twice on 25 October: the first counts
    assert datetime(2026, 10, 25, 0, tzinfo=UTC) == same_hours(datetime(2026, 11, 1, 1, tzinfo=UTC))[0]


@pytest.mark.parametrize(("n", "samples", "size"), [
    (9, (8, 6, 10, 7, 9, 40), "normal"), (12, (8, 6, 10, 7, 9, 40), "busy"), (5, (8, 6, 10, 7, 9, 40), "quiet"),
    (0, (1, 0, 1), "normal"), (3, (4,), "unknown"), (0, (), "unknown")])
def test_one_odd_week_makes_nothing_normal(n, samples, size):
    assert size == Stretch(START, n, samples).size


async def test_each_hour_equals_the_messages_in_the_database(db):
    channel = await add_channel(db)
    anna = await add_account(db, "Anna", "content_director")
    # three a minute over some hours, one conversation with more than one message, one delivery with two items, one
    # that cannot be read, and one again
    items = [paper(f"k{n}", mail(f"m{n}", at=n * 1500)) for n in range(12)]
    items += [paper("two", mail("a", at=60), mail("b", at=3700, answers=["a"])), paper("bad", raw=b"nonsense")]
    await receive(db, channel, *items)
    await receive(db, channel, *items)
    async with db.snapshot() as connection:
        counted = {(row["hour"], row["n"]) for row in await connection.fetch(
            "select hour, sum(n)::int as n from arrival_count group by hour")}
        true = {(row["hour"], row["n"]) for row in await connection.fetch(
            "select date_trunc('hour', at, 'UTC') as hour, count(*)::int as n from message where direction = 'in'"
            " group by 1")}
        assert counted == true
        latest = await connection.fetchval("select max(at) from message")
        found = (await flow.read(connection, anna, [channel], flow.whole_hour(latest) + HOUR))[channel]
    assert {n for n in true if n[0] >= found.hours[0].start} == {(one.start, one.n) for one in found.hours if one.n}


async def test_normal_is_the_median_of_the_weeks_since_the_first_message(db):
    channel = await add_channel(db)
    anna = await add_account(db, "Anna", "content_director")
    for week, many in ((4, 1), (3, 2), (2, 9), (1, 3)):
        start = -week * 7 * 86400
        await receive(db, channel, *(paper(f"{week}/{n}", mail(f"m{week}-{n}", at=start + n)) for n in range(many)))
    async with db.snapshot() as connection:
        found = (await flow.read(connection, anna, [channel], START + HOUR))[channel]
    this = found.hours[-1]
    assert (START, 0, (3, 9, 2, 1), 2.5) == (this.start, this.n, this.samples, this.normal)


async def test_who_may_not_see_a_conversation_does_not_count_it(db):
    team = await add_team(db, "Jeugd", restricted=True)
    channel = await add_channel(db, team=team)
    anna = await add_account(db, "Anna", "content_director")
    joris = await add_account(db, "Joris", "webcare", teams=(team,))
    intake_at = START + timedelta(minutes=5)
    intake = make_intake(db)
    intake._clock = lambda: intake_at
    await receive(db, channel, paper("1", mail("m1"), received=START))
    async with db.snapshot() as connection:
        seen = [sum(one.n for one in (await flow.read(connection, who, [channel], START + HOUR))[channel].hours)
                for who in (anna, joris)]
    assert [0, 1] == seen
