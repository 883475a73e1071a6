"""When things happened in Voorbeeldstad, told from the moment of loading, so that the board is never old."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from newsroom.demo.volume import ZONE
from newsroom.hours import Hours, Target, deadline, due, next_open, open_minutes

DAY = timedelta(days=1)
MORNING = time(8)
SHORT_DAY = timedelta(hours=3)  # what has happened "today" takes at least this long, when the day is that old
LONGEST = timedelta(days=30)  # how far back working days are looked for
QUIET_MINUTES = 30  # of open time; with less between two moments, people worked outside the hours
WAYS = re.compile(r"(?P<n>[0-9.]+)(?P<unit>[mhd])|t(?P<share>[0-9.]+)|w(?P<back>[0-9]+) (?P<clock>[0-9]{2}:[0-9]{2})")


class Moments:
    """Moments before `at` (UTC) by the opening hours of the municipality."""

    def __init__(self, at: datetime, hours: Hours):
        self.at = at
        self._hours = hours
        midnight = datetime.combine(at.astimezone(ZONE).date(), time(), ZONE)
        morning = datetime.combine(midnight.date(), MORNING, ZONE)
        self.today = max(midnight, min(morning, at - SHORT_DAY)).astimezone(UTC)

    def read(self, text: str) -> datetime:
        """A moment: `25m` or `3h` ago, `1.7d` working days ago, `t0.4` as a share of today so far, `w2 20:45` by
        the clock on the second working day before today. Raises ValueError."""
        found = WAYS.fullmatch(text)
        if not found:
            raise ValueError(f"not a moment: {text}")
        if found["share"]:
            return self.today + (self.at - self.today) * float(found["share"])
        if found["clock"]:
            return self._by_clock(int(found["back"]), time.fromisoformat(found["clock"]))
        if found["unit"] == "d":
            return self._working_days(float(found["n"]))
        return self.at - timedelta(minutes=float(found["n"]) * (60 if found["unit"] == "h" else 1))

    def between(self, start: datetime, end: datetime, share: float) -> datetime:
        """A moment on the way from `start` to `end`, in opening hours where there are some."""
        if share >= 1:
            return end
        minutes = open_minutes(start, end, self._hours)
        if minutes < QUIET_MINUTES:
            return start + (end - start) * share
        return deadline(start, minutes * share, self._hours)

    def after(self, start: datetime, minutes: float) -> datetime:
        """`minutes` of open time later, never after the moment of loading."""
        return min(deadline(start, minutes, self._hours), self.at)

    def _working_days(self, days: float) -> datetime:
        """The latest moment from which that many working days have passed."""
        early, late = self.at - LONGEST, self.at
        while late - early > timedelta(seconds=1):
            middle = early + (late - early) / 2
            passed = due(middle, Target(days, "working_days"), self._hours) <= self.at
            early, late = (middle, late) if passed else (early, middle)
        return early

    def _by_clock(self, back: int, clock: time) -> datetime:
        day = self.today.astimezone(ZONE).date()
        while back:
            day -= DAY
            midnight = datetime.combine(day, time(), ZONE)
            opens = next_open(midnight, self._hours)
            back -= opens is not None and opens.astimezone(ZONE).date() == day
        return datetime.combine(day, clock, ZONE).astimezone(UTC)
