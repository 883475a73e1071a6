"""The contact: a person or organisation, known by addresses over the channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from connectors import Author
from newsroom.database import Connection

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
