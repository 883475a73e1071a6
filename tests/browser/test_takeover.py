"""Asking a colleague to hand a conversation over: from the strip of a conflict, answered on the card, told to both."""

from __future__ import annotations

import asyncio

import pytest

from newsroom import takeover, triage
from newsroom.triage import Conflict, Wrong
from tests.browser.look import board, card, live, until


async def test_who_was_too_late_asks_and_who_has_it_allows(place, sign_in):
    joris, sanne = [await sign_in(name) for name in ("Joris Bos", "Sanne Vos")]
    await asyncio.gather(live(joris), live(sanne))
    wanted = place.references["Groencontainer"]
    await joris.locator(f"{card(wanted)} h3 a").focus()
    await place.act("Sanne Vos", wanted, triage.claim)
    await joris.locator(f"{card(wanted)} .ask-over").click()
    question = sanne.locator(f"{card(wanted)} .ask")
    await until(lambda: said(question, "Joris Bos wil dit overnemen"), "asked on the card")
    assert "Joris Bos wil dit van je overnemen" in await sanne.locator("#alert").inner_text()
    assert await joris.locator(f"{card(wanted)} .allow").is_hidden(), "not theirs to answer"
    await question.get_by_role("button", name="Sta toe").press("Enter")  # a click just after the card moved is held
    await until(lambda: joris.locator(f'{card(wanted)} .av[title="Joris Bos"]').count(), "handed over")
    assert "Sanne Vos staat het toe" in await joris.locator("#alert").inner_text()
    fresh = await sign_in("Sanne Vos")
    await live(fresh)
    await sanne.mouse.move(5, 5)
    await until(lambda: same(sanne, fresh), "equal to a fresh page")


async def test_in_the_conversation_the_request_is_asked_and_refused(place, sign_in):
    wanted = place.references["Klopt"]
    lotte, joris = [await sign_in(name, f"/gesprek/{wanted}") for name in ("Lotte Dijk", "Joris Bos")]
    await asyncio.gather(live(lotte), live(joris))
    await lotte.get_by_role("button", name="Vraag over te nemen").click()
    await until(lambda: said(lotte.locator('[data-live="takeover"]'), "Je vroeg Joris Bos"), "asked")
    await joris.locator('[data-live="takeover"]').get_by_role("button", name="Houd").click()
    await until(lambda: said(lotte.locator("#alert"), "Joris Bos houdt dit zelf"), "told")
    await until(lambda: said(lotte.locator("#thread"), "Zelf gehouden, na een vraag van: Lotte Dijk"), "in the thread")
    assert await lotte.get_by_role("button", name="Vraag over te nemen").is_visible(), "can be asked again"


async def said(place, words: str) -> bool:
    return await place.count() > 0 and words in await place.inner_text()


async def same(page, fresh) -> bool:
    return await board(page) == await board(fresh)


async def test_only_who_has_it_answers_and_only_the_request_that_stands(place):
    wanted = place.references["Klopt"]
    joris, lotte, sanne = (place.people[name] for name in ("Joris Bos", "Lotte Dijk", "Sanne Vos"))
    with pytest.raises(Wrong):
        await place.act("Joris Bos", wanted, takeover.ask, joris)
    with pytest.raises(Conflict):
        await place.act("Lotte Dijk", wanted, takeover.ask, sanne)
    await place.act("Lotte Dijk", wanted, takeover.ask, joris)
    with pytest.raises(Conflict):
        await place.act("Sanne Vos", wanted, takeover.ask, joris)
    for name, verb, asker in (("Lotte Dijk", takeover.allow, lotte), ("Joris Bos", takeover.allow, sanne),
                              ("Sanne Vos", takeover.keep, lotte)):
        with pytest.raises(Conflict):
            await place.act(name, wanted, verb, asker)
    await place.act("Sanne Vos", wanted, triage.assign, sanne, joris)
    with pytest.raises(Conflict):
        await place.act("Sanne Vos", wanted, takeover.allow, lotte)
    assert "conflict.no_request" == await refused(place, "Sanne Vos", wanted, takeover.keep, lotte)


async def refused(place, name: str, reference: str, verb, *arguments) -> str:
    with pytest.raises(Conflict) as caught:
        await place.act(name, reference, verb, *arguments)
    return caught.value.key


async def test_a_request_ends_when_it_is_finished_or_given_away(place):
    wanted = place.references["Klopt"]
    joris = place.people["Joris Bos"]
    await place.act("Lotte Dijk", wanted, takeover.ask, joris)
    row = await place.act("Joris Bos", wanted, triage.move, "new", "open")
    assert row.request is None
    await place.act("Joris Bos", wanted, triage.claim)
    async with place.database.connection() as connection:
        assert None is await connection.fetchval("select asked_by from conversation where reference = $1", wanted)
