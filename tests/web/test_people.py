"""One's own profile, and Beheer of users and roles: invited, changed, mailed, gone."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP

from newsroom import account
from newsroom.event import since
from newsroom.web import application
from newsroom.web.profile import FRESH
from tests.house import add_team
from tests.web.site import START, Clock, site
from tests.web.staff import PASSWORD, Browser, add_person, enter, link_for

NEW = "een heel ander wachtwoord"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client(db, clock):
    async with site(db, *application.PARTS, clock=clock) as client:
        yield client


@pytest.fixture
async def boss(db, client):
    return await enter(client, db, await add_person(db, "Baas", "admin"))


async def the(db, email):
    async with db.connection() as connection:
        return await account.by_email(connection, f"{email}@voorbeeldstad.example")


async def test_what_people_set_themselves_shows_on_every_page(db, client):
    browser = await enter(client, db, await add_person(db, "Noor", "webcare"))
    form = {"name": "Noor Smit", "language": "en", "theme": "dark", "density": "compact"}
    assert "/profiel?saved=profile" == (await browser.post("/profiel", form)).headers["Location"]
    await browser.get("/profiel?saved=profile")
    assert '<html lang="en" data-theme="dark" data-density="compact" data-single-keys="off"' in browser.text
    assert "Your profile is saved." in browser.words and "NS, profile of Noor Smit" in browser.text
    await browser.get("/bord")
    assert '<html lang="en" data-theme="dark"' in browser.text


@pytest.mark.parametrize("field, value", [("name", " "), ("name", "x" * 101), ("name", "a\u2028b"), ("language", "xx"),
                                          ("theme", '"><script>'), ("density", "")])
async def test_a_wrong_choice_is_told_and_kept_out(db, client, field, value):
    browser = await enter(client, db, await add_person(db, "Noor", "webcare"))
    form = {"name": "Anders", "language": "nl", "theme": "auto", "density": "roomy", field: value}
    assert 422 == (await browser.post("/profiel", form)).status
    assert "los 1 ding op" in browser.words and "<script>" not in browser.text
    assert "Noor" == (await the(db, "noor")).name


async def test_another_password_needs_the_old_one_and_ends_other_sessions(db, client):
    id = await add_person(db, "Noor", "webcare")
    browser, other = await enter(client, db, id), await enter(client, db, id)
    for current, new, says in (("verkeerd", NEW, "eigen wachtwoord klopt niet"),
                               ("", NEW, "eigen wachtwoord klopt niet"), (PASSWORD, "kort", "ten minste 12 tekens")):
        assert 422 == (await browser.post("/profiel/wachtwoord", {"current": current, "password": new})).status
        assert says in browser.words
    before = dict(browser.cookies)
    assert 303 == (await browser.post("/profiel/wachtwoord", {"current": PASSWORD, "password": NEW})).status
    assert 200 == (await browser.get("/profiel")).status
    assert [303, 303] == [(await one.get("/profiel")).status for one in (other, Browser(client, before))]
    assert 303 == (await Browser(client).sign_in("noor@voorbeeldstad.example", NEW)).status


async def test_one_ends_ones_own_sessions_and_nobody_elses(db, client, boss):
    id = await add_person(db, "Noor", "webcare")
    here, there, elsewhere = [await enter(client, db, id) for _ in range(3)]
    await here.get("/profiel")
    assert 3 == here.text.count("Firefox, Windows</") + here.text.count("Firefox, Windows <")
    ends = re.findall(r'action="(/profiel/sessies/[0-9a-f]{16})"', here.text)
    assert 2 == len(ends)
    for path in ends:  # not with another person's hands
        await boss.post(path)
    assert [200, 200] == [(await one.get("/profiel")).status for one in (there, elsewhere)]
    await here.post(ends[0])
    assert [200, 303] == sorted([(await one.get("/profiel")).status for one in (there, elsewhere)])
    await here.post("/profiel/sessies")
    assert [200, 303, 303] == [(await one.get("/profiel")).status for one in (here, there, elsewhere)]


async def test_an_invitation_without_a_mail_server_shows_its_link(db, client, boss):
    team = await add_team(db, "Jeugd")
    form = [("name", "Noor Smit"), ("email", "noor@voorbeeldstad.example"), ("roles", "webcare"), ("roles", "keizer"),
            ("teams", str(team)), ("teams", "x")]
    assert 200 == (await boss.post("/beheer/gebruikers", form)).status
    path = re.search(r'value="http://127\.0\.0\.1:8080(/uitnodiging/[\w-]{43})"', boss.text)[1]
    person = await the(db, "noor")
    assert (["webcare"], [team], False) == (person.roles, person.teams, person.has_password)
    noor = Browser(client)
    assert 303 == (await noor.post(path, {"name": "Noor Smit", "password": PASSWORD})).status
    assert "/bord" == (await noor.get("/")).headers["Location"]
    await boss.get("/beheer/gebruikers")
    assert "Noor Smit" in boss.words and "Jeugd" in boss.words
    assert 422 == (await boss.post("/beheer/gebruikers", form)).status
    assert "al een account met dit e-mailadres" in boss.words


async def test_other_roles_count_at_once(db, client, boss):
    id = await add_person(db, "Noor", "webcare")
    noor = await enter(client, db, id)
    answer = await boss.post(f"/beheer/gebruikers/{id}", [("roles", "chef_dag"), ("roles", "webcare")])
    assert f"/beheer/gebruikers/{id}?saved=rights" == answer.headers["Location"]
    assert 303 == (await noor.get("/bord")).status  # a session of the old rights is over
    assert ["webcare", "chef_dag"] == (await the(db, "noor")).roles
    async with db.connection() as connection:
        assert {"account": id} == (await since(connection, 0, 100))[-1].data


async def test_who_changes_their_own_roles_goes_on_with_another_session_id(db, boss):
    person, before = await the(db, "baas"), dict(boss.cookies)
    form = [("roles", "admin"), ("roles", "chef_dag")]
    assert 303 == (await boss.post(f"/beheer/gebruikers/{person.id}", form)).status
    assert before != boss.cookies
    assert 200 == (await boss.get("/bord")).status
    assert 303 == (await Browser(boss.client, before).get("/bord")).status


async def test_the_last_administrator_stays(db, boss):
    person = await the(db, "baas")
    assert 422 == (await boss.post(f"/beheer/gebruikers/{person.id}", {"roles": "webcare"})).status
    assert "laatste beheerder" in boss.words
    assert 422 == (await boss.post(f"/beheer/gebruikers/{person.id}/afsluiten")).status
    assert ["admin"] == (await the(db, "baas")).roles


async def test_who_is_gone_is_out_and_can_come_back(db, client, boss):
    id = await add_person(db, "Noor", "webcare")
    noor = await enter(client, db, id)
    reset = await link_for(db, "reset", id)
    await boss.get(f"/beheer/gebruikers/{id}")
    assert "De 0 open gesprekken gaan terug naar Nieuw." in boss.words
    assert 303 == (await boss.post(f"/beheer/gebruikers/{id}/afsluiten")).status
    assert 303 == (await noor.get("/profiel")).status
    assert 422 == (await Browser(client).sign_in("noor@voorbeeldstad.example")).status
    assert 410 == (await Browser(client).get(reset)).status
    assert 303 == (await boss.post(f"/beheer/gebruikers/{id}/openen")).status
    assert 303 == (await Browser(client).sign_in("noor@voorbeeldstad.example")).status


async def test_an_old_session_proves_itself_before_it_gives_rights(db, client, boss, clock):
    """Somebody at an unlocked desk gets nowhere."""
    id = await add_person(db, "Noor", "webcare")
    clock.at += FRESH + timedelta(seconds=1)
    paths = [f"/beheer/gebruikers/{id}{part}" for part in ("", "/link", "/afsluiten", "/openen")]
    form = {"name": "Indringer", "email": "in@voorbeeldstad.example", "roles": "admin"}
    for path in ["/beheer/gebruikers", *paths]:
        assert 422 == (await boss.post(path, form)).status, path
        assert "eigen wachtwoord klopt niet" in boss.words
        clock.forward(61)
    assert ["webcare"] == (await the(db, "noor")).roles and await the(db, "in") is None
    assert 303 == (await boss.post(paths[0], {"roles": "supervisor", "own_password": PASSWORD})).status
    assert ["supervisor"] == (await the(db, "noor")).roles


async def test_roles_are_called_what_the_house_calls_them(db, boss):
    await boss.post("/beheer/gebruikers/rolnamen", {"webcare": " Klantcontact <b> ", "chef_dag": "", "keizer": "x"})
    await boss.get("/beheer/gebruikers/nieuw")
    assert "Klantcontact &lt;b&gt;" in boss.text and "Chef dag" in boss.words
    async with db.connection() as connection:
        assert {"webcare": "Klantcontact <b>"} == await connection.fetchval("select value from setting")
        line = await connection.fetchrow("select * from audit where kind = 'setting_changed'")
    assert ({"webcare": "Klantcontact <b>"}, START) == (line["data"]["after"], line["at"])


class Letterbox:
    """A mail server that keeps what it gets, or refuses it."""

    def __init__(self):
        self.letters, self.refuse = [], False

    async def handle_DATA(self, server, session, envelope):
        if self.refuse:
            return "550 5.7.1 sender not allowed"
        self.letters.append((envelope.rcpt_tos, envelope.content.decode()))
        return "250 OK"


@pytest.fixture
async def post(db, clock):
    box = Letterbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = {"mail_url": f"smtp://127.0.0.1:{port}", "mail_from": "newsroom@voorbeeldstad.example"}
    async with site(db, *application.PARTS, clock=clock, **settings) as client:
        yield box, client
    server.close()


async def test_an_invitation_comes_by_mail(db, post):
    box, client = post
    boss = await enter(client, db, await add_person(db, "Baas", "admin"))
    form = {"name": "Noor Smit", "email": "noor@voorbeeldstad.example", "roles": "webcare"}
    await boss.post("/beheer/gebruikers", form)
    assert "verstuurd naar noor@voorbeeldstad.example" in boss.words and "/uitnodiging/" not in boss.text
    [(readers, letter)] = box.letters
    assert ["noor@voorbeeldstad.example"] == readers and "Auto-Submitted: auto-generated" in letter
    path = re.search(r"(/uitnodiging/[\w-]{43})", letter)[1]
    assert 200 == (await Browser(client).get(path)).status


async def test_a_refused_mail_shows_the_link_after_all(db, post):
    box, client = post
    box.refuse = True
    boss = await enter(client, db, await add_person(db, "Baas", "admin"))
    await boss.post(f"/beheer/gebruikers/{await add_person(db, 'Noor', 'webcare')}/link")
    assert "De mail is niet verstuurd" in boss.words
    assert re.search(r'value="http://127\.0\.0\.1:8080/wachtwoord/[\w-]{43}"', boss.text)


async def test_a_forgotten_password_is_answered_the_same_for_everybody(db, post):
    box, client = post
    await add_person(db, "Noor", "webcare")
    gone = await add_person(db, "Weg", "webcare")
    async with db.transaction() as connection:
        await connection.execute("update account set disabled_at = $2 where id = $1", gone, START)
    browser, seen = Browser(client), set()
    for email in ("noor", "niemand", "weg", "noor"):
        answer = await browser.post("/wachtwoord", {"email": f"{email}@voorbeeldstad.example"})
        seen.add((answer.status, browser.text))
    assert 1 == len(seen) and "Kennen we dit adres?" in browser.words
    await client.server.close()  # what was promised for later is done first
    assert [["noor@voorbeeldstad.example"]] * 2 == [readers for readers, _ in box.letters]


async def test_nobody_is_flooded_with_letters(db, post):
    box, client = post
    await add_person(db, "Noor", "webcare")
    for _ in range(10):
        assert 200 == (await Browser(client).post("/wachtwoord", {"email": "noor@voorbeeldstad.example"})).status
    await client.server.close()
    assert 3 == len(box.letters)
