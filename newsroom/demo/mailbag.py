"""What residents have to say while the demo runs: one thing after the other, and all that comes in a peak."""

from __future__ import annotations

import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from newsroom.demo.letter import TOPICS, Letter
from newsroom.demo.past import deck, fitting
from newsroom.demo.script import read
from newsroom.demo.source import ELSEWHERE
from newsroom.demo.volume import volume

PEAK_HOURS = 3.0  # from the first to the last message of a peak, in the town
PEAK_RISE = 0.12  # of its course, until a peak is at its top
DESK = "Aisha Rahmani"  # who writes down what comes in at the desk
STEPS = 1000  # in which the course of a peak is cut


def _key() -> str:
    return f"demo/{secrets.token_hex(8)}"


@dataclass(frozen=True, slots=True)
class Item:
    """Something that comes in over a channel of town.toml; `answer` is what a colleague could say to it. Brought a
    second time it is the same by its key and moment."""

    via: str
    letter: Letter
    answer: str = ""
    key: str = field(default_factory=_key)
    at: datetime = field(default_factory=partial(datetime.now, UTC))


class Mailbag:
    """Each draw is by somebody else in another street. No text comes again over its channel and about its subject
    before all others there have come."""

    def __init__(self, chance: random.Random):
        town, fresh, texts = read("town.toml")["channels"], read("trickle.toml"), read("history.toml")
        self.volume = volume(town)
        self._chance = chance
        self._names = fresh["names"]
        self._decks = {}
        for via, shares in self.volume.about.items():
            for about in shares:
                new = [one for one in fresh["message"] if (one.get("via", "info"), one["about"]) == (via, about)]
                self._decks[via, about] = deck(new + fitting(texts[about], town[via]["tone"]), chance)

    def draw(self, at: datetime) -> Item:
        """The next, over a channel that is used at this hour."""
        return self.over(_by_chance(self.volume.an_hour(at), self._chance))

    def over(self, via: str) -> Item:
        """The next over this channel, about what is written there."""
        about = _by_chance(self.volume.about[via], self._chance)
        return _item(via, {"topic": TOPICS.get(about, "")} | next(self._decks[via, about]), self._names, self._chance)


def course(name: str, chance: random.Random) -> list[tuple[float, Item]]:
    """The messages of a peak, a key of burst.toml, each with its moment as a share of the whole: steep up, slowly
    down."""
    plan, names, usual = read("burst.toml")[name], read("trickle.toml")["names"], volume(read("town.toml")["channels"])
    heights = [_height((step + 0.5) / STEPS) for step in range(STEPS)]
    found = []
    for via, factor in plan["factors"].items():
        number = round(usual.a_day[via] * usual.busiest * factor * PEAK_HOURS * sum(heights) / STEPS)
        texts = deck([one for one in plan["message"] if one["via"] == via], chance)
        for step in chance.choices(range(STEPS), heights, k=number):
            one = next(texts) | {"answer": plan["answer" if via in ("info", "form") else "short"].strip()}
            found.append((step / STEPS, _item(via, one, names, chance)))
    return sorted(found, key=lambda one: one[0])


def _height(share: float) -> float:
    return min(share / PEAK_RISE, (1 - share) / (1 - PEAK_RISE)) ** 1.5


def _by_chance(weights: Mapping[str, float], chance: random.Random) -> str:
    found, = chance.choices(list(weights), list(weights.values()))
    return found


def _item(via: str, one: Mapping[str, Any], names: Mapping[str, Any], chance: random.Random) -> Item:
    first, last, street = (chance.choice(names[kind]) for kind in ("first", "last", "street"))
    number = chance.randrange(10, 999)
    address = f"{first}.{last.replace(' ', '')}{number}@post.example".lower()
    if via == "social":
        address = f"{first}{number}@{ELSEWHERE}".lower()
    filled = {"straat": street, "nummer": str(chance.randrange(2, 240)), "naam": first}
    subject, text, answer = (one.get(part, "").format(**filled) for part in ("subject", "text", "answer"))
    phone = f"+3161234{chance.randrange(10_000):04d}"
    return Item(via, Letter(f"{first} {last}", address, subject, text, phone=phone, by=DESK,
                            topic=one.get("topic", "")), answer)
