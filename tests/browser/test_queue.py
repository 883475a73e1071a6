"""The queue and quick entry in a real browser: a number never lies, work is divided in a dialog, a call is quick."""

from __future__ import annotations

from time import monotonic

import pytest
from axe_playwright_python.async_playwright import Axe

from newsroom import desk, triage
from tests.browser.conftest import NARROW
from tests.browser.look import live, until
from tests.browser.test_screens import TAGS


@pytest.fixture
async def town(place):
    async with place.database.transaction() as connection:
        await desk.prepare(connection)
    return place


async def test_a_change_is_told_and_no_number_moves_by_itself(place, sign_in):
    page = await sign_in("Sanne Vos", "/wachtrij")
    total = page.locator("#ages-title + .cnt")
    before = await total.inner_text()
    await until(lambda: page.evaluate("document.getElementById('stand').dataset.live === 'yes'"), "connected")
    await live(await sign_in("Joris Bos", f"/gesprek/{place.references['Klopt']}"))  # who is there is not told here
    await place.write("Een nieuwe vraag")
    await until(lambda: page.locator("#stand.old").count(), "told")
    assert "er is iets veranderd" in await page.locator("#stand").inner_text()
    assert before == await total.inner_text()
    await page.set_viewport_size({"width": 320, "height": 640})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320
    await page.set_viewport_size(NARROW)
    await page.click("#stand a")
    await page.wait_for_load_state()
    assert int(before) + 1 == int(await total.inner_text())


async def owner(place, reference: str) -> int | None:
    async with place.database.connection() as connection:
        return await connection.fetchval("select assignee_id from conversation where reference = $1", reference)


async def test_work_is_divided_in_a_dialog_and_put_back(place, sign_in):
    page = await sign_in("Sanne Vos", "/wachtrij")
    reference, joris = place.references["Omgevallen"], place.people["Joris Bos"]
    await page.get_by_role("link", name="Verdeel werk van niemand").click()
    await page.wait_for_selector("dialog .moves")
    await page.select_option(f"#to-{reference}", str(joris))
    await page.get_by_role("button", name="Verdeel", exact=True).click()
    await until(lambda: page.locator("dialog h2", has_text="verdeeld").count(), "given")
    assert joris == await owner(place, reference)
    await page.get_by_role("button", name="Zet alles terug").click()
    await until(lambda: page.locator("dialog h2", has_text="teruggezet").count(), "put back")
    assert await owner(place, reference) is None


async def test_somebody_faster_is_named(place, sign_in):
    page = await sign_in("Sanne Vos", "/wachtrij/herverdeel?van=0")
    reference = place.references["Omgevallen"]
    await place.act("Mehmet Kaya", reference, triage.claim)
    await page.select_option(f"#to-{reference}", str(place.people["Joris Bos"]))
    await page.get_by_role("button", name="Verdeel", exact=True).click()
    await page.wait_for_load_state()
    assert "Mehmet Kaya was je net voor" in await page.inner_text("main")


async def test_a_call_is_on_the_board_within_ten_seconds_by_keyboard_alone(town, sign_in):
    page = await sign_in("Joris Bos", "/bord")
    await live(page)
    began = monotonic()
    await page.keyboard.press("q")
    await page.wait_for_selector("dialog form")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Fatima El A.")
    await page.keyboard.press("Tab")
    await page.keyboard.type("06 12345678")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Mijn container is kapot")
    await page.keyboard.press("Control+Enter")
    await until(lambda: page.locator("dialog [data-done]").count(), "entered")
    await page.keyboard.press("Escape")
    await until(lambda: page.locator("#board article", has_text="Mijn container is kapot").count(), "on the board")
    assert monotonic() - began < 10 * 3, "a person types slower, this machine is busier"
    assert await page.evaluate("localStorage.getItem('newsroom.entry')") is None


async def test_what_is_sent_quicker_than_it_is_kept_leaves_no_draft(town, sign_in):
    page = await sign_in("Joris Bos", "/bord")
    await page.clock.install()
    await page.click("a[data-entry-link]")
    await page.fill("#e-name", "Fatima El A.")
    await page.fill("#e-text", "Mijn container is kapot")
    await page.keyboard.press("Control+Enter")
    await until(lambda: page.locator("dialog [data-done]").count(), "entered")
    await page.clock.run_for(1000)
    assert await page.evaluate("localStorage.getItem('newsroom.entry')") is None


async def test_a_draft_survives_until_it_is_sent(town, sign_in):
    page = await sign_in("Joris Bos", "/bord")
    await page.click("a[data-entry-link]")
    await page.fill("#e-text", "Half af")
    await until(lambda: page.evaluate("localStorage.getItem('newsroom.entry')"), "kept")
    await page.goto(page.url.replace("/bord", "/werk"))
    await page.click("a[data-entry-link]")
    await page.wait_for_selector("dialog form")
    assert "Half af" == await page.input_value("#e-text")


async def test_a_known_resident_is_chosen_while_typing(town, sign_in):
    page = await sign_in("Joris Bos", "/invoer")
    await page.fill("#e-search", "fatima")
    await page.get_by_role("button", name="Fatima El A.").click()
    assert "Fatima El A." == await page.input_value("#e-name")
    assert await page.evaluate("document.activeElement.id") == "e-text"


@pytest.mark.parametrize("size", [NARROW, {"width": 1440, "height": 900}], ids=["narrow", "wide"])
async def test_axe_finds_nothing_in_the_dialogs(town, sign_in, size):
    page = await sign_in("Sanne Vos", "/wachtrij", viewport=size)
    for opener, inside in (("a[data-entry-link]", "dialog form"), ("text=Verdeel het werk opnieuw", "dialog h2")):
        await page.locator(opener).first.click()
        await page.wait_for_selector(inside)
        found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
        assert 0 == found.violations_count, found.generate_report()
        await page.keyboard.press("Escape")


async def test_without_javascript_a_call_can_be_entered_and_work_be_divided(town, sign_in):
    page = await sign_in("Sanne Vos", "/invoer", java_script_enabled=False)
    await page.fill("#e-text", "Zonder script")
    await page.fill("#e-search", "fatima")
    await page.get_by_role("button", name="Zoek", exact=True).last.click()
    assert "Zonder script" == await page.input_value("#e-text")
    await page.locator('.people input[type="radio"]').first.check()
    await page.get_by_role("button", name="Zet in de wachtrij").click()
    assert "Het staat in de wachtrij" in await page.inner_text("main")
    await page.goto(f"{town.url}/wachtrij")
    await page.get_by_role("link", name="Verdeel het werk opnieuw").click()
    assert "Voorstel" in await page.inner_text("main")
