"""Beheer in a real browser: both sizes and schemes, by keyboard, with and without JavaScript."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar

import pytest
from axe_playwright_python.async_playwright import Axe

from connectors import Capabilities, Step
from connectors.email.settings import Settings
from newsroom import calendar, channel, close_reason, label, option, session
from newsroom.calendar import Calendar, ClosingDay
from newsroom.change import By
from newsroom.channel import Channel, Live
from newsroom.close_reason import CloseReason
from newsroom.feed import Feed
from newsroom.hours import Block, Target
from newsroom.label import Label
from newsroom.web import application
from newsroom.web.keys import BELL, CHANNELS, FEED, SETTINGS, utc_now
from newsroom.web.live import SOCKETS
from newsroom.web.visitor import cookie_name
from tests.browser.conftest import NARROW, WIDE
from tests.browser.look import until
from tests.house import add_account, add_team
from tests.test_channel import KEYS
from tests.web.site import site

# one here; the other looks in the full suite
LOOKS = [pytest.param(size, scheme, id=f"{size['width']}-{scheme}",
                      marks=() if (size, scheme) == (WIDE, "light") else pytest.mark.slow)
         for size in (WIDE, NARROW) for scheme in ("light", "dark")]
TINY = {"width": 320, "height": 640}
PAGES = ("", "/kanalen", "/kanalen/1", "/kanalen/nieuw/email", "/teams", "/teams/1", "/labels", "/labels/1",
         "/afrondredenen", "/afrondredenen/1", "/openingstijden", "/openingstijden/1", "/sluitingsdagen", "/doelen",
         "/doelen/1", "/logboek", "/gebruikers", "/formulieren", "/tokens", "/webhooks")
GOOD = [Step("Server gevonden", True, "imap.voorbeeldstad.example, 31 ms"),
        Step("Verbinding is veilig", True, "TLS 1.3, certificaat geldig tot 4 mrt 2027"),
        Step("Ingelogd", True, "als newsroom-info"), Step("Postvak gelezen", True, "INBOX: bron 1.284 · wij 1.284")]
BAD = Step("Testbericht niet verstuurd", False, "Antwoord van de server: 550 5.7.1 sender not allowed",
           "De mailserver weigert de afzender. Er is niets verstuurd. Vraag ICT: “Sta info@ toe voor account"
           " newsroom-info.”")
MAILBOX = {"address": "info@voorbeeldstad.example", "imap_host": "imap.voorbeeldstad.example",
           "imap_user": "newsroom-info", "smtp_host": "smtp.voorbeeldstad.example", "imap_password": "geheim-woord"}
WEEK = [*(Block(day, 540, 1020) for day in range(4)), Block(3, 1080, 1200), Block(4, 540, 780), Block(5, 1200, 1500)]

# targets that a finger or an unsteady hand would miss; a box of 18 stands in a label of 28 or more
SMALL = """() => [...document.querySelectorAll('a, button, input, select, summary')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width > 1 && (box.width < 18 || box.height < 18);
}).map(one => one.outerHTML.slice(0, 160))"""
ABOVE_THE_BAR = """one => {
  const box = one.getBoundingClientRect(), bar = document.querySelector('.save.stick').getBoundingClientRect();
  return bar.top >= Math.min(box.bottom, box.top + 40);
}"""


class Mailbox:
    """A mailbox whose test gives what we say."""

    name: ClassVar[str] = "email"
    title: ClassVar[str] = "E-mail"
    Settings: ClassVar[type] = Settings
    capabilities: ClassVar[Capabilities] = Capabilities(longest_subject=255, copies=True)
    hostile_input: ClassVar[bool] = False
    steps: ClassVar[list[Step]] = GOOD

    def __init__(self, settings: Settings) -> None:
        pass

    async def check(self) -> list[Step]:
        return self.steps

    async def close(self) -> None:
        pass


@dataclass
class Desk:
    """The pages of Beheer and the cookie of an administrator."""

    url: str
    cookie: tuple[str, str]
    browser: Any

    @asynccontextmanager
    async def look(self, path: str, **options) -> AsyncIterator:
        """A page in a fresh browser; an error in its console fails the test."""
        context = await self.browser.new_context(locale="nl-NL", timezone_id="Europe/Amsterdam", **options)
        name, token = self.cookie
        await context.add_cookies([{"name": name, "value": token, "url": self.url}])
        page, problems = await context.new_page(), []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        await page.goto(f"{self.url}/beheer{path}")
        yield page
        await context.close()
        assert [] == [text for text in problems if "status of 4" not in text]


@pytest.fixture
async def desk(db, browser) -> AsyncIterator[Desk]:
    Mailbox.steps = GOOD
    kinds: dict[str, Any] = {"email": Mailbox}
    bas = await add_account(db, "Bas de Wit", "admin", "chef_dag")
    await furnish(db, By(bas.account_id, datetime.now(UTC), "192.0.2.7"))
    async with db.transaction() as connection:
        await connection.execute("update account set theme = 'auto'")
        token = await session.start(connection, bas.account_id, datetime.now(UTC), "", "")
    feed = Feed(db, None, lambda account: None)  # nothing changes by itself here: it is only followed
    await feed.start()
    more = {CHANNELS: Live(db, kinds, KEYS), BELL: lambda: None, FEED: feed, SOCKETS: set()}
    async with site(db, *application.PARTS, clock=utc_now, more=more) as client:
        yield Desk(str(client.make_url("/")).rstrip("/"), (cookie_name(client.app[SETTINGS]), token), browser)


async def furnish(db, by: By) -> None:
    """One of everything."""
    team = await add_team(db, "Team Webcare")
    async with db.transaction() as connection:
        hours = await calendar.save(connection, Calendar(0, "Kantoor", tuple(WEEK)), by)
        values, secrets, _ = option.read(Settings, MAILBOX)
        style = {"signature_text": "Met vriendelijke groet,\nGemeente Voorbeeldstad"}
        for name, health in (("E-mail info@", "ok"), ("E-mail jeugd@", "faltering"), ("E-mail pers@", "down")):
            wanted = Channel(0, "email", name, team_id=team, hours_id=hours, settings=values, house_style=style)
            row = await channel.add(connection, KEYS, Mailbox, wanted, secrets, by)
            await channel.set_checked(connection, row.id, GOOD, by.at)
            cause = "" if health == "ok" else "De mailserver geeft geen antwoord. Wij proberen het steeds opnieuw."
            await channel.set_health(connection, row.id, health, cause, by.at)
        await calendar.set_targets(connection, 1, "E-mail info@", {1: Target(2, "working_days")}, by)
        day = date.today() + timedelta(days=20)
        await calendar.set_closing_day(connection, ClosingDay(day, None, "Kerstavond", ((540, 720),)), by)
        await label.save(connection, Label(0, "GFT niet geleegd", topic=True), by)
        await close_reason.save(connection, CloseReason(0, "Beantwoord", "Answered"), by)


async def is_sound(page) -> None:
    """No violation that axe knows, nothing wider than the screen, and every target large enough."""
    found = (await Axe().run(page)).response["violations"]
    assert [] == [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found]
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert [] == await page.evaluate(SMALL)


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_every_page_is_sound(desk, size, scheme):
    async with desk.look("/kanalen", viewport=size, color_scheme=scheme) as page:
        for path in PAGES:
            await page.goto(f"{desk.url}/beheer{path}")
            try:
                await is_sound(page)
            except AssertionError as error:
                raise AssertionError(f"{path}: {error}") from error


async def test_nothing_is_too_wide_on_a_small_phone(desk):
    async with desk.look("/kanalen", viewport=TINY) as page:
        for path in PAGES:
            await page.goto(f"{desk.url}/beheer{path}")
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("size, scheme", LOOKS)
async def test_a_failed_test_is_told_and_leads_to_what_failed(desk, size, scheme):
    Mailbox.steps = [*GOOD, BAD]
    async with desk.look("/kanalen/1", viewport=size, color_scheme=scheme) as page:
        await page.get_by_label("Naam van de afzender").fill("Gemeente Voorbeeldstad")
        await page.get_by_role("button", name="Test en bewaar").click()
        summary = page.get_by_role("alert")
        await summary.wait_for()
        assert "problems" == await page.evaluate("document.activeElement.id")
        assert "Het kanaal werkt intussen door met de oude instellingen." in await summary.inner_text()
        assert await page.get_by_text("4 van 5 gelukt").is_visible()
        assert "Gemeente Voorbeeldstad" == await page.get_by_label("Naam van de afzender").input_value()
        await is_sound(page)
        await page.get_by_role("button", name="Toch bewaren en pauzeren").click()
        await page.get_by_text("Het kanaal staat op pauze").wait_for()


async def test_changes_are_listed_before_they_are_kept(desk):
    async with desk.look("/kanalen/1", viewport=WIDE) as page:
        changes = page.get_by_role("region", name="Deze wijziging")
        assert not await changes.is_visible()
        await page.get_by_label("Naam op het bord").fill("E-mail gemeente@")
        await page.locator("#s-imap_security").select_option("starttls")
        await page.locator("#s-smtp_password").fill("nieuw-geheim")
        assert ["Naam op het bord: E-mail info@ E-mail gemeente@", "Beveiliging: TLS STARTTLS",
                "Wachtwoord: leeg vervangen"] == await changes.get_by_role("listitem").all_inner_texts()
        assert await page.get_by_text("3 wijzigingen, nog niet bewaard").is_visible()
        assert "nieuw-geheim" not in await page.locator("main").inner_text()
        await page.get_by_role("link", name="Maak ongedaan").click()
        await until(changes.is_hidden)
        assert "E-mail info@" == await page.get_by_label("Naam op het bord").input_value()


async def test_text_for_ict_is_copied(desk, browser):
    Mailbox.steps = [*GOOD, BAD]
    async with desk.look("/kanalen/1", viewport=WIDE, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.get_by_role("button", name="Test opnieuw").click()
        await page.get_by_text("Tekst voor ICT").first.click()
        await page.get_by_role("button", name="Kopieer voor ICT").click()
        await page.get_by_text("Gekopieerd").wait_for()
        copied = await page.evaluate("navigator.clipboard.readText()")
    assert "FOUT Testbericht niet verstuurd: Antwoord van de server: 550" in copied and "geheim-woord" not in copied


@pytest.mark.parametrize("scripts", [True, False])
async def test_a_week_is_made_by_keyboard(desk, scripts):
    async with desk.look("/openingstijden/1", viewport=WIDE, java_script_enabled=scripts) as page:
        await page.get_by_role("button", name="Blok toevoegen op dinsdag").press("Enter")
        await page.get_by_label("dinsdag blok 2 van").fill("12")
        await page.get_by_label("dinsdag blok 2 tot").fill("18:30")
        await page.get_by_label("dinsdag blok 2 tot").press("Enter")
        await page.get_by_role("alert").wait_for()
        assert "true" == await page.get_by_label("dinsdag blok 2 van").get_attribute("aria-invalid")
        if scripts:
            await is_sound(page)
        await page.get_by_label("dinsdag blok 1 tot").fill("12")
        await page.get_by_label("dinsdag blok 1 tot").press("Enter")
        await page.get_by_text("Bewaard.").wait_for()
        assert "18:30" == await page.get_by_label("dinsdag blok 2 tot").input_value()


async def test_a_field_is_never_hidden_below_the_bar(desk):
    async with desk.look("/kanalen/1", viewport={**NARROW, "height": 500}) as page:
        for field in await page.locator("#channel input, #channel select, #channel textarea").all():
            if not await field.is_visible():
                continue  # in a box that is closed
            await field.focus()
            assert await field.evaluate(ABOVE_THE_BAR), await field.get_attribute("id")
