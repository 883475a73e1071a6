"""The live board: true at every moment, and never moving under the hands of who works with it."""

from __future__ import annotations

import asyncio
import random

import pytest

from newsroom import triage
from tests import sources
from tests.browser.look import board, card, column_of, live, state, until
from tests.browser.proxy import proxy


async def test_two_people_claim_one_card_and_the_loser_is_told_on_it(place, sign_in):
    one, two = [await sign_in(name) for name in ("Joris Bos", "Lotte Dijk")]
    await asyncio.gather(live(one), live(two))
    wanted = place.references["Groencontainer"]
    await asyncio.gather(*(page.locator(f"{card(wanted)} .claim").click() for page in (one, two)))

    async def told() -> list[str]:
        strips = [page.locator(f"{card(wanted)} .strip") for page in (one, two)]
        return [text for strip in strips for text in await strip.all_text_contents()]

    assert "was je net voor" in (await until(told, "a strip on the card"))[0]
    async with place.database.connection() as connection:
        assert 1 == await connection.fetchval("select count(*) from event where kind = 'claimed'")
    for page in (one, two):
        await until(lambda page=page: column_of(page, wanted), "still on the board")
    winner = await one.locator(f"{card(wanted)} .av").get_attribute("title")
    assert winner == await two.locator(f"{card(wanted)} .av").get_attribute("title")


async def test_a_change_by_another_reaches_the_board_and_its_counts(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Omgevallen"]
    await place.act("Joris Bos", wanted, triage.claim)
    await until(lambda: moved(page, wanted, "open"), "in the next column")
    fresh = await sign_in("Sanne Vos")
    await live(fresh)
    assert await board(fresh) == await board(page)


async def test_a_held_card_keeps_its_place_until_it_is_let_go(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Goedemorgen,"]
    await page.locator(f"{card(wanted)} h3 a").focus()
    before = await page.locator(card(wanted)).bounding_box()
    await place.act("Joris Bos", wanted, triage.set_priority, 2)
    await place.act("Joris Bos", wanted, triage.claim)
    strip = page.locator(f"{card(wanted)} .strip")
    await strip.wait_for()
    assert "Joris Bos" in await strip.inner_text()
    assert "new" == await column_of(page, wanted)
    assert before["y"] == (await page.locator(card(wanted)).bounding_box())["y"]
    assert wanted == await page.evaluate("document.activeElement.closest('article').dataset.id")
    await page.locator("#pause").focus()
    await page.mouse.move(5, 5)
    await until(lambda: moved(page, wanted, "open"), "settled")
    assert 0 == await strip.count()


async def test_new_cards_above_what_somebody_looks_at_wait_behind_a_pill(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    first = page.locator('[data-column="new"] article').first
    await first.locator("h3 a").focus()
    top = await first.bounding_box()
    old = await place.write("Een brief van gisteren", minutes=2000)
    new = await place.write("Een vraag van nu")
    pill = page.locator('[data-column="new"] .fresh button')
    await pill.wait_for()
    await until(lambda: column_of(page, new), "at the end at once")
    assert "1 nieuw bericht" in await pill.inner_text()
    assert top == await first.bounding_box()
    await pill.click()
    assert old == await page.locator('[data-column="new"] article').first.get_attribute("data-id")


async def test_a_card_that_goes_out_of_sight_leaves_no_trace(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    wanted = place.references["Hoi,"]
    await page.locator(f"{card(wanted)} h3 a").focus()
    await place.act("Sanne Vos", wanted, triage.give_team, place.teams["Jeugd en zorg"], None)
    await until(lambda: gone(page, wanted), "gone, also under the focus")
    assert wanted not in await page.content() and "DigiD" not in await page.content()
    assert await page.evaluate("document.activeElement.closest('article') !== null"), "the focus goes to the next card"
    assert "5" == await page.locator('[data-column="new"] [data-n]').first.inner_text()


@pytest.mark.parametrize("place", [sources.here], indirect=True, ids=["every connector"])
async def test_cut_off_for_a_minute_and_back_equals_a_fresh_page(place, sign_in):
    port = place.house.settings.port
    channels = await sources.add_channels(place.database)
    async with place.database.transaction() as connection:  # nobody asks their servers
        await connection.execute("update channel set mode = 'paused'")
    async with proxy(port) as line:
        url = f"http://127.0.0.1:{line.port}"
        page = await sign_in("Sanne Vos", "/bord", url=url)
        await page.clock.install()
        await page.reload()
        await page.clock.run_for(1000)
        await live(page)
        await page.locator(f"{card(place.references['Groencontainer'])} h3 a").focus()
        await line.cut()
        await place.bring(sources.mixed(random.Random(3), channels, 5).deliveries)
        for number in range(40):
            reference = await place.write(f"Bericht {number} tijdens de storing", minutes=number)
            if number % 3 == 0:
                await place.act("Joris Bos", reference, triage.claim)
        await place.act("Joris Bos", place.references["Mooie"], triage.close, 1, await last(place, "Mooie"))
        await page.clock.run_for(60_000)
        assert await state(page, "offline")
        assert "Geen verbinding sinds" in await page.locator("#banner").inner_text()
        await line.mend()
        await until(lambda: tick(page, "live"), "live again")
        await page.locator("#pause").focus()
        await page.mouse.move(5, 5)
        await page.clock.run_for(5000)
        for pill in await page.locator(".fresh button:visible").all():
            await pill.click()
        fresh = await sign_in("Sanne Vos", "/bord")
        await live(fresh)
        await until(lambda: same(page, fresh), "equal")
        shown = await page.locator("#board").inner_text()
        assert all(name in shown for name in sources.FAMILIES)
        assert await board(fresh) == await board(page)


async def test_a_page_too_far_behind_takes_the_new_one_over_in_place(place, sign_in, monkeypatch):
    monkeypatch.setattr("newsroom.feed.REPLAY_MOST", 10)
    async with proxy(place.house.settings.port) as line:
        page = await sign_in("Sanne Vos", "/bord", url=f"http://127.0.0.1:{line.port}")
        await live(page)
        await page.evaluate("window.kept = true")
        wanted = card(place.references["Groencontainer"])
        await page.locator(f"{wanted} h3 a").focus()
        await line.cut()
        for number in range(30):
            await place.write(f"Bericht {number} tijdens de storing")
        await until(lambda: state(page, "unsteady"), "noticed")
        await line.mend()
        await page.evaluate("dispatchEvent(new Event('online'))")
        await live(page)
        await until(lambda: count_is(page, "new", "36"), "all there")
        assert await page.evaluate("window.kept"), "the page was not loaded again"
        assert await page.evaluate(f"document.activeElement.closest('article') === document.querySelector('{wanted}')")


async def test_a_frozen_line_is_told(place, sign_in):
    async with proxy(place.house.settings.port) as line:
        page = await sign_in("Sanne Vos", "/bord", url=f"http://127.0.0.1:{line.port}")
        await page.clock.install()
        await page.reload()
        await page.clock.run_for(1000)
        await live(page)
        line.freeze()
        await page.clock.run_for(25_000)
        assert await state(page, "unsteady")
        await page.clock.run_for(25_000)
        assert await state(page, "offline")


async def test_a_paused_board_stands_still_and_counts_what_waits(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    await page.locator("#pause").click()
    new = await place.write("Een vraag van nu")
    await until(lambda: banner(page, "1 wijziging wacht"), "counted")
    assert await column_of(page, new) is None
    await page.locator("#pause").click()
    await until(lambda: column_of(page, new), "applied")


async def moved(page, reference: str, to: str) -> bool:
    return await column_of(page, reference) == to


async def gone(page, reference: str) -> bool:
    return await column_of(page, reference) is None


async def count_is(page, column: str, n: str) -> bool:
    return await page.locator(f'[data-column="{column}"] [data-n]').first.inner_text() == n


async def banner(page, words: str) -> bool:
    return words in await page.locator("#banner").inner_text()


async def tick(page, name: str) -> bool:
    await page.clock.run_for(500)
    return await state(page, name)


async def same(page, fresh) -> bool:
    await page.clock.run_for(300)
    return await board(page) == await board(fresh)


async def last(place, word: str) -> int:
    async with place.database.connection() as connection:
        return await connection.fetchval("select last_message_id from conversation where reference = $1",
                                         place.references[word])


async def test_an_action_that_fails_is_taken_back_and_told(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    await page.route("**/acties", lambda route: route.fulfill(status=500, body="{}"))
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} .claim").click()
    await page.locator("#alert:visible").wait_for()
    assert "Niet gelukt" in await page.locator("#alert").inner_text()
    assert "new" == await column_of(page, wanted)
    assert 0 == await page.locator(".pending").count()
    sign_in.problems.clear()  # the 500 we made


async def test_the_voice_says_arrivals_together(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    await page.evaluate("window.said = []; new MutationObserver(() => { const text = document.getElementById('say')"
                        ".textContent; if (text) said.push(text); }).observe(document.getElementById('say'),"
                        " { childList: true })")
    for number in range(30):
        await place.write(f"Bericht {number}")
    await until(lambda: count_is(page, "new", "36"), "all counted")
    said = await until(lambda: page.evaluate("said.length && said"), "said something")
    assert len(said) <= 2 and "nieu" in said[0]


async def test_a_database_that_is_away_is_another_thing_than_a_line_that_is(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    place.house.feed._reach(False)
    await until(lambda: banner(page, "De database geeft geen antwoord"), "told")
    place.house.feed._reach(True)
    await live(page)
    assert await page.locator("#banner").is_hidden()


async def test_who_is_signed_out_elsewhere_is_told(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    async with place.database.transaction() as connection:
        await connection.execute("delete from session where account_id = $1", place.people["Joris Bos"])
    await until(lambda: banner(page, "Je bent uitgelogd"), "told", deadline=15)
    assert 1 == await page.locator("#banner a").count()


async def test_a_column_shows_a_hundred_and_the_rest_when_asked(place, sign_in):
    for number in range(160):
        await place.write(f"Vraag {number}", minutes=200 - number / 10)
    page = await sign_in("Joris Bos")
    await live(page)
    cards = page.locator('[data-column="new"] article')
    assert (100, "166") == (await cards.count(), await page.locator('[data-column="new"] [data-n]').first.inner_text())
    late = await place.write("Past niet meer in het zicht")
    await until(lambda: count_is(page, "new", "167"), "counted")
    assert await column_of(page, late) is None
    for shown in (140, 167):
        await page.locator('[data-column="new"] .more-cards').click()
        await until(lambda shown=shown: has_cards(cards, shown), f"{shown} cards")
    assert "167" == await page.locator('[data-column="new"] [data-n]').first.inner_text()


async def has_cards(cards, n: int) -> bool:
    return await cards.count() == n


async def test_a_filter_keeps_the_live_board_to_what_it_asks(place, sign_in):
    page = await sign_in("Joris Bos", "/bord")
    await page.locator('[data-field="priorities"] summary').click()
    await page.get_by_label("Spoed").check()
    await page.get_by_label("Hoog").check()
    await page.locator('[data-field="priorities"] .btn').click()
    await page.wait_for_url("**prioriteit=*")
    await live(page)
    assert 2 == await page.locator("#board article").count()
    wanted = place.references["Groencontainer"]
    await place.act("Sanne Vos", wanted, triage.set_priority, 2)
    await until(lambda: column_of(page, wanted), "in sight now")
    await place.act("Sanne Vos", wanted, triage.set_priority, 0)
    await until(lambda: gone(page, wanted), "out again")
    fresh = await sign_in("Joris Bos", page.url.removeprefix(place.url))
    await live(fresh)
    assert await board(fresh) == await board(page)
