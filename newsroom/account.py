"""The account: somebody who works here. What they may is in rights.py and access.py, how they sign in in password.py.

The password's hash never leaves this module.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address

import asyncpg

from newsroom import link, password, session
from newsroom.change import Wrong
from newsroom.database import Connection, Database

THEMES = ("auto", "light", "dark")
DENSITIES = ("roomy", "compact")
LANGUAGES = ("nl", "en")
LONGEST_NAME, LONGEST_EMAIL = 100, 254  # characters; the second from RFC 5321
EMAIL = re.compile(r"[^\s@<>\",;:\\()\[\]\x00-\x20\x7f]+@[^\s@<>\",;:\\()\[\]\x00-\x20\x7f]+\.[^\s@.<>\",;:\\()\[\]]+")
CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Account:
    """One person. Times are UTC; `teams` are ids."""

    id: int
    email: str
    name: str
    initials: str
    roles: list[str]
    teams: list[int]
    language: str
    theme: str
    density: str
    single_keys: bool
    has_password: bool
    created_at: datetime
    disabled_at: datetime | None


async def find(connection: Connection, account_id: int) -> Account | None:
    """One account, also when it is disabled."""
    # one person
    row = await connection.fetchrow(
        "select id, email, name, initials, roles, array(select team_id from account_team where account_id = a.id"
        " order by team_id) as teams, language, theme, density, single_keys, password_hash <> '' as has_password,"
        " created_at, disabled_at from account a where id = $1", account_id)
    return Account(**row) if row else None


async def by_email(connection: Connection, email: str) -> Account | None:
    """The account with this address, whatever its capitals."""
    # one person, for the command line and resets
    id = await connection.fetchval("select id from account where lower(email) = $1", email.strip().lower())
    return await find(connection, id) if id else None


async def everyone(connection: Connection) -> list[Account]:
    """All accounts, those who can sign in first, by name."""
    # the list in Beheer
    rows = await connection.fetch(
        "select id, email, name, initials, roles, array(select team_id from account_team where account_id = a.id"
        " order by team_id) as teams, language, theme, density, single_keys, password_hash <> '' as has_password,"
        " created_at, disabled_at from account a order by disabled_at is not null, lower(name), id")
    return [Account(**row) for row in rows]


async def anybody(connection: Connection) -> bool:
    """Whether there is an account at all; the first is made by the start link."""
    # an empty installation
    return await connection.fetchval("select exists (select from account)")


async def create(connection: Connection, email: str, name: str, at: datetime, language: str = "nl") -> int:
    """A new account without roles and without a password. Returns its id. Raises `Wrong`."""
    email, name = checked_email(email), checked_name(name)
    try:
        async with connection.transaction():
            # somebody new; rights come from rights.py
            return await connection.fetchval(
                "insert into account (email, name, initials, language, created_at) values ($1, $2, $3, $4, $5)"
                " returning id", email, name, initials(name), language if language in LANGUAGES else "nl", at)
    except asyncpg.UniqueViolationError as error:
        raise Wrong("email", "wrong.email_taken") from error


async def set_profile(connection: Connection, account_id: int, name: str, language: str, theme: str, density: str,
                      single_keys: bool) -> None:
    """What people set themselves. Raises `Wrong`."""
    name = checked_name(name)
    for field, value, allowed in (("language", language, LANGUAGES), ("theme", theme, THEMES),
                                  ("density", density, DENSITIES)):
        if value not in allowed:
            raise Wrong(field, "wrong.choice")
    # how the screens look to this person
    await connection.execute("update account set name = $2, initials = $3, language = $4, theme = $5, density = $6,"
                             " single_keys = $7 where id = $1", account_id, name, initials(name), language, theme,
                             density, single_keys)


async def set_density(connection: Connection, account_id: int, density: str) -> None:
    """How much room a card takes. Raises `Wrong`."""
    if density not in DENSITIES:
        raise Wrong("density", "wrong.choice")
    # how the screens look to this person
    await connection.execute("update account set density = $2 where id = $1", account_id, density)


async def set_name(connection: Connection, account_id: int, name: str) -> None:
    """Another name. Raises `Wrong`."""
    name = checked_name(name)
    # as it stands on cards
    await connection.execute("update account set name = $2, initials = $3 where id = $1", account_id, name,
                             initials(name))


async def set_password(connection: Connection, account_id: int, hashed: str, at: datetime,
                       keep: bytes | None = None) -> None:
    """Store what `password.hash` made, outside the transaction, of a checked password. Every link and every session
    but `keep` ends."""
    # the only place where a password is written by its owner
    await connection.execute("update account set password_hash = $2 where id = $1", account_id, hashed)
    await link.revoke(connection, account_id, at)
    await session.end_all(connection, account_id, keep)


async def sign_in(database: Database, email: str, given: str) -> int | None:
    """The id of the account that this address and password open, or None. An unknown address, a disabled account
    and a wrong password cost the same work. No connection is held while the hash is computed."""
    async with database.connection() as connection:
        # who says to be here
        row = await connection.fetchrow(
            "select id, password_hash from account where lower(email) = $1 and disabled_at is null",
            email.strip().lower())
    stored = row["password_hash"] if row else ""
    if not await password.verify(stored, given) or row is None:
        return None
    if password.stale(stored):
        fresh = await password.hash(given)
        async with database.connection() as connection:
            # today's costs, without asking the person anything
            await connection.execute("update account set password_hash = $2 where id = $1 and password_hash = $3",
                                     row["id"], fresh, stored)
    return row["id"]


async def proves(database: Database, account_id: int, given: str) -> bool:
    """Whether this is the person's own password: asked again before rights or the password change."""
    async with database.connection() as connection:
        # the same check as at sign-in
        stored = await connection.fetchval(
            "select password_hash from account where id = $1 and disabled_at is null", account_id)
    return await password.verify(stored or "", given)


def checked_name(name: str) -> str:
    """The name without outer blanks. Raises `Wrong`."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or CONTROL.search(name):
        raise Wrong("name", "wrong.name")
    return name


def checked_email(email: str) -> str:
    """The address without outer blanks. Raises `Wrong`: also for a line break, which could add a mail header."""
    email = email.strip()
    if len(email) > LONGEST_EMAIL or not EMAIL.fullmatch(email):
        raise Wrong("email", "wrong.email")
    try:
        Address(addr_spec=email)  # a letter goes to it
    except (ValueError, MessageError) as error:
        raise Wrong("email", "wrong.email") from error
    return email


def initials(name: str) -> str:
    """Two letters for the round badge: first and last name, particles left out ("Bas de Wit": BW)."""
    words = [word for word in re.split(r"[\s-]+", name) if word[:1].isalnum()]
    capital = [word for word in words if word[0].isupper() or word[0].isdigit()] or words
    picked = capital[:1] + capital[1:][-1:]
    return ("".join(word[0] for word in picked) or name[:1]).upper()[:2]
