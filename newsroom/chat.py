"""The visit: one resident's live chat, what they may see of it, and whether they are still there.

A visitor is known by a token of which only the hash is kept, and sees their own lines and what was sent to them: never
a note, nor what another visitor says, also when their conversations were joined.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from connectors.chat import PERSON, Identity, line_of
from newsroom import conversation, event, message
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.event import Draft
from newsroom.message import File, Message

TOKEN_BYTES = 32
TOKEN_LENGTH = math.ceil(TOKEN_BYTES * 4 / 3)  # characters, in base64
ADDRESS_BYTES = 12  # says which visit a message is of, and opens nothing
KEEP = timedelta(days=1)  # without its visitor; then the token opens nothing, as on a shared computer
AWAY_MINUTES = 5  # when the channel does not say how long it waits
TICK = 200  # visits looked at in one transaction
WAIT_WINDOW = timedelta(hours=1)  # of first answers that tell how long a visitor will wait


@dataclass(frozen=True, slots=True)
class Visit:
    """One row, without what opens it."""

    id: int
    channel_id: int
    address: str
    name: str
    email: str
    language: str
    page: str
    identity: dict[str, str] | None
    begun_at: datetime
    seen_at: datetime
    away_at: datetime | None
    ended_at: datetime | None

    @property
    def called(self) -> str:
        """The name that counts: the municipality's word before the visitor's own."""
        return (self.identity or {}).get("name") or self.name

    @property
    def mail(self) -> str:
        """Where an answer may go when the visitor is gone; empty: nowhere."""
        return (self.identity or {}).get("email") or self.email


async def begin(connection: Connection, channel_id: int, at: datetime, language: str, page: str = "", name: str = "",
                email: str = "", identity: Identity | None = None) -> tuple[Visit, str]:
    """A new visit with its token, which is told once, here."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    known = {"subject": identity.subject, "name": identity.name, "email": identity.email} if identity else None
    # the token itself is never stored
    row = await connection.fetchrow(
        "insert into chat (channel_id, address, token_hash, name, email, language, page, identity, begun_at, seen_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) returning " + _NAMES, channel_id,
        secrets.token_hex(ADDRESS_BYTES), _hash(token), name, email, language, page, known, at)
    return Visit(**row), token


async def find(connection: Connection, channel_id: int, token: str, at: datetime) -> Visit | None:
    """The visit that this token opens, as long as it lasts."""
    if len(token) != TOKEN_LENGTH:
        return None
    # by its hash: a token is random, so nothing is learnt from how long this takes
    row = await connection.fetchrow("select " + _NAMES + " from chat where token_hash = $1 and channel_id = $2"
                                    " and ended_at is null and seen_at > $3", _hash(token), channel_id, at - KEEP)
    return Visit(**row) if row else None


async def introduce(connection: Connection, visit: Visit, name: str, email: str, at: datetime) -> None:
    """The visitor says who they are, or where an answer may go."""
    # typed by the visitor, and shown as such
    await connection.execute("update chat set name = $2, email = $3 where id = $1", visit.id, name, email)
    await _tell(connection, [visit.address], "visitor_named", at)


async def seen(connection: Connection, addresses: Sequence[str], at: datetime) -> list[str]:
    """Their panels are there. Returns who were away, and are back."""
    rows = await connection.fetch(
        # in the order of their ids, so that two processes cannot wait for each other
        "with old as (select id, away_at from chat where address = any($1::text[]) and ended_at is null order by id"
        " for no key update) update chat set seen_at = greatest(seen_at, $2), away_at = null from old"
        " where chat.id = old.id returning chat.address, old.away_at is not null as back", list(addresses), at)
    back = [row["address"] for row in rows if row["back"]]
    await _tell(connection, back, "visitor_back", at)
    return back


async def end(connection: Connection, visit: Visit, at: datetime) -> None:
    """The visitor closed the chat: its token opens nothing any more."""
    # an answer can still go by mail
    ended = await connection.fetchval("update chat set ended_at = $2, away_at = coalesce(away_at, $2) where id = $1"
                                      " and ended_at is null returning id", visit.id, at)
    if ended:
        await _tell(connection, [visit.address], "visitor_left", at)


async def tick(connection: Connection, at: datetime) -> int:
    """Who was not seen for as long as their channel waits is away. Returns how many; call again while not 0."""
    rows = await connection.fetch(
        # passing over what another worker takes
        "update chat set away_at = $1::timestamptz where id in (select v.id from chat v"
        " join channel c on c.id = v.channel_id where v.away_at is null and v.seen_at < $1::timestamptz"
        "   - make_interval(mins => coalesce((c.settings ->> 'away_minutes')::int, $2::int))"
        " order by v.id limit $3 for update of v skip locked) returning address", at, AWAY_MINUTES, TICK)
    await _tell(connection, [row["address"] for row in rows], "visitor_left", at)
    return len(rows)


async def clean(connection: Connection, at: datetime) -> None:
    """Forget visits in which nothing was said."""
    # opened, and left again
    await connection.execute("delete from chat where seen_at < $1 and not exists (select from participant p"
                             " where p.kind = 'chat' and p.address = chat.address)", at - KEEP)


async def of(connection: Connection, conversation_id: int) -> Visit | None:
    """The visit of a conversation; of several that were joined, whose visitor was seen last."""
    # whoever takes part by chat
    row = await connection.fetchrow(
        "select " + _NAMED + " from chat v join participant p on p.kind = 'chat' and p.address = v.address"
        " where p.conversation_id = $1 order by v.away_at is null desc, v.seen_at desc limit 1", conversation_id)
    return Visit(**row) if row else None


async def addresses(connection: Connection, conversation_ids: Sequence[int]) -> dict[int, list[str]]:
    """The visits that take part in conversations: {conversation id: addresses}."""
    # for the feed and for presence
    rows = await connection.fetch("select conversation_id, address from participant where kind = 'chat'"
                                  " and conversation_id = any($1::bigint[])", list(conversation_ids))
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["conversation_id"], []).append(row["address"])
    return found


async def conversations(connection: Connection, addresses: Sequence[str]) -> dict[str, Conversation]:
    """The conversation that each visit is in now."""
    # joined ones are another's
    rows = await connection.fetch(
        "select p.address as visit, c.* from participant p join conversation c on c.id = p.conversation_id"
        " where p.kind = 'chat' and p.address = any($1::text[]) and c.state not in ('merged', 'removed')"
        " order by c.last_at, c.id", list(addresses))
    return {row["visit"]: Conversation(**{name: row[name] for name in conversation.COLUMNS}) for row in rows}


async def thread(connection: Connection, address: str, since: int) -> tuple[int, list[Message]]:
    """What changed for this visitor after a position: that of now, and the messages, in order. From 0: everything."""
    _, position = await event.position(connection)
    # every conversation it is or was in; what was joined keeps its own events
    rows = await connection.fetch(
        "select distinct e.message_id from participant p join event e on e.conversation_id = p.conversation_id"
        " where p.kind = 'chat' and p.address = $1 and e.id > $2 and e.message_id is not null", address, since)
    found = await message.get(connection, [row["message_id"] for row in rows])
    mine = [item for item in found.values() if sees(address, item)]
    return position, sorted(mine, key=lambda item: (item.at, item.external_id, item.id))


def sees(address: str, item: Message) -> bool:
    """Whether a message is this visitor's own, or was sent to them in the chat."""
    if item.direction == "in":
        return (item.author_kind, item.author_address) == (PERSON, address)
    to = [person[:2] for person in item.recipients.get("to", ())]
    return item.direction == "out" and item.send_state == "sent" and to == [[PERSON, address]]


def shown(item: Message, files: Sequence[File], accounts: Mapping[int, tuple[str, str]]) -> dict[str, Any]:
    """A message as its visitor gets it."""
    kept = not item.removed_at
    return {"id": item.id, "line": line_of(item.external_id) if item.direction == "in" else "",
            "at": item.at.timestamp(), "who": first_name(item.account_id, accounts), "text": item.body if kept else "",
            "gone": not kept, "files": [{"id": file.id, "name": file.name, "size": file.size}
                                        for file in files if kept]}


def first_name(account_id: int | None, accounts: Mapping[int, tuple[str, str]]) -> str:
    """What a visitor may call a colleague."""
    return accounts.get(account_id or 0, ("", ""))[0].partition(" ")[0]


async def file(connection: Connection, address: str, id: int) -> File | None:
    """A file of a message that this visitor sees."""
    found = await message.file(connection, id)
    owner = (await message.get(connection, [found.message_id])).get(found.message_id) if found else None
    return found if owner and not owner.removed_at and sees(address, owner) else None


async def wait(connection: Connection, channel_id: int, at: datetime) -> float | None:
    """Minutes that a visitor who comes now will wait, about: as others did lately, or as the first in the queue does
    already. None: nobody waits and nobody did."""
    # first answers of the last hour, and the oldest line without one whose visitor is still there
    row = await connection.fetchrow(
        "select (select percentile_cont(0.5) within group (order by extract(epoch from answered_at - created_at))"
        "   from conversation where channel_id = $1 and answered_at between $3 and $2) as usual,"
        " (select extract(epoch from $2 - min(waiting_since)) from conversation where channel_id = $1"
        "   and state in ('new', 'open') and answered_at is null and exists (select from participant p"
        "    join chat v on v.address = p.address and v.away_at is null"
        "    where p.kind = 'chat' and p.conversation_id = conversation.id)) as longest",
        channel_id, at, at - WAIT_WINDOW)
    found = [float(value) for value in (row["usual"], row["longest"]) if value is not None]
    return max(found) / 60 if found else None


async def _tell(connection: Connection, addresses: Sequence[str], kind: str, at: datetime) -> None:
    """An event for each conversation that these visitors are in."""
    if not addresses:
        return
    ids = {row.id for row in (await conversations(connection, addresses)).values()}
    for before in (await conversation.lock(connection, sorted(ids))).values():
        await conversation.change(connection, before, conversation.raised(before), Draft(kind, at))


def _hash(token: str) -> bytes:
    """SHA-256: the token is random, so a slow hash protects nothing more."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


_NAMES = ", ".join(f.name for f in fields(Visit))
_NAMED = ", ".join("v." + f.name for f in fields(Visit))
