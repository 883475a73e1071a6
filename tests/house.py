"""A small house for tests: an honest fake channel whose deliveries are JSON, and rows to work on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from connectors import Attachment, Author, Capabilities, Delivery, DeliveryKey, ExternalId, Incoming, Kind
from newsroom import delivery
from newsroom.access import Scope, scope
from newsroom.database import Connection, Database
from newsroom.intake import Intake
from newsroom.parser import Parsers

START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECRET = b"a secret of thirty-two bytes....."
US = "info@voorbeeldstad.example"


async def end_claims(connection: Connection, space: int) -> None:
    """End the sessions that hold a claim in this database, as the death of their process does. The server has more
    databases, of other tests."""
    await connection.execute("select pg_terminate_backend(pid, 5000) from pg_locks where locktype = 'advisory'"
                             " and classid = $1 and granted and database = (select oid from pg_database"
                             " where datname = current_database())", space)


class Paper:
    """A channel of JSON deliveries: a list of items, or one; `"broken"` makes the parser fail."""

    name: ClassVar[str] = "paper"
    title: ClassVar[str] = "Paper"
    hostile_input: ClassVar[bool] = False
    capabilities: ClassVar[Capabilities] = Capabilities(longest_subject=255, copies=True, attachment_bytes=10_000_000)

    @staticmethod
    def parse(item: Delivery) -> list[Incoming]:
        data = json.loads(item.body)
        return [_incoming(one, item) for one in (data if isinstance(data, list) else [data])]


def _incoming(data: dict[str, Any], item: Delivery) -> Incoming:
    return Incoming(
        ExternalId(data["id"]), START + timedelta(seconds=data.get("at", 0)), author(data.get("from", US)),
        kind=Kind(data.get("kind", "message")), direction=data.get("direction", "in"),
        public=data.get("public", False), subject=data.get("subject", ""), text=data.get("text", ""),
        answers_to=tuple(ExternalId(id) for id in data.get("answers", ())), identity=data.get("identity", ""),
        copy_of=data.get("copy_of", ""), reply_token=data.get("token", ""),
        to=tuple(author(address) for address in data.get("to", ())),
        cc=tuple(author(address) for address in data.get("cc", ())), auto_reply=data.get("auto", False),
        bounced=tuple((address, "550 unknown") for address in data.get("bounced", ())),
        details=tuple(map(tuple, data.get("details", ()))), problems=tuple(data.get("problems", ())),
        attachments=tuple(Attachment(name, "text/plain", text.encode()) for name, text in data.get("files", ())))


def author(address: str) -> Author:
    return Author("email", address, address.partition("@")[0].title())


def paper(key: str, *items: dict[str, Any], raw: bytes | None = None, received: datetime | None = None,
          **meta: str) -> Delivery:
    """A delivery with these items, received an hour after the last was written."""
    body = raw if raw is not None else json.dumps(items if len(items) != 1 else items[0]).encode()
    written = max((item.get("at", 0) for item in items), default=0)
    return Delivery(DeliveryKey(key), body, received or START + timedelta(hours=1, seconds=written), "application/json",
                    meta)


async def add_channel(db: Database, name: str = "Paper", address: str = US, team: int | None = None,
                      kind: str = "paper") -> int:
    async with db.transaction() as connection:
        return await connection.fetchval(
            "insert into channel (kind, name, address, team_id) values ($1, $2, $3, $4) returning id",
            kind, name, address, team)


async def add_team(db: Database, name: str, restricted: bool = False) -> int:
    async with db.transaction() as connection:
        return await connection.fetchval("insert into team (name, restricted) values ($1, $2) returning id",
                                         name, restricted)


async def add_account(db: Database, name: str, *roles: str, teams: tuple[int, ...] = ()) -> Scope:
    """An account with roles, as its scope."""
    async with db.transaction() as connection:
        id = await connection.fetchval(
            "insert into account (email, name, initials, roles, created_at) values ($1, $2, $3, $4, $5) returning id",
            f"{name.lower()}@voorbeeldstad.example", name, name[:2].upper(), list(roles), START)
        await connection.executemany("insert into account_team (account_id, team_id) values ($1, $2)",
                                     [(id, team) for team in teams])
        found = await scope(connection, id)
    assert found is not None
    return found


async def bring(db: Database, channel_id: int, *items: Delivery) -> list[delivery.Receipt]:
    """Store deliveries, as a source would hand them over."""
    async with db.transaction() as connection:
        return await delivery.store(connection, [(channel_id, item) for item in items])


def make_intake(db: Database, kinds: dict[str, Any] | None = None, parsers: Parsers | None = None) -> Intake:
    """A worker that reads paper, or channels of these kinds."""
    return Intake(db, kinds or {"paper": Paper}, parsers or Parsers(1), SECRET, lambda: None)


async def receive(db: Database, channel_id: int, *items: Delivery) -> list[delivery.Receipt]:
    """Store deliveries and read them."""
    receipts = await bring(db, channel_id, *items)
    await make_intake(db).drain()
    return receipts


async def partition(db: Database) -> dict[str, Any]:
    """The state that deliveries alone decide: who is with whom, in which order, and how the card looks."""
    async with db.connection() as connection:
        rows = await connection.fetch(
            "select c.id, c.state, c.subject, c.excerpt, c.unread, c.waiting_since, c.channel_id,"
            " array(select m.external_id from message m where m.conversation_id = c.id"
            "  order by m.at, m.external_id) as messages,"
            " array(select p.address from participant p where p.conversation_id = c.id order by 1) as people"
            " from conversation c where c.state <> 'merged' order by c.id")
    return {row["messages"][0]: {**dict(row), "id": None} for row in rows if row["messages"]}
