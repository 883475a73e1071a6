"""New messages for the demo: now and then by the volume of the town, and many together in a peak."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from newsroom.demo.doors import Doors
from newsroom.demo.past import DAY, WEEK, ZONE
from newsroom.demo.script import read
from newsroom.demo.source import Letter

FEWEST_AN_HOUR = 2.0  # a demo is looked at in the evening too
FIRST_SECONDS = 20.0  # whoever starts it soon sees something come in
LONGEST_NAP = 60.0  # seconds until the hour is looked at again
PEAK_HOURS = 3.0  # from the first to the last message of a peak, in the town
PEAK_SECONDS = 300.0  # in which the demo plays those hours
PEAK_RISE = 0.12  # of its course, until a peak is at its top
DESK = "Aisha Rahmani"  # who writes down what comes in at the desk
STEPS = 1000  # in which the course of a peak is cut
BUSIEST = max(WEEK) * max(DAY) / 100  # of an average day, what comes in the busiest hour


async def trickle(doors: Doors, speed: float) -> None:
    """Bring messages until cancelled, `speed` times as fast as in a real municipality; 0: none."""
    if speed <= 0:
        return
    chance = random.Random()
    letters = endless(chance)
    wait = FIRST_SECONDS / speed
    while True:
        nap = min(wait, LONGEST_NAP)
        await asyncio.sleep(nap)
        if wait <= nap:
            await bring(doors, *next(letters))
        # without memory: a new draw after each nap is as good as the rest of the old one
        wait = chance.expovariate(an_hour(datetime.now(UTC)) * speed / 3600)


async def peak(doors: Doors, name: str, seconds: float = PEAK_SECONDS) -> None:
    """Bring the messages of a peak, a key of burst.toml, in this time."""
    started = asyncio.get_running_loop().time()
    for share, via, letter, answer in course(name, random.Random()):
        await asyncio.sleep(started + share * seconds - asyncio.get_running_loop().time())
        await bring(doors, via, letter, answer)


async def bring(doors: Doors, via: str, letter: Letter, answer: str) -> None:
    """Let one message come in; `answer` is what a colleague could say."""
    reference = await doors.bring(via, letter, datetime.now(UTC))
    if reference and answer:
        doors.answers[reference] = answer


def a_day() -> dict[str, float]:
    """How many messages each channel brings on an average working day."""
    return {key: one["a_day"] for key, one in read("town.toml")["channels"].items()}


def an_hour(at: datetime) -> float:
    """How many messages come in an hour like this one."""
    local = at.astimezone(ZONE)
    return max(sum(a_day().values()) * WEEK[local.weekday()] * DAY[local.hour] / 100, FEWEST_AN_HOUR)


def endless(chance: random.Random) -> Iterator[tuple[str, Letter, str]]:
    """Messages, each from somebody else in another street: (channel, letter, a colleague's answer). None comes again
    over its channel before all others there have come."""
    plan, shares = read("trickle.toml"), a_day()
    decks = {via: _deck([one for one in plan["message"] if one.get("via", "info") == via], chance) for via in shares}
    while True:
        via, = chance.choices(list(shares), list(shares.values()))
        yield via, *_letter(next(decks[via]), plan["names"], chance)


def course(name: str, chance: random.Random) -> list[tuple[float, str, Letter, str]]:
    """The messages of a peak in order, each with its moment as a share of the whole: steep up, slowly down."""
    plan, names = read("burst.toml")[name], read("trickle.toml")["names"]
    heights = [_height((step + 0.5) / STEPS) for step in range(STEPS)]
    found = []
    for via, factor in plan["factors"].items():
        number = round(a_day()[via] * BUSIEST * factor * PEAK_HOURS * sum(heights) / STEPS)
        deck = _deck([one for one in plan["message"] if one["via"] == via], chance)
        for step in chance.choices(range(STEPS), heights, k=number):
            one = next(deck) | {"answer": plan["short" if via == "social" else "answer"].strip()}
            found.append((step / STEPS, via, *_letter(one, names, chance)))
    return sorted(found, key=lambda one: one[0])


def _height(share: float) -> float:
    return min(share / PEAK_RISE, (1 - share) / (1 - PEAK_RISE)) ** 1.5


def _deck(messages: list[Mapping[str, Any]], chance: random.Random) -> Iterator[Mapping[str, Any]]:
    while True:
        yield from chance.sample(messages, len(messages))


def _letter(one: Mapping[str, Any], names: Mapping[str, Any], chance: random.Random) -> tuple[Letter, str]:
    first, last, street = (chance.choice(names[kind]) for kind in ("first", "last", "street"))
    address = f"{first}.{last.replace(' ', '')}{chance.randrange(10, 999)}@post.example".lower()
    filled = {"straat": street, "nummer": str(chance.randrange(2, 240)), "naam": first}
    subject, text, answer = (one.get(part, "").format(**filled) for part in ("subject", "text", "answer"))
    letter = Letter(f"{first} {last}", address, subject, text, phone=f"+3161234{chance.randrange(10_000):04d}",
                    by=DESK)
    return letter, answer
