"""Voorbeeldstad while it runs: every channel's own entrance, residents who write back, colleagues who keep away."""

from __future__ import annotations

import random
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, CookieJar

from connectors import ExternalId, Outgoing
from newsroom import account, app, channel, conversation, demo, draft, sending, session
from newsroom.demo import colleague, loading, resident, stream
from newsroom.demo.script import read
from newsroom.demo.source import Letter
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.reply import HOLD
from newsroom.settings import Settings
from newsroom.triage import By, claim
from newsroom.web import application
from newsroom.web.demo import DemoPage
from newsroom.web.visitor import cookie_name

AT = datetime(2026, 11, 23, 13, 42, tzinfo=UTC)
HOUR = timedelta(hours=1)


def nobody(reference: str) -> bool:
    """Nobody looks at it."""
    return False


class Street:
    """The house with Voorbeeldstad in it; nothing moves unless a test says so."""

    def __init__(self, house: app.House, page: DemoPage):
        self.house = house
        self.database = house.database
        self.page = page
        self.doors = demo.Doors(house.database, house.writer, house.channels, house.keys, house.bell,
                                house.settings.port)
        self.url = house.settings.address

    async def come(self, via: str, text: str = "Waar is de balie?", answer: str = "Op het Stadhuisplein.") -> str:
        """A message comes in, and is on the board; returns its reference."""
        letter = Letter("Noor Visser", "noor.visser@post.example", "Belastingen" if via == "form" else "Vraag", text,
                        phone="+31612345678", by="Aisha Rahmani")
        await stream.bring(self.doors, via, letter, answer)
        await self.read()
        return next(reversed(self.doors.answers))

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

    async def cookie(self, name: str) -> dict[str, str]:
        async with self.database.transaction() as connection:
            person = next(one for one in await account.everyone(connection) if one.name == name)
            token = await session.start(connection, person.id, datetime.now(UTC), "", "test")
        return {cookie_name(self.house.settings): token}


@pytest.fixture
async def street(database, data) -> AsyncIterator[Street]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=data, port=port)
    page = DemoPage()
    async with app.run(settings, work_part=False, kinds=demo.demo_kinds(), more=(page.routes,)) as house:
        await demo.load(house.database, house.keys.signing_key("reply"), datetime.now(UTC), weeks=False)
        yield Street(house, page)


async def test_every_channel_has_its_own_entrance_and_ends_as_a_card(street):
    for via, plan in read("town.toml")["channels"].items():
        if not plan["a_day"]:
            continue  # only visitors use it
        row = await street.row(await street.come(via))
        async with street.database.connection() as connection:
            name = await connection.fetchval("select name from channel where id = $1", row.channel_id)
        assert (plan["name"], "new", "") == (name, row.state, row.problem)
        assert "balie" in row.excerpt


async def test_every_text_of_the_stream_can_be_read(street):
    letters, wanted = stream.endless(random.Random(7)), len(read("trickle.toml")["message"])
    for _ in range(2 * wanted):
        await stream.bring(street.doors, *next(letters))
    await street.read()
    async with street.database.connection() as connection:
        rows = await connection.fetch("select subject, excerpt, problem from conversation where created_at > $1",
                                      datetime.now(UTC) - timedelta(minutes=5))
    assert 2 * wanted <= len(rows)
    assert all("{" not in row["subject"] + row["excerpt"] and row["problem"] in ("", "bounced") for row in rows[10:])


@pytest.mark.parametrize("via", ["info", "form", "social", "app"])
async def test_residents_write_back_in_the_same_conversation(street, via):
    reference, since = await street.come(via), datetime.now(UTC)
    row = await street.row(reference)
    async with street.database.transaction() as connection:
        actor, = (await colleague._colleagues(connection, row.team_id, since))[:1]
        await claim(connection, row, By(actor, since))
    assert await colleague.answer(street.doors, nobody, row.id, actor, since, random.Random(1))
    async with street.database.transaction() as connection:
        (id, channel_id), = await sending.claim(connection, 0, since + HOLD, (), 1)
        ours = Outgoing("k", ExternalId(await connection.fetchval("select external_id from message where id = $1", id)),
                        "", "")
        sent = await street.doors.channels.make(await channel.get(connection, channel_id)).send(ours)
        await sending.mark(connection, id, sending.Outcome("sent", external_id=sent.external_id), since + HOLD)
        found, = await resident.replies(connection, since)
    await street.doors.write_back(found.channel_id, resident.letter(found, "Dank u! {naam}"), datetime.now(UTC) + HOLD)
    await street.read()
    assert ["in", "out", "in"] == await street.said(reference)


def test_residents_answer_in_tone():
    def heard(body: str, state: str = "waiting") -> Counter:
        one = resident.Reply(1, 1, "x", AT, body, False, {}, (), "Vraag", state)
        texts, chance = read("resident.toml"), random.Random(5)
        ways = {text: way for way in texts for text in texts[way]}
        return Counter(ways.get(resident.words(one, chance), "") for _ in range(400))

    kind = heard("Dank voor uw melding. De ploeg komt morgen en dan is het binnen een uur opgelost. Tot dan.")
    curt = heard("Helaas, dat kan niet.")
    assert {"told", ""} == heard("Op welk adres is dat, en hoe laat?").keys()
    assert kind["thanks"] > 2 * kind["unsolved"] and curt["unsolved"] > 2 * curt["thanks"]
    assert heard("Het is klaar, u kunt hem ophalen aan de balie van het stadhuis.", "closed")[""] > 200
    assert "english" in heard("Thank you for your message. Please bring your passport to the desk on Monday morning.")


async def test_a_colleague_takes_what_nobody_has_or_looks_at(street):
    reference, chance, later = await street.come("info"), random.Random(1), datetime.now(UTC) + HOUR
    assert await colleague.take(street.doors, lambda one: one == reference, later, chance) is None
    row = await street.row(reference)
    async with street.database.transaction() as connection:
        visitor, = (await colleague._colleagues(connection, row.team_id, later))[:1]
        await draft.keep(connection, row.id, visitor, "answer", "Beste", later)
    assert await colleague.take(street.doors, nobody, later, chance) is None
    async with street.database.transaction() as connection:
        await draft.forget(connection, row.id, visitor, "answer")
    id, actor = await colleague.take(street.doors, nobody, later, chance)
    assert (id, actor) == (row.id, (await street.row(reference)).assignee_id)
    assert await colleague.take(street.doors, nobody, later, chance) is None


async def test_a_colleague_is_nobody_that_a_visitor_is_and_leaves_what_a_visitor_took(street):
    row, now = await street.row(await street.come("info")), datetime.now(UTC)
    await street.cookie("Joris Bos")
    async with street.database.transaction() as connection:
        people = {one.id: one.name for one in await account.everyone(connection)}
        free = await colleague._colleagues(connection, row.team_id, now)
        assert free and "Joris Bos" not in {people[id] for id in free}
        joris = next(id for id, name in people.items() if name == "Joris Bos")
        await claim(connection, row, By(joris, now))
    assert await colleague.answer(street.doors, nobody, row.id, free[0], now, random.Random(1))
    assert ["in"] == await street.said(row.reference)


async def test_what_is_looked_at_is_answered_later(street):
    row, now = await street.row(await street.come("info")), datetime.now(UTC)
    async with street.database.transaction() as connection:
        actor, = (await colleague._colleagues(connection, row.team_id, now))[:1]
        await claim(connection, row, By(actor, now))
    assert not await colleague.answer(street.doors, lambda one: True, row.id, actor, now, random.Random(1))
    assert ["in"] == await street.said(row.reference)


async def test_the_page_is_only_there_in_the_demo(street):
    served = _paths(application.make(street.database, street.house.settings))
    assert served and not any(path.startswith("/demo") for path in served)
    async with ClientSession(street.url, cookies=await street.cookie("Joris Bos")) as visitor:
        shown = await (await visitor.get("/demo")).text()
        for link in re.findall(r'href="(/(?:formulier|chat)/[^"]+)"', shown):
            assert 200 == (await visitor.get(link)).status
        assert "/formulier/" in shown and "/chat/" in shown
        peak = await visitor.post("/demo/piek", data={"peak": "storm"}, headers={"Origin": street.url})
        assert 403 == peak.status
    async with ClientSession(street.url) as stranger:
        assert (await stranger.get("/demo")).url.path == "/inloggen"


async def test_the_chef_dag_begins_a_peak_once(street):
    living = demo.Living(street.doors, nobody, 0.0)
    street.page.begin(living, "wachtwoord van iedereen")
    async with ClientSession(street.url, cookies=await street.cookie("Sanne Vos"),
                             headers={"Origin": street.url}) as visitor:
        for _ in range(2):
            text = await (await visitor.post("/demo/piek", data={"peak": "storm"})).text()
        assert 404 == (await visitor.post("/demo/piek", data={"peak": "vloed"})).status
    assert ("storm",) == living.under_way
    assert "Storm, code oranje: bezig" in text and "wachtwoord van iedereen" in text
    living._peaks["storm"].cancel()


async def test_a_visitor_looks_as_somebody_else_also_in_a_second_window(street):
    async with street.database.connection() as connection:
        lotte = next(one.id for one in await account.everyone(connection) if one.name == "Lotte Dijk")
    async with ClientSession(street.url, cookies=await street.cookie("Sanne Vos"),
                             headers={"Origin": street.url}, cookie_jar=CookieJar(unsafe=True)) as visitor:
        second = await visitor.post("/demo/kijk-als", data={"person": lotte, "second": "on"}, allow_redirects=False)
        assert second.headers["Location"].startswith(f"http://localhost:{street.house.settings.port}/start/")
        assert 404 == (await visitor.post("/demo/kijk-als", data={"person": 999_999})).status
        await visitor.post("/demo/kijk-als", data={"person": lotte})
        assert "Je bent nu Lotte Dijk" in await (await visitor.get("/demo")).text()


async def test_everybody_in_the_demo_is_active_and_has_the_password_that_the_page_shows(street):
    async with street.database.connection() as connection:
        known = await connection.fetchval("select value from setting where name = $1", demo.PASSWORD)
        people = await account.everyone(connection)
    assert all(one.has_password for one in people)
    assert people[0].id == await account.sign_in(street.database, people[0].email, known)


def _paths(site) -> list[str]:
    return [resource.canonical for resource in site.router.resources()]
