"""Live chat at the door: a line is kept before it is answered, comes once, and is seen by its own visitor only."""

from __future__ import annotations

import asyncio
import json
import random
import secrets
from datetime import UTC, datetime

import aiohttp
import pytest
from structlog.testing import capture_logs
from yarl import URL

from newsroom import chat, triage
from newsroom.triage import By
from newsroom.web.errors import LEFT
from newsroom.web.public.chat_live import ENDED
from tests.browser.look import until
from tests.web.chats import PNG, Visitor, add_chat, conversation_of

KEY = "een-gedeelde-sleutel-van-minstens-32-tekens"


async def count(place, what: str = "message") -> int:
    queries = {"message": "select count(*) from message", "delivery": "select count(*) from delivery",
               "conversation": "select count(*) from conversation where state <> 'merged'"}
    async with place.database.connection() as connection:
        return await connection.fetchval(queries[what])


async def test_a_line_is_answered_when_it_is_kept_and_a_second_time_it_is_the_same(place, visitor):
    me, line = visitor(), secrets.token_hex(16)
    assert (200, True) == ((await me.begin())[0], len(me.token) == chat.TOKEN_LENGTH)
    for _ in range(3):
        assert (200, line) == ((told := await me.say("Hoi", line))[0], told[1]["line"])
        assert 1 == await count(place, "delivery")
    row = await conversation_of(place, "Hoi")
    assert (1, "new", "") == (await count(place), row.state, row.author)
    assert (409, "other_words") == ((told := await me.say("Iets anders", line))[0], told[1]["key"])


async def test_who_hangs_up_in_the_middle_of_a_line_is_no_fault_of_ours(place, visitor):
    me = visitor()
    await me.begin()
    address = URL(me.base)
    head = {**me.headers, "Host": address.authority, "Content-Type": "multipart/form-data; boundary=b",
            "Content-Length": "9000"}
    with capture_logs() as logged:
        _, writer = await asyncio.open_connection(address.host, address.port)
        sent = [f"POST {address.path}/regel HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", "-"]
        writer.write("\r\n".join(sent).encode())
        await writer.drain()
        writer.close()
        told = await until(lambda: [one for one in logged if one.get("route", "").endswith("/regel")], "logged")
    assert LEFT == told[0]["status"]
    assert not [one for one in logged if one["event"] == "database unreachable"]


async def test_lines_of_one_visit_are_one_conversation_in_their_order(place, visitor):
    me, other = visitor(), visitor()
    await me.begin(name="Fatima", page="https://www.voorbeeldstad.example/paspoort?geheim=1#x")
    await other.begin()
    for number in range(5):
        await me.say(f"Regel {number}")
        await other.say(f"Ander {number}")
    row = await conversation_of(place, "Regel 4")
    await conversation_of(place, "Ander 4")
    async with place.database.connection() as connection:
        rows = await connection.fetch("select body from message where conversation_id = $1 order by at", row.id)
        page = (await chat.of(connection, row.id)).page
    assert [f"Regel {number}" for number in range(5)] == [one["body"] for one in rows]
    assert (2, "Fatima", "https://www.voorbeeldstad.example/paspoort") == \
        (await count(place, "conversation"), row.author, page)


async def test_who_types_too_fast_is_told_and_loses_nothing(place, visitor):
    me, first = visitor(), secrets.token_hex(16)
    await me.begin()
    await me.say("Regel 0", first)
    answers = [await me.say(f"Regel {number}") for number in range(1, 25)]
    slow = [told for status, told in answers if status == 429]
    assert slow and all(told["key"] == "slow" and 0 < told["wait"] <= 60 for told in slow)
    assert 200 == (await me.say("Regel 0", first))[0]  # kept before: only told so again
    assert 25 - len(slow) == await count(place, "delivery")


@pytest.mark.parametrize("form, status", [
    ({"text": "x"}, 400), ({"line": "kort", "text": "x"}, 400), ({"line": "../" * 9, "text": "x"}, 400),
    ({"line": "a" * 32, "text": " \n "}, 422), ({"line": "a" * 32, "text": "é" * 4001}, 422),
    ({"line": "a" * 32, "text": "\x00\x00"}, 422)])
async def test_what_is_no_line_is_refused(place, visitor, form, status):
    me = visitor()
    await me.begin()
    assert status == (await me.ask("regel", aiohttp.FormData(form)))[0]
    assert 0 == await count(place, "delivery")


@pytest.mark.parametrize("body", [[], "x", 7, {"name": {"a": 1}}, {"name": ["x"]}, {"identity": 7}, None])
async def test_objects_where_texts_are_due_are_refused(place, visitor, body):
    me = visitor()
    data = json.dumps(body) if body is not None else "{"
    for path in ("begin", "wie", "afschrift"):
        if path != "begin":
            await me.begin()
        me.client.headers.get("x")
        async with me.client.post(f"{me.base}/{path}", data=data, headers={**me.headers, "Content-Type":
                                                                           "application/json"}) as answer:
            assert 400 == answer.status


async def test_an_answer_goes_at_once_without_signature_and_comes_once(place, visitor, joris):
    me = visitor()
    await me.begin()
    await me.say("Hoi")
    row = await conversation_of(place, "Hoi")
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: "Hoi" in me.texts())
        assert (200, True) == ((told := await joris.answer(row, "Goedemorgen!"))[0], told[1]["ok"])
        await me.until(socket, lambda: len(me.lines) == 2 and me.frames[-1]["with"] == "Joris")
    entry = next(one for one in me.lines.values() if not one["line"])
    assert ("Goedemorgen!", "Joris") == (entry["text"], entry["who"])
    async with place.database.connection() as connection:
        found = await connection.fetchrow("select send_state, sent_at - at < interval '5 s' from message where id = $1",
                                          entry["id"])
    assert ("sent", True) == tuple(found)


async def test_what_came_while_away_comes_from_the_position_on_and_nothing_twice(place, visitor, joris):
    me = visitor()
    await me.begin()
    await me.say("Een")
    row = await conversation_of(place, "Een")
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: me.texts() == ["Een"])
    for text in ("Twee", "Drie"):
        assert 200 == (await joris.answer(row, text))[0]
    await me.say("Vier")
    await conversation_of(place, "Vier")
    me.frames.clear()
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: len(me.lines) == 4)
    sent = [entry["text"] for frame in me.frames if frame["t"] == "lines" for entry in frame["e"]]
    assert "Een" not in sent and sorted(sent) == sorted(set(sent))
    again = visitor()
    again.token = me.token
    async with again.open() as socket:  # as after a reload: everything
        await again.hello(socket)
        await again.until(socket, lambda: len(again.lines) == 4)
    assert me.texts() == again.texts()


async def test_under_reconnects_and_writers_on_both_sides_nothing_is_lost_or_doubled(place, visitor, joris):
    me, chance = visitor(), random.Random(7)
    await me.begin()
    await me.say("begin")
    row = await conversation_of(place, "begin")

    async def residents() -> None:
        for number in range(15):
            await me.say(f"in {number}")

    async def staff() -> None:
        for number in range(15):
            assert 200 == (await joris.answer(row, f"uit {number}"))[0]

    async def panel() -> None:
        while len(me.lines) < 31:
            async with me.open() as socket:
                await me.hello(socket)
                stop = len(me.lines) + chance.randrange(1, 6)
                await me.until(socket, lambda stop=stop: len(me.lines) >= min(stop, 31))

    async with asyncio.timeout(60):
        await asyncio.gather(residents(), staff(), panel())
    texts = me.texts()
    assert [f"in {n}" for n in range(15)] == [text for text in texts if text.startswith("in")]
    assert [f"uit {n}" for n in range(15)] == [text for text in texts if text.startswith("uit")]


async def test_a_visitor_never_sees_notes_or_another_visitor_also_when_they_are_joined(place, visitor, joris):
    me, other = visitor(), visitor()
    for one, text in ((me, "Van mij"), (other, "Van de ander")):
        await one.begin()
        await one.say(text)
    mine, theirs = await conversation_of(place, "Van mij"), await conversation_of(place, "Van de ander")
    await joris.post(mine, "notitie", text="Geheim onder collega's")
    await joris.answer(theirs, "Voor de ander", files=(("ander.png", PNG),))
    async with place.database.transaction() as connection:
        rows = await chat.conversation.lock(connection, [mine.id, theirs.id])
        after = chat.conversation.replace(rows[theirs.id], suggestion=mine.id)
        await triage.accept_suggestion(connection, after, By(place.people["Sanne Vos"], datetime.now(UTC)), True)
    place.house.bell()
    await joris.post(mine, "notitie", text="Nog een geheim")
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: me.lines)
        await me.say("Nog iets")
        await me.until(socket, lambda: "Nog iets" in me.texts())
    told = json.dumps(me.frames)
    assert ["Van mij", "Nog iets"] == me.texts()
    assert not any(word in told for word in ("eheim", "ander"))
    async with place.database.connection() as connection:
        file = await connection.fetchval("select id from attachment where name = 'ander.png'")
    assert 404 == (await me.ask(f"bestand/{file}", method="GET"))[0]
    assert 200 == (await other.ask(f"bestand/{file}", method="GET"))[0]


@pytest.mark.parametrize("path", ["regel", "wie", "afschrift", "einde"])
@pytest.mark.parametrize("token", ["", "x", "a" * 43, "é" * 43, "a" * 5000])
async def test_without_the_token_nothing_opens(visitor, path, token):
    me = visitor()
    await me.begin()
    me.token = token
    status, told = await (me.say("x") if path == "regel" else me.ask(path, {"email": "a@voorbeeld.example"}))
    assert (status, told.get("key")) in ((401, "ended"), (400, None))


async def test_a_token_of_one_chat_is_nothing_in_another_and_is_kept_nowhere(place, visitor, client):
    me = visitor()
    await me.begin()
    await me.say("Hoi")
    elsewhere = Visitor(place, await add_chat(place, "Andere chat"), client)
    elsewhere.token = me.token
    assert 401 == (await elsewhere.say("x"))[0]
    async with place.database.connection() as connection:
        kept = await connection.fetch("select to_jsonb(chat)::text as row from chat union all select"
                                      " convert_from(body, 'utf8') || meta::text from delivery")
    assert kept and not any(me.token in row["row"] for row in kept)


async def test_another_sites_page_cannot_speak_for_a_visitor(place, visitor, client):
    me = visitor()
    await me.begin()
    for origin in ("https://evil.example", "null", place.url + ".evil.example"):
        async with client.post(f"{me.base}/einde", headers={**me.headers, "Origin": origin}) as answer:
            assert 403 == answer.status
        with pytest.raises(aiohttp.WSServerHandshakeError):
            async with client.ws_connect(f"{me.base}/live", headers={"Origin": origin}):
                pass


async def test_nonsense_on_the_socket_harms_nobody(place, visitor, joris):
    me, chance = visitor(), random.Random(3)
    await me.begin()
    await me.say("Hoi")
    row = await conversation_of(place, "Hoi")
    nonsense = ["{", "[]", "null", '{"t":"hello"}', '{"t":"hello","token":7}', "[" * 900, '{"t":"types","x":{}}',
                json.dumps({"t": "hello", "token": "a" * 43, "since": "1.1"}), "\x00", "x" * 5000]
    async with me.open() as good:
        await me.hello(good)
        await me.until(good, lambda: me.lines)
        for first in nonsense:
            async with me.open() as bad:
                await bad.send_str(first)
                await asyncio.wait_for(bad.receive(), 15)
        for _ in range(200):
            await good.send_str(chance.choice(nonsense[:7]))
        await joris.answer(row, "Nog steeds hier")
        await me.until(good, lambda: "Nog steeds hier" in me.texts())
        async with me.open() as bad:
            await bad.send_bytes(bytes(chance.randrange(256) for _ in range(500)))
            await asyncio.wait_for(bad.receive(), 15)


async def test_after_the_end_nothing_opens_and_panels_are_told(place, visitor):
    me = visitor()
    await me.begin()
    await me.say("Hoi")
    row = await conversation_of(place, "Hoi")
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: me.lines)
        assert 200 == (await me.ask("einde"))[0]
        async with asyncio.timeout(10):
            while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                pass
        assert ENDED == socket.close_code
    assert 401 == (await me.say("Nog iets"))[0]
    async with place.database.connection() as connection:
        kinds = [one["kind"] for one in await connection.fetch("select kind from event where conversation_id = $1",
                                                               row.id)]
    assert "visitor_left" in kinds
