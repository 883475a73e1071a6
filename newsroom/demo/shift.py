"""Who works when in Voorbeeldstad: the shifts of content/town.toml, by weekday and by the clock of the town."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from newsroom.demo.volume import ZONE


@dataclass(frozen=True, slots=True)
class Shifts:
    """`plan` are the shifts by name: `from` and `until` in hours of the day, past 24 the next morning, and by person
    the weekdays (0 is Monday) on which one begins. `away` are the first and last day of who has days off."""

    plan: Mapping[str, Mapping[str, Any]]
    away: Mapping[str, tuple[date, date]] = field(default_factory=dict)

    def until(self, at: datetime) -> dict[str, datetime]:
        """Who is at work, with the moment until which."""
        found: dict[str, datetime] = {}
        for one in self.plan.values():
            for back in (0, 1):  # one that began yesterday may not be over
                day = at.astimezone(ZONE).date() - timedelta(days=back)
                midnight = datetime.combine(day, time(), ZONE)
                start, end = (midnight + timedelta(hours=one[part]) for part in ("from", "until"))
                if start <= at < end:
                    for person, weekdays in one["days"].items():
                        if day.weekday() in weekdays and not self.is_off(person, day):
                            found[person] = max(end, found.get(person, end))
        return found

    def of(self, at: datetime, people: Iterable[str]) -> list[str]:
        """Those of `people` who are at work."""
        there = self.until(at)
        return [person for person in people if person in there]

    def is_off(self, person: str, day: date) -> bool:
        """Whether somebody has this day off."""
        first, last = self.away.get(person, (date.max, date.max))
        return first <= day <= last


def begins(plan: Mapping[str, Mapping[str, Any]], day: date) -> Iterator[tuple[str, datetime, datetime]]:
    """Who begins on a day, by name, with the moments from and until which."""
    for one in plan.values():
        start, end = (datetime.combine(day + timedelta(days=one[part] // 24), time(one[part] % 24), ZONE)
                      for part in ("from", "until"))
        yield from ((person, start, end) for person, weekdays in one["days"].items() if day.weekday() in weekdays)


def days_off(people: Mapping[str, Mapping[str, Any]], at: datetime) -> dict[str, tuple[date, date]]:
    """Who of the town has days off: `away` in days before and after the day of `at`."""
    today = at.astimezone(ZONE).date()
    return {key: (today - timedelta(days=one["away"][0]), today + timedelta(days=one["away"][1]))
            for key, one in people.items() if "away" in one}
