"""Canned answers: versions stay, what is expired or of another team is not offered, and a text is filled in."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from newsroom import canned
from newsroom.canned import CannedAnswer
from newsroom.change import By, Wrong
from tests.house import START, add_account, add_team

TODAY = date(2026, 11, 23)


@pytest.fixture
async def by(db) -> By:
    return By((await add_account(db, "Sanne", "admin")).account_id, START)


async def kept(db, by: By, **what) -> int:
    async with db.transaction() as connection:
        return await canned.save(connection, CannedAnswer(**({"id": 0, "name": "GFT", "body": "Dag."} | what)), by)


async def names(db, *teams: int, today: date = TODAY) -> list[str]:
    async with db.connection() as connection:
        return [one.name for one in await canned.offered(connection, teams, today)]


async def test_another_text_is_another_version_and_the_earlier_one_stays(db, by):
    id = await kept(db, by, body="Een\r\ntwee")
    assert id == await kept(db, by, id=id, name="Groenbak", body="Een\ntwee")
    await kept(db, by, id=id, body="Drie")
    async with db.connection() as connection:
        one, = await canned.every(connection)
        earlier = await canned.versions(connection, id)
        logged = await connection.fetchval("select count(*) from audit where kind = 'setting_changed'")
    assert (2, "Drie", "GFT") == (one.version, one.body, one.name)
    assert [(2, "Drie", "Sanne"), (1, "Een\ntwee", "Sanne")] == [(old.version, old.body, old.by) for old in earlier]
    assert 3 == logged


async def test_only_what_counts_today_and_for_these_teams_is_offered(db, by):
    team = await add_team(db, "Burgerzaken")
    await kept(db, by, name="Voor iedereen")
    await kept(db, by, name="Balie", team_id=team)
    await kept(db, by, name="Tot vandaag", expires_on=TODAY)
    await kept(db, by, name="Verlopen", expires_on=date(2026, 11, 22))
    gone = await kept(db, by, name="Weg")
    async with db.transaction() as connection:
        await canned.set_archived(connection, gone, True, by)
    assert ["Tot vandaag", "Voor iedereen"] == await names(db)
    assert ["Balie", "Tot vandaag", "Voor iedereen"] == await names(db, team)
    async with db.transaction() as connection:
        await canned.set_archived(connection, gone, False, by)
    assert "Weg" in await names(db)


@pytest.mark.parametrize(("wrong", "field", "key"), [
    ({"name": " "}, "name", "wrong.reason_name"), ({"name": "x" * 61}, "name", "wrong.reason_name"),
    ({"name": "a\nb"}, "name", "wrong.reason_name"), ({"name": "gft"}, "name", "wrong.name_taken"),
    ({"body": "  "}, "body", "wrong.canned_body"), ({"body": "x" * 10_001}, "body", "wrong.canned_body"),
    ({"body": "Dag {naam }, {nam}"}, "body", "wrong.canned_variable")])
async def test_what_cannot_be_kept_is_told_by_its_field(db, by, wrong, field, key):
    await kept(db, by)
    with pytest.raises(Wrong) as told:
        await kept(db, by, **({"name": "Ander"} | wrong))
    assert (field, key) == (told.value.field, told.value.key)


def test_a_text_is_filled_in_and_what_is_filled_in_is_only_text():
    values = {"naam": "{kenmerk} Vos", "kenmerk": "AB12"}
    assert "Dag {kenmerk} Vos, AB12. {x}" == canned.filled("Dag {Naam}, { kenmerk }. {x}", values)


async def test_uses_are_counted(db, by):
    id = await kept(db, by)
    async with db.transaction() as connection:
        await canned.count(connection, [])
        await canned.count(connection, [id, 99])
        one, = await canned.every(connection)
    assert replace(one, used=1) == one
