"""The removal of a wrongly received message: its words, files and raw delivery go; its place stays, with the reason.

What others quoted from it in later messages stays: those are their words. So does the mailbox's own copy.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from newsroom.conversation import Conversation, change
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.inscription import newest_words
from newsroom.triage import By, Wrong


async def remove(connection: Connection, row: Conversation, by: By, message_id: int, reason: str) -> Conversation:
    """Take away what a message said. Raises `Wrong` without a reason, and for a reply of our own: what was sent is
    sent, and what waits can be taken back."""
    if not reason.strip():
        raise Wrong("wrong.removal_reason")
    # what was said, and whether it came in
    old = await connection.fetchrow("select subject, delivery_id from message where id = $1 and conversation_id = $2"
                                    " and removed_at is null and direction <> 'note' for no key update",
                                    message_id, row.id)
    if old is None:
        return row
    if old["delivery_id"] is None:
        raise Wrong("wrong.remove_own")
    await wipe(connection, message_id, old["delivery_id"], by.at, reason.strip()[:500])
    after = replace(row, subject=await subject(connection, row, old["subject"]), version=row.version + 1,
                    excerpt=await newest_words(connection, row.id))
    await change(connection, row, after, Draft("message_removed", by.at, message_id=message_id, actor_id=by.actor,
                                               key=by.key))
    return after


async def wipe(connection: Connection, message_id: int, delivery_id: int, at: datetime, reason: str) -> None:
    """Words, files, place in search and raw deliveries. Without a reason it was the writer who did it."""
    # the text goes, the fact stays
    await connection.execute(
        "update message set body = '', quoted = '', html = '', subject = '', details = '[]', source_url = '',"
        " earlier = '[]', edited_at = null, problems = '{}', removed_at = $2, removed_reason = $3 where id = $1",
        message_id, at, reason)
    await connection.execute("delete from message_text where message_id = $1", message_id)
    await remove_files(connection, message_id)
    # the bytes as they came, in each mailbox that got them; reading them again gives nothing
    await connection.execute("update delivery set body = '', problem = 'removed', state = 'done' where id = $1"
                             " or copy_of = $2", delivery_id, message_id)


async def remove_files(connection: Connection, message_id: int) -> None:
    """The attachments of a message."""
    # the names, and then the contents that no other message has
    gone = await connection.fetch("delete from attachment where message_id = $1 returning sha256", message_id)
    await connection.execute("delete from blob where sha256 = any($1::bytea[]) and not exists"
                             " (select from attachment a where a.sha256 = blob.sha256)",
                             [row["sha256"] for row in gone])


async def subject(connection: Connection, row: Conversation, gone: str) -> str:
    """The card's title: that of another message when it was this one's."""
    if row.subject != gone[:500]:
        return row.subject
    # the first that is left
    found = await connection.fetchval("select subject from message where conversation_id = $1 and subject <> ''"
                                      " and direction = 'in' order by at, external_id limit 1", row.id)
    return (found or "")[:500]
