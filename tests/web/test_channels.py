"""Kanalen over the real database: every number equals what is there, each may do what is theirs, and it is Dutch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from newsroom import channel, flow, opening, triage, watch
from newsroom.opening import Plan
from tests.web.caller import Visitor


async def rows(visitor: Visitor, path: str = "/kanalen") -> dict[str, str]:
    """What each row says, by the name of its channel: words with single spaces."""
    status, text, _ = await visitor.get(path)
    assert 200 == status
    found = {}
    for part in text.partition("<dialog")[0].split('<tbody role="rowgroup" class="channel')[1:]:
        group, name = re.search(r'data-group="(\w+)"', part)[1], re.search(r'data-name="([^"]*)"', part)[1]
        words = re.sub(r"<svg.*?</svg>|<[^>]+>", " ", "<" + part.partition('<tbody role="rowgroup" class="group"')[0],
                       flags=re.S)
        found[name] = f"[{group}] {' '.join(words.split())}"
    return found


async def test_every_number_equals_the_database(place, visitor):
    anna = await visitor("Anna de Rijk")
    said = await rows(anna)
    async with place.database.connection() as connection:
        for row in await connection.fetch(
                "select c.name, (select count(*) from message m where m.channel_id = c.id and m.direction = 'in'"
                "  and m.at > now() - interval '1 hour') as came,"
                " count(v.id) filter (where v.state in ('new', 'open', 'department', 'waiting')) as open,"
                " count(v.id) filter (where v.lateness = 2) as late from channel c"
                " left join conversation v on v.channel_id = c.id group by c.id"):
            words = said[row["name"]]
            share = round(100 * row["late"] / row["open"])
            assert f" {share}% {row['late']} van {row['open']} " in words
            assert re.search(rf"\b{row['came']} normaal onbekend", words), words


async def test_the_last_message_in_shows_also_where_a_source_pushes(place, visitor):
    anna, reference = await visitor("Anna de Rijk"), await place.write("Zojuist gestuurd", channel="form")
    assert reference
    now = datetime.now(UTC).astimezone(flow.ZONE)
    said = (await rows(anna))["Webformulier"]
    assert any(f"in {at:%H:%M}" in said for at in (now, now - timedelta(minutes=1)))
    assert "niet nodig" in said


async def test_what_one_may_not_see_is_in_no_number(place, visitor):
    anna = await visitor("Anna de Rijk")
    before = await rows(anna)
    wanted = place.references["Fietser" if "Fietser" in place.references else "Mooie"]
    await place.act("Sanne Vos", wanted, triage.give_team, place.teams["Jeugd en zorg"], None)
    after = await rows(anna)
    number = r"(\d+) van (\d+)"
    assert int(re.search(number, before["Webformulier"])[2]) - 1 == int(re.search(number, after["Webformulier"])[2])
    sanne = await visitor("Sanne Vos")
    assert before["Webformulier"][:60] == (await rows(sanne))["Webformulier"][:60]


async def test_trouble_stands_first_and_open_with_its_cause(place, visitor):
    async with place.database.transaction() as connection:
        await channel.set_health(connection, place.channels["form"], "down", "De server antwoordt niet.",
                                 datetime.now(UTC))
        await channel.set_health(connection, place.channels["email"], "ok", "", datetime.now(UTC))
    said = await rows(await visitor("Anna de Rijk"))
    assert ["Webformulier", "E-mail"] == list(said)
    assert said["Webformulier"].startswith("[attention]") and said["E-mail"].startswith("[works]")
    assert said["Webformulier"].count("De server antwoordt niet.") == 2 and "Probeer nu" in said["Webformulier"]
    assert "Probeer nu" not in said["E-mail"]
    opened = await rows(await visitor("Anna de Rijk"), f"/kanalen?open={place.channels['email']}")
    assert "Probeer nu" in opened["E-mail"] and "Probeer nu" not in opened["Webformulier"]


async def test_replies_that_wait_too_long_are_trouble_until_they_left(place, visitor):
    async with place.database.transaction() as connection:
        id = await _conversation(connection, place)
        at = datetime.now(UTC)
        made = await connection.fetchval(
            "insert into message (conversation_id, channel_id, direction, at, send_state, send_after, client_id)"
            " values ($1, $2, 'out', $3, 'queued', $4, 'c') returning id", id, place.channels["email"],
            at - timedelta(minutes=4), at + timedelta(hours=1))
        assert [1, 0] == [await watch.tick(connection, at) for _ in range(2)]
    said = (await rows(await visitor("Anna de Rijk")))["E-mail"]
    assert "Hapert sinds" in said and "Antwoorden gaan traag weg. 1 wacht." in said and "1 antwoord wacht " in said
    async with place.database.transaction() as connection:
        await connection.execute("update message set send_state = 'sent', sent_at = $2 where id = $1", made, at)
        assert 1 == await watch.tick(connection, at)
    assert "Hapert" not in (await rows(await visitor("Anna de Rijk")))["E-mail"]


async def test_retry_sends_what_waits_for_another_try_and_nothing_that_may_be_taken_back(place, visitor):
    later = datetime.now(UTC) + timedelta(hours=1)
    async with place.database.transaction() as connection:
        id = await _conversation(connection, place)
        for tries in (0, 2):
            await connection.execute(
                "insert into message (conversation_id, channel_id, direction, at, send_state, send_after, send_tries)"
                " values ($1, $2, 'out', $3, 'queued', $4, $5)", id, place.channels["email"], later, later, tries)
    anna = await visitor("Anna de Rijk")
    status, _, leads = await anna.form(f"/kanalen/{place.channels['email']}/opnieuw")
    id = place.channels["email"]
    assert (303, f"/kanalen?saved=retried&open={id}#k{id}") == (status, leads), "and it is still open"
    async with place.database.connection() as connection:
        assert [later] == [row["send_after"] for row in await connection.fetch(
            "select send_after from message where send_state = 'queued' and send_after > now()")]
        assert "ok" == (await channel.get(connection, place.channels["email"])).health


async def test_sending_is_stopped_and_begins_again(place, visitor):
    anna, path = await visitor("Anna de Rijk"), f"/kanalen/{place.channels['email']}"
    for do, mode in (("stop", "reading"), ("send", "live")):
        assert 303 == (await anna.form(path + "/versturen", do=do))[0]
        async with place.database.connection() as connection:
            assert mode == (await channel.get(connection, place.channels["email"])).mode
    said = (await rows(anna, f"/kanalen?open={place.channels['email']}"))["E-mail"]
    assert 2 == said.count("Stand gewijzigd · Anna de Rijk")


async def test_the_log_has_no_word_of_a_message(place, visitor):
    _, text, _ = await (await visitor("Anna de Rijk")).get(f"/kanalen?open={place.channels['email']}")
    assert "berichten binnen" in text or "bericht binnen" in text
    assert "GFT" not in text and "Pietersen" not in text


async def test_opening_is_set_from_the_form_and_told(place, visitor):
    anna, path = await visitor("Anna de Rijk"), f"/kanalen/{place.channels['form']}/openstelling"
    status, text, _ = await anna.get(path)
    assert 200 == status and "Openstelling van Webformulier" in text
    done = await anna.form(path, state="closed", begins="now", ends_time="23:59", text_nl="Wij verhuizen.")
    assert (303, "/kanalen?saved=opening") == (done[0], done[2])
    said = (await rows(anna))["Webformulier"]
    assert said.startswith("[not_open]") and "Gesloten tot 23:59" in said
    planned = await anna.form(path, state="redirect", begins="later", begins_day="2027-03-01", begins_time="9",
                              target="tel:14012")
    assert 303 == planned[0]
    _, text, _ = await anna.get(path)
    number = re.search(r'name="plan" value="(\d+)"><button class="btn s">Haal weg', text)[1]
    assert 303 == (await anna.form(path + "/verwijder", plan=number))[0]
    assert 303 == (await anna.form(path, state="hours", begins="now"))[0]
    assert (await rows(anna))["Webformulier"].startswith("[works]")


@pytest.mark.parametrize(("typed", "words"), [
    ({"state": "closed", "begins": "later"}, "Vul een dag en een tijd in"),
    ({"state": "closed", "begins": "later", "begins_day": "2026-13-40", "begins_time": "9"}, "Vul een dag en een tijd"),
    ({"state": "closed", "begins": "now", "ends_day": "2020-01-01", "ends_time": "9"}, "Kies een einde na het begin"),
    ({"state": "redirect", "begins": "now", "target": "javascript:x"}, "Vul een adres in dat begint met"),
    ({"state": "", "begins": "now"}, "Kies hoe het kanaal open is")])
async def test_mistakes_in_the_opening_stand_beside_their_fields(place, visitor, typed, words):
    anna, path = await visitor("Anna de Rijk"), f"/kanalen/{place.channels['form']}/openstelling"
    status, text, _ = await anna.form(path, text_nl="Mijn tekst blijft.", **typed)
    assert 422 == status and words in text and "Mijn tekst blijft." in text
    async with place.database.connection() as connection:
        assert 0 == await connection.fetchval("select count(*) from opening")


async def test_the_board_says_how_many_channels_work_and_leads_there(place, visitor):
    sanne = await visitor("Sanne Vos")
    _, text, _ = await sanne.get("/bord")
    tile = re.search(r'<a class="tile" href="/kanalen" data-tile="channels">.*?</a>', text, re.S)[0]
    assert re.search(r'class="n">2<.*van 2', tile)
    status, text, _ = await sanne.get("/kanalen/stand")
    assert 200 == status and '"all": 2' in text and '"normal": null' in text


async def test_a_webcare_employee_looks_and_does_not_steer(place, visitor):
    joris = await visitor("Joris Bos")
    status, text, _ = await joris.get(f"/kanalen?open={place.channels['email']}")
    assert 200 == status and "Probeer nu" not in text and "openstelling" not in text
    for path in ("opnieuw", "versturen", "openstelling"):
        assert 403 == (await joris.form(f"/kanalen/{place.channels['email']}/{path}"))[0]


async def test_a_channel_that_is_not_there(place, visitor):
    anna = await visitor("Anna de Rijk")
    async with place.database.transaction() as connection:
        await channel.archive(connection, place.channels["form"], _by(place))
    for id in (place.channels["form"], 999):
        assert 404 == (await anna.get(f"/kanalen/{id}/openstelling"))[0]
        for path in ("opnieuw", "versturen", "openstelling"):
            assert 404 == (await anna.form(f"/kanalen/{id}/{path}", state="closed", begins="now"))[0]
    assert ["E-mail"] == list(await rows(anna))


async def test_an_observer_gets_no_work_by_any_verb(place, visitor):
    """A content director sees all and is assigned nothing."""
    wanted, anna = place.references["Groencontainer"], place.people["Anna de Rijk"]
    observer, sanne = await visitor("Anna de Rijk"), await visitor("Sanne Vos")
    assert 403 == (await observer.act("claim", wanted))[0]
    assert 422 == (await sanne.act("assign", wanted, key="k2", to=str(anna)))[0]
    for path in ("/bord", f"/gesprek/{wanted}"):
        _, text, _ = await sanne.get(path)
        offered = re.search(r'id="choices">(.*?)</script>', text, re.S)[1]
        assert "Joris Bos" in offered and "Anna de Rijk" not in offered
    async with place.database.connection() as connection:
        assert 0 == await connection.fetchval("select count(*) from conversation where assignee_id = $1", anna)


async def test_in_english(place, visitor):
    async with place.database.transaction() as connection:
        await connection.execute("update account set language = 'en'")
        await opening.plan(connection, Plan(0, place.channels["form"], "calamity", datetime.now(UTC)),
                           opening.By(None, datetime.now(UTC)))
    _, text, _ = await (await visitor("Anna de Rijk")).get(f"/kanalen?open={place.channels['email']}")
    assert "Calamities only" in text and "Try now" in text and "normal unknown" in text


async def _conversation(connection, place) -> int:
    return await connection.fetchval("select min(id) from conversation where channel_id = $1", place.channels["email"])


def _by(place):
    return opening.By(place.people["Sanne Vos"], datetime.now(UTC))
