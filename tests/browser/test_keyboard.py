"""Without a mouse: the whole triage by keyboard; without JavaScript: read, answer, claim, assign and close."""

from __future__ import annotations

from tests.browser.look import card, column_of, live, until


async def test_a_card_is_triaged_by_keyboard_alone(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Groencontainer"]
    await page.keyboard.press("ArrowDown")
    for _ in range(2):
        await page.keyboard.press("ArrowDown")
    assert wanted == await focused(page)
    await page.keyboard.press("p")
    await until(lambda: page.locator(f"{card(wanted)} .chip.prio").count(), "urgent")
    await page.keyboard.press("i")
    await until(lambda: in_column(page, wanted, "open"), "taken")
    assert wanted == await focused(page), "the focus goes along"
    await page.keyboard.press("a")
    await page.locator("[role=menu]").wait_for()
    await page.keyboard.press("l")
    await page.keyboard.press("Enter")
    await until(lambda: page.locator(f'{card(wanted)} .av[title="Lotte Dijk"]').count(), "given to Lotte")
    await page.keyboard.press("m")
    await page.locator("[role=menu]").wait_for()
    await page.keyboard.press("4")
    await page.keyboard.press("Enter")
    await until(lambda: in_column(page, wanted, "waiting"), "moved")
    await page.keyboard.press("f")
    await page.locator("dialog[open]").wait_for()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await until(lambda: page.locator(f"{card(wanted)} .chip.topic").count(), "labelled")
    await page.keyboard.press("e")
    await page.locator("[role=menu]").wait_for()
    await page.keyboard.press("Enter")
    await until(lambda: in_column(page, wanted, "closed"), "finished")


async def test_each_label_stands_beside_its_box(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    await page.locator(f"{card(place.references['Groencontainer'])} .menu").click()
    await page.get_by_role("menuitem", name="Kies labels").click()
    await page.locator("dialog[open]").wait_for()
    boxes = await page.evaluate("""() => [...document.querySelectorAll('dialog .check')].map(one => {
      const range = document.createRange();
      range.selectNodeContents(one.lastChild);
      const [box, text] = [one.querySelector('input').getBoundingClientRect(), range.getBoundingClientRect()];
      return text.left - box.right < 16 && box.top < text.bottom && text.top < box.bottom;
    })""")
    assert boxes and all(boxes)


async def test_everything_that_can_be_dragged_can_be_clicked(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} .menu").click()
    await page.get_by_role("menuitem", name="Verplaats").click()
    await page.get_by_role("menuitemradio", name="Bij afdeling").click()
    await page.get_by_label("Welke afdeling").fill("Stadsbeheer")
    await page.locator("dialog .btn.p").click()
    await until(lambda: in_column(page, wanted, "department"), "moved")
    await until(lambda: page.locator(f"{card(wanted)} .deeds", has_text="Stadsbeheer").count(), "named on the card")


async def test_a_card_is_dragged_to_another_column(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Terrasvergunning"]
    await page.locator(card(wanted)).drag_to(page.locator('[data-column="waiting"] .cards'),
                                             source_position={"x": 60, "y": 12})
    await until(lambda: in_column(page, wanted, "waiting"), "moved")
    await until(lambda: state_is(place, wanted, "waiting"), "also in the database")


async def test_letters_in_a_field_or_switched_off_do_nothing(place, sign_in):
    page = await sign_in("Joris Bos", f"/gesprek/{place.references['Klopt']}")
    await live(page)
    await page.locator("#text").focus()
    await page.keyboard.type("ametpe é € ą")
    assert "ametpe é € ą" == await page.locator("#text").input_value()
    assert 0 == await page.locator("details[open]").count()
    async with place.database.transaction() as connection:
        await connection.execute("update account set single_keys = false where name = 'Joris Bos'")
    await page.goto(place.url + "/bord")
    await live(page)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("i")
    await page.keyboard.press("e")
    assert 0 == await page.locator("[role=menu]").count()
    assert "new" == await column_of(page, await focused(page))


async def test_without_javascript_one_reads_claims_assigns_answers_and_closes(place, sign_in):
    page = await sign_in("Joris Bos", "/bord", java_script_enabled=False)
    assert await page.locator("#h-closed").is_visible()
    for tile in await page.locator(".tile .v").all():
        assert await tile.evaluate("one => one.scrollWidth <= one.clientWidth"), await tile.inner_text()
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} .claim").click()
    assert "E-mail" in await page.locator(f'[data-column="open"] {card(wanted)}').inner_text()
    await page.locator(f"{card(wanted)} h3 a").click()
    await page.locator("#text").fill("Goedemorgen, de wagen komt morgen alsnog.")
    await page.locator('[data-compose="answer"] .btn.p').click()
    await page.get_by_text("de wagen komt morgen alsnog").wait_for()
    assert "Wordt verzonden" in await page.locator(".message.out .by").inner_text()
    await page.locator("#note-text").fill("Team reiniging weet ervan.")
    await page.locator('[data-compose="note"] .btn.p').click()
    await page.locator("#do-assign summary").click()
    await page.locator("#do-assign select").select_option(label="Lotte Dijk (2/12)")
    await page.locator("#do-assign .btn").click()
    assert "Lotte Dijk" in await page.locator(".head").inner_text()
    await page.locator("#do-close summary").click()
    await page.locator("#do-close .btn").click()
    assert "Afgerond" in await page.locator(".head").inner_text()
    await page.goto(place.url + "/bord")
    assert 1 == await page.locator(f'[data-column="closed"] {card(wanted)}').count()


async def focused(page) -> str | None:
    return await page.evaluate("document.activeElement.closest('article')?.dataset.id ?? null")


async def in_column(page, reference: str, name: str) -> bool:
    return await column_of(page, reference) == name


async def state_is(place, reference: str, state: str) -> bool:
    async with place.database.connection() as connection:
        return state == await connection.fetchval("select state from conversation where reference = $1", reference)
