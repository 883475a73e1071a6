"""Undo: an action of one's own is taken back, as long as nobody changed what it changed."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from newsroom.conversation import Conversation, change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.triage import By, Conflict, Wrong

WITHIN = timedelta(minutes=10)
# what a person set: each must still stand as the action left it
HARD = ("state", "team_id", "visibility", "assignee_id", "priority", "labels", "subject", "department",
        "department_by", "close_reason_id", "close_note")
# what follows from it: restored only where nothing else changed it since
SOFT = ("unread", "asked_by", "problem", "waiting_since", "due_at", "soon_at", "closed_at")


def difference(before: Conversation, after: Conversation) -> dict[str, list[Any]]:
    """What an action changed that undoing it brings back: [before, after] by column."""
    old, new = asdict(before), asdict(after)
    return {name: [old[name], new[name]] for name in HARD + SOFT if old[name] != new[name]}


async def undo(connection: Connection, row: Conversation, by: By, key: str) -> Conversation:
    """Take back the action `key` (as this person's browser named it) on this conversation.

    Raises `Wrong` when there is no such action or it was too long ago, `Conflict` when somebody changed it since."""
    # what that action changed here
    done = await connection.fetchrow("select at, undo from action where key = $1 and account_id = $2",
                                     f"{by.actor}:{key}:{row.reference}", by.actor)
    if done is None or not done["undo"] or by.at - done["at"] > WITHIN:
        raise Wrong("wrong.undo")
    # the values as the columns have them: dates and times come back from JSON
    old, new = [Conversation(**await connection.fetchrow(AS_ROW, row.id, {name: pair[at] for name, pair in
                                                                          done["undo"].items()})) for at in (0, 1)]
    changed = done["undo"].keys()
    if any(getattr(row, name) != getattr(new, name) for name in HARD if name in changed):
        raise Conflict("conflict.undo")
    back = {name: getattr(old, name) for name in changed if getattr(row, name) == getattr(new, name)}
    after = replace(row, **back, version=row.version + 1)
    after = replace(after, lateness=_lateness(after, by.at))
    await change(connection, row, after, Draft("undone", by.at, actor_id=by.actor, key=by.key))
    return after


def _lateness(row: Conversation, at: datetime) -> int:
    if row.due_at is None or row.soon_at is None:
        return 0
    return 2 if at >= row.due_at else 1 if at >= row.soon_at else 0


# the row with these values in the place of its own
AS_ROW = ("select changed.* from conversation c, lateral json_populate_record(c, $2) changed where c.id = $1")
