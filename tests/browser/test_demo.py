"""The demo as a newcomer meets it: the link, two people at once, a resident's own form and chat, and a peak."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import BrowserContext, Page, expect

from newsroom import account, app, demo, link
from newsroom.settings import Settings
from newsroom.web.demo import PATH, DemoPage
from newsroom.web.keys import RENDER
from newsroom.web.live import PRESENCE
from tests.browser.conftest import WIDE
from tests.browser.look import live, until
from tests.browser.test_screens import TAGS
from tests.browser.town import free_port

PEAK_SECONDS = 2.0
pytestmark = pytest.mark.slow  # a whole town each


@pytest.fixture
async def town(clones, voorbeeldstad, data) -> AsyncIterator[str]:
    """Voorbeeldstad as `newsroom demo` runs it, where nobody comes by themselves; the address that the line tells."""
    database, port = await clones.make(voorbeeldstad.name), free_port()
    settings = Settings(database_url=database.url, owner_database_url=database.owner_url, data=data, port=port,
                        trusted_proxies=("127.0.0.1",))
    page = DemoPage()
    async with app.run(settings, kinds=demo.demo_kinds(), more=(page.routes,)) as house:
        house.site[RENDER].mark_demo(PATH)
        site = demo.Site("127.0.0.1", port, settings.address)
        doors = demo.Doors(house.database, house.writer, house.channels, house.keys, house.bell, site)
        living = demo.Living(doors, house.site[PRESENCE].anybody, 0.0)
        page.begin(living, "een wachtwoord")
        running = asyncio.create_task(living.run())
        async with house.database.transaction() as connection:
            sanne = next(one.id for one in await account.everyone(connection) if one.name == "Sanne Vos")
            path = await link.make(connection, "start", sanne, datetime.now(UTC))
        yield settings.address + path
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await clones.drop(database)


@asynccontextmanager
async def newcomer(browser, address: str) -> AsyncIterator[Page]:
    """A browser that opened the link. Fails on an error on a page."""
    context: BrowserContext = await browser.new_context(viewport=WIDE, locale="nl-NL", timezone_id="Europe/Amsterdam")
    problems: list[str] = []
    context.on("weberror", lambda error: problems.append(str(error.error)))
    page = await context.new_page()
    await page.goto(address)
    await _begin(page)
    yield page
    await context.close()
    assert [] == problems


async def test_a_visitor_triages_and_answers_in_two_windows_and_is_a_resident_too(town, browser):
    async with newcomer(browser, town) as sanne:
        await sanne.get_by_role("link", name="Demo").click()
        await expect(sanne.get_by_text("Je bent nu Sanne Vos.")).to_be_visible()
        found = await Axe().run(sanne, options={"runOnly": {"type": "tag", "values": TAGS}})
        assert [] == [violation["id"] for violation in found.response["violations"]]
        joris = await _opened(sanne, "button", "Kijk als Joris Bos in een tweede venster")
        await _begin(joris)
        await _work_at_once(sanne, joris)
        await _write_as_a_resident(sanne, joris)
        await joris.goto(joris.url.partition("/bord")[0] + "/demo")
        await joris.get_by_role("button", name="Kijk als Els van Leeuwen in dit venster").click()
        await joris.get_by_role("link", name="Demo").click()
        await expect(joris.get_by_text("Je bent nu Els van Leeuwen.")).to_be_visible()
        await sanne.reload()
        await expect(sanne.get_by_role("link", name="Profiel")).to_have_count(1)


async def _work_at_once(sanne: Page, joris: Page) -> None:
    """What one takes the other sees; what one answers leaves the other's column."""
    await sanne.goto(sanne.url.partition("/demo")[0] + "/bord")
    await live(sanne)
    first = sanne.locator('article.card[data-state="new"]').first
    id = await first.get_attribute("id")
    await first.get_by_role("button", name=re.compile("^Neem op")).click()
    theirs = joris.locator(f'#{id}[data-state="open"] .av')
    await expect(theirs).to_contain_text("SV")
    mine = joris.locator('article.card[data-state="open"]', has=joris.locator('.av:has-text("JB")')).first
    other = await mine.get_attribute("id")
    await joris.goto(joris.url.partition("/bord")[0] + await mine.locator("h3 a").get_attribute("href"))
    await joris.locator("textarea[name=text]:visible").fill("Dat zoeken we vandaag voor u uit.")
    await joris.select_option("select[name=then]", "waiting")
    await joris.get_by_role("button", name=re.compile("^(Verstuur|Plaats|Stuur)")).click()
    await expect(sanne.locator(f'#{other}[data-state="waiting"]')).to_have_count(1)
    await joris.goto(joris.url.partition("/gesprek")[0] + "/bord")
    await live(joris)


async def _write_as_a_resident(sanne: Page, joris: Page) -> None:
    """By the form and the chat that the page of the demo leads to; an answer in the chat comes back."""
    await sanne.goto(sanne.url.partition("/bord")[0] + "/demo")
    form = await _opened(sanne, "link", re.compile("^Open het formulier"))
    await expect(form.get_by_text("Demo: Voorbeeldstad bestaat niet.")).to_be_visible()
    await form.get_by_label("Iets anders").check()
    await form.get_by_role("button", name="Volgende").click()
    await form.get_by_label("Uw vraag in een paar woorden").fill("Zeemeeuw op het stadhuis")
    await form.get_by_label("Wat is uw vraag?").fill("Er broedt een zeemeeuw op het dak. Mag dat?")
    await form.get_by_label("Per e-mail").check()
    await form.get_by_label("Uw e-mailadres").fill("noor@post.example")
    await form.get_by_role("button", name="Volgende: controleer uw antwoorden").click()
    await asyncio.wait_for(_sent(form), 15)
    await expect(joris.locator("article.card", has_text="Zeemeeuw op het stadhuis")).to_have_count(1)
    chat = await _opened(sanne, "link", "Open de livechat")
    await chat.get_by_label("Uw bericht").fill("is de balie nu open?")
    await chat.get_by_role("button", name="Verstuur").click()
    card = joris.locator("article.card", has_text="is de balie nu open?")
    await expect(card.locator(".visit")).to_be_visible()
    await joris.goto(joris.url.partition("/bord")[0] + await card.locator("h3 a").get_attribute("href"))
    await joris.locator("textarea[name=text]:visible").fill("Ja, tot vijf uur.")
    await joris.get_by_role("button", name="Stuur in chat").click()
    await expect(chat.locator("#log", has_text="Ja, tot vijf uur.")).to_be_visible()
    await joris.goto(joris.url.partition("/gesprek")[0] + "/bord")


async def _sent(form: Page) -> None:
    """Who is faster than people are is asked to press again."""
    while not await form.locator(".nr").count():
        await form.get_by_role("button", name="Verstuur").last.click()
        await form.wait_for_load_state()


async def _begin(page: Page) -> None:
    """The one button behind a link that signs in."""
    await page.get_by_role("button").click()
    await page.wait_for_url("**/bord")
    await live(page)


async def _opened(page: Page, role, name) -> Page:
    """The window that a link or button opens."""
    async with page.context.expect_page() as opened:
        await page.get_by_role(role, name=name).click()
    found = await opened.value
    await found.wait_for_load_state()
    return found


async def test_a_peak_from_the_page_of_the_demo_comes_over_every_channel_at_once(town, browser, monkeypatch):
    monkeypatch.setattr("newsroom.demo.stream.peak.__defaults__", (PEAK_SECONDS,))
    monkeypatch.setattr("newsroom.demo.doors.FILLING_IN", 3.5)
    async with newcomer(browser, town) as page:
        new = page.locator('article.card[data-state="new"]')
        before = await new.count()
        await page.get_by_role("link", name="Demo").click()
        await page.get_by_role("button", name="Storm, code oranje").click()
        await expect(page.get_by_text("Storm, code oranje: bezig")).to_be_visible()
        await page.goto(page.url.partition("/demo")[0] + "/bord")
        await live(page)

        async def came() -> bool:
            names = {await one.inner_text() for one in await new.locator(".channel").all()}
            return await new.count() >= before + 30 and {"Mastodon @gemeente", "Meldingen-app", "Livechat"} <= names
        await until(came, "the peak", 60)
        await page.goto(page.url.partition("/bord")[0] + "/demo")
        await expect(page.get_by_role("button", name="Storm, code oranje")).to_be_visible()
