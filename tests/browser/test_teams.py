"""The board by team: as live and as still as the columns, with people and what they have in hand."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from newsroom import redistribution, rights, setting, triage
from tests.browser.conftest import NARROW
from tests.browser.look import board, card, column_of, live, until

LANES = """() => [...document.querySelectorAll('#board .lane')].map(lane => [...lane.querySelectorAll('.chip, .worker')]
  .filter(one => one.checkVisibility()).map(one => one.innerText.trim() + (one.matches('.over') ? ' over' : '')))"""


async def open_teams(place, sign_in, name: str = "Sanne Vos", more: str = "", **options):
    page = await sign_in(name, "/bord?vorm=teams" + more, **options)
    await live(page)
    return page


def at(place, team: str) -> str:
    return f"team-{place.teams[team] if team else 0}"


async def same(one, other) -> bool:
    return await board(one) == await board(other) and await one.evaluate(LANES) == await other.evaluate(LANES)


@pytest.mark.parametrize("more", ["", "&termijn=late,bijna", "&team=1,0", "&wie=0"])
async def test_whatever_happens_the_board_equals_a_fresh_page(place, sign_in, more):
    page = await open_teams(place, sign_in, more=more)
    chance, teams = random.Random(5), [*place.teams.values(), None]
    for number in range(30):
        reference = await place.write(f"Bericht {number}", minutes=number * 9,
                                      team=chance.choice(["", *place.teams]))
        row = await place.act("Joris Bos", reference, triage.set_priority, chance.randint(0, 3))
        if number % 2:
            row = await place.act("Joris Bos", reference, triage.give_team, chance.choice(teams), row.team_id)
        if number % 3 == 0 and row.visibility == "open":
            row = await place.act("Sanne Vos", reference, triage.claim)
        if number % 6 == 0:
            row = await place.act("Sanne Vos", reference, triage.move, "waiting", row.state)
        if number % 7 == 0:
            row = await place.act("Sanne Vos", reference, triage.close, 1, row.last_message_id)
    await page.mouse.move(5, 5)
    fresh = await open_teams(place, sign_in, more=more)

    async def equal() -> bool:
        for pill in await page.locator(".fresh button:visible").all():
            await pill.click()
        await page.locator("#pause").focus()
        return await same(page, fresh)
    await until(equal, "equal")


async def test_a_page_that_is_taken_over_anew_has_the_lanes_of_the_new_one(place, sign_in):
    page = await open_teams(place, sign_in)
    assert 0 == await page.locator(f'[data-column="{at(place, "Burgerzaken")}"] .worker').count()
    async with place.database.transaction() as connection:
        await rights.set_teams(connection, place.people["Sanne Vos"], [place.teams["Burgerzaken"]], None,
                               datetime.now(UTC))
    place.house.bell()
    await page.locator(f'[data-column="{at(place, "Burgerzaken")}"] .worker').wait_for()
    fresh = await open_teams(place, sign_in)
    await until(lambda: same(page, fresh), "equal")
    await place.act("Sanne Vos", place.references["Groencontainer"], triage.claim)
    await page.locator(f'[data-column="{at(place, "Burgerzaken")}"] .load:has-text("4/12")').wait_for()


async def test_a_card_goes_to_another_team_by_its_menu_and_back(place, sign_in):
    page, other = await open_teams(place, sign_in), await open_teams(place, sign_in, "Joris Bos")
    wanted = place.references["Groencontainer"]
    assert at(place, "") == await column_of(page, wanted)
    await page.locator(f"{card(wanted)} .menu").click()
    await page.get_by_role("menuitem", name="Kies team").click()
    await page.get_by_role("menuitemradio", name="Burgerzaken").click()
    for one in (page, other):
        await until(lambda one=one: moved(one, wanted, at(place, "Burgerzaken")), "in the other lane")
    assert "1" == await other.locator(f'.board [data-n="{at(place, "Burgerzaken")}"]').text_content()
    await page.keyboard.press("z")
    await until(lambda: moved(other, wanted, at(place, "")), "back")


async def moved(page, reference: str, column: str) -> bool:
    return await column_of(page, reference) == column


async def test_a_card_is_dragged_to_a_team_and_to_a_person(place, sign_in):
    page = await open_teams(place, sign_in)
    wanted = place.references["Groencontainer"]
    await page.locator(card(wanted)).drag_to(page.locator(f'[data-column="{at(place, "Burgerzaken")}"] h2'))
    await until(lambda: moved(page, wanted, at(place, "Burgerzaken")), "the team has it")
    await page.locator(card(wanted)).drag_to(page.locator(f'[data-worker="{place.people["Joris Bos"]}"]').first)
    await until(lambda: page.locator(f'{card(wanted)} .av[title="Joris Bos"]').count(), "Joris has it")


async def test_out_of_a_restricted_team_one_is_told_nothing(place, sign_in):
    page = await open_teams(place, sign_in, "Joris Bos")
    wanted = place.references["Groencontainer"]
    await place.act("Sanne Vos", wanted, triage.give_team, place.teams["Jeugd en zorg"], None)
    await until(lambda: gone(page, wanted), "gone")
    lane = page.locator(f'[data-column="{at(place, "Jeugd en zorg")}"]')
    assert "0" == await lane.locator("[data-n]").text_content() and 0 == await lane.locator(".worker").count()


async def gone(page, reference: str) -> bool:
    return await column_of(page, reference) is None


async def test_a_held_card_stays_in_its_lane_and_says_where_it_goes(place, sign_in):
    page = await open_teams(place, sign_in)
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} h3 a").focus()
    await place.act("Joris Bos", wanted, triage.give_team, place.teams["Webcare"], None)
    strip = page.locator(f"{card(wanted)} .strip")
    await strip.wait_for()
    assert "Verplaatst naar Webcare" in await strip.inner_text()
    assert at(place, "") == await column_of(page, wanted)
    await page.keyboard.press("Escape")
    await until(lambda: moved(page, wanted, at(place, "Webcare")), "settled")


async def test_what_somebody_has_over_the_norm_is_said_in_words(place, sign_in):
    async with place.database.transaction() as connection:
        await setting.write(connection, redistribution.NORM, 3)
    page = await open_teams(place, sign_in)
    chip = page.locator(f'[data-worker="{place.people["Joris Bos"]}"]')
    assert "3/3" in await chip.inner_text() and "te veel" not in await chip.inner_text()
    await place.act("Joris Bos", place.references["Groencontainer"], triage.claim)
    await until(lambda: page.locator('[data-worker].over:has-text("4/3 te veel")').count(), "said")


async def test_the_arrows_follow_what_one_sees(place, sign_in):
    page = await open_teams(place, sign_in)
    for words, team in (("Een", "Webcare"), ("Twee", "Webcare"), ("Drie", "Burgerzaken")):
        await place.write(f"{words} vraag", minutes=5, team=team)
    first, second, third = (place.references[one] for one in ("Een", "Twee", "Drie"))
    for one in (first, second, third):
        await until(lambda one=one: page.locator(card(one)).count(), "there")
    await page.locator(f"{card(first)} h3 a").focus()
    for key, expected in (("ArrowRight", second), ("ArrowLeft", first), ("ArrowUp", third), ("ArrowDown", first)):
        await page.keyboard.press(key)
        focused = await page.evaluate("document.activeElement.closest('article')?.dataset.id")
        assert expected == focused, key


async def test_on_a_phone_one_team_at_a_time(place, sign_in):
    page = await open_teams(place, sign_in, viewport=NARROW)
    assert [at(place, "")] == await page.evaluate(
        "[...document.querySelectorAll('.column')].filter(one => one.checkVisibility()).map(one => one.dataset.column)")
    await page.locator('#columns button:has-text("Webcare")').click()
    assert await page.locator(f'[data-column="{at(place, "Webcare")}"] .worker').first.is_visible()


async def test_a_team_shows_forty_and_the_rest_when_asked(place, sign_in):
    for number in range(45):
        await place.write(f"Vraag {number}", minutes=5, team="Webcare")
    page = await open_teams(place, sign_in)
    cards = page.locator(f'[data-column="{at(place, "Webcare")}"] article')
    assert 40 == await cards.count()
    await page.locator(f'[data-column="{at(place, "Webcare")}"] .more-cards').click()
    await until(lambda: page.locator(f'[data-column="{at(place, "Webcare")}"] article').nth(44).count(), "all")


async def test_who_has_too_much_is_named_in_the_menu_and_gets_it_with_a_warning(place, sign_in):
    async with place.database.transaction() as connection:
        await setting.write(connection, redistribution.NORM, 3)
    page = await sign_in("Sanne Vos", "/bord")
    await live(page)
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} h3 a").focus()
    full = page.get_by_role("menuitemradio", name="Joris Bos (3/3, zit vol)")

    async def named() -> bool:
        await page.keyboard.press("Escape")
        await page.keyboard.press("a")
        return await full.count() > 0
    await until(named, "what he has is known")
    await full.click()
    await until(lambda: page.locator("#undo:has-text('Die heeft nu 4 gesprekken, meer dan de norm van 3')").count())
    assert "Joris Bos" == await page.locator(f"{card(wanted)} .av").get_attribute("title")


async def test_who_takes_more_than_the_norm_is_told(place, sign_in):
    async with place.database.transaction() as connection:
        await setting.write(connection, redistribution.NORM, 3)
    page = await sign_in("Sanne Vos", "/spam")
    async with page.expect_response("**/bord/werklast"):
        await page.goto(f"{place.url}/bord")
    await live(page)
    for words, n in (("Mooie", 4), ("Groencontainer", 5)):
        await page.locator(f"{card(place.references[words])} .claim").click()
        await until(lambda n=n: page.locator(f"#undo:has-text('Je hebt nu {n} gesprekken')").count(), "told")
        await until(lambda words=words: moved(page, place.references[words], "open"), "taken all the same")


async def test_the_next_one_opens_beside_the_board_and_is_given_back_with_z(place, sign_in):
    page, other = await sign_in("Sanne Vos", "/bord"), await sign_in("Joris Bos", "/bord")
    for one in (page, other):
        await live(one)
    await page.locator('[data-column="new"] .next-one').click()
    wanted, second = place.references["Wéér"], place.references["Goedemorgen,"]
    await page.locator(f'.beside iframe[src*="{wanted}"]').wait_for()
    await until(lambda: moved(other, wanted, "open"), "taken")
    await other.keyboard.press("v")
    await other.locator(f'.beside iframe[src*="{second}"]').wait_for()
    await page.locator("#undo button").click()
    await until(lambda: moved(other, wanted, "new"), "back")


async def test_when_there_is_no_next_one_that_is_said(place, sign_in):
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set state = 'waiting' where state = 'new'")
    page = await sign_in("Sanne Vos", "/bord", viewport=NARROW)
    await live(page)
    await page.locator(".filters .next-one").click()
    await until(lambda: page.locator("#alert:has-text('Alles is opgepakt')").count(), "told")
