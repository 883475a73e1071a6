"""The counts in the menu: what nobody took, and what somebody has to do. True when the page comes, and as it stays."""

from __future__ import annotations

import pytest

from newsroom import triage
from tests.browser.look import until

COUNTS = """() => Object.fromEntries([...document.querySelectorAll('.nav [data-rail]')].map(badge =>
  [badge.dataset.rail, badge.hidden ? 0 : Number(badge.firstElementChild.textContent)]))"""


@pytest.mark.parametrize("path", ["/bord", "/bord?prioriteit=3", "/werk", "/kanalen", "/spam", "/profiel"])
async def test_the_menu_counts_what_nobody_took_and_what_is_mine_and_stays_true(place, sign_in, path):
    page = await sign_in("Joris Bos", path)
    await until(lambda: shown(page, board=6, mine=2), "as it is")
    await place.act("Joris Bos", place.references["Groencontainer"], triage.claim)
    await until(lambda: shown(page, board=5, mine=3), "taken")
    await place.act("Lotte Dijk", place.references["Omgevallen"], triage.claim)
    await until(lambda: shown(page, board=4, mine=3), "taken by another")
    await place.act("Joris Bos", place.references["Groencontainer"], triage.move, "waiting", "open")
    await until(lambda: shown(page, board=4, mine=2), "what waits for a resident is not to do")


async def test_what_somebody_may_not_see_is_not_counted(place, sign_in):
    pages = [await sign_in(name, "/spam") for name in ("Sanne Vos", "Joris Bos")]
    for page in pages:
        await until(lambda page=page: shown(page, board=6), "everything is open to both")
    await place.act("Sanne Vos", place.references["Omgevallen"], triage.give_team, place.teams["Jeugd en zorg"], None)
    await until(lambda: shown(pages[1], board=5), "out of sight")
    assert await shown(pages[0], board=6)


async def shown(page, **wanted: int) -> bool:
    found = await page.evaluate(COUNTS)
    return wanted.items() <= found.items()


async def test_the_room_for_a_card_is_chosen_on_the_board_and_kept(place, sign_in):
    page = await sign_in("Joris Bos")
    roomy = (await page.locator("article.card").first.bounding_box())["height"]
    async with page.expect_response(lambda answer: answer.request.method == "POST"):
        await page.get_by_role("button", name="Compact").click()
    await until(lambda: smaller(page, roomy), "at once")
    await page.goto(place.url + "/bord")
    assert await smaller(page, roomy)


async def smaller(page, height: float) -> bool:
    return (await page.locator("article.card").first.bounding_box())["height"] < height
