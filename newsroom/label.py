"""Labels and topics: words that staff put on conversations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.option import CONTROL

LONGEST_NAME = 40  # characters; a card has no room for more


@dataclass(frozen=True, slots=True)
class Label:
    """One label. A topic (onderwerp) is drawn in purple. `used` counts its open conversations."""

    id: int
    name: str
    topic: bool = False
    archived_at: datetime | None = None
    used: int = 0


async def every(connection: Connection) -> list[Label]:
    """All labels, those in use first, by name."""
    # the open work is small, so counting it is cheap
    rows = await connection.fetch(
        "select l.id, l.name, l.topic, l.archived_at, coalesce(u.n, 0) as used from label l left join"
        " (select x as id, count(*) as n from conversation, unnest(labels) x"
        "  where state in ('new', 'open', 'department', 'waiting') group by x) u using (id)"
        " order by l.archived_at is not null, lower(l.name), l.id")
    return [Label(**row) for row in rows]


async def save(connection: Connection, wanted: Label, by: By) -> int:
    """Keep a label, a new one when its id is 0. Returns its id. Raises `Wrong`."""
    name = wanted.name.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.label_name")
    # one word, one label
    if await connection.fetchval("select exists(select from label where lower(name) = lower($1) and id <> $2)",
                                 name, wanted.id):
        raise Wrong("name", "wrong.name_taken")
    old = next((one for one in await every(connection) if one.id == wanted.id), None)
    if old is None:
        # another label
        id = await connection.fetchval("insert into label (name, topic) values ($1, $2) returning id",
                                       name, wanted.topic)
    else:
        id = old.id
        # cards show the new word when they are drawn again
        await connection.execute("update label set name = $2, topic = $3 where id = $1", id, name, wanted.topic)
    await change.note(connection, by, "label", id, name, {"name": old.name, "topic": old.topic} if old else {},
                      {"name": name, "topic": wanted.topic})
    return id


async def set_archived(connection: Connection, id: int, archived: bool, by: By) -> None:
    """Out of use: it stays on conversations that have it, and is no longer offered. Or back in use."""
    # offered or not
    name = await connection.fetchval("update label set archived_at = $2 where id = $1 and (archived_at is null) = $3"
                                     " returning name", id, by.at if archived else None, archived)
    if name is not None:
        await change.note(connection, by, "label", id, name, {"archived": not archived}, {"archived": archived})
