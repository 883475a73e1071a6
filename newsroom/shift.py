"""The shift: who works from when to when, and which of them is chef dag. Absence wins over a shift.

Days and times are those of the municipality. Whoever became chef dag last is it, until the end of that shift; then
whoever was it before, if that shift goes on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from newsroom import absence, access, change
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.event import Draft, record
from newsroom.language import AMSTERDAM

WEEK = timedelta(days=7)
MOST = 200  # shifts that begin on one day
LEADS, WORKS = sorted(access.PERMISSIONS["triage"]), sorted(access.PERMISSIONS["work"])


@dataclass(frozen=True, slots=True)
class Shift:
    """One person's shift. `chief`: chef dag in it; `away`: the person is not there on that day."""

    id: int
    account_id: int
    name: str
    initials: str
    since: datetime
    until: datetime
    chief: bool
    away: bool


@dataclass(frozen=True, slots=True)
class Chief:
    """Who is chef dag, and until when: the end of the shift, or when the next one begins."""

    account_id: int
    name: str
    initials: str
    until: datetime


def moments(day: date, start: time, end: time) -> tuple[datetime, datetime]:
    """A shift by the clock on the wall; one that ends before it begins ends the next morning."""
    last = day + timedelta(days=end <= start)
    # as moments in UTC: on the days that the clock changes the wall's own times cannot be subtracted
    return (datetime.combine(day, start, AMSTERDAM).astimezone(UTC),
            datetime.combine(last, end, AMSTERDAM).astimezone(UTC))


async def on_duty(connection: Connection, at: datetime) -> dict[int, datetime | None]:
    """Who works now and until when, by account id. Where nobody planned a shift in the week before or after,
    everybody who is not away, without an end."""
    # only who may work, and is not away today
    rows = await connection.fetch(
        "select a.id, max(s.until) as until from account a"
        " left join shift s on s.account_id = a.id and s.since <= $1 and s.until > $1"
        " where a.disabled_at is null and a.roles && $2 and (s.id is not null or not exists"
        "  (select from shift p where p.planned and p.until > $1 - $4::interval and p.since < $1 + $4::interval))"
        " and not exists (select from absence n where n.account_id = a.id and n.since <= $3 and n.until >= $3)"
        " group by a.id order by a.id", at, WORKS, _day(at), WEEK)
    return {row["id"]: row["until"] for row in rows}


async def chief(connection: Connection, at: datetime) -> Chief | None:
    """Who is chef dag now."""
    # the last one to begin, not who is away or may no longer lead; until a next one begins
    row = await connection.fetchrow(
        "select s.account_id, a.name, a.initials, least(s.until, (select min(n.chief_from) from shift n"
        "  where n.chief_from > $1 and n.chief_from < s.until and n.account_id <> s.account_id)) as until"
        " from shift s join account a on a.id = s.account_id"
        " where s.chief_from <= $1 and s.until > $1 and a.disabled_at is null and a.roles && $2"
        " and not exists (select from absence n where n.account_id = a.id and n.since <= $3 and n.until >= $3)"
        " order by s.chief_from desc, s.id desc limit 1", at, LEADS, _day(at))
    return Chief(**row) if row else None


async def of_day(connection: Connection, day: date) -> list[Shift]:
    """The shifts that begin on this day, the earliest first."""
    # with who has the day off
    rows = await connection.fetch(
        "select s.id, s.account_id, a.name, a.initials, s.since, s.until, s.chief_from is not null as chief,"
        " exists (select from absence n where n.account_id = a.id and n.since <= $3 and n.until >= $3) as away"
        " from shift s join account a on a.id = s.account_id where s.since >= $1 and s.since < $2"
        " order by s.since, lower(a.name), s.id", _midnight(day), _midnight(day + timedelta(days=1)), day)
    return [Shift(**row) for row in rows]


async def save(connection: Connection, id: int, account_id: int, day: date, start: time, end: time, leads: bool,
               by: By) -> None:
    """Keep a shift, a new one when its id is 0. Raises `Wrong`."""
    await _alone(connection)
    if start == end:
        raise Wrong("until", "wrong.shift_empty")
    since, until = moments(day, start, end)
    # the shift as it was
    old = await connection.fetchrow("select account_id, since, until, chief_from from shift where id = $1", id)
    if id and (old is None or old["account_id"] != account_id):
        raise Wrong("who", "wrong.shift_gone")
    # who can work, and may lead
    person = await connection.fetchrow("select name, roles && $2 as leads from account where id = $1"
                                       " and disabled_at is null and roles && $3", account_id, LEADS, WORKS)
    if person is None:
        raise Wrong("who", "wrong.shift_person")
    if leads and not person["leads"]:
        raise Wrong("chief", "wrong.shift_chief", name=person["name"])
    # nobody works twice at the same time
    if await connection.fetchval("select exists(select from shift where account_id = $1 and id <> $2"
                                 " and since < $4 and until > $3)", account_id, id, since, until):
        raise Wrong("from", "wrong.shift_twice", name=person["name"])
    if not old and len(await of_day(connection, day)) >= MOST:
        raise Wrong("who", "wrong.shift_many", n=MOST)
    began = max(old["chief_from"], since) if old and old["chief_from"] else since
    chief_from = (began if began < until else since) if leads else None
    if old:
        # other times, or no longer chef dag
        await connection.execute("update shift set since = $2, until = $3, chief_from = $4, planned = true"
                                 " where id = $1", id, since, until, chief_from)
    else:
        # one more
        await connection.execute("insert into shift (account_id, since, until, chief_from) values ($1, $2, $3, $4)",
                                 account_id, since, until, chief_from)
    await change.note(connection, by, "shift", account_id, person["name"], _told(old),
                      {"begins": _clock(since), "ends": _clock(until), "chief": leads})
    await _tell(connection, by)


async def remove(connection: Connection, id: int, by: By) -> None:
    """Take a shift away."""
    # with its person's name, for the log
    old = await connection.fetchrow("delete from shift s using account a where s.id = $1 and a.id = s.account_id"
                                    " returning s.account_id, a.name, s.since, s.until, s.chief_from", id)
    if old is not None:
        await change.note(connection, by, "shift", old["account_id"], old["name"], _told(old), {})
        await _tell(connection, by)


async def copy_week(connection: Connection, day: date, by: By) -> int:
    """The shifts of the same day last week, for who can still work and has none at that time. Returns how many."""
    await _alone(connection)
    # who can work and lead now
    may = {row["id"]: row["leads"] for row in await connection.fetch(
        "select id, roles && $1 as leads from account where disabled_at is null and roles && $2", LEADS, WORKS)}
    copied = 0
    # what was planned, without who only took over
    rows = await connection.fetch("select account_id, since, until, chief_from from shift where planned"
                                  " and since >= $1 and since < $2 order by since, id", _midnight(day - WEEK),
                                  _midnight(day - WEEK + timedelta(days=1)))
    for row in rows:
        since, until = moments(day, *(row[name].astimezone(AMSTERDAM).time() for name in ("since", "until")))
        leads = row["chief_from"] == row["since"] and may.get(row["account_id"], False)
        if row["account_id"] in may:
            # never twice at the same time
            done = await connection.execute(
                "insert into shift (account_id, since, until, chief_from) select $1, $2, $3, $4 where not exists"
                " (select from shift where account_id = $1 and since < $3 and until > $2)",
                row["account_id"], since, until, since if leads else None)
            copied += int(done.rpartition(" ")[2])
    if copied:
        await change.note(connection, by, "shift_day", None, day.isoformat(), {}, {"copied": copied})
        await _tell(connection, by)
    return copied


async def take_over(connection: Connection, account_id: int, by: By) -> None:
    """This person is chef dag from now on, in the shift they have or in one until the end of what was. Raises
    `Wrong` for who is away."""
    await _alone(connection)
    if account_id in await absence.now(connection, _day(by.at)):
        raise Wrong("who", "wrong.shift_away")
    old = await chief(connection, by.at)
    if old is not None and old.account_id == account_id:
        return
    # in the shift that goes on longest
    id = await connection.fetchval("select id from shift where account_id = $1 and since <= $2 and until > $2"
                                   " order by until desc limit 1", account_id, by.at)
    if id is not None:
        # from now on
        await connection.execute("update shift set chief_from = $2 where id = $1", id, by.at)
    else:
        until = old.until if old else _midnight(_day(by.at) + timedelta(days=1))
        # at work without a shift
        await connection.execute("insert into shift (account_id, since, until, chief_from, planned)"
                                 " values ($1, $2, $3, $2, false)", account_id, by.at, until)
    new = await chief(connection, by.at)
    await change.note(connection, by, "chief", account_id, new.name if new else "",
                      {"chief": old.name if old else None}, {"chief": new.name if new else None})
    await _tell(connection, by, account_id, old.account_id if old else None)


async def plan(connection: Connection, shifts: Iterable[tuple[int, datetime, datetime, bool]]) -> None:
    """Many shifts at once, for a house that begins: account, from, until, chef dag."""
    # nobody has a page open yet, so nobody needs to be told
    await connection.executemany("insert into shift (account_id, since, until, chief_from) values ($1, $2, $3, $4)",
                                 [(who, since, until, since if leads else None)
                                  for who, since, until, leads in shifts])


async def _alone(connection: Connection) -> None:
    # one change at a time: each sees what the others made
    await connection.execute("lock table shift in share row exclusive mode")


async def _tell(connection: Connection, by: By, account_id: int | None = None, was: int | None = None) -> None:
    data = {"chief": account_id, "was": was} if account_id else {}
    await record(connection, [Draft("shift_changed", by.at, actor_id=by.account_id, data=data)])


def _told(row) -> dict[str, str | bool]:
    return {"begins": _clock(row["since"]), "ends": _clock(row["until"]),
            "chief": row["chief_from"] is not None} if row else {}


def _clock(at: datetime) -> str:
    return at.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M")


def _day(at: datetime) -> date:
    return at.astimezone(AMSTERDAM).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), AMSTERDAM)
