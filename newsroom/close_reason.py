"""The reasons to close a conversation, each with the outcome that reports count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection
from newsroom.option import CONTROL

OUTCOMES = ("answered", "referred", "no_reply", "wrong_address")
LONGEST_NAME = 60  # characters


@dataclass(frozen=True, slots=True)
class CloseReason:
    """One reason, in both languages."""

    id: int
    name_nl: str
    name_en: str
    outcome: str = "answered"
    archived_at: datetime | None = None


async def every(connection: Connection) -> list[CloseReason]:
    """All reasons, those in use first, in the order in which they were made."""
    # a handful
    rows = await connection.fetch("select id, name_nl, name_en, outcome, archived_at from close_reason"
                                  " order by archived_at is not null, id")
    return [CloseReason(**row) for row in rows]


async def save(connection: Connection, wanted: CloseReason, by: By) -> int:
    """Keep a reason, a new one when its id is 0. Returns its id. Raises `Wrong`."""
    names = {"name_nl": wanted.name_nl.strip(), "name_en": wanted.name_en.strip()}
    for field, name in names.items():
        if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
            raise Wrong(field, "wrong.reason_name")
    if wanted.outcome not in OUTCOMES:
        raise Wrong("outcome", "wrong.choice")
    # one word, one reason
    if await connection.fetchval("select exists(select from close_reason where lower(name_nl) = lower($1)"
                                 " and id <> $2)", names["name_nl"], wanted.id):
        raise Wrong("name_nl", "wrong.name_taken")
    old = next((one for one in await every(connection) if one.id == wanted.id), None)
    if old is None:
        # another reason
        id = await connection.fetchval("insert into close_reason (name_nl, name_en, outcome) values ($1, $2, $3)"
                                       " returning id", names["name_nl"], names["name_en"], wanted.outcome)
    else:
        id = old.id
        # what was closed with it keeps it, under its new name
        await connection.execute("update close_reason set name_nl = $2, name_en = $3, outcome = $4 where id = $1",
                                 id, names["name_nl"], names["name_en"], wanted.outcome)
    before = {"name_nl": old.name_nl, "name_en": old.name_en, "outcome": old.outcome} if old else {}
    await change.note(connection, by, "close_reason", id, names["name_nl"], before, names | {"outcome": wanted.outcome})
    return id


async def set_archived(connection: Connection, id: int, archived: bool, by: By) -> None:
    """No longer offered, or offered again. Conversations that have it keep it."""
    # offered or not
    name = await connection.fetchval(
        "update close_reason set archived_at = $2 where id = $1 and (archived_at is null) = $3 returning name_nl",
        id, by.at if archived else None, archived)
    if name is not None:
        await change.note(connection, by, "close_reason", id, name, {"archived": not archived}, {"archived": archived})
