"""The second wall: what the database itself holds back, when a query forgets to ask for whom it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsroom import action, board, search
from newsroom.board import Filter
from newsroom.database import connect
from newsroom.sought import Sought
from tests.house import START, add_account, add_channel, add_team, paper, receive

KINDS = ("open", "team", "sealed")
# a question to each walled table that forgot its scope: it names the conversations it tells of
FORGETFUL = {
    "conversation": "select id from conversation",
    "message": "select conversation_id from message",
    "participant": "select conversation_id from participant",
    "attachment": "select (select conversation_id from message m where m.id = message_id) from attachment",
    "delivery": "select (select conversation_id from message m where m.delivery_id = d.id) from delivery d",
}
WEB = Path(__file__).parents[1] / "newsroom" / "web"
# pages without conversations, and the house's own work in Beheer; every other page asks `seen(request)`
HOUSE = {"gate", "health", "live", "people", "profile", "receipt", "sign_in", "tries", "visiting", "visitor",
         "welcome", "forms", "actions", "application", "demo", "channels", "views", "duty", "next_one",
         "api/__init__", "api/frame", "api/deliveries", "api/events"}


@pytest.fixture
async def town(db):
    """Three conversations with the same file each: ids and classes by kind, and a label that all have."""
    team, channel = await add_team(db, "Jeugd", restricted=True), await add_channel(db)
    chef = await add_account(db, "Chef", "chef_dag", teams=(team,))
    receipts = await receive(db, channel, *(paper(kind, {
        "id": kind, "from": f"{kind}@post.example", "subject": kind, "text": "een kapotte lantaarn",
        "files": [["brief.txt", "dezelfde inhoud"]]}) for kind in KINDS))
    async with db.transaction() as connection:
        label = await connection.fetchval("insert into label (name) values ('verlichting') returning id")
        await search.index(connection)
    references = {kind: receipt.reference for kind, receipt in zip(KINDS, receipts, strict=True)}
    for kind, verb, arguments in [*((kind, "label", {"add": [label]}) for kind in KINDS),
                                  ("team", "team", {"to": team}), ("sealed", "seal", {"readers": [chef.account_id]})]:
        result, = await action.act(db, chef, f"{verb}-{kind}", [references[kind]], verb, arguments, START)
        assert result.ok
    async with db.connection() as connection:
        rows = await connection.fetch("select id, reference, visibility from conversation")
    kinds = {reference: kind for kind, reference in references.items()}
    return ({kinds[row["reference"]]: row["id"] for row in rows},
            {kinds[row["reference"]]: row["visibility"] for row in rows}, label)


async def whole(db, scope):
    """A scope with every class there is."""
    async with db.connection() as connection:
        rows = await connection.fetch("select distinct visibility from conversation")
    return type(scope)(scope.account_id, scope.roles, frozenset(row["visibility"] for row in rows), scope.teams)


@pytest.mark.parametrize("sees", [(), ("open",), ("open", "team"), ("open", "sealed"), KINDS])
async def test_a_query_that_forgot_its_scope_still_tells_nothing(db, town, sees):
    ids, classes, _ = town
    walled = db.seen_by(classes[kind] for kind in sees)
    for way in (walled.snapshot, walled.transaction, walled.connection):
        async with way() as connection:
            for table, query in FORGETFUL.items():
                told = {row[0] for row in await connection.fetch(query)}
                assert {ids[kind] for kind in sees} == told, table
            assert {classes[kind] for kind in sees} >= {row[0] for row in await connection.fetch(
                "select visibility from tally")}
            assert [] == await connection.fetch("select from message_text")


async def test_the_house_sees_everything_also_after_somebody_was_served(database, town):
    ids, classes, _ = town
    one = await connect(database.url, size=1)
    try:
        async with one.seen_by(["open"]).snapshot() as connection:
            assert 1 == await connection.fetchval("select count(*) from conversation")
        async with one.connection() as connection:
            assert 3 == await connection.fetchval("select count(*) from conversation")
    finally:
        one.pool.terminate()


async def test_search_and_the_filter_by_label_work_behind_the_wall(db, town):
    ids, classes, label = town
    chef = await whole(db, await add_account(db, "Sanne", "chef_dag"))
    for sees in (("open",), ("open", "team"), KINDS):
        scope = type(chef)(chef.account_id, chef.roles, frozenset(classes[kind] for kind in sees), chef.teams)
        async with db.seen_by(scope.classes).snapshot() as connection:
            hits = (await search.find(connection, scope, Sought("lantaarn"))).hits
            assert sorted(sees) == sorted(hit.title for hit in hits)
            found = await board.read(connection, scope, Filter(labels=(label,)), START)
            assert {ids[kind] for kind in sees} == {row.id for rows in found.cards.values() for row in rows}
            # nor does somebody with every class in their query see more than the wall lets through
            everything = (await search.find(connection, chef, Sought("lantaarn"))).hits
            assert sorted(sees) == sorted(hit.title for hit in everything)


async def test_what_others_cannot_see_is_not_lost_when_somebody_removes_a_message(db, town):
    """The sealed conversation has the same file: its bytes stay."""
    ids, classes, _ = town
    chef = await add_account(db, "Sanne", "chef_dag")
    async with db.connection() as connection:
        reference, message = await connection.fetchrow(
            "select c.reference, m.id from conversation c join message m on m.conversation_id = c.id where c.id = $1",
            ids["open"])
    result, = await action.act(db, chef, "k", [reference], "remove", {"message": message, "reason": "fout"}, START)
    assert result.ok
    async with db.connection() as connection:
        assert 2 == await connection.fetchval("select count(*) from attachment a join blob b using (sha256)")
        assert 2 == await connection.fetchval("select count(*) from message_text")


def test_pages_with_conversations_stand_behind_the_wall():
    """A new page asks `seen(request)`; or it is of the house, and stands in the list above with that reason."""
    wrong = [name for path in WEB.rglob("*.py") for name in [path.relative_to(WEB).with_suffix("").as_posix()]
             if path.parent.name not in ("admin", "public") and name not in HOUSE
             and re.search(r"app\[DATABASE\]", path.read_text())]
    assert [] == wrong
