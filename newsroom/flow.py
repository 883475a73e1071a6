"""The flow of a channel: how many messages come in by the hour, against what is normal at that hour of that weekday.

Hours are hours of the clock where the municipality is. Normal is the median of the same hour of the same weekday in
the six weeks before; weeks before a channel's first message do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Literal
from zoneinfo import ZoneInfo

from newsroom.access import Scope
from newsroom.database import Connection

WEEKS = 6
FEWEST = 2  # weeks with less nobody can call normal
HOURS = 24  # of the band
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
ZONE = ZoneInfo("Europe/Amsterdam")
CAME = ("received", "unreadable")  # events of a message that came in

Earlier = Mapping[datetime, Sequence[datetime | None]]  # an hour, and the same one in the weeks before
Counts = Mapping[tuple[int, datetime], int]  # by channel and hour


@dataclass(frozen=True, slots=True)
class Stretch:
    """An hour from `start` (UTC) on: how many came, and how many in the same hour of earlier weeks."""

    start: datetime
    n: int
    samples: tuple[float, ...] = ()

    @property
    def normal(self) -> float | None:
        """The median; None: too little is known."""
        return median(self.samples) if len(self.samples) >= FEWEST else None

    @property
    def usual(self) -> tuple[float, float]:
        """Between which numbers it usually is: without the lowest and the highest of five or more."""
        ordered = sorted(self.samples) or [0.0]
        return (ordered[1], ordered[-2]) if len(ordered) >= 5 else (ordered[0], ordered[-1])

    @property
    def size(self) -> Literal["unknown", "quiet", "normal", "busy"]:
        """How it compares. One message more or less than usual is still normal."""
        if self.normal is None:
            return "unknown"
        low, high = self.usual
        return "busy" if self.n > high + 1 else "quiet" if self.n < low - 1 else "normal"


@dataclass(frozen=True, slots=True)
class Flow:
    """A channel's last day: whole hours, oldest first, and the last sixty minutes."""

    hours: tuple[Stretch, ...]
    now: Stretch

    @property
    def since(self) -> datetime | None:
        """Since which whole hour it is as busy or quiet as now; None: only now."""
        since = None
        for one in reversed(self.hours):
            if one.size != self.now.size:
                break
            since = one.start
        return since


async def read(connection: Connection, scope: Scope, channel_ids: Sequence[int], at: datetime) -> dict[int, Flow]:
    """The flow of channels, of conversations that the person may see."""
    this = whole_hour(at)
    hours = [this - step * HOUR for step in range(HOURS, -1, -1)]
    earlier = {hour: same_hours(hour) for hour in hours}
    counts = await _counts(connection, scope, channel_ids, {*hours, *_moments(earlier)})
    first, last = await _first(connection, channel_ids), await _last(connection, scope, at)
    return {id: _flow(id, hours, earlier, counts, first.get(id), last.get(id, 0), at) for id in channel_ids}


async def pulse(connection: Connection, scope: Scope, at: datetime) -> Stretch:
    """The last sixty minutes of all channels in use together."""
    # a small table
    ids = [row["id"] for row in await connection.fetch("select id from channel where archived_at is null")]
    hours = [whole_hour(at) - HOUR, whole_hour(at)]
    earlier = {hour: same_hours(hour) for hour in hours}
    counts = await _counts(connection, scope, ids, _moments(earlier))
    firsts, last = await _first(connection, ids), await _last(connection, scope, at)
    total: dict[tuple[int, datetime], int] = {}
    for (_, hour), n in counts.items():
        total[0, hour] = total.get((0, hour), 0) + n
    n = sum(last.get(id, 0) for id in ids)
    return _moving(0, hours[0], hours[1], earlier, total, min(firsts.values(), default=None), n, at)


def whole_hour(at: datetime) -> datetime:
    """The beginning of the hour, in UTC: the clock here differs from it by whole hours."""
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def same_hours(hour: datetime) -> tuple[datetime | None, ...]:
    """The same hour of the clock on the same weekday in each of the weeks before, newest first, in UTC. None: the
    clock skipped it in that week. An hour that came twice means the first."""
    wall = hour.astimezone(ZONE).replace(tzinfo=None, fold=0)
    found: list[datetime | None] = []
    for week in range(1, WEEKS + 1):
        local = wall - week * WEEK
        moment = local.replace(tzinfo=ZONE).astimezone(UTC)
        found.append(moment if moment.astimezone(ZONE).replace(tzinfo=None) == local else None)
    return tuple(found)


def _moments(earlier: Earlier) -> set[datetime]:
    return {one for hours in earlier.values() for one in hours if one is not None}


def _flow(id: int, hours: Sequence[datetime], earlier: Earlier, counts: Counts, first: datetime | None, last: int,
          at: datetime) -> Flow:
    whole = []
    for hour in hours[:-1]:
        samples = (_sample(id, one, counts, first) for one in earlier[hour])
        whole.append(Stretch(hour, counts.get((id, hour), 0), tuple(n for n in samples if n is not None)))
    return Flow(tuple(whole), _moving(id, hours[-2], hours[-1], earlier, counts, first, last, at))


def _sample(id: int, hour: datetime | None, counts: Counts, first: datetime | None) -> int | None:
    return counts.get((id, hour), 0) if hour is not None and first is not None and hour >= first else None


def _moving(id: int, before: datetime, this: datetime, earlier: Earlier, counts: Counts, first: datetime | None, n: int,
            at: datetime) -> Stretch:
    """The last sixty minutes. They lie in two hours of the clock, and so do those of earlier weeks, by their share."""
    share, samples = (at - this) / HOUR, []
    for one, other in zip(earlier[before], earlier[this], strict=True):
        pair = _sample(id, one, counts, first), _sample(id, other, counts, first)
        if pair[0] is not None and pair[1] is not None:
            samples.append((1 - share) * pair[0] + share * pair[1])
    return Stretch(at - HOUR, n, tuple(samples))


async def _counts(connection: Connection, scope: Scope, ids: Sequence[int],
                  hours: Iterable[datetime]) -> dict[tuple[int, datetime], int]:
    # kept by the event's own transaction; single hours, through the primary key
    rows = await connection.fetch(KEPT, list(ids), list(hours), sorted(scope.classes))
    return {(row["channel_id"], row["hour"]): row["n"] for row in rows}


async def _first(connection: Connection, ids: Sequence[int]) -> dict[int, datetime]:
    # one step into the primary key for each channel
    rows = await connection.fetch(
        "select c.id, f.hour from unnest($1::int[]) as c(id) cross join lateral (select hour from arrival_count"
        " where channel_id = c.id order by hour limit 1) f", list(ids))
    return {row["id"]: row["hour"] for row in rows}


async def _last(connection: Connection, scope: Scope, at: datetime) -> dict[int, int]:
    # a message is never older than its event, so the events of one hour have them all
    rows = await connection.fetch(LAST, at - HOUR, at, list(CAME), sorted(scope.classes))
    return {row["channel_id"]: row["n"] for row in rows}


KEPT = ("select channel_id, hour, sum(n)::int as n from arrival_count where channel_id = any($1::int[])"
        " and hour = any($2::timestamptz[]) and visibility = any($3::text[]) group by channel_id, hour")
LAST = ("select m.channel_id, count(*)::int as n from event e join message m on m.id = e.message_id"
        " where e.at > $1 and e.at <= $2 and e.kind = any($3::text[]) and m.at > $1 and m.direction = 'in'"
        " and e.after ->> 'class' = any($4::text[]) group by m.channel_id")
