"""The API token: what a program shows to hand over deliveries for one channel, or to read what one account may see.
Only its hash is stored."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from newsroom import change
from newsroom.change import By, Wrong
from newsroom.database import Connection, Database
from newsroom.option import CONTROL

PREFIX = "nr_"  # so that people and secret scanners know what it is
LONGEST = 100  # characters; ours has 46
LONGEST_NAME = 100  # characters
KNOWN_SECONDS = 3.0  # a revoked token works at most this much longer
MOST_KNOWN = 10_000  # tokens kept in memory
DELIVER = "deliver"
SCOPES = {
    DELIVER: "hand over messages for one channel",
    "conversations": "read conversations and their messages",
    "contacts": "read who wrote, with addresses",
    "channels": "read channels and their health",
    "events": "follow what happens",
}


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as Beheer shows it: never the token itself. `channel` is for DELIVER, `account` for everything else."""

    id: int
    name: str
    scopes: Sequence[str]
    channel_id: int | None
    account_id: int | None
    created_at: datetime
    used_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who shows a token: what it may do, and for whom."""

    id: int
    scopes: frozenset[str]
    channel_id: int | None
    account_id: int | None


async def create(connection: Connection, name: str, scopes: Sequence[str], by: By, channel_id: int | None = None,
                 account_id: int | None = None) -> str:
    """A new token. Shown once, here. Raises `Wrong`: DELIVER wants a channel, reading wants an account."""
    name, wanted = name.strip(), sorted(set(scopes))
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    if not wanted or not set(wanted) <= SCOPES.keys():
        raise Wrong("scopes", "wrong.token_scopes")
    if (DELIVER in wanted) != (channel_id is not None):
        raise Wrong("channel", "wrong.token_channel")
    if (wanted != [DELIVER]) != (account_id is not None):
        raise Wrong("account", "wrong.token_account")
    token = PREFIX + secrets.token_urlsafe(32)
    # the token itself is never stored
    id = await connection.fetchval(
        "insert into api_token (token_hash, name, channel_id, account_id, scopes, created_at)"
        " values ($1, $2, $3, $4, $5, $6) returning id", hash_of(token), name, channel_id, account_id, wanted, by.at)
    await change.note(connection, by, "token", id, name, {},
                      {"scopes": wanted, "channel": channel_id, "account": account_id})
    return token


async def revoke(connection: Connection, id: int, by: By) -> bool:
    """Stop a token. False when it was stopped already, or never was."""
    # it stays in the list, with its end
    name = await connection.fetchval("update api_token set revoked_at = $2 where id = $1 and revoked_at is null"
                                     " returning name", id, by.at)
    if name is not None:
        await change.note(connection, by, "token", id, name, {"revoked": False}, {"revoked": True})
    return name is not None


async def every(connection: Connection) -> list[ApiToken]:
    """All tokens, those in use first, newest first."""
    # the list for administrators
    rows = await connection.fetch("select id, name, scopes, channel_id, account_id, created_at, used_at, revoked_at"
                                  " from api_token order by revoked_at is not null, id desc")
    return [ApiToken(**row) for row in rows]


async def find(connection: Connection, token_hash: bytes) -> Holder | None:
    """Who holds a token that still works. Its channel is in use, its account may sign in: else it does not."""
    # revoked, or of a channel or account that is gone: worth nothing
    row = await connection.fetchrow(
        "select t.id, t.scopes, t.channel_id, t.account_id from api_token t left join channel c on c.id = t.channel_id"
        " left join account a on a.id = t.account_id where t.token_hash = $1 and t.revoked_at is null"
        " and c.archived_at is null and a.disabled_at is null", token_hash)
    return Holder(row["id"], frozenset(row["scopes"]), row["channel_id"], row["account_id"]) if row else None


async def note_use(connection: Connection, id: int, at: datetime) -> None:
    """Keep that a token is in use."""
    # to the hour: a busy token writes no row for each request
    await connection.execute("update api_token set used_at = $2::timestamptz where id = $1"
                             " and (used_at is null or used_at < $2::timestamptz - interval '1 hour')", id, at)


def hash_of(token: str) -> bytes:
    """SHA-256: the token is random, so a slow hash protects nothing more."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


class Tokens:
    """Tokens that were seen lately, so that a delivery costs no query. Strangers' tokens are remembered too."""

    def __init__(self, database: Database):
        self._database = database
        self._known: dict[bytes, tuple[float, Holder | None]] = {}
        self._looking: dict[bytes, asyncio.Future[tuple[float, Holder | None]]] = {}

    async def holder(self, authorization: str, at: datetime) -> Holder | None:
        """Who is behind an Authorization header ("Bearer ..."), or None."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX) or len(token) > LONGEST:
            return None
        hashed = hash_of(token)
        known = self._known.get(hashed)
        if known is None or monotonic() - known[0] > KNOWN_SECONDS:
            known = await self._look_once(hashed, at)
        return known[1]

    def forget(self) -> None:
        """Look everything up anew, after a change here."""
        self._known, self._looking = {}, {}  # others: what is under way may have looked before the change

    async def _look_once(self, hashed: bytes, at: datetime) -> tuple[float, Holder | None]:
        """Many requests of a busy program wait for one query."""
        looking = self._looking
        if hashed not in looking:
            looking[hashed] = asyncio.ensure_future(self._look(hashed, at))
            looking[hashed].add_done_callback(lambda _: looking.pop(hashed))
        return await asyncio.shield(looking[hashed])

    async def _look(self, hashed: bytes, at: datetime) -> tuple[float, Holder | None]:
        looked, remembered = monotonic(), self._known
        async with self._database.connection() as connection:
            found = await find(connection, hashed)
            if found is not None:
                await note_use(connection, found.id, at)
        if len(remembered) >= MOST_KNOWN:
            remembered.clear()
        remembered[hashed] = (looked, found)
        return remembered[hashed]
