"""The conversation: what one resident and we say to each other about one thing, over one channel.

The row holds what the board needs; `save` writes it whole, so that every verb is: load with a lock, `replace`,
save, and record the event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from newsroom.access import Scope
from newsroom.database import Connection
from newsroom.event import Draft, record

EXCERPT = 160  # characters of a resident's text on a card, at most
REOPEN_DAYS = 30  # a later answer starts a new conversation, "vervolg op"
LOW, NORMAL, HIGH, URGENT = range(4)
PRIORITIES = {"low": LOW, "normal": NORMAL, "high": HIGH, "urgent": URGENT}


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row. Times are UTC; `labels` are sorted ids; `lateness` 0 on time, 1 almost late, 2 late."""

    id: int
    reference: str
    channel_id: int
    created_at: datetime
    last_at: datetime
    subject: str = ""
    state: str = "new"
    team_id: int | None = None
    assignee_id: int | None = None
    priority: int = NORMAL
    labels: list[int] = field(default_factory=list)
    sealed: bool = False
    visibility: str = "open"
    public: bool = False
    contact_id: int | None = None
    author: str = ""
    excerpt: str = ""
    unread: int = 0
    waiting_since: datetime | None = None
    last_message_id: int | None = None
    answered_at: datetime | None = None
    soon_at: datetime | None = None
    due_at: datetime | None = None
    lateness: int = 0
    department: str = ""
    department_by: Any = None
    closed_at: datetime | None = None
    close_reason_id: int | None = None
    close_note: str = ""
    merged_into: int | None = None
    follows: int | None = None
    suggestion: int | None = None
    problem: str = ""
    asked_by: int | None = None
    version: int = 1

    @property
    def live(self) -> bool:
        return self.state in ("new", "open", "department", "waiting")

    @property
    def request(self) -> int | None:
        """Who asks to take it over from who has it, see takeover.py."""
        return self.asked_by if self.live and self.assignee_id not in (None, self.asked_by) else None

    @property
    def touched(self) -> bool:
        """A person has dealt with it, so it is never joined to another by itself."""
        by_hand = self.state in ("open", "department") or self.close_reason_id is not None
        return self.assignee_id is not None or self.answered_at is not None or by_hand


COLUMNS = tuple(f.name for f in fields(Conversation))


class NotFound(Exception):
    """No such conversation in this scope."""


def facets(row: Conversation) -> dict[str, Any]:
    """What the board counts and filters by. No names, no text, no times."""
    return {"state": row.state, "class": row.visibility, "team": row.team_id, "assignee": row.assignee_id,
            "channel": row.channel_id, "priority": row.priority, "labels": row.labels, "lateness": row.lateness}


async def lock(connection: Connection, ids: Sequence[int]) -> dict[int, Conversation]:
    """Rows by id, locked in the order of their ids until the transaction ends."""
    if not ids:
        return {}
    # take the rows to change
    rows = await connection.fetch("select * from conversation where id = any($1::bigint[]) order by id"
                                  " for no key update", sorted(set(ids)))
    return {row["id"]: _row(row) for row in rows}


async def find(connection: Connection, reference: str, scope: Scope, lock: bool = False) -> Conversation:
    """The conversation with this reference, following a merge. Raises `NotFound` outside the scope."""
    if not (reference.isascii() and reference.isprintable()):
        raise NotFound(reference)
    # one conversation, only when this person may see it
    id = await connection.fetchval(
        "select coalesce(c.merged_into, c.id) from conversation c where c.reference = $1", reference)
    # for no key update: foreign keys to it stay free
    suffix = "for no key update" if lock else ""
    row = await connection.fetchrow(FIND_LOCKED if suffix else FIND, id, sorted(scope.classes))
    if row is None:
        raise NotFound(reference)
    return _row(row)


FIND = "select * from conversation where id = $1 and visibility = any($2::text[]) and state <> 'removed'"
FIND_LOCKED = FIND + " for no key update"


async def load(connection: Connection, ids: Sequence[int]) -> dict[int, Conversation]:
    """Rows by id, without a lock and without a scope: for the feed, which checks each row's class."""
    # the present rows
    rows = await connection.fetch("select * from conversation where id = any($1::bigint[])", list(ids))
    return {row["id"]: _row(row) for row in rows}


async def page(connection: Connection, scope: Scope, states: Sequence[str], channels: Sequence[int], after: str,
               limit: int) -> list[Conversation]:
    """A part of all conversations in the scope, oldest first, after the one with reference `after`. Empty `states` and
    `channels`: all of them."""
    # one walk over the key, from where the last part ended
    rows = await connection.fetch(
        "select * from conversation where visibility = any($1::text[]) and state not in ('merged', 'removed')"
        " and (cardinality($2::text[]) = 0 or state = any($2))"
        " and (cardinality($3::bigint[]) = 0 or channel_id = any($3))"
        " and id > coalesce((select c.id from conversation c where c.reference = $4), 0) order by id limit $5",
        sorted(scope.classes), list(states), list(channels), after, limit)
    return [_row(row) for row in rows]


async def participants(connection: Connection, conversation_id: int) -> list[tuple[str, str, str]]:
    """Who takes part: kind, address, name."""
    # whom an answer may go to
    rows = await connection.fetch("select kind, address, name from participant where conversation_id = $1"
                                  " order by kind, address", conversation_id)
    return [tuple(row) for row in rows]


async def further_channels(connection: Connection, conversation_id: int) -> list[str]:
    """The names of the other mailboxes that one of its messages came in by as well."""
    # its deliveries, also the copies of a message that was there already
    rows = await connection.fetch(
        "select distinct h.name from message m cross join lateral (select channel_id from delivery"
        " where id = m.delivery_id union select channel_id from delivery where copy_of = m.id) d"
        " join channel h on h.id = d.channel_id join conversation c on c.id = m.conversation_id"
        " where c.id = $1 and h.id <> c.channel_id order by h.name", conversation_id)
    return [row["name"] for row in rows]


async def save(connection: Connection, rows: Sequence[Conversation]) -> None:
    """Write whole rows, each with its version raised by the caller."""
    if rows:
        await connection.execute(SAVE, list(rows))


async def insert(connection: Connection, rows: Sequence[Conversation]) -> None:
    """Add rows whose ids were reserved with `reserve`."""
    if rows:
        await connection.execute(INSERT, list(rows))


async def reserve(connection: Connection, n: int) -> list[int]:
    """`n` fresh conversation ids."""
    # ids before rows, so that one statement can insert a batch
    rows = await connection.fetch("select nextval('conversation_id_seq') as id from generate_series(1, $1)", n)
    return [row["id"] for row in rows]


async def change(connection: Connection, before: Conversation, after: Conversation, event: Draft) -> None:
    """Save `after` and record its event with the facets of both. Given to another or finished: nobody asks for it."""
    if after.assignee_id != before.assignee_id or not after.live:
        after = replace(after, asked_by=None)
    await save(connection, [after])
    await record(connection, [Draft(event.kind, event.at, after.id, event.message_id, event.actor_id,
                                    facets(before), facets(after), event.key, event.data)])


def raised(row: Conversation) -> Conversation:
    """The same with the next version, for what changes around it."""
    return replace(row, version=row.version + 1)


def _row(row: Any) -> Conversation:
    return Conversation(**row)


_NAMES = ", ".join(COLUMNS)
INSERT = ("insert into conversation (" + _NAMES + ") overriding system value select " + _NAMES
          + " from json_populate_recordset(null::conversation, $1)")
SAVE = ("update conversation set (" + _NAMES.removeprefix("id, ") + ") = ("
        + ", ".join("new." + name for name in COLUMNS[1:])
        + ") from json_populate_recordset(null::conversation, $1) as new where conversation.id = new.id")
