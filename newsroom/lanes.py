"""The board by team: one lane for each, with its people and what they have in hand, and the same true counts."""

from __future__ import annotations

from dataclasses import dataclass

from newsroom import access, board, event, team
from newsroom.access import Scope
from newsroom.board import Board, Filter
from newsroom.database import Connection

PAGE = 40  # cards of one team on the first page
NO_TEAM = 0
# what waits for a resident is not to do, as in the table of work (report.py)
LOAD = ("select count(*)::int from conversation c where c.assignee_id = a.id and c.visibility = any($1::text[])"
        " and c.state in ('new', 'open', 'department')")
WORKS = sorted(access.PERMISSIONS["work"])


@dataclass(frozen=True, slots=True)
class Worker:
    """Somebody of a team who can get work. `load`: what they have to do, as far as the asker may see."""

    id: int
    name: str
    initials: str
    load: int


@dataclass(frozen=True, slots=True)
class Lane:
    """One team with its people; `late` and `soon` are of its open conversations that pass the filter."""

    id: int
    name: str
    late: int
    soon: int
    people: tuple[Worker, ...]


async def read(connection: Connection, scope: Scope, wanted: Filter, limit: int = PAGE) -> tuple[Board, list[Lane]]:
    """The board for a scope and a filter with a column for each team, and the lanes in the same order; 0: without
    a team. `connection` is a snapshot."""
    epoch, position = await event.position(connection)
    names = {one.id: one.name for one in await team.active(connection)} | {NO_TEAM: ""}
    names = {id: name for id, name in names.items() if not wanted.teams or id in wanted.teams}
    cards = {column(id): await board.of_team(connection, scope, wanted, id, None, limit) for id in names}
    counts = await board.count_teams(connection, scope, wanted)
    people = await _people(connection, scope)
    lanes = [Lane(id, name, counts.get(id, {}).get("late", 0), counts.get(id, {}).get("soon", 0),
                  tuple(people.get(id, ()))) for id, name in names.items()]
    oldest = min((row for rows in cards.values() for row in rows if row.waiting_since),
                 key=lambda row: row.waiting_since, default=None)
    return Board(epoch, position, cards, {column(id): counts.get(id, {}).get("n", 0) for id in names},
                 await board.tiles(connection, scope), oldest), lanes


def column(team_id: int) -> str:
    """What the column of a team is called on the page."""
    return f"team-{team_id}"


async def loads(connection: Connection, scope: Scope) -> dict[int, int]:
    """What everybody who works has to do, by account id, as far as the scope shows."""
    # by person from the index
    rows = await connection.fetch("select a.id, (" + LOAD + ") as load from account a where a.disabled_at is null"
                                  " and a.roles && $2", sorted(scope.classes), WORKS)
    return {row["id"]: row["load"] for row in rows}


async def _people(connection: Connection, scope: Scope) -> dict[int, list[Worker]]:
    """Who can get work, by team; of a restricted team only its members are told who is in it."""
    # each with what they have to do; who is in no team stands with what has none
    rows = await connection.fetch(
        "select coalesce(t.id, 0) as team, a.id, a.name, a.initials, (" + LOAD + ") as load"
        " from account a left join account_team m on m.account_id = a.id"
        " left join team t on t.id = m.team_id and t.archived_at is null"
        " where a.disabled_at is null and a.roles && $2"
        " and (not coalesce(t.restricted, false) or t.id = any($3::int[]))"
        " order by lower(a.name), a.id", sorted(scope.classes), WORKS, sorted(scope.teams))
    found: dict[int, list[Worker]] = {}
    for row in rows:
        found.setdefault(row["team"], []).append(Worker(row["id"], row["name"], row["initials"], row["load"]))
    return found
