"""Replies go out once, or a person is told that it is not known."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors import Capabilities, ChannelError, ExternalId, Outgoing, Refused, Sent, SignInNeeded, TryLater, Unknown
from newsroom import message, outbox, reply, sending
from newsroom.conversation import find
from newsroom.outbox import GIVE_UP, MAKING_TRIES, NOT_MADE, Outbox
from newsroom.reply import Composed, Via
from newsroom.triage import By, Conflict, Wrong
from tests.house import SECRET, US, add_account, add_channel, author, paper, receive

CAN = Capabilities(longest_text=1000, longest_subject=255, copies=True, attachment_bytes=1000)
ANNA = "anna@post.example"
AGO = timedelta(seconds=30)  # longer than a reply is held


@dataclass
class Platform:
    """A channel that answers as told and keeps what it took."""

    answers: list[ChannelError | None] = field(default_factory=list)
    took: list[Outgoing] = field(default_factory=list)
    capabilities: Capabilities = CAN
    hang: asyncio.Event | None = None

    async def send(self, outgoing: Outgoing) -> Sent:
        answer = self.answers.pop(0) if self.answers else None
        if not isinstance(answer, Refused | TryLater | SignInNeeded):
            self.took.append(outgoing)
        if self.hang:
            self.hang.set()
            await asyncio.Event().wait()
        if answer is not None:
            raise answer
        return Sent(outgoing.external_id, datetime.now(UTC))


@dataclass
class Desk:
    db: object
    channel: int
    reference: str
    sanne: object
    platform: Platform

    def outbox(self) -> Outbox:
        async def connector(_: int) -> Platform:
            return self.platform
        return Outbox(self.db, connector, SECRET, lambda: None)

    async def answer(self, client_id: str = "c1", at: datetime | None = None, signature: str = "",
                     **more) -> int:
        async with self.db.transaction() as connection:
            row = await find(connection, self.reference, self.sanne, lock=True)
            return await reply.answer(connection, row, By(self.sanne.account_id, at or datetime.now(UTC) - AGO),
                                      Composed(client_id, more.pop("text", "Dag Anna, dat klopt."), **more),
                                      Via(self.channel, "live", self.platform.capabilities, "voorbeeldstad.example",
                                          SECRET, signature=signature))

    async def row(self, id: int) -> message.Message:
        async with self.db.connection() as connection:
            return (await message.get(connection, [id]))[id]

    async def conversation(self):
        async with self.db.connection() as connection:
            return await find(connection, self.reference, self.sanne)


async def make_desk(db) -> Desk:
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    receipt, = await receive(db, channel, paper("1", {"id": "m1", "from": ANNA, "subject": "Afval", "text": "Hoi"}))
    return Desk(db, channel, receipt.reference, sanne, Platform())


@pytest.fixture
async def desk(db, monkeypatch) -> Desk:
    monkeypatch.setattr(outbox, "LEAVE_SECONDS", 0.0)  # who is cancelled here dies
    return await make_desk(db)


async def test_a_reply_goes_out_once_over_its_channel(desk):
    id = await desk.answer()
    assert await desk.outbox().step() == 1
    assert await desk.outbox().step() == 0
    sent, = desk.platform.took
    assert (sent.subject, sent.to[0].address, sent.answers_to) == ("Re: Afval", ANNA, "m1")
    assert sent.text.startswith("Dag Anna, dat klopt.") and "> Hoi" in sent.text
    assert (await desk.row(id)).send_state == "sent"


async def test_one_click_is_one_reply(desk):
    assert await desk.answer("c1") == await desk.answer("c1")
    await desk.outbox().step()
    assert len(desk.platform.took) == 1


async def test_a_held_reply_waits_and_can_be_taken_back(desk):
    id = await desk.answer(at=datetime.now(UTC))
    assert await desk.outbox().step() == 0
    async with desk.db.transaction() as connection:
        row = await find(connection, desk.reference, desk.sanne, lock=True)
        assert await reply.cancel(connection, row, By(desk.sanne.account_id, datetime.now(UTC)), id)
    assert (await desk.row(id)).send_state == "cancelled"


@pytest.mark.parametrize(("error", "state", "problem"), [
    (Refused("550 geen toegang"), "failed", "not_sent"), (TryLater("vol", 30), "queued", ""),
    (SignInNeeded("wachtwoord"), "queued", ""), (Unknown("verbinding weg"), "unknown", "unknown"),
    (ChannelError("vreemd"), "unknown", "unknown")])
async def test_each_outcome_is_told(desk, error, state, problem):
    desk.platform.answers = [error]
    id = await desk.answer()
    await desk.outbox().step()
    assert ((await desk.row(id)).send_state, (await desk.conversation()).problem) == (state, problem)


async def test_only_later_is_tried_again_and_after_the_pause(desk):
    desk.platform.answers = [TryLater("vol", 30)]
    id = await desk.answer()
    assert [await desk.outbox().step() for _ in range(3)] == [1, 0, 0]
    async with desk.db.transaction() as connection:
        await connection.execute("update message set send_after = $2 where id = $1", id, datetime.now(UTC))
    await desk.outbox().step()
    assert ((await desk.row(id)).send_state, len(desk.platform.took)) == ("sent", 1)


async def test_a_worker_that_dies_between_sending_and_marking_leaves_it_unknown(desk):
    desk.platform.hang = asyncio.Event()
    id = await desk.answer()
    dying = asyncio.create_task(desk.outbox().run())
    await asyncio.wait_for(desk.platform.hang.wait(), 10)
    other = desk.outbox()
    assert await other.recover() == 0  # it lives, so it may yet tell
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    assert await other.recover() == 1
    assert await other.step() == 0
    assert ((await desk.row(id)).send_state, len(desk.platform.took)) == ("unknown", 1)


async def test_a_channel_with_an_idempotency_key_tries_again_by_itself(desk):
    desk.platform.capabilities = replace(CAN, idempotency_key=True)
    desk.platform.hang = asyncio.Event()
    await desk.answer()
    dying = asyncio.create_task(desk.outbox().run())
    await asyncio.wait_for(desk.platform.hang.wait(), 10)
    dying.cancel()
    await asyncio.gather(dying, return_exceptions=True)
    desk.platform.hang = None
    other = desk.outbox()
    assert (await other.recover(), await other.step()) == (1, 1)
    assert len({one.idempotency_key for one in desk.platform.took}) == 1


async def test_a_copy_in_the_sent_folder_proves_an_uncertain_reply(desk):
    desk.platform.answers = [Unknown("weg")]
    id = await desk.answer()
    await desk.outbox().step()
    own = (await desk.row(id)).external_id
    await receive(desk.db, desk.channel, paper("s", {"id": own, "from": US, "direction": "out", "to": [ANNA]}))
    assert ((await desk.row(id)).send_state, (await desk.conversation()).problem) == ("sent", "")


async def test_a_bounce_raises_the_card(desk):
    id = await desk.answer(then="waiting")
    await desk.outbox().step()
    own = (await desk.row(id)).external_id
    await receive(desk.db, desk.channel, paper("b", {"id": "d1", "from": "mailer-daemon@post.example",
                                                     "kind": "bounce", "answers": [own], "bounced": [ANNA]}))
    row = await desk.conversation()
    assert ((await desk.row(id)).send_state, row.problem, row.state) == ("bounced", "bounced", "open")


async def test_an_answer_to_our_reply_joins_and_a_stranger_does_not(desk):
    id = await desk.answer(then="waiting")
    await desk.outbox().step()
    own = (await desk.row(id)).external_id
    await receive(desk.db, desk.channel,
                  paper("2", {"id": "m2", "from": ANNA, "answers": [own], "text": "Dank", "at": 90000}),
                  paper("3", {"id": "m3", "from": "eve@elders.example", "answers": [own], "text": "Ik", "at": 90000}))
    async with desk.db.connection() as connection:
        counts = [row["n"] for row in await connection.fetch(
            "select count(*) as n from message group by conversation_id order by 1")]
    assert (counts, (await desk.conversation()).state) == ([1, 3], "open")


@pytest.mark.parametrize("case", [
    ({"text": "  "}, "wrong.empty"), ({"text": "x" * 1001}, "wrong.too_long"),
    ({"text": "x" * 990, "signature": "Groet, Sanne"}, "wrong.too_long")])
async def test_what_the_channel_cannot_carry_is_refused_before_it_is_queued(desk, case):
    more, key = case
    with pytest.raises(Wrong) as wrong:
        await desk.answer(**more)
    assert wrong.value.key == key


async def test_a_newer_message_is_told_before_sending(desk):
    seen = (await desk.conversation()).last_message_id
    await receive(desk.db, desk.channel, paper("2", {"id": "m2", "from": ANNA, "answers": ["m1"], "at": 5}))
    with pytest.raises(Conflict):
        await desk.answer(last_seen=seen)
    assert await desk.answer("c2", last_seen=seen, send_anyway=True)


async def test_the_previous_message_is_quoted_only_to_who_took_part(desk):
    await desk.answer("c1", to=(author(ANNA),))
    await desk.answer("c2", to=(author(ANNA),), cc=(author("nieuw@elders.example"),))
    await desk.outbox().step()
    quoted = {len(sent.cc): "> Hoi" in sent.text for sent in desk.platform.took}
    assert quoted == {0: True, 1: False}


def test_a_reply_token_is_only_ours():
    token = reply.reply_token("ABCDEFGH23", SECRET)
    assert reply.read_token(token.upper(), SECRET) == "ABCDEFGH23"
    assert [reply.read_token(forged, SECRET) for forged in (token[:-1], "", "abcdefgh24" + token[10:])] == [None] * 3
    assert ExternalId(token)


async def test_a_channel_that_cannot_be_made_stops_no_other_reply(desk):
    async def broken(_: int) -> Platform:
        raise KeyError("no such channel")

    id = await desk.answer()
    assert 1 == await Outbox(desk.db, broken, SECRET, lambda: None).step()
    assert "queued" == (await desk.row(id)).send_state  # certainly not sent
    async with desk.db.transaction() as connection:
        await connection.execute("update message set send_state = 'sending', sender = 999999 where id = $1", id)
    assert 1 == await Outbox(desk.db, broken, SECRET, lambda: None).recover()
    assert "unknown" == (await desk.row(id)).send_state


async def test_a_reply_that_cannot_be_made_ends_with_a_person(desk):
    async def broken(_: int) -> Platform:
        raise KeyError("password")

    id, outbox = await desk.answer(), Outbox(desk.db, broken, SECRET, lambda: None)
    for _ in range(MAKING_TRIES):
        await outbox.step()
        async with desk.db.transaction() as connection:
            await connection.execute("update message set send_after = $2 where id = $1", id, datetime.now(UTC))
    row = await desk.row(id)
    assert ("failed", NOT_MADE, "not_sent") == (row.send_state, row.send_note, (await desk.conversation()).problem)


async def test_a_channel_that_cannot_sign_in_for_days_ends_with_a_person(desk):
    async def broken(_: int) -> Platform:
        raise SignInNeeded("Vul het wachtwoord in.")

    id = await desk.answer(at=datetime.now(UTC) - GIVE_UP - AGO)
    await Outbox(desk.db, broken, SECRET, lambda: None).step()
    row = await desk.row(id)
    assert ("failed", "Vul het wachtwoord in.") == (row.send_state, row.send_note)


async def test_a_worker_on_the_same_connection_is_another_worker(desk):
    async with desk.db.pool.acquire() as connection:
        first = await sending.sign_on(connection)
        id, = await claimed(desk, first)
        await sending.sign_off(connection)
        second = await sending.sign_on(connection)
        async with desk.db.transaction() as other:
            assert [(id, desk.channel)] == await sending.orphans(other, second, ())
        await sending.sign_off(connection)


async def claimed(desk: Desk, worker: int) -> list[int]:
    await desk.answer()
    async with desk.db.transaction() as connection:
        return [id for id, _ in await sending.claim(connection, worker, datetime.now(UTC), (), 1)]


async def test_the_mail_that_proves_a_reply_address_is_nobodys_work(desk):
    token = reply.proof_token(SECRET)
    own, other = f"{token}.1@voorbeeldstad.example", f"{token[:-1]}x.1@voorbeeldstad.example"
    await receive(desk.db, desk.channel,
                  paper("p1", {"id": own, "from": US, "token": token}),
                  paper("p2", {"id": own, "from": US, "direction": "out", "to": [US]}),
                  paper("p3", {"id": "d1", "from": "mailer-daemon@post.example", "kind": "bounce", "answers": [own]}),
                  paper("p4", {"id": other, "from": ANNA, "text": "Geen test"}))
    async with desk.db.connection() as connection:
        ids = [row["external_id"] for row in await connection.fetch("select external_id from message order by id")]
        states = {row["state"] for row in await connection.fetch("select state from delivery")}
    assert (["m1", other], {"done"}) == (ids, states)


def test_any_letters_in_a_token_are_only_a_wrong_one():
    for token in ("proof\u00e9\u00e9-1234", "\u20ac-", "K\u0130-x"):
        assert reply.read_token(token, SECRET) is None
        assert not reply.is_proof(f"{token}.1@elders.example", SECRET)
