"""The arrival: what was read from deliveries finds its conversation, in one transaction per batch.

The rule of threading is one table of keys, (channel, reference, party): a message joins the conversation that holds
one of its references for one of its parties. The party is who wrote it, or whom we wrote to. So the order of arrival
does not matter, ancestors never seen join what refers to them, and a stranger who knows a reference never gets in.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors import Incoming, Kind
from newsroom import conversation, revision, sending
from newsroom.database import Connection
from newsroom.delivery import Stored
from newsroom.event import Draft
from newsroom.incoming import normal
from newsroom.inscription import mend, write
from newsroom.placement import Arrival, Configuration, home, keys, place
from newsroom.reply import is_proof

PARTY_LOCK = 7263  # first half of the advisory lock's key; the second is a hash of the party

async def arrive(connection: Connection, pairs: Sequence[tuple[Stored, Sequence[Incoming]]], house: Configuration,
                 at: datetime) -> dict[int, str]:
    """Write what was read. The same delivery again, in any order, from any worker, changes nothing more.

    Returns why deliveries made no message of their own: {delivery id: one of `delivery.ELSEWHERE`, or empty}.
    """
    arrivals = [_arrival(stored, number, item, house) for stored, items in pairs for number, item in enumerate(items)]
    await _lock_parties(connection, arrivals)
    changes, messages = await revision.apart(connection, arrivals)
    fresh = await _fresh(connection, messages, house, at)
    theirs = await _not_ours(connection, [one for one in fresh if not _is_proof(one.incoming, house.secret)], at)
    gone: dict[int, str] = {}
    if theirs:
        await write(connection, theirs, await place(connection, theirs, house, at), house, at)
        gone = await revision.withdraw_early(connection, theirs, at)
    gone |= await revision.revise(connection, changes, house, at)
    why = {arrival.stored.id: "again" for arrival in arrivals}
    why |= {arrival.stored.id: "own" for arrival in fresh}
    why |= {arrival.stored.id: "copy" if arrival.copy else "" for arrival in theirs}
    why |= {arrival.stored.id: "change" for arrival in changes}
    await _share(connection, [one for one in arrivals if why[one.stored.id] == "again" and one.incoming.identity])
    return why | gone | await _removed(connection, [one for one in arrivals if why[one.stored.id] in ("again", "copy")])


def _arrival(stored: Stored, number: int, item: Incoming, house: Configuration) -> Arrival:
    meta = stored.delivery.meta
    believed = bool(meta.get("history") or meta.get("dated"))  # old mail, or a letter whose date a colleague read
    item = normal(item, stored.delivery.received_at, believed)
    channel_id = stored.channel_id
    return Arrival(stored, number, item, keys(channel_id, item, house), home(channel_id, item, house))


async def _lock_parties(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """Whoever could meet in a thread is handled by one worker at a time, and so are a message and its changes, and the
    copies of a message that names nobody; sorted, so that none wait in a ring."""
    names = {key[2] for arrival in arrivals for key in arrival.keys}
    names |= {f"{arrival.stored.channel_id} {arrival.incoming.external_id}" for arrival in arrivals}
    names |= {name for arrival in arrivals if not arrival.keys
              for name in (arrival.incoming.identity, arrival.incoming.copy_of) if name}
    hashes = sorted({zlib.crc32(name.encode()) - 2**31 for name in names})
    # one at a time for each address
    await connection.execute("select pg_advisory_xact_lock($1, k) from unnest($2::int[]) as k", PARTY_LOCK, hashes)


async def _fresh(connection: Connection, arrivals: list[Arrival], house: Configuration,
                 at: datetime) -> list[Arrival]:
    """Without the items that are here already; one that could not be read before gets its text now."""
    # items of these deliveries, and mails under another number; in two parts, for one `or` reads all messages
    rows = await connection.fetch(
        "select m.delivery_id, m.item, m.channel_id, m.identity, m.id, m.conversation_id,"
        " m.kind = 'unreadable' and m.removed_at is null as to_mend from (select id from message"
        " where delivery_id = any($1::bigint[]) union select x.id from unnest($2::int[], $3::text[])"
        " as w(channel_id, identity) join message x using (channel_id, identity)) here join message m using (id)",
        [arrival.stored.id for arrival in arrivals], [arrival.stored.channel_id for arrival in arrivals],
        [arrival.incoming.identity or None for arrival in arrivals])
    items = {(row["delivery_id"], row["item"]): row for row in rows}
    identities = {(row["channel_id"], row["identity"]) for row in rows if row["identity"]}
    fresh = []
    for arrival in arrivals:
        known = items.get((arrival.stored.id, arrival.item))
        identity = (arrival.stored.channel_id, arrival.incoming.identity)
        if known and known["to_mend"] and "unreadable" not in arrival.incoming.problems:
            arrival.message_id, arrival.conversation_id = known["id"], known["conversation_id"]
            await mend(connection, arrival, identity[1] if identity not in identities else None, house, at)
        elif not known and not (identity[1] and identity in identities):
            identities.add(identity)
            fresh.append(arrival)
    return fresh


async def _share(connection: Connection, arrivals: Sequence[Arrival]) -> None:
    """The same message from another delivery: those bytes go when it goes."""
    if arrivals:
        # not the delivery that it was read from
        await connection.execute(
            "update delivery d set copy_of = m.id from unnest($1::bigint[], $2::int[], $3::text[])"
            " as w(id, channel_id, identity) join message m using (channel_id, identity) where d.id = w.id"
            " and d.copy_of is null and m.delivery_id <> d.id", [one.stored.id for one in arrivals],
            [one.stored.channel_id for one in arrivals], [one.incoming.identity for one in arrivals])


async def _removed(connection: Connection, arrivals: Sequence[Arrival]) -> dict[int, str]:
    """What a person took away may come once more: from a renumbered mailbox, or late from another one."""
    if not arrivals:
        return {}
    # other deliveries of a message that was removed
    rows = await connection.fetch(
        "select w.id from unnest($1::bigint[], $2::int[], $3::text[], $4::text[]) as w(id, channel_id, identity, name)"
        " where exists (select from message m where m.channel_id = w.channel_id and m.identity = w.identity"
        "  and m.removed_at is not null)"
        " or exists (select from message m where m.copy_of = w.name and m.removed_at is not null)",
        [one.stored.id for one in arrivals], [one.stored.channel_id for one in arrivals],
        [one.incoming.identity or None for one in arrivals], [one.incoming.copy_of or None for one in arrivals])
    return {row["id"]: "removed" for row in rows}


def _is_proof(item: Incoming, secret: bytes) -> bool:
    """Our message to ourselves that proves a reply address, or the report that it did not arrive."""
    # its address says it too: a mail server may have given it another id
    ids = item.answers_to if item.kind == Kind.BOUNCE else (item.external_id, item.reply_token)
    return any(is_proof(id, secret) for id in ids)


async def _not_ours(connection: Connection, arrivals: list[Arrival], at: datetime) -> list[Arrival]:
    """Our own replies come back in the sent folder: they prove that an uncertain one did go out."""
    sent = {arrival.incoming.external_id for arrival in arrivals if arrival.incoming.direction == "out"}
    if not sent:
        return arrivals
    # replies that were written here
    rows = await connection.fetch(
        "select id, external_id, conversation_id, send_state from message where external_id = any($1::text[])"
        " and client_id is not null for no key update", sorted(sent))
    for row in rows:
        if row["send_state"] in ("unknown", "sending"):
            await _proved(connection, row, at)
    known = {row["external_id"]: row["conversation_id"] for row in rows}
    await connection.executemany(
        # an answer may name it by the id that the mail server gave it
        "insert into thread_key (channel_id, reference, party, conversation_id) values ($1, $2, $3, $4)"
        " on conflict do nothing",
        [(*key, known[arrival.incoming.external_id]) for arrival in arrivals if arrival.incoming.direction == "out"
         and arrival.incoming.external_id in known for key in arrival.keys])
    ours = known.keys() | await _echoes(connection, [arrival for arrival in arrivals if arrival.incoming.direction
                                                     == "out" and arrival.incoming.external_id not in known], at)
    return [arrival for arrival in arrivals
            if not (arrival.incoming.direction == "out" and arrival.incoming.external_id in ours)]


async def _echoes(connection: Connection, arrivals: list[Arrival], at: datetime) -> set[str]:
    """Where the channel gives the id, a reply may come back before its sender, or a broken connection, told us which:
    known by what it answers and its words. Returns the ids the channel gave."""
    if not any(arrival.incoming.answers_to for arrival in arrivals):
        return set()
    # replies of which it is not known whether they went out
    rows = await connection.fetch(
        "select id, channel_id, conversation_id, body, answers_to, public, recipients from message"
        " where channel_id = any($1::int[]) and client_id is not null and (send_state in ('sending', 'unknown')"
        " or send_state = 'queued' and unsure_since is not null) for no key update",
        sorted({arrival.stored.channel_id for arrival in arrivals}))
    found: dict[int, str] = {}
    for arrival in arrivals:
        item = arrival.incoming
        for row in rows:
            same = row["channel_id"] == arrival.stored.channel_id and set(row["answers_to"]) & set(item.answers_to)
            if same and row["id"] not in found and _squeezed(row["body"]) in _squeezed(item.text):
                found[row["id"]] = item.external_id
                await sending.expect(connection, row, item.external_id)
                await _proved(connection, row, at, item.external_id)
                break
    return set(found.values())


def _squeezed(text: str) -> str:
    return "".join(text.split())


async def _proved(connection: Connection, row: Any, at: datetime, external_id: str = "") -> None:
    # it is at the source, so it was sent
    await connection.execute("update message set send_state = 'sent', sent_at = $2, send_note = '', sender = null,"
                             " external_id = coalesce(nullif($3, ''), external_id) where id = $1",
                             row["id"], at, external_id)
    before = (await conversation.lock(connection, [row["conversation_id"]]))[row["conversation_id"]]
    after = replace(before, problem="" if before.problem == "unknown" else before.problem,
                    version=before.version + 1)
    await conversation.change(connection, before, after, Draft("delivery_state", at, message_id=row["id"]))
