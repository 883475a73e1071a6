"""Reading from a real server: what comes in, in which order, and that nothing is lost when something breaks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from time import monotonic

import pytest

from connectors import DeliveryKey, Kind, Refused, SignInNeeded, TryLater
from connectors import mastodon as module
from connectors.mastodon import Mastodon
from tests.connectors.email.proxy import Proxy
from tests.connectors.mastodon.conftest import Reader
from tests.connectors.mastodon.server import MastodonServer

pytestmark = [pytest.mark.mastodon, pytest.mark.slow]  # its server is installed first
PICTURE = bytes(range(256)) * 300


async def test_from_now_on_and_each_item_knows_whether_anybody_could_read_it(us, anna):
    await anna.post(f"@{us.name} dit was gisteren")
    reader = Reader(Mastodon(us.settings()))
    await reader.begin()
    public = await anna.post(f"@{us.name} Wanneer gaat de brug open?", language="nl")
    direct = await anna.post(f"@{us.name} Mijn adres is Dorpsstraat 4", visibility="direct")
    first, second = await reader.count(2)
    assert [(first.text, first.public), (second.text, second.public)] == [
        (f"@{us.name} Wanneer gaat de brug open?", True), (f"@{us.name} Mijn adres is Dorpsstraat 4", False)]
    assert (first.author.kind, first.author.address) == ("mastodon", anna.handle)
    assert first.external_id == f"127.0.0.1:{us.server.port}/{public['id']}" and first.source_url == public["url"]
    assert second.external_id.endswith(direct["id"]) and first.language == "nl"
    await reader.connector.close()


async def test_the_stream_brings_it_at_once(reader, us, anna, monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 3600.0)
    monkeypatch.setattr(module, "BLIND_SECONDS", 3600.0)

    async def speak() -> float:
        await asyncio.sleep(4)  # until the stream is open and the first rounds are over
        await anna.post(f"@{us.name} nu")
        return monotonic()

    said, found = await asyncio.gather(speak(), reader.count(1))
    assert [f"@{us.name} nu"] == [item.text for item in found]
    assert monotonic() - said < 10


async def test_pictures_come_byte_for_byte_with_what_is_in_them(reader, us, anna):
    id = await anna.upload(PICTURE, "kuil.png", "image/png", "Een kuil in het wegdek")
    await anna.post(f"@{us.name} kijk", media_ids=[id], spoiler_text="Vieze straat", sensitive=True)
    item, = await reader.count(1)
    file, = item.attachments
    assert (PICTURE, "image/png", "Een kuil in het wegdek") == (file.content, file.type, file.description)
    assert file.name.endswith(".png") and "Vieze straat" == item.subject


async def test_a_file_that_is_too_large_or_gone_is_told(reader, us, anna, monkeypatch):
    monkeypatch.setattr("connectors.mastodon.gather.FILE_BYTES", 1000)
    id = await anna.upload(PICTURE, "groot.png", "image/png")
    await anna.post(f"@{us.name} groot", media_ids=[id])
    item, = await reader.count(1)
    assert ((), ("file-too-large",)) == (item.attachments, item.problems)
    id = await anna.upload(b"klein", "weg.png", "image/png")
    await anna.post(f"@{us.name} weg", media_ids=[id])
    await us.server.fail("/media/*", 404)
    item, = await reader.count(1)
    await us.server.well()
    assert ((), ("file-missing",)) == (item.attachments, item.problems)


async def test_our_own_posts_come_with_everything_said_under_them(reader, us, anna, ben):
    post = await us.post("Vrijdag gaat de brug open.")
    own, = await reader.count(1)
    assert ("out", True, ()) == (own.direction, own.public, own.to)
    under = await anna.post("Eindelijk!", in_reply_to_id=post["id"])  # names nobody
    await ben.post("En de fietsers?", in_reply_to_id=under["id"])
    found = await reader.read(lambda found: len(found) >= 2)
    items = [item for one in found for item in Mastodon.parse(one)]
    assert {"Eindelijk!", "En de fietsers?"} == {item.text for item in items}
    first = next(item for item in items if item.text == "Eindelijk!")
    assert (own.external_id,) == first.answers_to and "Vrijdag gaat de brug open." in first.quoted


async def test_what_a_colleague_answers_elsewhere_is_for_the_resident(reader, us, anna):
    asked = await anna.post(f"@{us.name} Hoe laat?")
    await us.post(f"@{anna.name} Om vier uur.", in_reply_to_id=asked["id"])
    items = await reader.count(2)
    question, answer = sorted(items, key=lambda item: item.direction)
    assert ("in", "out", (question.external_id,)) == (question.direction, answer.direction, answer.answers_to)
    assert [anna.handle] == [one.address for one in answer.to]


async def test_edits_and_deletions_arrive_also_when_nobody_listened(reader, us, anna):
    kept, gone = await anna.post(f"@{us.name} brug"), await anna.post(f"@{us.name} weg ermee")
    await reader.count(2)
    await anna.edit(kept["id"], f"@{us.name} sluis")
    await anna.delete(gone["id"])
    items = await reader.count(2)
    edit, deletion = sorted(items, key=lambda item: item.kind, reverse=True)
    assert (Kind.EDIT, f"@{us.name} sluis", anna.handle) == (edit.kind, edit.text, edit.author.address)
    assert (Kind.DELETION, "", anna.handle) == (deletion.kind, deletion.text, deletion.author.address)
    assert edit.external_id.endswith(f"/{kept['id']}") and deletion.external_id.endswith(f"/{gone['id']}")


async def test_a_break_in_the_middle_loses_and_doubles_nothing(us, anna):
    proxy = Proxy(us.server.port)
    await proxy.start()
    connector = Mastodon(us.settings(port=proxy.port))
    reader = Reader(connector)
    await reader.begin()
    numbers = range(45)  # more than one page

    async def speak() -> None:
        for number in numbers:
            await anna.post(f"@{us.name} nr {number}")
            if number % 10 == 5:
                proxy.cut()

    speaking = asyncio.create_task(speak())
    while len(reader.deliveries) < len(numbers):
        try:
            await reader.read(lambda found: len(found) >= 7 or len(reader.deliveries) >= len(numbers))
        except TryLater:
            reader.connector = Mastodon(us.settings(port=proxy.port))  # as the house does: anew, from the cursor
    await speaking
    texts = [item.text for one in reader.deliveries for item in Mastodon.parse(one)]
    assert [f"@{us.name} nr {number}" for number in numbers] == texts
    assert len({one.key for one in reader.deliveries}) == len(numbers)
    await proxy.stop()


async def test_two_readers_see_the_same_bytes(us, anna):
    one, other = Reader(Mastodon(us.settings())), Reader(Mastodon(us.settings()))
    await one.begin()
    await other.begin()
    asked = await anna.post(f"@{us.name} samen")
    await anna.post(f"@{us.name} en nog een", in_reply_to_id=asked["id"])
    await us.server.ask("POST", f"/api/v1/statuses/{asked['id']}/favourite", us.token)
    await one.count(2)
    await us.server.ask("POST", f"/api/v1/statuses/{asked['id']}/unfavourite", us.token)
    await other.count(2)
    assert [(d.key, d.body) for d in one.deliveries] == [(d.key, d.body) for d in other.deliveries]


async def test_the_keys_at_the_source_are_the_keys_we_have(reader, us, anna):
    await anna.post(f"@{us.name} een")
    await us.post("Bericht van ons")
    await reader.count(2)
    keys = [key async for key in reader.connector.keys(reader.cursor)]
    assert sorted(one.key for one in reader.deliveries) == sorted(keys) and len(keys) == 2
    again = [one async for one in reader.connector.fetch(reader.cursor, [*keys, DeliveryKey("post/1")])]
    assert {(one.key, one.body) for one in reader.deliveries} == {(one.key, one.body) for one in again}
    later = datetime.now(UTC) + timedelta(hours=1)
    assert [] == [key async for key in reader.connector.keys(reader.cursor, later)]
    with pytest.raises(TryLater):
        [key async for key in reader.connector.keys({})]


async def test_the_last_days_come_as_closed_history(us, anna):
    await anna.post(f"@{us.name} oud")
    reader = Reader(Mastodon(us.settings(start_days=3)))
    old, = await reader.read(lambda found: bool(found))
    await anna.post(f"@{us.name} nieuw")
    new, = await reader.read(lambda found: bool(found))
    assert ({"history": "1"}, {}) == (old.meta, new.meta)


async def test_a_busy_server_says_when_to_come_back(reader, us):
    await us.server.fail("/api/v1/notifications", 429, X_RateLimit_Remaining="0", Retry_After="240")
    with pytest.raises(TryLater) as later:
        await reader.count(1)
    await us.server.well()
    assert 240 == later.value.after


async def test_a_revoked_token_waits_for_an_administrator(reader, us):
    await us.block()
    with pytest.raises(SignInNeeded) as needed:
        await reader.count(1)
    await us.server.well()
    assert "token" in str(needed.value) and us.token not in str(needed.value)


async def test_another_account_is_another_channel(reader, anna):
    with pytest.raises(Refused):
        await Reader(Mastodon(anna.settings()), reader.cursor).count(1)


@pytest.mark.slow
async def test_a_server_that_is_killed_and_comes_back_is_read_on(monkeypatch):
    monkeypatch.setattr(module, "BLIND_SECONDS", 1.0)
    server = MastodonServer()
    await server.start()
    us, anna = await server.person("gemeente"), await server.person("anna")
    reader = Reader(Mastodon(us.settings()))
    await reader.begin()
    for word in ("voor", "na"):
        await anna.post(f"@{us.name} {word}")
        await reader.count(1)
        await server.kill()
        with pytest.raises(TryLater):
            await reader.count(1)
        await server.start()
    assert [f"@{us.name} voor", f"@{us.name} na"] == [Mastodon.parse(one)[0].text for one in reader.deliveries]
    await reader.connector.close()
    await server.stop()
