"""Due times on Dutch calendars, by example and against a minute-by-minute reference."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from time import process_time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsroom import hours
from newsroom.hours import (
    Block,
    Hours,
    Problem,
    Target,
    deadline,
    due,
    is_open,
    next_open,
    open_minutes,
    soon_at,
)

ZONE = ZoneInfo("Europe/Amsterdam")
MINUTE = timedelta(minutes=1)


def local(text: str) -> datetime:
    """ "2026-11-23 10:42" on a Dutch clock, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def weekly(*times: str, days=range(5), special=None) -> Hours:
    rows = [tuple(part.split("-")) for part in times]
    blocks, problems = hours.parse_blocks({day: rows for day in days})
    assert problems == []
    return Hours(tuple(blocks), special or {})


def closed(year: int = 2026, **switches: bool) -> dict[date, tuple]:
    given = {"liberation_day": False, "good_friday": False} | switches
    return {day: () for day in hours.holidays_of(year, **given)}


OFFICE = weekly("9-17", special=closed() | closed(2027))
GOOD_FRIDAY = weekly("9-17", special=closed(good_friday=True))
LIBERATION = weekly("9-17", special=closed(liberation_day=True))
LUNCH = weekly("9-12.30", "13.15-17")
NIGHT = weekly("20:00-02:00", days=range(7))
SATURDAY_NIGHT = weekly("20-2", days=[5])
EARLY = weekly("9-17", special=closed() | {date(2026, 12, 24): ((540, 720),)})
NIGHT_BEFORE_CLOSING = weekly("20-2", days=range(7), special={date(2026, 4, 27): ()})
NIGHT_OPENED_SPECIALLY = Hours(special={date(2026, 4, 26): ((1320, 1500),)})  # 22:00-01:00
ROUND_THE_CLOCK = Hours(always=True)
ALL_DAY = weekly("0-24", days=range(7))

CASES = [
    ("friday afternoon", OFFICE, "2026-11-20 16:30", 60, "2026-11-23 09:30"),
    ("ends with the day", OFFICE, "2026-11-20 16:30", 30, "2026-11-20 17:00"),
    ("before opening", OFFICE, "2026-11-23 07:00", 60, "2026-11-23 10:00"),
    ("at closing time", OFFICE, "2026-11-23 17:00", 1, "2026-11-24 09:01"),
    ("in the weekend", OFFICE, "2026-11-21 12:00", 240, "2026-11-23 13:00"),
    ("nothing left", OFFICE, "2026-11-21 12:00", 0, "2026-11-21 12:00"),
    ("half a minute", OFFICE, "2026-11-23 10:00", 0.5, "2026-11-23 10:00:30"),
    ("weekend of the spring change", OFFICE, "2026-03-27 16:00", 120, "2026-03-30 10:00"),
    ("weekend of the autumn change", OFFICE, "2026-10-23 16:00", 120, "2026-10-26 10:00"),
    ("night of the spring change", ALL_DAY, "2026-03-29 01:00", 120, "2026-03-29 04:00"),
    ("night of the autumn change", ALL_DAY, "2026-10-25 01:00", 180, "2026-10-25 03:00"),
    ("spring day of 23 hours", ALL_DAY, "2026-03-29 00:00", 23 * 60, "2026-03-30 00:00"),
    ("autumn day of 25 hours", ALL_DAY, "2026-10-25 00:00", 25 * 60, "2026-10-26 00:00"),
    ("day and night, spring", ROUND_THE_CLOCK, "2026-03-28 12:00", 24 * 60, "2026-03-29 13:00"),
    ("King's day", OFFICE, "2026-04-24 16:30", 60, "2026-04-28 09:30"),
    ("Christmas on Friday and Saturday", OFFICE, "2026-12-24 16:30", 60, "2026-12-28 09:30"),
    ("New Year", OFFICE, "2026-12-31 16:30", 60, "2027-01-04 09:30"),
    ("Easter, open on Good Friday", OFFICE, "2026-04-02 16:30", 60, "2026-04-03 09:30"),
    ("Easter, closed on Good Friday", GOOD_FRIDAY, "2026-04-02 16:30", 60, "2026-04-07 09:30"),
    ("5 May, open", OFFICE, "2026-05-04 16:30", 60, "2026-05-05 09:30"),
    ("5 May, closed", LIBERATION, "2026-05-04 16:30", 60, "2026-05-06 09:30"),
    ("lunch between", LUNCH, "2026-11-23 12:00", 60, "2026-11-23 13:45"),
    ("lunch begins", LUNCH, "2026-11-23 12:00", 30, "2026-11-23 12:30"),
    ("received in lunch", LUNCH, "2026-11-23 12:45", 15, "2026-11-23 13:30"),
    ("past midnight", NIGHT, "2026-11-23 23:30", 60, "2026-11-24 00:30"),
    ("received after midnight", NIGHT, "2026-11-24 01:30", 60, "2026-11-24 20:30"),
    ("Saturday night into Sunday", SATURDAY_NIGHT, "2026-11-22 01:00", 120, "2026-11-28 21:00"),
    ("early closing", EARLY, "2026-12-24 11:30", 60, "2026-12-28 09:30"),
    ("cut at a closing day's midnight", NIGHT_BEFORE_CLOSING, "2026-04-26 23:30", 60, "2026-04-28 20:30"),
    ("a closed evening has no night", NIGHT_BEFORE_CLOSING, "2026-04-27 12:00", 1, "2026-04-28 20:01"),
    ("specially open past midnight", NIGHT_OPENED_SPECIALLY, "2026-04-26 12:00", 150, "2026-04-27 00:30"),
]


@pytest.mark.parametrize("name, calendar, start, minutes, expected", CASES, ids=[case[0] for case in CASES])
def test_deadline_on_dutch_calendars(name, calendar, start, minutes, expected):
    assert deadline(local(start), minutes, calendar) == local(expected)
    assert deadline(local(start).astimezone(ZONE), minutes, calendar).utcoffset() == timedelta()


def test_open_minutes_in_the_nights_of_the_clock_change():
    night = weekly("20-4", days=[5])
    assert open_minutes(local("2026-03-28 12:00"), local("2026-03-29 12:00"), night) == 7 * 60
    assert open_minutes(local("2026-10-24 12:00"), local("2026-10-25 12:00"), night) == 9 * 60
    skipped = weekly("2.30-5", days=[6])
    assert next_open(local("2026-03-29 00:00"), skipped) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    doubled = weekly("0-2.30", days=[6])
    assert is_open(datetime(2026, 10, 25, 0, 29, tzinfo=UTC), doubled)
    assert not is_open(datetime(2026, 10, 25, 1, 0, tzinfo=UTC), doubled)


UNEVEN = Hours((*weekly("9-17", days=[0, 1, 3]).blocks, *weekly("9-13", days=[2, 4]).blocks))


@pytest.mark.parametrize(
    "calendar, start, days, expected",
    [
        (OFFICE, "2026-11-23 10:00", 2, "2026-11-25 10:00"),
        (OFFICE, "2026-11-20 16:30", 2, "2026-11-24 16:30"),
        (OFFICE, "2026-11-21 12:00", 2, "2026-11-24 17:00"),
        (OFFICE, "2026-11-23 10:00", 0.5, "2026-11-23 14:00"),
        (OFFICE, "2026-11-23 10:00", 10, "2026-12-07 10:00"),
        (OFFICE, "2026-04-24 12:00", 1, "2026-04-28 12:00"),
        (OFFICE, "2026-10-23 10:07:00.000001", 2, "2026-10-27 10:07:00.000001"),
        (UNEVEN, "2026-11-23 07:00", 3, "2026-11-25 13:00"),
        (UNEVEN, "2026-11-23 13:00", 2, "2026-11-25 11:00"),
        (EARLY, "2026-12-23 13:00", 1, "2026-12-24 10:30"),
        (SATURDAY_NIGHT, "2026-11-21 23:00", 1, "2026-11-28 23:00"),
        (ROUND_THE_CLOCK, "2026-11-21 23:00", 2, "2026-11-23 23:00"),
    ],
)
def test_working_days(calendar, start, days, expected):
    assert due(local(start), Target(days, "working_days"), calendar) == local(expected)


def test_presets_and_priorities():
    monday = local("2026-11-23 10:00")
    assert due(monday, hours.PRESETS["social"], OFFICE) == local("2026-11-23 14:00")
    urgent = hours.for_priority(hours.PRESETS["social"], "urgent")
    assert due(monday, urgent, OFFICE) == local("2026-11-23 11:00")
    high = hours.for_priority(hours.PRESETS["email"], "high")
    assert due(monday, high, OFFICE) == local("2026-11-24 10:00")
    shares = {name: hours.for_priority(hours.PRESETS["report"], name).amount for name in hours.PRIORITY_SHARE}
    assert shares == {"low": 10, "normal": 10, "high": 5, "urgent": 2.5}


@pytest.mark.parametrize(
    "start, minutes, expected",
    [
        ("2026-11-23 10:00", 240, "2026-11-23 13:12"),
        ("2026-11-23 10:00", 60, "2026-11-23 10:45"),
        ("2026-11-23 10:00", 1, "2026-11-23 10:00"),
        ("2026-11-23 03:00", 1, "2026-11-23 09:00"),
        ("2026-11-20 16:30", 60, "2026-11-23 09:15"),
        ("2026-11-20 16:45", 30, "2026-11-23 09:00"),
    ],
)
def test_almost_late(start, minutes, expected):
    start = local(start)
    assert soon_at(start, deadline(start, minutes, OFFICE), minutes, OFFICE) == local(expected)


def test_almost_late_after_a_pause_keeps_the_margin_of_the_target():
    start, late = local("2026-11-23 09:00"), local("2026-11-24 12:00")  # four hours, paused for seven
    assert soon_at(start, late, 240, OFFICE) == local("2026-11-24 11:12")
    assert soon_at(start, local("2026-11-24 09:00"), None, OFFICE) == local("2026-11-23 15:24")
    assert soon_at(late, start, 60, OFFICE) == start


def test_a_calendar_that_never_opens_is_an_error_not_a_loop():
    two_years = {date(2026, 1, 1) + timedelta(n): () for n in range(800)}
    for calendar in (Hours(), weekly("9-17", special=two_years)):
        with pytest.raises(ValueError, match="no open time within 366 days"):
            deadline(local("2026-01-02 10:00"), 1, calendar)
        with pytest.raises(ValueError, match="no open time"):
            due(local("2026-01-02 10:00"), Target(1, "working_days"), calendar)
        assert next_open(local("2026-01-02 10:00"), calendar) is None
        assert open_minutes(local("2026-01-02 10:00"), local("2026-06-02 10:00"), calendar) == 0
    with pytest.raises(ValueError, match="time zone"):
        deadline(datetime(2026, 1, 2), 1, OFFICE)
    with pytest.raises(ValueError, match="negative"):
        deadline(local("2026-01-02 10:00"), -1, OFFICE)


def test_form_texts_become_blocks():
    rows = [("9", "12.30"), ("", " "), ("13:15", "17 uur"), ("2000", "02:00")]
    blocks, problems = hours.parse_blocks({0: rows, 6: [("9.00", "24:00")]})
    assert problems == []
    assert blocks == [Block(0, 540, 750), Block(0, 795, 1020), Block(0, 1200, 1560), Block(6, 540, 1440)]


EARLY_SHIFT = {"start": "01:00", "end": "05:00"}


@pytest.mark.parametrize(
    "rows, expected",
    [
        ({0: [("negen", "17")]}, Problem("problem.hours.time", 0, {"text": "negen"})),
        ({0: [("9", "25:00")]}, Problem("problem.hours.time", 0, {"text": "25:00"})),
        ({0: [("9", "24:01")]}, Problem("problem.hours.time", 0, {"text": "24:01"})),
        ({0: [("9", "9.60")]}, Problem("problem.hours.time", 0, {"text": "9.60"})),
        ({2: [("9", "")]}, Problem("problem.hours.half", 2, {"text": ""})),
        ({2: [("17", "9")]}, Problem("problem.hours.order", 2, {"start": "17:00", "end": "09:00"})),
        ({2: [("9", "9")]}, Problem("problem.hours.order", 2, {"start": "09:00", "end": "09:00"})),
        ({2: [("24:00", "2")]}, Problem("problem.hours.range", 2, {"start": "24:00", "end": "02:00"})),
        (
            {2: [("1", "5"), ("4", "8")]},
            Problem("problem.hours.overlap", 2, {"start": "04:00", "end": "08:00"}),
        ),
        ({0: [("1", "5")], 6: [("20", "2")]}, Problem("problem.hours.overlap", 0, EARLY_SHIFT)),
        ({2: [("20", "2")], 3: [("1", "5")]}, Problem("problem.hours.overlap", 3, EARLY_SHIFT)),
    ],
)
def test_form_mistakes_are_named(rows, expected):
    assert hours.parse_blocks(rows)[1] == [expected]


def test_holidays():
    names = hours.holidays_of(2026, liberation_day=True, good_friday=True)
    assert names[date(2026, 4, 27)] == "Koningsdag"
    assert names[date(2026, 4, 3)] == "Goede vrijdag"
    assert names[date(2026, 5, 5)] == "Bevrijdingsdag"
    assert list(names) == sorted(names)
    plain = hours.holidays_of(2026, liberation_day=False, good_friday=False)
    assert set(names) - set(plain) == {date(2026, 4, 3), date(2026, 5, 5)}
    assert date(2025, 4, 26) in closed(2025)  # the 27th is a Sunday
    assert date(2030, 5, 5) in closed(2030)  # every fifth year it is one for all
    movable = hours.holidays_of(2027, liberation_day=False, good_friday=True)
    assert {date(2027, 3, 26), date(2027, 3, 29), date(2027, 5, 6), date(2027, 5, 17)} <= set(movable)


def test_a_deadline_costs_little_enough_for_every_intake():
    friday = local("2026-12-24 16:30")
    rounds = []
    for _ in range(5):
        began = process_time()
        for _ in range(200):
            deadline(friday, 240, OFFICE)
        rounds.append((process_time() - began) / 200)
    assert min(rounds) < 50e-6


# Against a reference that knows nothing of spans: it walks the minutes with a clock in hand.

SPRING, AUTUMN = datetime(2026, 3, 26, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)
quarter = st.integers(0, 95).map(lambda n: n * 15)
block = st.tuples(quarter, st.integers(1, 48)).map(lambda b: (b[0], b[0] + 15 * b[1]))
days = st.sampled_from([season.date() + timedelta(n) for season in (SPRING, AUTUMN) for n in range(7)])
weekly_block = st.builds(lambda day, b: Block(day, *b), st.integers(0, 6), block)
calendars = st.builds(
    Hours,
    st.lists(weekly_block, min_size=1, max_size=8).map(tuple),
    st.dictionaries(days, st.lists(block, max_size=2).map(tuple), max_size=3),
    st.sampled_from(["Europe/Amsterdam", "Europe/London", "America/Kralendijk"]),
)
seasons = st.sampled_from([SPRING, AUTUMN])
starts = st.builds(lambda season, minute: season + minute * MINUTE, seasons, st.integers(0, 6000))
units = st.sampled_from(["minutes", "working_days"])


def reference(start: datetime, minutes: int, calendar: Hours) -> datetime | None:
    """The end of the `minutes`-th open minute, within eleven days. The clock on the wall only counts when it
    shows a later time than it has shown that day: the second pass of a repeated hour waits for the first."""
    zone, at, shown = ZoneInfo(calendar.zone), start - timedelta(hours=24 + start.hour), datetime.min
    while at < start + timedelta(days=11):
        shown = max(shown, at.astimezone(zone).replace(tzinfo=None))
        if at >= start and _open_by_the_book(shown, calendar):
            minutes -= 1
            if minutes == 0:
                return at + MINUTE
        at += MINUTE
    return None


def _open_by_the_book(shown: datetime, calendar: Hours) -> bool:
    today, minute = shown.date(), shown.hour * 60 + shown.minute
    yesterday = today - timedelta(days=1)

    def blocks(day: date) -> list[tuple[int, int]]:
        if day in calendar.special:
            return list(calendar.special[day])
        return [(b.start, b.end) for b in calendar.blocks if b.weekday == day.weekday()]

    if any(first <= minute < last for first, last in blocks(today)):
        return True
    return today not in calendar.special and any(minute + 1440 < last for _, last in blocks(yesterday))


@settings(max_examples=40, deadline=None)
@given(calendars, starts, st.integers(1, 1500))
def test_equals_the_minute_by_minute_reference(calendar, start, minutes):
    expected = reference(start, minutes, calendar)
    if expected is None:
        assert open_minutes(start, start + timedelta(days=11), calendar) < minutes
    else:
        assert deadline(start, minutes, calendar) == expected


@settings(max_examples=150, deadline=None)
@given(calendars, starts, st.integers(1, 20_000))
def test_open_minutes_undo_a_deadline_that_lies_in_open_time(calendar, start, minutes):
    end = deadline(start, minutes, calendar)
    assert open_minutes(start, end, calendar) == minutes
    assert is_open(end, calendar) or is_open(end - timedelta(microseconds=1), calendar)
    soon = soon_at(start, end, minutes, calendar)
    assert start <= soon <= end
    assert open_minutes(soon, end, calendar) <= max(0.2 * minutes, 15) + 1e-6


@settings(max_examples=150, deadline=None)
@given(calendars, starts, st.integers(0, 5000), st.integers(0, 3000), units)
def test_later_or_longer_is_never_due_sooner(calendar, start, amount, more, unit):
    amount = amount / 500 if unit == "working_days" else amount
    target = Target(amount, unit)
    assert due(start, target, calendar) <= due(start + more * MINUTE, target, calendar)
    assert due(start, target, calendar) <= due(start, Target(amount + more / 500, unit), calendar)


def test_the_days_off_are_loaded_with_the_program_and_not_while_a_transaction_waits():
    code = "import sys, newsroom.hours; sys.exit('holidays.countries.netherlands' not in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", code], check=False).returncode
