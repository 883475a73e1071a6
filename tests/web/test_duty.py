"""Dienst over the real database: who may see and plan, what forms do, and what the board shows."""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta

import pytest

from newsroom import shift
from newsroom.language import AMSTERDAM


def today() -> str:
    return datetime.now(AMSTERDAM).date().isoformat()


async def on_all_day(place, *names: str, chief: str = "") -> None:
    """These people have a shift around now."""
    now = datetime.now(UTC)
    async with place.database.transaction() as connection:
        await shift.plan(connection, [(place.people[name], now - timedelta(hours=1), now + timedelta(hours=1),
                                       name == chief) for name in names])


async def test_a_chef_dag_plans_changes_and_removes(place, visitor):
    sanne = await visitor("Sanne Vos")
    given = {"day": today(), "id": "0", "who": str(place.people["Joris Bos"]), "from": "08:00", "until": "17:00"}
    status, _, where = await sanne.form("/dienst", **given)
    assert (303, f"/dienst?dag={today()}&saved=saved") == (status, where)
    status, text, _ = await sanne.form("/dienst", **given | {"from": "16:00", "until": "18:00"})
    assert 422 == status and "Joris Bos werkt dan al" in text and 'value="16:00"' in text
    status, text, _ = await sanne.form("/dienst", **given | {"until": "straks"})
    assert 422 == status and "zoals 08:30" in text
    async with place.database.connection() as connection:
        id = await connection.fetchval("select id from shift")
    await sanne.form("/dienst", **given | {"id": str(id), "until": "16:30"})
    assert 'value="16:30"' in (await sanne.get("/dienst"))[1]
    assert 303 == (await sanne.form("/dienst", day=today(), id=str(id), do="remove"))[0]
    assert "nog niemand ingepland" in (await sanne.get("/dienst"))[1]


async def test_last_week_is_copied(place, visitor):
    sanne, day = await visitor("Sanne Vos"), datetime.now(AMSTERDAM).date()
    await sanne.form("/dienst", day=str(day - timedelta(days=7)), id="0", who=str(place.people["Lotte Dijk"]),
                     **{"from": "09:00", "until": "12:00"})
    assert "van vorige week over" in (await sanne.get("/dienst"))[1]
    for saved in ("copied", "copied_none"):
        assert (await sanne.form("/dienst", day=str(day), do="copy"))[2].endswith(saved)
    assert 'value="09:00"' in (await sanne.get("/dienst"))[1]


async def test_a_colleague_sees_who_works_and_changes_nothing(place, visitor):
    await on_all_day(place, "Joris Bos")
    lotte = await visitor("Lotte Dijk")
    status, text, _ = await lotte.get("/dienst")
    assert 200 == status and "Joris Bos" in text and "<form method" not in text.partition("<main")[2]
    assert 403 == (await lotte.form("/dienst", day=today(), do="copy"))[0]
    assert 403 == (await lotte.form("/dienst/chef"))[0]


async def test_the_board_tells_who_is_there_and_who_has_nothing_in_hand(place, visitor):
    await on_all_day(place, "Sanne Vos", "Joris Bos", "Mehmet Kaya", chief="Mehmet Kaya")
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set state = 'waiting' where assignee_id = $1 and state = 'open'",
                                 place.people["Joris Bos"])
    text = html.unescape((await (await visitor("Lotte Dijk")).get("/bord"))[1])
    tile = text.partition('data-tile="duty"')[2].partition("</a>")[0]
    assert '<span class="n">3</span><small>1 vrij</small>' in tile
    until = (datetime.now(AMSTERDAM) + timedelta(hours=1)).strftime("%H:%M")
    chief = text.partition('id="chief"')[2].partition("</a>")[0]
    assert "Mehmet Kaya" in chief and f"Chef dag tot {until}" in chief


async def test_what_somebody_has_behind_a_wall_is_not_told(place, visitor):
    """Who may not see the conversation sees a colleague who has nothing."""
    await on_all_day(place, "Sanne Vos")
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set state = 'waiting' where state = 'open'")
        id = await connection.fetchval("select min(id) from conversation where assignee_id = $1",
                                       place.people["Sanne Vos"])
        await connection.execute("update conversation set state = 'open', visibility = $2 where id = $1", id,
                                 f"team:{place.teams['Jeugd en zorg']}")
    for name, free in (("Sanne Vos", 0), ("Lotte Dijk", 1)):
        assert f"<small>{free} vrij</small>" in (await (await visitor(name)).get("/bord"))[1], name


async def test_a_chef_dag_takes_over_without_a_script(place, visitor):
    await on_all_day(place, "Sanne Vos", chief="Sanne Vos")
    mehmet = await visitor("Mehmet Kaya")
    assert "Ik ben chef dag" in (await mehmet.get("/dienst"))[1]
    assert "/dienst?saved=chief" == (await mehmet.form("/dienst/chef"))[2]
    text = (await mehmet.get("/dienst?saved=chief"))[1]
    assert "Jij bent nu chef dag." in text and "Ik ben chef dag" not in text


@pytest.mark.parametrize("written, shown", [("8", "08:00"), ("8.30", "08:30"), ("0830", "08:30"), ("24:00", "00:00")])
async def test_a_time_is_read_as_people_write_it(place, visitor, written, shown):
    sanne = await visitor("Sanne Vos")
    await sanne.form("/dienst", day=today(), id="0", who=str(place.people["Joris Bos"]), **{
        "from": "05:00", "until": written})
    assert f'value="{shown}"' in (await sanne.get("/dienst"))[1]


@pytest.mark.parametrize("day", ["morgen", "2999-01-01", "0001-01-01", ""])
async def test_an_odd_day_is_today(place, visitor, day):
    status, text, _ = await (await visitor("Sanne Vos")).get(f"/dienst?dag={day}")
    assert 200 == status and f'name="day" value="{today()}"' in text
