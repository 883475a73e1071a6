"""The API: what a token sees is what its account sees; every mistake at once; the document is what is served."""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta

import pytest

from connectors import signature
from newsroom import api_token, rights, triage
from newsroom.change import By, Wrong
from newsroom.conversation import find
from newsroom.web import api
from newsroom.web.api.document import document
from newsroom.web.api.frame import OPERATIONS
from newsroom.web.problem import API_VERSION
from tests.house import START as WRITTEN
from tests.house import add_account, add_channel, add_team, paper, receive
from tests.web.site import START, site
from tests.web.staff import add_person, enter, whole

READS = ["conversations", "contacts", "channels", "events"]


@pytest.fixture
async def client(db):
    async with site(db, api.routes) as client:
        yield client


@pytest.fixture
async def town(db):
    """Five conversations, one of them of a restricted team; {who: Authorization}, and the channel."""
    channel, team = await add_channel(db), await add_team(db, "Jeugd", restricted=True)
    receipts = await receive(db, channel, *(paper(str(n), {
        "id": f"m{n}", "at": n, "from": f"anna{n}@post.example", "subject": f"Vraag {n}", "text": "Dag",
        "files": [["brief.txt", "inhoud"]], "details": [["Straat", "Dorpsstraat"]]}) for n in range(5)))
    references = [receipt.reference for receipt in receipts]
    async with db.transaction() as connection:
        await connection.execute("update conversation set team_id = $1, visibility = $3 where reference = $2",
                                 team, references[2], f"team:{team}")
    people = {"webcare": await add_account(db, "Sanne", "webcare"),
              "jeugd": await add_account(db, "Noor", "webcare", teams=(team,)),
              "admin": await add_account(db, "Baas", "admin")}
    tokens = {who: f"Bearer {await make(db, READS, account=scope.account_id)}" for who, scope in people.items()}
    tokens["deliver"] = f"Bearer {await make(db, ['deliver'], channel=channel)}"
    return references, tokens, channel, people


async def make(db, scopes, channel=None, account=None):
    async with db.transaction() as connection:
        return await api_token.create(connection, "Koppeling", scopes, By(None, START), channel, account)


async def ask(client, path, token="", status=200):
    answer = await client.get(path if path.startswith("/") else f"/api/v1/{path}", headers={"Authorization": token})
    text = await answer.text()
    assert status == answer.status, text
    assert API_VERSION == answer.headers["API-Version"]
    assert ("application/json" if status == 200 else "application/problem+json") == answer.content_type
    return json.loads(text)


async def everything(client, path, token, key="reference"):
    """The whole list, part by part."""
    found, path = [], f"/api/v1/{path}"
    while path:
        part = await ask(client, path, token)
        found += [one[key] for one in part["results"]]
        path = part["next"]
    return found


async def test_a_token_sees_what_its_account_sees(client, town):
    references, tokens, _, _ = town
    open_ones = [one for one in references if one != references[2]]
    for who, seen in (("webcare", open_ones), ("jeugd", references)):
        assert seen == await everything(client, "gesprekken?limit=2", tokens[who])
        assert len(seen) == len(await everything(client, "contacten?limit=2", tokens[who], "id"))
        for reference in references:
            status = 200 if reference in seen else 404
            for path in ("", "/berichten"):
                await ask(client, f"gesprekken/{reference}{path}", tokens[who], status)
    for path in ("gesprekken", "contacten", "kanalen", "gebeurtenissen", f"gesprekken/{references[0]}"):
        await ask(client, path, tokens["admin"], 403)
        await ask(client, path, tokens["deliver"], 403)
        await ask(client, path, "", 401)


async def test_a_conversation_and_its_messages(client, town):
    references, tokens, channel, _ = town
    found = await ask(client, f"gesprekken/{references[1]}", tokens["webcare"])
    assert (references[1], "Vraag 1", "new", "normal", channel, "Anna1", "late") == tuple(
        found[name] for name in ("reference", "subject", "state", "priority", "channel", "author", "lateness"))
    assert datetime.fromisoformat(found["createdAt"]) == WRITTEN + timedelta(seconds=1)
    assert found["createdAt"].endswith("Z")
    said, = (await ask(client, f"gesprekken/{references[1]}/berichten", tokens["webcare"]))["results"]
    assert ("in", "Dag", [{"label": "Straat", "value": "Dorpsstraat"}], "anna1@post.example") == (
        said["direction"], said["text"], said["values"], said["author"]["address"])
    path = f"/api/v1/gesprekken/{references[1]}/bijlagen/{said['files'][0]['id']}"
    answer = await client.get(path, headers={"Authorization": tokens["webcare"]})
    assert (200, b"inhoud") == (answer.status, await answer.read())
    assert answer.headers["Content-Disposition"].startswith("attachment")
    for reference, token, status in ((references[0], "webcare", 404), (references[1], "admin", 403)):
        await ask(client, path.replace(references[1], reference), tokens[token], status)


async def test_lists_are_filtered(client, town):
    references, tokens, channel, _ = town
    token = tokens["jeugd"]
    assert references == await everything(client, f"gesprekken?channel={channel}&state=new&state=open", token)
    for none in ("state=closed", "channel=999", "channel=9007199254740991"):
        assert [] == await everything(client, f"gesprekken?{none}", token)


async def test_a_look_at_a_contact_is_in_the_log(db, client, town):
    _, tokens, _, people = town
    id = (await everything(client, "contacten", tokens["webcare"], "id"))[0]
    found = await ask(client, f"contacten/{id}", tokens["webcare"])
    assert [{"kind": "email", "address": "anna0@post.example", "name": "Anna0"}] == found["identities"]
    async with db.connection() as connection:
        line = await connection.fetchrow("select account_id, data from audit where kind = 'address_shown'"
                                         " order by id desc limit 1")
    assert (people["webcare"].account_id, id) == (line["account_id"], line["data"]["contact"])


async def test_channels_tell_no_settings(db, client, town):
    _, tokens, channel, _ = town
    async with db.transaction() as connection:
        await connection.execute("update channel set settings = '{\"imap_user\": \"geheim\"}', secrets = 'geheim'")
    found = await ask(client, f"kanalen/{channel}", tokens["webcare"])
    assert [found] == (await ask(client, "kanalen", tokens["webcare"]))["results"]
    assert "geheim" not in json.dumps(found) and "live" == found["mode"]
    await ask(client, "kanalen/999", tokens["webcare"], 404)


async def test_what_happens_is_told_from_a_position(db, client, town):
    references, tokens, _, _ = town
    start = (await ask(client, "gebeurtenissen", tokens["webcare"]))["position"]
    epoch = start.partition(".")[0]
    told, position, more = [], f"{epoch}.0", True
    while more:
        part = await ask(client, f"gebeurtenissen?limit=2&position={position}", tokens["webcare"])
        told, position, more = told + part["results"], part["position"], part["more"]
    assert (start, references) == (position, [one["conversation"] for one in told])
    assert {"received"} == {one["kind"] for one in told}
    assert told[0]["before"] is None and "new" == told[0]["after"]["state"]
    assert sorted((one["position"] for one in told), key=lambda one: int(one.split(".")[1])) == [
        one["position"] for one in told]
    assert [] == (await ask(client, f"gebeurtenissen?position={start}", tokens["webcare"]))["results"]
    await ask(client, f"gebeurtenissen?position={'f' * 8}.0", tokens["webcare"], 410)
    await ask(client, "gebeurtenissen?position=gisteren", tokens["webcare"], 400)


async def test_who_loses_sight_hears_that_it_is_gone_and_no_more(db, client, town):
    references, tokens, _, people = town
    start = (await ask(client, "gebeurtenissen", tokens["webcare"]))["position"]
    async with db.transaction() as connection:
        row = await find(connection, references[0], people["jeugd"], lock=True)
        await triage.seal(connection, row, triage.By(people["jeugd"].account_id, START), [people["jeugd"].account_id])
    gone, = (await ask(client, f"gebeurtenissen?position={start}", tokens["webcare"]))["results"]
    assert ("gone", references[0], None, None) == tuple(
        gone[name] for name in ("kind", "conversation", "after", "actor"))
    sealed, = (await ask(client, f"gebeurtenissen?position={start}", tokens["jeugd"]))["results"]
    assert "sealed" == sealed["kind"] and sealed["after"]
    await ask(client, f"gesprekken/{references[0]}", tokens["webcare"], 404)


async def test_every_mistake_is_told_at_once(client, town):
    _, tokens, channel, _ = town
    found = await ask(client, "gesprekken?limit=0&state=lost&kleur=rood&channel=a", tokens["webcare"], 400)
    assert {"limit", "state", "kleur", "channel"} == {one["name"] for one in found["invalidParams"]}
    body = {"subject": 7, "bericht": "x", "files": [{"name": "a"}, {"content": 5, "name": "b", "soort": "c"}]}
    answer = await client.post(f"/api/v1/kanalen/{channel}/leveringen", json=body,
                               headers={"Authorization": tokens["deliver"], "Idempotency-Key": "k"})
    found = await answer.json(content_type=None)
    assert 400 == answer.status
    assert {"$.subject", "$.bericht", "$.files[0].content", "$.files[1].content", "$.files[1].soort"} == {
        one["name"] for one in found["invalidParams"]}
    assert all(one["reason"] for one in found["invalidParams"])


async def test_what_is_not_there_is_a_problem_too(client, town):
    _, tokens, _, _ = town
    assert (await ask(client, "bestaat-niet", tokens["webcare"], 404))["reference"]
    answer = await client.delete("/api/v1/gesprekken")
    assert (405, "application/problem+json") == (answer.status, answer.content_type)
    assert "GET" in answer.headers["Allow"] and API_VERSION == answer.headers["API-Version"]


async def test_a_token_ends_with_its_account_its_channel_and_by_hand(db, client, town, monkeypatch):
    _, tokens, channel, people = town
    monkeypatch.setattr(api_token, "KNOWN_SECONDS", 0.0)
    async with db.transaction() as connection:
        await rights.leave(connection, people["webcare"].account_id, None, START)
        jeugd = next(one for one in await api_token.every(connection)
                     if one.account_id == people["jeugd"].account_id)
        assert await api_token.revoke(connection, jeugd.id, By(None, START))
        await connection.execute("update channel set archived_at = $1", START)
    for who in ("webcare", "jeugd"):
        await ask(client, "gesprekken", tokens[who], 401)
    await ask(client, f"kanalen/{channel}/leveringen/ABCDEFGH23", tokens["deliver"], 401)


@pytest.mark.parametrize(("scopes", "whose", "field"), [
    ([], {}, "scopes"), (["all"], {}, "scopes"), (["deliver"], {}, "channel"), (["events"], {}, "account"),
    (["events"], {"channel": 1, "account": 1}, "channel"), (["deliver"], {"channel": 1, "account": 1}, "account")])
async def test_a_token_that_makes_no_sense_is_not_made(db, scopes, whose, field):
    await add_channel(db)
    await add_account(db, "Sanne", "webcare")
    with pytest.raises(Wrong) as wrong:
        await make(db, scopes, **whose)
    assert field == wrong.value.field


async def test_the_document_is_what_is_served_and_needs_no_token(client):
    answer = await client.get("/api/v1/openapi.json")
    made = await answer.json()
    assert (200, "*") == (answer.status, answer.headers["Access-Control-Allow-Origin"])
    assert made == json.loads(json.dumps(document(client.app)))
    served = {(route.method.lower(), route.resource.canonical.removeprefix("/api/v1"))
              for route in client.app.router.routes() if route.resource.canonical.startswith("/api/v1/")
              and route.method != "HEAD" and not route.resource.canonical.endswith("openapi.json")}
    assert served == {(method, path) for path, methods in made["paths"].items() for method in methods}
    assert served and len(served) == len(client.app[OPERATIONS])


async def test_the_document_keeps_the_design_rules(client):
    """API Design Rules of the Dutch government, as far as a machine can read them."""
    made = document(client.app)
    assert made["openapi"].startswith("3.1") and re.fullmatch(r"\d+\.\d+\.\d+", made["info"]["version"])
    assert made["info"]["contact"]["name"] and made["servers"][0]["url"].endswith("/v1")
    for path, methods in made["paths"].items():
        assert all(re.fullmatch(r"[a-z0-9-]+|\{[a-z]+\}", part) for part in path[1:].split("/")), path
        for operation in methods.values():
            for one in operation["parameters"]:
                assert one["in"] == "header" or re.fullmatch(r"[a-z][A-Za-z0-9]*", one["name"])
            assert operation["operationId"] and operation["summary"] and operation["security"]
            for status, answer in operation["responses"].items():
                assert "API-Version" in answer["headers"]
                assert int(status) < 400 or ["application/problem+json"] == list(answer["content"])
    for schema in made["components"]["schemas"].values():
        assert all(re.fullmatch(r"[a-z][A-Za-z0-9]*", name) for name in schema.get("properties", {}))


async def test_a_token_is_made_shown_once_and_revoked_in_beheer(db, database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        admin = await enter(client, db, await add_person(db, "Baas", "admin"))
        reader = await add_person(db, "Koppeling", "content_director")
        for form, field in (({"name": "Zaken"}, "scopes"), ({"name": "Zaken", "scopes": "events"}, "account"),
                            ({"name": "", "scopes": "deliver", "channel": "1"}, "channel"),
                            ({"name": "Zaken", "scopes": "events", "account": "999"}, "account")):
            assert 422 == (await admin.post("/beheer/tokens", form)).status
            assert f'href="#{field}"' in admin.text
        assert 200 == (await admin.post("/beheer/tokens", {"name": "Zaken", "scopes": "events",
                                                           "account": str(reader)})).status
        token = re.search(r"nr_[\w-]{43}", admin.text)[0]
        await ask(client, "gebeurtenissen", f"Bearer {token}")
        await admin.get("/beheer/tokens")
        assert token not in admin.text and "Zaken" in admin.words
        id = re.search(r"/beheer/tokens/(\d+)/intrekken", admin.text)[1]
        assert 303 == (await admin.post(f"/beheer/tokens/{id}/intrekken")).status
        await ask(client, "gebeurtenissen", f"Bearer {token}", 401)
        assert 404 == (await admin.post(f"/beheer/tokens/{id}/intrekken")).status
        await admin.get("/beheer/logboek")
        assert "Zaken" in admin.words and token not in admin.text


async def test_a_webhook_is_made_with_a_secret_shown_once_and_removed_in_beheer(db, database, tmp_path):
    async with whole(database.url, tmp_path) as client:
        admin = await enter(client, db, await add_person(db, "Baas", "admin"))
        form = {"name": "Zaken", "url": "https://zaken.voorbeeld.example/hook",
                "account": str(await add_person(db, "Koppeling", "content_director"))}
        for change, field in (({"name": ""}, "name"), ({"url": "http://zaken.voorbeeld.example/"}, "url"),
                              ({"account": ""}, "account")):
            assert 422 == (await admin.post("/beheer/webhooks", form | change)).status
            assert f'href="#{field}"' in admin.text
        assert 200 == (await admin.post("/beheer/webhooks", form)).status
        secret = re.search(r"whsec_[\w+/]{44}", html.unescape(admin.text))[0]
        assert signature.key(secret)
        await admin.get("/beheer/webhooks")
        assert secret not in html.unescape(admin.text) and "zaken.voorbeeld.example" in admin.words
        id = re.search(r"/beheer/webhooks/(\d+)/verwijder", admin.text)[1]
        assert 303 == (await admin.post(f"/beheer/webhooks/{id}/hervat")).status
        assert 303 == (await admin.post(f"/beheer/webhooks/{id}/verwijder")).status
        assert 404 == (await admin.post(f"/beheer/webhooks/{id}/verwijder")).status
