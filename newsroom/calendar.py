"""The calendars as an administrator sets them: opening hours, closing days, holidays and targets.

Every change ends with a fresh term for all that wait, in the same transaction: no card shows a time that the
settings no longer say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from newsroom import change, setting, term
from newsroom.change import By, Wrong
from newsroom.conversation import PRIORITIES
from newsroom.database import Connection
from newsroom.hours import Block, Target, next_open, validate
from newsroom.option import CONTROL

LONGEST_NAME = 100  # characters
MOST_BLOCKS = 100  # in one week
HOLIDAYS = ("good_friday", "liberation_day")  # the days that one municipality keeps and another does not
MOST = {"minutes": 60 * 24 * 366, "working_days": 366}  # by unit; a target of more than a year is a mistake


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours with a name. `channels` and `teams` are the names of those that use it."""

    id: int
    name: str
    blocks: tuple[Block, ...] = ()
    always: bool = False
    channels: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()

    @property
    def minutes(self) -> int:
        """Open minutes in a week."""
        return sum(block.end - block.start for block in self.blocks)

    def never_opens(self) -> bool:
        """A week without open time: nothing that uses it would ever be due."""
        return not self.always and not any(block.end > block.start for block in self.blocks)


@dataclass(frozen=True, slots=True)
class ClosingDay:
    """A day that differs. `hours_id` None: for every calendar. `blocks` are (start, end) minutes; none: closed."""

    day: date
    hours_id: int | None
    name: str
    blocks: tuple[tuple[int, int], ...] = ()


class Used(Exception):
    """The calendar cannot go: channels or teams use it."""


async def every(connection: Connection) -> list[Calendar]:
    """All calendars by name."""
    # with who uses them
    rows = await connection.fetch(
        "select h.id, h.name, h.blocks, h.always,"
        " array(select c.name from channel c where c.hours_id = h.id and c.archived_at is null order by 1) as channels,"
        " array(select t.name from team t where t.hours_id = h.id and t.archived_at is null order by 1) as teams"
        " from hours h order by lower(h.name), h.id")
    return [Calendar(row["id"], row["name"], tuple(Block(*block) for block in row["blocks"]), row["always"],
                     tuple(row["channels"]), tuple(row["teams"])) for row in rows]


async def get(connection: Connection, id: int) -> Calendar | None:
    """One calendar."""
    return next((one for one in await every(connection) if one.id == id), None)


async def save(connection: Connection, wanted: Calendar, by: By) -> int:
    """Keep a calendar, a new one when its id is 0. Returns its id. Raises `Wrong`."""
    name = wanted.name.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    if validate(wanted.blocks) or len(wanted.blocks) > MOST_BLOCKS:
        raise Wrong("blocks", "wrong.blocks")
    blocks = [[block.weekday, block.start, block.end] for block in sorted(
        wanted.blocks, key=lambda block: (block.weekday, block.start))]
    old = await get(connection, wanted.id) if wanted.id else None
    # a name is what administrators choose by
    if await connection.fetchval("select exists(select from hours where lower(name) = lower($1) and id <> $2)",
                                 name, wanted.id):
        raise Wrong("name", "wrong.name_taken")
    if old is None:
        # another calendar
        id = await connection.fetchval("insert into hours (name, blocks, always) values ($1, $2, $3) returning id",
                                       name, blocks, wanted.always)
    else:
        id = old.id
        # the week as it is from now on
        await connection.execute("update hours set name = $2, blocks = $3, always = $4 where id = $1",
                                 id, name, blocks, wanted.always)
    before = {"name": old.name, "blocks": [[b.weekday, b.start, b.end] for b in old.blocks], "always": old.always} \
        if old else {}
    if await change.note(connection, by, "hours", id, name, before,
                         {"name": name, "blocks": blocks, "always": wanted.always}):
        await term.recompute(connection, by.at, by.account_id)
    return id


async def remove(connection: Connection, id: int, by: By) -> None:
    """Delete a calendar that nothing uses, with its closing days. Raises `Used`."""
    old = await get(connection, id)
    if old is None:
        return
    # archived channels and teams keep no clock
    if await connection.fetchval("select exists(select from channel where hours_id = $1 and archived_at is null)"
                                 " or exists(select from team where hours_id = $1 and archived_at is null)", id):
        raise Used
    await connection.execute("update channel set hours_id = null where hours_id = $1", id)
    await connection.execute("update team set hours_id = null where hours_id = $1", id)
    await connection.execute("delete from hours where id = $1", id)
    await change.note(connection, by, "hours", id, old.name, {"name": old.name}, {})


async def closing_days(connection: Connection, since: date) -> list[ClosingDay]:
    """Days that differ from `since` on, in order."""
    # what the municipality set itself
    rows = await connection.fetch("select day, hours_id, name, blocks from closing_day where day >= $1"
                                  " order by day, hours_id nulls first", since)
    return [ClosingDay(row["day"], row["hours_id"], row["name"], tuple(map(tuple, row["blocks"]))) for row in rows]


async def set_closing_day(connection: Connection, wanted: ClosingDay, by: By) -> None:
    """Close on a day, or open at other times; in the place of what was set for it. Raises `Wrong`."""
    name = wanted.name.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    if validate([Block(wanted.day.weekday(), start, end) for start, end in wanted.blocks]):
        raise Wrong("blocks", "wrong.blocks")
    await _forget(connection, wanted.day, wanted.hours_id)
    blocks = [list(block) for block in sorted(wanted.blocks)]
    await connection.execute("insert into closing_day (day, hours_id, name, blocks) values ($1, $2, $3, $4)",
                             wanted.day, wanted.hours_id, name, blocks)
    await change.note(connection, by, "closing_day", wanted.hours_id, name, {},
                      {"day": wanted.day.isoformat(), "name": name, "blocks": blocks})
    await term.recompute(connection, by.at, by.account_id)


async def remove_closing_day(connection: Connection, day: date, hours_id: int | None, by: By) -> None:
    """Open again as on other days."""
    name = await _forget(connection, day, hours_id)
    if name is not None:
        await change.note(connection, by, "closing_day", hours_id, name, {"day": day.isoformat(), "name": name}, {})
        await term.recompute(connection, by.at, by.account_id)


async def holidays(connection: Connection) -> dict[str, bool]:
    """Which of the days that differ per municipality are kept here."""
    kept = await setting.read(connection, "holidays", {})
    return {name: bool(kept.get(name)) for name in HOLIDAYS}


async def set_holidays(connection: Connection, wanted: Mapping[str, bool], by: By) -> None:
    """Keep these days from now on."""
    before, after = await holidays(connection), {name: bool(wanted.get(name)) for name in HOLIDAYS}
    if await change.note(connection, by, "holidays", None, "", before, after):
        await setting.write(connection, "holidays", after)
        await term.recompute(connection, by.at, by.account_id)


async def targets(connection: Connection, channel_id: int) -> dict[int, Target]:
    """A channel's own targets by priority; what is missing follows from the others (term.py)."""
    # at most four rows
    rows = await connection.fetch("select priority, amount, unit from target where channel_id = $1"
                                  " order by priority", channel_id)
    return {row["priority"]: Target(row["amount"], row["unit"]) for row in rows}


async def set_targets(connection: Connection, channel_id: int, name: str, wanted: Mapping[int, Target],
                      by: By) -> None:
    """A channel's own targets, in the place of those it had. `name` is the channel's, for the log. Raises `Wrong`."""
    for priority, target in wanted.items():
        if priority not in PRIORITIES.values() or not 0 < target.amount <= MOST.get(target.unit, 0):
            field = f"amount-{priority}"
            raise Wrong(field, "wrong.target")
    before = await targets(connection, channel_id)
    if not await change.note(connection, by, "targets", channel_id, name, _words(before), _words(wanted)):
        return
    # the whole set at once
    await connection.execute("delete from target where channel_id = $1", channel_id)
    await connection.executemany("insert into target (channel_id, priority, amount, unit) values ($1, $2, $3, $4)",
                                 [(channel_id, priority, one.amount, one.unit) for priority, one in wanted.items()])
    await term.recompute(connection, by.at, by.account_id)


async def never_open(connection: Connection, by: By) -> list[str]:
    """The names of calendars in use without open time in the coming year."""
    terms = await term.load(connection, by.at.date())
    found = []
    for one in await every(connection):
        if (one.channels or one.teams) and next_open(by.at, terms.calendar(one.id)) is None:
            found.append(one.name)
    return found


def _words(targets: Mapping[int, Target]) -> dict[str, str]:
    names = {number: name for name, number in PRIORITIES.items()}
    return {names[priority]: f"{one.amount:g} {one.unit}" for priority, one in targets.items()}


async def _forget(connection: Connection, day: date, hours_id: int | None) -> str | None:
    # one row a day and calendar
    return await connection.fetchval("delete from closing_day where day = $1 and hours_id is not distinct from $2"
                                     " returning name", day, hours_id)
