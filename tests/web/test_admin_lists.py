"""Beheer, what is not a channel: hours, days, targets, teams, labels, reasons and the log."""

from __future__ import annotations

import html
import re

import pytest

from newsroom import calendar, language
from tests.web.beheer import NEW, beheer, one_of_each


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    monkeypatch.setattr(language, "strict", True)


@pytest.fixture
async def bas(db):
    async with beheer(db, "admin") as person:
        yield person


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


async def test_a_canned_answer_has_versions_an_owner_and_a_last_day(db, bas):
    path, filled = "/beheer/standaardantwoorden", {"name": "Paspoort", "body": "Dag {naam}", "team": "", "owner": "1"}
    assert "De lijst is leeg" in (await bas.open(path)).words
    await bas.send(path + "/nieuw", {**filled, "body": "Dag {nam}", "expires_on": "ooit"})
    assert 422 == bas.status and "Kies een dag" in bas.problems[0] and "Dag {nam}" in bas.words
    await bas.send(path + "/nieuw", {**filled, "body": "Dag {nam}"})
    assert 422 == bas.status and "niet kunnen invullen" in bas.problems[0] and "Dag {nam}" in bas.words
    await bas.send(path + "/nieuw", {**filled, "expires_on": "2020-01-01"})
    assert 303 == bas.status and "Paspoort Iedereen Bas Verlopen op" in bas.words
    await bas.send(path + "/1", {**filled, "body": "Beste {naam}"})
    await bas.open(path + "/1")
    assert "1 eerdere versie" in bas.words and "Dag {naam}" in bas.words
    assert 422 == (await bas.send(path + "/1", {**filled, "owner": "99"})).status
    assert 422 == (await bas.send(path + "/1", {**filled, "team": "99"})).status
