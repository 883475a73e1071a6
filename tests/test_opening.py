"""The opening of a channel: what was set, what is planned, the hours, and that nothing is lost while it is closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import opening
from newsroom.change import By, Wrong
from newsroom.hours import Block, Hours
from newsroom.opening import Plan
from tests.house import START, add_channel, paper, receive
from tests.test_intake import mail

HOUR = timedelta(hours=1)
OFFICE = Hours(tuple(Block(day, 540, 1020) for day in range(5)))
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # 10:30 here


async def set_to(db, channel: int, at: datetime, state: str, begins: datetime | None = None, **more) -> Plan:
    async with db.transaction() as connection:
        return await opening.plan(connection, Plan(0, channel, state, begins or at, **more), By(None, at))


async def now(db, channel: int, at: datetime) -> opening.Opening:
    async with db.connection() as connection:
        return await opening.of(connection, channel, at)


async def told(db) -> list[str]:
    async with db.connection() as connection:
        rows = await connection.fetch("select data from event where kind = 'channel_changed' order by id")
    return [row["data"]["change"] for row in rows]


async def test_without_anything_set_it_is_open_day_and_night(db):
    found = await now(db, await add_channel(db), START)
    assert ("open", True, True, True, None) == (found.state, found.open, found.takes, found.always, found.until)


def test_the_hours_say_until_when_and_from_when():
    found = opening.at_moment([], OFFICE, MONDAY)
    assert (True, datetime(2026, 11, 23, 16, tzinfo=UTC)) == (found.open, found.until)
    evening = opening.at_moment([], OFFICE, MONDAY + 9 * HOUR)
    assert (False, True, datetime(2026, 11, 24, 8, tzinfo=UTC)) == (evening.open, evening.takes, evening.opens_at)


async def test_closed_until_tells_the_public_why_and_opens_by_itself(db):
    channel = await add_channel(db)
    await set_to(db, channel, START, "closed", ends_at=START + HOUR, text_nl="Wij verhuizen.", text_en="We are moving.")
    found = await now(db, channel, START)
    assert ("closed", False, False, START + HOUR) == (found.state, found.open, found.takes, found.until)
    assert ("Wij verhuizen.", "We are moving.") == (found.text("nl"), found.text("en"))
    assert "open" == (await now(db, channel, START + HOUR)).state


async def test_what_is_planned_begins_and_ends_and_each_is_told_once(db):
    channel = await add_channel(db)
    await set_to(db, channel, START, "calamity", START + HOUR, ends_at=START + 2 * HOUR)
    states, counts = [], []
    for minutes in (0, 59, 60, 119, 120, 121):
        at = START + timedelta(minutes=minutes)
        async with db.transaction() as connection:
            counts.append(await opening.tick(connection, at))
        states.append((await now(db, channel, at)).state)
    assert ["open", "open", "calamity", "calamity", "open", "open"] == states
    assert [0, 0, 1, 0, 1, 0] == counts
    assert 3 * ["opening"] == await told(db)


async def test_what_is_set_now_ends_what_held_and_keeps_what_is_planned(db):
    channel = await add_channel(db)
    await set_to(db, channel, START, "closed")
    await set_to(db, channel, START, "redirect", START + 5 * HOUR, target="https://chat.voorbeeldstad.example/")
    await set_to(db, channel, START + HOUR, "calamity")
    found = await now(db, channel, START + 2 * HOUR)
    assert ("calamity", START + 5 * HOUR, 1) == (found.state, found.until, len(found.planned))
    later = await now(db, channel, START + 6 * HOUR)
    assert ("redirect", "https://chat.voorbeeldstad.example/") == (later.state, later.target)
    async with db.transaction() as connection:
        assert await opening.by_hours(connection, channel, By(None, START + 7 * HOUR))
        assert not await opening.by_hours(connection, channel, By(None, START + 8 * HOUR))
    assert "open" == (await now(db, channel, START + 8 * HOUR)).state


async def test_what_is_planned_can_be_taken_back(db):
    channel, other = await add_channel(db), await add_channel(db, "Twee", "twee@voorbeeldstad.example")
    planned = await set_to(db, channel, START, "closed", START + HOUR)
    for id, right in ((other, False), (channel, True), (channel, False)):
        async with db.transaction() as connection:
            assert right == await opening.cancel(connection, id, planned.id, By(None, START))
    assert () == tuple((await now(db, channel, START)).planned)


@pytest.mark.parametrize(("field", "more"), [
    ("begins", {"begins": START - HOUR}), ("begins", {"begins": START + timedelta(days=800)}),
    ("ends", {"ends_at": START}), ("ends", {"ends_at": START - HOUR}), ("state", {"state": "asleep"}),
    ("target", {"state": "redirect"}), ("target", {"state": "redirect", "target": "javascript:alert(1)"}),
    ("target", {"state": "redirect", "target": "https:///"}),
    ("target", {"state": "redirect", "target": "//x.example"}),
    ("text_nl", {"text_nl": "a" * 501}), ("text_en", {"text_en": "a" * 501})])
async def test_what_cannot_be_is_refused_with_the_field(db, field, more):
    channel = await add_channel(db)
    with pytest.raises(Wrong) as wrong:
        await set_to(db, channel, START, **{"state": "closed"} | more)
    assert field == wrong.value.field


async def test_a_closed_channel_still_takes_in_everything(db):
    channel = await add_channel(db)
    await set_to(db, channel, START, "closed")
    await receive(db, channel, paper("1", mail("m1")), paper("2", mail("m2")))
    async with db.connection() as connection:
        assert 2 == await connection.fetchval("select count(*) from conversation where state = 'new'")


moments = st.integers(-48, 48).map(lambda n: MONDAY + n * HOUR / 2)


@given(st.lists(st.tuples(moments, st.none() | st.integers(1, 60), st.sampled_from(opening.STATES)), max_size=8),
       moments)
def test_it_stays_as_it_is_until_it_says(rows, at):
    plans = [Plan(n, 1, state, begins, begins + length * HOUR / 2 if length else None)
             for n, (begins, length, state) in enumerate(rows)]
    found = opening.at_moment(plans, OFFICE, at)
    holding = [one for one in plans if one.begins_at <= at and (one.ends_at is None or one.ends_at > at)]
    assert bool(holding) == (found.plan is not None)
    if found.until is not None and found.plan is not None:
        last = opening.at_moment(plans, OFFICE, found.until - timedelta(seconds=1))
        assert found.plan == last.plan
        assert found.plan != opening.at_moment(plans, OFFICE, found.until).plan
