"""Canned answers in the composer: by slash and keyboard, by button and click, filled in, and counted when sent."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from axe_playwright_python.async_playwright import Axe

from newsroom import canned
from newsroom.canned import CannedAnswer
from newsroom.change import By
from tests.browser.conftest import NARROW
from tests.browser.look import live, until

TEXTS = {"Paspoort kwijt": "Beste {voornaam}, bel ons. Kenmerk {kenmerk}.", "Paspoort ophalen": "Het ligt klaar.",
         "Verhuizen": "Neem uw paspoort mee."}


@pytest.fixture
async def texts(place):
    async with place.database.transaction() as connection:
        for name, body in TEXTS.items():
            await canned.save(connection, CannedAnswer(0, name, body), By(place.people["Sanne Vos"], datetime.now(UTC)))


async def opened(place, sign_in, **options):
    page = await sign_in("Joris Bos", f"/gesprek/{place.references['Klopt']}", **options)
    await live(page)
    return page, page.locator("#text"), page.get_by_role("listbox", name="Standaardantwoorden")


async def test_a_slash_offers_them_and_the_keyboard_chooses(place, sign_in, texts):
    page, text, box = await opened(place, sign_in)
    await text.press_sequentially("Dag. /pasp")
    await box.wait_for()
    options = box.get_by_role("option")
    assert ["Paspoort kwijt", "Paspoort ophalen", "Verhuizen"] == await options.locator("b").all_inner_texts()
    await page.keyboard.press("ArrowDown")
    assert "true" == await options.nth(1).get_attribute("aria-selected")
    assert await options.nth(1).get_attribute("id") == await text.get_attribute("aria-activedescendant")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    reference = place.references["Klopt"]
    assert f"Dag. Beste Mark, bel ons. Kenmerk {reference}." == await text.input_value()
    await box.wait_for(state="hidden")
    await page.keyboard.press("Control+Enter")
    await page.locator(".message.out", has_text="bel ons").wait_for()
    async with place.database.connection() as connection:
        assert {"Paspoort kwijt": 1, "Paspoort ophalen": 0, "Verhuizen": 0} == {
            one.name: one.used for one in await canned.every(connection)}


async def test_escape_and_what_is_no_slash_leave_the_text_alone(place, sign_in, texts):
    page, text, box = await opened(place, sign_in)
    await text.press_sequentially("Zie https://stad.example/pas en 1/2")
    assert not await box.is_visible()
    await text.press_sequentially(" /zwembad")
    await page.get_by_text("Geen standaardantwoord gevonden").first.wait_for()
    await page.keyboard.press("Escape")
    await box.wait_for(state="hidden")
    assert "Zie https://stad.example/pas en 1/2 /zwembad" == await text.input_value()


@pytest.mark.parametrize("size", [None, NARROW])
async def test_the_button_shows_them_and_a_click_chooses(place, sign_in, texts, size):
    page, text, box = await opened(place, sign_in, **({"viewport": size} if size else {}))
    await page.get_by_role("button", name="Standaardantwoord").click()
    await box.wait_for()
    assert [] == [one["id"] for one in (await Axe().run(page)).response["violations"]]
    await box.get_by_role("option", name="Paspoort ophalen").click()
    assert "Het ligt klaar." == await text.input_value()
    await until(lambda: page.evaluate("document.activeElement.id === 'text'"), "the text has the focus")
