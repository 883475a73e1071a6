"""Who else is here: shown on the card and above the composer, gone soon after, and never to who may not see it."""

from __future__ import annotations

from newsroom import triage
from newsroom.web import live as live_part
from tests.browser.look import card, live, until


async def here(page, selector: str, words: str) -> bool:
    found = page.locator(selector)
    return await found.count() > 0 and words in await found.first.text_content()


async def nobody(page, selector: str) -> bool:
    return not await page.locator(selector).count() or not await page.locator(selector).first.text_content()


async def test_a_colleague_who_looks_or_types_is_shown_in_the_thread_and_on_the_card(place, sign_in):
    reference = place.references["Klopt"]
    board_page, mine = await sign_in("Sanne Vos"), await sign_in("Joris Bos", f"/gesprek/{reference}")
    await live(board_page)
    await live(mine)
    chip = f"{card(reference)} .here"
    await until(lambda: here(board_page, chip, "Joris Bos kijkt mee."), "looks")
    theirs = await sign_in("Lotte Dijk", f"/gesprek/{reference}")
    await until(lambda: here(theirs, "#presence", "Joris Bos kijkt mee."), "told when it opens")
    await mine.locator("#text").press_sequentially("Hoi")
    await until(lambda: here(theirs, "#presence", "Joris Bos typt ook."), "types")
    await until(lambda: here(board_page, chip, "Joris Bos typt ook."), "types, on the card")
    await place.act("Sanne Vos", reference, triage.set_priority, 2)
    await until(lambda: here(board_page, f"{card(reference)} .chips", "Hoog"), "changed")
    assert await here(board_page, chip, "Joris Bos typt ook."), "a change does not wipe it"
    await until(lambda: here(theirs, "#presence", "kijkt"), "stopped typing", deadline=10)
    await mine.close()
    await theirs.close()
    await until(lambda: nobody(board_page, chip), "left")


async def test_who_says_nothing_any_more_is_forgotten(place, sign_in, monkeypatch):
    reference = place.references["Klopt"]
    monkeypatch.setattr("newsroom.web.presence.LEASE_SECONDS", 0.0)
    monkeypatch.setattr(live_part, "RECHECK_SECONDS", 0.2)
    board_page, mine = await sign_in("Sanne Vos"), await sign_in("Joris Bos", f"/gesprek/{reference}")
    await live(board_page)
    await live(mine)
    await until(lambda: nobody(board_page, f"{card(reference)} .here"), "forgotten")


async def test_nobody_is_shown_at_what_one_may_not_see(place, sign_in):
    reference = place.references["Hoi,"]
    await place.act("Sanne Vos", reference, triage.give_team, place.teams["Jeugd en zorg"], None)
    frames = []
    outside = await sign_in("Joris Bos", "/werk")
    outside.on("websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(frame)))
    await outside.reload()
    await live(outside)
    inside, board_page = await sign_in("Sanne Vos", f"/gesprek/{reference}"), await sign_in("Sanne Vos")
    await live(inside)
    await live(board_page)
    open_one = place.references["Klopt"]
    other = await sign_in("Lotte Dijk", f"/gesprek/{open_one}")
    await until(lambda: any(open_one in str(frame) for frame in frames), "hears of an open one")
    assert not any(reference in str(frame) for frame in frames)
    await other.close()
