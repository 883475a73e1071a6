"""The live stream: only a bell. It says that something is new; what is new is read over REST, in order and once.

So a stream that stands still, drops events or shows other fields than REST costs time, never a message.
"""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any
from urllib.parse import urlencode, urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from connectors import SignInNeeded, TryLater, outbound
from connectors.mastodon.client import REVOKED

OPEN_SECONDS = 10.0
FRAME_BYTES = 2_000_000  # one post with its author is about 10 kB
FIRST_WAIT, LONGEST_WAIT = 1.0, 60.0  # seconds between two tries
FAILED = (WebSocketException, OSError, TimeoutError, ValueError)  # ValueError: a redirect, which is not followed


class Bell:
    """Rings when there is something to read. `deleted` and `edited` are ids the stream named; `live` says whether the
    stream is open now."""

    def __init__(self) -> None:
        self.live = False
        self.touched: set[str] = set()
        self._rung = asyncio.Event()

    def ring(self, *ids: str) -> None:
        self.touched.update(ids)
        self._rung.set()

    async def wait(self, seconds: float) -> None:
        """Until it rings, at most this long."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            pass
        self._rung.clear()

    def take(self) -> set[str]:
        """The ids of posts that may have changed, once."""
        taken, self.touched = self.touched, set()
        return taken


async def follow(url: str, token: str, me: str, bell: Bell) -> None:
    """Ring for what concerns us, until cancelled; reconnects by itself. `me` is the id of our account."""
    wait = FIRST_WAIT
    while True:
        try:
            async with await opened(url, token) as line:
                bell.live, wait = True, FIRST_WAIT
                bell.ring()  # whatever came while it was closed
                async for frame in line:
                    _heard(frame, me, bell)
        except (*FAILED, SignInNeeded, TryLater):  # what is wrong with the token REST will tell
            pass
        bell.live = False
        await asyncio.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)


async def opened(url: str, token: str) -> ClientConnection:
    """A connection to the stream of our account. Raises `SignInNeeded`, `TryLater` and what `connect` raises."""
    try:
        return await _connect(url, token, by_header=True)
    except InvalidStatus as problem:
        if problem.response.status_code not in (401, 403):
            raise
    try:  # some servers read the token only from the address
        return await _connect(url, token, by_header=False)
    except InvalidStatus as problem:
        raise SignInNeeded(REVOKED) from problem


async def _connect(url: str, token: str, by_header: bool) -> ClientConnection:
    query = {"stream": "user"} if by_header else {"stream": "user", "access_token": token}
    headers = {"Authorization": f"Bearer {token}"} if by_header else {}
    return await connect(f"{url}/api/v1/streaming?{urlencode(query)}", sock=await _socket(url), proxy=None,
                         additional_headers=headers, max_size=FRAME_BYTES, open_timeout=OPEN_SECONDS)


async def _socket(url: str) -> socket.socket:
    """A connected socket to an address that may be reached: judged here, so that no other name is looked up."""
    outbound.check(url.replace("ws", "http", 1))
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    loop = asyncio.get_running_loop()
    problem: OSError = OSError("no address")
    for family, kind, protocol, _, where in await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM):
        if not outbound.allowed(where[0]):
            problem = outbound.NotAllowed("an address inside")
            continue
        made = socket.socket(family, kind, protocol)
        try:
            made.setblocking(False)
            async with asyncio.timeout(outbound.CONNECT_SECONDS):
                await loop.sock_connect(made, where)
            return made
        except (OSError, TimeoutError) as failed:
            made.close()
            problem = failed if isinstance(failed, OSError) else OSError("no answer")
        except BaseException:
            made.close()
            raise
    raise problem


def _heard(frame: str | bytes, me: str, bell: Bell) -> None:
    try:
        told: Any = json.loads(frame)
        event, payload = told["event"], told.get("payload")
        found = json.loads(payload) if event != "delete" and isinstance(payload, str) else payload
    except (ValueError, KeyError, TypeError, RecursionError):
        return bell.ring()  # not understood: better once too often
    match event:
        case "delete":
            bell.ring(str(found))
        case "status.update" | "status_update" if isinstance(found, dict):
            bell.ring(str(found.get("id")))
        case "update" if isinstance(found, dict):
            if str((found.get("account") or {}).get("id")) == me:  # others' posts only fill our home timeline
                bell.ring()
        case "notification" | "conversation" | "notifications_merged":
            bell.ring()
