"""The public form and its editor in a real browser: both sizes and schemes, without JavaScript, in a foreign frame."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from axe_playwright_python.async_playwright import Axe

from newsroom import form, session
from newsroom.settings import Settings
from newsroom.web import forms, profile, sign_in
from newsroom.web.keys import utc_now
from newsroom.web.public import form as public_form
from newsroom.web.visitor import cookie_name
from tests.browser.conftest import NARROW, WIDE
from tests.house import add_account, add_channel
from tests.web.site import site

# one here; the other looks in the full suite
LOOKS = [pytest.param(size, scheme, id=f"{size['width']}-{scheme}",
                      marks=() if (size, scheme) == (WIDE, "light") else pytest.mark.slow)
         for size in (WIDE, NARROW) for scheme in ("light", "dark")]
PARTS = (sign_in.routes, profile.routes, forms.routes, public_form.routes)
FILE = {"name": "brief van de gemeente.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 x"}


@pytest.fixture
async def client(db):
    channel = await add_channel(db, "Formulier", "", kind="web_form")
    async with db.transaction() as connection:
        await form.save(connection, replace(form.QUESTION, channel_id=channel))
    async with site(db, *PARTS, clock=utc_now) as client:
        yield client


@asynccontextmanager
async def looking(browser, **options) -> AsyncIterator:
    """A page of a fresh browser; an error in its console fails the test."""
    context = await browser.new_context(locale="nl-NL", **options)
    page, problems = await context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    yield page
    await context.close()
    assert [] == [text for text in problems if "status of 4" not in text]


async def is_sound(page) -> None:
    """No violation that axe knows, and nothing that is wider than the screen."""
    found = (await Axe().run(page)).response["violations"]
    assert [] == [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def press(place, name: str) -> None:
    await place.get_by_role("button", name=name, exact=True).click()


async def fill_in(place, page=None, check=None) -> None:
    """From the first step to the receipt, with mistakes on the way; `check` looks at every page."""
    looks = check or _nothing
    await looks(page)
    await press(place, "Volgende")
    await place.get_by_role("alert").get_by_role("link").click()
    assert await place.get_by_label("Paspoort en rijbewijs").evaluate("e => e.getRootNode().hasFocus()")
    await looks(page)
    await place.get_by_label("Paspoort en rijbewijs").check()
    await press(place, "Volgende")
    await place.get_by_label("Per e-mail").check()
    await place.get_by_label("Uw e-mailadres").fill("fatima.voorbeeld.example")
    await place.locator("input[type=file]").set_input_files(files=[FILE])
    await press(place, "Volgende: controleer uw antwoorden")
    await place.get_by_text("Controleer nog 2 antwoorden").wait_for()
    await place.get_by_role("button", name=f"Verwijder {FILE['name']}").wait_for()
    await looks(page)
    await place.get_by_label("Wat is uw vraag?").fill("Ik ben mijn paspoort kwijt en vlieg zaterdag.")
    await place.get_by_label("Uw e-mailadres").fill("fatima@voorbeeld.example")
    await press(place, "Volgende: controleer uw antwoorden")
    await place.get_by_role("heading", name="Uw vraag en uw gegevens").wait_for()
    await looks(page)
    await press(place, "Verstuur")
    await send_patiently(place, page, looks)
    await looks(page)


async def send_patiently(place, page, looks) -> None:
    """Machines are too fast: the page between keeps everything."""
    receipt, patience = place.get_by_text("Uw nummer is"), place.get_by_role("heading", name="Even geduld")
    patience = patience.and_(place.locator(":not([data-left])"))
    await receipt.or_(patience).wait_for()
    while await patience.count():
        await looks(page)
        await patience.evaluate("e => { e.dataset.left = true }")  # it stands there until the next page does
        await press(place, "Verstuur nu")
        await receipt.or_(patience).wait_for()


async def _nothing(page) -> None:
    pass


async def sent(db) -> list[str]:
    async with db.connection() as connection:
        return [row["reference"] for row in await connection.fetch("select reference from delivery order by id")]


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_the_form_is_sound_on_every_page(db, client, browser, size, scheme):
    async with looking(browser, viewport=size, color_scheme=scheme) as page:
        await page.goto(str(client.make_url("/formulier/vraag")))
        await fill_in(page, page, is_sound)
        number, = await sent(db)
        assert number == await page.locator(".nr").inner_text()


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_the_notices_and_the_preview_are_sound(db, client, browser, size, scheme):
    async with looking(browser, viewport=size, color_scheme=scheme) as page:
        await page.goto(str(client.make_url("/formulier/nooit")))
        await is_sound(page)
        await page.goto(str(client.make_url("/formulier/vraag?taal=en")))
        await is_sound(page)
        await page.goto(str(client.make_url("/formulier/vraag?kader=1&kleuren=licht")))
        await is_sound(page)
        for path in ("/privacy", "/toegankelijkheid?taal=en", "/bezwaar-en-klacht"):
            await page.goto(str(client.make_url(path)))
            await is_sound(page)


async def test_everything_works_without_javascript(db, client, browser):
    async with looking(browser, viewport=NARROW, java_script_enabled=False) as page:
        await page.goto(str(client.make_url("/formulier/vraag")))
        await page.get_by_label("Verhuizen").check()
        await page.keyboard.press("Enter")
        await page.get_by_label("Wat is uw vraag?").fill("Hoe geef ik mijn verhuizing door?")
        await page.get_by_label("Per telefoon").check()
        await page.get_by_label("Uw telefoonnummer").fill("06 12345678")
        await page.keyboard.press("Enter")  # the Enter key goes on; it does not remove a file or change the language
        await page.get_by_role("heading", name="Waar gaat het over?").wait_for()
        await press(page, "Verstuur")
        await send_patiently(page, page, _nothing)
        number, = await sent(db)
        assert number == await page.locator(".nr").inner_text()
        await page.reload()
        assert number == await page.locator(".nr").inner_text()
        assert [number] == await sent(db)


@pytest.mark.parametrize("script", [True, False])
async def test_in_a_frame_on_another_site_without_cookies(db, client, browser, script):
    """The site of the municipality has another origin; cookies are refused altogether."""
    own = client.make_url("/formulier/vraag?kader=1").with_host("localhost")  # another site than 127.0.0.1

    async def around(request):
        return web.Response(text=f'<!doctype html><title>Contact</title><iframe src="{own}" width="600" height="1400"'
                                 ' title="Stel uw vraag"></iframe>', content_type="text/html")

    host = web.Application()
    host.router.add_get("/", around)
    async with TestServer(host) as server:
        origin = str(server.make_url("/")).rstrip("/")
        async with db.transaction() as connection:
            # the channel's own list of sites
            await connection.execute("update channel set settings = $1", {"allowed_origins": [origin]})
        async with looking(browser, viewport=WIDE, java_script_enabled=script) as page:
            await page.goto(origin)
            frame = page.frame_locator("iframe")
            if script:
                await fill_in(frame)
            else:
                await frame.get_by_label("Verhuizen").check()
                await press(frame, "Volgende")
                await frame.get_by_label("Wat is uw vraag?").wait_for()
            assert [] == await page.context.cookies()
    assert (1 if script else 0) == len(await sent(db))


async def test_a_site_that_is_not_allowed_gets_no_frame(client, browser):
    async def around(request):
        return web.Response(text=f'<!doctype html><iframe src="{client.make_url("/formulier/vraag")}"></iframe>',
                            content_type="text/html")

    host = web.Application()
    host.router.add_get("/", around)
    async with TestServer(host) as server:
        page = await browser.new_page()
        async with page.expect_event("console", lambda line: "frame-ancestors" in line.text):
            await page.goto(str(server.make_url("/")))
        assert 0 == await page.frame_locator("iframe").get_by_text("Stel uw vraag").count()
        await page.close()


async def test_the_counter_counts_down(client, browser):
    async with looking(browser, viewport=WIDE) as page:
        await page.goto(str(client.make_url("/formulier/vraag")))
        await page.get_by_label("Verhuizen").check()
        await press(page, "Volgende")
        await page.get_by_text("Maximaal 3.000 tekens").wait_for()
        await page.get_by_label("Wat is uw vraag?").fill("Hallo")
        await page.get_by_text("Nog 2.995 tekens").wait_for()
        await page.get_by_label("Wat is uw vraag?").fill("x" * 3002)
        await page.get_by_text("2 tekens te veel").wait_for()


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_the_editor_is_sound(db, client, browser, size, scheme):
    scope = await add_account(db, "Bas", "admin")
    async with db.transaction() as connection:
        token = await session.start(connection, scope.account_id, utc_now(), "127.0.0.1", "")
    async with looking(browser, viewport=size, color_scheme=scheme) as page:
        await page.context.add_cookies([{"name": cookie_name(Settings()), "value": token,
                                         "url": str(client.make_url("/"))}])
        for path in ("", "/1", "/huisstijl", "/1/voorbeeld"):
            await page.goto(str(client.make_url("/beheer/formulieren" + path)))
            await is_sound(page)
        await page.goto(str(client.make_url("/beheer/formulieren/1")))
        await page.get_by_label("Titel").fill("")
        await page.get_by_text("1. Waar gaat uw vraag over?").click()
        await page.locator("#f-0-label").fill("")
        await press(page, "Bewaar")
        await page.get_by_role("heading", name="Nog niet bewaard").wait_for()
        await is_sound(page)
        assert await page.locator("#f-0-label").is_visible()  # the question with the mistake is open
        await page.get_by_role("button", name="Vraag toevoegen").click()
        await page.locator("#f-7-label").wait_for()
        await is_sound(page)
