"""A WebSocket as the feed sees it: written to without waiting, and cut when its reader does not keep up."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress
from functools import lru_cache

from aiohttp import web

from newsroom.feed import COME_BACK, Viewer
from newsroom.web.keys import SCOPE, SESSION

BEHIND_BYTES = 256 * 1024  # in the write buffer: the socket is behind and keeps its position only
CUT_BYTES = 2 * 1024 * 1024  # in the write buffer: closed, to come back from its position

SOCKETS: web.AppKey[set[Board]] = web.AppKey("sockets")  # every open board

_closing: set[asyncio.Task] = set()


class Socket:
    """One connection. Compression must be off."""

    __slots__ = ("_response", "_transport", "_protocol")

    def __init__(self, response: web.WebSocketResponse, request: web.Request, transport: asyncio.Transport):
        self._response = response
        self._transport = transport
        self._protocol = request.protocol
        transport.set_write_buffer_limits(BEHIND_BYTES)  # over it the protocol is told to pause: that is "behind"

    def write(self, text: bytes) -> bool:
        """Write a text frame without waiting. False: the buffer is full, nothing was written.

        Writing straight to the transport, beside aiohttp's own writer, is sound because that writer never leaves
        half a frame and compression is off on this socket.
        """
        if self._response.closed:
            return False
        if self._protocol.writing_paused:
            if self._transport.get_write_buffer_size() > CUT_BYTES:
                self.close(COME_BACK)
            return False
        self._transport.write(frame(text))
        return True

    def has_room(self) -> bool:
        """Whether `write` would write now."""
        return not self._protocol.writing_paused

    def close(self, code: int) -> None:
        with suppress(RuntimeError):
            _closing.add(task := asyncio.create_task(self.end(code)))
            task.add_done_callback(_closing.discard)

    async def end(self, code: int) -> None:
        """Close, and wait a moment for the other side."""
        with suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(1):
                await self._response.close(code=code)
        self._transport.abort() if code == COME_BACK else self._transport.close()


class Board(Socket):
    """One open board, as the feed sees it."""

    __slots__ = ("viewer", "account_id", "session_hash")

    def __init__(self, response: web.WebSocketResponse, request: web.Request, transport: asyncio.Transport):
        super().__init__(response, request, transport)
        self.viewer: Viewer | None = None
        self.account_id = request[SCOPE].account_id
        self.session_hash = request[SESSION].token_hash

    def sees(self, visibility: str) -> bool:
        """Whether conversations of this class may be shown here."""
        return self.viewer is not None and visibility in self.viewer.audience[0]


@lru_cache(maxsize=4)  # a fan-out writes the same text to thousands
def frame(text: bytes) -> bytes:
    """A server's WebSocket text frame (RFC 6455, section 5.2): final, not masked."""
    length = len(text)
    if length < 126:
        return bytes((0x81, length)) + text
    if length < 65536:
        return struct.pack("!BBH", 0x81, 126, length) + text
    return struct.pack("!BBQ", 0x81, 127, length) + text
