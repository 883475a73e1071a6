"""The team: who works together, and whether only they see their conversations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.option import CONTROL

LONGEST_NAME = 60  # characters


@dataclass(frozen=True, slots=True)
class Team:
    """One team. `restricted`: only its members see its conversations (jeugd, zorg); restriction.py changes it.
    `hours_id`: its own calendar, else the channel's counts. `members` and `waiting` count people and open work."""

    id: int
    name: str
    restricted: bool = False
    hours_id: int | None = None
    archived_at: datetime | None = None
    members: int = 0
    waiting: int = 0


async def active(connection: Connection) -> list[Team]:
    """The teams in use, by name."""
    # to choose from
    rows = await connection.fetch("select id, name, restricted from team where archived_at is null"
                                  " order by lower(name), id")
    return [Team(**row) for row in rows]


async def every(connection: Connection) -> list[Team]:
    """All teams with their counts, those in use first."""
    # the list in Beheer
    rows = await connection.fetch(
        "select t.id, t.name, t.restricted, t.hours_id, t.archived_at,"
        " (select count(*) from account_team m join account a on a.id = m.account_id"
        "  where m.team_id = t.id and a.disabled_at is null) as members,"
        " (select count(*) from conversation c where c.team_id = t.id"
        "  and c.state in ('new', 'open', 'department', 'waiting')) as waiting"
        " from team t order by t.archived_at is not null, lower(t.name), t.id")
    return [Team(**row) for row in rows]


async def save(connection: Connection, wanted: Team, by: By) -> int:
    """Keep a team's name and hours; a new one when its id is 0. Returns its id. Raises `Wrong`.

    Whether it is restricted is not changed here. Other hours ask for a `term.recompute` by the caller.
    """
    name = wanted.name.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.team_name")
    # one name, one team
    if await connection.fetchval("select exists(select from team where lower(name) = lower($1) and id <> $2)",
                                 name, wanted.id):
        raise Wrong("name", "wrong.name_taken")
    old = next((one for one in await every(connection) if one.id == wanted.id), None)
    if old is None:
        # another team
        id = await connection.fetchval("insert into team (name, hours_id) values ($1, $2) returning id",
                                       name, wanted.hours_id)
    else:
        id = old.id
        # as it is called and open from now on
        await connection.execute("update team set name = $2, hours_id = $3 where id = $1", id, name, wanted.hours_id)
    await change.note(connection, by, "team", id, name, {"name": old.name, "hours": old.hours_id} if old else {},
                      {"name": name, "hours": wanted.hours_id})
    return id


async def set_archived(connection: Connection, id: int, archived: bool, by: By) -> None:
    """No longer offered, or offered again. Raises `Wrong` while open work or a channel still needs it."""
    # nothing may be left with a team that nobody looks at
    busy = archived and await connection.fetchval(
        "select exists(select from conversation where team_id = $1"
        " and state in ('new', 'open', 'department', 'waiting'))"
        " or exists(select from channel where team_id = $1 and archived_at is null)", id)
    if busy:
        raise Wrong("archived", "wrong.team_in_use")
    # offered or not
    name = await connection.fetchval("update team set archived_at = $2 where id = $1 and (archived_at is null) = $3"
                                     " returning name", id, by.at if archived else None, archived)
    if name is not None:
        await change.note(connection, by, "team", id, name, {"archived": not archived}, {"archived": archived})
