"""Voorbeeldstad: loads whole, at any moment, once; and its messages take the real road."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import Delivery, DeliveryKey, ExternalId, Outgoing, connectors
from connectors.email.parse import parse
from newsroom import access, account, board, database, demo, event, setting
from newsroom.board import Filter
from newsroom.demo import post, stand_in
from newsroom.demo.moment import Moments
from newsroom.demo.script import read, scripts
from newsroom.hours import Block, Hours
from tests.house import SECRET

AT = datetime(2026, 11, 23, 13, 42, tzinfo=UTC)  # a Monday afternoon
COLUMNS = {"new": 21, "open": 29, "department": 12, "waiting": 10, "closed": 30}
OFFICE = Hours(tuple(Block(day, 540, 1020) for day in range(5)))
MOMENTS = [  # UTC
    datetime(2026, 11, 21, 23, 4, tzinfo=UTC),  # Sunday, four minutes old
    datetime(2026, 11, 23, 22, 36, tzinfo=UTC),  # late in the evening
    datetime(2026, 12, 28, 7, 15, tzinfo=UTC),  # the first working day after Christmas, before opening
    datetime(2027, 3, 28, 8, 0, tzinfo=UTC),  # the day the clock goes forward
]


@pytest.fixture(scope="module")
async def town(clones) -> AsyncIterator[database.Database]:
    """Voorbeeldstad at AT, for tests that only look."""
    made = await clones.make()
    connected = await database.connect(made.url, 5)
    await demo.load(connected, SECRET, AT)
    yield connected
    connected.pool.terminate()
    await clones.drop(made)


async def fetch(db, query: str, *arguments) -> list[dict]:
    async with db.connection() as connection:
        return [dict(row) for row in await connection.fetch(query, *arguments)]


async def see(db, name: str, at: datetime) -> board.Board:
    """The board as somebody sees it."""
    async with db.snapshot() as connection:
        person = next(one for one in await account.everyone(connection) if one.name == name)
        return await board.read(connection, await access.scope(connection, person.id), Filter(), at)


async def test_the_board_is_filled_and_its_counts_are_true(town):
    states = {row["state"]: row["n"] for row in await fetch(
        town, "select state, count(*) as n from conversation where state <> 'closed' or closed_at >= $1"
              " group by state", datetime(2026, 11, 22, 23, tzinfo=UTC))}
    assert COLUMNS["closed"] < states["closed"]
    assert COLUMNS | {"spam": 1, "closed": states["closed"]} == states
    async with town.connection() as connection:
        assert [] == await board.recount(connection)
        assert True is await setting.read(connection, "demo")
    seen = await see(town, "Sanne Vos", AT)
    assert seen.tiles["late"] >= 3 and seen.tiles["soon"] >= 4
    assert {"high", "urgent"} <= {("low", "normal", "high", "urgent")[card.priority]
                                 for column in seen.cards.values() for card in column}


@pytest.mark.parametrize("at", [MOMENTS[0], *(pytest.param(at, marks=pytest.mark.slow) for at in MOMENTS[1:])])
async def test_the_board_is_alive_at_any_moment(db, at):
    await demo.load(db, SECRET, at, weeks=False)
    seen = await see(db, "Els van Leeuwen", at)
    assert COLUMNS == seen.counts
    assert seen.tiles["late"] >= 3 and seen.tiles["soon"] >= 3
    future = await fetch(db, "select id from message where at > $1 union all select id from event where at > $1"
                             " union all select id from conversation where last_at > $1 or closed_at > $1", at)
    assert [] == future


async def test_two_at_once_load_once_and_nothing_is_loaded_again(db):
    loaded = await asyncio.gather(*(demo.load(db, SECRET, AT, weeks=False) for _ in range(2)))
    assert [False, True] == sorted(one.fresh for one in loaded)
    assert not (await demo.load(db, SECRET, AT, weeks=False)).fresh


async def test_a_real_municipality_is_left_alone(db):
    async with db.transaction() as connection:
        await account.create(connection, "a@gemeente.example", "Anna", AT)
    assert not (await demo.load(db, SECRET, AT, weeks=False)).fresh
    assert [] == await fetch(db, "select id from channel")


async def test_everything_comes_as_raw_deliveries_and_is_sent_by_nobody(town):
    assert [] == await fetch(town, "select id from message where direction = 'in' and delivery_id is null")
    assert [] == await fetch(town, "select id from delivery where state <> 'done'")
    types = {row["content_type"] for row in await fetch(town, "select distinct content_type from delivery")}
    assert {"message/rfc822", "application/vnd.newsroom.form+json", "application/json",
            "application/vnd.newsroom.desk+json", "application/vnd.newsroom.chat+json"} == types
    assert {"sent", "bounced"} == {row["send_state"] for row in await fetch(
        town, "select distinct send_state from message where direction = 'out' and account_id is not null")}


async def test_every_channel_stands_on_the_board_in_every_way(town):
    rows = await fetch(town, "select h.name, c.state, c.lateness, a.name as who from conversation c"
                             " join channel h on h.id = c.channel_id left join account a on a.id = c.assignee_id"
                             " where c.state in ('new', 'open', 'department', 'waiting')")
    names = {one["name"] for one in read("town.toml")["channels"].values()}
    assert names == {row["name"] for row in rows}
    other = [row for row in rows if not row["name"].startswith("E-mail")]
    assert len(other) > len(rows) / 3
    assert len({row["name"] for row in other if row["who"]}) >= 6
    assert len({row["name"] for row in other if not row["who"]}) >= 6
    assert len({row["name"] for row in other if row["state"] == "waiting"}) >= 3
    assert len({row["name"] for row in other if row["lateness"] == 2}) >= 3
    assert {1} <= {row["lateness"] for row in other}


async def test_somebody_is_away_whose_work_waits(town):
    away, = await fetch(town, "select account.id, name, until from absence join account on account.id = account_id"
                              " where $1 between since and until", AT.date())
    assert AT.date() < away["until"]
    assert [] == await fetch(town, "select id from event where actor_id = $1 and at >= $2", away["id"],
                             datetime(2026, 11, 22, 23, tzinfo=UTC))
    assert await fetch(town, "select from conversation c join account a on a.id = c.assignee_id where a.name = $1"
                             " and c.state = 'open'", away["name"])


async def test_special_cases_are_there(town):
    found, = await fetch(
        town, "select count(*) filter (where sealed) as sealed,"
              " count(*) filter (where visibility like 'team:%') as walled,"
              " count(*) filter (where problem = 'unreadable') as unreadable,"
              " count(*) filter (where problem = 'bounced') as bounced,"
              " count(*) filter (where suggestion is not null) as suggested from conversation"
              " where id not in (select m.conversation_id from message m join delivery d on d.id = m.delivery_id"
              " where d.key like 'demo/past/%' or d.key like 'post/%' or d.content_type like '%chat%')")
    assert {"sealed": 1, "walled": 2, "unreadable": 1, "bounced": 1, "suggested": 1} == found
    out, = await fetch(town, "select count(*) filter (where auto_reply and kind = 'message') as away,"
                           " count(*) filter (where direction = 'note') as notes,"
                           " count(*) filter (where quoted <> '') as quoting from message")
    assert 1 == out["away"] and out["notes"] >= 20 and out["quoting"] >= 5
    assert {"image/png"} == {row["type"] for row in await fetch(town, "select type from attachment")}


async def test_a_sealed_conversation_is_seen_by_its_readers_alone(town):
    sealed, = await fetch(town, "select reference from conversation where sealed")
    for name, sees in (("Sanne Vos", True), ("Marjolein Smit", True), ("Joris Bos", False)):
        cards = (await see(town, name, AT)).cards
        assert sees == (sealed["reference"] in {card.reference for column in cards.values() for card in column})


async def test_history_runs_in_the_order_of_time(town):
    rows = await fetch(town, "select conversation_id, at from event where conversation_id is not null order by id")
    last: dict[int, datetime] = {}
    for row in rows:
        assert last.get(row["conversation_id"], row["at"]) <= row["at"]
        last[row["conversation_id"]] = row["at"]
    async with town.connection() as connection:
        assert rows and (await event.position(connection))[1] > 0


def test_everybody_is_invented():
    plan = read("trickle.toml")
    senders = [one.sender for one in scripts()]
    senders += [step.who for one in scripts() for step in one.steps if "@" in step.who]
    assert all(sender.rstrip(">").endswith(".example") or "@" not in sender for sender in senders)
    assert len({one.sender for one in scripts()}) == len(scripts()) and plan["names"]


async def test_six_weeks_lie_behind_and_are_done(town):
    weeks = await fetch(town, "select c.*, m.body, h.kind from conversation c join channel h on h.id = c.channel_id"
                              " left join message m on m.id = c.last_message_id and m.direction = 'out'"
                              " where c.created_at < $1", AT - timedelta(days=7))
    assert 2000 < len(weeks) and {"closed"} == {row["state"] for row in weeks}
    assert AT - timedelta(days=44) < min(row["created_at"] for row in weeks) < AT - timedelta(days=41)
    assert all(row["closed_at"] >= row["created_at"] and row["close_reason_id"] for row in weeks)
    assert 0.5 < sum(row["body"] is not None for row in weeks) / len(weeks)
    assert {one["kind"] for one in read("town.toml")["channels"].values()} == {row["kind"] for row in weeks}
    async with town.connection() as connection:
        assert [] == await board.recount(connection)


async def test_a_chat_of_before_is_over_and_its_visitor_saw_the_answer(town):
    rows = await fetch(town, "select v.ended_at, c.created_at, c.closed_at from chat v join participant p"
                             " on p.kind = 'chat' and p.address = v.address join conversation c"
                             " on c.id = p.conversation_id where v.begun_at < $1", AT - timedelta(days=5))
    assert len(rows) > 200 and all(row["created_at"] < row["ended_at"] <= row["closed_at"] for row in rows)


async def test_a_late_answer_was_late_in_the_events_too(town):
    late = await fetch(town, "select c.id from conversation c join event e on e.conversation_id = c.id and"
                             " e.kind = 'late' where c.state = 'closed' and c.created_at < $1", AT - timedelta(days=5))
    assert [] == await fetch(town, "select id from event where kind = 'received' and before is null"
                                   " and (after ->> 'lateness')::int > 1")
    total, = await fetch(town, "select count(*) as n from conversation where created_at < $1", AT - timedelta(days=5))
    assert 0.01 < len(late) / total["n"] < 0.25


@pytest.mark.parametrize(("text", "expected"), [
    ("25m", "2026-11-23T13:17"), ("3h", "2026-11-23T10:42"),
    ("1d", "2026-11-20T13:42"), ("1.5d", "2026-11-20T09:42"),
    ("w1 20:45", "2026-11-20T19:45"), ("t0", "2026-11-23T07:00"), ("t1", "2026-11-23T13:42")])
def test_moments_are_told_from_now(text, expected):
    found = Moments(AT, OFFICE).read(text)
    assert abs((found - datetime.fromisoformat(expected).replace(tzinfo=UTC)).total_seconds()) < 2


def test_a_strange_moment_is_a_mistake():
    with pytest.raises(ValueError, match="yesterday"):
        Moments(AT, OFFICE).read("yesterday")


def test_the_report_of_a_mail_server_is_read_as_one():
    found, = parse(post.report("demo/1", "ellen@poost.example", "info@voorbeeldstad.example", "reply@stad.example",
                               "550 5.1.1 unknown", AT))
    assert ("bounce", (("ellen@poost.example", "550 5.1.1 unknown"),)) == (found.kind, found.bounced)
    assert (ExternalId("reply@stad.example"),) == found.answers_to


async def test_the_mailbox_of_the_demo_reads_as_the_real_one():
    kind = demo.demo_kinds()["email"]
    sent = await kind(None).send(Outgoing("k", ExternalId("ours"), "Onderwerp", "Tekst"))
    assert (ExternalId("ours"), ()) == (sent.external_id, sent.notes)
    item = Delivery(DeliveryKey("1"), b"Subject: Vraag\r\n\r\nTekst", AT, "message/rfc822")
    assert "Vraag" == kind.parse(item)[0].subject


async def test_no_installed_channel_reaches_anybody_and_each_can_what_it_can():
    for name, kind in demo.demo_kinds().items():
        real = connectors()[name]
        assert (real.capabilities, real.Settings) == (kind.capabilities, kind.Settings)
        assert name in stand_in.AT_HOME or kind.send is stand_in.StandIn.send
        assert not hasattr(kind, "listen")
