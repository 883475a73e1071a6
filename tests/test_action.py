"""One action is done once, and of two at the same time one wins."""

from __future__ import annotations

import asyncio

from tests.house import add_account, add_channel, paper, receive
from tests.test_feed import act


async def test_the_same_action_again_gives_the_same_result_once(db):
    channel, one = await add_channel(db), await add_account(db, "Een", "webcare")
    receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
    results = await asyncio.gather(*(act(db, one, receipt.reference, "claim", under="k") for _ in range(3)))
    async with db.connection() as connection:
        assert await connection.fetchval("select count(*) from event where kind = 'claimed'") == 1
    assert {result.version for result in results} == {results[0].version}


async def test_two_who_claim_at_once_one_wins_and_the_other_is_told_who(db):
    channel = await add_channel(db)
    people = [await add_account(db, name, "webcare") for name in ("Sanne", "Joris", "Lotte", "Mehmet")]
    for turn in range(10):
        receipt, = await receive(db, channel, paper(f"{turn}", {"id": f"m{turn}", "from": f"p{turn}@post.example"}))
        results = await asyncio.gather(*(act(db, who, receipt.reference, "claim") for who in people))
        assert sorted(result.status for result in results) == [200, 409, 409, 409]
        async with db.connection() as connection:
            holder = await connection.fetchval("select a.name from conversation c join account a"
                                               " on a.id = c.assignee_id where c.reference = $1", receipt.reference)
        assert {result.values["name"] for result in results if not result.ok} == {holder}
