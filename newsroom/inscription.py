"""Writing a placed batch: conversations, messages, files, keys and, last, the events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors import Attachment, Author, Incoming, Kind
from newsroom import contact, conversation, message, search, triage
from newsroom.conversation import EXCERPT, Conversation, facets
from newsroom.database import Connection
from newsroom.event import Draft, record
from newsroom.message import Message
from newsroom.placement import Arrival, Configuration, Key, Placement, called, resident

SPOKEN = (Kind.MESSAGE, Kind.EDIT)  # an edit is the message, when that did not come


async def write(connection: Connection, arrivals: Sequence[Arrival], placement: Placement, house: Configuration,
                at: datetime) -> None:
    """Write the batch in the order that foreign keys ask; events last."""
    spoken = [arrival for arrival in arrivals if not arrival.copy]
    for arrival, id in zip(spoken, await message.reserve(connection, len(spoken)), strict=True):
        arrival.message_id = id
    fresh = {id for id, before in placement.before.items() if before is None and id in placement.rows}
    await _name_strangers(connection, placement, fresh, at)
    messages = [_message(arrival) for arrival in spoken]
    sums = {row.conversation_id: _sum(row) for row in messages if row.conversation_id in _alone(placement, fresh)}
    drafts = _settle(placement, sums, sums, {}, house, at)
    await conversation.insert(connection, [placement.rows[id] for id in sorted(fresh)])
    await message.insert(connection, messages)
    await message.attach(connection, _files(spoken))
    await _copied(connection, [arrival for arrival in arrivals if arrival.copy])
    for loser, survivor in placement.joined.items():
        await triage.absorb(connection, loser, survivor)
    owners = [(key, arrival.conversation_id) for arrival in arrivals for key in arrival.keys]
    await give_keys(connection, owners)
    await _take_part(connection, arrivals)
    bounced = await _bounced(connection, arrivals)
    await record(connection, drafts + await _save(connection, placement, sums.keys(), bounced, house, at))


async def mend(connection: Connection, arrival: Arrival, identity: str | None, house: Configuration,
               at: datetime) -> None:
    """What could not be read before can be now: its card gets what it lacked, and stays where it is. `identity` when
    no other message has it."""
    item, id = arrival.incoming, arrival.conversation_id
    await message.save(connection, [replace(_message(arrival), identity=identity or None)])
    await message.attach(connection, _files([arrival]))
    # answers to it come here, as far as they go nowhere yet
    await connection.executemany(
        "insert into thread_key (channel_id, reference, party, conversation_id) values ($1, $2, $3, $4)"
        " on conflict do nothing", [(*key, id) for key in arrival.keys])
    await _take_part(connection, [arrival])
    person = resident(item)
    known = await contact.of(connection, [person], at)
    before = (await conversation.lock(connection, [id]))[id]
    row = replace(before, problem="", subject=item.subject[:500], author=name(item),
                  contact_id=known.get((person.kind, person.address), (before.contact_id, False))[0])
    placement = Placement(rows={id: row}, before={id: before})
    drafts = await _save(connection, placement, (), {}, house, at)
    await record(connection, [replace(draft, message_id=arrival.message_id) for draft in drafts])
    await search.index_again(connection, arrival.message_id)


async def newest_words(connection: Connection, conversation_id: int) -> str:
    """The excerpt of a conversation, as its messages are now."""
    return excerpt((await _sums(connection, [conversation_id]))[conversation_id]["text"] or "")


async def settle_again(connection: Connection, row: Conversation, house: Configuration, at: datetime) -> Conversation:
    """The row of a conversation of which a message turned out to be older. What somebody made of it here stands."""
    sums = (await _sums(connection, [row.id]))[row.id]
    if row.touched:
        return replace(row, created_at=min(row.created_at, sums["first_at"]))
    row = replace(_summed(row, sums, house), created_at=sums["first_at"])
    return house.terms.apply(_elsewhere(row, sums), at)


async def give_keys(connection: Connection, owners: Sequence[tuple[Key, int]]) -> None:
    """Point keys at conversations; a key that pointed at an older one now points here."""
    unique = sorted({key: id for key, id in owners}.items())
    if unique:
        channels, references, parties = zip(*[key for key, _ in unique], strict=True)
        # an answer with one of these references, by this party, joins this conversation
        await connection.execute(
            "insert into thread_key (channel_id, reference, party, conversation_id)"
            " select * from unnest($1::int[], $2::text[], $3::text[], $4::bigint[])"
            " on conflict (channel_id, reference, party) do update set conversation_id = excluded.conversation_id"
            " where thread_key.conversation_id <> excluded.conversation_id",
            channels, references, parties, [id for _, id in unique])


def excerpt(text: str) -> str:
    """The first words, for the card."""
    return " ".join(text[:EXCERPT * 4].split())[:EXCERPT]


def name(item: Incoming) -> str:
    """What the card calls the resident."""
    return called(resident(item))


def _message(arrival: Arrival) -> Message:
    item, stored = arrival.incoming, arrival.stored
    unreadable = "unreadable" in item.problems
    return Message(
        arrival.message_id, arrival.conversation_id, arrival.channel_id, item.direction, item.at,
        delivery_id=stored.id, item=arrival.item, kind="unreadable" if unreadable else str(item.kind),
        external_id=item.external_id, identity=item.identity or None, copy_of=item.copy_of or None,
        author_kind=item.author.kind, author_address=item.author.address, author_name=item.author.name,
        recipients=message.recipients_of(item.to, item.cc, (), item.reply_to), public=item.public,
        subject=item.subject, body=item.text, quoted=item.quoted, html=item.html, details=list(map(list, item.details)),
        auto_reply=item.auto_reply, problems=list(item.problems), answers_to=list(item.answers_to),
        source_url=item.source_url, edited_at=item.at if item.kind == Kind.EDIT else None)


def _files(arrivals: Sequence[Arrival]) -> list[tuple[int, int, Attachment]]:
    return [(arrival.message_id, place, item) for arrival in arrivals
            for place, item in enumerate(arrival.incoming.attachments)]


async def _name_strangers(connection: Connection, placement: Placement, fresh: set[int], at: datetime) -> None:
    """A contact for who has no address: nobody else is ever taken for them."""
    ids = [id for id in sorted(fresh) if placement.rows[id].contact_id is None]
    if ids:
        made = await contact.nameless(connection, [placement.rows[id].author for id in ids], at)
        for id, contact_id in zip(ids, made, strict=True):
            placement.rows[id] = replace(placement.rows[id], contact_id=contact_id)


async def _copied(connection: Connection, copies: Sequence[Arrival]) -> None:
    if copies:
        await connection.executemany(
            # its bytes go when the message goes
            "update delivery set copy_of = (select min(id) from message where conversation_id = $2 and copy_of = $3)"
            " where id = $1",
            sorted((copy.stored.id, copy.conversation_id, copy.incoming.copy_of) for copy in copies))


async def _take_part(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    people: dict[tuple[int, str, str], str] = {}
    for arrival in arrivals:
        item = arrival.incoming
        authors: Sequence[Author] = [item.author] if item.direction == "in" else [*item.to, *item.cc]
        for author in authors:
            if author.address and item.kind != Kind.BOUNCE:
                people[arrival.conversation_id, author.kind, author.address] = author.name
    if people:
        rows = [(*key, name) for key, name in sorted(people.items())]
        # who wrote, or whom a colleague wrote to
        await connection.execute(
            "insert into participant (conversation_id, kind, address, name)"
            " select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[]) on conflict do nothing",
            *zip(*rows, strict=True))


async def _bounced(connection: Connection, arrivals: Sequence[Arrival]) -> dict[int, int]:
    """Delivery reports turn our reply into "niet aangekomen": {conversation id: message id of the reply}."""
    found: dict[int, int] = {}
    for arrival in arrivals:
        item = arrival.incoming
        if item.kind != Kind.BOUNCE or not item.answers_to:
            continue
        note = "; ".join(f"{address}: {reason}" for address, reason in item.bounced)[:500]
        # the reply that came back
        row = await connection.fetchrow(
            "update message set send_state = 'bounced', send_note = $3 where external_id = any($1::text[])"
            " and channel_id = $2 and client_id is not null and send_state in ('sent', 'unknown', 'sending')"
            " returning id, conversation_id", list(item.answers_to), arrival.stored.channel_id, note)
        if row:
            found[row["conversation_id"]] = row["id"]
    return found


def _alone(placement: Placement, fresh: set[int]) -> set[int]:
    """New conversations of one message: what they become is known before they are written."""
    joined = placement.joined.keys() | placement.joined.values()
    return {id for id in fresh - joined if len(placement.items[id]) == 1}


async def _save(connection: Connection, placement: Placement, settled: Collection[int], bounced: dict[int, int],
                house: Configuration, at: datetime) -> list[Draft]:
    """Write what became of the other conversations; their events are for the caller to record."""
    changed = [id for id, row in placement.rows.items()
               if id not in settled and (id in placement.items or placement.before[id] != row)]
    extra = await conversation.lock(connection, [id for id in bounced if id not in placement.rows])
    placement.rows |= extra
    placement.before |= extra
    sums = await _sums(connection, [id for id in changed if id not in placement.joined])
    drafts = _settle(placement, dict.fromkeys([*changed, *bounced, *placement.joined]), sums, bounced, house, at)
    await conversation.save(connection, [placement.rows[id] for id in sorted({d.conversation_id for d in drafts})])
    return drafts


def _settle(placement: Placement, ids: Iterable[int], sums: Mapping[int, Any], bounced: dict[int, int],
            house: Configuration, at: datetime) -> list[Draft]:
    """Give conversations their state, term and version. Returns their events."""
    drafts: list[Draft] = []
    for id in ids:
        before = placement.before[id]
        row = _after(placement, id, sums.get(id), bounced, before, house)
        row = house.terms.apply(row, at)
        row = replace(row, version=row.version + 1)
        placement.rows[id] = row
        drafts += _drafts(placement, id, before, row, bounced, at)
    return drafts


def _after(placement: Placement, id: int, sums: Any, bounced: dict[int, int], before: Conversation | None,
           house: Configuration) -> Conversation:
    row = placement.rows[id]
    if id in placement.joined:
        return replace(row, state="merged", merged_into=placement.joined[id], waiting_since=None)
    if sums is not None:
        row = _summed(row, sums, house)
    items = [arrival.incoming for arrival in placement.items.get(id, []) if not arrival.copy]
    if any({"unreadable", "too-large"} & set(item.problems) for item in items):
        row = replace(row, problem="unreadable")
    spoke = any(item.direction == "in" and item.kind in SPOKEN and not item.auto_reply for item in items)
    if before is not None and (spoke or id in bounced):
        row = triage.reopened(row) if row.state == "closed" else row
        row = replace(row, state="open" if row.assignee_id else "new") if row.state == "waiting" else row
    row = _elsewhere(row, sums) if sums is not None else row
    if id in bounced:
        row = replace(row, problem="bounced")
    if before is None and row.close_reason_id is not None:  # answered when it was entered
        row = replace(row, waiting_since=None, unread=0)
    return row


def _summed(row: Conversation, sums: Any, house: Configuration) -> Conversation:
    live = row.state not in ("closed", "spam")
    if not row.touched and sums["channel_id"] != row.channel_id:  # its first message came into another mailbox
        team, old = house.channels[sums["channel_id"]][0], house.channels[row.channel_id][0]
        row = replace(row, channel_id=sums["channel_id"], team_id=team if row.team_id == old else row.team_id)
    return replace(row, created_at=min(row.created_at, sums["first_at"]), last_at=sums["last_at"],
                   last_message_id=sums["last_id"], excerpt=excerpt(sums["text"] or ""),
                   author=row.author if row.touched and row.author else (sums["author"] or row.author)[:200],
                   subject=row.subject or (sums["subject"] or "")[:500], unread=sums["unread"],
                   waiting_since=sums["waiting_since"] if live or sums["waiting_since"] else None)


def _elsewhere(row: Conversation, sums: Any) -> Conversation:
    """Waiting for the resident when a colleague answered from another program, unless somebody here works on it."""
    if row.state not in ("new", "waiting") or row.touched:
        return row
    return replace(row, state="waiting" if sums["answered"] and not sums["waiting_since"] else "new")


async def _sums(connection: Connection, ids: Sequence[int]) -> dict[int, Any]:
    """What the messages of each conversation say together: the same for any order of arrival."""
    if not ids:
        return {}
    rows = await connection.fetch(SUMS, list(ids))
    return {row["conversation_id"]: row for row in rows}


def _sum(row: Message) -> dict[str, Any]:
    """What SUMS says of a conversation with this one message."""
    heard = row.direction == "in"
    waits = heard and not row.auto_reply and row.kind != "bounce"
    words = row.body or " · ".join(value for _, value in row.details)
    return {"conversation_id": row.conversation_id, "first_at": row.at, "last_at": row.at, "last_id": row.id,
            "text": words[:640], "channel_id": row.channel_id,
            "author": called(Author(row.author_kind, row.author_address, row.author_name)) if heard else None,
            "subject": row.subject or None, "waiting_since": row.at if waits else None,
            "unread": int(heard), "answered": row.direction == "out"}


# first and last, the newest words (of the resident, else ours), and what is not answered yet: what came in after a
# reply of ours was not read by its writer, whatever the sender's clock says; what an answer from elsewhere names was,
# whatever the clock of that writer says
SUMS = """
select m.conversation_id, min(m.at) as first_at, max(m.at) as last_at,
  (array_agg(m.id order by m.at desc, m.external_id desc, m.id desc))[1] as last_id,
  (array_agg(left(case when m.body <> '' or m.details = '[]' then m.body
      else (select string_agg(d->>1, ' · ') from jsonb_array_elements(m.details) d) end, 640)
    order by m.direction <> 'in', m.kind = 'bounce', m.at desc, m.external_id desc)
    filter (where m.removed_at is null))[1] as text,
  (array_agg(m.channel_id order by m.at, m.external_id))[1] as channel_id,
  (array_agg(case when m.author_name = '' and m.author_kind <> 'chat' then m.author_address else m.author_name end
    order by m.kind = 'bounce', m.at, m.external_id) filter (where m.direction = 'in'))[1] as author,
  (array_agg(m.subject order by m.at, m.external_id) filter (where m.subject <> ''))[1] as subject,
  min(m.at) filter (where m.direction = 'in' and not m.auto_reply and m.kind <> 'bounce'
    and m.at > coalesce(a.elsewhere, '-infinity') and m.id > coalesce(a.here, 0)
    and not m.external_id = any(coalesce(n.named, '{}'))) as waiting_since,
  count(*) filter (where m.direction = 'in' and m.at > coalesce(a.elsewhere, '-infinity')
    and m.id > coalesce(a.here, 0) and not m.external_id = any(coalesce(n.named, '{}'))) as unread,
  bool_or(a.elsewhere is not null or a.here is not null) as answered
from message m
left join lateral (select max(o.at) filter (where o.client_id is null) as elsewhere,
  max(o.id) filter (where o.client_id is not null) as here from message o where o.conversation_id = m.conversation_id
  and o.direction = 'out' and o.kind <> 'transcript' and o.send_state not in ('cancelled', 'failed')) a on true
left join lateral (select array_agg(o.reference) as named from (select unnest(answers_to) as reference from message
  where a.elsewhere is not null and conversation_id = m.conversation_id and direction = 'out' and client_id is null
  and send_state not in ('cancelled', 'failed')) o) n on true
where m.conversation_id = any($1::bigint[]) and m.direction <> 'note'
group by m.conversation_id"""


def _drafts(placement: Placement, id: int, before: Conversation | None, row: Conversation, bounced: dict[int, int],
            at: datetime) -> list[Draft]:
    old, new = facets(before) if before else None, facets(row)
    if id in placement.joined:
        # one that this batch made and joined at once was never seen by anybody
        return [Draft("joined", at, id, before=old, after=new, data={"into": placement.joined[id]})]
    drafts = []
    for arrival in placement.items.get(id, []):
        kind = "copied" if arrival.copy else _kind(arrival.incoming)
        drafts.append(Draft(kind, at, id, arrival.message_id or None, before=old, after=new))
        old = new
    if id in bounced:
        drafts.append(Draft("bounced", at, id, bounced[id], before=old, after=new))
    return drafts or [Draft("received", at, id, before=old, after=new)]


def _kind(item: Incoming) -> str:
    if "unreadable" in item.problems:
        return "unreadable"
    return "answered_elsewhere" if item.direction == "out" else "received"
