"""A conversation beside the board: opened, answered and closed without leaving it."""

from __future__ import annotations

from newsroom import triage
from tests.browser.conftest import NARROW
from tests.browser.look import card, column_of, live, until
from tests.browser.town import Post


async def test_a_conversation_opens_beside_the_board_is_answered_and_escape_leads_back(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    wanted = place.references["Groencontainer"]
    await page.locator(f"{card(wanted)} h3 a").click()
    frame = page.frame_locator(".beside iframe")
    await frame.locator("#connection[data-state=live]").wait_for(state="attached")
    assert page.url.endswith("/bord")
    await place.act("Joris Bos", wanted, triage.set_priority, 3)
    await until(lambda: shows(frame.locator('[data-live="head"]'), "Spoed"), "live in the sheet")
    await frame.locator("#text").fill("De bak wordt morgen geleegd.")
    await frame.locator("#answer .btn.p").click()
    await until(lambda: in_column(page, wanted, "open"), "live on the board beside it")
    await until(lambda: Post.sent, "sent")
    await frame.locator("#thread").focus()
    await page.keyboard.press("Escape")
    await until(lambda: closed(page), "closed")
    assert wanted == await page.evaluate("document.activeElement.closest('article').dataset.id")


async def test_what_was_typed_beside_the_board_is_kept(place, sign_in):
    page = await sign_in("Sanne Vos")
    await live(page)
    link = page.locator(f"{card(place.references['Groencontainer'])} h3 a")
    await link.focus()
    await page.keyboard.press("r")
    text = page.frame_locator(".beside iframe").locator("#text")
    await text.fill("Nog niet af")
    await text.press("Escape")
    await until(lambda: closed(page), "closed")
    await page.keyboard.press("Enter")
    await until(lambda: holds(text, "Nog niet af"), "there again")


async def test_a_link_stays_a_link(place, sign_in):
    wanted = place.references["Groencontainer"]
    page = await sign_in("Sanne Vos")
    await live(page)
    async with page.context.expect_page() as opened:
        await page.locator(f"{card(wanted)} h3 a").click(modifiers=["ControlOrMeta"])
    assert (await opened.value).url.endswith(wanted)
    assert await closed(page)
    phone = await sign_in("Sanne Vos", viewport=NARROW)
    await live(phone)
    await phone.locator(f"{card(wanted)} h3 a").click()
    await phone.wait_for_url(f"**/gesprek/{wanted}")


async def closed(page) -> bool:
    return await page.locator(".beside").count() == 0


async def shows(place, words: str) -> bool:
    return words in await place.inner_text()


async def holds(field, words: str) -> bool:
    return words == await field.input_value()


async def in_column(page, reference: str, column: str) -> bool:
    return await column_of(page, reference) == column
