"""The search page: marked words, one's own scope, a reference that opens at once, and what to try when nothing is."""

from __future__ import annotations

from newsroom import search


async def indexed(place) -> None:
    async with place.database.transaction() as connection:
        while await search.index(connection):
            pass


async def test_words_are_found_and_marked(place, visitor):
    await indexed(place)
    status, text, _ = await (await visitor("Sanne Vos")).get("/zoek?q=groencontainers")
    assert 200 == status and "1 gesprek gevonden" in text
    assert "<mark>Groencontainer</mark>" in text and place.references["Groencontainer"] in text


async def test_what_a_resident_wrote_stays_text_and_nothing_found_says_what_to_try(place, visitor):
    await place.write("Kijk <script>alert(1)</script> verrekijker")
    await indexed(place)
    joris = await visitor("Joris Bos")
    _, text, _ = await joris.get("/zoek?q=verrekijker")
    assert "<script>alert" not in text and "&lt;script&gt;" in text and "<mark>verrekijker</mark>" in text
    _, text, _ = await joris.get("/zoek?q=%3Cb%3Ezwembad")
    assert "Niets gevonden voor ‘&lt;b&gt;zwembad’" in text and "deel van een naam" in text


async def test_who_may_not_see_it_finds_nothing(place, visitor):
    hidden = await place.write("Uithuisplaatsing van mijn neefje")
    async with place.database.transaction() as connection:
        await connection.execute("update conversation set visibility = $2 where reference = $1", hidden,
                                 f"team:{place.teams['Jeugd en zorg']}")
    await indexed(place)
    sanne, joris = await visitor("Sanne Vos"), await visitor("Joris Bos")
    for words in ("neefje", hidden):
        assert f"/gesprek/{hidden}" not in (await joris.get(f"/zoek?q={words}"))[1]
    assert hidden in (await sanne.get("/zoek?q=neefje"))[1]


async def test_a_reference_opens_its_conversation(place, visitor):
    reference = place.references["Groencontainer"]
    for words in (reference, f"%23{reference.lower()}"):
        status, _, answer = await (await visitor("Joris Bos")).get(f"/zoek?q={words}")
        assert (303, f"/gesprek/{reference}") == (status, answer.headers["Location"])
