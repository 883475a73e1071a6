"""The queue's pages: who sees what, numbers that lead to as many conversations, files that are safe, work divided."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date, timedelta

import pytest

from newsroom import absence, report
from newsroom.web import csv_file
from tests.crowd import add, crowd, step
from tests.house import add_channel, add_team
from tests.web.site import START
from tests.web.staff import add_person, enter, whole

AT = START


@pytest.fixture
async def client(database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        yield client


@pytest.fixture
async def house(db):
    """Conversations of every kind, some of them behind a wall."""
    team, wall = await add_team(db, "Webcare"), await add_team(db, "Jeugd", restricted=True)
    people = {name: await add_person(db, name, *roles, teams=(team,)) for name, roles in
              (("Carla", ("supervisor",)), ("Sanne", ("chef_dag",)), ("Joris", ("webcare",)), ("Ab", ("analyst",)),
               ("Anna", ("content_director",)))}
    channel = await add_channel(db)
    async with db.transaction() as connection:
        await connection.execute("insert into close_reason (name_nl, name_en, outcome) values"
                                 " ('Zz', 'Zz', 'answered') on conflict do nothing")
        await crowd(connection, 80, [channel], [None, team], [None, people["Joris"], people["Sanne"]], AT, 3,
                    ("open", "open", "open", f"team:{wall}"))
        late = await add(connection, channel, AT - timedelta(hours=5), state="open", assignee_id=people["Joris"],
                         subject="Afwijkend <b>onderwerp</b>", due_at=AT - timedelta(hours=1))
        await step(connection, late, "late", AT - timedelta(hours=1), lateness=2)
        back = await add(connection, channel, AT - timedelta(hours=5), state="closed", closed_at=AT)
        await step(connection, back, "received", AT - timedelta(minutes=3), state="new", closed_at=None)
    return people, channel


def numbers(text: str) -> list[tuple[int, str]]:
    """Every number on the page that leads somewhere: (number, address)."""
    found = re.findall(r'<a class="nr[^"]*" href="([^"]+)" aria-label="([\d.]+) ', text)
    return [(int(number.replace(".", "")), html.unescape(address)) for address, number in found]


@pytest.mark.parametrize("period", ["vandaag", "week", "maand"])
async def test_every_number_leads_to_as_many_conversations(db, client, house, period):
    browser = await enter(client, db, house[0]["Carla"])
    assert 200 == (await browser.get(f"/wachtrij?periode={period}")).status
    found = numbers(browser.text)
    kinds = {re.search(r"wat=(\w+)", address)[1] for _, address in found}
    assert {"leeftijd", "werk", "uitkomst", "telaat", "heropend"} <= kinds
    for number, address in found:
        assert 200 == (await browser.get(address)).status
        assert number == browser.text.count('<tr role="row" data-id='), address
        assert f'id="total">{number}<' in browser.text
        answer = await browser.get(address.replace("/lijst?", "/lijst.csv?"))
        assert 200 == answer.status and number == len(read(browser.text)) - 1, address


async def test_the_sum_is_right_and_says_so(db, client, house):
    browser = await enter(client, db, house[0]["Carla"])
    await browser.get("/wachtrij?periode=maand")
    assert "Het klopt." in browser.words
    async with db.transaction() as connection:
        await add(connection, house[1], AT, state="closed", closed_at=AT)
    await browser.get("/wachtrij?periode=maand")
    assert "1 gesprek heeft geen uitkomst. Het klopt niet." in browser.words


@pytest.mark.parametrize("who", ["Ab", "Anna"])
async def test_without_the_right_to_divide_there_are_figures_only(db, client, house, who):
    browser = await enter(client, db, house[0][who])
    assert 200 == (await browser.get("/wachtrij")).status
    assert [] == numbers(browser.text) and "/wachtrij/lijst" not in browser.text
    for word in ("Joris", "Wie heeft wat?", "Afwijkend", "Een vraag", "Herverdeel"):
        assert word not in browser.text
    assert "Hoe oud is open werk?" in browser.text and "Je ziet cijfers" in browser.text
    assert 403 == (await browser.get("/wachtrij/cijfers.csv?wat=werk")).status
    assert 200 == (await browser.get("/wachtrij/cijfers.csv?wat=leeftijd")).status
    async with db.snapshot() as connection:
        expected = await report.ages(connection, ["open"], AT)
    assert sum(team.open for team in expected) == sum(int(line[-1]) for line in read(browser.text)[1:])


async def test_webcare_has_no_queue(db, client, house):
    browser = await enter(client, db, house[0]["Joris"])
    assert 403 == (await browser.get("/wachtrij")).status
    await browser.get("/bord")
    assert "/wachtrij" not in browser.text


async def test_behind_a_wall_nothing_is_counted(db, client, house):
    browser = await enter(client, db, house[0]["Carla"])
    await browser.get("/wachtrij")
    _, address = next(one for one in numbers(browser.text) if "wat=leeftijd" in one[1] and "naam" not in one[1]
                      and "team" not in one[1])
    await browser.get(address)
    async with db.connection() as connection:
        walled = [row["reference"] for row in await connection.fetch(
            "select reference from conversation where visibility <> 'open'")]
    assert walled and not [reference for reference in walled if reference in browser.text]


def read(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:]), delimiter=";"))


async def test_a_file_is_noted_and_runs_nothing(db, client, house):
    async with db.transaction() as connection:
        for subject in ("=1+1", "+31", "-2", "@som", "\tx", "\rx", "＝1", " =1", 'gewoon; "zo"'):
            await add(connection, house[1], AT, subject=subject, problem="unknown")
    browser = await enter(client, db, house[0]["Sanne"])
    answer = await browser.get("/wachtrij/lijst.csv?wat=probleem&naam=unknown")
    assert "attachment" in answer.headers["Content-Disposition"] and answer.content_type == "text/csv"
    assert b"\xef\xbb\xbf" == (await answer.read())[:3]
    subjects = sorted(line[2] for line in read(browser.text)[1:])
    assert all(one.startswith("'") or one == 'gewoon; "zo"' for one in subjects) and 9 == len(subjects)
    async with db.connection() as connection:
        line = await connection.fetchrow("select account_id, data from audit where kind = 'exported'")
    assert (house[0]["Sanne"], {"what": "probleem", "rows": 9}) == tuple(line)
    await browser.get("/wachtrij/cijfers.csv?wat=leeftijd")
    assert {"0–1 u", "Open"} <= set(read(browser.text)[0])
    assert 404 == (await browser.get("/wachtrij/cijfers.csv?wat=iets")).status


def test_a_cell_keeps_numbers_and_times():
    assert ["-3", "", "2026-11-23 10:42", "'-3", "a=b"] == [csv_file.cell(one) for one in (-3, None, AT, "-3", "a=b")]


@pytest.mark.parametrize("address", ["wat=leeftijd&team=x&naam=y&op=nan", "wat=werk&naam=open&wie=99999999999999",
                                     "wat=leeftijd&op=1e999&na=-4", "wat=telaat&naam=niks&periode=eeuw",
                                     "wat=nacht&naam=niks"])
async def test_odd_addresses_are_a_list_all_the_same(db, client, house, address):
    browser = await enter(client, db, house[0]["Carla"])
    assert 200 == (await browser.get(f"/wachtrij/lijst?{address}")).status
    assert 404 == (await browser.get("/wachtrij/lijst?wat=werk&naam=niks")).status


async def owners(db) -> dict[str, int | None]:
    async with db.connection() as connection:
        return dict(await connection.fetch("select reference, assignee_id from conversation"))


def proposed(text: str) -> dict[str, str]:
    """The form as a browser sends it: each item with what is chosen for it."""
    items = re.findall(r'name="item" value="(\w+:\d+)"', text)
    chosen = {name: re.search(r'<option value="([^"]+)" selected>', body) for name, body in
              re.findall(r'<select class="slc" id="to-\w+" name="(to-\w+)">(.*?)</select>', text, re.DOTALL)}
    return {"items": items, "to": {name: found[1] if found else "-" for name, found in chosen.items()}}


async def test_work_of_who_is_away_is_given_and_taken_back(db, client, house):
    people = house[0]
    browser = await enter(client, db, people["Sanne"])
    answer = await browser.post("/wachtrij/vrij", {"who": str(people["Joris"]), "until": "2026-11-25"})
    assert 303 == answer.status
    await browser.get("/wachtrij")
    assert "Vrij t/m wo 25 nov" in browser.words
    before = await owners(db)
    await browser.get(f"/wachtrij/herverdeel?van={people['Joris']}")
    form = proposed(browser.text)
    mine = [item for item in form["items"] if item.endswith(f":{people['Joris']}")]
    assert mine == form["items"] and mine
    assert str(people["Joris"]) not in form["to"].values() and set(form["to"].values()) != {"-"}
    lost = mine[0].partition(":")[0]
    async with db.transaction() as connection:  # somebody is faster with one of them
        await connection.execute("update conversation set assignee_id = $1 where reference = $2", people["Carla"], lost)
    to = {name: str(people["Sanne"]) for name in form["to"]}
    data = [("key", "k1"), *(("item", item) for item in form["items"]), *to.items()]
    await browser.post("/wachtrij/herverdeel", data)
    assert f"{len(mine) - 1} gesprekken verdeeld" in browser.words and "Carla was je net voor" in browser.words
    after = await owners(db)
    assert {item.partition(":")[0] for item in mine} - {lost} == {
        reference for reference in after if after[reference] != before[reference]} - {lost}
    undo = [("key", "k2"), *(("item", item) for item in re.findall(r'name="item" value="([^"]+)"', browser.text))]
    await browser.post("/wachtrij/herverdeel", data)  # the same click again changes nothing
    assert after == await owners(db)
    await browser.post("/wachtrij/herverdeel/terug", undo)
    assert before | {lost: people["Carla"]} == await owners(db)


async def test_a_webcare_colleague_cannot_divide(db, client, house):
    browser = await enter(client, db, house[0]["Joris"])
    for path in ("/wachtrij/herverdeel", "/wachtrij/herverdeel/terug", "/wachtrij/norm", "/wachtrij/vrij"):
        assert 403 == (await browser.post(path, {"key": "k"})).status


async def test_the_norm_and_absence_refuse_what_is_odd(db, client, house):
    browser = await enter(client, db, house[0]["Carla"])
    for norm in ("0", "201", "-4", "x", ""):
        assert 422 == (await browser.post("/wachtrij/norm", {"norm": norm})).status
        assert "Vul een getal in van 1 tot en met 200." in browser.words
    assert 303 == (await browser.post("/wachtrij/norm", {"norm": "7"})).status
    await browser.get("/wachtrij")
    assert "van 7" in browser.words
    who = str(house[0]["Joris"])
    for data in ({"who": who}, {"who": who, "until": "2026-11-22"}, {"who": "999", "until": "2026-11-24"},
                 {"who": who, "until": "9999-12-31"}):
        assert 422 == (await browser.post("/wachtrij/vrij", data)).status
    assert 303 == (await browser.post("/wachtrij/vrij", {"who": who, "until": "2026-11-24"})).status
    assert 303 == (await browser.post("/wachtrij/vrij", {"who": who, "back": "1"})).status
    async with db.connection() as connection:
        assert {} == await absence.now(connection, date(2026, 11, 23))
