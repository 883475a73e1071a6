"""A crowd of conversations of every kind, for figures to be counted: plain rows and the events that made them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from newsroom import conversation, message
from newsroom.conversation import Conversation, facets
from newsroom.database import Connection
from newsroom.delivery import new_reference
from newsroom.event import Draft, record
from newsroom.message import Message

STATES = ("new", "open", "department", "waiting", "closed", "spam", "merged")


async def add(connection: Connection, channel: int, at: datetime, **more) -> Conversation:
    """One conversation of one message that came at `at`; `more` are fields of its row."""
    id, message_id = (await conversation.reserve(connection, 1))[0], (await message.reserve(connection, 1))[0]
    row = replace(Conversation(id, new_reference(), channel, at, at, excerpt="Een vraag", author="Bewoner",
                               last_message_id=message_id, waiting_since=at), **more)
    if row.state in ("waiting", "closed", "spam", "merged"):
        row = replace(row, waiting_since=None, due_at=None, lateness=0)
    await conversation.insert(connection, [row])
    await message.insert(connection, [Message(message_id, id, channel, "in", at, external_id=f"m{message_id}",
                                              author_kind="email", author_address=f"b{id}@voorbeeld.example",
                                              body="Een vraag")])
    await record(connection, [Draft("received", at, id, message_id, after=facets(row))])
    return row


async def step(connection: Connection, row: Conversation, kind: str, at: datetime, actor: int | None = None,
               **changes) -> Conversation:
    """One event that changes these fields."""
    after = replace(row, version=row.version + 1, **changes)
    await conversation.change(connection, row, after, Draft(kind, at, actor_id=actor))
    return after


async def crowd(connection: Connection, n: int, channels: list[int], teams: list[int | None], people: list[int | None],
                at: datetime, seed: int, classes: tuple[str, ...] = ("open",)) -> list[Conversation]:
    """`n` conversations at random, from an instant to five days ago."""
    chance = random.Random(seed)
    reasons = [row["id"] for row in await connection.fetch("select id from close_reason order by id")]
    found = []
    for _ in range(n):
        age = chance.choice((30, 59.99, 60, 61, 200, 240, 300, 700, 1440, 2000, 2880, 3500, 7200))
        began, state = at - timedelta(minutes=age * chance.choice((1, .5, 1.01))), chance.choice(STATES)
        closed = {"closed_at": at - timedelta(minutes=chance.choice((1, 100, 2000))),
                  "close_reason_id": chance.choice(reasons)} if state == "closed" else {}
        found.append(await add(connection, chance.choice(channels), began, state=state, team_id=chance.choice(teams),
                               assignee_id=None if state == "new" else chance.choice(people),
                               lateness=chance.choice((0, 1, 2)), visibility=chance.choice(classes), **closed))
    return found
