"""Signing in and out, one-time links: who gets in, who does not, and what is not told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from newsroom import account, session
from newsroom.web import application
from tests.web.site import START, Clock, site
from tests.web.staff import COOKIE, PASSWORD, Browser, add_person, enter, link_for

NOOR = "noor@voorbeeldstad.example"
DEAD = "Deze link werkt niet meer"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def client(db, clock):
    async with site(db, *application.PARTS, clock=clock) as client:
        yield client


@pytest.fixture
def browser(client):
    return Browser(client)


async def audit(db):
    async with db.connection() as connection:
        return [(row["kind"], row["account_id"]) for row in await connection.fetch("select * from audit order by id")]


async def test_who_knows_the_password_gets_in_and_out(db, browser):
    id = await add_person(db, "Noor", "webcare")
    answer = await browser.get("/bord?team=3")
    assert (303, "/inloggen?next=/bord?team%3D3") == (answer.status, answer.headers["Location"])
    assert 200 == (await browser.get(answer.headers["Location"])).status
    assert 'name="next" value="/bord?team=3"' in browser.text
    answer = await browser.sign_in("NOOR@voorbeeldstad.example", next="/bord?team=3")
    assert (303, "/bord?team=3") == (answer.status, answer.headers["Location"])
    assert 200 == (await browser.get("/profiel")).status
    assert "Noor" in browser.text and NOOR in browser.text
    before = dict(browser.cookies)
    assert "/inloggen" == (await browser.post("/uitloggen")).headers["Location"]
    assert {} == browser.cookies
    browser.cookies = before
    assert 303 == (await browser.get("/profiel")).status  # the old cookie is worth nothing
    assert [("signed_in", id), ("signed_out", id)] == await audit(db)


async def test_one_begins_where_one_may_be(db, browser):
    await add_person(db, "Baas", "admin")
    await add_person(db, "Noor", "webcare")
    await browser.sign_in("baas@voorbeeldstad.example")
    assert "/beheer/kanalen" == (await browser.get("/")).headers["Location"]
    await browser.sign_in(NOOR)
    assert "/bord" == (await browser.get("/")).headers["Location"]


async def test_nothing_tells_what_was_wrong(db, browser):
    await add_person(db, "Noor", "webcare")
    gone = await add_person(db, "Weg", "webcare")
    async with db.transaction() as connection:
        await connection.execute("update account set disabled_at = $2 where id = $1", gone, START)
    seen = set()
    for email, secret in ((NOOR, "verkeerd"), ("niemand@voorbeeldstad.example", PASSWORD), (NOOR, ""),
                          ("weg@voorbeeldstad.example", PASSWORD)):
        answer = await browser.sign_in(email, secret)
        seen.add((answer.status, "Set-Cookie" in answer.headers, browser.text.replace(email, "")))
    assert 1 == len(seen)
    assert 422 == seen.pop()[0] and "Het e-mailadres of het wachtwoord klopt niet" in browser.words
    assert {("sign_in_failed", None)} == set(await audit(db))


async def test_the_cookie_of_before_is_worth_nothing_after_signing_in(db, browser, client):
    id = await add_person(db, "Noor", "webcare")
    planted = "k" * 43
    browser.cookies = {COOKIE: planted}
    await browser.sign_in(NOOR)
    assert planted != browser.cookies[COOKIE]
    assert 303 == (await Browser(client, {COOKIE: planted}).get("/profiel")).status
    victim = await enter(client, db, id)
    old = dict(victim.cookies)
    await victim.sign_in(NOOR)
    assert 303 == (await Browser(client, old).get("/profiel")).status
    assert 200 == (await victim.get("/profiel")).status


async def test_the_wait_grows_and_ends_and_others_are_not_kept_out(db, browser, clock):
    await add_person(db, "Noor", "webcare")
    for _ in range(5):
        assert 422 == (await browser.sign_in(NOOR, "verkeerd")).status
    answer = await browser.sign_in(NOOR)
    assert 429 == answer.status and 0 < int(answer.headers["Retry-After"]) <= 60
    assert "Wacht 1 minuut" in browser.words and "Set-Cookie" not in answer.headers
    clock.forward(60)
    assert 303 == (await browser.sign_in(NOOR)).status


async def test_strangers_cannot_lock_somebody_out(db, client, clock):
    """A thousand networks guess; who signed in from here before still gets in."""
    await add_person(db, "Noor", "webcare")
    async with site(db, *application.PARTS, clock=clock, trusted_proxies=("127.0.0.1",)) as client:
        here, guesser, third = Browser(client), Browser(client), Browser(client)
        assert 303 == (await here.sign_in(NOOR)).status
        for n in range(100):
            await guesser._send("POST", "/inloggen", {"email": NOOR, "password": "verkeerd"}, {
                "X-Forwarded-For": f"198.51.100.{n}", "Sec-Fetch-Site": "same-origin"})
        own = {"X-Forwarded-For": "203.0.113.9", "Sec-Fetch-Site": "same-origin"}
        assert 429 == (await third._send("POST", "/inloggen", {"email": NOOR, "password": PASSWORD}, own)).status
        assert 303 == (await here.sign_in(NOOR)).status


async def test_many_guesses_at_once_are_judged_five_times(db, client, monkeypatch):
    await add_person(db, "Noor", "webcare")
    judged = []
    monkeypatch.setattr(account.password, "_matches", lambda stored, given: judged.append(given) is not None)
    await asyncio.gather(*(Browser(client).sign_in(NOOR, f"gok {n}") for n in range(60)))
    assert 5 == len(judged)


async def test_who_goes_on_guessing_does_not_keep_a_colleague_out(db, client):
    await add_person(db, "Noor", "webcare")
    for n in range(30):
        await Browser(client).sign_in("bas@voorbeeldstad.example", f"gok {n}")
    assert 303 == (await Browser(client).sign_in(NOOR)).status


async def test_idle_people_are_signed_out_and_go_on_where_they_were(db, browser, clock):
    await add_person(db, "Noor", "webcare")
    await browser.sign_in(NOOR)
    clock.at += session.IDLE
    answer = await browser.get("/profiel")
    await browser.get(answer.headers["Location"])
    assert "Log opnieuw in" in browser.words and "verder waar je was" in browser.words
    own = f"http://{browser.client.host}:{browser.client.port}/profiel"
    answer = await browser.post("/profiel", {"name": "N"}, Referer=own)
    assert "/inloggen?next=/profiel" == answer.headers["Location"]


async def test_programs_get_no_page(browser):
    answer = await browser.get("/profiel", Accept="application/json")
    assert (401, "application/json") == (answer.status, answer.content_type)
    answer = await browser.get("/profiel", Sec_Fetch_Mode="cors")
    assert 401 == answer.status


ELSEWHERE = (
    "https://kwaad.example/", "//kwaad.example/", "/\\kwaad.example", "\\\\kwaad.example", "///kwaad.example",
    "/%5Ckwaad.example", "http:kwaad.example", "javascript:alert(1)", "/bord\r\nSet-Cookie: a=b", "/nergens\0",
    "https:/kwaad.example", " //kwaad.example", "\t//kwaad.example", "/.//kwaad.example", "//[::1", "bord", "",
    "/static/x/y.js", "/inloggen", "/uitloggen", "/geen/pagina", "/%2F%2Fkwaad.example", "/\u2044kwaad.example",
    "@kwaad.example", "/@kwaad.example/%2e%2e", "data:text/html,x", "//kwaad.example@bord",
    "/bord/../..//kwaad.example")


async def test_nobody_is_sent_elsewhere(db, browser):
    await add_person(db, "Noor", "webcare")
    for wanted in ELSEWHERE:
        answer = await browser.sign_in(NOOR, next=wanted)
        assert (303, "/") == (answer.status, answer.headers["Location"]), wanted
        await browser.get(f"/inloggen?{answer.url.with_query(next=wanted).query_string}")
        assert 'name="next" value=""' in browser.text, wanted


async def test_the_start_link_makes_the_first_account(db, browser):
    path = await link_for(db, "start", None)
    assert 200 == (await browser.get(path)).status
    assert 200 == (await browser.get(path)).status  # looking does not use it up
    form = {"name": "Bas de Wit", "email": "bas@voorbeeldstad.example", "password": "kort", "roles": "chef_dag"}
    assert 422 == (await browser.post(path, form)).status
    assert "Gebruik ten minste 12 tekens" in browser.words and "Bas de Wit" in browser.text
    answer = await browser.post(path, {**form, "password": PASSWORD})
    assert (303, "/") == (answer.status, answer.headers["Location"])
    assert "/bord" == (await browser.get("/")).headers["Location"]
    async with db.connection() as connection:
        person = await account.by_email(connection, "bas@voorbeeldstad.example")
    assert ["chef_dag", "admin"] == person.roles
    assert 410 == (await browser.post(path, {**form, "password": PASSWORD})).status


async def test_a_start_link_for_somebody_lets_them_in_once(db, browser, client):
    path = await link_for(db, "start", await add_person(db, "Noor", "webcare"))
    await browser.get(path)
    assert "Ga verder als Noor" in browser.words and {} == browser.cookies
    assert 303 == (await browser.post(path)).status
    assert 200 == (await browser.get("/profiel")).status
    assert 410 == (await Browser(client).post(path)).status


async def test_an_invitation_ends_with_a_password(db, browser, client):
    async with db.transaction() as connection:
        id = await account.create(connection, NOOR, "Noor", START)
    path = await link_for(db, "invitation", id)
    assert "noor@voorbeeldstad.example" in (await browser.get(path), browser.words)[1]
    assert 422 == (await browser.post(path, {"name": "Noor Smit", "password": "noor@voorbeeldstad"})).status
    assert 303 == (await browser.post(path, {"name": "Noor Smit", "password": PASSWORD})).status
    assert 200 == (await browser.get("/profiel")).status and "Noor Smit" in browser.text
    assert 303 == (await Browser(client).sign_in(NOOR)).status


async def test_a_new_password_ends_everything_else(db, browser, client, clock):
    id = await add_person(db, "Noor", "webcare")
    elsewhere = await enter(client, db, id)
    path, other = await link_for(db, "reset", id), await link_for(db, "invitation", id)
    assert 303 == (await browser.post(path, {"password": "een heel ander wachtwoord"})).status
    assert 200 == (await browser.get("/profiel")).status
    assert 303 == (await elsewhere.get("/profiel")).status
    assert 410 == (await browser.get(other)).status
    assert 422 == (await Browser(client).sign_in(NOOR)).status
    assert 303 == (await Browser(client).sign_in(NOOR, "een heel ander wachtwoord")).status


TOKENS = ("", "null", "None", "[]", "[object Object]", "undefined", "0", "true", "%00", "a" * 43, "A" * 4000,
          "token[]=x", "{}", "' or '1'='1", "%F0%9F%8D%A6")


async def test_no_other_token_opens_anything(db, browser):
    await link_for(db, "reset", await add_person(db, "Noor", "webcare"))
    await link_for(db, "start", None)
    for token in TOKENS:
        for place in ("start", "uitnodiging", "wachtwoord"):
            form = {"password": PASSWORD, "token": "x", "name": "N", "email": "n@voorbeeldstad.example"}
            for answer in (await browser.get(f"/{place}/{token}"), await browser.post(f"/{place}/{token}", form)):
                assert answer.status in (400, 404, 410), (place, token)
                assert "Set-Cookie" not in answer.headers


async def test_a_link_is_over_after_its_time_and_works_for_its_purpose_only(db, browser, clock):
    id = await add_person(db, "Noor", "webcare")
    path = await link_for(db, "reset", id)
    token = path.rpartition("/")[2]
    assert [410, 410] == [(await browser.get(f"/{place}/{token}")).status for place in ("start", "uitnodiging")]
    assert 200 == (await browser.get(path)).status
    clock.at += timedelta(hours=24)
    assert 410 == (await browser.get(path)).status and DEAD in browser.words
    assert 410 == (await browser.post(path, {"password": PASSWORD})).status
    start = await link_for(db, "start", None, clock.at)
    clock.at += timedelta(hours=1)
    assert 410 == (await browser.get(start)).status


async def test_without_a_mail_server_one_asks_the_administrator(db, browser):
    await browser.get("/wachtwoord")
    assert "Vraag je beheerder" in browser.words and "<form" not in browser.text
