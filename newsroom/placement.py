"""The placement: which conversation each message of a batch belongs to, and the new ones it needs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import asyncpg

from connectors import Author, Incoming, Kind
from connectors.chat import PERSON
from newsroom import access, contact, conversation, term, triage
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.delivery import Stored, item_reference
from newsroom.message import thread_reference
from newsroom.reply import read_token
from newsroom.term import Terms

NUMBER = re.compile(r"\b[2-9A-HJKMNP-Z]{10}\b")  # a reference in a subject: only ever a suggestion
MOST_PARTIES = 50  # of one message, that may answer it
FORGED = "dmarc-fail"  # the problem of a message that the domain of its sender denies

Key = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Configuration:
    """What arrivals need to know of the house, read once for many batches. `channels` is {id: (team_id, address)},
    `restricted` the ids of teams whose conversations only members see."""

    terms: Terms
    channels: dict[int, tuple[int | None, str]]
    restricted: frozenset[int]
    secret: bytes


@dataclass(slots=True)
class Arrival:
    """One item on its way to its conversation. `channel_id` is its home; `copy` tells that its message is there
    already, from another mailbox."""

    stored: Stored
    item: int
    incoming: Incoming
    keys: list[Key]
    channel_id: int
    copy: bool = False
    message_id: int = 0
    conversation_id: int = 0


@dataclass(slots=True)
class Placement:
    """What a batch does to conversations: filled by `_place`, written by `_write`."""

    rows: dict[int, Conversation] = field(default_factory=dict)
    before: dict[int, Conversation | None] = field(default_factory=dict)
    owner: dict[Key, int] = field(default_factory=dict)  # who holds a key, as the batch goes on
    joined: dict[int, int] = field(default_factory=dict)  # loser -> survivor
    items: dict[int, list[Arrival]] = field(default_factory=dict)


def party(author: Author) -> str:
    """An author as a party of a thread; empty without an address."""
    return f"{author.kind}:{author.address}" if author.address else ""


async def configuration(connection: Connection, secret: bytes) -> Configuration:
    """The house as it is now. `secret` signs reply addresses."""
    # where each channel's messages go
    channels = {row["id"]: (row["team_id"], row["address"]) for row in await connection.fetch(
        "select id, team_id, lower(address) as address from channel order by id")}
    # teams behind a wall
    restricted = await connection.fetch("select id from team where restricted")
    return Configuration(await term.load(connection), channels, frozenset(row["id"] for row in restricted), secret)


def keys(channel_id: int, item: Incoming, house: Configuration) -> list[Key]:
    """The keys of a message: each of its references for each of its parties, in its mailbox and its home. None for
    one that is denied by the domain of its sender: it neither enters a thread nor draws answers away from one."""
    if FORGED in item.problems:
        return []
    people = [item.author] if item.direction == "in" else [*item.to, *item.cc][:MOST_PARTIES]
    references = [thread_reference(one, item.public) for one in dict.fromkeys([item.external_id, *item.answers_to])
                  if one]
    places = dict.fromkeys([channel_id, home(channel_id, item, house)])
    return [(place, reference, name) for place in places for person in people if (name := party(person))
            for reference in references]


def home(channel_id: int, item: Incoming, house: Configuration) -> int:
    """The channel of the first of our own addresses in To, then Cc, on the same side of a wall; else its own."""
    if item.direction == "out" or not item.copy_of:
        return channel_id
    ours = {address: id for id, (_, address) in house.channels.items() if address}
    for person in (*item.to, *item.cc):
        id = ours.get(person.address)
        if id and wall(id, house) == wall(channel_id, house):
            return id
    return channel_id


async def place(connection: Connection, arrivals: Sequence[Arrival], house: Configuration,
                 at: datetime) -> Placement:
    """Give every arrival its conversation: known by a key, by a valid reply address, by the reply of ours that came
    back, or new."""
    returned = await _returned(connection, arrivals)
    for arrival in arrivals:
        if id(arrival) in returned:  # who sends a report takes no part: a later message of theirs stays outside
            arrival.keys = []
    wanted = sorted({key for arrival in arrivals for key in arrival.keys})
    placement = Placement()
    # which conversations hold these keys
    rows = await connection.fetch(
        "select k.channel_id, k.reference, k.party, k.conversation_id from thread_key k"
        " join unnest($1::int[], $2::text[], $3::text[]) as w(channel_id, reference, party)"
        " using (channel_id, reference, party)", *map(list, zip(*wanted, strict=True)) if wanted else ([], [], []))
    placement.owner = {(r["channel_id"], r["reference"], r["party"]): r["conversation_id"] for r in rows}
    by_token = await _by_token(connection, arrivals, house.secret)
    copies = await _copies(connection, arrivals)
    placement.rows = await conversation.lock(
        connection, [*placement.owner.values(), *by_token.values(), *returned.values(), *copies.values()])
    if any(row.state == "merged" for row in placement.rows.values()):
        raise asyncpg.SerializationError("joined by another worker since the keys were read")
    placement.before = dict(placement.rows)
    ids = iter(await conversation.reserve(connection, len(arrivals)))
    people = await contact.of(connection, [resident(a.incoming) for a in arrivals], at)
    for arrival in arrivals:
        hits = {_survivor(placement, placement.owner[key]) for key in arrival.keys if key in placement.owner}
        hits |= {_survivor(placement, found[id(arrival)]) for found in (by_token, returned) if id(arrival) in found}
        first = copies.get((arrival.incoming.copy_of, arrival.incoming.direction, wall(arrival.channel_id, house)))
        if first is not None:
            hits.add(_survivor(placement, first))
        target = _join(placement, hits, arrival, people)
        # elsewhere than the first one, as when that was closed long ago, it is a message of its own
        arrival.copy = first is not None and target == _survivor(placement, first)
        if target is None:
            target = _new(placement, next(ids), arrival, house, people, hits)
        arrival.conversation_id = target
        placement.items.setdefault(target, []).append(arrival)
        placement.owner.update(dict.fromkeys(arrival.keys, target))
        if arrival.incoming.copy_of:
            copies.setdefault((arrival.incoming.copy_of, arrival.incoming.direction,
                               wall(arrival.channel_id, house)), target)
    for arrival in arrivals:  # one that was joined since
        arrival.conversation_id = _survivor(placement, arrival.conversation_id)
    await _suggest(connection, placement)
    return placement


async def _copies(connection: Connection, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], int]:
    """One mail to two of our mailboxes is one message in two places, and both teams see it, unless a wall stands
    between them: {(copy_of, direction, visibility): conversation id}."""
    names = [arrival.incoming.copy_of for arrival in arrivals if arrival.incoming.copy_of]
    if not names:
        return {}
    # the same message from another mailbox
    rows = await connection.fetch(
        "select distinct on (m.copy_of, m.direction, c.visibility) m.copy_of, m.direction, c.visibility,"
        " m.conversation_id from message m join conversation c on c.id = m.conversation_id"
        " where m.copy_of = any($1::text[]) order by m.copy_of, m.direction, c.visibility, m.id", names)
    return {(row["copy_of"], row["direction"], row["visibility"]): row["conversation_id"] for row in rows}


async def _by_token(connection: Connection, arrivals: Sequence[Arrival], secret: bytes) -> dict[int, int]:
    """Conversations by the signed reply address, for senders who take part in them."""
    tokens = [(id(a), reference, a.incoming.author) for a in arrivals if a.incoming.reply_token
              and FORGED not in a.incoming.problems and (reference := read_token(a.incoming.reply_token, secret))]
    if not tokens:
        return {}
    # only a participant gets in by a reply address
    rows = await connection.fetch(
        "select c.reference, p.kind, p.address, coalesce(c.merged_into, c.id) as id from conversation c"
        " join participant p on p.conversation_id = coalesce(c.merged_into, c.id)"
        " where c.reference = any($1::text[])", [reference for _, reference, _ in tokens])
    found = {(row["reference"], row["kind"], row["address"]): row["id"] for row in rows}
    return {mark: found[reference, author.kind, author.address] for mark, reference, author in tokens
            if (reference, author.kind, author.address) in found}


async def _returned(connection: Connection, arrivals: Sequence[Arrival]) -> dict[int, int]:
    """A delivery report belongs to the conversation of the reply that it names: nobody can guess our ids."""
    reports = [(id(a), a.stored.channel_id, name) for a in arrivals if a.incoming.kind == Kind.BOUNCE
               for name in a.incoming.answers_to]
    if not reports:
        return {}
    # replies that were written here
    rows = await connection.fetch(
        "select channel_id, external_id, conversation_id from message where external_id = any($1::text[])"
        " and client_id is not null", sorted({name for _, _, name in reports}))
    ours = {(row["channel_id"], row["external_id"]): row["conversation_id"] for row in rows}
    return {mark: ours[channel_id, name] for mark, channel_id, name in reports if (channel_id, name) in ours}


def _survivor(placement: Placement, id: int) -> int:
    while id in placement.joined:
        id = placement.joined[id]
    return id


def _join(placement: Placement, hits: set[int], arrival: Arrival, people: contact.Known) -> int | None:
    """The conversation among `hits` that takes this message; None: none of them does. What a blocked sender writes
    only joins what is in the spam folder."""
    at, shut_out = arrival.incoming.at, arrival.incoming.direction == "in" and _blocked(arrival.incoming, people)
    rows = [row for id in hits if (row := placement.rows[id]).state not in ("removed", "merged")
            and (row.live or row.state == "spam" or row.close_reason_id is None or triage.reopens(row, at))
            and (row.state == "spam" or not shut_out)]
    if not rows:
        return None
    rows.sort(key=lambda row: (not row.touched, row.created_at, row.reference))
    first = rows[0]
    for other in rows[1:]:
        if first.touched or other.touched or first.visibility != other.visibility:
            placement.rows[other.id] = replace(other, suggestion=first.id)  # a person decides
            placement.before.setdefault(other.id, None)
        else:
            placement.joined[other.id] = first.id
            placement.items.setdefault(first.id, []).extend(placement.items.pop(other.id, []))
    return first.id


def _new(placement: Placement, id: int, arrival: Arrival, house: Configuration, people: contact.Known,
         hits: set[int]) -> int:
    item, meta = arrival.incoming, arrival.stored.delivery.meta
    person = resident(item)
    contact_id, _ = people.get((person.kind, person.address), (None, False))
    channel_id = arrival.channel_id
    team = int(meta.get("team") or 0) or house.channels[channel_id][0]
    follows = max((hit for hit in hits if placement.rows[hit].state == "closed"), default=None)
    closed, assignee = int(meta.get("closed") or 0) or None, int(meta.get("assignee") or 0) or None
    shut_out = meta.get("spam") or _blocked(item, people) and not meta.get("entered")  # a colleague listened
    state = "spam" if shut_out else "closed" if meta.get("history") or closed else "open" if assignee else "new"
    placement.rows[id] = Conversation(
        id, item_reference(arrival.stored.reference, arrival.item), channel_id, item.at, item.at,
        subject=item.subject[:500], state=state, team_id=team, assignee_id=assignee, close_reason_id=closed,
        closed_at=None if state != "closed" else arrival.stored.delivery.received_at if closed else item.at,
        visibility=access.visibility(id, team, team in house.restricted, False), public=item.public,
        priority=int(meta.get("priority") or conversation.NORMAL),
        labels=sorted({int(part) for part in (meta.get("labels") or "").split(",") if part}),
        contact_id=contact_id, author=called(person), follows=follows, version=0)
    placement.before[id] = None
    return id


async def _suggest(connection: Connection, placement: Placement) -> None:
    """A stranger with a true reference, or a number in the subject: "hoort mogelijk bij", for a person to decide."""
    fresh = {id: arrivals[0] for id, arrivals in placement.items.items() if placement.before.get(id) is None}
    references = {id: [thread_reference(one, a.incoming.public) for one in
                       (a.incoming.external_id, *a.incoming.answers_to)] for id, a in fresh.items()}
    numbers = {id: NUMBER.findall(a.incoming.subject.upper()) for id, a in fresh.items()}
    if not any(len(found) > 1 for found in references.values()) and not any(numbers.values()):
        return
    # whose these references and numbers are
    rows = await connection.fetch(
        "select distinct on (k.reference, k.channel_id) k.reference, k.channel_id, k.conversation_id"
        " from thread_key k where k.reference = any($1::text[]) order by k.reference, k.channel_id, k.conversation_id",
        sorted({reference for found in references.values() for reference in found}))
    named = await connection.fetch("select reference, coalesce(merged_into, id) as id from conversation"
                                   " where reference = any($1::text[]) and state <> 'removed'",
                                   sorted({number for found in numbers.values() for number in found}))
    by_reference = {(channel_id, reference): id for (channel_id, reference, _), id in
                    sorted(placement.owner.items(), reverse=True)}
    by_reference |= {(row["channel_id"], row["reference"]): row["conversation_id"] for row in rows}
    by_number = {row["reference"]: row["id"] for row in named}
    for id, arrival in fresh.items():
        found = [by_reference.get((arrival.stored.channel_id, reference)) for reference in reversed(references[id])]
        found += [by_number.get(number) for number in numbers[id]]
        other = next((hit for hit in found if hit and hit != id and hit not in placement.joined), None)
        if other and placement.rows[id].suggestion is None:
            placement.rows[id] = replace(placement.rows[id], suggestion=other)


def _blocked(item: Incoming, people: contact.Known) -> bool:
    person = resident(item)
    return people.get((person.kind, person.address), (None, False))[1]


def wall(channel_id: int, house: Configuration) -> str:
    """The visibility class of what comes into a channel."""
    team = house.channels[channel_id][0]
    return access.visibility(0, team, team in house.restricted, False)


def called(person: Author) -> str:
    """What staff call somebody: their name, else their address, when that says something to people."""
    return (person.name or ("" if person.kind == PERSON else person.address))[:200]


def resident(item: Incoming) -> Author:
    """Who of the two sides is not us."""
    if item.direction == "in":
        return item.author
    return next(iter((*item.to, *item.cc)), Author("email", ""))
