"""The live line of a chat panel: what is said to its visitor, and who is typing. What the visitor says comes by POST.

The token comes in the first frame, never in the address, where logs would keep it.
"""

from __future__ import annotations

import asyncio
from time import monotonic, time

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from newsroom import chat, limit
from newsroom.attendance import HERE_SECONDS
from newsroom.feed import Guest
from newsroom.web import limits
from newsroom.web.keys import ATTENDANCE, BELL, CLOCK, DATABASE, FEED, log, now
from newsroom.web.live import PING_SECONDS
from newsroom.web.public.chat import ENDED, PATH
from newsroom.web.public.visit import place_of
from newsroom.web.routes import Routes
from newsroom.web.socket import Socket

HELLO_SECONDS = 10.0  # who does not say who they are within this is let go
LONGEST_FRAME = 1024  # bytes from a panel; it only says who it is and that somebody types
SEEN_SECONDS = 20.0  # how often it is written down who is there

encode = msgspec.json.Encoder().encode


class Hello(msgspec.Struct, tag_field="t", tag="hello"):
    """Who this is, and the position of the panel."""

    token: str
    since: str = ""


class Types(msgspec.Struct, tag_field="t", tag="types"):
    """Somebody types. Said again while they go on."""


class Still(msgspec.Struct, tag_field="t", tag="still"):
    """They stopped."""


decode_hello = msgspec.json.Decoder(Hello).decode
decode = msgspec.json.Decoder(Types | Still).decode


def routes(add: Routes) -> None:
    add.page("GET", PATH + "/live", live, "public")


async def live(request: web.Request) -> web.StreamResponse:
    """Say hello; then every line from the position on, and every change."""
    at = now(request)
    async with request.app[DATABASE].connection() as connection:
        if await limit.take(connection, f"chat open:{place_of(request)}", limits.CHAT_SOCKETS, at):
            raise web.HTTPTooManyRequests
    response = web.WebSocketResponse(compress=False, max_msg_size=LONGEST_FRAME, timeout=1.0)
    await response.prepare(request)
    if request.transport is None:  # gone already
        return response
    hello = await _hello(response)
    async with request.app[DATABASE].connection() as connection:
        visit = await chat.find(connection, int(request.match_info["channel"]), hello.token, at) if hello else None
    if visit is None:
        await response.close(code=ENDED if hello else WSCloseCode.POLICY_VIOLATION)
        return response
    guest = Guest(Socket(response, request, request.transport), visit.address, _since(request, hello.since))
    await _attend(request, response, guest)
    return response


async def keep_alive(app: web.Application) -> None:
    """Ping every panel, say again who is there, and write it down; until cancelled."""
    pinged = written = 0.0
    while True:
        await asyncio.sleep(HERE_SECONDS / 2)
        guests = app[FEED].guests
        for address in list(guests):
            app[ATTENDANCE].tell(address, "here")
        if monotonic() - pinged >= PING_SECONDS:
            pinged, ping = monotonic(), encode({"t": "p", "now": time()})
            for one in [guest for group in guests.values() for guest in group]:
                one.socket.write(ping)
        if guests and monotonic() - written >= SEEN_SECONDS:
            written = monotonic()
            try:
                await _seen(app, list(guests))
            except Exception as error:  # the database may be away: written a moment later
                log.warning("chats not noted as seen", error=type(error).__name__)


def typing(app: web.Application, address: str) -> None:
    """Tell a visitor's panels which colleague types to them."""
    frame = encode({"t": "types", "who": app[ATTENDANCE].state(address)[2]})
    for guest in app[FEED].guests.get(address, ()):
        guest.socket.write(frame)


async def close_all(app: web.Application) -> None:
    """We stop: panels come back to whoever serves next."""
    sockets = [guest.socket for guests in app[FEED].guests.values() for guest in guests]
    await asyncio.gather(*(socket.end(WSCloseCode.GOING_AWAY) for socket in sockets))


async def _attend(request: web.Request, response: web.WebSocketResponse, guest: Guest) -> None:
    """As long as the panel is open."""
    feed, attendance = request.app[FEED], request.app[ATTENDANCE]
    for other in sorted(feed.guests.get(guest.address, ()), key=id)[limits.CHAT_PANELS - 1:]:
        other.socket.close(WSCloseCode.POLICY_VIOLATION)
    guest.socket.write(encode({"t": "hello", "epoch": feed.epoch, "now": time()}))
    attendance.tell(guest.address, "here")
    try:
        await _seen(request.app, [guest.address])
        await feed.welcome(guest)
        typing(request.app, guest.address)
        async for frame in response:
            if frame.type is WSMsgType.TEXT:
                _heard(request, guest, frame.data)
            else:
                await response.close(code=WSCloseCode.UNSUPPORTED_DATA)
    finally:
        feed.leave(guest)
        if guest.address not in feed.guests:
            attendance.tell(guest.address, "left")


def _heard(request: web.Request, guest: Guest, text: str) -> None:
    """What a panel may say; anything else is let go."""
    try:
        said = decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return
    request.app[ATTENDANCE].tell(guest.address, "types" if isinstance(said, Types) else "still")


async def _hello(response: web.WebSocketResponse) -> Hello | None:
    try:
        async with asyncio.timeout(HELLO_SECONDS):
            first = await response.receive()
        return decode_hello(first.data) if first.type is WSMsgType.TEXT else None
    except (TimeoutError, msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


async def _seen(app: web.Application, addresses: list[str]) -> None:
    async with app[DATABASE].transaction() as connection:
        back = await chat.seen(connection, addresses, app[CLOCK]())
    if back:
        app[BELL]()


def _since(request: web.Request, text: str) -> int:
    """The position of the panel; from the beginning when it is not of this epoch."""
    epoch, _, position = text.partition(".")
    good = epoch == request.app[FEED].epoch and position.isdecimal() and len(position) < 19
    return int(position) if good else 0
