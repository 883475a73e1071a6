"""The live socket: frames arrive whole and in order, and who may no longer hear is cut."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp import WSMsgType
from aiohttp.test_utils import make_mocked_request

from newsroom import rights, session, triage
from newsroom.conversation import find
from newsroom.feed import Feed
from newsroom.triage import By
from newsroom.web import errors, live
from newsroom.web.keys import FEED
from newsroom.web.live import SOCKETS
from tests.house import START, add_account, add_channel, paper, receive
from tests.test_feed import Plain
from tests.web.site import site


class Stage:
    """A site with a running feed, and people who are signed in."""

    def __init__(self, db, client, feed):
        self.db, self.client, self.feed = db, client, feed

    async def sign_in(self, who) -> dict[str, str]:
        async with self.db.transaction() as connection:
            token = await session.start(connection, who.account_id, datetime.now(UTC), "127.0.0.1", "")
        return {"Cookie": f"newsroom-8080={token}", "Origin": "http://127.0.0.1:8080", "Host": "127.0.0.1:8080"}

    def open(self, headers: dict[str, str], since: str = "", follows: tuple[str, ...] = ()):
        params = [("since", since), *(("gesprek", one) for one in follows)]
        return self.client.ws_connect("/live", params=params, headers=headers)

    def here(self) -> str:
        return f"{self.feed.epoch}.{self.feed.head}"


@asynccontextmanager
async def stage_of(db):
    feed = Feed(db, Plain(), lambda id: live.rights_changed(client.server.app, id))
    await feed.start()
    more = {FEED: feed, SOCKETS: set()}
    async with site(db, live.routes, clock=lambda: datetime.now(UTC), more=more) as client:
        app = client.server.app
        tasks = [asyncio.create_task(feed.run()), asyncio.create_task(live.keep_alive(app))]
        try:
            yield Stage(db, client, feed)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def stage(db):
    async with stage_of(db) as made:
        yield made


async def take(socket, kind: str) -> dict:
    async with asyncio.timeout(10):
        while True:
            data = json.loads((await socket.receive()).data)
            if data["t"] == kind:
                return data


async def closed(socket) -> int:
    async with asyncio.timeout(15):
        while (await socket.receive()).type is WSMsgType.TEXT:
            pass
    return socket.close_code


async def test_hello_tells_the_position_and_a_change_follows(stage, db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    async with stage.open(await stage.sign_in(chef), stage.here()) as socket:
        hello = await take(socket, "hello")
        assert (hello["head"], hello["me"], hello["db"]) == (stage.feed.head, chef.account_id, True)
        receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
        stage.feed.ring()
        batch = await take(socket, "b")
        assert [(entry["k"], entry["id"]) for entry in batch["e"]] == [("card", receipt.reference)]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:8080.evil.example", None])
async def test_another_sites_page_gets_no_socket(stage, db, origin):
    headers = await stage.sign_in(await add_account(db, "Chef", "chef_dag"))
    headers.pop("Origin")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with stage.open(headers | ({"Origin": origin} if origin else {})):
            pass
    assert refused.value.status == 403


async def test_without_a_session_there_is_no_socket(stage):
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with stage.open({"Origin": "http://127.0.0.1:8080", "Host": "127.0.0.1:8080"}):
            pass
    assert refused.value.status == 401


async def test_a_position_of_another_epoch_is_told_to_fetch_the_page(stage, db):
    async with stage.open(await stage.sign_in(await add_account(db, "Chef", "chef_dag")), "elsewhere.7") as socket:
        await take(socket, "reset")


async def test_from_an_old_position_all_that_was_missed_comes_in_one_frame(stage, db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    old = stage.here()
    for n in range(5):
        await receive(db, channel, paper(f"{n}", {"id": f"m{n}", "from": f"p{n}@post.example"}))
    stage.feed.ring()
    async with stage.open(await stage.sign_in(chef), old) as socket:
        seen = []
        while len(seen) < 5:
            seen += (await take(socket, "b"))["e"]
        assert len({entry["id"] for entry in seen}) == 5


async def test_who_is_disabled_hears_nothing_more(stage, db):
    chef, _ = await add_account(db, "Chef", "chef_dag"), await add_account(db, "Beheer", "admin")
    async with stage.open(await stage.sign_in(chef), stage.here()) as socket:
        await take(socket, "hello")
        async with db.transaction() as connection:
            await rights.leave(connection, chef.account_id, None, START)
        stage.feed.ring()
        assert await closed(socket) in (live.SIGNED_OUT, live.FETCH_PAGE)


async def test_an_ended_session_is_cut_within_seconds(stage, db):
    chef = await add_account(db, "Chef", "chef_dag")
    async with stage.open(await stage.sign_in(chef), stage.here()) as socket:
        await take(socket, "hello")
        async with db.transaction() as connection:
            await session.end_all(connection, chef.account_id, None)
        assert await closed(socket) == live.SIGNED_OUT


async def test_thousands_of_prepared_frames_beside_pings_arrive_whole(stage, db):
    chef = await add_account(db, "Chef", "chef_dag")
    async with stage.open(await stage.sign_in(chef), stage.here()) as socket:
        await take(socket, "hello")
        board, = stage.client.server.app[SOCKETS]
        sent = 0

        async def write() -> None:
            nonlocal sent
            for n in range(3000):
                size = (n * 37) % 70_000 if n % 100 == 0 else (n * 37) % 600
                while not board.write(json.dumps({"t": "x", "n": n, "fill": "é" * size}).encode()):
                    await asyncio.sleep(0)
                sent += 1
                if n % 10 == 0:
                    await board._response.ping()

        writing = asyncio.create_task(write())
        for n in range(3000):
            assert (await take(socket, "x"))["n"] == n
        await writing
        assert sent == 3000


async def test_nonsense_from_a_client_harms_nobody(stage, db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    headers = await stage.sign_in(chef)
    async with stage.open(headers, stage.here()) as good:
        await take(good, "hello")
        for said in ("{", "[]", "7", '{"t":"sub","ids":7}', '{"t":"sub","ids":[{"a":1}]}', "[" * 2000, "\ud800x"):
            with suppress(Exception):
                async with stage.open(headers, stage.here()) as bad:
                    await bad.send_str(said)
        async with stage.open(headers, stage.here()) as bad:
            await bad.send_bytes(b"\x00\xff")
            await closed(bad)
        await receive(db, channel, paper("1", {"id": "m1"}))
        stage.feed.ring()
        assert (await take(good, "b"))["e"]


async def test_a_thread_is_followed_only_by_who_may_see_it(stage, db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    other = await add_account(db, "Ander", "webcare")
    receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        await triage.seal(connection, row, By(chef.account_id, START), [chef.account_id])
    async with stage.open(await stage.sign_in(other), stage.here(), (receipt.reference,)) as socket:
        await take(socket, "hello")
        await socket.send_str(json.dumps({"t": "sub", "ids": [receipt.reference]}))
        await socket.send_str(json.dumps({"t": "sub", "ids": [receipt.reference, "NOSUCHONE2"]}))
        await receive(db, channel, paper("2", {"id": "m2", "answers": ["m1"], "at": 4}),
                      paper("3", {"id": "m3", "from": "eve@elders.example"}))
        stage.feed.ring()
        batch = await take(socket, "b")
        assert receipt.reference not in json.dumps(batch)


async def test_a_message_between_the_page_and_its_socket_is_not_missed(stage, db):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
    await stage.feed.step()
    seen_by_the_page = stage.here()
    await receive(db, channel, paper("2", {"id": "m2", "answers": ["m1"], "at": 4}))
    await stage.feed.step()
    follows = ("NOSUCHONE2", receipt.reference)
    async with stage.open(await stage.sign_in(chef), seen_by_the_page, follows) as socket:
        batch = await take(socket, "b")
    assert [receipt.reference] == [entry["conv"] for entry in batch["e"] if entry["k"] == "msg"]


async def test_who_hangs_up_while_the_socket_opens_is_no_fault_of_ours():
    async def gone(request):
        request.transport.is_closing.return_value = True
        raise ConnectionResetError("Connection lost")
    assert errors.LEFT == (await errors.errors(make_mocked_request("GET", "/live"), gone)).status
