"""Search: Dutch stems, folded accents, newest first, and never a hit in what one may not see."""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest

from newsroom import board, delivery, removal, search, sought, triage
from newsroom.conversation import find
from newsroom.sought import Sought
from newsroom.triage import By
from tests.bench import million
from tests.house import START, US, add_account, add_channel, add_team, make_intake, paper, receive
from tests.test_intake import ANNA, BEN, EVE, mail, rows


async def hits(db, scope, words: str) -> list[str]:
    """The subjects of what is found."""
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        return [hit.title for hit in (await search.find(connection, scope, Sought(words))).hits]


async def typed(db, scope, text: str) -> tuple[list[str], list[str]]:
    """The subjects of what is found, the day after tomorrow, and the operators that say nothing."""
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        asked = sought.read(text, await board.names(connection), (START + timedelta(days=3)).date())
        found = await search.find(connection, scope, asked)
    return [hit.title for hit in found.hits], [part.value for part in asked.unread]


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


async def test_a_chat_is_called_as_on_its_card_also_when_our_own_answer_has_the_words(db, sanne):
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "", "Hoe laat is het afvalpunt open?")),
                  paper("2", said("m2", US, "", "Vandaag tot vijf uur.", direction="out", at=60, to=[ANNA])
                        | {"answers": ["m1"]}))
    assert ["Hoe laat is het afvalpunt open?"] == await hits(db, sanne, "vijf uur")


@pytest.mark.parametrize("words", ["", "   ", "%", "_____", "'; drop table message; --", '"', "a & | ! (", "\x00",
                                   "*" * 500])
async def test_any_words_are_only_words(db, sanne, words):
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Afval", "zwembad")))
    assert [] == await hits(db, sanne, words)


async def test_a_form_without_a_text_is_found_by_its_values_and_shows_them(db, sanne):
    await receive(db, await add_channel(db), paper("1", mail("m1", subject="", details=[
        ["Straat", "Dorpsstraat 4"], ["E-mail", "anna@post.example"], ["Telefoon", "06 12345678"]]) | {"text": ""}))
    assert [{"excerpt": "Dorpsstraat 4 · anna@post.example · 06 12345678"}] == await rows(
        db, "select excerpt from conversation")
    assert ["Dorpsstraat 4 · anna@post.example · 06 12345678"] == await hits(db, sanne, "dorpsstraat")
    async with db.transaction() as connection:
        found = await search.find(connection, sanne, Sought("dorpsstraat"))
        pieces = (await search.extracts(connection, found.hits, "dorpsstraat"))[found.hits[0].reference]
    assert [("Dorpsstraat", True), (" 4", False)] == pieces


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
        found = (await search.find(connection, sanne, Sought("container geleegd"))).hits
        pieces = (await search.extracts(connection, found, "container geleegd"))[found[0].reference]
        by_name = (await search.find(connection, sanne, Sought("anna@post"))).hits
        named = await search.extracts(connection, by_name, "anna@post")
    assert ["containers", "geleegd"] == [piece for piece, hit in pieces if hit]
    assert "Onze" in "".join(piece for piece, _ in pieces) and len("".join(piece for piece, _ in pieces)) < 400
    assert [(by_name[0].extract, False)] == named[by_name[0].reference]


@pytest.fixture
async def street(db):
    """Two mailboxes, a team and a label; four conversations."""
    team = await add_team(db, "Burgerzaken")
    info, desk = await add_channel(db), await add_channel(db, "E-mail balie", "balie@voorbeeldstad.example", team)
    made = [await receive(db, channel, paper(str(n), said(f"m{n}", who, subject, "De boom is om.", at=n * 86400)))
            for n, (channel, who, subject) in enumerate([
                (info, "anna.jansen@post.example", "Eerste"), (desk, "ben.yilmaz@post.example", "Tweede"),
                (info, "anna.jansen@post.example", "Derde"), (info, "fatima@post.example", "Vierde")])]
    async with db.transaction() as connection:
        label = await connection.fetchval("insert into label (name) values ('Grofvuil') returning id")
        await connection.execute("update conversation set labels = array[$1::int] where reference = $2", label,
                                 made[2][0].reference)
        await connection.execute("update conversation set state = 'closed', closed_at = last_at where reference = $1",
                                 made[3][0].reference)


@pytest.mark.parametrize(("text", "wanted"), [
    ("boom kanaal:balie", ["Tweede"]), ('kanaal:"E-mail balie"', ["Tweede"]), ("team:burger", ["Tweede"]),
    ("label:GROFVUIL", ["Derde"]), ("van:jansen", ["Derde", "Eerste"]), ("van:jansen boom", ["Derde", "Eerste"]),
    ("from:ben.yilmaz@", ["Tweede"]), ("status:afgerond", ["Vierde"]),
    ("status:open boom", ["Derde", "Tweede", "Eerste"]),
    ("na:24-11-2026 voor:25-11-2026 boom", ["Tweede"]), ("na:2026-11-25", ["Vierde", "Derde"]),
    ("voor:gisteren", ["Tweede", "Eerste"]), ("van:jansen label:grofvuil status:nieuw", ["Derde"]),
    ("van:jansen kanaal:balie", []), ("Yilmaz kanaal:balie", ["Tweede"]), ("Yilmaz status:closed", [])])
async def test_operators_narrow_what_is_found(db, sanne, street, text, wanted):
    assert (wanted, []) == await typed(db, sanne, text)


@pytest.mark.parametrize(("text", "unread"), [
    ("kanaal:fax boom", ["fax"]), ("na:31-2-2026", ["31-2-2026"]), ("voor:ooit", ["ooit"]), ('team:""', [""])])
async def test_an_operator_that_says_nothing_is_told_and_finds_nothing(db, sanne, street, text, unread):
    assert ([], unread) == await typed(db, sanne, text)


async def test_a_colon_alone_makes_no_operator(db, sanne):
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Tijd", "Om 10:30 bij https://stad.example.")))
    assert (["Tijd"], []) == await typed(db, sanne, "10:30")


@pytest.mark.parametrize("text", ["jannsen", "van:jannsen", "van:Jansem boom"])
async def test_a_name_with_a_mistake_in_it_finds_who_is_called_alike(db, sanne, street, text):
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        found = await search.find(connection, sanne, sought.read(text, await board.names(connection), START.date()))
    assert ["Derde", "Eerste"] == [hit.title for hit in found.hits] and found.alike == ("Anna.Jansen",)


async def test_what_is_found_is_counted_by_its_facets(db, sanne, street):
    async with db.transaction() as connection:
        while await search.index(connection):
            pass
        found = await search.find(connection, sanne, Sought("boom"))
    counted = search.facets(found.hits)
    assert ([3, 1], {"new": 3, "closed": 1}, [1]) == (
        list(counted["channel"].values()), counted["state"], list(counted["label"].values()))


async def test_what_few_may_see_hides_nothing_older_from_others(db, sanne, monkeypatch):
    """The newest matches are all of a team that this person is not in."""
    monkeypatch.setattr(search, "DEPTHS", (2, 4, 8))
    team = await add_team(db, "Jeugd", restricted=True)
    hidden = await add_channel(db, "Jeugd", "jeugd@voorbeeldstad.example", team)
    await receive(db, await add_channel(db), paper("1", said("m1", ANNA, "Oud", "zwembad")))
    for n in range(2, 8):
        await receive(db, hidden, paper(str(n), said(f"m{n}", f"p{n}@post.example", "Zorg", "zwembad")))
    assert (["Oud"], []) == await typed(db, sanne, "zwembad")
    monkeypatch.setattr(search, "DEPTHS", (2, 4))
    async with db.transaction() as connection:
        found = await search.find(connection, sanne, Sought("zwembad"))
    assert ([], False) == (found.hits, found.whole)


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
