"""The feed: every committed change reaches every open board, in order, or that board reloads itself.

One integer per socket, no queue and no task per client. A change is read from the event table, rendered once per
language, put in one frame per audience, and written, prepared, to every socket at the head. A socket whose buffer is
full keeps its position only; when it drains it gets the distinct conversations since then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import msgspec
import structlog

from newsroom import board, chat, conversation, event, message, watch
from newsroom.access import Scope
from newsroom.conversation import Conversation, facets
from newsroom.database import Connection, Database
from newsroom.event import Event

POLL_SECONDS = 2.0  # a lost doorbell costs at most this
BATCH = 500  # events read at a time
REPLAY_MOST = 2000  # further behind: the page is fetched again
ASKS = ("takeover_asked", "takeover_allowed", "takeover_kept", "mentioned")  # told to the person they are for
SUBSCRIPTIONS = 3  # conversations whose thread a socket follows
COME_BACK = 4408  # closes a socket that does not keep up: it comes back from its position

log = structlog.get_logger()
encode = msgspec.json.Encoder().encode
Rendered = dict[str, Any]
Audience = tuple[frozenset[str], str, frozenset[int]]


class Render(Protocol):
    """How rows become HTML: given by the composition root, so that the feed knows no templates."""

    def card(self, row: Conversation, names: board.Names, language: str) -> str: ...

    def entry(self, item: message.Message | Event, row: Conversation, names: board.Names, language: str,
              files: list[message.File]) -> str: ...


class Socket(Protocol):
    """A connection to one open board. `write` takes a JSON text; it returns False when the buffer is full, and until
    then `has_room`."""

    def write(self, text: bytes) -> bool: ...

    def has_room(self) -> bool: ...

    def close(self, code: int) -> None: ...


class Viewer:
    """One open board: where it is, what it may see, what it follows. Its audience, (classes, language, ids of
    conversations), decides which frame it gets."""

    __slots__ = ("socket", "position", "audience", "busy")

    def __init__(self, socket: Socket, scope: Scope, language: str, position: int):
        self.socket = socket
        self.position = position
        self.audience: Audience = (scope.classes, language, frozenset())
        self.busy = False  # a catch-up of its own is under way

    def follow(self, ids: frozenset[int]) -> None:
        """Hear of the threads of these conversations, and of no others."""
        self.audience = (*self.audience[:2], ids)


class Guest:
    """The open chat of one visitor: it hears of its own visit only. `live` once it has all that went before; a guest
    that is not catches up, and one that does not keep up comes back from its position."""

    __slots__ = ("socket", "address", "position", "live")

    def __init__(self, socket: Socket, address: str, position: int):
        self.socket = socket
        self.address = address
        self.position = position
        self.live = False


@dataclass(slots=True)
class News:
    """A stretch of events with what they changed: rows as they are now, messages and files to show."""

    start: int
    end: int
    events: list[Event]
    rows: dict[int, Conversation]
    names: board.Names
    messages: dict[int, message.Message]
    files: dict[int, list[message.File]]
    visits: dict[int, list[str]] = field(default_factory=dict)  # of conversations: who hears of it in a chat
    cards: dict[tuple[int, str], str] = field(default_factory=dict)


class Feed:
    """Reads the event table and tells every viewer. `ring` is called after each commit of this process."""

    def __init__(self, database: Database, render: Render, rights: Callable[[int], Any]):
        self._database = database
        self._render = render
        self._rights = rights  # called with an account id whose rights changed
        self._bell = asyncio.Event()
        self.viewers: set[Viewer] = set()
        self.guests: dict[str, set[Guest]] = {}
        self.head = 0
        self.epoch = ""
        self.reachable = True  # whether the database answers
        self.standing = watch.Standing()  # of the channels, at the head
        self._tasks: set[asyncio.Task] = set()

    def ring(self) -> None:
        """Look now."""
        self._bell.set()

    async def start(self) -> None:
        """Take the present end as the head."""
        async with self._database.snapshot() as connection:
            self.epoch, self.head = await event.position(connection)
            self.standing = await watch.standing(connection)

    async def run(self) -> None:
        """Follow the event table, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                pass
            self._bell.clear()
            try:
                while await self.step():
                    pass
                self._reach(True)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                self._reach(False)
                log.error("feed waits for the database", error=type(error).__name__)
                await asyncio.sleep(POLL_SECONDS / 4)

    async def step(self) -> bool:
        """Read one batch of events and tell everybody at the head. False: there were none."""
        async with self._database.snapshot() as connection:
            events = await event.since(connection, self.head, BATCH)
            if not events:
                return False
            if not self.standing.all or any(one.kind == "channel_changed" for one in events):
                self.standing = await watch.standing(connection)
            news = await self._read(connection, self.head, events[-1].id, events) \
                if self.viewers or self.guests else None
        if news is not None:
            self.tell(news)
        self.head = events[-1].id
        for one in events:
            if one.kind == "rights_changed":
                self._rights(one.data["account"])
        return True

    def tell(self, news: News) -> None:
        """Move the head to the end of `news`; write it to everybody at its start, and bring up who was behind."""
        start, end = news.start, news.end
        self.head = end
        frames: dict[Audience, tuple[Audience, bytes]] = {}
        behind, last, made = [], None, b""
        for viewer in self.viewers:
            if viewer.position != start:
                behind.append(viewer)
                continue
            audience = viewer.audience
            if audience is not last:
                if audience not in frames:
                    frames[audience] = audience, self.frame(audience, news)
                # equal ones become the same one, so that thousands are told apart without comparing sets
                last, made = frames[audience]
                viewer.audience = last
            if viewer.socket.write(made):  # else behind: only its position is kept
                viewer.position = end
        for viewer in behind:
            self.catch_up(viewer)
        for id, addresses in news.visits.items():
            for address in addresses:
                self._tell_guests(address, id, news)

    async def welcome(self, guest: Guest) -> None:
        """Let a chat hear of its visit, from its position on."""
        self.guests.setdefault(guest.address, set()).add(guest)
        while not guest.live:
            async with self._database.snapshot() as connection:
                position, items = await chat.thread(connection, guest.address, guest.position)
                files = await message.files(connection, [item.id for item in items])
                row = (await chat.conversations(connection, [guest.address])).get(guest.address)
                names = await board.names(connection)
            if not guest.socket.write(_lines(position, items, files, row, names)):
                return guest.socket.close(COME_BACK)
            guest.position = position
            guest.live = self.head <= position  # else something was told to others in the meantime

    def leave(self, guest: Guest) -> None:
        """Its panel is closed."""
        here = self.guests.get(guest.address, set())
        here.discard(guest)
        if not here:
            self.guests.pop(guest.address, None)

    def _tell_guests(self, address: str, id: int, news: News) -> None:
        guests = [guest for guest in self.guests.get(address, ()) if guest.live]
        if not guests:
            return
        ids = dict.fromkeys(one.message_id for one in news.events if one.conversation_id == id)
        items = [item for one in ids if (item := news.messages.get(one or 0)) and chat.sees(address, item)]
        frame = _lines(news.end, items, news.files, news.rows.get(id), news.names)
        for guest in guests:
            if guest.socket.write(frame):
                guest.position = news.end
            else:
                guest.live = False
                guest.socket.close(COME_BACK)

    def catch_up(self, viewer: Viewer) -> None:
        """Bring a viewer that is behind to the head, when its socket has drained."""
        if not viewer.busy and viewer in self.viewers and viewer.position < self.head and viewer.socket.has_room():
            viewer.busy = True
            task = asyncio.create_task(self._catch_up(viewer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _catch_up(self, viewer: Viewer) -> None:
        try:
            while viewer in self.viewers and viewer.position < self.head:
                async with self._database.snapshot() as connection:
                    events = await event.since(connection, viewer.position, REPLAY_MOST + 1)
                    if len(events) > REPLAY_MOST:
                        viewer.position = self.head
                        viewer.socket.write(encode({"t": "reset", "head": self.head}))
                        return
                    events = [one for one in events if one.id <= self.head]
                    if not events:
                        return
                    news = await self._read(connection, viewer.position, events[-1].id, events)
                if not viewer.socket.write(self.frame(viewer.audience, news)):
                    return
                viewer.position = news.end
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("catch-up waits for the database")
        finally:
            viewer.busy = False

    async def _read(self, connection: Connection, start: int, end: int, events: list[Event]) -> News:
        ids = {one.conversation_id for one in events if one.conversation_id}
        visits = await chat.addresses(connection, list(ids)) if self.guests and ids else {}
        followed = frozenset(visits).union(*(viewer.audience[2] for viewer in self.viewers)) & ids
        message_ids = [one.message_id for one in events if one.message_id and one.conversation_id in followed]
        return News(start, end, events, await conversation.load(connection, list(ids)),
                    await board.names(connection), await message.get(connection, message_ids),
                    await message.files(connection, message_ids), visits)

    def frame(self, audience: Audience, news: News) -> bytes:
        """The frame for everybody who sees these classes, in this language, following these conversations."""
        classes, language, follows = audience
        entries = [entry for id, (before, after) in _changes(news.events).items()
                   if (entry := self._card(id, before, after, classes, language, news))]
        for one in news.events:
            row = news.rows.get(one.conversation_id or 0)
            if row is not None and row.id in follows and row.visibility in classes:
                entries.append(self._entry(one, row, news, language))
            if row is not None and one.kind in ASKS and row.visibility in classes:
                entries.append(_asked(one, row, news))
        ids = sorted({one.data["channel"] for one in news.events if one.kind == "channel_changed"})
        if ids and classes:  # whoever reads conversations knows how the channels are
            entries.append({"k": "channel", "ids": ids, "ok": self.standing.ok, "all": self.standing.all})
        if classes:
            entries += [{"k": "shift", **one.data} for one in news.events if one.kind == "shift_changed"]
        return encode({"t": "b", "from": news.start, "to": news.end, "e": entries})

    def _card(self, id: int, before: dict | None, after: dict | None, classes: frozenset[str], language: str,
              news: News) -> Rendered | None:
        row = news.rows.get(id)
        saw, sees = (one is not None and one["class"] in classes for one in (before, after))
        if row is None or not (saw or sees):
            return None
        # the row may be further than these events: what is counted follows the events, what is shown the row
        counted = {"b": before if saw else None, "a": after if sees else None}
        if not sees or row.visibility not in classes or row.state in ("merged", "removed"):
            return {"k": "gone", "id": row.reference, **counted}
        key = (id, language)
        if key not in news.cards:
            news.cards[key] = self._render.card(row, news.names, language)
        return {"k": "card", "id": row.reference, "v": row.version, **counted,
                "f": facets(row) | moments(row) | {"asked": row.request}, "h": news.cards[key]}

    def _entry(self, one: Event, row: Conversation, news: News, language: str) -> Rendered:
        item = news.messages.get(one.message_id or 0, one)
        html = self._render.entry(item, row, news.names, language, news.files.get(one.message_id or 0, []))
        name = f"m{item.id}" if isinstance(item, message.Message) else f"e{item.id}"
        return {"k": "msg", "conv": row.reference, "id": name, "h": html}

    def _reach(self, reachable: bool) -> None:
        if reachable != self.reachable:
            self.reachable = reachable
            frame = encode({"t": "db", "ok": reachable})
            for one in (*self.viewers, *(guest for guests in self.guests.values() for guest in guests)):
                one.socket.write(frame)


def _lines(position: int, items: list[message.Message], files: dict[int, list[message.File]], row: Conversation | None,
           names: board.Names) -> bytes:
    """What a chat gets: lines with their ids, so that one that comes twice is shown once; and who answers."""
    who = chat.first_name(row.assignee_id, names.accounts) if row else ""
    return encode({"t": "lines", "to": position, "with": who,
                   "e": [chat.shown(item, files.get(item.id, []), names.accounts) for item in items]})


def moments(row: Conversation) -> dict[str, Any]:
    """The times that a client counts with, in Unix seconds."""
    times = {"waiting": row.waiting_since, "due": row.due_at, "soon": row.soon_at, "last": row.last_at,
             "closed": row.closed_at}
    return {name: at.timestamp() if at else None for name, at in times.items()} | {"unread": row.unread}


def _asked(one: Event, row: Conversation, news: News) -> Rendered:
    """A request, its answer or a mention, for the person `to`; their page says it, others' pass over it."""
    name = news.names.accounts.get(one.actor_id or 0, ("", ""))[0]
    return {"k": "ask", "id": row.reference, "what": one.kind, "to": one.data["to"], "name": name,
            "title": row.subject or row.excerpt}


def _changes(events: Iterable[Event]) -> dict[int, tuple[dict | None, dict | None]]:
    """The first `before` and the last `after` of each conversation, in order of the last change."""
    found: dict[int, tuple[dict | None, dict | None]] = {}
    for one in events:
        if one.conversation_id:
            first = found.pop(one.conversation_id)[0] if one.conversation_id in found else one.before
            found[one.conversation_id] = (first, one.after)
    return found
