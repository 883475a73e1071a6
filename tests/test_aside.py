"""Replies over a channel where anybody reads along: named, counted and kept apart."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors import Capabilities, Refused, TryLater, Unknown
from newsroom import reply, triage
from newsroom.conversation import find
from newsroom.event import history
from newsroom.triage import By, Wrong
from tests.house import add_account, add_channel, paper, receive
from tests.test_intake import rows
from tests.test_outbox import ANNA, Desk, Platform

CAN = Capabilities(longest_text=66, longest_subject=60, warning=True, link_length=23, short_handles=True, public=True,
                   threads=True, idempotency_key=True, key_seconds=3000, most_attachments=1, attachment_bytes=100)


@pytest.fixture
async def desk(db, monkeypatch) -> Desk:
    monkeypatch.setattr(reply, "HOLD", timedelta(0))
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    receipt, = await receive(db, channel, paper("1", {"id": "m1", "from": ANNA, "text": "Hoe laat?", "public": True}))
    return Desk(db, channel, receipt.reference, sanne, Platform(capabilities=CAN))


async def test_a_private_answer_stands_apart_and_the_resident_answers_there(desk):
    id = await desk.answer(private=True, then="waiting", text="Wat is je adres?")
    assert id == await desk.answer(private=True, then="waiting", text="Wat is je adres?")  # the same click
    await desk.outbox().step()
    sent, = desk.platform.took
    assert (False, "m1", [ANNA]) == (sent.public, sent.answers_to, [one.address for one in sent.to])
    asked, public = await desk.row(id), await desk.conversation()
    assert ("waiting", None, None) == (public.state, public.waiting_since, public.due_at)
    await receive(desk.db, desk.channel, paper("2", {"id": "m2", "from": ANNA, "answers": [asked.external_id], "at": 60,
                                                     "text": "Dorpsstraat 4"}))
    found = await rows(desk.db, "select c.public, c.follows = $1 as follows, array_agg(m.body order by m.id) as said"
                                " from conversation c join message m on m.conversation_id = c.id group by c.id"
                                " order by c.id", public.id)
    assert [(True, None, ["Hoe laat?"]), (False, True, ["Wat is je adres?", "Dorpsstraat 4"])] == \
        [tuple(row.values()) for row in found]
    async with desk.db.connection() as connection:
        told = [one for one in await history(connection, public.id) if one.kind == "answered_privately"]
        place, = await rows(desk.db, "select reference, state from conversation where not public")
        assert [{"reference": place["reference"]}] == [one.data for one in told]
    counts, = await rows(desk.db, "select sum(n) as n, min(n) >= 0 as possible from tally")
    assert (2, True) == (counts["n"], counts["possible"])


async def test_a_second_private_answer_goes_on_in_the_same_place(desk):
    for number in (1, 2):
        await desk.answer(f"c{number}", private=True, text=f"Bericht {number}")
    found = await rows(desk.db, "select array_agg(body order by id) as said from message where direction = 'out'"
                                " group by conversation_id")
    assert [{"said": ["Bericht 1", "Bericht 2"]}] == found


async def test_who_may_not_see_the_question_may_not_see_the_answer(desk):
    async with desk.db.transaction() as connection:
        row = await desk.conversation()
        await connection.execute("update conversation set sealed = true, visibility = $2 where id = $1", row.id,
                                 f"sealed:{row.id}")
        await connection.execute("insert into conversation_reader values ($1, $2)", row.id, desk.sanne.account_id)
        scope = replace(desk.sanne, classes=desk.sanne.classes | {f"sealed:{row.id}"})
        desk.sanne = scope
    house, desk.db = desk.db, desk.db.seen_by(scope.classes)  # as a page does it, behind the wall
    await desk.answer(private=True, text="Vertrouwelijk")
    await desk.answer("c2", private=True, text="Nog iets")
    found, = await rows(house, "select c.visibility = 'sealed:' || c.id as sealed, count(r.account_id) as readers,"
                               " c.state, c.last_message_id is not null as said from conversation c"
                               " left join conversation_reader r on r.conversation_id = c.id"
                               " where not c.public group by c.id")
    assert {"sealed": True, "readers": 1, "state": "waiting", "said": True} == found


async def test_a_public_answer_says_so_and_carries_only_its_own_warning(desk):
    async with desk.db.transaction() as connection:
        await connection.execute("update conversation set subject = 'Intern: lastige klant'")
    first, second = await desk.answer(), await desk.answer("c2", subject="Vogelgriep")
    await desk.outbox().step()
    assert {(True, ""), (True, "Vogelgriep")} == {(one.public, one.subject) for one in desk.platform.took}
    assert first != second


@pytest.mark.parametrize(("text", "subject", "fits"), [
    ("x" * 60, "", True), ("x" * 61, "", False), ("x" * 50, "y" * 10, True), ("x" * 50, "y" * 11, False),
    ("x" * 36 + " https://voorbeeldstad.example/" + "a" * 90, "", True),
    ("@anna@" + "lang" * 20 + ".example " + "x" * 54, "", True), ("👩🏽‍🚒" * 60, "", True), ("🇳🇱" * 61, "", False)])
async def test_length_counts_as_the_platform_does(desk, text, subject, fits):
    """Before each text comes `@anna `."""
    if fits:
        return await desk.answer(text=text, subject=subject)
    with pytest.raises(Wrong) as wrong:
        await desk.answer(text=text, subject=subject)
    assert "wrong.too_long" == wrong.value.key


async def test_what_may_have_gone_out_is_tried_again_while_the_channel_knows_it(desk):
    desk.platform.answers = [Unknown("weg"), TryLater("druk", 1.0), None]
    id = await desk.answer()
    for state in ("queued", "queued", "sent"):
        async with desk.db.transaction() as connection:
            await connection.execute("update message set send_after = now() - interval '1 second'")
        await desk.outbox().step()
        assert state == (await desk.row(id)).send_state
    assert 1 == len({one.idempotency_key for one in desk.platform.took})


@pytest.mark.parametrize("after", [None, Refused("weg"), TryLater("druk")])
async def test_after_that_a_person_decides(desk, after):
    desk.platform.answers = [Unknown("weg"), after]
    id = await desk.answer()
    await desk.outbox().step()
    async with desk.db.transaction() as connection:
        await connection.execute("update message set send_after = now() - interval '1 second',"
                                 " unsure_since = unsure_since - interval '51 minutes'")
    await desk.outbox().step()
    assert ("unknown", 1) == ((await desk.row(id)).send_state, len(desk.platform.took))


async def test_what_is_refused_after_a_doubtful_try_is_not_certain(desk):
    desk.platform.answers = [Unknown("weg"), Refused("dat bericht is weg")]
    id = await desk.answer()
    for _ in range(2):
        async with desk.db.transaction() as connection:
            await connection.execute("update message set send_after = now() - interval '1 second'")
        await desk.outbox().step()
    assert "unknown" == (await desk.row(id)).send_state


async def test_a_reply_that_comes_back_first_is_the_same_reply(desk):
    desk.platform.answers = [Unknown("weg")]
    id = await desk.answer(text="Om vier uur.\nGroet")
    await desk.outbox().step()
    echo = {"id": "host/9", "direction": "out", "to": [ANNA], "answers": ["m1"], "text": "@anna Om vier uur. Groet",
            "public": True, "at": 60}
    await receive(desk.db, desk.channel, paper("2", echo), paper("3", echo | {"id": "host/10", "text": "Iets anders"}))
    row = await desk.row(id)
    assert ("sent", "host/9") == (row.send_state, row.external_id)
    assert 2 == len(await rows(desk.db, "select id from message where direction = 'out'"))
    await receive(desk.db, desk.channel, paper("4", {"id": "host/11", "from": ANNA, "answers": ["host/9"], "at": 120,
                                                     "public": True, "text": "Dank!"}))
    assert 1 == len(await rows(desk.db, "select id from conversation"))


async def test_an_answer_without_a_name_goes_to_who_wrote_last(desk):
    async with desk.db.transaction() as connection:
        await connection.execute("insert into participant (conversation_id, kind, address) select id, 'email',"
                                 " 'aaron@post.example' from conversation")
    await desk.answer()
    await desk.outbox().step()
    assert [ANNA] == [one.address for one in desk.platform.took[0].to]


async def test_public_and_private_are_not_joined_by_hand(desk):
    other, = await receive(desk.db, desk.channel, paper("2", {"id": "m2", "from": "ben@post.example", "text": "Hoi"}))
    async with desk.db.transaction() as connection:
        row = await find(connection, other.reference, desk.sanne, lock=True)
        public = await find(connection, desk.reference, desk.sanne)
        with pytest.raises(Wrong):
            await triage.accept_suggestion(connection, replace(row, suggestion=public.id),
                                           By(desk.sanne.account_id, datetime.now(UTC)), True)
