"""Voorbeeldstad while it runs: messages come in, residents write back, colleagues work, and now and then a peak."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import structlog

from newsroom.demo import colleague, resident, stream
from newsroom.demo.colleague import Watched
from newsroom.demo.doors import Doors
from newsroom.demo.script import read

AGAIN_SECONDS = 5.0  # after the database or an entrance did not answer
SLOWEST, FASTEST = 1.0, 6.0  # people do not type twenty times as fast

log = structlog.get_logger()


def peaks() -> dict[str, str]:
    """The peaks that there are, with their names on the screen."""
    return {name: one["title"] for name, one in read("burst.toml").items()}


class Living:
    """All that moves by itself. With a speed of 0 only peaks do."""

    def __init__(self, doors: Doors, watched: Watched, speed: float):
        self._doors = doors
        self._watched = watched
        self._speed = speed
        self._peaks: dict[str, asyncio.Task[None]] = {}
        self.peaks = peaks()

    async def run(self) -> None:
        """Until cancelled."""
        pace = min(max(self._speed, SLOWEST), FASTEST)
        parts: list[Callable[[], Awaitable[None]]] = [lambda: stream.trickle(self._doors, self._speed)]
        if self._speed > 0:
            parts += [lambda: resident.answer_back(self._doors, pace),
                      lambda: colleague.work(self._doors, self._watched, pace)]
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(_steady(part))
                group.create_task(_forever())
        finally:
            running = list(self._peaks.values())
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    def burst(self, name: str) -> bool:
        """Begin a peak. False: it is under way already. Raises KeyError for one that is not there."""
        if name not in self.peaks:
            raise KeyError(name)
        if name in self._peaks:
            return False
        task = asyncio.create_task(_steady(lambda: stream.peak(self._doors, name)))
        self._peaks[name] = task
        task.add_done_callback(lambda done: self._peaks.pop(name))
        return True

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
