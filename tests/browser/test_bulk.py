"""Several cards in one request, and taking back what one just did."""

from __future__ import annotations

from newsroom import triage
from tests.browser.conftest import NARROW
from tests.browser.look import board, card, column_of, live, until


async def gone_or(page, reference: str, column: str | None) -> bool:
    return await column_of(page, reference) == column


async def test_many_cards_are_given_away_in_one_request_and_what_fails_stays_ticked(place, sign_in):
    wanted = [await place.write(f"Vraag {number} van de markt", minutes=5) for number in range(12)]
    page = await sign_in("Joris Bos")
    await live(page)
    asked = []
    page.on("request", lambda request: asked.append(request) if request.url.endswith("/acties") else None)
    await page.locator("#select").click()
    for reference in wanted:
        await page.locator(f"{card(reference)} .pick input").check()
    assert "12 geselecteerd" == await page.locator("#bulk-n").inner_text()
    await place.act("Sanne Vos", wanted[3], triage.claim)
    await until(lambda: page.locator(f"{card(wanted[3])} .strip").count(), "told on the card that is held")
    # what was seen of one is older than what it is: as when both press within the same moment
    await page.evaluate("id => { document.getElementById('c-' + id).dataset.assignee = '' }", wanted[3])
    await page.locator('[data-bulk="assign"]').click()
    await page.get_by_role("menuitemradio", name="Lotte Dijk").click()
    await until(lambda: page.locator(f'{card(wanted[0])} .av[title="Lotte Dijk"]').count(), "given")
    assert 1 == len(asked)
    await until(lambda: page.locator("article.selected").count(), "one stays")
    assert [wanted[3]] == await page.locator("article.selected").evaluate_all("all => all.map(one => one.dataset.id)")
    assert "Sanne Vos was je net voor" in await page.locator(f"{card(wanted[3])} .strip").inner_text()
    assert "11 gedaan, 1 niet" in await page.locator("#say").inner_text()
    await page.locator('[data-bulk="stop"]').click()
    await page.keyboard.press("z")
    await until(lambda: gone_or(page, wanted[0], "new"), "taken back")
    fresh = await sign_in("Joris Bos")
    await live(fresh)
    await page.mouse.move(5, 5)
    await until(lambda: same(page, fresh), "equal to a fresh page")


async def same(page, fresh) -> bool:
    return await board(page) == await board(fresh)


async def test_by_keyboard_cards_are_ticked_moved_and_put_back(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    before = await board(page)
    await page.keyboard.press("ArrowDown")
    for key in ("x", "Shift+ArrowDown", "Shift+ArrowDown"):
        await page.keyboard.press(key)
    assert "3 geselecteerd" == await page.locator("#bulk-n").inner_text()
    chosen = await page.locator("article.selected").evaluate_all("all => all.map(one => one.dataset.id)")
    await page.keyboard.press("m")
    await page.locator("[role=menu]").wait_for()
    await page.keyboard.press("4")
    await page.keyboard.press("Enter")
    for reference in chosen:
        await until(lambda reference=reference: gone_or(page, reference, "waiting"), "moved")
    assert "3 gesprekken bijgewerkt." == await page.locator("#say").inner_text()
    await page.keyboard.press("z")
    for reference in chosen:
        await until(lambda reference=reference: gone_or(page, reference, "new"), "back")
    after = await board(page)
    assert before[1] == after[1], "every count is as it was"


async def test_a_claim_is_taken_back_with_the_button_and_refused_when_another_changed_it(place, sign_in):
    page = await sign_in("Joris Bos")
    await live(page)
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} .claim").click()
    await page.locator("#undo button").click()
    await until(lambda: gone_or(page, wanted, "new"), "back")
    await page.locator(f"{card(wanted)} h3 a").focus()
    await page.keyboard.press("i")
    await page.locator("#undo button").wait_for()
    await until(lambda: gone_or(page, wanted, "open"), "taken again")
    await place.act("Sanne Vos", wanted, triage.assign, place.people["Lotte Dijk"], place.people["Joris Bos"])
    await page.keyboard.press("z")
    await page.locator("#alert:visible").wait_for()
    assert "Iemand heeft dit daarna veranderd" in await page.locator("#alert").inner_text()


async def test_on_a_phone_cards_are_ticked_by_finger(place, sign_in):
    page = await sign_in("Joris Bos", "/bord", viewport=NARROW, has_touch=True)
    await live(page)
    await page.locator("#select").tap()
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} .pick").tap()
    await page.locator('[data-bulk="claim"]').tap()
    await until(lambda: gone_or(page, wanted, "open"), "taken")
    assert await page.locator("#bulk").is_hidden() and await page.locator("#filters").is_visible()


async def test_the_list_is_in_the_address_stays_with_the_filter_and_is_walked_as_one(place, sign_in):
    page = await sign_in("Sanne Vos")
    await page.get_by_role("link", name="Lijst", exact=True).click()
    await page.wait_for_url("**vorm=lijst")
    await live(page)
    await page.locator('[data-field="priorities"] summary').click()
    await page.get_by_label("Spoed").check()
    await page.locator('[data-field="priorities"] .btn').click()
    await page.wait_for_url("**vorm=lijst*prioriteit=3*")
    await live(page)
    await page.locator(".views a").nth(1).click()
    await page.wait_for_url("**wie=0*vorm=lijst")
    assert await page.locator("#board.as-list").count()
    await page.goto(place.url + "/bord?vorm=lijst")
    await live(page)
    columns = []
    await page.keyboard.press("ArrowDown")
    for _ in range(12):
        await page.keyboard.press("ArrowDown")
        columns.append(await page.evaluate("document.activeElement.closest('[data-column]').dataset.column"))
    assert {"new", "open", "department"} >= set(columns) and "open" in columns
    tops = await page.evaluate("[...document.querySelectorAll('#board article')].map(one => one.offsetHeight)")
    assert max(tops) <= 62, "one line a conversation"
    await place.act("Joris Bos", place.references["Omgevallen"], triage.claim)
    await until(lambda: gone_or(page, place.references["Omgevallen"], "open"), "live here too")
