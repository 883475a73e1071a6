"""A mention: who is named is told once, sees the conversation, and has it on a list until they open it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsroom import access, mention, reply, triage
from newsroom.conversation import find
from newsroom.triage import By, Wrong
from tests.house import START, add_account, add_channel, add_team, paper, receive
from tests.test_intake import ANNA, mail, rows

PEOPLE = {1: "Sanne Vos", 2: "Joris Bos", 3: "Joris Bosman", 4: "Zoë de l'Étang"}


@pytest.mark.parametrize(("text", "ids"), [
    ("@Sanne Vos kijk je?", [1]), ("kan @joris bos dit?", [2]), ("@Joris Bosman.", [3]), ("(@Zoë de l'Étang)", [4]),
    ("@Sanne Vos en @Joris Bos en @Sanne Vos", [1, 2]), ("mail@Sanne Vos", []), ("@Sanne", []), ("", []),
    ("@Joris Bosmannen", []), ("@", [])])
def test_a_name_after_an_at_is_a_mention(text, ids):
    assert ids == mention.named(text, PEOPLE)


@given(st.lists(st.sampled_from(list(PEOPLE)), max_size=6), st.text("ab .,\n", min_size=1, max_size=5))
def test_whoever_is_named_is_found_whatever_stands_between(ids, between):
    text = (" " + between + " ").join(f"@{PEOPLE[id]}" for id in ids)
    assert list(dict.fromkeys(ids)) == mention.named(text, PEOPLE)


@pytest.fixture
async def desk(db):
    """A chef dag, a colleague, and a question."""
    chef, joris = await add_account(db, "Sanne Vos", "chef_dag"), await add_account(db, "Joris Bos", "webcare")
    receipt, = await receive(db, await add_channel(db), paper("1", mail("m1", ANNA)))
    return chef, joris, receipt.reference


async def note(db, who, reference: str, text: str, client_id: str = "c1") -> None:
    async with db.transaction() as connection:
        row = await find(connection, reference, who, lock=True)
        by = By(who.account_id, START)
        id = await reply.note(connection, row, by, text, client_id)
        row = await find(connection, reference, who, lock=True)
        await mention.tell(connection, row, by, who, id, text)


async def listed(db, who) -> list[tuple[str, str]]:
    async with db.connection() as connection:
        scope = await access.scope(connection, who.account_id)
        return [(one.reference, one.by) for one in await mention.unread(connection, scope)]


async def told(db) -> list[int]:
    return [one["to"] for one in await rows(
        db, "select (data->>'to')::int as to from event where kind = 'mentioned' order by id")]


async def test_who_is_named_is_told_once_and_has_it_on_the_list_until_it_is_read(db, desk):
    chef, joris, reference = desk
    for _ in range(2):  # the same click twice
        await note(db, chef, reference, "@Joris Bos weet jij dit? @Sanne Vos")
    assert [joris.account_id] == await told(db)
    assert [(reference, "Sanne Vos")] == await listed(db, joris) and [] == await listed(db, chef)
    await note(db, chef, reference, "@Joris Bos nog eens", "c2")
    assert [(reference, "Sanne Vos")] == await listed(db, joris)
    async with db.transaction() as connection:
        row = await find(connection, reference, joris)
        await mention.read(connection, joris.account_id, row.id, START)
    assert [] == await listed(db, joris)


async def test_a_mention_in_a_sealed_conversation_lets_somebody_in_when_the_writer_may(db, desk):
    chef, joris, reference = desk
    async with db.transaction() as connection:
        row = await find(connection, reference, chef, lock=True)
        await triage.seal(connection, row, By(chef.account_id, START), [chef.account_id])
        chef = await access.scope(connection, chef.account_id)
    assert [] == await listed(db, joris)
    await note(db, chef, reference, "@Joris Bos graag meelezen")
    assert [(reference, "Sanne Vos")] == await listed(db, joris)


async def test_who_may_not_see_it_cannot_be_named_and_nothing_is_kept(db, desk):
    _, joris, _ = desk
    team = await add_team(db, "Jeugd", restricted=True)
    member = await add_account(db, "Mia Jong", "webcare", teams=(team,))
    channel = await add_channel(db, "Jeugd", "jeugd@voorbeeldstad.example", team)
    receipt, = await receive(db, channel, paper("2", mail("m2", ANNA)))
    with pytest.raises(Wrong) as wrong:
        await note(db, member, receipt.reference, "@Joris Bos?")
    assert ("wrong.mention_unseen", {"name": "Joris Bos"}) == (wrong.value.key, wrong.value.values)
    assert [] == await told(db) and [] == await rows(db, "select from message where direction = 'note'")


async def test_a_joined_conversation_takes_its_mentions_along(db, desk):
    chef, joris, reference = desk
    channel = await add_channel(db, "Twee", "twee@voorbeeldstad.example")
    other, = await receive(db, channel, paper("2", mail("m2", ANNA)))
    await note(db, chef, other.reference, "@Joris Bos zie ook")
    async with db.transaction() as connection:
        loser, survivor = [(await find(connection, one, chef, lock=True)).id for one in (other.reference, reference)]
        await triage.absorb(connection, loser, survivor)
    assert [(reference, "Sanne Vos")] == await listed(db, joris)
