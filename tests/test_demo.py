"""Voorbeeldstad: loads whole, at any moment, once; and its messages take the real road."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors import Delivery, DeliveryKey, ExternalId, Outgoing, connectors
from connectors.email.parse import parse
from newsroom import access, account, board, database, demo, event, setting
from newsroom.board import Filter
from newsroom.demo import peaks, post, stand_in, stream
from newsroom.demo.moment import Moments
from newsroom.demo.past import ABOUT, DAY, ZONE, Past, past
from newsroom.demo.script import read, scripts
from newsroom.hours import Block, Hours
from tests.house import SECRET

AT = datetime(2026, 11, 23, 13, 42, tzinfo=UTC)  # a Monday afternoon
COLUMNS = {"new": 13, "open": 21, "department": 9, "waiting": 7, "closed": 22}
OFFICE = Hours(tuple(Block(day, 540, 1020) for day in range(5)))
MOMENTS = [  # UTC
    datetime(2026, 11, 23, 22, 36, tzinfo=UTC),  # late in the evening
    datetime(2026, 11, 21, 23, 4, tzinfo=UTC),  # Sunday, four minutes old
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


async def test_the_board_is_filled_and_its_counts_are_true(db):
    loaded = await demo.load(db, SECRET, AT, weeks=False)
    states = {row["state"]: row["n"] for row in await fetch(
        db, "select state, count(*) as n from conversation where state <> 'closed' or closed_at >= $1"
            " group by state", datetime(2026, 11, 22, 23, tzinfo=UTC))}
    assert COLUMNS | {"spam": 1} == states
    assert 100 < loaded.deliveries < 130
    async with db.connection() as connection:
        assert [] == await board.recount(connection)
        assert True is await setting.read(connection, "demo")
    seen = await see(db, "Sanne Vos", AT)
    assert seen.tiles["late"] >= 3 and seen.tiles["soon"] >= 4
    assert {"high", "urgent"} <= {("low", "normal", "high", "urgent")[card.priority]
                                 for column in seen.cards.values() for card in column}


@pytest.mark.parametrize("at", MOMENTS)
async def test_the_board_is_alive_at_any_moment(db, at):
    await demo.load(db, SECRET, at, weeks=False)
    seen = await see(db, "Els van Leeuwen", at)
    assert COLUMNS == seen.counts
    assert seen.tiles["late"] >= 3 and seen.tiles["soon"] >= 3
    future = await fetch(db, "select id from message where at > $1 union all select id from event where at > $1"
                             " union all select id from conversation where last_at > $1 or closed_at > $1", at)
    assert [] == future


async def test_loading_again_or_beside_a_real_municipality_does_nothing(db):
    assert (await demo.load(db, SECRET, AT, weeks=False)).fresh
    before = await fetch(db, "select max(id) as newest, count(*) as n from event")
    assert not (await demo.load(db, SECRET, AT, weeks=False)).fresh
    assert before == await fetch(db, "select max(id) as newest, count(*) as n from event")


async def test_two_at_once_load_once(db):
    loaded = await asyncio.gather(*(demo.load(db, SECRET, AT, weeks=False) for _ in range(2)))
    assert [False, True] == sorted(one.fresh for one in loaded)


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
            "application/vnd.newsroom.desk+json"} == types
    notes = await fetch(town, "select distinct send_note from message where send_state = 'sent'"
                              " and kind = 'message'")
    assert [{"send_note": stand_in.NOT_SENT}] == notes


async def test_special_cases_are_there(town):
    found, = await fetch(
        town, "select count(*) filter (where sealed) as sealed,"
              " count(*) filter (where visibility like 'team:%') as walled,"
              " count(*) filter (where problem = 'unreadable') as unreadable,"
              " count(*) filter (where problem = 'bounced') as bounced,"
              " count(*) filter (where suggestion is not null) as suggested from conversation"
              " where id not in (select m.conversation_id from message m join delivery d on d.id = m.delivery_id"
              " where d.key like 'demo/past/%' or d.key like 'post/%')")
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
    weeks = await fetch(town, "select c.*, m.body, m.sent_at from conversation c left join message m on m.id ="
                              " c.last_message_id and m.direction = 'out' where c.created_at < $1",
                        AT - timedelta(days=3))
    assert 1000 < len(weeks)
    assert {"closed"} == {row["state"] for row in weeks if row["created_at"] < AT - timedelta(days=5)}
    old = [row for row in weeks if row["created_at"] < AT - timedelta(days=5)]
    assert AT - timedelta(days=46) < min(row["created_at"] for row in old) < AT - timedelta(days=42)
    assert all(row["closed_at"] >= row["created_at"] and row["close_reason_id"] for row in old)
    assert 0.5 < sum(row["body"] is not None for row in old) / len(old)
    async with town.connection() as connection:
        assert [] == await board.recount(connection)


async def test_a_late_answer_was_late_in_the_events_too(town):
    late = await fetch(town, "select c.id from conversation c join event e on e.conversation_id = c.id and"
                             " e.kind = 'late' where c.state = 'closed' and c.created_at < $1", AT - timedelta(days=5))
    total, = await fetch(town, "select count(*) as n from conversation where created_at < $1", AT - timedelta(days=5))
    assert 0.01 < len(late) / total["n"] < 0.25


def test_the_weeks_have_the_shares_of_a_municipality():
    found = made()
    assert all(abs(number / len(found) * 100 - percent) <= percent / 10
               for about, percent in ABOUT.items() for number in [sum(one.about == about for one in found)])
    channels = read("town.toml")["channels"]
    a_day = sum(one["a_day"] for one in channels.values())
    for key, share in ((key, one["a_day"] / a_day) for key, one in channels.items()):
        assert abs(sum(one.via == key for one in found) / len(found) - share) <= share / 10
    hours = Counter(one.at.astimezone(ZONE).hour for one in found)
    assert all(abs(hours[hour] / len(found) * 100 - percent) <= max(percent / 10, 0.5)
               for hour, percent in enumerate(DAY))
    assert found == made() and found != made(seed=2)


def test_few_of_the_weeks_are_alike():
    bodies = Counter(re.sub(r"[0-9]+", "", one.text) for one in made())
    total = sum(bodies.values())
    assert sum(n * (n - 1) for n in bodies.values()) / (total * (total - 1)) < 0.02


def made(seed: int = 1) -> list[Past]:
    plan = read("town.toml")
    return past(AT, OFFICE, plan["channels"], read("history.toml"), read("trickle.toml")["names"], plan["workers"],
                seed)


def test_there_are_four_hundred_texts_by_hand():
    texts = [text for one in scripts() for text in [one.text, *(step.more.get("text", "") for step in one.steps)]]
    texts += [one["text"] for one in read("trickle.toml")["message"]]
    texts += [one[part] for about in read("history.toml").values() for one in about for part in ("text", "answer")]
    texts += [one["text"] for plan in read("burst.toml").values() for one in plan["message"]]
    texts += [text for ways in read("resident.toml").values() for text in ways]
    texts = [text.strip() for text in texts if text.strip()]
    assert len(texts) >= 400 and len(texts) == len(set(texts))


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


async def test_the_mailbox_of_the_demo_sends_nothing_and_says_so():
    kind = demo.demo_kinds()["email"]
    sent = await kind(None).send(Outgoing("k", ExternalId("ours"), "Onderwerp", "Tekst"))
    assert (ExternalId("ours"), (stand_in.NOT_SENT,)) == (sent.external_id, sent.notes)
    item = Delivery(DeliveryKey("1"), b"Subject: Vraag\r\n\r\nTekst", AT, "message/rfc822")
    assert "Vraag" == kind.parse(item)[0].subject


async def test_no_installed_channel_reaches_anybody_and_each_can_what_it_can():
    for name, kind in demo.demo_kinds().items():
        real = connectors()[name]
        assert (real.capabilities, real.Settings) == (kind.capabilities, kind.Settings)
        assert name in stand_in.AT_HOME or kind.send is stand_in.StandIn.send
        assert not hasattr(kind, "listen")


def test_volumes_follow_the_week_and_the_day():
    monday, sunday = datetime(2026, 11, 23, 9, tzinfo=UTC), datetime(2026, 11, 22, 9, tzinfo=UTC)
    assert stream.an_hour(monday) > 2 * stream.an_hour(sunday)
    assert stream.FEWEST_AN_HOUR == stream.an_hour(datetime(2026, 11, 23, 2, tzinfo=UTC))
    assert 100 == sum(stream.DAY) and 5.0 == pytest.approx(sum(stream.WEEK), abs=0.15)


def test_what_comes_in_now_has_the_shares_of_its_channels():
    letters, shares = stream.endless(random.Random(3)), stream.a_day()
    found = Counter(next(letters)[0] for _ in range(20_000))
    assert all(abs(found[via] / 20_000 - share / sum(shares.values())) <= share / sum(shares.values()) / 10
               for via, share in shares.items())


@pytest.mark.parametrize("name", peaks())
def test_a_peak_is_steep_and_comes_over_several_channels(name):
    plan = read("burst.toml")[name]
    assert len(plan["message"]) >= 15 and len({one["text"] for one in plan["message"]}) == len(plan["message"])
    assert plan["factors"].keys() == {one["via"] for one in plan["message"]} and len(plan["factors"]) >= 3
    found = stream.course(name, random.Random(1))
    assert [one[0] for one in found] == sorted(one[0] for one in found) and 0 <= found[0][0] and found[-1][0] < 1
    assert all("{" not in letter.subject + letter.text + answer for _, _, letter, answer in found)
    # so many times as many as in hours that are always the busiest, were the top to last
    for via, factor in plan["factors"].items():
        most = stream.a_day()[via] * stream.BUSIEST * stream.PEAK_HOURS * factor
        assert 0.3 * most - 1 <= sum(one[1] == via for one in found) <= 0.5 * most + 1
    early, late = (sum(low <= one[0] < low + 0.3 for one in found) for low in (0.0, 0.7))
    assert early > 2 * late
