"""The way to the database, that a test can close: as when its server is stopped or its machine is gone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit


class Door:
    """Passes bytes between a socket of its own and the server's. `url` is the database's address through it."""

    def __init__(self, url: str, folder: Path):
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        name = f".s.PGSQL.{query['port'][0]}"
        self._there, self._here = Path(query["host"][0]) / name, folder / name
        self.url = url.replace(quote(query["host"][0], safe=""), quote(str(folder), safe=""))
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self._here)

    async def close(self) -> None:
        """Cut what is connected and let nobody in; the socket's file goes, as when PostgreSQL stops."""
        if self._server is not None:
            self._server.close()
        self._here.unlink(missing_ok=True)
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_unix_connection(self._there)
        self._writers |= {writer, there}
        with suppress(OSError):
            await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
        self._writers -= {writer, there}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def door(url: str) -> AsyncIterator[Door]:
    with tempfile.TemporaryDirectory(prefix="door-") as folder:  # short: a socket's path holds 107 bytes
        made = Door(url, Path(folder))
        await made.open()
        try:
            yield made
        finally:
            await made.close()
