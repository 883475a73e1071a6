"""Who visits, for staff: whether the visitor of a chat is there and types, on every open board that may see it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import msgspec
from aiohttp import web

from newsroom import access, chat
from newsroom.conversation import Conversation
from newsroom.web.keys import ATTENDANCE, DATABASE, log
from newsroom.web.socket import SOCKETS, Board

TOGETHER_SECONDS = 0.1  # what changes within this is told at once
AGAIN_SECONDS = 1.0  # until who has no conversation yet is looked for again

encode = msgspec.json.Encoder().encode


class Visiting:
    """Tells boards what `Attendance` hears. The audience is asked of the conversation each time, so that who lost
    sight of it hears nothing more."""

    def __init__(self, app: web.Application):
        self._app = app
        self._dirty: set[str] = set()
        self._unplaced: set[str] = set()  # who is there, and whose first line was not read yet
        self._bell = asyncio.Event()
        app[ATTENDANCE].changed(self._changed)

    async def run(self) -> None:
        """Tell, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS if self._unplaced else None):
                    await self._bell.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
            self._bell.clear()
            addresses, self._dirty = self._dirty | self._unplaced, set()
            try:
                await self._tell(addresses)
            except Exception as error:  # the database may be away: the next change is told again
                log.warning("presence not told", error=type(error).__name__)

    def _changed(self, address: str) -> None:
        self._dirty.add(address)
        self._bell.set()

    async def _tell(self, addresses: set[str]) -> None:
        rows = await _rows(self._app, list(addresses))
        self._unplaced = {one for one in addresses - rows.keys() if self._app[ATTENDANCE].state(one)[0]}
        frames: dict[frozenset[str], bytes | None] = {}
        for board in list(self._app[SOCKETS]):
            classes = board.viewer.audience[0]
            if classes not in frames:
                frames[classes] = _frame(self._app, rows, classes)
            if frames[classes]:
                board.write(frames[classes])


async def greet(app: web.Application, board: Board, scope: access.Scope) -> None:
    """Who is there, for a board that was just opened."""
    frame = _frame(app, await _rows(app, app[ATTENDANCE].here()), scope.classes)
    if frame:
        board.write(frame)


async def _rows(app: web.Application, addresses: list[str]) -> dict[str, Conversation]:
    if not addresses:
        return {}
    async with app[DATABASE].connection() as connection:
        return await chat.conversations(connection, addresses)


def _frame(app: web.Application, rows: dict[str, Conversation], classes: frozenset[str]) -> bytes | None:
    seen = [(address, row) for address, row in rows.items() if row.visibility in classes]
    entries = [{"id": row.reference, "here": state[0], "types": state[1]}
               for address, row in seen for state in [app[ATTENDANCE].state(address)]]
    return encode({"t": "visit", "e": entries}) if entries else None
