"""A TCP proxy between a client and a server, which can cut, freeze and look."""

from __future__ import annotations

import asyncio
import re


class Proxy:
    """`cut_after`: break the connection after so many bytes from the server. `frozen`: pass nothing on. `hide`: a
    word to blot out of what the server says. `heard` holds what the client said."""

    def __init__(self, port: int):
        self._server_port = port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.cut_after: int | None = None
        self.cuts = 0
        self.hide = b""
        self.frozen = False
        self.heard = b""
        self.connections = 0
        self._said = asyncio.Condition()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """Break every connection now."""
        for writer in list(self._open):
            writer.transport.abort()

    async def until_heard(self, word: bytes, times: int = 1, seconds: float = 10.0) -> None:
        """Wait until the client said this so often."""
        async with asyncio.timeout(seconds), self._said:
            await self._said.wait_for(lambda: len(re.findall(re.escape(word), self.heard)) >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        self._open |= {writer, other_writer}
        try:
            await asyncio.gather(self._up(reader, other_writer), self._down(other_reader, writer))
        except (OSError, EOFError):
            pass
        finally:
            self._open -= {writer, other_writer}
            for one in (writer, other_writer):
                one.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            async with self._said:
                self.heard += data
                self._said.notify_all()
            if not self.frozen:
                writer.write(data)
        raise EOFError

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if self.cut_after is not None:
                self.cut_after -= len(data)
                if self.cut_after < 0:
                    writer.write(data[:self.cut_after])
                    self.cut_after, self.cuts = None, self.cuts + 1
                    await writer.drain()
                    raise EOFError
            if not self.frozen:
                writer.write(data.replace(self.hide, b"X" * len(self.hide)) if self.hide else data)
        raise EOFError
