"""The absence: who is away, in whole days where the municipality is. What was stays, so that a cause can be told."""

from __future__ import annotations

from datetime import date, timedelta

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection

MOST_DAYS = 366  # nobody is away for longer in one go


async def now(connection: Connection, today: date) -> dict[int, date]:
    """Who is away today: {account id: the last day}."""
    # a person counts once, with the last day
    rows = await connection.fetch("select account_id, max(until) as until from absence"
                                  " where since <= $1 and until >= $1 group by account_id", today)
    return dict(rows)


async def between(connection: Connection, first: date, last: date) -> list[tuple[int, date, date]]:
    """Absences that touch these days: (account id, first day, last day)."""
    # for why something was late
    rows = await connection.fetch("select account_id, since, until from absence where since <= $2 and until >= $1",
                                  first, last)
    return [tuple(row) for row in rows]


async def away(connection: Connection, account_id: int, today: date, until: date, by: By) -> None:
    """Away from today until and including `until`. Raises `Wrong` for a day that is past or too far."""
    if not today <= until <= today + timedelta(days=MOST_DAYS):
        raise Wrong("until", "wrong.away_until")
    old = (await now(connection, today)).get(account_id)
    await _end(connection, account_id, today)
    # from today, in the place of what was set before
    await connection.execute("insert into absence (account_id, since, until) values ($1, $2, $3)"
                             " on conflict (account_id, since) do update set until = excluded.until",
                             account_id, today, until)
    await _note(connection, account_id, by, old, until)


async def back(connection: Connection, account_id: int, today: date, by: By) -> None:
    """At work again."""
    old = (await now(connection, today)).get(account_id)
    if old is not None:
        await _end(connection, account_id, today)
        await _note(connection, account_id, by, old, None)


async def _end(connection: Connection, account_id: int, today: date) -> None:
    # what began today never was; what began before ended yesterday
    await connection.execute("delete from absence where account_id = $1 and since >= $2", account_id, today)
    await connection.execute("update absence set until = $3 where account_id = $1 and since < $2 and until >= $2",
                             account_id, today, today - timedelta(days=1))


async def _note(connection: Connection, account_id: int, by: By, old: date | None, new: date | None) -> None:
    # how the log calls this person
    name = await connection.fetchval("select name from account where id = $1", account_id)
    await change.note(connection, by, "absence", account_id, name or "", {"until": old and old.isoformat()},
                      {"until": new and new.isoformat()})
