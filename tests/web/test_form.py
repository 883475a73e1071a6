"""The public form, without JavaScript and without cookies: steps, mistakes, the last look, and one receipt."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from connectors.web_form import WebForm
from newsroom import form, opening, term
from newsroom.change import By
from newsroom.database import connect
from newsroom.form import Field, Rule
from newsroom.hours import due
from newsroom.intake import Intake
from newsroom.opening import Plan
from newsroom.parser import Parsers
from newsroom.web import limits
from newsroom.web.public import form as public_form
from newsroom.web.public import pages, state
from tests.house import SECRET, add_team
from tests.web.person import GOOD, ORIGIN, Person, deliveries
from tests.web.site import START, site


async def test_a_question_from_the_first_page_to_the_receipt(db, person, channel):
    page = await person.open()
    assert 200 == page.status and "Stap 1 van 3: Waar gaat het over?" in page.words
    page = await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    assert "Stap 2 van 3" in page.words
    page = await person.press("verder", **GOOD)
    assert "Controleer uw antwoorden" in page.title
    for words in ("Verhuizen", "Mijn paspoort is kwijt.", "Per e-mail", "fatima@voorbeeld.example", "Fatima El A."):
        assert words in page.words
    assert [] == await deliveries(db)  # nothing is kept before it is sent
    page = await person.press("verstuur")
    row, = await deliveries(db)
    assert (200, row["reference"]) == (page.status, page.number)
    assert {"source": "form"} == row["meta"]
    body = json.loads(row["body"])
    assert ("vraag", 1, "nl") == (body["form"], body["version"], body["language"])
    assert ["Verhuizen", "Mijn paspoort is kwijt.\nKan het met spoed?", "Per e-mail", "fatima@voorbeeld.example",
            "Fatima El A."] == [one["value"] for one in body["answers"]]


async def test_the_receipt_says_when_an_answer_comes(db, person):
    await person.to_review()
    page = await person.press("verstuur")
    row, = await deliveries(db)
    async with db.connection() as connection:
        terms = await term.load(connection, START.date())
    until = due(row["received_at"], terms.target(row["channel_id"], 1), terms.hours(row["channel_id"], None))
    assert pages.say_moment(until, "nl") in page.words and "per e-mail" in page.words


async def test_what_was_sent_becomes_a_conversation_with_that_number(db, person):
    await person.to_review()
    number = (await person.press("verstuur")).number
    await Intake(db, {"web_form": WebForm}, Parsers(1), SECRET, lambda: None).drain()
    async with db.connection() as connection:
        row = await connection.fetchrow("select c.reference, c.subject, c.author, c.state, m.body, m.author_address"
                                        " from conversation c join message m on m.conversation_id = c.id")
    assert (number, "Verhuizen", "Fatima El A.", "new", "Mijn paspoort is kwijt.\nKan het met spoed?",
            "fatima@voorbeeld.example") == tuple(row)


async def test_mistakes_are_listed_with_links_and_beside_their_fields(db, person):
    await person.open()
    page = await person.press("verder")
    assert 422 == page.status and page.title.startswith("Fout: ")
    assert '<a href="#a-onderwerp">' in page.text and "Controleer nog 1 antwoord" in page.words
    await person.press("verder", **{"a-onderwerp": "Iets anders"})
    page = await person.press("verder", **{"a-hoe": "Per e-mail", "a-email": "fatima.voorbeeld.example",
                                           "a-naam": "Fatima"})
    assert "Controleer nog 2 antwoorden" in page.words
    assert ["a-vraag", "a-email"] == re.findall(r'<a href="#([\w-]+)">', page.text.partition("<main")[2])
    assert 'value="fatima.voorbeeld.example"' in page.text and 'value="Fatima"' in page.text  # kept as typed
    for name in ("a-vraag", "a-email"):
        about = f'aria-describedby="{name}-help {name}-wrong"'
        assert re.search(rf'id="{name}"[^>]* aria-invalid="true" {about}', page.text)
    assert 2 == page.text.count("In dit adres staat geen @.") and [] == await deliveries(db)


@pytest.mark.parametrize("answers, wrong", [
    ({"a-vraag": ""}, ["a-vraag"]), ({"a-vraag": "   \r\n "}, ["a-vraag"]), ({"a-vraag": "x" * 3001}, ["a-vraag"]),
    ({"a-vraag": "x" * 3000}, []), ({"a-hoe": "Per postduif"}, ["a-hoe"]), ({"a-hoe": ""}, ["a-hoe"]),
    ({"a-email": ""}, ["a-email"]), ({"a-email": "a@b"}, ["a-email"]),
    ({"a-hoe": "Per telefoon", "a-email": ""}, ["a-telefoon"]),
    ({"a-hoe": "Per telefoon", "a-telefoon": "0612345678", "a-email": ""}, []),
    ({"a-hoe": "Per telefoon", "a-telefoon": "bel maar"}, ["a-telefoon"]), ({"a-naam": ""}, []),
    ({"a-naam": "x" * 201}, ["a-naam"]), ({"a-naam": "\0\ud800".encode("utf-8", "replace").decode()}, [])])
async def test_each_kind_of_mistake(person, answers, wrong):
    page = await person.to_review(**answers)
    assert wrong == re.findall(r'<a href="#([\w-]+)">', page.text.partition("<main")[2])
    assert (422 if wrong else 200) == page.status


async def test_back_and_change_keep_everything(person):
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    page = await person.press("terug", **{"a-vraag": "half af", "a-email": "nog geen adres"})
    assert ["Verhuizen"] == page.checked
    page = await person.press("verder", **{"a-onderwerp": "Belastingen"})
    assert ">\nhalf af</textarea>" in page.text and 'value="nog geen adres"' in page.text
    await person.press("verder", **GOOD)
    page = await person.press("naar-1")
    assert ["Belastingen"] == page.checked


async def test_twice_pressed_or_reloaded_is_one_message_with_one_number(db, person):
    review = await person.to_review()
    first = await person.press("verstuur", page=review)
    again = await person.press("verstuur", page=review)
    person.clock.forward(3600 * 30)  # the tab stayed open over night
    late = await person.press("verstuur", page=review)
    assert first.number == again.number == late.number
    assert 1 == len(await deliveries(db))
    # the promise does not move with the clock
    promise = [re.search(r"vóór (.*?uur)", page.words)[1] for page in (first, again, late)]
    assert 1 == len(set(promise))


async def test_a_form_that_was_open_for_a_day_is_looked_at_once_more(db, person, clock):
    await person.to_review()
    clock.forward(limits.STATE_SECONDS)
    page = await person.press("verstuur")
    assert 409 == page.status and "langer dan een dag open" in page.words and [] == await deliveries(db)
    assert (await person.press("verstuur")).number


async def test_changed_after_sending_is_said_and_can_be_sent_as_a_new_message(db, person):
    review = await person.to_review()
    first = await person.press("verstuur", page=review)
    await person.press("naar-2", page=review)
    await person.press("verder", **{**GOOD, "a-vraag": "Toch niet."})
    page = await person.press("verstuur")
    assert 409 == page.status and first.number in page.words and 1 == len(await deliveries(db))
    page = await person.press("nieuw")
    assert first.number != page.number
    assert "Toch niet." in (await deliveries(db))[1]["body"].decode()


async def test_who_is_too_fast_waits_and_loses_nothing(db, client, clock, person):
    clock.forward = lambda seconds: None
    await person.to_review()
    page = await person.press("verstuur")
    assert (429, "3") == (page.status, page.headers["Retry-After"]) and [] == await deliveries(db)
    clock.at = START.replace(second=4)
    assert (await person.press("verstuur")).number
    assert 1 == len(await deliveries(db))


async def test_who_falls_for_the_bait_goes_to_the_spam_folder_and_gets_a_receipt(db, person):
    await person.open()
    await person.press("verder", website="https://goedkoop.example", **{"a-onderwerp": "Verhuizen"})
    await person.press("verder", **GOOD)
    assert (await person.press("verstuur")).number
    row, = await deliveries(db)
    assert "1" == row["meta"]["spam"]


async def test_many_from_one_address_wait_with_their_answers(db, client, clock):
    clock.at = START.replace(second=0)
    reviews = []
    for _ in range(6):
        person = Person(client, clock)
        reviews.append((person, await person.to_review()))
    clock.at = START.replace(minute=50, second=0)
    clock.forward = lambda seconds: None
    for person, _ in reviews[:5]:
        assert (await person.press("verstuur")).number
    person, _ = reviews[5]
    page = await person.press("verstuur")
    assert (429, "60") == (page.status, page.headers["Retry-After"]) and "1 minuut" in page.words
    clock.at = START.replace(minute=51)
    assert (await person.press("verstuur")).number
    assert 6 == len(await deliveries(db))
    async with db.connection() as connection:
        keys = [row["key"] for row in await connection.fetch("select key from attempt")]
    assert keys and not any("127.0.0.1" in key for key in keys)


async def test_the_state_cannot_be_changed(db, person):
    review = await person.to_review()
    sealed = review.hidden()["staat"]
    forged = sealed[:60] + ("A" if sealed[60] != "A" else "B") + sealed[61:]
    for text in (forged, "", "x", "é", sealed[:-8]):
        assert state.unseal(text, b"form".ljust(32, b".")) is None
    review.text = review.text.replace(sealed, forged)
    page = await person.press("verstuur", page=review)
    assert 422 == page.status and [] == await deliveries(db)  # as a form that was just opened
    assert state.unseal(sealed, b"another".ljust(32, b".")) is None


async def test_without_the_database_the_answers_stay_on_the_page(database, db, question, clock):
    own = await connect(database.url, 2)
    async with site(own, public_form.routes, clock=clock) as client:
        person = Person(client, clock)
        await person.to_review()
        review = person.page
        await own.close()
        page = await person.press("verstuur")
        assert 503 == page.status and page.headers["Retry-After"] and "Er is niets verloren" in page.words
        kept = dict(re.findall(r'<textarea name="([\w-]+)" hidden>\n(.*?)</textarea>', page.text, re.DOTALL))
        assert review.hidden()["staat"] == kept["staat"] and "verstuur" == page.hidden()["doe"]
    async with site(db, public_form.routes, clock=clock) as client:  # it is back, and the button is pressed
        data = {**kept, **page.hidden()}
        response = await client.post("/formulier/vraag", data=data, headers=ORIGIN)
        assert 200 == response.status and 1 == len(await deliveries(db))


async def test_english_has_every_word_and_switching_keeps_the_answers(person, client, db):
    page = await person.open()
    page = await person.press("verder", **{"a-onderwerp": "Verhuizen"})
    other = re.search(r'formaction="([^"]+)"', page.text)[1]
    person.path = html.unescape(other)
    page = await person.press("blijf", **GOOD)
    assert '<html lang="en"' in page.text and "What is your question?" in page.words and "(optional)" in page.words
    assert ["Per e-mail"] == page.checked and "Fatima El A." in page.text
    page = await person.press("verder", **GOOD)
    assert "By e-mail" in page.words and "Check your answers" in page.title
    page = await person.press("verstuur")
    assert "We have received your message" in page.words and "You will get an answer before" in page.words
    body = json.loads((await deliveries(db))[0]["body"])
    assert ("en", "Wat is uw vraag?") == (body["language"], body["answers"][1]["label"])  # staff read Dutch


async def test_a_frame_is_allowed_to_the_sites_of_the_channel_and_only_those(db, clock, question, channel):
    async with db.transaction() as connection:
        await connection.execute("update channel set settings = $1", {"allowed_origins": ["https://kern.example"]})
    async with site(db, public_form.routes, clock=clock, frame_ancestors=("https://www.example",)) as client:
        response = await client.get("/formulier/vraag?kader=1")
        text = await response.text()
        posted = await client.post("/formulier/vraag?kader=1", data={"doe": "verder"}, headers=ORIGIN)
    for one in (response, posted):
        policy = one.headers["Content-Security-Policy"]
        assert "frame-ancestors 'self' https://www.example https://kern.example" in policy.split("; ")
        assert "cross-origin" == one.headers["Cross-Origin-Resource-Policy"]
    assert "phead" not in text and 'action="/formulier/vraag?kader=1"' in text


async def test_a_form_that_is_not_published_is_not_there(db, client, question):
    async with db.transaction() as connection:
        await form.save(connection, replace(question, published=False))
    for path in ("/formulier/vraag", "/formulier/nooit"):
        response = await client.get(path)
        assert 404 == response.status and "Dit formulier is er niet" in await response.text()
    assert 404 == (await client.post("/formulier/vraag", data={"doe": "verder"}, headers=ORIGIN)).status


async def test_an_answer_decides_where_it_goes(db, person, question):
    team = await add_team(db, "Belastingen")
    rules = (Rule("onderwerp", "Belastingen", team, (7,), 2), Rule("onderwerp", "Verhuizen", None, (8,)))
    async with db.transaction() as connection:
        await form.save(connection, replace(question, rules=rules, labels=(3,)))
    await person.to_review()
    await person.press("verstuur")
    await person.open()
    await person.press("verder", **{"a-onderwerp": "Belastingen"})
    await person.press("verder", **GOOD)
    await person.press("verstuur")
    assert [{"source": "form", "labels": "3,8"}, {"source": "form", "labels": "3,7", "team": str(team),
                                                 "priority": "2"}] == [row["meta"] for row in await deliveries(db)]


async def test_a_form_that_changed_meanwhile_asks_what_is_new(db, person, question):
    review = await person.to_review()
    extra = Field("akkoord", "Gaat u akkoord?", "choice", step=1, required=True, options=("Ja", "Nee"))
    async with db.transaction() as connection:
        await form.save(connection, replace(question, fields=(extra, *question.fields)))
    page = await person.press("verstuur", page=review)
    assert 422 == page.status and "Gaat u akkoord?" in page.words and ["Verhuizen"] == page.checked
    page = await person.press("verder", **{"a-akkoord": "Ja", "a-onderwerp": "Verhuizen"})
    await person.press("verder", **GOOD)
    assert (await person.press("verstuur")).number
    assert 2 == json.loads((await deliveries(db))[0]["body"])["version"]


async def test_a_resident_sees_words_and_never_markup(person):
    page = await person.to_review(**{"a-naam": '<script>alert(1)</script>"\'{{7*7}}'})
    assert "<script>alert" not in page.text and "{{7*7}}" in page.words


async def test_another_site_cannot_post(client):
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert 403 == (await client.post("/formulier/vraag", data={"doe": "verder"}, headers=headers)).status


async def set_opening(db, channel: int, state: str, **more) -> None:
    async with db.transaction() as connection:
        await opening.plan(connection, Plan(0, channel, state, START, **more), By(None, START))


async def test_a_closed_form_says_so_and_who_was_filling_it_in_can_still_send(db, person, channel):
    await person.to_review()
    await set_opening(db, channel, "closed", ends_at=START + timedelta(hours=3), text_nl="Wij verhuizen vandaag.")
    page = await person.press("verstuur")
    row, = await deliveries(db)
    assert (200, row["reference"]) == (page.status, page.number)
    page = await person.open()
    assert 200 == page.status
    for words in ("Dit formulier is nu gesloten", "Wij verhuizen vandaag.", "Dit duurt tot maandag 23 november"):
        assert words in page.words
    assert 'name="doe"' not in page.text


async def test_a_form_that_refers_elsewhere_has_the_link(db, person, channel):
    await set_opening(db, channel, "redirect", target="https://chat.voorbeeldstad.example/?a=1&b=2")
    page = await person.open()
    assert 'href="https://chat.voorbeeldstad.example/?a=1&amp;b=2"' in page.text
    assert "U kunt ons nu ergens anders bereiken" in page.words


async def test_for_calamities_only_one_reads_that_and_can_write(db, person, channel):
    await set_opening(db, channel, "calamity")
    page = await person.open()
    assert "Nu alleen voor calamiteiten" in page.words and "Stap 1 van 3" in page.words
