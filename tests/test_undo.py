"""Undo: everything that one did stands as it was, or the reason why it cannot."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import pytest

from newsroom import action
from newsroom.conversation import find
from tests.house import START, add_account, add_channel, add_team, paper, receive
from tests.test_intake import ANNA, mail

LATER = START + timedelta(minutes=9)


@pytest.fixture
async def team(db):
    return await add_team(db, "Burgerzaken")


@pytest.fixture
async def sanne(db):
    return await add_account(db, "Sanne", "webcare")


@pytest.fixture
async def joris(db):
    return await add_account(db, "Joris", "webcare")


@pytest.fixture
async def reference(db, team):
    receipt, = await receive(db, await add_channel(db), paper("1", mail("m1", ANNA, subject="Afval")))
    return receipt.reference


async def act(db, who, reference, verb, named, at=START, **arguments):
    return (await action.act(db, who, named, [reference], verb, arguments, at))[0]


async def state(db, who, reference) -> dict:
    """All that a person sees of it: everything but the version."""
    async with db.connection() as connection:
        return {name: value for name, value in asdict(await find(connection, reference, who)).items()
                if name != "version"}


VERBS = {
    "claim": {}, "team": {"to": 1}, "priority": {"to": 3}, "label": {"add": [1]}, "subject": {"to": "Iets anders"},
    "spam": {}, "move": {"to": "department", "was": "new", "department": "Sport", "until": "2027-01-04"},
    "close": {"reason": 1},
}


@pytest.mark.parametrize("verb", VERBS)
async def test_the_exact_state_comes_back(db, sanne, reference, team, verb):
    async with db.transaction() as connection:
        await connection.execute("insert into label (name) values ('Pers')")
        await connection.execute("insert into close_reason (name_nl, name_en, outcome) values ('Klaar', 'Done',"
                                 " 'answered') on conflict do nothing")
        last = await connection.fetchval("select last_message_id from conversation")
    before = await state(db, sanne, reference)
    arguments = VERBS[verb] | ({"last": last} if verb == "close" else {"to": team} if verb == "team" else {})
    assert (await act(db, sanne, reference, verb, "k1", **arguments)).ok
    assert before != await state(db, sanne, reference)
    assert (await act(db, sanne, reference, "undo", "k2", LATER, key="k1")).ok
    after = await state(db, sanne, reference)
    assert before | {"lateness": after["lateness"]} == after
    async with db.connection() as connection:
        kinds = [row["kind"] for row in await connection.fetch("select kind from event order by id")]
    assert "undone" == kinds[-1]


async def test_what_another_changed_is_not_undone_and_what_they_did_beside_it_stays(db, sanne, joris, reference):
    assert (await act(db, sanne, reference, "claim", "k1")).ok
    assert (await act(db, sanne, reference, "priority", "k2", to=3)).ok
    assert (await act(db, joris, reference, "assign", "k3", to=joris.account_id, was=sanne.account_id)).ok
    refused = await act(db, sanne, reference, "undo", "k4", key="k1")
    assert (409, "conflict.undo") == (refused.status, refused.key)
    assert (await act(db, sanne, reference, "undo", "k5", key="k2")).ok
    now = await state(db, sanne, reference)
    assert (1, joris.account_id) == (now["priority"], now["assignee_id"])


async def test_a_message_that_came_in_between_is_not_forgotten(db, sanne, reference):
    assert (await act(db, sanne, reference, "claim", "k1")).ok
    async with db.transaction() as connection:
        await connection.execute("update conversation set unread = 1")
    assert (await act(db, sanne, reference, "undo", "k2", key="k1")).ok
    now = await state(db, sanne, reference)
    assert ("new", None, 1) == (now["state"], now["assignee_id"], now["unread"])


@pytest.mark.parametrize("key, at", [("k1", START + timedelta(minutes=11)), ("nooit", START), ("k2", START)])
async def test_too_late_never_done_or_nothing_changed_cannot_be_undone(db, sanne, reference, key, at):
    assert (await act(db, sanne, reference, "claim", "k1")).ok
    assert (await act(db, sanne, reference, "claim", "k2")).ok  # had it already
    refused = await act(db, sanne, reference, "undo", "k3", at, key=key)
    assert (422, "wrong.undo") == (refused.status, refused.key)


async def test_nobody_undoes_what_a_colleague_did(db, sanne, joris, reference):
    assert (await act(db, sanne, reference, "claim", "k1")).ok
    assert "wrong.undo" == (await act(db, joris, reference, "undo", "k1", key="k1")).key


async def test_in_one_request_each_has_what_was_seen_of_it(db, sanne, reference):
    other, = await receive(db, await add_channel(db, "Ander", "ander@voorbeeldstad.example"),
                           paper("2", mail("m2", ANNA, subject="Nog een")))
    results = await action.act(db, sanne, "k1", [reference, other.reference], "move", {"to": "waiting"}, START,
                               {reference: {"was": "new"}, other.reference: {"was": "open"}})
    assert [200, 409] == [one.status for one in results]
