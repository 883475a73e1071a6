"""A wrongly received message: its words go everywhere, its place stays, and nothing of others goes with it."""

from __future__ import annotations

import json

import pytest

from newsroom import delivery, removal, reply
from newsroom.conversation import find
from newsroom.reply import Composed, Via
from newsroom.triage import By, Wrong
from tests.house import SECRET, START, Paper, add_account, add_channel, make_intake, paper, receive
from tests.test_intake import ANNA, BEN, mail, rows

SECRET_WORDS = "rode envelop"


@pytest.fixture
async def chef(db):
    return await add_account(db, "Chef", "chef_dag")


async def remove(db, chef, reference: str, id: int | None = None, reason: str = "Verkeerd adres"):
    async with db.transaction() as connection:
        row = await find(connection, reference, chef, lock=True)
        return await removal.remove(connection, row, By(chef.account_id, START), id or row.last_message_id, reason)


async def whole_database(db) -> str:
    async with db.connection() as connection:
        tables = [row["tablename"] for row in await connection.fetch(
            "select tablename from pg_tables where schemaname = 'public'")]
        texts = [str([dict(row) for row in await connection.fetch(f"select * from {table}")])  # noqa: S608
                 for table in tables]
    return "\n".join(texts)


async def test_its_words_are_nowhere_any_more(db, chef):
    info, other = await add_channel(db), await add_channel(db, "Balie", "balie@voorbeeldstad.example")
    item = mail("m1", subject=f"Een {SECRET_WORDS}", copy_of="same", files=[["dossier.txt", f"de {SECRET_WORDS}"]])
    item["text"] = f"Over de {SECRET_WORDS}."
    receipt, = await receive(db, info, paper("1", item))
    await receive(db, other, paper("2", item))
    assert SECRET_WORDS in await whole_database(db)
    await remove(db, chef, receipt.reference)
    assert SECRET_WORDS not in await whole_database(db)
    found, = await rows(db, "select removed_reason, removed_at from message")
    assert ("Verkeerd adres", START) == (found["removed_reason"], found["removed_at"])


async def test_the_card_takes_the_words_that_are_left(db, chef):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1", subject="Afval")))
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", subject="Geheim", at=60)))
    row = await remove(db, chef, receipt.reference)
    assert ("Afval", "Tekst van m1") == (row.subject, row.excerpt)
    first, = await rows(db, "select id from message where external_id = 'm1'")
    row = await remove(db, chef, receipt.reference, first["id"])
    assert ("", "") == (row.subject, row.excerpt)


async def test_files_and_items_of_others_stay(db, chef):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1", files=[["a.txt", "gelijk"], ["b.txt", "eigen"]]),
                                                mail("m2", BEN, files=[["a.txt", "gelijk"]])))
    await remove(db, chef, receipt.reference)
    assert [{"content": b"gelijk"}] == await rows(db, "select content from blob")
    assert [{"body": "Tekst van m2"}] == await rows(db, "select body from message where external_id = 'm2'")


async def test_it_is_not_read_again(db, chef):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", raw=b"broken"))
    await remove(db, chef, receipt.reference)
    async with db.transaction() as connection:
        await connection.execute("update delivery set body = $1", json.dumps(mail("m1")).encode())
        await delivery.replay(connection, [receipt.id])
    assert 0 == await make_intake(db).drain()


async def test_its_words_do_not_come_back(db, chef):
    """From a mailbox that was renumbered, and from another mailbox that is read later."""
    info, other = await add_channel(db), await add_channel(db, "Balie", "balie@voorbeeldstad.example")
    item = mail("m1", subject=f"Een {SECRET_WORDS}", copy_of="same", identity="m1|hash")
    receipt, = await receive(db, info, paper("1", item))
    await remove(db, chef, receipt.reference)
    await receive(db, info, paper("7/1", item))
    await receive(db, other, paper("1", item))
    assert SECRET_WORDS not in await whole_database(db)
    assert [{"problem": "removed", "n": 3}] == await rows(db, "select problem, count(*) as n from delivery group by 1")
    await receive(db, info, paper("2", mail("m2", subject=f"Nog een {SECRET_WORDS}", copy_of="more", identity="m2|h")))
    assert SECRET_WORDS in await whole_database(db)


async def test_a_reason_is_asked_and_a_reply_of_our_own_cannot_be_removed(db, chef):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    with pytest.raises(Wrong) as wrong:
        await remove(db, chef, receipt.reference, reason=" ")
    assert "wrong.removal_reason" == wrong.value.key
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        id = await reply.answer(connection, row, By(chef.account_id, START), Composed("c1", "Dag Anna"),
                                Via(channel, "live", Paper.capabilities, "voorbeeldstad.example", SECRET))
    with pytest.raises(Wrong) as wrong:
        await remove(db, chef, receipt.reference, id)
    assert "wrong.remove_own" == wrong.value.key
    assert [{"body": "Dag Anna"}] == await rows(db, "select body from message where direction = 'out'")
