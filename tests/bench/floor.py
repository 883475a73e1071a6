"""The floor of mail intake: a script that only parses, threads by References, cleans and inserts, one commit per mail.

No duplicates are looked for, nothing is kept raw, nobody is told. What Newsroom does on top may cost as much again.
"""

from __future__ import annotations

import email
from collections.abc import Sequence
from datetime import UTC
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime

import asyncpg
import nh3

TABLES = """
create table floor_conversation (id bigint generated always as identity primary key, subject text, author text,
  at timestamptz, n int not null default 1);
create table floor_message (id bigint generated always as identity primary key, conversation_id bigint not null
  references floor_conversation, message_id text not null unique, author text, name text, at timestamptz, subject text,
  body text, html text);
create table floor_file (message_id bigint not null references floor_message, name text, type text, content bytea)"""
THREAD = "select conversation_id from floor_message where message_id = any($1::text[]) order by id limit 1"
NEW = "insert into floor_conversation (subject, author, at) values ($1, $2, $3) returning id"
GROWN = "update floor_conversation set n = n + 1, at = $2 where id = $1"
MESSAGE = ("insert into floor_message (conversation_id, message_id, author, name, at, subject, body, html)"
           " values ($1, $2, $3, $4, $5, $6, $7, $8) returning id")
FILE = "insert into floor_file (message_id, name, type, content) values ($1, $2, $3, $4)"


async def take(connection: asyncpg.Connection, mails: Sequence[bytes]) -> None:
    """Store every mail, one commit each. The tables are there."""
    for raw in mails:
        await _store(connection, email.message_from_bytes(raw))  # compat32: a tenth of the cost of policy.default


async def _store(connection: asyncpg.Connection, mail: Message) -> None:
    name, author = parseaddr(mail["From"])
    at, subject = parsedate_to_datetime(mail["Date"]).astimezone(UTC), mail["Subject"]
    references = [*(mail["References"] or "").split(), mail["In-Reply-To"]]
    body, html, files = _parts(mail)
    async with connection.transaction():
        thread = await connection.fetchval(THREAD, references) if references[-1] else None
        if thread is None:
            thread = await connection.fetchval(NEW, subject, author, at)
        else:
            await connection.execute(GROWN, thread, at)
        id = await connection.fetchval(MESSAGE, thread, mail["Message-ID"], author, name, at, subject, body, html)
        for file in files:
            await connection.execute(FILE, id, *file)


def _parts(mail: Message) -> tuple[str, str, list[tuple[str, str, bytes]]]:
    body, html, files = "", "", []
    for part in mail.walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        if part.get_filename():
            files.append((part.get_filename(), part.get_content_type(), content))
        elif part.get_content_type() == "text/html":
            html = nh3.clean(content.decode(part.get_content_charset("utf-8")))
        else:
            body = content.decode(part.get_content_charset("utf-8"))
    return body, html, files
