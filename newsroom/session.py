"""The session: who is signed in, from where, since when. Only the hash of its id is stored."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsroom.database import Connection

IDLE = timedelta(minutes=30)  # without a request and without an open board
LONGEST = timedelta(hours=12)  # a working day
TOUCH = timedelta(minutes=1)  # `seen_at` is written at most this often
LONGEST_AGENT = 200  # characters of a browser's name


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser. `token_hash` is 32 bytes; the token itself is only in the cookie."""

    token_hash: bytes
    account_id: int
    created_at: datetime
    seen_at: datetime
    address: str
    agent: str

    @property
    def id(self) -> str:
        """How a page names it: tells nothing that opens it."""
        return self.token_hash[:8].hex()


async def start(connection: Connection, account_id: int, at: datetime, address: str, agent: str) -> str:
    """A new session. Returns its token, 256 random bits, for the cookie."""
    token = secrets.token_urlsafe(32)
    # a fresh id at every sign-in
    await connection.execute("insert into session (token_hash, account_id, created_at, seen_at, address, agent)"
                             " values ($1, $2, $3, $3, $4, $5)", hash_of(token), account_id, at, address,
                             agent[:LONGEST_AGENT])
    return token


async def find(connection: Connection, token: str, at: datetime) -> Session | None:
    """The session of this token when it is still good; its activity is noted."""
    # the session behind a cookie
    row = await connection.fetchrow(
        "select token_hash, account_id, created_at, seen_at, address, agent from session"
        " where token_hash = $1 and seen_at > $2 and created_at > $3", hash_of(token), at - IDLE, at - LONGEST)
    if row is None:
        return None
    if row["seen_at"] < at - TOUCH:
        await keep(connection, row["token_hash"], at)
    return Session(**row)


async def keep(connection: Connection, token_hash: bytes, at: datetime) -> bool:
    """Note activity, also from an open board. False: the session has ended, close what it opened."""
    # a signed-in person is still there
    return await connection.fetchval(
        "update session set seen_at = greatest(seen_at, $2)"
        " where token_hash = $1 and seen_at > $3 and created_at > $4 returning true",
        token_hash, at, at - IDLE, at - LONGEST) or False


async def keep_all(connection: Connection, token_hashes: set[bytes], at: datetime) -> set[bytes]:
    """Note the activity of all open boards. Returns those whose session is still good."""
    # who looks at a board is there
    await connection.execute("update session set seen_at = $2 where token_hash = any($1::bytea[]) and seen_at > $3"
                             " and seen_at < $4", list(token_hashes), at, at - IDLE, at - TOUCH)
    rows = await connection.fetch("select token_hash from session where token_hash = any($1::bytea[])"
                                  " and seen_at > $2 and created_at > $3", list(token_hashes), at - IDLE, at - LONGEST)
    return {row["token_hash"] for row in rows}


async def renew(connection: Connection, token_hash: bytes) -> str:
    """Another id for the same session, when its rights change. Returns the new token."""
    token = secrets.token_urlsafe(32)
    # the old id is worth nothing from here on
    await connection.execute("update session set token_hash = $2 where token_hash = $1", token_hash, hash_of(token))
    return token


async def of_account(connection: Connection, account_id: int, at: datetime) -> list[Session]:
    """The sessions of one person that are still good, latest first."""
    # for the profile
    rows = await connection.fetch(
        "select token_hash, account_id, created_at, seen_at, address, agent from session"
        " where account_id = $1 and seen_at > $2 and created_at > $3 order by seen_at desc, token_hash",
        account_id, at - IDLE, at - LONGEST)
    return [Session(**row) for row in rows]


async def end(connection: Connection, token_hash: bytes) -> None:
    """End one session."""
    # signed out
    await connection.execute("delete from session where token_hash = $1", token_hash)


async def end_by_id(connection: Connection, account_id: int, id: str) -> bool:
    """End one of one's own sessions, named as on the profile. False: there is no such session."""
    # never another person's
    done = await connection.execute("delete from session where account_id = $1"
                                    " and encode(substr(token_hash, 1, 8), 'hex') = $2", account_id, id)
    return done != "DELETE 0"


async def end_all(connection: Connection, account_id: int, keep: bytes | None = None) -> int:
    """End all sessions of a person, but the one with hash `keep`. Returns how many."""
    # after a new password, other roles, or leaving
    done = await connection.execute("delete from session where account_id = $1 and token_hash is distinct from $2",
                                    account_id, keep)
    return int(done.split()[-1])


async def clean(connection: Connection, at: datetime) -> None:
    """Forget sessions that are over."""
    # they hold addresses, which are personal data
    await connection.execute("delete from session where seen_at <= $1 or created_at <= $2", at - IDLE, at - LONGEST)


def hash_of(token: str) -> bytes:
    """What is stored of a token: 256 random bits need no slow hash."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
