"""Quick entry: telephone, counter and post become conversations like any other, once, with the right clock."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import FormData

from connectors import connectors
from newsroom import desk, form_file
from newsroom.intake import Intake
from newsroom.parser import Parsers
from tests.house import SECRET, add_channel, add_team
from tests.web.person import PDF, PNG
from tests.web.site import START
from tests.web.staff import add_person, enter, whole


@pytest.fixture
async def client(database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        yield client


@pytest.fixture
async def house(db):
    team = await add_team(db, "Jeugd", restricted=True)
    people = {name: await add_person(db, name, role) for name, role in
              (("Sanne", "webcare"), ("Joris", "webcare"), ("Anna", "content_director"))}
    mailbox = await add_channel(db, "E-mail info@", "info@voorbeeldstad.example", kind="email")
    async with db.transaction() as connection:
        await connection.execute("update channel set settings = $2 where id = $1", mailbox, {
            "address": "info@voorbeeldstad.example", "imap_host": "127.0.0.1", "smtp_host": "127.0.0.1"})
        await desk.prepare(connection)
        channels = {one.medium: one.id for one in await desk.channels(connection)}
        await connection.execute("insert into close_reason (name_nl, name_en, outcome) values"
                                 " ('Zz', 'Zz', 'answered') on conflict do nothing")
        reason = await connection.fetchval("select min(id) from close_reason where outcome = 'answered'")
    return people, channels, team, reason


@pytest.fixture
async def sanne(db, client, house):
    browser = await enter(client, db, house[0]["Sanne"])
    await browser.get("/invoer")
    return browser


def key(browser) -> str:
    """The key of the form that was shown last."""
    if found := re.search(r'name="client_id" value="(\w+)"', browser.text):
        browser.form_key = found[1]
    return browser.form_key


async def read(db) -> None:
    """The intake reads what was entered."""
    await Intake(db, connectors(), Parsers(1), SECRET, lambda: None, lambda: START).drain()


async def send(browser, files=(), do: str = "save", **values: str):
    data = FormData(default_to_multipart=True)
    for name, value in {"client_id": key(browser), "where": "triage", "priority": "1", "do": do, **values}.items():
        for one in value if isinstance(value, list) else [value]:
            data.add_field(name, one)
    for name, content in files:
        data.add_field("files", content, filename=name, content_type="text/html")
    return await browser.post("/invoer", data)


async def row(db):
    async with db.connection() as connection:
        found = await connection.fetch("select c.*, ch.name as channel from conversation c join channel ch"
                                       " on ch.id = c.channel_id where ch.kind = 'desk' order by c.id")
    return found[0] if len(found) == 1 else found


async def messages(db):
    async with db.connection() as connection:
        return await connection.fetch("select * from message order by at, direction, id")


async def test_a_call_is_in_the_queue_once_with_the_clock_of_its_channel(db, sanne, house):
    call = {"channel": str(house[1]["phone"]), "name": "Fatima El A.", "phone": "06 12 34 56 78",
            "text": "Mijn container is niet geleegd", "priority": "2"}
    first = await send(sanne, **call)
    again = await send(sanne, **call)
    assert 303 == first.status == again.status and first.headers["Location"] == again.headers["Location"]
    await read(db)
    found, (said,) = await row(db), await messages(db)
    assert ("Telefoon", "new", 2, "Fatima El A.", START) == (
        found["channel"], found["state"], found["priority"], found["author"], found["waiting_since"])
    assert ("phone", "+31612345678") == (said["author_kind"], said["author_address"])
    assert START + timedelta(days=1) == found["due_at"]  # high: half of two working days
    assert first.headers["Location"].endswith(found["reference"])
    await sanne.get(first.headers["Location"])
    assert found["reference"] in sanne.words and "Het staat in de wachtrij" in sanne.words
    await sanne.get(f"/gesprek/{found['reference']}")
    assert "Ingevoerd door" in sanne.words and "Gebeld" in sanne.words


async def test_other_words_under_the_same_key_are_told_and_may_be_another_conversation(db, sanne, house):
    call = {"channel": str(house[1]["counter"]), "text": "Een"}
    await send(sanne, **call)
    await send(sanne, **{**call, "text": "Twee"})
    assert "al ingevoerd, onder nummer" in sanne.words
    assert 303 == (await send(sanne, **{**call, "text": "Twee"})).status
    await read(db)
    assert ["Een", "Twee"] == [one["excerpt"] for one in await row(db)]


async def test_the_clock_of_a_letter_starts_on_the_day_that_is_on_it(db, sanne, house):
    written = {"channel": str(house[1]["post"]), "name": "A. Jansen", "subject": "Bezwaar", "written": "2026-11-12"}
    answer = await send(sanne, [("brief.html", PDF), ("bladzijde-2.png", PNG)], text="Bezwaar WOZ", **written)
    assert 303 == answer.status
    await read(db)
    found = await row(db)
    began = datetime(2026, 11, 11, 23, 0, tzinfo=UTC)  # 12 November, 00:00 here
    assert (began, began) == (found["created_at"], found["waiting_since"])
    assert 2 == found["lateness"], "eleven days ago"
    async with db.connection() as connection:
        scans = await connection.fetch("select name, type from attachment order by place")
    assert [("brief.html", "application/pdf"), ("bladzijde-2.png", "image/png")] == [tuple(one) for one in scans]


@pytest.mark.parametrize("written", ["2026-11-24", "2025-11-01", "onzin", "0001-01-01"])
async def test_a_letter_is_not_from_tomorrow_and_not_older_than_a_year(db, sanne, house, written):
    answer = await send(sanne, channel=str(house[1]["post"]), text="Brief", written=written)
    assert 422 == answer.status and "Kies een dag tot en met vandaag" in sanne.words
    await read(db)
    assert [] == await row(db)


@pytest.mark.parametrize("phone, n", [("+31612345678", 2), ("", 1)])
async def test_what_was_answered_at_once_is_closed_with_the_answer(db, sanne, house, phone, n):
    await send(sanne, channel=str(house[1]["counter"]), text="Is het afvalpunt open?", phone=phone, where="answered",
               answer="Ja, tot 16:00 uur.", reason=str(house[3]))
    await read(db)
    found, said = await row(db), await messages(db)
    assert ("closed", house[3], house[0]["Sanne"], None, START) == (
        found["state"], found["close_reason_id"], found["assignee_id"], found["waiting_since"], found["closed_at"])
    assert n == len(said) and {found["id"]} == {one["conversation_id"] for one in said}
    await sanne.get(f"/gesprek/{found['reference']}")
    assert "Ja, tot 16:00 uur." in sanne.words
    async with db.connection() as connection:
        assert 0 == await connection.fetchval("select coalesce(sum(n), 0) from tally")


@pytest.mark.parametrize("where, state", [("me", "open"), ("colleague", "open"), ("triage", "new")])
async def test_it_goes_where_the_colleague_says(db, sanne, house, where, state):
    people = house[0]
    await send(sanne, channel=str(house[1]["phone"]), text="Vraag", where=where, assignee=str(people["Joris"]))
    await read(db)
    found = await row(db)
    assert (state, {"me": people["Sanne"], "colleague": people["Joris"], "triage": None}[where]) == (
        found["state"], found["assignee_id"])


async def test_all_mistakes_are_told_at_once_and_what_was_typed_stays(db, sanne, house):
    answer = await send(sanne, [("virus.pdf", b"MZ\x90\x00"), ("goed.pdf", PDF)], channel="999", phone="12",
                        email="geen adres", text="", name="Wie <b>", where="colleague", assignee=str(house[0]["Anna"]))
    assert 422 == answer.status
    for words in ("Kies een kanaal.", "Dit telefoonnummer klopt niet", "Dit e-mailadres klopt niet",
                  "Deze persoon kan dit gesprek niet krijgen", "virus.pdf: dit is geen PDF of plaatje."):
        assert words in sanne.words
    assert 'value="Wie &lt;b&gt;"' in sanne.text and "goed.pdf" in sanne.words
    kept = html.unescape(re.search(r'name="file" value="(\d+:goed.pdf)"', sanne.text)[1])
    assert 303 == (await send(sanne, channel=str(house[1]["post"]), file=kept)).status
    await read(db)
    assert 1 == len(await messages(db))


async def test_scans_of_somebody_else_stay_theirs(db, client, sanne, house):
    await send(sanne, [("geheim.pdf", PDF)], channel="999")
    kept = html.unescape(re.search(r'name="file" value="(\d+:geheim.pdf)"', sanne.text)[1])
    mine = key(sanne)
    joris = await enter(client, db, house[0]["Joris"])
    await joris.get("/invoer")
    await send(joris, channel=str(house[1]["post"]), text="x", file=kept, client_id=mine, do="search")
    assert "geheim.pdf" not in joris.text
    await send(sanne, do=f"drop-{kept.partition(':')[0]}", file=kept)
    assert "geheim.pdf" not in sanne.text
    async with db.connection() as connection:
        whose = f"entry:{house[0]['Sanne']}:{mine}"
        assert {} == await form_file.contents(connection, whose, [int(kept.partition(":")[0])])


async def test_a_known_resident_is_found_by_name_number_or_address_and_gets_one_history(db, client, sanne, house):
    phone = str(house[1]["phone"])
    await send(sanne, channel=phone, text="Eerste", name="Fatima El A.", phone="0612345678")
    await read(db)
    first = await row(db)
    for words in ("fatima", "06 12345678", "+31612345678", "1234"):
        answer = await sanne.get("/invoer/contacten", Accept="application/json")
        answer = await sanne.client.get("/invoer/contacten", params={"q": words}, headers=cookie(sanne))
        found = (await answer.json())["found"]
        assert [(first["contact_id"], "Fatima El A.", 1)] == [(one["id"], one["name"], one["n"]) for one in found]
        assert "12345678" not in str(found), "addresses are masked"
    await sanne.get("/invoer")
    await send(sanne, do="search", search="fatima")
    assert "Fatima El A." in sanne.words and "1 gesprek" in sanne.words
    assert 303 == (await send(sanne, channel=phone, text="Tweede", name="Fatima", contact=str(
        first["contact_id"]))).status
    await read(db)
    assert 1 == len({one["contact_id"] for one in await row(db)})


def cookie(browser) -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in browser.cookies.items())}


async def test_who_is_behind_a_wall_is_not_found(db, sanne, house):
    await send(sanne, channel=str(house[1]["phone"]), text="Zorg", name="Geheime Naam", phone="0612345678",
               team=str(house[2]))
    await read(db)
    found = await row(db)
    assert f"team:{house[2]}" == found["visibility"]
    answer = await sanne.client.get("/invoer/contacten", params={"q": "geheime"}, headers=cookie(sanne))
    assert {"found": []} == await answer.json()
    await sanne.get("/invoer")
    await send(sanne, channel=str(house[1]["phone"]), text="x", contact=str(found["contact_id"]))
    await read(db)
    assert "" == (await messages(db))[-1]["author_address"]


async def test_work_behind_a_wall_goes_to_nobody_outside_it(db, sanne, house):
    answer = await send(sanne, channel=str(house[1]["phone"]), text="Zorg", where="me", team=str(house[2]))
    assert 422 == answer.status and "kan dit gesprek niet krijgen" in sanne.words


@pytest.mark.parametrize("how, words", [("called", "Gebeld"), ("letter", "Brief verstuurd"), ("spoken", "Verteld")])
async def test_a_later_answer_is_noted_as_given(db, sanne, house, how, words):
    await send(sanne, channel=str(house[1]["phone"]), text="Bel mij terug", phone="0612345678")
    await read(db)
    reference = (await row(db))["reference"]
    await sanne.get(f"/gesprek/{reference}")
    fields = {name: re.search(rf'name="{name}" value="(\w*)"', sanne.text)[1] for name in ("client_id", "last_seen")}
    data = {**fields, "how": how, "text": "Uitgelegd hoe het zit.", "then": f"closed:{house[3]}"}
    assert 303 == (await sanne.post(f"/gesprek/{reference}/antwoord", data)).status
    assert 303 == (await sanne.post(f"/gesprek/{reference}/antwoord", data)).status
    found, said = await row(db), await messages(db)
    assert "closed" == found["state"] and START == found["answered_at"]
    assert [(how, "sent", "out")] == [(one["kind"], one["send_state"], one["direction"]) for one in said[1:]]
    await sanne.get(f"/gesprek/{reference}")
    assert words in sanne.words and "Uitgelegd hoe het zit." in sanne.words


async def test_a_mail_address_is_answered_by_mail_and_a_telephone_never(db, sanne, house):
    for who in ({"email": "fatima@voorbeeld.example", "phone": "0612345678"}, {"phone": "0687654321"}):
        await sanne.get("/invoer")
        await send(sanne, channel=str(house[1]["phone"]), text="Vraag", **who)
    await read(db)
    mail, phone = await row(db)
    await sanne.get(f"/gesprek/{mail['reference']}")
    assert 'value="fatima@voorbeeld.example"' in sanne.text and 'name="how" value="mail"' in sanne.text
    await sanne.get(f"/gesprek/{phone['reference']}")
    assert 'name="how" value="mail"' not in sanne.text and 'name="how" value="called"' in sanne.text
    client_id = re.search(r'name="client_id" value="(\w+)"', sanne.text)[1]
    answer = await sanne.post(f"/gesprek/{phone['reference']}/antwoord", {"client_id": client_id, "text": "x"})
    assert 422 == answer.status


async def test_three_channels_are_made_once_and_stay_as_people_leave_them(db, house):
    async with db.transaction() as connection:
        assert ["Telefoon", "Balie", "Post"] == [one.name for one in await desk.channels(connection)]
        await connection.execute("update channel set archived_at = now() where name = 'Post'")
        await desk.prepare(connection)
        assert ["Telefoon", "Balie"] == [one.name for one in await desk.channels(connection)]
