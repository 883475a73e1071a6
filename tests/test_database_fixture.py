"""The test database itself: migrated, of the plain role, and nobody else's."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("turn", [1, 2])
async def test_each_test_has_an_empty_migrated_database(db, turn):
    async with db.transaction() as connection:
        assert ("newsroom", False) == tuple(await connection.fetchrow(
            "select current_user, rolsuper from pg_roles where rolname = current_user"))
        assert 0 == await connection.fetchval("select count(*) from event")
        assert 0 < await connection.fetchval("select count(*) from migration")
        await connection.execute("create temporary table mine (turn integer)")
        # marks this database; the other turn must not see it
        await connection.execute("insert into team (name) values ($1)", "Webcare")
        assert 1 == await connection.fetchval("select count(*) from team where name = 'Webcare'")
