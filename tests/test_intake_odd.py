"""What is odd, broken or hostile: it is seen, it fits, it changes nothing of others and blocks none."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from connectors import Delivery, Incoming
from newsroom import arrival, delivery, intake, parser, triage
from newsroom.conversation import find
from newsroom.parser import CannotStart, Parsers
from newsroom.triage import By
from tests.house import (
    SECRET,
    START,
    US,
    Paper,
    add_account,
    add_channel,
    bring,
    make_intake,
    paper,
    partition,
    receive,
)
from tests.test_intake import ANNA, BEN, mail, rows


async def test_what_cannot_be_read_is_a_card_with_its_original(db):
    channel = await add_channel(db)
    receipts = await receive(db, channel, paper("1", raw=b"\xff not json"), paper("2", mail("m2")))
    found = await rows(db, "select reference, problem from conversation order by id")
    assert found == [{"reference": receipts[0].reference, "problem": "unreadable"},
                     {"reference": receipts[1].reference, "problem": ""}]
    async with db.connection() as connection:
        assert await delivery.original(connection, receipts[0].id, 0, 100) == b"\xff not json"


async def test_what_the_source_may_know_of_a_delivery_stays_when_it_is_read_again(db):
    channel = await add_channel(db)
    one = mail("m1", identity="one")
    receipts = await receive(db, channel, paper("1", one), paper("2", one), paper("3", one | {"kind": "edit", "at": 1}),
                             paper("4", raw=b"\xff not json"))

    async def states() -> list[str]:
        async with db.connection() as connection:
            return [(await delivery.look(connection, channel, one.reference)).state for one in receipts]

    assert ["read", "read", "read", "unreadable"] == await states()
    async with db.transaction() as connection:
        await delivery.replay(connection, [one.id for one in receipts])
    assert ["received"] * 3 == (await states())[:3]
    await make_intake(db).drain()
    assert ["read", "read", "read", "unreadable"] == await states()


async def test_text_that_the_database_refuses_is_cleaned_or_shown(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1", subject="nul \x00 en half \ud800", text="\x00")))
    found = await rows(db, "select subject from conversation")
    assert found == [{"subject": "nul  en half ?"}]


@pytest.mark.parametrize("clock", [-365 * 30, -3, 1, 365 * 60], ids=lambda days: f"{days} days")
async def test_a_senders_wrong_clock_changes_no_place_in_the_thread(db, clock):
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, sanne, lock=True)
        await triage.move(connection, row, By(sanne.account_id, START + timedelta(hours=2)), "waiting", "new")
    late = paper("2", mail("m2", ANNA, "m1", at=clock * 86400), received=START + timedelta(hours=3))
    await receive(db, channel, late)
    found, = await rows(db, "select state, last_at, waiting_since, due_at from conversation")
    assert (found["state"], found["last_at"]) == ("new", late.received_at)
    assert START <= found["waiting_since"] <= late.received_at < found["due_at"]
    found, = await rows(db, "select at, problems from message where external_id = 'm2'")
    assert (found["at"], found["problems"]) == (late.received_at, ["odd-time"])


async def test_a_mail_that_waited_a_day_keeps_its_time(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1"), received=START + timedelta(hours=30)))
    assert await rows(db, "select at, problems from message") == [{"at": START, "problems": []}]


async def test_names_ids_and_addresses_of_any_length_fit_and_stay_apart(db):
    channel, long = await add_channel(db), "é" * 9000
    await receive(db, channel, paper(long + "1", mail(f"{long}@1", f"{long}@a.example", identity=long + "1")),
                  paper(long + "2", mail(f"{long}@2", f"{long}@a.example", f"{long}@1", identity=long + "2", at=2)),
                  paper(long + "3", mail(f"{long}@3", f"{long}@b.example", f"{long}@1", identity=long + "3", at=3)))
    assert [{"n": 2}, {"n": 1}] == await rows(db, "select count(*) as n from message group by conversation_id"
                                                  " order by conversation_id")
    assert [{"n": 3, "problem": ""}] == await rows(db, "select count(*) as n, problem from delivery group by problem")
    again, = await bring(db, channel, paper(long + "2", mail("x")))
    assert again.differs


async def test_half_letters_and_nul_in_every_field_are_put_right(db):
    channel, odd = await add_channel(db), "a\x00\ud800b"
    await receive(db, channel, paper("1", mail(odd, f"{odd}@x.example", odd, subject=odd, text=odd, to=[odd], cc=[odd],
                                               identity=odd, files=[[odd, "x"]], problems=[odd])))
    found, = await rows(db, "select author_address, external_id, body, recipients, problems from message")
    assert ("a?b@x.example", "a?b", ["a?b"]) == (found["author_address"], found["external_id"], found["problems"])
    assert [{"name": "a?b"}] == await rows(db, "select name from attachment")
    assert [{"problem": ""}] == await rows(db, "select problem from conversation")


async def test_a_file_name_cannot_turn_itself_round(db):
    await receive(db, await add_channel(db), paper("1", mail("m1", files=[["foto\u202egpj.exe\n", "x"]])))
    assert [{"name": "fotogpj.exe"}] == await rows(db, "select name from attachment")


async def test_ten_thousand_recipients_are_told_and_cost_little(db):
    channel = await add_channel(db)
    many = [f"p{n}@buurt.example" for n in range(10_000)]
    await receive(db, channel, paper("1", mail("m1", US, *[f"r{n}" for n in range(99)], direction="out", to=many)))
    found, = await rows(db, "select jsonb_array_length(recipients->'to') as n, problems from message")
    assert (500, ["too-many-recipients"]) == (found["n"], found["problems"])
    keys, = await rows(db, "select count(*) as n from thread_key")
    assert keys["n"] == 100 * 50


async def test_only_an_address_of_the_web_is_a_source(db, monkeypatch):
    channel, plain = await add_channel(db), Paper.parse
    urls = iter(["https://plein.example/1", "javascript:alert(1)", "http://[", "data:text/html,x"])

    def parse(item: Delivery) -> list[Incoming]:
        return [arrival.replace(one, source_url=next(urls)) for one in plain(item)]

    monkeypatch.setattr(Paper, "parse", staticmethod(parse))
    await receive(db, channel, *[paper(str(n), mail(f"m{n}")) for n in range(4)])
    found = await rows(db, "select source_url from message order by external_id")
    assert ["https://plein.example/1", "", "", ""] == [row["source_url"] for row in found]


class Refusing:
    """Writes batches, but not one that holds a delivery of these keys."""

    def __init__(self, keys: set[str], arrive):
        self.keys, self.arrive, self.tries = keys, arrive, 0

    async def __call__(self, connection, pairs, house, at):
        self.tries += 1
        for stored, items in pairs:
            if stored.delivery.key in self.keys and "unreadable" not in items[0].problems:
                raise ValueError("cannot be written")
        return await self.arrive(connection, pairs, house, at)


async def test_one_that_cannot_be_written_is_found_in_a_few_tries_among_hundreds(db, monkeypatch):
    channel = await add_channel(db)
    refusing = Refusing({"150"}, arrival.arrive)
    monkeypatch.setattr(intake.arrival, "arrive", refusing)
    await receive(db, channel, *[paper(str(n), mail(f"m{n}", f"p{n}@buurt.example")) for n in range(400)])
    assert [{"n": 399}, {"n": 1}] == await rows(db, "select count(*) as n from conversation group by problem"
                                                    " order by problem")
    assert refusing.tries < 40


async def test_another_worker_s_delivery_is_not_refused_instead(db, monkeypatch):
    channel = await add_channel(db)
    await bring(db, channel, paper("1", mail("m1")), paper("2", mail("m2", BEN)))
    worker = make_intake(db)
    worker._claimed[False] = -1  # what it failed on is somebody else's by now
    assert 1 == await worker._batch(False, 1, refuse=-1)
    assert [{"problem": ""}] == await rows(db, "select problem from conversation")


async def test_a_parser_that_cannot_start_is_waited_for(db, monkeypatch):
    """No room for a process is no fault of the mail."""
    channel = await add_channel(db, kind="hostile")
    monkeypatch.setattr(parser, "PROGRAM", "raise SystemExit")
    await bring(db, channel, paper("1", mail("m1")))
    parsers, kind = Parsers(), type("Hostile", (Paper,), {"hostile_input": True})
    worker = intake.Intake(db, {"hostile": kind}, parsers, SECRET, lambda: None)
    with pytest.raises(CannotStart):
        await worker.step(slow=False)
    assert intake.is_away(CannotStart("no room"))
    assert [{"state": "new"}] == await rows(db, "select state from delivery")
    await parsers.close()


async def test_what_can_be_read_after_all_gets_all_that_it_lacked(db):
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    item = mail("m1", ANNA, "m0", subject="Afval", to=[US], files=[["foto.txt", "hallo"]])
    receipt, = await receive(db, channel, paper("1", raw=b"broken " + json.dumps(item).encode()))
    assert [{"problem": "unreadable"}] == await rows(db, "select problem from conversation")
    async with db.transaction() as connection:
        await connection.execute("update delivery set body = substr(body, 8)")  # the parser was mended
        await delivery.replay(connection, [receipt.id])
    await make_intake(db).drain()
    async with db.connection() as connection:
        row = await find(connection, receipt.reference, sanne)
    assert ("", "Afval", "Anna", "Tekst van m1") == (row.problem, row.subject, row.author, row.excerpt)
    found, = await rows(db, "select recipients, answers_to, (select name from attachment) as file from message")
    assert ([["email", US, "Info"]], ["m0"], "foto.txt") == (found["recipients"]["to"], found["answers_to"],
                                                           found["file"])
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", at=60)))
    assert [["m1", "m2"]] == [value["messages"] for value in (await partition(db)).values()]
