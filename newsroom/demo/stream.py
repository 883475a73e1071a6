"""New messages for the demo: now and then by the volume of the town, and many together in a peak."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from newsroom.demo.mailbag import Item, Mailbag, course

FEWEST_AN_HOUR = 2.0  # a demo is looked at in the evening too
FIRST_SECONDS = 20.0  # whoever starts it soon sees something come in
LONGEST_NAP = 60.0  # seconds until the hour is looked at again
PEAK_SECONDS = 300.0  # in which the demo plays the hours of a peak

Come = Callable[[Item], Awaitable[None]]  # lets one come in, without waiting for it


async def trickle(come: Come, speed: float) -> None:
    """Let messages come until cancelled, `speed` times as fast as in a real municipality; 0: none."""
    if speed <= 0:
        return
    chance = random.Random()
    bag = Mailbag(chance)
    await come(bag.over("chat"))  # somebody who is there already
    wait = FIRST_SECONDS / speed
    while True:
        nap = min(wait, LONGEST_NAP)
        await asyncio.sleep(nap)
        now = datetime.now(UTC)
        if wait <= nap:
            await come(bag.draw(now))
        # without memory: a new draw after each nap is as good as the rest of the old one
        wait = chance.expovariate(an_hour(bag, now) * speed / 3600)


def an_hour(bag: Mailbag, at: datetime) -> float:
    """How many messages come in an hour like this one."""
    return max(sum(bag.volume.an_hour(at).values()), FEWEST_AN_HOUR)


async def peak(come: Come, name: str, seconds: float = PEAK_SECONDS) -> None:
    """Let the messages of a peak, a key of burst.toml, come in this time."""
    started = asyncio.get_running_loop().time()
    for share, item in course(name, random.Random()):
        await asyncio.sleep(started + share * seconds - asyncio.get_running_loop().time())
        await come(replace(item, at=datetime.now(UTC)))
