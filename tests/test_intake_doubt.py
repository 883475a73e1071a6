"""Messages of doubtful senders: forged, blocked, and reports of mail servers. None of them gets further than it should,
and none is lost."""

from __future__ import annotations

import pytest

from newsroom import change, close_reason, reply, triage
from newsroom.close_reason import CloseReason
from newsroom.conversation import find
from newsroom.triage import By
from newsroom.web.reply_form import recipients
from tests.house import SECRET, START, add_account, add_channel, paper, partition, receive
from tests.test_intake import ANNA, EVE, mail, rows
from tests.test_outbox import Desk, make_desk

FORGED = {"problems": ["dmarc-fail"]}
DAEMON = "mailer-daemon@post.example"


@pytest.fixture
async def desk(db) -> Desk:
    return await make_desk(db)


async def test_what_the_domain_of_its_sender_denies_enters_no_thread(db):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    token = reply.reply_token(receipt.reference, SECRET)
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", at=1, **FORGED)),
                  paper("3", mail("m3", ANNA, token=token, at=2, **FORGED)),
                  paper("4", mail("m4", ANNA, "m1", "m2", at=3)))  # and draws no answer away from it
    assert [["m1", "m4"], ["m2"], ["m3"]] == sorted(value["messages"] for value in (await partition(db)).values())
    found, = await rows(db, "select c.suggestion = o.conversation_id as told from message m join conversation c on"
                        " c.id = m.conversation_id, message o where m.external_id = 'm2' and o.external_id = 'm1'")
    assert found["told"]


async def test_what_is_forged_under_a_known_id_takes_nothing_over(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1")))
    await receive(db, channel, paper("2", mail("m1", ANNA, at=1, identity="other", **FORGED)))
    await receive(db, channel, paper("3", mail("m3", ANNA, "m1", at=2)))
    found = await rows(db, "select array_agg(d.key order by d.key) as keys from message m join delivery d"
                       " on d.id = m.delivery_id group by m.conversation_id order by 1")
    assert [["1", "3"], ["2"]] == [row["keys"] for row in found]


async def test_a_blocked_sender_reaches_no_other_conversation_of_theirs(db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    first, other, done = await receive(db, channel, paper("1", mail("m1", EVE)), paper("2", mail("m2", EVE)),
                                       paper("3", mail("m3", EVE)))
    async with db.transaction() as connection:
        reason = await close_reason.save(connection, CloseReason(0, "Klaar", "Done"), change.By(None, START))
        by = By(chef.account_id, START)
        row = await find(connection, done.reference, chef, lock=True)
        await triage.close(connection, row, by, reason, row.last_message_id)
        await triage.spam(connection, await find(connection, first.reference, chef, lock=True), by, block=True)
    await receive(db, channel, paper("4", mail("m4", EVE, "m2", at=60)), paper("5", mail("m5", EVE, "m3", at=60)))
    states = {row["external_id"]: row["state"] for row in await rows(
        db, "select m.external_id, c.state from message m join conversation c on c.id = m.conversation_id")}
    assert {"m1": "spam", "m2": "new", "m3": "closed", "m4": "spam", "m5": "spam"} == states

    async with db.transaction() as connection:  # a mistake: what they write comes to where it belongs again
        await triage.not_spam(connection, await find(connection, first.reference, chef, lock=True), by)
    await receive(db, channel, paper("6", mail("m6", EVE, "m1", at=90)))
    assert ["m1", "m6"] in [value["messages"] for value in (await partition(db)).values()]


async def came_back(desk, *more, who: str = DAEMON) -> tuple[int, str]:
    """A reply to Anna that came back; its id in the database and at its source."""
    id = await desk.answer(then="waiting")
    await desk.outbox().step()
    own = (await desk.row(id)).external_id
    report = {"id": "d1", "from": who, "subject": "Undelivered Mail", "text": "550 unknown user", "kind": "bounce",
              "answers": [own], "bounced": [ANNA], "at": 100_000}
    await receive(desk.db, desk.channel, paper("b", report), *more)
    return id, own


async def test_a_delivery_report_stands_under_the_reply_that_came_back(desk):
    await came_back(desk)
    row = await desk.conversation()
    assert [{"n": 1}] == await rows(desk.db, "select count(*) as n from conversation")
    assert ("open", "bounced", "Hoi", "Anna", 1) == (row.state, row.problem, row.excerpt, row.author, row.unread)


async def test_the_next_answer_goes_to_the_resident_and_not_to_the_mail_server(desk):
    id, own = await came_back(desk)
    async with desk.db.connection() as connection:
        thread = await reply.message.thread(connection, (await desk.row(id)).conversation_id)
    assert "Anna <anna@post.example>" == recipients(thread, [], "info@voorbeeldstad.example")[0]
    await desk.answer("c2", to=reply.message.authors([["email", ANNA, "Anna"]]))
    await desk.outbox().step()
    sent = desk.platform.took[-1]
    assert (own, False, True) == (sent.answers_to, "550" in sent.text, "> Hoi" in sent.text)


async def test_who_sends_a_report_takes_no_part(desk):
    """A recipient may send a false report; nothing that they write later is let in for it."""
    _, own = await came_back(desk, who=EVE)
    await receive(desk.db, desk.channel, paper("e", mail("e1", EVE, own, at=100_060)))
    strangers = await rows(desk.db, "select c.state from message m join conversation c on c.id = m.conversation_id"
                           " where m.external_id = 'e1' and c.reference <> $1", desk.reference)
    people = await rows(desk.db, "select address from participant p join conversation c on c.id = p.conversation_id"
                        " where c.reference = $1", desk.reference)
    assert ([{"state": "new"}], [{"address": ANNA}]) == (strangers, people)


async def test_a_report_on_what_is_not_ours_is_a_card_of_its_own(desk):
    await receive(desk.db, desk.channel, paper("b", {"id": "d1", "from": DAEMON, "kind": "bounce", "answers": ["m1"]}))
    assert [{"n": 2}] == await rows(desk.db, "select count(*) as n from conversation")


async def test_an_answer_to_the_id_that_a_mail_server_gave_our_reply_joins(desk):
    id = await desk.answer(then="waiting")
    await desk.outbox().step()
    own, given = (await desk.row(id)).external_id, "AM9P193.1@prod.outlook.example"
    await receive(desk.db, desk.channel, paper("s", {"id": own, "direction": "out", "to": [ANNA],
                                                     "answers": ["m1", given], "at": 100_000}))
    await receive(desk.db, desk.channel, paper("2", mail("m2", ANNA, given, at=100_060)),
                  paper("3", mail("m3", EVE, given, at=100_060)))
    found = {row["external_id"]: row["ours"] for row in await rows(
        desk.db, "select m.external_id, c.reference = $1 as ours from message m"
        " join conversation c on c.id = m.conversation_id", desk.reference)}
    assert {"m1": True, own: True, "m2": True, "m3": False} == found


async def test_a_proof_under_another_id_is_nobodys_work(db):
    channel = await add_channel(db)
    token = reply.proof_token(SECRET)
    await receive(db, channel, paper("1", {"id": "AM9P193.2@prod.outlook.example", "token": token}))
    assert [] == await rows(db, "select id from conversation")
