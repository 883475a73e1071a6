"""The proposal: away first, never over the norm, never to who may not see it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from newsroom import absence, redistribution, report
from newsroom.change import By
from newsroom.conversation import Conversation
from newsroom.redistribution import Person, propose
from newsroom.report import Work
from tests.crowd import add
from tests.house import add_account, add_channel, add_team

AT = datetime(2026, 11, 23, 9, 42, tzinfo=UTC)


def person(id: int, open: int, *teams: int, away: date | None = None, classes=("open",)) -> Person:
    return Person(id, f"Persoon {id}", "P", frozenset(teams), frozenset(classes), Work(id, open=open), away)


def row(id: int, **more) -> Conversation:
    return Conversation(id, f"R{id}", 1, AT, AT, **more)


def test_work_goes_to_the_team_first_and_then_to_who_has_least():
    staff = [person(1, 9), person(2, 5, 4), person(3, 0)]
    found = propose([row(1, team_id=4), row(2)], 1, staff, 12, 2, True)
    assert [2, 3] == [one.to for one in found]


def test_what_was_answered_stays_when_there_is_a_choice():
    found = propose([row(1, answered_at=AT), row(2), row(3, due_at=AT)], 1, [person(1, 3), person(2, 0)], 2, 2, True)
    assert [(3, 2), (2, 2), (1, None)] == [(one.row.id, one.to) for one in found]


def test_nobody_gets_what_they_may_not_see_or_while_away():
    staff = [person(2, 0), person(3, 0, away=date(2026, 11, 24)), person(4, 8, classes=("open", "team:7"))]
    one, = propose([row(1, visibility="team:7", team_id=7)], 1, staff, 12, 1, True)
    assert (4, [4]) == (one.to, [who.id for who in one.options])


@given(st.lists(st.integers(0, 15), min_size=1, max_size=6), st.integers(0, 40), st.integers(1, 12))
def test_no_proposal_brings_anybody_over_the_norm(loads, n, norm):
    staff = [person(id, load) for id, load in enumerate(loads, 1)]
    found = propose([row(id) for id in range(n)], 0, staff, norm, n, True)
    given_to = [sum(one.to == who.id for one in found) for who in staff]
    assert n == len(found)
    for who, load, more in zip(staff, loads, given_to, strict=True):
        assert not more or load + more <= norm
        assert load + more == who.open
    if any(one.to is None for one in found):
        assert all(who.open >= norm for who in staff)


async def test_away_comes_first_then_over_the_norm_then_what_nobody_has(db):
    chef = await add_account(db, "Chef", "chef_dag")
    away, busy = await add_account(db, "Ruben", "webcare"), await add_account(db, "Mehmet", "webcare")
    await add_account(db, "Kijker", "content_director")
    team = await add_team(db, "Jeugd", restricted=True)
    paper = await add_channel(db)
    async with db.transaction() as connection:
        await absence.away(connection, away.account_id, date(2026, 11, 23), date(2026, 11, 24), By(None, AT))
        for state in ("open", "waiting"):
            await add(connection, paper, AT, state=state, assignee_id=away.account_id)
        for minutes in range(redistribution.USUAL_NORM + 2):
            await add(connection, paper, AT - timedelta(minutes=minutes), state="open", assignee_id=busy.account_id)
        await add(connection, paper, AT)
        await add(connection, paper, AT, team_id=team, visibility=f"team:{team}")
        work = await report.work(connection, report.classes(chef), AT)
        staff = await redistribution.people(connection, work, AT)
        found = await redistribution.proposal(connection, chef, None, staff, 12, AT)
        assert ["Chef", "Mehmet", "Ruben"] == [one.name for one in staff]
        assert [away.account_id] * 2 + [busy.account_id] * 2 + [0] == [one.was for one in found]
        assert {chef.account_id} == {one.to for one in found}
        own = await redistribution.proposal(connection, chef, busy.account_id,
                                            await redistribution.people(connection, work, AT), 12, AT)
        assert (14, 2) == (len(own), sum(one.to is not None for one in own))
