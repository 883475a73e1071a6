"""Who is there now, on boards that are open: the tile, and the chef dag in the top row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from newsroom import shift, triage
from newsroom.change import By
from tests.browser.look import live, until

DUTY = """() => ['[data-tile="duty"]', '#chief'].map(one => document.querySelector(one).textContent.trim())"""


async def test_who_takes_over_is_shown_and_who_was_it_is_told(place, sign_in):
    now = datetime.now(UTC)
    async with place.database.transaction() as connection:
        await shift.plan(connection, [(place.people["Sanne Vos"], now - timedelta(hours=1), now + timedelta(hours=2),
                                       True)])
    sanne, lotte, mehmet = [await sign_in(name, path) for name, path in (
        ("Sanne Vos", "/bord"), ("Lotte Dijk", "/bord"), ("Mehmet Kaya", "/dienst"))]
    for page in (sanne, lotte):
        await live(page)
    await mehmet.get_by_role("button", name="Ik ben chef dag").click()
    await until(lambda: sanne.locator("#alert:has-text('Mehmet Kaya is nu chef dag. Jij bent het niet meer.')").count())
    await until(lambda: lotte.locator("#chief:has-text('Mehmet Kaya')").count())
    assert await lotte.locator("#alert").is_hidden()
    for page in (sanne, lotte):
        told = await page.evaluate(DUTY)
        await page.reload()
        assert told == await page.evaluate(DUTY)


async def test_the_tile_follows_what_people_have_and_what_is_planned(place, sign_in):
    now = datetime.now(UTC)
    async with place.database.transaction() as connection:
        await shift.plan(connection, [(place.people[name], now - timedelta(hours=1), now + timedelta(hours=2), False)
                                      for name in ("Joris Bos", "Mehmet Kaya")])
    page = await sign_in("Sanne Vos")
    await live(page)
    assert "2" == await page.locator('[data-tile="duty"] .n').text_content()
    await place.act("Mehmet Kaya", place.references["Terrasvergunning"], triage.move, "waiting", "open")
    await until(lambda: page.locator('[data-tile="duty"] small:has-text("1 vrij")').count(), "one is free")
    async with place.database.transaction() as connection:
        await shift.take_over(connection, place.people["Lotte Dijk"], By(place.people["Lotte Dijk"], now))
    place.house.bell()
    await until(lambda: page.locator('[data-tile="duty"] .n:has-text("3")').count(), "three are there")
