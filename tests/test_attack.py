"""What a stranger sends to stop, slow or mislead the house: no delivery ever blocks another."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import pytest

from newsroom import delivery
from newsroom.parser import Slow
from tests.house import Paper, add_channel, bring, make_intake, paper, receive

LONG = "".join(random.Random(1).choice("abcdefghijklmnopqrstuvwxyz0123456789") for _ in range(5000))
POISON = {
    "half a character in an address": dict(id="1", **{"from": "an\ud800na@post.example"}),
    "half a character in a name": dict(id="1\udfff", **{"from": "anna@post.example"}, subject="\ud800"),
    "a NUL in an address": dict(id="1", **{"from": "an\x00na@post.example"}),
    "a NUL in a file name": dict(id="1", **{"from": "anna@post.example"}, files=[["a\x00.txt", "x"]]),
    "a NUL in the mark of copies": dict(id="1", **{"from": "anna@post.example"}, copy_of="\x00"),
    "an address longer than an index takes": dict(id="1", **{"from": LONG + "@post.example"}),
    "an id longer than an index takes": dict(id="".join(map(chr, range(0x10000, 0x10000 + 4000))),
                                             **{"from": "anna@post.example"}),
}


async def outcomes(db) -> list[str]:
    async with db.connection() as connection:
        return [row["state"] for row in await connection.fetch("select state from delivery order by id")]


@pytest.mark.parametrize("poison", POISON.values(), ids=list(POISON))
async def test_a_poisoned_delivery_becomes_a_card_and_blocks_no_other(db, poison):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", poison), paper("2", dict(id="2", **{"from": "bart@post.example"})))
    async with db.connection() as connection:
        cards = await connection.fetchval("select count(*) from conversation")
    assert (["done", "done"], 2) == (await outcomes(db), cards)


@pytest.mark.parametrize("meta", [{"team": "999"}, {"team": "x"}, {"priority": "9"}, {"labels": "1,x"}])
async def test_a_delivery_with_impossible_settings_becomes_a_card_all_the_same(db, meta):
    channel = await add_channel(db)
    mail = dict(id="1", **{"from": "anna@post.example"})
    await receive(db, channel, paper("1", mail, **meta), paper("2", {**mail, "id": "2"}))
    async with db.connection() as connection:
        cards = await connection.fetchval("select count(*) from conversation")
    assert (["done", "done"], 2) == (await outcomes(db), cards)


async def test_a_channel_made_a_moment_ago_is_read_at_once(db):
    intake, first = make_intake(db), await add_channel(db)
    await bring(db, first, paper("1", dict(id="1", **{"from": "anna@post.example"})))
    await intake.drain()
    second = await add_channel(db, "Second", "tweede@voorbeeldstad.example")
    await bring(db, second, paper("2", dict(id="2", **{"from": "bart@post.example"})))
    await intake.drain()
    async with db.connection() as connection:
        kinds = [row["kind"] for row in await connection.fetch("select kind from message order by id")]
    assert ["message", "message"] == kinds


async def test_a_fault_of_our_own_stops_neither_lane(db, monkeypatch):
    channel, intake = await add_channel(db), make_intake(db)
    faults = [KeyError("a fault"), RuntimeError("another")]
    real = intake._batch

    async def faulty(*arguments, **more):
        if faults:
            raise faults.pop()
        return await real(*arguments, **more)

    monkeypatch.setattr(intake, "_batch", faulty)
    monkeypatch.setattr("newsroom.intake.POLL_SECONDS", 0.01)
    await bring(db, channel, paper("1", dict(id="1", **{"from": "anna@post.example"})))
    running = asyncio.create_task(intake.run())
    async with asyncio.timeout(10):
        while await outcomes(db) != ["done"]:
            assert not running.done()
            await asyncio.sleep(0.01)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_one_bad_delivery_in_a_burst_of_five_hundred_costs_a_few_commits(db, monkeypatch):
    channel, commits = await add_channel(db), []
    writer = delivery.Writer(db, lambda: None)
    real = writer._write

    async def counted(batch):
        commits.append(len(batch))
        await real(batch)

    monkeypatch.setattr(writer, "_write", counted)
    items = [paper(str(n), dict(id=str(n)), **({"note": "nul \x00"} if n == 321 else {})) for n in range(500)]
    results = await asyncio.gather(*(writer.put(channel, item) for item in items), return_exceptions=True)
    assert [321] == [n for n, result in enumerate(results) if isinstance(result, Exception)]
    assert 500 == commits[0] and len(commits) < 25


async def test_a_fault_that_nobody_foresaw_is_told_to_all_who_wait(db, monkeypatch):
    channel, writer = await add_channel(db), delivery.Writer(db, lambda: None)

    async def faulty(batch):
        raise RuntimeError("a fault")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_write", faulty)
        async with asyncio.timeout(10):
            results = await asyncio.gather(*(writer.put(channel, paper(n, dict(id=n))) for n in "ab"),
                                           return_exceptions=True)
    assert ["RuntimeError"] * 2 == [type(result).__name__ for result in results]
    assert (await writer.put(channel, paper("c", dict(id="c")))).fresh


async def test_a_few_large_deliveries_do_not_fill_memory(db, monkeypatch):
    channel = await add_channel(db)
    text = "x" * 1000
    await bring(db, channel, *(paper(str(n), dict(id=str(n), text=text, **{"from": "anna@post.example"}))
                               for n in range(5)))
    monkeypatch.setattr("newsroom.delivery.CLAIM_BYTES", 2500)
    intake = make_intake(db)
    assert [2, 2, 1, 0] == [await intake.step(slow=False) for _ in range(4)]


async def test_many_slow_deliveries_end_their_transaction_in_time(db, monkeypatch):
    channel, intake = await add_channel(db), make_intake(db)
    await bring(db, channel, *(paper(str(n), dict(id=str(n), **{"from": "anna@post.example"})) for n in range(4)))

    class Wedged:
        async def parse(self, kind, deliveries, quick):
            raise Slow

    monkeypatch.setattr(Paper, "hostile_input", True)
    monkeypatch.setattr("newsroom.intake.READ_SECONDS", 0.0)
    monkeypatch.setattr(intake, "_parsers", Wedged())
    assert [1, ["slow", "new", "new", "new"]] == [await intake.step(slow=False), await outcomes(db)]
