"""Nothing disappears: the nightly check finds what did, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from newsroom import nightly
from tests.house import START, US, add_channel, bring, paper, receive
from tests.test_intake import mail

LATER = START + timedelta(days=3)


async def found(db) -> dict[str, int]:
    return {one.kind: len(one.ids) for one in await nightly.check(db, LATER)}


async def test_a_house_in_order_has_nothing_to_report(db):
    one, two = await add_channel(db), await add_channel(db, "Twee", "twee@voorbeeldstad.example")
    both = mail("m3", copy_of="m3|body", to=[US, "twee@voorbeeldstad.example"])
    await receive(db, one, paper("1", mail("m1", identity="m1|x")), paper("2", mail("m1", identity="m1|x")),
                  paper("3", raw=b"nonsense"), paper("4", mail("m4"), history="1"), paper("5", both),
                  paper("6", mail("m1", kind="edit", at=1)), paper("7", mail("m1", kind="deletion", at=2)),
                  paper("8", mail("m1", kind="edit", at=3)), paper("9", mail("never", kind="deletion")))
    await receive(db, two, paper("5", both))
    for key, early in (("10", mail("m5", kind="edit", at=1)), ("11", mail("m5"))):  # the change before the message
        await receive(db, one, paper(key, early))
    assert await found(db) == {}


@pytest.mark.parametrize(("damage", "kind"), [
    ("update conversation set state = 'closed', closed_at = created_at", "closed_without_reason"),
    ("update conversation set state = 'merged'", "joined_to_nothing"),
    ("delete from message", "delivery_without_message"),
    ("update delivery set state = 'new'", "delivery_unread"),
    ("update message set direction = 'out', send_state = 'unknown'", "reply_undecided"),
    ("update conversation set visibility = 'sealed:1', sealed = true", "seen_by_nobody"),
    ("insert into reconciliation (channel_id, whole, started_at, missing) select id, true, now(), 1 from channel",
     "source_has_more"),
    ("update tally set n = n + 1", "count_differs")])
async def test_each_way_to_disappear_is_found(db, database, damage, kind):
    await receive(db, await add_channel(db), paper("1", mail("m1")))
    owner = await asyncpg.connect(database.owner_url)
    await owner.execute(damage)
    await owner.close()
    assert kind in await found(db)


async def test_what_was_not_read_yet_is_no_loss(db):
    await bring(db, await add_channel(db), paper("1", mail("m1")))
    async with db.snapshot() as connection:
        assert await nightly.find(connection, START) == []


@pytest.mark.parametrize(("now", "night"), [
    (datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 3, 29, 1, tzinfo=UTC)),
    (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 2, tzinfo=UTC)),
    (datetime(2026, 11, 23, 2, tzinfo=UTC), datetime(2026, 11, 24, 2, tzinfo=UTC))])
def test_the_night_is_the_municipalitys(now, night):
    assert nightly.next_night(now).astimezone(UTC) == night
