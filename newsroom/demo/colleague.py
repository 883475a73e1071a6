"""Colleagues who take cards and now and then answer them, by the verbs of the board. They keep away from what a visitor
has, looks at or writes in, and leave enough to do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from newsroom import channel, conversation, reply, triage
from newsroom.channel import Channel, NoChannel
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.demo.doors import Doors
from newsroom.demo.source import DOMAIN
from newsroom.reply import Composed, Via
from newsroom.session import IDLE
from newsroom.triage import By, Conflict, Wrong

SOONEST, LATEST = 40.0, 90.0  # seconds between two things that they do, at speed 1
UNTOUCHED = timedelta(seconds=20)  # a visitor sees a card come in before a colleague takes it
LEAVE = 8  # cards that nobody has, for visitors
CLOSES = 0.6  # of their answers, the end of it

Watched = Callable[[str], bool]  # whether somebody looks at the conversation with this reference


async def work(doors: Doors, watched: Watched, pace: float) -> None:
    """Until cancelled: one takes a card or answers one that they have, `pace` times as fast as usual."""
    chance, held = random.Random(), {}
    while True:
        await asyncio.sleep(chance.uniform(SOONEST, LATEST) / pace)
        now = datetime.now(UTC)
        if held and chance.random() < 0.5:
            id = chance.choice(list(held))
            if await answer(doors, watched, id, held[id], now, chance):
                del held[id]
        elif taken := await take(doors, watched, now, chance):
            held[taken[0]] = taken[1]
        doors.bell()


async def take(doors: Doors, watched: Watched, at: datetime, chance: random.Random) -> tuple[int, int] | None:
    """One card for one colleague: (conversation id, account id). None: nothing that a colleague should take."""
    async with doors.database.transaction() as connection:
        found = await _free(connection, doors, at)
        found = [(id, reference, team) for id, reference, team in found if not watched(reference)]
        if not found:
            return None
        id, reference, team = found[0]
        people = await _colleagues(connection, team, at)
        row = (await conversation.lock(connection, [id])).get(id)
        if not people or row is None or row.assignee_id is not None or row.state != "new" or watched(reference):
            return None
        actor = chance.choice(people)
        await triage.claim(connection, row, By(actor, at))
        return id, actor


async def answer(doors: Doors, watched: Watched, id: int, actor: int, at: datetime, chance: random.Random) -> bool:
    """Answer a card that a colleague took. True: it is off their list, answered or no longer theirs."""
    async with doors.database.transaction() as connection:
        row = (await conversation.lock(connection, [id])).get(id)
        if row is None or row.assignee_id != actor or row.state != "open":
            return True
        if watched(row.reference) or await _is_written_in(connection, id):
            return False
        via = await _via(connection, doors, row)
        text = doors.answers.pop(row.reference, "")
        if via is None or not text:
            return True
        then = "closed" if chance.random() < CLOSES else "waiting"
        # the reason that an answer is the end
        reason = await connection.fetchval("select id from close_reason where outcome = 'answered'"
                                           " and archived_at is null order by id limit 1")
        composed = Composed(f"demo-live-{row.id}-{row.version}", text, last_seen=row.last_message_id,
                            then=then if reason else "waiting", reason=reason)
        try:
            await reply.answer(connection, row, By(actor, at), composed, via)
        except (Conflict, Wrong):  # the resident wrote again meanwhile: a person's work
            return True
        return True


async def _free(connection: Connection, doors: Doors, at: datetime) -> list[tuple[int, str, int | None]]:
    """Cards that came in while the demo runs, oldest first, and that nobody has; none when few are left."""
    rows = await connection.fetch(
        # what a colleague could take
        "select id, reference, team_id, created_at from conversation where state = 'new' and assignee_id is null"
        " and visibility = 'open' and problem = '' and suggestion is null and not exists"
        " (select from draft where draft.conversation_id = conversation.id) order by created_at")
    if len(rows) <= LEAVE:
        return []
    return [(row["id"], row["reference"], row["team_id"]) for row in rows
            if row["reference"] in doors.answers and row["created_at"] < at - UNTOUCHED]


async def _colleagues(connection: Connection, team: int | None, at: datetime) -> list[int]:
    """Who may take it and is nobody that a visitor is now."""
    rows = await connection.fetch(
        # webcare of this team without an open session
        "select id from account where 'webcare' = any(roles) and disabled_at is null"
        " and ($1::int is null or exists (select from account_team t where t.account_id = id and t.team_id = $1))"
        " and not exists (select from session s where s.account_id = id and s.seen_at > $2) order by id",
        team, at - IDLE)
    return [row["id"] for row in rows]


async def _is_written_in(connection: Connection, id: int) -> bool:
    # somebody's words wait there
    return await connection.fetchval("select exists(select from draft where conversation_id = $1)", id)


async def _via(connection: Connection, doors: Doors, row: Conversation) -> Via | None:
    """The channel that answers, as the composer finds it."""
    own = await channel.get(connection, row.channel_id)
    if own.kind == "desk":
        return None  # they call, and the demo has no telephone
    try:
        if not doors.channels.kind(own.kind).capabilities.sends:
            own = await channel.by_name(connection, str(own.settings.get("reply_channel") or ""))
    except NoChannel:
        return None
    return _over(doors, own)


def _over(doors: Doors, own: Channel) -> Via | None:
    can = doors.channels.kind(own.kind).capabilities
    return Via(own.id, own.mode, can, DOMAIN, doors.keys.signing_key("reply")) if can.sends else None
