"""A colleague is named in a note: chosen from a list, told at once on another page, and found on the list of work."""

from __future__ import annotations

from axe_playwright_python.async_playwright import Axe

from tests.browser.look import live, until


async def test_a_colleague_is_named_told_and_finds_it(place, sign_in):
    joris = await sign_in("Joris Bos", "/werk")
    sanne = await sign_in("Sanne Vos", f"/gesprek/{place.references['Klopt']}#note")
    await live(joris)
    await live(sanne)
    text = sanne.locator("#note-text")
    await text.press_sequentially("Kun jij dit, @jor")
    box = sanne.get_by_role("listbox", name="Collega's")
    await box.wait_for()
    assert ["Joris Bos"] == await box.get_by_role("option").all_inner_texts()
    await sanne.keyboard.press("Enter")
    assert "Kun jij dit, @Joris Bos " == await text.input_value()
    await box.wait_for(state="hidden")
    await text.press_sequentially("of mail x@stad.example?")
    assert not await box.is_visible()
    await sanne.keyboard.press("Control+Enter")
    await sanne.locator(".line", has_text="Genoemd in een notitie").wait_for()
    told = joris.locator("#alert")
    await told.get_by_text("Sanne Vos noemt je in een notitie").wait_for()
    listed = joris.locator("[data-mentions]")
    await listed.get_by_role("link", name="Klopt het dat de brug").wait_for()
    assert [] == [one["id"] for one in (await Axe().run(joris)).response["violations"]]
    await listed.get_by_role("link").click()
    await joris.get_by_text("Kun jij dit, @Joris Bos").wait_for()
    await joris.goto(place.url + "/werk")
    await until(lambda: joris.locator("[data-mentions]").is_hidden(), "read, so off the list")


async def test_somebody_outside_is_not_named_and_the_note_stays(place, sign_in):
    reference = place.references["Klopt"]
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set sealed = true, visibility = 'sealed:' || id"
                                 " where reference = $1", reference)
        await connection.execute("insert into conversation_reader (conversation_id, account_id) select id, $2"
                                 " from conversation where reference = $1", reference, place.people["Joris Bos"])
    page = await sign_in("Joris Bos", f"/gesprek/{reference}#note")
    await live(page)
    await page.locator("#note-text").fill("@Mehmet Kaya zie jij dit?")
    await page.keyboard.press("Control+Enter")
    await page.get_by_text("Mehmet Kaya kan dit gesprek niet zien").wait_for()
    assert "@Mehmet Kaya zie jij dit?" == await page.locator("#note-text").input_value()
