"""The search page: marked words, one's own scope, a reference that opens at once, and what to try when nothing is."""

from __future__ import annotations

import re
from html import unescape

from newsroom import kept_search, search


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


async def test_operators_are_shown_as_read_and_can_be_taken_away(place, visitor):
    await indexed(place)
    sanne = await visitor("Sanne Vos")
    _, text, _ = await sanne.get('/zoek?q=bak+kanaal:mail+status:nieuw+van:"Bewoner+L"')
    assert place.references["Wéér"] in text and "1 gesprek gevonden" in text
    assert 'aria-label="Zonder kanaal mail"' in text and "status Nieuw" in " ".join(text.split())
    _, text, _ = await sanne.get("/zoek?q=bak+kanaal:fax+na:morgen")
    assert "Geen kanaal heet ‘fax’." in text and "‘morgen’ is geen dag" in text and "/gesprek/" not in text


async def test_what_is_found_can_be_narrowed_by_a_click(place, visitor):
    await indexed(place)
    sanne = await visitor("Sanne Vos")
    _, text, _ = await sanne.get("/zoek?q=status:open")
    found = re.search(r'href="([^"]+)"><span dir="auto">GFT niet geleegd</span> <span class="n">2', text)
    _, text, _ = await sanne.get(unescape(found[1]))
    assert "2 gesprekken gevonden" in text and place.references["Groencontainer"] in text


async def test_searches_are_remembered_kept_and_forgotten_for_oneself(place, visitor):
    sanne, joris = await visitor("Sanne Vos"), await visitor("Joris Bos")
    for words in ("zwembad", "van:jansen", "zwembad"):
        await sanne.get(f"/zoek?q={words}")
    await sanne.form("/zoek/bewaard", words="van:jansen", do="keep")
    _, text, _ = await sanne.get("/zoek")
    assert text.index("Bewaard") < text.index(">van:jansen<") < text.index("Laatst gezocht") < text.index(">zwembad<")
    assert "zwembad" not in (await joris.get("/zoek"))[1]
    await sanne.form("/zoek/bewaard", do="forget")
    _, text, _ = await sanne.get("/zoek")
    assert ">van:jansen<" in text and "zwembad" not in text
    await sanne.form("/zoek/bewaard", words="van:jansen", do="let_go")
    assert "Bewaard" not in (await sanne.get("/zoek"))[1]


async def test_only_so_many_searches_are_kept(place, visitor, monkeypatch):
    monkeypatch.setattr(kept_search, "MOST", 1)
    sanne = await visitor("Sanne Vos")
    await sanne.form("/zoek/bewaard", words="een", do="keep")
    status, text, _ = await sanne.form("/zoek/bewaard", words="twee", do="keep")
    assert 422 == status and "Je bewaart al 1 zoekopdrachten" in text
    for number in range(kept_search.RECENT + 3):
        await sanne.get(f"/zoek?q=woord{number}")
    async with place.database.connection() as connection:
        assert kept_search.RECENT + 1 == await connection.fetchval("select count(*) from kept_search")
