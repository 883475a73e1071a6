"""Search: Dutch stems, folded accents, newest first, and never a hit in what one may not see."""

from __future__ import annotations

import json

import asyncpg
import pytest

from newsroom import delivery, removal, search, triage
from newsroom.conversation import find
from newsroom.triage import By
from tests.bench import million
from tests.house import START, add_account, add_channel, add_team, make_intake, paper, receive
from tests.test_intake import ANNA, BEN, EVE, mail, rows


async def hits(db, scope, words: str) -> list[str]:
    """The subjects of what is found."""
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        return [hit.subject for hit in await search.find(connection, scope, words)]


@pytest.fixture
async def sanne(db):
    return await add_account(db, "Sanne", "webcare")


def said(id: str, who: str, subject: str, text: str, **more) -> dict:
    return mail(id, who, subject=subject, **more) | {"text": text}


@pytest.mark.parametrize("words", ["containers", "CONTAINER geleegd", "cafe", "lantaarnpalen", "Anna", "anna@post"])
async def test_words_are_found_in_their_other_forms(db, sanne, words):
    await receive(db, await add_channel(db), paper(
        "1", said("m1", ANNA, "Afval", "De container bij het café is niet geleegd; een lantaarnpaal brandt niet.")))
    assert ["Afval"] == await hits(db, sanne, words)


async def test_the_newest_comes_first_and_a_conversation_once(db, sanne):
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Eerst", "zwembad")),
                  paper("2", said("m2", BEN, "Laatst", "zwembad", at=60)),
                  paper("3", said("m3", ANNA, "Re: Eerst", "zwembad zwembad", at=30) | {"answers": ["m1"]}))
    assert ["Laatst", "Eerst"] == await hits(db, sanne, "zwembad")


async def test_what_one_may_not_see_is_not_found_by_any_way(db, sanne):
    team = await add_team(db, "Jeugd", restricted=True)
    channel = await add_channel(db, "Jeugd", "jeugd@voorbeeldstad.example", team)
    receipt, = await receive(db, channel, paper("1", said("m1", EVE, "Zorg", "uithuisplaatsing")))
    member = await add_account(db, "Joris", "webcare", teams=(team,))
    for words in ("uithuisplaatsing", receipt.reference, "eve@elders", "Eve"):
        assert [] == await hits(db, sanne, words)
        assert ["Zorg"] == await hits(db, member, words)


@pytest.mark.parametrize("words", ["", "   ", "%", "_____", "'; drop table message; --", '"', "a & | ! (", "\x00",
                                   "*" * 500])
async def test_any_words_are_only_words(db, sanne, words):
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Afval", "zwembad")))
    assert [] == await hits(db, sanne, words)


async def test_a_form_without_a_text_is_found_by_its_values_and_shows_them(db, sanne):
    await receive(db, await add_channel(db), paper("1", mail("m1", subject="", details=[
        ["Straat", "Dorpsstraat 4"], ["Container", "Rest"]]) | {"text": ""}))
    assert [{"excerpt": "Dorpsstraat 4 · Rest"}] == await rows(db, "select excerpt from conversation")
    assert [""] == await hits(db, sanne, "dorpsstraat")


async def test_removed_words_are_not_found_and_mended_ones_are(db, sanne):
    channel, by = await add_channel(db), By(sanne.account_id, START)
    first, second = await receive(db, channel, paper("1", said("m1", ANNA, "Afval", "zwembad")),
                                  paper("2", raw=b"broken " + json.dumps(said("m2", BEN, "Later", "zwembad")).encode()))
    assert ["Afval"] == await hits(db, sanne, "zwembad")
    async with db.transaction() as connection:
        row = await find(connection, first.reference, sanne, lock=True)
        await removal.remove(connection, row, by, row.last_message_id, "Verkeerd adres")
        await connection.execute("update delivery set body = substr(body, 8) where id = $1", second.id)
        await delivery.replay(connection, [second.id])
    await make_intake(db).drain()
    assert ["Later"] == await hits(db, sanne, "zwembad")


async def test_spam_is_found_and_a_joined_conversation_only_as_the_one_it_became(db, sanne):
    receipt, = await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Casino", "win nu")))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, sanne, lock=True)
        await triage.spam(connection, row, By(sanne.account_id, START), block=False)
    assert ["Casino"] == await hits(db, sanne, "win")


async def test_what_stands_around_the_words_is_shown_with_the_words_marked(db, sanne):
    await receive(db, await add_channel(db), paper("1", said(
        "m1", ANNA, "Afval", "Eerst een lange inleiding. " * 60 + "<b>Onze</b> containers zijn \x02niet\x03 geleegd.")))
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        found = await search.find(connection, sanne, "container geleegd")
        pieces = (await search.extracts(connection, found, "container geleegd"))[found[0].reference]
        by_name = await search.find(connection, sanne, "anna@post")
        named = await search.extracts(connection, by_name, "anna@post")
    assert ["containers", "geleegd"] == [piece for piece, hit in pieces if hit]
    assert "Onze" in "".join(piece for piece, _ in pieces) and len("".join(piece for piece, _ in pieces)) < 400
    assert [(by_name[0].extract, False)] == named[by_name[0].reference]


@pytest.mark.slow
async def test_each_way_through_the_index_gives_the_newest(database):
    await million.fill(database, 30_000)
    connection = await asyncpg.connect(database.owner_url)
    # found in ten messages, in a few of a hundred, in three of ten, and nowhere
    for words in ("w1234", "vergunning boom brief", "vergunning boom brief adres huis", "gemeente", "onvindbaar"):
        for most in search.DEPTHS:
            # whatever the plan
            wanted = await connection.fetch("select message_id from message_text"
                                            " where words @@ websearch_to_tsquery('newsroom', $1)"
                                            " order by message_id desc limit $2", words, most)
            found = await connection.fetch("select * from messages_with($1, $2)", words, most)
            assert [row[0] for row in wanted] == [row[0] for row in found], (words, most)
    await connection.close()
