"""Voorbeeldstad's visitors of the live chat: they come by its own entrance, wait, answer, and leave."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from newsroom import conversation
from newsroom.demo import loading, visitor
from newsroom.demo.letter import Letter
from newsroom.demo.mailbag import Item
from newsroom.intake import Intake
from newsroom.outbox import Outbox
from newsroom.parser import Parsers
from tests.street import Street

HOUR = timedelta(hours=1)
SECONDS = 20.0  # that a test waits for something


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(SECONDS):
        while not await true():
            await asyncio.sleep(0.05)


class Talk:
    """A visitor in the chat, while intake and outbox run."""

    def __init__(self, street: Street):
        self.street = street
        letter = Letter("Noor Visser", "noor@post.example", "", "hoi, mijn bak is niet geleegd! wanneer komen jullie?")
        self.item = Item("chat", letter, "Morgen voor 12 uur. Laat de bak buiten staan.")

    async def __aenter__(self) -> Talk:
        doors = self.street.doors
        async with self.street.database.connection() as connection:
            id = await connection.fetchval("select id from channel where kind = 'chat'")
        self.visitor = visitor.Visitor(doors.database, doors.site, id, self.item, 1.0, doors.answers.__setitem__)
        house = self.street.house
        intake = Intake(house.database, loading._own_kinds(), Parsers(1), house.keys.signing_key("reply"), house.bell)
        outbox = Outbox(house.database, house.channels.connector, house.keys.signing_key("reply"), house.bell)
        house.bell.rings(intake.wake, outbox.wake)
        self.running = [asyncio.create_task(part) for part in (intake.run(), outbox.run())]
        self.chat = asyncio.create_task(self.visitor.run())
        return self

    async def __aexit__(self, *error) -> None:
        for task in (self.chat, *self.running):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def row(self) -> conversation.Conversation:
        async def there() -> bool:
            async with self.street.database.connection() as connection:
                return bool(self.visitor.reference and await connection.fetchval(
                    "select true from conversation where reference = $1", self.visitor.reference))
        await until(there)
        return await self.street.row(self.visitor.reference)


async def test_a_visitor_of_the_chat_writes_lines_is_answered_and_says_something_back(street, quick, monkeypatch):
    monkeypatch.setattr(visitor, "CLOSES", 1.0)
    monkeypatch.setattr(visitor, "FAREWELL", (0.1, 0.1))
    staff = street.staff()
    async with Talk(street) as talk:
        row = await talk.row()
        assert "new" == row.state

        async def come_to_an_end() -> bool:
            now = datetime.now(UTC)
            await staff.take(now, chats=True, untouched=timedelta()) or await staff.answer(now, chats=True)
            street.house.bell()
            return talk.chat.done()
        await until(come_to_an_end)
        await talk.chat
    said = await street.said(row.reference)
    assert ["in", "in", "out", "in"] == said[:4] and "out" in said[2:]
    while (await street.row(row.reference)).state != "closed":
        assert await staff.answer(datetime.now(UTC)) or await staff.finish(datetime.now(UTC))
    async with street.database.connection() as connection:
        assert await connection.fetchval("select ended_at is not null from chat order by id desc limit 1")


@pytest.mark.parametrize("left", [True, False])
async def test_a_visitor_who_waits_too_long_leaves_and_is_answered_by_mail_when_we_have_an_address(
        street, quick, monkeypatch, left):
    habits = {"NAMED": 1.0, "MAILED": float(left), "HASTY": 1.0, "HURRY": (0.2, 0.2), "CLOSES": 1.0}
    for name, value in habits.items():
        monkeypatch.setattr(visitor, name, value)
    async with Talk(street) as talk:
        row, later = await talk.row(), datetime.now(UTC) + HOUR
        await asyncio.wait_for(talk.chat, SECONDS)
    assert not await street.staff().take(later, chats=True)
    await street.taken(row.reference)
    assert await street.staff().answer(later)
    async with street.database.connection() as connection:
        out = await connection.fetch("select recipients from message m join conversation c on c.id = m.conversation_id"
                                     " where c.reference = $1 and direction = 'out'", row.reference)
    assert [[["email", "noor@post.example", "Noor"]]] * left == [one["recipients"]["to"] for one in out]
    assert left or "closed" == (await street.row(row.reference)).state


async def test_who_finds_the_chat_closed_leaves_a_message(street, quick):
    async with street.database.transaction() as connection:
        id = await connection.fetchval("select id from channel where kind = 'chat'")
        await connection.execute("update channel set mode = 'reading' where id = $1", id)
    reference = await street.come("chat", "wanneer zijn jullie er weer?")
    assert "wanneer" in (await street.row(reference)).excerpt
