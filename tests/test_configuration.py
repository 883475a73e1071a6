"""What an administrator sets besides channels: hours, days, targets, teams, labels, reasons, and the log of it all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from newsroom import calendar, channel, close_reason, conversation, event, label, logbook, restriction, team
from newsroom.calendar import Calendar, ClosingDay, Used
from newsroom.change import By, Wrong
from newsroom.close_reason import CloseReason
from newsroom.hours import Block, Target
from newsroom.label import Label
from newsroom.logbook import Filter
from newsroom.team import Team
from tests.house import START, add_account, add_channel, add_team, paper, receive
from tests.tap import Tap
from tests.test_channel import KEYS, tap

BY = By(None, START, "192.0.2.7")
OFFICE = tuple(Block(day, 9 * 60, 17 * 60) for day in range(5))


async def do(db, verb, *arguments):
    async with db.transaction() as connection:
        return await verb(connection, *arguments)


async def bring_one(db, channel_id: int, key: str = "a", team_id: int | None = None) -> int:
    """A conversation that waits since START, a Monday at 10:00 here."""
    await receive(db, channel_id, paper(key, {"id": key, "from": "jan@voorbeeld.example", "text": "Vraag"}))
    async with db.transaction() as connection:
        return await connection.fetchval("select max(id) from conversation")


async def row_of(db, id: int) -> conversation.Conversation:
    async with db.connection() as connection:
        return (await conversation.load(connection, [id]))[id]


async def audit_of(db) -> list[dict]:
    async with db.connection() as connection:
        return [row["data"] for row in await connection.fetch("select data from audit order by id")]


# --- clocks ------------------------------------------------------------------------------------------------------

async def test_hours_targets_and_days_move_the_terms_that_run(db):
    place = await add_channel(db)
    id = await bring_one(db, place)
    hours = await do(db, calendar.save, Calendar(0, "Kantoor", OFFICE), BY)
    async with db.transaction() as connection:
        await connection.execute("update channel set hours_id = $2 where id = $1", place, hours)
        await calendar.set_targets(connection, place, "Paper", {1: Target(2, "working_days")}, BY)
    at = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
    assert at == (await row_of(db, id)).due_at
    await do(db, calendar.set_closing_day, ClosingDay(date(2026, 11, 24), None, "Sluitingsdag"), BY)
    assert at + timedelta(days=1) == (await row_of(db, id)).due_at
    await do(db, calendar.remove_closing_day, date(2026, 11, 24), None, BY)
    assert at == (await row_of(db, id)).due_at
    await do(db, calendar.set_closing_day, ClosingDay(date(2026, 11, 24), hours, "Vroeg dicht", ((540, 600),)), BY)
    await do(db, calendar.set_targets, place, "Paper", {1: Target(540, "minutes")}, BY)
    assert at == (await row_of(db, id)).due_at  # 7 hours on Monday, 1 on Tuesday, 1 on Wednesday
    await do(db, calendar.save, Calendar(hours, "Altijd", OFFICE, always=True), BY)
    assert START + timedelta(hours=9) == (await row_of(db, id)).due_at


async def test_the_same_settings_again_are_no_change(db):
    id = await do(db, calendar.save, Calendar(0, "Kantoor", OFFICE), BY)
    for _ in range(2):
        await do(db, calendar.save, Calendar(id, "Kantoor", tuple(reversed(OFFICE))), BY)
        await do(db, calendar.set_holidays, {"good_friday": True}, BY)
    assert ["hours", "holidays"] == [line["what"] for line in await audit_of(db)]
    assert {"good_friday": True, "liberation_day": False} == await do(db, calendar.holidays)


@pytest.mark.parametrize("wanted, field, key", [
    (Calendar(0, " ", OFFICE), "name", "wrong.name"), (Calendar(0, "kantoor", OFFICE), "name", "wrong.name_taken"),
    (Calendar(0, "Nacht", (Block(0, 540, 1020), Block(0, 1000, 1100))), "blocks", "wrong.blocks"),
    (Calendar(0, "Veel", tuple(Block(0, n, n + 1) for n in range(101))), "blocks", "wrong.blocks")])
async def test_a_calendar_that_cannot_be(db, wanted, field, key):
    await do(db, calendar.save, Calendar(0, "Kantoor", OFFICE), BY)
    with pytest.raises(Wrong) as raised:
        await do(db, calendar.save, wanted, BY)
    assert (field, key) == (raised.value.field, raised.value.key)


@pytest.mark.parametrize("target", [Target(0, "minutes"), Target(-1, "minutes"), Target(367, "working_days"),
                                    Target(float("nan"), "minutes"), Target(1, "weeks")])
async def test_a_target_that_cannot_be(db, target):
    place = await add_channel(db)
    with pytest.raises(Wrong) as raised:
        await do(db, calendar.set_targets, place, "Paper", {2: target}, BY)
    assert "amount-2" == raised.value.field
    assert {} == await do(db, calendar.targets, place)


async def test_a_calendar_in_use_stays_and_one_that_never_opens_is_named(db):
    id = await do(db, calendar.save, Calendar(0, "Leeg"), BY)
    assert [] == await do(db, calendar.never_open, BY)
    place = await add_channel(db)
    async with db.transaction() as connection:
        await connection.execute("update channel set hours_id = $2 where id = $1", place, id)
    assert ["Leeg"] == await do(db, calendar.never_open, BY)
    assert ("Paper",) == (await do(db, calendar.get, id)).channels
    with pytest.raises(Used):
        await do(db, calendar.remove, id, BY)
    async with db.transaction() as connection:
        await connection.execute("update channel set archived_at = now() where id = $1", place)
    await do(db, calendar.remove, id, BY)
    assert [] == await do(db, calendar.every)


# --- teams -------------------------------------------------------------------------------------------------------

async def test_a_restricted_team_hides_its_conversations_at_once(db):
    youth = await add_team(db, "Jeugd")
    inside = await add_account(db, "Iris", "webcare", teams=(youth,))
    outside = await add_account(db, "Omar", "webcare")
    place = await add_channel(db, team=youth)
    first, second, sealed = [await bring_one(db, place, key) for key in "abc"]
    async with db.transaction() as connection:
        await connection.execute("update conversation set state = 'open', assignee_id = $2 where id = $1",
                                 first, outside.account_id)
        await connection.execute("update conversation set state = 'open', assignee_id = $2 where id = $1",
                                 second, inside.account_id)
        await connection.execute("update conversation set sealed = true, visibility = 'sealed:' || id where id = $1",
                                 sealed)
        before = (await event.position(connection))[1]
    assert await do(db, restriction.set_restricted, youth, True, BY)
    assert not await do(db, restriction.set_restricted, youth, True, BY)
    rows = [await row_of(db, id) for id in (first, second, sealed)]
    assert [(f"team:{youth}", "new", None), (f"team:{youth}", "open", inside.account_id),
            (f"sealed:{sealed}", "new", None)] == [(row.visibility, row.state, row.assignee_id) for row in rows]
    async with db.connection() as connection:
        told = await event.since(connection, before, 100)
    assert [("rights_changed", None), ("team_changed", first), ("team_changed", second)] == \
        [(one.kind, one.conversation_id) for one in told]
    assert ("open", f"team:{youth}") == (told[1].before["class"], told[1].after["class"])
    assert await do(db, restriction.set_restricted, youth, False, BY)
    assert ["open", f"sealed:{sealed}"] == [(await row_of(db, id)).visibility for id in (first, sealed)]


async def test_what_came_in_meanwhile_and_what_closed_long_ago_is_hidden_too(db):
    youth = await add_team(db, "Jeugd")
    place = await add_channel(db, team=youth)
    old, late = await bring_one(db, place, "a"), await bring_one(db, place, "b")
    async with db.transaction() as connection:
        await connection.execute("update conversation set state = 'closed', closed_at = $2 where id = $1",
                                 old, START - timedelta(days=30))
    await do(db, restriction.set_restricted, youth, True, BY)
    async with db.transaction() as connection:  # a batch that had read the team as it was
        await connection.execute("update conversation set visibility = 'open' where id = $1", late)
    assert 1 == await do(db, restriction.settle, youth, BY)
    assert {f"team:{youth}"} == {(await row_of(db, id)).visibility for id in (old, late)}


async def test_a_team_with_work_cannot_go(db):
    id = await do(db, team.save, Team(0, " Webcare "), BY)
    place = await add_channel(db, team=id)
    with pytest.raises(Wrong) as raised:
        await do(db, team.set_archived, id, True, BY)
    assert "wrong.team_in_use" == raised.value.key
    async with db.transaction() as connection:
        await connection.execute("update channel set team_id = null where id = $1", place)
    await do(db, team.set_archived, id, True, BY)
    assert [] == await do(db, team.active)
    assert ["Webcare"] == [one.name for one in await do(db, team.every)]
    with pytest.raises(Wrong):
        await do(db, team.save, Team(0, "WEBCARE"), BY)


# --- labels and reasons ------------------------------------------------------------------------------------------

async def test_labels_and_reasons_are_kept_renamed_and_put_away(db):
    first = await do(db, label.save, Label(0, "Afval"), BY)
    await do(db, label.save, Label(first, "Afval en milieu", topic=True), BY)
    await do(db, label.set_archived, first, True, BY)
    kept, = await do(db, label.every)
    assert ("Afval en milieu", True, True) == (kept.name, kept.topic, kept.archived_at is not None)
    reason = await do(db, close_reason.save, CloseReason(0, "Beantwoord", "Answered"), BY)
    await do(db, close_reason.save, CloseReason(reason, "Klaar", "Done", "referred"), BY)
    assert [("Klaar", "referred")] == [(one.name_nl, one.outcome) for one in await do(db, close_reason.every)]
    assert [{"name": "Afval"}, {"name": "Afval en milieu"}] == [
        {"name": line["after"]["name"]} for line in await audit_of(db) if "name" in line["after"]][:2]


@pytest.mark.parametrize("verb, wanted, field", [
    (label.save, Label(0, "x" * 41), "name"), (label.save, Label(0, "a\nb"), "name"),
    (close_reason.save, CloseReason(0, "", "Done"), "name_nl"),
    (close_reason.save, CloseReason(0, "Klaar", " "), "name_en"),
    (close_reason.save, CloseReason(0, "Klaar", "Done", "vanished"), "outcome"), (team.save, Team(0, ""), "name")])
async def test_what_cannot_be_kept(db, verb, wanted, field):
    with pytest.raises(Wrong) as raised:
        await do(db, verb, wanted, BY)
    assert field == raised.value.field


# --- the log -----------------------------------------------------------------------------------------------------

async def test_the_log_holds_changes_and_health_and_goes_on_from_a_place(db):
    bas = await add_account(db, "Bas", "admin")
    by = By(bas.account_id, START, "192.0.2.7")
    async with db.transaction() as connection:
        row = await channel.add(connection, KEYS, Tap, tap(), {"password": "x"}, by)
        await channel.set_health(connection, row.id, "down", "Storing", START)
    for number in range(120):
        await do(db, label.save, Label(0, f"Label {number}"), replace(by, at=START + timedelta(seconds=number)))
    first = await do(db, logbook.read, Filter())
    last = first[-1]
    second = await do(db, logbook.read, Filter(before=(last.at, last.source, last.id)))
    lines = first + second
    assert 100 == len(first) and 122 == len(lines) == len({(line.source, line.id) for line in lines})
    assert sorted(lines, key=lambda line: (line.at, line.source, line.id), reverse=True) == lines
    health, = await do(db, logbook.read, Filter(subject="health"))
    assert ("health", "Kraan", {"channel": row.id, "change": "health", "to": "down"}) == (
        health.kind, health.about, health.data)
    assert "Bas" == lines[0].account and [] == await do(db, logbook.read, Filter(account_id=bas.account_id + 1))
    assert 2 == len(await do(db, logbook.read, Filter(account_id=bas.account_id, until=START + timedelta(seconds=1))))
