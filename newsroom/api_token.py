"""The API token: what a program shows to hand over deliveries for one channel. Only its hash is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from newsroom.database import Connection, Database

PREFIX = "nr_"  # so that people and secret scanners know what it is
LONGEST = 100  # characters; ours has 46
KNOWN_SECONDS = 3.0  # a revoked token works at most this much longer
MOST_KNOWN = 10_000  # tokens kept in memory


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A token as Beheer shows it: never the token itself."""

    id: int
    name: str
    channel_id: int | None
    created_at: datetime
    revoked_at: datetime | None


async def create(connection: Connection, name: str, channel_id: int, at: datetime) -> str:
    """A new token for deliveries into one channel. Shown once, here."""
    token = PREFIX + secrets.token_urlsafe(32)
    # the token itself is never stored
    await connection.execute("insert into api_token (token_hash, name, channel_id, scopes, created_at)"
                             " values ($1, $2, $3, $4, $5)", hash_of(token), name, channel_id, ["deliver"], at)
    return token


async def revoke(connection: Connection, id: int, at: datetime) -> bool:
    """Stop a token. False when it was stopped already, or never was."""
    # it stays in the list, with its end
    return await connection.fetchval("update api_token set revoked_at = $2 where id = $1 and revoked_at is null"
                                     " returning id", id, at) is not None


async def every(connection: Connection) -> list[ApiToken]:
    """All tokens, newest first."""
    # the list for administrators
    rows = await connection.fetch("select id, name, channel_id, created_at, revoked_at from api_token"
                                  " order by id desc")
    return [ApiToken(**row) for row in rows]


async def channel_of(connection: Connection, token_hash: bytes) -> int | None:
    """The channel that a token may deliver into."""
    # a token that still works, of a channel in use
    return await connection.fetchval(
        "select c.id from api_token t join channel c on c.id = t.channel_id where t.token_hash = $1"
        " and t.revoked_at is null and 'deliver' = any(t.scopes) and c.archived_at is null", token_hash)


def hash_of(token: str) -> bytes:
    """SHA-256: the token is random, so a slow hash protects nothing more."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()


class Tokens:
    """Tokens that were seen lately, so that a delivery costs no query. Strangers' tokens are remembered too."""

    def __init__(self, database: Database):
        self._database = database
        self._known: dict[bytes, tuple[float, int | None]] = {}

    async def channel(self, authorization: str) -> int | None:
        """The channel behind an Authorization header ("Bearer ..."), or None."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX) or len(token) > LONGEST:
            return None
        hashed = hash_of(token)
        known = self._known.get(hashed)
        if known is None or monotonic() - known[0] > KNOWN_SECONDS:
            known = await self._look(hashed)
        return known[1]

    def forget(self) -> None:
        """Look everything up anew, after a change here."""
        self._known.clear()

    async def _look(self, hashed: bytes) -> tuple[float, int | None]:
        at = monotonic()
        async with self._database.connection() as connection:
            found = (at, await channel_of(connection, hashed))
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[hashed] = found
        return found
