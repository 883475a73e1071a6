"""What somebody sends to an action or a composer that no screen of ours would send: refused in words, never a 500."""

from __future__ import annotations

import json

import pytest

from newsroom import reply, session, triage
from newsroom.conversation import find
from newsroom.reply import Composed, Via
from newsroom.triage import By, Wrong
from newsroom.web import application
from tests.house import SECRET, START, add_account, add_channel, author, paper, receive
from tests.test_outbox import CAN
from tests.web.site import START as NOW
from tests.web.site import site

HEAD = {"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080", "Sec-Fetch-Mode": "cors",
        "Accept": "application/json"}
HUGE = 10 ** 30
STRANGE = [
    ("subject", {"to": 5}), ("subject", {"to": "a\x00b"}), ("subject", {"to": None}), ("assign", {"to": HUGE}),
    ("assign", {"to": [1]}), ("assign", {"to": "9" * 5000}), ("team", {"to": 2 ** 31}), ("priority", {"to": 1e400}),
    ("close", {"reason": []}), ("label", {"add": [HUGE]}),
    ("label", {"add": [999]}), ("move", {"to": [], "was": "new"}), ("seal", {"readers": [99999]}),
    ("seal", {"readers": [HUGE]}), ("remove", {"message": HUGE, "reason": "x"}),
    ("remove", {"message": 1, "reason": 5}),
    ("move", {"to": "department", "was": "new", "department": 5, "until": "2026-12-01"}),
    ("move", {"to": "department", "was": "new", "department": "x", "until": 5}),
]


@pytest.fixture
async def chef(db):
    return await add_account(db, "Chef", "chef_dag")


@pytest.fixture
async def client(db):
    async with site(db, *application.PARTS) as client:
        yield client


@pytest.fixture
async def post(db, client, chef):
    async with db.transaction() as connection:
        token = await session.start(connection, chef.account_id, NOW, "127.0.0.1", "")

    async def post(path, body):
        headers = {**HEAD, "Cookie": f"newsroom-8080={token}", "Content-Type": "application/json"}
        return await client.post(path, headers=headers, data=body)

    post.cookie = f"newsroom-8080={token}"
    return post


@pytest.fixture
async def reference(db):
    channel = await add_channel(db)
    return (await receive(db, channel, paper("1", dict(id="1", **{"from": "anna@post.example"}))))[0].reference


@pytest.mark.parametrize(("verb", "arguments"), STRANGE)
async def test_strange_arguments_are_refused_in_words(post, reference, verb, arguments):
    body = json.dumps({"key": "k", "ids": [reference], "verb": verb, "args": arguments}).replace("Infinity", "1e300")
    answer = await post("/acties", body)
    assert 422 == answer.status, await answer.text()
    assert "error" in (await answer.json())["results"][0]


@pytest.mark.parametrize(("change", "status"), [({"ids": ["A\x00B"]}, 422), ({"ids": ["é" * 5000]}, 404),
                                                ({"key": "a\x00b"}, 422), ({"verb": []}, 422), ({"ids": []}, 422),
                                                ({"ids": [[1], {}, None]}, 200)])
async def test_strange_requests_are_refused_in_words(post, reference, change, status):
    answer = await post("/acties", json.dumps({"key": "k", "ids": [reference], "verb": "claim", "args": {}} | change))
    assert status == answer.status, await answer.text()


async def test_a_board_asked_after_a_strange_card_is_not_found(client, post):
    answer = await client.get("/bord/nog?kolom=new&na=%00", headers={**HEAD, "Cookie": post.cookie})
    assert 404 == answer.status


async def write(db, reference, scope, **more):
    async with db.transaction() as connection:
        row = await find(connection, reference, scope, lock=True)
        return await reply.answer(connection, row, By(scope.account_id, START), Composed(**more),
                                  Via(row.channel_id, "live", CAN, "voorbeeldstad.example", SECRET))


async def test_a_reply_is_never_taken_for_another(db, reference, chef):
    first = await write(db, reference, chef, client_id="c", text="Dag Anna")
    assert first == await write(db, reference, chef, client_id="c", text="Dag Anna")
    for client_id in ("c", ""):
        with pytest.raises(Wrong):
            await write(db, reference, chef, client_id=client_id, text="Iets heel anders")


async def test_a_reply_without_a_recipient_is_never_sent_to_who_sorts_first(db, reference, chef):
    to = (author("zoe@post.example"), author("anna@post.example"))
    await write(db, reference, chef, client_id="1", text="Dag", to=to)
    with pytest.raises(Wrong, match="wrong.no_recipient"):
        await write(db, reference, chef, client_id="2", text="Alleen voor een van beiden")


async def test_two_that_suggest_each_other_are_joined_once(db, chef):
    channel = await add_channel(db)
    receipts = await receive(db, channel, *(paper(n, dict(id=n, **{"from": f"{n}@post.example"})) for n in "ab"))
    a, b = (receipt.reference for receipt in receipts)
    async with db.transaction() as connection:
        one, other = await find(connection, a, chef), await find(connection, b, chef)
        await connection.execute("update conversation set suggestion = $1 + $2 - id where id in ($1, $2)",
                                 one.id, other.id)
    for reference in (a, b):
        async with db.transaction() as connection:
            row = await find(connection, reference, chef, lock=True)
            if row.suggestion:
                await triage.accept_suggestion(connection, row, By(chef.account_id, START), True)
    async with db.connection() as connection:
        assert {"new"} == {(await find(connection, reference, chef)).state for reference in (a, b)}


@pytest.mark.parametrize("change", [
    "update conversation set state = 'spam' where id = $1",
    "update conversation set state = 'closed', closed_at = last_at where id = $1",
    "update conversation set visibility = 'sealed:' || id where id = $1"])
async def test_what_cannot_be_joined_is_refused_in_the_same_words(db, chef, change):
    channel = await add_channel(db)
    receipts = await receive(db, channel, *(paper(n, dict(id=n, **{"from": f"{n}@post.example"})) for n in "ab"))
    a, b = (receipt.reference for receipt in receipts)
    async with db.transaction() as connection:
        other = await find(connection, b, chef)
        await connection.execute("update conversation set suggestion = $1 where reference = $2", other.id, a)
        await connection.execute(change, other.id)
        row = await find(connection, a, chef, lock=True)
        with pytest.raises(triage.Wrong) as wrong:
            await triage.accept_suggestion(connection, row, By(chef.account_id, START), True)
        assert ("wrong.join_wall", {}) == (wrong.value.key, wrong.value.values)
        left = await triage.accept_suggestion(connection, row, By(chef.account_id, START), False)
        assert ("new", None) == (left.state, left.suggestion)


async def test_a_message_from_a_clock_that_is_behind_still_asks_for_an_answer(db, chef):
    channel = await add_channel(db)
    mail = dict(id="1", at=-600, **{"from": "anna@post.example"})
    receipt, = await receive(db, channel, paper("1", mail))
    await write(db, receipt.reference, chef, client_id="c", text="Dag Anna")  # at START
    await receive(db, channel, paper("2", {**mail, "id": "2", "at": -300, "answers": ["1"]}))
    async with db.connection() as connection:
        row = await find(connection, receipt.reference, chef)
    assert (1, True) == (row.unread, row.waiting_since is not None)
