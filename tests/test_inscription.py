"""Writing a batch: a conversation of one message is what the database would make of it."""

from __future__ import annotations

import pytest

from newsroom import inscription, message
from tests.house import US, add_channel, paper, receive
from tests.test_intake import rows

ITEMS = [
    {"id": "m1", "from": "anna@post.example", "subject": "Afval", "text": "é" * 700},
    {"id": "m1", "from": "", "text": ""},
    {"id": "m1", "from": "anna@post.example", "auto": True},
    {"id": "m1", "from": "daemon@post.example", "kind": "bounce", "answers": ["never"], "subject": "Terug"},
    {"id": "m1", "from": "anna@post.example", "kind": "not_understood", "text": "?"},
    {"id": "m1", "from": "", "details": [["Straat", "Dorpsstraat 4"], ["Leeg", ""], ["Veel", "é" * 700]]},
    {"id": "m1", "from": US, "direction": "out", "to": ["anna@post.example"], "subject": "Re: Afval"},
]


@pytest.mark.parametrize("item", ITEMS, ids=range(len(ITEMS)))
async def test_what_one_message_makes_of_a_conversation_is_known_beforehand(db, item):
    channel = await add_channel(db)
    await receive(db, channel, paper("1", item))
    async with db.connection() as connection:
        ids = [row["id"] for row in await connection.fetch("select id from message")]
        row, = (await message.get(connection, ids)).values()
        found = await inscription._sums(connection, [row.conversation_id])
    assert inscription._sum(row) == dict(found[row.conversation_id])


async def test_a_card_tells_what_the_resident_said_and_else_what_we_said(db):
    channel = await add_channel(db)
    ours = {"id": "m1", "from": US, "direction": "out", "to": ["anna@post.example"], "text": "Uw pas ligt klaar."}
    await receive(db, channel, paper("1", ours))
    assert [{"excerpt": "Uw pas ligt klaar.", "author": "Anna"}] == await rows(
        db, "select excerpt, author from conversation")
    thanks = {"id": "m2", "from": "anna@post.example", "answers": ["m1"], "text": "Dank!"}
    await receive(db, channel, paper("2", thanks),
                  paper("3", ours | {"id": "m3", "answers": ["m2"], "text": "Graag gedaan.", "at": 60}))
    assert [{"excerpt": "Dank!"}] == await rows(db, "select excerpt from conversation")
