"""Voorbeeldstad while it runs: messages come in, residents write back, colleagues work, and now and then a peak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import asyncpg
import structlog

from newsroom.demo import resident, stream
from newsroom.demo.colleague import Colleagues, Watched
from newsroom.demo.doors import Doors
from newsroom.demo.mailbag import Item
from newsroom.demo.script import read

AGAIN_SECONDS = 5.0  # after the database or an entrance did not answer
SLOWEST, FASTEST = 1.0, 6.0  # people do not type twenty times as fast
MOST_AT_ONCE = 100  # messages and chats that are under way

log = structlog.get_logger()


def peaks() -> dict[str, str]:
    """The peaks that there are, with their names on the screen."""
    return {name: one["title"] for name, one in read("burst.toml").items()}


class Living:
    """All that moves by itself. With a speed of 0 only peaks do."""

    def __init__(self, doors: Doors, watched: Watched, speed: float):
        self._doors = doors
        self._colleagues = Colleagues(doors, watched)
        self._speed = speed
        self._pace = min(max(speed, SLOWEST), FASTEST)
        self._coming: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)
        self._peaks: dict[str, asyncio.Task[None]] = {}
        self.peaks = peaks()

    async def run(self) -> None:
        """Until cancelled."""
        pace = self._pace
        parts: list[Callable[[], Awaitable[None]]] = [lambda: stream.trickle(self.come, self._speed)]
        if self._speed > 0:
            parts += [lambda: resident.answer_back(self._doors, pace), lambda: self._colleagues.work(pace)]
        parts.append(lambda: self._colleagues.chat(pace))
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(_steady(part))
                group.create_task(_forever())
        finally:
            running = [*self._peaks.values(), *self._coming]
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def come(self, item: Item) -> None:
        """Let something come in; it takes its own time. Waits only while very much is under way."""
        await self._room.acquire()
        task = asyncio.create_task(_steady(lambda: self._bring(item)))
        self._coming.add(task)
        task.add_done_callback(self._gone)

    def _gone(self, task: asyncio.Task[None]) -> None:
        self._coming.discard(task)
        self._room.release()
        if not task.cancelled() and task.exception():
            log.error("a message of the demo did not come in", exc_info=task.exception())

    async def _bring(self, item: Item) -> None:
        await self._doors.bring(item, self._pace)

    def burst(self, name: str) -> bool:
        """Begin a peak. False: it is under way already. Raises KeyError for one that is not there."""
        if name not in self.peaks:
            raise KeyError(name)
        if name in self._peaks:
            return False
        task = asyncio.create_task(_steady(lambda: stream.peak(self.come, name)))
        self._peaks[name] = task
        task.add_done_callback(lambda done: self._peaks.pop(name))
        return True

    def at_work(self, at: datetime) -> dict[str, datetime]:
        """Whose shift it is by the plan of the town, by name, with the moment until which."""
        return self._colleagues.at_work(at)

    @property
    def under_way(self) -> tuple[str, ...]:
        """The peaks that are going on."""
        return tuple(self._peaks)


async def _forever() -> None:
    await asyncio.Event().wait()


async def _steady(part: Callable[[], Awaitable[None]]) -> None:
    """Until the part is done: what cannot be reached now is tried again."""
    while True:
        try:
            return await part()
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            log.warning("the demo waits", error=type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)
