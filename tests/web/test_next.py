"""Volgende voor mij over the real database: the oldest that is free, one for each, and nothing that is not theirs."""

from __future__ import annotations

import asyncio

import pytest

from newsroom import conversation, triage
from newsroom.access import Scope
from newsroom.web.live import PRESENCE

OLDEST = ("Wéér", "Goedemorgen,", "Groencontainer", "Mooie", "Omgevallen", "Hoi,")


def to(place, words: str) -> str:
    return f"/gesprek/{place.references[words]}"


async def test_the_oldest_is_claimed_and_opened_until_there_is_none(place, visitor):
    joris = await visitor("Joris Bos")
    for words in OLDEST:
        status, _, where = await joris.form("/bord/volgende", back="/bord")
        assert (303, to(place, words)) == (status, where)
    async with place.database.connection() as connection:
        assert 6 == await connection.fetchval("select count(*) from event where kind = 'claimed' and actor_id = $1",
                                              place.people["Joris Bos"])
    status, text, _ = await joris.form("/bord/volgende", back="/bord?vorm=teams")
    assert 409 == status and "Alles is opgepakt" in text and "/bord?vorm=teams" in text


async def test_people_who_press_at_once_get_one_each(place, visitor):
    people = [await visitor(name) for name in ("Joris Bos", "Lotte Dijk", "Mehmet Kaya", "Sanne Vos")]
    found = [where for _, _, where in await asyncio.gather(*(one.form("/bord/volgende") for one in people))]
    assert {to(place, words) for words in OLDEST[:4]} == set(found)


async def test_what_a_colleague_looks_at_is_left_to_them(place, visitor):
    async def look(name: str, words: str) -> None:
        async with place.database.connection() as connection:
            row = await conversation.find(connection, place.references[words], Scope(
                place.people[name], frozenset({"webcare"}), frozenset({"open"}), frozenset()))
        place.house.site[PRESENCE].say(object(), Someone(place.people[name], name), row, "kijkt")

    await look("Lotte Dijk", "Wéér")
    await look("Joris Bos", "Goedemorgen,")
    joris = await visitor("Joris Bos")
    assert to(place, "Goedemorgen,") == (await joris.form("/bord/volgende"))[2], "what I look at myself is mine to take"
    for words in OLDEST[2:]:
        await place.act("Sanne Vos", place.references[words], triage.claim)
    status, text, _ = await joris.form("/bord/volgende")
    assert 409 == status and "kijkt al naar" in text


class Someone:
    """A person as presence knows them."""

    def __init__(self, id: int, name: str):
        self.id, self.name, self.initials = id, name, "XX"


async def test_what_one_may_not_see_is_not_given(place, visitor):
    for words in OLDEST[1:]:
        await place.act("Sanne Vos", place.references[words], triage.claim)
    await place.act("Sanne Vos", place.references["Wéér"], triage.give_team, place.teams["Jeugd en zorg"], None)
    assert 409 == (await (await visitor("Joris Bos")).form("/bord/volgende"))[0]
    assert to(place, "Wéér") == (await (await visitor("Sanne Vos")).form("/bord/volgende"))[2]


async def test_who_only_watches_takes_nothing(place, visitor):
    anna = await visitor("Anna de Rijk")
    assert 403 == (await anna.form("/bord/volgende"))[0]
    assert "Volgende voor mij" not in (await anna.get("/bord"))[1]


@pytest.mark.parametrize("name, n", [("Sanne Vos", 4), ("Lotte Dijk", 3)])
async def test_a_load_counts_what_the_asker_may_see(place, visitor, name, n):
    """Sanne has three to do in the open, and one behind a wall."""
    row = await place.act("Sanne Vos", place.references["Wéér"], triage.claim)
    await place.act("Sanne Vos", row.reference, triage.give_team, place.teams["Jeugd en zorg"], None)
    told = (await (await visitor(name)).get("/bord/werklast"))[1]
    assert f'"{place.people["Sanne Vos"]}": {n}' in told and '"norm": 12' in told


async def test_a_full_colleague_gets_it_all_the_same(place, visitor):
    async with place.database.transaction() as connection:
        await connection.execute("insert into setting (name, value) values ('workload_norm', '1')")
    joris = await visitor("Joris Bos")
    text = (await joris.get(to(place, "Groencontainer")))[1]
    assert "Lotte Dijk (2/1, zit vol)" in text
    status, told = await joris.act("assign", place.references["Groencontainer"], to=place.people["Lotte Dijk"])
    assert 200 == status and told["results"][0]["ok"]
