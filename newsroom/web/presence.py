"""Presence: who is looking at a conversation now, and who is writing an answer. Told, never stored; lost is fine.

It knows the people of this web process. A colleague on another process is not shown; the guarantees against answering
twice do not rest on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Protocol

import msgspec

from newsroom.account import Account
from newsroom.conversation import Conversation

LEASE_SECONDS = 45.0  # without a word somebody is gone; a browser says it every 15 s
STATES = ("typt", "kijkt")  # writes, looks: the first counts when somebody has two windows

encode = msgspec.json.Encoder().encode


class Ear(Protocol):
    """An open board: what it may see, and how it is told."""

    def sees(self, visibility: str) -> bool: ...

    def write(self, text: bytes) -> bool: ...


@dataclass(slots=True)
class Seen:
    """One window of one person at one conversation."""

    who: Account
    state: str
    until: float


@dataclass(slots=True)
class Place:
    """A conversation with who is there, by window."""

    visibility: str
    here: dict[object, Seen]


class Presence:
    """Who is where. `ears` gives the open boards."""

    def __init__(self, ears: Callable[[], Iterable[Ear]], clock: Callable[[], float] = monotonic):
        self._ears = ears
        self._clock = clock
        self._places: dict[str, Place] = {}

    def say(self, window: object, who: Account, row: Conversation, state: str) -> None:
        """The person at this window looks ("kijkt"), writes ("typt") or left ("")."""
        place = self._places.setdefault(row.reference, Place(row.visibility, {}))
        before = self._frame(row.reference)
        place.visibility = row.visibility
        if state in STATES:
            place.here[window] = Seen(who, state, self._clock() + LEASE_SECONDS)
        else:
            place.here.pop(window, None)
        self._tell(row.reference, before)

    def anybody(self, reference: str) -> bool:
        """Whether somebody looks at this conversation or writes in it."""
        return reference in self._places

    def anybody_else(self, reference: str, account_id: int) -> bool:
        """Whether somebody other than this person looks at it or writes in it."""
        place, now = self._places.get(reference), self._clock()
        return place is not None and any(one.who.id != account_id and one.until >= now for one in place.here.values())

    def left(self, window: object) -> None:
        """A window was closed."""
        for reference, place in list(self._places.items()):
            if window in place.here:
                before = self._frame(reference)
                del place.here[window]
                self._tell(reference, before)

    def sweep(self) -> None:
        """Forget who has not said anything for too long."""
        now = self._clock()
        for place in list(self._places.values()):
            for window in [window for window, seen in place.here.items() if seen.until < now]:
                self.left(window)

    def greet(self, ear: Ear) -> None:
        """Tell a board that was just opened who is where."""
        for reference, place in self._places.items():
            if place.here and ear.sees(place.visibility):
                ear.write(self._frame(reference))

    def _frame(self, reference: str) -> bytes:
        """Everybody at a conversation, once each."""
        people: dict[int, dict[str, object]] = {}
        for seen in sorted(self._places[reference].here.values(), key=lambda seen: STATES.index(seen.state)):
            people.setdefault(seen.who.id, {"u": seen.who.id, "name": seen.who.name, "av": seen.who.initials,
                                            "st": seen.state})
        return encode({"t": "pr", "id": reference, "w": list(people.values())})

    def _tell(self, reference: str, before: bytes) -> None:
        after, place = self._frame(reference), self._places[reference]
        if not place.here:
            del self._places[reference]
        if after == before:
            return
        for ear in self._ears():
            if ear.sees(place.visibility):
                ear.write(after)
