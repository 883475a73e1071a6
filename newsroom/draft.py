"""A draft: what somebody is still writing in a conversation, an answer or a note. Only they see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from newsroom.database import Connection

KINDS = ("answer", "note")
KEPT = timedelta(days=14)  # since the last change


@dataclass(frozen=True, slots=True)
class Draft:
    """The text as it was last kept."""

    text: str
    at: datetime


async def keep(connection: Connection, conversation_id: int, account_id: int, kind: str, text: str,
               at: datetime) -> None:
    """Keep a text; an empty one forgets it."""
    if not text.strip():
        return await forget(connection, conversation_id, account_id, kind)
    # the newest words stand in the place of the older
    await connection.execute(
        "insert into draft (conversation_id, account_id, kind, text, at) values ($1, $2, $3, $4, $5)"
        " on conflict (conversation_id, account_id, kind) do update set text = excluded.text, at = excluded.at",
        conversation_id, account_id, kind, text, at)


async def forget(connection: Connection, conversation_id: int, account_id: int, kind: str) -> None:
    """It was sent, or thrown away."""
    # one person's draft of one kind
    await connection.execute("delete from draft where conversation_id = $1 and account_id = $2 and kind = $3",
                             conversation_id, account_id, kind)


async def of(connection: Connection, conversation_id: int, account_id: int) -> dict[str, Draft]:
    """One person's drafts in a conversation, by kind."""
    # at most one of each kind
    rows = await connection.fetch("select kind, text, at from draft where conversation_id = $1 and account_id = $2",
                                  conversation_id, account_id)
    return {row["kind"]: Draft(row["text"], row["at"]) for row in rows}


async def join(connection: Connection, loser: int, survivor: int) -> None:
    """Two conversations are one: drafts go along, unless their writer has one there too."""
    # whose place is free
    await connection.execute(
        "update draft d set conversation_id = $2 where conversation_id = $1 and not exists (select from draft o"
        " where o.conversation_id = $2 and o.account_id = d.account_id and o.kind = d.kind)", loser, survivor)


async def clean(connection: Connection, at: datetime) -> None:
    """Forget what nobody came back to."""
    # older than two weeks
    await connection.execute("delete from draft where at < $1", at - KEPT)
