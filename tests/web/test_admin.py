"""Beheer: every page for who may, none for others; one form tests and keeps; a credential is never shown."""

from __future__ import annotations

import re

import pytest
from structlog.testing import capture_logs

from connectors import Secret, Step, installed
from newsroom import calendar, channel, event, language, logbook, password
from newsroom.logbook import Filter
from newsroom.web.admin.channels import first_mode
from newsroom.web.keys import CHANNELS
from tests.house import add_team
from tests.tap import KINDS, PASSWORD, WELLS, Well
from tests.test_channel import KEYS, whole_database
from tests.web.beheer import ADDRESS, NEW, PAGES, beheer, one_of_each


@pytest.fixture(autouse=True)
def strict(monkeypatch):
    monkeypatch.setattr(language, "strict", True)


@pytest.fixture
async def bas(db):
    async with beheer(db, "admin") as person:
        yield person


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


async def test_a_new_mailbox_reads_along_until_somebody_opens_it(bas):
    await bas.open("/beheer/kanalen/nieuw/tap")
    assert '<option value="reading" selected>' in bas.text
    modes = {name: first_mode(kind) for name, kind in installed()[0].items()}
    assert {"email": "reading", "mastodon": "reading", "webhook": "reading", "chat": "live", "web_form": "live",
            "desk": "live"}.items() <= modes.items()


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


async def test_a_kept_password_never_goes_to_another_server(db, bas):
    """An administrator may change the server, and must not get the mailbox's password that way."""
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    elsewhere = WELLS.setdefault("mine@evil.example", Well())
    await bas.send("/beheer/kanalen/1", {**NEW, "s-address": "mine@evil.example", "s-password": ""})
    assert 422 == bas.status and 1 == len(bas.problems) and "opnieuw in" in bas.problems[0]
    assert [] == elsewhere.passwords
    await bas.send("/beheer/kanalen/1", {**NEW, "s-address": "mine@evil.example", "s-password": "another-password"})
    assert 303 == bas.status and ["another-password"] == elsewhere.passwords


async def test_other_credentials_need_the_administrators_own_password(db, bas):
    """Somebody at a desk that was left unlocked changes no connection; a name they may."""
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    own = await password.hash("vier losse woorden op een rij")
    async with db.transaction() as connection:
        await connection.execute("update account set password_hash = $1", own)
        await connection.execute("update session set created_at = created_at - interval '16 minutes'")
    await bas.send("/beheer/kanalen/1", {**NEW, "name": "Anders", "s-password": ""})
    assert 303 == bas.status
    for given, status in (("", 422), ("iets anders dan het is", 422), ("vier losse woorden op een rij", 303)):
        await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "a-newer-password", "own_password": given})
        assert status == bas.status and "a-newer-password" not in bas.text
    async with db.connection() as connection:
        row = await channel.get(connection, 1)
    assert "a-newer-password" == channel.settings_of(row, KEYS, KINDS["tap"]).password.reveal()


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


class Rotating(KINDS["tap"]):
    """Its server gives a new password at every test."""

    on_new_secret = None

    async def check(self):
        await self.on_new_secret("password", Secret(self.settings.password.reveal() + "+"))
        return await super().check()


async def test_a_credential_that_is_renewed_by_the_test_is_kept(db, bas):
    bas.client.app[CHANNELS].kinds = {"tap": Rotating}

    async def kept() -> str:
        async with db.connection() as connection:
            return channel.secrets_of(await channel.get(connection, 1), KEYS)["password"].value

    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    assert PASSWORD + "+" == await kept()
    await bas.send("/beheer/kanalen/1/test")
    assert PASSWORD + "++" == await kept()
    WELLS[ADDRESS].steps = [Step("Verbonden", False)]
    await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "", "s-port": "7"})
    assert 422 == bas.status and PASSWORD + "+++" == await kept()
    await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "typed"})
    assert 422 == bas.status and PASSWORD + "+++" == await kept() and "typed+" not in bas.text


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


class Proved(KINDS["tap"]):
    reply_address_proved = False

    async def prove_reply_address(self, token):
        self.reply_address_proved = token.startswith("proof") and "kan" not in self.settings.origins
        return Step("Antwoordadres werkt", True, token)


async def test_a_live_channel_proves_its_reply_address_when_it_is_tested(db, bas):
    bas.client.app[CHANNELS].kinds = {"tap": Proved}

    async def proved() -> tuple[str, bool]:
        async with db.connection() as connection:
            row = await channel.get(connection, 1)
        return row.reply_address_proved, (await bas.client.app[CHANNELS].connector(1)).reply_address_proved

    await bas.send("/beheer/kanalen/nieuw/tap", NEW | {"mode": "reading"})
    await bas.send("/beheer/kanalen/1/test")
    assert ("", False) == await proved()  # it sends nothing yet
    await bas.send("/beheer/kanalen/1", {**NEW, "s-password": "", "mode": "live"})
    await bas.send("/beheer/kanalen/1/test")
    assert "Antwoordadres werkt" in bas.words and (ADDRESS.lower(), True) == await proved()
    await bas.send("/beheer/kanalen/1", {**NEW, "mode": "live", "s-address": "x" + ADDRESS})
    assert not (await proved())[1]  # another address is another proof


async def test_a_channel_goes_only_after_a_tick(db, bas):
    await bas.send("/beheer/kanalen/nieuw/tap", NEW)
    assert 422 == (await bas.send("/beheer/kanalen/1/archief")).status and 1 == len(bas.problems)
    await bas.send("/beheer/kanalen/1/archief", sure="1")
    assert 303 == bas.status and "weggehaald" in bas.words
    assert 404 == (await bas.open("/beheer/kanalen/1")).status
    async with db.connection() as connection:
        assert "archived" == (await event.since(connection, 0, 99))[-1].data["change"]


async def test_other_peoples_teams_stay(db, bas):
    await add_team(db, "Webcare")
    await bas.open("/beheer/kanalen/nieuw/tap")
    assert "Webcare" in bas.words
