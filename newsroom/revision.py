"""The revision: a writer changes or deletes a message where it was written, and so it changes here.

The text that a change replaced stays visible, for somebody may have answered it. A deletion takes all of it, and the
raw deliveries, as `removal` does. Either may arrive before the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from connectors import Incoming, Kind
from newsroom import conversation, message, removal, search
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.inscription import newest_words, settle_again
from newsroom.message import Message
from newsroom.placement import Arrival, Configuration

CHANGES = (Kind.EDIT, Kind.DELETION)
STILL_OURS = "De schrijver van dit antwoord heeft het op het kanaal zelf verwijderd."
EDITED = str(Kind.EDIT)  # the kind of a message of which only changes came
MOST_EARLIER = 50  # texts that are kept; a message that changes more often keeps the newest


async def apart(connection: Connection, arrivals: Sequence[Arrival]) -> tuple[list[Arrival], list[Arrival]]:
    """The changes, and the messages. A change of one that did not come is that message, as it is now; what it said at
    first may still come, and adds to it then as a change does."""
    known = await _known(connection, arrivals)
    messages = [one for one in arrivals if one.incoming.kind not in CHANGES and known.get(_place(one)) != EDITED]
    changes = [one for one in arrivals if one.incoming.kind in CHANGES or known.get(_place(one)) == EDITED]
    there = known.keys() | {_place(one) for one in messages}
    for one in sorted(changes, key=_moment_of):
        if one.incoming.kind == Kind.EDIT and _place(one) not in there:
            there.add(_place(one))
            messages.append(one)
            changes.remove(one)
    return changes, messages


async def revise(connection: Connection, changes: Sequence[Arrival], house: Configuration,
                 at: datetime) -> dict[int, str]:
    """Apply changes to the messages they are about; those are written by now. Returns {delivery id: `removed`} of
    what came after the deletion."""
    gone: dict[int, str] = {}
    for one in sorted(changes, key=_moment_of):
        row = await _message(connection, one)
        if one.incoming.kind == Kind.DELETION:
            await _withdraw(connection, one, row, at)
        elif row is not None:
            await _edit(connection, one, row, house, at)
            gone |= {one.stored.id: "removed"} if row.removed_at is not None else {}
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


def _moment_of(one: Arrival) -> datetime:
    return one.incoming.at


async def _known(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[int, str], str]:
    """The kinds of messages that are here under these ids."""
    places = {_place(one) for one in arrivals}
    # what these changes are about, or what was changed before it came; by two lists, which no plan made for a small
    # table reads row by row
    rows = await connection.fetch(
        "select channel_id, external_id, kind from message where channel_id = any($1::int[])"
        " and external_id = any($2::text[]) and direction <> 'note' order by id desc",
        sorted({channel_id for channel_id, _ in places}), sorted(external_id for _, external_id in places))
    return {place: row["kind"] for row in rows if (place := (row["channel_id"], row["external_id"])) in places}


async def _message(connection: Connection, one: Arrival) -> Message | None:
    # the message this is about
    id = await connection.fetchval("select id from message where channel_id = $1 and external_id = $2"
                                   " and direction <> 'note' order by id limit 1 for no key update", *_place(one))
    return (await message.get(connection, [id]))[id] if id else None


async def _edit(connection: Connection, one: Arrival, row: Message, house: Configuration, at: datetime) -> None:
    # its bytes go when the message goes
    await connection.execute("update delivery set copy_of = $2 where id = $1", one.stored.id, row.id)
    item, first = one.incoming, one.incoming.kind not in CHANGES
    if (told := _told(row, item, first)) is None:
        return
    after, newest = told
    after = await _complete(connection, one, after) if first else after
    await (_rewrite(connection, one, after) if newest else message.save(connection, [after]))
    before = (await conversation.lock(connection, [row.conversation_id]))[row.conversation_id]
    subject = item.subject[:500] if newest and before.subject == row.subject[:500] and row.direction == "in" \
        else before.subject
    changed = replace(before, subject=subject)
    if after.at != row.at:
        changed = await settle_again(connection, changed, house, at)
    await _change(connection, before, changed, "edited", row.id, at)


def _told(row: Message, item: Incoming, first: bool) -> tuple[Message, bool] | None:
    """The message with the texts that it had, and whether those of `item` are the last; None: read again. `first`:
    it is what was said at first, of which only changes had come."""
    if row.removed_at is not None:
        return (replace(row, at=item.at), False) if first else None
    last, moment = row.edited_at or row.at, _moment(item.at)
    texts = dict([*row.earlier, [_moment(last), row.body]])
    if not first and (moment in texts or item.at <= row.at and row.kind != EDITED):
        return None
    newest = item.at > last or first and item.at == last
    earlier = {when: text for when, text in texts.items() if not first or when > moment}
    if not newest:
        earlier[moment] = item.text
        del earlier[_moment(last)]
    return replace(row, earlier=sorted(map(list, earlier.items()))[-MOST_EARLIER:],
                   at=item.at if first else min(row.at, item.at),
                   edited_at=row.edited_at if not newest else None if first else item.at), newest


async def _complete(connection: Connection, one: Arrival, row: Message) -> Message:
    """A message of which only changes had come: it is read from what it said at first, from now on."""
    # the bytes of the change go when the message goes, too; from now on it is a change like any other
    await connection.execute("update delivery set copy_of = $2, problem = case when problem = '' then 'change'"
                             " else problem end where id = $1", row.delivery_id, row.id)
    await connection.execute("update delivery set copy_of = null where id = $1", one.stored.id)
    item = one.incoming
    return replace(row, kind=str(item.kind), identity=item.identity or None, delivery_id=one.stored.id, item=one.item,
                   author_name=item.author.name, answers_to=list(item.answers_to))


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
    after = replace(after, version=before.version + 1, excerpt=await newest_words(connection, before.id))
    await conversation.change(connection, before, after, Draft(kind, at, message_id=message_id))
