"""What a writer changes or deletes where it was written changes here too, in whatever order it is told."""

from __future__ import annotations

import itertools

import pytest

from newsroom import delivery
from newsroom.event import history
from tests.house import START, add_account, add_channel, bring, make_intake, paper, receive
from tests.test_intake import ANNA, BEN, mail, rows
from tests.test_removal import remove, whole_database

BRIDGE = {"identity": "m1", "subject": "", "files": [["a.txt", "eerste foto"]]}


def first() -> dict:
    return mail("m1", **BRIDGE)


def edit(text: str, at: int = 60, **more) -> dict:
    return {"id": "m1", "from": ANNA, "identity": "m1", "kind": "edit", "text": text, "at": at, **more}


def deletion(id: str = "m1", **more) -> dict:
    return {"id": id, "from": ANNA, "identity": id, "kind": "deletion", "at": 90, **more}


async def test_an_edit_shows_the_new_words_and_keeps_the_earlier(db):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", first()))
    await receive(db, channel, paper("2", edit("Wanneer gaat de sluis open?", files=[["b.txt", "tweede foto"]])))
    await receive(db, channel, paper("2", edit("Wanneer gaat de sluis open?", files=[["b.txt", "tweede foto"]])))
    found, = await rows(db, "select body, kind, earlier, edited_at is not null as edited from message")
    assert ("Wanneer gaat de sluis open?", "message", True) == (found["body"], found["kind"], found["edited"])
    assert [[START.isoformat(), "Tekst van m1"]] == found["earlier"]
    assert [{"content": b"tweede foto"}] == await rows(db, "select content from blob")
    card, = await rows(db, "select id, excerpt, unread from conversation")
    assert ("Wanneer gaat de sluis open?", 1) == (card["excerpt"], card["unread"])
    async with db.connection() as connection:
        assert ["received", "edited"] == [one.kind for one in await history(connection, card["id"])]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_edits_in_any_order_end_with_the_last(db, order):
    channel = await add_channel(db)
    items = [paper("1", first()), paper("2", edit("twee", 60)), paper("3", edit("drie", 120))]
    for number in order:
        await receive(db, channel, items[number])
    found, = await rows(db, "select body from message")
    assert "drie" == found["body"]
    assert 1 == len(await rows(db, "select id from conversation"))


async def test_a_deletion_takes_the_words_everywhere(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", first() | {"text": "de rode envelop"}))
    await receive(db, channel, paper("2", edit("de rode envelop is weg")))
    await receive(db, channel, paper("3", deletion()))
    assert "rode envelop" not in await whole_database(db)
    found, = await rows(db, "select removed_at is not null as gone, removed_reason, earlier from message")
    assert (True, "", []) == (found["gone"], found["removed_reason"], found["earlier"])
    assert [{"body": b"", "problem": "removed"}] * 2 == await rows(
        db, "select body, problem from delivery where key in ('1', '2')")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_deletion_may_come_first(db, order):
    channel = await add_channel(db)
    items = [paper("1", first() | {"text": "rode envelop"}), paper("2", edit("rode envelop")), paper("3", deletion())]
    for number in order:
        await receive(db, channel, items[number])
    assert "rode envelop" not in await whole_database(db)
    async with db.transaction() as connection:
        await delivery.replay(connection, [row["id"] for row in await connection.fetch("select id from delivery")])
    await make_intake(db).drain()
    found, = await rows(db, "select body, removed_at is not null as gone from message")
    assert ("", True) == (found["body"], found["gone"])


async def test_all_in_one_batch(db):
    channel = await add_channel(db)
    await bring(db, channel, paper("1", first()), paper("2", edit("twee")), paper("3", mail("m2", BEN)),
                paper("4", deletion("m2", **{"from": BEN})))
    await make_intake(db).drain()
    found = await rows(db, "select external_id, body, removed_at is not null as gone from message order by 1")
    assert [("m1", "twee", False), ("m2", "", True)] == [tuple(row.values()) for row in found]


async def test_what_staff_removed_stays_removed(db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", first()))
    await remove(db, chef, receipt.reference)
    await receive(db, channel, paper("2", edit("toch weer de rode envelop")))
    assert "rode envelop" not in await whole_database(db)


async def test_public_and_private_never_share_a_conversation(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1", public=True)))
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", public=False)))
    await receive(db, channel, paper("3", mail("m3", ANNA, "m2", "m1", public=True)))
    await receive(db, channel, paper("4", mail("m4", ANNA, "m3", "m2")))
    found = await rows(db, "select c.public, array_agg(m.external_id order by m.external_id) as messages,"
                           " bool_and(m.public = c.public) as pure, max(c.suggestion) as suggestion"
                           " from conversation c join message m on m.conversation_id = c.id group by c.id order by 1")
    assert [(False, ["m2", "m4"], True, None), (True, ["m1", "m3"], True, None)] == \
        [tuple(row.values()) for row in found]
