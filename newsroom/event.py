"""The event: audit trail, live feed and statistics in one append-only table.

A verb inserts its event last, in the transaction of its change. The database gives the id inside COMMIT, in commit
order (schema/004_tally.sql), so that a reader at `id > position` misses nothing. Events hold ids and facets only,
never names or free text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from newsroom.database import Connection

KINDS = {
    "received": "a message came in",
    "answered_elsewhere": "a colleague answered from another program",
    "unreadable": "a delivery could not be read",
    "copied": "the same message came into another mailbox",
    "joined": "conversations that turned out to be one",
    "claimed": "somebody took it",
    "assigned": "given to a person, or to nobody",
    "team_changed": "given to a team",
    "moved": "another state by hand",
    "department_asked": "an answer is awaited from a department",
    "closed": "closed with a reason",
    "reopened": "opened again",
    "priority_changed": "another priority",
    "labelled": "labels added or removed",
    "sealed": "only named people see it",
    "unsealed": "everybody of the team sees it again",
    "subject_changed": "another subject",
    "noted": "an internal note",
    "answered": "a reply was queued",
    "answered_privately": "a public question was answered in a private conversation",
    "begun": "a private conversation that follows a public one",
    "delivery_state": "a reply was sent, refused, not certain, or came back",
    "bounced": "a reply was not delivered",
    "takeover_asked": "somebody asks who has it to hand it over",
    "takeover_allowed": "handed over to who asked",
    "takeover_kept": "who has it keeps it",
    "mentioned": "a note names somebody, who is told",
    "undone": "an action taken back by who did it",
    "spam": "moved to the spam folder",
    "not_spam": "moved back from the spam folder",
    "edited": "a writer changed a message where it was written",
    "withdrawn": "a writer deleted a message where it was written",
    "message_removed": "a wrongly received message lost its text",
    "almost_late": "the last part of the term began",
    "late": "the term passed",
    "term_changed": "the term was computed anew",
    "visitor_left": "the visitor of a chat is gone",
    "visitor_back": "the visitor of a chat is back",
    "visitor_named": "the visitor of a chat gave a name or an address",
    "transcript_asked": "the visitor of a chat asked for it by mail",
    "channel_changed": "a channel's settings, mode or health",
    "rights_changed": "a person's rights changed",
    "shift_changed": "who works when, or who is chef dag",
}
COLUMNS = ("id", "at", "kind", "conversation_id", "message_id", "actor_id", "before", "after", "key", "data")
LIVE_STATES = ("new", "open", "department", "waiting")


@dataclass(frozen=True, slots=True)
class Event:
    """One committed event. `before` and `after` are facets; None: it did not exist."""

    id: int
    at: datetime
    kind: str
    conversation_id: int | None
    message_id: int | None
    actor_id: int | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    key: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Seen:
    """An event with the reference of its conversation."""

    event: Event
    reference: str


@dataclass(frozen=True, slots=True)
class Draft:
    """An event to be: `record` writes it in the transaction of its change."""

    kind: str
    at: datetime
    conversation_id: int | None = None
    message_id: int | None = None
    actor_id: int | None = None
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    key: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


async def record(connection: Connection, drafts: Sequence[Draft]) -> None:
    """Write events, in this order, as the last statement of a transaction."""
    unknown = {draft.kind for draft in drafts} - KINDS.keys()
    if unknown:
        raise ValueError(f"unknown event kinds: {sorted(unknown)}")
    # hand the events to the trigger that publishes them at COMMIT
    await connection.execute(
        "insert into event_draft (at, kind, conversation_id, message_id, actor_id, before, after, key, data)"
        " select at, kind, conversation_id, message_id, actor_id, before, after, key, data"
        " from json_populate_recordset(null::event_draft, $1)", list(drafts))


async def position(connection: Connection) -> tuple[str, int]:
    """The epoch and the last event's id, in this connection's snapshot."""
    # where the stream stands
    row = await connection.fetchrow("select (select value from epoch) as epoch,"
                                    " coalesce((select max(id) from event), 0) as id")
    return row["epoch"], row["id"]


async def since(connection: Connection, after_id: int, limit: int) -> list[Event]:
    """Events after `after_id`, oldest first, at most `limit`."""
    # the stream after a position
    rows = await connection.fetch(
        "select id, at, kind, conversation_id, message_id, actor_id, before, after, key, data"
        " from event where id > $1 order by id limit $2", after_id, limit)
    return [Event(**row) for row in rows]


async def seen_since(connection: Connection, classes: Iterable[str], after_id: int, limit: int) -> list[Seen]:
    """What happened to conversations after `after_id` while these classes saw them, before it or after it."""
    # the stream for one scope
    rows = await connection.fetch(
        "select e.id, e.at, e.kind, e.conversation_id, e.message_id, e.actor_id, e.before, e.after, e.key, e.data,"
        " c.reference from event e join conversation c on c.id = e.conversation_id where e.id > $1"
        " and (e.before ->> 'class' = any($2::text[]) or e.after ->> 'class' = any($2)) order by e.id limit $3",
        after_id, sorted(classes), limit)
    return [Seen(Event(**{name: row[name] for name in COLUMNS}), row["reference"]) for row in rows]


async def history(connection: Connection, conversation_id: int) -> list[Event]:
    """Every event of one conversation, oldest first."""
    # one conversation's history
    rows = await connection.fetch(
        "select id, at, kind, conversation_id, message_id, actor_id, before, after, key, data"
        " from event where conversation_id = $1 order by id", conversation_id)
    return [Event(**row) for row in rows]
