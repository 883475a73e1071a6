"""Voorbeeldstad while it runs: every channel's own entrance, residents who write back, colleagues who keep away."""

from __future__ import annotations

import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import ClientSession, CookieJar

from connectors import ExternalId, Outgoing
from newsroom import account, channel, demo, draft, sending
from newsroom.demo import resident
from newsroom.demo.colleague import Colleagues, colleagues
from newsroom.demo.letter import Letter
from newsroom.demo.mailbag import Item, Mailbag
from newsroom.demo.script import read
from newsroom.demo.shift import Shifts
from newsroom.demo.words import words
from newsroom.reply import HOLD
from newsroom.triage import By, claim
from newsroom.web import application
from tests.street import nobody

HOUR = timedelta(hours=1)


@pytest.mark.parametrize("via", [via for via in read("town.toml")["channels"] if via != "chat"])
async def test_every_channel_has_its_own_entrance_and_ends_as_a_card(street, quick, via):
    row = await street.row(await street.come(via))
    async with street.database.connection() as connection:
        name = await connection.fetchval("select name from channel where id = $1", row.channel_id)
    assert (read("town.toml")["channels"][via]["name"], "new", "") == (name, row.state, row.problem)
    assert "balie" in row.excerpt and "Op het Stadhuisplein." == street.doors.answers[row.reference]


async def test_what_comes_twice_after_a_fault_is_there_once(street, quick):
    for via in ("info", "social", "app", "post"):
        item = Item(via, Letter("Noor", "noor@post.example", "Vraag", "Waar is de balie?", by="Aisha Rahmani"))
        assert 1 == len({await street.doors.bring(item) for _ in range(2)})


async def test_every_text_of_the_stream_can_be_read(street, quick):
    bag = Mailbag(random.Random(7))
    items = [bag.over(via) for via in bag.volume.a_day if via != "chat" for _ in range(25)]
    for item in items:
        await street.doors.bring(item)
    await street.read()
    async with street.database.connection() as connection:
        rows = await connection.fetch("select subject, excerpt, problem from conversation c where exists (select from"
                                      " delivery d where d.reference = c.reference and d.received_at > $1)",
                                      datetime.now(UTC) - timedelta(minutes=5))
    assert len(items) <= len(rows)
    assert all("{" not in row["subject"] + row["excerpt"] and not row["problem"] for row in rows)


@pytest.mark.parametrize("via", ["info", "form", "social", "app"])
async def test_residents_write_back_in_the_same_conversation(street, quick, via):
    reference, since = await street.come(via), datetime.now(UTC)
    await street.taken(reference)
    assert await street.staff().answer(since + HOUR)
    async with street.database.transaction() as connection:
        (id, channel_id), = await sending.claim(connection, 0, since + HOUR + HOLD, (), 1)
        ours = Outgoing("k", ExternalId(await connection.fetchval("select external_id from message where id = $1", id)),
                        "", "")
        sent = await street.doors.channels.make(await channel.get(connection, channel_id)).send(ours)
        await sending.mark(connection, id, sending.Outcome("sent", external_id=sent.external_id), since + HOUR)
        found, = await resident.replies(connection, since)
    assert reference == found.reference
    await street.doors.write_back(found.channel_id, resident.letter(found, "Dank u! {naam}"), datetime.now(UTC) + HOLD)
    await street.read()
    assert Counter(["in", "out", "in"]) == Counter(await street.said(reference))


def test_residents_answer_in_tone():
    def heard(body: str, state: str = "waiting", tone: str = "letter") -> Counter:
        chance = random.Random(5)
        return Counter(words(body, state, chance, tone).way for _ in range(400))

    kind = heard("Dank voor uw melding. De ploeg komt morgen en dan is het binnen een uur opgelost. Tot dan.")
    curt = heard("Helaas, dat kan niet.")
    assert {"told", ""} == heard("Op welk adres is dat, en hoe laat?").keys()
    assert kind["thanks"] > 2 * kind["unsolved"] and curt["unsolved"] > 2 * curt["thanks"]
    assert heard("Het is klaar, u kunt hem ophalen aan de balie van het stadhuis.", "closed")[""] > 200
    assert "" not in heard("Dat regelen we voor je.", tone="chat")
    english = words("Thank you for your message. Please bring your passport.", "open", random.Random(1), "chat")
    assert english.text in [one["text"] for one in read("resident.toml")["chat"]["english"]]


def test_who_is_asked_where_says_where():
    chance, chat = random.Random(2), {one["text"]: one["to"] for one in read("resident.toml")["chat"]["told"]}
    for body, to in (("In welke straat woon je?", "place"), ("Zal ik de link sturen?", "offer"),
                     ("Heb je de app al?", "fact")):
        said = {words(body, "open", chance, "chat").text for _ in range(50)} - {""}
        assert said and {to} == {chat[text] for text in said}


async def test_a_colleague_takes_what_nobody_has_or_looks_at(street):
    reference, later = await street.come("info"), datetime.now(UTC) + HOUR
    assert not await street.staff(lambda one: one == reference).take(later)
    row = await street.row(reference)
    async with street.database.transaction() as connection:
        visitor, *_ = await colleagues(connection, None, row.team_id, later)
        await draft.keep(connection, row.id, visitor, "answer", "Beste", later)
    assert not await street.staff().take(later)
    async with street.database.transaction() as connection:
        await draft.forget(connection, row.id, visitor, "answer")
    assert await street.staff().take(later)
    assert "open" == (await street.row(reference)).state
    assert not await street.staff().take(later)


async def test_who_is_not_at_work_or_away_takes_nothing(street):
    row, later = await street.row(await street.come("info")), datetime.now(UTC) + HOUR
    night = Colleagues(street.doors, nobody, Shifts({}), random.Random(1))
    assert not await night.take(later)
    async with street.database.connection() as connection:
        there = street.staff().at_work(datetime.now(UTC))
        free = await colleagues(connection, there, row.team_id, datetime.now(UTC))
        names = [one.name for one in await account.everyone(connection) if one.id in free]
    assert "Joris Bos" in names and "Daan Hoekstra" not in names


async def test_a_colleague_is_nobody_that_a_visitor_is_and_leaves_what_a_visitor_took(street):
    row, now = await street.row(await street.come("info")), datetime.now(UTC)
    await street.cookie("Joris Bos")
    async with street.database.transaction() as connection:
        people = {one.id: one.name for one in await account.everyone(connection)}
        free = await colleagues(connection, None, row.team_id, now)
        assert free and "Joris Bos" not in {people[id] for id in free}
        joris = next(id for id, name in people.items() if name == "Joris Bos")
        await claim(connection, row, By(joris, now))
    assert not await street.staff().answer(datetime.now(UTC))
    assert ["in"] == await street.said(row.reference)


async def test_what_is_looked_at_is_answered_later(street):
    reference = await street.come("info")
    await street.taken(reference)
    assert not await street.staff(lambda one: True).answer(datetime.now(UTC) + HOUR)
    assert ["in"] == await street.said(reference)
    assert await street.staff().answer(datetime.now(UTC) + HOUR)
    assert ["in", "out"] == await street.said(reference)


@pytest.mark.parametrize(("via", "kind"), [("phone", "called"), ("counter", "spoken"), ("post", "letter")])
async def test_a_colleague_tells_who_came_to_the_desk(street, via, kind):
    reference = await street.come(via)
    await street.taken(reference)
    assert await street.staff().answer(datetime.now(UTC) + HOUR)
    async with street.database.connection() as connection:
        told = await connection.fetchrow("select m.kind, m.body from message m join conversation c"
                                         " on c.id = m.conversation_id where c.reference = $1 and direction = 'out'",
                                         reference)
    assert (kind, "Op het Stadhuisplein.") == tuple(told)
    assert (await street.row(reference)).state in ("waiting", "closed")


async def test_thanks_end_it_without_an_answer(street):
    reference = await street.come("info", "Dank u wel!", "")
    await street.taken(reference)
    street.doors.answers[reference] = ""
    assert await street.staff().answer(datetime.now(UTC) + HOUR)
    assert ["in"] == await street.said(reference) and "closed" == (await street.row(reference)).state


async def test_what_nobody_knows_an_answer_to_is_called_about_when_it_becomes_much(street, monkeypatch):
    reference, later = await street.come("info", answer=""), datetime.now(UTC) + HOUR
    monkeypatch.setattr("newsroom.demo.colleague.LEAVE", 0)
    assert not await street.staff().take(later)
    monkeypatch.setattr("newsroom.demo.colleague.MOST_NEW", 0)
    while (await street.row(reference)).assignee_id is None:
        assert await street.staff().take(later)
    while (await street.row(reference)).state != "closed":
        assert await street.staff().answer(later)
    assert ["in", "out"] == await street.said(reference)


async def test_what_waits_long_for_residents_is_ended(street, monkeypatch):
    async with street.database.connection() as connection:
        before = await connection.fetchval("select count(*) from conversation where state = 'waiting'")
    assert not await street.staff().finish(datetime.now(UTC))
    monkeypatch.setattr("newsroom.demo.colleague.MOST_WAITING", before - 1)
    assert await street.staff().finish(datetime.now(UTC))
    assert not await street.staff().finish(datetime.now(UTC))


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
