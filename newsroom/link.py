"""The one-time link: the first start, an invitation, a new password. Only the hash of its token is stored."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from newsroom.database import Connection
from newsroom.session import hash_of

Purpose = Literal["start", "invitation", "reset"]
LASTS: dict[Purpose, timedelta] = {
    "start": timedelta(hours=1),
    "invitation": timedelta(hours=24),
    "reset": timedelta(hours=24),
}
PATHS: dict[Purpose, str] = {"start": "/start/", "invitation": "/uitnodiging/", "reset": "/wachtwoord/"}
TOKEN_LENGTH = 43  # 256 bits in URL-safe base64


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is still good. Without `account_id` it makes the first account."""

    purpose: Purpose
    account_id: int | None
    expires_at: datetime


async def make(connection: Connection, purpose: Purpose, account_id: int | None, at: datetime) -> str:
    """A path with a fresh token. Earlier links for the same purpose and person stop working."""
    token = secrets.token_urlsafe(32)
    # only the newest link works
    await connection.execute("update one_time_token set used_at = $3 where purpose = $1"
                             " and account_id is not distinct from $2 and used_at is null", purpose, account_id, at)
    # the token itself is never stored
    await connection.execute("insert into one_time_token (token_hash, purpose, account_id, expires_at)"
                             " values ($1, $2, $3, $4)", hash_of(token), purpose, account_id, at + LASTS[purpose])
    return PATHS[purpose] + token


async def look(connection: Connection, purpose: Purpose, token: str, at: datetime) -> Link | None:
    """The link, without using it up: programs that open links in mail beforehand do not spoil it."""
    if len(token) != TOKEN_LENGTH:
        return None
    # whether the page behind the link may be shown
    row = await connection.fetchrow(
        "select o.purpose, o.account_id, o.expires_at from one_time_token o left join account a on a.id = o.account_id"
        " where o.token_hash = $1 and o.purpose = $2 and o.used_at is null and o.expires_at > $3"
        " and a.disabled_at is null", hash_of(token), purpose, at)
    return Link(**row) if row else None


async def use(connection: Connection, purpose: Purpose, token: str, at: datetime) -> Link | None:
    """Use the link up; of two at once one gets it. In the transaction of what it is used for."""
    if len(token) != TOKEN_LENGTH:
        return None
    # judged and used in one statement
    row = await connection.fetchrow(
        "update one_time_token o set used_at = $3 where o.token_hash = $1 and o.purpose = $2 and o.used_at is null"
        " and o.expires_at > $3"
        " and not exists (select from account a where a.id = o.account_id and a.disabled_at is not null)"
        " returning o.purpose, o.account_id, o.expires_at", hash_of(token), purpose, at)
    return Link(**row) if row else None


async def revoke(connection: Connection, account_id: int, at: datetime) -> None:
    """No link of this person works any more."""
    # a new password, or somebody left
    await connection.execute("update one_time_token set used_at = $2 where account_id = $1 and used_at is null",
                             account_id, at)


async def clean(connection: Connection, at: datetime) -> None:
    """Forget links that are over."""
    # nothing of value is lost
    await connection.execute("delete from one_time_token where expires_at < $1", at - timedelta(days=7))
