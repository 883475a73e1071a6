"""The week as a form: text fields for each block of each day, what is wrong with them, and a bar to see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from newsroom.hours import DAY_MINUTES, Block, parse_blocks, validate
from newsroom.web.admin.frame import Problem
from newsroom.web.fields import Fields
from newsroom.web.render import say

DAYS = range(7)
MOST_ROWS = 12  # blocks of one day on the form
BAR = 132  # the width of the bar of one day


@dataclass(frozen=True, slots=True)
class Row:
    """One block as it stands in its fields. `wrong`: it is marked."""

    start: str
    end: str
    wrong: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a day's bar, in the picture's own units. `bad`: it overlaps."""

    x: float
    width: float
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Day:
    """One day of the form."""

    weekday: int
    rows: list[Row]
    bars: list[Bar] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def show(blocks: Sequence[Block]) -> list[Day]:
    """The form of a calendar."""
    ordered = sorted(blocks, key=lambda block: block.start)
    rows = [[Row(clock(one.start), clock(one.end)) for one in ordered if one.weekday == day] for day in DAYS]
    return [Day(day, rows[day], bars(blocks, day)) for day in DAYS]


def typed(form: Fields) -> list[list[Row]]:
    """The rows of each day as they came in, empty ones left out."""
    found: list[list[Row]] = []
    for day in DAYS:
        pairs = [(form.text(f"from-{day}-{n}").strip(), form.text(f"to-{day}-{n}").strip()) for n in range(MOST_ROWS)]
        found.append([Row(start, end) for start, end in pairs if start or end])
    return found


def read(request: web.Request, rows: Sequence[Sequence[Row]]) -> tuple[list[Block], list[Day], list[Problem]]:
    """The blocks, the form again with its mistakes marked, and those mistakes with the field each is in."""
    blocks, texts, marked, problems = [], {day: [] for day in DAYS}, set(), []
    placed: list[tuple[int, int, Block]] = []
    for day in DAYS:
        for n, row in enumerate(rows[day]):
            good, wrong = parse_blocks({day: [(row.start, row.end)]})
            placed += [(day, n, block) for block in good]
            blocks += good
            for one in wrong:
                marked.add((day, n))
                _note(request, problems, texts, one, f"from-{day}-{n}")
    for one in validate(blocks) if not problems else ():
        day, n = next((day, n) for day, n, block in reversed(placed)
                      if day == one.weekday and clock(block.start) == one.values["start"])
        marked.add((day, n))
        _note(request, problems, texts, one, f"from-{day}-{n}")
    days = [Day(day, [Row(row.start, row.end, (day, n) in marked) for n, row in enumerate(rows[day])],
                bars(blocks, day), texts[day]) for day in DAYS]
    return blocks, days, problems


def bars(blocks: Sequence[Block], day: int) -> list[Bar]:
    """The parts of one day that are open, with what runs on from the night before."""
    spans = [(block.start, min(block.end, DAY_MINUTES)) for block in blocks if block.weekday == day]
    spans += [(0, block.end - DAY_MINUTES) for block in blocks
              if block.weekday == (day - 1) % 7 and block.end > DAY_MINUTES]
    found, last = [], 0
    for start, end in sorted(spans):
        found.append(Bar(_scaled(start), _scaled(end - start), start < last))
        last = max(last, end)
    return found


def clock(minute: int) -> str:
    """ "09:00"; past midnight as the next day's time, and midnight itself as 24:00."""
    minute -= DAY_MINUTES if minute > DAY_MINUTES else 0
    return f"{minute // 60:02}:{minute % 60:02}"


def hours(minutes: int) -> str:
    """ "38" or "37.5" hours in a week."""
    return f"{minutes / 60:.4g}"


def _note(request: web.Request, problems: list[Problem], texts: dict[int, list[str]], one, field_id: str) -> None:
    sentence = say(request, one.key, weekday=one.weekday, **one.values)
    problems.append(Problem(field_id, sentence))
    texts[one.weekday].append(sentence)


def _scaled(minutes: int) -> float:
    return round(minutes / DAY_MINUTES * BAR, 1)
