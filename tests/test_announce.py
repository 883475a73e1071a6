"""Outgoing webhooks: every event of an account's sight once and in order, signed, until it is taken; or it is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from connectors import outbound, signature
from newsroom import announce, event, rights, subscription
from newsroom.announce import Announcer
from newsroom.change import By, Wrong
from newsroom.secret import Keys
from newsroom.web.api import events
from tests.house import add_account, add_channel, add_team, paper, receive

SECRET = "een-geheim-van-minstens-24-tekens"
NOW = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@dataclass
class Other:
    """The other program: keeps what it took by id, and answers as told."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    taken: dict[str, dict] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    cut: bool = False
    url: str = ""

    async def serve(self, request: web.Request) -> web.Response:
        raw = await request.read()
        id = signature.verify([SECRET.encode()], request.headers, raw, datetime.now(UTC))
        self.asked.append(id)
        if self.status == 200:
            assert self.taken.setdefault(id, json.loads(raw)) == json.loads(raw)
        if self.cut:
            request.transport.abort()
        return web.Response(status=self.status, headers=self.headers)

    def told(self) -> list[str]:
        return [one["conversation"] for body in self.taken.values() for one in body["results"]]


@pytest.fixture(autouse=True)
def inside():
    outbound.permit(["127.0.0.0/8"])
    yield
    outbound.permit([])


@pytest.fixture
async def other():
    found, app = Other(), web.Application()
    app.router.add_post("/hook", found.serve)
    async with TestServer(app) as server:
        found.url = str(server.make_url("/hook"))
        yield found


@pytest.fixture
def keys():
    return Keys([b"k" * 32])



@pytest.fixture
async def town(db, other, keys):
    """(channel, who is told, announcer), with a subscription from now on."""
    channel, team = await add_channel(db), await add_team(db, "Jeugd", restricted=True)
    sanne = await add_account(db, "Sanne", "content_director")
    await bring(db, channel, "before")
    async with db.transaction() as connection:
        await subscription.add(connection, keys, "Zaken", other.url, SECRET, sanne.account_id, By(None, NOW))
    return channel, sanne, Announcer(db, keys, events.batch), team


async def bring(db, channel, *names):
    receipts = await receive(db, channel, *(paper(name, {"id": name, "from": f"{name}@post.example", "text": "Geheim"})
                                            for name in names))
    return [receipt.reference for receipt in receipts]


async def row(db):
    async with db.connection() as connection:
        return (await subscription.every(connection))[0]


async def test_what_happens_is_told_once_in_order_and_without_words(db, town, other, monkeypatch):
    monkeypatch.setattr(announce, "BATCH", 2)
    channel, _, announcer, _ = town
    first, second = await bring(db, channel, "a", "b", "c"), await bring(db, channel, "d")
    while await announcer.step(NOW):
        pass
    assert [*first, *second] == other.told() and len(other.asked) == len(other.taken) == 2
    text = json.dumps(other.taken)
    assert not any(word in text for word in ("Geheim", "post.example"))
    assert 0 == await announcer.step(NOW)


async def test_what_is_not_taken_is_tried_again_later_under_the_same_id(db, town, other):
    channel, _, announcer, _ = town
    references, at = await bring(db, channel, "a"), NOW
    other.status = 503
    await announcer.step(at)
    for wait in (5, 10, 20):
        assert 0 == await announcer.step(at + timedelta(seconds=wait - 1))
        at += timedelta(seconds=wait)
        assert 1 == await announcer.step(at)
    late = await bring(db, channel, "b")
    other.status = 200
    await announcer.step(at + timedelta(hours=1))
    await announcer.step(at + timedelta(hours=1))
    assert 1 == len(set(other.asked[:-1])) and other.asked[-1] != other.asked[0]
    assert [*references, *late] == other.told()
    found = await row(db)
    assert (0, None, "") == (found.tries, found.failing_since, found.problem)


async def test_a_cut_connection_and_a_dead_worker_repeat_the_same_batch(db, town, other):
    channel, _, announcer, _ = town
    references = await bring(db, channel, "a")
    other.cut = True
    await announcer.step(NOW)
    other.cut = False
    async with db.transaction() as connection:  # claimed, and then the worker died
        assert await subscription.claim(connection, NOW + timedelta(minutes=1), 10)
    assert 0 == await announcer.step(NOW + timedelta(minutes=1, seconds=30))
    assert 1 == await announcer.step(NOW + timedelta(minutes=2, seconds=1))
    assert references == other.told() and 1 == len(set(other.asked))


async def test_a_day_of_failing_pauses_and_resuming_loses_nothing(db, town, other):
    channel, _, announcer, _ = town
    references = await bring(db, channel, "a")
    other.status, at = 500, NOW
    await announcer.step(at)
    for _ in range(40):
        at += timedelta(hours=1)
        await announcer.step(at)
    found = await row(db)
    assert found.paused_at and "500" in found.problem
    asked, other.status = len(other.asked), 200
    assert 0 == await announcer.step(at + timedelta(days=30)) and asked == len(other.asked)
    async with db.transaction() as connection:
        assert await subscription.resume(connection, found.id, By(None, at))
    await announcer.step(at)
    assert references == other.told()
    async with db.connection() as connection:
        log = await subscription.tries(connection, found.id, 100)
    assert [200, 500] == [log[0].status, log[1].status] and all(one.events == 1 for one in log)


async def test_gone_ends_it_at_once_and_retry_after_is_kept(db, town, other):
    channel, _, announcer, _ = town
    await bring(db, channel, "a")
    other.status, other.headers = 429, {"Retry-After": "900"}
    await announcer.step(NOW)
    assert 0 == await announcer.step(NOW + timedelta(seconds=899))
    other.status = 410
    await announcer.step(NOW + timedelta(seconds=900))
    assert (await row(db)).paused_at


async def test_only_what_the_account_sees_is_told(db, town, other):
    channel, sanne, announcer, team = town
    async with db.transaction() as connection:
        await connection.execute("update channel set team_id = $1", team)
    await bring(db, channel, "jeugd")
    assert 1 == await announcer.step(NOW) and [] == other.asked
    async with db.transaction() as connection:
        await rights.leave(connection, sanne.account_id, None, NOW)
    await bring(db, channel, "later")
    await announcer.step(NOW)
    assert "afgesloten" in (await row(db)).problem and (await row(db)).paused_at and [] == other.asked


async def test_an_address_inside_is_never_asked(db, town, other, keys):
    channel, sanne, announcer, _ = town
    await bring(db, channel, "a")
    outbound.permit([])
    await announcer.step(NOW)
    assert [] == other.asked and "mag niet" in (await row(db)).problem
    async with db.transaction() as connection:
        for url in (other.url, "ftp://a.example/", "https://wie:woord@a.example/", "https://a.example/" + "x" * 2000):
            with pytest.raises(Wrong):
                await subscription.add(connection, keys, "Zaken", url, SECRET, sanne.account_id, By(None, NOW))


async def test_after_a_restore_somebody_is_told(db, town, other):
    channel, _, announcer, _ = town
    await bring(db, channel, "a")
    found = await row(db)
    async with db.transaction() as connection:
        await connection.execute("update subscription set epoch = 'before'")
    await announcer.step(NOW)
    assert "reservekopie" in (await row(db)).problem and [] == other.asked
    async with db.transaction() as connection:
        await subscription.resume(connection, found.id, By(None, NOW))
        assert (found.epoch, (await event.position(connection))[1]) == (
            (await subscription.every(connection))[0].epoch, (await subscription.every(connection))[0].position)


def test_each_batch_has_an_id_of_its_own(keys):
    one = subscription.Subscription(1, "", "", b"", 1, "e", 5, 9, 0, None, None, "", NOW)
    assert 4 == len({one.webhook_id, replace(one, position=6).webhook_id, replace(one, until=10).webhook_id,
                     replace(one, id=2).webhook_id})
    assert signature.ID.fullmatch(one.webhook_id)
