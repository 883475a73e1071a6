"""Beheer: every page for who may, none for others; one form tests and keeps; a credential is never shown."""

from __future__ import annotations

import html
import re
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from connectors import Step
from newsroom import calendar, channel, event, language, logbook, session
from newsroom.channel import Live
from newsroom.logbook import Filter
from newsroom.web import admin, people, profile, sign_in
from newsroom.web.keys import BELL, CHANNELS
from tests.house import add_account, add_team
from tests.tap import KINDS, PASSWORD, WELLS, Well
from tests.test_channel import KEYS, whole_database
from tests.web.site import START, site

SAME = {"Sec-Fetch-Site": "same-origin"}
ADDRESS = "kraan@voorbeeldstad.example"
NEW = {"name": "E-mail info@", "team": "", "mode": "live", "hours": "", "signature_text": "Groet", "signature_html": "",
       "s-address": ADDRESS, "s-port": "143", "s-security": "none", "s-password": PASSWORD, "s-origins": "",
       "amount-1": "2", "unit-1": "working_days", "do": "test"}
PAGES = ("", "/kanalen", "/kanalen/nieuw/tap", "/kanalen/1", "/teams", "/teams/nieuw", "/teams/1", "/labels",
         "/labels/nieuw", "/labels/1", "/afrondredenen", "/afrondredenen/nieuw", "/afrondredenen/1", "/openingstijden",
         "/openingstijden/nieuw", "/openingstijden/1", "/sluitingsdagen", "/doelen", "/doelen/1", "/logboek")


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    monkeypatch.setattr(language, "strict", True)


class Admin:
    """Somebody who is signed in, with a browser without JavaScript."""

    def __init__(self, client, cookie: str, rung: list):
        self.client, self.cookie, self.rung = client, cookie, rung
        self.status, self.text = 0, ""

    async def open(self, path: str):
        return await self._look(await self.client.get(path, headers=self._headers))

    async def send(self, path: str, data=None, /, **fields):
        body = {**(data or {}), **fields}
        answer = await self.client.post(path, data=body, headers=self._headers | SAME, allow_redirects=False)
        await self._look(answer)
        if answer.status == 303:
            await self.open(answer.headers["Location"])
            self.status = 303
        return self

    @property
    def words(self) -> str:
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", self.text.partition("<main")[2])).split())

    @property
    def problems(self) -> list[str]:
        """The lines of the summary; each must lead to something on the page."""
        summary = re.search(r'<div class="errs".*?</div>', self.text, re.S)
        found = re.findall(r'<a href="#([^"]+)">(.*?)</a>', summary[0] if summary else "", re.S)
        assert [] == [id for id, _ in found if f'id="{id}"' not in self.text]
        return [html.unescape(words) for _, words in found]

    def value(self, name: str) -> str:
        return html.unescape(re.search(rf'name="{name}"[^>]*?value="([^"]*)"', self.text)[1])

    @property
    def _headers(self):
        return {"Cookie": self.cookie} if self.cookie else {}

    async def _look(self, answer):
        self.status, self.text, self.headers = answer.status, await answer.text(), answer.headers
        return self


@asynccontextmanager
async def beheer(db, *roles: str, speech: str = "nl"):
    WELLS[ADDRESS] = Well()
    someone = await add_account(db, "Bas", *roles)
    async with db.transaction() as connection:
        await connection.execute("update account set language = $1", speech)
        token = await session.start(connection, someone.account_id, START, "", "")
    rung: list[int] = []
    more = {CHANNELS: Live(db, KINDS, KEYS), BELL: lambda: rung.append(1)}
    async with site(db, admin.routes, people.routes, sign_in.routes, profile.routes, more=more) as client:
        yield Admin(client, f"newsroom-8080={token}", rung)


@pytest.fixture
async def bas(db):
    async with beheer(db, "admin") as person:
        yield person


async def one_of_each(bas: Admin) -> None:
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    await bas.send("/beheer/teams/nieuw", name="Webcare")
    await bas.send("/beheer/labels/nieuw", name="Afval", topic="1")
    await bas.send("/beheer/afrondredenen/nieuw", name_nl="Klaar", name_en="Done", outcome="answered")
    await bas.send("/beheer/openingstijden/nieuw", {"name": "Kantoor", "from-0-0": "9", "to-0-0": "17", "do": "save"})


# --- who may -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("speech", ["nl", "en"])
async def test_every_page_renders_in_both_languages(db, speech):
    async with beheer(db, "admin", speech=speech) as bas:
        await one_of_each(bas)
        for path in PAGES:
            assert 200 == (await bas.open("/beheer" + path)).status, path
            assert f'lang="{speech}"' in bas.text and 1 == bas.text.count("<h1"), path
            ids = re.findall(r'\bid="([^"]+)"', bas.text)
            assert len(ids) == len(set(ids)), path
            labels = set(re.findall(r'<label[^>]* for="([^"]+)"', bas.text))
            assert labels <= set(ids), (path, labels - set(ids))
            assert "style=" not in bas.text.partition("<body")[2], path


@pytest.mark.parametrize("role", ["webcare", "chef_dag", "content_director", "supervisor", "analyst"])
async def test_others_are_refused_and_change_nothing(db, role):
    async with beheer(db, role) as person:
        for path in PAGES:
            allowed = role == "supervisor" and path in ("", "/logboek")
            assert (200 if allowed else 403) == (await person.open("/beheer" + path)).status, path
        for path in ("/kanalen/nieuw/tap", "/teams/nieuw", "/labels/nieuw", "/sluitingsdagen", "/kanalen/1/test",
                     "/kanalen/1/archief", "/openingstijden/nieuw", "/openingstijden/1/verwijder", "/doelen/1"):
            assert 403 == (await person.send("/beheer" + path, NEW)).status, path
    async with db.connection() as connection:
        assert [] == await channel.every(connection) and [] == await calendar.every(connection)
        assert [] == await logbook.read(connection, Filter(subject="settings"))


async def test_without_a_session_one_is_asked_to_sign_in(bas):
    bas.cookie = ""
    answer = await bas.client.get("/beheer/kanalen", allow_redirects=False)
    assert (303, True) == (answer.status, answer.headers["Location"].startswith("/inloggen"))


@pytest.mark.parametrize("path", ["/kanalen/99", "/kanalen/nieuw/fax", "/teams/99", "/labels/99", "/doelen/99",
                                  "/openingstijden/99", "/afrondredenen/99"])
async def test_what_does_not_exist_is_not_found(bas, path):
    assert 404 == (await bas.open("/beheer" + path)).status
    assert 404 == (await bas.send("/beheer" + path, NEW)).status


# --- channels ----------------------------------------------------------------------------------------------------

async def test_a_channel_is_tested_and_kept_in_one_action(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    assert 303 == bas.status and "De test is gelukt" in bas.words and "2 van 2 gelukt" in bas.words
    async with db.connection() as connection:
        row, = await channel.every(connection)
        targets = await calendar.targets(connection, row.id)
    assert ("E-mail info@", ADDRESS, "ok", 143) == (row.name, row.address, row.health, row.settings["port"])
    assert (2, "working_days") == (targets[1].amount, targets[1].unit)
    assert [PASSWORD] == WELLS[ADDRESS].passwords and bas.rung
    await bas.open("/beheer/kanalen")
    assert "E-mail info@" in bas.words and "Werkt" in bas.words


async def test_a_failed_test_keeps_what_was_typed_and_the_old_settings(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    WELLS[ADDRESS].steps = [Step("Verbonden", True), Step("Testbericht", False, "550 5.7.1", "Vraag ICT om info@.")]
    secret = "a-newer-password"
    await bas.send("/beheer/kanalen/1", {**NEW, "name": "Anders", "s-port": "144", "s-password": secret})
    assert 422 == bas.status and ["Testbericht: Vraag ICT om info@."] == bas.problems
    assert ("Anders", "144") == (bas.value("name"), bas.value("s-port"))
    assert secret not in bas.text and "Vul dit opnieuw in" in bas.words
    assert "werkt intussen door met de oude instellingen" in bas.words
    assert "1 van 2 gelukt" in bas.words and "FOUT Testbericht: 550 5.7.1" in bas.words and "port: 144" in bas.words
    assert "3 wijzigingen" in bas.words and "143 144" in bas.words and "vervangen" in bas.words
    async with db.connection() as connection:
        row = await channel.get(connection, 1)
    assert ("E-mail info@", 143, "ok") == (row.name, row.settings["port"], row.health)
    assert PASSWORD == channel.settings_of(row, KEYS, KINDS["tap"]).password.reveal()


async def test_it_can_be_kept_all_the_same_and_is_paused_then(db, bas):
    WELLS[ADDRESS].steps = [Step("Verbonden", False, "", "Geen antwoord.")]
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    assert 422 == bas.status and "Toch bewaren en pauzeren" in bas.words
    await bas.send("/beheer/kanalen/nieuw/tap", {**NEW, "do": "pause"})
    assert 303 == bas.status and "staat op pauze" in bas.words
    async with db.connection() as connection:
        row, = await channel.every(connection)
    assert ("paused", "down", "Geen antwoord.") == (row.mode, row.health, row.health_cause)


async def test_a_name_can_change_while_the_server_is_away(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    WELLS[ADDRESS].steps = [Step("Verbonden", False, "", "Geen antwoord.")]
    await bas.send("/beheer/kanalen/1", {**NEW, "name": "Anders", "s-password": ""})
    assert 303 == bas.status and "Maar de test lukte niet" in bas.words and "Storing" in bas.words
    async with db.connection() as connection:
        assert "Anders" == (await channel.get(connection, 1)).name


async def test_every_mistake_is_told_at_once_with_a_way_to_its_field(db, bas):
    wrong = {**NEW, "name": " ", "team": "7", "mode": "loud", "hours": "x", "s-address": "", "s-port": "many",
             "s-password": "", "s-origins": "a\tb", "amount-1": "-2", "amount-3": "nan"}
    await bas.send("/beheer/kanalen/nieuw/tap", wrong)
    assert 422 == bas.status and 10 == len(bas.problems)
    assert [] == WELLS[ADDRESS].passwords
    async with db.connection() as connection:
        assert [] == await channel.every(connection)


async def test_a_name_that_is_taken_keeps_the_form(bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    await bas.send("/beheer/kanalen/nieuw/tap", {**NEW, "name": "e-mail INFO@", "s-port": "7"})
    assert 422 == bas.status and 1 == len(bas.problems) and "7" == bas.value("s-port")


async def test_a_credential_is_never_shown_logged_or_kept_in_the_open(db, bas):
    with capture_logs() as logged:
        await bas.send("/beheer/kanalen/nieuw/tap", {**NEW, "s-spare": "spare-secret-word"})
        seen = [bas.text]
        for path in PAGES:
            seen.append((await bas.open("/beheer" + path)).text)
        WELLS[ADDRESS].steps = [Step("Verbonden", False)]
        seen.append((await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "third-secret-word"})).text)
        WELLS[ADDRESS].steps = [Step("Verbonden", True)]
        seen.append((await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "", "forget-spare": "1"})).text)
        seen.append((await bas.open("/beheer/logboek")).text)
    everything = [*seen, str(logged), await whole_database(db)]
    for word in (PASSWORD, "spare-secret-word", "third-secret-word"):
        assert [] == [place for place, text in enumerate(everything) if word in text]
    async with db.connection() as connection:
        assert ["password"] == list(channel.secrets_of(await channel.get(connection, 1), KEYS))


async def test_what_is_typed_stands_in_the_page_as_text(bas):
    evil = '"><script>alert(1)</script>'
    await bas.send("/beheer/kanalen/nieuw/tap", {**NEW, "name": evil, "s-origins": evil, "amount-1": evil})
    assert "<script>alert" not in bas.text and 422 == bas.status
    await bas.send("/beheer/kanalen/nieuw/tap", {**NEW, "name": evil})
    await bas.open("/beheer/logboek")
    assert "<script>alert" not in bas.text and evil in bas.words


async def test_the_settings_in_use_can_be_tested_again(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    WELLS[ADDRESS].steps = [Step("Verbonden", False, "", "Geen antwoord.")]
    await bas.send("/beheer/kanalen/1/test")
    assert 303 == bas.status and "Tekst voor ICT" in bas.words
    async with db.connection() as connection:
        assert "down" == (await channel.get(connection, 1)).health


async def test_a_channel_goes_only_after_a_tick(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    assert 422 == (await bas.send("/beheer/kanalen/1/archief")).status and 1 == len(bas.problems)
    await bas.send("/beheer/kanalen/1/archief", sure="1")
    assert 303 == bas.status and "weggehaald" in bas.words
    assert 404 == (await bas.open("/beheer/kanalen/1")).status
    async with db.connection() as connection:
        assert "archived" == (await event.since(connection, 0, 99))[-1].data["change"]


# --- the rest ----------------------------------------------------------------------------------------------------

async def test_a_week_is_filled_in_by_hand_and_mistakes_stand_at_their_day(db, bas):
    path = "/beheer/openingstijden/nieuw"
    week = {"name": "Kantoor", "from-0-0": "9", "to-0-0": "17.00", "from-1-0": "9:00", "to-1-0": "12:30",
            "from-1-1": "12:00", "to-1-1": "17:00", "from-4-0": "20", "to-4-0": "2", "from-5-0": "vroeg", "do": "save"}
    await bas.send(path, week)
    assert 422 == bas.status and 1 == len(bas.problems) and bas.problems[0].startswith("zaterdag")
    await bas.send(path, {**week, "from-5-0": ""})
    assert 422 == bas.status and ["dinsdag: 12:00 tot 17:00 overlapt"] == [words[:33] for words in bas.problems]
    assert 1 == bas.text.count('class="bad"') and "12:00" == bas.value("from-1-1")
    await bas.send(path, {**week, "from-5-0": "", "from-1-1": "13"})
    assert 303 == bas.status and "Bewaard" in bas.words
    async with db.connection() as connection:
        kept, = await calendar.every(connection)
    assert [(0, 540, 1020), (1, 540, 750), (1, 780, 1020), (4, 1200, 1560)] == [
        (one.weekday, one.start, one.end) for one in kept.blocks]


async def test_the_small_buttons_of_a_week_work_without_scripts(db, bas):
    path, week = "/beheer/openingstijden/nieuw", {"name": "Kantoor", "from-0-0": "9", "to-0-0": "12"}
    await bas.send(path, {**week, "do": "copy"})
    assert 200 == bas.status and "9" == bas.value("from-6-0")
    await bas.send(path, {**week, "do": "add-0"})
    assert "" == bas.value("from-0-1")
    await bas.send(path, {**week, "do": "drop-0-0"})
    assert 'name="from-0-0"' not in bas.text
    for odd in ("add-9", "drop-0-99", "drop-x", "add--1", "leap"):
        assert 200 == (await bas.send(path, {**week, "do": odd})).status
    async with db.connection() as connection:
        assert [] == await calendar.every(connection)


async def test_days_holidays_and_targets(db, bas):
    await one_of_each(bas)
    await bas.send("/beheer/sluitingsdagen/feestdagen", good_friday="1")
    await bas.send("/beheer/sluitingsdagen", {"day": "2026-12-24", "name": "Kerstavond", "from": "9", "to": "12"})
    assert 303 == bas.status and "09:00–12:00" in bas.words and "Goede vrijdag" in bas.words
    await bas.send("/beheer/sluitingsdagen", {"day": "1926-12-24", "name": "", "hours": "77", "from": "12", "to": ""})
    assert 422 == bas.status and 4 == len(bas.problems)
    await bas.send("/beheer/sluitingsdagen/verwijder", day="2026-12-24")
    assert "Kerstavond" not in bas.words
    await bas.send("/beheer/doelen/1", {"amount-3": "1,5", "unit-3": "hours", "amount-1": "3",
                                        "unit-1": "working_days"})
    assert 303 == bas.status and "90 minuten" in bas.words and "3 werkdagen" in bas.words
    assert 422 == (await bas.send("/beheer/doelen/1", {"amount-3": "1e9", "unit-3": "years"})).status


async def test_teams_labels_and_reasons(db, bas):
    await one_of_each(bas)
    await bas.send("/beheer/teams/1", name="Jeugd", restricted="1", hours="1")
    assert 303 == bas.status and "Alleen leden" in bas.words and "Kantoor" in bas.words
    assert 422 == (await bas.send("/beheer/teams/1", name="Jeugd", hours="9")).status
    assert 422 == (await bas.send("/beheer/labels/nieuw", name="AFVAL")).status and 1 == len(bas.problems)
    await bas.send("/beheer/labels/1/archief")
    assert "Niet meer in gebruik" in bas.words
    assert 422 == (await bas.send("/beheer/afrondredenen/1", name_nl="", name_en="x", outcome="answered")).status
    await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "", "team": "1"})
    assert 422 == (await bas.send("/beheer/teams/1/archief")).status and "heeft nog open" in bas.problems[0]


async def test_the_log_shows_before_and_after_and_can_be_searched(db, bas):
    await one_of_each(bas)
    await bas.send("/beheer/labels/1", name="Afval en milieu")
    await bas.open("/beheer/logboek?subject=settings")
    assert "Naam: Afval Afval en milieu" in bas.words and "Onderwerp: ja nee" in bas.words and "Bas" in bas.words
    await bas.open("/beheer/logboek?subject=health")
    assert "Werking van een kanaal" in bas.words and "Afval" not in bas.words
    for odd in ("?before=x", "?before=9.9.9", "?since=x&until=9999-12-31", "?account=%00", "?before=" + "9" * 40):
        assert 200 == (await bas.open("/beheer/logboek" + odd)).status
    for number in range(100):
        await bas.send("/beheer/labels/1", name=f"Naam {number}")
    await bas.open("/beheer/logboek?subject=settings")
    assert 100 == bas.text.count("<tr") - 1
    await bas.open(html.unescape(re.search(r'href="([^"]+)" rel="next"', bas.text)[1]))
    assert "Kantoor" in bas.words and "rel=\"next\"" not in bas.text


async def test_other_peoples_teams_stay(db, bas):
    await add_team(db, "Webcare")
    await bas.open("/beheer/kanalen/nieuw/tap")
    assert "Webcare" in bas.words
