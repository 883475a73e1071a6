"""Opening hours and due times: pure arithmetic, the same for every screen, timer and report.

Blocks are local wall-clock times, open time is real elapsed time: a night over the spring change is an hour
shorter. A wall-clock time that comes twice means the first; one that the clock skips means the moment of
the skip. Moments go in as aware datetimes and come out in UTC.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

# with the program: loading it takes half a second, on a busy machine more than a transaction may be idle
from holidays.countries.netherlands import Netherlands

DAY_MINUTES, WEEK_MINUTES = 1440, 10080
NIGHT_MINUTES = 720  # a block past midnight that is longer has nearly always its two times swapped
SEARCH_DAYS = 366  # no open time for this long: the calendar is wrong and waiting for it helps nobody
SOON_SHARE = 0.2  # "almost late" is the last fifth of the target ...
SOON_MINUTES = 15  # ... and at least this much open time, or a short target gives no warning
DAY, MINUTE, INSTANT = timedelta(days=1), timedelta(minutes=1), timedelta(microseconds=1)
EARLIEST, Times = datetime.min.replace(tzinfo=UTC), tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Weekly open time. `weekday` 0 is Monday; `start` is minutes after that day's midnight, 0 to 1439;
    `end` too, and above 1440 when the block runs past midnight (20:00-02:00 is 1200 to 1560)."""

    weekday: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Hours:
    """A calendar. `special` gives a date its own (start, end) minutes instead of the weekly blocks; () closes
    it. A special date owns its calendar day, 00:00 to 24:00: a block that began the evening before is cut at
    midnight, and a weekly block that would have begun on it falls away whole, its hours after midnight too.
    Overlapping blocks count once. `always` means open day and night, special dates too."""

    blocks: tuple[Block, ...] = ()
    special: Mapping[date, Times] = field(default_factory=dict, hash=False)
    zone: str = "Europe/Amsterdam"
    always: bool = False
    _week: tuple[Times, ...] = field(init=False, repr=False, compare=False)
    _special: Mapping[date, Times] = field(init=False, repr=False, compare=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        week = [sorted((b.start, b.end) for b in self.blocks if b.weekday == day) for day in range(7)]
        object.__setattr__(self, "_week", tuple(map(tuple, week)))
        object.__setattr__(self, "_special", {day: tuple(sorted(own)) for day, own in self.special.items()})
        object.__setattr__(self, "_zone", ZoneInfo(self.zone))


@dataclass(frozen=True, slots=True)
class Target:
    """How soon an answer is due: open minutes, or working days (see `due`). Fractions are allowed."""

    amount: float
    unit: Literal["minutes", "working_days"]


# Starting values, after norms that Dutch municipalities published between 2016 and 2026.
PRESETS: Mapping[str, Target] = {
    "chat": Target(1, "minutes"),
    "social": Target(4 * 60, "minutes"),
    "whatsapp": Target(60, "minutes"),
    "email": Target(2, "working_days"),
    "report": Target(10, "working_days"),
    "call_back": Target(2, "working_days"),
}
PRIORITY_SHARE = {"low": 1, "normal": 1, "high": 0.5, "urgent": 0.25}


class Problem(NamedTuple):
    """A mistake in a filled-in calendar: a catalogue key, the weekday it is on, and the other values."""

    key: str
    weekday: int
    values: dict[str, str]


def due(start: datetime, target: Target, hours: Hours) -> datetime:
    """When an answer to something received at `start` is due; every screen asks here.

    Each opening day counts as one working day, long or short, and is used up evenly over its open minutes:
    two working days from Monday 10:00 is Wednesday 10:00 and from a Saturday Tuesday at closing time. So half
    of a target is half of its time, and an early closing is still a day. Without closing a day is 24 hours.
    """
    if target.unit == "minutes":
        return deadline(start, target.amount, hours)
    return _after_days(_checked(start, target.amount), Fraction(target.amount), hours)


def for_priority(target: Target, priority: str) -> Target:
    """The target for a priority: urgent a quarter of the time, high half of it."""
    return Target(target.amount * PRIORITY_SHARE[priority], target.unit)


def deadline(start: datetime, minutes: float, hours: Hours) -> datetime:
    """The moment at which `minutes` of open time have passed since `start`: at the latest a block's end.

    Raises ValueError for a negative target, a naive `start` or a calendar without open time in 366 days.
    """
    start, left = _checked(start, minutes), timedelta(minutes=minutes)
    if hours.always or not left:
        return start + left
    for spans in _opening_days(start, hours):
        for begin, end in spans:
            begin = max(begin, start)
            if end - begin >= left:
                return begin + left
            left -= max(end - begin, timedelta())
    raise _never_open(start)


def open_minutes(start: datetime, end: datetime, hours: Hours) -> float:
    """Open minutes between two moments, 0.0 when `end` is not after `start`: the inverse of `deadline`."""
    start, end, total = _checked(start), _checked(end), timedelta()
    if hours.always or end <= start:
        return max(end - start, total) / MINUTE
    for begin, finish in _spans(start, hours):
        if begin >= end:
            break
        total += min(finish, end) - begin
    return total / MINUTE


def is_open(at: datetime, hours: Hours) -> bool:
    """Whether `at` lies in open time; a block's end does not."""
    return next_open(at, hours) == at


def next_open(at: datetime, hours: Hours) -> datetime | None:
    """`at` itself in open time, else the next opening; None when there is none within 366 days."""
    at = _checked(at)
    return at if hours.always else next((begin for begin, _ in _spans(at, hours)), None)


def next_close(at: datetime, hours: Hours) -> datetime | None:
    """When the open time that `at` lies in ends; None outside open time, and when it never ends."""
    at = _checked(at)
    if hours.always:
        return None
    begin, end = next(_spans(at, hours), (None, None))
    return end if begin == at else None


def soon_at(start: datetime, due: datetime, minutes: float | None, hours: Hours) -> datetime:
    """When "almost late" begins: a fifth of the target, and at least 15 open minutes, before `due`.

    `minutes` is the target in open minutes; None takes all open time from `start` to `due`, right as long as
    the clock was never paused. The answer lies in open time, so that nothing turns almost late at night, and
    never after `due`; a target of 15 minutes or less is almost late from its first open moment.
    """
    whole = open_minutes(start, due, hours)
    margin = max(SOON_SHARE * (whole if minutes is None else minutes), SOON_MINUTES)
    soon = deadline(start, max(whole - margin, 0), hours)
    return min(next_open(soon, hours) or due, _checked(due))


def parse_blocks(text_by_day: Mapping[int, Sequence[tuple[str, str]]]) -> tuple[list[Block], list[Problem]]:
    """Blocks from a form: per weekday the pairs of texts (from, until), both empty for an unused row.

    "9", "9.00", "09:00", "0900" and "9 uur" are times; an end before the start means the next day.
    Returns the blocks that could be read and every problem, those of `validate` included.
    """
    blocks, problems = [], []
    for weekday, rows in sorted(text_by_day.items()):
        for texts in rows:
            first, last = map(minute_of, texts)
            if not any(text.strip() for text in texts):
                continue
            if first is None or last is None:
                wrong = texts[0] if first is None else texts[1]
                key = "problem.hours.time" if wrong.strip() else "problem.hours.half"
                problems.append(Problem(key, weekday, {"text": wrong.strip()}))
            else:
                blocks.append(Block(weekday, first, last + DAY_MINUTES if last < first else last))
    return blocks, problems + validate(blocks)


def validate(blocks: Sequence[Block]) -> list[Problem]:
    """What is wrong with weekly blocks: range, order (also: so long past midnight that the times must be
    swapped) and overlap, also of Sunday night with Monday."""
    problems = []
    for block in blocks:
        length, night = block.end - block.start, block.end > DAY_MINUTES
        if not (0 <= block.weekday < 7 and 0 <= block.start < DAY_MINUTES and 0 <= block.end):
            problems.append(_problem("range", block))
        elif length <= 0 or (night and length > NIGHT_MINUTES):
            problems.append(_problem("order", block))
    return problems or [_problem("overlap", block) for block in _overlapping(blocks)]


def holidays_of(year: int, *, liberation_day: bool, good_friday: bool) -> dict[date, str]:
    """The Dutch public holidays of a year with their Dutch names, in order.
    Good Friday is no general day off: many municipalities close, not all. 5 May is one every five years
    (2025, 2030) and then always included; `liberation_day` adds it in the other years.
    """
    wanted = {"Goede vrijdag": good_friday, "Bevrijdingsdag": liberation_day or year % 5 == 0}
    return {day: name for day, name in sorted(_holidays(year).items()) if wanted.get(name, True)}


@lru_cache(maxsize=64)
def _holidays(year: int) -> Mapping[date, str]:
    return Netherlands(years=year, categories=("public", "optional"), language="nl")


def _after_days(start: datetime, days: Fraction, hours: Hours) -> datetime:
    if hours.always or not days:
        return start + timedelta(days=float(days))
    passed = timedelta()
    for spans in _opening_days(start, hours):
        if not spans:
            continue
        whole = sum((end - begin for begin, end in spans), timedelta())
        ahead = sum((end - max(begin, start) for begin, end in spans if end > start), timedelta())
        share = Fraction(ahead // INSTANT, whole // INSTANT) if ahead < whole else 1
        if share >= days:
            return deadline(start, (passed + int(days * (whole // INSTANT)) * INSTANT) / MINUTE, hours)
        days, passed = days - share, passed + ahead
    raise _never_open(start)


def _spans(start: datetime, hours: Hours) -> Iterator[tuple[datetime, datetime]]:
    """Open time from `start` on, in order."""
    for spans in _opening_days(start, hours):
        for begin, end in spans:
            if end > start:
                yield max(begin, start), end


def _opening_days(start: datetime, hours: Hours) -> Iterator[list[tuple[datetime, datetime]]]:
    """Per opening day the open spans in UTC, whole and without overlap, from the day before `start` (its last
    block may run past midnight) until nothing has been open for 366 days."""
    day, idle, reached = start.astimezone(hours._zone).date() - DAY, 0, EARLIEST
    while idle <= SEARCH_DAYS:
        spans, tomorrow = [], day + DAY
        for first, last in hours._special.get(day, hours._week[day.weekday()]):
            if last > DAY_MINUTES and tomorrow in hours._special:
                last = DAY_MINUTES
            begin, end = max(_moment(day, first, hours._zone), reached), _moment(day, last, hours._zone)
            if begin < end:
                spans.append((begin, end))
                reached = end
        yield spans
        day, idle = tomorrow, 0 if spans else idle + 1


@lru_cache(maxsize=8192)
def _moment(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The first moment at which the local clock shows `minute` of `day`, or has just skipped it."""
    wall = datetime.combine(day, time.min) + minute * MINUTE
    moment = wall.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall:
        return moment
    after = moment.astimezone(zone).utcoffset()  # skipped: walk back to the change itself
    while (moment - MINUTE).astimezone(zone).utcoffset() == after:
        moment -= MINUTE
    return moment


def _overlapping(blocks: Sequence[Block]) -> list[Block]:
    """Each block that begins before an earlier one ends; the first block of the week follows the last."""
    ordered = sorted(blocks, key=lambda b: (b.weekday, b.start))
    last = max((b.weekday * DAY_MINUTES + b.end - WEEK_MINUTES for b in ordered), default=0)
    wrong = []
    for block in ordered:
        midnight = block.weekday * DAY_MINUTES
        if midnight + block.start < last:
            wrong.append(block)
        last = max(last, midnight + block.end)
    return wrong


def _problem(kind: str, block: Block) -> Problem:
    values = {"start": _clock(block.start), "end": _clock(block.end)}
    return Problem(f"problem.hours.{kind}", block.weekday, values)


def _clock(minute: int) -> str:
    return f"{minute // 60 - 24 * (minute > DAY_MINUTES):02}:{minute % 60:02}"


def minute_of(text: str) -> int | None:
    """Minutes after midnight from what people type, up to 24:00; None when it is not a time."""
    found = re.fullmatch(r"\s*([0-9]{1,2})(?:[:.]?([0-9]{2}))?\s*(?:u|uur|h)?\s*", text)
    if not found:
        return None
    minute = int(found[1]) * 60 + int(found[2] or 0)
    return minute if minute <= DAY_MINUTES and int(found[2] or 0) < 60 else None


def _checked(at: datetime, amount: float = 0) -> datetime:
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone cannot be placed on a calendar")
    if not amount >= 0:
        raise ValueError(f"a target cannot be negative: {amount}")
    return at.astimezone(UTC)


def _never_open(start: datetime) -> ValueError:
    return ValueError(f"no open time within {SEARCH_DAYS} days after {start:%Y-%m-%d}: check the hours")
