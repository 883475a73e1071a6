"""The entrance of every channel that is pushed to: signed by the other side, or nothing of it is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from connectors import Secret, signature, webhook
from connectors.webhook import Webhook
from newsroom import channel as channels
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.web import limits, receipt
from tests.house import add_channel
from tests.web.site import START, site
from tests.web.test_receipt import problem, stored

HOOK = "een-geheim-van-minstens-24-tekens"
EVENT = b'{"id": "m-1", "text": "De lantaarn is uit.", "author": {"kind": "email", "address": "jan@voorbeeld.example"}}'


def signed(raw=EVENT, id="evt-1", at=START, secret=HOOK):
    return {"Content-Type": "application/json", **signature.sign([signature.key(secret)], id, at, raw)}


@pytest.fixture
async def pushed(db):
    return await add_channel(db, "Ander systeem", "", kind="webhook")


@pytest.fixture
async def door(db, pushed):
    connectors = {pushed: Webhook(webhook.Settings(Secret(HOOK))), 999: Webhook(webhook.Settings(Secret(HOOK + "2")))}
    async with site(db, receipt.routes, connectors=connectors) as client:
        yield client


async def test_a_signed_event_is_one_delivery_however_often_it_comes(db, door, pushed):
    answers = await asyncio.gather(*(door.post(f"/ontvangst/{pushed}", data=EVENT, headers=signed())
                                     for _ in range(20)))
    assert {200} == {answer.status for answer in answers}
    row, = await stored(db)
    assert ("evt-1", EVENT, "application/json") == (row["key"], row["body"], row["content_type"])
    assert {row["reference"]} == {(await answer.json())["reference"] for answer in answers}


async def test_other_bytes_under_one_id_are_kept_beside_the_first(db, door, pushed):
    other = EVENT.replace(b"uit", b"weer aan")
    for raw in (EVENT, other, other):
        assert 200 == (await door.post(f"/ontvangst/{pushed}", data=raw, headers=signed(raw))).status
    assert [EVENT, other] == [row["body"] for row in await stored(db)]
    assert "evt-1" == (await stored(db))[1]["meta"]["same_key_other_bytes"]


TRICKS = {
    "unsigned": {"Content-Type": "application/json"}, "stale": signed(at=START - timedelta(seconds=301)),
    "early": signed(at=START + timedelta(seconds=301)), "forged": signed(secret=HOOK[::-1]),
    "of other bytes": signed(EVENT + b" "), "under another id": {**signed(), "webhook-id": "evt-2"},
    "of another account": signed(secret=HOOK + "2"), "with odd bytes": {**signed(), "webhook-signature": "v1,\udce9"},
}


@pytest.mark.parametrize("headers", TRICKS.values(), ids=TRICKS)
async def test_what_is_not_signed_by_the_other_side_leaves_nothing(db, door, pushed, headers):
    await problem(await door.post(f"/ontvangst/{pushed}", data=EVENT, headers=headers), 401)
    assert [] == await stored(db)


@pytest.mark.parametrize("raw", [b"hallo", b"[]", b'{"text": ""}', EVENT.replace(b'"id"', b'"kenmerk"')])
async def test_a_signed_request_that_is_no_event_is_told_what_is_wrong(db, door, pushed, raw):
    found = await problem(await door.post(f"/ontvangst/{pushed}", data=raw, headers=signed(raw)), 422)
    assert found["detail"] and [] == await stored(db)


async def test_only_a_channel_that_is_pushed_to_has_an_entrance(db, door, pushed):
    await problem(await door.post("/ontvangst/12345", data=EVENT, headers=signed()), 404)
    large = b"x" * (limits.BODY_BYTES + 1)
    await problem(await door.post(f"/ontvangst/{pushed}", data=large, headers=signed(large)), 413)


async def test_what_was_pushed_shows_as_the_last_sign_of_life(db, door, pushed):
    await door.post(f"/ontvangst/{pushed}", data=EVENT, headers=signed())
    await Intake(db, {"webhook": Webhook}, Parsers(1), b"s" * 32, lambda: None).drain()
    async with db.connection() as connection:
        assert START == (await channels.get(connection, pushed)).last_in_at
        assert ["De lantaarn is uit."] == [row["body"] for row in await connection.fetch("select body from message")]
