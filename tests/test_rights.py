"""Roles, teams and leaving: what somebody may from now on, and what becomes of their work."""

from __future__ import annotations

import asyncio

import pytest

from newsroom import access, account, link, rights, session, triage
from newsroom.change import Wrong
from newsroom.conversation import load, lock
from newsroom.event import since
from tests.house import START, add_account, add_channel, add_team, paper, receive


async def test_other_roles_end_sessions_and_tell_the_boards(db):
    boss, noor = await add_account(db, "Boss", "admin"), await add_account(db, "Noor", "webcare")
    async with db.transaction() as connection:
        token = await session.start(connection, noor.account_id, START, "", "")
        assert not await rights.set_roles(connection, noor.account_id, ["webcare", "nonsense"], boss.account_id, START)
        assert await session.find(connection, token, START)
    async with db.transaction() as connection:
        assert await rights.set_roles(connection, noor.account_id, ["chef_dag", "webcare"], boss.account_id, START)
        assert await session.find(connection, token, START) is None
    async with db.connection() as connection:
        events = await since(connection, 0, 10)
        assert [("rights_changed", boss.account_id, {"account": noor.account_id})] == [
            (event.kind, event.actor_id, event.data) for event in events]
        assert ["webcare", "chef_dag"] == (await account.find(connection, noor.account_id)).roles


async def test_a_team_changes_what_somebody_sees(db):
    team, noor = await add_team(db, "Jeugd", restricted=True), await add_account(db, "Noor", "webcare")
    async with db.transaction() as connection:
        assert await rights.set_teams(connection, noor.account_id, [team, 999], None, START)
    async with db.connection() as connection:
        assert (await access.scope(connection, noor.account_id)).sees(f"team:{team}")
        assert ["rights_changed"] == [event.kind for event in await since(connection, 0, 10)]


async def test_there_is_always_an_administrator(db):
    one, two = await add_account(db, "Een", "admin"), await add_account(db, "Twee", "admin")

    async def drop(id):
        async with db.transaction() as connection:
            return await rights.set_roles(connection, id, ["webcare"], None, START)

    done = await asyncio.gather(drop(one.account_id), drop(two.account_id), return_exceptions=True)
    assert ["Wrong", "bool"] == sorted(type(result).__name__ for result in done)
    async with db.connection() as connection:
        left = [person.id for person in await account.everyone(connection) if "admin" in person.roles]
    with pytest.raises(Wrong) as wrong:
        async with db.transaction() as connection:
            await rights.leave(connection, left[0], None, START)
    assert "wrong.last_admin" == wrong.value.key
    async with db.connection() as connection:
        assert (await account.find(connection, left[0])).disabled_at is None


async def test_who_leaves_hands_everything_back(db):
    boss, noor = await add_account(db, "Boss", "admin"), await add_account(db, "Noor", "webcare")
    channel = await add_channel(db)
    await receive(db, channel, paper("1", {"id": "m1", "from": "jan@voorbeeld.example", "subject": "Kuil"}),
                  paper("2", {"id": "m2", "from": "eva@voorbeeld.example", "subject": "Lamp"}))
    by = triage.By(noor.account_id, START)
    async with db.transaction() as connection:
        ids = [row["id"] for row in await connection.fetch("select id from conversation order by id")]
        rows = await lock(connection, ids)
        await triage.claim(connection, rows[ids[0]], by)
        token = await session.start(connection, noor.account_id, START, "", "")
        await link.make(connection, "reset", noor.account_id, START)
        assert 1 == await rights.open_work(connection, noor.account_id)
    async with db.transaction() as connection:
        assert 1 == await rights.leave(connection, noor.account_id, boss.account_id, START)
        assert 0 == await rights.leave(connection, noor.account_id, boss.account_id, START)  # once is enough
    async with db.connection() as connection:
        rows = await load(connection, ids)
        assert [(None, "new"), (None, "new")] == [(rows[id].assignee_id, rows[id].state) for id in ids]
        assert await session.find(connection, token, START) is None
        assert await access.scope(connection, noor.account_id) is None
        assert 0 == await connection.fetchval("select count(*) from one_time_token where used_at is null")
        kinds = [event.kind for event in await since(connection, 0, 50)]
    assert ["claimed", "assigned", "rights_changed"] == kinds[-3:]


async def _given(db, team, to, seal=None):
    """A conversation of `team` that `to` has, sealed for `seal`; its id."""
    channel = await add_channel(db, f"Kanaal {team}", team=team)
    await receive(db, channel, paper("1", {"id": "m1", "from": "jan@voorbeeld.example", "subject": "Kuil"}))
    async with db.transaction() as connection:
        row, = (await lock(connection, [await connection.fetchval("select max(id) from conversation")])).values()
        by = triage.By(None, START)
        if seal:
            row = await triage.seal(connection, row, by, seal)
        await triage.assign(connection, row, by, to, None)
    return row.id


async def _holder(db, id):
    async with db.connection() as connection:
        row = (await load(connection, [id]))[id]
    return row.assignee_id, row.state


async def test_who_leaves_a_restricted_team_has_no_work_that_they_cannot_see(db):
    team = await add_team(db, "Jeugd", restricted=True)
    noor = (await add_account(db, "Noor", "webcare", teams=(team,))).account_id
    hidden, plain = await _given(db, team, noor), await _given(db, None, noor)
    async with db.transaction() as connection:
        await rights.set_teams(connection, noor, [], None, START)
    assert [(None, "new"), (noor, "open")] == [await _holder(db, hidden), await _holder(db, plain)]


async def test_who_may_no_longer_work_has_no_work(db):
    noor = (await add_account(db, "Noor", "webcare", "analyst")).account_id
    id = await _given(db, None, noor)
    async with db.transaction() as connection:
        await rights.set_roles(connection, noor, ["webcare", "content_director"], None, START)
    assert (noor, "open") == await _holder(db, id)
    async with db.transaction() as connection:
        await rights.set_roles(connection, noor, ["content_director"], None, START)
    assert (None, "new") == await _holder(db, id)


@pytest.mark.parametrize("heirs", [{"Super": "supervisor", "Chef": "chef_dag"}, {"Chef": "chef_dag"}])
async def test_what_only_somebody_who_left_could_see_goes_to_others(db, heirs):
    noor = (await add_account(db, "Noor", "webcare")).account_id
    people = {name: (await add_account(db, name, role)).account_id for name, role in heirs.items()}
    id = await _given(db, None, noor, [noor])
    async with db.transaction() as connection:
        await rights.leave(connection, noor, None, START)
    async with db.connection() as connection:
        sees = {name for name, one in people.items() if (await access.scope(connection, one)).sees(f"sealed:{id}")}
        events = await since(connection, 0, 50)
    assert sees == {next(iter(heirs))}
    assert {people[next(iter(heirs))], noor} == {e.data["account"] for e in events if e.kind == "rights_changed"}


async def test_a_sealed_conversation_always_has_a_reader(db):
    noor, kees = [(await add_account(db, name, "webcare")).account_id for name in ("Noor", "Kees")]
    id = await _given(db, None, noor, [noor])
    for change in (rights.leave, lambda c, id, by, at: rights.set_roles(c, id, [], by, at)):
        with pytest.raises(Wrong) as wrong:  # nobody here may take over what is sealed
            async with db.transaction() as connection:
                await change(connection, noor, None, START)
        assert "wrong.last_reader" == wrong.value.key
    analyst = (await add_account(db, "Ana", "analyst")).account_id
    for readers in ([analyst], [kees, analyst], [10 ** 6]):
        with pytest.raises(triage.Wrong):
            async with db.transaction() as connection:
                row = (await lock(connection, [id]))[id]
                await triage.seal(connection, row, triage.By(noor, START), readers)
    async with db.transaction() as connection:
        row = (await lock(connection, [id]))[id]
        await triage.seal(connection, row, triage.By(noor, START), [noor, kees])
        await rights.leave(connection, noor, None, START)
    assert (None, "new") == await _holder(db, id)


async def test_who_comes_back_has_the_same_roles(db):
    noor = await add_account(db, "Noor", "webcare")
    async with db.transaction() as connection:
        await rights.leave(connection, noor.account_id, None, START)
        await rights.come_back(connection, noor.account_id, None, START)
        assert frozenset({"webcare"}) == (await access.scope(connection, noor.account_id)).roles
