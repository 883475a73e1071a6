"""The live socket: a board or conversation that stays true. Frames are those of the feed, written as they are."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from time import time

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from newsroom import access, chat, conversation, session
from newsroom.conversation import NotFound
from newsroom.database import Database
from newsroom.feed import SUBSCRIPTIONS, Viewer
from newsroom.web import visiting
from newsroom.web.keys import ACCOUNT, ATTENDANCE, CLOCK, DATABASE, FEED, SCOPE, log
from newsroom.web.presence import Presence
from newsroom.web.render import language_of
from newsroom.web.routes import Routes
from newsroom.web.security import check_origin
from newsroom.web.socket import SOCKETS, Board

PING_SECONDS = 15.0  # a client that hears nothing for longer than 20 s says so
RECHECK_SECONDS = 5.0  # how long a session that was ended may still hear
LONGEST_FRAME = 4096  # bytes from a client; it only subscribes and pings
SIGNED_OUT, FETCH_PAGE = 4401, 4410
PRESENCE = web.AppKey("presence", Presence)

encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder().decode


def routes(add: Routes) -> None:
    add.page("GET", "/live", live, "signed_in", name="live")


async def live(request: web.Request) -> web.StreamResponse:
    """Open at `?since=<epoch>.<position>`; from there every change, or `reset`. `&gesprek=<reference>`, at most three
    times: with the thread of that conversation, so that nothing falls between a page and its subscription."""
    check_origin(request)
    follows = await _visible(request.app[DATABASE], request[SCOPE], request.query.getall("gesprek", [])[:SUBSCRIPTIONS])
    response = web.WebSocketResponse(compress=False, max_msg_size=LONGEST_FRAME, autoping=True, timeout=1.0)
    await response.prepare(request)
    if request.transport is None:  # gone already
        return response
    board, feed = Board(response, request, request.transport), request.app[FEED]
    epoch, position = _since(request.query.get("since", ""))
    stale = epoch != feed.epoch or position > feed.head
    board.viewer = Viewer(board, request[SCOPE], language_of(request), feed.head if stale else position)
    board.viewer.follow(follows)
    board.write(encode({"t": "hello", "epoch": feed.epoch, "head": feed.head, "now": time(),
                        "me": request[SCOPE].account_id, "db": feed.reachable}))
    if stale:
        board.write(encode({"t": "reset", "head": feed.head}))
    request.app[SOCKETS].add(board)
    feed.viewers.add(board.viewer)
    feed.catch_up(board.viewer)
    request.app[PRESENCE].greet(board)
    try:
        await visiting.greet(request.app, board, request[SCOPE])
        async for message in response:
            if message.type is WSMsgType.TEXT:
                await _heard(request, board, message.data)
            else:
                await response.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        feed.viewers.discard(board.viewer)
        request.app[SOCKETS].discard(board)
        request.app[PRESENCE].left(board)
    return response


async def keep_alive(app: web.Application) -> None:
    """Ping everybody, look again at who is behind, and cut those whose session ended; until cancelled."""
    last_ping = 0.0
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        now, feed = time(), app[FEED]
        if now - last_ping >= PING_SECONDS:
            last_ping = now
            ping = encode({"t": "p", "head": feed.head, "now": now})
            for board in list(app[SOCKETS]):
                board.write(ping)
        for board in list(app[SOCKETS]):
            feed.catch_up(board.viewer)
        app[PRESENCE].sweep()
        try:
            await _cut_ended(app)
        except Exception as error:  # the database may be away: asked again in a moment
            log.warning("sessions not checked", error=type(error).__name__)


def rights_changed(app: web.Application, account_id: int) -> None:
    """Somebody's rights changed: their boards load again with the new ones."""
    for board in list(app[SOCKETS]):
        if board.account_id == account_id:
            board.close(FETCH_PAGE)


async def close_all(app: web.Application) -> None:
    """We stop: boards come back to whoever serves next."""
    await asyncio.gather(*(board.end(WSCloseCode.GOING_AWAY) for board in list(app[SOCKETS])))


async def _cut_ended(app: web.Application) -> None:
    boards = list(app[SOCKETS])
    if not boards:
        return
    async with app[DATABASE].connection() as connection:
        alive = await session.keep_all(connection, {board.session_hash for board in boards}, app[CLOCK]())
    for board in boards:
        if board.session_hash not in alive:
            board.close(SIGNED_OUT)


async def _heard(request: web.Request, board: Board, text: str) -> None:
    """What a client may say: which conversations it follows, where its person is, that an answer to the visitor of a
    chat is being typed or no longer, and that it is there."""
    try:
        said = decode(text)
        kind, ids = said.get("t"), [str(one) for one in said.get("ids", ())][:SUBSCRIPTIONS]
    except (msgspec.DecodeError, AttributeError, TypeError, UnicodeError):
        return
    if kind == "sub":
        board.viewer.follow(await _visible(request.app[DATABASE], request[SCOPE], ids))
    elif kind in ("types", "still") and request[SCOPE].may("work"):
        await _types(request, ids, "answers" if kind == "types" else "pauses")
    elif kind == "at":
        async with request.app[DATABASE].connection() as connection:
            with suppress(NotFound):
                row = await conversation.find(connection, ids[0] if ids else "", request[SCOPE])
                request.app[PRESENCE].say(board, request[ACCOUNT], row, str(said.get("st")))


async def _types(request: web.Request, references: list[str], what: str) -> None:
    ids = await _visible(request.app[DATABASE], request[SCOPE], references)
    async with request.app[DATABASE].connection() as connection:
        found = await chat.addresses(connection, list(ids)) if ids else {}
    name = request[ACCOUNT].name.partition(" ")[0]
    for address in {address for addresses in found.values() for address in addresses}:
        request.app[ATTENDANCE].tell(address, what, name)


async def _visible(database: Database, scope: access.Scope, references: list[str]) -> frozenset[int]:
    found = set()
    async with database.seen_by(scope.classes).connection() as connection:
        for reference in references:
            with suppress(NotFound):
                found.add((await conversation.find(connection, reference, scope)).id)
    return frozenset(found)


def _since(text: str) -> tuple[str, int]:
    epoch, _, position = text.partition(".")
    return epoch, int(position) if position.isdecimal() else 0


