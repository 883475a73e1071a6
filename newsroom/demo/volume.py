"""How much comes in over which channel, when, and about what: the rhythm of a municipality of 120,000 inhabitants.

content/town.toml has how many a day each channel brings, and which are used at some hours or for some subjects only.
Together they have the shares below all the same: the other channels get what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Europe/Amsterdam")
WEEK = (1.30, 1.05, 0.95, 0.95, 0.65, 0.10, 0.10)  # of an average working day, from Monday
DAY = (0, 0, 0, 0, 0, 1, 2, 4, 8, 13, 12, 8, 6, 10, 11, 7, 5, 3, 2, 3, 2, 2, 1, 0)  # percent by hour
# percent of all that comes in
ABOUT = {"afval": 16, "straat": 9, "parkeren": 10, "paspoort": 13, "verhuizen": 7, "belastingen": 7, "groen": 7,
         "verlichting": 4, "inkomen": 5, "zorg": 5, "bouwen": 5, "evenementen": 3, "verkeer": 4, "overlast": 3,
         "bestuur": 2}
WORKING_DAYS = range(5)
LEAST = 0.001  # of a day's messages in an hour of the night

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True)
class Volume:
    """By channel: how many on an average working day, and how that is divided over weekdays, hours and subjects, each
    as shares that make 1."""

    a_day: dict[str, float]
    week: dict[str, dict[int, float]]
    day: dict[str, dict[int, float]]
    about: dict[str, dict[str, float]]

    def an_hour(self, at: datetime) -> dict[str, float]:
        """How many messages each channel brings in an hour like this one, at night next to nothing."""
        local = at.astimezone(ZONE)
        return {via: number * sum(WEEK) * self.week[via].get(local.weekday(), 0) * max(self.day[via][local.hour], LEAST)
                if local.hour in self.day[via] else 0.0 for via, number in self.a_day.items()}

    @property
    def busiest(self) -> float:
        """Of an average day, what comes in the busiest hour of the week."""
        return max(WEEK) * max(DAY) / sum(DAY)


def volume(channels: Mapping[str, Mapping[str, Any]]) -> Volume:
    """The volume of these channels: `a_day`, and perhaps `hours` (first, and the one after the last), `weekend` (false)
    and `about` (the only subjects)."""
    a_day = {key: float(one["a_day"]) for key, one in channels.items()}
    return Volume(
        a_day,
        divide(dict(enumerate(WEEK)), a_day, {key: WORKING_DAYS for key, one in channels.items()
                                              if not one.get("weekend", True)}),
        divide(dict(enumerate(DAY)), a_day, {key: range(*one["hours"]) for key, one in channels.items()
                                             if "hours" in one}),
        divide(ABOUT, a_day, {key: one["about"] for key, one in channels.items() if "about" in one}))


def divide(whole: Mapping[Part, float], sizes: Mapping[str, float],
           only: Mapping[str, Iterable[Part]]) -> dict[str, dict[Part, float]]:
    """How each of `sizes` is divided over the parts of `whole`, so that together they have its shares; those in `only`
    have some parts alone."""
    share = sum(sizes.values()) / sum(whole.values())
    left = {part: weight * share for part, weight in whole.items()}
    found = {}
    for name, parts in only.items():
        found[name] = _shares({part: whole[part] for part in parts})
        for part, of_all in found[name].items():
            left[part] -= of_all * sizes[name]
    rest = _shares({part: max(weight, 0) for part, weight in left.items()})
    return {name: found.get(name, rest) for name in sizes}


def spread(shares: Mapping[Part, float], n: int) -> dict[Part, int]:
    """`n` divided by `shares`, to whole numbers that make `n`: the largest remainders get what is left."""
    exact = {name: n * share for name, share in _shares(shares).items()}
    counts = {name: int(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda name: counts[name] - exact[name])[:n - sum(counts.values())]:
        counts[name] += 1
    return counts


def _shares(weights: Mapping[Part, float]) -> dict[Part, float]:
    total = sum(weights.values())
    return {part: weight / total for part, weight in weights.items()}
