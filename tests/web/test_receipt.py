"""The entrances for programs: a reference after the commit, the same answer to the same message, clear refusals."""

from __future__ import annotations

import asyncio
import base64
import json
from datetime import timedelta

import asyncpg
import pytest

from connectors import Secret
from connectors.web_form import Settings, WebForm
from newsroom import api_token
from newsroom.change import By
from newsroom.database import connect
from newsroom.web import api, limits, receipt
from tests.house import add_channel
from tests.web.site import START, site

KEY = "Token een-lange-sleutel-voor-de-test"
BODY = {"subject": "Lantaarn kapot", "text": "De lantaarn voor nummer 4 is uit.", "email": "jan@voorbeeld.example"}


@pytest.fixture
async def channel(db):
    return await add_channel(db, "Formulier", "", kind="web_form")


@pytest.fixture
async def token(db, channel):
    async with db.transaction() as connection:
        return await api_token.create(connection, "Meldingen-app", ["deliver"], By(None, START), channel)


@pytest.fixture
async def client(db, channel):
    connectors = {channel: WebForm(Settings(api_key=Secret(KEY)))}
    async with site(db, receipt.routes, api.routes, connectors=connectors) as client:
        yield client


async def post(client, channel, token, body=None, key="k-1", raw=None, **headers):
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, "Content-Type": "application/json"} | headers
    data = raw if raw is not None else json.dumps(BODY if body is None else body).encode()
    return await client.post(f"/api/v1/kanalen/{channel}/leveringen", data=data,
                             headers={name: value for name, value in headers.items() if value is not None})


async def stored(db):
    async with db.connection() as connection:
        rows = await connection.fetch("select key, body, reference, content_type, meta from delivery order by id")
        return [dict(row) for row in rows]


async def problem(response, status):
    assert (status, "application/problem+json") == (response.status, response.content_type), await response.text()
    found = await response.json(content_type=None)
    assert status == found["status"] and found["title"] and found["detail"]
    return found


async def test_a_message_gets_a_reference_that_can_be_asked_after(db, client, channel, token):
    response = await post(client, channel, token)
    assert 202 == response.status
    reference = (await response.json())["reference"]
    row, = await stored(db)
    assert ("k-1", BODY, reference) == (row["key"], json.loads(row["body"]), row["reference"])
    headers = {"Authorization": f"Bearer {token}"}
    look = await client.get(response.headers["Location"], headers=headers)
    assert {"reference": reference, "receivedAt": "2026-11-23T09:42:00Z", "state": "received"} == await look.json()
    await problem(await client.get(response.headers["Location"]), 401)
    await problem(await client.get(response.headers["Location"][:-1] + "x", headers=headers), 404)


async def test_the_answer_comes_after_the_commit(db, client, channel, token, database):
    """While the table is locked, nothing is answered; the moment the lock is gone, it is there."""
    locker = await asyncpg.connect(database.owner_url)
    transaction = locker.transaction()
    await transaction.start()
    await locker.execute("lock table delivery in share mode")
    asked = asyncio.create_task(post(client, channel, token))
    async with asyncio.timeout(10):
        while not await locker.fetchval("select count(*) from pg_locks where relation = 'delivery'::regclass"
                                        " and not granted"):
            assert not asked.done()
            await asyncio.sleep(0.01)
    assert not asked.done()
    await transaction.rollback()
    await locker.close()
    assert 202 == (await asked).status
    assert 1 == len(await stored(db))


async def test_the_same_message_twice_is_one_and_other_bytes_are_refused(db, client, channel, token):
    answers = await asyncio.gather(*(post(client, channel, token) for _ in range(8)))
    assert 1 == len({(await answer.json())["reference"] for answer in answers})
    assert [202] * 8 == [answer.status for answer in answers]
    await problem(await post(client, channel, token, {**BODY, "text": "Iets anders."}), 409)
    assert 1 == len(await stored(db))


async def test_many_at_once_all_get_their_own_reference(db, client, channel, token):
    answers = await asyncio.gather(*(post(client, channel, token, key=f"k-{n}") for n in range(60)))
    references = {(await answer.json())["reference"] for answer in answers}
    assert references == {row["reference"] for row in await stored(db)} and 60 == len(references)


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer nr_wrong", "Basic abc", "Bearer nr_" + "x" * 500,
                                           "Bearer nr_é"])
async def test_without_a_good_token_nothing_is_taken(db, client, channel, authorization):
    headers = {} if authorization is None else {"Authorization": authorization}
    response = await client.post(f"/api/v1/kanalen/{channel}/leveringen", data=b"{}", headers=headers)
    await problem(response, 401)
    assert "Bearer" == response.headers["WWW-Authenticate"]
    assert [] == await stored(db)


async def test_a_token_is_for_one_channel(db, client, token):
    other = await add_channel(db, "Ander formulier", "", kind="web_form")
    await problem(await post(client, other, token), 403)
    await problem(await post(client, 999_999_999, token), 403)


async def test_a_revoked_token_stops_within_seconds(db, client, channel, token, monkeypatch):
    moment = [1000.0]
    monkeypatch.setattr(api_token, "monotonic", lambda: moment[0])
    assert 202 == (await post(client, channel, token, key="a")).status
    async with db.transaction() as connection:
        known, = await api_token.every(connection)
        assert await api_token.revoke(connection, known.id, By(None, START))
        assert not await api_token.revoke(connection, known.id, By(None, START + timedelta(days=1)))
        assert START == (await api_token.every(connection))[0].revoked_at
    moment[0] += api_token.KNOWN_SECONDS + 0.1
    await problem(await post(client, channel, token, key="b"), 401)
    assert 1 == len(await stored(db))


async def test_known_tokens_ask_the_database_once(db, client, channel, token, monkeypatch):
    asked = []
    original = api_token.find

    async def counted(connection, hashed):
        asked.append(hashed)
        return await original(connection, hashed)

    monkeypatch.setattr(api_token, "find", counted)
    answers = await asyncio.gather(*(post(client, channel, token, key=f"k-{n}") for n in range(20)))
    assert {202} == {answer.status for answer in answers}
    assert 202 == (await post(client, channel, token, key="later")).status
    assert 1 == len(asked)


async def test_a_token_of_an_archived_channel_is_refused(db, client, channel, token):
    async with db.transaction() as connection:
        await connection.execute("update channel set archived_at = $1", START)
    await problem(await post(client, channel, token), 401)


def large(characters):
    return json.dumps({"text": "x" * characters}).encode()


def with_files(count, size, text=0):
    content = base64.b64encode(bytes(size)).decode()
    files = [{"name": f"{n}.bin", "content": content} for n in range(count)]
    return json.dumps({"text": "x" * text, "files": files}).encode()


@pytest.mark.parametrize("status, raw, headers", [
    (400, None, {"Idempotency-Key": None}), (400, None, {"Idempotency-Key": ""}),
    (400, None, {"Idempotency-Key": "x" * 256}), (400, None, {"Idempotency-Key": "twee woorden"}),
    (415, None, {"Content-Type": "text/plain"}), (415, None, {"Content-Type": "application/x-www-form-urlencoded"}),
    (400, b"", {}), (400, b"not json", {}), (400, b'{"text": "\xff"}', {}), (400, b'{"text": "a"', {}),
    (400, b'{"fields": {"a":' + b"[" * 100_000 + b"]}}", {}), (400, b"[]", {}), (400, b"null", {}),
    (400, b"{}", {}), (400, b'{"text": " \\n "}', {}), (400, b'{"text": 7}', {}),
    (400, b'{"text": "a", "bericht": "b"}', {}), (400, b'{"text": "a", "fields": {"a": {"b": 1}}}', {}),
    (400, b'{"files": [{"name": "a.txt", "content": "%"}]}', {}), (400, b'{"files": [{"name": "a.txt"}]}', {}),
    (413, large(limits.JSON_BYTES), {}), (413, with_files(limits.FILES + 1, 1), {}),
    (413, with_files(1, 10, limits.JSON_BYTES), {}),
    (413, json.dumps({"fields": {str(n): n for n in range(limits.FIELDS + 1)}}).encode(), {}),
], ids=lambda value: None if isinstance(value, bytes | dict) else str(value))
async def test_what_is_not_a_message_is_refused_clearly_and_not_stored(db, client, channel, token, status, raw,
                                                                       headers):
    await problem(await post(client, channel, token, raw=raw, **headers), status)
    assert [] == await stored(db)


@pytest.mark.parametrize("raw, status", [
    (large(limits.JSON_BYTES - 20), 202), (with_files(limits.FILES, limits.FILES_BYTES // limits.FILES, 1000), 202),
    (with_files(2, limits.FILES_BYTES // 2 + 10), 413), (bytes(limits.BODY_BYTES + 1), 413)], ids=range(4))
async def test_the_limits_themselves(db, client, channel, token, raw, status):
    response = await post(client, channel, token, raw=raw)
    assert status == response.status, await response.text()
    assert (status == 202) == bool(await stored(db))


async def test_a_body_without_a_length_is_cut_off_at_the_limit(db, client, channel, token):
    async def endless():
        for _ in range(limits.BODY_BYTES // 65_536 + 2):
            yield bytes(65_536)

    response = await post(client, channel, token, raw=endless())
    await problem(response, 413)
    assert [] == await stored(db)


async def test_without_the_database_it_is_told_to_try_again(database, db, channel, token):
    own = await connect(database.url, 2)
    async with site(own, api.routes) as client:
        assert 202 == (await post(client, channel, token, key="a")).status
        await own.close()
        response = await post(client, channel, token, key="b")
        await problem(response, 503)
        assert response.headers["Retry-After"]
    assert ["a"] == [row["key"] for row in await stored(db)]


def registration(reference="OF-1", when="2026-11-23T09:41:00+00:00", **values):
    return json.dumps({"values": values, "values_schema": {}, "metadata": {
        "public_reference": reference, "registration_timestamp": when}, "metadata_schema": {}}).encode()


async def register(client, channel, raw, key=KEY):
    return await client.post(f"/ontvangst/{channel}/open-formulieren", data=raw,
                             headers={"Authorization": key, "Content-Type": "application/json"})


async def test_a_registration_is_received_and_tried_again_without_a_second(db, client, channel):
    first = await register(client, channel, registration(naam="Fatima"))
    again = await register(client, channel, registration(naam="Fatima", when="2026-11-23T09:46:00+00:00"))
    assert (200, 200) == (first.status, again.status)
    assert (await first.json())["reference"] == (await again.json())["reference"]
    row, = await stored(db)
    assert ("OF-1", {"source": "open_forms"}) == (row["key"], row["meta"])


async def test_other_values_under_the_same_reference_are_both_kept(db, client, channel):
    first = await (await register(client, channel, registration(naam="Fatima"))).json()
    other = await (await register(client, channel, registration(naam="Jan"))).json()
    third = await (await register(client, channel, registration(naam="Jan"))).json()
    assert first["reference"] != other["reference"] == third["reference"]
    rows = await stored(db)
    assert ["OF-1", "OF-1"] == [rows[0]["key"], rows[1]["meta"]["same_key_other_bytes"]]
    assert 2 == len(rows)


async def test_a_registration_without_the_key_is_refused(db, client, channel):
    await problem(await register(client, channel, registration(), "wrong"), 401)
    await problem(await register(client, channel + 1, registration()), 404)
    assert [] == await stored(db)


async def test_a_registration_that_cannot_be_read_is_kept_all_the_same(db, client, channel):
    for raw in (b"not json", b"{}", b'{"values": 7}'):
        assert 200 == (await register(client, channel, raw)).status
    assert 3 == len(await stored(db))


async def test_a_registration_over_the_limits_is_refused(db, client, channel):
    file = {"file_name": "a.txt", "content": "QQ=="}
    for values in ({"f": [file] * (limits.FILES + 1)}, {"tekst": "x" * limits.JSON_BYTES},
                   {"f": {"file_name": "a", "content": "QUFB" * (limits.FILES_BYTES // 3 + 9)}}):
        await problem(await register(client, channel, registration(**values)), 413)
    assert [] == await stored(db)


@pytest.mark.parametrize("path", ["/api/v1/kanalen/{}/leveringen", "/ontvangst/{}/open-formulieren"])
async def test_a_credential_of_odd_bytes_is_a_wrong_one(client, channel, path):
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"POST " + path.format(channel).encode() + b" HTTP/1.1\r\nHost: voorbeeldstad.example\r\n"
                 b"Authorization: Bearer nr_\xff\xfe\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                 b"Connection: close\r\n\r\n{}")
    assert (await reader.read()).startswith(b"HTTP/1.1 401 ")
    writer.close()
