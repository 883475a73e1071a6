"""A resident and a colleague chat: on the site of somebody else, with the line cut in between, by keyboard alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import FrameLocator, Page

from tests.browser.conftest import NARROW, WIDE
from tests.browser.proxy import proxy
from tests.browser.town import Town

TINY = {"width": 320, "height": 640}
LOOKS = [pytest.param(WIDE, "light", marks=pytest.mark.slow), pytest.param(WIDE, "dark", marks=pytest.mark.slow),
         pytest.param(NARROW, "light", marks=pytest.mark.slow), (TINY, "dark")]
PAGE = """<!doctype html><html lang="{speech}"><head><meta charset="utf-8"><title>Paspoort aanvragen</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><main><h1>Paspoort aanvragen</h1>
<p>U vraagt een paspoort aan bij ons loket.</p><p><a href="#een">Maak een afspraak</a></p></main>
<script src="{home}/chat.js" data-kanaal="{channel}" {more} defer></script></body></html>"""
# the site's own policy: our script and frame, and nothing inline
POLICY = "default-src 'self'; script-src {home}; frame-src {home}; style-src 'self'; require-trusted-types-for 'script'"


async def add_chat(place: Town, mode: str = "live", hours: int | None = None, **settings: Any) -> int:
    """A chat channel; answered by mail from the mailbox when its visitor is gone."""
    async with place.database.transaction() as connection:
        return await connection.fetchval(
            "insert into channel (kind, name, mode, settings, hours_id) values ('chat', 'Livechat', $1, $2, $3)"
            " returning id", mode, {"reply_channel": "E-mail", "phone": "14 000",
                                    "privacy_url": "https://www.voorbeeldstad.example/privacy", **settings}, hours)


@asynccontextmanager
async def site(place: Town, channel: int, home: str = "", speech: str = "nl", more: str = "",
               host: str = "127.0.0.1") -> AsyncIterator[str]:
    """A page of the municipality's own site, with another origin than ours: its address. On `localhost` our frame is a
    third party, whose storage this browser blocks."""
    home = home or place.url

    async def around(request: web.Request) -> web.Response:
        text = PAGE.format(home=home, channel=channel, speech=speech, more=more)
        return web.Response(text=text, content_type="text/html",
                            headers={"Content-Security-Policy": POLICY.format(home=home)})

    app = web.Application()
    app.router.add_get("/paspoort", around)
    async with TestServer(app) as server:
        origin = str(server.make_url("/")).replace("127.0.0.1", host).rstrip("/")
        async with place.database.transaction() as connection:
            await connection.execute("update channel set settings = settings || $2 where id = $1", channel,
                                     {"allowed_origins": [origin]})
        yield origin + "/paspoort"


@pytest.fixture
async def visit(browser):
    """`await visit(address)`: a page of a visitor's own browser. Fails on an error in its console."""
    contexts, problems = [], []

    async def open(address: str, viewport=WIDE, **options) -> Page:
        context = await browser.new_context(viewport=viewport, locale="nl-NL", timezone_id="Europe/Amsterdam",
                                            **options)
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        await page.goto(address)
        return page

    open.problems = problems  # type: ignore[attr-defined]
    yield open
    for context in contexts:
        await context.close()
    expected = ("ERR_", "WebSocket", "status of 4", "favicon")
    assert [] == [text for text in problems if not any(part in text for part in expected)]


def panel(page: Page) -> FrameLocator:
    return page.frame_locator("newsroom-chat iframe")


async def open_panel(page: Page) -> FrameLocator:
    await page.get_by_role("button", name="Stel uw vraag").click()
    frame = panel(page)
    await frame.get_by_role("heading", name="Chat met de gemeente").wait_for()
    return frame


async def write(frame: FrameLocator, words: str) -> None:
    field = frame.get_by_label("Uw bericht")
    await field.fill(words)
    await field.press("Enter")


async def received(frame: FrameLocator, words: str) -> None:
    """The visitor's line is kept by the server."""
    await frame.locator(".nr-chat__msg--me:not(.waits)").get_by_text(words, exact=True).wait_for()


async def reference(place: Town, words: str = "") -> str:
    """The conversation of the chat, when it is there."""
    async with asyncio.timeout(10):
        while True:
            async with place.database.connection() as connection:
                found = await connection.fetchval(
                    "select c.reference from conversation c join participant p on p.conversation_id = c.id"
                    " where p.kind = 'chat' and c.state <> 'merged' order by c.id desc limit 1")
            if found:
                return found
            await asyncio.sleep(0.05)


async def said(place: Town) -> list[tuple[str, str]]:
    """Every message that the database holds, in order."""
    async with place.database.connection() as connection:
        rows = await connection.fetch("select m.direction, m.body from message m join channel c on c.id = m.channel_id"
                                      " where c.kind = 'chat' order by m.at, m.external_id, m.id")
    return [(row["direction"], row["body"]) for row in rows]


async def test_a_resident_and_a_colleague_chat(place, sign_in, visit):
    async with site(place, await add_chat(place)) as address:
        page = await visit(address)
        frame = await open_panel(page)
        await write(frame, "Hoi, ik ben mijn paspoort kwijt.")
        await received(frame, "Hoi, ik ben mijn paspoort kwijt.")
        staff = await sign_in("Joris Bos", f"/gesprek/{await reference(place)}")
        await staff.get_by_text("Bezoeker is er").first.wait_for()
        await frame.get_by_label("Uw bericht").press_sequentially("Kan ik")
        await staff.get_by_text("Bezoeker typt…").wait_for()
        answer = staff.get_by_label("Antwoord via Livechat")
        await answer.press_sequentially("Goedemorgen!")
        await frame.get_by_text("Joris typt een antwoord").wait_for()
        await answer.press("Enter")
        await frame.locator(".nr-chat__msg").get_by_text("Goedemorgen!").wait_for()
        await frame.get_by_text("U praat met Joris ·").wait_for()
        assert "" == await answer.input_value() and "Kan ik" == await frame.get_by_label("Uw bericht").input_value()
        assert [("in", "Hoi, ik ben mijn paspoort kwijt."), ("out", "Goedemorgen!")] == await said(place)


async def test_with_the_line_cut_in_between_nothing_is_lost_or_doubled_on_either_side(place, sign_in, visit):
    """Both are cut off at the same time while they write, then both come back; and the visitor loads the page anew."""
    async with proxy(place.house.settings.port) as line, proxy(place.house.settings.port) as desk:
        home, work = f"http://127.0.0.1:{line.port}", f"http://127.0.0.1:{desk.port}"
        async with site(place, await add_chat(place), home) as address:
            page = await visit(address)
            frame = await open_panel(page)
            await write(frame, "voor de storing")
            await received(frame, "voor de storing")
            staff = await sign_in("Joris Bos", f"/gesprek/{await reference(place)}", url=work)
            answer = staff.get_by_label("Antwoord via Livechat")
            await line.cut()
            for words in ("tijdens een", "tijdens twee"):
                await write(frame, words)
            await frame.get_by_text("De verbinding is weg.").wait_for()
            await answer.fill("antwoord terwijl hij weg is")
            await answer.press("Enter")
            await staff.get_by_text("antwoord terwijl hij weg is").first.wait_for()
            await page.reload()  # what was typed is in the page's own storage
            await desk.cut()
            await answer.fill("zonder verbinding")
            await answer.press("Enter")
            await staff.wait_for_function("document.getElementById('text').value === 'zonder verbinding'")
            await line.mend()
            await desk.mend()
            await page.reload()
            frame = panel(page)
            for words in ("voor de storing", "tijdens een", "tijdens twee"):
                await received(frame, words)
            await staff.locator("#connection[data-state=live]").wait_for(timeout=45_000)
            await answer.press("Enter")
            await frame.get_by_text("zonder verbinding").wait_for()
            await write(frame, "na de storing")
            await staff.get_by_text("na de storing").first.wait_for()
            theirs = ["antwoord terwijl hij weg is", "zonder verbinding"]
            mine = ["voor de storing", "tijdens een", "tijdens twee", "na de storing"]
            shown = await frame.locator(".said").all_inner_texts()
            told = await staff.locator(".message .text").all_inner_texts()
    stored = await said(place)
    assert mine == [text for way, text in stored if way == "in"]
    assert theirs == [text for way, text in stored if way == "out"]
    assert sorted(mine + theirs) == sorted(shown) == sorted(told)
    assert mine == [text for text in shown if text in mine]


async def is_sound(page: Page) -> None:
    """No violation that axe knows, on the page and in our frame, and nothing wider than the screen. Where the panel
    fills the screen the page behind it is inert: that it then has no main part and no heading is as it should be."""
    behind = await page.evaluate("document.querySelector('main')?.inert === true")
    rules = {"rules": {name: {"enabled": not behind} for name in ("landmark-one-main", "page-has-heading-one")}}
    found = (await Axe().run(page, options=rules)).response["violations"]
    assert [] == [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
    for frame in page.frames:
        assert await frame.evaluate("document.documentElement.scrollWidth <= innerWidth"), frame.url


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_the_panel_is_sound_on_the_page_of_somebody_else(place, visit, size, scheme):
    async with site(place, await add_chat(place)) as address:
        page = await visit(address, viewport=size, color_scheme=scheme)
        await is_sound(page)
        frame = await open_panel(page)
        await write(frame, "Hoi, ik ben mijn paspoort kwijt. Kan ik dan nog wel een nieuw aanvragen?")
        await received(frame, "Hoi, ik ben mijn paspoort kwijt. Kan ik dan nog wel een nieuw aanvragen?")
        await is_sound(page)
        await frame.get_by_text("Naam en e-mailadres").click()
        await is_sound(page)
        await frame.get_by_role("button", name="Mail mij dit gesprek").click()
        await is_sound(page)
        await page.keyboard.press("Escape")  # closes the question, not the panel
        await frame.get_by_role("button", name="Stop de chat").click()
        await frame.get_by_role("heading", name="Wilt u de chat stoppen?").wait_for()
        await is_sound(page)


@pytest.mark.parametrize("size, scheme", LOOKS[1:])
async def test_the_closed_panel_and_its_form_are_sound_and_a_message_is_kept(place, visit, size, scheme):
    async with place.database.transaction() as connection:
        day = (datetime.now(UTC).weekday() + 2) % 7
        hours = await connection.fetchval("insert into hours (name, blocks) values ('Dicht', $1) returning id",
                                          [[day, 540, 1020]])
    async with site(place, await add_chat(place, hours=hours)) as address:
        page = await visit(address, viewport=size, color_scheme=scheme)
        frame = await open_panel(page)
        await frame.get_by_text("De chat is nu dicht.").wait_for()
        await is_sound(page)
        await frame.get_by_role("button", name="Stuur uw vraag").click()
        await frame.get_by_role("button", name="Verstuur").click()
        await frame.get_by_text("Typ eerst een bericht.").wait_for()
        await is_sound(page)
        await frame.get_by_label("Wat is uw vraag?").fill("Wanneer kan ik langskomen?")
        await frame.locator("#leave").get_by_label("E-mailadres").fill("fatima@voorbeeld.example")
        await frame.get_by_role("button", name="Verstuur").click()
        await frame.get_by_text("Uw nummer is").wait_for()
        await is_sound(page)
        number = await frame.locator("#number").inner_text()
    async with place.database.connection() as connection:
        assert number == await connection.fetchval("select reference from delivery")


async def test_by_keyboard_alone_focus_goes_in_and_comes_back(place, visit):
    async with site(place, await add_chat(place)) as address:
        page = await visit(address)
        await page.keyboard.press("Tab")  # the link of the page
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        frame = panel(page)
        field = frame.get_by_label("Uw bericht")
        await field.wait_for()
        await page.wait_for_function("document.activeElement?.localName === 'newsroom-chat'")
        async with asyncio.timeout(15):
            while not await field.evaluate("node => node === document.activeElement"):
                await asyncio.sleep(0.05)
        await page.keyboard.type("Eerste regel")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("tweede regel")
        await page.keyboard.press("Enter")
        await received(frame, "Eerste regel\ntweede regel")
        await page.keyboard.press("Escape")
        button = page.get_by_role("button", name="Stel uw vraag")
        await button.wait_for()
        assert await button.evaluate("node => node.getRootNode().activeElement === node")
        await page.keyboard.press("Enter")
        assert "log" == await frame.locator("#log").get_attribute("role")


async def test_where_storage_is_blocked_it_works_for_the_life_of_the_page(place, visit):
    async with site(place, await add_chat(place), host="localhost") as address:  # a third party there
        page = await visit(address)
        frame = await open_panel(page)
        for words in ("Eerste", "Tweede"):
            await write(frame, words)
            await received(frame, words)
        assert [] == await page.context.cookies()
        await page.reload()
        assert 0 == await panel(page).get_by_text("Eerste", exact=True).count()
    assert [("in", "Eerste"), ("in", "Tweede")] == await said(place)


async def test_in_english_and_on_no_other_site(place, visit):
    id = await add_chat(place)
    async with site(place, id, speech="en") as address:
        page = await visit(address)
        await page.get_by_role("button", name="Ask your question").click()
        await panel(page).get_by_role("heading", name="Chat with the municipality").wait_for()
        await is_sound(page)
        async with place.database.transaction() as connection:
            await connection.execute("update channel set settings = settings || '{\"allowed_origins\": []}'"
                                     " where id = $1", id)
        await asyncio.sleep(2.1)  # what a chat says of itself is believed this long
        async with page.expect_event("console", lambda line: "frame-ancestors" in line.text):
            await page.reload()
    visit.problems.clear()
