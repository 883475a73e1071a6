"""The term: before when a conversation must be answered. Every screen and the timer ask here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from newsroom.conversation import PRIORITIES, Conversation, facets
from newsroom.database import Connection
from newsroom.event import Draft, record
from newsroom.hours import PRESETS, Block, Hours, Target, due, for_priority, holidays_of, open_minutes, soon_at

ALWAYS = Hours(always=True)
PRIORITY_NAMES = {number: name for name, number in PRIORITIES.items()}
PRESET_OF_KIND = {"email": "email", "web_form": "email", "chat": "chat", "desk": "call_back"}  # other channels: social


class Terms:
    """Calendars and targets of one moment: made by `load`, asked as often as needed."""

    def __init__(self, calendars: dict[int, Hours], channels: dict[int, dict], teams: dict[int, int | None],
                 targets: dict[tuple[int, int], Target]):
        self._calendars = calendars
        self._channels = channels
        self._teams = teams
        self._targets = targets

    def hours(self, channel_id: int, team_id: int | None) -> Hours:
        """The team's opening hours, else the channel's; without either the clock never stops."""
        team_hours = self._teams.get(team_id) if team_id else None
        calendar = team_hours or self._channels.get(channel_id, {}).get("hours_id")
        return self.calendar(calendar)

    def calendar(self, hours_id: int | None) -> Hours:
        """One calendar; without one the clock never stops."""
        return self._calendars.get(hours_id, ALWAYS) if hours_id else ALWAYS

    def target(self, channel_id: int, priority: int) -> Target:
        """The channel's target for this priority, else its normal one by the priority's share."""
        exact = self._targets.get((channel_id, priority))
        if exact:
            return exact
        kind = self._channels.get(channel_id, {}).get("kind", "")
        normal = self._targets.get((channel_id, PRIORITIES["normal"])) or PRESETS[PRESET_OF_KIND.get(kind, "social")]
        return for_priority(normal, PRIORITY_NAMES[priority])

    def apply(self, row: Conversation, at: datetime) -> Conversation:
        """The row with its term for `waiting_since`, and its lateness at `at`. Nothing waits: no term."""
        if row.waiting_since is None or not row.live:
            return replace(row, due_at=None, soon_at=None, lateness=0)
        hours = self.hours(row.channel_id, row.team_id)
        target = self.target(row.channel_id, row.priority)
        try:
            due_at = due(row.waiting_since, target, hours)
            soon = soon_at(row.waiting_since, due_at, None, hours)
        except ValueError:  # a calendar that never opens: shown without a term, and `check` names it
            return replace(row, due_at=None, soon_at=None, lateness=0)
        return replace(row, due_at=due_at, soon_at=soon, lateness=2 if at >= due_at else 1 if at >= soon else 0)

    def open_minutes(self, row: Conversation, start: datetime, end: datetime) -> float:
        """Open minutes between two moments, by this conversation's hours."""
        return open_minutes(start, end, self.hours(row.channel_id, row.team_id))


async def load(connection: Connection, today: date | None = None) -> Terms:
    """The calendars and targets as they are now; holidays of last year, this and the next two."""
    today = today or datetime.now(UTC).date()
    # how the Dutch holidays that differ per municipality are set
    switches = await connection.fetchval("select value from setting where name = 'holidays'") or {}
    # days that differ, per calendar or for all
    days = await connection.fetch("select day, hours_id, blocks from closing_day")
    # the week of each calendar
    calendars = {row["id"]: _hours(row, days, switches, today)
                 for row in await connection.fetch("select id, blocks, always from hours")}
    # which calendar a channel has
    channels = {row["id"]: dict(row) for row in await connection.fetch("select id, kind, hours_id from channel")}
    # which calendar a team has
    teams = dict(await connection.fetch("select id, hours_id from team"))
    # the targets that an administrator set
    targets = {(row["channel_id"], row["priority"]): Target(row["amount"], row["unit"]) for row in
               await connection.fetch("select channel_id, priority, amount, unit from target")}
    return Terms(calendars, channels, teams, targets)


async def tick(connection: Connection, at: datetime, limit: int = 500) -> int:
    """Write `almost_late` and `late` for what has passed its moment. Returns how many; call again while not 0."""
    changed = 0
    for kind, lateness, query in (("late", 2, LATE), ("almost_late", 1, ALMOST)):
        rows = [Conversation(**row) for row in await connection.fetch(query, at, limit)]
        after = [replace(row, lateness=lateness, version=row.version + 1) for row in rows]
        # only the lateness moves; whoever changes more holds the lock
        await connection.execute("update conversation set lateness = $2, version = version + 1"
                                 " where id = any($1::bigint[])", [row.id for row in rows], lateness)
        await record(connection, [Draft(kind, at, new.id, before=facets(old), after=facets(new))
                                  for old, new in zip(rows, after, strict=True)])
        changed += len(rows)
    return changed


# locked in the order of their ids; that order must not tempt to walk all ids, so the indexes are asked for them
LATE = """
select * from conversation where id = any(array(
    (select id from conversation where lateness = 1 and due_at <= $1
      and state in ('new', 'open', 'department', 'waiting') limit $2)
    union all (select id from conversation where lateness = 0 and soon_at <= $1 and due_at <= $1
      and state in ('new', 'open', 'department', 'waiting') limit $2)))
  and lateness in (0, 1) and due_at <= $1 and state in ('new', 'open', 'department', 'waiting')
order by id limit $2 for no key update skip locked"""
ALMOST = """
select * from conversation where id = any(array(
    select id from conversation where lateness = 0 and soon_at <= $1 and due_at > $1
      and state in ('new', 'open', 'department', 'waiting') limit $2))
  and lateness = 0 and soon_at <= $1 and due_at > $1 and state in ('new', 'open', 'department', 'waiting')
order by id limit $2 for no key update skip locked"""


async def recompute(connection: Connection, at: datetime, actor_id: int | None) -> int:
    """Compute every open term anew, after hours or targets changed. Returns how many moved."""
    terms = await load(connection, at.date())
    # all that wait for an answer
    rows = [Conversation(**row) for row in await connection.fetch(
        "select * from conversation where waiting_since is not null"
        " and state in ('new', 'open', 'department', 'waiting') order by id for no key update")]
    pairs = [(row, terms.apply(row, at)) for row in rows]
    moved = [(old, replace(new, version=old.version + 1)) for old, new in pairs if old != new]
    await connection.executemany(
        # the new terms
        "update conversation set due_at = $2, soon_at = $3, lateness = $4, version = $5 where id = $1",
        [(new.id, new.due_at, new.soon_at, new.lateness, new.version) for _, new in moved])
    await record(connection, [Draft("term_changed", at, new.id, actor_id=actor_id, before=facets(old),
                                    after=facets(new)) for old, new in moved])
    return len(moved)


def _hours(row: Any, days: list, switches: dict, today: date) -> Hours:
    special = {day: () for year in range(today.year - 1, today.year + 3)
               for day in holidays_of(year, liberation_day=bool(switches.get("liberation_day")),
                                      good_friday=bool(switches.get("good_friday")))}
    for day in sorted(days, key=lambda day: day["hours_id"] is not None):  # a calendar's own day wins
        if day["hours_id"] in (None, row["id"]):
            special[day["day"]] = tuple((start, end) for start, end in day["blocks"])
    return Hours(tuple(Block(*block) for block in row["blocks"]), special, always=row["always"])
