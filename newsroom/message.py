"""The message: one thing said, in, out, or as a note among colleagues. And its attachments."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from connectors import Attachment, Author
from newsroom.database import Connection

PIECE = 1_000_000  # bytes of an attachment read at a time


@dataclass(frozen=True, slots=True)
class Message:
    """One row. `recipients` is {to, cc, bcc, reply_to}, each a list of [kind, address, name]."""

    id: int
    conversation_id: int
    channel_id: int
    direction: str
    at: datetime
    delivery_id: int | None = None
    item: int = 0
    kind: str = "message"
    external_id: str = ""
    identity: str | None = None
    copy_of: str | None = None
    author_kind: str = ""
    author_address: str = ""
    author_name: str = ""
    account_id: int | None = None
    recipients: dict[str, list] = field(default_factory=dict)
    public: bool = False
    subject: str = ""
    body: str = ""
    quoted: str = ""
    html: str = ""
    details: list = field(default_factory=list)
    auto_reply: bool = False
    problems: list[str] = field(default_factory=list)
    answers_to: list[str] = field(default_factory=list)
    source_url: str = ""
    client_id: str | None = None
    send_state: str = ""
    send_after: datetime | None = None
    send_tries: int = 0
    sender: int | None = None
    send_note: str = ""
    sent_at: datetime | None = None
    removed_at: datetime | None = None
    removed_reason: str = ""  # empty: its writer deleted it
    edited_at: datetime | None = None
    earlier: list = field(default_factory=list)  # [[moment, text], ...]: what it said before its writer changed it
    unsure_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class File:
    """An attachment's row: its bytes are a blob, shared by their sha256."""

    id: int
    message_id: int
    place: int
    name: str
    type: str
    size: int
    sha256: bytes
    inline: bool
    content_id: str
    description: str = ""


COLUMNS = tuple(f.name for f in fields(Message))


async def reserve(connection: Connection, n: int) -> list[int]:
    """`n` fresh message ids."""
    # ids before rows, so that a batch needs one statement
    rows = await connection.fetch("select nextval('message_id_seq') as id from generate_series(1, $1)", n)
    return [row["id"] for row in rows]


async def insert(connection: Connection, rows: Sequence[Message]) -> None:
    """Add rows whose ids were reserved with `reserve`."""
    await connection.execute(INSERT, list(rows))


async def save(connection: Connection, rows: Sequence[Message]) -> None:
    """Write whole rows that are there already."""
    await connection.execute(SAVE, list(rows))


async def attach(connection: Connection, files: Sequence[tuple[int, int, Attachment]]) -> None:
    """Store `(message_id, place, attachment)`: each distinct content once."""
    if not files:
        return
    hashed = [(message_id, place, item, hashlib.sha256(item.content).digest()) for message_id, place, item in files]
    contents = {sha256: item.content for _, _, item, sha256 in hashed}
    # sorted, so that two batches with the same files cannot wait for each other
    await connection.executemany("insert into blob (sha256, content) values ($1, $2) on conflict do nothing",
                                 sorted(contents.items()))
    await connection.executemany(
        # the names and kinds under which they came
        "insert into attachment (message_id, place, name, type, size, sha256, inline, content_id, description)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        [(message_id, place, item.name, item.type, len(item.content), sha256, item.inline, item.content_id,
          item.description)
         for message_id, place, item, sha256 in hashed])


async def thread(connection: Connection, conversation_id: int) -> list[Message]:
    """All messages of a conversation in order: by time, then by the source's id."""
    # a conversation's messages
    rows = await connection.fetch("select " + NAMES + " from message where conversation_id = $1"
                                  " order by at, external_id, id", conversation_id)
    return [Message(**row) for row in rows]


async def get(connection: Connection, ids: Sequence[int]) -> dict[int, Message]:
    """Messages by id."""
    # single messages
    rows = await connection.fetch("select " + NAMES + " from message where id = any($1::bigint[])", list(ids))
    return {row["id"]: Message(**row) for row in rows}


async def files(connection: Connection, message_ids: Sequence[int]) -> dict[int, list[File]]:
    """The attachments of messages, in order."""
    # what hangs on these messages
    rows = await connection.fetch(
        "select id, message_id, place, name, type, size, sha256, inline, content_id, description from attachment"
        " where message_id = any($1::bigint[]) order by message_id, place", list(message_ids))
    found: dict[int, list[File]] = {}
    for row in rows:
        found.setdefault(row["message_id"], []).append(File(**row))
    return found


async def file(connection: Connection, id: int) -> File | None:
    """One attachment."""
    # a download
    row = await connection.fetchrow("select id, message_id, place, name, type, size, sha256, inline, content_id"
                                    " from attachment where id = $1", id)
    return File(**row) if row else None


async def piece(connection: Connection, sha256: bytes, start: int) -> bytes:
    """At most PIECE bytes of a blob from `start`; empty at its end."""
    # a part of a file, so that a large one never fills memory
    return await connection.fetchval("select substring(content from $2 for $3) from blob where sha256 = $1",
                                     sha256, start + 1, PIECE) or b""


async def content(connection: Connection, sha256: bytes) -> bytes:
    """A whole blob."""
    # a file to send along
    return await connection.fetchval("select content from blob where sha256 = $1", sha256)


def thread_reference(reference: str, public: bool) -> str:
    """A reference as thread keys hold it: what anybody could read and what was said in private never meet."""
    return f"public:{reference}" if public else reference


def people(authors: Sequence[Author]) -> list[list[str]]:
    """Authors as `recipients` holds them."""
    return [[author.kind, author.address, author.name] for author in authors]


def authors(people: Sequence[Sequence[str]] | None) -> tuple[Author, ...]:
    """What `people` made, as authors again."""
    return tuple(Author(*person) for person in people or ())


def recipients_of(to: Sequence[Any] = (), cc: Sequence[Any] = (), bcc: Sequence[Any] = (),
                  reply_to: Sequence[Any] = ()) -> dict[str, list]:
    """The `recipients` column, without its empty lists."""
    given = {"to": to, "cc": cc, "bcc": bcc, "reply_to": reply_to}
    return {name: people(value) for name, value in given.items() if value}


NAMES = ", ".join(COLUMNS)
INSERT = ("insert into message (" + NAMES + ") overriding system value select " + NAMES
          + " from json_populate_recordset(null::message, $1)")
SAVE = ("update message set (" + NAMES.removeprefix("id, ") + ") = (" + ", ".join("new." + name for name in COLUMNS[1:])
        + ") from json_populate_recordset(null::message, $1) as new where message.id = new.id")
