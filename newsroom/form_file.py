"""The form file: what a resident added to a form that is not sent yet. Kept for a day at most."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from newsroom.database import Connection

KEEP = timedelta(days=1)
MOST_BYTES = 2 << 30  # of all forms that are being filled in: a disk is not filled by strangers


class Full(Exception):
    """No room for more files of forms that are being filled in."""


@dataclass(frozen=True, slots=True)
class FormFile:
    """A file as the signed state of a form names it."""

    id: int
    field: str
    name: str
    type: str
    size: int


async def stage(connection: Connection, form_key: str, field: str, name: str, type: str, content: bytes,
                at: datetime) -> FormFile:
    """Keep a file. Raises `Full`."""
    # how much strangers keep here
    total = await connection.fetchval("select coalesce(sum(size), 0) from form_file")
    if total + len(content) > MOST_BYTES:
        raise Full
    # until the form is sent
    id = await connection.fetchval(
        "insert into form_file (form_key, name, type, size, sha256, content, at) values ($1, $2, $3, $4, $5, $6, $7)"
        " returning id", form_key, name, type, len(content), hashlib.sha256(content).digest(), content, at)
    return FormFile(id, field, name, type, len(content))


async def contents(connection: Connection, form_key: str, ids: Sequence[int]) -> dict[int, bytes]:
    """The bytes by id, of this form only; those that were purged are missing."""
    # what goes with the form
    rows = await connection.fetch("select id, content from form_file where form_key = $1 and id = any($2::bigint[])",
                                  form_key, list(ids))
    return {row["id"]: row["content"] for row in rows}


async def drop(connection: Connection, form_key: str, id: int) -> None:
    """The resident took it away."""
    # at once, not after a day
    await connection.execute("delete from form_file where form_key = $1 and id = $2", form_key, id)


async def clean(connection: Connection, at: datetime) -> int:
    """Forget the files of forms that were begun over a day ago. Returns how many."""
    # forms that were never sent, and those that were: their files are with the message
    return len(await connection.fetch("delete from form_file where at < $1 returning id", at - KEEP))
