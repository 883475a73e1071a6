"""Residents who write back, some time after somebody answered them: thanks, one more question, or not solved yet."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from newsroom.database import Connection
from newsroom.demo.doors import Doors
from newsroom.demo.letter import Answered, Letter
from newsroom.demo.words import words

LOOK_SECONDS = 2.0  # how often replies are looked for
SOONEST, LATEST = 25.0, 90.0  # seconds until somebody writes back, at speed 1
MOST = 3  # messages of one resident in a conversation


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that went out, with what is needed to answer it."""

    id: int
    reference: str
    channel_id: int
    external_id: str
    sent_at: datetime
    body: str
    public: bool
    recipients: dict[str, Any]
    answers_to: Sequence[str]
    subject: str
    state: str


async def answer_back(doors: Doors, pace: float) -> None:
    """Until cancelled: write back to replies that go out from now on, `pace` times as fast as usual."""
    chance, since, waiting = random.Random(), datetime.now(UTC), []
    while True:
        async with doors.database.connection() as connection:
            found = await replies(connection, since)
        for one in found:
            since = max(since, one.sent_at)
            said = words(one.body, one.state, chance)
            if said.text:
                due = datetime.now(UTC) + timedelta(seconds=chance.uniform(SOONEST, LATEST) / pace)
                waiting.append((due, one, said))
        now = datetime.now(UTC)
        for due, one, said in [entry for entry in waiting if entry[0] <= now]:
            waiting.remove((due, one, said))
            doors.answers[one.reference] = said.answer
            await doors.write_back(one.channel_id, letter(one, said.text), now)
        await asyncio.sleep(LOOK_SECONDS)


async def replies(connection: Connection, since: datetime) -> list[Reply]:
    """What people sent after `since` to somebody who did not write too often; not to who chats, for they are there."""
    rows = await connection.fetch(
        # the replies of visitors and colleagues, never an automatic one
        "select m.id, c.reference, m.channel_id, m.external_id, m.sent_at, m.body, m.public, m.recipients,"
        " m.answers_to, c.subject, c.state from message m join conversation c on c.id = m.conversation_id"
        " join channel on channel.id = m.channel_id and channel.kind <> 'chat' where m.direction = 'out'"
        " and m.kind = 'message' and m.send_state = 'sent' and m.sent_at > $1 and m.account_id is not null"
        " and not m.auto_reply and c.state in ('open', 'waiting', 'department', 'closed') and"
        " (select count(*) from message i where i.conversation_id = c.id and i.direction = 'in') < $2"
        " order by m.sent_at", since, MOST)
    return [Reply(**row) for row in rows]


def letter(one: Reply, text: str) -> Letter:
    """As it is written back: by whom we wrote to, under our reply."""
    _, address, name = (one.recipients.get("to") or [["email", "", ""]])[0]
    subject = one.subject if not one.subject or one.subject.lower().startswith("re:") else f"Re: {one.subject}"
    answered = Answered(one.external_id, one.sent_at, one.body, tuple(one.answers_to), one.public)
    return Letter(name or address, address, subject, text.format(naam=(name or address).split()[0]), answered)
