"""The reconciliation: what we lack is found, fetched again by the normal road, and told when that does not help."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors import SignInNeeded, TryLater
from newsroom import overview, reconcile, watch
from newsroom.channel import Live
from tests.house import add_account
from tests.tap import KINDS, NOON
from tests.test_channel import KEYS
from tests.test_collect import Place, place, running, until

AT = NOON + timedelta(minutes=1)


async def compared(where: Place, at: datetime = AT) -> overview.Row:
    """After one round: how the channel stands."""
    await reconcile.once(where.db, Live(where.db, KINDS, KEYS), lambda: None, at)
    return await row(where)


async def row(where: Place) -> overview.Row:
    async with where.db.connection() as connection:
        scope = await _anna(where.db)
        return (await overview.read(connection, scope))[0]


async def _anna(db):
    async with db.connection() as connection:
        known = await connection.fetchval("select count(*) from account")
    return await add_account(db, f"Anna{known}", "content_director")


async def begun(db, *keys: str, skipped: tuple[str, ...] = ()) -> Place:
    """A channel that was read once."""
    where = await place(db, "kraan")
    where.well.skipped = set(skipped)
    where.well.pour(*keys)
    async with running(db):
        await until(lambda: where.has(*(key for key in keys if key not in skipped)))
        await until(lambda: where.health("ok"))
    return where


async def changes(db) -> list[tuple[str, str]]:
    async with db.connection() as connection:
        rows = await connection.fetch("select data from event where kind = 'channel_changed' order by id")
    return [(one["data"]["to"], str(one["data"]["fetched"])) for one in (dict(row) for row in rows)
            if one["data"]["change"] == "count"]


async def test_who_holds_everything_lacks_nothing(db):
    where = await begun(db, "a", "b", "c")
    found = await compared(where)
    assert (3, 0, 0, "", False) == (found.source_n, found.missing, found.fetched, found.count_problem, found.trouble)
    assert [] == await changes(db)


async def test_what_is_lacking_is_fetched_again_by_the_normal_road(db):
    where = await begun(db, "a", "b", "c", skipped=("b",))
    found = await compared(where)
    assert (3, 0, 1) == (found.source_n, found.missing, found.fetched)
    assert ["a", "c", "b"] == await where.keys()
    assert [("complete", "1")] == await changes(db)
    assert 3 == found.waiting


async def test_what_the_source_keeps_to_itself_is_told(db, monkeypatch):
    where = await begun(db, "a", "b", skipped=("b",))

    async def nothing(self, cursor, keys):
        for _ in ():
            yield

    monkeypatch.setattr(KINDS["tap"], "fetch", nothing)
    found = await compared(where)
    assert (2, 1, True) == (found.source_n, found.missing, found.trouble)
    async with db.connection() as connection:
        assert watch.Standing(1, 1) == await watch.standing(connection)
    monkeypatch.undo()
    found = await compared(where, AT + timedelta(hours=1))
    assert (2, 0, False) == (found.source_n, found.missing, found.trouble)


async def test_what_was_deleted_at_the_source_is_no_loss(db):
    where = await begun(db, "a", "b")
    where.well.gone = {"a"}
    found = await compared(where)
    assert (1, 0) == (found.source_n, found.missing)


@pytest.mark.parametrize("error", [TryLater("De bron is bezet."), SignInNeeded("Vul het wachtwoord in."),
                                   OSError("weg"), ValueError("fout")])
async def test_a_source_that_cannot_be_counted_is_not_called_complete(db, error):
    where = await begun(db, "a")
    where.well.error = error
    found = await compared(where)
    assert found.count_problem
    assert [("unknown", "0")] == await changes(db)
    where.well.error = None
    again = await compared(where, AT + timedelta(hours=1))
    assert (1, "") == (again.source_n, again.count_problem)


async def test_each_hour_one_process_takes_its_turn_and_each_night_all_is_compared(db):
    where = await begun(db, "a")
    live = Live(db, KINDS, KEYS)

    async def turns(at: datetime) -> int:
        return await reconcile.once(where.db, live, lambda: None, at)

    assert 2 == await turns(AT)
    assert [0, 0] == [await turns(AT), await turns(AT + timedelta(minutes=59))]
    assert 1 == await turns(AT + timedelta(hours=1))
    assert 2 == await turns(datetime(2026, 11, 24, 2, 1, tzinfo=UTC))  # 03:01 here


async def test_the_week_and_the_whole_are_counted_apart(db):
    where = await begun(db, "a")
    late = NOON + timedelta(days=30)
    found = await compared(where, late)
    assert 0 == found.source_n
    async with db.connection() as connection:
        assert 1 == await connection.fetchval("select source_n from reconciliation where whole")


async def test_a_paused_channel_is_left_alone(db):
    where = await begun(db, "a")
    await where.change(mode="paused")
    assert (await compared(where)).source_n is None


async def test_the_end_of_a_credential_is_kept(db):
    where = await begun(db, "a")
    where.well.ends = NOON + timedelta(days=6)
    assert NOON + timedelta(days=6) == (await compared(where)).key_ends_at
