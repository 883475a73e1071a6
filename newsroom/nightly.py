"""The nightly check that nothing disappears: what left the queue without an answer, a reason or an owner."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import asyncpg
import structlog

from newsroom import access, audit, board, delivery, limit, link, session
from newsroom.database import Connection, Database

HOUR = time(3, 0)  # nobody works, backups are made later
ZONE = ZoneInfo("Europe/Amsterdam")
READERS = sorted(access.PERMISSIONS["read"])
MOST = 1000  # ids listed per kind; the count is true
RETRY_SECONDS = 300.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Lost:
    """One kind of violation with the references or ids it concerns."""

    kind: str
    ids: list[str]


async def find(connection: Connection, at: datetime) -> list[Lost]:
    """Every violation at `at`; empty when all is well. `connection` is a snapshot."""
    hour, day = at - timedelta(hours=1), at - timedelta(days=1)
    found = [Lost(kind, [row["id"] for row in await connection.fetch(query, *arguments, MOST)])
             for kind, query, arguments in (
                 ("delivery_without_message", WITHOUT_MESSAGE, (delivery.ELSEWHERE,)),
                 ("delivery_unread", UNREAD, (hour,)),
                 ("closed_without_reason", WITHOUT_REASON, ()), ("joined_to_nothing", TO_NOTHING, ()),
                 ("reply_undecided", UNDECIDED, (day,)), ("seen_by_nobody", BY_NOBODY, (READERS,)),
                 ("source_has_more", SOURCE_HAS_MORE, ()))]
    counts = await board.recount(connection)
    return [one for one in (*found, Lost("count_differs", counts)) if one.ids]


async def check(database: Database, at: datetime) -> list[Lost]:
    """Find the violations and write them in the log for administrators."""
    async with database.snapshot() as connection:
        found = await find(connection, at)
    async with database.transaction() as connection:
        await audit.record(connection, "nothing_disappears", None, "", at,
                           **{one.kind: {"count": len(one.ids), "ids": one.ids} for one in found})
    for one in found:
        log.error("something disappeared", kind=one.kind, count=len(one.ids), first=one.ids[:5])
    return found


async def last(connection: Connection) -> tuple[datetime, dict[str, list[str]]] | None:
    """When the check last ran and what it found, {kind: references or ids}; None before the first night."""
    # one line a night
    row = await connection.fetchrow("select at, data from audit where kind = 'nothing_disappears'"
                                    " order by at desc, id desc limit 1")
    return (row["at"], {kind: found.get("ids", []) for kind, found in row["data"].items()}) if row else None


async def forget(database: Database, at: datetime) -> None:
    """Delete sessions, links and counts of tries that are over: they hold addresses of people."""
    async with database.transaction() as connection:
        await session.clean(connection, at)
        await link.clean(connection, at)
        await limit.clean(connection, at)


async def run(database: Database) -> None:
    """Check and forget every night, until cancelled."""
    while True:
        now = datetime.now(UTC)
        await asyncio.sleep((next_night(now) - now).total_seconds())
        while True:
            try:
                await check(database, datetime.now(UTC))
                await forget(database, datetime.now(UTC))
                break
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.error("the nightly check waits for the database", error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)


def next_night(now: datetime) -> datetime:
    """The next 03:00 where the municipality is; on the night the clock goes forward that hour exists."""
    local = now.astimezone(ZONE)
    night = datetime.combine(local.date(), HOUR, ZONE)
    return night if night > local else datetime.combine(local.date() + timedelta(days=1), HOUR, ZONE)


# channels whose source holds what we could not fetch; see reconcile.py
SOURCE_HAS_MORE = "select distinct channel_id::text as id from reconciliation where missing > 0 order by 1 limit $1"
# read, and yet nowhere: not a message, nor known to stand elsewhere
WITHOUT_MESSAGE = ("select d.reference as id from delivery d where d.state = 'done' and d.problem <> all($1::text[])"
                   " and not exists (select from message m where m.delivery_id = d.id)"
                   " and not exists (select from message m where m.channel_id = d.channel_id and m.identity is not null"
                   " and m.identity like '%|' || encode(d.sha256, 'hex')) order by d.id limit $2")
# waiting to be read for over an hour
UNREAD = ("select reference as id from delivery where state in ('new', 'slow') and received_at < $1"
          " order by id limit $2")
# closed, not as history, and nobody said why
WITHOUT_REASON = ("select c.reference as id from conversation c where c.state = 'closed' and c.close_reason_id is null"
                  " and not exists (select from delivery d join message m on m.delivery_id = d.id"
                  " where m.conversation_id = c.id and d.meta ? 'history') order by c.id limit $1")
# joined to a conversation that is gone itself
TO_NOTHING = ("select c.reference as id from conversation c left join conversation o on o.id = c.merged_into"
              " where c.state = 'merged' and (o.id is null or o.state in ('merged', 'removed')) order by c.id limit $1")
# open, and sealed or of a restricted team without anybody who can open it
BY_NOBODY = ("select c.reference as id from conversation c where c.state in ('new', 'open', 'department', 'waiting')"
             " and c.visibility <> 'open' and not exists (select from account a where a.disabled_at is null"
             "  and a.roles && $1 and case when c.sealed then exists (select from conversation_reader r"
             "    where r.conversation_id = c.id and r.account_id = a.id)"
             "   else exists (select from account_team m where m.team_id = c.team_id and m.account_id = a.id) end)"
             " order by c.id limit $2")
# a reply that nobody decided about for a day
UNDECIDED = ("select c.reference as id from message m join conversation c on c.id = m.conversation_id"
             " where m.send_state in ('unknown', 'failed') and m.at < $1 order by m.id limit $2")
