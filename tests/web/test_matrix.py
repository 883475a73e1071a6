"""Who may use which page: every route, every role, every kind of conversation."""

from __future__ import annotations

import re

import pytest

from newsroom.access import PERMISSIONS, ROLES
from newsroom.web.routes import POLICIES
from tests.house import add_channel, add_team, paper, receive
from tests.web.matrix import MAY, OPEN, ROWS
from tests.web.staff import Browser, add_person, enter, filled, whole

NOBODY = "nobody"  # signed in, without a role


@pytest.fixture
async def client(database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        yield client


async def test_every_route_has_its_line(client):
    """A new page fails here until somebody has written down who may use it."""
    declared = {(route.method, route.resource.canonical): policy.permission
                for route, policy in client.server.app[POLICIES].items() if route.method != "HEAD"}
    assert ROWS == declared
    heads = {(route.resource.canonical, policy.permission)
             for route, policy in client.server.app[POLICIES].items() if route.method == "HEAD"}
    assert {(path, permission) for (method, path), permission in ROWS.items() if method == "GET"} == heads


def test_the_table_of_permissions_says_what_the_code_says():
    assert {name: set(roles) for name, roles in PERMISSIONS.items()} == {
        name: roles for name, roles in MAY.items() if name != "signed_in"}
    assert set(ROLES) | {NOBODY} == MAY["signed_in"]


async def test_who_is_not_signed_in_gets_nowhere(client):
    for (method, path), permission in ROWS.items():
        answer = await _ask(Browser(client), method, filled(path))
        to_sign_in = answer.status == 303 and answer.headers["Location"].startswith("/inloggen")
        assert (permission not in OPEN) == to_sign_in, (method, path)


@pytest.mark.parametrize("role", [*ROLES, NOBODY])
async def test_a_role_opens_what_it_should_and_nothing_more(db, client, role):
    await add_person(db, "Baas", "admin")  # so that nobody is the last administrator
    id = await add_person(db, "Noor", *([] if role == NOBODY else [role]))
    wrong = []
    for (method, path), permission in ROWS.items():
        if permission in OPEN:
            continue
        browser = await enter(client, db, id)
        answer = await _ask(browser, method, filled(path))
        may = role in MAY[permission]
        good = answer.status < 500 and answer.status not in (401, 403) if may else answer.status == 403
        if not good:
            wrong.append((method, path, permission, answer.status))
    assert not wrong, "\n".join(map(str, wrong))


async def test_a_refusal_is_logged(db, client):
    id = await add_person(db, "Noor", "webcare")
    await (await enter(client, db, id)).get("/beheer/gebruikers")
    async with db.connection() as connection:
        line = await connection.fetchrow("select account_id, address, data from audit where kind = 'refused'")
    assert (id, "127.0.0.1", {"permission": "configure", "route": "/beheer/gebruikers"}) == tuple(line)


SCOPED = [row for row, permission in ROWS.items() if "{reference}" in row[1] and permission not in OPEN]
KINDS = ("open", "team", "sealed")
# who: (role, in the restricted team, named for the sealed conversation) and what that shows
SCOPES = {
    "outside": ("webcare", False, False, {"open"}),
    "member": ("webcare", True, False, {"open", "team"}),
    "named": ("webcare", False, True, {"open", "sealed"}),
    "chief": ("chef_dag", False, False, {"open"}),
    "supervisor": ("supervisor", True, True, {"open", "team", "sealed"}),
    "director": ("content_director", False, False, {"open"}),
}


@pytest.fixture
async def conversations(db):
    """Three conversations by kind: {reference, message, file}."""
    team = await add_team(db, "Jeugd", restricted=True)
    channel = await add_channel(db)
    await receive(db, channel, *(paper(kind, {
        "id": kind, "from": f"{kind}@voorbeeld.example", "subject": f"Over {kind}", "text": "Tekst",
        "files": [["brief.txt", "inhoud"]]}) for kind in KINDS))
    async with db.transaction() as connection:
        await connection.execute("update message set html = 'opgemaakt'")
        await connection.execute("update attachment set content_id = 'c1', inline = true, type = 'image/png'")
        rows = await connection.fetch(
            "select c.id, c.reference, m.id::text as message, f.id::text as file, m.external_id as kind"
            " from conversation c join message m on m.conversation_id = c.id join attachment f on f.message_id = m.id")
        found = {row["kind"]: dict(row) for row in rows}
        await connection.execute("update conversation set team_id = $2, visibility = $3 where id = $1",
                                 found["team"]["id"], team, f"team:{team}")
        sealed = found["sealed"]["id"]
        await connection.execute("update conversation set sealed = true, visibility = $2 where id = $1", sealed,
                                 f"sealed:{sealed}")
    return {kind: {name: row[name] for name in ("reference", "message", "file")} for kind, row in found.items()}, team


@pytest.mark.parametrize("who", SCOPES)
async def test_a_conversation_outside_the_scope_does_not_exist(db, client, conversations, who):
    """The same answer as for a reference that never was, on every page about a conversation."""
    found, team = conversations
    role, member, named, sees = SCOPES[who]
    id = await add_person(db, "Noor", role, teams=(team,) if member else ())
    async with db.transaction() as connection:
        await connection.execute(
            "insert into conversation_reader (conversation_id, account_id)"
            " select id, $1 from conversation where sealed and $2", id, named)
    browser, wrong = await enter(client, db, id), []
    for method, path in SCOPED:
        if role not in MAY[ROWS[method, path]]:
            continue
        for kind in KINDS:
            form = {"message": found[kind]["message"], "text": "x", "address": "0"}
            never = await _seen(browser, method, filled(path, **{**found[kind], "reference": "AAAAAAAAAA"}), form)
            asked = await _seen(browser, method, filled(path, **found[kind]), form)
            if never[0] != 404 or (asked == never) == (kind in sees):
                wrong.append((method, path, kind, asked[0], never[0]))
    assert not wrong, "\n".join(map(str, wrong))
    for path in ("/bord", "/werk", "/spam"):
        await browser.get(path)
        assert [] == [kind for kind in KINDS if found[kind]["reference"] in browser.text and kind not in sees], path
    await browser.get("/bord")
    assert sees == {kind for kind in KINDS if found[kind]["reference"] in browser.text}


async def test_what_belongs_to_one_conversation_does_not_open_through_another(db, client, conversations):
    """The message and the file of a sealed conversation, asked for under an open one."""
    found, _ = conversations
    browser = await enter(client, db, await add_person(db, "Noor", "webcare"))
    for method, path in SCOPED:
        if method == "GET" and ("{message}" in path or "{file}" in path):
            mixed = {**found["sealed"], "reference": found["open"]["reference"]}
            assert 404 == (await _ask(browser, method, filled(path, **mixed))).status, path


async def _seen(browser: Browser, method: str, path: str, form: dict[str, str]) -> tuple[int, str]:
    """What a visitor gets, without the number that every error page has."""
    answer = await _ask(browser, method, path, form)
    return answer.status, re.sub(r"\b[0-9a-f]{12}\b", "", browser.text)


async def _ask(browser: Browser, method: str, path: str, form=None):
    return await (browser.get(path) if method == "GET" else browser.post(path, form))
