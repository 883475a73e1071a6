"""Deliveries that meet: the same one twice at once, copies, and answers to what is closed, joined, spam or sealed."""

from __future__ import annotations

import asyncio
import json

import pytest

from connectors import Delivery, DeliveryKey
from connectors.email import Email
from connectors.web_form import WebForm
from newsroom import delivery, triage
from newsroom.conversation import find
from newsroom.triage import By
from tests.house import START, US, add_account, add_channel, add_team, bring, make_intake, paper, partition, receive
from tests.test_intake import ANNA, EVE, mail, rows


async def subject(db, id: int | None) -> str | None:
    return next((row["subject"] for row in await rows(db, "select subject from conversation where id = $1", id)), None)


async def test_two_copies_from_nobody_at_once_are_one_message(db):
    """Without an address there is no party to lock: the index of identities decides, and no false card is made."""
    channel = await add_channel(db)
    for turn in range(10):
        same = [paper(f"{turn}/{n}", {"id": f"m{turn}", "from": "", "identity": f"same{turn}"}) for n in range(4)]
        await bring(db, channel, *same)
        workers = [make_intake(db) for _ in range(4)]
        await asyncio.gather(*(worker.step(slow=False, limit=1) for worker in workers))
        await workers[0].drain()
    found = await rows(db, "select kind, count(*) as n from message group by kind")
    assert [{"kind": "message", "n": 10}] == found


async def test_the_same_delivery_at_once_over_many_connections_is_one(db):
    channel = await add_channel(db)
    writers = [delivery.Writer(db, lambda: None) for _ in range(6)]
    receipts = await asyncio.gather(*(writer.put(channel, paper("1", mail("m1"))) for writer in writers))
    assert 1 == len({receipt.reference for receipt in receipts}) == sum(receipt.fresh for receipt in receipts)
    await asyncio.gather(*(make_intake(db).drain() for _ in range(4)))
    assert ["m1"] == list(await partition(db))


async def test_an_answer_to_what_is_spam_stays_in_the_spam_folder_and_is_found_there(db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        await triage.spam(connection, row, By(chef.account_id, START), block=False)
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", at=5)))
    assert [{"state": "spam"}] == await rows(db, "select state from conversation")


async def test_a_thread_of_another_channel_behind_a_wall_is_not_entered(db):
    team = await add_team(db, "Jeugd", restricted=True)
    info, jeugd = await add_channel(db), await add_channel(db, "Jeugd", "jeugd@voorbeeldstad.example", team)
    await receive(db, jeugd, paper("1", mail("m1", subject="Geheim")))
    await receive(db, info, paper("2", mail("m2", ANNA, "m1", at=5)), paper("3", mail("m3", EVE, "m1", at=6)))
    found = await rows(db, "select visibility, suggestion, subject from conversation order by id")
    assert [f"team:{team}", "open", "open"] == [row["visibility"] for row in found]
    assert [None, "Afval"] == [await subject(db, row["suggestion"]) for row in found[1:]]  # of its own channel alone


async def test_an_answer_across_a_sealed_and_an_open_one_joins_neither_to_the_other(db):
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "chef_dag")
    one, _ = await receive(db, channel, paper("1", mail("m1")), paper("2", mail("m2", at=1)))
    async with db.transaction() as connection:
        row = await find(connection, one.reference, sanne, lock=True)
        await triage.seal(connection, row, By(sanne.account_id, START), [sanne.account_id])
    await receive(db, channel, paper("3", mail("m3", ANNA, "m1", "m2", at=9)))
    assert 2 == len(await rows(db, "select id from conversation where state <> 'merged'"))


async def test_a_copy_of_a_conversation_long_closed_is_not_an_empty_card(db):
    one, two = await add_channel(db), await add_channel(db, "Twee", "twee@voorbeeldstad.example")
    chef = await add_account(db, "Chef", "chef_dag")
    async with db.transaction() as connection:
        reason = await connection.fetchval("insert into close_reason (name_nl, name_en, outcome)"
                                           " values ('Klaar', 'Done', 'answered') returning id")
    item = mail("m1", copy_of="m1|body", to=[US, "twee@voorbeeldstad.example"])
    receipt, = await receive(db, one, paper("1", item))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        await triage.close(connection, row, By(chef.account_id, START), reason, row.last_message_id)
        await connection.execute("update conversation set closed_at = closed_at - interval '60 days'")
    await receive(db, two, paper("1", item))
    assert [] == await rows(db, "select id from conversation c where not exists"
                                " (select from message m where m.conversation_id = c.id)")


async def test_empty_files_are_files(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1", files=[["a.txt", ""], ["b.txt", ""]])))
    assert [{"name": "a.txt", "size": 0}, {"name": "b.txt", "size": 0}] == await rows(
        db, "select name, size from attachment order by place")


DEEP = b'{"fields": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}"
ODD = [(WebForm, DEEP), (WebForm, b"[" * 200_000), (WebForm, json.dumps({"text": "a\ud800\x00"}).encode()),
       (Email, b"".join(b"X-%d: y\r\n" % n for n in range(100_000)) + b"From: a@post.example\r\n\r\nHallo"),
       (Email, b""), (Email, b"\x00" * 1000), (Email, b"References: " + b"<a@b> " * 100_000 + b"\n\nx")]


@pytest.mark.parametrize(("kind", "raw"), ODD, ids=range(len(ODD)))
async def test_what_no_program_sends_becomes_a_card(kind, raw):
    assert 1 == len(kind.parse(Delivery(DeliveryKey("k"), raw, START)))
