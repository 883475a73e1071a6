"""What every answer says, where changes may come from, and whose word about an address is believed."""

from __future__ import annotations

import json
import re

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request
from multidict import CIMultiDict

from newsroom import rights
from newsroom.database import connect
from newsroom.settings import Settings, asset_folder
from newsroom.web import application, security, visitor
from newsroom.web.assets import Assets
from newsroom.web.routes import POLICIES, Routes
from tests.web.door import door
from tests.web.matrix import ROWS
from tests.web.site import START, site
from tests.web.staff import COOKIE, add_person, enter, filled, whole

STRICT = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
          "font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types newsroom")
MAIL_BODY = ("/gesprek/{reference}/opmaak/{message}", "/gesprek/{reference}/opmaak/{message}/met-plaatjes")
HTTPS = "https://newsroom.voorbeeldstad.example"


@pytest.fixture
async def client(database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        yield client


@pytest.fixture
async def browser(db, client):
    return await enter(client, db, await add_person(db, "Noor", "admin", "chef_dag"))


async def test_every_change_from_elsewhere_is_refused(client, browser):
    """Every route that is not a GET, with every odd origin; a machine's entrance does not look at it."""
    own = f"http://{client.host}:{client.port}"
    odd = [{"Origin": origin} for origin in ("null", "https://kwaad.example", own + ".kwaad.example", own + "0",
                                             own.replace("http", "https"), f"http://kwaad.example:{client.port}",
                                             f"http://localhost:{client.port}", own + "/", "", f"{own}, {own}")]
    odd += [{"Origin": own, "Sec-Fetch-Site": site} for site in ("cross-site", "same-site")]
    odd += [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {}]
    let_through = []
    for (method, path), permission in ROWS.items():
        if method in security.SAFE or permission == "machine":
            continue
        for headers in odd:
            answer = await browser._send(method, filled(path), {}, headers)
            if answer.status != 403:
                let_through.append((method, path, headers, answer.status))
    assert [] == let_through


async def test_our_own_pages_may_change_things(client, browser):
    own = f"http://{client.host}:{client.port}"
    for headers in ({"Origin": own}, {"Origin": own, "Sec-Fetch-Site": "same-origin"},
                    {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}):
        assert 422 == (await browser._send("POST", "/profiel", {}, headers)).status


async def test_behind_a_proxy_the_base_url_counts_and_nothing_else(db):
    async with site(db, *application.PARTS, base_url=HTTPS) as client:
        for origin, status in ((HTTPS, 422), (f"http://{client.host}:{client.port}", 403), (HTTPS + ":8443", 403),
                               (HTTPS.replace("https", "http"), 403), ("https://kwaad.example", 403)):
            answer = await client.post("/inloggen", data={}, headers={"Origin": origin})
            assert status == answer.status, origin


async def test_a_live_socket_needs_our_exact_origin(client, browser):
    own = f"http://{client.host}:{client.port}"
    cookie = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
    for origin in (None, "null", "https://kwaad.example", own.replace("http", "https"), own + "0"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await client.ws_connect("/live", headers={**cookie, **({"Origin": origin} if origin else {}),
                                                      "Sec-Fetch-Site": "same-origin"})
        assert 403 == refused.value.status
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/live", headers={"Origin": own})
    assert 401 == refused.value.status
    async with client.ws_connect("/live", headers={**cookie, "Origin": own}) as socket:
        assert "hello" == json.loads((await socket.receive()).data)["t"]


# pages of others may show these
ELSEWHERE = ("/chat", "/formulier", "/privacy", "/toegankelijkheid", "/bezwaar-en-klacht", "/api/v1/openapi.json")


async def test_every_answer_is_strict(client, browser):
    paths = [path for method, path in ROWS if method == "GET" and path != "/live"]
    answers = {path: await browser.get(filled(path)) for path in [*paths, "/nergens", "/static/x/nergens.js"]}
    answers["405"] = await browser.post("/bord")
    answers["403"] = await browser.post("/profiel", Origin="null")
    for path, answer in answers.items():
        told = answer.headers
        assert ("nosniff", "same-origin", "same-origin") == tuple(told[name] for name in (
            "X-Content-Type-Options", "Referrer-Policy", "Cross-Origin-Opener-Policy"))
        if not path.startswith(ELSEWHERE):
            assert "same-origin" == told["Cross-Origin-Resource-Policy"], path
        assert "Server" not in told and "Strict-Transport-Security" not in told
        if path not in ("/static/{version}/{name}", "/formulier/huisstijl.css", "/chat.js"):
            assert "no-store" == told["Cache-Control"], path
        if not path.startswith("/formulier/"):
            own = next((policy.csp for route, policy in client.server.app[POLICIES].items()
                        if route.resource.canonical == path), {})
            assert security.policy(Settings(), own) == told["Content-Security-Policy"], path


async def test_what_routes_change_of_the_policy_is_never_much(client):
    """Scripts from us or none at all; what is framed, only by us or the named sites; nothing from anywhere."""
    assert STRICT == security.policy(Settings(), {})
    for route, policy in client.server.app[POLICIES].items():
        parts = dict(part.partition(" ")[::2] for part in security.policy(Settings(), policy.csp).split("; "))
        assert parts["default-src"] == parts["base-uri"] == "'none'"
        assert parts["script-src"] in ("'self'", "'none'") and "'script'" == parts["require-trusted-types-for"]
        assert parts["frame-ancestors"] in ("'none'", "'self'"), route
        assert "*" not in str(parts) and "unsafe-eval" not in str(parts)
        assert "unsafe-inline" not in parts["style-src"] or "'none'" == parts["script-src"]


async def test_no_page_needs_what_the_policy_forbids(client, browser):
    """No inline script, no inline style, no event attribute, nothing from elsewhere."""
    found = []
    for method, path in ROWS:
        if method != "GET" or path in ("/live", *MAIL_BODY):
            continue
        answer = await browser.get(filled(path))
        if answer.content_type != "text/html":
            continue
        found += [(path, part) for part in re.findall(
            r"<script(?![^>]*\bsrc=\"/)(?![^>]*application/json)[^>]*>|<style|\sstyle=|\son\w+=\"|javascript:"
            r"|(?:src|href|action)=\"(?:https?:)?//", browser.text)]
    assert [] == found


@pytest.mark.parametrize("path", MAIL_BODY)
async def test_the_frame_of_a_mail_runs_nothing(client, path):
    policy = next(p for route, p in client.server.app[POLICIES].items() if route.resource.canonical == path)
    text = security.policy(Settings(), policy.csp)
    for part in ("default-src 'none'", "script-src 'none'", "connect-src 'none'", "form-action 'none'",
                 "frame-ancestors 'self'", "sandbox allow-same-origin allow-popups"):
        assert part in text.split("; ")


def test_only_named_sites_may_frame_a_public_page():
    settings = Settings(frame_ancestors=("https://www.voorbeeldstad.example",))
    assert "frame-ancestors 'self' https://www.voorbeeldstad.example" in security.policy(settings, security.PUBLIC)
    assert "frame-ancestors 'none'" in security.policy(settings, {})


async def test_over_https_the_cookie_is_for_this_host_alone(db):
    await add_person(db, "Noor", "webcare")
    form = {"email": "noor@voorbeeldstad.example", "password": "vier losse woorden op een rij"}
    async with site(db, *application.PARTS, base_url=HTTPS) as client:
        answer = await client.post("/inloggen", data=form, headers={"Origin": HTTPS}, allow_redirects=False)
        told = answer.headers["Set-Cookie"].split("; ")
        assert told[0].startswith("__Host-newsroom=") and 43 == len(told[0].partition("=")[2])
        assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} == set(told[1:])
        assert "max-age=63072000; includeSubDomains" == answer.headers["Strict-Transport-Security"]
    async with site(db, *application.PARTS, port=8099) as client:
        answer = await client.post("/inloggen", data=form, headers={"Sec-Fetch-Site": "same-origin"},
                                   allow_redirects=False)
        told = answer.headers["Set-Cookie"].split("; ")
        assert told[0].startswith("newsroom-8099=") and {"HttpOnly", "Path=/", "SameSite=Lax"} == set(told[1:])


async def test_looking_changes_nothing(db, client, browser):
    """Every GET, twice: the tables stay as they are. A socket is not looking: who opens them is counted."""
    before = await _hash(db)
    for method, path in ROWS:
        if method == "GET" and not path.endswith("/live"):
            await browser.get(filled(path))
            await browser.get(filled(path))
    assert before == await _hash(db)


async def _hash(db) -> dict[str, str]:
    async with db.connection() as connection:
        tables = await connection.fetch("select tablename from pg_tables where schemaname = 'public' order by 1")
        return {name: await connection.fetchval(f"select md5(coalesce(string_agg(t::text, '|' order by t::text), ''))"  # noqa: S608
                                                f" from {name} t") for (name,) in tables}


async def test_a_route_without_a_permission_is_not_served(db):
    async def handler(request):
        return web.Response(text="open")

    app = application.make(db, Settings())
    for wrong in ("", "everybody", None):
        with pytest.raises(ValueError):
            Routes(app).page("GET", "/los", handler, wrong)  # type: ignore[arg-type]
    app = application.make(db, Settings())
    app.router.add_get("/los", handler)
    with pytest.raises(RuntimeError):
        await app.startup()
    app = application.make(db, Settings())
    app.on_startup.clear()
    app.router.add_get("/los", handler)
    async with TestClient(TestServer(app)) as client:
        assert 403 == (await client.get("/los")).status


async def test_a_path_is_declared_once(db):
    async def handler(request):
        return web.Response()

    add = Routes(application.make(db, Settings(), parts=()))
    add.page("GET", "/een", handler, "public")
    with pytest.raises(ValueError):
        add.page("GET", "/een", handler, "read")


@pytest.mark.parametrize("proxies, peer, forwarded, address", [
    ((), "127.0.0.1", ["203.0.113.9"], "127.0.0.1"),
    (("10.0.0.0/8",), "192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
    (("10.0.0.0/8",), "10.0.0.2", ["203.0.113.9"], "203.0.113.9"),
    (("10.0.0.0/8",), "10.0.0.2", ["6.6.6.6, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
    (("10.0.0.0/8",), "10.0.0.2", ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
    (("10.0.0.0/8",), "10.0.0.2", ["6.6.6.6, <script>"], "10.0.0.2"),
    (("10.0.0.0/8",), "10.0.0.2", ["203.0.113.9 evil"], "10.0.0.2"),
    (("10.0.0.0/8",), "10.0.0.2", [""], "10.0.0.2"),
    (("10.0.0.0/8",), "10.0.0.2", ["2001:db8::1%eth0"], "2001:db8::1"),
    (("10.0.0.0/8",), "10.0.0.2", ["[2001:DB8::1]"], "2001:db8::1"),
    (("10.0.0.0/8", "nonsense"), "::ffff:10.0.0.2", ["::ffff:203.0.113.9"], "203.0.113.9"),
    (("unix",), "", ["203.0.113.9"], ""),
])
async def test_only_a_trusted_proxy_is_believed(db, proxies, peer, forwarded, address):
    app = application.make(db, Settings(trusted_proxies=proxies), parts=())
    headers = [("X-Forwarded-For", value) for value in forwarded]
    request = make_mocked_request("GET", "/", headers=CIMultiDict(headers), app=app).clone(remote=peer)
    assert address == visitor.address_of(request)


@pytest.mark.parametrize("address, network", [("203.0.113.9", "203.0.113.9"), ("", ""), ("evil\r\n", ""),
                                              ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64")])
def test_an_ipv6_line_counts_as_one_place(address, network):
    assert network == visitor.network_of(address)


@pytest.mark.parametrize("body, kind", [
    (b"email=%ff%fe%00&password=%00", "application/x-www-form-urlencoded"),
    (b"email=a", "application/x-www-form-urlencoded; charset=bestaat-niet"), (b"\xff" * 1000, "multipart/form-data"),
    (b"--x\r\nbroken", "multipart/form-data; boundary=x"), (b'{"email": ["a"]}', "application/json"),
    (b"", "text/plain"),
    (b"email=a&" * 50_000, "application/x-www-form-urlencoded"),
    (b'--x\r\nContent-Disposition: form-data; name="email"; filename="a"\r\n\r\nfile\r\n--x--\r\n',
     "multipart/form-data; boundary=x")])
async def test_a_broken_form_is_refused_and_breaks_nothing(client, body, kind):
    answer = await client.post("/inloggen", data=body, headers={"Content-Type": kind, "Sec-Fetch-Site": "same-origin"})
    assert answer.status in (400, 413, 422)


async def test_what_is_too_large_is_told(client):
    answer = await client.post("/inloggen", data=b"x" * 1_100_000, headers={
        "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"})
    assert 413 == answer.status and "Dit is te groot" in await answer.text()


async def test_a_text_that_is_too_long_is_told_and_kept_in_no_part(client, db):
    browser = await enter(client, db, await add_person(db, "Noor", "admin"))
    labels = {"name_nl": "Bouwen", "name_en": "Building", "name": "Bouwen"}
    answer = await browser.post("/beheer/labels/nieuw", labels | {"name": "x" * 10_001, "name_nl": "x" * 10_001})
    assert 413 == answer.status and "Dit is te groot" in browser.words
    async with db.connection() as connection:
        assert 0 == await connection.fetchval("select count(*) from label")


async def test_without_the_database_people_are_told_and_it_mends_itself(database, db):
    """The way to the database is cut and mended; the pool of connections stays."""
    async with door(database.url) as cut:
        pool = await connect(cut.url, 2)
        async with site(pool, *application.PARTS) as client:
            browser = await enter(client, db, await add_person(db, "Noor", "webcare"))
            assert 200 == (await browser.get("/profiel")).status
            await cut.close()
            for accept in ("text/html", "application/json"):
                answer = await browser.get("/profiel", Accept=accept)
                assert (503, "5", STRICT) == (answer.status, answer.headers["Retry-After"],
                                              answer.headers["Content-Security-Policy"])
            assert {"error": 503} == {key: value for key, value in (await answer.json()).items() if key != "reference"}
            await browser.get("/profiel")
            assert "De database geeft geen antwoord" in browser.words
            await cut.open()
            assert 200 == (await browser.get("/profiel")).status
        pool.pool.terminate()


async def test_a_fault_tells_a_reference_and_nothing_else(db):
    async def handler(request):
        raise ValueError("secret words in an error")

    async with site(db, lambda add: add.page("GET", "/stuk", handler, "public")) as client:
        answer = await client.get("/stuk")
        text = await answer.text()
        assert 500 == answer.status and "secret" not in text and "Traceback" not in text
        assert re.search(r"als je hulp vraagt: [0-9a-f]{12}", text)
        answer = await client.get("/stuk", headers={"Accept": "application/json"})
        assert {"error", "reference"} == set(await answer.json())


async def test_static_files_are_kept_by_their_content(db):
    async with site(db) as client:
        assets = Assets(asset_folder("static"))
        path = assets.url("js/password.js")
        answer = await client.get(path)
        assert ("text/javascript; charset=utf-8", "public, max-age=31536000, immutable", "gzip") == tuple(
            answer.headers[name] for name in ("Content-Type", "Cache-Control", "Content-Encoding"))
        assert assets.files["js/password.js"].body == await answer.read()
        answer = await client.get(path.replace(assets.version, "ouder"))
        assert (200, "no-cache") == (answer.status, answer.headers["Cache-Control"])
        for odd in ("../newsroom/settings.py", "..%2Fpyproject.toml", "%2e%2e/%2e%2e/pyproject.toml", "/etc/passwd",
                    "js", "js/", "js/password.js/", "js/PASSWORD.js", "js//password.js", "%00"):
            assert (await client.get(f"/static/{assets.version}/{odd}")).status in (400, 404), odd


def test_a_changed_file_changes_every_address(tmp_path):
    (tmp_path / "a.js").write_text("one")
    (tmp_path / "note.exe").write_text("not served")
    before = Assets(tmp_path)
    (tmp_path / "a.js").write_text("two")
    assert before.version != Assets(tmp_path).version
    assert {"a.js"} == set(before.files)
    with pytest.raises(KeyError):
        before.url("b.js")


async def test_a_changed_right_counts_with_the_next_request(db, client, browser):
    id = await add_person(db, "Sanne", "webcare")
    sanne = await enter(client, db, id)
    assert 200 == (await sanne.get("/bord")).status
    async with db.transaction() as connection:
        await connection.execute("update account set roles = '{analyst}' where id = $1", id)
    assert 403 == (await sanne.get("/bord")).status
    async with db.transaction() as connection:
        await rights.leave(connection, id, None, START)
    assert 303 == (await sanne.get("/profiel")).status
