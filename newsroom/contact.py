"""The contact: a person or organisation, known by addresses over the channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors import Author
from newsroom.database import Connection

SHORTEST_SEARCH, LONGEST_SEARCH = 3, 100  # characters


@dataclass(frozen=True, slots=True)
class Contact:
    """One row."""

    id: int
    name: str
    created_at: datetime


Known = dict[tuple[str, str], tuple[int, bool]]


async def of(connection: Connection, authors: Iterable[Author], at: datetime) -> Known:
    """The contact of each author with an address, made when new: {(kind, address): (contact id, blocked)}."""
    wanted = {(author.kind, author.address): author.name for author in authors if author.address}
    found = await _find(connection, list(wanted))
    missing = sorted(key for key in wanted if key not in found)
    if missing:
        # people who write for the first time; the caller holds the lock of each address
        ids = await connection.fetch("insert into contact (name, created_at) select name, $2"
                                     " from unnest($1::text[]) as name returning id",
                                     [wanted[key][:200] for key in missing], at)
        # their addresses
        made = await connection.fetch(
            "insert into contact_identity (kind, address, contact_id, name)"
            " select * from unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) on conflict do nothing"
            " returning kind, address, contact_id",
            [kind for kind, _ in missing], [address for _, address in missing], [row["id"] for row in ids],
            [wanted[key][:200] for key in missing])
        found |= {(row["kind"], row["address"]): (row["contact_id"], False) for row in made}
        found |= await _find(connection, [key for key in missing if key not in found])
    return found


async def nameless(connection: Connection, names: Sequence[str], at: datetime) -> list[int]:
    """Contacts for messages without a sender's address."""
    # somebody unknown
    rows = await connection.fetch("insert into contact (name, created_at) select name, $2"
                                  " from unnest($1::text[]) as name returning id", list(names), at)
    return [row["id"] for row in rows]


async def page(connection: Connection, classes: Iterable[str], after: int, limit: int) -> list[Contact]:
    """A part of the contacts that have a conversation of these classes, by id, after `after`."""
    # who wrote, as far as it may be seen
    rows = await connection.fetch(
        "select c.id, c.name, c.created_at from contact c where c.id > $2 and exists(select from conversation k"
        " where k.contact_id = c.id and k.visibility = any($1::text[]) and k.state not in ('merged', 'removed'))"
        " order by c.id limit $3", sorted(classes), after, limit)
    return [Contact(**row) for row in rows]


async def identities(connection: Connection, contact_id: int) -> list[dict[str, Any]]:
    """The addresses of one contact: kind, address, name, blocked_at."""
    # how this person is known
    rows = await connection.fetch("select kind, address, name, blocked_at from contact_identity"
                                  " where contact_id = $1 order by kind, address", contact_id)
    return [dict(row) for row in rows]


async def conversations(connection: Connection, contact_id: int, classes: Sequence[str],
                        limit: int = 50) -> list[dict[str, Any]]:
    """The history of one contact over all channels, newest first, as far as these classes may see it."""
    # everything this person asked
    rows = await connection.fetch(
        "select reference, channel_id, subject, excerpt, state, last_at from conversation where contact_id = $1"
        " and visibility = any($2::text[]) and state not in ('merged', 'removed') order by last_at desc limit $3",
        contact_id, sorted(classes), limit)
    return [dict(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who was found: `identities` are (kind, address), `n` conversations that the asker may see."""

    id: int
    name: str
    identities: list[tuple[str, str]]
    n: int
    last_at: datetime


async def search(connection: Connection, classes: Sequence[str], words: str, number: str = "",
                 limit: int = 8) -> list[Found]:
    """People by a part of their name or address, or by telephone `number` (E.164), who last wrote first. Only who has a
    conversation that these classes may see: others do not exist here."""
    words = words.replace("\x00", "").strip()
    if not SHORTEST_SEARCH <= len(words) <= LONGEST_SEARCH:
        return []
    escaped = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    rows = await connection.fetch(SEARCH, f"%{escaped}%", number, sorted(classes), limit)
    return [Found(row["id"], row["name"], [tuple(one) for one in row["identities"]], row["n"], row["last_at"])
            for row in rows]


async def addresses(connection: Connection, classes: Sequence[str], contact_id: int) -> dict[str, str]:
    """The addresses of one contact by kind; empty for one that these classes know nothing of."""
    # to fill in for a colleague who chose this person
    rows = await connection.fetch(
        "select distinct on (i.kind) i.kind, i.address, i.name from contact_identity i where i.contact_id = $1"
        " and exists (select from conversation c where c.contact_id = $1 and c.visibility = any($2::text[]))"
        " order by i.kind, i.address", contact_id, sorted(classes))
    return {row["kind"]: row["address"] for row in rows}


def masked(address: str) -> str:
    """An address as it shows until somebody asks for it: "m.d•••@voorbeeld.example", "•••• 4417"."""
    local, at, domain = address.rpartition("@")
    if at:
        return f"{local[:min(3, len(local) // 2 + 1)]}•••@{domain}"
    return "•••• " + address[-4:] if len(address) > 6 else address


async def _find(connection: Connection, keys: Sequence[tuple[str, str]]) -> Known:
    if not keys:
        return {}
    # known addresses
    rows = await connection.fetch(
        "select i.kind, i.address, i.contact_id, i.blocked_at is not null as blocked from contact_identity i"
        " join unnest($1::text[], $2::text[]) as k(kind, address) using (kind, address)",
        [key[0] for key in keys], [key[1] for key in keys])
    return {(row["kind"], row["address"]): (row["contact_id"], row["blocked"]) for row in rows}


# by the trigrams of names and addresses; a thousand at most, of whom those with something to see are kept
SEARCH = """
select p.id, coalesce(nullif(p.name, ''), (select max(name) from contact_identity where contact_id = p.id)) as name,
  (select json_agg(json_build_array(kind, address) order by kind, address) from contact_identity
    where contact_id = p.id and kind in ('email', 'phone')) as identities, v.n, v.last_at
from (select distinct contact_id as id from (
    select contact_id from contact_identity where name ilike $1 or address ilike $1 or (kind = 'phone' and address = $2)
    limit 1000) i) k
join contact p on p.id = k.id
join lateral (select count(*)::int as n, max(last_at) as last_at from conversation c where c.contact_id = p.id
  and c.visibility = any($3::text[]) and c.state not in ('merged', 'removed', 'spam')) v on v.n > 0
where exists (select from contact_identity where contact_id = p.id and kind in ('email', 'phone'))
order by v.last_at desc, p.id limit $4"""
