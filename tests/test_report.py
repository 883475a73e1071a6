"""The figures of the queue equal what somebody counts by hand, each list is as long as its number says."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from newsroom import report
from newsroom.report import AGES, Ask
from tests.bench.plan import walks_whole
from tests.crowd import add, crowd
from tests.house import add_account, add_channel, add_team

AT = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)  # a Monday, 10:42 here
LIVE = ("new", "open", "department", "waiting")
SEES = ["open", "team:7"]


@pytest.fixture
async def town(db):
    channels = [await add_channel(db), await add_channel(db, "Twee", "twee@voorbeeldstad.example")]
    teams = [None, await add_team(db, "Webcare"), await add_team(db, "Burgerzaken")]
    people = [None, (await add_account(db, "Sanne", "webcare")).account_id,
              (await add_account(db, "Joris", "webcare")).account_id]
    async with db.transaction() as connection:
        await connection.execute("insert into close_reason (name_nl, name_en, outcome) values ('A', 'A', 'answered'),"
                                 " ('B', 'B', 'referred'), ('C', 'C', 'no_reply'), ('D', 'D', 'wrong_address')"
                                 " on conflict do nothing")
        rows = await crowd(connection, 300, channels, teams, people, AT, 7, ("open", "open", "team:7", "team:8"))
        outcomes = dict(await connection.fetch("select id, outcome from close_reason"))
    return [row for row in rows if row.visibility in SEES], teams, people, outcomes


def age(row) -> str:
    """By hand: minutes, then the days on the calendar of the municipality."""
    since = row.waiting_since or row.last_at
    minutes = (AT - since) / timedelta(minutes=1)
    if minutes < 60:
        return "hour"
    if minutes < 240:
        return "four_hours"
    days = (AT.astimezone(report.ZONE).date() - since.astimezone(report.ZONE).date()).days
    return "today" if days == 0 else "two_days" if days <= 2 else "older"


async def test_ages_by_team_equal_a_count_by_hand(db, town):
    rows, _, _, _ = town
    expected = Counter((row.team_id or 0, age(row)) for row in rows if row.state in LIVE)
    async with db.snapshot() as connection:
        found = await report.ages(connection, SEES, AT)
        assert expected == Counter({(team.id, name): n for team in found
                                    for name, n in zip(AGES, team.ages, strict=True) if n})
        for team in found:
            for name, n in zip(AGES, team.ages, strict=True):
                listed = await report.rows(connection, SEES, Ask("age", team=team.id, name=name), AT)
                assert n == len(listed) == await report.count(connection, SEES, Ask("age", team=team.id, name=name), AT)
                assert {name} <= {report.age_of(row, AT) for row in listed} | {name}
                assert all(report.age_of(row, AT) == name == age(row) for row in listed)
        everything = await report.count(connection, SEES, Ask("age"), AT)
    assert sum(expected.values()) == everything == sum(team.open for team in found)
    assert sorted((team.open for team in found), reverse=True) == [team.open for team in found]


async def test_work_by_person_equals_a_count_by_hand(db, town):
    rows, _, people, _ = town
    async with db.snapshot() as connection:
        found = await report.work(connection, SEES, AT)
        for who in (0, *people[1:]):
            live = [row for row in rows if row.state in LIVE and (row.assignee_id or 0) == who]
            expected = {"open": sum(row.state != "waiting" for row in live),
                        "late": sum(row.lateness == 2 for row in live),
                        "soon": sum(row.lateness == 1 for row in live),
                        "waiting": sum(row.state == "waiting" for row in live),
                        "closed": sum(row.state == "closed" and (row.assignee_id or 0) == who
                                      and row.closed_at >= report.midnight(AT) for row in rows)}
            assert expected == {name: getattr(found[who], name) for name in report.WORK}
            for name, n in expected.items():
                ask = Ask("work", name=name, who=who)
                assert n == len(await report.rows(connection, SEES, ask, AT))
                assert n == await report.count(connection, SEES, ask, AT)


@pytest.mark.parametrize("name, days", [("today", 0), ("week", 6), ("month", 29)])
async def test_every_conversation_of_a_period_is_in_one_part(db, town, name, days):
    rows, _, _, outcomes = town
    of = report.span(name, AT)
    first = AT.astimezone(report.ZONE).date() - timedelta(days=days)
    began = [row for row in rows if row.created_at.astimezone(report.ZONE).date() >= first]
    parts = Counter("open" if row.state in LIVE else "joined" if row.state == "merged" else
                    outcomes[row.close_reason_id] if row.state == "closed" else row.state for row in began)
    async with db.snapshot() as connection:
        found = await report.balance(connection, SEES, of)
        assert len(began) == found.total == sum(parts.values())
        assert 0 == found.unexplained
        assert dict(parts) == {name: n for name, n in found.parts.items() if n}
        for part, n in found.parts.items():
            assert n == len(await report.rows(connection, SEES, Ask("part", name=part, span=of), AT))
        assert found.total == await report.count(connection, SEES, Ask("part", name="all", span=of), AT)


async def test_what_was_closed_without_a_reason_makes_the_sum_wrong(db, town):
    async with db.transaction() as connection:
        lost = await add(connection, await connection.fetchval("select min(id) from channel"), AT, state="closed",
                         closed_at=AT)
        of = report.span("today", AT)
        found = await report.balance(connection, SEES, of)
        assert 1 == found.unexplained == found.parts["unexplained"]
        listed, = await report.rows(connection, SEES, Ask("part", name="unexplained", span=of), AT)
        assert lost.id == listed.id


async def test_problems_are_counted_by_kind_and_what_has_no_name_could_not_be_read(db):
    channel = await add_channel(db)
    async with db.transaction() as connection:
        for problem in ("unknown", "unknown", "bounced", "unreadable", "too_slow", ""):
            await add(connection, channel, AT, problem=problem)
        found = await report.problems(connection, ["open"])
        assert {"unknown": 2, "not_sent": 0, "bounced": 1, "unreadable": 2} == found
        for name, n in found.items():
            assert n == len(await report.rows(connection, ["open"], Ask("problem", name=name), AT))


async def test_a_list_goes_on_where_it_stopped(db):
    channel = await add_channel(db)
    async with db.transaction() as connection:
        ids = [(await add(connection, channel, AT - timedelta(minutes=n))).id for n in range(7)]
        found = [row.id for skip in (0, 3, 6)
                 for row in await report.rows(connection, ["open"], Ask("age"), AT, skip, 3)]
    assert ids[::-1] == found


@pytest.mark.parametrize("at", [datetime(2026, 3, 29, 8, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)])
def test_a_period_begins_at_midnight_here_also_when_the_clock_changes(at):
    for name in report.PERIODS:
        local = report.span(name, at).since.astimezone(report.ZONE)
        assert (0, 0) == (local.hour, local.minute)


async def test_figures_of_a_million_are_read_by_index(db):
    """The plans at any size: never a walk over all conversations."""
    async with db.transaction() as connection:
        await connection.execute("set local enable_seqscan = off")
        of = report.span("month", AT)
        for query, arguments in (
                (report.AGE_COUNTS, [["open"], AT, AT, AT, AT]), (report.WORK_COUNTS, [["open"]]),
                (report.CLOSED_COUNTS, [["open"], AT]), (report.PART_COUNTS, [["open"], of.since, of.until]),
                (report.PROBLEM_COUNTS, [["open"]]),
                (report.COUNTS["work"], [["open"], "late", 1]),
                (report.COUNTS["nobody"], [["open"], "late"]), (report.ROWS["closed"], [["open"], AT, 1, 0, 9])):
            assert set() == await walks_whole(connection, query, arguments, ["conversation"], general=False), query
