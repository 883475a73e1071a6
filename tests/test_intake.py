"""Deliveries become conversations: nothing lost, nothing doubled, any order, and no stranger gets in."""

from __future__ import annotations

import asyncio
import random

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import connectors
from newsroom import conversation, delivery, event, reply, triage
from newsroom.conversation import find
from newsroom.intake import Intake
from newsroom.parser import Parsers
from newsroom.triage import By
from tests import sources
from tests.house import (
    SECRET,
    START,
    US,
    add_account,
    add_channel,
    add_team,
    make_intake,
    paper,
    partition,
    receive,
)

ANNA, BEN, EVE = "anna@post.example", "ben@post.example", "eve@elders.example"


def mail(id: str, who: str = ANNA, *answers: str, **more) -> dict:
    return {"id": id, "from": who, "answers": answers, "subject": more.pop("subject", "Afval"),
            "text": f"Tekst van {id}", **more}


async def rows(db, query: str, *arguments) -> list[dict]:
    async with db.connection() as connection:
        return [dict(row) for row in await connection.fetch(query, *arguments)]


async def test_a_delivery_becomes_a_card_with_its_own_reference(db):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    found = await rows(db, "select reference, subject, excerpt, author, state, unread, last_message_id is not null"
                           " as has_message from conversation")
    assert found == [{"reference": receipt.reference, "subject": "Afval", "excerpt": "Tekst van m1",
                      "author": "Anna", "state": "new", "unread": 1, "has_message": True}]


async def test_every_item_of_a_delivery_is_read(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1"), mail("m2", BEN), mail("m3", EVE)))
    assert len(await partition(db)) == 3


async def test_the_same_key_twice_is_one_message_and_other_bytes_are_kept(db):
    channel = await add_channel(db)
    first, = await receive(db, channel, paper("1", mail("m1")))
    again, = await receive(db, channel, paper("1", mail("m1")))
    other, = await receive(db, channel, paper("1", mail("m1b")))
    assert (again.reference, again.fresh) == (first.reference, False)
    assert other.differs and other.reference != first.reference
    assert len(await partition(db)) == 2


async def test_a_strict_entrance_refuses_other_bytes_under_one_key(db):
    channel = await add_channel(db)
    writer = delivery.Writer(db, lambda: None)
    first = await writer.put(channel, paper("1", mail("m1")))
    other = await writer.put(channel, paper("1", mail("m2")))
    assert other.differs and other.reference == first.reference
    assert await rows(db, "select count(*) as n from delivery") == [{"n": 1}]


async def test_one_bad_delivery_in_a_batch_of_good_ones_fails_alone(db):
    channel = await add_channel(db)
    writer = delivery.Writer(db, lambda: None)
    bad = paper("2", mail("m2"), note="nul \x00 byte")
    results = await asyncio.gather(*(writer.put(channel, item) for item in
                                     [paper("1", mail("m1")), bad, paper("3", mail("m3"))]), return_exceptions=True)
    assert [isinstance(result, Exception) for result in results] == [False, True, False]


async def test_an_answer_joins_and_a_stranger_with_the_reference_does_not(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1")), paper("2", mail("m2", ANNA, "m1", at=5)),
                  paper("3", mail("m3", EVE, "m1", at=9)))
    state = await partition(db)
    assert [value["messages"] for value in state.values()] == [["m1", "m2"], ["m3"]]
    suggested = await rows(db, "select o.reference from conversation c join conversation o on o.id = c.suggestion")
    assert len(suggested) == 1


async def test_two_who_answer_an_ancestor_never_seen_stay_apart(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1", ANNA, "never")), paper("2", mail("m2", EVE, "never")),
                  paper("3", mail("m3", ANNA, "never", at=4)))
    assert sorted(value["messages"] for value in (await partition(db)).values()) == [["m1", "m3"], ["m2"]]


async def test_a_number_in_the_subject_is_only_a_suggestion(db):
    channel = await add_channel(db)
    first, = await receive(db, channel, paper("1", mail("m1")))
    await receive(db, channel, paper("2", mail("m2", EVE, subject=f"Over {first.reference}")))
    assert len(await partition(db)) == 2
    found = await rows(db, "select o.reference from conversation c join conversation o on o.id = c.suggestion")
    assert found == [{"reference": first.reference}]


async def test_a_colleagues_answer_from_elsewhere_joins_and_answers(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1")),
                  paper("2", mail("s1", US, "m1", direction="out", to=[ANNA], at=60)))
    state = (await partition(db))["m1"]
    assert (state["messages"], state["state"], state["waiting_since"]) == (["m1", "s1"], "waiting", None)


@pytest.mark.parametrize("answer_first", [False, True])
async def test_an_answer_from_a_clock_that_is_behind_answers_what_it_names_and_nothing_newer(db, answer_first):
    channel = await add_channel(db)
    asked, answered = paper("1", mail("m1")), paper("2", mail("s1", US, "m1", direction="out", to=[ANNA], at=-90))
    for item in (answered, asked) if answer_first else (asked, answered):
        await receive(db, channel, item)
    state, = (await partition(db)).values()
    assert ("waiting", None, 0) == (state["state"], state["waiting_since"], state["unread"])
    await receive(db, channel, paper("3", mail("m2", ANNA, "s1", at=30)))
    state, = (await partition(db)).values()
    assert ("new", 1, True) == (state["state"], state["unread"], state["waiting_since"] is not None)


async def test_one_mail_to_two_mailboxes_is_one_message_that_either_team_can_answer(db):
    one, two = await add_channel(db), await add_channel(db, "Twee", "twee@voorbeeldstad.example")
    item = mail("m1", copy_of="m1|body", to=[US, "twee@voorbeeldstad.example"])
    await receive(db, two, paper("1", item))
    await receive(db, one, paper("1", item))
    state = await partition(db)
    assert [(value["messages"], value["channel_id"]) for value in state.values()] == [(["m1"], one)]
    async with db.seen_by(["open"]).connection() as connection:
        id = await connection.fetchval("select id from conversation")
        assert ["Twee"] == await conversation.further_channels(connection, id)
    await receive(db, two, paper("2", mail("m2", ANNA, "m1", at=9)))
    assert [value["messages"] for value in (await partition(db)).values()] == [["m1", "m2"]]


async def test_a_copy_behind_a_wall_stays_behind_it(db):
    team = await add_team(db, "Jeugd", restricted=True)
    one, two = await add_channel(db), await add_channel(db, "Jeugd", "jeugd@voorbeeldstad.example", team)
    item = mail("m1", copy_of="m1|body", to=["jeugd@voorbeeldstad.example", US])
    await receive(db, two, paper("1", item))
    await receive(db, one, paper("1", item))
    found = await rows(db, "select visibility, channel_id from conversation order by channel_id")
    assert found == [{"visibility": "open", "channel_id": one}, {"visibility": f"team:{team}", "channel_id": two}]


async def test_a_renumbered_mailbox_gives_no_second_message(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("a/1/1", mail("m1", identity="m1|sha")))
    await receive(db, channel, paper("a/2/1", mail("m1", identity="m1|sha")))
    assert [value["messages"] for value in (await partition(db)).values()] == [["m1"]]
    assert await rows(db, "select state from delivery") == [{"state": "done"}] * 2


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 6))])
async def test_replay_five_times_in_random_order_by_four_workers_gives_the_same_state(db, database, seed):
    """Over every connector at once."""
    long = seed > 1
    stream = sources.mixed(random.Random(seed), await sources.add_channels(db), *((50, 60) if long else (12, 4)))
    await _bring(db, stream.deliveries)
    kinds, parsers = (connectors(), Parsers(4)) if long else (sources.here(), None)
    workers = [make_intake(db, kinds, parsers) for _ in range(4)]
    await workers[0].drain()
    wanted = await sources.state(db)
    await _wipe(db)
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute("delete from tally")
    await owner.close()
    await _bring(db, random.Random(seed + 100).sample(stream.deliveries, len(stream.deliveries)))
    for turn in range(5):
        await asyncio.gather(*(_work(worker, random.Random(turn * 7 + number))
                               for number, worker in enumerate(workers)))
        async with db.transaction() as connection:
            ids = [row["id"] for row in await connection.fetch("select id from delivery order by random()")]
            if turn < 4:
                await delivery.replay(connection, ids)
    assert wanted == await sources.state(db)
    await sources.check(db, stream)


async def _bring(db, deliveries) -> None:
    async with db.transaction() as connection:
        await delivery.store(connection, deliveries)


async def _work(worker: Intake, dice: random.Random) -> None:
    while await worker.step(slow=False, limit=dice.randint(1, 12)):
        await asyncio.sleep(0)


async def _wipe(db) -> None:
    async with db.transaction() as connection:
        for table in ("attachment", "message_text", "thread_key", "participant", "message", "conversation",
                      "contact_identity", "contact", "delivery", "withdrawn"):
            await connection.execute(f"delete from {table}")  # noqa: S608 - names of our own tables


async def test_a_conversation_that_somebody_works_on_is_never_joined_by_itself(db):
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    first, = await receive(db, channel, paper("1", mail("m1")))
    second, = await receive(db, channel, paper("2", mail("m2", at=5)))
    async with db.transaction() as connection:
        for receipt in (first, second):
            row = await find(connection, receipt.reference, sanne, lock=True)
            await triage.claim(connection, row, By(sanne.account_id, START))
    await receive(db, channel, paper("3", mail("m3", ANNA, "m1", "m2", at=9)))
    assert sorted(value["messages"] for value in (await partition(db)).values()) == [["m1", "m3"], ["m2"]]


async def test_an_answer_within_a_month_reopens_and_later_starts_a_sequel(db):
    channel, sanne = await add_channel(db), await add_account(db, "Sanne", "webcare")
    async with db.transaction() as connection:
        reason = await connection.fetchval("insert into close_reason (name_nl, name_en, outcome)"
                                           " values ('Klaar', 'Done', 'answered') returning id")
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, sanne, lock=True)
        row = await triage.claim(connection, row, By(sanne.account_id, START))
        await triage.close(connection, row, By(sanne.account_id, START), reason, row.last_message_id)
    await receive(db, channel, paper("2", mail("m2", ANNA, "m1", at=3600)))
    found = await rows(db, "select state, assignee_id from conversation")
    assert found == [{"state": "open", "assignee_id": sanne.account_id}]
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, sanne, lock=True)
        await triage.close(connection, row, By(sanne.account_id, START), reason, row.last_message_id)
    await receive(db, channel, paper("3", mail("m3", ANNA, "m2", at=40 * 86400)))
    found = await rows(db, "select state, follows is not null as follows from conversation order by id")
    assert found == [{"state": "closed", "follows": False}, {"state": "new", "follows": True}]


async def test_an_automatic_answer_is_shown_and_starts_no_clock(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1", auto=True)))
    found = await rows(db, "select state, waiting_since, due_at, unread from conversation")
    assert found == [{"state": "new", "waiting_since": None, "due_at": None, "unread": 1}]


async def test_a_valid_reply_address_lets_a_participant_in_and_nobody_else(db):
    channel = await add_channel(db)
    receipt, = await receive(db, channel, paper("1", mail("m1")))
    token = reply.reply_token(receipt.reference, SECRET)
    forged = token[:-1] + ("0" if token[-1] != "0" else "1")
    await receive(db, channel, paper("2", mail("m2", ANNA, token=token, at=1)),
                  paper("3", mail("m3", EVE, token=token, at=2)), paper("4", mail("m4", ANNA, token=forged, at=3)))
    assert sorted(value["messages"] for value in (await partition(db)).values()) == [["m1", "m2"], ["m3"], ["m4"]]


async def test_a_blocked_senders_mail_waits_in_the_spam_folder(db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", mail("m1", EVE)))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        await triage.spam(connection, row, By(chef.account_id, START), block=True)
    await receive(db, channel, paper("2", mail("m2", EVE)))
    assert await rows(db, "select state from conversation") == [{"state": "spam"}] * 2


async def test_history_comes_in_closed_and_without_a_term(db):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", mail("m1"), history="1"))
    assert await rows(db, "select state, due_at from conversation") == [{"state": "closed", "due_at": None}]


async def test_events_stand_in_the_order_of_their_commits(db):
    """Sixteen writers that stall and roll back at random; a reader at `id > last` misses nothing."""
    seen: list[int] = []
    writing = asyncio.Event()

    async def write(number: int) -> int:
        dice, done = random.Random(number), 0
        for _ in range(12):
            try:
                async with db.transaction() as connection:
                    await event.record(connection, [event.Draft("channel_changed", START, data={"n": number})])
                    await connection.execute("select pg_sleep($1)", dice.random() * 0.01)
                    if dice.random() < 0.2:
                        raise RuntimeError("rolled back")
                done += 1
            except RuntimeError:
                pass
        return done

    async def read() -> None:
        last = 0
        while not writing.is_set() or last < await _head(db):
            async with db.connection() as connection:
                for one in await event.since(connection, last, 1000):
                    seen.append(one.id)
                    last = one.id

    reader = asyncio.create_task(read())
    written = sum(await asyncio.gather(*(write(number) for number in range(16))))
    writing.set()
    await reader
    assert len(seen) == written and seen == sorted(set(seen))


async def _head(db) -> int:
    async with db.connection() as connection:
        return (await event.position(connection))[1]


ACTIONS = st.lists(st.tuples(st.integers(0, 11), st.sampled_from([ANNA, BEN]),
                             st.lists(st.integers(0, 11), max_size=2)), min_size=1, max_size=12,
                   unique_by=lambda action: action[0])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=ACTIONS, data=st.data())
async def test_any_order_of_the_same_mails_gives_the_same_conversations(db, actions, data):
    await _wipe(db)
    async with db.connection() as connection:
        channel = await connection.fetchval("select min(id) from channel") or await add_channel(db)
    items = [paper(f"{id}", mail(f"m{id:02}", who, *(f"m{other:02}" for other in answers), at=id))
             for id, who, answers in actions]
    await receive(db, channel, *items)
    wanted = await partition(db)
    await _wipe(db)
    for item in data.draw(st.permutations(items)):
        await receive(db, channel, item)
    assert await partition(db) == wanted
