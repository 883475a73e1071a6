"""Every committed change reaches every open board, in order, or that board reloads itself.

Longer than 350 lines because all of them share one reader of frames.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field

import pytest

from newsroom import action, board, delivery, message, triage
from newsroom.access import Scope, scope
from newsroom.board import Filter
from newsroom.conversation import Conversation, find
from newsroom.feed import Feed, Viewer
from newsroom.triage import By
from tests import sources
from tests.house import START, add_account, add_channel, add_team, make_intake, paper, receive

SHOWN = ("id", "at", "kind", "body", "edited_at", "earlier", "removed_at", "send_state")  # of a message


class Plain:
    """Cards as a line of text that names everything a card shows."""

    def card(self, row: Conversation, names, language: str) -> str:
        return f"{row.reference} v{row.version} {row.state} {row.assignee_id} {row.priority} {row.excerpt} {language}"

    def entry(self, item, row, names, language, files) -> str:
        return " ".join(f"{type(item).__name__} {getattr(item, name, '')}" for name in SHOWN)


@dataclass
class Client:
    """What a browser does with frames: keeps cards by reference, counts by the deltas, its position."""

    full: bool = False
    cards: dict[str, dict] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    position: int = 0
    resets: int = 0
    entries: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)

    def has_room(self) -> bool:
        return not self.full

    def write(self, text: bytes) -> bool:
        if self.full:
            return False
        data = json.loads(text)
        if data["t"] == "b":
            assert data["from"] == self.position, "a stretch is missing or doubled"
            self.position = data["to"]
            for entry in data["e"]:
                self._take(entry)
        elif data["t"] == "reset":
            self.resets += 1
        return True

    def _take(self, entry: dict) -> None:
        if entry["k"] == "msg":
            self.entries[entry["id"]] = entry["h"]
        if entry["k"] not in ("card", "gone"):
            return
        if entry.get("b"):
            self.counts[entry["b"]["state"]] = self.counts.get(entry["b"]["state"], 0) - 1
        if entry.get("a"):
            self.counts[entry["a"]["state"]] = self.counts.get(entry["a"]["state"], 0) + 1
        if entry["k"] == "gone":
            self.cards.pop(entry["id"], None)
            self.gone.append(entry["id"])
            return
        known = self.cards.get(entry["id"])
        if known is None or known["v"] < entry["v"]:
            self.cards[entry["id"]] = {"v": entry["v"], "h": entry["h"], "state": entry["f"]["state"]}

    def close(self, code: int) -> None: ...


async def open_board(feed: Feed, db, who: Scope, follows: frozenset[int] = frozenset()) -> tuple[Viewer, Client]:
    """A page and its socket: cards and position from one snapshot."""
    async with db.snapshot() as connection:
        page = await board.read(connection, who, Filter(), START, limit=10_000)
    client = Client(position=page.position, counts=dict(page.counts))
    for rows in page.cards.values():
        for row in rows:
            client.cards[row.reference] = {"v": row.version, "h": Plain().card(row, None, "nl"), "state": row.state}
    viewer = Viewer(client, who, "nl", page.position)
    viewer.follow(follows)
    feed.viewers.add(viewer)
    return viewer, client


async def fresh(feed: Feed, db, who: Scope) -> Client:
    viewer, client = await open_board(feed, db, who)
    feed.viewers.discard(viewer)
    return client


def live(client: Client) -> dict[str, dict]:
    """The cards of the columns; the closed column of a page holds today's only."""
    return {id: card for id, card in client.cards.items() if card["state"] not in ("closed", "spam")}


async def as_fresh(client: Client, expected: Client, db) -> None:
    """Cards, counts, and each message of a followed thread are what a fresh page has."""
    assert live(client) == live(expected)
    assert _counted(client) == _counted(expected)
    async with db.connection() as connection:
        found = await message.get(connection, [int(id[1:]) for id in client.entries if id[0] == "m"])
    assert {f"m{id}": Plain().entry(item, None, None, "nl", []) for id, item in found.items()} == \
        {id: shown for id, shown in client.entries.items() if id[0] == "m"}


def _counted(client: Client) -> dict[str, int]:
    return {state: n for state, n in client.counts.items() if n and state in ("new", "open", "department", "waiting")}


async def settle(feed: Feed, *viewers: Viewer) -> None:
    async with asyncio.timeout(20):
        while True:
            if not await feed.step() and all(one.position == feed.head and not one.busy for one in viewers):
                return
            for one in viewers:
                feed.catch_up(one)
            await asyncio.sleep(0)


@pytest.fixture
async def feed(db) -> Feed:
    made = Feed(db, Plain(), lambda account: None)
    await made.start()
    return made


async def act(db, who: Scope, reference: str, verb: str, under: str = "", **arguments) -> action.Result:
    return (await action.act(db, who, under or str(random.random()), [reference], verb, arguments, START))[0]


async def test_a_change_is_one_frame_for_all_who_may_see_it(db, feed):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    boards = [await open_board(feed, db, chef) for _ in range(3)]
    await receive(db, channel, paper("1", {"id": "m1", "text": "hoi"}))
    await settle(feed, *(viewer for viewer, _ in boards))
    assert len({json.dumps(client.cards) for _, client in boards}) == 1
    assert [client.counts["new"] for _, client in boards] == [1, 1, 1]


VERBS = [("claim", {}), ("priority", {"to": 3}), ("subject", {"to": "Anders"}), ("label", {"add": [1]}),
         ("move", {"to": "waiting", "was": "open"}), ("move", {"to": "open", "was": "waiting"}),
         ("move", {"to": "department", "was": "open", "department": "Groen", "until": "2026-11-25"}),
         ("team", {"to": 1}), ("close", {"reason": 1, "last": "LAST"}), ("reopen", {}), ("spam", {"block": False}),
         ("not_spam", {}), ("seal", {"readers": ["ME"]}), ("seal", {"readers": []}),
         ("assign", {"to": None, "was": "ME"}), ("claim", {}), ("undo", {"key": "BEFORE"}),
         ("assign", {"to": "OTHER", "was": None}), ("ask_takeover", {"to": "OTHER"}), ("keep_takeover", {"to": "ME"}),
         ("ask_takeover", {"to": "OTHER"}), ("allow_takeover", {"to": "ME"})]
BY_THE_OTHER = ("keep_takeover", "allow_takeover")


async def test_board_and_fragments_equal_a_fresh_render_over_every_verb(db, feed):
    """With a conversation of each connector, while more comes in over all of them."""
    stream = sources.mixed(random.Random(5), await sources.add_channels(db), 20)
    intake = make_intake(db, sources.here())
    await _words(db)
    chef, other = await add_account(db, "Chef", "chef_dag", "supervisor"), await add_account(db, "Ander", "webcare")
    started = await _begin(db, intake, stream)
    viewer, client = await open_board(feed, db, chef, frozenset(started.values()))
    for number, (verb, arguments) in enumerate(VERBS):
        for reference in started:
            chef = await _now(db, chef, viewer)
            async with db.connection() as connection:
                row = await find(connection, reference, chef)
            meant = {"ME": chef.account_id, "OTHER": other.account_id, "LAST": row.last_message_id,
                     "BEFORE": f"{reference} {number - 1}"}
            ready = {key: [chef.account_id] if value == ["ME"] else meant.get(value, value) if isinstance(value, str)
                     else value for key, value in arguments.items()}
            who = other if verb in BY_THE_OTHER else chef
            result = await act(db, who, reference, verb, f"{reference} {number}", **ready)
            assert result.ok, (verb, result)
        if verb == "seal":  # rights changed: the board loads again
            feed.viewers.discard(viewer)
            chef = await _now(db, chef, viewer)
            viewer, client = await open_board(feed, db, chef, frozenset(started.values()))
        await settle(feed, viewer)
        await as_fresh(client, await fresh(feed, db, chef), db)
    while stream.deliveries:
        await _take(db, intake, stream, 25)
        await settle(feed, viewer)
        await as_fresh(client, await fresh(feed, db, chef), db)
    assert len(client.entries) > len(started)
    assert {verb for verb, _ in VERBS} | {"remove", "join"} == set(action.VERBS)


async def _begin(db, intake, stream: sources.Stream) -> dict[str, int]:
    """The first conversations of the stream, public and private, once there is one of every connector:
    {reference: id}."""
    rows: list = []
    while {row["kind"] for row in rows} != set(sources.FAMILIES):
        await _take(db, intake, stream, 12)
        async with db.connection() as connection:
            rows = await connection.fetch("select distinct on (k.kind, c.public) k.kind, c.reference, c.id"
                                          " from conversation c join channel k on k.id = c.channel_id"
                                          " where c.state = 'new' order by k.kind, c.public, c.id")
    return {row["reference"]: row["id"] for row in rows}


async def _take(db, intake, stream: sources.Stream, most: int) -> None:
    """The next deliveries of the stream come in."""
    some, stream.deliveries = stream.deliveries[:most], stream.deliveries[most:]
    async with db.transaction() as connection:
        await delivery.store(connection, some)
    await intake.drain()


async def _now(db, who: Scope, viewer: Viewer) -> Scope:
    """What this person may see by now; their board knows it too."""
    async with db.connection() as connection:
        found = await scope(connection, who.account_id)
    viewer.audience = (found.classes, *viewer.audience[1:])
    return found


async def test_what_left_before_its_news_was_told_is_counted_in_and_out(db, feed, monkeypatch):
    monkeypatch.setattr("newsroom.feed.BATCH", 1)  # a stretch of news ends before the last change
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    team = await add_team(db, "Jeugd", restricted=True)
    viewer, out = await open_board(feed, db, chef)
    receipt, = await receive(db, channel, paper("1", {"id": "m1", "text": "geheim"}))
    await act(db, chef, receipt.reference, "team", to=team)
    await settle(feed, viewer)
    assert ({}, 0) == (out.cards, out.counts["new"])


async def test_who_loses_sight_is_told_gone_and_nothing_else(db, feed):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    team = await add_team(db, "Jeugd", restricted=True)
    member = await add_account(db, "Lid", "webcare", teams=(team,))
    receipt, = await receive(db, channel, paper("1", {"id": "m1", "text": "geheim"}))
    (one, out), (two, inside) = await open_board(feed, db, chef), await open_board(feed, db, member)
    await act(db, member, receipt.reference, "team", to=team)
    await act(db, member, receipt.reference, "subject", to="Nog geheimer")
    await settle(feed, one, two)
    assert (out.cards, out.gone, out.counts["new"]) == ({}, [receipt.reference], 0)
    assert list(inside.cards) == [receipt.reference] and inside.counts["new"] == 1
    await receive(db, channel, paper("2", {"id": "m2", "answers": ["m1"], "text": "meer", "at": 9}))
    await settle(feed, one, two)
    assert out.gone == [receipt.reference]


async def test_thread_fragments_go_to_who_follows_only(db, feed):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
    async with db.connection() as connection:
        id = (await find(connection, receipt.reference, chef)).id
    (one, follower), (two, other) = (await open_board(feed, db, chef, follows=frozenset({id})),
                                     await open_board(feed, db, chef))
    await receive(db, channel, paper("2", {"id": "m2", "answers": ["m1"], "at": 5}))
    await settle(feed, one, two)
    assert (len(follower.entries), other.entries) == (1, {})


async def test_a_reader_that_is_full_keeps_its_place_and_catches_up(db, feed):
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    viewer, client = await open_board(feed, db, chef)
    client.full = True
    for number in range(5):
        await receive(db, channel, paper(f"{number}", {"id": f"m{number}", "from": f"p{number}@post.example"}))
        await feed.step()
    assert viewer.position == 0 and not client.cards
    client.full = False
    await settle(feed, viewer)
    assert live(client) == live(await fresh(feed, db, chef))


async def test_too_far_behind_is_told_to_fetch_the_page(db, feed, monkeypatch):
    monkeypatch.setattr("newsroom.feed.REPLAY_MOST", 50)
    channel, chef = await add_channel(db), await add_account(db, "Chef", "chef_dag")
    receipt, = await receive(db, channel, paper("1", {"id": "m1"}))
    viewer, client = await open_board(feed, db, chef)
    feed.viewers.discard(viewer)
    async with db.transaction() as connection:
        row = await find(connection, receipt.reference, chef, lock=True)
        for number in range(51):
            row = await triage.set_subject(connection, row, By(chef.account_id, START), f"{number}")
    while await feed.step():
        pass
    feed.viewers.add(viewer)
    feed.catch_up(viewer)
    async with asyncio.timeout(10):
        while viewer.busy:
            await asyncio.sleep(0)
    assert client.resets == 1 and viewer.position == feed.head


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(12, 17))])
async def test_torture(db, feed, seed):
    """16 writers, messages over every connector, doorbells dropped, doubled and late, boards that come and go: every
    board ends equal, and the counts are those of the conversations."""
    dice, chef, stop = random.Random(seed), await add_account(db, "Chef", "chef_dag"), asyncio.Event()
    await _words(db)
    intake, stream = make_intake(db, sources.here()), sources.mixed(dice, await sources.add_channels(db), 25)
    started = await _begin(db, intake, stream)
    boards = [await open_board(feed, db, chef, frozenset(started.values())) for _ in range(12)]

    async def ring() -> None:
        while not stop.is_set():
            for _ in range(dice.choice([0, 1, 1, 2])):
                await feed.step()
            for viewer, client in boards:
                if dice.random() < 0.1:
                    client.full = not client.full
                if dice.random() < 0.1:  # cut, and back from its position
                    feed.viewers.discard(viewer)
                else:
                    feed.viewers.add(viewer)
                    feed.catch_up(viewer)
            await asyncio.sleep(dice.random() / 200)

    ringing = asyncio.create_task(ring())
    await _storm(db, stream, list(started), chef, dice)
    stop.set()
    await ringing
    for viewer, client in boards:
        client.full = False
        feed.viewers.add(viewer)
    await settle(feed, *(viewer for viewer, _ in boards))
    expected = await fresh(feed, db, chef)
    for _, client in boards:
        await as_fresh(client, expected, db)
    async with db.snapshot() as connection:
        assert await board.recount(connection) == []


async def _words(db) -> None:
    async with db.transaction() as connection:
        await connection.execute("insert into label (name) values ('Afval')")
        await connection.execute("insert into team (name) values ('Groen')")
        await connection.execute("insert into close_reason (name_nl, name_en, outcome)"
                                 " values ('Klaar', 'Done', 'answered')")


async def _storm(db, stream: sources.Stream, references: list[str], who: Scope, dice: random.Random) -> None:
    """16 writers at once, of whom one in five lets something come in."""
    moves = [("claim", {}), ("priority", {"to": 2}), ("label", {"add": [1]}), ("label", {"remove": [1]}),
             ("team", {"to": 1}), ("assign", {"to": None, "was": who.account_id}), ("spam", {}), ("not_spam", {}),
             ("move", {"to": "waiting", "was": "open"}), ("move", {"to": "open", "was": "waiting"}), ("reopen", {}),
             ("close", {"reason": 1, "last": 1})]

    async def write() -> None:
        intake = make_intake(db, sources.here())
        for _ in range(10):
            if dice.random() < 0.2 and stream.deliveries:
                await _take(db, intake, stream, 5)
            else:
                verb, arguments = dice.choice(moves)
                await act(db, who, dice.choice(references), verb, **arguments)

    await asyncio.gather(*(write() for _ in range(16)))
