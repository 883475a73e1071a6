"""Writing a batch: a conversation of one message is what the database would make of it."""

from __future__ import annotations

import pytest

from newsroom import inscription, message
from tests.house import US, add_channel, paper, receive

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
