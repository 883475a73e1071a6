"""Colleagues who take cards, answer them and end them, by the verbs of the board. They keep away from what a visitor
has, looks at or writes in, and leave enough to do."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from connectors import Author
from newsroom import channel, chat, conversation, reply, triage
from newsroom.channel import Channel, NoChannel
from newsroom.conversation import Conversation
from newsroom.database import Connection
from newsroom.demo.doors import Doors
from newsroom.demo.script import read
from newsroom.demo.shift import Shifts
from newsroom.demo.town import DOMAIN, TOLD
from newsroom.demo.volume import ZONE
from newsroom.reply import Composed, Via
from newsroom.session import IDLE
from newsroom.triage import By, Conflict, Wrong

SOONEST, LATEST = 40.0, 90.0  # seconds between two things that they do, at speed 1
CHAT_SECONDS = 4.0  # how often they look at the chat
UNTOUCHED = timedelta(seconds=20)  # a visitor sees a card come in before a colleague takes it
CHAT_UNTOUCHED = timedelta(seconds=75)  # the same of somebody who waits in the chat
TYPING = timedelta(seconds=8)  # until they answer a line of a chat
LEAVE = 8  # cards that nobody has, for visitors
MOST_NEW = 30  # of those; then they take what they know no answer to as well, and call
MOST_WAITING = 16  # cards that wait for residents; the oldest are ended then
CLOSES = 0.6  # of their answers, the end of it
CALLED = "Gebeld: alles is besproken en geregeld."

Recipients = tuple[Author, ...]
Watched = Callable[[str], bool]  # whether somebody looks at the conversation with this reference


@dataclass(slots=True)
class Colleagues:
    """The people of the town whom no visitor is."""

    doors: Doors
    watched: Watched
    shifts: Shifts = field(default_factory=lambda: Shifts(read("town.toml")["shifts"]))
    chance: random.Random = field(default_factory=random.Random)

    def at_work(self, at: datetime) -> dict[str, datetime]:
        """Whose shift it is, by name, with the moment until which."""
        people = read("town.toml")["people"]
        return {people[key]["name"]: until for key, until in self.shifts.until(at).items()}

    async def work(self, pace: float) -> None:
        """Until cancelled: one of them does something now and then, `pace` times as fast as usual."""
        while True:
            await asyncio.sleep(self.chance.uniform(SOONEST, LATEST) / pace)
            await self.do(datetime.now(UTC))

    async def chat(self, pace: float) -> None:
        """Until cancelled: they take and answer those who chat."""
        while True:
            await asyncio.sleep(CHAT_SECONDS / pace)
            now = datetime.now(UTC)
            if await self.take(now, chats=True, untouched=CHAT_UNTOUCHED / pace) or \
                    await self.answer(now, chats=True, since=TYPING / pace):
                self.doors.bell()

    async def do(self, at: datetime) -> None:
        """One thing, of what there is to do."""
        ways = [self.take, self.answer, self.finish]
        self.chance.shuffle(ways)
        for way in ways:
            if await way(at):
                return self.doors.bell()

    async def take(self, at: datetime, chats: bool = False, untouched: timedelta = UNTOUCHED) -> bool:
        """The oldest card that came in while the demo runs, for somebody of its team."""
        async with self.doors.database.transaction() as connection:
            for row in await self._free(connection, at - untouched, chats):
                people = await colleagues(connection, self.at_work(at), row.team_id, at)
                if people and await self._may_touch(connection, row):
                    await triage.claim(connection, row, By(self.chance.choice(people), at))
                    self.doors.answers.setdefault(row.reference, CALLED)
                    return True
        return False

    async def answer(self, at: datetime, chats: bool = False, since: timedelta = timedelta()) -> bool:
        """A card that one of them has, and to which they know what to say."""
        async with self.doors.database.transaction() as connection:
            for row in await _cards(connection, "open", True, chats):
                text = self.doors.answers.get(row.reference)
                if text is None or row.waiting_since is None or row.last_at > at - since \
                        or not await self._is_ours(connection, row, at):
                    continue
                self.doors.answers.pop(row.reference)
                await self._say(connection, row, By(row.assignee_id, at), text, chats)
                return True
        return False

    async def finish(self, at: datetime) -> bool:
        """A chat whose visitor left with an answer, or what waits for residents when that becomes much."""
        async with self.doors.database.transaction() as connection:
            chats = {one.id for one in await channel.every(connection) if one.kind == "chat"}
            left = [row for row in await _cards(connection, "open", True, False)
                    if row.channel_id in chats and row.waiting_since is None]
            waiting = await _cards(connection, "waiting", True, False)
            for row in left + waiting[:max(0, len(waiting) - MOST_WAITING)]:
                if await self._is_ours(connection, row, at):
                    await _close(connection, row, By(row.assignee_id, at))
                    return True
        return False

    async def _say(self, connection: Connection, row: Conversation, by: By, text: str, talks: bool) -> None:
        """Answer; what needs no answer, and who left no address, is ended."""
        own = await channel.get(connection, row.channel_id)
        via, to = await self._via(connection, own, row)
        told = TOLD.get(str(own.settings.get("medium")), "called") if own.kind == "desk" or text == CALLED else ""
        if not text or not told and via is None:
            return await _close(connection, row, by)
        ends = not talks and (text == CALLED or self.chance.random() < CLOSES)
        reason = await _reason(connection, "answered") if ends else None
        composed = Composed(f"demo-live-{row.id}-{row.version}", text, to, last_seen=row.last_message_id,
                            then="closed" if reason else "" if talks else "waiting", reason=reason)
        try:
            if told:
                await reply.told(connection, row, by, composed, told)
            elif via:
                await reply.answer(connection, row, by, composed, via)
        except (Conflict, Wrong):  # the resident wrote again meanwhile: a person's work
            return

    async def _free(self, connection: Connection, before: datetime, chats: bool) -> list[Conversation]:
        """What nobody has, oldest first: what they know an answer to, as long as enough is left for visitors."""
        rows = [row for row in await _cards(connection, "new", False, chats)
                if row.visibility == "open" and not row.problem and row.suggestion is None]
        known = [row for row in rows if row.reference in self.doors.answers and row.created_at < before]
        if chats or len(rows) > LEAVE and known:
            return known
        return rows if len(rows) > MOST_NEW else []

    async def _may_touch(self, connection: Connection, row: Conversation) -> bool:
        """Whether it is still so, and no visitor looks at it or writes in it. Locks it."""
        now = (await conversation.lock(connection, [row.id])).get(row.id)
        return now is not None and now.version == row.version and not self.watched(row.reference) \
            and not await _is_written_in(connection, row.id)

    async def _is_ours(self, connection: Connection, row: Conversation, at: datetime) -> bool:
        """Whether who has it is nobody that a visitor is, and it may be touched."""
        return row.assignee_id in await colleagues(connection, None, None, at) \
            and await self._may_touch(connection, row)

    async def _via(self, connection: Connection, own: Channel, row: Conversation) -> tuple[Via | None, Recipients]:
        """The channel that answers and, of who chatted and is gone, the address that they left, as the composer finds
        them. None: no channel reaches them."""
        found, to = self._over(own), ()
        if found and found.can.live:
            visit = await chat.of(connection, row.id)
            if visit and visit.away_at is not None:
                found, to = None, (Author("email", visit.mail, visit.called),) if visit.mail else ()
                if not to:
                    return None, ()
        if found:
            return found, to
        try:
            return self._over(await channel.by_name(connection, str(own.settings.get("reply_channel") or ""))), to
        except NoChannel:
            return None, ()

    def _over(self, own: Channel) -> Via | None:
        can = self.doors.channels.kind(own.kind).capabilities
        return Via(own.id, own.mode, can, DOMAIN, self.doors.keys.signing_key("reply"), own.kind) if can.sends else None


async def colleagues(connection: Connection, there: Collection[str] | None, team: int | None,
                     at: datetime) -> list[int]:
    """Who works with conversations in this team, if one is given, and is nobody that a visitor is now; of `there`, by
    name, if that is given."""
    rows = await connection.fetch(
        # webcare of this team without an open session, and not away
        "select id, name from account where 'webcare' = any(roles) and disabled_at is null"
        " and ($1::int is null or exists (select from account_team t where t.account_id = id and t.team_id = $1))"
        " and not exists (select from session s where s.account_id = id and s.seen_at > $2)"
        " and not exists (select from absence a where a.account_id = id and $3::date between a.since and a.until)"
        " order by id", team, at - IDLE, at.astimezone(ZONE).date())
    return [row["id"] for row in rows if there is None or row["name"] in there]


async def _cards(connection: Connection, state: str, taken: bool, chats: bool) -> list[Conversation]:
    """In this state, with or without somebody who has it, oldest first; `chats`: those alone whose visitor is there,
    else all others."""
    # what they look through
    return [Conversation(**row) for row in await connection.fetch(
        "select c.* from conversation c where c.state = $1 and (c.assignee_id is not null) = $2"
        " and exists (select from participant p join chat v on v.address = p.address and v.away_at is null"
        "  where p.kind = 'chat' and p.conversation_id = c.id) = $3 order by c.last_at, c.id", state, taken, chats)]


async def _close(connection: Connection, row: Conversation, by: By) -> None:
    reason = await _reason(connection, "answered" if row.answered_at else "no_reply")
    if reason is not None:
        await triage.close(connection, row, by, reason, row.last_message_id)


async def _is_written_in(connection: Connection, id: int) -> bool:
    # somebody's words wait there
    return await connection.fetchval("select exists(select from draft where conversation_id = $1)", id)


async def _reason(connection: Connection, outcome: str) -> int | None:
    # the first with this outcome
    return await connection.fetchval("select id from close_reason where outcome = $1 and archived_at is null"
                                     " order by id limit 1", outcome)
