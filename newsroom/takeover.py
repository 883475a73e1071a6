"""Taking over: a colleague asks who has a conversation to hand it over, and that person allows it or keeps it.

The request stands on the conversation itself. It ends when it is answered, and with everything that gives the
conversation to somebody else or finishes it (`conversation.change`).
"""

from __future__ import annotations

from dataclasses import replace

from newsroom.conversation import Conversation, change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.triage import By, Conflict, Wrong, can_get, taken


async def ask(connection: Connection, row: Conversation, by: By, holder: int | None) -> Conversation:
    """Ask `holder` to hand it over; only while they still have it, and nobody else asked."""
    if row.assignee_id is None or row.assignee_id != holder:
        raise await taken(connection, row.assignee_id)
    if row.assignee_id == by.actor or not row.live or not await can_get(connection, row, by.actor):
        raise Wrong("wrong.takeover")
    if row.request == by.actor:
        return row
    if row.request is not None:
        # who asked first
        name = await connection.fetchval("select name from account where id = $1", row.request)
        raise Conflict("conflict.asked", name=name)
    return await _change(connection, row, replace(row, asked_by=by.actor), "takeover_asked", by, holder)


async def allow(connection: Connection, row: Conversation, by: By, asker: int | None) -> Conversation:
    """Hand it over to `asker`; only who has it, and only while that request stands."""
    _standing(row, by, asker)
    if not await can_get(connection, row, asker):
        raise Wrong("wrong.assignee")
    return await _change(connection, row, replace(row, assignee_id=asker, asked_by=None), "takeover_allowed", by, asker)


async def keep(connection: Connection, row: Conversation, by: By, asker: int | None) -> Conversation:
    """Keep it; only who has it, and only while that request stands."""
    _standing(row, by, asker)
    return await _change(connection, row, replace(row, asked_by=None), "takeover_kept", by, asker)


def _standing(row: Conversation, by: By, asker: int | None) -> None:
    if row.request is None or row.request != asker or row.assignee_id != by.actor:
        raise Conflict("conflict.no_request")


async def _change(connection: Connection, before: Conversation, after: Conversation, kind: str, by: By,
                  other: int | None) -> Conversation:
    after = replace(after, version=before.version + 1)
    await change(connection, before, after, Draft(kind, by.at, actor_id=by.actor, key=by.key, data={"to": other}))
    return after
