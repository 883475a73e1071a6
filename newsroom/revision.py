"""The revision: a writer changes or deletes a message where it was written, and so it changes here.

The text that a change replaced stays visible, for somebody may have answered it. A deletion takes all of it, and the
raw deliveries, as `removal` does. Either may arrive before the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from connectors import Kind
from newsroom import conversation, message, removal, search
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.message import Message
from newsroom.placement import Arrival

CHANGES = (Kind.EDIT, Kind.DELETION)
STILL_OURS = "De schrijver van dit antwoord heeft het op het kanaal zelf verwijderd."
MOST_EARLIER = 50  # texts that are kept; a message that changes more often keeps the newest


async def apart(connection: Connection, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """The changes, and the messages: a change of one that never came is that message, as it is now."""
    messages = [one for one in arrivals if one.incoming.kind not in CHANGES]
    changes = [one for one in arrivals if one.incoming.kind in CHANGES]
    if not changes:
        return [], messages
    known = {_place(one) for one in messages} | await _known(connection, changes)
    late = [one for one in changes if one.incoming.kind == Kind.EDIT and _place(one) not in known]
    for one in late:
        one.incoming = replace(one.incoming, kind=Kind.MESSAGE)
    return [one for one in changes if one.incoming.kind in CHANGES], messages + late


async def revise(connection: Connection, changes: Sequence[Arrival], at: datetime) -> dict[int, str]:
    """Apply changes to the messages they are about; those are written by now. Returns {delivery id: `removed`} of
    edits that came after the deletion."""
    gone: dict[int, str] = {}
    for one in sorted(changes, key=lambda one: one.incoming.at):
        row = await _message(connection, one)
        if one.incoming.kind == Kind.DELETION:
            await _withdraw(connection, one, row, at)
        elif row is not None and row.removed_at is not None:
            gone[one.stored.id] = "removed"
        elif row is not None:
            await _edit(connection, one, row, at)
    return gone


async def withdraw_early(connection: Connection, arrivals: Sequence[Arrival], at: datetime) -> dict[int, str]:
    """Messages that were deleted before they arrived here: {delivery id: `removed`}."""
    places = sorted({_place(one) for one in arrivals if one.incoming.external_id})
    # deletions that waited for them
    rows = await connection.fetch(
        "delete from withdrawn w using unnest($1::int[], $2::text[]) as m(channel_id, external_id)"
        " where w.channel_id = m.channel_id and w.external_id = m.external_id returning w.channel_id, w.external_id",
        [place[0] for place in places], [place[1] for place in places])
    gone = {(row["channel_id"], row["external_id"]) for row in rows}
    early = [one for one in arrivals if _place(one) in gone]
    for one in early:
        await _withdraw(connection, one, await _message(connection, one), at)
    return {one.stored.id: "removed" for one in early}


def _place(one: Arrival) -> tuple[int, str]:
    return one.stored.channel_id, one.incoming.external_id


async def _known(connection: Connection, changes: Sequence[Arrival]) -> set[tuple[int, str]]:
    # messages these changes are about
    rows = await connection.fetch(
        "select channel_id, external_id from message where (channel_id, external_id) in"
        " (select * from unnest($1::int[], $2::text[])) and direction <> 'note'",
        [one.stored.channel_id for one in changes], [one.incoming.external_id for one in changes])
    return {(row["channel_id"], row["external_id"]) for row in rows}


async def _message(connection: Connection, one: Arrival) -> Message | None:
    # the message this is about
    id = await connection.fetchval("select id from message where channel_id = $1 and external_id = $2"
                                   " and direction <> 'note' order by id limit 1 for no key update", *_place(one))
    return (await message.get(connection, [id]))[id] if id else None


async def _edit(connection: Connection, one: Arrival, row: Message, at: datetime) -> None:
    # its bytes go when the message goes
    await connection.execute("update delivery set copy_of = $2 where id = $1", one.stored.id, row.id)
    item = one.incoming
    texts = dict([*row.earlier, [_moment(row.edited_at or row.at), row.body]])
    if _moment(item.at) in texts or item.at <= row.at:  # read again
        return
    if row.edited_at is None or item.at > row.edited_at:
        await _rewrite(connection, one, replace(
            row, earlier=sorted(map(list, texts.items()))[-MOST_EARLIER:], edited_at=item.at))
    else:  # an older one that comes late
        texts = {**texts, _moment(item.at): item.text}
        del texts[_moment(row.edited_at)]
        await message.save(connection, [replace(row, earlier=sorted(map(list, texts.items()))[-MOST_EARLIER:])])
    before = (await conversation.lock(connection, [row.conversation_id]))[row.conversation_id]
    subject = item.subject[:500] if before.subject == row.subject[:500] and row.direction == "in" else before.subject
    await _change(connection, before, replace(before, subject=subject), "edited", row.id, at)


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


async def _rewrite(connection: Connection, one: Arrival, row: Message) -> None:
    item = one.incoming
    await message.save(connection, [replace(row, body=item.text, quoted=item.quoted, html=item.html,
                                            subject=item.subject, details=list(map(list, item.details)),
                                            problems=list(item.problems))])
    await removal.remove_files(connection, row.id)
    await message.attach(connection, [(row.id, place, file) for place, file in enumerate(item.attachments)])
    await search.index_again(connection, row.id)


async def _withdraw(connection: Connection, one: Arrival, row: Message | None, at: datetime) -> None:
    """A reply that was written here keeps its text: it is our own record of what was said."""
    if row is None:
        # it may still come
        await connection.execute("insert into withdrawn (channel_id, external_id, at) values ($1, $2, $3)"
                                 " on conflict do nothing", *_place(one), one.incoming.at)
        return
    if row.removed_at is not None or row.send_note == STILL_OURS:
        return
    if row.delivery_id is None:
        await message.save(connection, [replace(row, send_note=STILL_OURS)])
    else:
        await removal.wipe(connection, row.id, row.delivery_id, at, "")
    before = (await conversation.lock(connection, [row.conversation_id]))[row.conversation_id]
    await _change(connection, before, replace(before, subject=await removal.subject(connection, before, row.subject)),
                  "withdrawn", row.id, at)


async def _change(connection: Connection, before: Conversation, after: Conversation, kind: str, message_id: int,
                  at: datetime) -> None:
    after = replace(after, version=before.version + 1, excerpt=await removal.excerpt(connection, before.id))
    await conversation.change(connection, before, after, Draft(kind, at, message_id=message_id))
