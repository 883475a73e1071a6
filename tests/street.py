"""Voorbeeldstad in a house of its own, where nothing moves unless a test says so."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime

from newsroom import account, app, conversation, demo, session
from newsroom.demo import loading
from newsroom.demo.colleague import Colleagues, colleagues
from newsroom.demo.letter import Letter
from newsroom.demo.mailbag import Item
from newsroom.demo.script import read
from newsroom.demo.shift import Shifts
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.triage import By, claim
from newsroom.web.demo import DemoPage
from newsroom.web.visitor import cookie_name

ALWAYS = Shifts({"dag": {"from": 0, "until": 24, "days": {key: range(7) for key in read("town.toml")["people"]}}})


def nobody(reference: str) -> bool:
    """Nobody looks at it."""
    return False


class Street:
    """The house with Voorbeeldstad in it; nothing moves unless a test says so."""

    def __init__(self, house: app.House, page: DemoPage):
        self.house = house
        self.database = house.database
        self.page = page
        self.url = house.settings.address
        site = demo.Site("127.0.0.1", house.settings.port, self.url)
        self.doors = demo.Doors(house.database, house.writer, house.channels, house.keys, house.bell, site)

    def staff(self, watched: Callable[[str], bool] = nobody) -> Colleagues:
        """Colleagues of whom everybody is at work."""
        return Colleagues(self.doors, watched, ALWAYS, random.Random(1))

    async def come(self, via: str, text: str = "Waar is de balie?", answer: str = "Op het Stadhuisplein.") -> str:
        """A message comes in, and is on the board; returns its reference."""
        letter = Letter("Noor Visser", "noor.visser@post.example", "Vraag over de balie", text, phone="+31612345678",
                        by="Aisha Rahmani")
        reference = await self.doors.bring(Item(via, letter, answer))
        await self.read()
        return reference

    async def read(self) -> None:
        await Intake(self.database, loading._own_kinds(), Parsers(1), self.house.keys.signing_key("reply"),
                     lambda: None).drain()

    async def row(self, reference: str) -> conversation.Conversation:
        async with self.database.transaction() as connection:
            id = await connection.fetchval("select id from conversation where reference = $1", reference)
            return (await conversation.lock(connection, [id]))[id]

    async def said(self, reference: str) -> list[str]:
        """The directions of a conversation's messages, in order."""
        async with self.database.connection() as connection:
            return [row["direction"] for row in await connection.fetch(
                "select direction from message m join conversation c on c.id = m.conversation_id"
                " where c.reference = $1 order by m.at, m.id", reference)]

    async def taken(self, reference: str) -> int:
        """A colleague takes it; returns who."""
        row, now = await self.row(reference), datetime.now(UTC)
        async with self.database.transaction() as connection:
            actor, *_ = await colleagues(connection, None, row.team_id, now)
            await claim(connection, row, By(actor, now))
        return actor

    async def cookie(self, name: str) -> dict[str, str]:
        async with self.database.transaction() as connection:
            person = next(one for one in await account.everyone(connection) if one.name == name)
            token = await session.start(connection, person.id, datetime.now(UTC), "", "test")
        return {cookie_name(self.house.settings): token}
