"""Attendance: whose chat panel is open and who is typing, over all processes. What may be lost: it is stored nowhere.

Every process that has a visitor's panel says so again and again; what is not repeated is over after a while, so a
process that died leaves nobody behind who is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import msgspec

HERE_SECONDS = 10.0  # a panel that is open says so this often
GONE_SECONDS = 25.0  # not heard for this long: gone, though nobody said so
LEFT_SECONDS = 4.0  # a page that is loaded again is back within this
TYPING_SECONDS = 6.0  # whoever types says so at least each three seconds
LOOK_SECONDS = 1.0  # how late the end of something is noticed


class Word(msgspec.Struct, frozen=True, array_like=True):
    """What one process tells all. `what` is here, left, types, still, answers (a colleague, by name) or pauses."""

    address: str
    what: str
    name: str = ""


@dataclass(slots=True)
class Seen:
    """A visit as this process knows it: until when each thing holds, by the monotonic clock."""

    here: float = 0.0
    types: float = 0.0
    answers: float = 0.0
    name: str = ""  # of the colleague who types

    def state(self, now: float) -> tuple[bool, bool, str]:
        """Whether the visitor is there, whether they type, and which colleague types to them."""
        here = self.here > now
        return here, here and self.types > now, self.name if self.answers > now else ""


class Attendance:
    """`say` tells every process a word, this one too; without it there are no others. `changed` is called with an
    address whenever its state is another one."""

    def __init__(self, say: Callable[[str], None] | None = None, clock: Callable[[], float] = monotonic):
        self._say = say or self.hear
        self._clock = clock
        self._seen: dict[str, Seen] = {}
        self._told: dict[str, tuple[bool, bool, str]] = {}
        self._listeners: list[Callable[[str], None]] = []

    def changed(self, listener: Callable[[str], None]) -> None:
        self._listeners.append(listener)

    def tell(self, address: str, what: str, name: str = "") -> None:
        """Say it to every process."""
        self._say(msgspec.json.encode(Word(address, what, name)).decode())

    def hear(self, words: str) -> None:
        """Somebody said something; what is not understood is let go."""
        try:
            word = msgspec.json.decode(words, type=Word)
        except msgspec.MsgspecError:
            return
        now, one = self._clock(), self._seen.setdefault(word.address, Seen())
        match word.what:
            case "here":
                one.here = now + GONE_SECONDS
            case "left":
                one.here, one.types = min(one.here, now + LEFT_SECONDS), 0.0
            case "types":
                one.here, one.types = now + GONE_SECONDS, now + TYPING_SECONDS
            case "still":
                one.types = 0.0
            case "answers":
                one.answers, one.name = now + TYPING_SECONDS, word.name
            case "pauses":
                one.answers = 0.0
        self._look(word.address)

    def state(self, address: str) -> tuple[bool, bool, str]:
        """Whether the visitor is there, whether they type, and which colleague types to them."""
        one = self._seen.get(address)
        return one.state(self._clock()) if one else (False, False, "")

    def here(self) -> list[str]:
        """Everybody who is there."""
        return [address for address in self._seen if self.state(address)[0]]

    def look(self) -> None:
        """Notice what is over."""
        for address in list(self._seen):
            self._look(address)

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def _look(self, address: str) -> None:
        state = self.state(address)
        if state != self._told.get(address, (False, False, "")):
            self._told[address] = state
            for listener in self._listeners:
                listener(address)
        if not any(state):
            self._seen.pop(address, None)
            self._told.pop(address, None)
