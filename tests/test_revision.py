"""What a writer changes or deletes where it was written changes here too, in whatever order it is told."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest

from newsroom import delivery
from newsroom.event import history
from tests.house import START, US, add_account, add_channel, bring, make_intake, paper, receive
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


@pytest.mark.parametrize("alike", [True, False], ids=["one identity", "an identity each"])
async def test_in_any_order_it_is_one_message_with_all_that_it_said(db, alike):
    channel, orders = await add_channel(db), [*itertools.permutations(range(3)), *itertools.permutations(range(3))]
    for number, order in enumerate(orders):
        said = [{"kind": "message", "text": "een"}, *({"kind": "edit", "text": text, "at": at} for text, at in
                                                      (("twee", 60), ("drie", 120)))]
        items = [paper(f"{number}/{turn}", {"id": f"m{number}", "from": f"p{number}@post.example",
                                            "identity": f"m{number}" + ("" if alike else f"|{turn}"), **one})
                 for turn, one in enumerate(said)]
        for turn in order if number < 6 else ():  # one by one, or in one batch
            await receive(db, channel, items[turn])
        await receive(db, channel, *(items[turn] for turn in order))
    found = await rows(db, "select kind, body, at, edited_at, earlier from message")
    moments = [(START + timedelta(seconds=at)).isoformat() for at in (0, 60)]
    once = {"kind": "message", "body": "drie", "at": START, "edited_at": START + timedelta(seconds=120),
            "earlier": list(map(list, zip(moments, ("een", "twee"), strict=True)))}
    assert [once] * len(orders) == found
    assert [{"waiting_since": START, "created_at": START, "excerpt": "drie"}] * len(orders) == await rows(
        db, "select waiting_since, created_at, excerpt from conversation where state = 'new'")


async def test_two_edits_at_once_of_what_never_came_are_one_message(db):
    await receive(db, await add_channel(db), paper("1", edit("drie", 120, identity="b")),
                  paper("2", edit("twee", 60, identity="a")))
    found = await rows(db, "select body, at, earlier from message")
    assert [{"body": "drie", "at": START + timedelta(seconds=60),
             "earlier": [[(START + timedelta(seconds=60)).isoformat(), "twee"]]}] == found


async def test_an_answer_before_the_question_was_changed_answers_it(db):
    """The change came first, and looks newer than our answer."""
    channel = await add_channel(db)
    await receive(db, channel, paper("2", edit("Wanneer gaat de sluis open?", 90, answers=["m0"])))
    await receive(db, channel, paper("s", mail("s1", US, "m0", direction="out", to=[ANNA], at=60)))
    assert [{"state": "new"}] == await rows(db, "select state from conversation")
    await receive(db, channel, paper("1", mail("m1", ANNA, "m0", **BRIDGE)))
    assert [{"state": "waiting", "waiting_since": None}] == await rows(
        db, "select state, waiting_since from conversation")


async def test_a_message_and_what_became_of_it_meet_at_once(db):
    """Also when it is told without saying whose it is."""
    channel = await add_channel(db)
    for turn in range(10):
        id = f"m{turn}"
        await bring(db, channel, paper(f"{turn}/1", mail(id, text="rode envelop")),
                    paper(f"{turn}/2", {"id": id, "from": "", "kind": "edit", "text": "rode envelop!", "at": 5}),
                    paper(f"{turn}/3", {"id": id, "from": "", "kind": "deletion", "at": 9}))
        await asyncio.gather(*(make_intake(db).step(slow=False, limit=1) for _ in range(3)))
    await make_intake(db).drain()
    found = await rows(db, "select removed_at is not null as gone from message")
    assert [{"gone": True}] * 10 == found
    assert "rode envelop" not in await whole_database(db)


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


@pytest.mark.parametrize("alike", [True, False], ids=["one identity", "an identity each"])
async def test_a_deletion_may_come_first(db, alike):
    channel, orders = await add_channel(db), list(itertools.permutations(range(3)))
    for number, order in enumerate(orders):
        id = f"m{number}"
        items = [first() | {"text": "rode envelop"}, edit("rode envelop"), deletion()]
        for turn in order:
            identity = id if alike else f"{id}|{turn}"
            await receive(db, channel, paper(f"{number}/{turn}", items[turn] | {"id": id, "identity": identity}))
    assert "rode envelop" not in await whole_database(db)
    async with db.transaction() as connection:
        await delivery.replay(connection, [row["id"] for row in await connection.fetch("select id from delivery")])
    await make_intake(db).drain()
    found = await rows(db, "select kind, body, at, removed_at is not null as gone from message")
    assert [{"kind": "message", "body": "", "at": START, "gone": True}] * len(orders) == found


async def test_all_in_one_batch(db):
    channel = await add_channel(db)
    await bring(db, channel, paper("1", first()), paper("2", edit("twee")), paper("3", mail("m2", BEN)),
                paper("4", deletion("m2", **{"from": BEN})), paper("5", edit("vier", id="m2", **{"from": BEN})))
    for _ in range(2):
        await make_intake(db).drain()
        found = await rows(db, "select external_id, body, removed_at is not null as gone from message order by 1")
        assert [("m1", "twee", False), ("m2", "", True)] == [tuple(row.values()) for row in found]
        async with db.transaction() as connection:
            await delivery.replay(connection, [row["id"] for row in await connection.fetch("select id from delivery")])


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
