"""The conversation: what is typed survives, what changes is told, and a reply goes where its button says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors import Author
from newsroom import conversation, reply, triage
from newsroom.triage import By
from newsroom.web.keys import RENDER
from tests.browser.conftest import NARROW, WIDE
from tests.browser.look import live, until
from tests.browser.town import Post

HEIGHTS = """chosen => new Set([...document.querySelectorAll(chosen)]
  .map(one => Math.round(one.getBoundingClientRect().height))).size"""
PICTURE = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
                        "0000000d49444154789c6360000002000001e221bc330000000049454e44ae426082")
MARKUP = ('<p>Beste <b>gemeente</b>, <img src="cid:foto1" alt="de stoep"> zie'
          ' <a href="https://voorbeeld.example/x">hier</a>'
          '<img src="https://volger.example/pixel.png"><script>top.hacked = true</script>'
          '<a href="javascript:top.hacked = true" onclick="top.hacked = true">klik</a></p>')


async def open_conversation(place, sign_in, word: str, who: str = "Joris Bos", **options):
    page = await sign_in(who, f"/gesprek/{place.references[word]}", **options)
    await live(page)
    return page


async def answer(place, name: str, word: str, text: str) -> int:
    """An answer by a colleague, from another browser."""
    async with place.database.transaction() as connection:
        id = await connection.fetchval("select id from conversation where reference = $1", place.references[word])
        row = (await conversation.lock(connection, [id]))[id]
        via = reply.Via(row.channel_id, "live", Post.capabilities, "localhost", b"a secret of thirty-two bytes....")
        written = reply.Composed(f"test-{text}", text, to=(Author("email", "x@voorbeeld.example"),))
        made = await reply.answer(connection, row, By(place.people[name], datetime.now(UTC)), written, via)
    place.house.bell()
    return made


async def delivered(place) -> None:
    """The message of Klopt came in as a delivery: it has its original, and can be removed."""
    async with place.database.transaction() as connection:  # a delivery behind it, as if it had come in
        id = await connection.fetchval(
            "insert into delivery (channel_id, key, sha256, content_type, body, received_at, reference, state)"
            " values ($1, 'k', '\\x00', 'message/rfc822', 'raw', now(), 'R1', 'done') returning id",
            place.channels["email"])
        await connection.execute("update message set delivery_id = $1 where body like 'Klopt%'", id)


async def test_the_button_names_where_it_goes_and_the_reply_can_be_taken_back(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    assert "Verstuur per e-mail" in await page.locator('[data-compose="answer"] .btn.p').inner_text()
    await page.locator("#text").fill("De brug gaat vrijdag weer open.")
    await page.locator("#cc").fill("collega@voorbeeldstad.example")
    await page.keyboard.press("Control+Enter")
    held = page.locator(".message.out", has_text="vrijdag weer open")
    await held.wait_for()
    assert "" == await page.locator("#text").input_value()
    assert "Wordt verstuurd over" in await held.locator(".countdown").inner_text()
    await held.get_by_role("button", name="Annuleer").click()
    await until(lambda: held.get_by_text("Geannuleerd").count(), "taken back")
    assert [] == Post.sent


async def test_a_reply_goes_out_and_says_so(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("De brug gaat vrijdag weer open.")
    await page.locator("#then").select_option("waiting")
    await page.locator('[data-compose="answer"] .btn.p').click()
    sent = page.locator(".message.out", has_text="vrijdag weer open")
    await until(lambda: sent.locator("[data-send=sent]").count(), "sent after its eight seconds", deadline=20)
    assert ["De brug gaat vrijdag weer open."] == [one.text.split("\n")[0] for one in Post.sent]
    await until(lambda: page.locator(".head", has_text="Wacht op inwoner").count(), "the head follows")


async def test_the_demo_says_under_a_reply_that_it_goes_nowhere(place, sign_in):
    await answer(place, "Joris Bos", "Klopt", "De brug is zaterdag open.")
    page = await open_conversation(place, sign_in, "Klopt")
    sent = page.locator(".message.out", has=page.locator('[data-send="sent"]'))
    await sent.wait_for(timeout=20_000)
    assert "nergens heen" not in await sent.inner_text()
    place.house.site[RENDER].mark_demo("/profiel")
    await page.reload()
    assert "Dit is de demo: dit antwoord gaat nergens heen." in await sent.inner_text()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_what_stands_side_by_side_is_even(place, sign_in, size):
    await delivered(place)
    page = await open_conversation(place, sign_in, "Klopt", "Sanne Vos", viewport=size)
    assert 1 == await page.evaluate(HEIGHTS, "#doen details:not([open]), #doen .do > .btn:not([hidden])")
    middles = """() => [...document.querySelectorAll('.message .options :is(a, summary)')].map(one => {
      const range = document.createRange();
      range.selectNodeContents(one);
      const box = range.getBoundingClientRect();
      return box.top + box.height / 2;
    })"""
    first, second = await page.evaluate(middles)
    assert abs(first - second) < 1


async def test_on_the_smallest_phone_the_head_is_words_and_not_letters(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt", "Sanne Vos", viewport={"width": 320, "height": 640})
    assert (await page.locator("#subject").bounding_box())["width"] >= 200
    over = """() => [...document.querySelectorAll('.head .chip, .head .btn')].filter(one => one.checkVisibility())
      .map(one => one.getBoundingClientRect()).filter(box => box.height > 44 || box.right > innerWidth).length"""
    assert 0 == await page.evaluate(over)


async def test_a_long_list_of_own_work_hides_no_card(place, sign_in):
    for number in range(9):
        reference = await place.write(f"Nog een vraag {number}")
        await place.act("Joris Bos", reference, triage.claim)
    page = await open_conversation(place, sign_in, "Klopt", viewport={"width": 1440, "height": 700})
    cut = """() => [...document.querySelectorAll('#board .column')]
      .filter(one => one.scrollHeight > one.clientHeight + 1).map(one => one.dataset.column)"""
    assert [] == await page.evaluate(cut)


async def test_it_can_still_be_printed_after_a_change(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.evaluate("window.print = () => { window.printed = true; }")
    await place.act("Sanne Vos", place.references["Klopt"], triage.set_priority, 2)
    await until(lambda: page.locator(".head .chip", has_text="Hoog").count(), "changed")
    await page.get_by_role("button", name="Druk af").click()
    assert await page.evaluate("window.printed")


async def test_an_uncertain_reply_is_for_a_person_to_resolve(place, sign_in):
    Post.outcome = "unknown"
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("De brug gaat vrijdag weer open.")
    await page.locator('[data-compose="answer"] .btn.p').click()
    choice = page.locator(".message.out .choice")
    await until(choice.count, "uncertain", deadline=20)
    assert "niet zeker" in await choice.inner_text()
    await choice.get_by_role("button", name="Is aangekomen").click()
    await until(lambda: page.locator(".message.out [data-send=sent]").count(), "resolved")
    assert 1 == len(Post.sent)


async def test_what_is_typed_survives_a_live_change_and_the_writer_is_warned(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("Ik begin met ")
    await page.locator("#text").press("End")
    await place.act("Sanne Vos", place.references["Klopt"], triage.set_priority, 3)
    await answer(place, "Lotte Dijk", "Klopt", "Ik was eerder.")
    await page.locator("#changed:visible").wait_for()
    assert "Lotte Dijk" in await page.locator("#changed").inner_text()
    await page.keyboard.type("typen")
    assert "Ik begin met typen" == await page.locator("#text").input_value()
    assert await page.evaluate("document.activeElement.id === 'text'")
    await page.keyboard.press("Control+Enter")
    error = page.locator('[data-compose="answer"] .error')
    await error.wait_for()
    assert "nieuw bericht" in await error.inner_text()
    assert "Ik begin met typen" == await page.locator("#text").input_value()


async def test_a_draft_stays_with_its_conversation_and_its_kind(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("Half een zin")
    await page.locator("#tab-note").click()
    await page.locator("#note-text").fill("Alleen voor ons")
    for kind in ("answer", "note"):
        await until(lambda kind=kind: kept(page, kind), "kept")
    assert 0 == await page.evaluate("localStorage.length")
    await page.goto(f"{place.url}/gesprek/{place.references['Waarom']}")
    assert ["", ""] == [await page.locator(field).input_value() for field in ("#text", "#note-text")]
    await page.goto(f"{place.url}/gesprek/{place.references['Klopt']}")
    await until(lambda: page.evaluate("document.getElementById('text').value"), "back")
    assert "Half een zin" == await page.locator("#text").input_value()
    assert "Alleen voor ons" == await page.locator("#note-text").input_value()


async def test_what_is_typed_before_the_scripts_are_there_is_kept(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    arrived, go = asyncio.Event(), asyncio.Event()

    async def held(route) -> None:
        arrived.set()
        await go.wait()
        await route.continue_()

    await page.route("**/composer.js", held)
    await page.reload(wait_until="commit")
    await arrived.wait()
    await page.locator("#text").fill("Vroeg begonnen")
    go.set()
    await until(lambda: kept_on_server(place, "Vroeg begonnen"), "handed over")


async def kept(page, kind: str) -> bool:
    return "Bewaard" in await page.locator(f"#saved-{kind}").text_content()


async def test_a_draft_is_there_on_another_computer_for_its_writer_only_and_gone_when_sent(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("Half een zin")
    await until(lambda: kept(page, "answer"), "kept")
    elsewhere = await open_conversation(place, sign_in, "Klopt")
    assert "Half een zin" == await elsewhere.locator("#text").input_value()
    other = await open_conversation(place, sign_in, "Klopt", "Sanne Vos")
    assert "" == await other.locator("#text").input_value()
    await page.locator("#text").fill("Een hele zin.")
    await page.keyboard.press("Control+Enter")
    await page.locator(".message.out", has_text="Een hele zin.").wait_for()
    await until(lambda: no_drafts(place), "forgotten")


async def no_drafts(place) -> bool:
    async with place.database.connection() as connection:
        return 0 == await connection.fetchval("select count(*) from draft")


async def test_without_a_line_a_draft_stays_on_this_computer_and_is_handed_over_later(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.route("**/concept", lambda route: route.abort())
    await page.locator("#text").fill("Geschreven in de trein")
    await page.locator("#saved-answer", has_text="op deze computer").wait_for(state="attached")
    await page.unroute("**/concept")
    await page.reload()
    assert "Geschreven in de trein" == await page.locator("#text").input_value()
    await until(lambda: kept_on_server(place, "Geschreven in de trein"), "handed over")


async def kept_on_server(place, text: str) -> bool:
    async with place.database.connection() as connection:
        return text == await connection.fetchval("select text from draft")


GUARDED = {
    "Uw BSN is 111222333.": ["bsn"], "Uw BSN is 111.222.333": ["bsn"], "Dossier 111222334": [],
    "Bel 0612345678 of 030-2861000": [], "Op 20261123 om 10.42 uur": [], "IBAN NL91 ABNA 0417 1643 00": ["iban"],
    "NL92ABNA0417164300": [], "EUR 1.112.223,33": [],
}


async def test_what_should_not_go_out_is_recognised_and_other_numbers_are_not(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    source = await page.evaluate("document.querySelector('script[src*=\"conversation.js\"]').src"
                                 ".replace('conversation.js', 'guard.js')")
    ask = "async ([source, text, open]) => (await import(source)).found(text, open)"
    for text, kinds in GUARDED.items():
        assert kinds == await page.evaluate(ask, [source, text, False]), text
    assert ["phone", "mail"] == await page.evaluate(ask, [source, "Bel 06-12345678 of mail a@b.example", True])


async def test_an_answer_with_a_service_number_waits_until_its_writer_looked(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    await page.locator("#text").fill("Uw nummer is 111222333.")
    await page.keyboard.press("Control+Enter")
    warning = page.locator(".guard:visible")
    await warning.wait_for()
    assert "burgerservicenummer" in await warning.inner_text()
    assert 0 == await page.locator(".message.out", has_text="111222333").count()
    await page.get_by_label("Ik heb het nagekeken").check()
    await page.locator('[data-compose="answer"] .btn.p').click()
    await page.locator(".message.out", has_text="111222333").wait_for()
    assert await page.locator(".guard").is_hidden()


async def test_a_note_and_a_line_reach_a_colleagues_open_conversation(place, sign_in):
    mine, theirs = [await open_conversation(place, sign_in, "Klopt", name) for name in ("Joris Bos", "Sanne Vos")]
    await mine.locator("#tab-note").click()
    await mine.locator("#note-text").fill("Weet iemand hoe laat de pont gaat?")
    await mine.locator('[data-compose="note"] .btn.p').click()
    await theirs.locator(".message.note", has_text="hoe laat de pont gaat").wait_for()
    await theirs.locator("#do-team summary").click()
    await theirs.locator("#do-team select").select_option(label="Burgerzaken")
    await theirs.locator("#do-team .btn").click()
    await mine.locator(".line", has_text="Burgerzaken").wait_for()
    await mine.locator(".head", has_text="Team Burgerzaken").wait_for()


async def test_markup_is_shown_without_scripts_and_pictures_from_elsewhere_only_when_asked(place, sign_in):
    asked = []
    await place.write("Bericht met opmaak", html=MARKUP, files=[("foto.png", "image/png", PICTURE, True, "<foto1>"),
                                                                ("rekening.html", "text/html", b"<script>1</script>")])
    page = await open_conversation(place, sign_in, "Bericht")
    page.on("request", lambda request: asked.append(request.url))
    await page.locator("details.markup summary").click()
    frame = page.frame_locator("iframe.mail-body")
    await frame.get_by_text("gemeente").wait_for()
    await until(lambda: any("/deel/foto1" in url for url in asked), "the mail's own picture")
    picture = frame.locator("img[alt='de stoep']")
    assert 1 == await picture.evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert 0 == await frame.locator("script").count()
    assert not await page.evaluate("window.hacked === true")
    assert not any("volger.example" in url for url in asked)
    await frame.get_by_text("Toon ze toch").click()
    await until(lambda: any("volger.example" in url for url in asked), "asked for by name")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="rekening.html").click()
    assert "rekening.html" == (await download.value).suggested_filename


async def test_a_wrongly_received_message_loses_its_text_with_a_reason(place, sign_in):
    await delivered(place)
    page = await open_conversation(place, sign_in, "Klopt", "Sanne Vos")
    await page.locator(".removal summary").click()
    await page.locator(".removal input[name=reason]").fill("Medisch dossier, niet voor ons")
    await page.locator(".removal .btn").click()
    await page.locator(".message.removed", has_text="Medisch dossier").wait_for()
    assert 0 == await page.locator(".message", has_text="Bus 28").count()


async def test_an_address_is_masked_until_somebody_asks_which_is_logged(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    assert "•••@voorbeeld.example" in await page.locator("#addresses").inner_text()
    await page.locator("#show-address .btn").click()
    await until(lambda: page.locator("#addresses", has_text="bewoner").count(), "in full")
    async with place.database.connection() as connection:
        assert 1 == await connection.fetchval("select count(*) from audit where kind = 'address_shown'")


async def test_spam_and_back(place, sign_in):
    page = await open_conversation(place, sign_in, "Mooie")
    await page.locator("#do-spam summary").click()
    await page.locator("#do-spam .btn").click()
    await page.locator(".head", has_text="Spam").wait_for()
    await page.goto(place.url + "/spam")
    await page.get_by_role("button", name="Geen spam: Mooie").click()
    await page.goto(place.url + "/bord")
    assert 1 == await page.locator(f"#c-{place.references['Mooie']}").count()


async def test_the_socket_follows_the_thread_from_where_the_page_stands(place, sign_in):
    page = await open_conversation(place, sign_in, "Klopt")
    async with page.expect_event("websocket") as opened:
        await page.reload()
    socket = await opened.value
    query = parse_qs(urlsplit(socket.url).query)
    epoch, position = [await page.locator("#board").get_attribute(f"data-{name}") for name in ("epoch", "position")]
    assert {"since": [f"{epoch}.{position}"], "gesprek": [place.references["Klopt"]]} == query
