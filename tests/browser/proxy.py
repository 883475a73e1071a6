"""A TCP proxy that can be cut: what "offline" means to a browser, whose own switch leaves open sockets alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Passes bytes between its port and a server's, until `cut`; again after `mend`. `freeze` keeps connections open
    and passes nothing on."""

    def __init__(self, to_port: int):
        self._to = to_port
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.port = 0

    async def mend(self) -> None:
        """Listen, on the same port as before."""
        self._passing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Close every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()

    def freeze(self) -> None:
        self._passing.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to)
            self._open |= {writer, there}
            await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
            self._open -= {writer, there}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def proxy(to_port: int) -> AsyncIterator[Proxy]:
    made = Proxy(to_port)
    await made.mend()
    try:
        yield made
    finally:
        made._passing.set()
        await made.cut()
