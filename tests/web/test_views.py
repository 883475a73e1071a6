"""Views that somebody keeps: a name for a filter and layout, one's own or for everybody."""

from __future__ import annotations

import re

TABS = re.compile(r'<a href="([^"]+)"( aria-current="page")? data-count=[^>]*>([^<]+)<span class="cnt">(\d+)')


async def tabs(person, path: str = "/bord") -> dict[str, tuple[str, bool, int]]:
    _, text, _ = await person.get(path)
    return {name: (url.replace("&amp;", "&"), bool(current), int(n)) for url, current, name, n in TABS.findall(text)}


async def test_a_view_is_kept_under_a_name_and_is_a_tab_with_its_count(place, visitor):
    joris, lotte = await visitor("Joris Bos"), await visitor("Lotte Dijk")
    query = "prioriteit=3&wie=0&vorm=lijst&onzin=1"
    status, _, where = await joris.form("/bord/weergaven", name=" Spoed  eerst ", query=query)
    assert 303 == status
    url, current, n = (await tabs(joris, where))["Spoed eerst"]
    assert (True, 2) == (current, n) and "vorm=lijst" in url and "onzin" not in url
    assert not (await tabs(joris, "/bord?prioriteit=3&wie=0"))["Spoed eerst"][1], "the layout belongs to it"
    assert "Spoed eerst" not in await tabs(lotte), "one's own"


async def test_a_name_is_used_once_and_not_empty(place, visitor):
    joris = await visitor("Joris Bos")
    assert 422 == (await joris.form("/bord/weergaven", name=" ", query=""))[0]
    assert 303 == (await joris.form("/bord/weergaven", name="Laat", query="termijn=late"))[0]
    assert 422 == (await joris.form("/bord/weergaven", name="laat", query="termijn=bijna"))[0]
    for n in range(11):
        await joris.form("/bord/weergaven", name=f"Nog {n}", query="wie=0")
    status, text, _ = await joris.form("/bord/weergaven", name="Te veel", query="wie=0")
    assert 422 == status and "12 weergaven" in text


async def test_the_chef_dag_keeps_one_for_everybody_who_may_not_change_it(place, visitor):
    sanne, joris = await visitor("Sanne Vos"), await visitor("Joris Bos")
    await joris.form("/bord/weergaven", name="Van Joris", query="wie=0", shared="on")
    assert "Van Joris" not in await tabs(sanne), "who may not triage keeps it for themselves"
    await sanne.form("/bord/weergaven", name="Vandaag eerst", query="termijn=late,bijna", shared="on")
    assert "Vandaag eerst" in await tabs(joris)
    async with place.database.connection() as connection:
        id = await connection.fetchval("select id from saved_view where name = 'Vandaag eerst'")
    one = f"/bord/weergaven/{id}"
    assert 404 == (await joris.form(one, name="Anders", query=""))[0]
    assert 404 == (await joris.form(one, do="remove", query=""))[0]
    assert 303 == (await sanne.form(one, name="Eerst dit", query=""))[0]
    assert "Eerst dit" in await tabs(joris)
    assert 303 == (await sanne.form(one, do="remove", query=""))[0]
    assert "Eerst dit" not in await tabs(joris)
