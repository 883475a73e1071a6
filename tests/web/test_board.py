"""The pages of the board and the conversation over the real database: who sees what, what a form or a script may do."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest

from newsroom import board, conversation, triage
from newsroom.web.board_filter import filter_query, read_filter
from newsroom.web.fragments import Fragments, unix
from newsroom.web.keys import RENDER
from tests.browser.town import Town


async def test_the_board_shows_every_column_with_true_counts(place, visitor):
    status, text, _ = await (await visitor("Sanne Vos")).get("/bord")
    assert 200 == status
    counts = re.findall(r'<h2 id="h-(\w+)"[^>]*>[^<]*</h2><span class="cnt"[^>]*>(\d+)', text)
    shown = {name: int(n) for name, n in counts}
    assert {"new": 6, "open": 6, "department": 4, "waiting": 3, "closed": 2} == shown
    assert 21 == text.count('<article class="card')


@pytest.mark.parametrize("micros", [0, 1, 487_750, 487_758, 999_999])
def test_a_page_tells_moments_as_exactly_as_the_live_feed_so_that_both_sort_alike(micros):
    at = datetime(2026, 11, 30, 11, 50, 25, micros, tzinfo=UTC)
    assert at.timestamp() == float(unix(at))


@pytest.mark.parametrize("query, n", [("", 21), ("prioriteit=3", 2), ("wie=0", 6), ("kanaal=2", 4), ("label=1,2", 4),
                                      ("label=1&label=2", 4), ("termijn=late", 3), ("team=99", 0), ("wie=x", 21)])
async def test_the_filter_stands_in_the_address(place, visitor, query, n):
    _, text, _ = await (await visitor("Sanne Vos")).get(f"/bord?{query}")
    assert n == text.count('<article class="card')


def test_a_filter_survives_its_address():
    from multidict import MultiDict
    wanted = board.Filter(channels=(1, 2), assignees=(0,), lateness=(1, 2))
    assert wanted == read_filter(MultiDict(filter_query(wanted)))


async def test_what_residents_write_stays_text(place, visitor):
    _, text, _ = await (await visitor("Sanne Vos")).get("/bord")
    assert "<img src=x" not in text and "&lt;img src=x onerror=alert(1)&gt;" in text
    assert "<b>Vet</b>" not in text


async def test_a_page_in_english_has_no_dutch_key_left(place, visitor):
    async with place.database.transaction() as connection:
        await connection.execute("update account set language = 'en' where name = 'Lotte Dijk'")
    lotte = await visitor("Lotte Dijk")
    one = f"/gesprek/{place.references['Klopt']}"
    for path, words in (("/bord", "In progress"), ("/werk", "My work"), (one, "Priority")):
        status, text, _ = await lotte.get(path)
        assert 200 == status and words in text and 'lang="en"' in text


async def test_the_page_and_the_live_change_draw_the_same_card(place, visitor):
    _, text, _ = await (await visitor("Sanne Vos")).get("/bord")
    async with place.database.connection() as connection:
        names = await board.names(connection)
        rows = [conversation.Conversation(**row) for row in await connection.fetch("select * from conversation")]
    fragments = Fragments(place.house.site[RENDER])
    assert all(fragments.card(row, names, "nl") in text for row in rows)


async def test_an_action_gives_its_result_again_and_a_second_person_a_conflict(place, visitor):
    joris, lotte = await visitor("Joris Bos"), await visitor("Lotte Dijk")
    wanted = place.references["Groencontainer"]
    first = await joris.act("claim", wanted)
    assert first == await joris.act("claim", wanted) and first[0] == 200 and first[1]["results"][0]["ok"]
    status, told = await lotte.act("claim", wanted)
    assert (409, "Joris Bos was je net voor") == (status, told["results"][0]["error"])
    status, told = await lotte.act("priority", wanted, place.references["Hoi,"], "ONBEKEND99", key="k2", to=2)
    assert (200, [True, True, False]) == (status, [one["ok"] for one in told["results"]])


async def test_a_note_that_is_too_long_is_told_and_can_be_made_shorter(place, visitor):
    joris, wanted = await visitor("Joris Bos"), place.references["Groencontainer"]
    for words in ("x" * 100_001, "x" * 250_000):
        status, text = (await joris.form(f"/gesprek/{wanted}/notitie", text=words, client_id="n1"))[:2]
        assert 422 == status and "Je tekst is te lang" in text and "x" * 100_001 in text
    async with place.database.connection() as connection:
        assert 0 == await connection.fetchval("select count(*) from message where client_id = 'n1'")


@pytest.mark.parametrize("body", [
    "", "[]", "{}", '{"key":1,"ids":[],"verb":"x"}', '{"key":"k","ids":"x","verb":"claim"}', "\udcff",
    '{"key":"k","ids":["x"],"verb":"claim","args":[1]}', '{"key":"k","ids":[],"verb":"claim"}'])
async def test_a_broken_action_is_refused(place, visitor, body):
    joris = await visitor("Joris Bos")
    async with joris.session.post(place.url + "/acties", data=body.encode("utf-8", "surrogateescape"), headers={
            "Cookie": joris.cookie, "Origin": place.url, "Content-Type": "application/json"}) as answer:
        assert answer.status in (400, 422)


async def test_a_form_does_it_too_and_says_why_not(place, visitor):
    joris, lotte = await visitor("Joris Bos"), await visitor("Lotte Dijk")
    wanted = place.references["Groencontainer"]
    assert (303, "/bord") == ((await joris.form("/acties", do=f"claim {wanted} 1", back="/bord"))[::2])
    status, text, _ = await lotte.form("/acties", do=f"claim {wanted} 1", back="/bord?wie=0")
    assert 409 == status and "Joris Bos was je net voor" in text and 'href="/bord?wie=0"' in text
    status, _, where = await joris.form("/acties", do=f"claim {wanted} 1", back="https://elders.example/")
    assert (303, "/bord") == (status, where), "nobody is sent to another site"
    status, _, _ = await joris.form("/acties", verb="close", id=wanted, key="k9", back="/bord", reason="1",
                                    last=str(await last(place, wanted)))
    assert 303 == status


async def test_who_only_watches_changes_nothing(place, visitor):
    anna = await visitor("Anna de Rijk")
    wanted = place.references["Groencontainer"]
    status, text, _ = await anna.get(f"/gesprek/{wanted}")
    assert 200 == status and 'id="composer"' not in text and 'id="doen"' not in text
    assert 403 == (await anna.act("claim", wanted))[0]
    assert 403 == (await anna.form(f"/gesprek/{wanted}/notitie", text="hoi", client_id="n1"))[0]


async def test_nobody_sees_what_is_not_theirs(place, visitor):
    wanted = await place.write("Een brief over een kind", files=[("dossier.pdf", "application/pdf", b"geheim")],
                               html="<p>geheim</p>")
    await place.act("Sanne Vos", wanted, triage.give_team, place.teams["Jeugd en zorg"], None)
    async with place.database.connection() as connection:
        message, file = await connection.fetchrow(
            "select m.id, a.id from message m join attachment a on a.message_id = m.id")
    joris, sanne = await visitor("Joris Bos"), await visitor("Sanne Vos")
    paths = ["", f"/opmaak/{message}", f"/opmaak/{message}/met-plaatjes", f"/bijlage/{file}"]
    for path in paths:
        assert 404 == (await joris.get(f"/gesprek/{wanted}{path}"))[0], path
        assert 200 == (await sanne.get(f"/gesprek/{wanted}{path}"))[0], path
    other = place.references["Klopt"]
    for path in paths[1:]:  # through a conversation that Joris may see
        assert 404 == (await joris.get(f"/gesprek/{other}{path}"))[0], path
    for path in ("antwoord", "notitie", "annuleer", "adres"):
        assert 404 == (await joris.form(f"/gesprek/{wanted}/{path}", message="1", text="x", client_id="c"))[0], path
    assert "een kind" not in (await joris.get("/bord"))[1] and "een kind" in (await sanne.get("/bord"))[1]
    assert 404 == (await joris.act("claim", wanted))[0]


async def test_a_file_is_never_shown_only_kept(place, visitor):
    names = ['"><script>.html', "../../etc/passwd", "naam\r\nSet-Cookie: x=1.txt", "ünïcode 📸.svg", ""]
    await place.write("Met bijlagen", files=[(name, "text/html", b"<script>1</script>") for name in names])
    sanne = await visitor("Sanne Vos")
    async with place.database.connection() as connection:
        ids = [row["id"] for row in await connection.fetch("select id from attachment order by place")]
    for id in ids:
        status, text, answer = await sanne.get(f"/gesprek/{place.references['Met']}/bijlage/{id}")
        assert (200, "<script>1</script>") == (status, text)
        assert "application/octet-stream" == answer.headers["Content-Type"]
        assert answer.headers["Content-Disposition"].startswith("attachment; ")
        assert "nosniff" == answer.headers["X-Content-Type-Options"]
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers and "/" not in answer.headers["Content-Disposition"].split("''")[0]


async def test_the_original_comes_byte_for_byte(place, visitor):
    raw = bytes(range(256)) * 8000  # more than one piece
    async with place.database.transaction() as connection:
        id = await connection.fetchval(
            "insert into delivery (channel_id, key, sha256, content_type, body, received_at, reference, state)"
            " values ($1, 'k', '\\x00', 'message/rfc822', $2, now(), 'R1', 'done') returning id",
            place.channels["email"], raw)
        message = await connection.fetchval("update message set delivery_id = $1 where body like 'Klopt%'"
                                            " returning id", id)
    sanne = await visitor("Sanne Vos")
    async with sanne.session.get(f"{place.url}/gesprek/{place.references['Klopt']}/origineel/{message}",
                                 headers={"Cookie": sanne.cookie}) as answer:
        assert raw == await answer.read()
        assert answer.headers["Content-Disposition"].startswith("attachment")


async def test_the_next_cards_of_a_column_follow_the_last(place, visitor, monkeypatch):
    monkeypatch.setattr(board, "PAGE", 4)
    for number in range(12):
        await place.write(f"Vraag {number}", minutes=5 - number / 10)
        await place.write(f"Beantwoord {number}", minutes=5 - number / 10, who="Joris Bos", state="waiting")
    sanne = await visitor("Sanne Vos")
    for state, n in (("new", 18), ("waiting", 15)):
        _, text, _ = await sanne.get("/bord")
        seen = re.findall(r'data-id="(\w+)"[^>]*data-state="' + state, text)
        monkeypatch.setattr("newsroom.web.board.MORE", 5)
        for _ in range(10):
            status, text, _ = await sanne.get(f"/bord/nog?kolom={state}&na={seen[-1]}")
            assert 200 == status
            found = re.findall(r'data-id="(\w+)"', text)
            seen += found
            if not found:
                break
        assert n == len(seen) == len(set(seen))


async def test_a_form_is_answered_by_a_mailbox_or_says_that_it_cannot(place, visitor):
    sanne = await visitor("Sanne Vos")
    _, text, _ = await sanne.get(f"/gesprek/{place.references['Mooie']}")
    assert "Verstuur via Webformulier" in text
    async with place.database.transaction() as connection:
        await connection.execute("update channel set mode = 'reading' where kind = 'web_form'")
    _, text, _ = await sanne.get(f"/gesprek/{place.references['Mooie']}")
    assert "leest alleen mee" in text and 'data-compose="answer"' not in text


async def test_a_refused_answer_keeps_its_words(place, visitor):
    sanne = await visitor("Sanne Vos")
    path = f"/gesprek/{place.references['Klopt']}/antwoord"
    status, text, _ = await sanne.form(path, text="Lang verhaal <b>", to="geen adres", client_id="c1",
                                       last_seen="9999")
    assert 422 == status and "Lang verhaal &lt;b&gt;</textarea>" in text and "Een adres klopt niet" in text
    status, text, _ = await sanne.form(path, text="Nog eens", to="a@voorbeeld.example", client_id="c2", last_seen="0")
    assert 409 == status and "Nog eens</textarea>" in text and "send_anyway" in text
    status, _, where = await sanne.form(path, text="Nog eens", to="Bewoner <a@voorbeeld.example>; b@voorbeeld.example",
                                        client_id="c2", last_seen="0", send_anyway="on", then="closed:1")
    assert 303 == status and re.search(r"#m\d+$", where)
    async with place.database.connection() as connection:
        row = await connection.fetchrow("select m.recipients, c.state from message m join conversation c"
                                        " on c.id = m.conversation_id where m.client_id = 'c2'")
    status, text, _ = await sanne.form(path, text="Nog eens", to="a@voorbeeld.example", client_id="c2",
                                       last_seen="0")
    assert "closed" == row["state"]


async def test_an_unreadable_delivery_is_a_card_with_its_original(place, visitor):
    reference = await place.write("Dit kon niet", problems=["unreadable"])
    async with place.database.transaction() as connection:
        id = await connection.fetchval(
            "insert into delivery (channel_id, key, sha256, content_type, body, received_at, reference, state)"
            " values ($1, 'k', '\\x00', 'message/rfc822', 'raw', now(), 'R1', 'done') returning id",
            place.channels["email"])
        await connection.execute("update message set delivery_id = $1 where body = 'Dit kon niet'", id)
        await connection.execute("update conversation set problem = 'unreadable' where reference = $1", reference)
    sanne = await visitor("Sanne Vos")
    assert "Kon niet gelezen worden" in (await sanne.get("/bord"))[1]
    _, text, _ = await sanne.get(f"/gesprek/{reference}")
    assert "Origineel" in text and "/origineel/" in text


@pytest.mark.parametrize(("asked", "goes", "warned"), [
    ("ander@elders.example", "ander@elders.example", True), ("", "bewoner9@", False), ("own", "bewoner9@", False)])
async def test_an_answer_to_another_address_than_the_writers_is_told(place, visitor, asked, goes, warned):
    reference = place.references["Klopt"]
    async with place.database.transaction() as connection:
        own = await connection.fetchval("select address from channel where id = $1", place.channels["email"])
        people = [["email", own if asked == "own" else asked, ""]] if asked else []
        await connection.execute("update message set recipients = $2 where direction = 'in' and conversation_id ="
                                 " (select id from conversation where reference = $1)", reference,
                                 {"reply_to": people})
    _, text, _ = await (await visitor("Sanne Vos")).get(f"/gesprek/{reference}")
    assert (goes in re.search(r'id="to" name="to" value="([^"]*)"', text)[1]) and warned == ("Let op: dit ant" in text)


async def test_a_suggestion_is_answered_by_a_person(place, visitor):
    one, other = place.references["Klopt"], place.references["Waarom"]
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set suggestion = (select id from conversation"
                                 " where reference = $2) where reference = $1", other, one)
    sanne = await visitor("Sanne Vos")
    assert "Hoort mogelijk bij" in (await sanne.get(f"/gesprek/{other}"))[1]
    status, _, _ = await sanne.form("/acties", verb="join", id=other, key="j1", accept="1", back=f"/gesprek/{other}")
    assert 303 == status
    status, _, answer = await sanne.get(f"/gesprek/{other}")
    assert (303, f"/gesprek/{one}") == (status, answer.headers["Location"])
    assert "Waarom staat er nergens" in (await sanne.get(f"/gesprek/{one}"))[1]


async def test_the_choices_in_a_page_cannot_end_its_script(place, visitor):
    async with place.database.transaction() as connection:
        await connection.execute("insert into team (name) values ('</script><script>alert(1)</script>')")
    _, text, _ = await (await visitor("Sanne Vos")).get("/bord")
    assert "<script>alert(1)" not in text
    found = re.search(r'<script type="application/json" id="choices">(.*?)</script>', text)[1]
    assert "</script><script>alert(1)</script>" in [name for _, name in json.loads(found)["teams"]]


async def last(place: Town, reference: str) -> int:
    async with place.database.connection() as connection:
        return await connection.fetchval("select last_message_id from conversation where reference = $1", reference)
